//! How the traces of a log are taken apart along a cut, what does not fit included.

use super::cuts::Groups;
use super::sublog::{Follows, SubLog};
use super::tree::Operator;
use crate::log::Activity;

/// The part of a cut that each activity belongs to.
struct Owners {
    of: Vec<usize>,
    count: usize,
}

impl Owners {
    fn new(follows: &Follows, groups: &Groups) -> Self {
        let most = follows.alphabet.last().map_or(0, |last| *last as usize + 1);
        let mut of = vec![usize::MAX; most];
        for (index, group) in groups.iter().enumerate() {
            for number in group {
                of[follows.alphabet[*number] as usize] = index;
            }
        }
        Self {
            of,
            count: groups.len(),
        }
    }

    fn of(&self, activity: Activity) -> usize {
        self.of[activity as usize]
    }
}

type Parts = Vec<Vec<(Vec<Activity>, u64)>>;

/// One log for each part.
pub(super) fn split(
    log: &SubLog,
    follows: &Follows,
    operator: Operator,
    groups: &Groups,
) -> Vec<SubLog> {
    let owners = Owners::new(follows, groups);
    let mut parts: Parts = vec![Vec::new(); owners.count];
    for (path, count) in &log.traces {
        match operator {
            Operator::Choice => choice(&owners, path, *count, &mut parts),
            Operator::Sequence => sequence(&owners, path, *count, &mut parts),
            Operator::Parallel => parallel(&owners, path, *count, &mut parts),
            Operator::Loop => repeated(&owners, path, *count, &mut parts),
        }
    }
    parts.into_iter().map(SubLog::collect).collect()
}

/// A trace goes where most of it belongs, to the last of equals; the rest of it is left out.
fn choice(owners: &Owners, path: &[Activity], count: u64, parts: &mut Parts) {
    let mut shares = vec![0_usize; owners.count];
    for activity in path {
        shares[owners.of(*activity)] += 1;
    }
    let most = (0..owners.count)
        .max_by_key(|part| shares[*part])
        .unwrap_or(0);
    parts[most].push((of_part(owners, path, most), count));
}

fn of_part(owners: &Owners, path: &[Activity], part: usize) -> Vec<Activity> {
    path.iter()
        .copied()
        .filter(|one| owners.of(*one) == part)
        .collect()
}

/// A trace is cut where least of it must be left out: part by part, each ends where what belongs to it
/// outweighs most what does not. What belongs to earlier parts counts for neither.
fn sequence(owners: &Owners, path: &[Activity], count: u64, parts: &mut Parts) {
    let mut from = 0;
    for (part, traces) in parts.iter_mut().enumerate() {
        let to = if part + 1 == owners.count {
            path.len()
        } else {
            from + length_of_part(owners, &path[from..], part)
        };
        traces.push((of_part(owners, &path[from..to], part), count));
        from = to;
    }
}

fn length_of_part(owners: &Owners, path: &[Activity], part: usize) -> usize {
    let (mut cost, mut least, mut length) = (0_i64, 0_i64, 0);
    for (place, activity) in path.iter().enumerate() {
        let owner = owners.of(*activity);
        if owner == part {
            cost -= 1;
        } else if owner > part {
            cost += 1;
        }
        if cost < least {
            (least, length) = (cost, place + 1);
        }
    }
    length
}

fn parallel(owners: &Owners, path: &[Activity], count: u64, parts: &mut Parts) {
    for (part, traces) in parts.iter_mut().enumerate() {
        traces.push((of_part(owners, path, part), count));
    }
}

/// Stretches of one part each, between the body and what sends back. A trace begins and ends with the
/// body, be it empty, and the body stands between any two others.
fn repeated(owners: &Owners, path: &[Activity], count: u64, parts: &mut Parts) {
    let mut current = 0;
    let mut stretch = Vec::new();
    for activity in path {
        let owner = owners.of(*activity);
        if owner != current {
            parts[current].push((std::mem::take(&mut stretch), count));
            if owner != 0 && current != 0 {
                parts[0].push((Vec::new(), count));
            }
            current = owner;
        }
        stretch.push(*activity);
    }
    parts[current].push((stretch, count));
    if current != 0 {
        parts[0].push((Vec::new(), count));
    }
}
