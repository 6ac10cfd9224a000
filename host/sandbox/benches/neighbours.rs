//! How long short calls take beside eight guests that never end, and while their plugin is swapped, each
//! over how long they take undisturbed. Rounds of both in turn, in one process, on two workers.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark: a panic is how it fails"
)]

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use menagerie_sandbox::types::Task;
use menagerie_sandbox::{
    CallSpec, Catalogue, Engine, EngineConfig, Grants, Limits, Plugin, Request,
};
use support::{guest, spec, task};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const ROUNDS: u32 = 8;
const ROUND: Duration = Duration::from_millis(1_500);

/// Guests that spin, each with all the fuel that there is.
const ENDLESS: usize = 8;

/// Who calls while a plugin is swapped.
const CALLERS: usize = 64;

/// Between two swaps: far more often than anybody swaps.
const BETWEEN_SWAPS: Duration = Duration::from_millis(10);

fn main() {
    let workers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    // Compiled code is kept, as a host's is, so that a swap maps it and compiles nothing.
    let catalogue = Catalogue::new(engine.clone(), Some(folder.path().join("compiled")));
    let host = Host {
        workers,
        engine,
        catalogue,
    };
    host.noisy_neighbour();
    host.hot_swap();
}

struct Host {
    workers: Runtime,
    engine: Engine,
    catalogue: Catalogue,
}

impl Host {
    fn noisy_neighbour(&self) {
        self.install(&guest("echo"));
        let spins = self.catalogue.load(&guest("worker"), &Grants::none());
        let spins = spins.unwrap();
        let (mut quiet, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            self.short_calls(&mut quiet, 1);
            let cancel = CancellationToken::new();
            let endless: Vec<_> = (0..ENDLESS)
                .map(|_| {
                    let (engine, call) = (self.engine.clone(), endless(&spins, &cancel));
                    self.workers.spawn(async move { engine.call(call).await })
                })
                .collect();
            self.short_calls(&mut beside, 1);
            cancel.cancel();
            for guest in endless {
                let report = self.workers.block_on(guest).unwrap();
                assert_eq!(report.ended.code(), "cancelled", "{}", report.ended);
            }
        }
        let more = format!(r#""endless":{ENDLESS}"#);
        told("noisy_neighbour", &mut quiet, &mut beside, &more);
    }

    fn hot_swap(&self) {
        let one = guest("echo");
        // The same with a custom section behind it, named `x`: by its digest another component.
        let other = [&one[..], &[0, 2, 1, b'x']].concat();
        let versions = [one, other];
        let (mut quiet, mut beside) = (Vec::new(), Vec::new());
        let swaps = AtomicU32::new(0);
        // Compiles both.
        for version in &versions {
            self.install(version);
        }
        for _ in 0..ROUNDS {
            self.short_calls(&mut quiet, CALLERS);
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !over.load(Ordering::Acquire) {
                        let swap = swaps.fetch_add(1, Ordering::Relaxed);
                        self.install(&versions[swap as usize % 2]);
                        thread::sleep(BETWEEN_SWAPS);
                    }
                });
                self.short_calls(&mut beside, CALLERS);
                over.store(true, Ordering::Release);
            });
        }
        let more = format!(r#""swaps":{}"#, swaps.load(Ordering::Relaxed));
        told("hot_swap", &mut quiet, &mut beside, &more);
    }

    fn install(&self, bytes: &[u8]) {
        let installed = self.catalogue.install("agent", bytes, &Grants::none());
        installed.unwrap();
    }

    /// Short calls for a round, by so many callers side by side, and how long each took.
    fn short_calls(&self, took: &mut Vec<Duration>, callers: usize) {
        let until = Instant::now() + ROUND;
        let callers: Vec<_> = (0..callers)
            .map(|_| {
                let (engine, catalogue) = (self.engine.clone(), self.catalogue.clone());
                self.workers.spawn(async move {
                    let mut took = Vec::new();
                    while Instant::now() < until {
                        let call = spec(&catalogue.get("agent").unwrap());
                        let began = Instant::now();
                        let report = engine.call(call).await;
                        took.push(began.elapsed());
                        assert_eq!(report.ended.code(), "value", "{}", report.ended);
                    }
                    took
                })
            })
            .collect();
        for caller in callers {
            took.extend(self.workers.block_on(caller).unwrap());
        }
    }
}

fn endless(plugin: &Arc<Plugin>, cancel: &CancellationToken) -> CallSpec {
    CallSpec {
        request: Request::Process(Task {
            config: r#"{"endless":true}"#.to_owned(),
            ..task()
        }),
        limits: Limits {
            fuel: u64::MAX / 2,
            ..Limits::default()
        },
        cancel: cancel.clone(),
        ..spec(plugin)
    }
}

fn told(figure: &str, quiet: &mut [Duration], beside: &mut [Duration], more: &str) {
    quiet.sort_unstable();
    beside.sort_unstable();
    for (name, per_thousand) in [("p50", 500), ("p99", 990)] {
        let at = |sorted: &[Duration]| {
            sorted[(sorted.len() - 1) * per_thousand / 1_000].as_secs_f64() * 1e6
        };
        let (value, reference) = (at(beside), at(quiet));
        println!(
            r#"{{"figure":"{figure}_{name}","value":{value:.1},"unit":"us","reference":{reference:.1},"ratio":{:.2},"calls":{},{more}}}"#,
            value / reference,
            beside.len()
        );
    }
}
