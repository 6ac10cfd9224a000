//! The values that cross the border to a guest, as plain structs of strings and numbers. Their
//! documentation is that of `wit/`; a field holding JSON is a `String` with one I-JSON document.

pub use crate::bindings::exports::menagerie::plugin::arbiter::{
    Chosen, Difference, Ruling, Synthesized, Verdict,
};
pub use crate::bindings::exports::menagerie::plugin::config_check::ConfigProblem;
pub use crate::bindings::exports::menagerie::plugin::group_strategy::{
    Escalation, GroupDecision, GroupView, PipelineRequest, PipelineState,
};
pub use crate::bindings::exports::menagerie::plugin::strategy::{
    AgentState, Decision, Join, StepRequest, StepState, View,
};
pub use crate::bindings::menagerie::plugin::figures::AgentFigures;
pub use crate::bindings::menagerie::plugin::log::Level;
pub use crate::bindings::menagerie::plugin::routing::{Dependency, Ending, HistoryEntry, Wake};
pub use crate::bindings::menagerie::plugin::types::{
    ArtifactRef, Fault, MemberResult, Outcome, Task,
};
