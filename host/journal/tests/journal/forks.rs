//! Runs that begin with another one's events, and the places that they begin at.

use menagerie_journal::{
    Batch, CallKey, CallRecord, Checkpoint, CommitError, Created, Digest, Error, Fork, Journal,
    NewRun, Pin, RunKey, Status,
};

use crate::backend::{Backend, claim, content, create, events, new_run, on_both};

on_both!(
    a_fork_has_the_other_runs_first_events_and_goes_on_by_itself,
    a_fork_takes_over_what_its_events_refer_to_and_no_more,
    a_fork_is_found_again_under_its_id,
    what_is_not_there_cannot_be_forked,
    a_damaged_run_is_not_forked_behind_its_damage,
    checkpoints_come_back_in_their_order,
    a_checkpoint_is_compared_with_the_event_that_tells_of_it,
);

fn taking(from: &RunKey, events: u64) -> Fork {
    Fork {
        from: from.run.to_string(),
        events,
        payloads: Vec::new(),
        attempts: Vec::new(),
    }
}

/// A run of three events, with a payload at the second, a call of each of two attempts, a
/// checkpoint behind the second event, and a pin.
async fn original(journal: &dyn Journal, key: &RunKey) -> (Digest, Digest) {
    let (early, late) = (content(3), content(4));
    let run = NewRun {
        pins: vec![Pin {
            name: "flow".to_owned(),
            content: content(20),
        }],
        ..new_run(key)
    };
    let intend = |attempt| CallRecord::Intend {
        call: call(attempt),
        execution: 1,
        request: Digest::of(b"request"),
        effect: "idempotent".into(),
        at_ms: 3,
    };
    let created = journal.create(run, events(&["1"])).await.unwrap();
    let Created::New(claim, _) = created else {
        panic!("it is new");
    };
    let batch = Batch {
        payloads: vec![early.clone()],
        checkpoints: vec![checkpoint("c1", 2)],
        call_records: vec![intend(1)],
        ..events(&[&telling("c1")])
    };
    journal.commit(&claim, 1, batch).await.unwrap();
    let batch = Batch {
        payloads: vec![late.clone()],
        checkpoints: vec![checkpoint("c2", 3)],
        call_records: vec![intend(2)],
        status: Some(Status::ended("completed")),
        ..events(&[&telling("c2")])
    };
    journal.commit(&claim, 2, batch).await.unwrap();
    journal.release(claim).await.unwrap();
    (early.digest(), late.digest())
}

fn call(attempt: u32) -> CallKey {
    CallKey {
        step: "step-1".to_owned(),
        attempt,
        ordinal: 0,
    }
}

/// The event of a checkpoint.
fn telling(id: &str) -> String {
    format!("{{\"id\": \"{id}\", \"label\": \"label of {id}\"}}")
}

fn checkpoint(id: &str, next_seq: u64) -> Checkpoint {
    Checkpoint {
        id: id.to_owned(),
        label: format!("label of {id}"),
        automatic: false,
        next_seq,
        at_ms: 7,
    }
}

async fn a_fork_has_the_other_runs_first_events_and_goes_on_by_itself(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (from, to) = (RunKey::in_default("from"), RunKey::in_default("to"));
    original(&*journal, &from).await;
    let created = journal
        .fork(new_run(&to), taking(&from, 2), events(&["\"forked\""]))
        .await
        .unwrap();
    let Created::New(claim, committed) = created else {
        panic!("it is new");
    };
    assert_eq!(committed.next_seq, 3);
    journal.commit(&claim, 3, events(&["4"])).await.unwrap();
    let texts = |events: Vec<menagerie_journal::StoredEvent>| -> Vec<String> {
        events.into_iter().map(|event| event.json).collect()
    };
    let all = journal.events(&to, 0, 10).await.unwrap();
    assert_eq!(texts(all), ["1", &*telling("c1"), "\"forked\"", "4"]);
    assert_eq!(
        texts(journal.events(&from, 0, 10).await.unwrap()),
        ["1", &*telling("c1"), &*telling("c2")]
    );
    let row = journal.run(&to).await.unwrap();
    let forked_from = row.forked_from.unwrap();
    assert_eq!((&*forked_from.run, forked_from.events), ("from", 2));
    assert_eq!(journal.run(&from).await.unwrap().forked_from, None);
    assert_eq!(journal.verify(&to).await.unwrap().events, 4);
    let report = journal.verify_all().await.unwrap();
    assert_eq!((report.forks, report.checkpoints), (1, 3));
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
}

async fn a_fork_takes_over_what_its_events_refer_to_and_no_more(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (from, to) = (RunKey::in_default("from"), RunKey::in_default("to"));
    let (early, late) = original(&*journal, &from).await;
    let fork = Fork {
        payloads: vec![early],
        attempts: vec![("step-1".to_owned(), 1)],
        ..taking(&from, 2)
    };
    journal
        .fork(new_run(&to), fork, events(&["0"]))
        .await
        .unwrap();
    assert_eq!(journal.payload(&to, early).await.unwrap().len(), 3);
    assert!(matches!(
        journal.payload(&to, late).await,
        Err(Error::UnknownContent { .. })
    ));
    assert!(journal.call(&to, call(1)).await.unwrap().is_some());
    assert!(journal.call(&to, call(2)).await.unwrap().is_none());
    assert_eq!(
        journal.pins(&to).await.unwrap(),
        journal.pins(&from).await.unwrap()
    );
    assert_eq!(
        journal.checkpoints(&to).await.unwrap(),
        [checkpoint("c1", 2)]
    );
}

async fn a_fork_is_found_again_under_its_id(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (from, to) = (RunKey::in_default("from"), RunKey::in_default("to"));
    original(&*journal, &from).await;
    let fork = || journal.fork(new_run(&to), taking(&from, 1), events(&["0"]));
    assert!(matches!(fork().await.unwrap(), Created::New(..)));
    assert!(matches!(fork().await.unwrap(), Created::Existing(_)));
    let other = NewRun {
        input_digest: Digest::of(b"another point"),
        ..new_run(&to)
    };
    let refused = journal
        .fork(other, taking(&from, 2), events(&["0"]))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, CommitError::OtherInput { .. }),
        "{refused}"
    );
}

async fn what_is_not_there_cannot_be_forked(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (from, to) = (RunKey::in_default("from"), RunKey::in_default("to"));
    original(&*journal, &from).await;
    let unknown = Fork {
        payloads: vec![Digest::of(b"never seen")],
        ..taking(&from, 1)
    };
    for fork in [
        taking(&from, 4),
        taking(&from, 0),
        taking(&to, 1),
        taking(&RunKey::in_default("nobody"), 1),
        unknown,
    ] {
        let refused = journal
            .fork(new_run(&to), fork.clone(), events(&["0"]))
            .await;
        assert!(refused.is_err(), "{fork:?}");
        assert!(journal.run(&to).await.is_err(), "{fork:?} left something");
    }
    journal
        .fork(new_run(&to), taking(&from, 3), events(&["0"]))
        .await
        .unwrap();
}

async fn a_damaged_run_is_not_forked_behind_its_damage(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (from, to) = (RunKey::in_default("from"), RunKey::in_default("to"));
    original(&*journal, &from).await;
    backend.damage(&from, 1);
    let refused = journal
        .fork(new_run(&to), taking(&from, 2), events(&["0"]))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, CommitError::Store(Error::Damaged { seq: 1, .. })),
        "{refused}"
    );
    journal
        .fork(new_run(&to), taking(&from, 1), events(&["0"]))
        .await
        .unwrap();
}

async fn checkpoints_come_back_in_their_order(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    original(&*journal, &key).await;
    let claim = claim(&*journal, &key).await;
    let batch = Batch {
        checkpoints: vec![checkpoint("a-third", 4)],
        ..events(&[&telling("a-third")])
    };
    journal.commit(&claim, 3, batch).await.unwrap();
    journal.verify(&key).await.unwrap();
    let found = journal.checkpoints(&key).await.unwrap();
    assert_eq!(
        found,
        [
            checkpoint("c1", 2),
            checkpoint("c2", 3),
            checkpoint("a-third", 4)
        ]
    );
}

async fn a_checkpoint_is_compared_with_the_event_that_tells_of_it(backend: &dyn Backend) {
    let journal = backend.open("one");
    let right = checkpoint("c1", 2);
    let wrong = [
        Checkpoint {
            id: "c2".to_owned(),
            ..right.clone()
        },
        Checkpoint {
            label: "another".to_owned(),
            ..right.clone()
        },
        Checkpoint {
            at_ms: 8,
            ..right.clone()
        },
        // Before its event, and behind the end.
        Checkpoint {
            next_seq: 1,
            ..right.clone()
        },
        Checkpoint {
            next_seq: 0,
            ..right.clone()
        },
        Checkpoint {
            next_seq: 4,
            id: "late".to_owned(),
            ..right.clone()
        },
    ];
    for (number, noted) in std::iter::once(right).chain(wrong).enumerate() {
        let key = RunKey::fresh();
        let claim = create(&*journal, &key).await;
        let batch = Batch {
            checkpoints: vec![noted.clone()],
            ..events(&[&telling("c1"), "3"])
        };
        journal.commit(&claim, 1, batch).await.unwrap();
        let found = journal.verify(&key).await;
        if number == 0 {
            assert_eq!(found.unwrap().events, 3);
            continue;
        }
        let error = found.expect_err(&format!("{noted:?}"));
        let told = error.to_string();
        assert!(
            matches!(&error, Error::Damaged { run, .. } if *run == key)
                && told.contains(&format!("checkpoint {}", noted.id)),
            "{noted:?}: {told}"
        );
    }
    let report = journal.verify_all().await.unwrap();
    assert_eq!((report.runs, report.checkpoints), (7, 7));
    assert_eq!(report.damaged.len(), 6, "{:?}", report.damaged);
}
