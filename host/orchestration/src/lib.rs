//! The pure core of Menagerie: what a flow is, and what a run of it does next.
//!
//! No I/O, no clock, no random numbers and no async: time and seeds come in with the inputs, and
//! the same inputs make the same events and commands in the same order.

pub mod artifact;
pub mod command;
pub mod decision;
pub mod document;
pub mod event;
pub mod failure;
pub mod flow;
pub mod flow_file;
pub mod history_file;
pub mod input;
mod made;
pub mod plan;
pub mod replay;
pub mod retry;
pub mod run;
pub mod shared;
pub mod state;
pub mod time;
pub mod view;
pub mod wire;
