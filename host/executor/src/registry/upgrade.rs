//! What a plugin asks for, and whether a version asks for more than the one before it.

use std::collections::BTreeSet;
use std::fmt;

use menagerie_sandbox::{Inspection, Limits};
use serde::{Deserialize, Serialize};

/// What a version asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// Interfaces that take a grant.
    pub grants: BTreeSet<String>,
    /// Units of fuel, if it wants another number than the default.
    pub fuel: Option<u64>,
    /// Memory in MiB, likewise.
    pub memory_mib: Option<u64>,
}

/// One thing that a version asks for and the one before it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum More {
    /// An interface.
    Grant(String),
    /// A limit.
    Limit {
        /// `fuel` or `memory_mib`.
        limit: &'static str,
        /// What it was.
        before: u64,
        /// What it is to be.
        now: u64,
    },
}

impl fmt::Display for More {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            More::Grant(interface) => write!(out, "the grant `{interface}`"),
            More::Limit { limit, before, now } => write!(out, "`{limit}` from {before} to {now}"),
        }
    }
}

impl Wants {
    /// What a component asks for by its imports and its manifest.
    #[must_use]
    pub fn of(inspection: &Inspection) -> Wants {
        let limits = &inspection.manifest.limits;
        Wants {
            grants: inspection.wanted_grants(),
            fuel: limits.fuel,
            memory_mib: limits.memory_mib,
        }
    }

    /// Everything in which this asks for more. Whoever names no limit has the default.
    #[must_use]
    pub fn more_than(&self, before: &Wants) -> Vec<More> {
        let default = Limits::default();
        let grants = self.grants.difference(&before.grants);
        let mut more: Vec<More> = grants.cloned().map(More::Grant).collect();
        let limits = [
            ("fuel", before.fuel, self.fuel, default.fuel),
            (
                "memory_mib",
                before.memory_mib,
                self.memory_mib,
                default.memory_bytes >> 20,
            ),
        ];
        for (limit, before, now, default) in limits {
            let (before, now) = (before.unwrap_or(default), now.unwrap_or(default));
            if now > before {
                more.push(More::Limit { limit, before, now });
            }
        }
        more
    }
}
