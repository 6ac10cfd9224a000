//! How a log comes to be: event by event, in any order of cases.

use rustc_hash::FxHashMap;

use super::{CaseRow, Event, Log, Moment, Name, Names, Transition};
use crate::event::{Case, CaseState, ProcessEvent};

/// An event that is not in a log yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Draft<'text> {
    /// What was done.
    pub activity: &'text str,
    /// Who did it.
    pub resource: Option<&'text str>,
    /// Pairs a start with its end.
    pub instance: Option<&'text str>,
    /// Where in its life the work is.
    pub transition: Transition,
    /// When.
    pub at: Option<Moment>,
    /// The number of the try; 0 is taken as 1.
    pub attempt: u32,
    /// Money, in millionths of the unit.
    pub cost_micros: Option<i64>,
    /// The money's currency.
    pub currency: Option<&'text str>,
    /// Tokens of language models.
    pub tokens: Option<u64>,
    /// Fuel of guest code.
    pub fuel: Option<u64>,
}

/// Takes cases and events and makes a [`Log`] of them.
#[derive(Debug, Default)]
pub struct Builder {
    log: Log,
    numbers: FxHashMap<Name, u32>,
    /// Of each event, its case; the events are brought together at the end.
    owners: Vec<u32>,
}

impl Builder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a case. One that was not seen before begins, as completed.
    ///
    /// # Panics
    /// Beyond four thousand million cases.
    pub fn case(&mut self, id: &str) -> u32 {
        let id = self.log.names.intern(id);
        let next = u32::try_from(self.log.cases.len()).expect("fewer cases than 2^32");
        *self.numbers.entry(id).or_insert_with(|| {
            self.log.cases.push(CaseRow {
                id,
                state: CaseState::Completed,
                first: 0,
                count: 0,
            });
            next
        })
    }

    /// A case that is none of those before it, even if one has the same name: a trace of a file is
    /// a case of its own. The name is then told apart by a number.
    pub fn new_case(&mut self, id: &str) -> u32 {
        let seen = |builder: &Self, text: &str| {
            let name = builder.log.names.find(text);
            name.is_some_and(|name| builder.numbers.contains_key(&name))
        };
        if !seen(self, id) {
            return self.case(id);
        }
        let mut again = 2_u64;
        loop {
            let other = format!("{id}#{again}");
            if !seen(self, &other) {
                return self.case(&other);
            }
            again += 1;
        }
    }

    /// Says how a case stands.
    pub fn state(&mut self, case: u32, state: CaseState) {
        self.log.cases[case as usize].state = state;
    }

    /// Adds an event to a case.
    pub fn event(&mut self, case: u32, draft: &Draft<'_>) {
        let names: &mut Names = &mut self.log.names;
        let event = Event {
            activity: names.intern(draft.activity),
            resource: draft.resource.map(|text| names.intern(text)),
            instance: draft.instance.map(|text| names.intern(text)),
            transition: draft.transition,
            at: draft.at,
            attempt: draft.attempt.max(1),
            cost_micros: draft.cost_micros,
            currency: draft.currency.map(|text| names.intern(text)),
            tokens: draft.tokens,
            fuel: draft.fuel,
        };
        self.log.untimed += u64::from(draft.at.is_none());
        self.log.cases[case as usize].count += 1;
        self.log.events.push(event);
        self.owners.push(case);
    }

    /// The log. Within a case, events are sorted by time where all of them have one; events of the
    /// same moment stay in the order in which they came.
    ///
    /// # Panics
    /// Beyond four thousand million events.
    #[must_use]
    pub fn finish(self) -> Log {
        let Self {
            mut log, owners, ..
        } = self;
        let mut first = 0_u32;
        for case in &mut log.cases {
            case.first = first;
            first = first
                .checked_add(case.count)
                .expect("fewer events than 2^32");
        }
        // Where cases came one after the other, as in files, the events stand right already.
        if !owners.is_sorted() {
            let mut order: Vec<u32> = (0..first).collect();
            order.sort_by_key(|event| owners[*event as usize]);
            log.events = order
                .iter()
                .map(|event| log.events[*event as usize])
                .collect();
        }
        for case in &log.cases {
            let events = &mut log.events[case.first as usize..][..case.count as usize];
            if events.iter().all(|event| event.at.is_some())
                && !events.is_sorted_by_key(|event| event.at)
            {
                events.sort_by_key(|event| event.at);
            }
        }
        log
    }
}

impl Log {
    /// The log of a host's own cases.
    pub fn of_cases<E>(cases: impl IntoIterator<Item = Case<E>>) -> Self
    where
        E: IntoIterator<Item: std::borrow::Borrow<ProcessEvent>>,
    {
        use std::borrow::Borrow as _;
        let mut builder = Builder::new();
        for case in cases {
            let number = builder.case(&case.id);
            builder.state(number, case.state);
            for event in case.events {
                let event = event.borrow();
                builder.event(
                    number,
                    &Draft {
                        activity: &event.activity,
                        resource: event.resource.as_deref(),
                        instance: Some(&event.instance),
                        transition: Transition::Standard(event.lifecycle),
                        at: Some(event.at_ms.saturating_mul(1000)),
                        attempt: event.attempt,
                        cost_micros: event.cost.as_ref().map(|cost| cost.micros),
                        currency: event.cost.as_ref().map(|cost| cost.currency.as_str()),
                        tokens: event.tokens,
                        fuel: event.fuel,
                    },
                );
            }
        }
        builder.finish()
    }
}
