//! One step of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::event::StepNo;
use crate::failure::Failure;
use crate::state::State;
use crate::time::Timestamp;

/// What an agent keeps from step to step within a run. Cloning copies a pointer.
pub type OwnContext = Arc<BTreeMap<String, Document>>;

/// Where a step stands.
///
/// ```text
/// pending → ready → completed | failed | skipped        (its dependencies have ended; a call)
/// ready → backoff → ready                               (a failure that may pass)
/// pending | ready → waiting → ready | completed | skipped   (an escalation and its answer)
/// pending → skipped                                     (left out, or a dependency failed)
/// any of them → cancelled                               (the run has ended)
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Waits for other steps.
    Pending,
    /// Its call is outstanding.
    Ready,
    /// Between two attempts.
    Backoff {
        /// When the next begins.
        until: Timestamp,
    },
    /// Waits for an answer.
    Waiting {
        /// Why, for the person who answers.
        reason: String,
    },
    /// Ended with or (after `continue`) without an output.
    Completed,
    /// Left out.
    Skipped,
    /// Failed for good.
    Failed,
    /// The run ended first.
    Cancelled,
}

impl StepStatus {
    /// Whether nothing more will happen to the step.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Skipped | Self::Failed | Self::Cancelled
        )
    }

    /// The word for it in views and reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready | Self::Backoff { .. } => "running",
            Self::Waiting { .. } => "waiting",
            Self::Completed => "completed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a step does when its turn comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Runs its agent.
    Route,
    /// Runs its agent again, with what went wrong.
    Retry,
    /// Notes that its agent was left out.
    Skip,
    /// Waits for an answer.
    Escalate,
    /// Lets an aggregator join its members' results.
    Join {
        /// In the order that the aggregator sees.
        members: Vec<StepNo>,
        /// Laid over the aggregator's configuration.
        #[serde(
            default,
            deserialize_with = "crate::document::present",
            skip_serializing_if = "Option::is_none"
        )]
        config: Option<Document>,
    },
}

impl StepKind {
    /// The word for it in views and reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Escalate => "escalate",
            Self::Join { .. } => "join",
        }
    }
}

/// A step that runs, waits, or ended lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in the run.
    pub no: StepNo,
    /// Its id, chosen by the strategy.
    pub id: String,
    /// The agent, or the aggregator of a join.
    pub agent: String,
    /// What it does.
    pub kind: StepKind,
    /// Where it stands.
    pub status: StepStatus,
    /// Counts from 1; 0 before the first.
    pub attempt: u32,
    /// Counts issues of the attempt from 1.
    pub execution: u32,
    /// Retries of the present agent.
    pub retries: u32,
    /// Why it was asked for.
    pub reason: String,
    /// The decision that asked for it.
    pub decision: u32,
    /// Given by the strategy instead of the state.
    #[serde(
        default,
        deserialize_with = "crate::document::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub given: Option<Document>,
    /// What the step sees: the state of its decision, and what its dependencies made of it.
    /// Empty once it has ended.
    pub sees: State,
    /// Dependencies that have not ended.
    pub missing: u32,
    /// Steps that wait for it.
    pub dependents: Vec<StepNo>,
    /// A dependency that failed, if one has.
    pub broken_by: Option<String>,
    /// Whether a join takes its output, so that the state does not.
    pub joined: bool,
    /// The answer.
    #[serde(
        default,
        deserialize_with = "crate::document::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub output: Option<Document>,
    /// How sure the guest was.
    pub confidence: Option<f64>,
    /// Of the last attempt that failed.
    pub error: Option<Failure>,
    /// Told to the next attempt.
    pub hints: BTreeMap<String, Document>,
    /// What its agent had kept when the present attempt became ready. Taken there and then, since
    /// whatever else the agent does meanwhile must not change what the attempt sees: not the slot
    /// that it waits for, nor a crash after which it is made again. Empty once the step has ended.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub own_context: OwnContext,
    /// Numbers of the artifacts that the step is given: those attached when it was asked for, and by the
    /// steps that it waited for. Empty once it has ended.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attachments: BTreeSet<u32>,
    /// Numbers of the artifacts that go with its output.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attaches: BTreeSet<u32>,
    /// When the present attempt became ready.
    pub ready_at: Timestamp,
    /// When it first became ready.
    pub began_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The longest chain of estimates from here to the end of its decision, in milliseconds.
    pub critical_path_ms: u64,
}

fn is_empty(context: &OwnContext) -> bool {
    context.is_empty()
}

impl Step {
    /// From ready to end, in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> Option<f64> {
        let (began, ended) = (self.began_at?, self.ended_at?);
        Some(ended.since(began).as_secs_f64() * 1_000.0)
    }
}
