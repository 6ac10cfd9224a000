//! The builder on real packages: the repository's own test guests, and small ones made here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use menagerie_builder::{
    BuildError, Builder, BuilderOptions, Built, Event, MANIFEST_SECTION, Silent, Way, test_guests,
};
use wasmparser::{Parser, Payload, Validator};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn named<'built>(built: &'built [Built], name: &str) -> &'built Built {
    built.iter().find(|one| one.name == name).unwrap()
}

/// A package in a workspace of its own, with that source and without dependencies.
fn package(source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[workspace]\n[package]\nname = \"small\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n[profile.release]\npanic = \"abort\"\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), source).unwrap();
    folder
}

fn build_small(source: &str) -> Result<Built, BuildError> {
    let folder = package(source);
    Builder::new(BuilderOptions::default()).build_package(folder.path(), &mut Silent)
}

#[test]
fn what_has_not_changed_is_not_even_asked_about() {
    let first = test_guests(&repository(), &mut Silent).unwrap();
    let mut heard = 0;
    let again = test_guests(&repository(), &mut |_: Event<'_>| heard += 1).unwrap();
    assert_eq!(heard, 0, "no compiler and no cargo has anything to do");
    assert!(again.iter().all(|one| !one.fresh));
    let digests =
        |built: &[Built]| -> Vec<String> { built.iter().map(|one| one.digest.clone()).collect() };
    assert_eq!(digests(&again), digests(&first));
}

#[test]
fn the_echo_guest_is_a_valid_component_without_wasi_and_with_its_manifest() {
    let built = test_guests(&repository(), &mut Silent).unwrap();
    let echo = named(&built, "echo");
    assert_eq!(echo.kind, "agent");
    assert_eq!(named(&built, "echo-strategy").kind, "strategy");

    let bytes = fs::read(&echo.path).unwrap();
    assert_eq!(bytes.len() as u64, echo.size);
    Validator::new().validate_all(&bytes).unwrap();
    let mut depth = 0;
    let mut imports = Vec::new();
    let mut manifests = Vec::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                manifests.push((depth, section.data().to_vec()));
            }
            _ => {}
        }
    }
    assert!(!imports.is_empty());
    assert!(
        imports
            .iter()
            .all(|name| name.starts_with("menagerie:plugin/")),
        "{imports:?}"
    );
    let [(0, manifest)] = manifests.as_slice() else {
        panic!("{manifests:?}")
    };
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    assert_eq!(manifest["name"], "echo");
    assert_eq!(manifest["version"], "0.1.0");
    assert_eq!(manifest["kind"], "agent");
    assert_eq!(manifest["skills"][0], "echo");
    assert_eq!(
        manifest["description"],
        "Gives back the text that it is given, with its length."
    );
}

#[test]
fn no_path_of_this_machine_is_in_a_component() {
    let built = test_guests(&repository(), &mut Silent).unwrap();
    let root = fs::canonicalize(repository()).unwrap();
    for one in &built {
        let bytes = fs::read(&one.path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(root.to_str().unwrap()), "{}", one.name);
        assert!(!text.contains(".cargo"), "{}", one.name);
    }
}

#[test]
fn a_second_build_makes_nothing_anew() {
    let first = test_guests(&repository(), &mut Silent).unwrap();
    let mut encoded = 0;
    let mut count =
        |event: Event<'_>| encoded += u32::from(matches!(event, Event::Encoding { .. }));
    let second = test_guests(&repository(), &mut count).unwrap();
    assert_eq!(encoded, 0);
    assert!(second.iter().all(|one| !one.fresh));
    let digests = |built: &[Built]| {
        built
            .iter()
            .map(|one| one.digest.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(digests(&first), digests(&second));
}

#[test]
fn two_builds_at_once_both_have_the_component() {
    let builds: Vec<_> = (0..2)
        .map(|_| thread::spawn(|| test_guests(&repository(), &mut Silent).unwrap()))
        .collect();
    let mut built = builds.into_iter().map(|build| build.join().unwrap());
    let (left, right) = (built.next().unwrap(), built.next().unwrap());
    assert_eq!(named(&left, "echo").digest, named(&right, "echo").digest);
    Validator::new()
        .validate_all(&fs::read(&named(&left, "echo").path).unwrap())
        .unwrap();
}

#[test]
fn a_damaged_component_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = fs::canonicalize(repository()).unwrap();
    let builder = Builder::new(BuilderOptions {
        target_dir: test_guests(&repository(), &mut Silent).unwrap()[0]
            .path
            .ancestors()
            .nth(2)
            .map(Path::to_owned),
        components_dir: Some(folder.path().to_owned()),
        source_root: Some(target),
        ..BuilderOptions::default()
    });
    let echo = repository().join("tests/rust-guests/echo");
    let first = builder.build_package(&echo, &mut Silent).unwrap();
    assert!(first.fresh);
    fs::write(&first.path, b"damaged").unwrap();
    let second = builder.build_package(&echo, &mut Silent).unwrap();
    assert!(second.fresh);
    assert_eq!(first.digest, second.digest);
    assert_eq!(fs::read(&second.path).unwrap().len() as u64, first.size);
}

#[test]
fn a_source_that_does_not_compile_gives_the_compilers_whole_message() {
    let error = build_small("pub fn length() -> usize {\n    \"seven\"\n}\n").unwrap_err();
    let BuildError::Compile { output, .. } = &error else {
        panic!("{error}")
    };
    assert!(
        output.contains("error[E0308]: mismatched types"),
        "{output}"
    );
    assert!(output.contains("src/lib.rs:2:5"), "{output}");
    assert!(output.contains("could not compile `small`"), "{output}");
}

#[test]
fn a_manifest_that_cargo_cannot_read_gives_cargos_message() {
    let folder = package("");
    fs::write(folder.path().join("Cargo.toml"), "[package\n").unwrap();
    let error = Builder::new(BuilderOptions::default())
        .build_workspace(folder.path(), &mut Silent)
        .unwrap_err();
    let BuildError::Compile { output, .. } = &error else {
        panic!("{error}")
    };
    assert!(output.contains("Cargo.toml:1"), "{output}");
}

#[test]
fn a_library_that_is_no_plugin_is_refused_with_the_reason() {
    let error = build_small("#[unsafe(no_mangle)]\npub extern \"C\" fn f() {}\n").unwrap_err();
    let BuildError::Encode { package, reason } = &error else {
        panic!("{error}")
    };
    assert_eq!(package, "small");
    assert_eq!(
        reason,
        "it exports none of the interfaces of menagerie:plugin"
    );
}

#[test]
fn a_package_without_a_cdylib_is_no_plugin() {
    let folder = package("");
    let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    fs::write(
        folder.path().join("Cargo.toml"),
        manifest.replace("cdylib", "rlib"),
    )
    .unwrap();
    let error = Builder::new(BuilderOptions::default())
        .build_workspace(folder.path(), &mut Silent)
        .unwrap_err();
    assert!(matches!(error, BuildError::NoPlugin { .. }), "{error}");
}

/// What a machine does whose toolchain server is out of reach. Run it by
/// `cargo test -p menagerie-builder -- --ignored`.
#[test]
#[ignore = "downloads 140 MB and compiles a standard library"]
fn debians_packages_make_a_valid_component_too() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let builder = Builder::new(BuilderOptions {
        target_dir: Some(scratch.join("guests-debian")),
        toolchain_dir: Some(scratch.join("toolchain")),
        source_root: Some(repository()),
        way: Some(Way::Debian),
        ..BuilderOptions::default()
    });
    let mut ways = Vec::new();
    let mut listen = |event: Event<'_>| {
        println!("{event:?}");
        if let Event::StandardLibrary { way } = event {
            ways.push(way);
        }
    };
    let built = builder
        .build_workspace(&repository().join("tests/rust-guests"), &mut listen)
        .unwrap();
    assert_eq!(ways, [Way::Debian]);
    let echo = fs::read(&named(&built, "echo").path).unwrap();
    Validator::new().validate_all(&echo).unwrap();
    assert!(!String::from_utf8_lossy(&echo).contains(scratch.to_str().unwrap()));
}

#[test]
fn nothing_is_downloaded_when_that_is_forbidden() {
    let empty = tempfile::tempdir().unwrap();
    let builder = Builder::new(BuilderOptions {
        toolchain_dir: Some(empty.path().to_owned()),
        offline: true,
        way: Some(Way::Debian),
        ..BuilderOptions::default()
    });
    let folder = package("");
    let error = builder
        .build_workspace(folder.path(), &mut Silent)
        .unwrap_err();
    let BuildError::NoStandardLibrary { tried } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        tried,
        "  debian: not tried, since nothing may be downloaded"
    );
    assert!(
        error
            .to_string()
            .contains("rustup target add wasm32-unknown-unknown")
    );
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}
