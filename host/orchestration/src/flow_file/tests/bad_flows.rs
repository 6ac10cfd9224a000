//! A table of bad flow files with every message in full: `bad_flows.txt`.
//!
//! Each case is a title, a file and the messages. `UPDATE_EXPECT=1 cargo test -p
//! menagerie-orchestration` writes the messages as they are now; the difference is then read by a
//! person.

use super::super::{parse, schema};

const TABLE: &str = include_str!("bad_flows.txt");

struct Case<'t> {
    title: &'t str,
    file: &'t str,
    messages: &'t str,
}

fn cases() -> Vec<Case<'static>> {
    TABLE
        .split("## ")
        .skip(1)
        .map(|case| {
            let (title, rest) = case.split_once('\n').unwrap();
            let (file, messages) = rest.split_once("---\n").unwrap();
            Case {
                title,
                file,
                messages,
            }
        })
        .collect()
}

fn messages(file: &str) -> String {
    match parse(file) {
        Ok(_) => "no problem\n".to_owned(),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect(),
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test writes its own table when a person asks it to"
)]
fn each_mistake_is_answered_with_its_place_and_what_was_expected() {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let updated: String = cases()
            .iter()
            .map(|case| {
                let messages = messages(case.file);
                format!("## {}\n{}---\n{messages}", case.title, case.file)
            })
            .collect();
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/flow_file/tests/bad_flows.txt"
        );
        std::fs::write(path, updated).unwrap();
        return;
    }
    assert!(cases().len() >= 25, "the table has lost cases");
    for case in cases() {
        assert_eq!(messages(case.file), case.messages, "{}", case.title);
    }
}

#[test]
fn each_message_is_harmless_on_a_terminal_and_lies_within_its_file() {
    for case in cases() {
        for problem in parse(case.file).unwrap_err() {
            let text = problem.in_file("f.toml").to_string();
            assert!(!text.contains(char::is_control), "{}: {text:?}", case.title);
            assert!(case.file.get(problem.span.clone()).is_some(), "{text}");
            let line = case.file.split('\n').nth(problem.line - 1).unwrap();
            let end = problem.column - 1 + problem.length;
            assert!(end <= line.chars().count(), "{text}");
        }
    }
}

#[test]
fn the_published_schema_is_a_schema_and_refuses_what_the_parser_refuses_as_shape() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    for case in cases() {
        let Ok(value) = toml::from_str::<serde_json::Value>(case.file) else {
            continue;
        };
        // The other direction is a property test: what the schema accepts may still name an
        // agent that is not there.
        if !validator.is_valid(&value) {
            assert!(parse(case.file).is_err(), "{}", case.title);
        }
    }
}
