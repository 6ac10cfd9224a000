//! Which agent does a stage's work; pure.

use menagerie::host::figures::AgentFigures;
use menagerie::{AgentState, Fault, StepState, View};
use planning::{Plan, PlannedStep, describe_failures, has_failed, suggestion};
use serde::Deserialize;

/// What the flow file may say to this strategy.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Agents that can do the same work, stage by stage; each agent alone when empty.
    pub(crate) stages: Vec<Vec<String>>,
    /// How often, from 0 to 1, another than the best is tried.
    pub(crate) explore: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            explore: 0.05,
        }
    }
}

/// Decides what follows; `draw` gives a number from 0 to 1.
pub(crate) fn decide<State>(
    view: &View<Config, State>,
    figures: &[AgentFigures],
    mut draw: impl FnMut() -> f64,
) -> Result<Plan, Fault> {
    if view.unfinished().next().is_some() {
        return Ok(Plan::Wait);
    }
    let stages = stages(view)?;
    let open = stages
        .iter()
        .find(|stage| !stage.iter().any(|agent| agent.is_done()));
    let Some(stage) = open else {
        return Ok(Plan::Complete {
            reason: "every stage has been done".to_owned(),
        });
    };
    let mut left: Vec<(&AgentState, Option<f64>)> = stage
        .iter()
        .filter(|agent| agent.failed == 0)
        .map(|agent| (*agent, expected(figures, &agent.name)))
        .collect();
    // Nothing is less than anything: who was not tried comes first. Equals stay in the order of the flow.
    left.sort_by(|(_, one), (_, other)| {
        one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)
    });
    let failures: Vec<&StepState> = view.steps.iter().filter(|step| has_failed(step)).collect();
    let Some(best) = left.first().copied() else {
        let names: Vec<&str> = stage.iter().map(|agent| agent.name.as_str()).collect();
        let reason = match describe_failures(failures) {
            told if told.is_empty() => format!("no agent is left of {}", names.join(", ")),
            told => told,
        };
        return Ok(Plan::Fail { reason });
    };
    let others = &left[1..];
    let explores = best.1.is_some() && !others.is_empty() && draw() < view.config.explore;
    let (agent, reason) = if explores {
        // Below the length, since a draw is below 1.
        let which = (draw() * others.len() as f64) as usize;
        let (agent, _) = others[which.min(others.len() - 1)];
        (agent, "to see how it fares now".to_owned())
    } else {
        (best.0, why(best.1))
    };
    let mut step = PlannedStep::route(&agent.name, &agent.name);
    step.reason.clone_from(&reason);
    Ok(Plan::start(vec![step], reason))
}

/// What an agent's answer can be expected to take, in milliseconds; nothing where nobody has tried it of late.
fn expected(figures: &[AgentFigures], name: &str) -> Option<f64> {
    let seen = figures.iter().find(|seen| seen.name == name)?;
    let took = seen.mean_ms? + seen.waiting_ms.unwrap_or(0.0);
    let attempts = f64::from(seen.completed + seen.failed);
    // One attempt more than were seen, and half of it good: no agent is ruled out for ever by a bad day.
    let sure = (f64::from(seen.completed) + 0.5) / (attempts + 1.0);
    let queue = 1.0 + f64::from(seen.queued) / f64::from(seen.running.max(1));
    Some(took.max(1.0) * queue / sure)
}

fn why(expected: Option<f64>) -> String {
    match expected {
        None => "nobody has tried it of late".to_owned(),
        Some(ms) => format!("an answer can be expected in {} ms", ms.round()),
    }
}

/// The agents of each stage.
fn stages<State>(view: &View<Config, State>) -> Result<Vec<Vec<&AgentState>>, Fault> {
    let names: Vec<String> = view.agents.iter().map(|agent| agent.name.clone()).collect();
    if let Some((pointer, message)) = problems(&view.config, &names).into_iter().next() {
        return Err(Fault::permanent(format!("{pointer}: {message}")));
    }
    if view.config.stages.is_empty() {
        return Ok(view.agents.iter().map(|agent| vec![agent]).collect());
    }
    let stage = |names: &Vec<String>| names.iter().filter_map(|name| view.agent(name)).collect();
    Ok(view.config.stages.iter().map(stage).collect())
}

/// Everything that is wrong with a configuration: where, and what.
pub(crate) fn problems(config: &Config, agents: &[String]) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let mut named: Vec<&str> = Vec::new();
    for (number, stage) in config.stages.iter().enumerate() {
        if stage.is_empty() {
            let message = "found a stage of no agents; expected at least one";
            problems.push((format!("/stages/{number}"), message.to_owned()));
        }
        for (place, name) in stage.iter().enumerate() {
            let pointer = format!("/stages/{number}/{place}");
            if !agents.contains(name) {
                let nearest = suggestion(name, agents.iter().map(String::as_str));
                problems.push((pointer, format!("the flow has no agent `{name}`{nearest}")));
            } else if named.contains(&name.as_str()) {
                problems.push((pointer, format!("the agent `{name}` is named twice")));
            }
            named.push(name);
        }
    }
    if !(0.0..=1.0).contains(&config.explore) {
        let found = config.explore;
        problems.push((
            "/explore".to_owned(),
            format!("found {found}; expected a share from 0 to 1"),
        ));
    }
    problems
}

/// What the strategy wants to know of an agent in this run.
trait Done {
    fn is_done(&self) -> bool;
}

impl Done for AgentState {
    /// A step of the agent's that a person skipped counts as done: nobody wants it done by another.
    fn is_done(&self) -> bool {
        self.completed + self.skipped > 0
    }
}

#[cfg(test)]
mod tests;
