//! Tests of whole files: good ones, a table of bad ones, and arbitrary ones.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bad_flows;
mod examples;
mod good_flows;
mod properties;
