//! What follows from one input. Reads the state, changes nothing.

use std::collections::BTreeMap;

use super::revoking::RevokeError;
use super::step::{Step, StepKind, StepStatus};
use super::{MAX_DECISION_ATTEMPTS, MAX_EXECUTIONS, Run};
use crate::decision::Decision;
use crate::document::Document;
use crate::event::{
    AfterFailure, Answer, CallFacts, CallId, CallOf, EndStatus, Event, StepNo, StepResult, TimerId,
};
use crate::failure::Failure;
use crate::flow::{OnFailure, RetryPolicy};
use crate::input::{Input, Wish};
use crate::plan;
use crate::retry;
use crate::time::Timestamp;

impl Run {
    /// The events of one input; none when it comes too late to matter.
    pub(crate) fn react(&self, input: &Input, now: Timestamp) -> Vec<Event> {
        let started = self.data.input.is_some();
        match input {
            Input::Start(start) if !started => vec![Event::RunStarted {
                run: start.run.clone(),
                flow: self.flow.name.clone(),
                input: start.input.clone(),
                seed: start.seed,
                limits: start.limits.clone(),
                pins: start.pins.clone(),
                artifacts: start.artifacts.clone(),
            }],
            _ if !started || self.data.end.is_some() => Vec::new(),
            Input::Start(_) => Vec::new(),
            Input::Decided {
                call,
                result,
                facts,
                log,
            } => self.on_decided(*call, result, facts, log.as_ref(), now),
            Input::StepEnded {
                call,
                result,
                context,
                facts,
                log,
            } => self.on_step_ended(*call, result, context, facts, log.as_ref(), now),
            Input::TimerFired(timer) => self.on_timer(*timer, now),
            Input::Recovered => self.on_recovered(now),
            Input::Forked(forked) => vec![Self::forked(forked)],
            Input::ArtifactPut(new) => self.on_artifact_put(new),
            Input::SharedSet(change) => self.on_shared_set(change),
            Input::Wish { id, by, wish } => self.on_wish(id, by, wish),
        }
    }

    fn on_decided(
        &self,
        call: CallId,
        result: &Result<Box<Decision>, Failure>,
        facts: &CallFacts,
        log: Option<&Document>,
        now: Timestamp,
    ) -> Vec<Event> {
        let Some(pending) = &self.data.pending else {
            return Vec::new();
        };
        let expected = CallId {
            of: CallOf::Decision(self.data.decisions),
            attempt: pending.attempt,
            execution: pending.execution,
        };
        if call != expected || pending.retry_at.is_some() {
            return Vec::new();
        }
        let answer = match result {
            Ok(answer) => answer,
            Err(failure) => return self.refused(call, failure, None, facts, log, now),
        };
        match plan::check(answer, &self.surroundings()) {
            Ok(()) => self.accepted(call, answer, facts, log),
            Err(error) => {
                let failure = Failure::new(error.code(), error.to_string());
                self.refused(call, &failure, Some(answer), facts, log, now)
            }
        }
    }

    fn surroundings(&self) -> plan::Surroundings<'_> {
        plan::Surroundings {
            flow: &self.flow,
            known: &self.data.ids,
            steps_left: self.steps_left(),
            max_steps: self.data.limits.max_steps,
            // The strategy answers the view that it was shown: what ended since then still ran.
            anything_runs: !self.data.unended.is_empty()
                || !self.data.ended_since_decision.is_empty(),
        }
    }

    fn accepted(
        &self,
        call: CallId,
        answer: &Decision,
        facts: &CallFacts,
        log: Option<&Document>,
    ) -> Vec<Event> {
        let mut events = vec![Event::Decided {
            decision: self.data.decisions,
            attempt: call.attempt,
            execution: call.execution,
            answer: answer.clone(),
            call: facts.clone(),
            log: log.cloned(),
        }];
        if let Some(end) = &answer.end {
            let status = plan::ending_status(&end.status).unwrap_or(EndStatus::Failed);
            let error = (status == EndStatus::Failed).then(|| self.blame(&end.reason));
            events.push(Event::RunEnded {
                status,
                reason: end.reason.clone(),
                output: end.output.clone(),
                error,
            });
        }
        events
    }

    /// The failure behind a failed ending: that of the newest failed step, told with the ending's reason.
    fn blame(&self, reason: &str) -> Failure {
        let ended = self.data.ended_steps.iter().rev();
        let ended = ended.chain(self.data.held.iter().rev());
        let mut failed = ended
            .filter_map(|no| self.data.steps.get(no))
            .filter(|step| step.status == StepStatus::Failed);
        match failed.find_map(|step| step.error.clone().map(|error| (step, error))) {
            Some((step, error)) => Failure {
                message: format!("step `{}`: {}", step.id, error.message),
                ..error
            },
            None => Failure::new("failed", reason),
        }
    }

    fn refused(
        &self,
        call: CallId,
        failure: &Failure,
        answer: Option<&Decision>,
        facts: &CallFacts,
        log: Option<&Document>,
        now: Timestamp,
    ) -> Vec<Event> {
        // JSON has no number that is none, and an event that cannot be read is worse than one
        // that lacks what a broken strategy said.
        let answer = answer.filter(|answer| answer.confidence.is_finite());
        let again = failure.may_pass() && call.attempt < MAX_DECISION_ATTEMPTS;
        let retry_at = again.then(|| {
            let key = format!("decision-{}", self.data.decisions);
            let policy = RetryPolicy::default();
            now.plus(retry::delay(&policy, call.attempt, self.data.seed, &key))
        });
        let mut events = vec![Event::DecisionFailed {
            decision: self.data.decisions,
            attempt: call.attempt,
            execution: call.execution,
            failure: failure.clone(),
            answer: answer.cloned(),
            retry_at,
            call: facts.clone(),
            log: log.cloned(),
        }];
        if !again {
            events.push(Event::RunEnded {
                status: EndStatus::Failed,
                reason: format!(
                    "decision {} failed: {}",
                    self.data.decisions, failure.message
                ),
                output: None,
                error: Some(failure.clone()),
            });
        }
        events
    }

    fn on_step_ended(
        &self,
        call: CallId,
        result: &StepResult,
        context: &BTreeMap<String, Document>,
        facts: &CallFacts,
        log: Option<&Document>,
        now: Timestamp,
    ) -> Vec<Event> {
        let CallOf::Step(no) = call.of else {
            return Vec::new();
        };
        let Some(step) = self.data.steps.get(&no) else {
            return Vec::new();
        };
        let current = step.attempt == call.attempt && step.execution == call.execution;
        if step.status != StepStatus::Ready || !current {
            return Vec::new();
        }
        let result = self.with_known_attachments(result);
        vec![self.step_ended(step, result, context, facts, log, now)]
    }

    fn step_ended(
        &self,
        step: &Step,
        result: StepResult,
        context: &BTreeMap<String, Document>,
        facts: &CallFacts,
        log: Option<&Document>,
        now: Timestamp,
    ) -> Event {
        let next = match &result {
            StepResult::Completed { .. } => None,
            StepResult::Failed(failure) => Some(self.after_failure(step, failure, now)),
        };
        let completed = matches!(result, StepResult::Completed { .. });
        Event::StepEnded {
            step: step.no,
            id: step.id.clone(),
            agent: step.agent.clone(),
            kind: step.kind.word().to_owned(),
            attempt: step.attempt,
            execution: step.execution,
            result,
            next,
            // What a failed attempt wanted to remember is forgotten with it.
            context: if completed {
                context.clone()
            } else {
                BTreeMap::new()
            },
            call: facts.clone(),
            log: log.cloned(),
        }
    }

    fn after_failure(&self, step: &Step, failure: &Failure, now: Timestamp) -> AfterFailure {
        if failure.wants_review() {
            return AfterFailure::Escalate;
        }
        let agent = match step.kind {
            // An aggregator's answer depends on nothing but its input.
            StepKind::Join { .. } => None,
            _ => self.flow.agent(&step.agent),
        };
        let Some(agent) = agent else {
            return AfterFailure::Fail;
        };
        let may_start = self.steps_left() > 0;
        if failure.may_pass() && may_start && step.retries < agent.retry.max_retries {
            let key = format!("step-{}-{}", step.no.0, step.agent);
            let delay = retry::delay(&agent.retry, step.retries + 1, self.data.seed, &key);
            let asked = failure.retry_after_ms.map_or(now, |milliseconds| {
                now.plus(std::time::Duration::from_millis(u64::from(milliseconds)))
            });
            return AfterFailure::Retry {
                at: now.plus(delay).max(asked),
            };
        }
        if let (Some(fallback), true) = (&agent.fallback, may_start) {
            return AfterFailure::Fallback {
                agent: fallback.clone(),
            };
        }
        match agent.on_failure {
            OnFailure::Fail => AfterFailure::Fail,
            OnFailure::Skip => AfterFailure::Skip,
            OnFailure::Escalate => AfterFailure::Escalate,
        }
    }

    fn on_timer(&self, timer: TimerId, now: Timestamp) -> Vec<Event> {
        // A timer that fires early, late or twice changes nothing unless it is outstanding and due.
        if !self
            .timers()
            .iter()
            .any(|(id, due)| *id == timer && *due <= now)
        {
            return Vec::new();
        }
        match timer {
            TimerId::Total => {
                let limit = humantime(self.data.limits.total_timeout);
                let message = format!("the run took longer than {limit} (limits.total_timeout)");
                vec![Event::RunEnded {
                    status: EndStatus::Failed,
                    reason: message.clone(),
                    output: None,
                    error: Some(Failure::new("total_timeout", message)),
                }]
            }
            TimerId::Retry(call) => {
                let attempt = match call {
                    CallOf::Decision(_) => {
                        self.data.pending.as_ref().map(|pending| pending.attempt)
                    }
                    CallOf::Step(no) => self.data.steps.get(&no).map(|step| step.attempt),
                };
                let attempt = attempt.unwrap_or_default() + 1;
                vec![Event::CallRetried { call, attempt }]
            }
            // `settle` sees by the time that the strategy is to be asked.
            TimerId::Wake(_) => Vec::new(),
        }
    }

    /// Every call that may have been under way is issued again, as another execution.
    ///
    /// Only as many steps as could have held slots can have been; a step that waited for one has
    /// done nothing, and must not be counted as one that kills its host.
    fn on_recovered(&self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        if self.data.paused && self.data.reissued_in_pause {
            return events;
        }
        if let Some(pending) = &self.data.pending
            && pending.retry_at.is_none()
        {
            let call = CallOf::Decision(self.data.decisions);
            if pending.execution < MAX_EXECUTIONS {
                events.push(reissued(call, pending.attempt, pending.execution));
            } else {
                let failure = poisoned(pending.execution);
                let id = CallId {
                    of: call,
                    attempt: pending.attempt,
                    execution: pending.execution,
                };
                return self.refused(id, &failure, None, &facts_at(now), None, now);
            }
        }
        for step in self.could_have_begun() {
            if step.execution < MAX_EXECUTIONS {
                events.push(reissued(
                    CallOf::Step(step.no),
                    step.attempt,
                    step.execution,
                ));
            } else {
                let result = StepResult::Failed(poisoned(step.execution));
                let facts = facts_at(now);
                events.push(self.step_ended(step, result, &BTreeMap::new(), &facts, None, now));
            }
        }
        events
    }

    /// Ready steps whose call may have been under way. One that waits outside counts neither against
    /// the run's width nor against its agent's, so that others may have begun beside it.
    fn could_have_begun(&self) -> Vec<&Step> {
        let limits = &self.data.limits;
        let mut places = limits.max_concurrent;
        let mut running: BTreeMap<&str, u32> = BTreeMap::new();
        let could_run = self.in_admission_order().into_iter().filter(|step| {
            let agent = self.flow.agent(&step.agent);
            if agent.is_some_and(|agent| agent.uses.grants.wait_for_the_host()) {
                return true;
            }
            let max_load = agent.map_or(u32::MAX, |agent| agent.max_load);
            let running = running.entry(&step.agent).or_default();
            *running += 1;
            let has_place = *running <= max_load && places > 0;
            places -= u32::from(has_place);
            has_place
        });
        could_run.take(limits.most_begun()).collect()
    }

    /// Ready steps in the order in which they would be given slots.
    pub(super) fn in_admission_order(&self) -> Vec<&Step> {
        let mut ready: Vec<&Step> = self
            .data
            .active
            .iter()
            .filter_map(|no| self.data.steps.get(no))
            .filter(|step| step.status == StepStatus::Ready)
            .collect();
        ready.sort_by_cached_key(|step| {
            let priority = self
                .flow
                .agent(&step.agent)
                .map_or(0, |agent| agent.priority);
            (
                std::cmp::Reverse((priority, step.critical_path_ms)),
                step.no,
            )
        });
        ready
    }

    fn on_wish(&self, id: &str, by: &str, wish: &Wish) -> Vec<Event> {
        match wish {
            Wish::Cancel { reason } => vec![Event::RunEnded {
                status: EndStatus::Cancelled,
                reason: format!("cancelled by {by}: {reason}"),
                output: None,
                error: None,
            }],
            Wish::Pause if !self.data.paused => vec![Event::Paused { by: by.to_owned() }],
            Wish::Unpause if self.data.paused => vec![Event::Unpaused { by: by.to_owned() }],
            Wish::Pause | Wish::Unpause => Vec::new(),
            Wish::Migrate { plugins } => self.migrated(plugins, by),
            Wish::Revoke { role, interface } => match self.revocable(role, interface) {
                Ok(true) => vec![Event::GrantRevoked {
                    role: role.clone(),
                    interface: interface.clone(),
                    by: by.to_owned(),
                }],
                Ok(false) => Vec::new(),
                Err(refusal) => refused(id, by, &refusal),
            },
            Wish::Grant { role, interface } => match self.revocable(role, interface) {
                // What was not taken is there already.
                Ok(true) => Vec::new(),
                Ok(false) => vec![Event::GrantReturned {
                    role: role.clone(),
                    interface: interface.clone(),
                    by: by.to_owned(),
                }],
                Err(refusal) => refused(id, by, &refusal),
            },
            Wish::Checkpoint { label } => {
                vec![self.checkpoint(label.clone(), Some(by.to_owned()))]
            }
            Wish::Answer { step, answer } => match self.answerable(step.as_deref(), answer) {
                Ok(no) => self.answered(no, answer, by),
                Err(refusal) => vec![Event::InputRefused {
                    input: id.to_owned(),
                    reason: refusal.to_string(),
                    by: Some(by.to_owned()),
                    step: step.clone(),
                    answer: Some(answer.clone()),
                }],
            },
        }
    }

    /// What changes; uses that the flow does not have, and versions that are there already, are none of it.
    fn migrated(&self, plugins: &BTreeMap<String, String>, by: &str) -> Vec<Event> {
        let now = &self.data.pins.plugins;
        let changes = |(role, digest): &(&String, &String)| {
            now.get(*role).is_some_and(|known| known != *digest)
        };
        let changed = plugins.iter().filter(changes);
        let plugins: BTreeMap<String, String> = changed
            .map(|(role, digest)| (role.clone(), digest.clone()))
            .collect();
        match plugins.is_empty() {
            true => Vec::new(),
            false => vec![Event::Migrated {
                plugins,
                by: by.to_owned(),
            }],
        }
    }

    fn answered(&self, no: StepNo, answer: &Answer, by: &str) -> Vec<Event> {
        let Some(step) = self.data.steps.get(&no) else {
            return Vec::new();
        };
        let mut events = vec![Event::Answered {
            step: no,
            id: step.id.clone(),
            agent: step.agent.clone(),
            answer: answer.clone(),
            by: by.to_owned(),
        }];
        if *answer == Answer::Abort {
            let message = format!("step `{}` was aborted by {by}", step.id);
            events.push(Event::RunEnded {
                status: EndStatus::Failed,
                reason: message.clone(),
                output: None,
                error: Some(Failure::new("aborted", message)),
            });
        }
        events
    }

    /// Which waiting step an answer is for.
    ///
    /// # Errors
    /// When no step waits, several do and none is named, or the answer cannot be followed.
    pub fn answerable(&self, step: Option<&str>, answer: &Answer) -> Result<StepNo, AnswerError> {
        let waiting = || {
            let steps = self
                .data
                .waiting
                .iter()
                .filter_map(|no| self.data.steps.get(no));
            steps.map(|step| step.id.clone()).collect::<Vec<_>>()
        };
        let no = match step {
            Some(_) if self.data.waiting.is_empty() => return Err(AnswerError::NothingWaits),
            Some(id) => {
                let no = self.data.ids.get(id).copied();
                no.filter(|no| self.data.waiting.contains(no))
                    .ok_or_else(|| AnswerError::NotWaiting {
                        step: id.to_owned(),
                        waiting: waiting(),
                    })?
            }
            None => match (self.data.waiting.first(), self.data.waiting.len()) {
                (Some(no), 1) => *no,
                (None, _) => return Err(AnswerError::NothingWaits),
                _ => return Err(AnswerError::WhichStep { waiting: waiting() }),
            },
        };
        let joins = self
            .data
            .steps
            .get(&no)
            .is_some_and(|step| matches!(step.kind, StepKind::Join { .. }));
        match answer {
            Answer::Reroute { agent } if joins && !self.flow.aggregators.contains_key(agent) => {
                Err(AnswerError::UnknownAggregator {
                    aggregator: agent.clone(),
                    known: self.flow.aggregators.keys().cloned().collect(),
                })
            }
            Answer::Reroute { agent } if !joins && self.flow.agent(agent).is_none() => {
                Err(AnswerError::UnknownAgent {
                    agent: agent.clone(),
                    known: self
                        .flow
                        .agents
                        .iter()
                        .map(|agent| agent.name.clone())
                        .collect(),
                })
            }
            Answer::Retry { .. } | Answer::Reroute { .. } if self.steps_left() == 0 => {
                Err(AnswerError::NoStepsLeft {
                    limit: self.data.limits.max_steps,
                })
            }
            _ => Ok(no),
        }
    }
}

/// Why an answer to an escalation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// No step of the run waits for an answer.
    #[error("no step of the run waits for an answer")]
    NothingWaits,
    /// The named step does not wait.
    #[error("the step `{step}` does not wait for an answer; waiting: {}", .waiting.join(", "))]
    NotWaiting {
        /// The step that was named.
        step: String,
        /// Those that wait.
        waiting: Vec<String>,
    },
    /// Several steps wait.
    #[error("several steps wait for an answer, name one of them: {}", .waiting.join(", "))]
    WhichStep {
        /// Those that wait.
        waiting: Vec<String>,
    },
    /// A reroute to an agent that is not there.
    #[error("the flow has no agent `{agent}`; it has {}", .known.join(", "))]
    UnknownAgent {
        /// What was named.
        agent: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A reroute of a join to an aggregator that is not there.
    #[error("the flow has no aggregator `{aggregator}`; it has {}", .known.join(", "))]
    UnknownAggregator {
        /// What was named.
        aggregator: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// No more attempts may be made.
    #[error("the run has used all of its {limit} steps (limits.max_steps)")]
    NoStepsLeft {
        /// The limit.
        limit: u32,
    },
}

fn reissued(call: CallOf, attempt: u32, execution: u32) -> Event {
    Event::CallReissued {
        call,
        attempt,
        execution: execution + 1,
    }
}

fn poisoned(executions: u32) -> Failure {
    Failure::new(
        "poisoned",
        format!("the host ended {executions} times while the call was under way"),
    )
}

fn facts_at(now: Timestamp) -> CallFacts {
    CallFacts {
        ready: now,
        queued: now,
        admitted: now,
        started: now,
        finished: now,
        ..CallFacts::default()
    }
}

fn humantime(duration: std::time::Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// A wish about grants that cannot be acted on.
fn refused(id: &str, by: &str, refusal: &RevokeError) -> Vec<Event> {
    vec![Event::InputRefused {
        input: id.to_owned(),
        reason: refusal.to_string(),
        by: Some(by.to_owned()),
        step: None,
        answer: None,
    }]
}
