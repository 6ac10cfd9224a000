//! What is left to do, read off the state.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::Run;
use super::step::{OwnContext, Step, StepKind, StepStatus};
use crate::command::{Call, CallRequest, Command, Member, PluginRole};
use crate::document::Document;
use crate::event::{CallId, CallOf, StepNo, TimerId};
use crate::time::Timestamp;

/// A decision that takes longer than an agent may take is broken.
const DECISION_TIMEOUT: Duration = Duration::from_secs(300);

impl Run {
    /// Everything that the run waits for somebody to do: calls, in the order in which they should
    /// be given slots, then timers.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Command> {
        let data = &self.data;
        if data.end.is_some() || data.input.is_none() {
            return Vec::new();
        }
        let may_start = !data.paused;
        let mut commands = Vec::new();
        if let Some(pending) = &data.pending
            && pending.retry_at.is_none()
        {
            let id = CallId {
                of: CallOf::Decision(data.decisions),
                attempt: pending.attempt,
                execution: pending.execution,
            };
            commands.push(Command::Call { id, may_start });
        }
        for step in self.in_admission_order() {
            let id = CallId {
                of: CallOf::Step(step.no),
                attempt: step.attempt,
                execution: step.execution,
            };
            commands.push(Command::Call { id, may_start });
        }
        let timers = self.timers().into_iter();
        commands.extend(timers.map(|(id, due)| Command::Timer { id, due }));
        commands
    }

    /// Timers that are outstanding, and when they are due.
    pub(super) fn timers(&self) -> Vec<(TimerId, Timestamp)> {
        let data = &self.data;
        let mut timers = Vec::new();
        if data.end.is_some() {
            return timers;
        }
        if let Some(since) = data.spent.running_since {
            let left = data.limits.total_timeout.saturating_sub(data.spent.counted);
            timers.push((TimerId::Total, since.plus(left)));
        }
        if let Some(pending) = &data.pending
            && let Some(at) = pending.retry_at
        {
            timers.push((TimerId::Retry(CallOf::Decision(data.decisions)), at));
        }
        for no in &data.active {
            if let Some(Step {
                status: StepStatus::Backoff { until },
                ..
            }) = data.steps.get(no)
            {
                timers.push((TimerId::Retry(CallOf::Step(*no)), *until));
            }
        }
        if let (Some(waking), None, false) = (&data.waking, &data.pending, data.paused)
            && let Some(due) = waking.due
        {
            timers.push((TimerId::Wake(data.decisions), due));
        }
        timers
    }

    /// An outstanding call, spelled out; none for any other.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<Call> {
        match id.of {
            CallOf::Decision(_) => self.decision_call(id),
            CallOf::Step(no) => self.step_call(id, no),
        }
    }

    fn decision_call(&self, id: CallId) -> Option<Call> {
        let pending = self.data.pending.as_ref()?;
        let outstanding = CallId {
            of: CallOf::Decision(self.data.decisions),
            attempt: pending.attempt,
            execution: pending.execution,
        };
        if id != outstanding || pending.retry_at.is_some() {
            return None;
        }
        Some(Call {
            id,
            step: format!("decision-{}", self.data.decisions),
            role: PluginRole::Strategy,
            request: CallRequest::Decide {
                view: pending.view.clone(),
            },
            config: self.flow.strategy.config.clone(),
            timeout: DECISION_TIMEOUT,
            last_fault: pending.last_failure.clone(),
            hints: BTreeMap::new(),
            own_context: OwnContext::default(),
            attachments: Vec::new(),
            ready: pending.ready_at,
            logical_time: pending.ready_at,
            // Whatever else waits for a slot waits for the strategy first.
            priority: i32::MAX,
            critical_path_ms: u64::MAX,
            max_load: 1,
        })
    }

    fn step_call(&self, id: CallId, no: StepNo) -> Option<Call> {
        let step = self.data.steps.get(&no)?;
        let current = step.attempt == id.attempt && step.execution == id.execution;
        if step.status != StepStatus::Ready || !current {
            return None;
        }
        let call = Call {
            id,
            step: step.id.clone(),
            role: PluginRole::Agent(step.agent.clone()),
            request: CallRequest::Process {
                input: String::new(),
            },
            config: Document::empty_object(),
            timeout: DECISION_TIMEOUT,
            last_fault: step.error.clone(),
            hints: step.hints.clone(),
            own_context: step.own_context.clone(),
            attachments: self.attached(&step.attachments),
            ready: step.ready_at,
            logical_time: step.ready_at,
            priority: 0,
            critical_path_ms: step.critical_path_ms,
            max_load: u32::MAX,
        };
        if let StepKind::Join { members, config } = &step.kind {
            let uses = self.flow.aggregators.get(&step.agent)?;
            return Some(Call {
                role: PluginRole::Aggregator(step.agent.clone()),
                request: CallRequest::Aggregate {
                    members: members.iter().filter_map(|no| self.member(*no)).collect(),
                },
                config: overlaid(&uses.config, config.as_ref()),
                own_context: OwnContext::default(),
                ..call
            });
        }
        let agent = self.flow.agent(&step.agent)?;
        let input = match &step.given {
            Some(given) => given.to_text(),
            None => step.sees.to_text(),
        };
        Some(Call {
            request: CallRequest::Process { input },
            config: agent.uses.config.clone(),
            timeout: agent.timeout,
            priority: agent.priority,
            max_load: agent.max_load,
            ..call
        })
    }

    fn member(&self, no: StepNo) -> Option<Member> {
        let step = self.data.steps.get(&no)?;
        let failed = step.status == StepStatus::Failed;
        Some(Member {
            member: step.id.clone(),
            status: step.status.word().to_owned(),
            output: step.output.clone(),
            confidence: step.confidence,
            error: step.error.clone().filter(|_| failed),
        })
    }
}

/// One configuration laid over another, key by key.
fn overlaid(base: &Document, over: Option<&Document>) -> Document {
    match (base.value(), over.map(Document::value)) {
        (_, None) => base.clone(),
        (Value::Object(base), Some(Value::Object(over))) => {
            let mut merged = base.clone();
            merged.extend(over.iter().map(|(key, value)| (key.clone(), value.clone())));
            Document::from(Value::Object(merged))
        }
        (_, Some(over)) => Document::from(over.clone()),
    }
}
