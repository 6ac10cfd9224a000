//! What it takes to have a compiled plugin ready in a new process, beside reading its file: an
//! engine that has seen nothing, a catalogue with a filled cache, one load, no compilation.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark: a panic is how it fails"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use menagerie_sandbox::{Catalogue, Engine, EngineConfig, Grants, Origin};
use support::agent;

const ROUNDS: usize = 60;

fn main() {
    let (_, bytes) = agent();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    fs::write(&file, &bytes).unwrap();
    let cache = Some(folder.path().join("compiled"));

    let first = Engine::new(&EngineConfig::default()).unwrap();
    let started = Instant::now();
    let plugin = Catalogue::new(first, cache.clone())
        .load(&bytes, &Grants::none())
        .unwrap();
    let compiling = started.elapsed();
    assert_eq!(plugin.origin(), Origin::Compiled);
    drop(plugin);

    let engine = Engine::new(&EngineConfig::default()).unwrap();
    let mut loads = Vec::new();
    let mut reads = Vec::new();
    let mut compilations = 0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        black_box(fs::read(&file).unwrap());
        reads.push(started.elapsed());

        let started = Instant::now();
        let catalogue = Catalogue::new(engine.clone(), cache.clone());
        let plugin = catalogue
            .load(&fs::read(&file).unwrap(), &Grants::none())
            .unwrap();
        loads.push(started.elapsed());
        compilations += u32::from(plugin.origin() == Origin::Compiled);
    }
    let (load, read) = (median(&mut loads), median(&mut reads));
    println!(
        r#"{{"figure":"cached_start","value":{load:.1},"unit":"us","reference":{read:.1},"ratio":{:.1}}}"#,
        load / read
    );
    println!(
        r#"{{"figure":"cached_start_compilations","value":{compilations},"unit":"count","reference":{ROUNDS},"ratio":0.0}}"#
    );
    let compiling = compiling.as_secs_f64() * 1e6;
    println!(
        r#"{{"figure":"cached_start_beside_compiling","value":{load:.1},"unit":"us","reference":{compiling:.1},"ratio":{:.4}}}"#,
        load / compiling
    );
    assert_eq!(compilations, 0, "a plugin in the cache was compiled");
}

/// Microseconds of the median.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
