//! `first` takes the first member that succeeded, in declared order.
//!
//! A join sees its members when all of them have ended, so that declared order is the only order there
//! is, and the answer the same in every run.
//!
//! # Output
//! The member's own output where it is an object, else the output under `<member>_output`; and, where
//! members have no result, those under `_failed`.
//!
//! # Faults
//! `permanent` when no member has a result.
//!
//! # Configuration
//! None.

use members::{FAILED_KEY, Members, NoConfig};
use menagerie::prelude::*;
use serde_json::Map;

#[menagerie::aggregator(skills = ["first"], check)]
fn aggregate(
    results: Vec<Member<Value>>,
    _config: NoConfig,
) -> Result<Outcome<Map<String, Value>>, Fault> {
    let members = Members::sort_and_require_one(results)?;
    let failed = members.failed_list()?;
    let mut taken = Map::new();
    if let Some((member, output)) = members.valid.into_iter().next() {
        match output {
            Value::Object(object) => taken = object,
            other => {
                taken.insert(format!("{member}_output"), other);
            }
        }
    }
    if let Some(failed) = failed {
        taken.insert(FAILED_KEY.to_owned(), failed);
    }
    Ok(Outcome::new(taken))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failed expectation in a test is the test's answer"
    )]

    use super::{NoConfig, aggregate};
    use menagerie::prelude::*;
    use serde_json::json;

    #[test]
    fn the_first_that_succeeded_is_taken_and_failures_are_listed() {
        let members = vec![
            Member::failed("one", Fault::permanent("no luck")),
            Member::completed("two", json!({"a": 2})),
            Member::completed("three", json!({"a": 3})),
        ];
        let taken = aggregate(members, NoConfig {}).unwrap().output;
        assert_eq!(taken["a"], 2);
        assert_eq!(taken["_failed"][0]["member"], "one");
    }

    #[test]
    fn an_output_that_is_no_object_stands_under_its_members_name() {
        let taken = aggregate(vec![Member::completed("one", json!(7))], NoConfig {})
            .unwrap()
            .output;
        assert_eq!(Value::Object(taken), json!({"one_output": 7}));
    }

    #[test]
    fn no_valid_member_is_a_failure() {
        assert!(aggregate(vec![Member::ended("one", "skipped")], NoConfig {}).is_err());
    }
}
