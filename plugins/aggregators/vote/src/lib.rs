//! `vote` counts what the members say in one field.
//!
//! # Configuration
//! ```toml
//! field = "verdict"       # a key of each output, or a JSON pointer such as "/report/verdict"
//! quorum = 2              # ballots that must be cast; 1 when absent
//! quorum_share = 0.5      # the same as a share of all members; where both are given, both must hold
//! needs = "plurality"     # or "majority": more than half of the ballots that were cast
//! ties = "fail"           # or "first": the value voted for first wins; or "abstain": nobody wins
//! ```
//!
//! # What counts
//! A member that completed with a value in the field has cast a ballot. One that completed without the
//! field, or with null in it, has abstained: it counts for no value and not for the quorum. One that
//! failed, was skipped or was cancelled is listed and never counted. Two values are equal when they are
//! the same JSON value: the order of keys does not matter, and 1.0 is 1.
//!
//! # Output
//! ```json
//! {"vote": {
//!   "field": "verdict", "winner": "pass", "votes": 2, "tie": false,
//!   "counts": [{"value": "pass", "votes": 2, "members": ["a", "b"]}],
//!   "ballots": [{"member": "a", "status": "completed", "ballot": "cast", "value": "pass"}, …],
//!   "abstained": ["c"],
//!   "failed": [{"member": "d", "status": "failed", "error": {"code": "permanent", "message": "…"}}],
//!   "quorum": {"needed": 1, "cast": 2, "members": 4}
//! }}
//! ```
//! `winner` is null in a tie with `ties = "abstain"`.
//!
//! # Faults
//! `permanent` when no member has a result, the quorum is missed, a needed majority is missed, or a tie is
//! to fail. Its details hold the whole count under `vote`.

mod count;

use menagerie::prelude::*;

use crate::count::{Config, Output, count};

#[menagerie::aggregator(skills = ["vote"], check = check)]
fn aggregate(results: Vec<Member<Value>>, config: Config) -> Result<Outcome<Output>, Fault> {
    count(results, &config).map(Outcome::new)
}

fn check(config: Config, _agents: Vec<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.field.is_empty() {
        problems.push(Problem::at(
            "/field",
            "found an empty text; expected a key or a JSON pointer",
        ));
    }
    if config.quorum == Some(0) {
        problems.push(Problem::at("/quorum", "found 0; expected at least 1"));
    }
    if config
        .quorum_share
        .is_some_and(|share| !(share > 0.0 && share <= 1.0))
    {
        problems.push(Problem::at(
            "/quorum_share",
            "expected a number above 0 and at most 1",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failed expectation in a test is the test's answer"
    )]

    use super::{Config, check};

    #[test]
    fn the_check_names_each_place_that_is_wrong() {
        let text = r#"{"field": "", "quorum": 0, "quorum_share": 2}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        let problems = check(config, Vec::new());
        let pointers: Vec<&str> = problems
            .iter()
            .map(|problem| problem.pointer.as_str())
            .collect();
        assert_eq!(pointers, ["/field", "/quorum", "/quorum_share"]);
        assert!(serde_json::from_str::<Config>(r#"{"field": "a", "quorom": 1}"#).is_err());
    }
}
