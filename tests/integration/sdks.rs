//! The table of `sdk/README.md`: what it says that a language has, a plugin is written with that some test builds and
//! calls.

use crate::fetching::FETCHING;
use crate::languages::{LOOKING_BACK, NEW, SHARING};
use crate::program::root;

/// The table's columns, as `menagerie new --lang` has them.
const LANGUAGES: [&str; 5] = ["rust", "python", "js", "c", "go"];

/// Tests that build plugins out of sources of their own, and where the one in Rust is that is called beside them.
type Sources = &'static [(&'static str, &'static str, &'static str)];
const TESTS: [(&str, Sources, &[&str]); 3] = [
    (
        "every_language_fetches_what_it_is_granted_and_nothing_else",
        &FETCHING,
        &["tests/rust-guests/fetcher/src/lib.rs"],
    ),
    (
        "what_is_shared_and_made_is_the_same_in_every_language",
        &SHARING,
        &[
            "tests/rust-guests/sharer/src/lib.rs",
            "tests/rust-guests/filer/src/lib.rs",
        ],
    ),
    (
        "strategies_of_every_language_see_older_history_and_figures",
        &LOOKING_BACK,
        &[
            "plugins/strategies/rules/src/lib.rs",
            "plugins/strategies/adaptive/src/lib.rs",
        ],
    ),
];

/// The guests of the one suite.
const MIRRORS: [(&str, &str); 5] = [
    ("rust", "tests/rust-guests/mirror/src/lib.rs"),
    ("python", "tests/languages/python/plugin.py"),
    ("js", "tests/languages/ts/index.ts"),
    ("c", "tests/languages/c/plugin.c"),
    ("go", "tests/languages/go/plugin.go"),
];

struct Row {
    says: String,
    /// The words of each language; none where it has none.
    cells: Vec<Vec<String>>,
    tried_by: String,
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn words(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The rows of the table, or what is wrong with one.
fn rows(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut rows = Vec::new();
    for line in lines {
        let cells: Vec<&str> = line.trim_matches('|').split(" |").map(str::trim).collect();
        let [says, languages @ .., tried_by] = cells.as_slice() else {
            return Err(format!("no row: {line}"));
        };
        if languages.len() != LANGUAGES.len() {
            return Err(format!("{says}: {} languages", languages.len()));
        }
        if says.starts_with("**") {
            continue;
        }
        let wrong = languages
            .iter()
            .find(|cell| words(cell).is_empty() && **cell != "–");
        if let Some(wrong) = wrong {
            return Err(format!("{says}: `{wrong}` is neither words nor –"));
        }
        rows.push(Row {
            says: (*says).to_owned(),
            cells: languages.iter().map(|cell| words(cell)).collect(),
            tried_by: (*tried_by).to_owned(),
        });
    }
    Ok(rows)
}

/// The sources in which a row is tried in a language; none where it is not.
fn tried(tried_by: &str, language: &str) -> Result<Option<String>, String> {
    let test = tried_by.trim_matches('`');
    if let Some(kind) = test.strip_prefix("new ") {
        let known = |name: &str| NEW.contains(&(name, kind));
        if !(known(language) || language == "js" && known("ts")) {
            return Ok(None);
        }
        let end = match language {
            "rust" => "rs",
            "python" => "py",
            "js" => "ts",
            other => other,
        };
        return Ok(Some(read(&format!("sdk/{language}/template/{kind}.{end}"))));
    }
    if let Some((_, sources, rust)) = TESTS.iter().find(|(name, ..)| *name == test) {
        if language == "rust" {
            return Ok(Some(rust.iter().map(|file| read(file)).collect()));
        }
        let own = sources.iter().find(|(name, ..)| *name == language);
        return Ok(own.map(|(_, _, source)| (*source).to_owned()));
    }
    let cases = read("tests/languages/cases.toml");
    if !cases.contains(&format!("name = \"{tried_by}\"\n")) {
        return Err(format!("`{tried_by}` is neither a case nor a known test"));
    }
    let mirror = MIRRORS.iter().find(|(name, _)| *name == language);
    Ok(mirror.map(|(_, file)| read(file)))
}

/// Whether a source has a word, and not as a part of another.
fn has(source: &str, word: &str) -> bool {
    let part = |at: Option<char>| at.is_some_and(|at| at.is_alphanumeric() || at == '_');
    source.match_indices(word).any(|(at, _)| {
        let before = source[..at].chars().next_back();
        let after = source[at + word.len()..].chars().next();
        !part(before) && !part(after)
    })
}

/// What a table claims that nothing shows.
fn unproved(table: &str) -> Vec<String> {
    let rows = match rows(table) {
        Ok(rows) => rows,
        Err(wrong) => return vec![wrong],
    };
    let mut unproved = Vec::new();
    for row in &rows {
        for (language, words) in LANGUAGES.iter().zip(&row.cells) {
            let says = &row.says;
            match tried(&row.tried_by, language) {
                Err(wrong) => unproved.push(format!("{says}: {wrong}")),
                Ok(None) if words.is_empty() => {}
                Ok(None) => unproved.push(format!("{says}: not tried in {language}")),
                Ok(Some(source)) => unproved.extend(
                    words
                        .iter()
                        .filter(|word| !has(&source, word))
                        .map(|word| format!("{says}: no plugin in {language} has `{word}`")),
                ),
            }
        }
    }
    unproved
}

#[test]
fn whatever_the_table_says_that_a_language_has_is_tried() {
    let table = read("sdk/README.md");
    assert!(rows(&table).unwrap().len() >= 30, "the table lacks rows");
    let unproved = unproved(&table);
    assert!(unproved.is_empty(), "{unproved:#?}");
}

/// Everything that a plugin may import, and where it is written.
const IMPORTS: [(&str, &str); 10] = [
    ("invocation", "wit/host.wit"),
    ("log", "wit/host.wit"),
    ("clock", "wit/host.wit"),
    ("random", "wit/host.wit"),
    ("progress", "wit/host.wit"),
    ("http", "wit/http.wit"),
    ("shared", "wit/shared.wit"),
    ("artifacts", "wit/artifacts.wit"),
    ("history", "wit/strategy.wit"),
    ("figures", "wit/strategy.wit"),
];

/// Whether a word of C is a function of the host's, or a short one that calls it.
fn calls(word: &str, function: &str, header: &str) -> bool {
    let body = header.split_once(&format!(" bool {word}("));
    let body = body.and_then(|(_, rest)| rest.split_once("\n}\n"));
    word == function || body.is_some_and(|(body, _)| has(body, function))
}

#[test]
fn every_function_of_the_host_is_in_the_table() {
    let rows = rows(&read("sdk/README.md")).unwrap();
    let words: Vec<&String> = rows.iter().flat_map(|row| &row.cells[3]).collect();
    let header = read("sdk/c/grants.h");
    let mut functions = 0;
    for (interface, file) in IMPORTS {
        let text = read(file);
        let head = format!("\ninterface {interface} {{");
        let (_, rest) = text.split_once(&head).unwrap();
        let (body, _) = rest.split_once("\n}").unwrap();
        for line in body.lines() {
            let Some((name, _)) = line.trim().split_once(": func") else {
                continue;
            };
            // C has the contract's own names, so that its column tells of every function.
            let name = format!("menagerie_plugin_{interface}_{}", name.replace('-', "_"));
            let found = words.iter().any(|word| calls(word, &name, &header));
            assert!(found, "{name} is in no row");
            functions += 1;
        }
    }
    assert!(functions > 25, "{functions} functions were found");
}

#[test]
fn a_table_that_claims_too_much_is_not_believed() {
    let head = "| | Rust | Python | JavaScript, TypeScript | C | Go | tried by |\n|---|---|---|---|---|---|---|\n";
    let of = |row: &str| unproved(&format!("{head}{row}\n"));
    let log = "| log | `menagerie::info` | `log.info` | `log.info` | `log_info` | `menagerie.Info` | the log is written |";
    assert_eq!(of(log), Vec::<String>::new());
    for (word, other, expected) in [
        (
            "`menagerie.Info`",
            "`menagerie.Inform`",
            "in go has `menagerie.Inform`",
        ),
        // A part of a word is none.
        (
            "`menagerie.Info`",
            "`menagerie.Inf`",
            "in go has `menagerie.Inf`",
        ),
        ("`log_info`", "yes", "neither words nor"),
        (
            "the log is written",
            "the log is carved",
            "neither a case nor",
        ),
        ("the log is written", "`new logger`", "not tried in"),
    ] {
        let wrong = of(&log.replace(word, other));
        assert!(wrong[0].contains(expected), "{wrong:?}");
    }
}
