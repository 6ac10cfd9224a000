//! The port through which the executor makes guest calls: the sandbox, or a fake in a test.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use menagerie_orchestration::artifact::ArtifactRef;
use menagerie_orchestration::command::Call;
use menagerie_orchestration::decision::Decision;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::failure::Failure;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::held::HeldSlot;

/// Makes guest calls for one run.
pub trait Guests: Send + Sync {
    /// Makes the call. Must end soon after `cancel`.
    fn call(&self, call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer>;
    /// The same for guests that may wait for the host: they give the slot back meanwhile, and what only
    /// the run's loop knows they ask at the desk.
    fn call_in_slot(
        &self,
        call: Call,
        slot: HeldSlot,
        desk: Desk,
        cancel: CancellationToken,
    ) -> BoxFuture<'static, GuestAnswer> {
        let _ = (slot, desk);
        self.call(call, cancel)
    }
    /// Whether the strategy asks how agents have fared in other runs: otherwise nobody looks.
    fn reads_figures(&self) -> bool {
        false
    }
    /// Whether the strategy only computes: asked again, it answers the same, and between question and
    /// answer nothing has left the host. Such a strategy may be asked before its question is durable.
    fn decides_by_computing(&self) -> bool {
        false
    }
    /// The guests of the same run with these versions of its plugins, by role; nothing when they are the
    /// ones that are called already.
    fn migrated(&self, plugins: &BTreeMap<String, String>) -> Option<Arc<dyn Guests>> {
        let _ = plugins;
        None
    }
    /// The digest of the component that the run stays on for this role.
    fn digest(&self, role: &str) -> String;
}

/// How a guest call ended, and what it used.
#[derive(Debug, Clone)]
pub struct GuestAnswer {
    /// The answer, if there is one.
    pub result: Result<GuestReply, Failure>,
    /// What the agent put into its own context.
    pub context: BTreeMap<String, Document>,
    /// What it used.
    pub used: GuestUse,
    /// What it logged: a list of `{"level", "message"}`.
    pub log: Option<Document>,
}

impl GuestAnswer {
    /// The answer of a call that entered no guest.
    #[must_use]
    pub fn unmade(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            context: BTreeMap::new(),
            used: GuestUse::default(),
            log: None,
        }
    }
}

/// What a guest answered.
#[derive(Debug, Clone)]
pub enum GuestReply {
    /// A strategy.
    Decision(Box<Decision>),
    /// An agent or an aggregator.
    Output {
        /// The answer.
        output: Document,
        /// How sure the guest is.
        confidence: Option<f64>,
        /// Artifacts of the run that go with it.
        attachments: Vec<ArtifactRef>,
    },
}

/// What a call used; units as in [`CallFacts`](menagerie_orchestration::event::CallFacts).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GuestUse {
    /// Units of fuel.
    pub fuel: u64,
    /// Microseconds of guest code running.
    pub busy_us: u64,
    /// Microseconds from entering the guest to its answer.
    pub wall_us: u64,
    /// Bytes.
    pub peak_memory_bytes: u64,
    /// Elements that all tables held together.
    pub table_elements: u64,
    /// Calls of the host.
    pub host_calls: u64,
    /// Bytes that the guest passed to the host.
    pub bytes_to_host: u64,
    /// Bytes of the answer.
    pub output_bytes: u64,
    /// Log lines beyond the meter.
    pub log_dropped: u64,
    /// Microseconds of waiting for the outside.
    pub host_wait_us: u64,
    /// How often the instance was given up during such a wait.
    pub suspensions: u64,
    /// Calls of the host that a grant did not allow.
    pub denied_host_calls: u64,
    /// Calls of the outside that may have been made twice.
    pub repeated_host_calls: u64,
}
