//! Calls polled by hand, in a lane of one place.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Driver, GIVEN_WAY};
use crate::run::{Bounds, Cut, bounded};

fn bounds() -> Bounds {
    Bounds {
        busy: Duration::from_secs(3_600),
        deadline: Instant::now().checked_add(Duration::from_secs(3_600)),
        timeout: Duration::from_secs(3_600),
        cancel: CancellationToken::new(),
    }
}

/// A guest that computes for ever, and counts how often it went on.
async fn spins(went_on: &Cell<u64>) {
    poll_fn(|context| {
        went_on.set(went_on.get() + 1);
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    })
    .await;
}

/// One that waits for somebody each time.
async fn waits(went_on: &Cell<u64>) {
    poll_fn(|_| {
        went_on.set(went_on.get() + 1);
        Poll::<()>::Pending
    })
    .await;
}

fn poll(call: Pin<&mut impl Future>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    call.poll(&mut context).is_ready()
}

#[tokio::test]
async fn a_long_call_goes_on_when_there_is_room_in_the_lane_and_a_short_one_always() {
    let lane = Arc::new(Semaphore::new(1));
    let (bounds, went_on) = (bounds(), Cell::new(0));
    let mut call = pin!(bounded(spins(&went_on), &bounds, Driver::new(&lane)));
    let taken = lane.clone().try_acquire_owned().unwrap();
    // As long as it is short, it does not ask. The first time is the call's beginning, which counts for nothing.
    for turn in 1..=GIVEN_WAY + 1 {
        assert!(!poll(call.as_mut()));
        assert_eq!(went_on.get(), turn);
    }
    for _ in 0..100 {
        assert!(!poll(call.as_mut()));
    }
    assert_eq!(went_on.get(), GIVEN_WAY + 1, "the lane is full");
    drop(taken);
    for turn in 2..=10 {
        assert!(!poll(call.as_mut()));
        assert_eq!(went_on.get(), GIVEN_WAY + turn);
        // It has its place while it goes on, and not between.
        assert_eq!(lane.available_permits(), 1);
    }
}

#[tokio::test]
async fn long_calls_take_turns() {
    let lane = Arc::new(Semaphore::new(1));
    let (bounds, counts) = (bounds(), [Cell::new(0), Cell::new(0)]);
    let [first, second] = &counts;
    let mut first = pin!(bounded(spins(first), &bounds, Driver::new(&lane)));
    let mut second = pin!(bounded(spins(second), &bounds, Driver::new(&lane)));
    for _ in 0..=GIVEN_WAY {
        assert!(!poll(first.as_mut()) && !poll(second.as_mut()));
    }
    // Whoever has waited is before whoever comes again, however often it comes.
    let taken = lane.clone().try_acquire_owned().unwrap();
    assert!(!poll(first.as_mut()) && !poll(second.as_mut()));
    drop(taken);
    let before = counts.each_ref().map(Cell::get);
    for _ in 0..100 {
        assert!(!poll(second.as_mut()));
    }
    assert_eq!(
        counts.each_ref().map(Cell::get),
        before,
        "it is the first one's turn"
    );
    assert!(!poll(first.as_mut()));
    assert!(!poll(second.as_mut()));
    assert_eq!(
        counts.each_ref().map(Cell::get),
        before.map(|count| count + 1)
    );
}

#[tokio::test]
async fn waiting_makes_no_call_a_long_one() {
    let lane = Arc::new(Semaphore::new(1));
    let (bounds, went_on) = (bounds(), Cell::new(0));
    let mut call = pin!(bounded(waits(&went_on), &bounds, Driver::new(&lane)));
    let _taken = lane.clone().try_acquire_owned().unwrap();
    for turn in 1..=10 * GIVEN_WAY {
        assert!(!poll(call.as_mut()));
        assert_eq!(went_on.get(), turn);
    }
}

#[tokio::test]
async fn whoever_waits_in_front_of_the_lane_can_be_cancelled() {
    let lane = Arc::new(Semaphore::new(1));
    let (bounds, went_on) = (bounds(), Cell::new(0));
    let _taken = lane.clone().try_acquire_owned().unwrap();
    let ended = async { bounded(spins(&went_on), &bounds, Driver::new(&lane)).await };
    let cancelled = async {
        while went_on.get() <= GIVEN_WAY {
            tokio::task::yield_now().await;
        }
        bounds.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(ended, cancelled);
    assert_eq!(ended.result.unwrap_err(), Cut::Cancelled);
    assert_eq!(went_on.get(), GIVEN_WAY + 1);
}
