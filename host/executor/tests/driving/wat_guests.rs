//! Components out of the guests of `tests/guests`, which are written in the text format.

use std::path::PathBuf;
use std::sync::Arc;

use menagerie_sandbox::MANIFEST_SECTION;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the head of a guest's text says about `key`.
fn said<'text>(text: &'text str, key: &str) -> &'text str {
    let prefix = format!(";; {key}: ");
    text.lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap()
}

/// The contract and the worlds of the tests in one text.
fn contract() -> String {
    let package = "package menagerie:plugin@0.1.0;";
    let entries = std::fs::read_dir(root().join("wit")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.push(root().join("tests/guests/worlds.wit"));
    let mut text = format!("{package}\n");
    for file in files {
        let part = std::fs::read_to_string(file).unwrap();
        text.extend(
            part.lines()
                .filter(|line| *line != package)
                .flat_map(|line| [line, "\n"]),
        );
    }
    text
}

/// The guest of that name with a manifest, if there is one.
pub(crate) fn component(name: &str) -> Option<Arc<[u8]>> {
    let text = std::fs::read_to_string(root().join(format!("tests/guests/{name}.wat"))).ok()?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", &contract()).unwrap();
    let world = resolve
        .select_world(&[package], Some(said(&text, "world")))
        .unwrap();
    let mut module = wat::parse_str(&text).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap();
    let kind = said(&text, "kind");
    let manifest = format!(r#"{{"name":"{name}","version":"0.1.0","kind":"{kind}"}}"#);
    Some(with_manifest({ encoder }.encode().unwrap(), &manifest).into())
}

fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    let mut section = Vec::new();
    length(&mut section, MANIFEST_SECTION.len());
    section.extend(MANIFEST_SECTION.as_bytes());
    section.extend(manifest.as_bytes());
    component.push(0);
    length(&mut component, section.len());
    component.extend(section);
    component
}

/// An unsigned LEB128 number.
fn length(into: &mut Vec<u8>, mut rest: usize) {
    while rest >= 0x80 {
        into.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}
