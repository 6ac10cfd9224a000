#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use menagerie::Json;

use crate::check;
use crate::rule::Config;

fn problems(text: &str) -> Vec<(String, Option<u32>, String)> {
    let config: Config = Json::from_text(text).read().unwrap();
    let agents = ["scan", "report"].map(str::to_owned).to_vec();
    let problems = check(config, agents).into_iter();
    problems
        .map(|problem| (problem.pointer, problem.offset, problem.message))
        .collect()
}

#[test]
fn good_rules_have_no_problem() {
    assert_eq!(
        problems(
            r#"{"rules": [{"when": "has(state.scan)", "then": "route", "targets": ["report"]}]}"#
        ),
        []
    );
    assert_eq!(problems("{}"), []);
}

#[test]
fn a_wrong_condition_has_its_pointer_and_byte_offset() {
    let found = problems(
        r#"{"rules": [{"when": "true", "then": "end"}, {"when": "state.a == 'é' && )", "then": "end"}]}"#,
    );
    assert_eq!(found[0].0, "/rules/1/when");
    assert_eq!(found[0].1, Some(19));
}

#[test]
fn everything_else_that_is_wrong_has_its_pointer() {
    let found = problems(
        r#"{"rules": [
            {"when": "true", "then": "route", "targets": ["scan", "reprot", "end"], "join": "merge", "fail_fast": true},
            {"when": "true", "then": "end", "targets": ["scan"], "times": 0, "confidence": 2},
            {"when": "true", "then": "parallel", "targets": ["scan"], "status": "failed", "join_config": {}}
        ]}"#,
    );
    let pointers: Vec<&str> = found
        .iter()
        .map(|(pointer, _, _)| pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        [
            "/rules/0/targets/1",
            "/rules/0/targets/2",
            "/rules/0/join",
            "/rules/0/fail_fast",
            "/rules/1/targets",
            "/rules/1/times",
            "/rules/1/confidence",
            "/rules/2/join_config",
            "/rules/2/status",
        ]
    );
    assert!(found[0].2.ends_with("did you mean `report`?"));
}

#[test]
fn an_unknown_key_or_word_is_named_with_its_place() {
    for (text, part, pointer) in [
        (
            r#"{"rules": [{"when": "true", "then": "end", "target": []}]}"#,
            "target",
            "/rules/0",
        ),
        (
            r#"{"rules": [{"when": "true", "then": "halt"}]}"#,
            "halt",
            "/rules/0",
        ),
        (r#"{"rule": []}"#, "rule", ""),
    ] {
        let error = Json::from_text(text).read::<Config>().unwrap_err();
        assert!(error.message.contains(part), "{error}");
        assert!(error.pointer.starts_with(pointer), "{error}");
    }
}
