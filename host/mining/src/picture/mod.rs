//! Models and logs as SVG: each a file of its own that needs nothing else, readable in light and dark.

mod charts;
mod layout;
mod map;
mod models;
mod order;
mod svg;

pub use charts::{Since, dotted_chart, gantt};
pub use map::{Show, process_map};
pub use models::{petri_net, process_tree};
