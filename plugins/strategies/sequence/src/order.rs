//! Which agents run, in which order, and where a run stands in it; pure.

use menagerie::{AgentState, Fault, View};
use planning::{
    Kind, OnFailure, Plan, PlannedStep, describe_failures, has_failed, suggestion, was_held_back,
};
use serde::Deserialize;

/// What the flow file may say to this strategy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The agents to run, in this order; all of them in the order of the file when empty.
    pub(crate) order: Vec<String>,
    /// What happens when a step has failed for good.
    pub(crate) on_failure: OnFailure,
    /// Decide about one step at a time instead of planning all ahead.
    pub(crate) ask_each_step: bool,
    /// How often the whole order is run; once when absent.
    pub(crate) repeat: Option<u32>,
}

/// Decides what follows.
pub(crate) fn decide<State>(view: &View<Config, State>) -> Result<Plan, Fault> {
    let config = &view.config;
    let order = order(view)?;
    let failed: Vec<_> = view.steps.iter().filter(|step| has_failed(step)).collect();
    if !failed.is_empty() && config.on_failure == OnFailure::Stop {
        return Ok(Plan::Fail {
            reason: describe_failures(failed),
        });
    }
    if view.unfinished().next().is_some() {
        return Ok(Plan::Wait);
    }
    Ok(if config.ask_each_step {
        next_one(view, &order)
    } else if view.decision <= 1 {
        all_ahead(config, &order)
    } else {
        the_rest(view)
    })
}

/// The agents in the order in which they run.
fn order<State>(view: &View<Config, State>) -> Result<Vec<&AgentState>, Fault> {
    let config = &view.config;
    if config.repeat == Some(0) {
        return Err(Fault::permanent("`repeat` is 0; expected at least 1"));
    }
    let mut order: Vec<&AgentState> = Vec::with_capacity(view.agents.len());
    for name in &config.order {
        let agent = view.agent(name).ok_or_else(|| {
            let known = view.agents.iter().map(|agent| agent.name.as_str());
            Fault::permanent(format!(
                "`order` names the agent `{name}`, which the flow does not have{}",
                suggestion(name, known)
            ))
        })?;
        if order.iter().any(|earlier| earlier.name == *name) {
            return Err(Fault::permanent(format!(
                "`order` names the agent `{name}` twice"
            )));
        }
        order.push(agent);
    }
    if order.is_empty() {
        order.extend(&view.agents);
    }
    for (position, agent) in order.iter().enumerate() {
        let later = order[position..]
            .iter()
            .find(|later| agent.after.contains(&later.name));
        if let Some(later) = later {
            return Err(Fault::permanent(format!(
                "`{}` comes after `{}` in the flow file and before it in the sequence",
                agent.name, later.name
            )));
        }
    }
    Ok(order)
}

/// Everything at once, each step behind the one before it.
fn all_ahead(config: &Config, order: &[&AgentState]) -> Plan {
    let mut steps: Vec<PlannedStep> = Vec::new();
    for round in 1..=config.repeat.unwrap_or(1) {
        for agent in order {
            let id = if round == 1 {
                agent.name.clone()
            } else {
                format!("{}#{round}", agent.name)
            };
            push_behind(&mut steps, PlannedStep::route(id, &agent.name));
        }
    }
    if steps.is_empty() {
        return Plan::Complete {
            reason: "there is no agent to run".to_owned(),
        };
    }
    Plan::start(steps, "sequence")
}

/// After a failure, with everything planned ahead: the steps that the failure held back.
fn the_rest<State>(view: &View<Config, State>) -> Plan {
    let mut steps: Vec<PlannedStep> = Vec::new();
    let number = view.decision;
    for (position, step) in view.steps.iter().enumerate() {
        let mut planned =
            PlannedStep::route(format!("{}#{number}.{position}", step.agent), &step.agent);
        if has_failed(step) && view.config.on_failure == OnFailure::Escalate {
            planned.kind = Kind::Escalate;
            planned.reason = describe_failures([step]);
        } else if !was_held_back(step) {
            continue;
        }
        push_behind(&mut steps, planned);
    }
    if steps.is_empty() {
        return completed();
    }
    Plan::start(steps, "the rest of the sequence")
}

/// The first agent that has not done its part in every round so far.
fn next_one<State>(view: &View<Config, State>, order: &[&AgentState]) -> Plan {
    let rounds = view.config.repeat.unwrap_or(1);
    let ended = |agent: &AgentState| {
        let failed = if view.config.on_failure == OnFailure::Continue {
            agent.failed
        } else {
            0
        };
        agent.completed + agent.skipped + failed
    };
    // The round first, then the place within it: `min_by_key` takes the first of equals.
    let next = order.iter().min_by_key(|agent| ended(agent));
    let Some(agent) = next.filter(|agent| ended(agent) < rounds) else {
        return completed();
    };
    let is_first = ended(agent) + agent.failed == 0;
    let id = if is_first {
        agent.name.clone()
    } else {
        format!("{}#{}", agent.name, view.decision)
    };
    let mut planned = PlannedStep::route(id, &agent.name);
    let failure = view
        .steps
        .iter()
        .find(|step| has_failed(step) && step.agent == agent.name);
    if let Some(failure) = failure {
        planned.kind = Kind::Escalate;
        planned.reason = describe_failures([failure]);
    }
    Plan::start(vec![planned], "the next of the sequence")
}

fn completed() -> Plan {
    Plan::Complete {
        reason: "the sequence has ended".to_owned(),
    }
}

fn push_behind(steps: &mut Vec<PlannedStep>, mut step: PlannedStep) {
    step.after = steps
        .last()
        .map(|before| before.id.clone())
        .into_iter()
        .collect();
    steps.push(step);
}

#[cfg(test)]
mod tests;
