//! What many runs that wait for a person cost the host that they are left to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use menagerie_executor::{
    BeginRun, Detached, ExecutorError, Happening, Host, Residence, Runs, Stopped, TakeFrom, Watcher,
};
use menagerie_journal::{Journal, Options, RunKey, SqliteJournal};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::Run;
use tokio::sync::Notify;

use crate::absent::{self, Absent};
use crate::{host, median, runtime, tell};

const WAITING: usize = 10_000;
/// The target of the whole, in megabytes.
const MEGABYTES: f64 = 100.0;
/// Runs in hand and begun at once.
const AT_ONCE: usize = 64;
const LOOKS: usize = 201;

/// All runs are of one flow, and their only step waits for a person.
struct Escalating(Arc<Flow>);

impl Runs for Escalating {
    fn resume(
        &self,
        host: Host,
        run: RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> BoxFuture<'_, Result<(Run, Stopped), ExecutorError>> {
        Box::pin(async move {
            let (flow, guests) = (self.0.clone(), Absent::escalating());
            host.resume_with_from(flow, guests, &run, watcher, from)
                .await
        })
    }
}

/// A number that the kernel tells of this process.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

/// One look for runs that have something to do, as the host that stays makes it, in microseconds.
async fn look(journal: &dyn Journal) -> f64 {
    let mut times = Vec::new();
    for _ in 0..LOOKS {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let begun = Instant::now();
        let found = journal.runnable(now.as_millis() as u64, AT_ONCE).await;
        times.push(begun.elapsed());
        assert!(found.unwrap().runs.is_empty());
    }
    median(times)
}

async fn leave_to_the_host(host: &Host, flow: &Arc<Flow>, runs: usize) {
    let begun = stream::iter(0..runs).map(|_| async {
        let begin = BeginRun {
            key: RunKey::fresh(),
            input: absent::input(),
            files: Vec::new(),
            session: None,
        };
        let begun = host.begin_detached_with(flow.clone(), begin).await.unwrap();
        assert!(matches!(begun, Detached::Queued));
    });
    begun.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// To be called while the process is young: memory that was used and given up hides growth.
pub(crate) fn waiting_runs() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), &Options::new("bench")).unwrap();
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let (runtime, flow, runs) = (runtime(), absent::flow(), WAITING);
    runtime.block_on(async {
        let host = host(journal.clone());
        let empty = look(&*journal).await;
        let (resting, all_rest) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, noted) = (resting.clone(), all_rest.clone());
        let told = Arc::new(move |happening: &Happening<'_>| match happening {
            Happening::Took { .. } => {}
            Happening::Rests { asleep: false, .. } => {
                if counted.fetch_add(1, Ordering::SeqCst) + 1 == runs {
                    noted.notify_one();
                }
            }
            other => panic!("{other:?}"),
        });
        let before = (status("VmRSS"), status("Threads"));
        let staying = tokio::spawn({
            let (host, runs) = (host.clone(), Arc::new(Escalating(flow.clone())));
            let how = Residence {
                at_once: AT_ONCE,
                patience: None,
            };
            async move { host.reside(how, runs, told).await }
        });
        leave_to_the_host(&host, &flow, runs).await;
        tokio::time::timeout(Duration::from_secs(150), all_rest.notified())
            .await
            .expect("all runs come to wait");
        // The one that stays, and whatever the runtime counts of this one.
        let tasks = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        assert!(tasks <= 2, "{tasks} tasks while all runs wait");
        let after = (status("VmRSS"), status("Threads"));
        assert!(after.1 <= before.1 + 2, "threads: {before:?}, {after:?}");
        let grown = after.0.saturating_sub(before.0) as f64 / 1024.0;
        tell("waiting_runs", grown, "MB", MEGABYTES);
        tell("waiting_runs_look", look(&*journal).await, "us", empty);
        host.stopper().cancel();
        staying.await.unwrap();
    });
}
