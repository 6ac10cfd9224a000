//! What the strategies of pipelines share: a plan that tests can look into, and what a view says
//! about steps that failed. No plugin by itself.

use menagerie::{Decision, Join, Json, Step, StepState};
use serde::Deserialize;

/// What a strategy does when a step has failed for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The run ends as failed.
    #[default]
    Stop,
    /// The run goes on without the step's output.
    Continue,
    /// A person is asked; what depends on the step waits for the answer.
    Escalate,
}

/// What a planned step is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Run the agent.
    Route,
    /// Run it again, telling it what went wrong.
    Retry,
    /// Note that it was left out.
    Skip,
    /// Wait for an answer.
    Escalate,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStep {
    /// Unique among the steps that run or ended lately.
    pub id: String,
    /// The agent's name.
    pub agent: String,
    /// What it is to do.
    pub kind: Kind,
    /// Why, for the run's history.
    pub reason: String,
    /// Ids of steps and joins of the same plan.
    pub after: Vec<String>,
}

impl PlannedStep {
    /// A step that runs an agent at once.
    pub fn route(id: impl Into<String>, agent: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            agent: agent.into(),
            kind: Kind::Route,
            reason: String::new(),
            after: Vec::new(),
        }
    }
}

/// Parallel steps of a plan whose results become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedJoin {
    /// The id of the step that the join is.
    pub id: String,
    /// The aggregator's name in the flow file.
    pub aggregator: String,
    /// Ids of steps of the same plan.
    pub members: Vec<String>,
    /// Laid over the aggregator's configuration.
    pub config: Option<Json>,
}

/// What is to happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Steps start; the strategy is asked again when all of them have ended.
    Start {
        /// In the order in which they are asked for.
        steps: Vec<PlannedStep>,
        /// Joins of those steps.
        joins: Vec<PlannedJoin>,
        /// Ask as soon as a step has failed for good.
        wake_on_failure: bool,
        /// Why, for the run's history.
        reason: String,
    },
    /// Nothing starts; something runs.
    Wait,
    /// The run ends well.
    Complete {
        /// Why, for the run's history.
        reason: String,
    },
    /// The run ends as failed.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

impl Plan {
    /// A plan of steps without joins, woken when all have ended.
    pub fn start(steps: Vec<PlannedStep>, reason: impl Into<String>) -> Self {
        Self::Start {
            steps,
            joins: Vec::new(),
            wake_on_failure: false,
            reason: reason.into(),
        }
    }

    /// The contract's side of the plan.
    pub fn into_decision(self) -> Decision {
        match self {
            Self::Wait => Decision::wait().reason("waits for what runs"),
            Self::Complete { reason } => Decision::end().reason(reason),
            Self::Fail { reason } => Decision::fail(reason),
            Self::Start {
                steps,
                joins,
                wake_on_failure,
                reason,
            } => {
                let mut decision = Decision::start(steps.into_iter().map(step)).reason(reason);
                for join in joins {
                    let mut wanted = Join::new(join.aggregator, join.members).id(join.id);
                    if let Some(config) = join.config {
                        wanted = wanted.config(config);
                    }
                    decision = decision.join_as(wanted);
                }
                if wake_on_failure {
                    decision.wake_on_failure()
                } else {
                    decision
                }
            }
        }
    }
}

fn step(planned: PlannedStep) -> Step {
    let step = match planned.kind {
        Kind::Route => Step::route(planned.agent).reason(planned.reason),
        Kind::Retry => Step::retry(planned.agent, planned.reason),
        Kind::Skip => Step::skip(planned.agent, planned.reason),
        Kind::Escalate => Step::escalate(planned.agent, planned.reason),
    };
    step.id(planned.id).after(planned.after)
}

/// Whether a step ended without doing its work.
pub fn has_failed(step: &StepState) -> bool {
    matches!(step.status.as_str(), "failed" | "cancelled")
}

/// Whether a step never ran because one that it waits for had failed.
///
/// A step that was left out on purpose is of another kind or had an attempt before.
pub fn was_held_back(step: &StepState) -> bool {
    step.status == "skipped" && step.attempt == 0 && matches!(step.kind.as_str(), "route" | "retry")
}

/// What failed, for people: each step with what it answered.
pub fn describe_failures<'view>(failed: impl IntoIterator<Item = &'view StepState>) -> String {
    let described: Vec<String> = failed
        .into_iter()
        .map(|step| match &step.error {
            Some(error) => format!(
                "step `{}` {} ({}: {})",
                step.id, step.status, error.code, error.message
            ),
            None => format!("step `{}` {}", step.id, step.status),
        })
        .collect();
    described.join("; ")
}

/// The known name that a misspelt one is most likely meant to be, as the end of a sentence.
pub fn suggestion<'name>(found: &str, known: impl IntoIterator<Item = &'name str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|name| (distance(found, name), *name))
        .min();
    match nearest {
        Some((distance, name)) if distance <= found.chars().count().div_ceil(3) => {
            format!("; did you mean `{name}`?")
        }
        _ => format!("; there are {}", known.join(", ")),
    }
}

/// Levenshtein's distance: insertions, deletions and replacements of characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{describe_failures, distance, has_failed, suggestion, was_held_back};
    use menagerie::{Fault, StepState};

    fn step(kind: &str, status: &str, attempt: u32) -> StepState {
        StepState {
            id: "scan".to_owned(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            attempt,
            ..StepState::default()
        }
    }

    #[test]
    fn a_step_left_out_on_purpose_was_not_held_back() {
        assert!(was_held_back(&step("route", "skipped", 0)));
        assert!(!was_held_back(&step("route", "skipped", 2)));
        assert!(!was_held_back(&step("skip", "skipped", 0)));
        assert!(!was_held_back(&step("escalate", "skipped", 0)));
        assert!(!was_held_back(&step("route", "completed", 1)));
    }

    #[test]
    fn a_failure_is_described_with_what_the_step_answered() {
        let mut failed = step("route", "failed", 4);
        failed.error = Some(Fault::transient("the line was cut"));
        assert!(has_failed(&failed));
        let cancelled = step("route", "cancelled", 1);
        assert_eq!(
            describe_failures([&failed, &cancelled]),
            "step `scan` failed (transient: the line was cut); step `scan` cancelled"
        );
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_or_with_all() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(
            suggestion("grpah", ["report", "graph"]),
            "; did you mean `graph`?"
        );
        assert_eq!(
            suggestion("x", ["report", "graph"]),
            "; there are report, graph"
        );
    }
}
