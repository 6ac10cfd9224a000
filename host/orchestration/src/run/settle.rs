//! What follows from the state alone, one event at a time.

use super::step::{Step, StepKind};
use super::{Run, Waking};
use crate::decision::Wake;
use crate::event::{EndStatus, Event, Trigger};
use crate::failure::Failure;
use crate::time::Timestamp;

impl Run {
    /// The next event that is due, if any. Never due twice: each takes its own cause away.
    pub(super) fn settle(&self, now: Timestamp) -> Option<Event> {
        let data = &self.data;
        if data.input.is_none() || data.end.is_some() {
            return None;
        }
        if let Some(checkpoint) = self.due_checkpoint(now) {
            return Some(checkpoint);
        }
        if let Some(step) = data.due.first().and_then(|no| data.steps.get(no)) {
            return Some(due_event(step));
        }
        if data.pending.is_some() || data.paused {
            return None;
        }
        let trigger = match &data.waking {
            None => Trigger::Start,
            Some(waking) => self.woken(waking, now)?,
        };
        Some(self.next_decision(trigger))
    }

    fn next_decision(&self, trigger: Trigger) -> Event {
        let limit = self.data.limits.max_decisions;
        if self.data.decisions >= limit {
            let message = format!(
                "the strategy was asked {limit} times without ending the run (limits.max_decisions)"
            );
            return limit_reached("too_many_decisions", message);
        }
        if self.asks_idly() && self.steps_left() == 0 {
            let limit = self.data.limits.max_steps;
            let message = format!(
                "the strategy wakes though nothing has ended, and the run has used all of its {limit} steps (limits.max_steps)"
            );
            return limit_reached("too_many_steps", message);
        }
        Event::DecisionRequested {
            decision: self.data.decisions + 1,
            trigger,
            figures: self.sight.clone(),
        }
    }

    /// Whether the strategy is asked again though no step has ended since it was asked last. Such
    /// a decision uses a unit of `max_steps`: a strategy that wakes itself for ever must not have
    /// a run that is longer than its limits say.
    pub(super) fn asks_idly(&self) -> bool {
        self.data.decisions > 0 && self.data.ended_since_decision.is_empty()
    }

    fn woken(&self, waking: &Waking, now: Timestamp) -> Option<Trigger> {
        if waking.on_failure && waking.failed {
            return Some(Trigger::Failure);
        }
        let nothing_left = self.data.unended.is_empty();
        let woken = match &waking.wake {
            Wake::AnyFinished => waking.ended > 0 || nothing_left,
            Wake::AllFinished => nothing_left,
            Wake::These(_) => waking.these.is_empty() || nothing_left,
            // Without anything that ran, the timer alone wakes. Asking here rather than when the
            // timer fires lets the strategy see whatever else has come at the same time.
            Wake::Timer(_) => {
                let due = waking.due.is_some_and(|due| due <= now);
                due || (nothing_left && waking.ended > 0)
            }
        };
        woken.then_some(Trigger::Wake)
    }
}

fn limit_reached(code: &str, message: String) -> Event {
    Event::RunEnded {
        status: EndStatus::Failed,
        reason: message.clone(),
        output: None,
        error: Some(Failure::new(code, message)),
    }
}

/// What becomes of a step that nothing stands in the way of, and that makes no call.
fn due_event(step: &Step) -> Event {
    let (id, agent) = (step.id.clone(), step.agent.clone());
    if let Some(broken_by) = &step.broken_by {
        let reason = format!("dependency_failed: the step `{broken_by}` failed");
        return Event::StepSkipped {
            step: step.no,
            id,
            agent,
            kind: step.kind.word().to_owned(),
            reason,
        };
    }
    if step.kind == StepKind::Skip {
        return Event::StepSkipped {
            step: step.no,
            id,
            agent,
            kind: step.kind.word().to_owned(),
            reason: step.reason.clone(),
        };
    }
    let (kind, reason) = match &step.error {
        Some(error) if error.code != "escalate" && step.attempt > 0 => (
            "error_resolution",
            format!("{}: {}", error.code, error.message),
        ),
        Some(error) if step.attempt > 0 => ("ambiguous_requirement", error.message.clone()),
        _ => ("ambiguous_requirement", step.reason.clone()),
    };
    Event::Escalated {
        step: step.no,
        id,
        agent,
        kind: kind.to_owned(),
        reason,
    }
}
