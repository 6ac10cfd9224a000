//! A run in virtual time, driven by a script: who answers what, when.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_orchestration::artifact::{ArtifactRef, GivenArtifact, NewArtifact};
use menagerie_orchestration::command::{Call, CallRequest, Command};
use menagerie_orchestration::decision::{
    Decision, Dependency, Ending, JoinRequest, StepRequest, Wake,
};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{
    Answer, CallFacts, CallId, Event, Pins, Recorded, SharedOutcome, StepResult, TimerId, Trigger,
};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::input::{Input, Start, Wish};
use menagerie_orchestration::replay::Replay;
use menagerie_orchestration::run::step::Step;
use menagerie_orchestration::run::{Run, RunStatus};
use menagerie_orchestration::shared::SharedChange;
use menagerie_orchestration::time::Timestamp;
use menagerie_orchestration::view::{AgentView, View};
use menagerie_orchestration::wire;
use serde_json::{Value, json};

use crate::invariants;

pub(crate) const SEED: u64 = 7;
/// When every story begins.
pub(crate) const DAWN: Timestamp = Timestamp(1_000_000);

/// A decision under construction: starts nothing, wakes when all have finished.
#[derive(Clone)]
pub(crate) struct Plan(pub(crate) Decision);

pub(crate) fn plan() -> Plan {
    Plan(Decision {
        start: Vec::new(),
        joins: Vec::new(),
        after: Vec::new(),
        wake: Wake::AllFinished,
        wake_on_failure: false,
        end: None,
        reason: "because".to_owned(),
        confidence: 1.0,
        metadata: Document::empty_object(),
    })
}

impl Plan {
    pub(crate) fn step(mut self, kind: &str, id: &str, agent: &str) -> Self {
        self.0.start.push(StepRequest {
            id: id.to_owned(),
            agent: agent.to_owned(),
            input: None,
            kind: kind.to_owned(),
            reason: format!("{kind} {id}"),
        });
        self
    }

    pub(crate) fn route(self, id: &str, agent: &str) -> Self {
        self.step("route", id, agent)
    }

    pub(crate) fn given(mut self, input: Value) -> Self {
        self.0.start.last_mut().unwrap().input = Some(Document::from(input));
        self
    }

    pub(crate) fn after(mut self, step: &str, after: &[&str]) -> Self {
        self.0.after.push(Dependency {
            step: step.to_owned(),
            after: owned(after),
        });
        self
    }

    pub(crate) fn join(mut self, id: &str, aggregator: &str, members: &[&str]) -> Self {
        self.0.joins.push(JoinRequest {
            id: id.to_owned(),
            aggregator: aggregator.to_owned(),
            members: owned(members),
            config: None,
            reason: format!("join {id}"),
        });
        self
    }

    pub(crate) fn wake(mut self, wake: Wake) -> Self {
        self.0.wake = wake;
        self
    }

    pub(crate) fn wake_any(self) -> Self {
        self.wake(Wake::AnyFinished)
    }

    pub(crate) fn wake_these(self, steps: &[&str]) -> Self {
        self.wake(Wake::These(owned(steps)))
    }

    pub(crate) fn wake_on_failure(mut self) -> Self {
        self.0.wake_on_failure = true;
        self
    }

    pub(crate) fn end(mut self, status: &str) -> Self {
        self.0.end = Some(Ending {
            status: status.to_owned(),
            reason: format!("to be {status}"),
            output: None,
        });
        self
    }

    pub(crate) fn output(mut self, output: Value) -> Self {
        self.0.end.as_mut().unwrap().output = Some(Document::from(output));
        self
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A run, its clock and its journal.
pub(crate) struct Story {
    pub(crate) run: Run,
    pub(crate) flow: Arc<Flow>,
    pub(crate) now: Timestamp,
    pub(crate) journal: Vec<Recorded>,
}

/// A file as it is known to the machine.
pub(crate) fn given(name: &str, content: &str) -> GivenArtifact {
    GivenArtifact {
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        digest: wire::digest(content.as_bytes()),
        size: content.len() as u64,
    }
}

/// What a run of the flow stays on, as far as the machine looks at it.
fn pins(flow: &Flow) -> Pins {
    let agents = flow.agents.iter();
    let granted = agents.map(|agent| {
        let role = format!("agent:{}", agent.name);
        (role, agent.uses.grants.interfaces())
    });
    Pins {
        plugins: BTreeMap::from([("agent:a".to_owned(), "sha256:one".to_owned())]),
        grants: granted.filter(|(_, grants)| !grants.is_empty()).collect(),
        ..Pins::default()
    }
}

/// The input by which every story's run begins.
pub(crate) fn start(flow: &Flow, input: Value) -> Input {
    Input::Start(Box::new(Start {
        run: "run-1".to_owned(),
        input: Document::from(input),
        seed: SEED,
        limits: flow.limits.clone(),
        pins: pins(flow),
        artifacts: Vec::new(),
    }))
}

impl Story {
    /// A run that has just asked its strategy for the first time.
    pub(crate) fn of(flow: Flow) -> Self {
        Self::with_input(flow, json!({"input": 1}))
    }

    pub(crate) fn with_input(flow: Flow, input: Value) -> Self {
        let flow = Arc::new(flow);
        let mut story = Self {
            run: Run::new(flow.clone()),
            now: DAWN,
            journal: Vec::new(),
            flow,
        };
        story.advance(&[start(&story.flow.clone(), input)]);
        story
    }

    /// Feeds inputs; every invariant is checked. Answers with the lines of what happened.
    pub(crate) fn advance(&mut self, inputs: &[Input]) -> Vec<String> {
        let foretold = self.run.decide(inputs, self.now);
        let recorded = self.run.advance(inputs, self.now);
        assert_eq!(foretold, recorded, "decide foretells advance");
        invariants::check_batch(&self.journal, &recorded);
        self.journal.extend(recorded.iter().cloned());
        invariants::check_state(&self.run);
        recorded
            .iter()
            .map(|recorded| line(&recorded.event))
            .collect()
    }

    /// The journal folds to the same run, from its beginning and from a snapshot at every place, and is
    /// told again.
    pub(crate) fn is_told_again(&self) {
        let mut replay = Replay::new(self.flow.clone());
        let mut fold = Run::new(self.flow.clone());
        for event in &self.journal {
            replay.take(event).unwrap();
            fold.apply(event);
            let bytes = fold.snapshot().unwrap();
            assert_eq!(Run::restore(self.flow.clone(), &bytes).unwrap(), fold);
        }
        assert_eq!(fold, self.run);
        assert_eq!(replay.finish().unwrap(), self.run);
    }

    pub(crate) fn later(&mut self, milliseconds: i64) -> &mut Self {
        self.now.0 += milliseconds;
        self
    }

    /// The calls that are outstanding, by step id, in the order of admission.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.call_ids()
            .into_iter()
            .map(|id| self.run.call(id).unwrap().step)
            .collect()
    }

    pub(crate) fn call_ids(&self) -> Vec<CallId> {
        self.run
            .outstanding()
            .into_iter()
            .filter_map(|command| match command {
                Command::Call { id, .. } => Some(id),
                Command::Timer { .. } => None,
            })
            .collect()
    }

    pub(crate) fn timers(&self) -> BTreeMap<TimerId, Timestamp> {
        self.run
            .outstanding()
            .into_iter()
            .filter_map(|command| match command {
                Command::Timer { id, due } => Some((id, due)),
                Command::Call { .. } => None,
            })
            .collect()
    }

    /// The outstanding call of that step.
    pub(crate) fn call(&self, step: &str) -> Call {
        let mut calls = self
            .call_ids()
            .into_iter()
            .map(|id| self.run.call(id).unwrap());
        match calls.find(|call| call.step == step) {
            Some(call) => call,
            None => panic!("no call of `{step}` is outstanding: {:?}", self.calls()),
        }
    }

    /// What the agent of an outstanding call is given.
    pub(crate) fn input_of(&self, step: &str) -> Value {
        match self.call(step).request {
            CallRequest::Process { input } => serde_json::from_str(&input).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The decision that is outstanding, as `decision-N`.
    pub(crate) fn asked(&self) -> Option<String> {
        self.calls()
            .into_iter()
            .find(|step| step.starts_with("decision-"))
    }

    pub(crate) fn view(&self) -> Arc<View> {
        match self.call(&self.asked().unwrap()).request {
            CallRequest::Decide { view } => view,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn view_of_agent(&self, name: &str) -> AgentView {
        let view = self.run.view(self.run.decisions(), Trigger::Wake);
        view.agents
            .into_iter()
            .find(|agent| agent.name == name)
            .unwrap()
    }

    pub(crate) fn decided(&self, plan: Plan) -> Input {
        self.decided_as(Ok(Box::new(plan.0)))
    }

    pub(crate) fn decided_as(&self, result: Result<Box<Decision>, Failure>) -> Input {
        let asked = self.asked().unwrap();
        Input::Decided {
            call: self.call(&asked).id,
            result,
            facts: CallFacts::default(),
            log: None,
        }
    }

    /// The strategy answers the decision that is outstanding.
    pub(crate) fn decides(&mut self, plan: Plan) -> Vec<String> {
        let input = self.decided(plan);
        self.advance(&[input])
    }

    pub(crate) fn ended(&self, step: &str, result: StepResult) -> Input {
        Input::StepEnded {
            call: self.call(step).id,
            result,
            context: BTreeMap::new(),
            facts: CallFacts::default(),
            log: None,
        }
    }

    pub(crate) fn completed(&self, step: &str, output: Value) -> Input {
        self.ended(step, completed(output))
    }

    pub(crate) fn failed(&self, step: &str, code: &str) -> Input {
        self.ended(step, StepResult::Failed(Failure::new(code, "as told")))
    }

    pub(crate) fn completes(&mut self, step: &str, output: Value) -> Vec<String> {
        let input = self.completed(step, output);
        self.advance(&[input])
    }

    pub(crate) fn fails(&mut self, step: &str, code: &str) -> Vec<String> {
        let input = self.failed(step, code);
        self.advance(&[input])
    }

    /// Goes to the time of the next timer but the run's total, and fires it.
    pub(crate) fn next_timer(&mut self) -> Vec<String> {
        let timers = self.timers();
        let next = timers
            .iter()
            .filter(|(id, _)| **id != TimerId::Total)
            .min_by_key(|(_, due)| **due);
        let (id, due) = next.unwrap();
        let input = Input::TimerFired(*id);
        self.now = self.now.max(*due);
        self.advance(&[input])
    }

    pub(crate) fn wish(&mut self, wish: Wish) -> Vec<String> {
        self.advance(&[wished(wish)])
    }

    pub(crate) fn answers(&mut self, step: &str, answer: Answer) -> Vec<String> {
        self.wish(Wish::Answer {
            step: Some(step.to_owned()),
            answer,
        })
    }

    /// A change of what the steps share, as the outstanding call of a step asks for it.
    pub(crate) fn change(
        &self,
        step: &str,
        ordinal: u32,
        (key, expected): (&str, Option<u32>),
        value: impl Into<Option<Value>>,
    ) -> Input {
        let ids = self.call_ids().into_iter();
        let mut asking = ids.filter(|id| self.run.call(*id).unwrap().step == step);
        Input::SharedSet(Box::new(SharedChange {
            call: asking.next().unwrap(),
            ordinal,
            key: key.to_owned(),
            expected,
            value: value.into().map(Document::from),
        }))
    }

    /// An artifact, as the outstanding call of a step makes it.
    pub(crate) fn put(&self, step: &str, ordinal: u32, name: &str, content: &str) -> Input {
        let ids = self.call_ids().into_iter();
        let mut asking = ids.filter(|id| self.run.call(*id).unwrap().step == step);
        Input::ArtifactPut(Box::new(NewArtifact {
            call: asking.next().unwrap(),
            ordinal,
            artifact: given(name, content),
        }))
    }

    /// A step's answer with artifacts, by their ids.
    pub(crate) fn attaching(&self, step: &str, ids: &[&str]) -> Input {
        let mut input = self.completed(step, json!({}));
        if let Input::StepEnded {
            result: StepResult::Completed { attachments, .. },
            ..
        } = &mut input
        {
            attachments.extend(ids.iter().map(|id| {
                let known = self.run.artifact(id);
                ArtifactRef {
                    id: (*id).to_owned(),
                    media_type: known.map_or_else(String::new, |known| known.media_type.clone()),
                    digest: known.map_or_else(String::new, |known| known.digest.clone()),
                }
            }));
        }
        input
    }

    /// The ids of the artifacts that a step's outstanding call is given.
    pub(crate) fn given(&self, step: &str) -> Vec<String> {
        let attachments = self.call(step).attachments.into_iter();
        attachments.map(|artifact| artifact.id).collect()
    }

    pub(crate) fn status(&self) -> RunStatus {
        self.run.status()
    }

    pub(crate) fn result(&self) -> Value {
        self.run.result().value().clone()
    }

    pub(crate) fn step(&self, id: &str) -> &Step {
        self.run.steps().find(|step| step.id == id).unwrap()
    }

    pub(crate) fn status_of(&self, id: &str) -> &'static str {
        self.step(id).status.word()
    }

    /// The code of the failure that the run ended with.
    pub(crate) fn error(&self) -> Option<&str> {
        let ended = self.run.ended()?;
        ended.error.as_ref().map(|error| error.code.as_str())
    }
}

pub(crate) fn completed(output: Value) -> StepResult {
    StepResult::Completed {
        output: Document::from(output),
        confidence: None,
        attachments: Vec::new(),
    }
}

pub(crate) fn wished(wish: Wish) -> Input {
    Input::Wish {
        id: "wish-1".to_owned(),
        by: "ann".to_owned(),
        wish,
    }
}

/// An event in a few words.
pub(crate) fn line(event: &Event) -> String {
    use menagerie_orchestration::event::AfterFailure as Next;
    match event {
        Event::RunStarted { .. } => "run started".to_owned(),
        Event::DecisionRequested {
            decision, trigger, ..
        } => format!("asked {decision} {trigger:?}").to_lowercase(),
        Event::Decided { decision, .. } => format!("decided {decision}"),
        Event::DecisionFailed {
            decision,
            failure,
            retry_at,
            ..
        } => {
            let next = if retry_at.is_some() { "retry" } else { "final" };
            format!("decision {decision} failed {} {next}", failure.code)
        }
        Event::StepEnded {
            id, result, next, ..
        } => match (result, next) {
            (StepResult::Completed { .. }, _) => format!("{id} completed"),
            (StepResult::Failed(failure), next) => {
                let next = match next {
                    Some(Next::Retry { .. }) => "retry".to_owned(),
                    Some(Next::Fallback { agent }) => format!("fallback {agent}"),
                    Some(Next::Skip) => "skip".to_owned(),
                    Some(Next::Escalate) => "escalate".to_owned(),
                    Some(Next::Fail) | None => "final".to_owned(),
                };
                format!("{id} failed {} {next}", failure.code)
            }
        },
        Event::CallRetried { attempt, .. } => format!("retried {attempt}"),
        Event::CallReissued { execution, .. } => format!("reissued {execution}"),
        Event::StepSkipped { id, reason, .. } => format!("{id} skipped: {reason}"),
        Event::Escalated { id, kind, .. } => format!("{id} escalated {kind}"),
        Event::Answered { id, answer, .. } => {
            let word = match answer {
                Answer::Retry { .. } => "retry",
                Answer::Skip => "skip",
                Answer::Reroute { .. } => "reroute",
                Answer::Continue => "continue",
                Answer::Abort => "abort",
            };
            format!("{id} answered {word}")
        }
        Event::Paused { .. } => "paused".to_owned(),
        Event::Migrated { plugins, .. } => {
            let roles: Vec<&str> = plugins.keys().map(String::as_str).collect();
            format!("migrated {}", roles.join(" "))
        }
        Event::Unpaused { .. } => "unpaused".to_owned(),
        Event::Checkpointed { id, .. } => id.clone(),
        Event::RunForked { run, .. } => format!("forked as {run}"),
        Event::ArtifactPut { id, artifact, .. } => {
            format!(
                "{id} put {} {} {}",
                artifact.id, artifact.name, artifact.version
            )
        }
        Event::GrantRevoked {
            role, interface, ..
        } => format!("{role} lost {interface}"),
        Event::GrantReturned {
            role, interface, ..
        } => format!("{role} has {interface} again"),
        Event::SharedSet {
            id,
            key,
            value,
            outcome,
            ..
        } => match outcome {
            SharedOutcome::Set { version } if value.is_none() => {
                format!("{id} took {key} away, as version {version}")
            }
            SharedOutcome::Set { version } => format!("{id} set {key} to version {version}"),
            SharedOutcome::Conflict { version: None } => format!("{id} found no {key}"),
            SharedOutcome::Conflict {
                version: Some(version),
            } => format!("{id} found version {version} of {key}"),
            SharedOutcome::Full => format!("{id} found no room for {key}"),
        },
        Event::InputRefused { reason, .. } => format!("refused: {reason}"),
        Event::RunEnded { status, .. } => format!("run {status:?}").to_lowercase(),
    }
}
