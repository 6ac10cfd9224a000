//! What each event does to the state. The only place where a run changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::step::{Step, StepKind, StepStatus};
use super::{AgentRecord, Collision, ENDED_STEPS_KEPT, Ended, PendingDecision, Run, Waking};
use crate::artifact::ArtifactRef;
use crate::decision::{Decision, JoinRequest, StepRequest, Wake};
use crate::document::Document;
use crate::event::{
    AfterFailure, Answer, CallOf, EndStatus, Event, Recorded, StepNo, StepResult, Trigger,
};
use crate::failure::Failure;
use crate::plan;
use crate::state::State;
use crate::time::Timestamp;
use crate::view::{AgentFigures, HISTORY_IN_VIEW, HistoryEntry};

/// Collisions of keys that are kept for reports.
const COLLISIONS_KEPT: usize = 64;

impl Run {
    /// Takes one event, new or out of the journal.
    ///
    /// An event that does not fit the state changes nothing but the count: journals are checked
    /// for damage before they are folded, and a fold must not fail.
    pub fn apply(&mut self, recorded: &Recorded) {
        let at = recorded.at;
        // Between the other run's last event and the fork nothing of either was under way.
        if !matches!(recorded.event, Event::RunForked { .. }) {
            self.spend(at);
        }
        if let Some(entry) = HistoryEntry::of(self.data.next_seq, recorded) {
            self.note(entry);
        }
        match &recorded.event {
            Event::RunStarted {
                run,
                input,
                seed,
                limits,
                pins,
                artifacts,
                ..
            } => {
                let data = &mut self.data;
                data.id.clone_from(run);
                data.seed = *seed;
                data.limits = limits.clone();
                data.pins = pins.clone();
                data.artifacts.give(artifacts);
                data.attached = (1..).take(data.artifacts.all().len()).collect();
                data.started_at = at;
                data.state = State::from_input(input);
                data.input = Some(input.clone());
                for agent in &self.flow.agents {
                    data.agents
                        .insert(agent.name.clone(), AgentRecord::default());
                }
            }
            Event::DecisionRequested {
                decision,
                trigger,
                figures,
            } => {
                self.request_decision(*decision, *trigger, at);
                self.show(figures);
            }
            Event::Decided {
                decision, answer, ..
            } => self.take_decision(*decision, answer, at),
            Event::DecisionFailed {
                decision,
                failure,
                retry_at,
                ..
            } => {
                if let Some(pending) = &mut self.data.pending {
                    pending.last_failure = Some(failure.clone());
                    pending.retry_at = *retry_at;
                    self.forget_made(CallOf::Decision(*decision));
                }
            }
            Event::StepEnded {
                step,
                result,
                next,
                context,
                ..
            } => self.end_attempt(*step, result, next.as_ref(), context, at),
            Event::CallRetried { call, attempt } => self.retry_call(*call, *attempt, at),
            Event::CallReissued {
                call, execution, ..
            } => self.reissue_call(*call, *execution),
            Event::StepSkipped { step, .. } => self.finish(*step, StepStatus::Skipped, at),
            Event::Escalated { step, reason, .. } => self.escalate(*step, reason),
            Event::Answered { step, answer, .. } => self.answer(*step, answer, at),
            Event::Paused { .. } => self.data.paused = true,
            Event::Unpaused { .. } => {
                self.data.paused = false;
                self.data.reissued_in_pause = false;
            }
            Event::SharedSet {
                call,
                attempt,
                ordinal,
                key,
                value,
                outcome,
                ..
            } => {
                let of = (*call, *attempt);
                let change = (key.as_str(), value.as_ref());
                self.data.shared.take(of, *ordinal, change, *outcome);
            }
            Event::Migrated { plugins, .. } => {
                let changed = plugins
                    .iter()
                    .map(|(role, now)| (role.clone(), now.clone()));
                self.data.pins.plugins.extend(changed);
            }
            Event::ArtifactPut {
                call,
                attempt,
                ordinal,
                artifact,
                ..
            } => {
                let artifacts = &mut self.data.artifacts;
                let number = artifacts.take(artifact);
                artifacts.made.note((*call, *attempt), *ordinal, number);
            }
            Event::GrantRevoked {
                role, interface, ..
            } => {
                let taken = (role.clone(), interface.clone());
                self.data.revoked.insert(taken);
            }
            Event::GrantReturned {
                role, interface, ..
            } => {
                let taken = (role.clone(), interface.clone());
                self.data.revoked.remove(&taken);
            }
            Event::InputRefused { .. } => {}
            Event::Checkpointed { .. } => self.note_checkpoint(),
            Event::RunForked { run, input, .. } => self.become_fork(run, input.as_ref()),
            Event::RunEnded {
                status,
                reason,
                output,
                error,
            } => self.end_run(*status, reason, output.as_ref(), error.as_ref(), at),
        }
        self.data.next_seq += 1;
        self.data.last_at = at;
        self.data.spent.running_since = self.counts_time().then_some(at);
    }

    /// An attempt has ended: it is not executed again.
    fn forget_made(&mut self, call: CallOf) {
        self.data.shared.made.forget(call);
        self.data.artifacts.made.forget(call);
    }

    fn spend(&mut self, at: Timestamp) {
        if let Some(since) = self.data.spent.running_since {
            self.data.spent.counted += at.since(since);
        }
    }

    /// Whether the run's own time goes on: something runs, is decided, or backs off.
    fn counts_time(&self) -> bool {
        let data = &self.data;
        let timer = data
            .waking
            .as_ref()
            .is_some_and(|waking| waking.due.is_some());
        let busy = data.pending.is_some() || !data.active.is_empty() || timer;
        data.end.is_none() && !data.paused && busy
    }

    fn request_decision(&mut self, decision: u32, trigger: Trigger, at: Timestamp) {
        if self.asks_idly() {
            self.data.used_steps += 1;
        }
        let view = self.view(decision, trigger);
        let data = &mut self.data;
        data.decisions = decision;
        data.waking = None;
        data.ended_since_decision.clear();
        data.pending = Some(PendingDecision {
            attempt: 1,
            execution: 1,
            retry_at: None,
            requested_at: at,
            ready_at: at,
            last_failure: None,
            view: Arc::new(view),
        });
    }

    /// Shows the decision that is outstanding how agents have fared.
    pub(crate) fn show(&mut self, figures: &[AgentFigures]) {
        if let Some(pending) = &mut self.data.pending
            && pending.view.figures != figures
        {
            Arc::make_mut(&mut pending.view).figures = figures.to_vec();
        }
    }

    fn take_decision(&mut self, decision: u32, answer: &Decision, at: Timestamp) {
        self.forget_made(CallOf::Decision(decision));
        let seen = match self.data.pending.take() {
            Some(pending) => pending.view.state.clone(),
            None => self.data.state.clone(),
        };
        // What ended while the strategy decided was not in its view: it counts as ended after it.
        let meanwhile = &self.data.ended_since_decision;
        let failed = meanwhile.iter().any(|no| {
            let step = self.data.steps.get(no);
            step.is_some_and(|step| step.status == StepStatus::Failed)
        });
        self.data.waking = Some(Waking {
            wake: answer.wake.clone(),
            on_failure: answer.wake_on_failure,
            these: BTreeSet::new(),
            due: match answer.wake {
                Wake::Timer(milliseconds) => {
                    Some(at.plus(Duration::from_millis(u64::from(milliseconds))))
                }
                _ => None,
            },
            ended: u32::try_from(meanwhile.len()).unwrap_or(u32::MAX),
            failed,
        });
        let first = StepNo(self.data.last_step.0 + 1);
        // A step is numbered after those that it waits for: of two writers of a key the later
        // number stands, and that must be the one that saw the other's output.
        for index in plan::order(answer) {
            let step = match answer.start.get(index) {
                Some(request) => self.requested_step(request, decision, &seen),
                None => match answer.joins.get(index - answer.start.len()) {
                    Some(join) => self.join_step(join, decision, &seen),
                    None => continue,
                },
            };
            self.create(step);
        }
        self.wire(answer, first, at);
        self.prune();
    }

    fn requested_step(&self, request: &StepRequest, decision: u32, sees: &State) -> Step {
        let kind = match request.kind.as_str() {
            "retry" => StepKind::Retry,
            "skip" => StepKind::Skip,
            "escalate" => StepKind::Escalate,
            _ => StepKind::Route,
        };
        let mut step = self.blank_step(&request.id, &request.agent, kind, decision, sees);
        step.reason.clone_from(&request.reason);
        step.given.clone_from(&request.input);
        if step.kind == StepKind::Retry {
            let record = self.data.agents.get(&request.agent);
            step.error = record.and_then(|record| record.last_fault.clone());
        }
        step
    }

    fn join_step(&self, join: &JoinRequest, decision: u32, sees: &State) -> Step {
        let members = join
            .members
            .iter()
            .filter_map(|member| self.data.ids.get(member).copied())
            .collect();
        let kind = StepKind::Join {
            members,
            config: join.config.clone(),
        };
        let mut step = self.blank_step(&join.id, &join.aggregator, kind, decision, sees);
        step.reason.clone_from(&join.reason);
        step
    }

    fn blank_step(
        &self,
        id: &str,
        agent: &str,
        kind: StepKind,
        decision: u32,
        sees: &State,
    ) -> Step {
        Step {
            no: StepNo(self.data.last_step.0 + 1),
            id: id.to_owned(),
            agent: agent.to_owned(),
            kind,
            status: StepStatus::Pending,
            attempt: 0,
            execution: 0,
            retries: 0,
            reason: String::new(),
            decision,
            given: None,
            sees: sees.clone(),
            missing: 0,
            dependents: Vec::new(),
            broken_by: None,
            joined: false,
            output: None,
            confidence: None,
            error: None,
            hints: BTreeMap::new(),
            own_context: Arc::default(),
            attachments: self.data.attached.clone(),
            attaches: BTreeSet::new(),
            ready_at: Timestamp::default(),
            began_at: None,
            ended_at: None,
            critical_path_ms: 0,
        }
    }

    fn create(&mut self, step: Step) {
        let data = &mut self.data;
        data.last_step = step.no;
        data.used_steps += 1;
        data.ids.insert(step.id.clone(), step.no);
        data.unended.insert(step.no);
        if step.kind == StepKind::Retry {
            data.retries += 1;
            if let Some(record) = data.agents.get_mut(&step.agent) {
                record.counts.retries += 1;
            }
        }
        data.steps.insert(step.no, step);
    }

    /// Lets the steps of a decision wait for what they name, and frees those that need not.
    fn wire(&mut self, answer: &Decision, first: StepNo, at: Timestamp) {
        let mut edges: Vec<(StepNo, StepNo)> = Vec::new();
        let number = |id: &String| self.data.ids.get(id).copied();
        for join in &answer.joins {
            let Some(no) = number(&join.id) else { continue };
            edges.extend(
                join.members
                    .iter()
                    .filter_map(number)
                    .map(|member| (no, member)),
            );
        }
        for dependency in &answer.after {
            let Some(no) = number(&dependency.step) else {
                continue;
            };
            edges.extend(
                dependency
                    .after
                    .iter()
                    .filter_map(number)
                    .map(|target| (no, target)),
            );
        }
        edges.sort_unstable();
        edges.dedup();
        if let (Wake::These(ids), Some(waking)) = (&answer.wake, &mut self.data.waking) {
            let unended = &self.data.unended;
            let numbers = ids.iter().filter_map(|id| self.data.ids.get(id).copied());
            waking.these = numbers.filter(|no| unended.contains(no)).collect();
        }
        for (no, target) in edges {
            self.wait_for(no, target);
        }
        for join in &answer.joins {
            for member in &join.members {
                if let Some(no) = self.data.ids.get(member)
                    && let Some(step) = self.data.steps.get_mut(no)
                {
                    step.joined = true;
                }
            }
        }
        self.measure_critical_paths(first);
        let created: Vec<StepNo> = self.data.steps.range(first..).map(|(no, _)| *no).collect();
        for no in created {
            if self
                .data
                .steps
                .get(&no)
                .is_some_and(|step| step.missing == 0)
            {
                self.free(no, at);
            }
        }
    }

    fn wait_for(&mut self, no: StepNo, target: StepNo) {
        let Some(dependency) = self.data.steps.get_mut(&target) else {
            return;
        };
        if !dependency.status.is_final() {
            dependency.dependents.push(no);
            if let Some(step) = self.data.steps.get_mut(&no) {
                step.missing += 1;
            }
            return;
        }
        // What an ended step left is in the run's state, with whatever else ended meanwhile.
        let broken = breaks(dependency);
        if let Some(step) = self.data.steps.get_mut(&no) {
            step.sees.join(&self.data.state);
            if !is_member(step, target) {
                step.broken_by = step.broken_by.take().or(broken);
            }
        }
    }

    /// The longest chain of estimates behind each new step, from the last ones back.
    fn measure_critical_paths(&mut self, first: StepNo) {
        let mut left: BTreeMap<StepNo, usize> = BTreeMap::new();
        let mut before: BTreeMap<StepNo, Vec<StepNo>> = BTreeMap::new();
        for (no, step) in self.data.steps.range(first..) {
            left.insert(*no, step.dependents.len());
            for dependent in &step.dependents {
                before.entry(*dependent).or_default().push(*no);
            }
        }
        let mut done: Vec<StepNo> = left
            .iter()
            .filter(|(_, n)| **n == 0)
            .map(|(no, _)| *no)
            .collect();
        while let Some(no) = done.pop() {
            let Some(step) = self.data.steps.get(&no) else {
                continue;
            };
            let behind = step
                .dependents
                .iter()
                .filter_map(|no| self.data.steps.get(no));
            let longest = behind.map(|step| step.critical_path_ms).max().unwrap_or(0);
            let estimated = self
                .flow
                .agent(&step.agent)
                .and_then(|agent| agent.estimated);
            let own = estimated.map_or(1, |time| {
                u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
            });
            if let Some(step) = self.data.steps.get_mut(&no) {
                step.critical_path_ms = longest.saturating_add(own);
            }
            for earlier in before.remove(&no).unwrap_or_default() {
                if let Some(count) = left.get_mut(&earlier) {
                    *count -= 1;
                    if *count == 0 {
                        done.push(earlier);
                    }
                }
            }
        }
    }

    /// Nothing stands in the step's way any more.
    fn free(&mut self, no: StepNo, at: Timestamp) {
        let Some(step) = self.data.steps.get(&no) else {
            return;
        };
        let runs = match step.kind {
            StepKind::Join { .. } | StepKind::Route | StepKind::Retry => step.broken_by.is_none(),
            StepKind::Skip | StepKind::Escalate => false,
        };
        if runs {
            self.make_ready(no, at);
        } else {
            self.data.due.insert(no);
        }
    }

    fn make_ready(&mut self, no: StepNo, at: Timestamp) {
        let data = &mut self.data;
        let Some(step) = data.steps.get_mut(&no) else {
            return;
        };
        step.status = StepStatus::Ready;
        step.attempt += 1;
        step.execution = 1;
        step.ready_at = at;
        step.began_at.get_or_insert(at);
        data.active.insert(no);
        step.own_context = match data.agents.get_mut(&step.agent) {
            Some(record) => {
                record.counts.running += 1;
                record.context.clone()
            }
            None => Arc::default(),
        };
    }

    /// The step's agent does not work on it any more, for now or for good.
    fn leave_agent(&mut self, no: StepNo) {
        let data = &mut self.data;
        data.active.remove(&no);
        let Some(step) = data.steps.get(&no) else {
            return;
        };
        let Some(record) = data.agents.get_mut(&step.agent) else {
            return;
        };
        match step.status {
            StepStatus::Ready => record.counts.running = record.counts.running.saturating_sub(1),
            StepStatus::Backoff { .. } => {
                record.counts.in_error = record.counts.in_error.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn end_attempt(
        &mut self,
        no: StepNo,
        result: &StepResult,
        next: Option<&AfterFailure>,
        context: &BTreeMap<String, Document>,
        at: Timestamp,
    ) {
        self.leave_agent(no);
        self.forget_made(CallOf::Step(no));
        let data = &mut self.data;
        let ready = data.steps.get_mut(&no);
        let Some(step) = ready.filter(|step| step.status == StepStatus::Ready) else {
            return;
        };
        data.finished_attempts += 1;
        match result {
            StepResult::Completed {
                output,
                confidence,
                attachments,
            } => {
                let named = |attached: &ArtifactRef| data.artifacts.named(&attached.id);
                let own = attachments.iter().filter_map(named);
                step.attaches = own.map(|(number, _)| number).collect();
                step.output = Some(output.clone());
                step.confidence = *confidence;
                step.error = None;
                if let Some(record) = data.agents.get_mut(&step.agent) {
                    record.last_fault = None;
                    let kept = context
                        .iter()
                        .map(|(key, value)| (key.clone(), value.clone()));
                    if !context.is_empty() {
                        Arc::make_mut(&mut record.context).extend(kept);
                    }
                }
                let (agent, id) = (step.agent.clone(), step.id.clone());
                self.finish(no, StepStatus::Completed, at);
                self.want_checkpoint(&agent, &id);
            }
            StepResult::Failed(failure) => {
                data.failed_attempts += 1;
                step.error = Some(failure.clone());
                if let Some(record) = data.agents.get_mut(&step.agent) {
                    record.last_fault = Some(failure.clone());
                }
                self.follow_failure(no, next, at);
            }
        }
    }

    fn follow_failure(&mut self, no: StepNo, next: Option<&AfterFailure>, at: Timestamp) {
        let data = &mut self.data;
        let Some(step) = data.steps.get_mut(&no) else {
            return;
        };
        match next {
            Some(AfterFailure::Retry { at: until }) => {
                step.status = StepStatus::Backoff { until: *until };
                data.active.insert(no);
                // Used now, so that attempts scheduled at once cannot exceed the limit together.
                data.used_steps += 1;
                if let Some(record) = data.agents.get_mut(&step.agent) {
                    record.counts.in_error += 1;
                }
            }
            Some(AfterFailure::Fallback { agent }) => {
                step.agent.clone_from(agent);
                step.retries = 0;
                data.used_steps += 1;
                self.make_ready(no, at);
            }
            Some(AfterFailure::Escalate) => {
                step.status = StepStatus::Pending;
                data.due.insert(no);
            }
            Some(AfterFailure::Skip) => self.finish(no, StepStatus::Skipped, at),
            Some(AfterFailure::Fail) | None => self.finish(no, StepStatus::Failed, at),
        }
    }

    fn retry_call(&mut self, call: CallOf, attempt: u32, at: Timestamp) {
        match call {
            CallOf::Decision(_) => {
                if let Some(pending) = &mut self.data.pending {
                    pending.attempt = attempt;
                    pending.execution = 1;
                    pending.retry_at = None;
                    pending.ready_at = at;
                }
            }
            CallOf::Step(no) => {
                self.leave_agent(no);
                let data = &mut self.data;
                let Some(step) = data.steps.get_mut(&no) else {
                    return;
                };
                step.retries += 1;
                data.retries += 1;
                if let Some(record) = data.agents.get_mut(&step.agent) {
                    record.counts.retries += 1;
                }
                self.make_ready(no, at);
            }
        }
    }

    fn reissue_call(&mut self, call: CallOf, execution: u32) {
        self.data.reissued_in_pause = self.data.paused;
        match call {
            CallOf::Decision(_) => {
                if let Some(pending) = &mut self.data.pending {
                    pending.execution = execution;
                }
            }
            CallOf::Step(no) => {
                if let Some(step) = self.data.steps.get_mut(&no) {
                    step.execution = execution;
                }
            }
        }
    }

    fn escalate(&mut self, no: StepNo, reason: &str) {
        let data = &mut self.data;
        data.due.remove(&no);
        if let Some(step) = data.steps.get_mut(&no) {
            step.status = StepStatus::Waiting {
                reason: reason.to_owned(),
            };
            data.waiting.insert(no);
        }
    }

    fn answer(&mut self, no: StepNo, answer: &Answer, at: Timestamp) {
        let data = &mut self.data;
        data.waiting.remove(&no);
        let Some(step) = data.steps.get_mut(&no) else {
            return;
        };
        match answer {
            Answer::Retry { hints } => {
                step.hints.clone_from(hints);
                step.retries = 0;
                data.used_steps += 1;
                self.make_ready(no, at);
            }
            Answer::Reroute { agent } => {
                step.agent.clone_from(agent);
                step.retries = 0;
                data.used_steps += 1;
                self.make_ready(no, at);
            }
            Answer::Skip => self.finish(no, StepStatus::Skipped, at),
            Answer::Continue => self.finish(no, StepStatus::Completed, at),
            // The run's end follows as an event of its own.
            Answer::Abort => {}
        }
    }

    /// The step has ended: its output goes to the state, and who waited for it goes on.
    fn finish(&mut self, no: StepNo, status: StepStatus, at: Timestamp) {
        let data = &mut self.data;
        let unended = data.steps.get_mut(&no);
        let Some(step) = unended.filter(|step| !step.status.is_final()) else {
            return;
        };
        step.status = status;
        step.ended_at = Some(at);
        // An ended step keeps its output alone; what it saw goes on to those that depend on it.
        let mut leaves = std::mem::take(&mut step.sees);
        step.own_context = Arc::default();
        // What it was given goes on with what it attached to those that depend on it, and what it
        // attached to all that is asked for later.
        let mut hands_on = std::mem::take(&mut step.attachments);
        hands_on.extend(&step.attaches);
        data.attached.extend(&step.attaches);
        if let (Some(output), false) = (&step.output, step.joined) {
            let otherwise = format!("{}_output", step.agent);
            for (key, other) in data.state.overwritten(&leaves, no, &otherwise, output) {
                if data.collisions.len() < COLLISIONS_KEPT {
                    let (kept, dropped) = (no.max(other), no.min(other));
                    data.collisions.push(Collision { key, kept, dropped });
                }
            }
            leaves.write_both(&mut data.state, no, &otherwise, output);
        }
        let duration = step.duration_ms();
        data.current_step = Some((step.id.clone(), duration));
        if let Some(record) = data.agents.get_mut(&step.agent) {
            record.last_duration_ms = duration.or(record.last_duration_ms);
            match step.status {
                StepStatus::Completed => record.counts.completed += 1,
                StepStatus::Failed => record.counts.failed += 1,
                StepStatus::Skipped => record.counts.skipped += 1,
                _ => {}
            }
        }
        if let Some(waking) = &mut data.waking {
            waking.ended += 1;
            waking.these.remove(&no);
            waking.failed |= step.status == StepStatus::Failed;
        }
        let broken = breaks(step);
        let dependents = std::mem::take(&mut step.dependents);
        let members = match &step.kind {
            StepKind::Join { members, .. } => members.clone(),
            _ => Vec::new(),
        };
        for set in [
            &mut data.active,
            &mut data.unended,
            &mut data.waiting,
            &mut data.due,
        ] {
            set.remove(&no);
        }
        data.ended_since_decision.push(no);
        data.ended_steps.push_back(no);
        for member in members {
            if self.data.held.remove(&member) {
                self.forget(member);
            }
        }
        for dependent in dependents {
            if let Some(step) = self.data.steps.get_mut(&dependent) {
                step.attachments.extend(&hands_on);
            }
            self.tell(dependent, no, &leaves, broken.as_ref(), at);
        }
    }

    fn tell(
        &mut self,
        no: StepNo,
        ended: StepNo,
        leaves: &State,
        broken: Option<&String>,
        at: Timestamp,
    ) {
        let Some(step) = self.data.steps.get_mut(&no) else {
            return;
        };
        step.sees.join(leaves);
        if !is_member(step, ended) && step.broken_by.is_none() {
            step.broken_by = broken.cloned();
        }
        step.missing = step.missing.saturating_sub(1);
        if step.missing == 0 {
            self.free(no, at);
        }
    }

    fn note(&mut self, entry: HistoryEntry) {
        if self.data.history.len() == HISTORY_IN_VIEW {
            self.data.history.pop_front();
        }
        self.data.history.push_back(Arc::new(entry));
    }

    /// Forgets the oldest ended steps, so that a run's state does not grow with its length.
    fn prune(&mut self) {
        // What the strategy has not been shown is not old, however much of it there is.
        let unseen = self.data.ended_since_decision.len();
        while self.data.ended_steps.len() > ENDED_STEPS_KEPT.max(unseen) {
            let Some(no) = self.data.ended_steps.pop_front() else {
                return;
            };
            if self.is_needed(no) {
                self.data.held.insert(no);
            } else {
                self.forget(no);
            }
        }
    }

    /// Whether a join that has not ended needs the step's output.
    fn is_needed(&self, no: StepNo) -> bool {
        let data = &self.data;
        let joined = data.steps.get(&no).is_some_and(|step| step.joined);
        joined
            && data.unended.iter().any(|join| {
                let join = data.steps.get(join);
                join.is_some_and(|join| is_member(join, no))
            })
    }

    fn forget(&mut self, no: StepNo) {
        if let Some(step) = self.data.steps.remove(&no) {
            self.data.ids.remove(&step.id);
        }
    }

    fn end_run(
        &mut self,
        status: EndStatus,
        reason: &str,
        output: Option<&Document>,
        error: Option<&Failure>,
        at: Timestamp,
    ) {
        let data = &mut self.data;
        for no in std::mem::take(&mut data.unended) {
            if let Some(step) = data.steps.get_mut(&no) {
                step.status = StepStatus::Cancelled;
                step.ended_at = Some(at);
            }
        }
        data.active.clear();
        data.waiting.clear();
        data.due.clear();
        data.pending = None;
        data.waking = None;
        data.shared.made.forget_all();
        data.artifacts.made.forget_all();
        data.output = output.cloned();
        data.end = Some(Ended {
            status,
            reason: reason.to_owned(),
            error: error.cloned(),
        });
    }
}

/// What a failed step, or one left out because of a failed one, does to those that depend on it.
fn breaks(step: &Step) -> Option<String> {
    match step.status {
        StepStatus::Failed | StepStatus::Cancelled => Some(step.id.clone()),
        StepStatus::Skipped => step.broken_by.clone(),
        _ => None,
    }
}

fn is_member(step: &Step, no: StepNo) -> bool {
    matches!(&step.kind, StepKind::Join { members, .. } if members.contains(&no))
}
