//! What a call through the sandbox costs beside a bare loop over wasmtime: same component, same
//! engine settings, calls of both in turn.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark: a panic is how it fails"
)]

#[path = "support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::{Bare, RUNTIME, agent, ours, spec};

/// Calls of each kind in one round, and rounds. Medians over rounds withstand a busy machine.
const CALLS: u32 = 200;
const ROUNDS: usize = 60;

fn main() {
    let (_, bytes) = agent();
    let bare = Bare::new(&bytes);
    let (engine, plugin) = ours(&bytes);
    RUNTIME.block_on(async {
        let mut bare_times = Vec::new();
        let mut our_times = Vec::new();
        for round in 0..=ROUNDS {
            let started = Instant::now();
            for _ in 0..CALLS {
                bare.call().await;
            }
            let bare_time = started.elapsed();
            let started = Instant::now();
            for _ in 0..CALLS {
                let report = engine.call(spec(&plugin)).await;
                assert_eq!(report.ended.code(), "value", "{}", report.ended);
            }
            // The first round warms both up.
            if round > 0 {
                bare_times.push(bare_time);
                our_times.push(started.elapsed());
            }
        }
        let (ours, bare) = (median(&mut our_times), median(&mut bare_times));
        println!(
            r#"{{"figure":"guest_call","value":{ours:.2},"unit":"us","reference":{bare:.2},"ratio":{:.3}}}"#,
            ours / bare
        );
    });
}

/// Microseconds of one call in the median round.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6 / f64::from(CALLS)
}
