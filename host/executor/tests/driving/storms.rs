//! Random flows whose host dies at random writes, again and again: in the end it is as if it had not.
//!
//! Equal means: the same events but for times, causes, executions and what recovery adds, whatever
//! the order of steps that do not depend on each other; and the same result. The seed of a storm that
//! fails is told, and `MENAGERIE_TEST_SEED=N` tries it alone, `N..M` a range. Many more than in CI:
//!
//! ```text
//! cargo test --workspace --test driving -- --ignored --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use menagerie_executor::{
    Began, Clock, ExecutorError, Host, Nobody, Stopped, TokioClock, replay_decisions,
};
use menagerie_journal::{Error, Journal, MemoryJournal, Options, SqliteJournal};
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::Run;
use menagerie_power::{Chance, Cut, Disk, Platter, Progress, seeds};
use serde_json::{Value, json};

use crate::guests::{DAWN, begin_of, host_at, key, ms};
use crate::mortal::{Death, Mortal};
use crate::random_flows::{Cast, Entered, RandomFlow};
use crate::told::Told;

/// More would make a call that was under way each time one that kills its host.
const MOST_DEATHS: u64 = 3;
/// How long a dead host stays away, at the most, so that timers become due meanwhile.
const LONGEST_DOWN_MS: u64 = 3_000;
/// Each flow goes through so many storms.
const STORMS_A_FLOW: u64 = 5;

/// Where the runs of a storm are kept while hosts come and go.
enum Shore {
    Memory(MemoryJournal),
    /// Each death of the host is a cut of its machine's power.
    Power(Watched),
}

/// A folder whose disk is watched, until the power goes.
struct Watched {
    disk: Arc<Disk>,
    _folder: tempfile::TempDir,
}

impl Watched {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::watch(folder.path()).unwrap();
        Self {
            disk,
            _folder: folder,
        }
    }

    /// What the cut leaves, on a disk of its own.
    fn after(&self, mut cut: Cut) -> Self {
        let mut platter = Platter::new(self.disk.folder());
        self.disk
            .record()
            .iter()
            .for_each(|step| platter.pass(step));
        let next = Self::new();
        next.disk.begin_with(&platter.cut(&mut cut)).unwrap();
        next
    }
}

impl Shore {
    fn process(&self) -> Arc<dyn Journal> {
        match self {
            Self::Memory(memory) => Arc::new(memory.another_process("a host")),
            Self::Power(watched) => {
                let options = Options {
                    files: Arc::new(crate::stores::Below(watched.disk.clone())),
                    ..Options::new("a host")
                };
                let store = watched.disk.folder().join("store");
                Arc::new(SqliteJournal::open(store, &options).unwrap())
            }
        }
    }
}

/// Drives the run to its end, and answers whenever it waits for a person.
async fn drive(host: &Host, cast: &Arc<Cast>) -> Result<Run, ExecutorError> {
    let (flow, guests) = (cast.of.flow.clone(), Arc::new(Entered(cast.clone())));
    let began = host.begin_with(
        flow.clone(),
        guests.clone(),
        begin_of(key()),
        Arc::new(Nobody),
    );
    let mut driven = match began.await? {
        Began::Driven(run, stopped) => Some((*run, stopped)),
        Began::Existing(_) => None,
    };
    loop {
        match driven.take() {
            Some((run, Stopped::Ended)) => return Ok(run),
            Some((run, _)) => answer(host, cast, &run).await?,
            None => {}
        }
        let (flow, guests) = (flow.clone(), guests.clone());
        driven = Some(
            host.resume_with(flow, guests, &key(), Arc::new(Nobody))
                .await?,
        );
    }
}

/// Answers the first step that waits. Its id says which answer it is, so that one that was given
/// before a crash is not given again.
async fn answer(host: &Host, cast: &Arc<Cast>, run: &Run) -> Result<(), ExecutorError> {
    let step = run.waiting().next().expect("a step waits").id.clone();
    let events = texts_of(&**host.journal(), |kind| kind == "answered").await?;
    let answered = events.iter().filter(|event| event["id"] == *step);
    let number = answered.count();
    let wish = Wish::Answer {
        answer: cast.of.answer(run, &step, number),
        step: Some(step.clone()),
    };
    let id = format!("answer-{step}-{number}");
    host.wish(&key(), &id, "ann", wish).await?;
    Ok(())
}

/// The events as their texts say them: to understand them as well would take longer than to run them.
async fn texts(journal: &dyn Journal) -> Result<Vec<Value>, Error> {
    texts_of(journal, |_| true).await
}

/// Those whose type is wanted.
async fn texts_of(
    journal: &dyn Journal,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Value>, Error> {
    let stored = journal.events(&key(), 0, usize::MAX).await?;
    let wanted = stored.iter().filter(|event| wanted(&event.event_type));
    let texts = wanted.map(|event| serde_json::from_str(&event.json).unwrap());
    Ok(texts.collect())
}

/// Steps that have ended for good, out of all ends of attempts.
fn ended_steps(events: &[Value]) -> impl Iterator<Item = String> {
    let ended = events.iter().filter(|event| event["next"].is_null());
    ended.map(|event| event["id"].as_str().unwrap().to_owned())
}

/// The effect of an execution that was announced last is the only one that the journal takes, and of
/// each attempt there is one.
fn check_executions(events: &[Value]) {
    let mut announced: BTreeMap<String, u64> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    for event in events {
        let of = |call: &Value| format!("{call}, attempt {}", event["attempt"]);
        let execution = event["execution"].as_u64();
        match event["type"].as_str() {
            Some("call_reissued") => {
                let last = announced.insert(of(&event["call"]), execution.unwrap());
                assert_eq!(last.unwrap_or(1) + 1, execution.unwrap(), "{event}");
            }
            Some("step_ended") => {
                let call = of(&json!({"step": event["step"]}));
                let expected = announced.get(&call).copied().unwrap_or(1);
                assert_eq!(execution, Some(expected), "{event}");
                assert!(ended.insert(call), "ended twice: {event}");
            }
            _ => {}
        }
    }
}

/// A run that nothing disturbs: what it comes to, and how many writes it makes.
async fn undisturbed(seed: u64) -> (Told, u64) {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(DAWN));
    let cast = Cast::new(RandomFlow::new(seed));
    let never = Death {
        at: 0,
        after: false,
    };
    let journal = Arc::new(Mortal::new(Arc::new(MemoryJournal::new("a host")), never));
    let host = host_at(journal.clone(), clock.clone());
    let run = drive(&host, &cast).await.unwrap();
    let told = Told::of(&run, texts(&*journal).await.unwrap());
    (told, journal.writes())
}

/// One run, whose host dies up to three times.
async fn storm(seed: u64, storm: u64, expected: &(Told, u64), mut shore: Shore) {
    let mut chance = Chance::new(seed.wrapping_mul(31).wrapping_add(storm));
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(DAWN));
    let cast = Cast::new(RandomFlow::new(seed));
    let mut deaths = 0;
    loop {
        let death = Death {
            at: match deaths < MOST_DEATHS {
                true => 1 + chance.below(expected.1),
                false => 0,
            },
            after: chance.once_in(2),
        };
        let journal = Arc::new(Mortal::new(shore.process(), death));
        let host = host_at(journal.clone(), clock.clone());
        let dead = journal.dead.clone();
        let driven = tokio::select! {
            biased;
            () = dead.cancelled() => None,
            driven = drive(&host, &cast) => Some(driven.unwrap()),
        };
        if let Some(run) = driven {
            let events = texts(&*journal).await.unwrap();
            check_executions(&events);
            Told::of(&run, events).must_equal(&expected.0);
            host.journal().verify(&key()).await.unwrap();
            // What was lived through can be told again; one in five shows it.
            if storm == 0 {
                let flow = cast.of.flow.clone();
                let told = replay_decisions(&*journal, &key(), flow).await;
                assert_eq!(told.unwrap().unwrap(), run);
            }
            return;
        }
        deaths += 1;
        if let Shore::Power(watched) = &mut shore {
            let cut = match chance.once_in(2) {
                true => Cut::Lost,
                false => Cut::Torn(chance.clone()),
            };
            *watched = watched.after(cut);
        }
        drop((host, journal));
        tokio::time::advance(ms(chance.below(LONGEST_DOWN_MS))).await;
        // What is durable now must not be entered again.
        match texts_of(&*shore.process(), |kind| kind == "step_ended").await {
            Ok(events) => cast.never_again(ended_steps(&events)),
            Err(Error::UnknownRun { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// All storms of one flow.
async fn storms(seed: u64, shore: fn() -> Shore) {
    let expected = undisturbed(seed).await;
    for number in 0..STORMS_A_FLOW {
        Box::pin(storm(seed, number, &expected, shore())).await;
    }
}

/// Weathers the storms of these flows on all processors, each in virtual time of its own.
fn weather(flows: std::ops::Range<u64>, shore: fn() -> Shore) {
    let flows = seeds(flows);
    let progress = Progress::new("flows in storms", flows.end - flows.start);
    let next = AtomicU64::new(flows.start);
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= flows.end {
                return;
            }
            let weathered =
                catch_unwind(AssertUnwindSafe(|| runtime.block_on(storms(seed, shore))));
            if let Err(panic) = weathered {
                eprintln!("the seed was {seed}: MENAGERIE_TEST_SEED={seed} tries it alone");
                // The others need not go on.
                next.store(flows.end, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
            progress.passed(seed);
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

fn memory() -> Shore {
    Shore::Memory(MemoryJournal::new("the store itself"))
}

fn power() -> Shore {
    Shore::Power(Watched::new())
}

#[test]
fn ten_thousand_runs_whose_hosts_die_end_like_undisturbed_ones() {
    weather(0..10_000 / STORMS_A_FLOW, memory);
}

#[test]
fn runs_whose_machines_lose_their_power_end_like_undisturbed_ones() {
    weather(100_000..100_040, power);
}

#[test]
#[ignore = "takes an hour: cargo test --workspace --test driving -- --ignored"]
fn a_million_runs_whose_hosts_die_end_like_undisturbed_ones() {
    weather(1_000_000..1_250_000, memory);
}

#[test]
#[ignore = "takes minutes: cargo test --workspace --test driving -- --ignored"]
fn many_runs_whose_machines_lose_their_power_end_like_undisturbed_ones() {
    weather(2_000_000..2_005_000, power);
}
