//! Whether a strategy's answer can be acted on, and as what.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::{Decision, StepRequest, Wake};
use crate::document::Document;
use crate::event::{EndStatus, StepNo};
use crate::flow::Flow;

/// The most that a decision's metadata may take as JSON text, in bytes.
pub const MAX_METADATA_BYTES: usize = 64 * 1024;
/// The longest id of a step, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Why a strategy's answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// The flow has no such agent.
    #[error("step `{step}` names the agent `{agent}`, which the flow does not have{}", suggestion(.known, .agent))]
    UnknownAgent {
        /// The step that was asked for.
        step: String,
        /// The name that was found.
        agent: String,
        /// The names that the flow has.
        known: Vec<String>,
    },
    /// The flow has no such aggregator.
    #[error("join `{join}` names the aggregator `{aggregator}`, which the flow does not have{}", suggestion(.known, .aggregator))]
    UnknownAggregator {
        /// The join that was asked for.
        join: String,
        /// The name that was found.
        aggregator: String,
        /// The names that the flow has.
        known: Vec<String>,
    },
    /// A request's kind is none of the contract's.
    #[error("step `{step}` is of kind `{kind}`; expected route, retry, skip or escalate")]
    UnknownKind {
        /// The step.
        step: String,
        /// What was found.
        kind: String,
    },
    /// An id is empty, too long or holds control characters.
    #[error(
        "{id:?} is no id of a step: expected 1 to {MAX_ID_BYTES} bytes without control characters"
    )]
    BadId {
        /// What was found.
        id: String,
    },
    /// Two steps of the same id.
    #[error("the id `{id}` is taken by a step that runs or ended lately")]
    DuplicateStep {
        /// The id.
        id: String,
    },
    /// A dependency, a join or a wake names a step that is not there.
    #[error("{by} waits for the step `{step}`, which neither runs nor ended lately")]
    UnknownStep {
        /// What names it.
        by: String,
        /// The name that was found.
        step: String,
    },
    /// A step is a member of two joins.
    #[error("the step `{step}` is a member of more than one join")]
    JoinedTwice {
        /// The step.
        step: String,
    },
    /// A join without members.
    #[error("the join `{join}` has no members")]
    EmptyJoin {
        /// The join.
        join: String,
    },
    /// Steps that wait for each other.
    #[error("steps wait for each other: {}", .cycle.join(" → "))]
    Cycle {
        /// The cycle; its first step stands at the end again.
        cycle: Vec<String>,
    },
    /// More steps than the run may have.
    #[error("{asked} more steps are asked for, {left} of {limit} are left (limits.max_steps)")]
    TooManySteps {
        /// How many the decision starts.
        asked: u32,
        /// How many may still be started.
        left: u32,
        /// The run's limit.
        limit: u32,
    },
    /// Confidence outside of 0 to 1.
    #[error("the confidence is {found}; expected a number from 0 to 1")]
    BadConfidence {
        /// What was found.
        found: String,
    },
    /// Metadata too large.
    #[error("the metadata has {found} bytes; at most {MAX_METADATA_BYTES} are kept")]
    MetadataTooLarge {
        /// Its size.
        found: usize,
    },
    /// Metadata that is no object.
    #[error("the metadata is no JSON object")]
    BadMetadata,
    /// An ending and a start in one decision.
    #[error("the decision ends the run and starts {steps} steps; it can do one of the two")]
    EndWithStart {
        /// How many it starts.
        steps: usize,
    },
    /// An ending of no known status.
    #[error("the run is to end as `{found}`; expected completed or failed")]
    BadEnding {
        /// What was found.
        found: String,
    },
    /// Nothing runs, nothing is started, and nothing would ever wake the strategy.
    #[error("nothing runs, nothing is started, and no timer is set: the run would wait for ever")]
    Stalled,
}

fn suggestion(known: &[String], found: &str) -> String {
    let best = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, found), name))
        .min();
    match best {
        Some((distance, name)) if distance <= found.chars().count().div_ceil(3) => {
            format!("; did you mean `{name}`?")
        }
        _ if known.is_empty() => String::new(),
        _ => format!("; it has {}", known.join(", ")),
    }
}

impl DecisionError {
    /// The stable token of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAgent { .. } => "unknown_agent",
            Self::UnknownAggregator { .. } => "unknown_aggregator",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::BadId { .. } => "bad_id",
            Self::DuplicateStep { .. } => "duplicate_step",
            Self::UnknownStep { .. } => "unknown_step",
            Self::JoinedTwice { .. } => "joined_twice",
            Self::EmptyJoin { .. } => "empty_join",
            Self::Cycle { .. } => "cycle",
            Self::TooManySteps { .. } => "too_many_steps",
            Self::BadConfidence { .. } => "bad_confidence",
            Self::MetadataTooLarge { .. } => "metadata_too_large",
            Self::BadMetadata => "bad_metadata",
            Self::EndWithStart { .. } => "end_with_start",
            Self::BadEnding { .. } => "bad_ending",
            Self::Stalled => "stalled",
        }
    }
}

/// What a run offers to the check of a decision.
pub(crate) struct Surroundings<'run> {
    pub(crate) flow: &'run Flow,
    /// Ids of the steps that run or ended lately.
    pub(crate) known: &'run BTreeMap<String, StepNo>,
    /// Steps that may still be started.
    pub(crate) steps_left: u32,
    pub(crate) max_steps: u32,
    /// Whether any step has not ended.
    pub(crate) anything_runs: bool,
}

/// Checks an answer against the run, once; what passes is acted on without further questions.
pub(crate) fn check(decision: &Decision, around: &Surroundings<'_>) -> Result<(), DecisionError> {
    check_frame(decision)?;
    if let Some(end) = &decision.end {
        ending_status(&end.status)?;
        let steps = decision.start.len() + decision.joins.len();
        return if steps > 0 {
            Err(DecisionError::EndWithStart { steps })
        } else {
            Ok(())
        };
    }
    let asked = u32::try_from(decision.start.len() + decision.joins.len()).unwrap_or(u32::MAX);
    if asked > around.steps_left {
        return Err(DecisionError::TooManySteps {
            asked,
            left: around.steps_left,
            limit: around.max_steps,
        });
    }
    if asked == 0 && !around.anything_runs && !matches!(decision.wake, Wake::Timer(_)) {
        return Err(DecisionError::Stalled);
    }
    for request in &decision.start {
        check_request(request, around.flow)?;
    }
    let own = own_ids(decision, around)?;
    check_joins(decision, around, &own)?;
    check_names(decision, around, &own)?;
    check_cycles(decision)
}

/// How an ending's status reads.
pub(crate) fn ending_status(status: &str) -> Result<EndStatus, DecisionError> {
    match status {
        "completed" => Ok(EndStatus::Completed),
        "failed" => Ok(EndStatus::Failed),
        other => Err(DecisionError::BadEnding {
            found: other.to_owned(),
        }),
    }
}

fn check_frame(decision: &Decision) -> Result<(), DecisionError> {
    if !(0.0..=1.0).contains(&decision.confidence) {
        return Err(DecisionError::BadConfidence {
            found: decision.confidence.to_string(),
        });
    }
    if !decision.metadata.value().is_object() {
        return Err(DecisionError::BadMetadata);
    }
    let found = document_bytes(&decision.metadata);
    if found > MAX_METADATA_BYTES {
        return Err(DecisionError::MetadataTooLarge { found });
    }
    Ok(())
}

fn document_bytes(document: &Document) -> usize {
    match document.value() {
        serde_json::Value::Object(object) if object.is_empty() => 2,
        _ => document.to_text().len(),
    }
}

fn check_request(request: &StepRequest, flow: &Flow) -> Result<(), DecisionError> {
    check_id(&request.id)?;
    if !matches!(
        request.kind.as_str(),
        "route" | "retry" | "skip" | "escalate"
    ) {
        return Err(DecisionError::UnknownKind {
            step: request.id.clone(),
            kind: request.kind.clone(),
        });
    }
    if flow.agent(&request.agent).is_none() {
        return Err(DecisionError::UnknownAgent {
            step: request.id.clone(),
            agent: request.agent.clone(),
            known: flow.agents.iter().map(|agent| agent.name.clone()).collect(),
        });
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), DecisionError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.chars().any(char::is_control) {
        return Err(DecisionError::BadId { id: id.to_owned() });
    }
    Ok(())
}

fn own_ids<'decision>(
    decision: &'decision Decision,
    around: &Surroundings<'_>,
) -> Result<BTreeSet<&'decision str>, DecisionError> {
    let mut own = BTreeSet::new();
    let ids = decision.start.iter().map(|request| request.id.as_str());
    for id in ids.chain(decision.joins.iter().map(|join| join.id.as_str())) {
        if around.known.contains_key(id) || !own.insert(id) {
            return Err(DecisionError::DuplicateStep { id: id.to_owned() });
        }
    }
    Ok(own)
}

fn check_joins(
    decision: &Decision,
    around: &Surroundings<'_>,
    own: &BTreeSet<&str>,
) -> Result<(), DecisionError> {
    let mut joined = BTreeSet::new();
    for join in &decision.joins {
        check_id(&join.id)?;
        if !around.flow.aggregators.contains_key(&join.aggregator) {
            return Err(DecisionError::UnknownAggregator {
                join: join.id.clone(),
                aggregator: join.aggregator.clone(),
                known: around.flow.aggregators.keys().cloned().collect(),
            });
        }
        if join.members.is_empty() {
            return Err(DecisionError::EmptyJoin {
                join: join.id.clone(),
            });
        }
        for member in &join.members {
            if !own.contains(member.as_str()) {
                return Err(DecisionError::UnknownStep {
                    by: format!("the join `{}`", join.id),
                    step: member.clone(),
                });
            }
            if !joined.insert(member.as_str()) {
                return Err(DecisionError::JoinedTwice {
                    step: member.clone(),
                });
            }
        }
    }
    Ok(())
}

fn check_names(
    decision: &Decision,
    around: &Surroundings<'_>,
    own: &BTreeSet<&str>,
) -> Result<(), DecisionError> {
    let known = |step: &str| own.contains(step) || around.known.contains_key(step);
    let unknown = |by: String, step: &String| DecisionError::UnknownStep {
        by,
        step: step.clone(),
    };
    for dependency in &decision.after {
        if !own.contains(dependency.step.as_str()) {
            let by = "a dependency of a step that this decision does not start".to_owned();
            return Err(unknown(by, &dependency.step));
        }
        if let Some(step) = dependency.after.iter().find(|step| !known(step)) {
            return Err(unknown(format!("the step `{}`", dependency.step), step));
        }
    }
    if let Wake::These(steps) = &decision.wake
        && let Some(step) = steps.iter().find(|step| !known(step))
    {
        return Err(unknown("the wake of the decision".to_owned(), step));
    }
    Ok(())
}

/// Finds a cycle by taking away, again and again, what waits for nothing that is left.
fn check_cycles(decision: &Decision) -> Result<(), DecisionError> {
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for request in &decision.start {
        waits.entry(&request.id).or_default();
    }
    for join in &decision.joins {
        let members = join.members.iter().map(String::as_str);
        waits.entry(&join.id).or_default().extend(members);
    }
    for dependency in &decision.after {
        let after = dependency.after.iter().map(String::as_str);
        waits.entry(&dependency.step).or_default().extend(after);
    }
    let own: BTreeSet<&str> = waits.keys().copied().collect();
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    for (step, after) in &waits {
        let within: Vec<&str> = after.intersection(&own).copied().collect();
        missing.insert(step, within.len());
        for target in within {
            dependents.entry(target).or_default().push(step);
        }
    }
    let mut free: Vec<&str> = own
        .iter()
        .copied()
        .filter(|step| missing[step] == 0)
        .collect();
    while let Some(step) = free.pop() {
        missing.remove(step);
        for dependent in dependents.get(step).into_iter().flatten() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    free.push(dependent);
                }
            }
        }
    }
    let Some(mut step) = missing.keys().next().copied() else {
        return Ok(());
    };
    // Everything left waits for something left: following that must come back to a step seen.
    let mut path: Vec<&str> = Vec::new();
    while !path.contains(&step) {
        path.push(step);
        step = waits[step]
            .iter()
            .copied()
            .find(|next| missing.contains_key(next))
            .unwrap_or(step);
    }
    let start = path.iter().position(|seen| *seen == step).unwrap_or(0);
    let mut cycle: Vec<String> = path[start..]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    cycle.push(step.to_owned());
    Err(DecisionError::Cycle { cycle })
}

/// The decision's steps, then its joins, by index, each after those of them that it waits for;
/// otherwise in the order in which the decision names them.
pub fn order(decision: &Decision) -> Vec<usize> {
    let count = decision.start.len() + decision.joins.len();
    if decision.after.is_empty() && decision.joins.is_empty() {
        return (0..count).collect();
    }
    let ids = decision.start.iter().map(|request| request.id.as_str());
    let ids = ids.chain(decision.joins.iter().map(|join| join.id.as_str()));
    let index: BTreeMap<&str, usize> = ids.enumerate().map(|(index, id)| (id, index)).collect();
    let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
    let waits = decision.after.iter().map(|wait| (&wait.step, &wait.after));
    let joins = decision.joins.iter().map(|join| (&join.id, &join.members));
    for (step, after) in waits.chain(joins) {
        let Some(step) = index.get(step.as_str()) else {
            continue;
        };
        let targets = after.iter().filter_map(|id| index.get(id.as_str()));
        edges.extend(targets.map(|target| (*target, *step)));
    }
    let mut missing = vec![0_usize; count];
    for (_, step) in &edges {
        missing[*step] += 1;
    }
    let mut free: BTreeSet<usize> = (0..count).filter(|index| missing[*index] == 0).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(next) = free.pop_first() {
        order.push(next);
        for (_, dependent) in edges.range((next, 0)..(next + 1, 0)) {
            missing[*dependent] -= 1;
            if missing[*dependent] == 0 {
                free.insert(*dependent);
            }
        }
    }
    // A cycle is refused before; should one come out of a journal, its steps come last.
    order.extend((0..count).filter(|index| missing[*index] > 0));
    order
}
