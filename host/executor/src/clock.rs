//! Time, as the executor asks for it. The only place of the host's core that reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use menagerie_orchestration::time::Timestamp;

/// Where time comes from: the system's, or virtual time in a test.
pub trait Clock: Send + Sync {
    /// The instant, for events and timers. May go back; event time does not follow it there.
    fn now(&self) -> Timestamp;
    /// A time that never goes back, for durations.
    fn monotonic(&self) -> Duration;
    /// Ends at that instant or after it.
    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()>;
    /// Whether time passes of itself. Virtual time passes when everybody waits for a timer, so that a
    /// timer which stays set while its owner waits for the disk would make it run away.
    fn passes_by_itself(&self) -> bool {
        true
    }
}

/// The system's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

/// The longest single sleep: a wall clock that is set anew is noticed after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

fn system_now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let left = due.since(system_now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}

/// Time that follows tokio's clock from a fixed instant: virtual when that one is paused.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: tokio::time::Instant,
    began: Timestamp,
}

impl TokioClock {
    /// A clock that shows `began` now. Must be made within a tokio runtime.
    #[must_use]
    pub fn starting_at(began: Timestamp) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            began,
        }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.began.plus(self.origin.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        let until = self.origin + due.since(self.began);
        Box::pin(tokio::time::sleep_until(until))
    }

    fn passes_by_itself(&self) -> bool {
        false
    }
}
