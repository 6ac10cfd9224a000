//! Documents that nobody would send on purpose, all of them I-JSON: whatever a plugin makes of one, it has
//! to be an answer or a fault.

use serde_json::{Map, Value, json};

/// Hostile documents, and variations of a good one in which one value is of another type, or missing.
pub(crate) fn hostile(good: &Value) -> Vec<(String, Value)> {
    let mut list: Vec<(String, Value)> = plain()
        .into_iter()
        .map(|(what, value)| (what.to_owned(), value))
        .collect();
    vary(good, "", &mut |place, value| {
        let mut changed = good.clone();
        match value {
            Some(value) => {
                if let Some(there) = changed.pointer_mut(place) {
                    *there = value.clone();
                    list.push((format!("{} at {place}", kind_of(&value)), changed));
                }
            }
            None => {
                if remove(&mut changed, place) {
                    list.push((format!("nothing at {place}"), changed));
                }
            }
        }
    });
    list
}

fn plain() -> Vec<(&'static str, Value)> {
    let nested = (0..60).fold(json!(1), |inner, _| json!([inner]));
    let wide: Map<String, Value> = (0..2_000).map(|n| (format!("key{n}"), json!(n))).collect();
    vec![
        ("null", Value::Null),
        ("a truth value", json!(true)),
        ("a number", json!(-1.5e300)),
        ("the largest integer", json!(9_007_199_254_740_991_i64)),
        ("an empty text", json!("")),
        ("an empty list", json!([])),
        ("an empty object", json!({})),
        (
            "text of every kind",
            json!("a\u{0}\u{1f600}\u{202e}e\u{301}\u{fffd}\n\"\\"),
        ),
        ("a long text", json!("x".repeat(200_000))),
        (
            "names that mean something elsewhere",
            json!({"__proto__": {"a": 1}, "constructor": 1, "__class__": "x", "": null}),
        ),
        ("nesting", nested),
        ("many members", Value::Object(wide)),
    ]
}

/// Calls back for each place of a document with values of other types, and with none.
fn vary(value: &Value, place: &str, call: &mut impl FnMut(&str, Option<Value>)) {
    if !place.is_empty() {
        for other in [
            json!(null),
            json!(0),
            json!("text"),
            json!([1]),
            json!({"a": 1}),
        ] {
            if kind_of(&other) != kind_of(value) {
                call(place, Some(other));
            }
        }
        call(place, None);
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                vary(member, &format!("{place}/{name}"), call);
            }
        }
        // One of a list stands for all.
        Value::Array(items) => {
            if let Some(first) = items.first() {
                vary(first, &format!("{place}/0"), call);
            }
        }
        _ => {}
    }
}

fn remove(document: &mut Value, place: &str) -> bool {
    let Some((parent, name)) = place.rsplit_once('/') else {
        return false;
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => members.remove(&name).is_some(),
        _ => false,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::hostile;

    #[test]
    fn each_place_of_a_good_document_is_once_of_another_type_and_once_missing() {
        let list = hostile(&json!({"text": "x", "a/b": [1]}));
        let named = |name: &str| {
            list.iter()
                .find(|(what, _)| what == name)
                .map(|(_, value)| value.clone())
        };
        assert_eq!(
            named("a number at /text"),
            Some(json!({"text": 0, "a/b": [1]}))
        );
        assert_eq!(named("nothing at /text"), Some(json!({"a/b": [1]})));
        assert_eq!(named("nothing at /a~1b"), Some(json!({"text": "x"})));
        assert_eq!(
            named("null at /a~1b/0"),
            Some(json!({"text": "x", "a/b": [null]}))
        );
        assert_eq!(named("a text at /text"), None);
    }
}
