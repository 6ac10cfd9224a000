//! Where a log can be cut into parts that follow an operator: the definitions of S. J. J. Leemans'
//! *Robust Process Mining with Guarantees* (2017), over the directly-follows relation.

use super::sublog::Follows;
use super::tree::Operator;

/// Groups of activities, by their numbers in [`Follows`].
pub(super) type Groups = Vec<Vec<usize>>;

/// The first cut that holds.
pub(super) fn find(follows: &Follows) -> Option<(Operator, Groups)> {
    if follows.len() < 2 {
        return None;
    }
    let choice = || choice(follows).map(|groups| (Operator::Choice, groups));
    let sequence = || sequence(follows).map(|groups| (Operator::Sequence, groups));
    let parallel = || parallel(follows).map(|groups| (Operator::Parallel, groups));
    let repeated = || repeated(follows).map(|groups| (Operator::Loop, groups));
    choice()
        .or_else(sequence)
        .or_else(parallel)
        .or_else(repeated)
}

fn several(groups: Groups) -> Option<Groups> {
    (groups.len() > 1).then_some(groups)
}

/// Parts between which nothing follows anything.
fn choice(follows: &Follows) -> Option<Groups> {
    let mut union = Union::new(follows.len());
    for (from, to) in follows.edges() {
        union.join(from, to);
    }
    several(union.groups())
}

/// Parts of which the later ones can be reached from the earlier ones, never the other way round.
fn sequence(follows: &Follows) -> Option<Groups> {
    let size = follows.len();
    let reach = reachable(follows);
    let mut union = Union::new(size);
    for (one, other) in pairs(size) {
        // Both ways, or neither: they have no order.
        if reach[one][other] == reach[other][one] {
            union.join(one, other);
        }
    }
    let mut groups = union.groups();
    // Joining may have made groups that again reach one another both ways, or not at all.
    loop {
        let reaches = |from: &[usize], to: &[usize]| {
            from.iter()
                .any(|one| to.iter().any(|other| reach[*one][*other]))
        };
        let pair = pairs(groups.len()).find(|(one, other)| {
            reaches(&groups[*one], &groups[*other]) == reaches(&groups[*other], &groups[*one])
        });
        let Some((one, other)) = pair else {
            break;
        };
        let joined = groups.remove(other);
        groups[one].extend(joined);
    }
    // All pairs are ordered now: who reaches more stands earlier.
    let mut order: Vec<(usize, usize)> = groups
        .iter()
        .enumerate()
        .map(|(index, group)| {
            let reached = groups.iter().filter(|other| {
                group
                    .iter()
                    .any(|one| other.iter().any(|two| reach[*one][*two]))
                    && *other != group
            });
            (reached.count(), index)
        })
        .collect();
    order.sort_by(|one, other| other.cmp(one));
    let groups = order
        .iter()
        .map(|(_, index)| groups[*index].clone())
        .collect();
    several(groups).and_then(|groups| several(without_pivots(follows, groups)))
}

/// The strict form: a part that can be skipped takes with it those neighbours that are there only
/// together with it, so that skipping is decided once, further inside.
fn without_pivots(follows: &Follows, mut groups: Groups) -> Groups {
    let count = groups.len();
    let mut owner = vec![0_usize; follows.len()];
    for (index, group) in groups.iter().enumerate() {
        group.iter().for_each(|one| owner[*one] = index);
    }
    // Where each part is entered from at the earliest, and left to at the latest; `None` and `count`
    // stand for the beginning and the end of a trace.
    let mut from: Vec<Option<usize>> = vec![Some(count); count];
    let mut to: Vec<Option<usize>> = vec![None; count];
    for one in 0..follows.len() {
        if follows.is_start(one) {
            from[owner[one]] = None;
        }
        if follows.is_end(one) {
            to[owner[one]] = Some(count);
        }
    }
    for (one, other) in follows.edges() {
        let (one, other) = (owner[one], owner[other]);
        from[other] = from[other].min(Some(one));
        to[one] = to[one].max(Some(other));
    }
    for pivot in 0..count {
        if !skippable(follows, &groups, pivot) {
            continue;
        }
        for before in (0..pivot).rev() {
            if to[before] > Some(pivot) {
                break;
            }
            let taken = std::mem::take(&mut groups[before]);
            groups[pivot].extend(taken);
        }
        for after in pivot + 1..count {
            if from[after] < Some(pivot) {
                break;
            }
            let taken = std::mem::take(&mut groups[after]);
            groups[pivot].extend(taken);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn skippable(follows: &Follows, groups: &Groups, pivot: usize) -> bool {
    let before = || groups[..pivot].iter().flatten().copied();
    let after = || groups[pivot + 1..].iter().flatten().copied();
    before().any(|one| after().any(|other| follows.has(one, other)))
        || after().any(|one| follows.is_start(one))
        || before().any(|one| follows.is_end(one))
}

/// Parts between which everything follows everything, each of which can begin and end.
fn parallel(follows: &Follows) -> Option<Groups> {
    let size = follows.len();
    let mut union = Union::new(size);
    for (one, other) in pairs(size) {
        if !follows.has(one, other) || !follows.has(other, one) {
            union.join(one, other);
        }
    }
    let mut groups = union.groups();
    groups.sort_by_key(Vec::len);
    let mut index = 0;
    while index < groups.len() && groups.len() > 1 {
        let group = &groups[index];
        let begins = group.iter().any(|one| follows.is_start(*one));
        let ends = group.iter().any(|one| follows.is_end(*one));
        if begins && ends {
            index += 1;
            continue;
        }
        let group = groups.remove(index);
        groups[index.saturating_sub(1)].extend(group);
    }
    several(groups)
}

/// A body with everything that begins or ends, and parts that lead from ends back to beginnings.
fn repeated(follows: &Follows) -> Option<Groups> {
    let size = follows.len();
    let in_body = |one: usize| follows.is_start(one) || follows.is_end(one);
    let mut union = Union::new(size);
    for (from, to) in follows.edges() {
        if !in_body(from) && !in_body(to) {
            union.join(from, to);
        }
    }
    let body: Vec<usize> = (0..size).filter(|one| in_body(*one)).collect();
    let first = *body.first()?;
    for one in &body {
        union.join(first, *one);
    }
    let (starts, ends): (Vec<usize>, Vec<usize>) = (
        (0..size).filter(|one| follows.is_start(*one)).collect(),
        (0..size).filter(|one| follows.is_end(*one)).collect(),
    );
    for (from, to) in follows.edges() {
        // What follows a beginning that is no end lies in the body; and so does what comes before an
        // end that is no beginning.
        if (follows.is_start(from) && !follows.is_end(from))
            || (follows.is_end(to) && !follows.is_start(to))
        {
            union.join(from, to);
        }
    }
    loop {
        let groups = union.groups();
        let body = union.root(first);
        let wrong = groups
            .iter()
            .filter(|group| union.clone().root(group[0]) != body)
            .find(|group| {
                group.iter().any(|one| {
                    let back_to_some = starts.iter().any(|start| follows.has(*one, *start));
                    let back_to_all = starts.iter().all(|start| follows.has(*one, *start));
                    let from_some = ends.iter().any(|end| follows.has(*end, *one));
                    let from_all = ends.iter().all(|end| follows.has(*end, *one));
                    (back_to_some && !back_to_all) || (from_some && !from_all)
                })
            });
        match wrong {
            Some(group) => union.join(first, group[0]),
            None => break,
        }
    }
    let body = union.root(first);
    let mut groups = union.groups();
    let place = groups
        .iter()
        .position(|group| union.root(group[0]) == body)?;
    groups[..=place].rotate_right(1);
    several(groups)
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |one| (one + 1..count).map(move |other| (one, other)))
}

/// Which activity leads to which, over any number of steps, at least one.
fn reachable(follows: &Follows) -> Vec<Vec<bool>> {
    let size = follows.len();
    let mut reach: Vec<Vec<bool>> = (0..size)
        .map(|from| (0..size).map(|to| follows.has(from, to)).collect())
        .collect();
    for over in 0..size {
        let through = reach[over].clone();
        for row in &mut reach {
            if row[over] {
                for (to, reached) in row.iter_mut().enumerate() {
                    *reached |= through[to];
                }
            }
        }
    }
    reach
}

/// Sets that are joined.
#[derive(Debug, Clone)]
struct Union(Vec<usize>);

impl Union {
    fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    fn root(&mut self, mut one: usize) -> usize {
        while self.0[one] != one {
            self.0[one] = self.0[self.0[one]];
            one = self.0[one];
        }
        one
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }

    /// The sets in the order of their least members.
    fn groups(&mut self) -> Groups {
        let mut groups: Groups = vec![Vec::new(); self.0.len()];
        for one in 0..self.0.len() {
            let root = self.root(one);
            groups[root].push(one);
        }
        groups.retain(|group| !group.is_empty());
        groups
    }
}
