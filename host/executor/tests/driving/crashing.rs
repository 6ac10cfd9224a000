//! A host that dies anywhere, and the next one that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use menagerie_executor::{Began, Clock, Host, Nobody, TokioClock, replay_decisions};
use menagerie_journal::Error;
use menagerie_orchestration::decision::{Decision, Dependency};
use menagerie_orchestration::event::{CallOf, Event, Recorded, StepNo};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::Run;
use menagerie_orchestration::view::View;
use menagerie_power::Chance;

use crate::guests::*;
use crate::stores::{Store, on_both_stores};

/// More would make a call that was under way each time one that kills its host.
const CRASHES: u32 = 3;
const CASES: u64 = 48;

/// Steps in two waves, each behind some of those before it; one of them fails at first.
fn script_of(seed: u64) -> Arc<Script> {
    let decides = move |view: &View| match view.decision {
        1 => wave(seed, "x"),
        2 => wave(seed ^ 0xff, "y"),
        _ => end(),
    };
    Script::new(decides, move |call| {
        let unlucky = call.step == "x1" && call.id.attempt <= (seed % 3) as u32;
        match echo(call) {
            _ if unlucky => Work::Fail(ms(3), failure("transient")),
            Work::Answer(_, output) => {
                let after = Chance::new(seed ^ u64::from(call.step.as_bytes()[1])).below(30);
                Work::Answer(ms(after), output)
            }
            other => other,
        }
    })
    .computing(seed.is_multiple_of(2))
}

fn wave(seed: u64, prefix: &str) -> Decision {
    let mut chance = Chance::new(seed);
    let mut decision = nothing();
    for number in 0..2 + chance.below(4) {
        let id = format!("{prefix}{number}");
        decision
            .start
            .push(route(&id, ["a", "b"][chance.below(2) as usize]));
        let after: BTreeSet<u64> = (0..number).filter(|_| chance.below(3) == 0).collect();
        if !after.is_empty() {
            let after = after
                .into_iter()
                .map(|before| format!("{prefix}{before}"))
                .collect();
            decision.after.push(Dependency { step: id, after });
        }
    }
    decision
}

/// Drives the run for so many polls of its loop; then the process is gone.
async fn drive_for(polls: u64, host: &Host, flow: &Flow, script: &Arc<Script>) -> Option<Run> {
    let driving = async {
        let flow = Arc::new(flow.clone());
        let began = host.begin_with(
            flow.clone(),
            script.clone(),
            begin_of(key()),
            Arc::new(Nobody),
        );
        match began.await.unwrap() {
            Began::Driven(run, _) => *run,
            Began::Existing(_) => crate::guests::resume(host, &flow, script).await.unwrap().0,
        }
    };
    let mut driving = pin!(driving);
    let mut left = polls;
    poll_fn(|context| match driving.as_mut().poll(context) {
        Poll::Ready(run) => Poll::Ready(Some(run)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// What a crash must not change: how each step ended.
fn outcomes(events: &[Recorded]) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    for recorded in events {
        if let Event::StepEnded {
            id,
            result,
            attempt,
            ..
        } = &recorded.event
        {
            let told = outcomes.insert(format!("{id}, attempt {attempt}"), format!("{result:?}"));
            assert_eq!(told, None, "{id} ended twice");
        }
    }
    outcomes
}

/// The effect of an execution that was announced is the only one that the journal takes.
fn check_executions(events: &[Recorded]) {
    let mut announced: BTreeMap<(CallOf, u32), u32> = BTreeMap::new();
    for recorded in events {
        match &recorded.event {
            Event::CallReissued {
                call,
                attempt,
                execution,
            } => {
                let last = announced.insert((*call, *attempt), *execution).unwrap_or(1);
                assert_eq!(last + 1, *execution, "{call:?}");
            }
            Event::StepEnded {
                step,
                attempt,
                execution,
                ..
            } => {
                let expected = announced
                    .get(&(CallOf::Step(*step), *attempt))
                    .unwrap_or(&1);
                assert_eq!(execution, expected);
            }
            _ => {}
        }
    }
}

async fn survives(seed: u64, store: &Store) {
    let mut chance = Chance::new(seed);
    let flow = flow(&["a", "b"]);
    let undisturbed = {
        let host = host(Store::memory().process("undisturbed"));
        let (run, _) = begin(&host, &flow, &script_of(seed)).await.unwrap();
        (run.result(), outcomes(&events(&host).await))
    };
    let script = script_of(seed);
    let mut crashes = 0;
    let host = loop {
        let polls = if crashes < CRASHES {
            chance.below(40)
        } else {
            u64::MAX
        };
        let host = host(store.process("one"));
        if let Some(run) = drive_for(polls, &host, &flow, &script).await {
            assert_eq!(run.result(), undisturbed.0);
            break host;
        }
        crashes += 1;
        drop(host);
        let reader = crate::guests::host(store.process("reader"));
        match reader.events(&key(), 0, usize::MAX).await {
            Ok(events) => {
                let events: Vec<_> = events.into_iter().map(|(_, recorded)| recorded).collect();
                script.never_again(ended_steps(&events));
            }
            Err(menagerie_executor::ExecutorError::Journal(Error::UnknownRun { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    };
    let events = events(&host).await;
    assert_eq!(outcomes(&events), undisturbed.1);
    check_executions(&events);
    host.journal().verify(&key()).await.unwrap();
    let told = replay_decisions(&**host.journal(), &key(), flow.into()).await;
    assert_eq!(told.unwrap().unwrap().result(), undisturbed.0);
}

/// Says with which seed a test failed.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.0);
        }
    }
}

on_both_stores! {
    async fn a_killed_host_is_followed_by_the_undisturbed_result(store) {
        for seed in 0..CASES {
            let told = Told(seed);
            survives(seed, &store.fresh()).await;
            drop(told);
        }
    }

    /// A step that takes its host with it each time is not tried for ever.
    async fn a_call_that_kills_its_host_is_poisoned(store) {
        let script = Script::parallel(|_| Work::Forever);
        let flow = flow(&["a"]);
        for calls in 1..=4 {
            let host = host(store.process("crashes"));
            let driven = drive_for(u64::MAX, &host, &flow, &script);
            tokio::select! {
                _ = driven => panic!("it never ends"),
                () = script.until_called(calls) => {}
            }
        }
        let executions: Vec<u32> = script.calls().iter().map(|seen| seen.id.execution).collect();
        assert_eq!(executions, [1, 2, 3, 4]);
        let host = host(store.process("last"));
        resume(&host, &flow, &script).await.unwrap();
        assert_eq!(script.called().len(), 4);
        let failed = events(&host).await.into_iter().find_map(|recorded| match recorded.event {
            Event::StepEnded { result, .. } => Some(format!("{result:?}")),
            _ => None,
        });
        assert!(failed.unwrap().contains("poisoned"));
    }

    /// Three back-offs are over while no host is there; the next one makes the calls in the order in
    /// which they became due.
    async fn timers_due_while_down_fire_in_due_order(store) {
        let flow = flow(&["a", "b", "c"]);
        let script = Script::parallel(|call| {
            let seconds = match call.step.as_str() {
                "a" => 9,
                "b" => 2,
                _ => 5,
            };
            match call.id.attempt {
                1 => Work::Fail(ms(1), Failure {
                    retry_after_ms: Some(seconds * 1_000),
                    ..failure("transient")
                }),
                _ => echo(call),
            }
        });
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(DAWN));
        {
            let host = host_at(store.process("dies"), clock.clone());
            let driven = drive_for(u64::MAX, &host, &flow, &script);
            tokio::select! {
                _ = driven => panic!("three calls are to be made again"),
                () = tokio::time::sleep(ms(1_000)) => {}
            }
        }
        tokio::time::advance(ms(60_000)).await;
        let host = host_at(store.process("goes on"), clock);
        resume(&host, &flow, &script).await.unwrap();
        let retried: Vec<String> = events(&host).await.into_iter().filter_map(|recorded| {
            match recorded.event {
                Event::CallRetried { call, .. } => Some(format!("{call:?}")),
                _ => None,
            }
        }).collect();
        let step = |number| format!("{:?}", CallOf::Step(StepNo(number)));
        assert_eq!(retried, [step(2), step(3), step(1)]);
        assert_eq!(script.called().len(), 6);
    }

    /// The run's time was up while no host was there: the next one makes no call again that it would
    /// only cancel.
    async fn a_run_whose_time_was_up_while_down_ends_before_anything_is_called(store) {
        let mut flow = flow(&["a"]);
        flow.limits.total_timeout = ms(10_000);
        let script = Script::parallel(|_| Work::Forever);
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(DAWN));
        {
            let host = host_at(store.process("dies"), clock.clone());
            tokio::select! {
                _ = begin(&host, &flow, &script) => panic!("its step never ends"),
                () = script.until_called(1) => {}
            }
        }
        tokio::time::advance(ms(60_000)).await;
        let host = host_at(store.process("goes on"), clock);
        let (run, _) = resume(&host, &flow, &script).await.unwrap();
        let error = run.ended().unwrap().error.as_ref().unwrap();
        assert_eq!(error.code, "total_timeout");
        assert_eq!(script.called(), ["a"], "called before the timer fired");
    }
}
