//! What a step costs beside its guest and the disk: decide, apply, admission, events, the loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_executor::{Began, BeginRun, Nobody};
use menagerie_journal::{MemoryJournal, RunKey};
use menagerie_orchestration::flow::Flow;

use crate::absent::{self, Absent, PLANNED};
use crate::{host, tell};

/// The target of the whole, in microseconds a step.
const TARGET_US: f64 = 10.0;
const ROUNDS: usize = 15;

async fn run(flow: &Arc<Flow>) -> Duration {
    let host = host(Arc::new(MemoryJournal::new("bench")));
    let begin = BeginRun {
        key: RunKey::fresh(),
        input: absent::input(),
        files: Vec::new(),
        session: None,
    };
    let guests = Absent::new(PLANNED);
    let begun = Instant::now();
    let began = host
        .begin_with(flow.clone(), guests, begin, Arc::new(Nobody))
        .await;
    let taken = begun.elapsed();
    let Began::Driven(run, _) = began.unwrap() else {
        panic!("the run is new");
    };
    assert_eq!(run.status().word(), "completed", "{:?}", run.ended());
    taken
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// One run's steps, for a profiler.
pub(crate) fn some_steps() -> usize {
    one_thread().block_on(run(&absent::flow()));
    PLANNED
}

pub(crate) fn step_overhead() {
    let flow = absent::flow();
    let runtime = one_thread();
    let rounds = (0..ROUNDS).map(|_| runtime.block_on(run(&flow)));
    let per_step = crate::median(rounds.collect()) / PLANNED as f64;
    tell("step_overhead", per_step, "us", TARGET_US);
}
