//! What a call is given: the plugin, the request, its limits, and the ports through which it
//! reaches the host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::artifacts::ArtifactAccess;
use crate::call_log::CallLog;
use crate::http::{HttpPolicy, StandIn};
use crate::limits::Limits;
use crate::plugin::{Kind, Plugin};
use crate::report::LogLine;
use crate::revoked::{NothingRevoked, Revocations};
use crate::shared::SharedAccess;
use crate::types::{
    AgentFigures, ConfigProblem, Decision, Difference, Fault, GroupDecision, GroupView,
    HistoryEntry, MemberResult, Outcome, Task, Verdict, View,
};
use crate::waits::{HostWaits, NoWaits};

/// What is asked of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Of an agent: work on a task.
    Process(Task),
    /// Of an agent that compensates: undo what it did.
    Compensate {
        /// The task of the step that completed.
        task: Task,
        /// The outcome of that step.
        outcome: Outcome,
    },
    /// Of a strategy: what next?
    Decide(Box<View>),
    /// Of a group strategy: what next?
    DecideGroup(Box<GroupView>),
    /// Of an aggregator: join results.
    Aggregate {
        /// Every member in declared order, those that failed too.
        results: Vec<MemberResult>,
        /// The aggregator's configuration.
        config: String,
    },
    /// Of an arbiter: decide between results.
    Arbitrate {
        /// Every member in declared order.
        results: Vec<MemberResult>,
        /// The places where they differ.
        differences: Vec<Difference>,
        /// The arbiter's configuration.
        config: String,
    },
    /// Of any plugin: to be instantiated, and no more. Its start functions run.
    Start,
    /// Of any plugin that checks its configuration.
    CheckConfig {
        /// The configuration.
        config: String,
        /// The names of the flow's agents.
        agents: Vec<String>,
    },
}

impl Request {
    /// The function of the contract that answers, for messages and for counting entries.
    #[must_use]
    pub fn function(&self) -> &'static str {
        match self {
            Request::Process(_) => "process",
            Request::Compensate { .. } => "compensate",
            Request::Decide(_) | Request::DecideGroup(_) => "decide",
            Request::Aggregate { .. } => "aggregate",
            Request::Arbitrate { .. } => "arbitrate",
            Request::Start => "start",
            Request::CheckConfig { .. } => "check",
        }
    }

    /// Whether `plugin` exports what answers this.
    #[must_use]
    pub fn suits(&self, plugin: &Plugin) -> bool {
        match self {
            Request::Process(_) => plugin.kind() == Kind::Agent,
            Request::Compensate { .. } => plugin.compensates(),
            Request::Decide(_) => plugin.kind() == Kind::Strategy,
            Request::DecideGroup(_) => plugin.kind() == Kind::GroupStrategy,
            Request::Aggregate { .. } => plugin.kind() == Kind::Aggregator,
            Request::Arbitrate { .. } => plugin.kind() == Kind::Arbiter,
            Request::Start => true,
            Request::CheckConfig { .. } => plugin.checks_config(),
        }
    }
}

/// What a plugin answered, validated.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Request::Process`] and [`Request::Aggregate`].
    Outcome(Outcome),
    /// To [`Request::Start`].
    Started,
    /// To [`Request::Compensate`].
    Compensated,
    /// To [`Request::Decide`].
    Decision(Box<Decision>),
    /// To [`Request::DecideGroup`].
    GroupDecision(Box<GroupDecision>),
    /// To [`Request::Arbitrate`].
    Verdict(Verdict),
    /// To [`Request::CheckConfig`]; empty when the configuration is good.
    Problems(Vec<ConfigProblem>),
}

/// What the guest may read about its call. The same values give the same call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invocation {
    /// The run's id.
    pub run: String,
    /// The step's id; of a strategy's call `decision-<number>`.
    pub step: String,
    /// What the step is called in the call log, where nothing else of the run is called so; the id
    /// when this is empty. The guest does not read it.
    pub logged_as: String,
    /// The name of the agent, strategy or aggregator in the flow file.
    pub name: String,
    /// Counts from 1.
    pub attempt: u32,
    /// What all random numbers of the call are drawn from.
    pub seed: [u8; 32],
    /// The call's logical time, in milliseconds since 1970.
    pub now_ms: i64,
    /// The fault that ended the attempt before this one.
    pub last_fault: Option<Fault>,
    /// What the host or an answering person wants the guest to know: name and JSON.
    pub hints: Vec<(String, String)>,
    /// What this agent put into its own context in earlier steps: key and JSON.
    pub own_context: BTreeMap<String, String>,
    /// How the flow's agents have fared of late, for strategies.
    pub figures: Vec<AgentFigures>,
}

/// Pages of history older than what a view holds.
#[async_trait]
pub trait HistoryPager: Send + Sync {
    /// At most `count` entries whose id is below `id`, newest first. `count` is at most 256.
    ///
    /// # Errors
    /// A sentence; the call then ends as the host's failure.
    async fn before(&self, id: u32, count: u32) -> Result<Vec<HistoryEntry>, String>;
}

/// A pager for calls that have no older history.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

#[async_trait]
impl HistoryPager for NoHistory {
    async fn before(&self, _id: u32, _count: u32) -> Result<Vec<HistoryEntry>, String> {
        Ok(Vec::new())
    }
}

/// What a guest says while it runs. Not durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// How much is done, from 0 to 1.
    Fraction(f64),
    /// What is being done.
    Note(String),
    /// A piece of the answer.
    Chunk(String),
}

/// Is told what a guest says as it says it. Called from within the guest's call, so it must return
/// at once.
pub trait Observer: Send + Sync {
    /// A line that went into the log.
    fn log(&self, line: &LogLine);
    /// How far the guest is.
    fn progress(&self, progress: Progress);
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn log(&self, _line: &LogLine) {}
    fn progress(&self, _progress: Progress) {}
}

/// One call.
pub struct CallSpec {
    /// Who is asked.
    pub plugin: Arc<Plugin>,
    /// What is asked.
    pub request: Request,
    /// What the call may use.
    pub limits: Limits,
    /// What the guest may read about it.
    pub invocation: Invocation,
    /// How long the call may take by the clock on the wall, waits for the host included.
    pub timeout: Duration,
    /// Ends the call at once.
    pub cancel: CancellationToken,
    /// Where host calls with an effect are journalled.
    pub call_log: Arc<dyn CallLog>,
    /// Older history, for strategies.
    pub history: Arc<dyn HistoryPager>,
    /// Who is told what the guest says while it runs.
    pub observer: Arc<dyn Observer>,
    /// What lies beyond the host, as far as the call may reach it.
    pub outside: Outside,
}

/// What a call may reach beyond the host, and who is told when it waits. Nothing and nobody by
/// default.
#[derive(Clone)]
pub struct Outside {
    /// What the call's grant of `http` allows.
    pub http: Option<Arc<HttpPolicy>>,
    /// In a test of a plugin: who answers its requests of `http`, whatever the grant allows.
    pub stand_in: Option<Arc<dyn StandIn>>,
    /// What the call's grant of `shared` allows, and where that is.
    pub shared: Option<SharedAccess>,
    /// What the call's grant of `artifacts` allows, and where they are.
    pub artifacts: Option<ArtifactAccess>,
    /// Which of these grants have been taken meanwhile.
    pub revoked: Arc<dyn Revocations>,
    /// Takes the call's slot back while it waits.
    pub waits: Arc<dyn HostWaits>,
}

impl Outside {
    /// Whether the call may wait for the host: then it may be suspended and executed again.
    pub(crate) fn may_wait(&self) -> bool {
        self.http.is_some() || self.shared.is_some() || self.artifacts.is_some()
    }
}

impl Default for Outside {
    fn default() -> Outside {
        Outside {
            http: None,
            stand_in: None,
            shared: None,
            artifacts: None,
            revoked: Arc::new(NothingRevoked),
            waits: Arc::new(NoWaits),
        }
    }
}
