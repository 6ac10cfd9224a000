//! A host that stays, in virtual time.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use menagerie_executor::{
    Detached, ExecutorError, Happening, Host, Residence, Runs, Stopped, TakeFrom, Told, Watcher,
};
use menagerie_journal::RunKey;
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::Run;

use crate::guests::*;
use crate::stores::on_both_stores;

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
    let said = Arc::new(Mutex::new(Vec::new()));
    let (noted, stopper) = (said.clone(), host.stopper());
    let told: Told = Arc::new(move |happening: &Happening<'_>| {
        let mut said = noted.lock().unwrap();
        said.push(match happening {
            Happening::Took { run, .. } => format!("took {run}"),
            Happening::Ended { run, status } => format!("{run} {status}"),
            Happening::Rests { run, asleep, .. } => format!("{run} rests, asleep: {asleep}"),
            other => format!("{other:?}"),
        });
        if said.len() == tellings {
            stopper.cancel();
        }
    });
    let runs = Arc::new(Scripted(Arc::new(flow.clone()), script.clone()));
    host.reside(Residence { at_once: 1 }, runs, told).await;
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
