//! What the aggregators share: which members count, and how the others are listed. No plugin by itself.
//!
//! The rule of all of them: a member that failed is listed, never dropped; and when no member has a
//! valid result, the join fails instead of answering an empty one.

use menagerie::{Fault, JsonError, Member, Value};
use serde::{Deserialize, Serialize};

/// The key under which an aggregator that answers one object lists the members that did not complete.
pub const FAILED_KEY: &str = "_failed";

/// The configuration of an aggregator that has none; whatever is there is a mistake.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// A member without a result, as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unsuccessful {
    /// The member's name.
    pub member: String,
    /// `failed`, `skipped` or `cancelled`.
    pub status: String,
    /// Why, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ListedError>,
}

/// A fault, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedError {
    /// The fault's token.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// The members of a join, by whether they count.
#[derive(Debug, Default)]
pub struct Members {
    /// Names and outputs of those that completed, in declared order.
    pub valid: Vec<(String, Value)>,
    /// The others, in declared order.
    pub failed: Vec<Unsuccessful>,
}

impl Members {
    /// Sorts out who counts: a member that completed and has an output.
    pub fn sort(members: Vec<Member<Value>>) -> Self {
        let mut sorted = Self::default();
        for member in members {
            let completed = member.is_completed();
            match member.output {
                Some(output) if completed => sorted.valid.push((member.name, output)),
                _ => sorted.failed.push(Unsuccessful {
                    member: member.name,
                    // A completed member always has an output; one without is not believed.
                    status: if completed {
                        "failed".to_owned()
                    } else {
                        member.status
                    },
                    error: member.error.as_ref().map(listed),
                }),
            }
        }
        sorted
    }

    /// The same, where a join without any valid member is a failure.
    ///
    /// # Errors
    /// `permanent`, naming every member and what became of it.
    pub fn sort_and_require_one(members: Vec<Member<Value>>) -> Result<Self, Fault> {
        let sorted = Self::sort(members);
        if sorted.valid.is_empty() {
            return Err(none_valid(&sorted.failed));
        }
        Ok(sorted)
    }

    /// The members that did not complete, as a value for [`FAILED_KEY`]; `None` where all did.
    ///
    /// # Errors
    /// Never in practice: the list is made of strings.
    pub fn failed_list(&self) -> Result<Option<Value>, Fault> {
        if self.failed.is_empty() {
            return Ok(None);
        }
        serde_json::to_value(&self.failed)
            .map(Some)
            .map_err(Fault::permanent)
    }
}

/// A fault as it is listed beside results.
pub fn listed(fault: &Fault) -> ListedError {
    ListedError {
        code: fault.code.clone(),
        message: fault.message.clone(),
    }
}

/// The fault of a join of which no member has a valid result.
pub fn none_valid(failed: &[Unsuccessful]) -> Fault {
    let described: Vec<String> = failed
        .iter()
        .map(|member| match &member.error {
            Some(error) => format!(
                "`{}` {} ({}: {})",
                member.member, member.status, error.code, error.message
            ),
            None => format!("`{}` {}", member.member, member.status),
        })
        .collect();
    let message = match described.as_slice() {
        [] => "the join has no members".to_owned(),
        described => format!("no member has a valid result: {}", described.join("; ")),
    };
    Fault::permanent(message).details(serde_json::json!({ "failed": failed }))
}

/// A value as it is written into a message: as JSON text, shortened.
///
/// # Errors
/// The value has no JSON form.
pub fn short_text(value: &Value) -> Result<String, JsonError> {
    const LONGEST: usize = 80;
    let text = menagerie::Json::new(value)?.into_text();
    if text.chars().nth(LONGEST).is_none() {
        return Ok(text);
    }
    Ok(text.chars().take(LONGEST).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::{Members, short_text};
    use menagerie::{Fault, Member};
    use serde_json::json;

    #[test]
    fn members_are_sorted_by_whether_they_have_a_result() {
        let sorted = Members::sort(vec![
            Member::completed("a", json!(1)),
            Member::failed("b", Fault::transient("cut")),
            Member::ended("c", "skipped"),
            Member::ended("d", "completed"),
        ]);
        assert_eq!(sorted.valid, [("a".to_owned(), json!(1))]);
        let list = sorted.failed_list().expect("a list");
        assert_eq!(
            list,
            Some(json!([
                {"member": "b", "status": "failed", "error": {"code": "transient", "message": "cut"}},
                {"member": "c", "status": "skipped"},
                {"member": "d", "status": "failed"},
            ]))
        );
    }

    #[test]
    fn a_join_without_a_valid_member_is_a_failure_that_names_them_all() {
        let members = vec![
            Member::failed("b", Fault::transient("cut")),
            Member::ended("c", "cancelled"),
        ];
        let fault = Members::sort_and_require_one(members).expect_err("no valid member");
        assert_eq!(fault.code, "permanent");
        assert_eq!(
            fault.message,
            "no member has a valid result: `b` failed (transient: cut); `c` cancelled"
        );
        let empty = Members::sort_and_require_one(Vec::new()).expect_err("no member");
        assert_eq!(empty.message, "the join has no members");
    }

    #[test]
    fn a_long_value_is_shortened_in_a_message() {
        let text = short_text(&json!("é".repeat(500))).expect("text");
        assert_eq!(text.chars().count(), 81);
        assert_eq!(short_text(&json!({"a": 1})).expect("text"), "{\"a\":1}");
    }
}
