//! Owns the records that go into and come out of a journal. None of them says what an event means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::digest::{Content, Digest};

/// The namespace of everything until there are tenants.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Names one run. The namespace comes first in every key, so that no run is found by its id alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// Whose run it is.
    pub namespace: Arc<str>,
    /// Usually a UUIDv7; a caller may choose another text of 1 to 200 bytes without control characters.
    pub run: Arc<str>,
}

impl RunKey {
    /// A run of a namespace.
    pub fn new(namespace: impl Into<Arc<str>>, run: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            run: run.into(),
        }
    }

    /// A run of [`DEFAULT_NAMESPACE`].
    pub fn in_default(run: impl Into<Arc<str>>) -> Self {
        Self::new(DEFAULT_NAMESPACE, run)
    }

    /// A fresh run id of [`DEFAULT_NAMESPACE`]: a UUIDv7, so that ids sort by the time of their making.
    pub fn fresh() -> Self {
        Self::in_default(uuid::Uuid::now_v7().to_string())
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.namespace == DEFAULT_NAMESPACE {
            write!(formatter, "{}", self.run)
        } else {
            write!(formatter, "{}/{}", self.namespace, self.run)
        }
    }
}

/// A run to be created, if it is not there yet.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its name.
    pub key: RunKey,
    /// Of everything the run was started with: the same id with another digest is refused.
    pub input_digest: Digest,
    /// The flow's name.
    pub flow: String,
    /// The run that started this one, in the same namespace.
    pub parent: Option<String>,
    /// Readable place below the topmost run, such as `review/parse#2`; empty for a topmost run.
    pub path: String,
    /// The session that the run is filed under.
    pub session: Option<String>,
    /// Whatever else the caller files it under.
    pub labels: BTreeMap<String, String>,
    /// How it stands to begin with.
    pub status: Status,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// Every byte string that the run stays on: flow, entitlements, components.
    pub pins: Vec<Pin>,
}

/// A byte string that a run stays on, across restarts and upgrades.
#[derive(Debug, Clone)]
pub struct Pin {
    /// What it is for, such as `flow` or `plugin:lockfile`; unique within a run.
    pub name: String,
    /// The bytes, stored once for all runs of a namespace.
    pub content: Content,
}

/// A pin as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinRow {
    /// What it is for.
    pub name: String,
    /// Look it up with [`Journal::blob`](crate::Journal::blob).
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// What a new run takes over from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The run that it goes on from, in the same namespace; whatever state it is in.
    pub from: String,
    /// So many of its events are the new run's first ones, chained anew.
    pub events: u64,
    /// The payloads that these events refer to.
    pub payloads: Vec<Digest>,
    /// Steps and their attempts that ended within these events: their part of the call log is taken over.
    pub attempts: Vec<(String, u32)>,
}

/// Where a run was forked from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkedFrom {
    /// The other run's id. That run may have been removed since.
    pub run: String,
    /// How many of its events were taken over.
    pub events: u64,
}

/// A place in a run that it can be forked at, to be noted with the event that tells of it: one that has
/// its time, and names its id and its label as texts of its document. A check of the run looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Unique within the run.
    pub id: String,
    /// For people.
    pub label: String,
    /// Whether nobody asked for it.
    pub automatic: bool,
    /// The number of events up to it, the one that tells of it included.
    pub next_seq: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// How a run stands, kept beside its events so that runs can be listed without folding them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Text for the listing.
    pub text: Cow<'static, str>,
    /// No event will follow. What an ended run refers to may be collected.
    pub ended: bool,
    /// When somebody should drive it, unless somebody does. Says nothing of a run that has ended.
    pub wakes: Wakes,
}

/// When a run that nobody drives has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wakes {
    /// At once.
    #[default]
    Now,
    /// At this time, in milliseconds since the Unix epoch, or when something comes into its inbox.
    At(u64),
    /// When something comes into its inbox.
    WithMail,
}

impl Status {
    /// A run that goes on.
    pub fn unfinished(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            ended: false,
            wakes: Wakes::Now,
        }
    }

    /// The same run, which rests until then.
    #[must_use]
    pub fn resting(self, wakes: Wakes) -> Self {
        Self { wakes, ..self }
    }

    /// A run that is over.
    pub fn ended(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            ended: true,
            wakes: Wakes::Now,
        }
    }
}

/// A run as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its name.
    pub key: RunKey,
    /// The flow's name.
    pub flow: String,
    /// Of everything it was started with.
    pub input_digest: Digest,
    /// The run that started it.
    pub parent: Option<String>,
    /// Readable place below the topmost run.
    pub path: String,
    /// The session that it is filed under.
    pub session: Option<String>,
    /// Whatever else it is filed under.
    pub labels: BTreeMap<String, String>,
    /// How it stands.
    pub status: Status,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// The time of its last event, or of its creation.
    pub updated_at_ms: u64,
    /// How many events it has, which is the sequence number of the next one.
    pub next_seq: u64,
    /// Where it was forked from, unless it was started afresh.
    pub forked_from: Option<ForkedFrom>,
}

/// An event to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The same as the `type` within the text, for queries.
    pub event_type: Cow<'static, str>,
    /// One JSON document, which the journal checks for syntax only.
    pub json: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// An event as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Counted from 0 within the run, without gaps.
    pub seq: u64,
    /// The same as the `type` within the text.
    pub event_type: String,
    /// The document, byte for byte.
    pub json: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Of this event and, through its predecessor's hash, of all before it.
    pub hash: Digest,
}

/// Everything that becomes durable together with some events of one run.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Appended in this order.
    pub events: Vec<NewEvent>,
    /// Content that the run refers to by digest.
    pub payloads: Vec<Content>,
    /// Entries of the call log.
    pub call_records: Vec<CallRecord>,
    /// Timers to set, replacing one of the same id.
    pub timers_set: Vec<Timer>,
    /// Ids of timers to clear; one that is not set is no error.
    pub timers_clear: Vec<String>,
    /// Words to other runs of the same namespace.
    pub messages: Vec<Message>,
    /// Ids of inbox entries that these events took in.
    pub acks: Vec<String>,
    /// Places among these events that the run can be forked at.
    pub checkpoints: Vec<Checkpoint>,
    /// The state after these events.
    pub snapshot: Option<Snapshot>,
    /// Set when it changes.
    pub status: Option<Status>,
}

/// A timer of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// Milliseconds since the Unix epoch. First, so that timers sort in due order.
    pub due_at_ms: u64,
    /// Unique within the run.
    pub id: String,
}

/// A word from one run to another's inbox, delivered in the sender's own commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// A run of the same namespace.
    pub to: String,
    /// The id in the receiver's inbox; sending it again with the same text changes nothing.
    pub input_id: String,
    /// One JSON document.
    pub json: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// Something that a run is to take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Rises with arrival; give the last one to [`Journal::take_inbox`](crate::Journal::take_inbox) to go on.
    pub position: u64,
    /// Unique within the run; acknowledged through [`Batch::acks`].
    pub input_id: String,
    /// One JSON document.
    pub json: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A cached state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Of the state's format: a snapshot of another version is passed over when loading.
    pub state_version: u32,
    /// The state.
    pub body: Content,
}

/// A snapshot and how many events it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The sequence number of the first event after it.
    pub next_seq: u64,
    /// The state.
    pub body: Arc<[u8]>,
}

/// Names one host call of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// The step's id within the run.
    pub step: String,
    /// Counted as the run counts its attempts.
    pub attempt: u32,
    /// The how-manieth call of the attempt it is.
    pub ordinal: u32,
}

/// An entry for the call log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRecord {
    /// The call is about to be made.
    Intend {
        /// Which.
        call: CallKey,
        /// The execution of the attempt that makes it.
        execution: u32,
        /// Of the request.
        request: Digest,
        /// The effect class, such as `idempotent` or `at-most-once`, and whatever else tells of the call.
        effect: Cow<'static, str>,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// The call was answered. It must have been intended with the same request.
    Record {
        /// Which.
        call: CallKey,
        /// Of the request.
        request: Digest,
        /// What came back.
        answer: Content,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
}

/// An entry of the call log as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// Which call.
    pub call: CallKey,
    /// The last execution that intended it.
    pub execution: u32,
    /// Of the request.
    pub request: Digest,
    /// The effect class.
    pub effect: String,
    /// When it was intended.
    pub intended_at_ms: u64,
    /// What came back and when, unless it was cut off.
    pub answer: Option<CallAnswer>,
}

/// The recorded answer of a host call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAnswer {
    /// The bytes and their digest.
    pub content: Content,
    /// When it was recorded.
    pub at_ms: u64,
}
