//! A recorded run, told again: every input is rebuilt from what it caused, and the machine must
//! give exactly the events that the journal has.
//!
//! # What must be recorded for that to be exact
//!
//! An event is a function of the state before it, of one input and of `now`. The state is the fold
//! of the events before. So the question is what of inputs and time a journal must hold:
//!
//! - **Which input.** Every event names its cause, and the events of a cause hold what the input
//!   held: an outcome its result, an answer its answer, a start all that the run was given. Two
//!   inputs did not survive in what they caused, and do now: a decision that was refused
//!   (`decision_failed.answer`) and an answer that was refused (`input_refused.by`, `.step`,
//!   `.answer`). A journal of an older host lacks them; its refusals are folded as facts.
//! - **Which inputs together.** A strategy is asked once about three steps that ended together, and
//!   three times about three that did not. What follows from the state alone is looked for after
//!   the last input of an advance, so that the bounds of an advance are part of what happened:
//!   [`Recorded::continues`]. A journal of an older host has no such mark. Its bounds are inferred:
//!   where the machine has nothing to add, a bound makes no difference; where it has, either the
//!   journal has it (a bound) or an input's event instead (none). Only an event that is missing at
//!   the same millisecond as its neighbour could hide in that.
//! - **Inputs that caused nothing** change nothing, and are lost on purpose, but for one trace: what
//!   follows from the state is caused by the *last* input of an advance, whether that one did
//!   anything or not. An event of the state with a new cause therefore comes with an input of that
//!   name which must do nothing. Nothing at all caused what time alone brought about: its cause is
//!   empty.
//! - **`now`** is the time of the events: an advance has one, and never one before the last event's.
//! - **What a guest was given**: [`Run::call`] spells a call out from the state, and it must be the
//!   same from the event that made the attempt ready until the attempt's end, however long it
//!   waited for a slot and however often it was made. Input, configuration, hints, last fault and
//!   a strategy's view are taken at that event, and so is [`own_context`](crate::command::Call), which
//!   another step of the same agent may write to meanwhile. So no digest of it need be recorded.
//!   History behind a view is bounded by the view's own newest entry (the executor's pager).
//!
//! # What is a fact
//!
//! What the machine was told and could not have known: times, what a call took, what it answered and
//! logged, what people wanted. [`facts`] names those fields of each event. Of them the answers are
//! re-executed by the executor and compared through [`Replay::answer`], but for the ends that depend
//! on the moment ([`is_fact`]): they are folded, never recomputed.

mod difference;
mod level;
mod rebuild;
pub mod shape;

use std::sync::Arc;

pub use difference::Difference;
pub use level::{Comparison, Judge, Level, SchemaError, Verdict};
pub use rebuild::facts;

use rebuild::Source;

use crate::command::Call;
use crate::event::{CallId, Event, Recorded, StepResult};
use crate::failure::Failure;
use crate::flow::Flow;
use crate::input::Input;
use crate::run::Run;
use crate::time::Timestamp;

/// Whether a failure of this code depended on the moment: another execution of the same call may
/// end otherwise, and none can show that it was wrong.
///
/// Deadlines and running time are measured by a clock, the stack by what a compiler made of a
/// function; the rest is the host's own.
#[must_use]
pub fn is_fact(code: &str) -> bool {
    matches!(
        code,
        "deadline" | "busy" | "stack" | "cancelled" | "host" | "refused" | "poisoned"
    )
}

/// A run that is being told again, one recorded event after the other.
///
/// The machine is driven by what it makes itself: a recorded event is only ever compared.
#[derive(Debug)]
pub struct Replay {
    run: Run,
    /// Position of the next recorded event.
    next: u64,
    /// What the machine made in the present advance.
    made: Vec<Recorded>,
    /// How much of that was found in the journal.
    matched: usize,
    /// The time of the present advance.
    now: Timestamp,
    /// The last input of the present advance.
    cause: String,
    /// What follows from the state was looked for: the present advance takes no more inputs.
    rested: bool,
    /// Whether the journal says where an advance ends. Known from its second event on: the first
    /// advance of a run makes two at least.
    marked: Option<bool>,
}

impl Replay {
    /// The beginning of a run of this flow.
    #[must_use]
    pub fn new(flow: Arc<Flow>) -> Self {
        Self {
            run: Run::new(flow),
            next: 0,
            made: Vec::new(),
            matched: 0,
            now: Timestamp::default(),
            cause: String::new(),
            rested: true,
            marked: None,
        }
    }

    /// The run after the events taken so far.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How many events were taken.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.next
    }

    /// Takes the next recorded event, and requires the machine to give it.
    ///
    /// # Errors
    /// The first field that differs. Nothing can be told after that.
    pub fn take(&mut self, recorded: &Recorded) -> Result<(), Box<Difference>> {
        if self.next == 1 {
            self.marked = Some(recorded.continues);
        }
        if self.begins_an_advance(recorded) {
            self.end_advance(Some(recorded))?;
            self.made.clear();
            self.matched = 0;
            self.now = recorded.at;
            self.cause.clear();
            self.rested = false;
        }
        if self.matched == self.made.len() {
            self.feed(recorded)?;
        }
        self.compare(recorded)
    }

    /// Requires that the machine has nothing to add, and gives the run.
    ///
    /// # Errors
    /// The event that is missing.
    pub fn finish(mut self) -> Result<Run, Box<Difference>> {
        self.end_advance(None)?;
        Ok(self.run)
    }

    /// The call whose end the next recorded event tells, as it was made: to be made again before
    /// the event is taken. None for any other event, and for one that does not fit the state.
    #[must_use]
    pub fn call(&self, recorded: &Recorded) -> Option<Call> {
        // What the machine made and the journal is yet to have is in the state already.
        let up_to_date = self.matched == self.made.len();
        let id = called(recorded).filter(|_| up_to_date)?;
        self.run.call(id)
    }

    /// Compares the next recorded event with what the machine makes of another answer to its call:
    /// the answer is checked, and followed, as it was when it was first given.
    #[must_use]
    pub fn answer(&self, recorded: &Recorded, answered: &Input) -> Option<Box<Difference>> {
        let made = self.followed(recorded, answered)?;
        (made != *recorded).then(|| Difference::between(self.next, recorded, &made))
    }

    /// The event that the machine makes of another answer to the call whose end the next recorded
    /// event tells; none when that call is not outstanding.
    #[must_use]
    pub fn followed(&self, recorded: &Recorded, answered: &Input) -> Option<Recorded> {
        let event = self.run.react(answered, recorded.at).into_iter().next()?;
        Some(Recorded {
            at: recorded.at,
            cause: answered.cause(),
            continues: recorded.continues,
            event,
        })
    }

    fn begins_an_advance(&self, recorded: &Recorded) -> bool {
        match self.marked {
            // The first event.
            None => true,
            Some(true) => !recorded.continues,
            Some(false) => {
                self.matched == self.made.len() && (self.rested || recorded.at != self.now)
            }
        }
    }

    /// Looks for what follows from the state, if that was not done, and requires that the journal
    /// has had all of it.
    fn end_advance(&mut self, next: Option<&Recorded>) -> Result<(), Box<Difference>> {
        self.rest();
        match self.made.get(self.matched) {
            Some(made) => Err(Difference::missing(self.next, made, next)),
            None => Ok(()),
        }
    }

    fn rest(&mut self) {
        if !self.rested {
            self.rested = true;
            self.run.come_to_rest(&self.cause, self.now, &mut self.made);
        }
    }

    /// Gives the machine what the event came from.
    fn feed(&mut self, recorded: &Recorded) -> Result<(), Box<Difference>> {
        match rebuild::source(recorded) {
            Source::Input(_) if self.rested => {
                return Err(Difference::of_field(
                    self.next,
                    recorded,
                    "/continues",
                    "an input is taken in before what follows from the state, or in an advance of its own",
                ));
            }
            Source::Input(input) => self.feed_input(&input, &recorded.cause),
            Source::Fact => {
                self.run.apply(recorded);
                self.made.push(recorded.clone());
            }
            Source::State => {
                if recorded.cause != self.cause
                    && !self.rested
                    && let Some(idle) = rebuild::idle(&recorded.cause, &self.run)
                {
                    self.feed_input(&idle, &recorded.cause);
                }
                if self.matched == self.made.len() {
                    self.rest();
                }
            }
            Source::Unknown => {
                return Err(Difference::of_field(
                    self.next,
                    recorded,
                    "/cause",
                    "no input of this name makes such an event",
                ));
            }
        }
        Ok(())
    }

    fn feed_input(&mut self, input: &Input, cause: &str) {
        cause.clone_into(&mut self.cause);
        self.run.take(input, &self.cause, self.now, &mut self.made);
    }

    fn compare(&mut self, recorded: &Recorded) -> Result<(), Box<Difference>> {
        let Some(made) = self.made.get_mut(self.matched) else {
            return Err(Difference::unexpected(self.next, recorded));
        };
        if self.marked == Some(false) {
            made.continues = false;
        }
        // What the strategy was shown of other runs came from outside: a fact, and what it is shown now.
        if let (
            Event::DecisionRequested { figures, .. },
            Event::DecisionRequested { figures: seen, .. },
        ) = (&mut made.event, &recorded.event)
        {
            figures.clone_from(seen);
            self.run.show(seen);
        }
        if made != recorded {
            return Err(Difference::between(self.next, recorded, made));
        }
        self.matched += 1;
        self.next += 1;
        Ok(())
    }
}

/// The call whose end an event tells.
#[must_use]
pub fn called(recorded: &Recorded) -> Option<CallId> {
    match &recorded.event {
        Event::Decided { .. } | Event::DecisionFailed { .. } | Event::StepEnded { .. } => {
            CallId::named(recorded.cause.strip_prefix("call:")?)
        }
        _ => None,
    }
}

/// The failure that an event tells a call to have ended with.
#[must_use]
pub fn failure(recorded: &Recorded) -> Option<&Failure> {
    match &recorded.event {
        Event::DecisionFailed { failure, .. } => Some(failure),
        Event::StepEnded {
            result: StepResult::Failed(failure),
            ..
        } => Some(failure),
        _ => None,
    }
}
