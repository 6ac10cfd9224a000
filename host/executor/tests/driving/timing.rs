//! Retries, timeouts and wake-ups, each at its time.

use std::time::Duration;

use menagerie_executor::Stopped;
use menagerie_orchestration::decision::Wake;
use menagerie_orchestration::event::Event;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::retry;
use menagerie_orchestration::run::{RunStatus, SNAPSHOT_VERSION};
use serde_json::json;
use tokio::time::Instant;

use crate::guests::*;
use crate::stores::on_both_stores;

on_both_stores! {
    async fn retries_wait_as_long_as_the_formula_says(store) {
        let host = host(store.process("one"));
        let flow = flow(&["a"]);
        let script = Script::parallel(|call| match call.id.attempt {
            4 => Work::Answer(ms(5), json!({"done": true})),
            _ => Work::Fail(ms(5), failure("transient")),
        });
        let (run, _) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), run.retries()), (RunStatus::Completed, 3));
        let calls = script.calls();
        assert_eq!(calls.len(), 4);
        for (pair, number) in calls.windows(2).zip(1_u32..) {
            let formula = retry::delay(&flow.agents[0].retry, number, run.seed(), "step-1-a");
            let waited = pair[1].at - pair[0].at;
            // Timers of tokio have steps of a millisecond.
            let expected = formula + ms(5)..=formula + ms(5 + 3);
            assert!(expected.contains(&waited), "retry {number}: {waited:?} for {formula:?}");
        }
    }

    async fn a_guest_that_asks_for_more_time_gets_it(store) {
        let host = host(store.process("one"));
        let script = Script::parallel(|call| match call.id.attempt {
            1 => {
                let retry_after_ms = Some(20_000);
                Work::Fail(ms(0), menagerie_orchestration::failure::Failure { retry_after_ms, ..failure("transient") })
            }
            _ => echo(call),
        });
        begin(&host, &flow(&["a"]), &script).await.unwrap();
        let calls = script.calls();
        assert!(calls[1].at - calls[0].at >= ms(20_000));
    }

    async fn the_runs_time_ends_it_and_its_calls(store) {
        let host = host(store.process("one"));
        let mut flow = flow(&["a", "b"]);
        flow.limits.total_timeout = Duration::from_secs(10);
        let script = Script::parallel(|_| Work::Forever);
        let began = Instant::now();
        let (run, stopped) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Failed, Stopped::Ended));
        assert_eq!(run.ended().unwrap().error.as_ref().unwrap().code, "total_timeout");
        let took = began.elapsed();
        assert!((ms(10_000)..ms(10_200)).contains(&took), "{took:?}");
        assert_eq!(script.cancelled(), 2);
        assert_eq!(host.gate().statistics().running, 0);
    }

    async fn a_decision_is_woken_by_its_timer(store) {
        let host = host(store.process("one"));
        let script = Script::new(
            |view| match view.decision {
                1 => {
                    let mut decision = nothing();
                    decision.start = vec![route("a", "a")];
                    decision.wake = Wake::Timer(3_000);
                    decision
                }
                _ => end(),
            },
            |_| Work::Forever,
        );
        let (run, _) = begin(&host, &flow(&["a"]), &script).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        let woken = events(&host).await.into_iter().find_map(|recorded| match recorded.event {
            Event::DecisionRequested { decision: 2, .. } => Some(recorded.at.0),
            _ => None,
        });
        let after = woken.unwrap() - DAWN.0;
        assert!((3_000..3_200).contains(&after), "{after}");
    }

    /// A panic of the host's own is a failure that may pass; nothing waits for ever.
    async fn a_call_that_panics_is_made_again(store) {
        let host = host(store.process("one"));
        let script = Script::parallel(|call| match call.id.attempt {
            1 => Work::Panic,
            _ => echo(call),
        });
        let (run, _) = begin(&host, &flow(&["a"]), &script).await.unwrap();
        assert_eq!((run.status(), run.retries()), (RunStatus::Completed, 1));
        assert_eq!(host.gate().statistics().running, 0);
    }

    async fn the_journal_knows_the_timers_that_are_outstanding(store) {
        let journal = store.process("one");
        let host = host(journal.clone());
        let script = Script::parallel(|call| match call.id.attempt {
            1 => Work::Fail(ms(0), failure("transient")),
            _ => Work::Forever,
        });
        let outstanding = async || {
            let timers = journal.load(&key(), SNAPSHOT_VERSION).await.unwrap().timers;
            timers.into_iter().map(|timer| timer.id).collect::<Vec<_>>()
        };
        let mut notices = journal.subscribe();
        let looked = async {
            // Three commits: the start, the decision, the failed attempt.
            for _ in 0..3 {
                notices.recv().await.unwrap();
            }
            let backing_off = outstanding().await;
            script.until_called(2).await;
            let again = outstanding().await;
            let reason = "seen enough".to_owned();
            host.wish(&key(), "cancel-1", "ann", Wish::Cancel { reason }).await.unwrap();
            (backing_off, again)
        };
        let flow = flow(&["a"]);
        let (driven, (backing_off, again)) = tokio::join!(begin(&host, &flow, &script), looked);
        driven.unwrap();
        // A reader on a real disk may look when the back-off is over already.
        assert!(backing_off.contains(&"total".to_owned()), "{backing_off:?}");
        assert_eq!(again, ["total"]);
        assert!(outstanding().await.is_empty());
    }
}
