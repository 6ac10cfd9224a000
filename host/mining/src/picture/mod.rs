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

/// Where the boxes of a graph stand and how its lines go: for pictures that another format describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The middle of each box.
    pub boxes: Vec<(f64, f64)>,
    /// The points of each line, from one box to the other.
    pub lines: Vec<Vec<(f64, f64)>>,
}

impl Placed {
    /// Lays boxes of a width and height out from left to right.
    #[must_use]
    pub fn sideways(boxes: &[(f64, f64)], lines: &[(usize, usize)]) -> Self {
        // The layout goes down: widths and heights change places, and so do the coordinates.
        let sizes: Vec<layout::Size> = boxes
            .iter()
            .map(|(width, height)| layout::Size {
                width: *height,
                height: *width,
            })
            .collect();
        let arrows: Vec<layout::Arrow> = lines
            .iter()
            .map(|(from, to)| layout::Arrow {
                from: *from,
                to: *to,
                weight: 1.0,
                label: None,
            })
            .collect();
        let found = layout::layout(&sizes, &arrows, 50.0);
        let turned = |point: &layout::Point| (point.y + svg::MARGIN, point.x + svg::MARGIN);
        Self {
            boxes: found.boxes.iter().map(turned).collect(),
            lines: found
                .arrows
                .iter()
                .map(|line| line.iter().map(turned).collect())
                .collect(),
        }
    }
}
