//! `all` lists every member with its status and its output or error, in declared order.
//!
//! # Output
//! ```json
//! {"results": [
//!   {"member": "first", "status": "completed", "output": {"a": 1}},
//!   {"member": "second", "status": "failed", "error": {"code": "transient", "message": "…"}}
//! ]}
//! ```
//!
//! # Faults
//! `permanent` when no member has a result.
//!
//! # Configuration
//! None.

use members::{ListedError, NoConfig, listed, none_valid};
use menagerie::prelude::*;
use serde::Serialize;

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    results: Vec<Entry>,
}

/// One member.
#[derive(Debug, Serialize)]
struct Entry {
    member: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ListedError>,
}

#[menagerie::aggregator(skills = ["list"], check)]
fn aggregate(results: Vec<Member<Value>>, _config: NoConfig) -> Result<Outcome<Output>, Fault> {
    let is_valid = |member: &Member<Value>| member.is_completed() && member.output.is_some();
    if !results.iter().any(is_valid) {
        return Err(none_valid(&members::Members::sort(results).failed));
    }
    let entry = |member: Member<Value>| Entry {
        output: if member.is_completed() {
            member.output
        } else {
            None
        },
        error: member.error.as_ref().map(listed),
        member: member.name,
        status: member.status,
    };
    Ok(Outcome::new(Output {
        results: results.into_iter().map(entry).collect(),
    }))
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
    fn every_member_is_listed_in_declared_order() {
        let members = vec![
            Member::failed("one", Fault::transient("cut")),
            Member::completed("two", json!([2])),
            Member::ended("three", "cancelled"),
        ];
        let output = serde_json::to_value(aggregate(members, NoConfig {}).unwrap().output).unwrap();
        assert_eq!(
            output,
            json!({"results": [
                {"member": "one", "status": "failed", "error": {"code": "transient", "message": "cut"}},
                {"member": "two", "status": "completed", "output": [2]},
                {"member": "three", "status": "cancelled"},
            ]})
        );
    }

    #[test]
    fn no_valid_member_is_a_failure_and_no_list_of_failures() {
        let fault = aggregate(vec![Member::ended("one", "cancelled")], NoConfig {}).unwrap_err();
        assert!(fault.message.contains("`one` cancelled"), "{fault}");
    }
}
