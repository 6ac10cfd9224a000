//! One run, one owner; one key, one input.

use std::sync::Arc;

use menagerie_executor::{Began, BeginRun, ExecutorError, Nobody, Stopped, TakeFrom};
use menagerie_journal::CommitError;
use menagerie_orchestration::document::Document;
use serde_json::json;

use crate::guests::*;
use crate::stores::{Store, on_both_stores};

on_both_stores! {
    async fn a_second_owner_is_told_of_the_first(store) {
        let script = Script::parallel(|_| Work::Forever);
        let flow = flow(&["a"]);
        let (one, two) = (host(store.process("one")), host(store.process("two")));
        let stopper = one.stopper();
        let second = async {
            script.until_called(1).await;
            let refused = resume(&two, &flow, &script).await;
            stopper.cancel();
            refused
        };
        let (first, second) = tokio::join!(begin(&one, &flow, &script), second);
        first.unwrap();
        match second {
            Err(ExecutorError::Owned { run, owner }) => {
                assert_eq!((run, owner.name.as_str()), (key(), "one"));
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("two own one run"),
        }
        assert_eq!(script.called(), ["a"]);
    }

    async fn of_two_that_resume_at_once_one_wins(store) {
        // The winner does not come to its end before the loser has asked.
        let script = Script::sequence(|call| match call.step.as_str() {
            "b" => Work::Forever,
            _ => echo(call),
        });
        let flow = flow(&["a", "b"]);
        {
            let crashes = host(store.process("crashes"));
            tokio::select! {
                _ = begin(&crashes, &flow, &script) => panic!("it is not that fast"),
                () = script.until_called(1) => {}
            }
        }
        let (one, two) = (host(store.process("one")), host(store.process("two")));
        let resumed = [&one, &two].map(|host| Box::pin(resume(host, &flow, &script)));
        let (lost, _, mut others) = futures_util::future::select_all(resumed).await;
        match lost {
            Err(ExecutorError::Owned { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it waits for ever"),
        }
        let winner = others.remove(0);
        let parked = async {
            script.until_called(3).await;
            one.stopper().cancel();
            two.stopper().cancel();
        };
        let (won, ()) = tokio::join!(winner, parked);
        assert_eq!(won.unwrap().1, Stopped::Parked);
        // Once before the crash, once by the winner.
        assert_eq!(script.called(), ["a", "a", "b"]);
    }

    async fn the_same_key_and_input_is_the_same_run_and_another_input_is_refused(store) {
        let script = Script::parallel(echo);
        let flow = Arc::new(flow(&["a"]));
        let host = host(store.process("one"));
        let (first, _) = begin(&host, &flow, &script).await.unwrap();
        let again = host.begin_with(flow.clone(), script.clone(), begin_of(key()), Arc::new(Nobody));
        let Began::Existing(row) = again.await.unwrap() else {
            panic!("the run is there already");
        };
        assert_eq!((row.key, row.next_seq), (key(), first.next_seq()));
        let other = BeginRun {
            input: Document::from(json!({"question": 2})),
            ..begin_of(key())
        };
        match host.begin_with(flow, script.clone(), other, Arc::new(Nobody)).await {
            Err(ExecutorError::Commit(CommitError::OtherInput { run, .. })) => assert_eq!(run, key()),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("two inputs under one key"),
        }
        assert_eq!(script.called(), ["a"]);
    }

    async fn an_unknown_run_is_an_error(store) {
        let host = host(store.process("one"));
        let resumed = resume(&host, &flow(&["a"]), &Script::parallel(echo)).await;
        let error = resumed.unwrap_err();
        assert_eq!(error.to_string(), "there is no run run-1");
    }
}

/// In memory alone, where the time of those who wait for a disk does not run away.
#[tokio::test(start_paused = true)]
async fn a_run_that_has_changed_hands_since_it_was_seen_is_left_to_whoever_has_it() {
    let store = Store::memory();
    let script = Script::parallel(|_| Work::Forever);
    let flow = Arc::new(flow(&["a"]));
    let (one, two) = (host(store.process("one")), host(store.process("two")));
    let mut owner = Box::pin(begin(&one, &flow, &script));
    tokio::select! {
        _ = &mut owner => panic!("it never ends"),
        () = script.until_called(1) => {}
    }
    let epoch = two.journal().owner(&key()).await.unwrap().unwrap().epoch;
    let take = |seen: u64| {
        let (flow, script) = (flow.clone(), script.clone());
        let watcher = Arc::new(Nobody);
        let two = two.clone();
        async move {
            let from = TakeFrom::Epoch(seen);
            two.resume_with_from(flow, script, &key(), watcher, from)
                .await
        }
    };
    match take(epoch - 1).await {
        Err(ExecutorError::Owned { owner, .. }) => assert_eq!(owner.name, "one"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken from somebody who was not seen"),
    }
    let mut taken = Box::pin(take(epoch));
    tokio::select! {
        _ = &mut taken => panic!("it never ends"),
        () = script.until_called(2) => {}
    }
    let owner = one.journal().owner(&key()).await.unwrap().unwrap();
    assert_eq!((owner.name.as_str(), owner.epoch), ("two", epoch + 1));
}
