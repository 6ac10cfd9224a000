//! A layered layout (Sugiyama, Tagawa, Toda 1981): where boxes and arrows of a graph stand, so that it reads from
//! top to bottom with few crossings.
//!
//! Cycles are opened, ranks given, long arrows cut into pieces, the pieces ordered within their ranks to cross
//! seldom, and everything moved as near to its neighbours as the distances allow. The same graph has the same
//! layout, always.

use super::order::{crossings_of_all, order};

/// The least distance between boxes of a rank.
pub(super) const GAP: f64 = 28.0;
/// What an arrow that passes between boxes takes.
const THREAD: f64 = 10.0;

/// A box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// An arrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    /// How much it matters that it is short and points down.
    pub(super) weight: f64,
    /// The size of its label, where it has one.
    pub(super) label: Option<Size>,
}

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Where everything stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// The centre of each box.
    pub(super) boxes: Vec<Point>,
    /// The points of each arrow, from the edge of its box to the edge of the other; none for an arrow from a box to
    /// itself.
    pub(super) arrows: Vec<Vec<Point>>,
    /// The centre of each arrow's label.
    pub(super) labels: Vec<Option<Point>>,
    pub(super) width: f64,
    pub(super) height: f64,
    /// How many times arrows cross, as far as ranks tell.
    pub(super) crossings: usize,
}

/// A box, or a piece of an arrow, in its rank.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) rank: usize,
    pub(super) size: Size,
    /// Whether it is a piece of an arrow without a label.
    thread: bool,
}

/// An arrow from one rank to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) up: usize,
    pub(super) down: usize,
    weight: f64,
}

/// Lays a graph out. `between` is the height of the space between ranks.
pub(super) fn layout(boxes: &[Size], arrows: &[Arrow], between: f64) -> Layout {
    let reversed = reversed(boxes.len(), arrows);
    let directed: Vec<(usize, usize)> = arrows
        .iter()
        .zip(&reversed)
        .map(|(arrow, reversed)| {
            if *reversed {
                (arrow.to, arrow.from)
            } else {
                (arrow.from, arrow.to)
            }
        })
        .collect();
    let ranks = ranks(boxes.len(), arrows, &directed);
    let (pieces, links, chains) = pieces(boxes, arrows, &directed, &ranks);
    let rank_count = pieces.iter().map(|piece| piece.rank + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); rank_count];
    for (index, piece) in pieces.iter().enumerate() {
        layers[piece.rank].push(index);
    }
    order(&mut layers, &links, pieces.len());
    let crossings = crossings_of_all(&layers, &links, pieces.len());
    let x = across(&layers, &pieces, &links);
    let (y, height) = down(&layers, &pieces, between);
    let least = (0..pieces.len())
        .map(|piece| x[piece] - pieces[piece].size.width / 2.0)
        .fold(f64::INFINITY, f64::min);
    let least = if least.is_finite() { least } else { 0.0 };
    let most = (0..pieces.len())
        .map(|piece| x[piece] + pieces[piece].size.width / 2.0)
        .fold(0.0, f64::max);
    let at = |piece: usize| Point {
        x: x[piece] - least,
        y: y[pieces[piece].rank],
    };
    let mut labels = vec![None; arrows.len()];
    let mut lines = Vec::with_capacity(arrows.len());
    for (index, (arrow, chain)) in arrows.iter().zip(&chains).enumerate() {
        if arrow.from == arrow.to {
            lines.push(Vec::new());
            continue;
        }
        let (top, bottom) = directed[index];
        let mut line = vec![Point {
            x: at(top).x,
            y: at(top).y + boxes[top].height / 2.0,
        }];
        for piece in chain {
            let point = at(*piece);
            // Straight through its rank, so that the line keeps clear of the boxes beside it.
            let half = rank_height(&layers[pieces[*piece].rank], &pieces) / 2.0;
            line.push(Point {
                y: point.y - half,
                ..point
            });
            line.push(Point {
                y: point.y + half,
                ..point
            });
            if !pieces[*piece].thread {
                labels[index] = Some(point);
            }
        }
        line.push(Point {
            x: at(bottom).x,
            y: at(bottom).y - boxes[bottom].height / 2.0,
        });
        if reversed[index] {
            line.reverse();
        }
        lines.push(line);
    }
    spread_ends(
        boxes,
        arrows,
        &mut lines,
        &(0..boxes.len()).map(at).collect::<Vec<_>>(),
    );
    Layout {
        boxes: (0..boxes.len()).map(at).collect(),
        arrows: lines,
        labels,
        width: (most - least).max(0.0),
        height,
        crossings,
    }
}

/// Which arrows are turned round so that no cycle is left: of a cycle, one that a walk from the beginning meets last,
/// walking over what matters most first.
fn reversed(count: usize, arrows: &[Arrow]) -> Vec<bool> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut entered = vec![0.0_f64; count];
    for (index, arrow) in arrows.iter().enumerate() {
        if arrow.from != arrow.to {
            out[arrow.from].push(index);
            entered[arrow.to] += arrow.weight;
        }
    }
    for list in &mut out {
        list.sort_by(|one, other| arrows[*other].weight.total_cmp(&arrows[*one].weight));
    }
    let mut starts: Vec<usize> = (0..count).collect();
    starts.sort_by(|one, other| entered[*one].total_cmp(&entered[*other]));
    let (mut seen, mut open) = (vec![false; count], vec![false; count]);
    let mut reversed = vec![false; arrows.len()];
    for start in starts {
        if seen[start] {
            continue;
        }
        // Depth first with a stack of its own: graphs may be deep.
        let mut path = vec![(start, 0)];
        (seen[start], open[start]) = (true, true);
        while let Some((node, next)) = path.last_mut() {
            let Some(arrow) = out[*node].get(*next).copied() else {
                open[*node] = false;
                path.pop();
                continue;
            };
            *next += 1;
            let to = arrows[arrow].to;
            if open[to] {
                reversed[arrow] = true;
            } else if !seen[to] {
                (seen[to], open[to]) = (true, true);
                path.push((to, 0));
            }
        }
    }
    reversed
}

/// The rank of each box: below everything that points to it, and otherwise as near as can be to its neighbours.
fn ranks(count: usize, arrows: &[Arrow], directed: &[(usize, usize)]) -> Vec<usize> {
    // A label has a rank of its own between the two boxes.
    let length = |index: usize| if arrows[index].label.is_some() { 2 } else { 1 };
    let real: Vec<usize> = (0..arrows.len())
        .filter(|index| directed[*index].0 != directed[*index].1)
        .collect();
    let mut ranks = vec![0_usize; count];
    loop {
        let mut moved = false;
        for index in &real {
            let (from, to) = directed[*index];
            let least = ranks[from] + length(*index);
            if ranks[to] < least {
                ranks[to] = least;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // Boxes with more weight below than above move down as far as what is below allows, and back where that helps.
    for _ in 0..8 {
        let mut moved = false;
        for node in 0..count {
            let (mut above, mut below, mut pull) = (0, usize::MAX, 0.0);
            for index in &real {
                let (from, to) = directed[*index];
                if to == node {
                    above = above.max(ranks[from] + length(*index));
                    pull -= arrows[*index].weight;
                } else if from == node {
                    below = below.min(ranks[to] - length(*index));
                    pull += arrows[*index].weight;
                }
            }
            let wanted = if pull > 0.0 && below != usize::MAX {
                below
            } else {
                above
            };
            if wanted != ranks[node] && wanted >= above && (below == usize::MAX || wanted <= below)
            {
                ranks[node] = wanted;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    ranks
}

type Chains = Vec<Vec<usize>>;

/// The boxes and the pieces of long arrows, what links them, and the pieces of each arrow from top to bottom.
fn pieces(
    boxes: &[Size],
    arrows: &[Arrow],
    directed: &[(usize, usize)],
    ranks: &[usize],
) -> (Vec<Piece>, Vec<Link>, Chains) {
    let mut pieces: Vec<Piece> = boxes
        .iter()
        .zip(ranks)
        .map(|(size, rank)| Piece {
            rank: *rank,
            size: *size,
            thread: false,
        })
        .collect();
    let mut links = Vec::new();
    let mut chains = Vec::with_capacity(arrows.len());
    for (arrow, (top, bottom)) in arrows.iter().zip(directed) {
        let mut chain = Vec::new();
        if top != bottom {
            let middle = usize::midpoint(ranks[*top], ranks[*bottom]);
            let mut up = *top;
            for rank in ranks[*top] + 1..ranks[*bottom] {
                let label = arrow.label.filter(|_| rank == middle);
                pieces.push(Piece {
                    rank,
                    size: label.unwrap_or(Size {
                        width: THREAD,
                        height: 0.0,
                    }),
                    thread: label.is_none(),
                });
                let piece = pieces.len() - 1;
                // Pieces of one arrow want to stand straight below one another.
                let weight = if chain.is_empty() {
                    arrow.weight
                } else {
                    arrow.weight * 8.0
                };
                links.push(Link {
                    up,
                    down: piece,
                    weight,
                });
                chain.push(piece);
                up = piece;
            }
            links.push(Link {
                up,
                down: *bottom,
                weight: arrow.weight,
            });
        }
        chains.push(chain);
    }
    (pieces, links, chains)
}

fn rank_height(layer: &[usize], pieces: &[Piece]) -> f64 {
    layer
        .iter()
        .map(|piece| pieces[*piece].size.height)
        .fold(0.0, f64::max)
}

/// The middle of each rank, and the height of all.
fn down(layers: &[Vec<usize>], pieces: &[Piece], between: f64) -> (Vec<f64>, f64) {
    let mut y = 0.0;
    let mut middles = Vec::with_capacity(layers.len());
    for layer in layers {
        let height = rank_height(layer, pieces);
        middles.push(y + height / 2.0);
        y += height + between;
    }
    (middles, (y - between).max(0.0))
}

/// The place of each piece from left to right: near to its neighbours, in the order of its rank.
fn across(layers: &[Vec<usize>], pieces: &[Piece], links: &[Link]) -> Vec<f64> {
    let mut x = vec![0.0; pieces.len()];
    for layer in layers {
        let mut at = 0.0;
        for piece in layer {
            x[*piece] = at + pieces[*piece].size.width / 2.0;
            at += pieces[*piece].size.width + GAP;
        }
    }
    let mut above: Vec<Vec<(usize, f64)>> = vec![Vec::new(); pieces.len()];
    let mut below = above.clone();
    for link in links {
        above[link.down].push((link.up, link.weight));
        below[link.up].push((link.down, link.weight));
    }
    const SWEEPS: usize = 48;
    for sweep in 0..SWEEPS {
        let downwards = sweep % 2 == 0;
        let last = sweep + 12 >= SWEEPS;
        let order: Vec<usize> = if downwards {
            (0..layers.len()).collect()
        } else {
            (0..layers.len()).rev().collect()
        };
        for rank in order {
            let wanted: Vec<(f64, f64)> = layers[rank]
                .iter()
                .map(|piece| {
                    // At first what was placed just now; in the end both sides.
                    let sides: [&[(usize, f64)]; 2] = match (downwards, last) {
                        (_, true) => [&above[*piece], &below[*piece]],
                        (true, false) => [&above[*piece], &[]],
                        (false, false) => [&below[*piece], &[]],
                    };
                    let neighbours = sides.into_iter().flatten();
                    let (sum, weight) = neighbours
                        .fold((0.0, 0.0), |(sum, total), (other, weight)| {
                            (sum + x[*other] * weight, total + weight)
                        });
                    if weight > 0.0 {
                        (sum / weight, weight)
                    } else {
                        (x[*piece], 1e-3)
                    }
                })
                .collect();
            place(&layers[rank], pieces, &wanted, &mut x);
        }
    }
    x
}

/// Puts the pieces of a rank as near to where they want to be as their order and sizes allow: the least sum of
/// squares, by joining those that want into one another.
fn place(layer: &[usize], pieces: &[Piece], wanted: &[(f64, f64)], x: &mut [f64]) {
    struct Block {
        first: usize,
        count: usize,
        at: f64,
        weight: f64,
    }
    // How far each stands from the first when all are as near as can be.
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0.0;
    for (index, piece) in layer.iter().enumerate() {
        if index > 0 {
            let before = &pieces[layer[index - 1]];
            let gap = if before.thread || pieces[*piece].thread {
                GAP / 2.0
            } else {
                GAP
            };
            offset += before.size.width / 2.0 + gap + pieces[*piece].size.width / 2.0;
        }
        offsets.push(offset);
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (index, (at, weight)) in wanted.iter().enumerate() {
        blocks.push(Block {
            first: index,
            count: 1,
            at: at - offsets[index],
            weight: *weight,
        });
        while let [.., before, last] = &mut blocks[..] {
            if before.at <= last.at {
                break;
            }
            let weight = before.weight + last.weight;
            before.at = (before.at * before.weight + last.at * last.weight) / weight;
            before.weight = weight;
            before.count += last.count;
            blocks.pop();
        }
    }
    for block in &blocks {
        for index in block.first..block.first + block.count {
            x[layer[index]] = block.at + offsets[index];
        }
    }
}

/// Arrows that begin or end at one side of a box do so side by side, in the order of where they come from.
fn spread_ends(boxes: &[Size], arrows: &[Arrow], lines: &mut [Vec<Point>], centres: &[Point]) {
    for node in 0..boxes.len() {
        for below in [true, false] {
            let mut ends: Vec<(f64, usize, bool)> = Vec::new();
            for (index, arrow) in arrows.iter().enumerate() {
                let line = &lines[index];
                let (Some(first), Some(last)) = (line.first(), line.last()) else {
                    continue;
                };
                let side = |point: &Point| (point.y > centres[node].y) == below;
                if arrow.from == node && side(first) {
                    ends.push((line[1].x, index, true));
                }
                if arrow.to == node && side(last) {
                    ends.push((line[line.len() - 2].x, index, false));
                }
            }
            ends.sort_by(|one, other| one.0.total_cmp(&other.0));
            #[allow(clippy::cast_precision_loss, reason = "pixels")]
            let (count, room) = (ends.len() as f64, boxes[node].width * 0.7);
            let step = (room / count.max(1.0)).min(22.0);
            for (place, (_, index, begins)) in ends.into_iter().enumerate() {
                #[allow(clippy::cast_precision_loss, reason = "pixels")]
                let x = centres[node].x + step * (place as f64 - (count - 1.0) / 2.0);
                let line = &mut lines[index];
                let end = if begins {
                    line.first_mut()
                } else {
                    line.last_mut()
                };
                if let Some(end) = end {
                    end.x = x;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(count: usize, pairs: &[(usize, usize)]) -> Layout {
        let boxes = vec![
            Size {
                width: 60.0,
                height: 30.0
            };
            count
        ];
        let label = Some(Size {
            width: 30.0,
            height: 14.0,
        });
        let arrows: Vec<Arrow> = pairs
            .iter()
            .map(|(from, to)| Arrow {
                from: *from,
                to: *to,
                weight: 1.0,
                label,
            })
            .collect();
        layout(&boxes, &arrows, 20.0)
    }

    /// Whether two boxes or labels lie on one another.
    fn overlap(one: (Point, Size), other: (Point, Size)) -> bool {
        let near = |a: f64, b: f64, sizes: f64| (a - b).abs() < sizes / 2.0 - 1e-6;
        near(one.0.x, other.0.x, one.1.width + other.1.width)
            && near(one.0.y, other.0.y, one.1.height + other.1.height)
    }

    fn things(layout: &Layout) -> Vec<(Point, Size)> {
        let boxes = layout.boxes.iter().map(|at| {
            (
                *at,
                Size {
                    width: 60.0,
                    height: 30.0,
                },
            )
        });
        let labels = layout.labels.iter().flatten().map(|at| {
            (
                *at,
                Size {
                    width: 30.0,
                    height: 14.0,
                },
            )
        });
        boxes.chain(labels).collect()
    }

    #[test]
    fn nothing_lies_on_anything_else() {
        let mut state = 7_u64;
        for size in 2..14 {
            let mut pairs = Vec::new();
            for from in 0..size {
                for to in 0..size {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    if state >> 61 < 2 {
                        pairs.push((from, to));
                    }
                }
            }
            let found = graph(size, &pairs);
            let things = things(&found);
            for (index, one) in things.iter().enumerate() {
                for other in &things[..index] {
                    assert!(!overlap(*one, *other), "{size}: {one:?} {other:?}");
                }
            }
            let inside = |point: &Point| point.x >= -1e-6 && point.x <= found.width + 1e-6;
            assert!(found.boxes.iter().all(inside));
            assert_eq!(
                found,
                graph(size, &pairs),
                "the same graph has the same layout"
            );
        }
    }

    #[test]
    fn what_can_be_drawn_without_crossings_is() {
        assert_eq!(graph(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]).crossings, 0);
        let ladder = [
            (0, 4),
            (0, 2),
            (1, 3),
            (1, 5),
            (2, 6),
            (4, 6),
            (3, 7),
            (5, 7),
        ];
        assert_eq!(graph(8, &ladder).crossings, 0);
        // Three to three, each to each, crosses at least once, and in ranks nine times.
        let all: Vec<(usize, usize)> = (0..3)
            .flat_map(|from| (3..6).map(move |to| (from, to)))
            .collect();
        assert_eq!(graph(6, &all).crossings, 9);
    }

    #[test]
    fn arrows_point_down_except_those_that_close_a_cycle() {
        let found = graph(3, &[(0, 1), (1, 2), (2, 0)]);
        let down = found
            .arrows
            .iter()
            .filter(|line| line[0].y < line[line.len() - 1].y)
            .count();
        assert_eq!(down, 2);
        assert!(found.boxes[0].y < found.boxes[1].y && found.boxes[1].y < found.boxes[2].y);
    }
}
