//! Runs told again: what the machine decided, and what the guests answered.
//!
//! The pure half is `menagerie_orchestration::replay`: it rebuilds every input and requires the
//! machine to give the recorded events. This half reads the journal and makes every guest call
//! again, from its recorded request, view and call log.
//!
//! Nothing is written and nothing is owned: a run that goes on can be replayed up to its last event.
//! Nothing reaches outside: a guest's host calls are answered by the recorded log alone
//! ([`recorded_log`]), time and chance come from the call, and a clock is used for nothing but the
//! meters, none of which ends a call here: running time and deadlines are facts.
//!
//! What a call used is compared under an equal engine fingerprint only. Under another one the text
//! of a failure that the engine words (a trap's functions) is not compared either, its code is; and
//! a call that ran out of fuel is a fact.

mod calls;
mod journal;
mod recorded_log;
mod versions;

use std::sync::Arc;

use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::event::{Event, Pins, Recorded};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::replay::{Difference, Replay, SchemaError};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::wire;
use menagerie_sandbox::Catalogue;

use crate::assemble::{AssembleError, Assembled};
use crate::error::ExecutorError;
use crate::events::Events;
use crate::pinned;
use calls::{Calls, Compared};

pub use journal::history_of;
pub use versions::{JudgedCall, Replacement, Versions, replay_versions};

/// Is told how many events have been checked, and how many there are.
pub type Progress<'watcher> = &'watcher (dyn Fn(u64, u64) + Send + Sync);

/// Why a run cannot be replayed, or not so. A run that differs is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The run, or what it stays on, cannot be read or used.
    #[error(transparent)]
    Run(#[from] ExecutorError),
    /// A name that no use of a plugin in the flow has.
    #[error("the run has no plugin `{name}`; it has {}", .known.join(", "))]
    UnknownName {
        /// What was named.
        name: String,
        /// Roles and plugins' names.
        known: Vec<String>,
    },
    /// The other version cannot stand where the recorded one stood.
    #[error(transparent)]
    Version(Box<AssembleError>),
    /// The recorded version's manifest has no usable schema of its output.
    #[error("{role}: {source}")]
    Schema {
        /// Of this use.
        role: String,
        /// Why.
        #[source]
        source: SchemaError,
    },
}

/// Whether fuel, and what else depends on the engine, was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fuel {
    /// It was.
    Compared,
    /// The run was made on an engine of another fingerprint.
    NotCompared {
        /// The fingerprint in the run's first event.
        recorded: String,
        /// That of this host.
        here: String,
    },
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// Events that were checked and found equal.
    pub events: u64,
    /// Calls that were made again.
    pub calls: u64,
    /// Calls whose ends depended on the moment, and were taken as they are.
    pub facts: u64,
    /// Whether fuel was compared.
    pub fuel: Fuel,
    /// Where replay and journal part, if they do.
    pub difference: Option<Box<Difference>>,
    /// The plugin behind the event that differs: name and version.
    pub plugin: Option<String>,
}

/// Tells a run's decisions again over the flow that it is said to have followed, without making any
/// call: the run, or the first difference.
///
/// # Errors
/// When its journal cannot be read.
pub async fn replay_decisions(
    store: &dyn Journal,
    key: &RunKey,
    flow: Arc<Flow>,
) -> Result<Result<Run, Box<Difference>>, ExecutorError> {
    let mut replay = Replay::new(flow);
    let mut events = Events::of(store, key).await?;
    while let Some(recorded) = events.next().await? {
        if let Err(difference) = replay.take(&recorded) {
            return Ok(Err(difference));
        }
    }
    Ok(replay.finish())
}

/// Tells a run again, decisions and calls, up to the first difference.
///
/// # Errors
/// When its journal cannot be read, or its flow or plugins cannot be used any more.
pub async fn replay(
    store: &Arc<dyn Journal>,
    catalogue: &Catalogue,
    key: &RunKey,
    progress: Progress<'_>,
) -> Result<Replayed, ReplayError> {
    let assembled = pinned::assembled(&**store, catalogue, key).await?;
    let mut telling = Telling::of(&assembled);
    let mut calls = None;
    let mut events = Events::of(&**store, key).await?;
    while let Some(recorded) = events.next().await? {
        if let Some(begun) = telling.begin(&recorded, catalogue) {
            let calls = calls.insert(Calls::new(store, catalogue, key, &assembled, begun));
            telling.found.fuel = calls.fuel().clone();
        }
        if let (Some(calls), Some(call)) = (&calls, telling.replay.call(&recorded)) {
            match calls.compare(&telling.replay, &recorded, &call).await? {
                Compared::Fact => telling.found.facts += 1,
                Compared::Equal => telling.found.calls += 1,
                Compared::Differs(difference) => {
                    telling.found.calls += 1;
                    telling.differs(difference);
                }
            }
        }
        if !telling.take(&recorded) {
            return Ok(telling.found);
        }
        progress(telling.found.events, events.total());
    }
    Ok(telling.finish())
}

/// A run that is being told again, and what was found so far.
struct Telling<'run> {
    assembled: &'run Assembled,
    replay: Replay,
    found: Replayed,
}

impl<'run> Telling<'run> {
    fn of(assembled: &'run Assembled) -> Self {
        Self {
            assembled,
            replay: Replay::new(assembled.flow.clone()),
            found: Replayed {
                events: 0,
                calls: 0,
                facts: 0,
                fuel: Fuel::Compared,
                difference: None,
                plugin: None,
            },
        }
    }

    /// What all calls of the run share, out of its first event. What the run was pinned to must be
    /// what is here.
    fn begin(&mut self, recorded: &Recorded, catalogue: &Catalogue) -> Option<calls::Begun> {
        let Event::RunStarted { seed, pins, .. } = &recorded.event else {
            return None;
        };
        if let Some((pointer, recorded_pin, found)) = self.other_pin(pins) {
            let mut difference = Difference::of_call(
                0,
                recorded,
                &pointer,
                "what the run is pinned to is not what it was started with".to_owned(),
            );
            difference.recorded = Some(recorded_pin.into());
            difference.found = Some(found.into());
            self.differs(difference);
        }
        Some(calls::Begun {
            seed: *seed,
            recorded_engine: pins.engine.clone(),
            engine_here: catalogue.engine().fingerprint().to_owned(),
        })
    }

    /// The first pin that is not what the run's first event says.
    fn other_pin(&self, pins: &Pins) -> Option<(String, String, String)> {
        let flow = wire::digest(self.assembled.text.as_bytes());
        if flow != pins.flow {
            return Some(("/pins/flow".to_owned(), pins.flow.clone(), flow));
        }
        self.assembled.parts.iter().find_map(|(role, part)| {
            let recorded = pins.plugins.get(role).cloned().unwrap_or_default();
            let found = part.plugin.digest().to_owned();
            (recorded != found).then(|| (format!("/pins/plugins/{role}"), recorded, found))
        })
    }

    /// Takes an event, unless a difference was found already. `false` when nothing more can be told.
    fn take(&mut self, recorded: &Recorded) -> bool {
        if self.found.difference.is_none()
            && let Err(difference) = self.replay.take(recorded)
        {
            self.differs(difference);
        }
        self.found.events = self.replay.events();
        self.found.difference.is_none()
    }

    fn finish(mut self) -> Replayed {
        let replay = std::mem::replace(&mut self.replay, Replay::new(self.assembled.flow.clone()));
        if let Err(difference) = replay.finish() {
            self.differs(difference);
        }
        self.found
    }

    fn differs(&mut self, difference: Box<Difference>) {
        self.found.plugin = plugin_of(self.assembled, &difference);
        self.found.difference.get_or_insert(difference);
    }
}

/// Name and version of the plugin behind an event.
fn plugin_of(assembled: &Assembled, difference: &Difference) -> Option<String> {
    let pinned = difference.pointer.strip_prefix("/pins/plugins/");
    let roles = match pinned {
        Some(role) => vec![role.to_owned()],
        None => vec![
            difference.role.clone(),
            format!("agent:{}", difference.role),
            format!("aggregator:{}", difference.role),
        ],
    };
    let part = roles.iter().find_map(|role| assembled.parts.get(role))?;
    Some(named(part))
}

fn named(part: &crate::assemble::Part) -> String {
    let manifest = part.plugin.manifest();
    format!("{}@{}", manifest.name, manifest.version)
}
