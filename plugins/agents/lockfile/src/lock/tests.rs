#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Lock, Package, read};

const V1: &str = include_str!("../../fixtures/v1.lock");
const V2: &str = include_str!("../../fixtures/v2.lock");
const V3: &str = include_str!("../../fixtures/v3.lock");
const V4: &str = include_str!("../../fixtures/v4.lock");
const OURS: &str = include_str!("../../../../../Cargo.lock");

fn first_problem(text: &str) -> (usize, usize, String) {
    let problems = read(text).unwrap_err();
    let first = problems.first().unwrap();
    (first.line, first.column, first.sentence())
}

fn package<'lock>(lock: &'lock Lock, id: &str) -> &'lock Package {
    lock.packages
        .iter()
        .find(|package| {
            package
                .id
                .clone()
                .unwrap_or_else(|| format!("{} {}", package.name, package.version))
                == id
        })
        .unwrap()
}

#[test]
fn the_first_three_versions_of_one_lock_file_mean_the_same() {
    let [one, two, three] = [V1, V2, V3].map(|text| read(text).unwrap());
    assert_eq!(
        (one.lock_version, two.lock_version, three.lock_version),
        (1, 2, 3)
    );
    assert_eq!(one.packages, two.packages);
    assert_eq!(two.packages, three.packages);
    assert_eq!(one.roots, ["app 0.1.0"]);
    assert_eq!(one.dependency_count, 4);
    assert_eq!(
        package(&one, "app 0.1.0").dependencies,
        ["helper 0.2.0", "log 0.4.8"]
    );
    assert_eq!(package(&one, "helper 0.2.0").dependencies, ["tiny 1.0.0"]);
    assert_eq!(package(&one, "tiny 1.0.0").checksum, None);
    assert!(
        package(&one, "log 0.4.8")
            .checksum
            .as_deref()
            .unwrap()
            .starts_with("14b6052b")
    );
}

#[test]
fn version_four_tells_apart_packages_that_differ_in_their_source() {
    let lock = read(V4).unwrap();
    assert_eq!(lock.lock_version, 4);
    assert_eq!(
        package(&lock, "app 0.1.0").dependencies,
        [
            "serde 1.0.0 (git+https://example.org/serde?branch=feature%2Fnew#0123456789abcdef0123456789abcdef01234567)",
            "serde 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)",
            "syn 1.0.109",
            "syn 2.0.0",
        ]
    );
    assert_eq!(lock.unused_patches, ["quote 1.0.1"]);
}

#[test]
fn this_repositorys_own_lock_file_is_read_whole() {
    let lock = read(OURS).unwrap();
    assert_eq!(lock.package_count, OURS.matches("[[package]]").count());
    assert_eq!(
        lock.packages
            .iter()
            .filter(|package| package.checksum.is_some())
            .count(),
        OURS.lines()
            .filter(|line| line.starts_with("checksum = "))
            .count()
    );
    assert!(
        lock.roots.iter().any(|root| root.starts_with("menagerie")),
        "{:?}",
        lock.roots
    );
}

#[test]
fn a_root_table_of_the_first_cargos_is_a_package() {
    let lock = read("[root]\nname = \"app\"\nversion = \"0.0.1\"\ndependencies = [\n \"a 1.0.0 (registry+x)\",\n]\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n").unwrap();
    assert_eq!(lock.roots, ["app 0.0.1"]);
    assert_eq!(lock.lock_version, 1);
}

#[test]
fn members_that_depend_on_each_other_in_a_circle_still_have_a_root() {
    let lock = read("[[package]]\nname = \"b\"\nversion = \"1.0.0\"\ndependencies = [\"a\"]\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"b\", \"b\"]\n").unwrap();
    assert_eq!(lock.roots, ["a 1.0.0"]);
    assert_eq!(lock.dependency_count, 2);
}

#[test]
fn broken_toml_names_its_line_and_column() {
    let (line, column, sentence) = first_problem("[[package]]\nname = \"a\"\nversion = = \"1\"\n");
    assert_eq!((line, column), (3, 11), "{sentence}");
    assert!(
        sentence.starts_with("line 3, column 11: broken TOML"),
        "{sentence}"
    );
    let (line, _, sentence) = first_problem("[[package]]\nname = \"a\n");
    assert_eq!(line, 2, "{sentence}");
}

#[test]
fn a_merge_conflict_names_the_line_of_its_marker() {
    let text = V4.replace(
        "[[package]]\nname = \"syn\"\nversion = \"2",
        "<<<<<<< HEAD\n[[package]]\nname = \"syn\"\nversion = \"2",
    );
    let marker = 1 + text
        .lines()
        .position(|line| line.starts_with("<<<<<<<"))
        .unwrap();
    assert_eq!(first_problem(&text).0, marker);
}

#[test]
fn each_semantic_fault_names_its_place_and_what_belongs_there() {
    let cases = [
        ("", 1, 1, "no package"),
        ("package = 3\n", 1, 11, "`package` is an integer"),
        (
            "version = 5\n[[package]]\nname = \"a\"\nversion = \"1\"\n",
            1,
            11,
            "lock file version 5; expected a version from 1 to 4",
        ),
        (
            "version = \"3\"\n",
            1,
            11,
            "`version` is a string; expected an integer from 1 to 4",
        ),
        (
            "\n[[package]]\nversion = \"1\"\n",
            2,
            1,
            "a package without a name",
        ),
        (
            "\n[[package]]\nname = \"ä\"\n",
            2,
            1,
            "package `ä` has no version; expected `version = \"…\"`",
        ),
        (
            "[[package]]\nname = 3\nversion = \"1\"\n",
            2,
            8,
            "`name` is an integer; expected a string",
        ),
        (
            "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = \"b\"\n",
            4,
            16,
            "`dependencies` is a string; expected an array of strings",
        ),
        (
            "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\n \"b\",\n]\n",
            5,
            2,
            "package `a 1` depends on `b`, which is not in the file",
        ),
        (
            "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"a 1 b\"]\n",
            4,
            17,
            "which is no package id",
        ),
        (
            "[[package]]\nname = \"a\"\nversion = \"1\"\n[[package]]\nname = \"a\"\nversion = \"1\"\n",
            4,
            1,
            "package `a 1` is there twice; expected each package once",
        ),
        (
            "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = \"registry+x\"\ndependencies = [\"a\"]\n[[package]]\nname = \"a\"\nversion = \"2\"\nsource = \"registry+x\"\n",
            5,
            17,
            "which fits several packages",
        ),
    ];
    for (text, line, column, part) in cases {
        let (found_line, found_column, sentence) = first_problem(text);
        assert_eq!((found_line, found_column), (line, column), "{sentence}");
        assert!(sentence.contains(part), "{sentence} should hold {part}");
    }
}

#[test]
fn a_name_out_of_the_file_is_shortened_and_escaped_in_a_message() {
    let name = format!("x\\u001b[31m{}", "y".repeat(4_000));
    let (_, _, sentence) = first_problem(&format!("[[package]]\nname = \"{name}\"\n"));
    assert!(sentence.len() < 400, "{}", sentence.len());
    assert!(!sentence.contains('\u{1b}'));
}

/// Some packages in layers, each depending on a few of the ones before it.
fn locks() -> impl Strategy<Value = Vec<(String, Vec<usize>)>> {
    prop::collection::vec(prop::collection::vec(0usize..1_000, 0..6), 1..40).prop_map(|choices| {
        let named = choices.into_iter().enumerate().map(|(index, picks)| {
            let mut targets: Vec<usize> = if index == 0 {
                Vec::new()
            } else {
                picks.into_iter().map(|pick| pick % index).collect()
            };
            targets.sort_unstable();
            targets.dedup();
            (format!("p{index:02}"), targets)
        });
        named.collect()
    })
}

proptest! {
    #[test]
    fn short_and_full_dependencies_give_the_same_packages(lock in locks()) {
        let mut short = String::from("version = 4\n");
        let mut full = String::new();
        for (name, targets) in &lock {
            for (text, is_full) in [(&mut short, false), (&mut full, true)] {
                write!(text, "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\ndependencies = [").unwrap();
                for target in targets {
                    let target = &lock[*target].0;
                    if is_full {
                        write!(text, "\"{target} 1.0.0 (registry+x)\",").unwrap();
                    } else {
                        write!(text, "\"{target}\",").unwrap();
                    }
                }
                text.push_str("]\n");
            }
        }
        let (short, full) = (read(&short).unwrap(), read(&full).unwrap());
        prop_assert_eq!(&short.packages, &full.packages);
        prop_assert_eq!(&short.roots, &full.roots);
        for (package, (name, targets)) in short.packages.iter().zip(&lock) {
            prop_assert_eq!(&package.name, name);
            prop_assert_eq!(package.dependencies.len(), targets.len());
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[\\[package\\]\\]\n|name = |version = |\"[a-z0-9 ()]{0,6}\"\n|dependencies = |\\[|\\]|,|\n|4|é){0,40}") {
        if let Err(problems) = read(&text) {
            let lines = text.split('\n').count();
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.line >= 1 && problem.line <= lines, "{:?}", problem);
                prop_assert!(problem.column >= 1);
            }
        }
    }

    #[test]
    fn cutting_a_lock_file_anywhere_is_a_fault_or_a_shorter_lock(cut in 0..V4.len()) {
        prop_assume!(V4.is_char_boundary(cut));
        if let Ok(lock) = read(&V4[..cut]) {
            prop_assert!(lock.package_count <= 5);
        }
    }
}
