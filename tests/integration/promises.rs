//! Every promise of `tests/DURABILITY.md` names tests, and every test that it names is there.

use std::collections::BTreeSet;

use crate::program::root;

/// A row of the table.
struct Promise {
    number: usize,
    says: String,
    /// Each as `path of the file::name of the test`.
    tests: Vec<String>,
}

/// The rows of a table; every line that looks like one must be one.
fn promises(table: &str) -> Vec<Promise> {
    let rows = table.lines().filter(|line| {
        let heading = line.starts_with("| no. |") || line.starts_with("|---");
        line.starts_with('|') && !heading
    });
    let promise = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, says, tests] = cells[..] else {
            panic!("a row has three cells, and this one {}: {row}", cells.len());
        };
        let named = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        Promise {
            number: number
                .parse()
                .unwrap_or_else(|_| panic!("no number: {row}")),
            says: says.to_owned(),
            tests: named.collect(),
        }
    };
    rows.map(promise).collect()
}

/// What is wrong with a name of a test, if anything is.
fn trouble(named: &str) -> Option<String> {
    let Some((file, name)) = named.split_once("::") else {
        return Some(format!("`{named}` is no `file::test`"));
    };
    let Ok(source) = std::fs::read_to_string(root().join(file)) else {
        return Some(format!("there is no file {file}"));
    };
    trouble_in(&source, name).map(|trouble| format!("{file}: {trouble}"))
}

fn trouble_in(source: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let head = format!("fn {name}(");
    let Some(at) = lines.iter().position(|line| line.contains(&head)) else {
        return Some(format!("there is no `fn {name}`"));
    };
    // What belongs to a function's head stands right above it.
    let above = lines[..at].iter().rev().take_while(|line| {
        let line = line.trim();
        line.starts_with("#[") || line.starts_with("///") || line.starts_with("//")
    });
    let above: Vec<&str> = above.map(|line| line.trim()).collect();
    if above.iter().any(|line| line.starts_with("#[ignore")) {
        return Some(format!("`{name}` is ignored: it fails for nobody"));
    }
    let marked = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    // Two macros make tests for each kind of store: one lists the functions, one stands around them.
    // A binary with a `main` of its own has a list.
    let lists = ["on_both!", "const TESTS: "];
    let listed = lists.iter().any(|list| source.contains(list)) && source.matches(name).count() > 1;
    let made = listed || source.contains("on_both_stores!");
    if made || above.iter().any(marked) {
        None
    } else {
        Some(format!("`{name}` is no test"))
    }
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let table = std::fs::read_to_string(root().join("tests/DURABILITY.md")).unwrap();
    let promises = promises(&table);
    let mut troubles = Vec::new();
    let mut said = BTreeSet::new();
    for (place, promise) in promises.iter().enumerate() {
        let number = promise.number;
        if number != place + 1 {
            troubles.push(format!("row {} has the number {number}", place + 1));
        }
        if !said.insert(&promise.says) {
            troubles.push(format!("{number} is said twice"));
        }
        if promise.tests.is_empty() {
            troubles.push(format!("{number} names no test: {}", promise.says));
        }
        let wrong = promise.tests.iter().filter_map(|test| trouble(test));
        troubles.extend(wrong.map(|trouble| format!("{number}: {trouble}")));
    }
    assert!(promises.len() > 50, "the table has {} rows", promises.len());
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

#[test]
fn a_name_that_is_no_test_is_seen() {
    let source = "#[test]\nfn good() {}\n\nfn helper() {}\n\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n";
    assert_eq!(trouble_in(source, "good"), None);
    for name in ["helper", "ignored", "absent", "goo"] {
        assert!(trouble_in(source, name).is_some(), "{name}");
    }
    assert!(trouble("tests/absent.rs::good").is_some());
    assert!(trouble("good").is_some());
    let table = "| no. | promise | tests |\n|---|---|---|\n| 1 | it holds | by itself |\n";
    assert!(promises(table)[0].tests.is_empty());
}

/// A row of `tests/ATTACKS.md`: its number, its guests, its tests.
fn attacks(table: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| no. |"));
    let quoted = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let row = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, guests, _, tests] = cells[..] else {
            panic!("a row has five cells, and this one {}: {row}", cells.len());
        };
        (number.to_owned(), quoted(guests), quoted(tests))
    };
    rows.map(row).collect()
}

#[test]
fn every_attack_names_guests_and_tests_that_are_there() {
    let table = std::fs::read_to_string(root().join("tests/ATTACKS.md")).unwrap();
    let attacks = attacks(&table);
    assert!(attacks.len() > 40, "the tables have {} rows", attacks.len());
    let mut troubles = Vec::new();
    for (place, (number, guests, tests)) in attacks.iter().enumerate() {
        if *number != (place + 1).to_string() {
            troubles.push(format!("row {} has the number {number}", place + 1));
        }
        if tests.is_empty() {
            troubles.push(format!("{number} names no test"));
        }
        for guest in guests {
            if !root().join(format!("tests/guests/{guest}.wat")).is_file() {
                troubles.push(format!("{number}: there is no guest {guest}"));
            }
        }
        let wrong = tests.iter().filter_map(|test| trouble(test));
        troubles.extend(wrong.map(|trouble| format!("{number}: {trouble}")));
    }
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}
