//! What calls ask the run for while they are under way: changes of what the steps share, and artifacts.

use std::collections::BTreeSet;

use super::Run;
use super::step::{Step, StepStatus};
use crate::artifact::{Artifact, NewArtifact};
use crate::event::{CallId, CallOf, Event, StepResult};
use crate::failure::Failure;
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
        self.data.shared.made.number(call, ordinal)
    }

    /// The answer to a change; nothing when its call is not the one that is outstanding, or has made
    /// this change already.
    pub(super) fn on_shared_set(&self, change: &SharedChange) -> Vec<Event> {
        let Some((id, agent)) = self.asking(change.call) else {
            return Vec::new();
        };
        let made = &self.data.shared.made;
        if made.number(change.call, change.ordinal).is_some() {
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

    /// Every artifact of the run, in the order of their ids.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        self.data.artifacts.all()
    }

    /// An artifact of the run.
    #[must_use]
    pub fn artifact(&self, id: &str) -> Option<&Artifact> {
        Some(self.data.artifacts.named(id)?.1)
    }

    /// The artifact that a call has made by its host call of that number, in an earlier execution of the
    /// same attempt: it is not to be made again.
    #[must_use]
    pub fn artifact_made(&self, call: CallId, ordinal: u32) -> Option<&Artifact> {
        let artifacts = &self.data.artifacts;
        artifacts.numbered(artifacts.made.number(call, ordinal)?)
    }

    /// Whether the run waits for this very call.
    #[must_use]
    pub fn is_outstanding(&self, call: CallId) -> bool {
        self.data.end.is_none() && self.asking(call).is_some()
    }

    /// A new artifact; nothing when its call is not the one that is outstanding or has made it already,
    /// or when there is no room.
    pub(super) fn on_artifact_put(&self, new: &NewArtifact) -> Vec<Event> {
        let Some((id, agent)) = self.asking(new.call) else {
            return Vec::new();
        };
        if self.artifact_made(new.call, new.ordinal).is_some() {
            return Vec::new();
        }
        let Some(artifact) = self.data.artifacts.admit(&new.artifact) else {
            return Vec::new();
        };
        vec![Event::ArtifactPut {
            call: new.call.of,
            attempt: new.call.attempt,
            execution: new.call.execution,
            ordinal: new.ordinal,
            id,
            agent,
            artifact,
        }]
    }

    /// A result whose attachments are artifacts of the run; a failure where one is not.
    pub(super) fn with_known_attachments(&self, result: &StepResult) -> StepResult {
        let StepResult::Completed { attachments, .. } = result else {
            return result.clone();
        };
        let unknown = attachments.iter().find(|attached| {
            let known = self.artifact(&attached.id);
            known.is_none_or(|known| {
                known.digest != attached.digest || known.media_type != attached.media_type
            })
        });
        match unknown {
            None => result.clone(),
            Some(attached) => StepResult::Failed(Failure::new(
                "output",
                format!(
                    "the outcome attaches `{}`, which is no artifact of this run with the media type and the digest that it gives",
                    attached.id
                ),
            )),
        }
    }

    /// The artifacts of these numbers.
    pub(super) fn attached(&self, numbers: &BTreeSet<u32>) -> Vec<Artifact> {
        let found = numbers
            .iter()
            .filter_map(|number| self.data.artifacts.numbered(*number));
        found.cloned().collect()
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
