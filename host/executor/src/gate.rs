//! The one admission gate: who may run guest code now.
//!
//! Slots go to waiting calls by priority, then by the length of the work behind them, then by
//! arrival. A call whose agent already runs as often as it may is passed over. The queue is
//! bounded: whoever finds it full waits outside, and learns of backpressure from 80 % on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot, watch};

/// How wide the gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateConfig {
    /// Calls that run at once.
    pub slots: usize,
    /// Calls that wait at once.
    pub queue: usize,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            slots: 10,
            queue: 100,
        }
    }
}

/// Who asks for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Calls of one key count together against `max_load`: a run's agent.
    pub key: Arc<str>,
    /// How many calls of the key may run at once.
    pub max_load: u32,
    /// Higher is sooner.
    pub priority: i32,
    /// Then: longer is sooner. Milliseconds.
    pub critical_path_ms: u64,
}

/// What the gate has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GateStatistics {
    /// Calls that were given a slot.
    pub admitted: u64,
    /// Calls that have a slot.
    pub running: usize,
    /// Calls that wait.
    pub queued: usize,
    /// How often the queue reached 80 %.
    pub backpressure_events: u64,
}

/// Waiting calls in the order in which they are given slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    priority: std::cmp::Reverse<(i32, u64)>,
    arrival: u64,
}

struct Waiting {
    ticket: Ticket,
    admit: oneshot::Sender<Slot>,
}

#[derive(Default)]
struct State {
    free: usize,
    arrivals: u64,
    queue: BTreeMap<Place, Waiting>,
    /// Calls that run, by key; a key without any is not in it.
    load: BTreeMap<Arc<str>, u32>,
    statistics: GateStatistics,
}

struct Shared {
    config: GateConfig,
    state: Mutex<State>,
    /// Places in the queue.
    room: Arc<Semaphore>,
    backpressure: watch::Sender<bool>,
}

/// The gate. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gate").field(&self.statistics()).finish()
    }
}

/// The right to run guest code, until it is dropped.
pub struct Slot {
    gate: Option<Gate>,
    key: Arc<str>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.leave(&self.key);
        }
    }
}

/// Takes a call out of the queue when its wait is given up.
struct Queued<'gate> {
    gate: &'gate Gate,
    place: Place,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.gate.state().queue.remove(&self.place);
        self.gate.tell_backpressure();
    }
}

impl Gate {
    /// A gate with nobody in it.
    #[must_use]
    pub fn new(config: GateConfig) -> Self {
        let state = State {
            free: config.slots,
            ..State::default()
        };
        Self(Arc::new(Shared {
            config,
            state: Mutex::new(state),
            // Whoever is given a slot at once passes through the queue as well.
            room: Arc::new(Semaphore::new(config.queue.max(1))),
            backpressure: watch::Sender::new(false),
        }))
    }

    /// Waits for a slot. Dropping the future gives the place up.
    pub async fn enter(&self, ticket: Ticket) -> Slot {
        if let Some(slot) = self.enter_at_once(&ticket) {
            return slot;
        }
        // The semaphore is never closed, so that the only way on is with a place in the queue.
        let room = self.0.room.clone().acquire_owned().await;
        let (admit, mut admitted) = oneshot::channel();
        let queued = {
            let mut state = self.state();
            state.arrivals += 1;
            let place = Place {
                priority: std::cmp::Reverse((ticket.priority, ticket.critical_path_ms)),
                arrival: state.arrivals,
            };
            state.queue.insert(place, Waiting { ticket, admit });
            Queued { gate: self, place }
        };
        self.admit_waiting();
        self.tell_backpressure();
        let slot = match admitted.try_recv() {
            Ok(slot) => slot,
            Err(_) => match admitted.await {
                Ok(slot) => slot,
                // The sender lives in the queue until it sends, and only `queued` takes it out.
                Err(_) => std::future::pending().await,
            },
        };
        drop(queued);
        drop(room);
        slot
    }

    /// A slot, if one is free and nobody waits.
    fn enter_at_once(&self, ticket: &Ticket) -> Option<Slot> {
        let mut state = self.state();
        if state.free == 0 || !state.queue.is_empty() {
            return None;
        }
        let load = state.load.entry(ticket.key.clone()).or_insert(0);
        if *load >= ticket.max_load.max(1) {
            return None;
        }
        *load += 1;
        state.free -= 1;
        state.arrivals += 1;
        state.statistics.admitted += 1;
        Some(Slot {
            gate: Some(self.clone()),
            key: ticket.key.clone(),
        })
    }

    /// True from the time the queue is at 80 % until it is below again.
    #[must_use]
    pub fn backpressure(&self) -> watch::Receiver<bool> {
        self.0.backpressure.subscribe()
    }

    /// What the gate has seen.
    #[must_use]
    pub fn statistics(&self) -> GateStatistics {
        let state = self.state();
        GateStatistics {
            running: self.0.config.slots.saturating_sub(state.free),
            queued: state.queue.len(),
            ..state.statistics
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, key: &Arc<str>) {
        {
            let mut state = self.state();
            state.free += 1;
            if let Some(load) = state.load.get_mut(key) {
                *load -= 1;
                if *load == 0 {
                    state.load.remove(key);
                }
            }
            if state.queue.is_empty() {
                return;
            }
        }
        self.admit_waiting();
    }

    /// Gives free slots to the first that may have one.
    fn admit_waiting(&self) {
        // Slots of those who gave up meanwhile are dropped after the lock is let go.
        let mut given_up = Vec::new();
        {
            let mut state = self.state();
            while state.free > 0 {
                let may_run = |waiting: &Waiting| {
                    let load = state.load.get(&waiting.ticket.key).copied().unwrap_or(0);
                    load < waiting.ticket.max_load.max(1)
                };
                let first = state.queue.iter().find(|(_, waiting)| may_run(waiting));
                let Some(place) = first.map(|(place, _)| *place) else {
                    break;
                };
                let Some(waiting) = state.queue.remove(&place) else {
                    break;
                };
                state.free -= 1;
                state.statistics.admitted += 1;
                let key = waiting.ticket.key;
                *state.load.entry(key.clone()).or_insert(0) += 1;
                let gate = Some(self.clone());
                if let Err(slot) = waiting.admit.send(Slot { gate, key }) {
                    given_up.push(slot);
                }
            }
        }
        drop(given_up);
    }

    fn tell_backpressure(&self) {
        let mut state = self.state();
        let pressed = state.queue.len() * 10 >= self.0.config.queue * 8;
        let changed = self.0.backpressure.send_if_modified(|told| {
            let changed = *told != pressed;
            *told = pressed;
            changed
        });
        if changed && pressed {
            state.statistics.backpressure_events += 1;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn ticket(key: &str, max_load: u32, priority: i32, critical_path_ms: u64) -> Ticket {
        Ticket {
            key: key.into(),
            max_load,
            priority,
            critical_path_ms,
        }
    }

    fn gate(slots: usize, queue: usize) -> Gate {
        Gate::new(GateConfig { slots, queue })
    }

    #[tokio::test]
    async fn slots_go_by_priority_then_by_critical_path_then_by_arrival() {
        let gate = gate(1, 10);
        let first = gate.enter(ticket("a", 9, 0, 0)).await;
        let tickets = [("b", 0, 1), ("c", 0, 5), ("d", 0, 5), ("e", 1, 0)];
        let mut waiting: Vec<_> = tickets
            .iter()
            .map(|(key, priority, path)| Box::pin(gate.enter(ticket(key, 9, *priority, *path))))
            .collect();
        for future in &mut waiting {
            assert!(future.now_or_never().is_none());
        }
        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let (slot, index, rest) = futures_util::future::select_all(waiting).await;
            order.push(slot.key.to_string());
            let _ = index;
            waiting = rest;
        }
        assert_eq!(order, ["e", "c", "d", "b"]);
    }

    #[tokio::test]
    async fn a_busy_agent_does_not_hold_up_the_others() {
        let gate = gate(3, 10);
        let _first = gate.enter(ticket("a", 1, 0, 0)).await;
        let mut second = Box::pin(gate.enter(ticket("a", 1, 9, 0)));
        assert!((&mut second).now_or_never().is_none());
        let _other = gate.enter(ticket("b", 1, 0, 0)).now_or_never().unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_holds_the_submitter_and_says_so_from_four_fifths_on() {
        let gate = gate(1, 5);
        let told = gate.backpressure();
        let first = gate.enter(ticket("a", 9, 0, 0)).await;
        let mut waiting: Vec<_> = (0..6)
            .map(|_| Box::pin(gate.enter(ticket("a", 9, 0, 0))))
            .collect();
        for future in &mut waiting[..3] {
            assert!(future.now_or_never().is_none());
        }
        assert!(!*told.borrow());
        for future in &mut waiting[3..] {
            assert!(future.now_or_never().is_none());
        }
        assert!(*told.borrow());
        assert_eq!(gate.statistics().queued, 5);
        drop(waiting);
        assert!(!*told.borrow());
        assert_eq!(gate.statistics().backpressure_events, 1);
        drop(first);
        assert_eq!(gate.statistics().running, 0);
    }

    #[tokio::test]
    async fn giving_up_a_wait_loses_no_slot() {
        let gate = gate(1, 10);
        let first = gate.enter(ticket("a", 9, 0, 0)).await;
        let mut given_up = Box::pin(gate.enter(ticket("a", 9, 0, 0)));
        assert!((&mut given_up).now_or_never().is_none());
        drop(first);
        drop(given_up);
        assert!(gate.enter(ticket("a", 9, 0, 0)).now_or_never().is_some());
    }
}
