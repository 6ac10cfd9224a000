#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use lock::Lock;
use serde_json::json;

use super::{Config, Sources, judge};

const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What is found about packages that are written down by their id.
fn sources_of(mut packages: serde_json::Value, config: &Config) -> Sources {
    for package in packages.as_array_mut().unwrap() {
        let id = package["id"].as_str().unwrap().to_owned();
        let (name, version) = id.split_once(' ').unwrap();
        package["name"] = json!(name);
        package["version"] = json!(version);
        // Only an id that is more than name and version is carried.
        package.as_object_mut().unwrap().remove("id");
    }
    let lock: Lock =
        serde_json::from_value(json!({"roots": ["app 1.0.0"], "packages": packages})).unwrap();
    judge(&lock, config).sources
}

#[test]
fn a_lock_from_the_public_registry_is_nothing_remarkable() {
    let sources = sources_of(
        json!([
            {"id": "app 1.0.0"},
            {"id": "a 1.0.0", "source": PUBLIC, "checksum": "00"},
            {"id": "b 1.0.0", "source": "sparse+https://index.crates.io/", "checksum": "00"},
        ]),
        &Config::default(),
    );
    assert_eq!(sources.by_kind.get("registry"), Some(&2));
    assert_eq!(sources.by_kind.get("path"), Some(&1));
    let remarkable = (
        sources.git,
        sources.path,
        sources.other_registries,
        sources.missing_checksums,
    );
    assert_eq!(remarkable, (vec![], vec![], vec![], vec![]));
    assert_eq!((sources.insecure, sources.unknown), (vec![], vec![]));
}

#[test]
fn each_remarkable_source_is_named_with_what_is_known_of_it() {
    let sources = sources_of(
        json!([
            {"id": "g 1.0.0", "source": "git+https://example.org/g?branch=main#abc"},
            {"id": "h 1.0.0", "source": "git+http://example.org/h"},
            {"id": "p 1.0.0"},
            {"id": "r 1.0.0", "source": "registry+https://registry.example.org/index"},
            {"id": "w 1.0.0", "source": "carrier+pigeon"},
        ]),
        &Config::default(),
    );
    assert_eq!(
        serde_json::to_value(&sources).unwrap(),
        json!({
            "by_kind": {"git": 2, "other_registry": 1, "path": 1, "registry": 0, "unknown": 1},
            "git": [
                {"id": "g 1.0.0", "url": "https://example.org/g", "reference": "branch=main", "commit": "abc"},
                {"id": "h 1.0.0", "url": "http://example.org/h"},
            ],
            "path": ["p 1.0.0"],
            "other_registries": [{"id": "r 1.0.0", "source": "registry+https://registry.example.org/index"}],
            "missing_checksums": ["r 1.0.0"],
            "insecure": [{"id": "h 1.0.0", "source": "git+http://example.org/h"}],
            "unknown": [{"id": "w 1.0.0", "source": "carrier+pigeon"}],
        })
    );
}

#[test]
fn what_the_configuration_allows_is_counted_and_not_named() {
    let config: Config = serde_json::from_value(json!({
        "allowed_registries": ["registry+https://registry.example.org/index"],
        "allowed_git": ["https://example.org/team/"],
    }))
    .unwrap();
    let sources = sources_of(
        json!([
            {"id": "g 1.0.0", "source": "git+https://example.org/team/g#abc"},
            {"id": "h 1.0.0", "source": "git+https://example.org/other/h#abc"},
            {"id": "r 1.0.0", "source": "registry+https://registry.example.org/index", "checksum": "00"},
        ]),
        &config,
    );
    assert_eq!(sources.git.len(), 1);
    assert_eq!(sources.git.first().unwrap().id, "h 1.0.0");
    assert_eq!(sources.other_registries, vec![]);
    assert_eq!(
        (
            sources.by_kind.get("git"),
            sources.by_kind.get("other_registry")
        ),
        (Some(&2), Some(&1))
    );
}

#[test]
fn a_password_in_an_address_is_not_passed_on() {
    let sources = sources_of(
        json!([
            {"id": "g 1.0.0", "source": "git+https://me:hunter2@example.org/g@2?rev=a#abc"},
            {"id": "r 1.0.0", "source": "sparse+https://token@registry.example.org/"},
            {"id": "i 1.0.0", "source": "git+http://me:hunter2@example.org"},
        ]),
        &Config::default(),
    );
    let text = serde_json::to_string(&sources).unwrap();
    assert!(
        !text.contains("hunter2") && !text.contains("token"),
        "{text}"
    );
    assert_eq!(
        sources.git.first().unwrap().url,
        "https://…@example.org/g@2"
    );
}

#[test]
fn a_package_that_carries_an_id_is_called_by_it() {
    let packages =
        json!([{"id": "a 1.0.0 (path+x)", "name": "a", "version": "1.0.0", "source": "path+x"}]);
    let lock: Lock = serde_json::from_value(json!({"packages": packages})).unwrap();
    assert_eq!(
        judge(&lock, &Config::default()).sources.path,
        ["a 1.0.0 (path+x)"]
    );
}
