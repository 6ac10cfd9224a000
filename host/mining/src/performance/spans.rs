//! How the time of a case divides: each moment belongs to exactly one kind, so that the parts add up.

use serde::Serialize;

use super::steps::{End, Step};
use crate::log::Moment;

/// A case's time by kind, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Parts {
    /// Something is worked on.
    pub service: i64,
    /// Otherwise: something that was begun stands still, for a person or a call of the outside.
    pub suspended: i64,
    /// Otherwise: a failed attempt waits for the next.
    pub back_off: i64,
    /// Otherwise: something that was asked for has not begun.
    pub queue: i64,
    /// Otherwise: nothing is going on.
    pub idle: i64,
}

impl Parts {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.service + self.suspended + self.back_off + self.queue + self.idle
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.service += other.service;
        self.suspended += other.suspended;
        self.back_off += other.back_off;
        self.queue += other.queue;
        self.idle += other.idle;
    }
}

/// The kinds, what counts first before the others.
const KINDS: usize = 4;

/// The parts of a case between two moments.
pub(super) fn parts(steps: &[Step], began: Moment, ended: Moment) -> Parts {
    let mut changes: Vec<(Moment, usize, i32)> = Vec::new();
    let mut span = |kind: usize, from: Moment, to: Moment| {
        let (from, to) = (from.max(began), to.min(ended));
        if from < to {
            changes.push((from, kind, 1));
            changes.push((to, kind, -1));
        }
    };
    for (place, step) in steps.iter().enumerate() {
        if let (Some(scheduled), Some(started)) = (step.scheduled, step.started.or(step.ended)) {
            span(3, scheduled, started);
        }
        // What stands still without ever having begun, as far as the log says, stands still all the same.
        for (suspended, resumed) in &step.suspensions {
            span(1, *suspended, *resumed);
        }
        if let Some(started) = step.started {
            let mut from = started;
            for (suspended, resumed) in &step.suspensions {
                span(0, from, *suspended);
                from = *resumed;
            }
            span(0, from, step.ended.unwrap_or(ended));
        }
        if let (End::Failed, Some(failed)) = (step.end, step.ended)
            && let Some(next) = next_attempt(&steps[place + 1..], step)
        {
            span(2, failed, next);
        }
    }
    changes.sort_unstable();
    let mut active = [0_i32; KINDS];
    let mut sums = [0_i64; KINDS + 1];
    let mut before = began;
    for (at, kind, change) in changes {
        let current = active.iter().position(|count| *count > 0).unwrap_or(KINDS);
        sums[current] += at - before;
        before = at;
        active[kind] += change;
    }
    sums[KINDS] += ended - before;
    let [service, suspended, back_off, queue, idle] = sums;
    Parts {
        service,
        suspended,
        back_off,
        queue,
        idle,
    }
}

/// When the attempt after a failed one was asked for, or began.
pub(super) fn next_attempt(later: &[Step], failed: &Step) -> Option<Moment> {
    let next = later
        .iter()
        .find(|step| step.activity == failed.activity && step.attempt > failed.attempt)?;
    next.scheduled.or(next.started)
}
