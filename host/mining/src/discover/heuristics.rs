//! The heuristics miner (Weijters, van der Aalst, Alves de Medeiros 2006): dependencies by how much more
//! often one thing follows another than the other way round.

use rustc_hash::FxHashMap;

use crate::log::{Activity, Variants};

/// What the heuristics miner takes as given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The least dependency of an edge, from 0 to 1.
    pub dependency: f64,
    /// The least dependency of the two edges of a loop of two activities.
    pub loop_two: f64,
    /// How much two edges out of one activity, or into one, must follow one another to be parallel.
    pub and: f64,
    /// The least occurrences of an activity.
    pub least_activity: u64,
    /// The least occurrences of an edge.
    pub least_edge: u64,
    /// Edges are not looked at whose count is below this share of the most frequent edge at each of
    /// their ends.
    pub noise: f64,
}

impl Default for Thresholds {
    /// Those of PM4Py.
    fn default() -> Self {
        Self {
            dependency: 0.5,
            loop_two: 0.5,
            and: 0.65,
            least_activity: 1,
            least_edge: 1,
            noise: 0.05,
        }
    }
}

/// An edge of a heuristics net.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// Where it begins.
    pub from: Activity,
    /// Where it ends.
    pub to: Activity,
    /// How often it was taken.
    pub count: u64,
    /// Between -1 and 1.
    pub dependency: f64,
}

/// A heuristics net: edges, and which of an activity's edges come together.
#[derive(Debug, Clone, PartialEq)]
pub struct HeuristicsNet {
    /// Names by number.
    pub activities: Vec<Box<str>>,
    /// Occurrences of each; activities below the threshold have no edge.
    pub counts: Vec<u64>,
    /// Cases that begin with each.
    pub starts: Vec<u64>,
    /// Cases that end with each.
    pub ends: Vec<u64>,
    /// The edges by their ends, ascending.
    pub edges: Vec<Dependency>,
    /// For each activity, the groups of what follows it: one of the groups, all of its members.
    pub splits: Vec<Vec<Vec<Activity>>>,
    /// The same for what comes before it.
    pub joins: Vec<Vec<Vec<Activity>>>,
}

/// Discovers a heuristics net.
#[must_use]
pub fn heuristics(variants: &Variants, thresholds: &Thresholds) -> HeuristicsNet {
    let counts = Counts::of(variants).without_noise(thresholds.noise);
    let size = counts.size;
    let kept = |one: usize| counts.activities[one] >= thresholds.least_activity;
    let mut edges = Vec::new();
    for from in 0..size {
        for to in 0..size {
            let count = counts.follows(from, to);
            if count < thresholds.least_edge.max(1) || !kept(from) || !kept(to) {
                continue;
            }
            let dependency = counts.dependency(from, to);
            let in_short_loop = from != to && {
                let value = counts.loop_of_two(from, to);
                value.is_some_and(|value| value >= thresholds.loop_two)
            };
            if dependency >= thresholds.dependency || in_short_loop {
                edges.push(Dependency {
                    from: number(from),
                    to: number(to),
                    count,
                    dependency,
                });
            }
        }
    }
    let groups = |of: &dyn Fn(usize) -> Vec<usize>,
                  measure: &dyn Fn(usize, usize, usize) -> f64| {
        let of_one = |one: usize| {
            let others = of(one);
            together(&others, |left, right| {
                measure(one, left, right) >= thresholds.and
            })
        };
        (0..size).map(of_one).collect::<Vec<_>>()
    };
    let outputs =
        |one: usize| ends_of(&edges, |edge| (edge.from == number(one)).then_some(edge.to));
    let inputs = |one: usize| ends_of(&edges, |edge| (edge.to == number(one)).then_some(edge.from));
    let splits = groups(&outputs, &|one, left, right| {
        let both = counts.follows(left, right) + counts.follows(right, left);
        ratio(both, counts.follows(one, left) + counts.follows(one, right))
    });
    let joins = groups(&inputs, &|one, left, right| {
        let both = counts.follows(left, right) + counts.follows(right, left);
        ratio(both, counts.follows(left, one) + counts.follows(right, one))
    });
    HeuristicsNet {
        activities: variants.activities.clone(),
        counts: counts.activities,
        starts: counts.starts,
        ends: counts.ends,
        edges,
        splits,
        joins,
    }
}

fn number(index: usize) -> Activity {
    Activity::try_from(index).expect("numbered by 32 bits")
}

/// The other ends of the edges that fit, without loops of one.
fn ends_of(edges: &[Dependency], end: impl Fn(&Dependency) -> Option<Activity>) -> Vec<usize> {
    let real = edges.iter().filter(|edge| edge.from != edge.to);
    real.filter_map(end).map(|one| one as usize).collect()
}

/// Groups such that all members of a group hold pairwise; each joins the first group that it fits.
fn together(others: &[usize], parallel: impl Fn(usize, usize) -> bool) -> Vec<Vec<Activity>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for other in others {
        let fitting = groups
            .iter_mut()
            .find(|group| group.iter().all(|member| parallel(*member, *other)));
        match fitting {
            Some(group) => group.push(*other),
            None => groups.push(vec![*other]),
        }
    }
    let named = |group: Vec<usize>| group.into_iter().map(number).collect();
    groups.into_iter().map(named).collect()
}

struct Counts {
    size: usize,
    follows: Vec<u64>,
    /// How often `a b a` occurs.
    there_and_back: FxHashMap<(usize, usize), u64>,
    activities: Vec<u64>,
    starts: Vec<u64>,
    ends: Vec<u64>,
}

impl Counts {
    fn of(variants: &Variants) -> Self {
        let size = variants.activities.len();
        let mut counts = Self {
            size,
            follows: vec![0; size * size],
            there_and_back: FxHashMap::default(),
            activities: vec![0; size],
            starts: vec![0; size],
            ends: vec![0; size],
        };
        for variant in &variants.list {
            for activity in &variant.path {
                counts.activities[*activity as usize] += variant.count;
            }
            if let (Some(first), Some(last)) = (variant.path.first(), variant.path.last()) {
                counts.starts[*first as usize] += variant.count;
                counts.ends[*last as usize] += variant.count;
            }
            for pair in variant.path.windows(2) {
                counts.follows[pair[0] as usize * size + pair[1] as usize] += variant.count;
            }
            for three in variant.path.windows(3) {
                if three[0] == three[2] && three[0] != three[1] {
                    let key = (three[0] as usize, three[1] as usize);
                    *counts.there_and_back.entry(key).or_default() += variant.count;
                }
            }
        }
        counts
    }

    #[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
    fn without_noise(mut self, noise: f64) -> Self {
        let mut most = vec![0; self.size];
        for place in 0..self.follows.len() {
            for end in [place / self.size, place % self.size] {
                most[end] = self.follows[place].max(most[end]);
            }
        }
        for place in 0..self.follows.len() {
            let usual = most[place / self.size].min(most[place % self.size]);
            if (self.follows[place] as f64) < noise * usual as f64 {
                self.follows[place] = 0;
            }
        }
        self
    }

    fn follows(&self, from: usize, to: usize) -> u64 {
        self.follows[from * self.size + to]
    }

    fn dependency(&self, from: usize, to: usize) -> f64 {
        let (there, back) = (self.follows(from, to), self.follows(to, from));
        if from == to {
            return ratio(there, there);
        }
        ratio(there, there + back) - ratio(back, there + back)
    }

    fn loop_of_two(&self, one: usize, other: usize) -> Option<f64> {
        let times = |key| self.there_and_back.get(&key).copied().unwrap_or(0);
        let both = times((one, other)) + times((other, one));
        (both > 0).then(|| ratio(both, both))
    }
}

/// `part ÷ (whole + 1)`: what was seen seldom is believed less.
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / (whole as f64 + 1.0)
}
