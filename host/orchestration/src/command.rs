//! What is outstanding: the work that the machine waits for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::artifact::Artifact;
use crate::document::Document;
use crate::event::{CallId, CallOf, StepNo, TimerId};
use crate::failure::Failure;
use crate::run::ENDED_STEPS_KEPT;
use crate::run::step::OwnContext;
use crate::time::Timestamp;
use crate::view::View;

/// The longest id under which a step stands in the call log, in bytes.
const LONGEST_LOGGED_ID: usize = 128;

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
    /// Artifacts of the run that go with the step's input, in the order in which they were made.
    pub attachments: Vec<Artifact>,
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

impl Call {
    /// Under which name its attempts stand in the call log: [`call_log_name`].
    #[must_use]
    pub fn call_log_name(&self) -> String {
        call_log_name(self.id.of, &self.step)
    }
}

/// Under which name a step, or a decision, stands in the call log, and its requests are known to
/// servers that honour keys: of all that a run ever does, nothing else has this name.
///
/// The id of a step is free again once enough others have ended, so that a later step may be called
/// alike; and a strategy may call a step `decision-1`, or give it an id that is too long for the log.
/// Such steps go by their number. All other names are ids, and never begin with the sign that stands
/// before a number.
#[must_use]
pub fn call_log_name(of: CallOf, id: &str) -> String {
    match of {
        CallOf::Decision(number) => format!("decision-{number}"),
        CallOf::Step(StepNo(number)) => {
            // Nothing is forgotten before more than these have ended.
            let first_of_its_id = number as usize <= ENDED_STEPS_KEPT;
            let like_another = id.starts_with('#') || id.starts_with("decision-");
            if first_of_its_id && !like_another && id.len() <= LONGEST_LOGGED_ID {
                id.to_owned()
            } else {
                format!("#{number}")
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::{CallOf, StepNo, call_log_name};

    #[test]
    fn what_could_be_called_like_something_else_goes_by_its_number() {
        let name = |number, id: &str| call_log_name(CallOf::Step(StepNo(number)), id);
        assert_eq!(name(256, "fetch"), "fetch");
        assert_eq!(name(257, "fetch"), "#257");
        assert_eq!(name(3, "#257"), "#3");
        assert_eq!(call_log_name(CallOf::Decision(1), ""), "decision-1");
        assert_eq!(name(4, "decision-1"), "#4");
        assert_eq!(name(5, &"x".repeat(256)), "#5");
    }
}
