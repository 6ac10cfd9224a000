//! `duplicates` finds crates that a lock file holds in several versions, and who pulls each of them in.
//!
//! # Input
//! The run's state with the answer of `lockfile` under `lockfile`; of it `roots` and of each package
//! `name`, `version`, `source`, `dependencies` and, where there is one, `id`.
//!
//! # Output
//! ```json
//! {"duplicates": {
//!   "count": 1,
//!   "extra_copies": 1,
//!   "crates": [{"name": "syn", "versions": [
//!     {"id": "syn 1.0.109", "version": "1.0.109", "source": "registry+…",
//!      "dependents": ["old-macros 0.3.0"], "dependent_count": 1,
//!      "path": ["app 0.1.0", "old-macros 0.3.0", "syn 1.0.109"]},
//!     {"id": "syn 2.0.0", …}
//!   ]}]
//! }}
//! ```
//! `crates` are ordered by name, `versions` oldest first. `path` is the shortest way from a root; it is
//! empty where no root leads there. `dependents` names at most twenty, `dependent_count` counts all.
//!
//! # Configuration
//! None.

mod analysis;

use lock::Input;
use menagerie::prelude::*;
use serde::Deserialize;

use crate::analysis::{Output, duplicates};

/// There is nothing to configure; whatever is there is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

#[menagerie::agent(skills = ["rust", "supply-chain"], check)]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    Ok(Outcome::new(duplicates(&task.input.lockfile)))
}
