//! The order within ranks, such that arrows cross seldom: sweeps by the median of the neighbours, and exchanges of
//! neighbours that help; the best order that was met is kept.

use super::layout::Link;

/// How often all ranks are gone through.
const SWEEPS: usize = 28;

/// Orders each layer.
pub(super) fn order(layers: &mut Vec<Vec<usize>>, links: &[Link], count: usize) {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut below = above.clone();
    for link in links {
        above[link.down].push(link.up);
        below[link.up].push(link.down);
    }
    first_order(layers, &below, count);
    let mut best = layers.clone();
    let mut fewest = crossings_of_all(layers, links, count);
    let mut place = vec![0; count];
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let downwards = sweep % 2 == 0;
        let ranks: Vec<usize> = if downwards {
            (1..layers.len()).collect()
        } else {
            (0..layers.len().saturating_sub(1)).rev().collect()
        };
        number(layers, &mut place);
        for rank in ranks {
            let neighbours = if downwards { &above } else { &below };
            by_median(&mut layers[rank], neighbours, &place, sweep % 4 >= 2);
            for (at, piece) in layers[rank].iter().enumerate() {
                place[*piece] = at;
            }
        }
        exchange(layers, &above, &below, &mut place);
        let crossings = crossings_of_all(layers, links, count);
        if crossings < fewest {
            fewest = crossings;
            best.clone_from(layers);
        }
    }
    *layers = best;
}

/// As a walk from the top meets them.
fn first_order(layers: &mut [Vec<usize>], below: &[Vec<usize>], count: usize) {
    let mut met = vec![usize::MAX; count];
    let mut next = 0;
    let mut pending: Vec<usize> = layers.iter().flatten().rev().copied().collect();
    while let Some(piece) = pending.pop() {
        if met[piece] == usize::MAX {
            met[piece] = next;
            next += 1;
            pending.extend(below[piece].iter().rev());
        }
    }
    layers
        .iter_mut()
        .for_each(|layer| layer.sort_by_key(|piece| met[*piece]));
}

fn number(layers: &[Vec<usize>], place: &mut [usize]) {
    for layer in layers {
        for (at, piece) in layer.iter().enumerate() {
            place[*piece] = at;
        }
    }
}

/// Sorts a layer by the median of the neighbours; those without any stay where they are.
#[allow(clippy::cast_precision_loss, reason = "pieces of a picture are few")]
fn by_median(layer: &mut [usize], neighbours: &[Vec<usize>], place: &[usize], equal_turn: bool) {
    let median = |piece: usize| {
        let mut places: Vec<usize> = neighbours[piece]
            .iter()
            .map(|other| place[*other])
            .collect();
        places.sort_unstable();
        let middle = places.len() / 2;
        match places.len() {
            0 => None,
            count if count % 2 == 1 => Some(places[middle] as f64),
            _ => Some(f64::midpoint(
                places[middle - 1] as f64,
                places[middle] as f64,
            )),
        }
    };
    let mut moving: Vec<(f64, usize)> = layer
        .iter()
        .filter_map(|piece| median(*piece).map(|median| (median, *piece)))
        .collect();
    if equal_turn {
        // Turning those that want the same place finds orders that a stable sort never tries.
        moving.reverse();
    }
    moving.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut moving = moving.into_iter();
    for piece in layer {
        if !neighbours[*piece].is_empty()
            && let Some((_, next)) = moving.next()
        {
            *piece = next;
        }
    }
}

/// Exchanges neighbours in their rank for as long as that takes crossings away.
fn exchange(
    layers: &mut [Vec<usize>],
    above: &[Vec<usize>],
    below: &[Vec<usize>],
    place: &mut [usize],
) {
    const TURNS: usize = 12;
    for _ in 0..TURNS {
        let mut better = false;
        for layer in layers.iter_mut() {
            for at in 1..layer.len() {
                let (left, right) = (layer[at - 1], layer[at]);
                let crossings = |left: usize, right: usize| {
                    pairs(&above[left], &above[right], place)
                        + pairs(&below[left], &below[right], place)
                };
                if crossings(right, left) < crossings(left, right) {
                    layer.swap(at - 1, at);
                    (place[left], place[right]) = (at, at - 1);
                    better = true;
                }
            }
        }
        if !better {
            break;
        }
    }
}

/// How often arrows of a left piece cross those of a right one.
fn pairs(left: &[usize], right: &[usize], place: &[usize]) -> usize {
    left.iter()
        .map(|one| {
            right
                .iter()
                .filter(|other| place[**other] < place[*one])
                .count()
        })
        .sum()
}

/// All crossings between neighbouring ranks.
pub(super) fn crossings_of_all(layers: &[Vec<usize>], links: &[Link], count: usize) -> usize {
    let mut place = vec![0; count];
    number(layers, &mut place);
    let mut rank = vec![0; count];
    for (index, layer) in layers.iter().enumerate() {
        layer.iter().for_each(|piece| rank[*piece] = index);
    }
    let mut by_rank: Vec<Vec<(usize, usize)>> = vec![Vec::new(); layers.len()];
    for link in links {
        by_rank[rank[link.up]].push((place[link.up], place[link.down]));
    }
    by_rank.iter_mut().map(|pairs| inversions(pairs)).sum()
}

/// Pairs of links of which one begins further left and ends further right, counted by merging.
fn inversions(links: &mut [(usize, usize)]) -> usize {
    links.sort_unstable();
    let mut ends: Vec<usize> = links.iter().map(|(_, down)| *down).collect();
    let mut scratch = ends.clone();
    count_inversions(&mut ends, &mut scratch)
}

fn count_inversions(list: &mut [usize], scratch: &mut [usize]) -> usize {
    if list.len() < 2 {
        return 0;
    }
    let middle = list.len() / 2;
    let mut count = count_inversions(&mut list[..middle], &mut scratch[..middle])
        + count_inversions(&mut list[middle..], &mut scratch[middle..]);
    let (mut left, mut right) = (0, middle);
    for slot in scratch.iter_mut() {
        if right >= list.len() || (left < middle && list[left] <= list[right]) {
            *slot = list[left];
            left += 1;
        } else {
            *slot = list[right];
            count += middle - left;
            right += 1;
        }
    }
    list.copy_from_slice(scratch);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_are_counted() {
        assert_eq!(inversions(&mut [(0, 2), (1, 1), (2, 0)]), 3);
        assert_eq!(inversions(&mut [(0, 0), (0, 1), (1, 1), (1, 0)]), 1);
        assert_eq!(inversions(&mut []), 0);
    }
}
