//! Runs a guest's future within bounds: it measures the time in which guest code runs, which is
//! the time that polls take, and drops the future when a bound is reached or somebody cancels.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::lane::Driver;

/// When a call is cut off.
pub(crate) struct Bounds {
    /// Guest code running.
    pub(crate) busy: Duration,
    /// The clock on the wall; none when it lies beyond what the clock can say.
    pub(crate) deadline: Option<Instant>,
    /// What `deadline` was made of, for messages.
    pub(crate) timeout: Duration,
    /// Somebody's wish.
    pub(crate) cancel: CancellationToken,
}

/// Why a call was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Busy,
    Deadline,
    Cancelled,
    /// The host's own code panicked on the guest's behalf.
    Panicked(String),
}

impl Bounds {
    /// Completes when the call must end whatever the guest does.
    pub(crate) async fn alarm(&self) -> Cut {
        match self.deadline {
            None => self.cancel.cancelled().await,
            Some(deadline) => tokio::select! {
                () = self.cancel.cancelled() => {}
                () = tokio::time::sleep_until(deadline.into()) => return Cut::Deadline,
            },
        }
        Cut::Cancelled
    }

    /// The same question, asked without waiting: a guest that never waits for anything keeps the
    /// runtime from ringing any alarm.
    fn cut(&self, now: Instant, busy: Duration) -> Option<Cut> {
        if self.cancel.is_cancelled() {
            return Some(Cut::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Some(Cut::Deadline);
        }
        (busy > self.busy).then_some(Cut::Busy)
    }
}

/// What became of a future, and how long its polls took.
pub(crate) struct Finished<Output> {
    pub(crate) result: Result<Output, Cut>,
    pub(crate) busy: Duration,
}

/// Polls `guest` until it is ready or a bound is reached. Alarms are set only when the guest gives
/// way for the first time: most calls never do, and need none. What is long goes by the lane.
pub(crate) async fn bounded<Guest: Future>(
    guest: Guest,
    bounds: &Bounds,
    mut driver: Driver,
) -> Finished<Guest::Output> {
    let mut guest = pin!(guest);
    let mut alarm: Option<Pin<Box<dyn Future<Output = Cut> + Send + '_>>> = None;
    let mut busy = Duration::ZERO;
    let result = std::future::poll_fn(|context| {
        let before = Instant::now();
        if let Some(cut) = bounds.cut(before, busy) {
            return Poll::Ready(Err(cut));
        }
        if let Poll::Ready(place) = driver.poll_enter(context) {
            let polled = catch_unwind(AssertUnwindSafe(|| driver.poll(guest.as_mut(), context)));
            let after = Instant::now();
            drop(place);
            busy += after.duration_since(before);
            match polled {
                Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
                Ok(Poll::Pending) => {}
                Err(panic) => return Poll::Ready(Err(Cut::Panicked(panic_message(&*panic)))),
            }
            if let Some(cut) = bounds.cut(after, busy) {
                return Poll::Ready(Err(cut));
            }
        }
        alarm
            .get_or_insert_with(|| Box::pin(bounds.alarm()))
            .as_mut()
            .poll(context)
            .map(Err)
    })
    .await;
    Finished { result, busy }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it said nothing".to_owned());
    format!("host code panicked during a guest's call: {message}")
}
