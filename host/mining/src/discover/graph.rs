//! The directly-follows graph of a whole log, with counts and times.

use crate::log::{Activity, Log, Moment, Occurrences, Variants, ms};

/// Times between the two ends of an edge, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// Their sum.
    pub total: f64,
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
    /// The middle one; the mean of the two in the middle of an even number.
    pub median: f64,
}

impl Times {
    /// Of lengths in microseconds, which are sorted by this.
    #[allow(clippy::cast_precision_loss, reason = "2^53 µs are 285 years")]
    pub(crate) fn of(micros: &mut [i64]) -> Option<Self> {
        micros.sort_unstable();
        let (first, last) = (*micros.first()?, *micros.last()?);
        let middle = micros.len() / 2;
        let median = if micros.len() % 2 == 1 {
            ms(micros[middle])
        } else {
            f64::midpoint(ms(micros[middle - 1]), ms(micros[middle]))
        };
        let total: i128 = micros.iter().map(|one| i128::from(*one)).sum();
        Some(Self {
            count: micros.len() as u64,
            total: total as f64 / 1e3,
            min: ms(first),
            max: ms(last),
            median,
        })
    }

    /// The mean.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
    pub fn mean(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.total / self.count as f64
        }
    }
}

/// An edge: its ends, how often it was taken, and how long that took where times are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Where it begins.
    pub from: Activity,
    /// Where it ends.
    pub to: Activity,
    /// How often.
    pub count: u64,
    /// From the one occurrence to the next.
    pub times: Option<Times>,
}

/// Which activity directly followed which.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Names by number, ascending.
    pub activities: Vec<Box<str>>,
    /// Occurrences of each activity.
    pub counts: Vec<u64>,
    /// Cases that began with each activity.
    pub starts: Vec<u64>,
    /// Cases that ended with it.
    pub ends: Vec<u64>,
    /// By their ends, ascending.
    pub edges: Vec<Edge>,
    /// Cases in all; those without events too.
    pub cases: u64,
}

impl Graph {
    /// The graph of a log, with times.
    #[must_use]
    pub fn of(log: &Log, variants: &Variants, occurrences: Occurrences) -> Self {
        let mut graph = Self::of_variants(variants);
        let size = variants.activities.len();
        let mut lengths: Vec<Vec<i64>> = vec![Vec::new(); size * size];
        let mut times: Vec<Option<Moment>> = Vec::new();
        for variant in &variants.list {
            for case in &variant.cases {
                let events = log.events_of(&log.cases()[*case as usize]);
                times.clear();
                times.extend(
                    events
                        .iter()
                        .filter(|event| occurrences.take(event))
                        .map(|event| event.at),
                );
                for (pair, times) in variant.path.windows(2).zip(times.windows(2)) {
                    if let [Some(from), Some(to)] = times {
                        let edge = pair[0] as usize * size + pair[1] as usize;
                        lengths[edge].push(to.saturating_sub(*from));
                    }
                }
            }
        }
        for edge in &mut graph.edges {
            let place = edge.from as usize * size + edge.to as usize;
            edge.times = Times::of(&mut lengths[place]);
        }
        graph
    }

    /// The graph without times.
    #[must_use]
    pub fn of_variants(variants: &Variants) -> Self {
        let size = variants.activities.len();
        let mut matrix = vec![0_u64; size * size];
        let mut graph = Self {
            activities: variants.activities.clone(),
            counts: vec![0; size],
            starts: vec![0; size],
            ends: vec![0; size],
            edges: Vec::new(),
            cases: variants.total(),
        };
        for variant in &variants.list {
            for activity in &variant.path {
                graph.counts[*activity as usize] += variant.count;
            }
            if let (Some(first), Some(last)) = (variant.path.first(), variant.path.last()) {
                graph.starts[*first as usize] += variant.count;
                graph.ends[*last as usize] += variant.count;
            }
            for pair in variant.path.windows(2) {
                matrix[pair[0] as usize * size + pair[1] as usize] += variant.count;
            }
        }
        let number = |index: usize| Activity::try_from(index).expect("numbered by 32 bits");
        for (place, count) in matrix
            .into_iter()
            .enumerate()
            .filter(|(_, count)| *count > 0)
        {
            graph.edges.push(Edge {
                from: number(place / size),
                to: number(place % size),
                count,
                times: None,
            });
        }
        graph
    }

    /// Without edges that were taken less often than `least`, as far as every activity stays connected to
    /// the beginning and the end by its most frequent way in and out.
    #[must_use]
    pub fn simplified(&self, least: u64) -> Self {
        let most = |fits: &dyn Fn(&Edge) -> bool| {
            let edges = self
                .edges
                .iter()
                .filter(|edge| edge.from != edge.to && fits(edge));
            edges.map(|edge| edge.count).max().unwrap_or(0)
        };
        let out: Vec<u64> = (0..)
            .take(self.activities.len())
            .map(|one| most(&|edge| edge.from == one))
            .collect();
        let into: Vec<u64> = (0..)
            .take(self.activities.len())
            .map(|one| most(&|edge| edge.to == one))
            .collect();
        let keep = |edge: &&Edge| {
            edge.count >= least
                || (edge.from != edge.to
                    && (edge.count == out[edge.from as usize]
                        || edge.count == into[edge.to as usize]))
        };
        Self {
            edges: self.edges.iter().filter(keep).cloned().collect(),
            ..self.clone()
        }
    }
}
