//! Scripted guests in virtual time, the flows that they run in, and a host for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use menagerie_executor::{
    Began, BeginRun, Clock, ExecutorError, GateConfig, GuestAnswer, GuestReply, GuestUse, Guests,
    Host, HostParts, Nobody, Stopped, TokioClock, Watcher,
};
use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::command::{Call, CallRequest};
use menagerie_orchestration::decision::{Decision, Dependency, Ending, StepRequest, Wake};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallId, Event, Recorded};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::{
    AgentSpec, CallLimits, Flow, InputSpec, OnFailure, PluginSource, PluginUse, RetryPolicy,
    RunLimits,
};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::time::Timestamp;
use menagerie_orchestration::view::View;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// When every test begins.
pub(crate) const DAWN: Timestamp = Timestamp(1_000_000);

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// What a scripted agent does in one call.
#[derive(Clone)]
pub(crate) enum Work {
    Answer(Duration, Value),
    Fail(Duration, Failure),
    /// Not before there is a permit.
    When(Arc<Semaphore>, Value),
    /// Until it is cancelled.
    Forever,
    Panic,
}

/// One call of an agent, as the script saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) id: CallId,
    pub(crate) step: String,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Counts {
    calls: Vec<Seen>,
    decisions: u32,
    cancelled: u32,
    running: BTreeMap<String, usize>,
    most_at_once: usize,
    most_of_one_agent: usize,
    /// Steps whose end is known to be durable: none of them may be called again.
    finished: BTreeSet<String>,
}

type Decides = dyn Fn(&View) -> Decision + Send + Sync;
type Works = dyn Fn(&Call) -> Work + Send + Sync;

/// Scripted guests. Clones are the same guests.
#[derive(Clone)]
pub(crate) struct Script {
    decides: Arc<Decides>,
    works: Arc<Works>,
    reads_figures: bool,
    decides_by_computing: bool,
    counts: Arc<Mutex<Counts>>,
    called: watch::Sender<usize>,
}

impl Script {
    pub(crate) fn new(
        decides: impl Fn(&View) -> Decision + Send + Sync + 'static,
        works: impl Fn(&Call) -> Work + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            decides: Arc::new(decides),
            works: Arc::new(works),
            reads_figures: false,
            decides_by_computing: false,
            counts: Arc::default(),
            called: watch::Sender::new(0),
        })
    }

    /// The same, with a strategy that asks how agents have fared.
    pub(crate) fn reading_figures(self: Arc<Self>) -> Arc<Self> {
        Arc::new(Self {
            reads_figures: true,
            ..(*self).clone()
        })
    }

    /// The same, with a strategy that only computes, or not.
    pub(crate) fn computing(self: Arc<Self>, decides_by_computing: bool) -> Arc<Self> {
        Arc::new(Self {
            decides_by_computing,
            ..(*self).clone()
        })
    }

    /// All agents of the view at once, then the end.
    pub(crate) fn parallel(works: impl Fn(&Call) -> Work + Send + Sync + 'static) -> Arc<Self> {
        Self::new(|view| all_agents(view, |_, _| Vec::new()), works)
    }

    /// All agents of the view one after the other, then the end.
    pub(crate) fn sequence(works: impl Fn(&Call) -> Work + Send + Sync + 'static) -> Arc<Self> {
        let before =
            |names: &[String], at: usize| names[..at].last().cloned().into_iter().collect();
        Self::new(move |view| all_agents(view, before), works)
    }

    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.counts.lock().unwrap().calls.clone()
    }

    pub(crate) fn called(&self) -> Vec<String> {
        self.calls().into_iter().map(|seen| seen.step).collect()
    }

    pub(crate) fn decisions(&self) -> u32 {
        self.counts.lock().unwrap().decisions
    }

    pub(crate) fn cancelled(&self) -> u32 {
        self.counts.lock().unwrap().cancelled
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.counts.lock().unwrap().most_at_once
    }

    pub(crate) fn most_of_one_agent(&self) -> usize {
        self.counts.lock().unwrap().most_of_one_agent
    }

    /// From now on a call of one of these steps is a mistake.
    pub(crate) fn never_again(&self, steps: impl IntoIterator<Item = String>) {
        self.counts.lock().unwrap().finished.extend(steps);
    }

    /// Ends when this many calls of agents have begun.
    pub(crate) async fn until_called(&self, count: usize) {
        let mut called = self.called.subscribe();
        called.wait_for(|called| *called >= count).await.unwrap();
    }
}

impl Guests for Script {
    fn call(&self, call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        let this = self.clone();
        Box::pin(async move {
            if let CallRequest::Decide { view } = &call.request {
                this.counts.lock().unwrap().decisions += 1;
                return answer(Ok(GuestReply::Decision(Box::new((this.decides)(view)))));
            }
            let _running = Running::of(&this, &call);
            let work = (this.works)(&call);
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    this.counts.lock().unwrap().cancelled += 1;
                    answer(Err(Failure::new("cancelled", "nobody waits any more")))
                }
                answered = perform(work) => answered,
            }
        })
    }

    fn reads_figures(&self) -> bool {
        self.reads_figures
    }

    fn decides_by_computing(&self) -> bool {
        self.decides_by_computing
    }

    fn digest(&self, role: &str) -> String {
        format!("digest of {role}")
    }
}

async fn perform(work: Work) -> GuestAnswer {
    match work {
        Work::Answer(after, output) => {
            tokio::time::sleep(after).await;
            answer(Ok(GuestReply::Output {
                output: Document::from(output),
                confidence: None,
                attachments: Vec::new(),
            }))
        }
        Work::When(permits, output) => {
            permits.acquire().await.unwrap().forget();
            Box::pin(perform(Work::Answer(ms(0), output))).await
        }
        Work::Fail(after, failure) => {
            tokio::time::sleep(after).await;
            answer(Err(failure))
        }
        Work::Forever => std::future::pending().await,
        Work::Panic => panic!("as the script wants it"),
    }
}

fn answer(result: Result<GuestReply, Failure>) -> GuestAnswer {
    GuestAnswer {
        result,
        context: BTreeMap::new(),
        used: GuestUse::default(),
        log: None,
    }
}

/// Counts a call from its beginning to its end, however it ends.
struct Running {
    script: Script,
    role: String,
}

impl Running {
    fn of(script: &Script, call: &Call) -> Self {
        let role = call.role.to_string();
        let mut counts = script.counts.lock().unwrap();
        assert!(
            !counts.finished.contains(&call.step),
            "{} is called again after its end was durable",
            call.step
        );
        counts.calls.push(Seen {
            id: call.id,
            step: call.step.clone(),
            at: Instant::now(),
        });
        *counts.running.entry(role.clone()).or_default() += 1;
        let (one, all) = (counts.running[&role], counts.running.values().sum());
        counts.most_of_one_agent = counts.most_of_one_agent.max(one);
        counts.most_at_once = counts.most_at_once.max(all);
        script.called.send_replace(counts.calls.len());
        drop(counts);
        Self {
            script: script.clone(),
            role,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut counts = self.script.counts.lock().unwrap();
        *counts.running.get_mut(&self.role).unwrap() -= 1;
    }
}

/// Answers after 10 ms with the step's id and how long its input was.
pub(crate) fn echo(call: &Call) -> Work {
    let CallRequest::Process { input } = &call.request else {
        panic!("an agent is asked to process");
    };
    Work::Answer(ms(10), json!({ call.step.as_str(): input.len() }))
}

pub(crate) fn failure(code: &str) -> Failure {
    Failure::new(code, format!("as {code} as the script wants it"))
}

/// A decision that starts nothing and is asked again when all have finished.
pub(crate) fn nothing() -> Decision {
    Decision {
        start: Vec::new(),
        joins: Vec::new(),
        after: Vec::new(),
        wake: Wake::AllFinished,
        wake_on_failure: false,
        end: None,
        reason: "because".to_owned(),
        confidence: 1.0,
        metadata: Document::empty_object(),
    }
}

pub(crate) fn end() -> Decision {
    Decision {
        end: Some(Ending {
            status: "completed".to_owned(),
            reason: "all done".to_owned(),
            output: None,
        }),
        ..nothing()
    }
}

pub(crate) fn route(id: &str, agent: &str) -> StepRequest {
    StepRequest {
        id: id.to_owned(),
        agent: agent.to_owned(),
        input: None,
        kind: "route".to_owned(),
        reason: "its turn".to_owned(),
    }
}

/// One step for each agent, then the end; `before` says which steps come before which.
pub(crate) fn all_agents(
    view: &View,
    before: impl Fn(&[String], usize) -> Vec<String>,
) -> Decision {
    if view.decision > 1 {
        return end();
    }
    let names: Vec<String> = view.agents.iter().map(|agent| agent.name.clone()).collect();
    let dependency = |at: usize| Dependency {
        step: names[at].clone(),
        after: before(&names, at),
    };
    let after = (0..names.len()).map(dependency);
    Decision {
        start: names.iter().map(|name| route(name, name)).collect(),
        after: after
            .filter(|dependency| !dependency.after.is_empty())
            .collect(),
        ..nothing()
    }
}

pub(crate) fn uses(name: &str) -> PluginUse {
    PluginUse {
        plugin: PluginSource::Named(name.to_owned()),
        config: Document::empty_object(),
        limits: CallLimits::default(),
        grants: Default::default(),
    }
}

/// A flow of these agents with every default.
pub(crate) fn flow(agents: &[&str]) -> Flow {
    let agent = |name: &&str| AgentSpec {
        name: (*name).to_owned(),
        uses: uses(name),
        after: Vec::new(),
        priority: 0,
        estimated: None,
        retry: RetryPolicy::default(),
        timeout: Duration::from_secs(300),
        fallback: None,
        on_failure: OnFailure::Fail,
        max_load: 3,
    };
    Flow {
        name: "test".to_owned(),
        description: None,
        input: InputSpec::default(),
        agents: agents.iter().map(agent).collect(),
        strategy: uses("strategy"),
        aggregators: BTreeMap::new(),
        limits: RunLimits::default(),
    }
}

pub(crate) fn host(journal: Arc<dyn Journal>) -> Host {
    host_with(journal, GateConfig::default())
}

pub(crate) fn host_with(journal: Arc<dyn Journal>, gate: GateConfig) -> Host {
    host_of(journal, gate, Arc::new(TokioClock::starting_at(DAWN)))
}

/// A host whose clock has been going for longer than the host.
pub(crate) fn host_at(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Host {
    host_of(journal, GateConfig::default(), clock)
}

fn host_of(journal: Arc<dyn Journal>, gate: GateConfig, clock: Arc<dyn Clock>) -> Host {
    Host::new(HostParts {
        journal,
        clock,
        gate,
        inbox_interval: ms(100),
    })
}

pub(crate) fn key() -> RunKey {
    RunKey::in_default("run-1")
}

pub(crate) fn begin_of(key: RunKey) -> BeginRun {
    BeginRun {
        key,
        input: Document::from(json!({"question": 1})),
        files: Vec::new(),
        session: None,
    }
}

/// Begins `run-1` and drives it.
pub(crate) async fn begin(
    host: &Host,
    flow: &Flow,
    script: &Arc<Script>,
) -> Result<(Run, Stopped), ExecutorError> {
    begin_watched(host, flow, script, Arc::new(Nobody)).await
}

pub(crate) async fn begin_watched(
    host: &Host,
    flow: &Flow,
    script: &Arc<Script>,
    watcher: Arc<dyn Watcher>,
) -> Result<(Run, Stopped), ExecutorError> {
    let flow = Arc::new(flow.clone());
    match host
        .begin_with(flow, script.clone(), begin_of(key()), watcher)
        .await?
    {
        Began::Driven(run, stopped) => Ok((*run, stopped)),
        Began::Existing(row) => panic!("{} was there already", row.key),
    }
}

pub(crate) async fn resume(
    host: &Host,
    flow: &Flow,
    script: &Arc<Script>,
) -> Result<(Run, Stopped), ExecutorError> {
    let flow = Arc::new(flow.clone());
    host.resume_with(flow, script.clone(), &key(), Arc::new(Nobody))
        .await
}

/// All events of `run-1`.
pub(crate) async fn events(host: &Host) -> Vec<Recorded> {
    let events = host.events(&key(), 0, usize::MAX).await.unwrap();
    events.into_iter().map(|(_, recorded)| recorded).collect()
}

/// The types of all events of `run-1`.
pub(crate) async fn kinds(host: &Host) -> Vec<&'static str> {
    let events = events(host).await;
    events
        .iter()
        .map(|recorded| recorded.event.kind())
        .collect()
}

/// Steps that ended for good, as often as the journal says so.
pub(crate) fn ended_steps(events: &[Recorded]) -> Vec<String> {
    let ended = events.iter().filter_map(|recorded| match &recorded.event {
        Event::StepEnded { id, next: None, .. } => Some(id.clone()),
        _ => None,
    });
    ended.collect()
}
