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

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(grants: &[&str], fuel: Option<u64>, memory_mib: Option<u64>) -> Wants {
        Wants {
            grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
            fuel,
            memory_mib,
        }
    }

    fn fuel(before: u64, now: u64) -> More {
        let limit = "fuel";
        More::Limit { limit, before, now }
    }

    fn memory(before: u64, now: u64) -> More {
        let limit = "memory_mib";
        More::Limit { limit, before, now }
    }

    #[test]
    fn more_is_a_grant_or_a_higher_limit_and_whoever_names_none_has_the_default() {
        let default = Limits::default();
        let (usual_fuel, usual_memory) = (default.fuel, default.memory_bytes >> 20);
        let none = || wants(&[], None, None);
        for (before, now, more) in [
            (none(), none(), vec![]),
            // A higher limit, a lower one, the same.
            (
                wants(&[], Some(5), None),
                wants(&[], Some(6), None),
                vec![fuel(5, 6)],
            ),
            (wants(&[], Some(6), None), wants(&[], Some(5), None), vec![]),
            (wants(&[], None, Some(7)), wants(&[], None, Some(7)), vec![]),
            (
                wants(&[], None, Some(7)),
                wants(&[], None, Some(9)),
                vec![memory(7, 9)],
            ),
            // Against the default, on either side.
            (none(), wants(&[], Some(usual_fuel), None), vec![]),
            (
                none(),
                wants(&[], Some(usual_fuel + 1), Some(usual_memory + 1)),
                vec![
                    fuel(usual_fuel, usual_fuel + 1),
                    memory(usual_memory, usual_memory + 1),
                ],
            ),
            (
                wants(&[], Some(1), Some(1)),
                none(),
                vec![fuel(1, usual_fuel), memory(1, usual_memory)],
            ),
            // Grants that are new, and not those that are gone.
            (
                wants(&["http", "shared"], None, None),
                wants(&["artifacts", "http"], Some(usual_fuel + 1), None),
                vec![
                    More::Grant("artifacts".to_owned()),
                    fuel(usual_fuel, usual_fuel + 1),
                ],
            ),
        ] {
            assert_eq!(now.more_than(&before), more, "{before:?} {now:?}");
        }
        assert_eq!(fuel(5, 6).to_string(), "`fuel` from 5 to 6");
    }
}
