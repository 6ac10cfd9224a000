//! What a durable step costs, and how many there are in a second: each figure beside its reference
//! in the same run, one JSON line each.
//!
//! The agent is the Rust echo agent of the tests, the strategy the bundled `sequence`. The bare
//! guest call is the loop over wasmtime that the sandbox's benchmark has; the disk's own pace is
//! taken by overwriting and syncing as many bytes as a step writes to the log.
//!
//! Arguments name the figures to take; without any, all are taken but `cost_growth_1e5`, which is
//! `cost_growth` with a tenth of its finished runs, for slow disks. Figures taken together are told
//! together. With the argument `rounds` it measures nothing by itself: see `rounds.rs`; `work KIND ROUNDS`
//! is for profilers: see `work.rs`. A debug build takes a hundredth of the sizes of `resume_million` and
//! `cost_growth`, to see that they work.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark: a panic is how it fails"
)]

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use menagerie_builder::{Built, Silent};
use menagerie_executor::{
    Assembled, Began, BeginRun, GateConfig, Host, HostParts, PluginFinder, SystemClock, Watcher,
    assemble,
};
use menagerie_journal::{Journal, MemoryJournal, Options, RunKey, SqliteJournal};
use menagerie_licensing::Entitlements;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow::PluginSource;
use menagerie_orchestration::flow_file;
use menagerie_sandbox::{Catalogue, Engine, EngineConfig};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

#[macro_use]
#[path = "../../../../tests/support/pass_on.rs"]
mod pass_on;

mod absent;
#[path = "../../../sandbox/benches/support/bare.rs"]
mod bare;
mod bulk;
mod disk;
mod growth;
mod long_run;
mod overhead;
mod rounds;
mod steps;
mod waiting;
mod work;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use bare::Bare;
use disk::Disk;
use steps::Steps;

/// What every call is given, in the bare loop as well.
pub const INPUT: &str = r#"{"text":"the quick brown fox","tags":["a","b"]}"#;
/// Steps of one run.
const STEPS: usize = 100;
/// Runs at once where there are many.
const RUNS: usize = 64;
/// Medians over rounds withstand a busy machine.
const ROUNDS: usize = 12;

fn main() {
    // `cargo test` runs benches as well, where there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if wanted == ["rounds"] {
        rounds::answer(&Bench::new());
        return;
    }
    if let [mode, kind, rounds] = &*wanted
        && mode == "work"
    {
        work::work(kind, rounds.parse().expect("the rounds are a number"));
        return;
    }
    let unknown = |name: &&String| !FIGURES.iter().any(|(names, _)| names.contains(&&***name));
    if let Some(name) = wanted.iter().find(unknown) {
        let known: Vec<&str> = FIGURES
            .iter()
            .flat_map(|(names, _)| *names)
            .copied()
            .collect();
        eprintln!(
            "there is no figure `{name}`; there are {}",
            known.join(", ")
        );
        std::process::exit(2);
    }
    let bench = OnceCell::new();
    for (names, take) in FIGURES {
        let by_name = names
            .iter()
            .any(|name| wanted.iter().any(|wanted| wanted == name));
        if by_name || wanted.is_empty() && !names.contains(&"cost_growth_1e5") {
            take(&bench);
        }
    }
}

/// What is built for those figures alone that have real guests.
type Guests = OnceCell<Bench>;

/// Figures that are told together, and what takes them.
type Figures = (&'static [&'static str], fn(&Guests));

/// All figures, the one first that wants a young process.
const FIGURES: &[Figures] = &[
    (&["waiting_runs", "waiting_runs_look"], |_| {
        waiting::waiting_runs()
    }),
    (&["durable_step"], |guests| {
        let bench = guests.get_or_init(Bench::new);
        bench.durable_step("durable_step", &bench.ahead);
    }),
    (&["durable_step_deciding"], |guests| {
        let bench = guests.get_or_init(Bench::new);
        bench.durable_step("durable_step_deciding", &bench.deciding);
    }),
    (
        &["durable_rate_64", "memory_rate", "memory_rate_deciding"],
        |guests| {
            guests.get_or_init(Bench::new).rates();
        },
    ),
    (&["step_overhead"], |_| overhead::step_overhead()),
    (&["bytes_per_step"], |_| long_run::bytes_per_step()),
    (&["resume_million"], |_| long_run::resume_million()),
    (&["cost_growth_1e5"], |_| {
        growth::cost_growth("cost_growth_1e5", 100_000)
    }),
    (&["cost_growth"], |_| {
        growth::cost_growth("cost_growth", 1_000_000)
    }),
];

/// The sizes of long figures: a debug build only sees whether they work.
fn scaled(size: usize) -> usize {
    if cfg!(debug_assertions) {
        size / 100
    } else {
        size
    }
}

/// As the program has it.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A host over a journal.
fn host(journal: Arc<dyn Journal>) -> Host {
    Host::new(HostParts {
        journal,
        clock: Arc::new(SystemClock::default()),
        gate: GateConfig {
            slots: 10,
            queue: 100,
        },
        inbox_interval: Duration::from_millis(100),
    })
}

/// One line of output.
fn tell(figure: &str, value: f64, unit: &str, reference: f64) {
    let ratio = value / reference;
    println!(
        r#"{{"figure": "{figure}", "value": {value:.1}, "unit": "{unit}", "reference": {reference:.1}, "ratio": {ratio:.3}}}"#
    );
}

/// In microseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

struct Plugins(Vec<Built>);

impl Plugins {
    fn bytes(&self, name: &str) -> Arc<[u8]> {
        let built = self.0.iter().find(|built| built.name == name).unwrap();
        std::fs::read(&built.path).unwrap().into()
    }
}

impl PluginFinder for Plugins {
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        match source {
            PluginSource::Named(name) => Ok(self.bytes(name)),
            PluginSource::File(other) | PluginSource::Oci(other) => Err(other.clone()),
        }
    }
}

/// So many steps of the echo agent in a row.
fn assembled(
    catalogue: &Catalogue,
    plugins: &Plugins,
    steps: usize,
    ask_each_step: bool,
) -> Assembled {
    let text = format!(
        r#"
name = "bench"
[agents.echo]
plugin = "echo"
[strategy]
plugin = "sequence"
config = {{ repeat = {steps}, ask_each_step = {ask_each_step} }}
"#
    );
    let flow = Arc::new(flow_file::parse(&text).unwrap().flow);
    assemble(
        catalogue,
        flow,
        text.into(),
        plugins,
        Entitlements::community(),
    )
    .unwrap()
}

struct Bench {
    runtime: Runtime,
    catalogue: Arc<Catalogue>,
    plugins: Plugins,
    bare: Arc<Bare>,
    ahead: Assembled,
    deciding: Assembled,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut plugins = menagerie_builder::test_guests(&root, &mut Silent).unwrap();
        plugins.extend(menagerie_builder::bundled(&root, &mut Silent).unwrap());
        let plugins = Plugins(plugins);
        let runtime = runtime();
        let engine = Engine::new(&EngineConfig::default()).unwrap();
        let catalogue = Catalogue::new(engine, None);
        let bare = Arc::new(Bare::new(&plugins.bytes("echo")));
        let flow = |asking| assembled(&catalogue, &plugins, STEPS, asking);
        Self {
            ahead: flow(false),
            deciding: flow(true),
            bare,
            runtime,
            catalogue: Arc::new(catalogue),
            plugins,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self, name: &str) -> (Host, std::path::PathBuf) {
        let folder = self.folder.path().join(name);
        let journal = SqliteJournal::open(&folder, &Options::new("bench")).unwrap();
        (host(Arc::new(journal)), folder)
    }

    /// One run, driven by a worker as the program has it.
    fn run(&self, host: &Host, assembled: &Assembled, watcher: Arc<dyn Watcher>) -> JoinHandle<()> {
        let (host, catalogue) = (host.clone(), self.catalogue.clone());
        let assembled = assembled.clone();
        self.runtime.spawn(async move {
            let begin = BeginRun {
                key: RunKey::fresh(),
                input: Document::from(serde_json::from_str::<serde_json::Value>(INPUT).unwrap()),
                files: Vec::new(),
                session: None,
            };
            let began = host.begin(&catalogue, &assembled, begin, watcher).await;
            let Began::Driven(run, _) = began.unwrap() else {
                panic!("the run is there already");
            };
            let length = json!(19);
            assert_eq!(
                run.result().value().get("length"),
                Some(&length),
                "{:?}",
                run.ended()
            );
        })
    }

    fn run_alone(&self, host: &Host, assembled: &Assembled, watcher: Arc<dyn Watcher>) {
        self.runtime
            .block_on(self.run(host, assembled, watcher))
            .unwrap();
    }

    /// One run at a time; between two runs the disk and the bare call have their turn.
    fn durable_step(&self, figure: &str, assembled: &Assembled) {
        let (host, folder) = self.store(figure);
        let steps = Arc::new(Steps::default());
        let log = folder.join("journal.db-wal");
        let length = || log.metadata().unwrap().len();
        let before = length();
        self.run_alone(&host, assembled, steps.clone());
        let commits = steps.commits();
        let mut disk = Disk::new(self.folder.path(), (length() - before) / commits as u64);
        let (mut times, mut reference, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            steps.begin(disk);
            self.run_alone(&host, assembled, steps.clone());
            // The first rounds let the log grow to the length at which it is used again.
            let (taken, syncs, file) = steps.take();
            disk = file.unwrap();
            if round >= 2 {
                times.extend(taken);
                reference.extend(syncs);
                calls.extend((0..STEPS).map(|_| {
                    let begun = Instant::now();
                    self.runtime.block_on(self.bare.call());
                    begun.elapsed()
                }));
            }
        }
        tell(
            figure,
            median(times),
            "us",
            median(reference) + median(calls),
        );
    }

    /// From the first begin to the last end of many runs at once.
    fn together(&self, host: &Host, assembled: &Assembled, runs: usize) -> Duration {
        let begun = Instant::now();
        let all =
            (0..runs).map(|_| self.run(host, assembled, Arc::new(menagerie_executor::Nobody)));
        let all: Vec<_> = all.collect();
        for ended in self.runtime.block_on(join_all(all)) {
            ended.unwrap();
        }
        begun.elapsed()
    }

    /// Steps in a second, many runs at once.
    fn rate(&self, host: &Host, assembled: &Assembled, runs: usize) -> f64 {
        (runs * STEPS) as f64 / self.together(host, assembled, runs).as_secs_f64()
    }

    /// Bare guest calls in a second, on as many threads as the runs have.
    fn bare_rate(&self) -> f64 {
        let begun = Instant::now();
        let all = (0..RUNS).map(|_| {
            let bare = self.bare.clone();
            self.runtime.spawn(async move {
                for _ in 0..STEPS {
                    bare.call().await;
                }
            })
        });
        self.runtime.block_on(join_all(all.collect::<Vec<_>>()));
        (RUNS * STEPS) as f64 / begun.elapsed().as_secs_f64()
    }

    /// All in turn, so that what disturbs the machine disturbs each.
    fn rates(&self) {
        let (host, folder) = self.store("durable_rate_64");
        let log = folder.join("journal.db-wal");
        let before = log.metadata().unwrap().len();
        let steps = Arc::new(Steps::default());
        self.run_alone(&host, &self.ahead, steps.clone());
        let bytes = (log.metadata().unwrap().len() - before) / steps.commits() as u64;
        let mut disk = Disk::new(self.folder.path(), bytes);
        let [mut durable, mut ahead, mut deciding, mut bare] = [const { Vec::new() }; 4];
        let mut syncs = Vec::new();
        for _ in 0..7 {
            durable.push(self.rate(&host, &self.ahead, RUNS));
            let memory = || self::host(Arc::new(MemoryJournal::new("bench")));
            ahead.push(self.rate(&memory(), &self.ahead, RUNS));
            deciding.push(self.rate(&memory(), &self.deciding, RUNS));
            bare.push(self.bare_rate());
            syncs.extend((0..STEPS).map(|_| disk.overwrite_and_sync()));
        }
        let middle = |mut rates: Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let (durable, ahead) = (middle(durable), middle(ahead));
        let (deciding, bare) = (middle(deciding), middle(bare));
        let group = RUNS as f64 * 1e6 / median(syncs);
        tell("durable_rate_64", durable, "steps/s", ahead.min(group));
        tell("memory_rate", ahead, "steps/s", bare);
        tell("memory_rate_deciding", deciding, "steps/s", bare);
    }
}
