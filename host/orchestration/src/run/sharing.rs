//! What a run's steps share, asked for by their calls.

use super::Run;
use super::step::{Step, StepStatus};
use crate::event::{CallId, CallOf, Event};
use crate::shared::{SharedChange, Versioned};

impl Run {
    /// A value that the run's steps share.
    #[must_use]
    pub fn shared(&self, key: &str) -> Option<&Versioned> {
        self.data.shared.get(key)
    }

    /// The version that a call has set by its host call of that number, in an earlier execution of the
    /// same attempt: it is not to be set again.
    #[must_use]
    pub fn shared_version_made(&self, call: CallId, ordinal: u32) -> Option<u32> {
        self.data.shared.made(call, ordinal)
    }

    /// The answer to a change; nothing when its call is not the one that is outstanding, or has made
    /// this change already.
    pub(super) fn on_shared_set(&self, change: &SharedChange) -> Vec<Event> {
        let Some((id, agent)) = self.asking(change.call) else {
            return Vec::new();
        };
        if self.data.shared.made(change.call, change.ordinal).is_some() {
            return Vec::new();
        }
        vec![Event::SharedSet {
            call: change.call.of,
            attempt: change.call.attempt,
            execution: change.call.execution,
            ordinal: change.ordinal,
            id,
            agent,
            key: change.key.clone(),
            expected: change.expected,
            value: change.value.clone(),
            outcome: self.data.shared.judge(change),
        }]
    }

    /// Whose call this is, if it is outstanding: the step's id, and who works on it.
    fn asking(&self, call: CallId) -> Option<(String, String)> {
        let current = |attempt, execution| attempt == call.attempt && execution == call.execution;
        match call.of {
            CallOf::Decision(number) => {
                let pending = self.data.pending.as_ref()?;
                let outstanding = number == self.data.decisions
                    && pending.retry_at.is_none()
                    && current(pending.attempt, pending.execution);
                outstanding.then(|| (format!("decision-{number}"), "strategy".to_owned()))
            }
            CallOf::Step(no) => {
                let step: &Step = self.data.steps.get(&no)?;
                let outstanding =
                    step.status == StepStatus::Ready && current(step.attempt, step.execution);
                outstanding.then(|| (step.id.clone(), step.agent.clone()))
            }
        }
    }
}
