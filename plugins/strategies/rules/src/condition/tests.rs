#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use std::collections::HashMap;

use cel::{Context, Value};
use proptest::prelude::*;

use super::{Condition, Mistake};

fn mistakes(text: &str) -> Vec<Mistake> {
    Condition::parse(text).expect_err(text)
}

/// The condition's answer over a small state.
fn holds(text: &str) -> Result<bool, (usize, String)> {
    let condition =
        Condition::parse(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let mut context = Context::default();
    let state: HashMap<String, Value> = HashMap::from([
        ("count".to_owned(), Value::Int(3)),
        ("name".to_owned(), Value::from("é")),
        (
            "list".to_owned(),
            Value::List(vec![Value::Int(1), Value::Int(2)].into()),
        ),
    ]);
    context.add_variable_from_value("state", Value::Map(state.into()));
    context.add_variable_from_value("error", Value::Map(HashMap::<String, Value>::new().into()));
    context.add_variable_from_value("decision", Value::Int(1));
    condition
        .holds(&context)
        .map_err(|mistake| (condition.column(mistake.offset), mistake.message))
}

#[test]
fn conditions_hold_or_do_not() {
    for (text, expected) in [
        ("state.count == 3", true),
        ("state.count < 2.5", false),
        ("has(state.missing)", false),
        ("has(state.count) && state.count > 2", true),
        ("has(error.code) && error.code == 'transient'", false),
        ("state.list.exists(item, item == 2)", true),
        ("state.list.all(item, item > 1)", false),
        ("size(state.list) == 2 ? decision == 1 : false", true),
        ("state.name.startsWith('é')", true),
        ("false && state.missing == 1", false),
        ("state.missing == 1 || true", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn an_absent_key_is_an_error_at_its_column() {
    assert_eq!(
        holds("state.name != 'é.missing' && state.missing == 1"),
        Err((
            36,
            "there is no `missing` here; ask with `has(….missing)` first".to_owned()
        ))
    );
    let (column, message) = holds("state.name.length == 3").unwrap_err();
    assert_eq!(column, 6, "{message}");
    assert!(
        message.contains("a field is asked of what has none"),
        "{message}"
    );
    let (column, message) = holds("state.count > 'three'").unwrap_err();
    assert_eq!(
        (column, message.as_str()),
        (13, "`>` does not go with int and string")
    );
    let (_, message) = holds("state.list[7] == 1").unwrap_err();
    assert!(message.contains("out of bounds"), "{message}");
    let (_, message) = holds("decision / 0 == 1").unwrap_err();
    assert!(message.contains("zero"), "{message}");
}

#[test]
fn a_condition_that_is_no_boolean_says_what_it_is() {
    assert_eq!(
        holds("state.count"),
        Err((
            1,
            "its value is of type int; expected true or false".to_owned()
        ))
    );
}

#[test]
fn syntax_errors_have_their_byte_offset() {
    assert_eq!(mistakes("state.count > ")[0].offset, 14);
    let mistake = &mistakes("state.name == 'é' && + 3")[0];
    assert_eq!(mistake.offset, 22, "{mistake:?}");
    assert_eq!(mistakes("state.count ==\n  ) 3")[0].offset, 17);
    assert_eq!(mistakes("state.name == 'open")[0].offset, 14);
    assert!(!mistakes("")[0].message.is_empty());
}

#[test]
fn unknown_names_are_found_before_anything_runs() {
    let unknown = mistakes("state.count > 1 && stat.name == 'stat'");
    assert_eq!(
        unknown,
        [Mistake {
            offset: 19,
            message: "unknown name `stat`; did you mean `state`?".to_owned()
        }]
    );
    let unknown = mistakes("state.list.exists(item, item == other)");
    assert!(
        unknown[0].message.starts_with("unknown name `other`"),
        "{unknown:?}"
    );
    let unknown = mistakes("sizes(state.list) > 1");
    assert_eq!(
        unknown[0].message,
        "unknown function `sizes`; did you mean `size`?"
    );
    assert_eq!(unknown[0].offset, 0);
    assert!(
        mistakes("state.name.matches('a+')")[0]
            .message
            .starts_with("unknown function `matches`")
    );
}

#[test]
fn every_function_that_is_known_is_one_that_exists() {
    for text in [
        "bool('true')",
        "string(1) == '1'",
        "int('3') == 3",
        "uint(3) == 3u",
        "double(1) == 1.0",
        "dyn(true)",
        "'abc'.contains('b') && 'abc'.endsWith('c')",
        "type(1) == int",
        "bytes('a') == b'a'",
    ] {
        let text = text.replace("type(1) == int", "type(1) == type(2)");
        assert_eq!(holds(&text), Ok(true), "{text}");
    }
}

#[test]
fn long_and_deep_conditions_are_refused_before_they_are_parsed() {
    assert!(
        mistakes(&" ".repeat(2_001).replacen(' ', "x", 1))[0]
            .message
            .contains("2001 bytes")
    );
    for deep in [
        format!("{}1{}", "(".repeat(200), ")".repeat(200)),
        format!("{}true", "!".repeat(900)),
        format!("state{}", ".a".repeat(900)),
        format!("{}1", "1+".repeat(900)),
        format!("{}1{}", "true?".repeat(300), ":1".repeat(300)),
    ] {
        assert_eq!(mistakes(&deep).len(), 1, "{deep}");
    }
    let brackets = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    assert!(
        mistakes(&brackets)[0].message.contains("limit"),
        "{:?}",
        mistakes(&brackets)
    );
    let chain = format!("state{} == 1", ".a".repeat(40));
    assert!(
        mistakes(&chain)[0].message.contains("too deep"),
        "{:?}",
        mistakes(&chain)
    );
}

#[test]
fn a_condition_knows_what_it_needs() {
    let condition = Condition::parse("has(state.a.b) && size(state.c) > decision").unwrap();
    let state = condition.wanted.get("state").unwrap();
    let read = state
        .read(r#"{"a": {"b": 1, "x": 2}, "c": [1], "y": 3}"#)
        .unwrap();
    let Value::Map(map) = read else {
        panic!("a map")
    };
    assert_eq!(map.map.len(), 2);
    assert!(condition.wanted.contains_key("decision") && !condition.wanted.contains_key("task"));
}

proptest! {
    #[test]
    fn no_text_makes_a_condition_panic(
        text in "(state|error|decision|\\.|a|has\\(|\\(|\\)|\\[|\\]|\\{|\\}|==|&&|\\|\\||!|-|\\?|:|,|'|\"|é|1|0x|in|\n| ){0,60}"
    ) {
        match Condition::parse(&text) {
            Ok(condition) => {
                let mut context = Context::default();
                context.add_variable_from_value("decision", Value::Int(1));
                let _ = condition.holds(&context);
            }
            Err(mistakes) => {
                prop_assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    prop_assert!(text.is_char_boundary(mistake.offset), "{} at {}", text, mistake.offset);
                }
            }
        }
    }
}
