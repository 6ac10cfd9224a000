//! From a log to a model of what happens: the directly-follows graph, and the miners of the literature.
//!
//! All work on [`Variants`](crate::log::Variants) and give the same answer for the same variants.

mod alpha;
mod cuts;
mod fall_through;
mod graph;
mod heuristics;
mod inductive;
mod shown;
mod split;
mod sublog;
mod tree;

pub use alpha::{AlphaNet, alpha};
pub use graph::{Edge, Graph, Times};
pub use heuristics::{Dependency, HeuristicsNet, Thresholds, heuristics};
pub use inductive::inductive;
pub use tree::{Named, Operator, Tree};
