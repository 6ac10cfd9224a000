//! One run of a pipeline, as a synchronous machine.
//!
//! Inputs go in, events come out, and what is left to do is read off the state:
//!
//! - [`Run::advance`] takes all waiting inputs and answers with the events that follow, applied;
//! - [`Run::apply`] takes one event, new or out of the journal: both make the same state;
//! - [`Run::outstanding`] says what somebody must do next.
//!
//! `react` turns one input into events, `settle` finds what follows from the state alone; neither
//! changes anything. Only `apply` does.

mod apply;
mod checkpoints;
mod outstanding;
mod react;
pub mod revoking;
mod settle;
mod sharing;
mod show;
pub mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::artifact::Artifacts;
use crate::decision::Wake;
use crate::document::Document;
use crate::event::{EndStatus, Pins, Recorded, StepNo};
use crate::failure::Failure;
use crate::flow::{Flow, RunLimits};
use crate::input::Input;
use crate::shared::Shared;
use crate::state::State;
use crate::time::Timestamp;
use crate::view::{AgentCounts, AgentFigures, HistoryEntry, View};
use step::{OwnContext, Step};

/// Steps that have ended and can still be named by a decision.
pub const ENDED_STEPS_KEPT: usize = 256;
/// Executions of one attempt before it counts as one that kills its host.
pub const MAX_EXECUTIONS: u32 = 4;
/// Attempts of one decision.
pub const MAX_DECISION_ATTEMPTS: u32 = 3;
/// The version of a snapshot's shape.
pub const SNAPSHOT_VERSION: u32 = 2;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Not started.
    Queued,
    /// Something is outstanding.
    Running,
    /// Nothing is, until somebody answers.
    Waiting,
    /// Nothing starts, by somebody's wish.
    Paused,
    /// Ended with a result.
    Completed,
    /// Ended without.
    Failed,
    /// Ended by somebody's wish.
    Cancelled,
}

impl RunStatus {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub status: EndStatus,
    /// Why, for people.
    pub reason: String,
    /// Present when it failed.
    pub error: Option<Failure>,
}

/// Two parallel steps that wrote the same key; the one asked for later stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collision {
    /// The key of the state.
    pub key: String,
    /// The step whose value stands.
    pub kept: StepNo,
    /// The step whose value does not.
    pub dropped: StepNo,
}

/// A decision that is outstanding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PendingDecision {
    attempt: u32,
    execution: u32,
    retry_at: Option<Timestamp>,
    requested_at: Timestamp,
    ready_at: Timestamp,
    last_failure: Option<Failure>,
    view: Arc<View>,
}

/// What the last decision waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waking {
    wake: Wake,
    on_failure: bool,
    /// Steps of `Wake::These` that have not ended.
    these: BTreeSet<StepNo>,
    /// When `Wake::Timer` fires.
    due: Option<Timestamp>,
    /// Steps that ended since the decision.
    ended: u32,
    failed: bool,
}

/// How one agent has fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct AgentRecord {
    counts: AgentCounts,
    last_duration_ms: Option<f64>,
    last_fault: Option<Failure>,
    context: OwnContext,
}

/// Checkpoints made, and what the next automatic one waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct CheckpointState {
    made: u32,
    /// The run's own time at the last one.
    at: Duration,
    /// Events up to the last one.
    next_seq: u64,
    /// The step behind which one is due.
    due_after: Option<String>,
}

/// How much of the run's time is spent; gates and pauses are not counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Spent {
    counted: Duration,
    running_since: Option<Timestamp>,
}

/// One run. Cheap to build from nothing but its flow and its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    flow: Arc<Flow>,
    data: RunData,
    /// What the next decision that is asked for is shown of how agents have fared: no state, since it
    /// comes from outside and is gone after the advance. What was shown stands in the event.
    sight: Vec<AgentFigures>,
}

/// All of a run but its flow: what a snapshot holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct RunData {
    id: String,
    seed: u64,
    limits: RunLimits,
    pins: Pins,
    #[serde(
        default,
        deserialize_with = "crate::document::present",
        skip_serializing_if = "Option::is_none"
    )]
    input: Option<Document>,
    /// Events applied so far.
    next_seq: u64,
    last_at: Timestamp,
    started_at: Timestamp,
    state: State,
    steps: BTreeMap<StepNo, Step>,
    /// Ids of the steps in `steps`.
    ids: BTreeMap<String, StepNo>,
    last_step: StepNo,
    /// Ready or between attempts.
    active: BTreeSet<StepNo>,
    /// Not ended; holds `active` and `waiting` too.
    unended: BTreeSet<StepNo>,
    /// Wait for an answer.
    waiting: BTreeSet<StepNo>,
    /// Nothing stands in their way, and an event is due that says what becomes of them.
    due: BTreeSet<StepNo>,
    /// Ended, oldest first.
    ended_steps: VecDeque<StepNo>,
    /// Members that ended long ago, kept for a join that has not.
    held: BTreeSet<StepNo>,
    agents: BTreeMap<String, AgentRecord>,
    history: VecDeque<Arc<HistoryEntry>>,
    /// Units of `max_steps` used: attempts (a retry when it is scheduled), joins, skips, and
    /// decisions that were asked for though nothing had ended.
    used_steps: u32,
    finished_attempts: u32,
    failed_attempts: u32,
    retries: u32,
    decisions: u32,
    pending: Option<PendingDecision>,
    waking: Option<Waking>,
    current_step: Option<(String, Option<f64>)>,
    ended_since_decision: Vec<StepNo>,
    /// Where checkpoints stand.
    #[serde(default)]
    checkpoints: CheckpointState,
    /// What the steps share.
    #[serde(default, skip_serializing_if = "Shared::is_empty")]
    shared: Shared,
    /// What the steps have made.
    #[serde(default, skip_serializing_if = "Artifacts::is_empty")]
    artifacts: Artifacts,
    /// Numbers of the artifacts that completed steps have attached.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    attached: BTreeSet<u32>,
    /// Capabilities that were taken: role and interface.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    revoked: BTreeSet<(String, String)>,
    paused: bool,
    /// Calls were issued again during this pause: none of them can have begun since.
    reissued_in_pause: bool,
    spent: Spent,
    collisions: Vec<Collision>,
    end: Option<Ended>,
    #[serde(
        default,
        deserialize_with = "crate::document::present",
        skip_serializing_if = "Option::is_none"
    )]
    output: Option<Document>,
}

/// Why a snapshot cannot be used. It is a cache: the journal has it all.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Written by another version.
    #[error("the snapshot has version {found}, this host reads {SNAPSHOT_VERSION}")]
    Version {
        /// What was found.
        found: u32,
    },
    /// Not what it should be.
    #[error("the snapshot cannot be read")]
    Damaged(#[from] serde_json::Error),
}

impl Run {
    /// A run to which nothing has happened.
    #[must_use]
    pub fn new(flow: Arc<Flow>) -> Self {
        Self {
            flow,
            data: RunData::default(),
            sight: Vec::new(),
        }
    }

    /// Lets the next [`advance`](Self::advance) show a decision that it asks for how agents have fared
    /// of late, in whatever runs. After that it is forgotten.
    pub fn see(&mut self, figures: Vec<AgentFigures>) {
        self.sight = figures;
    }

    /// Takes all waiting inputs, in their order, and answers with what follows, already applied.
    ///
    /// What follows from the state alone is looked for after the last input, so that a strategy is
    /// asked once about three steps which ended together.
    pub fn advance(&mut self, inputs: &[Input], now: Timestamp) -> Vec<Recorded> {
        let mut recorded = Vec::new();
        let mut cause = String::new();
        for input in inputs {
            cause = input.cause();
            self.take(input, &cause, now, &mut recorded);
        }
        self.come_to_rest(&cause, now, &mut recorded);
        recorded
    }

    /// One input of an advance. `recorded` holds what the advance has made so far.
    pub(crate) fn take(
        &mut self,
        input: &Input,
        cause: &str,
        now: Timestamp,
        recorded: &mut Vec<Recorded>,
    ) {
        for event in self.react(input, now.max(self.data.last_at)) {
            self.record(now, cause, event, recorded);
        }
    }

    /// What follows from the state alone, after the last input of an advance.
    pub(crate) fn come_to_rest(
        &mut self,
        cause: &str,
        now: Timestamp,
        recorded: &mut Vec<Recorded>,
    ) {
        while let Some(event) = self.settle(now.max(self.data.last_at)) {
            self.record(now, cause, event, recorded);
        }
        self.sight.clear();
    }

    /// What [`advance`](Self::advance) would answer; the run stays as it is.
    #[must_use]
    pub fn decide(&self, inputs: &[Input], now: Timestamp) -> Vec<Recorded> {
        self.clone().advance(inputs, now)
    }

    fn record(
        &mut self,
        now: Timestamp,
        cause: &str,
        event: crate::event::Event,
        recorded: &mut Vec<Recorded>,
    ) {
        let event = Recorded {
            at: now.max(self.data.last_at),
            cause: cause.to_owned(),
            continues: !recorded.is_empty(),
            event,
        };
        self.apply(&event);
        recorded.push(event);
    }

    /// The run as bytes that [`restore`](Self::restore) reads.
    ///
    /// # Errors
    /// None in practice: the state holds nothing that JSON cannot.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        Ok(serde_json::to_vec(&(SNAPSHOT_VERSION, &self.data))?)
    }

    /// The run that was written, over the same flow.
    ///
    /// # Errors
    /// When the bytes are of another version, or damaged. The journal has it all: fold it instead.
    pub fn restore(flow: Arc<Flow>, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (version, rest): (u32, serde_json::Value) = serde_json::from_slice(bytes)?;
        if version != SNAPSHOT_VERSION {
            return Err(SnapshotError::Version { found: version });
        }
        Ok(Self {
            flow,
            data: serde_json::from_value(rest)?,
            sight: Vec::new(),
        })
    }
}
