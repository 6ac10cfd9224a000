//! When the steps of a run were durable.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use menagerie_executor::Watcher;
use menagerie_orchestration::event::{Event, Recorded};
use menagerie_orchestration::run::Run;

use crate::disk::Disk;

/// Watches one run at a time.
#[derive(Default)]
pub(crate) struct Steps(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    commits: usize,
    /// Synced between any two steps, so that both meet the disk in the same mood.
    disk: Option<Disk>,
    /// When the loop went on after the last step.
    went_on: Option<Instant>,
    steps: Vec<Duration>,
    syncs: Vec<Duration>,
}

impl Watcher for Steps {
    fn committed(&self, _: &Run, events: &[Recorded]) {
        let mut seen = self.0.lock().unwrap();
        seen.commits += 1;
        let is_step = |recorded: &Recorded| matches!(recorded.event, Event::StepEnded { .. });
        if events.iter().any(is_step) {
            let now = Instant::now();
            let step = seen.went_on.map(|went_on| now - went_on);
            seen.steps.extend(step);
            let sync = seen.disk.as_mut().map(Disk::overwrite_and_sync);
            seen.syncs.extend(sync);
            seen.went_on = Some(Instant::now());
        }
    }
}

impl Steps {
    /// Watches another run, and syncs this file after each of its steps.
    pub(crate) fn begin(&self, disk: Disk) {
        *self.0.lock().unwrap() = Seen {
            disk: Some(disk),
            ..Seen::default()
        };
    }

    /// Commits of the run.
    pub(crate) fn commits(&self) -> usize {
        self.0.lock().unwrap().commits
    }

    /// What the steps took, what the syncs between them took, and the file.
    pub(crate) fn take(&self) -> (Vec<Duration>, Vec<Duration>, Option<Disk>) {
        let seen = std::mem::take(&mut *self.0.lock().unwrap());
        (seen.steps, seen.syncs, seen.disk)
    }
}
