//! A call's slot, which is given back while the call waits for the host and taken again before guest
//! code goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use menagerie_sandbox::HostWaits;

use crate::gate::{Gate, Slot, Ticket};

/// A slot that one call has, or has given back for the moment. Clones are the same.
#[derive(Clone)]
pub struct HeldSlot(Arc<Held>);

struct Held {
    gate: Gate,
    ticket: Ticket,
    slot: Mutex<Option<Slot>>,
    waited_us: AtomicU64,
}

impl HeldSlot {
    /// Holds a slot that `ticket` was given.
    #[must_use]
    pub fn new(gate: Gate, ticket: Ticket, slot: Slot) -> Self {
        Self(Arc::new(Held {
            gate,
            ticket,
            slot: Mutex::new(Some(slot)),
            waited_us: AtomicU64::new(0),
        }))
    }

    /// Microseconds of waiting for the slot after it had been given back.
    #[must_use]
    pub fn waited_us(&self) -> u64 {
        self.0.waited_us.load(Ordering::Relaxed)
    }

    /// Gives the slot back, if the call has it.
    pub fn give_back(&self) {
        drop(self.put(None));
    }

    fn put(&self, slot: Option<Slot>) -> Option<Slot> {
        let mut held = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, slot)
    }
}

#[async_trait]
impl HostWaits for HeldSlot {
    fn leave(&self) {
        self.give_back();
    }

    async fn enter(&self) {
        let began = Instant::now();
        let slot = self.0.gate.enter(self.0.ticket.clone()).await;
        let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.waited_us.fetch_add(waited, Ordering::Relaxed);
        drop(self.put(Some(slot)));
    }
}
