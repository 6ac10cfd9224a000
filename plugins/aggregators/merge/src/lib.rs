//! `merge` lays the outputs of all members over each other, the later over the earlier.
//!
//! # Input
//! An object's keys come into the result as they are (no level deeper); any other output comes under
//! `<member>_output`.
//!
//! # Output
//! ```json
//! {"a": 1, "b": 2,
//!  "_collisions": [{"key": "b", "members": ["first", "second"], "kept": "second"}],
//!  "_failed": [{"member": "third", "status": "failed", "error": {"code": "transient", "message": "…"}}]}
//! ```
//! `_collisions` lists the keys that several members wrote, each with its members in their order;
//! `_failed` the members without a result. Either is left out where it would be empty. Members that
//! answer such lists themselves have them joined into one.
//!
//! # Faults
//! `permanent` when no member has a result.
//!
//! # Configuration
//! None.

use std::collections::BTreeMap;

use members::{FAILED_KEY, Members, NoConfig};
use menagerie::prelude::*;
use serde::Serialize;
use serde_json::Map;

/// The key under which collisions are listed.
const COLLISIONS_KEY: &str = "_collisions";

/// A key that several members wrote.
#[derive(Debug, Serialize)]
struct Collision {
    key: String,
    members: Vec<String>,
    kept: String,
}

#[menagerie::aggregator(skills = ["merge"], check)]
fn aggregate(
    results: Vec<Member<Value>>,
    _config: NoConfig,
) -> Result<Outcome<Map<String, Value>>, Fault> {
    let members = Members::sort_and_require_one(results)?;
    let failed = members.failed_list()?;
    let mut merged = Map::new();
    let mut writers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut notes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (member, output) in members.valid {
        let Value::Object(object) = output else {
            let key = format!("{member}_output");
            writers.entry(key.clone()).or_default().push(member);
            merged.insert(key, output);
            continue;
        };
        for (key, value) in object {
            let list = [COLLISIONS_KEY, FAILED_KEY]
                .into_iter()
                .find(|list| *list == key);
            match (list, value) {
                (Some(list), Value::Array(items)) => notes.entry(list).or_default().extend(items),
                (_, value) => {
                    writers.entry(key.clone()).or_default().push(member.clone());
                    merged.insert(key, value);
                }
            }
        }
    }
    for (key, members) in writers.into_iter().filter(|(_, members)| members.len() > 1) {
        let kept = members.last().cloned().unwrap_or_default();
        let collision =
            serde_json::to_value(Collision { key, members, kept }).map_err(Fault::permanent)?;
        notes.entry(COLLISIONS_KEY).or_default().push(collision);
    }
    if let Some(Value::Array(failed)) = failed {
        notes.entry(FAILED_KEY).or_default().extend(failed);
    }
    for (key, items) in notes {
        merged.insert(key.to_owned(), Value::Array(items));
    }
    Ok(Outcome::new(merged))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failed expectation in a test is the test's answer"
    )]

    use super::{NoConfig, aggregate};
    use menagerie::prelude::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn merged(members: Vec<Member<Value>>) -> Value {
        Value::Object(aggregate(members, NoConfig {}).unwrap().output)
    }

    #[test]
    fn objects_are_laid_over_each_other_and_collisions_noted() {
        let result = merged(vec![
            Member::completed("one", json!({"a": 1, "b": {"deep": 1}})),
            Member::completed("two", json!({"b": {"other": 2}})),
            Member::completed("three", json!([3])),
        ]);
        assert_eq!(
            result,
            json!({"a": 1, "b": {"other": 2}, "three_output": [3],
                   "_collisions": [{"key": "b", "members": ["one", "two"], "kept": "two"}]})
        );
    }

    #[test]
    fn a_failed_member_is_listed_beside_the_others_results() {
        let result = merged(vec![
            Member::failed("one", Fault::transient("cut")),
            Member::completed("two", json!({"a": 1})),
        ]);
        assert_eq!(result["_failed"][0]["member"], "one");
        assert_eq!(result["_failed"][0]["error"]["message"], "cut");
        assert_eq!(result["a"], 1);
    }

    #[test]
    fn lists_of_joins_below_are_joined() {
        let below = json!({"_failed": [{"member": "deep", "status": "failed"}]});
        let result = merged(vec![
            Member::completed("one", below.clone()),
            Member::completed("two", below),
        ]);
        assert_eq!(result["_failed"].as_array().unwrap().len(), 2);
        assert_eq!(result.get("_collisions"), None);
    }

    #[test]
    fn no_valid_member_is_a_failure_and_no_empty_object() {
        let fault = aggregate(vec![Member::ended("one", "skipped")], NoConfig {}).unwrap_err();
        assert!(fault.message.contains("`one` skipped"), "{fault}");
    }

    proptest! {
        #[test]
        fn the_last_writer_of_each_key_wins_and_nothing_is_lost(
            outputs in prop::collection::vec(prop::collection::btree_map("[a-e]", 0u8..10, 0..5), 1..6)
        ) {
            let members = outputs
                .iter()
                .enumerate()
                .map(|(index, output)| Member::completed(format!("m{index}"), json!(output)))
                .collect();
            let result = merged(members);
            for key in ["a", "b", "c", "d", "e"] {
                let writers: Vec<usize> =
                    (0..outputs.len()).filter(|index| outputs[*index].contains_key(key)).collect();
                let last = writers.last().map(|index| json!(outputs[*index][key]));
                prop_assert_eq!(result.get(key), last.as_ref());
                let collisions = result.get("_collisions").and_then(Value::as_array).cloned().unwrap_or_default();
                let noted = collisions.iter().find(|note| note["key"] == key);
                prop_assert_eq!(noted.is_some(), writers.len() > 1);
            }
        }
    }
}
