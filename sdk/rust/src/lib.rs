//! Menagerie for Rust authors: an agent, a strategy or an aggregator is one function over serde types.
//!
//! ```
//! use menagerie::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Input {
//!     text: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Output {
//!     words: usize,
//! }
//!
//! #[menagerie::agent(skills = ["counts words"])]
//! fn process(task: Task<Input>) -> Result<Outcome<Output>, Fault> {
//!     if task.input.text.is_empty() {
//!         return Err(Fault::invalid_input("`text` is empty"));
//!     }
//!     Ok(Outcome::new(Output { words: task.input.text.split_whitespace().count() }))
//! }
//! # fn main() {}
//! ```
//!
//! One package is one plugin: a library of the type `cdylib` with one of the attribute macros
//! [`agent`], [`strategy`], [`aggregator`], [`group_strategy`] or [`arbiter`] in it.
//! `menagerie build` makes the component; `cargo test` runs the functions natively against
//! [`testing`].

mod agent;
mod aggregate;
pub mod artifacts;
#[doc(hidden)]
pub mod bindings;
mod check;
mod decision;
mod fault;
mod group;
pub mod host;
pub mod http;
mod json;
mod request;
mod routing;
#[doc(hidden)]
pub mod runtime;
pub mod shared;
mod strategy;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod wire;

pub use agent::{Artifact, Extras, Outcome, Task};
pub use aggregate::{Difference, Member, Verdict};
pub use check::Problem;
pub use decision::{Decision, Join, Step};
pub use fault::Fault;
pub use group::{Escalation, GroupDecision, GroupView, PipelineRequest, PipelineState};
pub use json::{FromJson, IntoJson, Json, JsonError, Value};
pub use menagerie_sdk_macros::{agent, aggregator, arbiter, group_strategy, strategy};
pub use strategy::{AgentState, HistoryEntry, StepState, View};

/// What almost every plugin uses.
pub mod prelude {
    pub use crate::host::{clock, invocation, progress, random};
    pub use crate::{
        AgentState, Artifact, Decision, Difference, Fault, GroupDecision, GroupView, Join, Json,
        Member, Outcome, PipelineRequest, PipelineState, Problem, Step, StepState, Task, Value,
        Verdict, View,
    };
}
