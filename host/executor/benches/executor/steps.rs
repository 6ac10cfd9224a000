//! When the steps of a run were durable.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use menagerie_executor::Watcher;
use menagerie_orchestration::event::{Event, Recorded};
use menagerie_orchestration::run::Run;

/// Watches one run at a time.
#[derive(Default)]
pub(crate) struct Steps(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    commits: usize,
    ended: Vec<Instant>,
}

impl Watcher for Steps {
    fn committed(&self, _: &Run, events: &[Recorded]) {
        let mut seen = self.0.lock().unwrap();
        seen.commits += 1;
        let is_step = |recorded: &Recorded| matches!(recorded.event, Event::StepEnded { .. });
        if events.iter().any(is_step) {
            seen.ended.push(Instant::now());
        }
    }
}

impl Steps {
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap() = Seen::default();
    }

    /// Commits since it was cleared.
    pub(crate) fn commits(&self) -> usize {
        self.0.lock().unwrap().commits
    }

    /// From one step to the next.
    pub(crate) fn between(&self) -> Vec<Duration> {
        let seen = self.0.lock().unwrap();
        seen.ended
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect()
    }
}
