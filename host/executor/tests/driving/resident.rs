//! A host that stays, in virtual time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use menagerie_executor::{
    Detached, ExecutorError, Happening, Host, Residence, Runs, Stopped, TakeFrom, Told, Watcher,
};
use menagerie_journal::RunKey;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::Run;
use serde_json::json;

use crate::guests::*;
use crate::journals::Reluctant;
use crate::stores::{Store, on_both_stores};

/// All runs are of one flow and one script.
struct Scripted(Arc<Flow>, Arc<Script>);

impl Runs for Scripted {
    fn resume(
        &self,
        host: Host,
        run: RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> BoxFuture<'_, Result<(Run, Stopped), ExecutorError>> {
        let (flow, script) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            host.resume_with_from(flow, script, &run, watcher, from)
                .await
        })
    }
}

/// Lets a host stay until its runs have been told of so often, and gives back what was told.
async fn stay(host: &Host, flow: &Flow, script: &Arc<Script>, tellings: usize) -> Vec<String> {
    let how = Residence {
        at_once: 1,
        patience: None,
    };
    stay_as(how, host, flow, script, tellings).await
}

/// The same, staying like this.
async fn stay_as(
    how: Residence,
    host: &Host,
    flow: &Flow,
    script: &Arc<Script>,
    tellings: usize,
) -> Vec<String> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let (noted, stopper) = (said.clone(), host.stopper());
    let told: Told = Arc::new(move |happening: &Happening<'_>| {
        let mut said = noted.lock().unwrap();
        said.push(match happening {
            Happening::Took { run, .. } => format!("took {run}"),
            Happening::Ended { run, status } => format!("{run} {status}"),
            Happening::Rests { run, asleep, .. } => format!("{run} rests, asleep: {asleep}"),
            Happening::Silent { owner, runs, .. } => {
                format!("{} is silent with {runs}", owner.name)
            }
            other => format!("{other:?}"),
        });
        if said.len() == tellings {
            stopper.cancel();
        }
    });
    let runs = Arc::new(Scripted(Arc::new(flow.clone()), script.clone()));
    host.reside(how, runs, told).await;
    let said = said.lock().unwrap();
    said.clone()
}

on_both_stores! {
    /// The other run has its turn while the first sleeps, though only one is in hand at once.
    async fn a_run_that_waits_long_for_a_timer_is_put_down_and_taken_up_when_it_is_due(store) {
        let script = Script::parallel(|call| match call.id.attempt {
            1 if call.step == "a" => {
                let retry_after_ms = Some(60_000);
                Work::Fail(ms(1), Failure { retry_after_ms, ..failure("transient") })
            }
            _ => echo(call),
        });
        let flow = flow(&["a"]);
        let host = host(store.process("one"));
        for run in ["one", "two"] {
            let begin = begin_of(RunKey::in_default(run));
            let begun = host.begin_detached_with(Arc::new(flow.clone()), begin).await.unwrap();
            assert!(matches!(begun, Detached::Queued));
        }
        let said = stay(&host, &flow, &script, 8).await;
        assert_eq!(said, [
            "took one", "one rests, asleep: true", "took two", "two rests, asleep: true",
            "took one", "one completed", "took two", "two completed",
        ]);
        let calls = script.calls();
        assert!(calls[2].at - calls[0].at >= ms(60_000));
    }
}

/// Takes runs from whoever gives no sign for a while.
const PATIENT: Residence = Residence {
    at_once: 1,
    patience: Some(Duration::from_secs(5)),
};

/// Hung is who is not polled any more. In memory alone, where the time of those who wait for a disk
/// does not run away; `tests/integration/owners.rs` stops a real process.
#[tokio::test(start_paused = true)]
async fn an_owner_that_gives_no_sign_of_life_loses_its_runs_and_hears_of_it() {
    let store = Store::memory();
    let hangs = AtomicBool::new(true);
    let script = Script::parallel(move |call| match hangs.swap(false, Ordering::SeqCst) {
        true => Work::Forever,
        false => echo(call),
    });
    let flow = flow(&["a"]);
    let (one, two) = (host(store.process("one")), host(store.process("two")));
    let mut hung = Box::pin(begin(&one, &flow, &script));
    tokio::select! {
        _ = &mut hung => panic!("it never ends"),
        () = script.until_called(1) => {}
    }
    let begun = tokio::time::Instant::now();
    let said = stay_as(PATIENT, &two, &flow, &script, 3).await;
    assert_eq!(
        said,
        ["one is silent with 1", "took run-1", "run-1 completed"]
    );
    assert!(begun.elapsed() >= PATIENT.patience.unwrap());
    // It goes on as if nothing had been, and is refused.
    one.stopper().cancel();
    match hung.await {
        Err(ExecutorError::TakenOver { run, .. }) => assert_eq!(run, key()),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two have driven one run"),
    }
    assert_eq!(script.called(), ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_whose_step_takes_long_lives_and_keeps_its_run() {
    let store = Store::memory();
    let script = Script::parallel(|call| match call.step.as_str() {
        "a" => Work::Answer(ms(600_000), json!({})),
        _ => echo(call),
    });
    let flow = flow(&["a"]);
    let (one, two) = (host(store.process("one")), host(store.process("two")));
    let stopper = two.stopper();
    let owner = async {
        let (run, stopped) = begin(&one, &flow, &script).await.unwrap();
        stopper.cancel();
        (run.status().word(), stopped)
    };
    let (driven, said) = tokio::join!(owner, stay_as(PATIENT, &two, &flow, &script, 1));
    assert_eq!(driven, ("completed", Stopped::Ended));
    assert!(said.is_empty(), "{said:?}");
}

/// A run that was cut off in its last step, with ten long outputs behind it, each of which its next
/// owner reads as it loads the run.
async fn cut_off_with_long_outputs(store: &Store, flow: &Flow) {
    let script = Script::sequence(|call| match call.step.as_str() {
        "last" => Work::Forever,
        _ => Work::Answer(ms(1), json!({ "text": "x".repeat(100_000) })),
    });
    let one = host(store.process("one"));
    let mut cut_off = Box::pin(begin(&one, flow, &script));
    tokio::select! {
        _ = &mut cut_off => panic!("it never ends"),
        () = script.until_called(11) => {}
    }
}

fn ten_and_a_last() -> Flow {
    flow(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "last"])
}

/// Another host has this patience while one reads each of the outputs for so long.
async fn loaded_beside_a_host(reading: Duration) -> (Vec<String>, Result<(), ExecutorError>) {
    let store = Store::memory();
    let flow = ten_and_a_last();
    cut_off_with_long_outputs(&store, &flow).await;
    let script = Script::sequence(echo);
    let slow = Arc::new(Reluctant::new(store.process("slow")).reading_slowly(reading));
    let (slow, two) = (host(slow), host(store.process("two")));
    let stopper = two.stopper();
    let loading = async {
        let driven = resume(&slow, &flow, &script).await;
        stopper.cancel();
        driven.map(|_| ())
    };
    let beside = Script::sequence(echo);
    let staying = stay_as(PATIENT, &two, &flow, &beside, 3);
    let (driven, said) = tokio::join!(loading, staying);
    (said, driven)
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_loads_for_long_lives_as_long_as_it_advances() {
    // Together five times as long as the other's patience.
    let (said, driven) = loaded_beside_a_host(PATIENT.patience.unwrap() / 2).await;
    assert!(said.is_empty(), "{said:?}");
    driven.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_hangs_as_it_loads_loses_its_run() {
    let (said, driven) = loaded_beside_a_host(ms(600_000)).await;
    let took = ["slow is silent with 1", "took run-1", "run-1 completed"];
    assert_eq!(said, took);
    assert!(
        matches!(driven, Err(ExecutorError::TakenOver { .. })),
        "{driven:?}"
    );
}

/// It was silent, having nothing to do, for longer than the other one's patience lasts.
#[tokio::test(start_paused = true)]
async fn whoever_begins_a_run_after_a_long_silence_keeps_it() {
    let store = Store::memory();
    let script = Script::parallel(echo);
    let flow = flow(&["a"]);
    // Its first commits take a while, in which it does not ask for mail.
    let slow = Arc::new(Reluctant::new(store.process("one")).delaying(ms(3_000)));
    let (one, two) = (host(slow), host(store.process("two")));
    let stopper = two.stopper();
    let owner = async {
        tokio::time::sleep(ms(60_000)).await;
        let driven = begin(&one, &flow, &script)
            .await
            .map(|(_, stopped)| stopped);
        stopper.cancel();
        driven
    };
    let (driven, said) = tokio::join!(owner, stay_as(PATIENT, &two, &flow, &script, 1));
    assert_eq!(driven.unwrap(), Stopped::Ended);
    assert!(said.is_empty(), "{said:?}");
}
