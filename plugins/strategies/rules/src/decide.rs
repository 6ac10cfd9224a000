//! What a matching rule does, and what happens when none matches; pure.

use menagerie::{Fault, HistoryEntry, Json, StepState, View};
use planning::{
    Kind, OnFailure, Plan, PlannedJoin, PlannedStep, describe_failures, has_failed, was_held_back,
};

use crate::facts::{context, last_ended};
use crate::rule::{Config, Rule, Status, Then, conditions};

/// A plan and how sure the rule is of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decided {
    pub(crate) plan: Plan,
    pub(crate) confidence: f64,
}

/// Decides what follows. `older` pages the history that the view does not hold.
pub(crate) fn decide(
    view: &View<Config, Json>,
    older: &mut dyn FnMut(u32, u32) -> Vec<HistoryEntry>,
) -> Result<Decided, Fault> {
    let config = &view.config;
    let agents: Vec<&str> = view
        .agents
        .iter()
        .map(|agent| agent.name.as_str())
        .collect();
    let conditions = conditions(config, &agents).map_err(|wrong| {
        let described: Vec<String> = wrong
            .iter()
            .map(|wrong| format!("{}: {}", wrong.pointer, wrong.message))
            .collect();
        Fault::permanent(described.join("; "))
    })?;
    let something_runs = view.unfinished().next().is_some();
    if something_runs && !view.steps.iter().any(has_failed) {
        return Ok(Decided {
            plan: Plan::Wait,
            confidence: 1.0,
        });
    }
    let context = context(view, &config.environment, &conditions)?;
    for (number, (rule, condition)) in config.rules.iter().zip(&conditions).enumerate() {
        let holds = condition.holds(&context).map_err(|mistake| {
            let column = condition.column(mistake.offset);
            Fault::permanent(format!(
                "rule {number}, column {column}: {}",
                mistake.message
            ))
        })?;
        if holds && may_match_again(view, number, rule, older) {
            let plan = act(view, number, rule)?;
            return Ok(Decided {
                plan,
                confidence: rule.confidence.unwrap_or(1.0),
            });
        }
    }
    let plan = if something_runs && config.on_failure != OnFailure::Stop {
        Plan::Wait
    } else {
        by_default(view)
    };
    Ok(Decided {
        plan,
        confidence: 1.0,
    })
}

/// How a decision's reason begins when a rule made it. Counting goes by it.
fn mark(number: usize) -> String {
    format!("rule {number}")
}

/// Whether a rule has matched less often than it may, by the decisions in the run's history.
///
/// A fresh instance decides each time and has no memory of its own.
fn may_match_again(
    view: &View<Config, Json>,
    number: usize,
    rule: &Rule,
    older: &mut dyn FnMut(u32, u32) -> Vec<HistoryEntry>,
) -> bool {
    const PAGE: u32 = 256;
    let times = rule.times.unwrap_or(1);
    // What ends the run cannot match twice, and no rule can have matched more often than was decided.
    if ends_the_run(rule) || view.decision <= times {
        return true;
    }
    let mark = mark(number);
    let counts = |entry: &HistoryEntry| {
        let rest = entry.reason.strip_prefix(&mark);
        entry.status == "decided"
            && entry.step.starts_with("decision-")
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
    };
    let count = |entries: &[HistoryEntry]| {
        u32::try_from(entries.iter().filter(|entry| counts(entry)).count()).unwrap_or(u32::MAX)
    };
    let mut found = count(&view.history);
    let mut oldest = view.history.first().map(|entry| entry.id);
    while let Some(id) = oldest.filter(|_| found < times) {
        let page = older(id, PAGE);
        found = found.saturating_add(count(&page));
        // Newest first: the last one is the oldest.
        oldest = page.last().map(|entry| entry.id).filter(|next| *next < id);
    }
    found < times
}

fn ends_the_run(rule: &Rule) -> bool {
    match rule.then {
        Then::End => true,
        // No targets: nothing is left to do.
        Then::Route | Then::Parallel => rule.targets.is_empty(),
        Then::Retry | Then::Skip | Then::Escalate => false,
    }
}

fn act(view: &View<Config, Json>, number: usize, rule: &Rule) -> Result<Plan, Fault> {
    let reason = match &rule.reason {
        Some(reason) => format!("{}: {reason}", mark(number)),
        None => mark(number),
    };
    if ends_the_run(rule) {
        return Ok(end(rule.status.unwrap_or_default(), reason));
    }
    let kind = match rule.then {
        Then::Route | Then::Parallel | Then::End => Kind::Route,
        Then::Retry => Kind::Retry,
        Then::Skip => Kind::Skip,
        Then::Escalate => Kind::Escalate,
    };
    let targets = if rule.targets.is_empty() {
        default_targets(view, rule.then)
    } else {
        rule.targets.clone()
    };
    if targets.is_empty() {
        return Err(Fault::permanent(format!(
            "rule {number} has no targets, and no step to be about"
        )));
    }
    let mut ids = Ids::new(view);
    let mut steps: Vec<PlannedStep> = Vec::new();
    for agent in targets {
        let mut step = PlannedStep::route(ids.of(&agent), &agent);
        step.kind = kind;
        step.reason.clone_from(&reason);
        if rule.then == Then::Route {
            step.after = steps
                .last()
                .map(|before| before.id.clone())
                .into_iter()
                .collect();
        }
        steps.push(step);
    }
    let mut joins = Vec::new();
    if let Some(aggregator) = &rule.join {
        joins.push(PlannedJoin {
            id: ids.of(aggregator),
            aggregator: aggregator.clone(),
            members: steps.iter().map(|step| step.id.clone()).collect(),
            config: rule
                .join_config
                .as_ref()
                .map(Json::new)
                .transpose()
                .map_err(Fault::permanent)?,
        });
    }
    Ok(Plan::Start {
        steps,
        joins,
        wake_on_failure: rule.fail_fast,
        reason,
    })
}

fn end(status: Status, reason: String) -> Plan {
    match status {
        Status::Completed => Plan::Complete { reason },
        Status::Failed => Plan::Fail { reason },
    }
}

/// What a rule without targets is about: what failed, else the step that ended last; a skip is about the
/// agent that would be next.
fn default_targets(view: &View<Config, Json>, then: Then) -> Vec<String> {
    if then == Then::Skip {
        return next_in_sequence(view).into_iter().collect();
    }
    let failed: Vec<String> = unjudged(view).map(|step| step.agent.clone()).collect();
    if !failed.is_empty() {
        return failed;
    }
    let last = last_ended(view).filter(|step| view.agent(&step.agent).is_some());
    last.map(|step| step.agent.clone())
        .or_else(|| next_in_sequence(view))
        .into_iter()
        .collect()
}

/// Failures that no join has judged. One decision starts either members and their join or none at all.
fn unjudged(view: &View<Config, Json>) -> impl Iterator<Item = &StepState> {
    let judged = view
        .steps
        .iter()
        .any(|step| step.kind == "join" && step.status == "completed");
    view.steps
        .iter()
        .filter(move |step| has_failed(step) && !judged)
}

/// No rule matched: failures first, then the next agent in sequence, then the end.
fn by_default(view: &View<Config, Json>) -> Plan {
    let failed: Vec<&StepState> = unjudged(view).collect();
    let unanswerable = failed.iter().any(|step| view.agent(&step.agent).is_none());
    match view.config.on_failure {
        OnFailure::Stop if !failed.is_empty() => {
            return Plan::Fail {
                reason: describe_failures(failed),
            };
        }
        // A question is asked about an agent's step; a join has none.
        OnFailure::Escalate if unanswerable => {
            return Plan::Fail {
                reason: describe_failures(failed),
            };
        }
        _ => {}
    }
    let mut ids = Ids::new(view);
    let mut steps: Vec<PlannedStep> = Vec::new();
    for step in &view.steps {
        let mut planned = PlannedStep::route("", &step.agent);
        let fails = failed.iter().any(|failure| failure.id == step.id);
        if fails && view.config.on_failure == OnFailure::Escalate {
            planned.kind = Kind::Escalate;
            planned.reason = describe_failures([step]);
        } else if !was_held_back(step) {
            continue;
        }
        planned.id = ids.of(&step.agent);
        planned.after = steps
            .last()
            .map(|before| before.id.clone())
            .into_iter()
            .collect();
        steps.push(planned);
    }
    if steps.is_empty()
        && let Some(agent) = next_in_sequence(view)
    {
        steps.push(PlannedStep::route(ids.of(&agent), &agent));
    }
    if steps.is_empty() {
        return Plan::Complete {
            reason: "every agent has had its turn".to_owned(),
        };
    }
    Plan::start(steps, "default_sequence")
}

/// The first agent in the order of the flow file that has had no step, and whose predecessors all had one.
fn next_in_sequence(view: &View<Config, Json>) -> Option<String> {
    let had_a_step = |name: &str| {
        view.agent(name)
            .is_some_and(|agent| agent.completed + agent.failed + agent.skipped > 0)
            || view.steps.iter().any(|step| step.agent == name)
    };
    let next = view
        .agents
        .iter()
        .filter(|agent| !had_a_step(&agent.name))
        .find(|agent| agent.after.iter().all(|before| had_a_step(before)));
    next.map(|agent| agent.name.clone())
}

/// Ids of the steps of one decision: the agent's name where it is its first step, so that members of a
/// join are called as their agents are; else with the decision's number behind it.
struct Ids<'view> {
    view: &'view View<Config, Json>,
    given: Vec<String>,
}

impl<'view> Ids<'view> {
    fn new(view: &'view View<Config, Json>) -> Self {
        Self {
            view,
            given: Vec::new(),
        }
    }

    fn of(&mut self, name: &str) -> String {
        let view = self.view;
        let is_first = match view.agent(name) {
            Some(agent) => {
                agent.completed + agent.failed + agent.skipped == 0
                    && !view.steps.iter().any(|step| step.agent == name)
            }
            // An aggregator: its steps are not counted in the view.
            None => view.decision <= 1,
        };
        let mut id = if is_first {
            name.to_owned()
        } else {
            format!("{name}#{}", view.decision)
        };
        let mut copy = 2;
        while self.given.contains(&id) {
            id = format!("{name}#{}.{copy}", view.decision);
            copy += 1;
        }
        self.given.push(id.clone());
        id
    }
}

#[cfg(test)]
mod endings;
#[cfg(test)]
mod tests;
