//! What runs that have ended cost those that go on.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use menagerie_executor::{Began, BeginRun, Nobody};
use menagerie_journal::{
    Batch, Created, Digest, Journal, NewEvent, NewRun, Options, RunKey, RunRow, SqliteJournal,
    StoredEvent,
};
use menagerie_orchestration::flow::Flow;
use tokio::runtime::Runtime;

use crate::absent::{self, Absent};
use crate::{host, median, runtime, scaled, tell};

/// Finished runs in the store that is the reference.
const FEW: usize = 1_000;
/// Runs that are written at once, in one transaction if it comes well.
const AT_ONCE: usize = 256;
/// Steps of the run that is measured.
const STEPS: usize = 100;
const ROUNDS: usize = 40;
/// The first rounds let the log grow to the length at which it is used again, and are not counted.
const NOT_COUNTED: usize = 6;

/// A run that has ended, as the host left it.
struct Finished {
    row: RunRow,
    events: Vec<StoredEvent>,
}

impl Finished {
    /// The same run under another id.
    fn again(&self) -> (NewRun, Batch) {
        let key = RunKey::fresh();
        let event = |event: &StoredEvent| NewEvent {
            event_type: event.event_type.clone().into(),
            json: event.json.replace(&*self.row.key.run, &key.run),
            at_ms: event.at_ms,
        };
        let batch = Batch {
            events: self.events.iter().map(event).collect(),
            ..Batch::default()
        };
        let run = NewRun {
            key,
            input_digest: Digest::of(b"input"),
            flow: self.row.flow.clone(),
            parent: None,
            path: String::new(),
            session: None,
            labels: Default::default(),
            status: self.row.status.clone(),
            created_at_ms: self.row.created_at_ms,
            pins: Vec::new(),
        };
        (run, batch)
    }
}

async fn run(journal: &Arc<dyn Journal>, flow: &Arc<Flow>, steps: usize) -> (RunKey, Duration) {
    let key = RunKey::fresh();
    let begin = BeginRun {
        key: key.clone(),
        input: absent::input(),
        files: Vec::new(),
        session: None,
    };
    let host = host(journal.clone());
    let (guests, flow) = (Absent::new(steps), flow.clone());
    let begun = Instant::now();
    let began = host.begin_with(flow, guests, begin, Arc::new(Nobody)).await;
    let taken = begun.elapsed();
    let Began::Driven(run, _) = began.unwrap() else {
        panic!("the run is new");
    };
    assert_eq!(run.status().word(), "completed", "{:?}", run.ended());
    (key, taken)
}

fn open(folder: &Path) -> Arc<dyn Journal> {
    Arc::new(SqliteJournal::open(folder, &Options::new("bench")).unwrap())
}

/// A store with so many finished runs of one step, opened anew.
fn filled(runtime: &Runtime, folder: &Path, flow: &Arc<Flow>, runs: usize) -> Arc<dyn Journal> {
    let journal = open(folder);
    runtime.block_on(async {
        let (key, _) = run(&journal, flow, 1).await;
        let finished = Arc::new(Finished {
            row: journal.run(&key).await.unwrap(),
            events: journal.events(&key, 0, usize::MAX).await.unwrap(),
        });
        let written = stream::iter(1..runs).map(|_| {
            let (journal, finished) = (journal.clone(), finished.clone());
            async move {
                let (run, batch) = finished.again();
                let created = journal.create(run, batch).await.unwrap();
                let Created::New(claim, _) = created else {
                    panic!("the run is there already");
                };
                journal.release(claim).await.unwrap();
            }
        });
        written.buffer_unordered(AT_ONCE).collect::<()>().await;
    });
    drop(journal);
    open(folder)
}

/// Steps a second of one run beside so many finished ones, by those beside a thousand.
pub(crate) fn cost_growth(figure: &str, finished: usize) {
    let (runtime, flow) = (runtime(), absent::flow());
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let begun = Instant::now();
    let few = filled(&runtime, folders[0].path(), &flow, scaled(FEW));
    let many = filled(&runtime, folders[1].path(), &flow, scaled(finished));
    eprintln!("{figure}: the stores took {:.1?}", begun.elapsed());
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // In turn, so that what disturbs the machine disturbs both, and each as often first.
        for place in [round % 2, 1 - round % 2] {
            let journal = [&few, &many][place];
            let (_, taken) = runtime.block_on(run(journal, &flow, STEPS));
            if round >= NOT_COUNTED {
                times[place].push(taken);
            }
        }
    }
    let [few, many] = times.map(|times| STEPS as f64 * 1e6 / median(times));
    tell(figure, many, "steps/s", few);
}
