//! How an activity has fared of late: the latest attempts, and nothing before them. For whoever steers by
//! it while runs go on, so that what was slow yesterday is not held against it for ever.

use std::collections::VecDeque;

/// Attempts that are looked back on.
pub const WINDOW: usize = 64;

/// The latest attempts of one activity, [`WINDOW`] at the most.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    attempts: VecDeque<Attempt>,
    /// What the attempts took, ascending: to be read off at any time.
    took: Vec<u64>,
    total_ms: u64,
    waited_ms: u64,
    failed: usize,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    took_ms: u64,
    waited_ms: u64,
    failed: bool,
}

/// What can be said of the latest attempts; times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Ended well.
    pub completed: usize,
    /// Failed.
    pub failed: usize,
    /// From start to end, on average.
    pub mean_ms: u64,
    /// Half of them took no longer.
    pub median_ms: u64,
    /// Nineteen of twenty took no longer.
    pub p95_ms: u64,
    /// Waiting before the start, on average.
    pub waiting_ms: u64,
}

impl Recent {
    /// Takes in an attempt that ended, in place of the oldest where the window is full.
    pub fn observe(&mut self, took_ms: u64, waited_ms: u64, failed: bool) {
        if self.attempts.len() == WINDOW
            && let Some(oldest) = self.attempts.pop_front()
        {
            self.total_ms -= oldest.took_ms;
            self.waited_ms -= oldest.waited_ms;
            self.failed -= usize::from(oldest.failed);
            let place = self.took.partition_point(|ms| *ms < oldest.took_ms);
            self.took.remove(place);
        }
        // No sum of so few can leave its range.
        let most = u64::MAX / (WINDOW as u64);
        let attempt = Attempt {
            took_ms: took_ms.min(most),
            waited_ms: waited_ms.min(most),
            failed,
        };
        self.total_ms += attempt.took_ms;
        self.waited_ms += attempt.waited_ms;
        self.failed += usize::from(failed);
        let place = self.took.partition_point(|ms| *ms < attempt.took_ms);
        self.took.insert(place, attempt.took_ms);
        self.attempts.push_back(attempt);
    }

    /// What can be said now; nothing before the first attempt has ended.
    #[must_use]
    pub fn figures(&self) -> Option<Figures> {
        let count = self.attempts.len();
        if count == 0 {
            return None;
        }
        let least = |part: usize, whole: usize| self.took[(count * part).div_ceil(whole) - 1];
        Some(Figures {
            completed: count - self.failed,
            failed: self.failed,
            mean_ms: self.total_ms / count as u64,
            median_ms: least(1, 2),
            p95_ms: least(19, 20),
            waiting_ms: self.waited_ms / count as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use proptest::prelude::*;

    use super::{Recent, WINDOW};

    #[test]
    fn nothing_is_said_before_the_first_attempt() {
        assert_eq!(Recent::default().figures(), None);
    }

    #[test]
    fn an_hour_ago_is_forgotten() {
        let mut recent = Recent::default();
        for _ in 0..WINDOW {
            recent.observe(60_000, 5, true);
        }
        for _ in 0..WINDOW {
            recent.observe(10, 1, false);
        }
        let now = recent.figures().unwrap();
        assert_eq!((now.completed, now.failed), (WINDOW, 0));
        assert_eq!(
            (now.mean_ms, now.median_ms, now.p95_ms, now.waiting_ms),
            (10, 10, 10, 1)
        );
    }

    proptest! {
        #[test]
        fn figures_are_those_of_the_last_attempts(
            attempts in proptest::collection::vec((0_u64..5_000, 0_u64..900, any::<bool>()), 1..300),
        ) {
            let mut recent = Recent::default();
            for (took, waited, failed) in &attempts {
                recent.observe(*took, *waited, *failed);
            }
            let last = &attempts[attempts.len().saturating_sub(WINDOW)..];
            let count = last.len() as u64;
            let mut took: Vec<u64> = last.iter().map(|(took, ..)| *took).collect();
            took.sort_unstable();
            let figures = recent.figures().unwrap();
            prop_assert_eq!(figures.failed, last.iter().filter(|(.., failed)| *failed).count());
            prop_assert_eq!(figures.completed + figures.failed, last.len());
            prop_assert_eq!(figures.mean_ms, took.iter().sum::<u64>() / count);
            prop_assert_eq!(figures.waiting_ms, last.iter().map(|(_, waited, _)| waited).sum::<u64>() / count);
            // Of all values that so many took no longer than, the least.
            let least = |share: f64| {
                took.iter().copied().find(|ms| {
                    took.iter().filter(|other| *other <= ms).count() as f64 >= share * count as f64 - 1e-9
                })
            };
            prop_assert_eq!(Some(figures.median_ms), least(0.5));
            prop_assert_eq!(Some(figures.p95_ms), least(0.95));
        }
    }
}
