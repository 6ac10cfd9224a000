//! What a step costs beside its guest and the disk: decide, apply, admission, events, the loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use menagerie_executor::{
    Began, BeginRun, GateConfig, GuestAnswer, GuestReply, GuestUse, Guests, Host, HostParts,
    Nobody, SystemClock,
};
use menagerie_journal::{MemoryJournal, RunKey};
use menagerie_orchestration::command::{Call, CallRequest};
use menagerie_orchestration::decision::{Decision, Dependency, Ending, StepRequest, Wake};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::flow_file;
use tokio_util::sync::CancellationToken;

use crate::{INPUT, tell};

/// The target of the whole, in microseconds a step.
const TARGET_US: f64 = 10.0;
const STEPS: usize = 900;
const ROUNDS: usize = 15;

/// Answers at once, without a guest.
struct Absent {
    output: Document,
}

impl Guests for Absent {
    fn call(&self, call: Call, _: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        let reply = match &call.request {
            CallRequest::Decide { view } => GuestReply::Decision(Box::new(decision(view.decision))),
            _ => GuestReply::Output {
                output: self.output.clone(),
                confidence: None,
            },
        };
        Box::pin(std::future::ready(GuestAnswer {
            result: Ok(reply),
            context: BTreeMap::new(),
            used: GuestUse::default(),
            log: None,
        }))
    }

    fn digest(&self, _: &str) -> String {
        String::new()
    }
}

/// All steps in a row, planned ahead, then the end.
fn decision(number: u32) -> Decision {
    let id = |step: usize| format!("step-{step}");
    let request = |step| StepRequest {
        id: id(step),
        agent: "echo".to_owned(),
        input: None,
        kind: "route".to_owned(),
        reason: String::new(),
    };
    let dependency = |step| Dependency {
        step: id(step),
        after: vec![id(step - 1)],
    };
    let steps = if number == 1 { STEPS } else { 0 };
    Decision {
        start: (0..steps).map(request).collect(),
        joins: Vec::new(),
        after: (1..steps).map(dependency).collect(),
        wake: Wake::AllFinished,
        wake_on_failure: false,
        end: (number > 1).then(|| Ending {
            status: "completed".to_owned(),
            reason: String::new(),
            output: None,
        }),
        reason: String::new(),
        confidence: 1.0,
        metadata: Document::empty_object(),
    }
}

async fn run(flow: &Arc<Flow>, guests: &Arc<Absent>) -> Duration {
    let host = Host::new(HostParts {
        journal: Arc::new(MemoryJournal::new("bench")),
        clock: Arc::new(SystemClock::default()),
        gate: GateConfig::default(),
        inbox_interval: Duration::from_millis(100),
    });
    let begin = BeginRun {
        key: RunKey::fresh(),
        input: guests.output.clone(),
        session: None,
    };
    let begun = Instant::now();
    let began = host
        .begin_with(flow.clone(), guests.clone(), begin, Arc::new(Nobody))
        .await;
    let taken = begun.elapsed();
    let Began::Driven(run, _) = began.unwrap() else {
        panic!("the run is new");
    };
    assert_eq!(run.status().word(), "completed", "{:?}", run.ended());
    taken
}

pub(crate) fn step_overhead() {
    let text = "name = \"bench\"\n[agents.echo]\nplugin = \"echo\"\n";
    let flow = Arc::new(flow_file::parse(text).unwrap().flow);
    let output = serde_json::from_str::<serde_json::Value>(INPUT).unwrap();
    let guests = Arc::new(Absent {
        output: Document::from(output),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rounds = (0..ROUNDS).map(|_| runtime.block_on(run(&flow, &guests)));
    let per_step = crate::median(rounds.collect()) / STEPS as f64;
    tell("step_overhead", per_step, "us", TARGET_US);
}
