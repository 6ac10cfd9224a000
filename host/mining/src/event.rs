//! The model of an event and of a case, independent of where they come from and how they are
//! written.

use std::collections::BTreeMap;
use std::fmt;

/// Values beside the standard ones, by name; a name occurs once and the order is fixed.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// What happened to one piece of work at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessEvent {
    /// Unique within the log; written as `identity:id`.
    pub event_id: String,
    /// The case that it belongs to: the run's id.
    pub case: String,
    /// What was done: the step's name, or `decision:<type>`. Best kept clear of `& < > " '`, since
    /// PM4Py's block and line readers leave their escapes as they stand.
    pub activity: String,
    /// Who did it: the agent's name, or `orchestrator`.
    pub resource: Option<String>,
    /// The pipeline or team of the resource.
    pub group: Option<String>,
    /// Where in its life the work is.
    pub lifecycle: Lifecycle,
    /// Pairs the start of a piece of work with its end: the same text on both, unique within the
    /// case.
    pub instance: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// The number of the try, from 1. More than 1 is a retry.
    pub attempt: u32,
    /// What the work cost so far, known at its end.
    pub cost: Option<Cost>,
    /// Tokens of language models used, known at the end.
    pub tokens: Option<u64>,
    /// Fuel used by guest code, known at the end.
    pub fuel: Option<u64>,
    /// Time of service in milliseconds, by a monotonic clock, known at the end.
    pub duration_ms: Option<u64>,
    /// Everything else.
    pub attributes: Attributes,
}

impl ProcessEvent {
    /// An event with only what every event has; `resource` and the rest are empty, `attempt` is 1.
    #[must_use]
    pub fn new(
        event_id: impl Into<String>,
        case: impl Into<String>,
        activity: impl Into<String>,
        instance: impl Into<String>,
        lifecycle: Lifecycle,
        at_ms: i64,
    ) -> Self {
        Self {
            event_id: event_id.into(),
            case: case.into(),
            activity: activity.into(),
            resource: None,
            group: None,
            lifecycle,
            instance: instance.into(),
            at_ms,
            attempt: 1,
            cost: None,
            tokens: None,
            fuel: None,
            duration_ms: None,
            attributes: Attributes::new(),
        }
    }
}

/// The transitions of the standard lifecycle model of XES that Menagerie uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lifecycle {
    /// The work may begin: it waits for a slot.
    Schedule,
    /// It was given to a resource.
    Assign,
    /// Service began.
    Start,
    /// Service stopped for a while: a gate, a long call of the host.
    Suspend,
    /// Service goes on.
    Resume,
    /// It ended well.
    Complete,
    /// This attempt failed.
    AteAbort,
    /// It ended because its whole case was cancelled.
    PiAbort,
    /// Skipped by a decision of the host or of a strategy.
    AutoSkip,
    /// Skipped by a person.
    ManualSkip,
}

impl Lifecycle {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 10] = [
        Self::Schedule,
        Self::Assign,
        Self::Start,
        Self::Suspend,
        Self::Resume,
        Self::Complete,
        Self::AteAbort,
        Self::PiAbort,
        Self::AutoSkip,
        Self::ManualSkip,
    ];

    /// The token that XES has for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Assign => "assign",
            Self::Start => "start",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Complete => "complete",
            Self::AteAbort => "ate_abort",
            Self::PiAbort => "pi_abort",
            Self::AutoSkip => "autoskip",
            Self::ManualSkip => "manualskip",
        }
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An amount of money, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Millionths of the currency's unit.
    pub micros: i64,
    /// ISO 4217, such as `USD`.
    pub currency: String,
}

impl Cost {
    /// The amount as a decimal number without trailing zeros: 20 000 micros are `0.02`.
    #[must_use]
    pub fn amount(&self) -> String {
        let sign = if self.micros < 0 { "-" } else { "" };
        let size = self.micros.unsigned_abs();
        let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A value of one of the types that XES has.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// Text.
    String(String),
    /// A whole number.
    Int(i64),
    /// A number; infinities and not-a-number are kept.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Date(i64),
    /// An identifier, written as XES's `id`. PM4Py's block reader drops these: prefer a string.
    Id(String),
    /// Named values in order; a name may occur again.
    List(Vec<(String, AttributeValue)>),
}

impl AttributeValue {
    /// A list whose items have no names of their own: they are called `item0`, `item1`, ….
    #[must_use]
    pub fn items(values: impl IntoIterator<Item = Self>) -> Self {
        let numbered = values.into_iter().enumerate();
        Self::List(
            numbered
                .map(|(index, value)| (format!("item{index}"), value))
                .collect(),
        )
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for AttributeValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// How a case stands. A case is complete when it reached its end state, not when an event of it
/// says `complete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CaseState {
    /// It goes on: running, waiting or paused.
    #[default]
    Open,
    /// It reached its end.
    Completed,
    /// It gave up.
    Failed,
    /// It was stopped.
    Cancelled,
}

impl CaseState {
    /// The word for it in exports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One case: a run and what happened in it, in the order of time.
///
/// `E` is anything that yields events, so that a case need not be held in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Case<E = Vec<ProcessEvent>> {
    /// The run's id.
    pub id: String,
    /// How it stands.
    pub state: CaseState,
    /// What belongs to the case as a whole, such as the flow's name.
    pub attributes: Attributes,
    /// Its events.
    pub events: E,
}
