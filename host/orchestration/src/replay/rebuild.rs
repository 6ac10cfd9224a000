//! From an event back to the input that caused it.

use std::collections::BTreeMap;

use crate::artifact::{GivenArtifact, NewArtifact};
use crate::document::Document;
use crate::event::{
    CallFacts, CallId, CallOf, EndStatus, Event, Pins, Recorded, StepResult, TimerId,
};
use crate::failure::Failure;
use crate::flow::RunLimits;
use crate::input::{Forked, Input, Start, Wish};
use crate::run::{Run, RunStatus};
use crate::shared::SharedChange;

/// What an event came from.
pub(super) enum Source {
    /// This input.
    Input(Box<Input>),
    /// The state alone, after the last input of an advance.
    State,
    /// An input that an older host did not record: the event is taken as it stands.
    Fact,
    /// Nothing that makes such an event.
    Unknown,
}

/// A cause, as [`Input::cause`] writes it.
enum Cause<'text> {
    Start,
    Call(CallId),
    Timer(TimerId),
    Recovery,
    Fork,
    Inbox(&'text str),
    Shared(CallId, u32),
    Artifact(CallId, u32),
    Unknown,
}

impl<'text> Cause<'text> {
    fn named(text: &'text str) -> Self {
        let named = match text.split_once(':') {
            None if text == "start" => Some(Self::Start),
            None if text == "recovery" => Some(Self::Recovery),
            None if text == "fork" => Some(Self::Fork),
            Some(("call", id)) => CallId::named(id).map(Self::Call),
            Some(("timer", id)) => TimerId::named(id).map(Self::Timer),
            Some(("inbox", id)) => Some(Self::Inbox(id)),
            Some(("shared", asked)) => {
                host_call(asked).map(|(call, ordinal)| Self::Shared(call, ordinal))
            }
            Some(("artifact", asked)) => {
                host_call(asked).map(|(call, ordinal)| Self::Artifact(call, ordinal))
            }
            _ => None,
        };
        named.unwrap_or(Self::Unknown)
    }
}

/// A call and the number of one of its host calls.
fn host_call(text: &str) -> Option<(CallId, u32)> {
    let (call, ordinal) = text.rsplit_once(':')?;
    Some((CallId::named(call)?, ordinal.parse().ok()?))
}

/// Rebuilds the input behind an event. Every event of the machine must have its place here: what
/// cannot be rebuilt cannot be told again.
pub(super) fn source(recorded: &Recorded) -> Source {
    let cause = Cause::named(&recorded.cause);
    let input = match (&recorded.event, cause) {
        (
            Event::DecisionRequested { .. }
            | Event::StepSkipped { .. }
            | Event::Escalated { .. }
            | Event::Checkpointed {
                automatic: true, ..
            },
            _,
        ) => {
            return Source::State;
        }
        (
            Event::RunEnded {
                status,
                reason,
                error,
                ..
            },
            cause,
        ) => return source_of_end(*status, reason, error.as_ref(), &cause),
        (
            Event::RunStarted {
                run,
                input,
                seed,
                limits,
                pins,
                artifacts,
                ..
            },
            Cause::Start,
        ) => Input::Start(Box::new(Start {
            run: run.clone(),
            input: input.clone(),
            seed: *seed,
            limits: limits.clone(),
            pins: pins.clone(),
            artifacts: artifacts.clone(),
        })),
        (
            Event::Decided { .. } | Event::DecisionFailed { .. } | Event::StepEnded { .. },
            Cause::Call(id),
        ) => answer_of(id, &recorded.event),
        (
            Event::CallReissued { .. } | Event::DecisionFailed { .. } | Event::StepEnded { .. },
            Cause::Recovery,
        ) => Input::Recovered,
        (Event::CallRetried { .. }, Cause::Timer(id)) => Input::TimerFired(id),
        (
            Event::RunForked {
                run,
                from,
                events,
                input,
                supersedes,
                by,
            },
            Cause::Fork,
        ) => Input::Forked(Box::new(Forked {
            run: run.clone(),
            from: from.clone(),
            events: *events,
            input: input.clone(),
            supersedes: *supersedes,
            by: by.clone(),
        })),
        (
            Event::SharedSet {
                key,
                expected,
                value,
                ..
            },
            Cause::Shared(call, ordinal),
        ) => Input::SharedSet(Box::new(SharedChange {
            call,
            ordinal,
            key: key.clone(),
            expected: *expected,
            value: value.clone(),
        })),
        (Event::ArtifactPut { artifact, .. }, Cause::Artifact(call, ordinal)) => {
            Input::ArtifactPut(Box::new(NewArtifact {
                call,
                ordinal,
                artifact: GivenArtifact {
                    name: artifact.name.clone(),
                    media_type: artifact.media_type.clone(),
                    digest: artifact.digest.clone(),
                    size: artifact.size,
                },
            }))
        }
        (Event::InputRefused { answer: None, .. }, Cause::Inbox(_)) => return Source::Fact,
        (event, Cause::Inbox(id)) => match wish_of(event) {
            Some((by, wish)) => Input::Wish {
                id: id.to_owned(),
                by,
                wish,
            },
            None => return Source::Unknown,
        },
        _ => return Source::Unknown,
    };
    Source::Input(Box::new(input))
}

/// A run's end that is the first event of its cause: the others follow from what was before them.
fn source_of_end(
    status: EndStatus,
    reason: &str,
    error: Option<&Failure>,
    cause: &Cause<'_>,
) -> Source {
    match cause {
        Cause::Inbox(id) if status == EndStatus::Cancelled => {
            let told = reason.strip_prefix("cancelled by ");
            // Wherever the name ends, the whole is the same sentence.
            let Some((by, reason)) = told.and_then(|told| told.split_once(": ")) else {
                return Source::Unknown;
            };
            Source::Input(Box::new(Input::Wish {
                id: (*id).to_owned(),
                by: by.to_owned(),
                wish: Wish::Cancel {
                    reason: reason.to_owned(),
                },
            }))
        }
        Cause::Timer(TimerId::Total)
            if error.is_some_and(|error| error.code == "total_timeout") =>
        {
            Source::Input(Box::new(Input::TimerFired(TimerId::Total)))
        }
        _ => Source::State,
    }
}

fn answer_of(call: CallId, event: &Event) -> Input {
    match event {
        Event::StepEnded {
            result,
            context,
            call: facts,
            log,
            ..
        } => Input::StepEnded {
            call,
            result: result.clone(),
            context: context.clone(),
            facts: facts.clone(),
            log: log.clone(),
        },
        Event::Decided {
            answer,
            call: facts,
            log,
            ..
        } => Input::Decided {
            call,
            result: Ok(Box::new(answer.clone())),
            facts: facts.clone(),
            log: log.clone(),
        },
        Event::DecisionFailed {
            failure,
            answer,
            call: facts,
            log,
            ..
        } => Input::Decided {
            call,
            result: match answer {
                Some(answer) => Ok(Box::new(answer.clone())),
                None => Err(failure.clone()),
            },
            facts: facts.clone(),
            log: log.clone(),
        },
        _ => unended(call),
    }
}

fn wish_of(event: &Event) -> Option<(String, Wish)> {
    Some(match event {
        Event::Paused { by } => (by.clone(), Wish::Pause),
        Event::Unpaused { by } => (by.clone(), Wish::Unpause),
        Event::Migrated { plugins, by } => (
            by.clone(),
            Wish::Migrate {
                plugins: plugins.clone(),
            },
        ),
        Event::GrantRevoked {
            role,
            interface,
            by,
        } => (
            by.clone(),
            Wish::Revoke {
                role: role.clone(),
                interface: interface.clone(),
            },
        ),
        Event::GrantReturned {
            role,
            interface,
            by,
        } => (
            by.clone(),
            Wish::Grant {
                role: role.clone(),
                interface: interface.clone(),
            },
        ),
        Event::Checkpointed { label, by, .. } => (
            by.clone()?,
            Wish::Checkpoint {
                label: label.clone(),
            },
        ),
        Event::Answered { id, answer, by, .. } => (
            by.clone(),
            Wish::Answer {
                step: Some(id.clone()),
                answer: answer.clone(),
            },
        ),
        Event::InputRefused {
            by, step, answer, ..
        } => (
            by.clone().unwrap_or_default(),
            Wish::Answer {
                step: step.clone(),
                answer: answer.clone()?,
            },
        ),
        _ => return None,
    })
}

/// An input of this cause that does nothing in this state, if the journal is right: should it do
/// something, the machine says what, and the journal lacks it.
pub(super) fn idle(cause: &str, run: &Run) -> Option<Input> {
    Some(match Cause::named(cause) {
        Cause::Start => Input::Start(Box::new(Start {
            run: String::new(),
            input: Document::empty_object(),
            seed: 0,
            limits: RunLimits::default(),
            pins: Pins::default(),
            artifacts: Vec::new(),
        })),
        Cause::Call(id) => unended(id),
        Cause::Timer(id) => Input::TimerFired(id),
        Cause::Recovery => Input::Recovered,
        Cause::Inbox(id) => Input::Wish {
            id: id.to_owned(),
            by: String::new(),
            wish: match run.status() {
                RunStatus::Paused => Wish::Pause,
                _ => Wish::Unpause,
            },
        },
        Cause::Shared(call, ordinal) => Input::SharedSet(Box::new(SharedChange {
            call,
            ordinal,
            key: String::new(),
            expected: None,
            value: None,
        })),
        Cause::Artifact(call, ordinal) => Input::ArtifactPut(Box::new(NewArtifact {
            call,
            ordinal,
            artifact: GivenArtifact {
                name: String::new(),
                media_type: String::new(),
                digest: String::new(),
                size: 0,
            },
        })),
        // A fork always makes an event.
        Cause::Fork | Cause::Unknown => return None,
    })
}

/// An outcome of which nothing is known but whose it was.
fn unended(call: CallId) -> Input {
    let failure = Failure::new("host", "an outcome that came too late");
    let facts = CallFacts::default();
    match call.of {
        CallOf::Decision(_) => Input::Decided {
            call,
            result: Err(failure),
            facts,
            log: None,
        },
        CallOf::Step(_) => Input::StepEnded {
            call,
            result: StepResult::Failed(failure),
            context: BTreeMap::new(),
            facts,
            log: None,
        },
    }
}

/// Fields of an event that the machine is told: JSON pointers, each with all that is below it. A
/// replay of decisions takes them as they are. Everything else it computes, and compares.
///
/// `/continues` is one where an input's event begins or goes on with an advance and nothing followed
/// from the state between the two: the bound makes no difference to anything. `/cause` is one where
/// nothing but the name of a wish is in it.
#[must_use]
pub fn facts(event: &Event) -> &'static [&'static str] {
    match event {
        Event::RunStarted { .. } => &[
            "/at",
            "/run",
            "/input",
            "/seed",
            "/limits",
            "/pins",
            "/artifacts",
        ],
        Event::Decided { .. } => &["/at", "/continues", "/answer", "/call", "/log"],
        Event::DecisionFailed { .. } => {
            &["/at", "/continues", "/failure", "/answer", "/call", "/log"]
        }
        Event::StepEnded { .. } => &["/at", "/continues", "/result", "/context", "/call", "/log"],
        Event::Answered { .. } => &["/at", "/continues", "/cause", "/answer", "/by"],
        Event::ArtifactPut { .. } => &[
            "/at",
            "/continues",
            "/artifact/name",
            "/artifact/media_type",
            "/artifact/digest",
            "/artifact/size",
        ],
        Event::GrantRevoked { .. } | Event::GrantReturned { .. } => {
            &["/at", "/continues", "/cause", "/role", "/interface", "/by"]
        }
        Event::SharedSet { .. } => &["/at", "/continues", "/key", "/expected", "/value"],
        Event::Paused { .. } | Event::Unpaused { .. } => &["/at", "/continues", "/cause", "/by"],
        Event::Migrated { .. } => &["/at", "/continues", "/cause", "/plugins", "/by"],
        Event::Checkpointed {
            automatic: false, ..
        } => &["/at", "/continues", "/cause", "/label", "/by"],
        Event::RunForked { .. } => &[
            "/at",
            "/run",
            "/from",
            "/events",
            "/input",
            "/supersedes",
            "/by",
        ],
        Event::InputRefused { .. } => &["/at", "/continues", "/by", "/step", "/answer"],
        Event::RunEnded {
            status: EndStatus::Cancelled,
            ..
        } => &["/at", "/continues", "/cause", "/reason"],
        Event::CallRetried { .. } | Event::CallReissued { .. } => &["/at", "/continues"],
        Event::DecisionRequested { .. } => &["/at", "/cause", "/figures"],
        Event::StepSkipped { .. }
        | Event::Escalated { .. }
        | Event::Checkpointed { .. }
        | Event::RunEnded { .. } => &["/at", "/cause"],
    }
}
