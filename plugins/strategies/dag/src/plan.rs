//! What starts when, and what follows a failure; pure.

use std::collections::BTreeMap;

use menagerie::{Fault, Json, StepState, View};
use planning::{
    Kind, OnFailure, Plan, PlannedJoin, PlannedStep, describe_failures, has_failed, was_held_back,
};
use serde::Deserialize;

use crate::graph::Graph;

/// What the flow file may say to this strategy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What happens when a step has failed for good.
    pub(crate) on_failure: OnFailure,
    /// End the run at the first failure instead of letting everything else end first.
    pub(crate) fail_fast: bool,
    /// Parallel agents whose results an aggregator joins.
    pub(crate) joins: Vec<JoinConfig>,
}

/// One join.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinConfig {
    /// The id of the step that the join is.
    pub(crate) id: String,
    /// Agents, in the order in which the aggregator sees them.
    pub(crate) members: Vec<String>,
    /// The aggregator's name in the flow file.
    pub(crate) aggregator: String,
    /// Laid over the aggregator's configuration, key by key.
    #[serde(default)]
    pub(crate) config: Option<menagerie::Value>,
}

/// Decides what follows.
pub(crate) fn decide<State>(view: &View<Config, State>) -> Result<Plan, Fault> {
    let config = &view.config;
    if config.fail_fast && config.on_failure != OnFailure::Stop {
        return Err(Fault::permanent(
            "`fail_fast` goes with `on_failure = \"stop\"` alone",
        ));
    }
    let graph = Graph::new(&view.agents, &config.joins).map_err(Fault::permanent)?;
    // A join has spoken about its members, those that failed too; fail-fast does not wait for it.
    let failed: Vec<&StepState> = view
        .steps
        .iter()
        .filter(|step| has_failed(step))
        .filter(|step| config.fail_fast || !graph.joined_by.contains_key(step.agent.as_str()))
        .collect();
    let unanswerable = failed.iter().any(|step| step.kind == "join");
    let fails = match config.on_failure {
        OnFailure::Stop => !failed.is_empty(),
        OnFailure::Continue => false,
        // A question is asked about an agent's step; an aggregator has none.
        OnFailure::Escalate => unanswerable,
    };
    if fails && (config.fail_fast || view.unfinished().next().is_none()) {
        return Ok(Plan::Fail {
            reason: describe_failures(failed),
        });
    }
    if view.unfinished().next().is_some() {
        return Ok(Plan::Wait);
    }
    if view.decision <= 1 {
        return everything(view, &graph);
    }
    Ok(the_rest(view, &graph, &failed))
}

/// The whole graph in one decision.
fn everything<State>(view: &View<Config, State>, graph: &Graph<'_>) -> Result<Plan, Fault> {
    let mut steps = Vec::new();
    let mut joins = Vec::new();
    for position in graph.by_urgency() {
        let node = &graph.nodes[position];
        if let Some(join) = node.join.and_then(|join| view.config.joins.get(join)) {
            joins.push(PlannedJoin {
                id: join.id.clone(),
                aggregator: join.aggregator.clone(),
                members: join.members.clone(),
                config: join
                    .config
                    .as_ref()
                    .map(Json::new)
                    .transpose()
                    .map_err(Fault::permanent)?,
            });
            continue;
        }
        let mut step = PlannedStep::route(node.name, node.name);
        step.after = node
            .after
            .iter()
            .map(|before| graph.nodes[*before].name.to_owned())
            .collect();
        steps.push(step);
    }
    if steps.is_empty() {
        return Ok(Plan::Complete {
            reason: "there is no agent to run".to_owned(),
        });
    }
    let wake_on_failure = view.config.fail_fast;
    Ok(Plan::Start {
        steps,
        joins,
        wake_on_failure,
        reason: "dag".to_owned(),
    })
}

/// After failures that do not end the run: questions about them, and what they held back.
///
/// A member of a join is not planned again: the join has run without it.
fn the_rest<State>(view: &View<Config, State>, graph: &Graph<'_>, failed: &[&StepState]) -> Plan {
    let number = view.decision;
    let mut planned: BTreeMap<&str, PlannedStep> = BTreeMap::new();
    for step in &view.steps {
        if graph.joined_by.contains_key(step.agent.as_str()) {
            continue;
        }
        let id = format!("{}#{number}", step.agent);
        if was_held_back(step) {
            planned.insert(&step.agent, PlannedStep::route(id, &step.agent));
        } else if view.config.on_failure == OnFailure::Escalate
            && failed.iter().any(|failure| failure.id == step.id)
        {
            let question = PlannedStep {
                kind: Kind::Escalate,
                reason: describe_failures([step]),
                ..PlannedStep::route(id, &step.agent)
            };
            planned.insert(&step.agent, question);
        }
    }
    if planned.is_empty() {
        return Plan::Complete {
            reason: "every step has ended".to_owned(),
        };
    }
    let ids: BTreeMap<&str, String> = planned
        .iter()
        .map(|(agent, step)| (*agent, step.id.clone()))
        .collect();
    let mut steps = Vec::new();
    for position in graph.by_urgency() {
        let node = &graph.nodes[position];
        let Some(mut step) = planned.remove(node.name) else {
            continue;
        };
        step.after = node
            .after
            .iter()
            .filter_map(|before| ids.get(graph.nodes[*before].name).cloned())
            .collect();
        steps.push(step);
    }
    Plan::start(steps, "what failures held back")
}

#[cfg(test)]
mod tests;
