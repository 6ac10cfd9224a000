//! Agents in Python, TypeScript and C beside the five in Rust, over this repository's own lock file.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::languages::with_tools;
use crate::outside_calls::licence;
use crate::program::{Place, cache, root};

const IN_OTHER_LANGUAGES: [&str; 3] = ["licences", "advisories", "checksums"];

/// A copy of the example whose plugins lie beside it; none where a language has no tools.
fn built(place: &Place) -> Option<String> {
    let folder = place.path("polyglot");
    for name in IN_OTHER_LANGUAGES {
        let source = mirrored(place, name);
        let folder = folder.to_str().unwrap();
        with_tools(place, &["test", &source])?.expect(0);
        with_tools(place, &["build", &source, "--output", folder])?.expect(0);
    }
    let example = root().join("host/cli/examples/review-full.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let text = text.replace("../../../target/polyglot/", "polyglot/");
    Some(place.write("review-full.toml", &text).display().to_string())
}

/// The plugin's source outside of the repository, where nothing is written.
fn mirrored(place: &Place, name: &str) -> String {
    let from = root().join("plugins/polyglot").join(name);
    let to = place.path(name);
    copy(&from, &to);
    to.display().to_string()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        } else if name == "tests" {
            copy(&entry.path(), &to.join(name));
        }
    }
}

/// What is given beside the lock file: real licences, an advisory against a version that is there and against one
/// that is not, and archives of which one was changed.
fn input() -> (Value, usize) {
    let metadata = crate::workspace::metadata(".");
    let packages = metadata["packages"].as_array().unwrap();
    let licences: Vec<Value> = packages
        .iter()
        .map(|one| json!({"name": one["name"], "version": one["version"], "license": one["license"]}))
        .collect();
    let text = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = text.parse().unwrap();
    let mut archives = String::new();
    let mut count = 0;
    for package in lock["package"].as_array().unwrap() {
        let field = |name: &str| package.get(name).and_then(toml::Value::as_str);
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            continue;
        };
        let Some(checksum) = field("checksum") else {
            continue;
        };
        let checksum = match name {
            "anyhow" => "0".repeat(64),
            _ => checksum.to_owned(),
        };
        archives.push_str(&format!("{checksum}  {name}-{version}.crate\n"));
        count += 1;
    }
    let advisories = json!([
        {"id": "X-1", "package": "anyhow", "title": "against whatever is there"},
        {"id": "X-2", "package": "serde", "title": "mended long ago", "patched": [">=1.0.0"]},
    ]);
    let input = json!({
        "lockfile": text, "licences": licences, "advisories": advisories, "archives": archives,
    });
    (input, count)
}

/// The files of machine code of the three plugins, each with its number on the disk: a file that is written anew has
/// another.
fn compiled(place: &Place) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    for name in IN_OTHER_LANGUAGES {
        let bytes = std::fs::read(place.path(&format!("polyglot/{name}.wasm"))).unwrap();
        let digest = menagerie_sandbox::digest_of(&bytes);
        let file = format!("{}.cwasm", digest.trim_start_matches("sha256:"));
        for engine in std::fs::read_dir(cache().join("compiled")).unwrap() {
            let path = engine.unwrap().path().join(&file);
            if let Ok(found) = path.metadata() {
                files.push((path.display().to_string(), found.ino()));
            }
        }
    }
    assert!(files.len() >= IN_OTHER_LANGUAGES.len(), "{files:?}");
    files
}

#[test]
fn this_repositorys_lock_file_is_reviewed_by_agents_in_four_languages() {
    let place = Place::new();
    let Some(flow) = built(&place) else { return };
    let (input, archives) = input();
    let input = place.write("input.json", &input.to_string());
    let licence = place.write("licence", &licence());
    let run = |path: &OsStr| {
        let mut command = place.command();
        command.env("PATH", path);
        command.args(["run", &flow, "--json", "--input"]);
        command.arg(format!("@{}", input.display()));
        command.env("MENAGERIE_LICENCE", &licence);
        crate::program::ended(&mut command).expect(0).json()
    };
    let path = std::env::var_os("PATH").unwrap();
    let result = run(&path)["result"].clone();

    let licences = &result["licences"];
    let judged = licences["judged"].as_u64().unwrap();
    assert!(judged > 200, "{licences}");
    // Packages of other systems are in the lock file and not in what `cargo metadata` could read, if any.
    let against = licences["against"].as_array().unwrap();
    let refused: Vec<_> = against
        .iter()
        .filter(|one| one["verdict"] != "missing")
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(
        licences["allowed"].as_u64().unwrap() + against.len() as u64,
        judged
    );

    let advisories = &result["advisories"];
    assert_eq!(advisories["known"], 2);
    let matches = advisories["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 1, "{advisories}");
    assert_eq!(matches[0]["id"], "X-1");

    let checksums = &result["checksums"];
    assert_eq!(checksums["verified"], archives - 1, "{checksums}");
    assert_eq!(checksums["wrong"][0]["archive"], "0".repeat(64));
    assert_eq!(checksums["wrong"].as_array().unwrap().len(), 1);
    assert_eq!(checksums["absent"], 0);
    assert!(result["report"]["markdown"].is_string());

    // The same again comes out the same, with nothing compiled: the machine code is the file that it was, and without a
    // path there is no cargo either. So does the recorded run.
    let before = compiled(&place);
    assert_eq!(run(OsStr::new("/nowhere"))["result"], result);
    assert_eq!(compiled(&place), before);
    let mut replay = place.command();
    replay.args(["replay", "last"]);
    replay.env("MENAGERIE_LICENCE", &licence);
    crate::program::ended(&mut replay).expect(0);
}
