//! Whether a call came out as its case says.

use std::collections::BTreeMap;

use menagerie_sandbox::types::{Fault, Outcome, Ruling};
use menagerie_sandbox::{CallReport, Ended, Reply};
use serde_json::Value;

use super::{Attachment, Case, Shown};

/// What is not as it should be; none when all is.
pub(crate) fn judge(case: &Case, report: &CallReport, shown: &[Shown]) -> Option<String> {
    if let Some(expected) = &case.logs
        && !report
            .log
            .iter()
            .any(|line| line.message.contains(expected))
    {
        return Some(format!("no line of the log has `{expected}`"));
    }
    if let Some(wrong) = differs("shows", Some(&shown.to_vec()), case.shows.as_ref()) {
        return Some(wrong);
    }
    if let Some(expected) = &case.stops {
        let found = report.ended.code();
        return (found != expected).then(|| {
            format!(
                "it ended by `{found}` ({}), expected `{expected}`",
                report.ended
            )
        });
    }
    match (&report.ended, &case.fault) {
        // A hostile input made again: a fault is as good as an answer.
        (Ended::Fault(_), None) if !case.expects() => None,
        (Ended::Fault(fault), Some(expected)) if fault.code == *expected => {
            judge_fault(case, fault)
        }
        (Ended::Fault(fault), Some(expected)) => Some(format!(
            "the fault is `{}` ({}), expected `{expected}`",
            fault.code, fault.message
        )),
        (Ended::Value(_), Some(expected)) => {
            Some(format!("it answered, expected the fault `{expected}`"))
        }
        (Ended::Value(reply), None) => judge_reply(case, reply),
        (ended, _) => Some(ended.to_string()),
    }
}

fn judge_fault(case: &Case, fault: &Fault) -> Option<String> {
    let details = fault.details.as_deref().and_then(parsed);
    differs("details", details.as_ref(), case.details.as_ref())
        .or_else(|| {
            differs(
                "retry_after_ms",
                fault.retry_after_ms.as_ref(),
                case.retry_after_ms.as_ref(),
            )
        })
        .or_else(|| differs("extra", Some(&extras(&fault.extra)), case.extra.as_ref()))
}

fn extras(pairs: &[(String, String)]) -> BTreeMap<String, Value> {
    let read = |(name, value): &(String, String)| Some((name.clone(), parsed(value)?));
    pairs.iter().filter_map(read).collect()
}

fn attached(outcome: &Outcome) -> Vec<Attachment> {
    let attachments = outcome.attachments.iter();
    attachments
        .map(|one| Attachment {
            id: one.id.clone(),
            media_type: one.media_type.clone(),
            digest: one.digest.clone(),
        })
        .collect()
}

fn judge_reply(case: &Case, reply: &Reply) -> Option<String> {
    match reply {
        Reply::Outcome(outcome) => differs(
            "output",
            parsed(&outcome.output).as_ref(),
            case.output.as_ref(),
        )
        .or_else(|| {
            differs(
                "confidence",
                outcome.confidence.as_ref(),
                case.confidence.as_ref(),
            )
        })
        .or_else(|| differs("attached", Some(&attached(outcome)), case.attached.as_ref()))
        .or_else(|| differs("extra", Some(&extras(&outcome.extra)), case.extra.as_ref())),
        Reply::Decision(decision) => {
            let starts: Vec<String> = decision
                .start
                .iter()
                .map(|step| step.agent.clone())
                .collect();
            let ends = decision.end.as_ref().map(|end| &end.status);
            differs("starts", Some(&starts), case.starts.as_ref())
                .or_else(|| differs("ends", ends, case.ends.as_ref()))
        }
        Reply::GroupDecision(decision) => {
            let starts = decision.start.iter().map(|one| one.pipeline.clone());
            let starts: Vec<String> = starts.collect();
            let ends = decision.end.as_ref().map(|end| &end.status);
            differs("starts", Some(&starts), case.starts.as_ref())
                .or_else(|| differs("ends", ends, case.ends.as_ref()))
        }
        Reply::Verdict(verdict) => match &verdict.ruling {
            Ruling::Chosen(chosen) => differs("chosen", Some(&chosen.member), case.chosen.as_ref())
                .or_else(|| differs("output", None, case.output.as_ref())),
            Ruling::Synthesized(made) => {
                differs("chosen", None, case.chosen.as_ref()).or_else(|| {
                    differs(
                        "output",
                        parsed(&made.output).as_ref(),
                        case.output.as_ref(),
                    )
                })
            }
        },
        Reply::Compensated => differs("output", None, case.output.as_ref()),
        Reply::Problems(found) => {
            let pointers = found.iter().map(|problem| problem.pointer.clone());
            let pointers: Vec<String> = pointers.collect();
            differs("problems", Some(&pointers), case.problems.as_ref())
        }
        Reply::Started => None,
    }
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn differs<T: Alike + std::fmt::Debug>(
    what: &str,
    found: Option<&T>,
    expected: Option<&T>,
) -> Option<String> {
    let expected = expected?;
    if found.is_some_and(|found| found.alike(expected)) {
        return None;
    }
    Some(match found {
        Some(found) => format!(
            "`{what}` is {}, expected {}",
            found.shown(),
            expected.shown()
        ),
        None => format!("there is no `{what}`, expected {}", expected.shown()),
    })
}

/// Equality as authors mean it: 1 is 1.0.
trait Alike {
    fn alike(&self, other: &Self) -> bool;
    fn shown(&self) -> String;
}

impl Alike for Value {
    fn alike(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Number(one), Value::Number(two)) => one == two || one.as_f64() == two.as_f64(),
            (Value::Array(one), Value::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.alike(two))
            }
            (Value::Object(one), Value::Object(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .all(|(name, value)| two.get(name).is_some_and(|other| value.alike(other)))
            }
            (one, two) => one == two,
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

macro_rules! plainly_alike {
    ($($kind:ty),*) => {$(
        impl Alike for $kind {
            fn alike(&self, other: &Self) -> bool {
                self == other
            }

            fn shown(&self) -> String {
                format!("{self:?}")
            }
        }
    )*};
}

plainly_alike!(f64, u32, String, Vec<String>, Vec<Attachment>, Vec<Shown>);

impl Alike for BTreeMap<String, Value> {
    fn alike(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(name, value)| other.get(name).is_some_and(|other| value.alike(other)))
    }

    fn shown(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Alike;

    #[test]
    fn numbers_are_alike_whatever_they_are_written_like() {
        assert!(json!({"a": [1]}).alike(&json!({"a": [1.0]})));
        for (one, two) in [
            (json!({"a": 1}), json!({"a": 1, "b": 2})),
            (json!([1, 2]), json!([2, 1])),
            (json!("1"), json!(1)),
        ] {
            assert!(!one.alike(&two), "{one} {two}");
        }
    }
}
