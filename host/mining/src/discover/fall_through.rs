//! What the inductive miner does where no cut holds: weaker statements that always hold for the log, the
//! strongest first.

use super::cuts;
use super::sublog::{Follows, SubLog};
use super::tree::Operator;
use crate::log::Activity;

/// An operator over smaller logs.
pub(super) type Part = (Operator, Vec<SubLog>);

/// The first that applies; the last always does. `noise` is that of the search for cuts.
pub(super) fn find(log: &SubLog, follows: &Follows) -> Part {
    once_per_trace(log, follows)
        .or_else(|| beside_the_rest(log, follows))
        .or_else(|| strict_repetition(log, follows))
        .or_else(|| repetition(log, follows))
        .unwrap_or_else(|| flower(log, follows))
}

fn silent(count: u64) -> SubLog {
    SubLog::collect([(Vec::new(), count)])
}

fn apart(log: &SubLog, activity: Activity) -> Part {
    let alone = log.filtered(|other| other == activity);
    let rest = log.filtered(|other| other != activity);
    (Operator::Parallel, vec![alone, rest])
}

/// An activity that each trace has exactly once is parallel to the rest.
fn once_per_trace(log: &SubLog, follows: &Follows) -> Option<Part> {
    if follows.len() < 2 {
        return None;
    }
    let found = follows.alphabet.iter().find(|activity| {
        let times = |path: &[Activity]| path.iter().filter(|one| one == activity).count();
        log.traces.iter().all(|(path, _)| times(path) == 1)
    });
    found.map(|activity| apart(log, *activity))
}

/// An activity is parallel to the rest if without it the rest can be cut.
fn beside_the_rest(log: &SubLog, follows: &Follows) -> Option<Part> {
    if follows.len() < 2 {
        return None;
    }
    let found = follows.alphabet.iter().find(|activity| {
        let rest = log.filtered(|other| other != **activity);
        let follows = Follows::of(&rest);
        cuts::find(&follows).is_some()
    });
    found.map(|activity| apart(log, *activity))
}

/// The traces repeat something without a trace between: cut where an end meets a beginning.
fn strict_repetition(log: &SubLog, follows: &Follows) -> Option<Part> {
    let starts = marked(follows, |number| follows.is_start(number));
    let ends = marked(follows, |number| follows.is_end(number));
    repeated(log, |before, next| {
        ends[before as usize] && starts[next as usize]
    })
}

/// The same, cut wherever something begins.
fn repetition(log: &SubLog, follows: &Follows) -> Option<Part> {
    let starts = marked(follows, |number| follows.is_start(number));
    repeated(log, |_, next| starts[next as usize])
}

fn marked(follows: &Follows, holds: impl Fn(usize) -> bool) -> Vec<bool> {
    let most = follows.alphabet.last().map_or(0, |last| *last as usize + 1);
    let mut marks = vec![false; most];
    for (number, activity) in follows.alphabet.iter().enumerate() {
        marks[*activity as usize] = holds(number);
    }
    marks
}

fn repeated(log: &SubLog, cut_between: impl Fn(Activity, Activity) -> bool) -> Option<Part> {
    let mut pieces = Vec::new();
    let mut cuts = 0;
    for (path, count) in &log.traces {
        for piece in path.chunk_by(|before, next| !cut_between(*before, *next)) {
            pieces.push((piece.to_vec(), *count));
            cuts += count;
        }
    }
    (cuts > log.total()).then(|| {
        (
            Operator::Loop,
            vec![SubLog::collect(pieces), silent(log.total())],
        )
    })
}

/// Any activities in any order.
fn flower(log: &SubLog, follows: &Follows) -> Part {
    let each = follows.alphabet.iter().map(|activity| (vec![*activity], 1));
    (
        Operator::Loop,
        vec![silent(log.total()), SubLog::collect(each)],
    )
}
