//! A store whose machine loses its power: what was answered is there, whole, and nothing is half
//! there. And a store whose disk is full or fails: a clear error, and the rest is usable.
//!
//! The real journal runs over a disk that records what it is asked to do, and from the record the
//! store is made as a power cut at any point may leave it. The seed of a schedule that fails is told;
//! `MENAGERIE_TEST_SEED=N` tries that one alone, `N..M` a range. Many more than in CI:
//!
//! ```text
//! cargo test --workspace --test power -- --ignored --nocapture
//! ```

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the right answer")]

#[path = "power/aftermath.rs"]
mod aftermath;
#[allow(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "the other test binary uses the rest"
)]
#[path = "journal/backend.rs"]
mod backend;
#[path = "power/cuts.rs"]
mod cuts;
#[path = "power/groups.rs"]
mod groups;
#[path = "power/life.rs"]
mod life;
#[path = "power/mutations.rs"]
mod mutations;
#[path = "power/troubles.rs"]
mod troubles;
