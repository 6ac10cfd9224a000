//! What a strategy sees of its pipeline.

use crate::agent::{Extras, extras_in};
use crate::fault::Fault;
use crate::host;
use crate::json::{FromJson, Json};
use crate::wire;

pub use crate::wire::HistoryEntry;

/// What a strategy may see: its own pipeline and nothing else.
///
/// `Config` is the strategy's configuration in the flow file, `State` the run's state. Left out,
/// they are [`Json`]: text that costs nothing until it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct View<Config = Json, State = Json> {
    /// Of this decision; counts from 1.
    pub decision: u32,
    /// `start`, `wake`, `failure` or `answer`.
    pub trigger: String,
    /// The run's state: the input, and the outputs so far.
    pub state: State,
    /// From the flow file; `{}` where the flow gives none.
    pub config: Config,
    /// In the order of the flow file.
    pub agents: Vec<AgentState>,
    /// Steps that run, wait, or ended since the last decision.
    pub steps: Vec<StepState>,
    /// The last 32 entries, oldest first; see [`View::older_history`].
    pub history: Vec<HistoryEntry>,
    /// The step that ended last, if one has.
    pub current_step: Option<String>,
    /// How long that step took.
    pub step_duration_ms: Option<f64>,
    /// Retries of the run so far.
    pub retry_count: u32,
    /// Failed attempts by finished attempts of the run.
    pub error_rate: f64,
    /// Steps that may still be started before the run's limit.
    pub steps_left: u32,
    /// Whatever else the host says.
    pub extra: Extras,
}

impl<Config, State> View<Config, State> {
    /// The view of a run's first decision, for tests.
    pub fn new(config: Config, state: State, agents: impl IntoIterator<Item = AgentState>) -> Self {
        Self {
            decision: 1,
            trigger: "start".to_owned(),
            state,
            config,
            agents: agents.into_iter().collect(),
            steps: Vec::new(),
            history: Vec::new(),
            current_step: None,
            step_duration_ms: None,
            retry_count: 0,
            error_rate: 0.0,
            steps_left: u32::MAX,
            extra: Extras::new(),
        }
    }

    /// Whether this is the run's first decision.
    pub fn is_start(&self) -> bool {
        self.trigger == "start"
    }

    /// The agent of that name.
    pub fn agent(&self, name: &str) -> Option<&AgentState> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// The step of that id, if it runs, waits, or ended since the last decision.
    pub fn step(&self, id: &str) -> Option<&StepState> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Steps that have been started and have not ended.
    pub fn unfinished(&self) -> impl Iterator<Item = &StepState> {
        self.steps.iter().filter(|step| !step.is_ended())
    }

    /// Steps that failed for good since the last decision.
    pub fn failures(&self) -> impl Iterator<Item = &StepState> {
        self.steps.iter().filter(|step| step.status == "failed")
    }

    /// At most `count` entries (256 at the most) that are older than those of the view, newest first.
    pub fn older_history(&self, count: u32) -> Vec<HistoryEntry> {
        match self.history.first() {
            Some(oldest) => host::history::before(oldest.id, count),
            None => Vec::new(),
        }
    }
}

/// One agent of the pipeline and how it has fared in this run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentState {
    /// The agent's name in the flow file.
    pub name: String,
    /// `idle`, `running`, `error` (more attempts follow) or `failed` (final).
    pub status: String,
    /// The agents whose steps must end before this one's, as the flow file says.
    pub after: Vec<String>,
    /// Higher is sooner.
    pub priority: i32,
    /// What the flow file expects a step to take.
    pub estimated_ms: Option<u32>,
    /// What the agent says that it is good at.
    pub skills: Vec<String>,
    /// Steps of this agent that completed.
    pub completed: u32,
    /// Steps of this agent that failed for good.
    pub failed: u32,
    /// Steps of this agent that were skipped.
    pub skipped: u32,
    /// Attempts beyond the first, over all its steps.
    pub retries: u32,
    /// Of the last step that ended.
    pub last_duration_ms: Option<f64>,
    /// Of the last attempt that failed.
    pub last_fault: Option<Fault>,
    /// Whatever else the host says.
    pub extra: Extras,
}

impl AgentState {
    /// An idle agent that has done nothing, for tests.
    pub fn idle(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: "idle".to_owned(),
            ..Self::default()
        }
    }

    /// Says which agents' steps must end before this one's, for tests.
    #[must_use]
    pub fn after<Name: Into<String>>(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.after = names.into_iter().map(Into::into).collect();
        self
    }
}

/// One step that runs, waits, or ended since the last decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// The step's id.
    pub id: String,
    /// The agent that does it.
    pub agent: String,
    /// `route`, `retry`, `skip`, `escalate` or `join`.
    pub kind: String,
    /// `pending`, `running`, `waiting`, `completed`, `skipped`, `failed` or `cancelled`.
    pub status: String,
    /// Counts from 1.
    pub attempt: u32,
    /// Present when completed and not yet shown to a decision.
    pub output: Option<Json>,
    /// How sure the agent is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Why it failed.
    pub error: Option<Fault>,
    /// How long it took.
    pub duration_ms: Option<f64>,
    /// Whatever else the host says.
    pub extra: Extras,
}

impl StepState {
    /// Whether the step has come to an end, good or bad.
    pub fn is_ended(&self) -> bool {
        matches!(
            self.status.as_str(),
            "completed" | "skipped" | "failed" | "cancelled"
        )
    }
}

impl<Config: FromJson, State: FromJson> View<Config, State> {
    pub(crate) fn from_wire(view: wire::strategy::View) -> Result<Self, Fault> {
        Ok(Self {
            decision: view.decision,
            trigger: view.trigger,
            state: State::from_json(view.state)
                .map_err(|error| Fault::unreadable("the run's state", &error))?,
            config: Config::from_json(view.config)
                .map_err(|error| Fault::unreadable("the configuration", &error))?,
            agents: view.agents.into_iter().map(AgentState::from).collect(),
            steps: view.steps.into_iter().map(StepState::from).collect(),
            history: view.history,
            current_step: view.current_step,
            step_duration_ms: view.step_duration_ms,
            retry_count: view.retry_count,
            error_rate: view.error_rate,
            steps_left: view.steps_left,
            extra: extras_in(view.extra),
        })
    }
}

impl From<wire::strategy::AgentState> for AgentState {
    fn from(agent: wire::strategy::AgentState) -> Self {
        Self {
            name: agent.name,
            status: agent.status,
            after: agent.after,
            priority: agent.priority,
            estimated_ms: agent.estimated_ms,
            skills: agent.skills,
            completed: agent.completed,
            failed: agent.failed,
            skipped: agent.skipped,
            retries: agent.retries,
            last_duration_ms: agent.last_duration_ms,
            last_fault: agent.last_fault.map(Fault::from),
            extra: extras_in(agent.extra),
        }
    }
}

impl From<wire::strategy::StepState> for StepState {
    fn from(step: wire::strategy::StepState) -> Self {
        Self {
            id: step.id,
            agent: step.agent,
            kind: step.kind,
            status: step.status,
            attempt: step.attempt,
            output: step.output.map(Json::from_text),
            confidence: step.confidence,
            error: step.error.map(Fault::from),
            duration_ms: step.duration_ms,
            extra: extras_in(step.extra),
        }
    }
}
