//! Places that a run can go on from once more, and how another run goes on from one.
//!
//! A checkpoint is an event: its place in the journal is all that it holds. What the state is there
//! is what the events up to there fold to.

use std::time::Duration;

use super::Run;
use crate::document::Document;
use crate::event::Event;
use crate::input::Forked;
use crate::state::State;
use crate::time::Timestamp;

impl Run {
    /// The checkpoint that is due by itself.
    pub(super) fn due_checkpoint(&self, now: Timestamp) -> Option<Event> {
        if let Some(step) = &self.data.checkpoints.due_after {
            return Some(self.checkpoint(format!("after {step}"), None));
        }
        let every = self.data.limits.checkpoints.every?;
        let idle = self.data.next_seq <= self.data.checkpoints.next_seq;
        if idle || self.own_time(now) < self.data.checkpoints.at + every {
            return None;
        }
        let label = format!("after {} s", self.own_time(now).as_secs());
        Some(self.checkpoint(label, None))
    }

    /// The event of the next checkpoint.
    pub(super) fn checkpoint(&self, label: String, by: Option<String>) -> Event {
        Event::Checkpointed {
            id: format!("checkpoint-{}", self.data.checkpoints.made + 1),
            label,
            automatic: by.is_none(),
            by,
        }
    }

    /// How long the run has taken, gates and pauses not counted.
    fn own_time(&self, now: Timestamp) -> Duration {
        let spent = &self.data.spent;
        let running = spent.running_since.map(|since| now.since(since));
        spent.counted + running.unwrap_or_default()
    }

    /// The present event is a checkpoint.
    pub(super) fn note_checkpoint(&mut self) {
        let checkpoints = &mut self.data.checkpoints;
        checkpoints.made += 1;
        checkpoints.at = self.data.spent.counted;
        checkpoints.next_seq = self.data.next_seq + 1;
        checkpoints.due_after = None;
    }

    /// A step has completed; the flow may want a checkpoint behind it.
    pub(super) fn want_checkpoint(&mut self, agent: &str, step: &str) {
        if self.data.limits.checkpoints.after.contains(agent) {
            self.data.checkpoints.due_after = Some(step.to_owned());
        }
    }

    /// The event by which this run, so far another one's copy, becomes one of its own.
    pub(super) fn forked(forked: &Forked) -> Event {
        Event::RunForked {
            run: forked.run.clone(),
            from: forked.from.clone(),
            events: forked.events,
            input: forked.input.clone(),
            supersedes: forked.supersedes,
            by: forked.by.clone(),
        }
    }

    /// From here on it has an id and perhaps an input of its own.
    ///
    /// The seed stays: it is what the copied events were made with. Chance within a guest's call
    /// comes from the run's id as well, and so is the fork's own.
    pub(super) fn become_fork(&mut self, run: &str, input: Option<&Document>) {
        self.data.id = run.to_owned();
        // The call log of what was under way stays behind: it is executed as if for the first time.
        self.data.shared.made.forget_all();
        self.data.artifacts.made.forget_all();
        let Some(input) = input else { return };
        let fresh = State::from_input(input);
        let data = &mut self.data;
        data.state.replace_input(&fresh);
        for no in &data.unended {
            if let Some(step) = data.steps.get_mut(no) {
                step.sees.replace_input(&fresh);
            }
        }
        if let Some(pending) = &mut data.pending {
            let mut view = (*pending.view).clone();
            view.state.replace_input(&fresh);
            pending.view = view.into();
        }
        data.input = Some(input.clone());
    }
}
