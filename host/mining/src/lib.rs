//! Process mining over what runs did: events in, logs, metrics and models out.
//!
//! This crate knows no run and no store. Whoever has events turns them into [`ProcessEvent`]s and
//! hands over iterators; nothing in here reads a clock, a file or the network.
//!
//! - [`event`]: the one model that every reader and writer here shares.
//! - [`xes`]: the log as XES (IEEE 1849-2016), written so that tools read it.
//! - [`jsonl`]: the same events, one JSON object per line.
//! - [`document`]: files of others, as they are: XES, plain or compressed, and tables.
//! - [`log`]: a log in memory, for everything that is computed over whole logs.
//! - [`online`]: counts that are kept up to date event by event, in memory bounded by open cases.
//! - [`recent`]: the latest attempts of an activity, for whoever steers by them.
//! - [`metrics`]: the figures that users see, computed from those counts.

pub mod compare;
pub mod conform;
pub mod discover;
pub mod document;
pub mod drift;
pub mod event;
pub mod findings;
pub mod jsonl;
pub mod log;
pub mod metrics;
pub mod net;
pub mod objects;
pub mod online;
pub mod performance;
pub mod picture;
pub mod recent;
pub mod shapes;
pub mod statistics;
pub mod timestamp;
pub mod xes;

mod terminals;
mod xml;

pub use event::{AttributeValue, Attributes, Case, CaseState, Cost, Lifecycle, ProcessEvent};
pub use jsonl::{JsonlError, write_jsonl};
pub use log::Log;
pub use metrics::{Metrics, Model};
pub use online::Online;
pub use xes::{LogHead, Written, XesError, XesWriter, write_xes};
