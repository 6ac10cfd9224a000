//! What a group's strategy sees of its pipelines, and what it answers.

use crate::agent::{Extras, extras_in};
use crate::fault::Fault;
use crate::json::{FromJson, IntoJson, Json};
use crate::request::{Request, request_methods};
use crate::routing::{Names, Routing, routing_methods};
use crate::wire::{self, HistoryEntry};

/// What a group's strategy may see: its pipelines, each as its own run last said.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupView<Config = Json, Input = Json> {
    /// Of this decision; counts from 1.
    pub decision: u32,
    /// `start`, `wake`, `failure`, `escalation` or `answer`.
    pub trigger: String,
    /// The group's input.
    pub input: Input,
    /// From the flow file; `{}` where the flow gives none.
    pub config: Config,
    /// In the order of the flow file.
    pub pipelines: Vec<PipelineState>,
    /// Requests since the last decision.
    pub escalations: Vec<Escalation>,
    /// The last 32 entries, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Rounds that may still be made before the group's limit.
    pub iterations_left: u32,
    /// Whatever else the host says.
    pub extra: Extras,
}

impl<Config, Input> GroupView<Config, Input> {
    /// The view of a group's first decision, for tests.
    pub fn new(
        config: Config,
        input: Input,
        pipelines: impl IntoIterator<Item = PipelineState>,
    ) -> Self {
        Self {
            decision: 1,
            trigger: "start".to_owned(),
            input,
            config,
            pipelines: pipelines.into_iter().collect(),
            escalations: Vec::new(),
            history: Vec::new(),
            iterations_left: u32::MAX,
            extra: Extras::new(),
        }
    }

    /// Whether this is the group's first decision.
    pub fn is_start(&self) -> bool {
        self.trigger == "start"
    }

    /// The pipeline of that id.
    pub fn pipeline(&self, id: &str) -> Option<&PipelineState> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id)
    }
}

/// One pipeline of the group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineState {
    /// The pipeline's name in the flow file.
    pub id: String,
    /// `leader`, `member`, `specialist` or `fallback`.
    pub role: String,
    /// `idle`, `running`, `completed` or `failed`.
    pub status: String,
    /// From 0 to 1.
    pub progress: f64,
    /// The step that it is at.
    pub current_step: Option<String>,
    /// Failures so far.
    pub error_count: u32,
    /// Steps that run or are queued.
    pub load: u32,
    /// Milliseconds since 1970.
    pub last_update_ms: f64,
    /// Present when it ended since the last decision.
    pub output: Option<Json>,
    /// Why it failed.
    pub error: Option<Fault>,
    /// Whatever else the host says.
    pub extra: Extras,
}

/// A request to run a team, made by an agent, a team or the group itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    /// The team that asks.
    pub source_team: String,
    /// The agent that asks, if one does.
    pub source_agent: Option<String>,
    /// What kind of question it is.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// `low`, `normal`, `high` or `critical`.
    pub priority: String,
    /// What went wrong, if anything.
    pub error: Option<Fault>,
    /// What the one who asks would do.
    pub suggested_action: Option<String>,
    /// What is needed to answer.
    pub context: Json,
    /// Whatever else the host says.
    pub extra: Extras,
}

/// A group strategy's answer, made by chaining; the shape of [`Decision`](crate::Decision).
#[derive(Clone, Debug)]
pub struct GroupDecision {
    start: Vec<PipelineRequest>,
    aggregator: Option<String>,
    routing: Routing,
}

/// One pipeline to run.
#[derive(Clone, Debug)]
pub struct PipelineRequest {
    request: Request,
}

impl PipelineRequest {
    request_methods!("a pipeline");
}

impl GroupDecision {
    /// Runs pipelines one after the other.
    pub fn route<Name: Into<String>>(pipelines: impl IntoIterator<Item = Name>) -> Self {
        Self::start(
            pipelines
                .into_iter()
                .enumerate()
                .map(|(position, pipeline)| {
                    let mut request = PipelineRequest::route(pipeline);
                    request.request.follows = position > 0;
                    request
                }),
        )
    }

    /// Runs pipelines side by side.
    pub fn parallel<Name: Into<String>>(pipelines: impl IntoIterator<Item = Name>) -> Self {
        Self::start(pipelines.into_iter().map(PipelineRequest::route))
    }

    /// Starts pipelines that are described one by one.
    pub fn start(requests: impl IntoIterator<Item = PipelineRequest>) -> Self {
        Self {
            start: requests.into_iter().collect(),
            aggregator: None,
            routing: Routing::default(),
        }
    }

    /// Starts nothing and goes on waiting for what runs.
    pub fn wait() -> Self {
        Self::start([])
    }

    /// Ends the group well; its result is what the aggregator makes.
    pub fn end() -> Self {
        Self::ending(Routing::ending("completed", "", None))
    }

    /// Ends the group well, with a result of the strategy's own.
    pub fn end_with(output: impl IntoJson) -> Self {
        Self::ending(Routing::ending("completed", "", Some(output.into_json())))
    }

    /// Ends the group as failed.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::ending(Routing::ending("failed", reason, None))
    }

    fn ending(routing: Routing) -> Self {
        Self {
            routing,
            ..Self::wait()
        }
    }

    /// Starts one more pipeline.
    #[must_use]
    pub fn and(mut self, request: PipelineRequest) -> Self {
        self.start.push(request);
        self
    }

    /// The aggregator that joins the results; `merge` when left out.
    #[must_use]
    pub fn join(mut self, aggregator: impl Into<String>) -> Self {
        self.aggregator = Some(aggregator.into());
        self
    }

    routing_methods!();

    pub(crate) fn into_wire(
        self,
        number: u32,
    ) -> Result<wire::group_strategy::GroupDecision, Fault> {
        let names = Names::new(
            number,
            self.start
                .iter()
                .map(|start| (&start.request.id, &start.request.target)),
        );
        let routing = self.routing.into_wire(&names)?;
        let mut after = Vec::new();
        let mut start = Vec::with_capacity(self.start.len());
        for (position, pipeline) in self.start.into_iter().enumerate() {
            let (request, dependency) =
                pipeline
                    .request
                    .into_wire(&names, position, "a pipeline's input")?;
            after.extend(dependency);
            start.push(wire::group_strategy::PipelineRequest {
                id: request.id,
                pipeline: request.target,
                input: request.input,
                kind: request.kind,
                reason: request.reason,
                extra: request.extra,
            });
        }
        Ok(wire::group_strategy::GroupDecision {
            start,
            after,
            wake: routing.wake,
            wake_on_failure: routing.wake_on_failure,
            aggregator: self.aggregator,
            end: routing.end,
            reason: routing.reason,
            confidence: routing.confidence,
            metadata: routing.metadata,
            extra: routing.extra,
        })
    }
}

impl<Config: FromJson, Input: FromJson> GroupView<Config, Input> {
    pub(crate) fn from_wire(view: wire::group_strategy::GroupView) -> Result<Self, Fault> {
        Ok(Self {
            decision: view.decision,
            trigger: view.trigger,
            input: Input::from_json(view.input)
                .map_err(|error| Fault::unreadable("the group's input", &error))?,
            config: Config::from_json(view.config)
                .map_err(|error| Fault::unreadable("the configuration", &error))?,
            pipelines: view
                .pipelines
                .into_iter()
                .map(PipelineState::from)
                .collect(),
            escalations: view.escalations.into_iter().map(Escalation::from).collect(),
            history: view.history,
            iterations_left: view.iterations_left,
            extra: extras_in(view.extra),
        })
    }
}

impl From<wire::group_strategy::PipelineState> for PipelineState {
    fn from(pipeline: wire::group_strategy::PipelineState) -> Self {
        Self {
            id: pipeline.pipeline_id,
            role: pipeline.role,
            status: pipeline.status,
            progress: pipeline.progress,
            current_step: pipeline.current_step,
            error_count: pipeline.error_count,
            load: pipeline.load,
            last_update_ms: pipeline.last_update_ms,
            output: pipeline.output.map(Json::from_text),
            error: pipeline.error.map(Fault::from),
            extra: extras_in(pipeline.extra),
        }
    }
}

impl From<wire::group_strategy::Escalation> for Escalation {
    fn from(escalation: wire::group_strategy::Escalation) -> Self {
        Self {
            source_team: escalation.source_team_id,
            source_agent: escalation.source_agent_id,
            kind: escalation.kind,
            reason: escalation.reason,
            priority: escalation.priority,
            error: escalation.error.map(Fault::from),
            suggested_action: escalation.suggested_action,
            context: Json::from_text(escalation.context),
            extra: extras_in(escalation.extra),
        }
    }
}
