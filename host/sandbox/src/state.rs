//! The data of one call, which lives as long as its Store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::artifacts::ArtifactAccess;
use crate::http::HttpAccess;
use crate::ijson::{Budget, check_document};
use crate::limits::Limits;
use crate::meters::Meters;
use crate::random::SeededRandom;
use crate::recorder::{HostCall, InFlight, Made, Opened, Permission, Recorder};
use crate::report::LogLine;
use crate::revoked::Revocations;
use crate::shared::SharedAccess;
use crate::spec::{HistoryPager, Invocation, Observer};
use crate::stop::Stop;
use crate::types::Level;
use crate::waits::Waits;
use crate::wasi::Standard;

/// Bytes that may go to the guest before others are let run: copying them takes about as long as
/// the work between two yields of fuel.
const BYTES_BETWEEN_YIELDS: usize = 1 << 20;

/// Everything that host functions see of a call.
pub(crate) struct CallState {
    pub(crate) meters: Meters,
    pub(crate) invocation: Arc<Invocation>,
    pub(crate) random: SeededRandom,
    pub(crate) log: LogBook,
    pub(crate) standard: Standard,
    pub(crate) context_writes: BTreeMap<String, String>,
    pub(crate) recorder: Recorder,
    pub(crate) history: Arc<dyn HistoryPager>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) unyielded: usize,
    pub(crate) http: Option<HttpAccess>,
    pub(crate) shared: Option<SharedAccess>,
    pub(crate) artifacts: Option<ArtifactAccess>,
    /// The artifact that the guest read last, with its digest.
    pub(crate) reads: Option<(String, Arc<[u8]>)>,
    pub(crate) revoked: Arc<dyn Revocations>,
    pub(crate) waits: Arc<Waits>,
    pub(crate) suspend_after: Duration,
    /// The host call that goes on when the instance is given up.
    pub(crate) suspended: Option<InFlight>,
}

impl CallState {
    /// Lets others run when much has been copied to the guest since the last time: host functions
    /// use no fuel, so nothing else would make a guest that calls them in a loop give way.
    pub(crate) async fn give_way(&mut self, bytes: usize) {
        self.unyielded += bytes;
        if self.unyielded >= BYTES_BETWEEN_YIELDS {
            self.unyielded = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Whether anything that the guest was told may be in the call log.
    pub(crate) fn is_recorded(&self) -> bool {
        self.http.is_some() || self.shared.is_some() || self.artifacts.is_some()
    }

    /// Takes a host call with an effect through the call log. What is recorded is answered at once;
    /// otherwise the call holds no slot while it waits, and after a while no instance either.
    pub(crate) async fn outside<Make, Making>(
        &mut self,
        call: HostCall<'_>,
        make: Make,
    ) -> Result<Vec<u8>, Stop>
    where
        Make: FnOnce(Permission) -> Making + Send + 'static,
        Making: Future<Output = Made> + Send + 'static,
    {
        let ticket = match self.recorder.open(&call).await? {
            Opened::Answered(answer) => return Ok(answer),
            Opened::New(ticket) => ticket,
        };
        self.waits.leave();
        let mut flight = match self.recorder.start(ticket, make).await {
            Ok(flight) => flight,
            Err(trouble) => {
                self.waits.enter().await;
                return Err(trouble.into());
            }
        };
        let Some(answer) = flight.wait(self.suspend_after).await else {
            self.suspended = Some(flight);
            return Err(Stop::Suspended);
        };
        self.recorder.landed(flight);
        self.waits.enter().await;
        Ok(answer?)
    }

    /// What the agent sees of its own context: its earlier steps' values under this call's.
    pub(crate) fn context(&self, key: &str) -> Option<&String> {
        self.context_writes
            .get(key)
            .or_else(|| self.invocation.own_context.get(key))
    }

    /// Keeps a value for later steps, or says why not.
    pub(crate) fn put_context(&mut self, key: String, value: String) -> Result<(), String> {
        let limits = self.meters.limits();
        let mut budget = Budget::new(limits.json_depth, limits.json_nodes);
        check_document(&value, &mut budget)
            .map_err(|broken| format!("the value breaks the rule `{}`: {broken}", broken.rule))?;
        let limit = limits.context_bytes;
        let size = self.context_size_without(&key) + (key.len() + value.len()) as u64;
        if size > limit {
            return Err(format!(
                "the context would have {size} bytes, and its limit is {limit}"
            ));
        }
        self.context_writes.insert(key, value);
        Ok(())
    }

    fn context_size_without(&self, key: &str) -> u64 {
        let written = self.context_writes.iter();
        let earlier = self
            .invocation
            .own_context
            .iter()
            .filter(|(key, _)| !self.context_writes.contains_key(*key));
        written
            .chain(earlier)
            .filter(|(other, _)| *other != key)
            .map(|(key, value)| (key.len() + value.len()) as u64)
            .sum()
    }
}

/// The log of a call: what fits is kept, and once something did not, the rest is only counted.
#[derive(Debug, Default)]
pub(crate) struct LogBook {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) dropped: u64,
    bytes: u64,
}

impl LogBook {
    /// Keeps a line if it still fits, and gives it back to be shown.
    pub(crate) fn write(
        &mut self,
        limits: &Limits,
        level: Level,
        message: String,
    ) -> Option<&LogLine> {
        let bytes = self.bytes + message.len() as u64;
        let fits = self.lines.len() < limits.log_lines as usize && bytes <= limits.log_bytes;
        if self.dropped > 0 || !fits {
            self.dropped += 1;
            return None;
        }
        self.bytes = bytes;
        self.lines.push(LogLine { level, message });
        self.lines.last()
    }
}
