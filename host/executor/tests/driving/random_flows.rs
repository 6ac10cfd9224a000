//! Flows out of a seed, and guests that answer each question the same way however often, and in
//! whatever order, they are asked.
//!
//! What a run of such a flow comes to must not depend on times: no strategy is asked while steps run,
//! and no run ends while they do.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use menagerie_executor::{GuestAnswer, GuestReply, GuestUse, Guests};
use menagerie_orchestration::command::{Call, CallRequest};
use menagerie_orchestration::decision::{Decision, Dependency, JoinRequest, StepRequest, Wake};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::Answer;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::{Flow, OnFailure};
use menagerie_orchestration::run::Run;
use menagerie_power::Chance;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::guests::{end, failure, flow, ms, nothing, route, uses};

/// The most that one call of a guest takes.
const LONGEST_CALL_MS: u64 = 40;

/// A flow and all that its strategy will ever decide.
pub(crate) struct RandomFlow {
    seed: u64,
    pub(crate) flow: Arc<Flow>,
    waves: Vec<Decision>,
}

impl RandomFlow {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let names = &["a", "b", "c", "d"][..2 + chance.index(3)];
        let mut flow = flow(names);
        flow.aggregators.insert("merge".to_owned(), uses("merge"));
        flow.limits.max_concurrent = 1 + chance.below(4) as u32;
        flow.limits.total_timeout = ms(1_000_000_000);
        for (index, agent) in flow.agents.iter_mut().enumerate() {
            agent.retry.max_retries = chance.below(4) as u32;
            agent.retry.base = ms(10 + chance.below(500));
            agent.priority = chance.below(3) as i32;
            agent.max_load = 1 + chance.below(3) as u32;
            agent.on_failure = match chance.below(4) {
                0 => OnFailure::Skip,
                1 => OnFailure::Escalate,
                _ => OnFailure::Fail,
            };
            // Only to later ones, so that nothing goes round in circles.
            agent.fallback = names[index + 1..]
                .first()
                .filter(|_| chance.once_in(4))
                .map(|name| (*name).to_owned());
        }
        let mut waves: Vec<Decision> = (0..1 + chance.below(3))
            .map(|number| wave(&mut chance, number, names))
            .collect();
        waves.push(end());
        if let Some(ending) = waves.last_mut().and_then(|last| last.end.as_mut())
            && chance.once_in(10)
        {
            ending.status = "failed".to_owned();
        }
        Self {
            seed,
            flow: Arc::new(flow),
            waves,
        }
    }

    /// A number that depends on the seed and on what it is for, and on nothing else.
    fn drawn(&self, what: impl Hash) -> Chance {
        let mut hasher = DefaultHasher::new();
        (self.seed, what).hash(&mut hasher);
        Chance::new(hasher.finish())
    }

    /// What a person answers to the first step that waits, the `number`th time.
    pub(crate) fn answer(&self, run: &Run, step: &str, number: usize) -> Answer {
        let mut chance = self.drawn(("answer", step, number));
        let agent = run.flow().agents[chance.index(run.flow().agents.len())]
            .name
            .clone();
        let answer = match chance.below(12) {
            // Nobody is asked for ever.
            _ if number > 2 => Answer::Continue,
            0..5 => Answer::Retry {
                hints: [("how".to_owned(), Document::from(json!(number)))].into(),
            },
            5..8 => Answer::Continue,
            8..10 => Answer::Skip,
            10 => Answer::Reroute { agent },
            _ => Answer::Abort,
        };
        match run.answerable(Some(step), &answer) {
            Ok(_) => answer,
            Err(_) => Answer::Continue,
        }
    }

    fn work(&self, call: &Call) -> Result<Document, Failure> {
        let attempt = call.id.attempt;
        let mut chance = self.drawn((&call.step, call.role.to_string(), attempt));
        match chance.below(30) {
            0..7 => Err(failure("transient")),
            7 => Err(failure("permanent")),
            8 => Err(failure("escalate")),
            9 => Err(failure("fuel")),
            _ => {
                let seen = match &call.request {
                    CallRequest::Process { input } => input.clone(),
                    CallRequest::Aggregate { members } => format!("{members:?}"),
                    CallRequest::Decide { .. } => String::new(),
                };
                let mut hasher = DefaultHasher::new();
                (seen, format!("{:?}", call.hints), attempt).hash(&mut hasher);
                // Some keys are written by several steps, and the one asked for later wins.
                let key = ["shared", &call.step][chance.index(2)];
                Ok(Document::from(json!({ key: hasher.finish().to_string() })))
            }
        }
    }
}

/// Steps of one decision, some behind others, some joined, all of which end before the next one.
fn wave(chance: &mut Chance, number: u64, names: &[&str]) -> Decision {
    let mut decision = nothing();
    if chance.once_in(8) {
        decision.wake = Wake::Timer(1 + chance.below(5_000) as u32);
        return decision;
    }
    for index in 0..1 + chance.below(4) {
        let id = format!("w{number}s{index}");
        let agent = names[chance.index(names.len())];
        let kind = match chance.below(16) {
            0 => "skip",
            1 => "escalate",
            _ => "route",
        };
        let before = decision.start.iter().filter(|_| chance.once_in(3));
        let after: Vec<String> = before.map(|step: &StepRequest| step.id.clone()).collect();
        if !after.is_empty() {
            let step = id.clone();
            decision.after.push(Dependency { step, after });
        }
        decision.start.push(StepRequest {
            kind: kind.to_owned(),
            ..route(&id, agent)
        });
    }
    if decision.after.is_empty() && decision.start.len() > 1 && chance.once_in(2) {
        decision.joins.push(JoinRequest {
            id: format!("w{number}j"),
            aggregator: "merge".to_owned(),
            members: decision.start.iter().map(|step| step.id.clone()).collect(),
            config: None,
            reason: "together".to_owned(),
        });
    }
    decision
}

/// The guests of a random flow.
pub(crate) struct Cast {
    pub(crate) of: RandomFlow,
    /// Steps whose end is known to be durable: none of them may be entered again.
    finished: Mutex<BTreeSet<String>>,
}

impl Cast {
    pub(crate) fn new(of: RandomFlow) -> Arc<Self> {
        Arc::new(Self {
            of,
            finished: Mutex::default(),
        })
    }

    /// From now on a call of one of these steps is a mistake.
    pub(crate) fn never_again(&self, steps: impl IntoIterator<Item = String>) {
        self.finished.lock().unwrap().extend(steps);
    }

    fn answer(&self, call: &Call) -> Result<GuestReply, Failure> {
        if let CallRequest::Decide { view } = &call.request {
            let first = call.id.attempt == 1;
            let mut chance = self.of.drawn((&call.step, first));
            if first && chance.once_in(20) {
                return Err(failure("transient"));
            }
            let wave = self.of.waves.get(view.decision as usize - 1);
            let decision = wave.cloned().unwrap_or_else(end);
            return Ok(GuestReply::Decision(Box::new(decision)));
        }
        let finished = self.finished.lock().unwrap();
        assert!(
            !finished.contains(&call.step),
            "{} is called again after its end was durable",
            call.step
        );
        drop(finished);
        self.of.work(call).map(|output| GuestReply::Output {
            output,
            confidence: None,
            attachments: Vec::new(),
        })
    }
}

/// A call of one of them. Its guest panics when it should not have been entered; the test then ends
/// differently, and says so.
#[derive(Clone)]
pub(crate) struct Entered(pub(crate) Arc<Cast>);

impl Guests for Entered {
    fn call(&self, call: Call, cancel: CancellationToken) -> BoxFuture<'static, GuestAnswer> {
        let cast = Arc::clone(&self.0);
        Box::pin(async move {
            let result = cast.answer(&call);
            let mut chance = cast.of.drawn(("time", &call.step, call.id.attempt));
            let mut takes = ms(chance.below(LONGEST_CALL_MS));
            // Half of the decisions are there at once, and become durable with their questions.
            if matches!(call.request, CallRequest::Decide { .. }) && chance.once_in(2) {
                takes = ms(0);
            }
            let result = tokio::select! {
                () = cancel.cancelled() => Err(failure("cancelled")),
                () = tokio::time::sleep(takes), if !takes.is_zero() => result,
                () = std::future::ready(()), if takes.is_zero() => result,
            };
            GuestAnswer {
                result,
                context: Default::default(),
                used: GuestUse::default(),
                log: None,
            }
        })
    }

    fn decides_by_computing(&self) -> bool {
        true
    }

    fn digest(&self, role: &str) -> String {
        format!("digest of {role}")
    }
}
