//! A document that does not fit is answered with the place that does not fit.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use menagerie::{Json, JsonError};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only whether it can be read matters")]
struct Document {
    title: String,
    count: u32,
    ratio: f64,
    nested: Nested,
    list: Vec<Nested>,
    #[serde(rename = "odd/~name")]
    odd: Option<bool>,
    matrix: Vec<Vec<i64>>,
    map: BTreeMap<String, String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only whether it can be read matters")]
struct Nested {
    text: String,
    flags: Vec<bool>,
}

fn good() -> Value {
    let nested =
        json!({"text": "a \"quoted\" \\ {text} [with], brackets: é", "flags": [true, false]});
    json!({
        "title": "t", "count": 1, "ratio": 0.5, "nested": nested, "list": [nested, nested],
        "odd/~name": true, "matrix": [[1, 2], [], [3]], "map": {"a": "b", "c,d": "e"},
    })
}

/// Every pointer to a value that is neither an object nor an array.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => found.push(pointer.to_owned()),
    }
}

fn error_of(text: &str) -> JsonError {
    Json::from_text(text).read::<Document>().expect_err(text)
}

#[test]
fn every_value_of_a_wrong_type_is_named_by_its_pointer_and_line() {
    let good = good();
    Json::from_text(good.to_string())
        .read::<Document>()
        .unwrap();
    let mut pointers = Vec::new();
    leaves(&good, "", &mut pointers);
    assert_eq!(pointers.len(), 18);
    let wrongs = [json!({"a": [1]}), json!([[], "x"]), json!([])];
    for pointer in &pointers {
        for wrong in &wrongs {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong.clone();
            for text in [bad.to_string(), serde_json::to_string_pretty(&bad).unwrap()] {
                let error = error_of(&text);
                assert_eq!(&error.pointer, pointer, "{error}\n{text}");
                assert!(error.line <= text.lines().count());
                assert!(error.message.contains("expected"), "{error}");
                assert!(!error.message.contains(" at line "), "{error}");
            }
        }
    }
}

#[test]
fn a_scalar_of_a_wrong_type_is_named_too() {
    let good = good();
    let mut pointers = Vec::new();
    leaves(&good, "", &mut pointers);
    for pointer in &pointers {
        let is_text = good.pointer(pointer).unwrap().is_string();
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = if is_text {
            json!(-7)
        } else {
            json!("wrong \\\" }]")
        };
        let error = error_of(&bad.to_string());
        assert_eq!(&error.pointer, pointer, "{error}");
    }
}

#[test]
fn what_was_found_is_quoted_in_part_when_it_is_long() {
    let long = "é\"\n".repeat(100_000);
    let mut bad = good();
    bad["count"] = json!(long);
    let error = error_of(&bad.to_string());
    assert!(error.message.len() <= 512, "{}", error.message.len());
    assert!(
        error.message.starts_with("invalid type: string \"é"),
        "{error}"
    );
    assert!(error.message.ends_with("expected u32"), "{error}");
    // A name of any length is no reason for a sentence of that length either.
    let mut bad = good();
    bad["map"] = json!({ (long.clone()): 1 });
    let error = error_of(&bad.to_string());
    assert_eq!(error.pointer, format!("/map/{long}"));
    assert!(error.to_string().len() <= 2 * 512 + 100);
    assert!(error.to_string().contains("expected a string"), "{error}");
}

#[test]
fn a_missing_member_is_told_at_the_object_that_misses_it() {
    let mut bad = good();
    bad["list"][1].as_object_mut().unwrap().remove("flags");
    let error = error_of(&bad.to_string());
    assert_eq!(error.pointer, "/list/1");
    assert_eq!(error.message, "missing field `flags`");
}

#[test]
fn an_unknown_member_is_told_at_itself() {
    let mut bad = good();
    bad["nested"]["tetx"] = json!("x");
    let error = error_of(&bad.to_string());
    assert_eq!(error.pointer, "/nested/tetx");
    assert!(error.message.contains("unknown field `tetx`"), "{error}");
}

#[test]
fn text_that_is_no_json_is_told_by_line_and_column() {
    let error = error_of("{\n  \"title\": \"t\",\n  \"count\": ?\n}");
    assert_eq!(
        (error.line, error.column, error.pointer.as_str()),
        (3, 12, "/count")
    );
    assert_eq!(
        error.to_string(),
        "at /count (line 3, column 12): expected value"
    );
}

#[test]
fn broken_text_of_any_length_is_answered_and_never_a_panic() {
    let text = good().to_string();
    for (end, _) in text.char_indices() {
        let error = error_of(&text[..end]);
        assert!(!error.message.is_empty());
    }
}

#[test]
fn the_whole_document_is_named_by_a_slash() {
    let error = error_of("7");
    assert_eq!(error.pointer, "");
    assert!(
        error
            .to_string()
            .starts_with("at / (line 1, column 1): invalid type"),
        "{error}"
    );
}
