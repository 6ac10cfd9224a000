//! `sources` judges where the packages of a lock file come from: registries, git, paths, checksums.
//!
//! # Input
//! The run's state with the answer of `lockfile` under `lockfile`; of it `roots` and of each package
//! `name`, `version`, `source`, `checksum` and, where there is one, `id`.
//!
//! # Output
//! ```json
//! {"sources": {
//!   "by_kind": {"git": 1, "other_registry": 0, "path": 1, "registry": 40, "unknown": 0},
//!   "git": [{"id": "tiny 1.0.0", "url": "https://example.org/tiny", "reference": "branch=main", "commit": "89ab…"}],
//!   "path": ["helper 0.2.0"],
//!   "other_registries": [{"id": "inner 1.0.0", "source": "registry+https://registry.example.org/index"}],
//!   "missing_checksums": ["inner 1.0.0"],
//!   "insecure": [{"id": "old 0.1.0", "source": "git+http://example.org/old"}],
//!   "unknown": []
//! }}
//! ```
//! `by_kind` counts every package. The lists name what is remarkable, in the order of the packages:
//! `path` leaves the roots out, `git` and `other_registries` leave out what the configuration allows.
//! Passwords within addresses are left out.
//!
//! # Configuration
//! ```toml
//! allowed_registries = ["sparse+https://registry.example.org/"]  # as the lock file writes them
//! allowed_git = ["https://example.org/team/"]                    # by how the address begins
//! ```

mod analysis;

use lock::Input;
use menagerie::prelude::*;

use crate::analysis::{Config, Output, judge};

#[menagerie::agent(skills = ["rust", "supply-chain"], check)]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    Ok(Outcome::new(judge(&task.input.lockfile, &task.config)))
}
