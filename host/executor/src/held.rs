//! A call's slot, and its place among the calls of its run that may run at once: given back while the
//! call waits for the host, and taken again before guest code goes on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use menagerie_sandbox::HostWaits;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::gate::{Gate, Slot, Ticket};

/// The places of one run: as many as calls may run at once.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    outside: AtomicUsize,
    /// A call has gone outside, or is not there any more.
    moved: Notify,
}

/// The right of one call to run beside others of its run, until it is dropped.
pub(crate) struct Place(#[expect(dead_code, reason = "held to be dropped")] OwnedSemaphorePermit);

impl Places {
    pub(crate) fn new(width: u32) -> Arc<Self> {
        let width = usize::try_from(width).unwrap_or(usize::MAX);
        Arc::new(Self {
            free: Arc::new(Semaphore::new(width.min(Semaphore::MAX_PERMITS))),
            outside: AtomicUsize::new(0),
            moved: Notify::new(),
        })
    }

    /// A place, if one is free and nobody who comes back waits for it.
    pub(crate) fn take(&self) -> Option<Place> {
        self.free.clone().try_acquire_owned().ok().map(Place)
    }

    async fn wait(&self) -> Place {
        match self.free.clone().acquire_owned().await {
            Ok(place) => Place(place),
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many calls wait for the outside.
    pub(crate) fn outside(&self) -> usize {
        self.outside.load(Ordering::Relaxed)
    }

    /// Waits until a call has gone outside or is not there any more, or has ended without an answer:
    /// a place may be free.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// A place may be free of which nobody else tells.
    pub(crate) fn tell(&self) {
        self.moved.notify_one();
    }

    fn went_outside(&self) {
        self.outside.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    fn came_back(&self) {
        self.outside.fetch_sub(1, Ordering::Relaxed);
        self.tell();
    }
}

/// A slot that one call has, or has given back for the moment. Clones are the same.
#[derive(Clone)]
pub struct HeldSlot(Arc<Held>);

struct Held {
    gate: Gate,
    ticket: Ticket,
    places: Arc<Places>,
    hold: Mutex<Hold>,
    waited_us: AtomicU64,
}

/// What a call has at the moment.
enum Hold {
    #[expect(dead_code, reason = "held to be dropped")]
    Running(Slot, Place),
    Outside,
    Nothing,
}

impl HeldSlot {
    /// Holds a slot that `ticket` was given, and a place in the call's run.
    pub(crate) fn new(
        gate: Gate,
        ticket: Ticket,
        slot: Slot,
        places: Arc<Places>,
        place: Place,
    ) -> Self {
        Self(Arc::new(Held {
            gate,
            ticket,
            places,
            hold: Mutex::new(Hold::Running(slot, place)),
            waited_us: AtomicU64::new(0),
        }))
    }

    /// Microseconds of waiting for the slot after it had been given back.
    #[must_use]
    pub fn waited_us(&self) -> u64 {
        self.0.waited_us.load(Ordering::Relaxed)
    }

    /// Gives the slot and the place back, if the call has them.
    pub fn give_back(&self) {
        if matches!(self.put(Hold::Nothing), Hold::Outside) {
            self.0.places.came_back();
        }
    }

    fn put(&self, hold: Hold) -> Hold {
        let mut held = self.0.hold.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, hold)
    }
}

#[async_trait]
impl HostWaits for HeldSlot {
    fn leave(&self) {
        let held = self.put(Hold::Outside);
        let was_outside = matches!(held, Hold::Outside);
        // Free before anybody is told.
        drop(held);
        if !was_outside {
            self.0.places.went_outside();
        }
    }

    async fn enter(&self) {
        let began = Instant::now();
        if matches!(self.put(Hold::Nothing), Hold::Outside) {
            self.0.places.came_back();
        }
        // The place first: whoever has a slot waits for nothing.
        let place = self.0.places.wait().await;
        let slot = self.0.gate.enter(self.0.ticket.clone()).await;
        let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.waited_us.fetch_add(waited, Ordering::Relaxed);
        drop(self.put(Hold::Running(slot, place)));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::gate::GateConfig;

    #[tokio::test]
    async fn who_waits_outside_leaves_its_place_and_waits_for_one_when_it_comes_back() {
        let (gate, places) = (Gate::new(GateConfig::default()), Places::new(1));
        let held = async |places: &Arc<Places>, place: Place| {
            let ticket = Ticket {
                key: "agent".into(),
                max_load: 9,
                priority: 0,
                critical_path_ms: 0,
            };
            let slot = gate.enter(ticket.clone()).await;
            HeldSlot::new(gate.clone(), ticket, slot, places.clone(), place)
        };
        let first = held(&places, places.take().unwrap()).await;
        assert!(places.take().is_none());
        first.leave();
        places.moved().now_or_never().unwrap();
        assert_eq!((places.outside(), gate.statistics().running), (1, 0));
        let second = held(&places, places.take().unwrap()).await;
        let mut back = Box::pin(first.enter());
        assert!((&mut back).now_or_never().is_none());
        assert_eq!(places.outside(), 0, "it has what it waited for");
        second.leave();
        assert!(places.take().is_none(), "who comes back is first");
        back.await;
        assert_eq!((places.outside(), gate.statistics().running), (1, 1));
        // One that ends outside is not there any more, and one that ends inside leaves its place.
        second.give_back();
        assert_eq!(places.outside(), 0);
        first.give_back();
        assert!(places.take().is_some());
        assert_eq!(gate.statistics().running, 0);
    }
}
