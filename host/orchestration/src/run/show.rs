//! What can be read off a run, by its strategy and by everybody else.

use std::collections::BTreeMap;

use super::step::{Step, StepStatus};
use super::{AgentRecord, Collision, Ended, Run, RunStatus};
use crate::document::Document;
use crate::event::{EndStatus, Pins, StepNo, Trigger};
use crate::flow::{Flow, RunLimits};
use crate::time::Timestamp;
use crate::view::{AgentView, StepView, View};

impl Run {
    /// The run's id; empty before its start.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.data.id
    }

    /// The flow that the run follows.
    #[must_use]
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// What all chance in the run comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.data.seed
    }

    /// What the run stays on.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.data.pins
    }

    /// The bounds on the run, as narrowed by the licence.
    #[must_use]
    pub fn limits(&self) -> &RunLimits {
        &self.data.limits
    }

    /// What the run was given.
    #[must_use]
    pub fn input(&self) -> Option<&Document> {
        self.data.input.as_ref()
    }

    /// How many events have been applied: the position of the next.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.data.next_seq
    }

    /// When the run started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.data.started_at
    }

    /// When something last happened.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.data.last_at
    }

    /// Where the run stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        let data = &self.data;
        match &data.end {
            Some(end) => match end.status {
                EndStatus::Completed => RunStatus::Completed,
                EndStatus::Failed => RunStatus::Failed,
                EndStatus::Cancelled => RunStatus::Cancelled,
            },
            None if data.input.is_none() => RunStatus::Queued,
            None if data.paused => RunStatus::Paused,
            None if data.pending.is_none()
                && data.active.is_empty()
                && !data.waiting.is_empty() =>
            {
                RunStatus::Waiting
            }
            None => RunStatus::Running,
        }
    }

    /// How the run ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.data.end.as_ref()
    }

    /// The run's result: what its ending said, else its state.
    #[must_use]
    pub fn result(&self) -> Document {
        match &self.data.output {
            Some(output) => output.clone(),
            None => self.data.state.to_document(),
        }
    }

    /// Steps that run, wait, or ended lately, in the order in which they were asked for.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.data.steps.values()
    }

    /// A step that runs, waits, or ended lately.
    #[must_use]
    pub fn step(&self, no: StepNo) -> Option<&Step> {
        self.data.steps.get(&no)
    }

    /// Steps that wait for an answer.
    pub fn waiting(&self) -> impl Iterator<Item = &Step> {
        self.data
            .waiting
            .iter()
            .filter_map(|no| self.data.steps.get(no))
    }

    /// Keys that parallel steps both wrote.
    #[must_use]
    pub fn collisions(&self) -> &[Collision] {
        &self.data.collisions
    }

    /// What each agent keeps from step to step.
    #[must_use]
    pub fn agent_contexts(&self) -> BTreeMap<&str, &BTreeMap<String, Document>> {
        let agents = self.data.agents.iter();
        agents
            .map(|(name, record)| (&**name, &*record.context))
            .filter(|(_, context)| !context.is_empty())
            .collect()
    }

    /// Decisions asked for so far.
    #[must_use]
    pub fn decisions(&self) -> u32 {
        self.data.decisions
    }

    /// Attempts after a first, in all steps.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.data.retries
    }

    /// Units of `max_steps` that are left.
    #[must_use]
    pub fn steps_left(&self) -> u32 {
        self.data
            .limits
            .max_steps
            .saturating_sub(self.data.used_steps)
    }

    /// What the strategy is shown now.
    #[must_use]
    pub fn view(&self, decision: u32, trigger: Trigger) -> View {
        let data = &self.data;
        let mut shown: Vec<_> = data.ended_since_decision.clone();
        shown.extend(data.unended.iter());
        shown.sort_unstable();
        let finished = data.finished_attempts;
        View {
            decision,
            trigger,
            state: data.state.clone(),
            agents: self
                .flow
                .agents
                .iter()
                .map(|agent| self.agent_view(&agent.name))
                .collect(),
            steps: shown
                .iter()
                .filter_map(|no| data.steps.get(no))
                .map(step_view)
                .collect(),
            history: data.history.iter().cloned().collect(),
            current_step: data.current_step.as_ref().map(|(id, _)| id.clone()),
            step_duration_ms: data
                .current_step
                .as_ref()
                .and_then(|(_, duration)| *duration),
            retry_count: data.retries,
            error_rate: if finished == 0 {
                0.0
            } else {
                f64::from(data.failed_attempts) / f64::from(finished)
            },
            steps_left: self.steps_left(),
            figures: Vec::new(),
        }
    }

    fn agent_view(&self, name: &str) -> AgentView {
        let fresh = AgentRecord::default();
        let record = self.data.agents.get(name).unwrap_or(&fresh);
        let status = if record.counts.running > 0 {
            "running"
        } else if record.counts.in_error > 0 {
            "error"
        } else if record.last_fault.is_some() && record.counts.failed > 0 {
            "failed"
        } else {
            "idle"
        };
        AgentView {
            name: name.to_owned(),
            status: status.to_owned(),
            counts: record.counts,
            last_duration_ms: record.last_duration_ms,
            last_fault: record.last_fault.clone(),
        }
    }
}

fn step_view(step: &Step) -> StepView {
    let completed = step.status == StepStatus::Completed;
    StepView {
        id: step.id.clone(),
        agent: step.agent.clone(),
        kind: step.kind.word().to_owned(),
        status: step.status.word().to_owned(),
        attempt: step.attempt,
        output: step.output.clone().filter(|_| completed),
        confidence: step.confidence,
        error: step.error.clone(),
        duration_ms: step.duration_ms(),
    }
}
