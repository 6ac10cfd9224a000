//! A cancelled run: soon over, and nothing starts any more.

use std::sync::Arc;

use menagerie_executor::{Host, Stopped};
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::RunStatus;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::guests::*;
use crate::stores::on_both_stores;

fn cancel() -> Wish {
    Wish::Cancel {
        reason: "enough".to_owned(),
    }
}

/// Three of four agents work for ever; another one would follow.
async fn cancelled_from(wisher: &Host, host: &Host) {
    let flow = {
        let mut flow = flow(&["a", "b", "c", "d"]);
        flow.limits.max_concurrent = 3;
        flow
    };
    let script: Arc<Script> = Script::parallel(|_| Work::Forever);
    let wished = async {
        script.until_called(3).await;
        wisher
            .wish(&key(), "cancel-1", "ann", cancel())
            .await
            .unwrap();
        Instant::now()
    };
    let ended = async {
        let driven = begin(host, &flow, &script).await.unwrap();
        (driven, Instant::now())
    };
    let (wished, ((run, stopped), ended)) = tokio::join!(wished, ended);
    assert_eq!(
        (run.status(), stopped),
        (RunStatus::Cancelled, Stopped::Ended)
    );
    assert_eq!(run.ended().unwrap().reason, "cancelled by ann: enough");
    let took = ended - wished;
    assert!(took <= ms(100 + 2), "{took:?}");
    assert_eq!((script.called().len(), script.cancelled()), (3, 3));
    assert_eq!(host.gate().statistics().running, 0);
    let kinds = kinds(host).await;
    assert_eq!(kinds.last(), Some(&"run_ended"));
    assert!(
        host.journal()
            .take_inbox(&key(), 0)
            .await
            .unwrap()
            .is_empty()
    );
}

on_both_stores! {
    async fn a_wish_of_the_same_process_is_heard_at_once(store) {
        let host = host(store.process("one"));
        cancelled_from(&host, &host).await;
    }

    async fn a_wish_of_another_process_is_heard_within_the_interval(store) {
        let one = host(store.process("one"));
        let other = host(store.process("two"));
        cancelled_from(&other, &one).await;
    }

    async fn a_cancel_that_waits_in_the_inbox_starts_nothing_on_resume(store) {
        let script = Script::sequence(|_| Work::Forever);
        let flow = flow(&["a"]);
        {
            let host = host(store.process("crashes"));
            tokio::select! {
                _ = begin(&host, &flow, &script) => panic!("it never ends"),
                () = script.until_called(1) => {}
            }
        }
        let host = host(store.process("two"));
        host.wish(&key(), "cancel-1", "ann", cancel()).await.unwrap();
        let (run, _) = resume(&host, &flow, &script).await.unwrap();
        assert_eq!(run.status(), RunStatus::Cancelled);
        assert_eq!(script.called(), ["a"]);
    }

    /// A loop that is dropped leaves no guest running and no slot taken.
    async fn dropping_the_loop_cancels_its_calls(store) {
        let script = Script::parallel(|_| Work::Forever);
        let host = host(store.process("one"));
        let flow = flow(&["a", "b"]);
        tokio::select! {
            _ = begin(&host, &flow, &script) => panic!("it never ends"),
            () = script.until_called(2) => {}
        }
        while host.gate().statistics().running > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(script.cancelled(), 2);
    }

    async fn a_wish_that_cannot_be_followed_is_noted_and_taken_out(store) {
        let told = Arc::new(Semaphore::new(0));
        let waits = told.clone();
        let script = Script::parallel(move |_| Work::When(waits.clone(), json!({})));
        let flow = flow(&["a"]);
        let host = host(store.process("one"));
        let journal = host.journal().clone();
        let wished = async {
            script.until_called(1).await;
            journal.put_inbox(&key(), "nonsense", "{\"wish\":\"dance\"}", 1).await.unwrap();
            let answer = menagerie_orchestration::event::Answer::Skip;
            let wish = Wish::Answer { step: None, answer };
            host.wish(&key(), "answer-1", "ann", wish).await.unwrap();
            told.add_permits(1);
        };
        let (driven, ()) = tokio::join!(begin(&host, &flow, &script), wished);
        assert_eq!(driven.unwrap().0.status(), RunStatus::Completed);
        assert!(kinds(&host).await.contains(&"input_refused"));
        assert!(journal.take_inbox(&key(), 0).await.unwrap().is_empty());
    }
}
