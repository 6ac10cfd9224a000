//! The logs that the inductive miner takes apart, and which activity directly follows which in them.

use rustc_hash::FxHashMap;

use crate::log::{Activity, Variants};

/// Sequences with their counts, each sequence once, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SubLog {
    pub(super) traces: Vec<(Box<[Activity]>, u64)>,
}

impl SubLog {
    pub(super) fn of(variants: &Variants) -> Self {
        Self::collect(
            variants
                .list
                .iter()
                .map(|variant| (variant.path.clone(), variant.count)),
        )
    }

    pub(super) fn collect<P: Into<Box<[Activity]>>>(
        traces: impl IntoIterator<Item = (P, u64)>,
    ) -> Self {
        let mut counts: FxHashMap<Box<[Activity]>, u64> = FxHashMap::default();
        for (path, count) in traces {
            *counts.entry(path.into()).or_default() += count;
        }
        let mut traces: Vec<_> = counts.into_iter().collect();
        traces.sort_unstable();
        Self { traces }
    }

    pub(super) fn total(&self) -> u64 {
        self.traces.iter().map(|(_, count)| count).sum()
    }

    /// The activities, ascending.
    pub(super) fn alphabet(&self) -> Vec<Activity> {
        let mut alphabet: Vec<Activity> = Vec::new();
        let mut seen: Vec<bool> = Vec::new();
        for activity in self.traces.iter().flat_map(|(path, _)| path) {
            let place = *activity as usize;
            if place >= seen.len() {
                seen.resize(place + 1, false);
            }
            if !seen[place] {
                seen[place] = true;
                alphabet.push(*activity);
            }
        }
        alphabet.sort_unstable();
        alphabet
    }

    /// The traces with only the activities that are kept.
    pub(super) fn filtered(&self, keep: impl Fn(Activity) -> bool) -> Self {
        Self::collect(self.traces.iter().map(|(path, count)| {
            let path: Vec<Activity> = path.iter().copied().filter(|one| keep(*one)).collect();
            (path, *count)
        }))
    }
}

/// Which activity directly follows which, with counts; activities are numbered anew, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Follows {
    /// What the numbers stand for, ascending.
    pub(super) alphabet: Vec<Activity>,
    edges: Vec<u64>,
    pub(super) starts: Vec<u64>,
    pub(super) ends: Vec<u64>,
}

impl Follows {
    pub(super) fn of(log: &SubLog) -> Self {
        let alphabet = log.alphabet();
        let most = alphabet.last().map_or(0, |last| *last as usize + 1);
        let mut numbers = vec![0_usize; most];
        for (number, activity) in alphabet.iter().enumerate() {
            numbers[*activity as usize] = number;
        }
        let size = alphabet.len();
        let mut follows = Self {
            alphabet,
            edges: vec![0; size * size],
            starts: vec![0; size],
            ends: vec![0; size],
        };
        for (path, count) in &log.traces {
            let mut before = None;
            for activity in path {
                let number = numbers[*activity as usize];
                match before {
                    Some(before) => follows.edges[before * size + number] += count,
                    None => follows.starts[number] += count,
                }
                before = Some(number);
            }
            if let Some(last) = before {
                follows.ends[last] += count;
            }
        }
        follows
    }

    pub(super) fn len(&self) -> usize {
        self.alphabet.len()
    }

    pub(super) fn count(&self, from: usize, to: usize) -> u64 {
        self.edges[from * self.len() + to]
    }

    pub(super) fn has(&self, from: usize, to: usize) -> bool {
        self.count(from, to) > 0
    }

    /// All edges.
    pub(super) fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        let size = self.len();
        let present = self
            .edges
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        present.map(move |(place, _)| (place / size, place % size))
    }

    pub(super) fn is_start(&self, number: usize) -> bool {
        self.starts[number] > 0
    }

    pub(super) fn is_end(&self, number: usize) -> bool {
        self.ends[number] > 0
    }

    /// Without what is rare beside the most frequent way out of the same activity, and without rare
    /// beginnings. Ending counts as a way out; ends themselves all stay.
    pub(super) fn without_noise(&self, noise: f64) -> Self {
        let mut kept = self.clone();
        let size = self.len();
        for from in 0..size {
            let ways = &mut kept.edges[from * size..][..size];
            let most = ways.iter().copied().max().unwrap_or(0).max(self.ends[from]);
            for count in ways {
                if at_most_share(*count, noise, most) {
                    *count = 0;
                }
            }
        }
        let most = self.starts.iter().copied().max().unwrap_or(0);
        for count in &mut kept.starts {
            if below_share(*count, noise, most) {
                *count = 0;
            }
        }
        kept
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn at_most_share(count: u64, share: f64, whole: u64) -> bool {
    count as f64 <= share * whole as f64
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn below_share(count: u64, share: f64, whole: u64) -> bool {
    (count as f64) < share * whole as f64
}
