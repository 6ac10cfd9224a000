//! The classic alpha algorithm (van der Aalst, Weijters, Măruşter 2004).
//!
//! It sees no loop of one or two activities, no invisible step and no frequency, and its nets need not be
//! sound; it is here because everybody knows it, and to compare with.

use rustc_hash::FxHashSet;

use crate::log::{Activity, Variants};

/// The places that alpha finds: each lies between what leads into it and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlphaNet {
    /// Activities that begin a trace.
    pub starts: Vec<Activity>,
    /// Activities that end one.
    pub ends: Vec<Activity>,
    /// Places between activities, in ascending order.
    pub places: Vec<(Vec<Activity>, Vec<Activity>)>,
    /// How many activities there are; those in no place too.
    pub activities: usize,
}

/// Discovers a net by alpha.
#[must_use]
pub fn alpha(variants: &Variants) -> AlphaNet {
    let size = variants.activities.len();
    let relation = Relation::of(variants);
    let mut found: FxHashSet<(Vec<Activity>, Vec<Activity>)> = FxHashSet::default();
    let mut pending: Vec<(Vec<Activity>, Vec<Activity>)> = Vec::new();
    for from in 0..size {
        for to in 0..size {
            if relation.causes(from, to)
                && relation.unrelated(from, from)
                && relation.unrelated(to, to)
            {
                pending.push((vec![number(from)], vec![number(to)]));
            }
        }
    }
    let seeds = pending.clone();
    // Growing by one activity a time reaches every pair of sets that holds, since each subset of such a
    // pair holds as well.
    while let Some(pair) = pending.pop() {
        if !found.insert(pair.clone()) {
            continue;
        }
        for (from, to) in &seeds {
            let grown = (with(&pair.0, from[0]), with(&pair.1, to[0]));
            if !found.contains(&grown) && relation.holds(&grown) {
                pending.push(grown);
            }
        }
    }
    let pairs: Vec<_> = found.into_iter().collect();
    let mut places: Vec<_> = pairs
        .iter()
        .filter(|pair| {
            !pairs
                .iter()
                .any(|other| other != *pair && covers(other, pair))
        })
        .cloned()
        .collect();
    places.sort();
    let marked = |marks: &[bool]| {
        let present = marks.iter().enumerate().filter(|(_, mark)| **mark);
        present.map(|(index, _)| number(index)).collect()
    };
    AlphaNet {
        starts: marked(&relation.starts),
        ends: marked(&relation.ends),
        places,
        activities: size,
    }
}

fn number(index: usize) -> Activity {
    Activity::try_from(index).expect("numbered by 32 bits")
}

fn with(set: &[Activity], one: Activity) -> Vec<Activity> {
    match set.binary_search(&one) {
        Ok(_) => set.to_vec(),
        Err(place) => {
            let mut grown = set.to_vec();
            grown.insert(place, one);
            grown
        }
    }
}

type Pair = (Vec<Activity>, Vec<Activity>);

fn covers(large: &Pair, small: &Pair) -> bool {
    let subset = |small: &[Activity], large: &[Activity]| {
        small.iter().all(|one| large.binary_search(one).is_ok())
    };
    subset(&small.0, &large.0) && subset(&small.1, &large.1)
}

struct Relation {
    size: usize,
    follows: Vec<bool>,
    starts: Vec<bool>,
    ends: Vec<bool>,
}

impl Relation {
    fn of(variants: &Variants) -> Self {
        let size = variants.activities.len();
        let mut relation = Self {
            size,
            follows: vec![false; size * size],
            starts: vec![false; size],
            ends: vec![false; size],
        };
        for variant in &variants.list {
            if let (Some(first), Some(last)) = (variant.path.first(), variant.path.last()) {
                relation.starts[*first as usize] = true;
                relation.ends[*last as usize] = true;
            }
            for pair in variant.path.windows(2) {
                relation.follows[pair[0] as usize * size + pair[1] as usize] = true;
            }
        }
        relation
    }

    fn follows(&self, from: usize, to: usize) -> bool {
        self.follows[from * self.size + to]
    }

    fn causes(&self, from: usize, to: usize) -> bool {
        self.follows(from, to) && !self.follows(to, from)
    }

    fn unrelated(&self, one: usize, other: usize) -> bool {
        !self.follows(one, other) && !self.follows(other, one)
    }

    fn holds(&self, pair: &Pair) -> bool {
        let apart = |set: &[Activity]| {
            set.iter().all(|one| {
                set.iter()
                    .all(|other| self.unrelated(*one as usize, *other as usize))
            })
        };
        let caused = pair.0.iter().all(|from| {
            pair.1
                .iter()
                .all(|to| self.causes(*from as usize, *to as usize))
        });
        caused && apart(&pair.0) && apart(&pair.1)
    }
}
