//! What a strategy may see: its own pipeline and nothing else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::event::{AfterFailure, Answer, Event, Recorded, StepResult, Trigger};
use crate::failure::Failure;
use crate::state::State;
use crate::time::Timestamp;

/// Entries of history that a view holds; older ones are paged.
pub const HISTORY_IN_VIEW: usize = 32;

/// The machine's side of the contract's `strategy.view`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Counts from 1.
    pub decision: u32,
    /// Why the strategy is asked.
    pub trigger: Trigger,
    /// The run's state.
    pub state: State,
    /// Every agent of the flow, in its order.
    pub agents: Vec<AgentView>,
    /// Steps that run, wait, or ended since the last decision, in the order in which they were asked for.
    pub steps: Vec<StepView>,
    /// The newest entries, oldest first.
    pub history: Vec<Arc<HistoryEntry>>,
    /// The step that ended last.
    pub current_step: Option<String>,
    /// How long it took.
    pub step_duration_ms: Option<f64>,
    /// Retries of the run so far.
    pub retry_count: u32,
    /// Failed attempts by finished attempts.
    pub error_rate: f64,
    /// Steps that may still be started.
    pub steps_left: u32,
    /// How the flow's agents have fared of late, in whatever runs; empty where nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<AgentFigures>,
}

/// How an agent has fared of late, in all runs of the flow that its host knows of. It is seen when a
/// decision is asked for, and stands in that event: a decision told again is shown the same.
///
/// Whole numbers throughout, so that what is read back is what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFigures {
    /// The agent's name.
    pub name: String,
    /// Of its latest attempts, those that ended well.
    pub completed: u32,
    /// Of its latest attempts, those that failed.
    pub failed: u32,
    /// How long these attempts took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
    /// Attempts under way.
    pub running: u32,
    /// Attempts that wait for a slot.
    pub queued: u32,
}

/// How long attempts took, from their start to their end, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// On average.
    pub mean_ms: u64,
    /// Half of them took no longer.
    pub median_ms: u64,
    /// Nineteen of twenty took no longer.
    pub p95_ms: u64,
    /// What they waited before, from when nothing but a slot was lacking, on average.
    pub waiting_ms: u64,
}

/// An agent and how it has fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// Its name.
    pub name: String,
    /// `idle`, `running`, `error` or `failed`.
    pub status: String,
    /// Steps by how they ended, and retries.
    pub counts: AgentCounts,
    /// Of its last step that ended.
    pub last_duration_ms: Option<f64>,
    /// Of its last attempt that failed, until one succeeds.
    pub last_fault: Option<Failure>,
}

/// Steps of an agent by how they ended, and its retries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCounts {
    /// Ended with an output.
    pub completed: u32,
    /// Failed for good.
    pub failed: u32,
    /// Left out.
    pub skipped: u32,
    /// Attempts after a first.
    pub retries: u32,
    /// Not ended.
    pub running: u32,
    /// Between two attempts.
    pub in_error: u32,
}

/// A step as a strategy sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Its id.
    pub id: String,
    /// Its agent or aggregator.
    pub agent: String,
    /// `route`, `retry`, `skip`, `escalate` or `join`.
    pub kind: String,
    /// `pending`, `running`, `waiting`, `completed`, `skipped`, `failed` or `cancelled`.
    pub status: String,
    /// Counts from 1; 0 before the first.
    pub attempt: u32,
    /// Present when completed since the last decision.
    #[serde(
        default,
        deserialize_with = "crate::document::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub output: Option<Document>,
    /// How sure the guest was.
    pub confidence: Option<f64>,
    /// Of its last attempt that failed.
    pub error: Option<Failure>,
    /// From ready to end.
    pub duration_ms: Option<f64>,
}

/// One line of what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The event's position in the journal.
    pub id: u64,
    /// The step's id, or `decision-<number>`.
    pub step: String,
    /// The agent's name, or `orchestrator`.
    pub agent: String,
    /// `route`, `retry`, `skip`, `escalate`, `join` or `end`.
    pub kind: String,
    /// `completed`, `failed`, `skipped`, `cancelled`, `decided`.
    pub status: String,
    /// The reason of a decision, or the code and message of a failure.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl HistoryEntry {
    /// The entry that an event makes, if it makes one: every decision, and the end of every step.
    ///
    /// Both the view's last entries and the older ones paged out of the journal come from here.
    #[must_use]
    pub fn of(seq: u64, recorded: &Recorded) -> Option<Self> {
        let (step, agent, kind, status, reason) = match &recorded.event {
            Event::Decided {
                decision, answer, ..
            } => {
                let kind = match (&answer.end, answer.start.first()) {
                    (Some(_), _) => "end",
                    (None, Some(first)) => first.kind.as_str(),
                    (None, None) if !answer.joins.is_empty() => "join",
                    (None, None) => "wait",
                };
                let step = format!("decision-{decision}");
                (step, "orchestrator", kind, "decided", answer.reason.clone())
            }
            Event::StepEnded {
                id,
                agent,
                kind,
                result,
                next,
                ..
            } => {
                let status = match next {
                    None => "completed",
                    Some(AfterFailure::Skip) => "skipped",
                    Some(AfterFailure::Fail) => "failed",
                    Some(_) => return None,
                };
                let reason = match result {
                    StepResult::Completed { .. } => String::new(),
                    StepResult::Failed(failure) => format!("{}: {}", failure.code, failure.message),
                };
                (id.clone(), agent.as_str(), kind.as_str(), status, reason)
            }
            Event::StepSkipped {
                id,
                agent,
                kind,
                reason,
                ..
            } => (
                id.clone(),
                agent.as_str(),
                kind.as_str(),
                "skipped",
                reason.clone(),
            ),
            Event::Answered {
                id,
                agent,
                answer,
                by,
                ..
            } => {
                let status = match answer {
                    Answer::Skip => "skipped",
                    Answer::Continue => "completed",
                    _ => return None,
                };
                (
                    id.clone(),
                    agent.as_str(),
                    "escalate",
                    status,
                    format!("answered by {by}"),
                )
            }
            _ => return None,
        };
        Some(Self {
            id: seq,
            step,
            agent: agent.to_owned(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason,
            at: recorded.at,
        })
    }
}
