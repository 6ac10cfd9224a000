//! What could not be done, why, and when it is tried again.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::ExecutorError;

/// How long something is left alone: twice as long each time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delay {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
        }
    }
}

/// Things that could not be done.
#[derive(Debug)]
pub(crate) struct Refused<Key> {
    delay: Delay,
    known: HashMap<Key, Refusal>,
}

#[derive(Debug)]
struct Refusal {
    told: String,
    waits: Duration,
    again: Instant,
    /// It is being tried, and counts as refused until that is over.
    tried: bool,
}

impl<Key> Default for Refused<Key> {
    fn default() -> Self {
        Self::with(Delay::default())
    }
}

impl<Key> Refused<Key> {
    pub(crate) fn with(delay: Delay) -> Self {
        Self {
            delay,
            known: HashMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// When the next of them is to be tried.
    pub(crate) fn next(&self) -> Option<Instant> {
        let waiting = self.known.values().filter(|refusal| !refusal.tried);
        waiting.map(|refusal| refusal.again).min()
    }
}

impl<Key: Eq + Hash + Clone> Refused<Key> {
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.known.contains_key(key)
    }

    /// Those whose time has come, at most so many.
    pub(crate) fn due(&mut self, most: usize) -> Vec<Key> {
        let now = Instant::now();
        let due = self
            .known
            .iter_mut()
            .filter(|(_, refusal)| !refusal.tried && refusal.again <= now);
        let due = due.take(most).map(|(key, refusal)| {
            refusal.tried = true;
            key.clone()
        });
        due.collect()
    }

    pub(crate) fn clear(&mut self, key: &Key) {
        self.known.remove(key);
    }

    /// Notes a refusal. Says for how long the thing is left alone, and whether the reason is new.
    pub(crate) fn add(&mut self, key: Key, error: &ExecutorError) -> (Duration, bool) {
        let told = error.to_string();
        let before = self.known.get(&key);
        let new = before.is_none_or(|before| before.told != told);
        let waits = match before {
            Some(before) => (before.waits * 2).min(self.delay.longest),
            None => self.delay.first,
        };
        let refusal = Refusal {
            told,
            waits,
            again: Instant::now() + waits,
            tried: false,
        };
        self.known.insert(key, refusal);
        (waits, new)
    }
}
