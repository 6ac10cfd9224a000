//! Control flow alone: which sequences of activities occur, and how often.

use rustc_hash::FxHashMap;

use super::{Log, Name, Occurrences};

/// The number of an activity in [`Variants::activities`].
pub type Activity = u32;

/// One sequence of activities, and the cases that took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The activities in order.
    pub path: Box<[Activity]>,
    /// How many cases.
    pub count: u64,
    /// Which, as indexes into [`Log::cases`].
    pub cases: Vec<u32>,
}

/// All variants of a log, the most frequent first; equal counts in the order of their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants {
    /// Names by number, in ascending order, so that equal logs have equal numbers.
    pub activities: Vec<Box<str>>,
    /// The variants.
    pub list: Vec<Variant>,
}

impl Variants {
    /// The variants of a log, over the events that count as occurrences.
    #[must_use]
    pub fn of(log: &Log, occurrences: Occurrences) -> Self {
        let (activities, numbers) = activities(log, occurrences);
        let mut places: FxHashMap<Box<[Activity]>, usize> = FxHashMap::default();
        let mut list: Vec<Variant> = Vec::new();
        let mut path = Vec::new();
        for (index, case) in (0_u32..).zip(log.cases()) {
            path.clear();
            path.extend(
                log.events_of(case)
                    .iter()
                    .filter(|event| occurrences.take(event))
                    .map(|event| numbers[event.activity.index()]),
            );
            match places.get(path.as_slice()) {
                Some(place) => {
                    list[*place].count += 1;
                    list[*place].cases.push(index);
                }
                None => {
                    places.insert(path.as_slice().into(), list.len());
                    list.push(Variant {
                        path: path.as_slice().into(),
                        count: 1,
                        cases: vec![index],
                    });
                }
            }
        }
        list.sort_by(|one, other| (other.count, &one.path).cmp(&(one.count, &other.path)));
        Self { activities, list }
    }

    /// Variants that come from somewhere else than a log; cases are not known.
    #[must_use]
    pub fn from_paths<'path, P>(paths: impl IntoIterator<Item = (P, u64)>) -> Self
    where
        P: IntoIterator<Item = &'path str>,
    {
        let paths: Vec<(Vec<&str>, u64)> = paths
            .into_iter()
            .map(|(path, count)| (path.into_iter().collect(), count))
            .collect();
        let mut names: Vec<&str> = paths
            .iter()
            .flat_map(|(path, _)| path.iter().copied())
            .collect();
        names.sort_unstable();
        names.dedup();
        let number = |name: &str| {
            let place = names.binary_search(&name).expect("collected above");
            u32::try_from(place).expect("fewer activities than 2^32")
        };
        let mut counts: FxHashMap<Box<[Activity]>, u64> = FxHashMap::default();
        for (path, count) in &paths {
            let path = path.iter().map(|name| number(name)).collect();
            *counts.entry(path).or_default() += count;
        }
        let mut list: Vec<Variant> = counts
            .into_iter()
            .map(|(path, count)| Variant {
                path,
                count,
                cases: Vec::new(),
            })
            .collect();
        list.sort_by(|one, other| (other.count, &one.path).cmp(&(one.count, &other.path)));
        Self {
            activities: names.into_iter().map(Into::into).collect(),
            list,
        }
    }

    /// How many cases there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.list.iter().map(|variant| variant.count).sum()
    }

    /// The name of an activity.
    #[must_use]
    pub fn name(&self, activity: Activity) -> &str {
        &self.activities[activity as usize]
    }
}

/// The activities that occur, by name, and the number of each by [`Name::index`].
fn activities(log: &Log, occurrences: Occurrences) -> (Vec<Box<str>>, Vec<Activity>) {
    let mut seen: Vec<Option<Name>> = vec![None; log.names().len()];
    for event in log.events() {
        if occurrences.take(event) {
            seen[event.activity.index()] = Some(event.activity);
        }
    }
    let mut names: Vec<Name> = seen.into_iter().flatten().collect();
    names.sort_by_key(|name| log.names().text(*name));
    let mut numbers = vec![Activity::MAX; log.names().len()];
    for (number, name) in (0..).zip(&names) {
        numbers[name.index()] = number;
    }
    let texts = names.iter().map(|name| log.names().text(*name).into());
    (texts.collect(), numbers)
}
