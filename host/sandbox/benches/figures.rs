//! What it costs a strategy to look at how sixteen agents have fared: one look more, in one call.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark: a panic is how it fails"
)]

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_sandbox::types::{AgentFigures, View};
use menagerie_sandbox::{CallSpec, Plugin, Request};
use support::{RUNTIME, guest, ours, spec};

/// Looks beside the one, and rounds. Medians over rounds withstand a busy machine.
const LOOKS: u32 = 1_000;
const ROUNDS: usize = 60;

fn main() {
    let (engine, plugin) = ours(&guest("looks-around"));
    let of_calls = |looks| {
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..ROUNDS {
            let call = looking(&plugin, looks);
            let started = Instant::now();
            let report = RUNTIME.block_on(engine.call(call));
            times.push(started.elapsed());
            assert_eq!(report.ended.code(), "value", "{}", report.ended);
        }
        times.sort_unstable();
        times[ROUNDS / 2].as_secs_f64() * 1e6
    };
    let (once, often) = (of_calls(1), of_calls(1 + LOOKS));
    let value = (often - once) / f64::from(LOOKS);
    println!(r#"{{"figure":"figures_read","value":{value:.2},"unit":"us","agents":16}}"#);
}

fn looking(plugin: &Arc<Plugin>, looks: u32) -> CallSpec {
    let mut call = spec(plugin);
    call.request = Request::Decide(Box::new(View {
        decision: 1,
        trigger: "start".to_owned(),
        state: "{}".to_owned(),
        config: format!("{{\"looks\":{looks}}}"),
        agents: Vec::new(),
        steps: Vec::new(),
        history: Vec::new(),
        current_step: None,
        step_duration_ms: None,
        retry_count: 0,
        error_rate: 0.0,
        steps_left: 100,
        extra: Vec::new(),
    }));
    call.invocation.figures = (0..16)
        .map(|number| AgentFigures {
            name: format!("agent-{number}"),
            completed: 60,
            failed: 4,
            mean_ms: Some(120.0),
            median_ms: Some(100.0),
            p95_ms: Some(400.0),
            waiting_ms: Some(3.0),
            running: 1,
            queued: 2,
        })
        .collect();
    call
}
