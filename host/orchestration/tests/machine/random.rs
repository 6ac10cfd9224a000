//! Arbitrary runs: decisions, outcomes and wishes made from numbers, so that proptest shrinks them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use menagerie_orchestration::command::Command;
use menagerie_orchestration::decision::{
    Decision, Dependency, Ending, JoinRequest, StepRequest, Wake,
};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{
    Answer, CallFacts, CallId, CallOf, Event, Recorded, StepNo, StepResult, TimerId,
};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::{Flow, OnFailure};
use menagerie_orchestration::input::{Input, Wish};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::flows::{FlowExt, flow};
use crate::invariants;
use crate::story::{DAWN, start, wished};

/// One thing that happens to a run.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// The strategy answers, if it is asked.
    Decides(Decision),
    /// The strategy fails, if it is asked.
    Declines(String),
    /// One of the outstanding steps ends.
    Ends(usize, StepResult),
    /// One of the outstanding timers fires at its time.
    Fires(usize),
    /// Any input at all, whatever is outstanding.
    Stray(Input),
    /// A person wants something.
    Wishes(Wish),
    /// The host was killed and has come back.
    Recovers,
}

const AGENTS: [&str; 4] = ["a", "b", "c", "d"];
const CODES: [&str; 7] = [
    "transient",
    "deadline",
    "permanent",
    "invalid-input",
    "escalate",
    "fuel",
    "odd",
];

/// A flow in which every way to go on after a failure occurs, with tight limits.
pub(crate) fn small_flow(max_steps: u32) -> Flow {
    let mut flow = flow(&AGENTS)
        .with("a", |a| a.fallback = Some("b".to_owned()))
        .with("b", |b| b.on_failure = OnFailure::Skip)
        .with("c", |c| c.on_failure = OnFailure::Escalate)
        .with("d", |d| d.priority = 3)
        .limited(|limits| {
            limits.max_steps = max_steps;
            limits.max_concurrent = 2;
            limits.total_timeout = Duration::from_secs(100_000);
            limits.checkpoints.every = Some(Duration::from_millis(40));
            limits.checkpoints.after = ["b".to_owned()].into();
        });
    for agent in &mut flow.agents {
        agent.retry.max_retries = 2;
    }
    flow
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => (0..12_u8).prop_map(|n| format!("s{n}")),
        1 => Just(String::new()),
        1 => Just("\u{7}".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |x| x.is_finite())
            .prop_map(Value::from),
        "[a-z\"\\\\\u{0}-\u{20}é]{0,8}".prop_map(Value::from),
        (0..4_u8, any::<i16>()).prop_map(|(key, n)| json!({ format!("k{key}"): n })),
        (0..4_u8, any::<f32>()).prop_map(|(key, n)| json!({ format!("k{key}"): [n, null] })),
        (0..4_u8).prop_map(|key| json!({ format!("k{key}"): "long ".repeat(300) })),
    ]
}

fn document() -> impl Strategy<Value = Document> {
    value().prop_map(Document::from)
}

fn failure() -> impl Strategy<Value = Failure> {
    (
        proptest::sample::select(&CODES[..]),
        proptest::option::of(0..100_000_u32),
        proptest::option::of(document()),
    )
        .prop_map(|(code, retry_after_ms, details)| Failure {
            retry_after_ms,
            details,
            ..Failure::new(code, "as it came")
        })
}

fn result() -> impl Strategy<Value = StepResult> {
    prop_oneof![
        2 => (document(), proptest::option::of(0.0..=1.0_f64)).prop_map(|(output, confidence)| {
            StepResult::Completed {
                output,
                confidence,
                attachments: Vec::new(),
            }
        }),
        1 => failure().prop_map(StepResult::Failed),
    ]
}

fn agent() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => proptest::sample::select(&AGENTS[..]).prop_map(str::to_owned),
        1 => Just("nobody".to_owned()),
    ]
}

fn request() -> impl Strategy<Value = StepRequest> {
    let kind = prop_oneof![
        6 => Just("route"),
        1 => Just("retry"),
        1 => Just("skip"),
        1 => Just("escalate"),
    ];
    let input = proptest::option::weighted(0.2, document());
    (id(), agent(), kind, input).prop_map(|(id, agent, kind, input)| StepRequest {
        id,
        agent,
        input,
        kind: kind.to_owned(),
        reason: "why not".to_owned(),
    })
}

fn wake() -> impl Strategy<Value = Wake> {
    prop_oneof![
        3 => Just(Wake::AnyFinished),
        3 => Just(Wake::AllFinished),
        2 => proptest::collection::vec(id(), 0..3).prop_map(Wake::These),
        1 => (0..20_000_u32).prop_map(Wake::Timer),
    ]
}

/// Any decision at all: most can be acted on, some only in some states, some never.
pub(crate) fn decision() -> impl Strategy<Value = Decision> {
    let joins =
        proptest::collection::vec((id(), proptest::collection::vec(0..5_usize, 0..3)), 0..2);
    let after = proptest::collection::vec((0..6_usize, 0..6_usize), 0..4);
    let end = proptest::option::weighted(0.03, proptest::option::of(document()));
    (
        proptest::collection::vec(request(), 0..5),
        joins,
        after,
        wake(),
        any::<bool>(),
        end,
        prop_oneof![50 => 0.0..=1.0_f64, 1 => Just(f64::NAN), 1 => Just(2.0)],
    )
        .prop_map(
            |(start, joins, after, wake, wake_on_failure, end, confidence)| {
                let mut ids: Vec<String> = start.iter().map(|request| request.id.clone()).collect();
                let joins: Vec<_> = joins
                    .into_iter()
                    .map(|(id, members)| JoinRequest {
                        id,
                        aggregator: "merge".to_owned(),
                        members: pick(&ids, &members),
                        config: None,
                        reason: String::new(),
                    })
                    .collect();
                ids.extend(joins.iter().map(|join| join.id.clone()));
                // Most dependencies point back, so that most decisions have no cycle.
                let after = after
                    .into_iter()
                    .filter_map(|(one, other)| {
                        let (step, target) = (one.max(other), one.min(other));
                        (step != target || one == 5).then_some(Dependency {
                            step: ids.get(step)?.clone(),
                            after: vec![ids.get(target)?.clone()],
                        })
                    })
                    .collect();
                Decision {
                    start: if end.is_some() { Vec::new() } else { start },
                    joins: if end.is_some() { Vec::new() } else { joins },
                    after: if end.is_some() { Vec::new() } else { after },
                    wake,
                    wake_on_failure,
                    end: end.map(|output| Ending {
                        status: "completed".to_owned(),
                        reason: "enough".to_owned(),
                        output,
                    }),
                    reason: "why not".to_owned(),
                    confidence,
                    metadata: Document::empty_object(),
                }
            },
        )
}

fn pick(ids: &[String], chosen: &[usize]) -> Vec<String> {
    chosen
        .iter()
        .filter_map(|index| ids.get(*index).cloned())
        .collect()
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => proptest::collection::btree_map("[a-b]", document(), 0..2)
            .prop_map(|hints| Answer::Retry { hints }),
        2 => Just(Answer::Skip),
        2 => Just(Answer::Continue),
        2 => agent().prop_map(|agent| Answer::Reroute { agent }),
        1 => Just(Answer::Reroute { agent: "merge".to_owned() }),
        1 => Just(Answer::Abort),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        12 => (proptest::option::of(id()), answer())
            .prop_map(|(step, answer)| Wish::Answer { step, answer }),
        4 => Just(Wish::Pause),
        6 => Just(Wish::Unpause),
        2 => Just(Wish::Checkpoint { label: "here".to_owned() }),
        1 => Just(Wish::Cancel { reason: "enough".to_owned() }),
    ]
}

fn stray() -> impl Strategy<Value = Input> {
    let of = prop_oneof![
        (0..6_u32).prop_map(CallOf::Decision),
        (0..20_u32).prop_map(|no| CallOf::Step(StepNo(no))),
    ];
    let call = (of.clone(), 0..4_u32, 0..4_u32).prop_map(|(of, attempt, execution)| CallId {
        of,
        attempt,
        execution,
    });
    prop_oneof![
        (call.clone(), result()).prop_map(|(call, result)| ended(call, result)),
        (call, decision()).prop_map(|(call, decision)| decided(call, Ok(decision))),
        of.prop_map(|of| Input::TimerFired(TimerId::Retry(of))),
        (0..6_u32).prop_map(|number| Input::TimerFired(TimerId::Wake(number))),
        Just(Input::TimerFired(TimerId::Total)),
        Just(start(&small_flow(10), json!({"again": true}))),
    ]
}

/// What a person or a crash does is rare beside what agents and strategies do.
pub(crate) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => decision().prop_map(Act::Decides),
        1 => proptest::sample::select(&CODES[..2]).prop_map(|code| Act::Declines(code.to_owned())),
        12 => (any::<usize>(), result()).prop_map(|(which, result)| Act::Ends(which, result)),
        6 => any::<usize>().prop_map(Act::Fires),
        1 => stray().prop_map(Act::Stray),
        3 => wish().prop_map(Act::Wishes),
        1 => Just(Act::Recovers),
    ]
}

/// What strategies, agents and timers do, without people and crashes.
pub(crate) fn act_of_guests() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => decision().prop_map(Act::Decides),
        12 => (any::<usize>(), result()).prop_map(|(which, result)| Act::Ends(which, result)),
        6 => any::<usize>().prop_map(Act::Fires),
    ]
}

pub(crate) fn ended(call: CallId, result: StepResult) -> Input {
    Input::StepEnded {
        call,
        context: BTreeMap::from([("k".to_owned(), Document::from(Value::Null))]),
        result,
        facts: CallFacts::default(),
        log: Some(Document::from(Value::Null)),
    }
}

pub(crate) fn decided(call: CallId, result: Result<Decision, Failure>) -> Input {
    Input::Decided {
        call,
        result: result.map(Box::new),
        facts: CallFacts::default(),
        log: None,
    }
}

/// A run under arbitrary acts, each of which keeps the invariants.
pub(crate) struct Wild {
    pub(crate) flow: Arc<Flow>,
    pub(crate) run: Run,
    pub(crate) now: Timestamp,
    pub(crate) journal: Vec<Recorded>,
    /// Acts that are not an agent's, a strategy's or a timer's.
    pub(crate) from_outside: usize,
}

impl Wild {
    pub(crate) fn new(max_steps: u32, input: Value) -> Self {
        let flow = Arc::new(small_flow(max_steps));
        let mut wild = Self {
            run: Run::new(flow.clone()),
            now: DAWN,
            journal: Vec::new(),
            from_outside: 0,
            flow,
        };
        let begin = start(&wild.flow, input);
        wild.feed(&[begin]);
        wild
    }

    pub(crate) fn feed(&mut self, inputs: &[Input]) {
        let batch = self.run.advance(inputs, self.now);
        invariants::check_batch(&self.journal, &batch);
        self.journal.extend(batch);
        invariants::check_state(&self.run);
    }

    /// Does what can be done of these acts, all in one advance.
    pub(crate) fn act(&mut self, acts: &[Act]) {
        self.now.0 += 10;
        let mut inputs = Vec::new();
        for act in acts {
            inputs.extend(self.input(act));
        }
        self.feed(&inputs);
    }

    fn input(&mut self, act: &Act) -> Option<Input> {
        let commands = self.run.outstanding();
        let call = |wanted: fn(&CallId) -> bool, which: usize| {
            let calls: Vec<CallId> = commands
                .iter()
                .filter_map(|command| match command {
                    Command::Call { id, .. } if wanted(id) => Some(*id),
                    _ => None,
                })
                .collect();
            (!calls.is_empty()).then(|| calls[which % calls.len()])
        };
        let asked = call(|id| matches!(id.of, CallOf::Decision(_)), 0);
        match act {
            Act::Decides(decision) => Some(decided(asked?, Ok(decision.clone()))),
            Act::Declines(code) => Some(decided(asked?, Err(Failure::new(code, "no")))),
            Act::Ends(which, result) => {
                let call = call(|id| matches!(id.of, CallOf::Step(_)), *which)?;
                Some(ended(call, result.clone()))
            }
            Act::Fires(which) => self.timer(&commands, *which),
            Act::Stray(input) => Some(input.clone()),
            Act::Wishes(wish) => {
                self.from_outside += 1;
                Some(wished(wish.clone()))
            }
            Act::Recovers => {
                self.from_outside += 1;
                Some(Input::Recovered)
            }
        }
    }

    fn timer(&mut self, commands: &[Command], which: usize) -> Option<Input> {
        let timers: Vec<_> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Timer { id, due } if *id != TimerId::Total => Some((*id, *due)),
                _ => None,
            })
            .collect();
        let (id, due) = *timers.get(which.checked_rem(timers.len())?)?;
        self.now = self.now.max(due);
        Some(Input::TimerFired(id))
    }

    /// Events that only people, crashes or a failing strategy can add to a run.
    pub(crate) fn events_from_outside(&self) -> usize {
        let outside = self.journal.iter().filter(|recorded| {
            matches!(
                recorded.event,
                Event::Answered { .. }
                    | Event::Paused { .. }
                    | Event::Unpaused { .. }
                    | Event::Checkpointed { .. }
                    | Event::RunForked { .. }
                    | Event::SharedSet { .. }
                    | Event::ArtifactPut { .. }
                    | Event::GrantRevoked { .. }
                    | Event::GrantReturned { .. }
                    | Event::InputRefused { .. }
                    | Event::CallReissued { .. }
                    | Event::DecisionFailed { .. }
                    | Event::CallRetried {
                        call: CallOf::Decision(_),
                        ..
                    }
            )
        });
        outside.count()
    }
}
