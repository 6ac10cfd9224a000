//! The sandbox from outside: what guests may do, what they may not, and what then happens.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "tests: a panic is how they fail, and nobody else uses them"
)]

mod artifacts;
mod calls;
mod catalogue;
mod compat;
mod contract;
mod crosstalk;
mod dns;
mod floats;
mod fuzzed;
mod hostile;
mod http;
mod http_attacks;
mod https;
mod kinds;
#[path = "../../../../tests/support/outside.rs"]
mod outside;
mod refused;
mod shared;
mod support;
mod wasi;
