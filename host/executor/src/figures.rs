//! How agents have fared of late, over all runs of a flow that this host knows of, for strategies that
//! ask for it.
//!
//! What a host has not seen itself it reads off the store, once for each flow: the latest runs. From
//! then on it is told by its own loops. None of it is durable, since what a strategy was shown stands
//! in the event of its decision.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menagerie_journal::{Error, Journal, Page, RunFilter, RunRow};
use menagerie_mining::recent::Recent;
use menagerie_orchestration::command::PluginRole;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallFacts, CallOf, Event, Recorded, StepResult};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::input::Input;
use menagerie_orchestration::run::Run;
use menagerie_orchestration::run::step::StepKind;
use menagerie_orchestration::view::{AgentFigures, Took};
use menagerie_orchestration::wire;
use tokio::sync::OnceCell;

/// The latest runs that are read off the store.
const RUNS_LOOKED_AT: usize = 64;
/// The last events of each that are read: a run may be as long as it likes.
const EVENTS_LOOKED_AT: u64 = 256;
/// Flows that are remembered while none of their runs is driven.
const FLOWS_REMEMBERED: usize = 64;

/// The figures of every flow. Clones are the same book.
#[derive(Clone, Default)]
pub(crate) struct FigureBook(Arc<Mutex<Pages>>);

type Pages = HashMap<(String, String), Arc<OnceCell<Arc<FlowFigures>>>>;

/// The figures of one flow's agents.
#[derive(Default)]
pub(crate) struct FlowFigures {
    agents: Mutex<BTreeMap<String, Agent>>,
}

#[derive(Default)]
struct Agent {
    recent: Recent,
    running: u32,
    queued: u32,
}

/// One attempt that waits for a slot, and then runs: counted until it is dropped.
pub(crate) struct Counted {
    figures: Arc<FlowFigures>,
    agent: String,
    running: bool,
}

impl FigureBook {
    /// The figures of a flow, read off the store when nobody has asked for them before.
    ///
    /// A run that cannot be read is none of the others' business: it is left out, and said.
    pub(crate) async fn of(
        &self,
        journal: &dyn Journal,
        namespace: &str,
        flow: &str,
    ) -> Arc<FlowFigures> {
        let page = self.page(namespace, flow);
        let figures = page.get_or_init(|| async {
            let figures = Arc::new(FlowFigures::default());
            match latest(journal, namespace, flow).await {
                Ok(attempts) => {
                    for attempt in attempts {
                        figures.observe(&attempt);
                    }
                }
                Err(error) => tracing::warn!(flow, %error, "the latest runs cannot be read"),
            }
            figures
        });
        figures.await.clone()
    }

    fn page(&self, namespace: &str, flow: &str) -> Arc<OnceCell<Arc<FlowFigures>>> {
        let mut pages = lock(&self.0);
        if pages.len() >= FLOWS_REMEMBERED {
            // Whoever drives a run of a flow holds its figures.
            pages.retain(|_, page| {
                page.get()
                    .is_none_or(|figures| Arc::strong_count(figures) > 1)
            });
        }
        let key = (namespace.to_owned(), flow.to_owned());
        pages.entry(key).or_default().clone()
    }
}

impl FlowFigures {
    /// What is known now of each agent of a flow, in the flow's order.
    pub(crate) fn seen(&self, flow: &Flow) -> Vec<AgentFigures> {
        let agents = lock(&self.agents);
        let seen = |name: &String| match agents.get(name) {
            Some(agent) => agent.figures(name),
            None => AgentFigures {
                name: name.clone(),
                ..AgentFigures::default()
            },
        };
        flow.agents.iter().map(|agent| seen(&agent.name)).collect()
    }

    /// Takes in the ends of attempts as a run is told of them, so that a decision which they wake is
    /// shown figures that have them in.
    pub(crate) fn told(&self, run: &Run, inputs: &[Input]) {
        for attempt in inputs.iter().filter_map(|input| Attempt::told(run, input)) {
            self.observe(&attempt);
        }
    }

    fn observe(&self, attempt: &Attempt) {
        let Attempt {
            took_ms,
            waited_ms,
            failed,
            ..
        } = *attempt;
        self.change(&attempt.agent, |agent| {
            agent.recent.observe(took_ms, waited_ms, failed);
        });
    }

    /// An agent's attempt waits for a slot from now on.
    pub(crate) fn queued(self: &Arc<Self>, role: &PluginRole) -> Option<Counted> {
        let PluginRole::Agent(name) = role else {
            return None;
        };
        self.change(name, |agent| agent.queued += 1);
        Some(Counted {
            figures: self.clone(),
            agent: name.clone(),
            running: false,
        })
    }

    fn change(&self, agent: &str, change: impl FnOnce(&mut Agent)) {
        let mut agents = lock(&self.agents);
        match agents.get_mut(agent) {
            Some(agent) => change(agent),
            None => change(agents.entry(agent.to_owned()).or_default()),
        }
    }
}

impl Agent {
    fn figures(&self, name: &str) -> AgentFigures {
        let recent = self.recent.figures();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        AgentFigures {
            name: name.to_owned(),
            completed: recent.map_or(0, |recent| count(recent.completed)),
            failed: recent.map_or(0, |recent| count(recent.failed)),
            took: recent.map(|recent| Took {
                mean_ms: recent.mean_ms,
                median_ms: recent.median_ms,
                p95_ms: recent.p95_ms,
                waiting_ms: recent.waiting_ms,
            }),
            running: self.running,
            queued: self.queued,
        }
    }
}

impl Counted {
    /// The attempt has a slot.
    pub(crate) fn admitted(&mut self) {
        self.running = true;
        self.figures.change(&self.agent, |agent| {
            agent.queued -= 1;
            agent.running += 1;
        });
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let running = self.running;
        self.figures.change(&self.agent, |agent| {
            let counted = if running {
                &mut agent.running
            } else {
                &mut agent.queued
            };
            *counted -= 1;
        });
    }
}

/// One attempt that ended.
struct Attempt {
    agent: String,
    ended_ms: i64,
    took_ms: u64,
    waited_ms: u64,
    failed: bool,
}

impl Attempt {
    /// The end that an input tells, unless it comes too late.
    fn told(run: &Run, input: &Input) -> Option<Self> {
        let Input::StepEnded {
            call,
            result,
            facts,
            ..
        } = input
        else {
            return None;
        };
        let CallOf::Step(no) = call.of else {
            return None;
        };
        let step = run.step(no)?;
        let awaited = step.attempt == call.attempt && step.execution == call.execution;
        let joins = matches!(step.kind, StepKind::Join { .. });
        (awaited && !joins).then(|| Self::of(&step.agent, result, facts))
    }

    /// The end that an event tells.
    fn recorded(recorded: Recorded) -> Option<Self> {
        match recorded.event {
            Event::StepEnded {
                agent,
                kind,
                result,
                call,
                ..
            } if kind != "join" => Some(Self::of(&agent, &result, &call)),
            _ => None,
        }
    }

    fn of(agent: &str, result: &StepResult, facts: &CallFacts) -> Self {
        let CallFacts {
            ready,
            started,
            finished,
            ..
        } = facts;
        let between = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        Self {
            agent: agent.to_owned(),
            ended_ms: finished.0,
            took_ms: between(started.0, finished.0),
            waited_ms: between(ready.0, started.0),
            failed: matches!(result, StepResult::Failed(_)),
        }
    }
}

/// The attempts of the latest runs of a flow, in the order in which they ended.
async fn latest(journal: &dyn Journal, namespace: &str, flow: &str) -> Result<Vec<Attempt>, Error> {
    let filter = RunFilter {
        namespace: Some(namespace.to_owned()),
        flow: Some(flow.to_owned()),
        ..RunFilter::default()
    };
    let page = Page {
        after: None,
        limit: RUNS_LOOKED_AT,
    };
    let mut attempts = Vec::new();
    for row in journal.runs(filter, page).await?.rows {
        match attempts_of(journal, &row).await {
            Ok(found) => attempts.extend(found),
            Err(error) => {
                tracing::warn!(run = %row.key, %error, "a run cannot be read: its attempts are in no figures");
            }
        }
    }
    attempts.sort_by_key(|attempt| attempt.ended_ms);
    Ok(attempts)
}

async fn attempts_of(journal: &dyn Journal, row: &RunRow) -> Result<Vec<Attempt>, Error> {
    let from = row.next_seq.saturating_sub(EVENTS_LOOKED_AT);
    let stored = journal
        .events(&row.key, from, EVENTS_LOOKED_AT as usize)
        .await?;
    let ended = stored
        .iter()
        .filter(|event| event.event_type == "step_ended");
    let read = ended.filter_map(|event| {
        // What was answered is of no interest here: no payload is fetched.
        let nothing = &mut |_: &str| Ok(Document::empty_object());
        wire::decode(&event.json, nothing).ok()
    });
    Ok(read.filter_map(Attempt::recorded).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No figure is left half changed by whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
