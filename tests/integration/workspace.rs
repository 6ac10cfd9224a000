//! The shape of the repository, as far as Cargo knows it: who may depend on whom, what may be in a
//! tree, under which licence, and where unsafe code is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Our crates and which of ours each may use, as in `host/ARCHITECTURE.md`. A crate that is not here
/// fails the test: decide first where it belongs.
const MAY_USE: [(&str, &[&str]); 11] = [
    (
        "menagerie",
        &[
            "menagerie-builder",
            "menagerie-executor",
            "menagerie-journal",
            "menagerie-licensing",
            "menagerie-mining",
            "menagerie-oci",
            "menagerie-orchestration",
            "menagerie-sandbox",
        ],
    ),
    (
        "menagerie-executor",
        &[
            "menagerie-journal",
            "menagerie-licensing",
            "menagerie-mining",
            "menagerie-orchestration",
            "menagerie-sandbox",
        ],
    ),
    ("menagerie-mining", &["menagerie-orchestration"]),
    // Its way out is that of guests.
    ("menagerie-oci", &["menagerie-sandbox"]),
    ("menagerie-builder", &[]),
    ("menagerie-journal", &[]),
    ("menagerie-licensing", &[]),
    ("menagerie-orchestration", &[]),
    // In no list: tests alone may use them.
    ("menagerie-fuzz", &[]),
    ("menagerie-power", &[]),
    ("menagerie-sandbox", &[]),
];

/// Crates that one of ours alone may name. Benchmarks and tests are excepted: what a figure is
/// compared with is the bare engine, and the disk that loses power lies below the store.
const KNOWN_TO_ONE: [(&str, &str); 3] = [
    ("wasmtime", "menagerie-sandbox"),
    ("wasmtime-wasi", "menagerie-sandbox"),
    ("rusqlite", "menagerie-journal"),
];

/// The crates of ours that are in no program, only in tests.
const FOR_TESTS: [&str; 2] = ["menagerie-fuzz", "menagerie-power"];

const CLOCKS: [&str; 4] = ["chrono", "jiff", "time", "web-time"];
const NETWORK: [&str; 7] = [
    "hyper",
    "mio",
    "native-tls",
    "reqwest",
    "rustls",
    "socket2",
    "ureq",
];
const RANDOM: [&str; 6] = [
    "fastrand",
    "getrandom",
    "oorandom",
    "rand",
    "rand_core",
    "uuid",
];
const RUNTIMES: [&str; 4] = ["async-std", "futures-executor", "smol", "tokio"];

/// What a crate's tree, without its tests, must not hold.
const ABSENT: [(&str, &[&[&str]]); 4] = [
    (
        "menagerie-orchestration",
        &[
            &CLOCKS,
            &NETWORK,
            &RANDOM,
            &RUNTIMES,
            &["rusqlite", "tempfile", "wasmtime"],
        ],
    ),
    (
        "menagerie-mining",
        &[&NETWORK, &RUNTIMES, &["rusqlite", "wasmtime"]],
    ),
    (
        "menagerie-licensing",
        &[&CLOCKS, &NETWORK, &RUNTIMES, &["rusqlite", "wasmtime"]],
    ),
    ("menagerie-journal", &[&["hyper", "wasmtime"]]),
];

/// Edges that the search for absent crates does not follow, each with its reason.
const NOT_FOLLOWED: [(&str, &str); 1] = [
    // The keys of hash maps within `jsonschema`: they decide no order that it shows.
    ("ahash", "getrandom"),
];

/// Files of the workspace with unsafe code, and in how many places.
const UNSAFE: [(&str, usize); 2] = [
    ("host/sandbox/src/cache.rs", 1),
    // Tests alone: a SQLite VFS is a table of C functions.
    ("tests/power/src/shim.rs", 30),
];

/// Heavy crates, beside those of `deny.toml`, of which a tree has one version.
const HEAVY: [&str; 9] = [
    "clap_builder",
    "cranelift-frontend",
    "hyper",
    "jsonschema",
    "libsqlite3-sys",
    "quick-xml",
    "ring",
    "rustls",
    "tracing-subscriber",
];

/// Heavy crates of which a tree may have several versions, each with its reason.
const TWICE: [(&str, usize, &str); 1] = [(
    "syn",
    2,
    "derives move to its third version one by one; it is in no program",
)];

/// Workspaces of their own beside the host's.
const OTHER_WORKSPACES: [&str; 3] = ["plugins", "sdk/rust", "tests/rust-guests"];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|dir| dir.join("deny.toml").is_file());
    root.expect("deny.toml lies at the root").to_owned()
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Cargo's answer for a workspace, for this machine's platform: then nothing is needed that a build
/// did not fetch.
pub(crate) fn metadata(workspace: &str) -> Value {
    let version = cargo().arg("-vV").output().expect("cargo runs");
    let version = String::from_utf8(version.stdout).expect("cargo speaks UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let output = cargo()
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", host.expect("cargo names its host")])
        .arg("--manifest-path")
        .arg(root().join(workspace).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{workspace}: {problem}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// Our own packages: those that have no source.
fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = list(metadata, "packages").iter();
    packages.filter(|package| package["source"].is_null())
}

fn manifest(package: &Value) -> toml::Table {
    read_toml(Path::new(text(package, "manifest_path")))
}

fn read_toml(path: &Path) -> toml::Table {
    let text = std::fs::read_to_string(path).expect("the file is there");
    text.parse().expect("the file is TOML")
}

/// Says all problems at once.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn our_crates_depend_only_in_the_agreed_directions() {
    let metadata = metadata(".");
    let may_use = BTreeMap::from(MAY_USE);
    let mut problems = Vec::new();
    for package in members(&metadata) {
        let name = text(package, "name");
        let Some(allowed) = may_use.get(name) else {
            problems.push(format!("{name} is in no room of the architecture"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let used = text(dependency, "name");
            // Tests may use the builder, and each other's fakes.
            let in_tests_only = text(dependency, "kind") == "dev";
            if may_use.contains_key(used) && !in_tests_only && !allowed.contains(&used) {
                problems.push(format!("{name} must not depend on {used}"));
            }
        }
    }
    assert_eq!(
        members(&metadata).count(),
        MAY_USE.len(),
        "a crate is missing"
    );
    assert_none(&problems);
}

#[test]
fn engine_and_store_are_known_to_one_crate_each() {
    let metadata = metadata(".");
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for package in members(&metadata) {
        for dependency in list(package, "dependencies") {
            for (engine, owner) in KNOWN_TO_ONE {
                let for_tests =
                    text(dependency, "kind") == "dev" || FOR_TESTS.contains(&text(package, "name"));
                if text(dependency, "name") == engine && !for_tests {
                    seen.insert(engine);
                    if text(package, "name") != owner {
                        let name = text(package, "name");
                        problems.push(format!("{name} names {engine}, which is {owner}'s"));
                    }
                }
            }
        }
    }
    assert!(
        seen.contains("wasmtime") && seen.contains("rusqlite"),
        "the test looks for crates that nobody uses: {seen:?}"
    );
    assert_none(&problems);
}

/// Package ids by what they use outside of tests and build scripts.
fn uses(metadata: &Value) -> BTreeMap<&str, Vec<&str>> {
    let is_normal = |dependency: &&Value| {
        let mut kinds = list(dependency, "dep_kinds").iter();
        kinds.any(|kind| kind["kind"].is_null())
    };
    let nodes = list(&metadata["resolve"], "nodes").iter();
    nodes
        .map(|node| {
            let used = list(node, "deps").iter().filter(is_normal);
            let used = used.map(|dependency| text(dependency, "pkg"));
            (text(node, "id"), used.collect())
        })
        .collect()
}

#[test]
fn no_crate_reaches_what_it_must_not_know() {
    let metadata = metadata(".");
    let packages = list(&metadata, "packages").iter();
    let names: BTreeMap<&str, &str> = packages
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let uses = uses(&metadata);
    let mut problems = Vec::new();
    for (crate_name, absent) in ABSENT {
        let start = members(&metadata).find(|package| text(package, "name") == crate_name);
        let start = text(start.expect("the crate exists"), "id");
        // How each package was reached first, to say so.
        let mut reached_from = BTreeMap::from([(start, None)]);
        let mut waiting = vec![start];
        while let Some(id) = waiting.pop() {
            for used in &uses[id] {
                let edge = (names[id], names[used]);
                if !NOT_FOLLOWED.contains(&edge) && !reached_from.contains_key(used) {
                    reached_from.insert(used, Some(id));
                    waiting.push(used);
                }
            }
        }
        assert!(
            reached_from.len() > 5,
            "{crate_name} has hardly any tree: is the search broken?"
        );
        for id in reached_from.keys() {
            if absent.iter().any(|group| group.contains(&names[id])) {
                let way = std::iter::successors(Some(*id), |id| reached_from[id]);
                let way: Vec<&str> = way.map(|id| names[id]).collect();
                problems.push(format!("{crate_name} reaches {}", way.join(" used by ")));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_crate_says_edition_licence_and_lints_alike() {
    let metadata = metadata(".");
    let shared = read_toml(&root().join("Cargo.toml"));
    let mut denied = shared["workspace"]["lints"].clone();
    denied["rust"]["unsafe_code"] = "deny".into();
    let mut problems = Vec::new();
    for package in members(&metadata) {
        let name = text(package, "name");
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{name}: {what}"));
            }
        };
        expect(
            text(package, "edition") == "2024",
            "the edition is not 2024",
        );
        expect(
            text(package, "license") == "Apache-2.0 OR MIT",
            "another licence",
        );
        expect(
            text(package, "rust_version") == "1.95",
            "another rust-version",
        );
        expect(
            list(package, "publish").is_empty() && package["publish"].is_array(),
            "not `publish = false`",
        );
        let manifest = manifest(package);
        let lints = manifest.get("lints");
        let inherited = lints.and_then(|lints| lints.get("workspace")) == Some(&true.into());
        // Only where there is unsafe code may it be denied, with an exception, rather than forbidden.
        let holds_unsafe = UNSAFE.iter().any(|(file, _)| {
            root().join(file).starts_with(
                Path::new(text(package, "manifest_path"))
                    .parent()
                    .expect("a file"),
            )
        });
        let copied = holds_unsafe && lints == Some(&denied);
        expect(inherited || copied, "`[lints] workspace = true` is missing");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (used, how) in manifest
                .get(kind)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                let versioned = how.get("workspace") != Some(&true.into());
                expect(
                    !versioned,
                    &format!("the version of {used} belongs into the workspace"),
                );
            }
        }
    }
    assert_none(&problems);
}

/// The heavy crates of which `deny.toml` admits one version.
fn denied_twice() -> BTreeSet<String> {
    let deny = read_toml(&root().join("deny.toml"));
    let listed = deny["bans"]["deny"].as_array().expect("a list").iter();
    let once = listed.filter(|entry| entry.get("deny-multiple-versions") == Some(&true.into()));
    let names = once.filter_map(|entry| entry["crate"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn no_heavy_crate_is_in_a_tree_twice_without_a_reason() {
    let mut heavy = denied_twice();
    assert!(
        heavy.contains("wasmtime") && heavy.contains("tokio"),
        "{heavy:?}"
    );
    heavy.extend(HEAVY.map(str::to_owned));
    let twice: BTreeMap<&str, usize> = TWICE
        .iter()
        .map(|(name, count, _)| (*name, *count))
        .collect();
    let mut problems = BTreeSet::new();
    let (mut seen, mut used_twice) = (BTreeSet::new(), BTreeSet::new());
    for workspace in std::iter::once(".").chain(OTHER_WORKSPACES) {
        let metadata = metadata(workspace);
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in list(&metadata, "packages") {
            let of = versions.entry(text(package, "name")).or_default();
            of.insert(text(package, "version"));
        }
        for (name, versions) in &versions {
            let reasoned = twice.get(name).copied();
            if !heavy.contains(*name) && reasoned.is_none() {
                continue;
            }
            seen.insert((*name).to_owned());
            if versions.len() > 1 && reasoned.is_some() {
                used_twice.insert((*name).to_owned());
            }
            if versions.len() > reasoned.unwrap_or(1) {
                problems.insert(format!("{workspace}: {name} is there as {versions:?}"));
            }
        }
    }
    for name in heavy.difference(&seen) {
        problems.insert(format!("{name} is in no tree: the list looks for nothing"));
    }
    for (name, _, reason) in TWICE {
        if !used_twice.contains(name) {
            problems.insert(format!(
                "{name} is there once, so that this is no reason: {reason}"
            ));
        }
    }
    assert_none(&problems.into_iter().collect::<Vec<_>>());
}

#[test]
fn every_dependency_is_under_an_allowed_licence() {
    let deny = read_toml(&root().join("deny.toml"));
    let allowed = deny["licenses"]["allow"].as_array().expect("a list");
    let allowed: BTreeSet<&str> = allowed.iter().filter_map(toml::Value::as_str).collect();
    let mut problems = BTreeSet::new();
    for workspace in std::iter::once(".").chain(OTHER_WORKSPACES) {
        let metadata = metadata(workspace);
        for package in list(&metadata, "packages") {
            let licence = text(package, "license");
            if !is_allowed(licence, &allowed) {
                let (name, version) = (text(package, "name"), text(package, "version"));
                problems.insert(format!("{name} {version}: `{licence}`"));
            }
        }
    }
    assert_none(&problems.into_iter().collect::<Vec<_>>());
}

/// Whether an SPDX expression can be satisfied from the list. The old `/` means OR; what cannot be
/// read whole is not allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    either(&mut words, allowed) == Some(true) && words.is_empty()
}

/// Takes words off the end; nothing where they are no expression.
fn either(words: &mut Vec<&str>, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut fits = both(words, allowed)?;
    while words.pop_if(|word| *word == "OR").is_some() {
        fits |= both(words, allowed)?;
    }
    Some(fits)
}

fn both(words: &mut Vec<&str>, allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut fits = one(words, allowed)?;
    while words.pop_if(|word| *word == "AND").is_some() {
        fits &= one(words, allowed)?;
    }
    Some(fits)
}

fn one(words: &mut Vec<&str>, allowed: &BTreeSet<&str>) -> Option<bool> {
    let word = words.pop()?;
    if word == "(" {
        let fits = either(words, allowed)?;
        return (words.pop()? == ")").then_some(fits);
    }
    if words.pop_if(|word| *word == "WITH").is_some() {
        let licence = format!("{word} WITH {}", words.pop()?);
        return Some(allowed.contains(licence.as_str()));
    }
    Some(allowed.contains(word))
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]);
    for fits in [
        "MIT",
        "GPL-3.0 OR MIT",
        "Unlicense/MIT",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        "(MIT OR GPL-3.0) AND Apache-2.0",
        "GPL-3.0 AND MIT OR MIT",
    ] {
        assert!(is_allowed(fits, &allowed), "{fits}");
    }
    for does_not_fit in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT WITH LLVM-exception",
        "(MIT OR Apache-2.0) AND GPL-3.0",
        "(MIT",
        "MIT)",
        "MIT Apache-2.0",
        "MIT OR",
    ] {
        assert!(!is_allowed(does_not_fit, &allowed), "{does_not_fit}");
    }
}

/// Rust files of a folder, without what was built.
fn rust_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                rust_files(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// How often a text opens unsafe code: a block, an item or an attribute, not in a comment or a string.
fn unsafe_places(text: &str) -> usize {
    const OPENS: [&str; 6] = [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe trait",
        "unsafe extern",
        "#[unsafe(",
    ];
    let places = |code: &str| -> usize {
        let found = OPENS.iter().map(|open| code.matches(open).count());
        found.sum()
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| {
            let parts = line.replace("\\\"", "");
            let outside_of_strings: Vec<usize> = parts.split('"').step_by(2).map(places).collect();
            outside_of_strings
        })
        .sum()
}

#[test]
fn unsafe_code_is_recognised() {
    for (text, count) in [
        ("let x = unsafe { f() };", 1),
        ("    pub unsafe fn f() {}\n#[unsafe(no_mangle)]", 2),
        ("// unsafe { f() }", 0),
        (
            r##"let text = "#[unsafe(no_mangle)]\nextern \"C\" fn";"##,
            0,
        ),
        (r#"g("\"", unsafe { f("x") })"#, 1),
        ("#![deny(unsafe_code)]", 0),
    ] {
        assert_eq!(unsafe_places(text), count, "{text}");
    }
}

#[test]
fn unsafe_code_is_in_the_places_that_argue_for_it() {
    let root = root();
    let mut files = Vec::new();
    for folder in ["host", "tests/power"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(
        files.len() > 20,
        "hardly any file was found: is the search broken?"
    );
    let mut found = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file is text");
        let places = unsafe_places(&text);
        if places > 0 {
            let name = file.strip_prefix(&root).expect("it lies within the root");
            found.insert(name.to_string_lossy().into_owned(), places);
        }
    }
    let expected = UNSAFE.map(|(file, places)| (file.to_owned(), places));
    assert_eq!(found, BTreeMap::from(expected));
}
