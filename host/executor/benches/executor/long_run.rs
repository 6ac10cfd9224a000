//! Runs of up to a million steps: what resuming one takes, and what a step of one adds to the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_executor::{Began, BeginRun, Nobody, Stopped};
use menagerie_journal::{Journal, Options, RunKey, SqliteJournal};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::SNAPSHOT_VERSION;
use tokio::runtime::Runtime;

use crate::absent::{self, Absent};
use crate::bulk::Bulk;
use crate::{host, median, runtime, scaled, tell};

/// The target of the whole, in milliseconds.
const RESUMED_MS: f64 = 1_000.0;
/// A run is resumed as often as a call may end its host.
const ROUNDS: usize = 3;
/// Of 1 024 events that lie between two snapshots, so many are to be folded at least.
const EVENTS_TO_FOLD: u64 = 1_000;
/// The steps over which bytes are counted: many snapshots long.
const COUNTED: usize = 10_000;
/// Behind the first snapshot, whose place in the file is used again by all that follow.
const EARLY: usize = 1_100;
const LATE: usize = 100_000;

/// One run and where it is kept.
struct LongRun {
    folder: tempfile::TempDir,
    key: RunKey,
    flow: Arc<Flow>,
    guests: Arc<Absent>,
}

impl LongRun {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            key: RunKey::fresh(),
            flow: absent::flow(),
            guests: Absent::new(usize::MAX),
        }
    }

    fn store(&self) -> SqliteJournal {
        SqliteJournal::open(self.folder.path(), &Options::new("bench")).unwrap()
    }

    fn begin(&self) -> BeginRun {
        BeginRun {
            key: self.key.clone(),
            input: absent::input(),
            files: Vec::new(),
            session: None,
        }
    }

    /// Drives the run, begun or not, until a call is held, and parks it; then the store is closed.
    fn drive_until_held(&self, begun: bool) {
        let runtime = runtime();
        let bulk = Bulk::new(self.store());
        let host = host(bulk.clone());
        runtime.block_on(async {
            let stopper = host.stopper();
            let driving = async {
                if begun {
                    let (flow, guests) = (self.flow.clone(), self.guests.clone());
                    let watcher = self.guests.clone();
                    return host
                        .resume_with(flow, guests, &self.key, watcher)
                        .await
                        .unwrap()
                        .1;
                }
                let (flow, guests) = (self.flow.clone(), self.guests.clone());
                let watcher = self.guests.clone();
                match host.begin_with(flow, guests, self.begin(), watcher).await {
                    Ok(Began::Driven(_, stopped)) => stopped,
                    _ => panic!("the run is new"),
                }
            };
            let parked = async {
                self.guests.held().await;
                stopper.cancel();
            };
            let (stopped, ()) = tokio::join!(driving, parked);
            assert_eq!(stopped, Stopped::Parked);
        });
        drop(host);
        close(runtime, bulk);
    }

    /// What the store's files hold; the log is empty while the store is closed.
    fn bytes(&self) -> u64 {
        fn of(folder: &Path) -> u64 {
            let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
            let sizes = entries.map(|entry| {
                let path: PathBuf = entry.path();
                if path.is_dir() {
                    of(&path)
                } else {
                    entry.metadata().unwrap().len()
                }
            });
            sizes.sum()
        }
        of(self.folder.path())
    }

    /// Bytes that a step adds from this step of the run on.
    fn bytes_per_step(&self, from: usize, begun: bool) -> f64 {
        self.guests.hold_after(from);
        self.drive_until_held(begun);
        let before = self.bytes();
        self.guests.hold_after(from + COUNTED);
        self.drive_until_held(true);
        (self.bytes() - before) as f64 / COUNTED as f64
    }

    /// From asking for the run until a call of it has come, in a process that then dies.
    fn resume(&self) -> Duration {
        let runtime = runtime();
        let journal = Arc::new(self.store());
        let host = host(journal.clone());
        let taken = runtime.block_on(async {
            let (flow, guests) = (self.flow.clone(), self.guests.clone());
            let begun = Instant::now();
            tokio::select! {
                _ = host.resume_with(flow, guests, &self.key, Arc::new(Nobody)) => {
                    panic!("the run's next call is held")
                }
                () = self.guests.held() => begun.elapsed(),
            }
        });
        drop(host);
        close(runtime, journal);
        taken
    }
}

/// Ends a process's tasks and closes its store.
fn close<J>(runtime: Runtime, journal: Arc<J>) {
    drop(runtime);
    assert!(
        Arc::into_inner(journal).is_some(),
        "somebody still has the store"
    );
}

pub(crate) fn resume_million() {
    let run = LongRun::new();
    run.guests.hold_after(scaled(1_000_000));
    run.guests.hold_at(EVENTS_TO_FOLD);
    run.drive_until_held(false);
    let loaded = {
        let store = run.store();
        let loading = store.load(&run.key, SNAPSHOT_VERSION);
        runtime().block_on(loading).unwrap()
    };
    let snapshot = loaded.snapshot.expect("the run has a snapshot");
    eprintln!(
        "resume_million: {} events, {} of them after a snapshot of {} bytes",
        loaded.row.next_seq,
        loaded.events.len(),
        snapshot.body.len(),
    );
    // Whatever comes next is held.
    run.guests.hold_after(0);
    run.guests.hold_at(0);
    let rounds = (0..ROUNDS).map(|_| run.resume());
    tell(
        "resume_million",
        median(rounds.collect()) / 1e3,
        "ms",
        RESUMED_MS,
    );
}

pub(crate) fn bytes_per_step() {
    let run = LongRun::new();
    let early = run.bytes_per_step(EARLY, false);
    let late = run.bytes_per_step(LATE, true);
    tell("bytes_per_step", late, "bytes", early);
}
