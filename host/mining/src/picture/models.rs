//! Petri nets, from left to right, and process trees, from top to bottom.

use super::layout::{Arrow, Point, Size, layout};
use super::svg::{FONT, MARGIN, SMALL, Svg, escaped, shortened, width_of};
use crate::discover::{Operator, Tree};
use crate::net::PetriNet;

const PLACE: f64 = 26.0;
const TRANSITION: f64 = 36.0;

/// Draws a Petri net.
#[must_use]
pub fn petri_net(net: &PetriNet) -> String {
    let places = net.places.len();
    // The layout goes down; the picture goes right: widths and heights change places.
    let mut boxes = vec![
        Size {
            width: PLACE,
            height: PLACE
        };
        places
    ];
    boxes.extend(
        net.transitions
            .iter()
            .map(|transition| match &transition.label {
                Some(label) => Size {
                    width: TRANSITION,
                    height: width_of(&shortened(label), FONT) + 20.0,
                },
                None => Size {
                    width: TRANSITION,
                    height: 10.0,
                },
            }),
    );
    let mut arrows = Vec::new();
    let mut weights = Vec::new();
    for (index, transition) in net.transitions.iter().enumerate() {
        let inputs = transition
            .inputs
            .iter()
            .map(|(place, weight)| (*place as usize, places + index, *weight));
        let outputs = transition
            .outputs
            .iter()
            .map(|(place, weight)| (places + index, *place as usize, *weight));
        for (from, to, weight) in inputs.chain(outputs) {
            let label = (weight > 1).then_some(Size {
                width: SMALL + 4.0,
                height: SMALL + 4.0,
            });
            arrows.push(Arrow {
                from,
                to,
                weight: 1.0,
                label,
            });
            weights.push(weight);
        }
    }
    let found = layout(&boxes, &arrows, 34.0);
    let turned = |point: Point| Point {
        x: point.y + MARGIN,
        y: point.x + MARGIN,
    };
    let title = format!(
        "Petri net of {places} places, {} transitions",
        net.transitions.len()
    );
    let mut svg = Svg::new(
        found.height + 2.0 * MARGIN,
        found.width + 2.0 * MARGIN,
        &title,
    );
    for line in &found.arrows {
        let line: Vec<Point> = line.iter().map(|point| turned(*point)).collect();
        svg.arrow(&line, 1.2, true);
    }
    for (label, weight) in found.labels.iter().zip(&weights) {
        if let Some(at) = label {
            svg.label_on_ground(turned(*at), &weight.to_string(), "faint", SMALL);
        }
    }
    for (index, place) in net.places.iter().enumerate() {
        let at = turned(found.boxes[index]);
        let tokens = net
            .initial
            .iter()
            .find(|(id, _)| *id as usize == index)
            .map_or(0, |(_, count)| *count);
        let is_final = net
            .finals
            .iter()
            .any(|marking| marking.iter().any(|(id, _)| *id as usize == index));
        svg.put(format_args!(
            "<g><title>{}</title><circle class=\"box\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\"/>",
            escaped(&place.name),
            at.x,
            at.y,
            PLACE / 2.0
        ));
        if is_final {
            svg.put(format_args!(
                "<circle class=\"ring\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"9\"/>",
                at.x, at.y
            ));
        }
        svg.put(format_args!("</g>\n"));
        match tokens {
            0 => {}
            1 => svg.put(format_args!(
                "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"/>\n",
                at.x, at.y
            )),
            more => svg.label(at, &more.to_string(), "ink", SMALL),
        }
    }
    for (index, transition) in net.transitions.iter().enumerate() {
        let (at, size) = (turned(found.boxes[places + index]), boxes[places + index]);
        let size = Size {
            width: size.height,
            height: size.width,
        };
        svg.put(format_args!(
            "<g><title>{}</title>\n",
            escaped(transition.label.as_deref().unwrap_or(&transition.name))
        ));
        match &transition.label {
            Some(label) => {
                svg.rect(at, size, "box", 4.0, "");
                svg.label(at, &shortened(label), "ink", FONT);
            }
            None => svg.rect(at, size, "silent", 2.0, ""),
        }
        svg.put(format_args!("</g>\n"));
    }
    svg.finish()
}

/// Draws a process tree: each part within the width of its node's own, so that no line crosses another.
#[must_use]
pub fn process_tree(tree: &Tree, names: &[Box<str>]) -> String {
    let mut nodes = Vec::new();
    let width = stand(tree, names, 0, 0.0, &mut nodes);
    let depth = nodes.iter().map(|node| node.depth + 1).max().unwrap_or(0);
    #[allow(clippy::cast_precision_loss, reason = "pixels")]
    let at = |node: &Node| Point {
        x: MARGIN + node.x,
        y: MARGIN + 16.0 + 64.0 * node.depth as f64,
    };
    #[allow(clippy::cast_precision_loss, reason = "pixels")]
    let height = 64.0 * depth as f64 - 32.0 + 2.0 * MARGIN;
    let title = format!("Process tree of {} nodes", nodes.len());
    let mut svg = Svg::new(width + 2.0 * MARGIN, height, &title);
    for node in &nodes {
        for child in &node.children {
            let (from, to) = (at(node), at(&nodes[*child]));
            let middle = f64::midpoint(from.y, to.y);
            svg.put(format_args!(
                "<path class=\"line\" stroke-width=\"1.2\" d=\"M{:.1} {:.1} V{middle:.1} H{:.1} V{:.1}\"/>\n",
                from.x,
                from.y + 16.0,
                to.x,
                to.y - 16.0
            ));
        }
    }
    for node in &nodes {
        let at = at(node);
        svg.put(format_args!("<g><title>{}</title>\n", escaped(&node.full)));
        if node.is_leaf {
            svg.rect(
                at,
                Size {
                    width: leaf_width(&node.shown),
                    height: 32.0,
                },
                "box",
                4.0,
                "",
            );
        } else {
            svg.put(format_args!(
                "<circle class=\"box hot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"16\"/>\n",
                at.x, at.y
            ));
        }
        svg.label(
            at,
            &node.shown,
            "ink",
            if node.is_leaf { FONT } else { FONT + 2.0 },
        );
        svg.put(format_args!("</g>\n"));
    }
    svg.finish()
}

/// A node in its place.
struct Node {
    shown: String,
    full: String,
    is_leaf: bool,
    depth: usize,
    /// From the left, its middle.
    x: f64,
    children: Vec<usize>,
}

fn leaf_width(shown: &str) -> f64 {
    width_of(shown, FONT) + 20.0
}

/// Gives a part its place from `left` on, and says how wide it is.
fn stand(tree: &Tree, names: &[Box<str>], depth: usize, left: f64, nodes: &mut Vec<Node>) -> f64 {
    let (shown, full, children): (_, _, &[Tree]) = match tree {
        Tree::Silent => ("τ".to_owned(), "nothing".to_owned(), &[]),
        Tree::Activity(activity) => {
            let name = &names[*activity as usize];
            (shortened(name), name.to_string(), &[])
        }
        Tree::Node(operator, children) => {
            let (sign, word) = match operator {
                Operator::Sequence => ("→", "one after the other"),
                Operator::Choice => ("×", "exactly one"),
                Operator::Parallel => ("∧", "all, in any order"),
                Operator::Loop => ("↻", "the first, and again after any of the others"),
            };
            (sign.to_owned(), word.to_owned(), children)
        }
    };
    let index = nodes.len();
    let is_leaf = children.is_empty();
    let own = if is_leaf { leaf_width(&shown) } else { 34.0 };
    nodes.push(Node {
        shown,
        full,
        is_leaf,
        depth,
        x: left + own / 2.0,
        children: Vec::new(),
    });
    if is_leaf {
        return own;
    }
    let (mut at, mut below) = (left, Vec::new());
    for child in children {
        below.push(nodes.len());
        at += stand(child, names, depth + 1, at, nodes) + 14.0;
    }
    let width = (at - 14.0 - left).max(own);
    let ends = below
        .first()
        .zip(below.last())
        .map(|(first, last)| (nodes[*first].x, nodes[*last].x));
    nodes[index].x = ends.map_or(left + own / 2.0, |(first, last)| f64::midpoint(first, last));
    nodes[index].children = below;
    width
}
