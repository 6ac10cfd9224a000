//! Guest calls, made again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::{CallFacts, CallOf, Event, Recorded};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::input::Input;
use menagerie_orchestration::replay::{self, Difference, Replay};
use menagerie_sandbox::{Catalogue, NoObserver, NoWaits};
use tokio_util::sync::CancellationToken;

use super::Fuel;
use super::recorded_log::{Divergence, RecordedLog};
use crate::asking::Asking;
use crate::assemble::{Assembled, Part};
use crate::call_log::Attempt;
use crate::error::ExecutorError;
use crate::guest_task::input_of;
use crate::guests::{GuestAnswer, GuestUse};
use crate::history::JournalHistory;
use crate::pinned::Pinned;
use crate::translate;
use crate::wasm::{Ports, RunCalls, answer_of};

/// What the first event of a run says about all of its calls.
pub(super) struct Begun {
    pub(super) seed: u64,
    pub(super) recorded_engine: String,
    pub(super) engine_here: String,
}

/// Makes the calls of one recorded run again.
pub(super) struct Calls {
    store: Arc<dyn Journal>,
    catalogue: Catalogue,
    key: RunKey,
    calls: RunCalls,
    /// Versions that the run was migrated to, by role and digest, as they are come by.
    migrated: Mutex<BTreeMap<(String, String), Part>>,
    fuel: Fuel,
}

/// A call that was made again.
pub(super) struct Made {
    /// What the machine is to be told of it.
    pub(super) input: Input,
    /// Where the guest left the way that it took before.
    pub(super) divergence: Option<Divergence>,
}

/// How a call that was made again compares.
pub(super) enum Compared {
    /// The answer is the recorded one.
    Equal,
    /// How the recorded call ended depended on the moment: it was not made again.
    Fact,
    /// It differs there.
    Differs(Box<Difference>),
}

impl Calls {
    pub(super) fn new(
        store: &Arc<dyn Journal>,
        catalogue: &Catalogue,
        key: &RunKey,
        assembled: &Assembled,
        begun: Begun,
    ) -> Self {
        let equal = begun.recorded_engine == begun.engine_here;
        Self {
            store: store.clone(),
            catalogue: catalogue.clone(),
            key: key.clone(),
            migrated: Mutex::default(),
            calls: RunCalls::of(assembled, begun.seed),
            fuel: if equal {
                Fuel::Compared
            } else {
                Fuel::NotCompared {
                    recorded: begun.recorded_engine,
                    here: begun.engine_here,
                }
            },
        }
    }

    pub(super) fn fuel(&self) -> &Fuel {
        &self.fuel
    }

    /// Makes a call again and compares all that came of it with the event that tells its end, which
    /// the replay has not taken yet.
    pub(super) async fn compare(
        &self,
        replay: &Replay,
        recorded: &Recorded,
        call: &Call,
    ) -> Result<Compared, ExecutorError> {
        if self.is_fact(recorded) {
            return Ok(Compared::Fact);
        }
        let role = call.role.to_string();
        let Some(part) = self.calls.part(&role) else {
            // Every use in the flow has its part: the call is of no use in it.
            let note = format!("the run has no plugin for {role}");
            let difference = Difference::of_call(replay.events(), recorded, "/agent", note);
            return Ok(Compared::Differs(difference));
        };
        let other = self.other_version(&role, part, recorded).await?;
        let part = other.as_ref().unwrap_or(part);
        let made = self
            .make(part, replay, recorded, call, Meters::Recorded)
            .await?;
        if let Some(divergence) = made.divergence {
            let difference = diverged(replay.events(), recorded, &divergence);
            return Ok(Compared::Differs(difference));
        }
        Ok(match replay.answer(recorded, &made.input) {
            Some(difference) => Compared::Differs(difference),
            None => Compared::Equal,
        })
    }

    /// The version that a recorded call was made with, if it is another than the run began with and the
    /// run has it pinned. What is not pinned could not have been called: then the recorded digest is what
    /// differs.
    async fn other_version(
        &self,
        role: &str,
        first: &Part,
        recorded: &Recorded,
    ) -> Result<Option<Part>, ExecutorError> {
        let digest = facts_of(&recorded.event).map_or("", |facts| &*facts.plugin);
        if digest.is_empty() || digest == first.plugin.digest() {
            return Ok(None);
        }
        let name = (role.to_owned(), digest.to_owned());
        let loaded = || self.migrated.lock().unwrap_or_else(PoisonError::into_inner);
        let known = loaded().get(&name).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let pinned = Pinned::of(&*self.store, &self.key).await?;
        let part = pinned.part(&self.catalogue, role, digest).await?;
        if let Some(part) = &part {
            loaded().insert(name, part.clone());
        }
        Ok(part)
    }

    /// Whether the recorded end of a call says nothing about what another execution gives.
    pub(super) fn is_fact(&self, recorded: &Recorded) -> bool {
        let Some(failure) = replay::failure(recorded) else {
            return false;
        };
        let depends_on_engine = failure.code == "fuel" && self.fuel != Fuel::Compared;
        replay::is_fact(&failure.code) || depends_on_engine
    }

    /// Makes a call again.
    pub(super) async fn make(
        &self,
        part: &Part,
        replay: &Replay,
        recorded: &Recorded,
        call: &Call,
        meters: Meters,
    ) -> Result<Made, ExecutorError> {
        let attempt = Attempt::of(call);
        let log = RecordedLog::of(&*self.store, &self.key, &attempt).await?;
        let log = Arc::new(log);
        let ports = Ports {
            cancel: CancellationToken::new(),
            call_log: log.clone(),
            history: Arc::new(JournalHistory::behind(
                call,
                self.store.clone(),
                self.key.clone(),
            )),
            observer: Arc::new(NoObserver),
            waits: Arc::new(NoWaits),
            asking: Arc::new(Asking {
                journal: self.store.clone(),
                key: self.key.clone(),
                call: call.id,
                role: call.role.to_string(),
                desk: None,
            }),
        };
        // The id of the run as it was then: a run may begin with another one's events.
        let mut spec = self.calls.spec(part, replay.run().id(), call, ports);
        if meters == Meters::Recorded {
            // The recorded call ended by itself, and so does this one: by its fuel at the latest.
            spec.timeout = Duration::MAX;
            spec.limits.busy = Duration::MAX;
        }
        let report = self.catalogue.engine().call(spec).await;
        // A recorded end may itself be that of a guest that asked for something else.
        let known =
            replay::failure(recorded).is_some_and(|failure| failure.code == report.ended.code());
        let divergence = log.divergence(&report.ended).filter(|_| !known);
        let mut answer = answer_of(report);
        self.reworded(&mut answer, recorded);
        let facts = self.facts(recorded, &answer.used, part.plugin.digest());
        let strategy = matches!(call.id.of, CallOf::Decision(_));
        Ok(Made {
            input: input_of(call.id, strategy, answer, facts),
            divergence,
        })
    }

    /// What the call used, among the recorded facts of the moment.
    fn facts(&self, recorded: &Recorded, used: &GuestUse, digest: &str) -> CallFacts {
        let mut facts = facts_of(&recorded.event).cloned().unwrap_or_default();
        digest.clone_into(&mut facts.plugin);
        if self.fuel == Fuel::Compared {
            facts.fuel = used.fuel;
            facts.peak_memory_bytes = used.peak_memory_bytes;
            // Journals of hosts that did not count them have none.
            if facts.table_elements > 0 {
                facts.table_elements = used.table_elements;
            }
            facts.host_calls = used.host_calls;
            facts.denied_host_calls = used.denied_host_calls;
            facts.bytes_to_host = used.bytes_to_host;
            facts.output_bytes = used.output_bytes;
            facts.log_dropped = used.log_dropped;
        }
        facts
    }

    /// Under another engine a failure of the same kind may be told in other words.
    fn reworded(&self, answer: &mut GuestAnswer, recorded: &Recorded) {
        let Some(before) = replay::failure(recorded) else {
            return;
        };
        let same = |now: &Failure| now.code == before.code && !translate::is_fault(&now.code);
        if let Err(now) = &mut answer.result
            && self.fuel != Fuel::Compared
            && same(now)
        {
            now.message.clone_from(&before.message);
        }
    }
}

/// By which clocks a call that is made again may be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meters {
    /// By none.
    Recorded,
    /// By those of the flow: what another version does is not known to end.
    Flow,
}

fn facts_of(event: &Event) -> Option<&CallFacts> {
    match event {
        Event::Decided { call, .. }
        | Event::DecisionFailed { call, .. }
        | Event::StepEnded { call, .. } => Some(call),
        _ => None,
    }
}

fn diverged(seq: u64, recorded: &Recorded, divergence: &Divergence) -> Box<Difference> {
    let mut difference = Difference::of_call(seq, recorded, "/call", divergence.note());
    let (before, now) = divergence.requests();
    difference.recorded = before.map(Into::into);
    difference.found = now.map(Into::into);
    difference
}
