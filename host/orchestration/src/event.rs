//! What happened: the entries of a run's journal.
//!
//! An event is generic over how it holds documents: the machine works on [`Document`]s, the
//! journal's text on references to payloads ([`wire`](crate::wire)). Fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, ArtifactRef, GivenArtifact};
use crate::decision::Decision;
use crate::document::Document;
use crate::failure::Failure;
use crate::flow::{HttpGrant, RunLimits, SharedGrant};
use crate::time::Timestamp;
use crate::view::AgentFigures;

/// Counts the steps of a run from 1, in the order in which they were asked for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct StepNo(pub u32);

/// What a guest call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOf {
    /// The strategy's decision of that number.
    Decision(u32),
    /// An agent's or an aggregator's work for a step.
    Step(StepNo),
}

/// One issue of a guest call. Stable: the same after a crash, but for `execution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId {
    /// What for.
    pub of: CallOf,
    /// Counts tries from 1.
    pub attempt: u32,
    /// Counts issues of one attempt from 1; more than one only after a crash or a suspension.
    pub execution: u32,
}

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.of {
            CallOf::Decision(number) => write!(f, "decision-{number}")?,
            CallOf::Step(StepNo(number)) => write!(f, "step-{number}")?,
        }
        write!(f, ".{}.{}", self.attempt, self.execution)
    }
}

impl CallOf {
    /// Out of the text that [`CallId`] and [`TimerId`] write.
    fn named(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("decision", number) => number.parse().ok().map(Self::Decision),
            ("step", number) => number.parse().ok().map(|number| Self::Step(StepNo(number))),
            _ => None,
        }
    }
}

impl CallId {
    /// Out of the text that its `Display` writes; none when it is no such text.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let id = Self {
            of: CallOf::named(parts.next()?)?,
            attempt: parts.next()?.parse().ok()?,
            execution: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(id)
    }
}

/// A timer that the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerId {
    /// The run's time is up.
    Total,
    /// The back-off of a call is over.
    Retry(CallOf),
    /// A decision asked to be woken.
    Wake(u32),
}

impl std::fmt::Display for TimerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Total => write!(f, "total"),
            Self::Retry(CallOf::Decision(number)) => write!(f, "retry:decision-{number}"),
            Self::Retry(CallOf::Step(StepNo(number))) => write!(f, "retry:step-{number}"),
            Self::Wake(number) => write!(f, "wake:{number}"),
        }
    }
}

impl TimerId {
    /// Out of the text that its `Display` writes; none when it is no such text.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "total").then_some(Self::Total),
            Some(("retry", call)) => CallOf::named(call).map(Self::Retry),
            Some(("wake", number)) => number.parse().ok().map(Self::Wake),
            Some(_) => None,
        }
    }
}

/// Everything that a run was started with and stays on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pins {
    /// Digest of the flow file's bytes.
    pub flow: String,
    /// The contract's version.
    pub contract: String,
    /// The engine's fingerprint.
    pub engine: String,
    /// Digest of the component behind each use: `agent:NAME`, `strategy`, `aggregator:NAME`.
    pub plugins: BTreeMap<String, String>,
    /// The interfaces that each use was granted.
    pub grants: BTreeMap<String, Vec<String>>,
    /// What each use may do by its grant of `http`. Secrets are named, and their values nowhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub http: BTreeMap<String, HttpGrant>,
    /// Which of the run's shared values each use may read and change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<String, SharedGrant>,
    /// The licence as applied: tier and figures, by name.
    pub entitlements: BTreeMap<String, String>,
}

/// What a call took, measured by the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallFacts {
    /// When nothing stood in the way of the call but a slot.
    pub ready: Timestamp,
    /// When it entered the admission queue.
    pub queued: Timestamp,
    /// When it was given a slot.
    pub admitted: Timestamp,
    /// When guest code was entered.
    pub started: Timestamp,
    /// When the answer was there.
    pub finished: Timestamp,
    /// Microseconds in the admission queue, by a clock that never goes back.
    pub slot_wait_us: u64,
    /// Microseconds from entering the guest to its answer, host calls included.
    pub wall_us: u64,
    /// Microseconds of guest code running.
    pub busy_us: u64,
    /// Units of fuel.
    pub fuel: u64,
    /// Bytes, the most that all memories held together.
    pub peak_memory_bytes: u64,
    /// Elements that all tables held together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub table_elements: u64,
    /// Calls of the host by the guest.
    pub host_calls: u64,
    /// Bytes that the guest passed to the host.
    pub bytes_to_host: u64,
    /// Bytes of the answer.
    pub output_bytes: u64,
    /// Log lines beyond the meter.
    #[serde(default)]
    pub log_dropped: u64,
    /// Microseconds of waiting for the outside, in which the call held no slot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub host_wait_us: u64,
    /// How often the instance was given up during such a wait.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suspensions: u64,
    /// Host calls that a grant did not allow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub denied_host_calls: u64,
    /// Host calls that may have been made twice, and paid for twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated_host_calls: u64,
    /// The plugin's digest.
    pub plugin: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult<D = Document> {
    /// With an answer.
    Completed {
        /// The answer.
        output: D,
        /// How sure the guest is.
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<f64>,
        /// Artifacts of the run that go with the answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<ArtifactRef>,
    },
    /// Without.
    Failed(Failure<D>),
}

/// What follows a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// Another attempt at that time.
    Retry {
        /// Not before.
        at: Timestamp,
    },
    /// Another agent takes over.
    Fallback {
        /// Its name.
        agent: String,
    },
    /// The step counts as skipped.
    Skip,
    /// The step waits for an answer.
    Escalate,
    /// The step has failed.
    Fail,
}

/// What made the strategy be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The run's start.
    Start,
    /// What the last decision waited for.
    Wake,
    /// A step that failed for good.
    Failure,
}

/// A person's, or another authority's, answer to an escalation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<D = Document> {
    /// Make another attempt, with these hints.
    Retry {
        /// Told to the attempt by name.
        hints: BTreeMap<String, D>,
    },
    /// Leave the step out.
    Skip,
    /// Let another agent do it.
    Reroute {
        /// Its name.
        agent: String,
    },
    /// Go on as if the step had completed without an output.
    Continue,
    /// End the run.
    Abort,
}

/// What came of a compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedOutcome {
    /// The value is set.
    Set {
        /// Its version from now on.
        version: u32,
    },
    /// It had another version than was expected.
    Conflict {
        /// Which; none if there is no value.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
    },
    /// What the run shares would be larger than it may be, or was changed as often as it may be.
    Full,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndStatus {
    /// With a result.
    Completed,
    /// Without.
    Failed,
    /// By somebody's wish.
    Cancelled,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event<D = Document> {
    /// The first event of every run.
    RunStarted {
        /// The run's id.
        run: String,
        /// The flow's name.
        flow: String,
        /// What the run was given.
        input: D,
        /// All chance in the run comes from it.
        seed: u64,
        /// The flow's bounds as narrowed by the licence.
        limits: RunLimits,
        /// What it stays on.
        pins: Pins,
        /// Files that it was given: its first artifacts, which go with the input.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        artifacts: Vec<GivenArtifact>,
    },
    /// The strategy is asked; the view it is shown is that of the state right after this event.
    DecisionRequested {
        /// Counts from 1.
        decision: u32,
        /// Why now.
        trigger: Trigger,
        /// What the strategy is shown of how agents have fared in whatever runs: seen at this moment.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        figures: Vec<AgentFigures>,
    },
    /// The strategy answered, and the answer was accepted.
    Decided {
        /// Which.
        decision: u32,
        /// The attempt that answered.
        attempt: u32,
        /// Its execution.
        execution: u32,
        /// The answer.
        answer: Decision<D>,
        /// What the call took.
        call: CallFacts,
        /// What the guest logged.
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<D>,
    },
    /// The strategy did not answer, or its answer was refused.
    DecisionFailed {
        /// Which.
        decision: u32,
        /// The attempt that failed.
        attempt: u32,
        /// Its execution.
        execution: u32,
        /// Why.
        failure: Failure<D>,
        /// What was answered and refused, so that the refusal can be made again. Absent when
        /// nothing was, when it holds a number that JSON cannot, and in journals of older hosts.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<Decision<D>>,
        /// The next attempt, if one follows.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        /// What the call took.
        call: CallFacts,
        /// What the guest logged.
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<D>,
    },
    /// An attempt of a step ended.
    StepEnded {
        /// Which.
        step: StepNo,
        /// The step's id.
        id: String,
        /// The agent or aggregator that worked.
        agent: String,
        /// `route`, `retry`, `escalate` (answered) or `join`.
        kind: String,
        /// The attempt that ended.
        attempt: u32,
        /// Its execution.
        execution: u32,
        /// How.
        result: StepResult<D>,
        /// What follows a failure.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<AfterFailure>,
        /// What the agent put into its own context.
        #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
        context: BTreeMap<String, D>,
        /// What the call took.
        call: CallFacts,
        /// What the guest logged.
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<D>,
    },
    /// A call's back-off is over.
    CallRetried {
        /// Which.
        call: CallOf,
        /// The attempt that begins.
        attempt: u32,
    },
    /// A call that may have been under way when the host ended is issued again.
    CallReissued {
        /// Which.
        call: CallOf,
        /// The same attempt as before.
        attempt: u32,
        /// The new execution.
        execution: u32,
    },
    /// A step was left out.
    StepSkipped {
        /// Which.
        step: StepNo,
        /// The step's id.
        id: String,
        /// The agent that would have worked.
        agent: String,
        /// `route`, `retry`, `skip`, `escalate` or `join`.
        kind: String,
        /// Why.
        reason: String,
    },
    /// A step waits for an answer.
    Escalated {
        /// Which.
        step: StepNo,
        /// The step's id.
        id: String,
        /// The agent concerned.
        agent: String,
        /// `error_resolution` after a failure, else `ambiguous_requirement`.
        kind: String,
        /// Why, for the person who answers.
        reason: String,
    },
    /// Somebody answered.
    Answered {
        /// Which step.
        step: StepNo,
        /// The step's id.
        id: String,
        /// The agent concerned.
        agent: String,
        /// What.
        answer: Answer<D>,
        /// Who.
        by: String,
    },
    /// No call starts until the run goes on.
    Paused {
        /// Who wanted it.
        by: String,
    },
    /// The run goes on.
    Unpaused {
        /// Who wanted it.
        by: String,
    },
    /// What is called from now on is made with other versions of plugins. Calls that are under way end
    /// with the versions that they began with; each says which that was.
    Migrated {
        /// The digest of the component behind each use that changes.
        plugins: BTreeMap<String, String>,
        /// Who wanted it.
        by: String,
    },
    /// The run can be forked here by name: behind whatever was made together with this event.
    Checkpointed {
        /// `checkpoint-` and a number, counted from 1.
        id: String,
        /// For people.
        label: String,
        /// Whether nobody asked for it.
        automatic: bool,
        /// Who asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The events before this one are another run's, and were copied. From here on the run is one of
    /// its own.
    RunForked {
        /// The run's id from here on.
        run: String,
        /// The other run.
        from: String,
        /// How many of its events were taken over.
        events: u64,
        /// What the run is given instead of what the other one was given. Keys of the old input that
        /// no step has written to are replaced by it, for all that is still to be done; what a
        /// step has written stays.
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<D>,
        /// Whether it takes the other run's place, which is cancelled if it has not ended.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        supersedes: bool,
        /// Who wanted it.
        by: String,
    },
    /// A guest asked for a change of what the run's steps share, and was answered.
    SharedSet {
        /// Whose call.
        call: CallOf,
        /// Its attempt.
        attempt: u32,
        /// Its execution.
        execution: u32,
        /// The number of the host call within the attempt, from 0.
        ordinal: u32,
        /// The step's id; of a strategy's call `decision-<number>`.
        id: String,
        /// The agent or aggregator that asked, or `strategy`.
        agent: String,
        /// Which value.
        key: String,
        /// The version that it had to have; none if it was not to be there.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<u32>,
        /// What it was to be; absent where it was to go.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<D>,
        /// The answer.
        outcome: SharedOutcome,
    },
    /// A guest made an artifact; its content stands in the run's journal.
    ArtifactPut {
        /// Whose call.
        call: CallOf,
        /// Its attempt.
        attempt: u32,
        /// Its execution.
        execution: u32,
        /// The number of the host call within the attempt, from 0.
        ordinal: u32,
        /// The step's id; of a strategy's call `decision-<number>`.
        id: String,
        /// The agent or aggregator that made it, or `strategy`.
        agent: String,
        /// What was made.
        artifact: Artifact,
    },
    /// A capability was taken from a use of a plugin, from its next host call on.
    GrantRevoked {
        /// `agent:NAME`, `strategy` or `aggregator:NAME`.
        role: String,
        /// The interface.
        interface: String,
        /// Who wanted it.
        by: String,
    },
    /// A capability that was taken is there again, from the next host call on.
    GrantReturned {
        /// `agent:NAME`, `strategy` or `aggregator:NAME`.
        role: String,
        /// The interface.
        interface: String,
        /// Who wanted it.
        by: String,
    },
    /// An input could not be acted on.
    InputRefused {
        /// Which.
        input: String,
        /// Why.
        reason: String,
        /// Whose it was. Absent, like what follows, in journals of older hosts.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The step that was to be answered, if it was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// What was answered.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<Answer<D>>,
    },
    /// The last event of every run.
    RunEnded {
        /// How.
        status: EndStatus,
        /// Why, for people.
        reason: String,
        /// The result; the run's state when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<D>,
        /// Present when it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure<D>>,
    },
}

/// An event, when it happened and what it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded<D = Document> {
    /// Never before that of the event before it.
    pub at: Timestamp,
    /// The input behind it: `start`, a call's or timer's id, `inbox:<id>`, `recovery`; empty when
    /// nothing but time had passed.
    pub cause: String,
    /// Whether it was made together with the event before it, by one advance of the machine: what
    /// follows from the state alone is looked for once, after all inputs of an advance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// What happened.
    #[serde(flatten)]
    pub event: Event<D>,
}
