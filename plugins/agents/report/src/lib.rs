//! `report` sums a supply-chain review up: a verdict with its reasons, as Markdown and as JSON.
//!
//! # Input
//! The run's state with the answers of `lockfile`, `duplicates`, `sources` and `graph`, each under its
//! name; or one level down, or in `results`, as the aggregators `collect` and `all` put them. Any of them
//! may be missing; what `_failed` or `results` says about a missing one is repeated.
//!
//! # Output
//! ```json
//! {"report": {
//!   "verdict": "attention",
//!   "reasons": [{"verdict": "attention", "part": "duplicates", "message": "crates in several versions",
//!                "items": ["syn"], "count": 1}],
//!   "summary": {"lock_version": 4, "packages": 42, "duplicates": 1, "git_sources": 0, "missing_checksums": 0, "max_depth": 9},
//!   "missing": [{"part": "graph", "why": "it was skipped or did not answer"}],
//!   "markdown": "# Supply-chain review\n…"
//! }}
//! ```
//! The verdict is the worst of its reasons:
//!
//! | verdict | reasons |
//! |---|---|
//! | `fail` | no lock file; a registry package without checksum; a connection that nobody authenticates; git without a commit; a source of no known kind |
//! | `attention` | packages from git or other registries; more duplicates or more depth than allowed; unused patches; no answer of `duplicates` or `sources` |
//! | `pass` | nothing of that; `graph` may be missing |
//!
//! Names in the Markdown are escaped: they come from somebody's file.
//!
//! # Configuration
//! ```toml
//! title = "Supply-chain review"
//! allowed_duplicates = 0   # crates that may be there in several versions
//! allowed_depth = 20       # unlimited when absent
//! ```

mod markdown;
mod parts;
mod review;
mod verdict;

use menagerie::prelude::*;
use serde_json::Map;

use crate::review::{Output, review};
use crate::verdict::Config;

#[menagerie::agent(skills = ["rust", "supply-chain", "reporting"], check)]
fn process(task: Task<Map<String, Value>, Config>) -> Result<Outcome<Output>, Fault> {
    Ok(Outcome::new(review(&task.input, &task.config)))
}
