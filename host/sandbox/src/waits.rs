//! The right to run guest code is given back while a call waits for the host: this is where whoever
//! gave it is told, and where the waits are added up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

/// Is told when a call begins and ends to wait for the host.
#[async_trait]
pub trait HostWaits: Send + Sync {
    /// No guest code of the call runs until it has entered again: its slot is free for others.
    fn leave(&self);
    /// Waits until guest code of the call may run again. Dropping the future gives that up.
    async fn enter(&self);
}

/// For calls that nobody gave a slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWaits;

#[async_trait]
impl HostWaits for NoWaits {
    fn leave(&self) {}
    async fn enter(&self) {}
}

/// The waits of one call, over all its executions.
pub(crate) struct Waits {
    port: Arc<dyn HostWaits>,
    waited: Mutex<Waited>,
}

#[derive(Default)]
struct Waited {
    since: Option<Instant>,
    total: Duration,
}

impl Waits {
    pub(crate) fn new(port: Arc<dyn HostWaits>) -> Waits {
        Waits {
            port,
            waited: Mutex::default(),
        }
    }

    /// The call waits from now on. It may be said twice.
    pub(crate) fn leave(&self) {
        let mut waited = self.waited();
        if waited.since.is_none() {
            waited.since = Some(Instant::now());
            drop(waited);
            self.port.leave();
        }
    }

    /// Whether the call has given up the right to run guest code.
    pub(crate) fn is_away(&self) -> bool {
        self.waited().since.is_some()
    }

    /// The call has what it waited for, and waits for its turn, if it had given it up.
    pub(crate) async fn enter(&self) {
        let since = self.waited().since.take();
        if let Some(since) = since {
            self.waited().total += since.elapsed();
            self.port.enter().await;
        }
    }

    /// All waits for the host together, a present one included; waits for a turn are not among them.
    pub(crate) fn total(&self) -> Duration {
        let waited = self.waited();
        waited.total + waited.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn waited(&self) -> MutexGuard<'_, Waited> {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
