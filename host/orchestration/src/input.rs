//! What the machine learns. Everything that is not in an [`Input`] does not exist for it.

use std::collections::BTreeMap;

use crate::artifact::{GivenArtifact, NewArtifact};
use crate::decision::Decision;
use crate::document::Document;
use crate::event::{Answer, CallFacts, CallId, Pins, StepResult, TimerId};
use crate::failure::Failure;
use crate::flow::RunLimits;
use crate::shared::SharedChange;

/// One thing that the machine is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Begin.
    Start(Box<Start>),
    /// The strategy's call ended.
    Decided {
        /// Which call.
        call: CallId,
        /// What it answered.
        result: Result<Box<Decision>, Failure>,
        /// What it took.
        facts: CallFacts,
        /// What the guest logged.
        log: Option<Document>,
    },
    /// An agent's or aggregator's call ended.
    StepEnded {
        /// Which call.
        call: CallId,
        /// How.
        result: StepResult,
        /// What the agent put into its own context.
        context: BTreeMap<String, Document>,
        /// What it took.
        facts: CallFacts,
        /// What the guest logged.
        log: Option<Document>,
    },
    /// A timer's time has come.
    TimerFired(TimerId),
    /// The run has a new owner: calls may have been under way when the last one ended.
    Recovered,
    /// The run goes on from where another one stood.
    Forked(Box<Forked>),
    /// A call asks for a change of what the run's steps share.
    SharedSet(Box<SharedChange>),
    /// A call makes an artifact.
    ArtifactPut(Box<NewArtifact>),
    /// From a person or another program.
    Wish {
        /// The id in the inbox, or one made up by who asked.
        id: String,
        /// Who.
        by: String,
        /// What.
        wish: Wish,
    },
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The run's id.
    pub run: String,
    /// What it is given.
    pub input: Document,
    /// All chance comes from it.
    pub seed: u64,
    /// The flow's bounds as narrowed by the licence.
    pub limits: RunLimits,
    /// What it stays on.
    pub pins: Pins,
    /// Files that it is given.
    pub artifacts: Vec<GivenArtifact>,
}

/// How a run goes on from where another one stood.
#[derive(Debug, Clone, PartialEq)]
pub struct Forked {
    /// The new run's id.
    pub run: String,
    /// The other run.
    pub from: String,
    /// How many of its events were taken over.
    pub events: u64,
    /// Given instead of the other run's input.
    pub input: Option<Document>,
    /// Whether it takes the other run's place.
    pub supersedes: bool,
    /// Who wanted it.
    pub by: String,
}

/// What somebody wants of a run.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum Wish {
    /// End it.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Start nothing until told otherwise.
    Pause,
    /// Go on.
    Unpause,
    /// Make what is called from now on with other versions of plugins, which are pinned already.
    Migrate {
        /// The digest of the component for each use: `agent:NAME`, `strategy`, `aggregator:NAME`.
        plugins: BTreeMap<String, String>,
    },
    /// Take a capability from a use of a plugin.
    Revoke {
        /// `agent:NAME`, `strategy` or `aggregator:NAME`.
        role: String,
        /// The interface.
        interface: String,
    },
    /// Give back a capability that was taken.
    Grant {
        /// `agent:NAME`, `strategy` or `aggregator:NAME`.
        role: String,
        /// The interface.
        interface: String,
    },
    /// Note the present state by name.
    Checkpoint {
        /// For people.
        label: String,
    },
    /// The answer to an escalation.
    Answer {
        /// The step's id; may be left out when only one waits.
        step: Option<String>,
        /// What.
        answer: Answer,
    },
}

impl Input {
    /// The name by which events say what they came from.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Start(_) => "start".to_owned(),
            Self::Decided { call, .. } | Self::StepEnded { call, .. } => format!("call:{call}"),
            Self::TimerFired(timer) => format!("timer:{timer}"),
            Self::Recovered => "recovery".to_owned(),
            Self::Forked(_) => "fork".to_owned(),
            Self::ArtifactPut(new) => format!("artifact:{}:{}", new.call, new.ordinal),
            Self::SharedSet(change) => format!("shared:{}:{}", change.call, change.ordinal),
            Self::Wish { id, .. } => format!("inbox:{id}"),
        }
    }
}
