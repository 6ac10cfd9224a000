#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use lock::{Input, Lock, Package};
use proptest::prelude::*;
use serde_json::json;

use super::duplicates;

fn package(name: &str, version: &str, dependencies: &[&str]) -> Package {
    Package {
        id: format!("{name} {version}"),
        name: name.to_owned(),
        version: version.to_owned(),
        source: None,
        checksum: None,
        dependencies: dependencies.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn lock(roots: &[&str], packages: Vec<Package>) -> Lock {
    Lock {
        roots: roots.iter().map(|id| (*id).to_owned()).collect(),
        packages,
    }
}

#[test]
fn a_crate_in_two_versions_is_found_with_the_shortest_way_to_each() {
    let found = duplicates(&lock(
        &["app 1.0.0"],
        vec![
            package("app", "1.0.0", &["long 1.0.0", "syn 2.0.0"]),
            package("long", "1.0.0", &["longer 1.0.0", "syn 2.0.0"]),
            package("longer", "1.0.0", &["syn 10.0.0"]),
            package("syn", "10.0.0", &[]),
            package("syn", "2.0.0", &[]),
        ],
    ));
    assert_eq!(
        serde_json::to_value(&found).unwrap(),
        json!({"duplicates": {"count": 1, "extra_copies": 1, "crates": [{"name": "syn", "versions": [
            {"id": "syn 2.0.0", "version": "2.0.0", "dependents": ["app 1.0.0", "long 1.0.0"], "dependent_count": 2,
             "path": ["app 1.0.0", "syn 2.0.0"]},
            {"id": "syn 10.0.0", "version": "10.0.0", "dependents": ["longer 1.0.0"], "dependent_count": 1,
             "path": ["app 1.0.0", "long 1.0.0", "longer 1.0.0", "syn 10.0.0"]},
        ]}]}})
    );
}

#[test]
fn a_lock_without_duplicates_says_so() {
    let found = duplicates(&lock(
        &["a 1.0.0"],
        vec![package("a", "1.0.0", &["a 1.0.0"])],
    ));
    assert_eq!(
        (found.duplicates.count, found.duplicates.extra_copies),
        (0, 0)
    );
}

#[test]
fn a_copy_that_no_root_leads_to_has_no_path_and_a_circle_does_not_matter() {
    let found = duplicates(&lock(
        &["a 1.0.0"],
        vec![
            package("a", "1.0.0", &["b 1.0.0"]),
            package("b", "1.0.0", &["a 1.0.0"]),
            package("b", "2.0.0", &["b 1.0.0", "gone 1.0.0"]),
        ],
    ));
    let versions = &found.duplicates.crates.first().unwrap().versions;
    assert_eq!(versions.first().unwrap().path, ["a 1.0.0", "b 1.0.0"]);
    assert!(versions.last().unwrap().path.is_empty());
}

#[test]
fn many_dependents_are_counted_and_the_first_named() {
    let mut packages: Vec<Package> = (0..50)
        .map(|index| package(&format!("p{index:02}"), "1.0.0", &["x 1.0.0"]))
        .collect();
    packages.push(package("x", "1.0.0", &[]));
    packages.push(package("x", "1.0.0-beta", &[]));
    let found = duplicates(&lock(&[], packages));
    let versions = &found.duplicates.crates.first().unwrap().versions;
    assert_eq!(versions.first().unwrap().version, "1.0.0-beta");
    assert_eq!(versions.last().unwrap().dependents.len(), 20);
    assert_eq!(versions.last().unwrap().dependent_count, 50);
}

#[test]
fn an_input_without_a_lock_is_refused_by_its_missing_key() {
    let error = serde_json::from_value::<Input>(json!({})).unwrap_err();
    assert!(error.to_string().contains("lockfile"), "{error}");
}

proptest! {
    #[test]
    fn every_path_is_a_way_from_a_root_along_dependencies(
        choices in prop::collection::vec((0u8..12, prop::collection::vec(0usize..1_000, 0..5)), 1..60)
    ) {
        let names: Vec<(String, String)> = choices
            .iter()
            .enumerate()
            .map(|(index, (name, _))| (format!("c{name}"), format!("{index}.0.0")))
            .collect();
        let packages: Vec<Package> = choices
            .iter()
            .zip(&names)
            .map(|((_, picks), (name, version))| {
                let ids: Vec<String> = picks
                    .iter()
                    .map(|pick| { let (name, version) = &names[pick % names.len()]; format!("{name} {version}") })
                    .collect();
                package(name, version, &ids.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect();
        let lock = lock(&[&packages[0].id.clone()], packages);
        let found = duplicates(&lock).duplicates;
        prop_assert_eq!(found.count, found.crates.len());
        for version in found.crates.iter().flat_map(|duplicate| &duplicate.versions) {
            if version.path.is_empty() {
                continue;
            }
            prop_assert_eq!(version.path.first(), lock.roots.first());
            prop_assert_eq!(version.path.last(), Some(&version.id));
            for pair in version.path.windows(2) {
                let from = lock.packages.iter().find(|package| package.id == pair[0]).unwrap();
                prop_assert!(from.dependencies.contains(&pair[1]));
            }
        }
    }
}
