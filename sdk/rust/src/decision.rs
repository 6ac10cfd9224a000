//! What a strategy answers: steps to start, when to be asked again, or how the run ends.

use crate::agent::{Extras, extras_out};
use crate::fault::Fault;
use crate::json::{IntoJson, Json, JsonError};
use crate::routing::{Ending, Names, Routing, routing_methods, written};
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
    kind: &'static str,
    agent: String,
    id: Option<String>,
    input: Option<Result<String, JsonError>>,
    reason: String,
    /// Whether it starts after the step before it in the same decision.
    follows: bool,
    after: Vec<String>,
    extra: Extras,
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
    /// Runs an agent.
    pub fn route(agent: impl Into<String>) -> Self {
        Self::of_kind("route", agent, "")
    }

    /// Runs an agent again, telling it what went wrong.
    pub fn retry(agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of_kind("retry", agent, reason)
    }

    /// Notes that an agent was left out.
    pub fn skip(agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of_kind("skip", agent, reason)
    }

    /// Waits for an answer; the agent runs if the answer is to try again.
    pub fn escalate(agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of_kind("escalate", agent, reason)
    }

    fn of_kind(kind: &'static str, agent: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            kind,
            agent: agent.into(),
            id: None,
            input: None,
            reason: reason.into(),
            follows: false,
            after: Vec::new(),
            extra: Extras::new(),
        }
    }

    /// The step's id: not that of another step which runs or ended lately.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// What the agent is given, instead of the run's state.
    #[must_use]
    pub fn input(mut self, input: impl IntoJson) -> Self {
        self.input = Some(input.into_json());
        self
    }

    /// Why, for the run's history.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Starts when these have ended: ids of steps and joins, or names of agents that this same
    /// decision starts once each. If one of them failed, the step is skipped.
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
            step.follows = position > 0;
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
        Self::ending("completed", String::new(), None)
    }

    /// Ends the run well, with a result of the strategy's own.
    pub fn end_with(output: impl IntoJson) -> Self {
        Self::ending("completed", String::new(), Some(output.into_json()))
    }

    /// Ends the run as failed.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::ending("failed", reason.into(), None)
    }

    fn ending(
        status: &'static str,
        reason: String,
        output: Option<Result<String, JsonError>>,
    ) -> Self {
        let mut decision = Self::wait();
        decision.routing.reason.clone_from(&reason);
        decision.routing.end = Some(Ending {
            status,
            reason,
            output,
        });
        decision
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
        let bases = self.steps.iter().map(|step| (&step.id, &step.agent));
        let joins = self.joins.iter().map(|join| (&join.id, &join.aggregator));
        let names = Names::new(number, bases.chain(joins));
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
            let id = names.at(position);
            let mut after = names.resolve_all(step.after);
            if step.follows {
                after.push(names.at(position - 1));
            }
            if !after.is_empty() {
                decision.after.push(wire::Dependency {
                    step: id.clone(),
                    after,
                });
            }
            decision.start.push(wire::strategy::StepRequest {
                id,
                agent: step.agent,
                input: written("a step's input", step.input)?,
                kind: step.kind.to_owned(),
                reason: step.reason,
                extra: extras_out(step.extra),
            });
        }
        for (position, join) in self.joins.into_iter().enumerate() {
            let id = names.at(first_join + position);
            let after = names.resolve_all(join.after);
            if !after.is_empty() {
                decision.after.push(wire::Dependency {
                    step: id.clone(),
                    after,
                });
            }
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
