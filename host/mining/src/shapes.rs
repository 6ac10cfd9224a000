//! The shapes of answers in JSON, and their schemas.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::compare::Comparison;
use crate::conform::{ActivityDiagnosis, AlignmentSummary, ReplaySummary, TokenCounts};
use crate::drift::Change;
use crate::performance::Performance;

/// A name and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counted {
    /// The activity.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// An edge of a directly-follows graph. Times are absent where none were measured.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GraphEdge {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// How often it was taken.
    pub count: u64,
    /// The mean time from the one to the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_ms: Option<f64>,
    /// The middle one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<f64>,
    /// The shortest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ms: Option<f64>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<f64>,
    /// All together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<f64>,
}

/// A directly-follows graph.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GraphShape {
    /// Cases in all.
    pub cases: u64,
    /// Occurrences of each activity.
    pub activities: Vec<Counted>,
    /// What directly follows what.
    pub edges: Vec<GraphEdge>,
    /// Cases that begin with an activity.
    pub start: Vec<Counted>,
    /// Cases that end with it.
    pub end: Vec<Counted>,
}

/// One way that cases go.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VariantShape {
    /// How many cases.
    pub count: u64,
    /// Their share of all, from 0 to 1.
    pub share: f64,
    /// The activities in order.
    pub activities: Vec<String>,
}

/// All ways that cases go, the most frequent first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VariantsShape {
    /// Cases in all.
    pub cases: u64,
    /// The ways.
    pub variants: Vec<VariantShape>,
}

/// The alignment of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AlignedVariant {
    /// The activities in order.
    pub activities: Vec<String>,
    /// How many cases.
    pub count: u64,
    /// Deviations.
    pub cost: u64,
    /// From 0 to 1.
    pub fitness: f64,
}

/// How much a model allows that never happens: ETC precision, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct PrecisionShape {
    /// Over one way through silent transitions, as other tools have it; over all ways where that one cannot
    /// be followed within bounds.
    pub precision: f64,
    /// Over every way: what the definition says. The same for models in which no transition is silent
    /// and no two have one label.
    pub precision_all_ways: f64,
}

/// The alignments of a log.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AlignmentShape {
    /// The summary.
    #[serde(flatten)]
    pub summary: AlignmentSummary,
    /// The precision of the model, where it was asked for.
    #[serde(flatten)]
    pub precision: Option<PrecisionShape>,
    /// What deviates, by activity.
    pub activities: Vec<ActivityDiagnosis>,
    /// Each variant.
    pub variants: Vec<AlignedVariant>,
}

/// The token replay of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReplayedVariant {
    /// The activities in order.
    pub activities: Vec<String>,
    /// How many cases.
    pub count: u64,
    /// Of one of them.
    pub tokens: TokenCounts,
    /// From 0 to 1.
    pub fitness: f64,
}

/// The token replay of a log.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReplayShape {
    /// The summary.
    #[serde(flatten)]
    pub summary: ReplaySummary,
    /// The precision of the model, where it was asked for.
    #[serde(flatten)]
    pub precision: Option<PrecisionShape>,
    /// Each variant.
    pub variants: Vec<ReplayedVariant>,
}

/// The changes within a log.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DriftShape {
    /// Cases in all.
    pub cases: u64,
    /// The changes in order.
    pub changes: Vec<Change>,
}

/// What is answered in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A directly-follows graph.
    Graph,
    /// Variants.
    Variants,
    /// Alignments.
    Alignment,
    /// Token replay.
    Replay,
    /// Times, failures, money.
    Metrics,
    /// A comparison of two logs.
    Comparison,
    /// Changes within one.
    Drift,
}

/// The JSON Schema (draft 2020-12) of an answer.
#[must_use]
pub fn schema(shape: Shape) -> Schema {
    match shape {
        Shape::Graph => schema_for!(GraphShape),
        Shape::Variants => schema_for!(VariantsShape),
        Shape::Alignment => schema_for!(AlignmentShape),
        Shape::Replay => schema_for!(ReplayShape),
        Shape::Metrics => schema_for!(Performance),
        Shape::Comparison => schema_for!(Comparison),
        Shape::Drift => schema_for!(DriftShape),
    }
}
