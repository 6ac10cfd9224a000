//! One guest call: a fresh Store with all meters, an instance, the function, the answer checked,
//! and everything thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use crate::bindings::exports::menagerie::plugin::config_check;
use crate::call_log::Recorder;
use crate::ended::{ended_by_error, ended_by_stop};
use crate::engine::{Engine, FUEL_BETWEEN_YIELDS};
use crate::entries;
use crate::limits::Limits;
use crate::meters::Meters;
use crate::output::{BadOutput, check_fault, check_reply};
use crate::plugin::{MainExport, Plugin};
use crate::random::SeededRandom;
use crate::report::{CallReport, Ended, Usage};
use crate::run::{Bounds, Cut, Finished, bounded};
use crate::spec::{CallSpec, Reply, Request};
use crate::state::{CallState, LogBook};
use crate::types::Fault;

/// What a guest's function gave: an answer or a fault, not checked yet.
type Answer = Result<Reply, Fault>;

impl Engine {
    /// Makes one call. Whatever the guest does, this returns a report: within the call's own time
    /// limits and a tenth of a second, and at once when it is cancelled.
    pub async fn call(&self, spec: CallSpec) -> CallReport {
        let started = Instant::now();
        if let Some(reason) = self.reason_to_refuse(&spec) {
            return unmade(Ended::Refused(reason), started);
        }
        let bounds = Bounds {
            busy: spec.limits.busy,
            deadline: started.checked_add(spec.timeout),
            timeout: spec.timeout,
            cancel: spec.cancel.clone(),
        };
        let place = match self.place(&bounds).await {
            Ok(place) => place,
            Err(ended) => return unmade(ended, started),
        };
        let report = Box::pin(self.call_in_place(spec, &bounds, started)).await;
        drop(place);
        report
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
            .check(self.config())
            .err()
            .map(|error| error.to_string())
    }

    /// Waits for a place among the calls that may exist at once.
    async fn place(&self, bounds: &Bounds) -> Result<OwnedSemaphorePermit, Ended> {
        let places = Arc::clone(self.places());
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Ok(place);
        }
        tokio::select! {
            place = places.acquire_owned() => {
                place.map_err(|_| Ended::Host("the engine takes no more calls".to_owned()))
            }
            cut = bounds.alarm() => Err(ended_by_cut(cut, bounds)),
        }
    }

    async fn call_in_place(&self, spec: CallSpec, bounds: &Bounds, started: Instant) -> CallReport {
        let CallSpec {
            plugin,
            request,
            limits,
            ..
        } = &spec;
        if let Some(ended) = too_many_parts(plugin, limits) {
            return unmade(ended, started);
        }
        let mut store = match self.store(&spec) {
            Ok(store) => store,
            Err(error) => return unmade(Ended::Host(format!("{error:#}")), started),
        };
        entries::count(&spec.invocation, request);
        let Finished { result, busy } = bounded(enter(&mut store, plugin, request), bounds).await;
        let ended = match result {
            Ok(Ok(answer)) => check(&mut store, limits, answer),
            Ok(Err(error)) => (ended_by_error(&error, limits, self.config()), 0),
            Err(Cut::Panicked(message)) => (Ended::Host(message), 0),
            Err(cut) => (ended_by_cut(cut, bounds), 0),
        };
        report(store, limits, ended, busy, started)
    }

    /// A Store with every meter set. It lives for this call alone.
    fn store(&self, spec: &CallSpec) -> wasmtime::Result<Store<CallState>> {
        let CallSpec {
            limits, invocation, ..
        } = spec;
        let recorder = Recorder::new(
            Arc::clone(&spec.call_log),
            invocation.run.clone(),
            invocation.step.clone(),
            invocation.attempt,
        );
        let state = CallState {
            meters: Meters::new(limits.clone()),
            random: SeededRandom::new(invocation.seed),
            invocation: invocation.clone(),
            log: LogBook::default(),
            context_writes: Default::default(),
            recorder,
            history: Arc::clone(&spec.history),
            observer: Arc::clone(&spec.observer),
            unyielded: 0,
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
fn check(store: &mut Store<CallState>, limits: &Limits, answer: Answer) -> (Ended, u64) {
    let checked = match &answer {
        Ok(reply) => check_reply(limits, reply),
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

fn report(
    store: Store<CallState>,
    limits: &Limits,
    (ended, output_bytes): (Ended, u64),
    busy: Duration,
    started: Instant,
) -> CallReport {
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let state = store.into_data();
    let usage = Usage {
        fuel,
        busy_us: microseconds(busy),
        wall_us: microseconds(started.elapsed()),
        peak_memory_bytes: state.meters.peak_memory,
        host_calls: state.meters.host_calls,
        bytes_to_host: state.meters.bytes_to_host,
        output_bytes,
        repeated_host_calls: state.recorder.repeats(),
    };
    CallReport {
        ended,
        usage,
        log: state.log.lines,
        log_lines_dropped: state.log.dropped,
        context_writes: state.context_writes,
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
