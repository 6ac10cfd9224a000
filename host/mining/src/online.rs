//! Counts over a stream of events, kept up to date with each event: a directly-follows graph with
//! times, attempts, waiting and service per activity.
//!
//! Memory grows with the open cases, the activities and the edges between them, not with events or
//! ended cases. Cases may be interleaved; within a case events come in the order of time. How many cases are open at
//! once can be bounded: beyond that, the one that nothing was heard of for longest is forgotten, and counted.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::event::{Case, CaseState, Lifecycle, ProcessEvent};

/// What the activities of decisions begin with: they are in the graph, but are no attempts.
const DECISION: &str = "decision:";

/// The counts. Feed it with [`observe`](Self::observe) and [`end_case`](Self::end_case).
#[derive(Debug, Clone, Default)]
pub struct Online {
    tallies: Tallies,
    open: OpenCases,
    pub(crate) cases: CaseCounts,
    pub(crate) observed: Option<(i64, i64)>,
}

/// What outlives the cases.
#[derive(Debug, Clone, Default)]
struct Tallies {
    numbers: FxHashMap<Box<str>, usize>,
    activities: Vec<Activity>,
    edges: FxHashMap<(usize, usize), Elapsed>,
    attempts: AttemptCounts,
}

/// How many cases came to which end, and how long the completed ones took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CaseCounts {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) duration: Elapsed,
}

/// Attempts of steps, without decisions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AttemptCounts {
    pub(crate) started: u64,
    pub(crate) retried: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
}

/// A number of times, their sum and their extremes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Elapsed {
    /// How many.
    pub count: u64,
    /// All together, in milliseconds.
    pub total_ms: u64,
    /// The shortest, in milliseconds; 0 where there is none.
    pub min_ms: u64,
    /// The longest, in milliseconds.
    pub max_ms: u64,
}

impl Elapsed {
    fn add(&mut self, ms: u64) {
        self.min_ms = if self.count == 0 {
            ms
        } else {
            self.min_ms.min(ms)
        };
        self.max_ms = self.max_ms.max(ms);
        self.total_ms = self.total_ms.saturating_add(ms);
        self.count += 1;
    }

    /// The mean in milliseconds, where there is one.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "sums above 2^53 ms are 285 000 years"
    )]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total_ms as f64 / self.count as f64)
    }
}

#[derive(Debug, Clone)]
struct Activity {
    name: Box<str>,
    is_decision: bool,
    stats: ActivityStats,
}

/// What is known of one activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ActivityStats {
    /// Attempts that ended well.
    pub completed: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Times it was skipped.
    pub skipped: u64,
    /// Cases that began with it, by their first `complete`.
    pub first: u64,
    /// Ended cases whose last `complete` it was.
    pub last: u64,
    /// From start to end of an attempt, without suspensions.
    pub service: Elapsed,
    /// What it waited: from `schedule` to `start`, from a failed attempt to the next one, and from
    /// `suspend` to `resume`.
    pub waiting: Elapsed,
    /// Waiting, its own or others', that it caused; see [`Online::observe`].
    pub waiting_caused_ms: u64,
}

/// The open cases, in the order in which something was heard of them.
#[derive(Debug, Clone)]
struct OpenCases {
    places: FxHashMap<Box<str>, usize>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// The slot that nothing was heard of for longest, and the one heard of last.
    ends: Option<(usize, usize)>,
    most: usize,
    forgotten: u64,
}

#[derive(Debug, Clone)]
struct Slot {
    name: Box<str>,
    case: OpenCase,
    before: Option<usize>,
    after: Option<usize>,
}

impl Default for OpenCases {
    fn default() -> Self {
        Self::bounded(usize::MAX)
    }
}

impl OpenCases {
    fn bounded(most: usize) -> Self {
        Self {
            places: FxHashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            ends: None,
            most,
            forgotten: 0,
        }
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn get_or_begin(&mut self, name: &str, at_ms: i64) -> &mut OpenCase {
        let place = if let Some(place) = self.places.get(name) {
            let place = *place;
            if self.ends.is_some_and(|(_, last)| last != place) {
                self.unlink(place);
                self.link_last(place);
            }
            place
        } else {
            if self.len() >= self.most
                && let Some((oldest, _)) = self.ends
            {
                self.take_out(oldest);
                self.forgotten += 1;
            }
            self.begin(name, at_ms)
        };
        &mut self.slots[place].case
    }

    fn begin(&mut self, name: &str, at_ms: i64) -> usize {
        let slot = Slot {
            name: name.into(),
            case: OpenCase::began(at_ms),
            before: None,
            after: None,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(name.into(), place);
        self.link_last(place);
        place
    }

    fn remove(&mut self, name: &str) -> Option<OpenCase> {
        let place = *self.places.get(name)?;
        Some(self.take_out(place))
    }

    fn take_out(&mut self, place: usize) -> OpenCase {
        self.unlink(place);
        self.free.push(place);
        let slot = &mut self.slots[place];
        let name = std::mem::take(&mut slot.name);
        let case = std::mem::replace(&mut slot.case, OpenCase::began(0));
        self.places.remove(&name);
        case
    }

    fn link_last(&mut self, place: usize) {
        let last = self.ends.map(|(_, last)| last);
        self.slots[place].before = last;
        self.slots[place].after = None;
        if let Some(last) = last {
            self.slots[last].after = Some(place);
        }
        let first = self.ends.map_or(place, |(first, _)| first);
        self.ends = Some((first, place));
    }

    fn unlink(&mut self, place: usize) {
        let (before, after) = (self.slots[place].before, self.slots[place].after);
        if let Some(before) = before {
            self.slots[before].after = after;
        }
        if let Some(after) = after {
            self.slots[after].before = before;
        }
        if let Some((first, last)) = self.ends {
            let first = if first == place { after } else { Some(first) };
            let last = if last == place { before } else { Some(last) };
            self.ends = first.zip(last);
        }
    }
}

#[derive(Debug, Clone)]
struct OpenCase {
    began_ms: i64,
    last_completed: Option<(usize, i64)>,
    /// The work that ended last, well or not.
    last_ended: Option<(usize, i64)>,
    /// By instance; few at a time.
    work: Vec<(Box<str>, Work)>,
}

/// One instance of an activity that has not ended for good.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    waiting: Option<(i64, Wait)>,
    serving_since: Option<i64>,
    served_ms: u64,
    started: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Admission,
    BackOff,
    Suspension,
}

impl Online {
    /// Nothing observed yet; any number of cases may be open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing observed yet; at most `open` cases, at least one, are remembered before their end.
    ///
    /// The graph lacks one edge for each case that is forgotten and goes on: its next event begins it anew.
    #[must_use]
    pub fn bounded(open: usize) -> Self {
        Self {
            open: OpenCases::bounded(open.max(1)),
            ..Self::default()
        }
    }

    /// How many open cases were forgotten for others.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.open.forgotten
    }

    /// Takes in one event.
    ///
    /// Waiting is charged to its cause: what waits between a failed attempt and the next, or while
    /// suspended, waits for itself; what waits to be admitted waits for the work of the same case
    /// that ended last while it waited, and for itself where there was none.
    pub fn observe(&mut self, event: &ProcessEvent) {
        self.observe_time(event.at_ms);
        let number = self.tallies.number_of(&event.activity);
        let case = self.open.get_or_begin(&event.case, event.at_ms);
        case.observe(&mut self.tallies, number, event);
    }

    /// Takes in the end of a case and forgets what was kept for it. An `Open` case has no end:
    /// nothing happens. Events of a case after its end begin it anew.
    pub fn end_case(&mut self, case: &str, state: CaseState, at_ms: i64) {
        let count = match state {
            CaseState::Open => return,
            CaseState::Completed => &mut self.cases.completed,
            CaseState::Failed => &mut self.cases.failed,
            CaseState::Cancelled => &mut self.cases.cancelled,
        };
        *count += 1;
        self.observe_time(at_ms);
        if let Some(ended) = self.open.remove(case) {
            if state == CaseState::Completed {
                self.cases.duration.add(between(ended.began_ms, at_ms));
            }
            if let Some((number, _)) = ended.last_completed {
                self.tallies.activities[number].stats.last += 1;
            }
        }
    }

    /// Takes in a whole case; it ends with its last event, unless it is open.
    pub fn observe_case<E>(&mut self, case: Case<E>)
    where
        E: IntoIterator<Item: Borrow<ProcessEvent>>,
    {
        let mut last_ms = None;
        for event in case.events {
            let event = event.borrow();
            self.observe(event);
            last_ms = Some(event.at_ms);
        }
        if let Some(last_ms) = last_ms {
            self.end_case(&case.id, case.state, last_ms);
        }
    }

    /// Cases that have events and no end yet.
    #[must_use]
    pub fn open_cases(&self) -> usize {
        self.open.len()
    }

    /// What is known of each activity, by name.
    #[must_use]
    pub fn activities(&self) -> BTreeMap<&str, ActivityStats> {
        let activities = self.tallies.activities.iter();
        activities
            .map(|activity| (&*activity.name, activity.stats))
            .collect()
    }

    /// Which activity directly followed which, counting `complete` events alone, and the time from
    /// the one's end to the other's.
    #[must_use]
    pub fn edges(&self) -> BTreeMap<(&str, &str), Elapsed> {
        let name = |number: usize| &*self.tallies.activities[number].name;
        let edges = self.tallies.edges.iter();
        edges
            .map(|((from, to), elapsed)| ((name(*from), name(*to)), *elapsed))
            .collect()
    }

    fn observe_time(&mut self, at_ms: i64) {
        let (first, last) = self.observed.get_or_insert((at_ms, at_ms));
        *first = at_ms.min(*first);
        *last = at_ms.max(*last);
    }

    pub(crate) fn attempts(&self) -> AttemptCounts {
        self.tallies.attempts
    }
}

impl Tallies {
    fn number_of(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.activities.len();
        self.numbers.insert(name.into(), number);
        self.activities.push(Activity {
            name: name.into(),
            is_decision: name.starts_with(DECISION),
            stats: ActivityStats::default(),
        });
        number
    }

    fn start(&mut self, number: usize, attempt: u32) {
        if !self.activities[number].is_decision {
            self.attempts.started += 1;
            self.attempts.retried += u64::from(attempt > 1);
        }
    }

    fn finish(&mut self, number: usize, failed: bool) {
        let activity = &mut self.activities[number];
        if failed {
            activity.stats.failed += 1;
        } else {
            activity.stats.completed += 1;
        }
        if !activity.is_decision {
            self.attempts.finished += 1;
            self.attempts.failed += u64::from(failed);
        }
    }

    fn follow(&mut self, number: usize, before: Option<(usize, i64)>, at_ms: i64) {
        match before {
            Some((from, ended)) => {
                let edge = self.edges.entry((from, number)).or_default();
                edge.add(between(ended, at_ms));
            }
            None => self.activities[number].stats.first += 1,
        }
    }
}

impl OpenCase {
    fn began(began_ms: i64) -> Self {
        Self {
            began_ms,
            last_completed: None,
            last_ended: None,
            work: Vec::new(),
        }
    }

    fn observe(&mut self, tallies: &mut Tallies, number: usize, event: &ProcessEvent) {
        let at_ms = event.at_ms;
        let instance = event.instance.as_str();
        let found = self.work.iter().position(|(name, _)| **name == *instance);
        let mut work = found.map(|place| self.work[place].1).unwrap_or_default();
        let end = |case: &mut Self| {
            if let Some(place) = found {
                case.work.swap_remove(place);
            }
        };
        match event.lifecycle {
            Lifecycle::Schedule | Lifecycle::Assign => {
                work.waiting.get_or_insert((at_ms, Wait::Admission));
            }
            Lifecycle::Start => {
                self.end_wait(&mut work, tallies, number, at_ms);
                work.started = true;
                tallies.start(number, event.attempt);
            }
            Lifecycle::Suspend => {
                work.pause(at_ms);
                work.waiting = Some((at_ms, Wait::Suspension));
            }
            Lifecycle::Resume => self.end_wait(&mut work, tallies, number, at_ms),
            Lifecycle::Complete => {
                self.end_attempt(&mut work, tallies, number, event);
                end(self);
                let before = self.last_completed.replace((number, at_ms));
                tallies.follow(number, before, at_ms);
                return;
            }
            Lifecycle::AteAbort => {
                self.end_attempt(&mut work, tallies, number, event);
                work = Work {
                    waiting: Some((at_ms, Wait::BackOff)),
                    ..Work::default()
                };
            }
            Lifecycle::PiAbort => return end(self),
            Lifecycle::AutoSkip | Lifecycle::ManualSkip => {
                tallies.activities[number].stats.skipped += 1;
                return end(self);
            }
        }
        match found {
            Some(place) => self.work[place].1 = work,
            None => self.work.push((instance.into(), work)),
        }
    }

    /// Service begins or goes on: what was waited for it is counted and charged.
    fn end_wait(&self, work: &mut Work, tallies: &mut Tallies, number: usize, at_ms: i64) {
        work.serving_since = Some(at_ms);
        let Some((since, wait)) = work.waiting.take() else {
            return;
        };
        let ms = between(since, at_ms);
        tallies.activities[number].stats.waiting.add(ms);
        let released_by = self
            .last_ended
            .filter(|(_, ended)| wait == Wait::Admission && *ended > since);
        let cause = released_by.map_or(number, |(other, _)| other);
        let caused = &mut tallies.activities[cause].stats.waiting_caused_ms;
        *caused = caused.saturating_add(ms);
    }

    fn end_attempt(
        &mut self,
        work: &mut Work,
        tallies: &mut Tallies,
        number: usize,
        event: &ProcessEvent,
    ) {
        if work.started {
            work.pause(event.at_ms);
            tallies.activities[number].stats.service.add(work.served_ms);
        } else {
            // A log may have ends alone: each is then an attempt of no measured length.
            tallies.start(number, event.attempt);
        }
        tallies.finish(number, event.lifecycle == Lifecycle::AteAbort);
        self.last_ended = Some((number, event.at_ms));
    }
}

impl Work {
    fn pause(&mut self, at_ms: i64) {
        if let Some(since) = self.serving_since.take() {
            self.served_ms = self.served_ms.saturating_add(between(since, at_ms));
        }
    }
}

/// Milliseconds from one moment to another; none where the clock went back.
fn between(from_ms: i64, to_ms: i64) -> u64 {
    u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0)
}
