//! Which events and which cases are looked at.

use std::collections::BTreeSet;

use super::{Builder, Draft, Event, Log, Moment, Transition, Variants};

/// Which events count as occurrences of their activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Occurrences {
    /// Those with which work is done, and those that say nothing about it.
    #[default]
    Completed,
    /// Every event, whatever its transition.
    All,
}

impl Occurrences {
    /// Whether an event counts.
    #[must_use]
    pub fn take(self, event: &Event) -> bool {
        self == Self::All || event.transition.is_complete()
    }

    /// How many of them do not since their transition is a word that the standard model does not have.
    #[must_use]
    pub fn left_out_by_other_words(self, log: &Log) -> usize {
        let events = log.events().iter();
        let other = events.filter(|event| event.transition == Transition::Other);
        other.filter(|event| !self.take(event)).count()
    }

    /// How many events of a log do not count.
    #[must_use]
    pub fn left_out(self, log: &Log) -> usize {
        let events = log.events().iter();
        events.filter(|event| !self.take(event)).count()
    }
}

/// What to keep of a log. What is not said keeps everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// Only events of these activities.
    pub activities: Option<BTreeSet<String>>,
    /// No events of these activities.
    pub without_activities: BTreeSet<String>,
    /// Only cases with an event of each of these activities.
    pub containing: BTreeSet<String>,
    /// Only cases of these names.
    pub cases: Option<BTreeSet<String>>,
    /// Only cases that begin at or after this moment.
    pub from: Option<Moment>,
    /// Only cases that end before this moment.
    pub until: Option<Moment>,
    /// Only the cases of the most frequent variants, so many of them.
    pub top_variants: Option<usize>,
    /// Only the most frequent variants that together cover this share of the cases, from 0 to 1.
    pub coverage: Option<f64>,
}

impl Selection {
    /// Whether everything is kept.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The log of what is kept. Cases and events are chosen first, variants among what is left.
    #[must_use]
    pub fn of(&self, log: &Log, occurrences: Occurrences) -> Log {
        let chosen = self.events_and_cases(log);
        if self.top_variants.is_none() && self.coverage.is_none() {
            return chosen;
        }
        let variants = Variants::of(&chosen, occurrences);
        let mut keep = vec![false; chosen.cases().len()];
        let mut covered = 0;
        let total = variants.total();
        for (rank, variant) in variants.list.iter().enumerate() {
            let enough = self.top_variants.is_some_and(|top| rank >= top)
                || self
                    .coverage
                    .is_some_and(|share| ratio(covered, total) >= share);
            if enough {
                break;
            }
            covered += variant.count;
            for case in &variant.cases {
                keep[*case as usize] = true;
            }
        }
        copy(&chosen, |index, _| keep[index], |_| true)
    }

    fn events_and_cases(&self, log: &Log) -> Log {
        let names = log.names();
        let keep_event = |event: &Event| {
            let text = names.text(event.activity);
            self.activities
                .as_ref()
                .is_none_or(|only| only.contains(text))
                && !self.without_activities.contains(text)
        };
        let keep_case = |index: usize| {
            let case = &log.cases()[index];
            let events = log.events_of(case);
            let contains = |wanted: &String| {
                let wanted = names.find(wanted);
                wanted.is_some_and(|wanted| events.iter().any(|event| event.activity == wanted))
            };
            let within = |event: Option<&Event>, fits: &dyn Fn(Moment) -> bool| {
                event.and_then(|event| event.at).is_some_and(fits)
            };
            self.cases
                .as_ref()
                .is_none_or(|only| only.contains(names.text(case.id)))
                && self.containing.iter().all(contains)
                && self
                    .from
                    .is_none_or(|from| within(events.first(), &|at| at >= from))
                && self
                    .until
                    .is_none_or(|until| within(events.last(), &|at| at < until))
        };
        copy(log, |index, _| keep_case(index), keep_event)
    }
}

/// A copy of a log with some of its cases and events.
fn copy(
    log: &Log,
    keep_case: impl Fn(usize, &super::CaseRow) -> bool,
    keep_event: impl Fn(&Event) -> bool,
) -> Log {
    let names = log.names();
    let mut builder = Builder::new();
    for (index, case) in log.cases().iter().enumerate() {
        if !keep_case(index, case) {
            continue;
        }
        let number = builder.case(names.text(case.id));
        builder.state(number, case.state);
        for event in log.events_of(case).iter().filter(|event| keep_event(event)) {
            builder.event(
                number,
                &Draft {
                    activity: names.text(event.activity),
                    resource: event.resource.map(|name| names.text(name)),
                    instance: event.instance.map(|name| names.text(name)),
                    transition: event.transition,
                    at: event.at,
                    attempt: event.attempt,
                    cost_micros: event.cost_micros,
                    currency: event.currency.map(|name| names.text(name)),
                    tokens: event.tokens,
                    fuel: event.fuel,
                },
            );
        }
    }
    builder.finish()
}

#[allow(clippy::cast_precision_loss, reason = "counts of cases lie below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}
