//! The one integration binary: the real `menagerie`, real components, a real store, real kills.
//!
//! It is a test of `host/cli`, so that Cargo builds the program first. A file that stands in this
//! folder and not in this list fails [`every_file_is_part_of_this_binary`].

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admission;
mod artifacts;
mod commands;
mod crashes;
mod dev;
mod disk_faults;
mod doctored;
mod endings;
mod endurance;
mod every_command;
mod fetching;
mod figures;
mod forks;
mod histories;
mod hostile_text;
mod housekeeping;
mod languages;
mod migrations;
mod mining;
mod objects;
mod oci;
mod oci_faults;
mod oci_real;
mod optional_exports;
#[path = "../support/outside.rs"]
mod outside;
mod outside_calls;
mod owners;
mod plugins;
mod polyglot;
mod program;
mod promises;
mod replay;
mod review;
mod running;
mod sdks;
mod serve;
mod serve_beside;
mod serve_troubles;
mod sharing;
mod stopped;
mod workspace;

#[test]
fn every_file_is_part_of_this_binary() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/integration");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        assert!(
            main.contains(&format!("\nmod {module};\n")),
            "{name} is not in main.rs"
        );
    }
}
