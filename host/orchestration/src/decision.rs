//! What a strategy answers.

use serde::{Deserialize, Serialize};

use crate::document::Document;

/// A strategy's answer, not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision<D = Document> {
    /// The steps to start.
    pub start: Vec<StepRequest<D>>,
    /// Parallel steps of this decision to be joined into one.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<JoinRequest<D>>,
    /// Which steps wait for which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Dependency>,
    /// When to ask again.
    pub wake: Wake,
    /// Whether to ask as soon as a step has failed for good.
    pub wake_on_failure: bool,
    /// Present when the run ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Ending<D>>,
    /// Why, for people.
    pub reason: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Kept with the decision.
    pub metadata: D,
}

/// A step that a strategy wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRequest<D = Document> {
    /// Chosen by the strategy.
    pub id: String,
    /// The agent to run.
    pub agent: String,
    /// What it is given; what the step sees of the run's state when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<D>,
    /// `route`, `retry`, `skip` or `escalate`.
    pub kind: String,
    /// Why, for people.
    pub reason: String,
}

/// Steps whose results an aggregator joins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JoinRequest<D = Document> {
    /// The id of the step that the join is.
    pub id: String,
    /// The aggregator's name in the flow.
    pub aggregator: String,
    /// Ids of steps of the same decision.
    pub members: Vec<String>,
    /// Laid over the aggregator's configuration, key by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<D>,
    /// Why, for people.
    pub reason: String,
}

/// A step and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The id of a step or join of the decision.
    pub step: String,
    /// Ids of steps or joins of the decision, or of steps that run or ended lately.
    pub after: Vec<String>,
}

/// When the strategy is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// As soon as a step ends.
    AnyFinished,
    /// When nothing runs or waits any more.
    AllFinished,
    /// When each of these steps has ended.
    These(Vec<String>),
    /// After so many milliseconds, or when the last running step ends.
    Timer(u32),
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending<D = Document> {
    /// `completed` or `failed`.
    pub status: String,
    /// Why, for people.
    pub reason: String,
    /// The result; the run's state when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<D>,
}
