//! What follows from the state alone, one event at a time.

use super::step::{Step, StepKind};
use super::{Run, Waking};
use crate::decision::Wake;
use crate::event::{EndStatus, Event, Trigger};
use crate::failure::Failure;

impl Run {
    /// The next event that is due, if any. Never due twice: each takes its own cause away.
    pub(super) fn settle(&self) -> Option<Event> {
        let data = &self.data;
        if data.input.is_none() || data.end.is_some() {
            return None;
        }
        if let Some(step) = data.due.first().and_then(|no| data.steps.get(no)) {
            return Some(due_event(step));
        }
        if data.pending.is_some() || data.paused {
            return None;
        }
        let trigger = match &data.waking {
            None => Trigger::Start,
            Some(waking) => self.woken(waking)?,
        };
        Some(self.next_decision(trigger))
    }

    /// The event of a wake timer that fired.
    pub(super) fn wake_by_timer(&self) -> Option<Event> {
        let waits = self.data.pending.is_none() && !self.data.paused;
        waits.then(|| self.next_decision(Trigger::Wake))
    }

    fn next_decision(&self, trigger: Trigger) -> Event {
        let limit = self.data.limits.max_decisions;
        if self.data.decisions >= limit {
            let message = format!(
                "the strategy was asked {limit} times without ending the run (limits.max_decisions)"
            );
            return Event::RunEnded {
                status: EndStatus::Failed,
                reason: message.clone(),
                output: None,
                error: Some(Failure::new("too_many_decisions", message)),
            };
        }
        Event::DecisionRequested {
            decision: self.data.decisions + 1,
            trigger,
        }
    }

    fn woken(&self, waking: &Waking) -> Option<Trigger> {
        if waking.on_failure && waking.failed {
            return Some(Trigger::Failure);
        }
        let nothing_left = self.data.unended.is_empty();
        let woken = match &waking.wake {
            Wake::AnyFinished => waking.ended > 0 || nothing_left,
            Wake::AllFinished => nothing_left,
            Wake::These(_) => waking.these.is_empty() || nothing_left,
            // Without anything that ran, the timer alone wakes.
            Wake::Timer(_) => nothing_left && waking.ended > 0,
        };
        woken.then_some(Trigger::Wake)
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
