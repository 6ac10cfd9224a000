//! What every journal promises, held against SQLite and the in-memory fake, and what only the store
//! in a folder promises.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the right answer")]

#[path = "journal/backend.rs"]
mod backend;
#[path = "journal/backups.rs"]
mod backups;
#[path = "journal/crashes.rs"]
mod crashes;
#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/folder.rs"]
mod folder;
#[path = "journal/fork_kills.rs"]
mod fork_kills;
#[path = "journal/forks.rs"]
mod forks;
#[path = "journal/fuzzed.rs"]
mod fuzzed;
#[path = "journal/fuzzed_backups.rs"]
mod fuzzed_backups;
#[path = "journal/interleavings.rs"]
mod interleavings;
#[path = "journal/records.rs"]
mod records;
#[path = "journal/runs.rs"]
mod runs;
#[path = "journal/vacuums.rs"]
mod vacuums;
