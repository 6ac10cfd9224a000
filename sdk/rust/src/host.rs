//! What a plugin may ask of the host at any time: nothing here needs a grant, and all of it is the
//! same when a call is executed again.
//!
//! Outside of WebAssembly the answers come from [`testing`](crate::testing), so that a plugin's
//! functions can be tested like any others.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::imports::menagerie::plugin as port;
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::port;

/// What this call is.
pub mod invocation {
    use super::port::invocation as port;
    use crate::fault::Fault;
    use crate::json::{FromJson, IntoJson, Json};

    /// The run's id. Knowing it gives no right to anything.
    pub fn run() -> String {
        port::run()
    }

    /// The step's id; of a strategy's call `decision-<number>`.
    pub fn step() -> String {
        port::step()
    }

    /// The name of the agent, strategy or aggregator in the flow file.
    pub fn name() -> String {
        port::name()
    }

    /// Counts from 1: 2 is the first retry.
    pub fn attempt() -> u32 {
        port::attempt()
    }

    /// The limit on this call's own running time, in milliseconds.
    pub fn deadline_ms() -> u32 {
        port::deadline_ms()
    }

    /// Fuel that is left; exact as long as it is below 2^53.
    pub fn fuel_left() -> f64 {
        port::fuel_left()
    }

    /// The fault that ended the attempt before this one.
    pub fn last_fault() -> Option<Fault> {
        port::last_fault().map(Fault::from)
    }

    /// What the host or an answering person wants this attempt to know, by name.
    pub fn hints() -> Vec<(String, Json)> {
        port::hints()
            .into_iter()
            .map(|(name, text)| (name, Json::from_text(text)))
            .collect()
    }

    /// A value that this agent put into its own context in an earlier step of this run.
    ///
    /// # Errors
    /// `permanent` when the value does not fit the type that is asked for.
    pub fn context_get<T: FromJson>(key: &str) -> Result<Option<T>, Fault> {
        match port::context_get(key) {
            None => Ok(None),
            Some(text) => T::from_json(text).map(Some).map_err(|error| {
                Fault::permanent(format_args!("the context's value `{key}` {error}"))
            }),
        }
    }

    /// Keeps a value for this agent's later steps, if and when this step completes.
    ///
    /// # Errors
    /// `permanent` when the value has no JSON form or the context grows past 1 MiB.
    pub fn context_put(key: &str, value: impl IntoJson) -> Result<(), Fault> {
        let text = value
            .into_json()
            .map_err(|error| Fault::unwritable(&format!("the context's value `{key}`"), &error))?;
        port::context_put(key, &text).map_err(Fault::permanent)
    }
}

/// Lines for the author and the operator: 256 a call and 64 KiB; the rest is counted and dropped.
///
/// The macros [`trace!`](crate::trace), [`debug!`](crate::debug), [`info!`](crate::info),
/// [`warn!`](crate::warn) and [`error!`](crate::error) format and write in one go.
pub mod log {
    pub use crate::bindings::imports::menagerie::plugin::log::Level;

    /// Writes one line.
    pub fn write(level: Level, message: &str) {
        super::port::log::write(level, message);
    }
}

/// The call's logical time: fixed while the call runs.
pub mod clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms() -> f64 {
        super::port::clock::now_ms()
    }

    /// The same instant as RFC 3339 text, in UTC with three fraction digits.
    pub fn now() -> String {
        super::port::clock::now()
    }
}

/// Random numbers drawn from a seed of run, step and attempt.
pub mod random {
    /// At most 65 536 bytes a call.
    pub fn bytes(count: u32) -> Vec<u8> {
        super::port::random::bytes(count)
    }

    /// Any 32-bit number.
    pub fn next_u32() -> u32 {
        super::port::random::next_u32()
    }

    /// From 0 inclusive to 1 exclusive.
    pub fn next_f64() -> f64 {
        super::port::random::next_f64()
    }
}

/// Shown while the call runs; not durable.
pub mod progress {
    /// How much is done, from 0 to 1.
    pub fn fraction(done: f64) {
        super::port::progress::fraction(done);
    }

    /// What is being done now, in a few words.
    pub fn note(text: &str) {
        super::port::progress::note(text);
    }

    /// A piece of the answer before it is whole.
    pub fn chunk(text: &str) {
        super::port::progress::chunk(text);
    }
}

/// A run's history past what a view holds. For strategies alone: no other world imports it.
pub mod history {
    use crate::wire::HistoryEntry;

    /// At most `count` (256 at the most) entries whose id is below `id`, newest first.
    pub fn before(id: u32, count: u32) -> Vec<HistoryEntry> {
        super::port::history::before(id, count)
    }
}

/// How the flow's agents have fared of late, in whatever runs. For strategies alone.
pub mod figures {
    pub use crate::wire::AgentFigures;

    /// Every agent of the flow, in its order. The same whenever this decision is told again.
    pub fn agents() -> Vec<AgentFigures> {
        super::port::figures::agents()
    }
}

/// Writes a line at level `trace`; takes what `format!` takes.
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::host::log::write($crate::host::log::Level::Trace, &::std::format!($($message)+)) };
}

/// Writes a line at level `debug`; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::host::log::write($crate::host::log::Level::Debug, &::std::format!($($message)+)) };
}

/// Writes a line at level `info`; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::host::log::write($crate::host::log::Level::Info, &::std::format!($($message)+)) };
}

/// Writes a line at level `warn`; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::host::log::write($crate::host::log::Level::Warn, &::std::format!($($message)+)) };
}

/// Writes a line at level `error`; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::host::log::write($crate::host::log::Level::Error, &::std::format!($($message)+)) };
}
