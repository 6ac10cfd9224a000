//! The machine of one run, told as stories and attacked with arbitrary inputs.
//!
//! `story` holds the simulator: virtual time, scripted answers, and the invariants of
//! `invariants` checked after every step of every test.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod artifacts;
mod bounds;
mod decisions;
mod escalations;
mod failures;
mod flows;
mod forks;
mod fuzzed;
mod histories;
mod invariants;
mod joins;
mod limits;
mod order;
mod properties;
mod random;
mod recovery;
mod replays;
mod revoking;
mod sharing;
mod story;
mod time;
mod views;
mod wakes;
mod wire;
