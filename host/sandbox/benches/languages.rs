//! What a plugin costs by the language that it is written in: a warm call, in a fresh instance with all meters, beside a call of
//! the Rust agent by bare wasmtime in the same minutes; and how long it takes until a compiled one is ready again in a
//! process that has not seen it, with what was compiled on the way. A language whose tools cannot be had is left out, and said so.
//!
//! `call_…` is by the clock on the wall, `cpu_…` by what the thread was given of a processor. On a machine that has other things
//! to do they differ: a call of milliseconds is interrupted, one of microseconds is not, and only the second is a ratio then.
//! `cargo bench --workspace --bench languages -- python go` measures these alone.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark: a panic is how it fails"
)]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_builder::{Builder, BuilderOptions, Silent};
use menagerie_sandbox::types::Task;
use menagerie_sandbox::{
    CallSpec, Catalogue, Engine, EngineConfig, Grants, Invocation, Origin, Plugin, Request,
};
use support::{Bare, RUNTIME, guest, spec};

const CALLS: u32 = 20;
const ROUNDS: usize = 30;

/// The kernel counts what a thread was given to some milliseconds.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

/// What the guests of `tests/languages` give back.
const ECHO: &str = r#"{"do":"echo","value":{"text":"the quick brown fox","tags":["a","b"]}}"#;

fn main() {
    let bare = Bare::new(&guest("echo"));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    // Cargo itself passes options.
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |language: &str| named.is_empty() || named.iter().any(|name| name == language);
    if wanted("rust") {
        measure("rust", &guest("mirror"), &bare, &cache);
    }
    for language in ["c", "go", "ts", "python"]
        .into_iter()
        .filter(|language| wanted(language))
    {
        match built(language, &folder.path().join(language)) {
            Ok(bytes) => measure(language, &bytes, &bare, &cache),
            Err(reason) => eprintln!("{language} is left out: {reason}"),
        }
    }
}

/// The guest of a language, built outside of the repository.
fn built(language: &str, dir: &Path) -> Result<Vec<u8>, String> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/languages");
    std::fs::create_dir(dir).unwrap();
    for entry in std::fs::read_dir(from.join(language)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
    }
    let built = Builder::new(BuilderOptions::default()).build_project(dir, &mut Silent);
    let built = built.map_err(|error| error.to_string())?;
    Ok(std::fs::read(&built[0].path).unwrap())
}

fn measure(language: &str, bytes: &[u8], bare: &Bare, cache: &Path) {
    let load = || {
        let engine = Engine::new(&EngineConfig::default()).unwrap();
        let started = Instant::now();
        let catalogue = Catalogue::new(engine.clone(), Some(cache.to_owned()));
        let plugin = catalogue.load(bytes, &Grants::none()).unwrap();
        (started.elapsed(), engine, plugin)
    };
    let (compiling, _, first) = load();
    assert_eq!(first.origin(), Origin::Compiled);
    drop(first);
    let mut starts = Vec::new();
    let mut compilations = 0;
    for _ in 0..ROUNDS {
        let (elapsed, _, plugin) = load();
        starts.push(elapsed);
        compilations += u32::from(plugin.origin() == Origin::Compiled);
    }
    let (start, compiling) = (median(&mut starts), compiling.as_secs_f64() * 1e6);
    figure(&format!("second_start_{language}"), start, compiling);
    println!(
        r#"{{"figure":"second_start_{language}_compilations","value":{compilations},"unit":"count","reference":{ROUNDS},"ratio":0.0}}"#
    );
    assert_eq!(compilations, 0, "a plugin in the cache was compiled");

    let (_, engine, plugin) = load();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    RUNTIME.block_on(async {
        for round in 0..=ROUNDS {
            let started = Instant::now();
            for _ in 0..CALLS {
                bare.call().await;
            }
            let bare_time = started.elapsed();
            let started = Instant::now();
            for _ in 0..CALLS {
                let report = engine.call(echo(&plugin)).await;
                assert_eq!(report.ended.code(), "value", "{}", report.ended);
            }
            // The first round warms both up.
            if round > 0 {
                theirs.push(bare_time / CALLS);
                ours.push(started.elapsed() / CALLS);
            }
        }
    });
    figure(
        &format!("call_{language}"),
        median(&mut ours),
        median(&mut theirs),
    );
    let ours = cpu(async || {
        let report = engine.call(echo(&plugin)).await;
        assert_eq!(report.ended.code(), "value", "{}", report.ended);
    });
    figure(
        &format!("cpu_{language}"),
        ours,
        cpu(async || {
            bare.call().await;
        }),
    );
}

/// Microseconds of a processor that one call takes, in this thread: both ways of calling use no other.
fn cpu(call: impl AsyncFn()) -> f64 {
    let began = given();
    let mut calls = 0;
    while given() - began < LONG_ENOUGH {
        for _ in 0..CALLS {
            RUNTIME.block_on(call());
        }
        calls += CALLS;
    }
    (given() - began).as_secs_f64() * 1e6 / f64::from(calls)
}

/// What this thread was given of a processor so far.
fn given() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split_whitespace().next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

fn echo(plugin: &Arc<Plugin>) -> CallSpec {
    CallSpec {
        request: Request::Process(Task {
            input: ECHO.to_owned(),
            ..support::task()
        }),
        // Go takes a clock that tells nought for broken.
        invocation: Invocation {
            now_ms: 1_700_000_000_000,
            ..spec(plugin).invocation
        },
        ..spec(plugin)
    }
}

fn figure(name: &str, value: f64, reference: f64) {
    println!(
        r#"{{"figure":"{name}","value":{value:.1},"unit":"us","reference":{reference:.1},"ratio":{:.3}}}"#,
        value / reference
    );
}

/// Microseconds of the median.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
