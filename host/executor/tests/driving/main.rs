//! Runs driven in virtual time over both journals, with scripted guests; and some with real ones.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![allow(missing_docs, reason = "tests")]

#[macro_use]
#[path = "../../../../tests/support/pass_on.rs"]
mod pass_on;

mod cancelling;
mod chance;
mod completing;
mod components;
mod crashing;
mod durable_first;
mod figures;
mod guests;
mod journals;
mod mortal;
#[path = "../../../../tests/support/outside.rs"]
mod outside;
mod ownership;
mod random_flows;
mod replayed_calls;
mod replaying;
mod resident;
mod snapshots;
mod stores;
mod storms;
mod timing;
mod told;
mod waiting;
mod wat_guests;
