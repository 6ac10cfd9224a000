//! The real guests: components in the sandbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use menagerie_journal::{Claim, Journal, RunKey};
use menagerie_orchestration::command::{Call, CallRequest, PluginRole};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::CallId;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_sandbox::{
    ArtifactAccess, CallLog, CallReport, CallSpec, Catalogue, Ended, HistoryPager, HostWaits,
    Invocation, LogLine, NoWaits, Observer, Outside, Progress, Reply, Request, SharedAccess, types,
};
use tokio_util::sync::CancellationToken;

use crate::asking::Asking;
use crate::assemble::{Assembled, Part};
use crate::call_log::{Attempt, JournalCallLog};
use crate::chance;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::driver::Surroundings;
use crate::guests::{GuestAnswer, GuestReply, GuestUse, Guests};
use crate::held::HeldSlot;
use crate::history::JournalHistory;
use crate::pinned::Pinned;
use crate::translate::{self, Skills};
use crate::watch::{GuestProgress, Watcher};

/// What all calls of a run have in common, whether they are made or made again.
pub(crate) struct RunCalls {
    flow: Arc<Flow>,
    parts: BTreeMap<String, Part>,
    skills: Skills,
    reads_figures: bool,
    decides_by_computing: bool,
    seed: u64,
}

/// Through what a call reaches the host.
pub(crate) struct Ports {
    pub(crate) cancel: CancellationToken,
    pub(crate) call_log: Arc<dyn CallLog>,
    pub(crate) history: Arc<dyn HistoryPager>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) waits: Arc<dyn HostWaits>,
    pub(crate) asking: Arc<Asking>,
}

type Loaded = Arc<Mutex<BTreeMap<(String, String), Part>>>;

/// The guests of one run.
#[derive(Clone)]
pub(crate) struct WasmGuests {
    catalogue: Catalogue,
    calls: Arc<RunCalls>,
    /// Versions other than those of `calls` that are called instead, by role.
    migrated: BTreeMap<String, String>,
    /// Those of them that were called, by role and digest.
    loaded: Loaded,
    key: RunKey,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    claim: Claim,
    watcher: Arc<dyn Watcher>,
}

impl WasmGuests {
    pub(crate) fn new(
        catalogue: Catalogue,
        assembled: &Assembled,
        seed: u64,
        around: &Surroundings,
        claim: Claim,
        watcher: Arc<dyn Watcher>,
    ) -> Self {
        Self {
            catalogue,
            calls: Arc::new(RunCalls::of(assembled, seed)),
            migrated: BTreeMap::new(),
            loaded: Loaded::default(),
            key: claim.key().clone(),
            journal: around.journal.clone(),
            clock: around.clock.clone(),
            claim,
            watcher,
        }
    }

    fn ports(
        &self,
        call: &Call,
        waits: Arc<dyn HostWaits>,
        desk: Option<Desk>,
        cancel: CancellationToken,
    ) -> Ports {
        let (journal, key) = (self.journal.clone(), self.key.clone());
        Ports {
            cancel,
            call_log: Arc::new(JournalCallLog::new(
                self.journal.clone(),
                self.clock.clone(),
                self.claim.clone(),
                Attempt::of(call),
            )),
            history: Arc::new(JournalHistory::behind(call, journal, key)),
            observer: Arc::new(Relay {
                watcher: self.watcher.clone(),
                id: call.id,
                step: call.step.clone(),
            }),
            waits,
            asking: Arc::new(Asking {
                journal: self.journal.clone(),
                key: self.key.clone(),
                call: call.id,
                role: call.role.to_string(),
                desk,
            }),
        }
    }

    fn call_while(
        &self,
        call: &Call,
        waits: Arc<dyn HostWaits>,
        desk: Option<Desk>,
        cancel: CancellationToken,
    ) -> BoxFuture<'static, GuestAnswer> {
        let role = call.role.to_string();
        let Some(part) = self.calls.part(&role) else {
            let failure = Failure::new("refused", format!("the run has no plugin for {role}"));
            return Box::pin(std::future::ready(GuestAnswer::unmade(failure)));
        };
        let ports = self.ports(call, waits, desk, cancel);
        let engine = self.catalogue.engine().clone();
        if let Some(digest) = self.migrated.get(&role).cloned() {
            let (this, call) = (self.clone(), call.clone());
            return Box::pin(async move {
                match this.other_version(&role, &digest).await {
                    Ok(part) => {
                        let spec = this.calls.spec(&part, &this.key.run, &call, ports);
                        answer_of(engine.call(spec).await)
                    }
                    Err(reason) => GuestAnswer::unmade(Failure::new("refused", reason)),
                }
            });
        }
        let spec = self.calls.spec(part, &self.key.run, call, ports);
        Box::pin(async move { answer_of(engine.call(spec).await) })
    }

    /// A version that the run was migrated to while it was being driven, loaded when it is called
    /// first.
    async fn other_version(&self, role: &str, digest: &str) -> Result<Part, String> {
        let name = (role.to_owned(), digest.to_owned());
        let loaded = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let known = loaded().get(&name).cloned();
        if let Some(part) = known {
            let checked = self.catalogue.check_digest(digest);
            return checked.map(|()| part).map_err(|error| error.to_string());
        }
        let pinned = Pinned::of(&*self.journal, &self.key).await;
        let pinned = pinned.map_err(|error| error.to_string())?;
        match pinned.part(&self.catalogue, role, digest).await {
            Ok(Some(part)) => {
                loaded().insert(name, part.clone());
                Ok(part)
            }
            Ok(None) => Err(format!("{digest} is not pinned for {role}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl RunCalls {
    pub(crate) fn of(assembled: &Assembled, seed: u64) -> Self {
        Self {
            flow: assembled.flow.clone(),
            parts: assembled.parts.clone(),
            skills: assembled.skills(),
            reads_figures: assembled.reads_figures(),
            decides_by_computing: assembled.decides_by_computing(),
            seed,
        }
    }

    /// The component that the run stays on for a role.
    pub(crate) fn part(&self, role: &str) -> Option<&Part> {
        self.parts.get(role)
    }

    /// A call of a run as the sandbox makes it: the same however often it is spelled out.
    pub(crate) fn spec(&self, part: &Part, run: &str, call: &Call, ports: Ports) -> CallSpec {
        let config = call.config.to_text();
        let request = match &call.request {
            CallRequest::Process { input } => Request::Process(types::Task {
                input: input.clone(),
                config,
                attachments: call.attachments.iter().map(translate::attachment).collect(),
                extra: Vec::new(),
            }),
            CallRequest::Decide { view } => Request::Decide(Box::new(translate::view_of(
                view,
                &self.flow,
                &call.config,
                &self.skills,
            ))),
            CallRequest::Aggregate { members } => Request::Aggregate {
                results: members.iter().map(translate::member_of).collect(),
                config,
            },
        };
        let texts = |documents: &BTreeMap<String, Document>| {
            let text = |(key, document): (&String, &Document)| (key.clone(), document.to_text());
            documents.iter().map(text).collect::<Vec<_>>()
        };
        let figures = match &call.request {
            CallRequest::Decide { view } => {
                view.figures.iter().map(translate::figures_of).collect()
            }
            _ => Vec::new(),
        };
        let role = call.role.to_string();
        let name = role.split_once(':').map_or(role.as_str(), |(_, name)| name);
        CallSpec {
            plugin: part.plugin.clone(),
            request,
            limits: part.limits.clone(),
            invocation: Invocation {
                run: run.to_owned(),
                step: call.step.clone(),
                logged_as: call.call_log_name(),
                name: name.to_owned(),
                attempt: call.id.attempt,
                seed: chance::seed_of(self.seed, run, &call.step, call.id.attempt),
                now_ms: call.logical_time.0,
                last_fault: call.last_fault.as_ref().map(translate::fault_of),
                hints: texts(&call.hints),
                own_context: texts(&call.own_context).into_iter().collect(),
                figures,
            },
            timeout: call.timeout,
            cancel: ports.cancel,
            call_log: ports.call_log,
            history: ports.history,
            observer: ports.observer,
            outside: Outside {
                http: part.http.clone(),
                stand_in: None,
                shared: part.shared.as_ref().map(|policy| SharedAccess {
                    policy: policy.clone(),
                    state: ports.asking.clone(),
                }),
                artifacts: part.artifacts.map(|policy| ArtifactAccess {
                    policy,
                    store: ports.asking.clone(),
                }),
                revoked: ports.asking,
                waits: ports.waits,
            },
        }
    }
}

impl Guests for WasmGuests {
    fn call(&self, call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        self.call_while(&call, Arc::new(NoWaits), None, cancel)
    }

    fn call_in_slot(
        &self,
        call: Call,
        slot: HeldSlot,
        desk: Desk,
        cancel: CancellationToken,
    ) -> BoxFuture<'static, GuestAnswer> {
        self.call_while(&call, Arc::new(slot), Some(desk), cancel)
    }

    fn reads_figures(&self) -> bool {
        self.calls.reads_figures
    }

    fn decides_by_computing(&self) -> bool {
        let strategy = PluginRole::Strategy.to_string();
        self.calls.decides_by_computing && !self.migrated.contains_key(&strategy)
    }

    fn migrated(&self, plugins: &BTreeMap<String, String>) -> Option<Arc<dyn Guests>> {
        let other = |(role, digest): &(&String, &String)| {
            let part = self.calls.part(role);
            part.is_some_and(|part| part.plugin.digest() != digest.as_str())
        };
        let migrated = plugins.iter().filter(other);
        let migrated: BTreeMap<String, String> = migrated
            .map(|(role, digest)| (role.clone(), digest.clone()))
            .collect();
        (migrated != self.migrated).then(|| {
            let this = self.clone();
            Arc::new(Self { migrated, ..this }) as Arc<dyn Guests>
        })
    }

    fn digest(&self, role: &str) -> String {
        let migrated = self.migrated.get(role).cloned();
        let part = || {
            self.calls
                .part(role)
                .map(|part| part.plugin.digest().to_owned())
        };
        migrated.or_else(part).unwrap_or_default()
    }
}

/// What the machine is told of a call.
pub(crate) fn answer_of(report: CallReport) -> GuestAnswer {
    let used = GuestUse {
        fuel: report.usage.fuel,
        busy_us: report.usage.busy_us,
        wall_us: report.usage.wall_us,
        peak_memory_bytes: report.usage.peak_memory_bytes,
        table_elements: report.usage.table_elements,
        host_calls: u64::from(report.usage.host_calls),
        bytes_to_host: report.usage.bytes_to_host,
        output_bytes: report.usage.output_bytes,
        log_dropped: report.log_lines_dropped,
        host_wait_us: report.usage.host_wait_us,
        suspensions: u64::from(report.usage.suspensions),
        denied_host_calls: u64::from(report.usage.denied_host_calls),
        repeated_host_calls: u64::from(report.usage.repeated_host_calls),
    };
    let context = report.context_writes.iter().filter_map(|(key, text)| {
        translate::document(text).map(|document| (key.clone(), document))
    });
    GuestAnswer {
        context: context.collect(),
        used,
        log: translate::log_of(&report.log),
        result: result_of(report.ended),
    }
}

fn result_of(ended: Ended) -> Result<GuestReply, Failure> {
    match ended {
        Ended::Value(Reply::Outcome(outcome)) => match translate::document(&outcome.output) {
            Some(output) => Ok(GuestReply::Output {
                output,
                confidence: outcome.confidence,
                attachments: outcome
                    .attachments
                    .into_iter()
                    .map(translate::attached)
                    .collect(),
            }),
            // The sandbox has validated it.
            None => Err(Failure::new("output", "the answer is no JSON")),
        },
        Ended::Value(Reply::Decision(decision)) => Ok(GuestReply::Decision(Box::new(
            translate::decision_of(*decision),
        ))),
        Ended::Value(_) => Err(Failure::new(
            "refused",
            "the plugin answered something else",
        )),
        Ended::Fault(fault) => Err(translate::failure_of(fault)),
        other => Err(translate::failure_of_end(&other)),
    }
}

/// Tells the run's watcher what a guest says.
struct Relay {
    watcher: Arc<dyn Watcher>,
    id: CallId,
    step: String,
}

impl Observer for Relay {
    fn log(&self, line: &LogLine) {
        let log = GuestProgress::Log {
            level: translate::level(line.level),
            message: line.message.clone(),
        };
        self.watcher.progress(self.id, &self.step, &log);
    }

    fn progress(&self, progress: Progress) {
        let progress = match progress {
            Progress::Fraction(done) => GuestProgress::Fraction(done),
            Progress::Note(text) => GuestProgress::Note(text),
            Progress::Chunk(text) => GuestProgress::Chunk(text),
        };
        self.watcher.progress(self.id, &self.step, &progress);
    }
}
