//! Runs that wait for a person, are paused, or are put down by their host.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_executor::Stopped;
use menagerie_orchestration::decision::Wake;
use menagerie_orchestration::event::Answer;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::RunStatus;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::guests::*;
use crate::journals::Reluctant;
use crate::stores::on_both_stores;

/// `a` asks for help until it is given a hint.
fn asks_for_help() -> Arc<Script> {
    Script::sequence(|call| match call.hints.is_empty() {
        true if call.step == "a" => Work::Fail(ms(1), failure("escalate")),
        _ => echo(call),
    })
}

fn try_again() -> Wish {
    let hints = BTreeMap::from([("how".to_owned(), json!("gently").into())]);
    Wish::Answer {
        step: None,
        answer: Answer::Retry { hints },
    }
}

on_both_stores! {
    async fn an_escalated_run_waits_and_goes_on_when_it_is_answered(store) {
        let script = asks_for_help();
        let flow = flow(&["a", "b"]);
        let host = host(store.process("one"));
        let (run, stopped) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Waiting, Stopped::Waiting));
        let row = host.journal().run(&key()).await.unwrap();
        assert_eq!((&*row.status.text, row.status.ended), ("waiting", false));
        assert_eq!(host.journal().owner(&key()).await.unwrap(), None, "nobody holds what waits");

        assert!(host.wish(&key(), "answer-1", "ann", try_again()).await.unwrap());
        assert!(!host.wish(&key(), "answer-1", "ann", try_again()).await.unwrap());
        let (run, stopped) = resume(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Completed, Stopped::Ended));
        assert_eq!(script.called(), ["a", "a", "b"]);
        let kinds = kinds(&host).await;
        assert!(kinds.contains(&"answered") && !kinds.contains(&"call_reissued"), "{kinds:?}");
    }

    async fn resuming_what_waits_changes_nothing(store) {
        let script = asks_for_help();
        let flow = flow(&["a"]);
        let host = host(store.process("one"));
        let (first, _) = begin(&host, &flow, &script).await.unwrap();
        let (again, stopped) = resume(&host, &flow, &script).await.unwrap();
        assert_eq!((&again, stopped), (&first, Stopped::Waiting));
        assert_eq!(script.called(), ["a"]);
    }

    /// The answer comes after the loop's last look and before it gives the run up: whoever answers
    /// finds the run owned and leaves it to the owner.
    async fn an_answer_in_the_last_moment_is_not_left_lying(store) {
        let script = asks_for_help();
        let flow = flow(&["a"]);
        let journal = Arc::new(Reluctant::new(store.process("one")));
        let host = host(journal.clone());
        let late = host.clone();
        journal.before_release(async move {
            late.wish(&key(), "answer-1", "ann", try_again()).await.unwrap();
        });
        let (run, stopped) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Completed, Stopped::Ended));
    }

    /// Somebody must answer, but the strategy asked to be woken as well.
    async fn a_run_that_waits_for_a_person_and_a_timer_is_not_put_down(store) {
        let script = Script::new(
            |view| match view.decision {
                1 => {
                    let mut decision = nothing();
                    decision.start = vec![route("a", "a")];
                    decision.wake = Wake::Timer(5_000);
                    decision
                }
                _ => end(),
            },
            |_| Work::Fail(ms(1), failure("escalate")),
        );
        let host = host(store.process("one"));
        let (run, stopped) = begin(&host, &flow(&["a"]), &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Completed, Stopped::Ended));
    }

    async fn a_paused_run_starts_nothing_until_it_goes_on(store) {
        let told = Arc::new(Semaphore::new(0));
        let waits = told.clone();
        let script = Script::sequence(move |_| Work::When(waits.clone(), json!({})));
        let flow = flow(&["a", "b"]);
        let host = host(store.process("one"));
        let paused = async {
            script.until_called(1).await;
            host.wish(&key(), "pause-1", "ann", Wish::Pause).await.unwrap();
            told.add_permits(2);
        };
        let (driven, ()) = tokio::join!(begin(&host, &flow, &script), paused);
        let (run, stopped) = driven.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Paused, Stopped::Waiting));
        assert_eq!(script.called(), ["a"]);
        let row = host.journal().run(&key()).await.unwrap();
        assert_eq!(&*row.status.text, "paused");

        // As often as somebody looks: it is nobody's crash.
        for _ in 0..5 {
            let (run, stopped) = resume(&host, &flow, &script).await.unwrap();
            assert_eq!((run.status(), stopped), (RunStatus::Paused, Stopped::Waiting));
        }
        host.wish(&key(), "unpause-1", "ann", Wish::Unpause).await.unwrap();
        let (run, _) = resume(&host, &flow, &script).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        assert_eq!(script.called(), ["a", "b"]);
        assert!(!kinds(&host).await.contains(&"call_reissued"));
    }

    async fn a_parked_run_goes_on_without_counting_an_execution(store) {
        let script = Script::sequence(|call| match call.step.as_str() {
            "a" => echo(call),
            _ => Work::Answer(ms(60_000), json!({"b": true})),
        });
        let flow = flow(&["a", "b"]);
        // As often as it likes: a call that is put down is no call that kills its host.
        for round in 0..6 {
            let host = host(store.process("one"));
            let stopper = host.stopper();
            let parked = async {
                script.until_called(2 + round).await;
                stopper.cancel();
            };
            let driven = async {
                match round {
                    0 => begin(&host, &flow, &script).await,
                    _ => resume(&host, &flow, &script).await,
                }
            };
            let (driven, ()) = tokio::join!(driven, parked);
            assert_eq!(driven.unwrap().1, Stopped::Parked);
            let row = host.journal().run(&key()).await.unwrap();
            assert_eq!(&*row.status.text, "parked");
            assert_eq!(host.gate().statistics().running, 0);
        }
        let host = host(store.process("two"));
        let (run, stopped) = resume(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Completed, Stopped::Ended));
        assert!(!kinds(&host).await.contains(&"call_reissued"));
        assert!(script.calls().iter().all(|seen| seen.id.execution == 1));
    }

    /// Parked is what the journal says last; a crash after the next owner began must still count.
    async fn a_crash_after_a_parked_run_was_taken_up_is_counted(store) {
        let script = Script::parallel(|_| Work::Forever);
        let flow = flow(&["a"]);
        {
            let host = host(store.process("one"));
            let stopper = host.stopper();
            let parked = async {
                script.until_called(1).await;
                stopper.cancel();
            };
            let (driven, ()) = tokio::join!(begin(&host, &flow, &script), parked);
            assert_eq!(driven.unwrap().1, Stopped::Parked);
        }
        for calls in 2..5 {
            let host = host(store.process("crashes"));
            tokio::select! {
                _ = resume(&host, &flow, &script) => panic!("it never ends"),
                () = script.until_called(calls) => {}
            }
        }
        let executions: Vec<u32> = script.calls().iter().map(|seen| seen.id.execution).collect();
        assert_eq!(executions, [1, 1, 2, 3]);
    }
}
