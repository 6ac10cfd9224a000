//! What an author reads who got it wrong: each file in `tests/ui` fails to compile with the messages
//! that it names, at the lines where it names them.
//!
//! `//~ ERROR text` asks for an error that begins on that line and whose message holds the text;
//! `//~ HELP text` for the text anywhere in what the compiler shows. Compilers may word the rest as they like.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Makes a package of which every case is a library target of its own, and checks them all at once.
fn compile(cases: &[PathBuf]) -> BTreeMap<String, Vec<Value>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    fs::create_dir_all(folder.join("src")).unwrap();
    let sdk = env!("CARGO_MANIFEST_DIR");
    let mut manifest = format!(
        "[workspace]\n[package]\nname = \"ui\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nmenagerie-sdk = {{ path = {sdk:?} }}\n"
    );
    fs::write(folder.join("src/lib.rs"), "").unwrap();
    for case in cases {
        let name = case.file_stem().unwrap().to_str().unwrap();
        // An example may be a library, and a package may have any number of them.
        manifest +=
            &format!("[[example]]\nname = {name:?}\npath = {case:?}\ncrate-type = [\"lib\"]\n");
    }
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(Path::new(sdk).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "check",
            "--examples",
            "--keep-going",
            "--offline",
            "--message-format=json",
        ])
        .current_dir(&folder)
        // What this test was compiled against has been compiled already.
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("failed to select a version"), "{stderr}");
    let mut said: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        if message["reason"] == "compiler-message" && message["message"]["level"] == "error" {
            let name = message["target"]["name"].as_str().unwrap().to_owned();
            said.entry(name)
                .or_default()
                .push(message["message"].clone());
        }
    }
    assert!(!said.is_empty(), "cargo compiled nothing:\n{stderr}");
    said
}

fn is_at(error: &Value, line: usize, text: &str) -> bool {
    let begins_there = error["spans"]
        .as_array()
        .unwrap()
        .iter()
        .any(|span| span["is_primary"] == true && span["line_start"] == line);
    begins_there && error["message"].as_str().unwrap().contains(text)
}

#[test]
fn mistakes_are_answered_in_words_and_at_their_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    let said = compile(&cases);
    let mut wrong = String::new();
    for case in &cases {
        let name = case.file_stem().unwrap().to_str().unwrap();
        let none = Vec::new();
        let errors = said.get(name).unwrap_or(&none);
        let shown: String = errors
            .iter()
            .map(|error| error["rendered"].as_str().unwrap_or_default())
            .collect();
        let source = fs::read_to_string(case).unwrap();
        let mut expected = 0;
        for (line, number) in source.lines().zip(1..) {
            let Some((_, expectation)) = line.split_once("//~ ") else {
                continue;
            };
            expected += 1;
            let is_met = match expectation.split_once(' ').unwrap() {
                ("ERROR", text) => errors.iter().any(|error| is_at(error, number, text)),
                ("HELP", text) => shown.contains(text),
                (other, _) => panic!("{name}: what is {other}?"),
            };
            if !is_met {
                wrong += &format!("{name}:{number}: {expectation}\n--- instead:\n{shown}\n");
            }
        }
        assert!(expected > 0, "{name} expects nothing");
    }
    assert!(wrong.is_empty(), "{wrong}");
}
