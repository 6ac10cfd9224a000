//! Guests that answer at once: what a run takes is the host's work alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use menagerie_executor::{GuestAnswer, GuestReply, GuestUse, Guests, Watcher};
use menagerie_orchestration::command::{Call, CallRequest};
use menagerie_orchestration::decision::{Decision, Dependency, Ending, StepRequest, Wake};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::flow_file;
use menagerie_orchestration::run::Run;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::INPUT;

/// Steps that one decision plans.
pub(crate) const PLANNED: usize = 900;
/// No call is held.
const NEVER: usize = usize::MAX;

/// Runs so many steps in a row, and ends. As a watcher it knows where the run's journal ends.
pub(crate) struct Absent {
    steps: usize,
    kind: &'static str,
    output: Document,
    answered: AtomicUsize,
    next_seq: AtomicU64,
    /// So many steps are answered; the call after them is held for ever.
    hold_after: AtomicUsize,
    /// The call is held only when the journal's end, modulo 1 024, is at least this.
    hold_at: AtomicU64,
    held: Notify,
}

impl Absent {
    /// Agents that answer.
    pub(crate) fn new(steps: usize) -> Arc<Self> {
        Self::of_kind(steps, "route")
    }

    /// A strategy whose only step waits for a person.
    pub(crate) fn escalating() -> Arc<Self> {
        Self::of_kind(1, "escalate")
    }

    fn of_kind(steps: usize, kind: &'static str) -> Arc<Self> {
        Arc::new(Self {
            steps,
            kind,
            output: input(),
            answered: AtomicUsize::new(0),
            next_seq: AtomicU64::new(0),
            hold_after: AtomicUsize::new(NEVER),
            hold_at: AtomicU64::new(0),
            held: Notify::new(),
        })
    }

    /// Holds the first call behind so many steps.
    pub(crate) fn hold_after(&self, steps: usize) {
        self.hold_after.store(steps, Ordering::SeqCst);
    }

    /// And not before so many of every 1 024 events are written.
    pub(crate) fn hold_at(&self, events: u64) {
        self.hold_at.store(events, Ordering::SeqCst);
    }

    /// Ends when a call is held.
    pub(crate) async fn held(&self) {
        self.held.notified().await;
    }

    fn holds(&self) -> bool {
        self.answered.load(Ordering::SeqCst) >= self.hold_after.load(Ordering::SeqCst)
            && self.next_seq.load(Ordering::SeqCst) % 1_024 >= self.hold_at.load(Ordering::SeqCst)
    }

    /// The next steps in a row, planned ahead, or the end.
    fn decision(&self, number: u32) -> Decision {
        let first = (number as usize - 1) * PLANNED;
        let steps = first..self.steps.min(first + PLANNED);
        let id = |step: usize| format!("step-{step}");
        let request = |step| StepRequest {
            id: id(step),
            agent: "echo".to_owned(),
            input: None,
            kind: self.kind.to_owned(),
            reason: String::new(),
        };
        let dependency = |step| Dependency {
            step: id(step),
            after: vec![id(step - 1)],
        };
        Decision {
            joins: Vec::new(),
            after: steps.clone().skip(1).map(dependency).collect(),
            wake: Wake::AllFinished,
            wake_on_failure: false,
            end: steps.is_empty().then(|| Ending {
                status: "completed".to_owned(),
                reason: String::new(),
                output: None,
            }),
            start: steps.map(request).collect(),
            reason: String::new(),
            confidence: 1.0,
            metadata: Document::empty_object(),
        }
    }
}

impl Guests for Absent {
    fn call(&self, call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        let reply = match &call.request {
            CallRequest::Decide { view } => {
                GuestReply::Decision(Box::new(self.decision(view.decision)))
            }
            _ if self.holds() => {
                self.held.notify_one();
                return Box::pin(async move {
                    cancel.cancelled().await;
                    GuestAnswer::unmade(Failure::new("cancelled", "the call was held"))
                });
            }
            _ => {
                self.answered.fetch_add(1, Ordering::SeqCst);
                GuestReply::Output {
                    output: self.output.clone(),
                    confidence: None,
                    attachments: Vec::new(),
                }
            }
        };
        Box::pin(std::future::ready(GuestAnswer {
            result: Ok(reply),
            context: BTreeMap::new(),
            used: GuestUse::default(),
            log: None,
        }))
    }

    fn digest(&self, _: &str) -> String {
        String::new()
    }
}

impl Watcher for Absent {
    fn committed(&self, run: &Run, _: &[Recorded]) {
        self.next_seq.store(run.next_seq(), Ordering::SeqCst);
    }
}

/// What every run is given.
pub(crate) fn input() -> Document {
    Document::from(serde_json::from_str::<serde_json::Value>(INPUT).unwrap())
}

/// A flow for absent guests, whose limits are out of the way.
pub(crate) fn flow() -> Arc<Flow> {
    let text = r#"
name = "bench"
[agents.echo]
plugin = "echo"
[limits]
max_steps = 100_000_000
max_decisions = 100_000_000
total_timeout = "24h"
"#;
    Arc::new(flow_file::parse(text).unwrap().flow)
}
