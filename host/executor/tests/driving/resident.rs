//! A host that stays, in virtual time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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
    patience: Some(std::time::Duration::from_secs(5)),
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
