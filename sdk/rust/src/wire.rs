//! The generated types under short names: the contract's own form of what the other modules offer.

pub(crate) use crate::bindings::imports::menagerie::plugin::types::{
    ArtifactRef, Fault, MemberResult, Outcome, Task,
};

pub(crate) use crate::bindings::imports::menagerie::plugin::routing::{Dependency, Ending, Wake};

pub use crate::bindings::imports::menagerie::plugin::figures::AgentFigures;
pub use crate::bindings::imports::menagerie::plugin::routing::HistoryEntry;

pub(crate) mod strategy {
    pub(crate) use crate::bindings::strategy::exports::menagerie::plugin::strategy::*;
}

pub(crate) mod group_strategy {
    pub(crate) use crate::bindings::group_strategy::exports::menagerie::plugin::group_strategy::*;
}

pub(crate) mod arbiter {
    pub(crate) use crate::bindings::arbiter::exports::menagerie::plugin::arbiter::*;
}

pub(crate) mod config_check {
    pub(crate) use crate::bindings::config_check::exports::menagerie::plugin::config_check::*;
}

pub(crate) mod http {
    pub(crate) use crate::bindings::imports::menagerie::plugin::http::*;
}

pub(crate) mod shared {
    pub(crate) use crate::bindings::imports::menagerie::plugin::shared::*;
}

pub(crate) mod artifacts {
    pub(crate) use crate::bindings::imports::menagerie::plugin::artifacts::*;
}
