//! `graph` measures the dependency graph of a lock file: depth, fan-in, the crates most depended on.
//!
//! # Input
//! The run's state with the answer of `lockfile` under `lockfile`; of it `roots` and of each package
//! `name`, `version`, `dependencies` and, where there is one, `id`.
//!
//! # Output
//! ```json
//! {"graph": {
//!   "packages": 3, "edges": 2, "roots": 1, "direct": 1,
//!   "max_depth": 2,
//!   "deepest_path": ["app 0.1.0", "log 0.4.8", "cfg-if 0.1.10"],
//!   "mean_fan_in": 0.67,
//!   "most_depended_direct": [{"id": "cfg-if 0.1.10", "dependents": 1}, …],
//!   "most_depended_transitive": [{"id": "cfg-if 0.1.10", "dependents": 2}, …],
//!   "cycles": []
//! }}
//! ```
//! `max_depth` counts the links of the longest chain. Packages that depend on each other in a circle, as
//! development dependencies may, count as one link of it and are listed in `cycles`. Both rankings are
//! ordered by dependents, then by id.
//!
//! # Configuration
//! ```toml
//! top = 10   # how many packages each ranking names
//! ```

mod analysis;
mod components;

use lock::Input;
use menagerie::prelude::*;

use crate::analysis::{Config, Output, measure};

#[menagerie::agent(skills = ["rust", "supply-chain", "graphs"], check)]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    Ok(Outcome::new(measure(&task.input.lockfile, &task.config)))
}
