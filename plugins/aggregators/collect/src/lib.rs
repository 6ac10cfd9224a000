//! `collect` puts each member's output under the member's name.
//!
//! # Output
//! ```json
//! {"first": {"a": 1}, "second": [2],
//!  "_failed": [{"member": "third", "status": "failed", "error": {"code": "transient", "message": "…"}}]}
//! ```
//! `_failed` lists the members without a result; it is left out where all have one.
//!
//! # Faults
//! `permanent` when no member has a result.
//!
//! # Configuration
//! None.

use members::{FAILED_KEY, Members, NoConfig};
use menagerie::prelude::*;
use serde_json::Map;

#[menagerie::aggregator(skills = ["collect"], check)]
fn aggregate(
    results: Vec<Member<Value>>,
    _config: NoConfig,
) -> Result<Outcome<Map<String, Value>>, Fault> {
    let members = Members::sort_and_require_one(results)?;
    let failed = members.failed_list()?;
    let mut collected: Map<String, Value> = members.valid.into_iter().collect();
    if let Some(failed) = failed {
        collected.insert(FAILED_KEY.to_owned(), failed);
    }
    Ok(Outcome::new(collected))
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
    fn outputs_stand_under_their_members_names_and_failures_are_listed() {
        let members = vec![
            Member::completed("one", json!({"a": 1})),
            Member::completed("two", json!(null)),
            Member::failed("three", Fault::permanent("no luck")),
        ];
        let collected = aggregate(members, NoConfig {}).unwrap().output;
        assert_eq!(
            Value::Object(collected),
            json!({"one": {"a": 1}, "two": null, "_failed": [
                {"member": "three", "status": "failed", "error": {"code": "permanent", "message": "no luck"}}]})
        );
    }

    #[test]
    fn no_valid_member_is_a_failure_and_no_empty_object() {
        let members = vec![Member::failed("one", Fault::permanent("no luck"))];
        assert_eq!(
            aggregate(members, NoConfig {}).unwrap_err().code,
            "permanent"
        );
    }
}
