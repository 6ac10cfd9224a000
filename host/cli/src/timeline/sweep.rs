//! Owns what the run's own time went into.

use super::lives::{Told, push};
use super::{Part, Stretch};

/// One part for each instant of the run: of everything that went on then, what comes first in
/// [`Part::ALL`]; the host, where nothing did.
pub(super) fn sweep(told: &Told) -> Vec<Stretch> {
    let lives = told.lives.iter().flat_map(|life| &life.stretches);
    let mut edges: Vec<(i64, usize, i32)> = Vec::new();
    for stretch in lives {
        let part = rank(stretch.part);
        edges.push((stretch.from_ms, part, 1));
        edges.push((stretch.to_ms, part, -1));
    }
    for (over, part) in [(&told.pauses, Part::Pause), (&told.downs, Part::Down)] {
        for (from, to) in over {
            edges.push((*from, rank(part), 1));
            edges.push((*to, rank(part), -1));
        }
    }
    edges.sort_unstable();
    let mut open = [0_i32; Part::ALL.len()];
    let mut swept = Vec::new();
    let mut cursor = told.from_ms;
    for (at, part, change) in edges {
        push(&mut swept, cursor, at.min(told.to_ms), first(&open));
        cursor = cursor.max(at);
        open[part] += change;
    }
    push(&mut swept, cursor, told.to_ms, Part::Host);
    swept
}

fn rank(part: Part) -> usize {
    let found = Part::ALL.iter().position(|known| *known == part);
    found.unwrap_or(Part::ALL.len() - 1)
}

fn first(open: &[i32]) -> Part {
    let found = open.iter().position(|count| *count > 0);
    found.map_or(Part::Host, |rank| Part::ALL[rank])
}
