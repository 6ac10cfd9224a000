//! What a strategy answers: steps to start, when to be asked again, or how the run ends.

use crate::agent::{Extras, extras_out};
use crate::fault::Fault;
use crate::json::{IntoJson, Json, JsonError};
use crate::request::{Request, dependency, request_methods};
use crate::routing::{Names, Routing, routing_methods, written};
use crate::wire;

/// A strategy's answer, made by chaining.
///
/// Left unsaid: the strategy is asked again when nothing runs any more, its confidence is 1, and a
/// step is called after its agent (from the second decision on with the decision's number behind a `#`).
#[derive(Clone, Debug)]
pub struct Decision {
    steps: Vec<Step>,
    joins: Vec<Join>,
    routing: Routing,
}

/// One step to start.
#[derive(Clone, Debug)]
pub struct Step {
    request: Request,
}

/// Parallel steps whose results an aggregator joins into one step.
#[derive(Clone, Debug)]
pub struct Join {
    aggregator: String,
    id: Option<String>,
    members: Members,
    config: Option<Result<String, JsonError>>,
    reason: String,
    after: Vec<String>,
    extra: Extras,
}

#[derive(Clone, Debug)]
enum Members {
    /// The first so many steps of the decision.
    First(usize),
    Named(Vec<String>),
}

impl Step {
    request_methods!("an agent");
}

impl Join {
    /// Joins by an aggregator of the flow file, in the order of the members: ids of steps, or names
    /// of agents that this same decision starts once each.
    pub fn new<Name: Into<String>>(
        aggregator: impl Into<String>,
        members: impl IntoIterator<Item = Name>,
    ) -> Self {
        Self {
            aggregator: aggregator.into(),
            id: None,
            members: Members::Named(members.into_iter().map(Into::into).collect()),
            config: None,
            reason: String::new(),
            after: Vec::new(),
            extra: Extras::new(),
        }
    }

    /// The id of the step that the join is; the aggregator's name when left out.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Laid over the aggregator's configuration in the flow file, key by key.
    #[must_use]
    pub fn config(mut self, config: impl IntoJson) -> Self {
        self.config = Some(config.into_json());
        self
    }

    /// Why, for the run's history.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Waits for these too, beside the members.
    #[must_use]
    pub fn after<Name: Into<String>>(mut self, steps: impl IntoIterator<Item = Name>) -> Self {
        self.after.extend(steps.into_iter().map(Into::into));
        self
    }

    /// Adds a named document.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, document: Json) -> Self {
        self.extra.push((name.into(), document));
        self
    }
}

impl Decision {
    /// Runs agents one after the other, each seeing the state with the last one's output in it.
    pub fn route<Name: Into<String>>(agents: impl IntoIterator<Item = Name>) -> Self {
        Self::start(agents.into_iter().enumerate().map(|(position, agent)| {
            let mut step = Step::route(agent);
            step.request.follows = position > 0;
            step
        }))
    }

    /// Runs agents side by side on the state as it is now.
    pub fn parallel<Name: Into<String>>(agents: impl IntoIterator<Item = Name>) -> Self {
        Self::start(agents.into_iter().map(Step::route))
    }

    /// Runs an agent again, telling it what went wrong.
    pub fn retry(agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::start([Step::retry(agent, reason)])
    }

    /// Notes that an agent was left out.
    pub fn skip(agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::start([Step::skip(agent, reason)])
    }

    /// Waits for an answer; the agent runs if the answer is to try again.
    pub fn escalate(agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::start([Step::escalate(agent, reason)])
    }

    /// Starts steps that are described one by one.
    pub fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            joins: Vec::new(),
            routing: Routing::default(),
        }
    }

    /// Starts nothing and goes on waiting for what runs.
    pub fn wait() -> Self {
        Self::start([])
    }

    /// Ends the run well; its result is the run's state.
    pub fn end() -> Self {
        Self::ending(Routing::ending("completed", "", None))
    }

    /// Ends the run well, with a result of the strategy's own.
    pub fn end_with(output: impl IntoJson) -> Self {
        Self::ending(Routing::ending("completed", "", Some(output.into_json())))
    }

    /// Ends the run as failed.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::ending(Routing::ending("failed", reason, None))
    }

    fn ending(routing: Routing) -> Self {
        Self {
            routing,
            ..Self::wait()
        }
    }

    /// Starts one more step.
    #[must_use]
    pub fn and(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Joins every step of this decision so far by an aggregator of the flow file.
    #[must_use]
    pub fn join(self, aggregator: impl Into<String>) -> Self {
        let mut join = Join::new(aggregator, [""; 0]);
        join.members = Members::First(self.steps.len());
        self.join_as(join)
    }

    /// Adds a join that is described by itself.
    #[must_use]
    pub fn join_as(mut self, join: Join) -> Self {
        self.joins.push(join);
        self
    }

    routing_methods!();

    pub(crate) fn into_wire(self, number: u32) -> Result<wire::strategy::Decision, Fault> {
        let steps = self
            .steps
            .iter()
            .map(|step| (&step.request.id, &step.request.target));
        let joins = self.joins.iter().map(|join| (&join.id, &join.aggregator));
        let names = Names::new(number, steps.chain(joins));
        let mut decision = {
            let routing = self.routing.into_wire(&names)?;
            wire::strategy::Decision {
                start: Vec::with_capacity(self.steps.len()),
                joins: Vec::with_capacity(self.joins.len()),
                after: Vec::new(),
                wake: routing.wake,
                wake_on_failure: routing.wake_on_failure,
                end: routing.end,
                reason: routing.reason,
                confidence: routing.confidence,
                metadata: routing.metadata,
                extra: routing.extra,
            }
        };
        let first_join = self.steps.len();
        for (position, step) in self.steps.into_iter().enumerate() {
            let (request, dependency) =
                step.request.into_wire(&names, position, "a step's input")?;
            decision.after.extend(dependency);
            decision.start.push(wire::strategy::StepRequest {
                id: request.id,
                agent: request.target,
                input: request.input,
                kind: request.kind,
                reason: request.reason,
                extra: request.extra,
            });
        }
        for (position, join) in self.joins.into_iter().enumerate() {
            let id = names.at(first_join + position);
            let after = names.resolve_all(join.after);
            decision.after.extend(dependency(id.clone(), after));
            decision.joins.push(wire::strategy::Join {
                id,
                aggregator: join.aggregator,
                members: match join.members {
                    Members::First(count) => (0..count).map(|step| names.at(step)).collect(),
                    Members::Named(members) => names.resolve_all(members),
                },
                config: written("a join's configuration", join.config)?,
                reason: join.reason,
                extra: extras_out(join.extra),
            });
        }
        Ok(decision)
    }
}
