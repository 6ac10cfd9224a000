//! Events as the journal's text.
//!
//! One JSON object an event, with `type` and `v`. A document is written as `{"inline": …}` or, when
//! its text is longer than [`INLINE_BYTES`], as `{"payload": "sha256:…"}` with the text beside it, so
//! that an event stays short and equal documents are kept once. Fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

use crate::decision::{Decision, Ending, JoinRequest, StepRequest};
use crate::document::Document;
use crate::event::{Answer, Event, Recorded, StepResult};
use crate::failure::Failure;

/// The version of the events' shape.
pub const VERSION: u32 = 1;
/// The longest document, as bytes of JSON text, that stands within its event.
pub const INLINE_BYTES: usize = 1_024;

/// An event as text, and the documents that stand beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The event's `type`.
    pub kind: String,
    /// One line of JSON.
    pub text: String,
    /// Digest (`sha256:…`) and text of each document that does not stand within.
    pub payloads: Vec<(String, String)>,
}

/// Why an event's text cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not the JSON that was expected.
    #[error("the event cannot be read")]
    Json(#[from] serde_json::Error),
    /// From a newer host, or not an event.
    #[error(
        "the event `{kind}` has version {found}, this host reads up to {VERSION}: it can be shown, not resumed"
    )]
    Version {
        /// The event's type.
        kind: String,
        /// Its version.
        found: u64,
    },
    /// From a newer host that knows more types of events.
    #[error(
        "the event is of the type `{kind}`, which this host does not know: it can be shown, not resumed"
    )]
    UnknownType {
        /// The event's type.
        kind: String,
    },
    /// A document that stands beside the event is missing or is no JSON.
    #[error("the payload {digest} cannot be had: {reason}")]
    Payload {
        /// Which.
        digest: String,
        /// Why.
        reason: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Inline(Box<RawValue>),
    Payload(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    Inline(Value),
    Payload(String),
}

#[derive(Serialize)]
struct Envelope<'event> {
    v: u32,
    #[serde(flatten)]
    recorded: &'event Recorded<Written>,
}

/// The event as text.
///
/// # Errors
/// None in practice: an event holds nothing that JSON cannot.
pub fn encode(recorded: &Recorded) -> Result<Encoded, WireError> {
    let mut payloads = Vec::new();
    let written = recorded.map(&mut |document: &Document| {
        let text = to_raw_value(document.value())?;
        if text.get().len() <= INLINE_BYTES {
            return Ok(Written::Inline(text));
        }
        let digest = digest(text.get().as_bytes());
        if !payloads.iter().any(|(known, _)| *known == digest) {
            payloads.push((digest.clone(), text.get().to_owned()));
        }
        Ok::<_, WireError>(Written::Payload(digest))
    })?;
    let text = serde_json::to_string(&Envelope {
        v: VERSION,
        recorded: &written,
    })?;
    Ok(Encoded {
        kind: recorded.event.kind().to_owned(),
        text,
        payloads,
    })
}

/// The event that was written.
///
/// # Errors
/// When the text is of another version or damaged, or `payload` cannot give a document.
pub fn decode(
    text: &str,
    payload: &mut dyn FnMut(&str) -> Result<Document, String>,
) -> Result<Recorded, WireError> {
    #[derive(Deserialize)]
    struct Head {
        v: u64,
        #[serde(rename = "type")]
        kind: String,
    }
    let head: Head = serde_json::from_str(text)?;
    if head.v > u64::from(VERSION) {
        return Err(WireError::Version {
            kind: head.kind,
            found: head.v,
        });
    }
    if !KINDS.contains(&head.kind.as_str()) {
        return Err(WireError::UnknownType { kind: head.kind });
    }
    let read: Recorded<Read> = serde_json::from_str(text)?;
    read.map(&mut |document: &Read| match document {
        Read::Inline(value) => Ok(Document::from(value.clone())),
        Read::Payload(digest) => payload(digest).map_err(|reason| WireError::Payload {
            digest: digest.clone(),
            reason,
        }),
    })
}

/// Every type of event that this host knows.
pub const KINDS: [&str; 21] = [
    "run_started",
    "decision_requested",
    "decided",
    "decision_failed",
    "step_ended",
    "call_retried",
    "call_reissued",
    "step_skipped",
    "escalated",
    "answered",
    "paused",
    "unpaused",
    "migrated",
    "checkpointed",
    "run_forked",
    "shared_set",
    "artifact_put",
    "grant_revoked",
    "grant_returned",
    "input_refused",
    "run_ended",
];

/// `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl<D> Event<D> {
    /// The event's `type` in its text.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::DecisionRequested { .. } => "decision_requested",
            Self::Decided { .. } => "decided",
            Self::DecisionFailed { .. } => "decision_failed",
            Self::StepEnded { .. } => "step_ended",
            Self::CallRetried { .. } => "call_retried",
            Self::CallReissued { .. } => "call_reissued",
            Self::StepSkipped { .. } => "step_skipped",
            Self::Escalated { .. } => "escalated",
            Self::Answered { .. } => "answered",
            Self::Paused { .. } => "paused",
            Self::Unpaused { .. } => "unpaused",
            Self::Migrated { .. } => "migrated",
            Self::Checkpointed { .. } => "checkpointed",
            Self::RunForked { .. } => "run_forked",
            Self::SharedSet { .. } => "shared_set",
            Self::ArtifactPut { .. } => "artifact_put",
            Self::GrantRevoked { .. } => "grant_revoked",
            Self::GrantReturned { .. } => "grant_returned",
            Self::InputRefused { .. } => "input_refused",
            Self::RunEnded { .. } => "run_ended",
        }
    }
}

/// A change of how documents are held; the rest stays as it is.
trait MapDocuments<D> {
    type With<R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<Self::With<R>, E>;
}

fn optional<D, R, E>(
    value: Option<&D>,
    f: &mut impl FnMut(&D) -> Result<R, E>,
) -> Result<Option<R>, E> {
    value.map(f).transpose()
}

impl<D> MapDocuments<D> for Recorded<D> {
    type With<R> = Recorded<R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<Recorded<R>, E> {
        Ok(Recorded {
            at: self.at,
            cause: self.cause.clone(),
            continues: self.continues,
            event: self.event.map(f)?,
        })
    }
}

impl<D> MapDocuments<D> for Failure<D> {
    type With<R> = Failure<R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<Failure<R>, E> {
        Ok(Failure {
            code: self.code.clone(),
            message: self.message.clone(),
            retry_after_ms: self.retry_after_ms,
            details: optional(self.details.as_ref(), f)?,
        })
    }
}

impl<D> MapDocuments<D> for StepResult<D> {
    type With<R> = StepResult<R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<StepResult<R>, E> {
        Ok(match self {
            Self::Completed {
                output,
                confidence,
                attachments,
            } => StepResult::Completed {
                output: f(output)?,
                confidence: *confidence,
                attachments: attachments.clone(),
            },
            Self::Failed(failure) => StepResult::Failed(failure.map(f)?),
        })
    }
}

impl<D> MapDocuments<D> for BTreeMap<String, D> {
    type With<R> = BTreeMap<String, R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<BTreeMap<String, R>, E> {
        self.iter()
            .map(|(key, value)| Ok((key.clone(), f(value)?)))
            .collect()
    }
}

impl<D> MapDocuments<D> for Answer<D> {
    type With<R> = Answer<R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<Answer<R>, E> {
        Ok(match self {
            Self::Retry { hints } => Answer::Retry {
                hints: hints.map(f)?,
            },
            Self::Skip => Answer::Skip,
            Self::Reroute { agent } => Answer::Reroute {
                agent: agent.clone(),
            },
            Self::Continue => Answer::Continue,
            Self::Abort => Answer::Abort,
        })
    }
}

impl<D> MapDocuments<D> for Decision<D> {
    type With<R> = Decision<R>;
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<Decision<R>, E> {
        let mut start = Vec::with_capacity(self.start.len());
        for request in &self.start {
            start.push(StepRequest {
                id: request.id.clone(),
                agent: request.agent.clone(),
                input: optional(request.input.as_ref(), f)?,
                kind: request.kind.clone(),
                reason: request.reason.clone(),
            });
        }
        let mut joins = Vec::with_capacity(self.joins.len());
        for join in &self.joins {
            joins.push(JoinRequest {
                id: join.id.clone(),
                aggregator: join.aggregator.clone(),
                members: join.members.clone(),
                config: optional(join.config.as_ref(), f)?,
                reason: join.reason.clone(),
            });
        }
        let end = match &self.end {
            Some(end) => Some(Ending {
                status: end.status.clone(),
                reason: end.reason.clone(),
                output: optional(end.output.as_ref(), f)?,
            }),
            None => None,
        };
        Ok(Decision {
            start,
            joins,
            after: self.after.clone(),
            wake: self.wake.clone(),
            wake_on_failure: self.wake_on_failure,
            end,
            reason: self.reason.clone(),
            confidence: self.confidence,
            metadata: f(&self.metadata)?,
        })
    }
}

impl<D> MapDocuments<D> for Event<D> {
    type With<R> = Event<R>;
    #[expect(
        clippy::too_many_lines,
        reason = "one arm an event, each of them plain"
    )]
    fn map<R, E>(&self, f: &mut impl FnMut(&D) -> Result<R, E>) -> Result<Event<R>, E> {
        Ok(match self {
            Self::RunStarted {
                run,
                flow,
                input,
                seed,
                limits,
                pins,
                artifacts,
            } => Event::RunStarted {
                run: run.clone(),
                flow: flow.clone(),
                input: f(input)?,
                seed: *seed,
                limits: limits.clone(),
                pins: pins.clone(),
                artifacts: artifacts.clone(),
            },
            Self::DecisionRequested {
                decision,
                trigger,
                figures,
            } => Event::DecisionRequested {
                decision: *decision,
                trigger: *trigger,
                figures: figures.clone(),
            },
            Self::Decided {
                decision,
                attempt,
                execution,
                answer,
                call,
                log,
            } => Event::Decided {
                decision: *decision,
                attempt: *attempt,
                execution: *execution,
                answer: answer.map(f)?,
                call: call.clone(),
                log: optional(log.as_ref(), f)?,
            },
            Self::DecisionFailed {
                decision,
                attempt,
                execution,
                failure,
                answer,
                retry_at,
                call,
                log,
            } => Event::DecisionFailed {
                decision: *decision,
                attempt: *attempt,
                execution: *execution,
                failure: failure.map(f)?,
                answer: match answer {
                    Some(answer) => Some(answer.map(f)?),
                    None => None,
                },
                retry_at: *retry_at,
                call: call.clone(),
                log: optional(log.as_ref(), f)?,
            },
            Self::StepEnded {
                step,
                id,
                agent,
                kind,
                attempt,
                execution,
                result,
                next,
                context,
                call,
                log,
            } => Event::StepEnded {
                step: *step,
                id: id.clone(),
                agent: agent.clone(),
                kind: kind.clone(),
                attempt: *attempt,
                execution: *execution,
                result: result.map(f)?,
                next: next.clone(),
                context: context.map(f)?,
                call: call.clone(),
                log: optional(log.as_ref(), f)?,
            },
            Self::CallRetried { call, attempt } => Event::CallRetried {
                call: *call,
                attempt: *attempt,
            },
            Self::CallReissued {
                call,
                attempt,
                execution,
            } => Event::CallReissued {
                call: *call,
                attempt: *attempt,
                execution: *execution,
            },
            Self::StepSkipped {
                step,
                id,
                agent,
                kind,
                reason,
            } => Event::StepSkipped {
                step: *step,
                id: id.clone(),
                agent: agent.clone(),
                kind: kind.clone(),
                reason: reason.clone(),
            },
            Self::Escalated {
                step,
                id,
                agent,
                kind,
                reason,
            } => Event::Escalated {
                step: *step,
                id: id.clone(),
                agent: agent.clone(),
                kind: kind.clone(),
                reason: reason.clone(),
            },
            Self::Answered {
                step,
                id,
                agent,
                answer,
                by,
            } => Event::Answered {
                step: *step,
                id: id.clone(),
                agent: agent.clone(),
                answer: answer.map(f)?,
                by: by.clone(),
            },
            Self::Paused { by } => Event::Paused { by: by.clone() },
            Self::Unpaused { by } => Event::Unpaused { by: by.clone() },
            Self::Migrated { plugins, by } => Event::Migrated {
                plugins: plugins.clone(),
                by: by.clone(),
            },
            Self::Checkpointed {
                id,
                label,
                automatic,
                by,
            } => Event::Checkpointed {
                id: id.clone(),
                label: label.clone(),
                automatic: *automatic,
                by: by.clone(),
            },
            Self::RunForked {
                run,
                from,
                events,
                input,
                supersedes,
                by,
            } => Event::RunForked {
                run: run.clone(),
                from: from.clone(),
                events: *events,
                input: optional(input.as_ref(), f)?,
                supersedes: *supersedes,
                by: by.clone(),
            },
            Self::SharedSet {
                call,
                attempt,
                execution,
                ordinal,
                id,
                agent,
                key,
                expected,
                value,
                outcome,
            } => Event::SharedSet {
                call: *call,
                attempt: *attempt,
                execution: *execution,
                ordinal: *ordinal,
                id: id.clone(),
                agent: agent.clone(),
                key: key.clone(),
                expected: *expected,
                value: optional(value.as_ref(), f)?,
                outcome: *outcome,
            },
            Self::ArtifactPut {
                call,
                attempt,
                execution,
                ordinal,
                id,
                agent,
                artifact,
            } => Event::ArtifactPut {
                call: *call,
                attempt: *attempt,
                execution: *execution,
                ordinal: *ordinal,
                id: id.clone(),
                agent: agent.clone(),
                artifact: artifact.clone(),
            },
            Self::GrantRevoked {
                role,
                interface,
                by,
            } => Event::GrantRevoked {
                role: role.clone(),
                interface: interface.clone(),
                by: by.clone(),
            },
            Self::GrantReturned {
                role,
                interface,
                by,
            } => Event::GrantReturned {
                role: role.clone(),
                interface: interface.clone(),
                by: by.clone(),
            },
            Self::InputRefused {
                input,
                reason,
                by,
                step,
                answer,
            } => Event::InputRefused {
                input: input.clone(),
                reason: reason.clone(),
                by: by.clone(),
                step: step.clone(),
                answer: match answer {
                    Some(answer) => Some(answer.map(f)?),
                    None => None,
                },
            },
            Self::RunEnded {
                status,
                reason,
                output,
                error,
            } => Event::RunEnded {
                status: *status,
                reason: reason.clone(),
                output: optional(output.as_ref(), f)?,
                error: match error {
                    Some(error) => Some(error.map(f)?),
                    None => None,
                },
            },
        })
    }
}
