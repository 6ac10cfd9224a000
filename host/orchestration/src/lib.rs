//! The pure core of Menagerie: what a flow is, and what a run of it does next.
//!
//! No I/O, no clock, no random numbers and no async: time and seeds come in with the inputs, and
//! the same inputs make the same events and commands in the same order.

pub mod document;
pub mod flow;
pub mod flow_file;
