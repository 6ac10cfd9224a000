//! The lane of calls that compute for long: fewer of them go on at once than there are processors, so that whatever is
//! short finds a free one. A call comes into it by the fuel that it used, and it changes no call but by when it goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::FUEL_BETWEEN_YIELDS;

/// Fuel of a short call: some 5 ms of plain code.
const FUEL_OF_A_SHORT_CALL: u64 = 10_000_000;

/// How often a call has given way when it is no short one any more.
const GIVEN_WAY: u64 = FUEL_OF_A_SHORT_CALL / FUEL_BETWEEN_YIELDS;

type Entering = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// The lane of an engine: one processor is left to short calls, if there are several.
pub(crate) fn lane() -> Arc<Semaphore> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors.saturating_sub(1).max(1)))
}

/// One call's way in the lane.
pub(crate) struct Driver {
    lane: Arc<Semaphore>,
    /// How often the guest gave way by itself, and not to wait for somebody.
    given_way: u64,
    /// Whether the guest was polled before: for most calls there is one poll, which needs nothing of this.
    began: bool,
    /// Tells giving way from waiting.
    woken: Option<(Arc<Woken>, Waker)>,
    entering: Option<Entering>,
}

/// A waker that remembers that it was used.
struct Woken {
    used: AtomicBool,
    task: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.used.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Driver {
    pub(crate) fn new(lane: &Arc<Semaphore>) -> Driver {
        Driver {
            lane: Arc::clone(lane),
            given_way: 0,
            began: false,
            woken: None,
            entering: None,
        }
    }

    /// Waits until the guest may be polled: at once while its call is short, else until there is room in the lane.
    /// The place is given back after each poll, so that long calls take turns.
    pub(crate) fn poll_enter(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<OwnedSemaphorePermit>> {
        if self.given_way < GIVEN_WAY {
            return Poll::Ready(None);
        }
        let lane = &self.lane;
        let entering = self.entering.get_or_insert_with(|| {
            let lane = Arc::clone(lane);
            // A lane is never closed.
            Box::pin(async move { lane.acquire_owned().await.ok() })
        });
        let entered = entering.as_mut().poll(context);
        if entered.is_ready() {
            self.entering = None;
        }
        entered
    }

    /// Polls the guest, and counts when it gives way.
    pub(crate) fn poll<Guest: Future>(
        &mut self,
        guest: Pin<&mut Guest>,
        context: &mut Context<'_>,
    ) -> Poll<Guest::Output> {
        if !std::mem::replace(&mut self.began, true) {
            return guest.poll(context);
        }
        let (woken, waker) = match &mut self.woken {
            Some((woken, waker)) if woken.task.will_wake(context.waker()) => (woken, waker),
            watched => {
                let woken = Arc::new(Woken {
                    used: AtomicBool::new(false),
                    task: context.waker().clone(),
                });
                let waker = Waker::from(Arc::clone(&woken));
                let (woken, waker) = watched.insert((woken, waker));
                (woken, waker)
            }
        };
        woken.used.store(false, Ordering::Release);
        let polled = guest.poll(&mut Context::from_waker(waker));
        if polled.is_pending() && woken.used.load(Ordering::Acquire) {
            self.given_way += 1;
        }
        polled
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
#[path = "lane_tests.rs"]
mod tests;
