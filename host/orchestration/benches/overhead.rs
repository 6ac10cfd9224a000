//! What orchestration costs a step, without guests and without a disk: decide, apply,
//! `outstanding`, spelling out the call, and the events as text.
//!
//! Prints one JSON line per figure. `decision_growth` is the time of the last 1 000 decisions of a
//! run of 10⁵ steps by that of the first 1 000.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "a benchmark measures time and prints; the machine itself does neither"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_orchestration::command::Command;
use menagerie_orchestration::decision::{Decision, Dependency, StepRequest, Wake};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallFacts, CallId, CallOf, Pins, StepResult};
use menagerie_orchestration::flow::{
    AgentSpec, CallLimits, Flow, InputSpec, OnFailure, PluginSource, PluginUse, RetryPolicy,
    RunLimits,
};
use menagerie_orchestration::input::{Input, Start};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::time::Timestamp;
use menagerie_orchestration::wire;
use serde_json::json;

/// The target of `performance.md`, in microseconds a step.
const TARGET_US: f64 = 10.0;

fn uses(name: &str) -> PluginUse {
    PluginUse {
        plugin: PluginSource::Named(name.to_owned()),
        config: Document::empty_object(),
        limits: CallLimits::default(),
        grants: Default::default(),
    }
}

fn flow() -> Arc<Flow> {
    let agent = |name: &str| AgentSpec {
        name: name.to_owned(),
        uses: uses(name),
        after: Vec::new(),
        priority: 0,
        estimated: None,
        retry: RetryPolicy::default(),
        timeout: Duration::from_secs(300),
        fallback: None,
        on_failure: OnFailure::Fail,
        max_load: 3,
    };
    Arc::new(Flow {
        name: "overhead".to_owned(),
        description: None,
        input: InputSpec::default(),
        agents: ["one", "two", "three", "four", "five"].map(agent).into(),
        strategy: uses("strategy"),
        aggregators: BTreeMap::new(),
        limits: RunLimits {
            max_steps: 1_000_000,
            max_decisions: 1_000_000,
            max_concurrent: 10,
            total_timeout: Duration::from_secs(3_600),
            ..RunLimits::default()
        },
    })
}

/// A chain of steps, `width` of which may run at once.
fn plan(first: usize, count: usize, width: usize, agents: usize) -> Decision {
    let id = |n: usize| format!("step-{n}");
    let names = ["one", "two", "three", "four", "five"];
    let steps = first..first + count;
    Decision {
        start: steps
            .clone()
            .map(|n| StepRequest {
                id: id(n),
                agent: names[n % agents].to_owned(),
                input: None,
                kind: "route".to_owned(),
                reason: "next in sequence".to_owned(),
            })
            .collect(),
        joins: Vec::new(),
        after: steps
            .skip(width)
            .map(|n| Dependency {
                step: id(n),
                after: vec![id(n - width)],
            })
            .collect(),
        wake: Wake::AllFinished,
        wake_on_failure: true,
        end: None,
        reason: "next in sequence".to_owned(),
        confidence: 1.0,
        metadata: Document::empty_object(),
    }
}

/// A run that answers itself, and what it wrote.
struct Driver {
    run: Run,
    now: i64,
    asked: usize,
    ended: usize,
    bytes: usize,
    output: Document,
}

impl Driver {
    fn new() -> Self {
        let flow = flow();
        let start = Input::Start(Box::new(Start {
            run: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            input: Document::from(json!({"text": "an input of the usual size"})),
            seed: 7,
            limits: flow.limits.clone(),
            pins: Pins::default(),
            artifacts: Vec::new(),
        }));
        let mut driver = Self {
            run: Run::new(flow),
            now: 1_700_000_000_000,
            asked: 0,
            ended: 0,
            bytes: 0,
            output: Document::from(json!({"count": 17, "note": "an output of the usual size"})),
        };
        driver.advance(&[start]);
        driver
    }

    fn advance(&mut self, inputs: &[Input]) {
        self.now += 1;
        for event in self.run.advance(inputs, Timestamp(self.now)) {
            self.bytes += black_box(wire::encode(&event)).unwrap().text.len();
        }
    }

    /// Answers the first outstanding call.
    fn answer(&mut self, decision: &mut impl FnMut(usize) -> Decision) {
        let outstanding = self.run.outstanding();
        let Some(Command::Call { id, .. }) = outstanding.first() else {
            panic!("nothing is outstanding");
        };
        black_box(self.run.call(*id)).unwrap();
        let input = self.input(*id, decision);
        self.advance(&[input]);
    }

    fn input(&mut self, call: CallId, decision: &mut impl FnMut(usize) -> Decision) -> Input {
        let facts = CallFacts {
            plugin: "sha256:0123456789abcdef".to_owned(),
            ..CallFacts::default()
        };
        match call.of {
            CallOf::Decision(_) => {
                let answer = decision(self.asked);
                self.asked += answer.start.len();
                Input::Decided {
                    call,
                    result: Ok(Box::new(answer)),
                    facts,
                    log: None,
                }
            }
            CallOf::Step(_) => {
                self.ended += 1;
                Input::StepEnded {
                    call,
                    result: StepResult::Completed {
                        output: self.output.clone(),
                        confidence: None,
                        attachments: Vec::new(),
                    },
                    context: BTreeMap::new(),
                    facts,
                    log: None,
                }
            }
        }
    }

    /// Microseconds a step until `steps` more have ended.
    fn time(&mut self, steps: usize, decision: &mut impl FnMut(usize) -> Decision) -> f64 {
        let until = self.ended + steps;
        let begin = Instant::now();
        while self.ended < until {
            self.answer(decision);
        }
        begin.elapsed().as_secs_f64() * 1e6 / steps as f64
    }
}

fn print(figure: &str, value: f64, unit: &str, reference: f64, shape: &str) {
    let line = json!({
        "figure": figure,
        "shape": shape,
        "value": (value * 1_000.0).round() / 1_000.0,
        "unit": unit,
        "reference": reference,
        "ratio": (value / reference * 1_000.0).round() / 1_000.0,
    });
    println!("{line}");
}

/// The best of a few runs: the machine is shared.
fn best(rounds: usize, mut run: impl FnMut() -> f64) -> f64 {
    (0..rounds).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn main() {
    let ahead = best(5, || {
        Driver::new().time(2_000, &mut |first| plan(first, 1_000, 1, 5))
    });
    print(
        "step_overhead",
        ahead,
        "us/step",
        TARGET_US,
        "planned ahead, a chain of 1000",
    );
    let asked = best(5, || {
        Driver::new().time(2_000, &mut |first| plan(first, 1, 1, 5))
    });
    print(
        "step_overhead",
        asked,
        "us/step",
        TARGET_US,
        "asked at each step",
    );
    let wide = best(5, || {
        Driver::new().time(2_000, &mut |first| plan(first, 1_000, 10, 5))
    });
    print(
        "step_overhead",
        wide,
        "us/step",
        TARGET_US,
        "planned ahead, 10 chains of 100",
    );
    let all = best(3, || {
        Driver::new().time(1_000, &mut |first| plan(first, 1_000, 1_000, 5))
    });
    print(
        "step_overhead",
        all,
        "us/step",
        TARGET_US,
        "1000 at once, polled after each",
    );

    let mut growth = f64::INFINITY;
    let mut figures = (0.0, 0.0);
    for _ in 0..3 {
        let mut driver = Driver::new();
        let mut one = |first: usize| plan(first, 1, 1, 5);
        let first = driver.time(1_000, &mut one);
        driver.time(98_000, &mut one);
        let last = driver.time(1_000, &mut one);
        if last / first < growth {
            growth = last / first;
            figures = (first, last);
        }
    }
    print(
        "decision_growth",
        figures.1,
        "us/decision",
        figures.0,
        "10^5 steps, asked at each",
    );
    let mut driver = Driver::new();
    driver.time(100_000, &mut |first| plan(first, 1, 1, 5));
    let bytes = driver.run.snapshot().unwrap().len();
    print(
        "snapshot_bytes",
        bytes as f64,
        "bytes",
        1e6,
        "after 10^5 steps",
    );
}
