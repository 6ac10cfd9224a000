//! One guest call: a fresh Store with all meters, an instance, the function, the answer checked,
//! and everything thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use crate::bindings::exports::menagerie::plugin::config_check;
use crate::call_log::CallTrouble;
use crate::ended::{ended_by_error, ended_by_stop};
use crate::engine::{Engine, FUEL_BETWEEN_YIELDS};
use crate::entries;
use crate::http::HttpAccess;
use crate::lane::Driver;
use crate::limits::Limits;
use crate::meters::Meters;
use crate::output::{BadOutput, check_fault, check_reply};
use crate::plugin::{MainExport, Plugin};
use crate::random::SeededRandom;
use crate::recorder::{InFlight, Recorder};
use crate::repeating::Repeating;
use crate::report::{CallReport, Ended, Usage};
use crate::run::{Bounds, Cut, Finished, bounded};
use crate::spec::{CallSpec, Invocation, Observer, Reply, Request};
use crate::state::{CallState, LogBook};
use crate::types::Fault;
use crate::waits::Waits;

/// What a guest's function gave: an answer or a fault, not checked yet.
type Answer = Result<Reply, Fault>;

/// What one execution of a call came to.
enum Execution {
    /// The call has ended.
    Ended(CallReport),
    /// The instance is gone; the host call goes on.
    Suspended(Suspended),
}

/// A call without an instance.
struct Suspended {
    flight: InFlight,
    recorder: Recorder,
    /// What there is to say of the call if it ends before it is executed again.
    report: CallReport,
}

/// What the executions of one call share.
struct Executions {
    invocation: Arc<Invocation>,
    bounds: Bounds,
    waits: Arc<Waits>,
    observer: Arc<dyn Observer>,
    /// The same observer, for calls that may be suspended.
    repeating: Option<Arc<Repeating>>,
    started: Instant,
}

impl Engine {
    /// Makes one call. Whatever the guest does, this returns a report: within the call's own time
    /// limits and a tenth of a second, and at once when it is cancelled.
    ///
    /// A call whose host call takes long is suspended: its instance is dropped, and when the answer is
    /// recorded it is executed again from its beginning, up to which the log answers. It is still one
    /// call, and what it used is what it would have used undisturbed.
    pub async fn call(&self, mut spec: CallSpec) -> CallReport {
        let started = Instant::now();
        if let Some(reason) = self.reason_to_refuse(&spec) {
            return unmade(Ended::Refused(reason), started);
        }
        let repeating = spec
            .outside
            .may_wait()
            .then(|| Arc::new(Repeating::new(spec.observer.clone())));
        let executions = Executions {
            invocation: Arc::new(std::mem::take(&mut spec.invocation)),
            bounds: Bounds {
                busy: spec.limits.busy,
                deadline: started.checked_add(spec.timeout),
                timeout: spec.timeout,
                cancel: spec.cancel.clone(),
            },
            waits: Arc::new(Waits::new(spec.outside.waits.clone())),
            observer: match &repeating {
                Some(repeating) => repeating.clone(),
                None => spec.observer.clone(),
            },
            repeating,
            started,
        };
        let mut report = Box::pin(self.executed(&spec, &executions)).await;
        report.usage.host_wait_us = microseconds(executions.waits.total());
        report.usage.wall_us = microseconds(started.elapsed());
        report
    }

    /// Executes the call until it ends.
    async fn executed(&self, spec: &CallSpec, executions: &Executions) -> CallReport {
        let (mut suspensions, mut repeats) = (0, 0);
        loop {
            let place = match self.place(executions).await {
                Ok(place) => place,
                Err(ended) => return unmade(ended, executions.started),
            };
            let execution = self.call_in_place(spec, executions).await;
            drop(place);
            let Suspended {
                flight,
                recorder,
                mut report,
            } = match execution {
                Execution::Ended(mut report) => {
                    report.usage.suspensions = suspensions;
                    report.usage.repeated_host_calls += repeats;
                    return report;
                }
                Execution::Suspended(suspended) => suspended,
            };
            entries::count(&executions.invocation, "suspend");
            suspensions += 1;
            repeats += report.usage.repeated_host_calls;
            let awaited = tokio::select! {
                recorded = flight.recorded() => {
                    recorded.map_err(|trouble| ended_by_stop(trouble.into()))
                }
                cut = executions.bounds.alarm() => Err(ended_by_cut(cut, &executions.bounds)),
            };
            if let Err(ended) = awaited {
                report.ended = unless_in_doubt(ended, &recorder);
                report.usage.suspensions = suspensions;
                report.usage.repeated_host_calls = repeats;
                return report;
            }
            if let Some(repeating) = &executions.repeating {
                repeating.begin_again();
            }
        }
    }

    /// Compares the call with the plugin and with what this node can give, before anything runs.
    fn reason_to_refuse(&self, spec: &CallSpec) -> Option<String> {
        let plugin = &spec.plugin;
        if !spec.request.suits(plugin) {
            let function = spec.request.function();
            return Some(format!(
                "the {} `{}` has no `{function}`",
                plugin.kind(),
                plugin.manifest().name
            ));
        }
        spec.limits
            .check_pool(self.config())
            .err()
            .map(|error| error.to_string())
    }

    /// Waits for a place among the calls that may exist at once, and for the right to run guest code
    /// if it was given up. Whoever waits for a place gives that right up meanwhile: those who have a
    /// place, and wait for the right alone, could otherwise wait for ever.
    async fn place(&self, executions: &Executions) -> Result<OwnedSemaphorePermit, Ended> {
        let Executions { bounds, waits, .. } = executions;
        let free = Arc::clone(self.places()).try_acquire_owned();
        let admitted = async {
            let place = match free {
                Ok(place) if !waits.is_away() => return Ok(place),
                Ok(place) => Ok(place),
                Err(_) => {
                    waits.leave();
                    Arc::clone(self.places()).acquire_owned().await
                }
            };
            waits.enter().await;
            place.map_err(|_| Ended::Host("the engine takes no more calls".to_owned()))
        };
        tokio::select! {
            biased;
            place = admitted => place,
            cut = bounds.alarm() => Err(ended_by_cut(cut, bounds)),
        }
    }

    async fn call_in_place(&self, spec: &CallSpec, executions: &Executions) -> Execution {
        let CallSpec {
            plugin,
            request,
            limits,
            ..
        } = spec;
        let Executions {
            bounds, started, ..
        } = executions;
        if let Some(ended) = too_many_parts(plugin, limits) {
            return Execution::Ended(unmade(ended, *started));
        }
        let mut store = match self.store(spec, executions) {
            Ok(store) => store,
            Err(error) => {
                return Execution::Ended(unmade(Ended::Host(format!("{error:#}")), *started));
            }
        };
        entries::count(&executions.invocation, request.function());
        let driver = Driver::new(self.lane());
        let guest = enter(&mut store, plugin, request);
        let Finished { result, busy } = bounded(guest, bounds, driver).await;
        if let Some(flight) = store.data_mut().suspended.take() {
            let (report, recorder) = report(store, limits, (Ended::Cancelled, 0), busy);
            return Execution::Suspended(Suspended {
                flight,
                recorder,
                report,
            });
        }
        let (ended, output_bytes) = match result {
            Ok(Ok(answer)) => check(&mut store, spec, answer),
            Ok(Err(error)) => (ended_by_error(&error, limits, self.config()), 0),
            Err(Cut::Panicked(message)) => (Ended::Host(message), 0),
            Err(cut) => {
                let ended = ended_by_cut(cut, bounds);
                (unless_in_doubt(ended, &store.data().recorder), 0)
            }
        };
        store.data_mut().flush_standard();
        let ended = self.settled(&mut store, ended, bounds).await;
        let (report, _) = report(store, limits, (ended, output_bytes), busy);
        Execution::Ended(report)
    }

    /// No end of a call is told before everything that the guest was told is durable.
    async fn settled(&self, store: &mut Store<CallState>, ended: Ended, bounds: &Bounds) -> Ended {
        let state = store.data_mut();
        if !state.is_recorded() {
            return ended;
        }
        let answered = matches!(ended, Ended::Value(_) | Ended::Fault(_));
        let settled = async {
            if answered {
                state.recorder.complete().await
            } else {
                state.recorder.settle().await
            }
        };
        let settled: Result<(), CallTrouble> = tokio::select! {
            biased;
            settled = settled => settled,
            cut = bounds.alarm() => return ended_by_cut(cut, bounds),
        };
        match settled {
            Ok(()) => ended,
            Err(trouble) => ended_by_stop(trouble.into()),
        }
    }

    /// A Store with every meter set. It lives for this call alone.
    fn store(
        &self,
        spec: &CallSpec,
        executions: &Executions,
    ) -> wasmtime::Result<Store<CallState>> {
        let limits = &spec.limits;
        let invocation = &executions.invocation;
        let logged_as = match invocation.logged_as.as_str() {
            "" => &invocation.step,
            logged_as => logged_as,
        };
        let recorder = Recorder::new(
            Arc::clone(&spec.call_log),
            invocation.run.clone(),
            logged_as.to_owned(),
            invocation.attempt,
            spec.plugin.manifest().name.clone(),
        );
        let http = spec.outside.http.as_ref().map(|policy| HttpAccess {
            policy: Arc::clone(policy),
            client: Arc::clone(self.client()),
            stand_in: spec.outside.stand_in.clone(),
        });
        let state = CallState {
            meters: Meters::new(limits.clone()),
            random: SeededRandom::new(invocation.seed),
            invocation: Arc::clone(invocation),
            log: LogBook::default(),
            standard: Default::default(),
            context_writes: Default::default(),
            recorder,
            history: Arc::clone(&spec.history),
            observer: Arc::clone(&executions.observer),
            unyielded: 0,
            http,
            shared: spec.outside.shared.clone(),
            artifacts: spec.outside.artifacts.clone(),
            reads: None,
            revoked: Arc::clone(&spec.outside.revoked),
            waits: Arc::clone(&executions.waits),
            suspend_after: self.suspend_after(),
            suspended: None,
        };
        let mut store = Store::try_new(self.wasmtime(), state)?;
        store.limiter(|state| &mut state.meters);
        store.set_fuel(limits.fuel)?;
        store.fuel_async_yield_interval(Some(FUEL_BETWEEN_YIELDS))?;
        store.set_hostcall_fuel(usize::try_from(limits.host_call_bytes).unwrap_or(usize::MAX));
        store.set_max_component_handles(limits.handles as usize);
        Ok(store)
    }
}

/// Instantiates the plugin and calls its function. Guest code runs here and nowhere else: the start
/// functions, the call, its post-return.
async fn enter(
    store: &mut Store<CallState>,
    plugin: &Plugin,
    request: &Request,
) -> wasmtime::Result<Answer> {
    let instance = plugin.linked.instantiate_async(&mut *store).await?;
    let fits = || wasmtime::format_err!("the request does not suit the plugin");
    let answer = match (request, &plugin.exports.main) {
        (Request::Start, _) => Ok(Reply::Started),
        (Request::CheckConfig { config, agents }, _) => {
            let indices = plugin.exports.config_check.as_ref().ok_or_else(fits)?;
            let guest: config_check::Guest = indices.load(&mut *store, &instance)?;
            Ok(Reply::Problems(
                guest.call_check(store, config, agents).await?,
            ))
        }
        (Request::Compensate { task, outcome }, _) => {
            let indices = plugin.exports.compensate.as_ref().ok_or_else(fits)?;
            let guest = indices.load(&mut *store, &instance)?;
            guest
                .call_compensate(store, task, outcome)
                .await?
                .map(|()| Reply::Compensated)
        }
        (Request::Process(task), MainExport::Agent(indices)) => {
            let guest = indices.load(&mut *store, &instance)?;
            guest.call_process(store, task).await?.map(Reply::Outcome)
        }
        (Request::Decide(view), MainExport::Strategy(indices)) => {
            let guest = indices.load(&mut *store, &instance)?;
            let decided = guest.call_decide(store, view).await?;
            decided.map(|decision| Reply::Decision(Box::new(decision)))
        }
        (Request::DecideGroup(view), MainExport::GroupStrategy(indices)) => {
            let guest = indices.load(&mut *store, &instance)?;
            let decided = guest.call_decide(store, view).await?;
            decided.map(|decision| Reply::GroupDecision(Box::new(decision)))
        }
        (Request::Aggregate { results, config }, MainExport::Aggregator(indices)) => {
            let guest = indices.load(&mut *store, &instance)?;
            guest
                .call_aggregate(store, results, config)
                .await?
                .map(Reply::Outcome)
        }
        (
            Request::Arbitrate {
                results,
                differences,
                config,
            },
            MainExport::Arbiter(indices),
        ) => {
            let guest = indices.load(&mut *store, &instance)?;
            guest
                .call_arbitrate(store, results, differences, config)
                .await?
                .map(Reply::Verdict)
        }
        _ => return Err(fits()),
    };
    Ok(answer)
}

/// Checks what the guest returned, and gives how the call ended and how large the answer is.
fn check(store: &mut Store<CallState>, spec: &CallSpec, answer: Answer) -> (Ended, u64) {
    let CallSpec {
        limits, request, ..
    } = spec;
    let checked = match &answer {
        Ok(reply) => check_reply(limits, request, reply),
        Err(fault) => check_fault(limits, fault),
    };
    let bytes = match checked {
        Ok(bytes) => bytes,
        Err(BadOutput { rule, message }) => return (Ended::Output { rule, message }, 0),
    };
    if let Err(stop) = store.data_mut().meters.passed(bytes) {
        return (ended_by_stop(stop), bytes);
    }
    match answer {
        Ok(reply) => (Ended::Value(reply), bytes),
        Err(fault) => (Ended::Fault(fault), bytes),
    }
}

/// A component with more parts than this call may have. What the node has room for was compared
/// when it was loaded.
fn too_many_parts(plugin: &Plugin, limits: &Limits) -> Option<Ended> {
    [
        ("memories", plugin.memories, limits.memories),
        ("tables", plugin.tables, limits.tables),
    ]
    .into_iter()
    .find(|(_, has, limit)| has > limit)
    .map(|(what, _, limit)| Ended::Parts { what, limit })
}

fn ended_by_cut(cut: Cut, bounds: &Bounds) -> Ended {
    match cut {
        Cut::Cancelled => Ended::Cancelled,
        Cut::Busy => Ended::Busy { limit: bounds.busy },
        Cut::Deadline => Ended::Deadline {
            limit: bounds.timeout,
        },
        Cut::Panicked(message) => Ended::Host(message),
    }
}

/// The report of a call in which no guest code ran.
fn unmade(ended: Ended, started: Instant) -> CallReport {
    let usage = Usage {
        wall_us: microseconds(started.elapsed()),
        ..Usage::default()
    };
    CallReport {
        ended,
        usage,
        log: Vec::new(),
        log_lines_dropped: 0,
        context_writes: Default::default(),
    }
}

/// What there is to say of an execution, and the recorder, which may outlive it. Times of the whole
/// call are filled in at its end.
fn report(
    store: Store<CallState>,
    limits: &Limits,
    (ended, output_bytes): (Ended, u64),
    busy: Duration,
) -> (CallReport, Recorder) {
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let state = store.into_data();
    let usage = Usage {
        fuel,
        busy_us: microseconds(busy),
        wall_us: 0,
        peak_memory_bytes: state.meters.peak_memory,
        table_elements: state.meters.table_elements,
        host_calls: state.meters.host_calls,
        bytes_to_host: state.meters.bytes_to_host,
        output_bytes,
        repeated_host_calls: state.recorder.repeats(),
        denied_host_calls: state.meters.denied_host_calls,
        host_wait_us: 0,
        suspensions: 0,
    };
    let report = CallReport {
        ended,
        usage,
        log: state.log.lines,
        log_lines_dropped: state.log.dropped,
        context_writes: state.context_writes,
    };
    (report, state.recorder)
}

/// A call that is cut off while something is under way that must not be done twice has an outcome
/// that nobody knows, whatever cut it off. A cancelled one is nobody's concern any more.
fn unless_in_doubt(ended: Ended, recorder: &Recorder) -> Ended {
    match (ended, recorder.in_doubt()) {
        (Ended::Deadline { .. } | Ended::Busy { .. } | Ended::Host(_), Some(doubt)) => {
            Ended::CallOutcomeUnknown {
                ordinal: doubt.0,
                on_unknown: doubt.1,
            }
        }
        (ended, _) => ended,
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
