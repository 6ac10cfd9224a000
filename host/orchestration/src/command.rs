//! What is outstanding: the work that the machine waits for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::document::Document;
use crate::event::{CallId, TimerId};
use crate::failure::Failure;
use crate::run::step::OwnContext;
use crate::time::Timestamp;
use crate::view::View;

/// One thing that somebody outside must do, and answer with an [`Input`](crate::input::Input).
///
/// Commands are derived from the state, never stored: the same command has the same id however
/// often it is asked for, before and after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Make a guest call; [`Run::call`](crate::run::Run::call) says which.
    Call {
        /// Its id.
        id: CallId,
        /// False while the run is paused: a call under way goes on, none begins.
        may_start: bool,
    },
    /// Wait until then.
    Timer {
        /// Its id.
        id: TimerId,
        /// When it fires.
        due: Timestamp,
    },
}

/// Which use of a plugin in the flow a call goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginRole {
    /// The flow's strategy.
    Strategy,
    /// The agent of that name.
    Agent(String),
    /// The aggregator of that name.
    Aggregator(String),
}

impl std::fmt::Display for PluginRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Strategy => write!(f, "strategy"),
            Self::Agent(name) => write!(f, "agent:{name}"),
            Self::Aggregator(name) => write!(f, "aggregator:{name}"),
        }
    }
}

/// A guest call, spelled out.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The step's id; of a decision `decision-<number>`.
    pub step: String,
    /// Who is called.
    pub role: PluginRole,
    /// What with.
    pub request: CallRequest,
    /// The plugin's configuration for this call.
    pub config: Document,
    /// How long the attempt may take, waits for the host included.
    pub timeout: Duration,
    /// What ended the attempt before this one.
    pub last_fault: Option<Failure>,
    /// What an answering person wants the attempt to know.
    pub hints: BTreeMap<String, Document>,
    /// What the agent had kept, in earlier steps of the run, when the attempt became ready.
    pub own_context: OwnContext,
    /// When nothing stood in its way but a slot.
    pub ready: Timestamp,
    /// The logical time of the call: the same for every execution of the attempt.
    pub logical_time: Timestamp,
    /// Where slots are short: higher first.
    pub priority: i32,
    /// Then: the longer the work behind it, the sooner. Milliseconds.
    pub critical_path_ms: u64,
    /// How many calls of this agent may run at once.
    pub max_load: u32,
}

/// What a guest is asked.
#[derive(Debug, Clone)]
pub enum CallRequest {
    /// An agent: to work on this input, as JSON text.
    Process {
        /// I-JSON text.
        input: String,
    },
    /// The strategy: to decide.
    Decide {
        /// What it may see.
        view: Arc<View>,
    },
    /// An aggregator: to join these.
    Aggregate {
        /// Every member, in declared order.
        members: Vec<Member>,
    },
}

/// One member of a join.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The step's id.
    pub member: String,
    /// `completed`, `failed`, `skipped` or `cancelled`.
    pub status: String,
    /// Present when completed.
    pub output: Option<Document>,
    /// How sure the member was.
    pub confidence: Option<f64>,
    /// Present when failed.
    pub error: Option<Failure>,
}
