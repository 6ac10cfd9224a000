//! What goes along with the events of a commit.

use menagerie_journal::{
    Batch, CallKey, CallRecord, CommitError, Content, Digest, Error, LARGEST_IN_TABLE, Message,
    Pin, PinRow, RunKey, Timer,
};

use crate::backend::{Backend, content, create, event, events, new_run, on_both};

on_both!(
    a_refused_batch_leaves_nothing,
    what_no_store_could_take_is_refused,
    an_input_arrives_once_and_is_acknowledged_once,
    a_message_arrives_with_the_events_behind_it,
    timers_are_replaced_cleared_and_kept_in_due_order,
    the_call_log_holds_requests_and_answers_to_their_first_words,
    calls_are_written_outside_of_the_sequence,
    payloads_of_any_size_come_back_to_their_own_run,
    runs_share_the_bytes_that_they_are_pinned_to,
    a_run_may_come_to_stay_on_more_and_others_do_not,
);

async fn a_refused_batch_leaves_nothing(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let before = journal.load(&key, 1).await.unwrap();
    let payload = content(10);
    let batch = Batch {
        payloads: vec![payload.clone()],
        timers_set: vec![timer("soon", 10)],
        call_records: vec![intend(0, "request")],
        acks: vec!["never-sent".to_owned()],
        ..events(&["{}"])
    };
    let error = journal.commit(&claim, 1, batch).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::UnknownInput { input_id, .. } if input_id == "never-sent"),
        "{error}"
    );
    assert_eq!(journal.load(&key, 1).await.unwrap(), before);
    assert!(matches!(
        journal.payload(&key, payload.digest()).await,
        Err(Error::UnknownContent { .. })
    ));
    assert_eq!(journal.call(&key, call(0)).await.unwrap(), None);
    journal.commit(&claim, 1, events(&["{}"])).await.unwrap();
}

async fn what_no_store_could_take_is_refused(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let nameless = Batch {
        events: vec![menagerie_journal::NewEvent {
            event_type: "".into(),
            ..event("{}", 1)
        }],
        ..Batch::default()
    };
    let to_itself = Batch {
        messages: vec![message(&key, "me")],
        ..Batch::default()
    };
    let endless = Batch {
        timers_set: vec![timer(&"x".repeat(300), 1)],
        ..Batch::default()
    };
    let too_late = Batch {
        events: vec![event("{}", u64::MAX)],
        ..Batch::default()
    };
    for batch in [events(&["{"]), nameless, to_itself, endless, too_late] {
        let error = journal.commit(&claim, 1, batch.clone()).await.unwrap_err();
        assert!(
            matches!(error, CommitError::InvalidBatch { .. }),
            "{batch:?}: {error}"
        );
    }
    let error = journal
        .create(new_run(&RunKey::in_default("two\nlines")), events(&[]))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CommitError::Store(Error::Invalid(_))),
        "{error}"
    );
}

async fn an_input_arrives_once_and_is_acknowledged_once(backend: &dyn Backend) {
    let (owner, other) = (backend.open("one"), backend.open("two"));
    let key = RunKey::fresh();
    let claim = create(&*owner, &key).await;
    assert!(other.put_inbox(&key, "cancel", "{}", 1).await.unwrap());
    assert!(!other.put_inbox(&key, "cancel", "{}", 2).await.unwrap());
    let error = other.put_inbox(&key, "cancel", "[]", 3).await.unwrap_err();
    assert!(
        matches!(error, CommitError::OtherInboxText { .. }),
        "{error}"
    );
    other.put_inbox(&key, "answer", "1", 4).await.unwrap();
    let waiting = owner.take_inbox(&key, 0).await.unwrap();
    let ids: Vec<_> = waiting
        .iter()
        .map(|entry| (&*entry.input_id, &*entry.json, entry.at_ms))
        .collect();
    assert_eq!(ids, [("cancel", "{}", 1), ("answer", "1", 4)]);
    assert_eq!(
        owner.take_inbox(&key, waiting[0].position).await.unwrap(),
        waiting[1..]
    );
    let ack = |id: &str| Batch {
        acks: vec![id.to_owned()],
        ..events(&["{}"])
    };
    owner.commit(&claim, 1, ack("cancel")).await.unwrap();
    assert_eq!(owner.load(&key, 1).await.unwrap().inbox, waiting[1..]);
    let again = owner.commit(&claim, 2, ack("cancel")).await.unwrap_err();
    assert!(matches!(again, CommitError::UnknownInput { .. }), "{again}");
    // What was taken in stays known, so that a command sent twice is folded once.
    assert!(!other.put_inbox(&key, "cancel", "{}", 9).await.unwrap());
    assert_eq!(owner.take_inbox(&key, 0).await.unwrap(), waiting[1..]);
}

async fn a_message_arrives_with_the_events_behind_it(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (parent, child) = (RunKey::fresh(), RunKey::fresh());
    create(&*journal, &parent).await;
    let claim = create(&*journal, &child).await;
    let send = |to: &RunKey| Batch {
        messages: vec![message(to, "child-ended")],
        ..events(&["\"end\""])
    };
    let nowhere = RunKey::in_default("nowhere");
    let error = journal.commit(&claim, 1, send(&nowhere)).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::Store(Error::UnknownRun { run }) if *run == nowhere),
        "{error}"
    );
    assert_eq!(journal.run(&child).await.unwrap().next_seq, 1);
    journal.commit(&claim, 1, send(&parent)).await.unwrap();
    // Said again after a crash, it changes nothing.
    journal.commit(&claim, 2, send(&parent)).await.unwrap();
    let inbox = journal.take_inbox(&parent, 0).await.unwrap();
    assert_eq!(
        inbox
            .iter()
            .map(|entry| &*entry.input_id)
            .collect::<Vec<_>>(),
        ["child-ended"]
    );
}

async fn timers_are_replaced_cleared_and_kept_in_due_order(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let set = Batch {
        timers_set: vec![timer("late", 30), timer("early", 10), timer("gone", 20)],
        ..Batch::default()
    };
    journal.commit(&claim, 1, set).await.unwrap();
    let change = Batch {
        timers_set: vec![timer("early", 40)],
        timers_clear: vec!["gone".to_owned(), "never-set".to_owned()],
        ..Batch::default()
    };
    journal.commit(&claim, 1, change).await.unwrap();
    let timers = journal.load(&key, 1).await.unwrap().timers;
    assert_eq!(timers, [timer("late", 30), timer("early", 40)]);
}

async fn the_call_log_holds_requests_and_answers_to_their_first_words(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let write = async |record: CallRecord| journal.record_calls(&claim, vec![record]).await;
    let early = write(record(0, "request", content(5))).await.unwrap_err();
    assert!(matches!(early, CommitError::CallLog { .. }), "{early}");
    write(intend(0, "request")).await.unwrap();
    write(intend(0, "request")).await.unwrap();
    assert_eq!(
        journal.call(&key, call(0)).await.unwrap().unwrap().answer,
        None
    );
    let other = write(intend(0, "another request")).await.unwrap_err();
    assert!(
        matches!(other, CommitError::Nondeterministic { .. }),
        "{other}"
    );
    write(record(0, "request", content(5))).await.unwrap();
    write(record(0, "request", content(5))).await.unwrap();
    for late in [record(0, "request", content(6)), intend(0, "request")] {
        let late = write(late).await.unwrap_err();
        assert!(matches!(late, CommitError::CallLog { .. }), "{late}");
    }
    let large = content(LARGEST_IN_TABLE + 1);
    let both = vec![intend(1, "large"), record(1, "large", large.clone())];
    journal.record_calls(&claim, both).await.unwrap();
    let calls = journal.calls(&key, "parse", 1).await.unwrap();
    assert_eq!(
        calls.iter().map(|row| row.call.ordinal).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(calls[0].answer.as_ref().unwrap().content, content(5));
    assert_eq!(calls[1].answer.as_ref().unwrap().content, large);
    assert_eq!(journal.verify(&key).await.unwrap().contents, 2);
    assert!(journal.calls(&key, "parse", 2).await.unwrap().is_empty());
}

async fn calls_are_written_outside_of_the_sequence(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    journal
        .record_calls(&claim, vec![intend(0, "request")])
        .await
        .unwrap();
    let outcome = Batch {
        call_records: vec![record(0, "request", content(1))],
        ..events(&["{}"])
    };
    journal.commit(&claim, 1, outcome).await.unwrap();
    assert!(
        journal
            .call(&key, call(0))
            .await
            .unwrap()
            .unwrap()
            .answer
            .is_some()
    );
}

async fn payloads_of_any_size_come_back_to_their_own_run(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (key, other) = (RunKey::fresh(), RunKey::fresh());
    let claim = create(&*journal, &key).await;
    create(&*journal, &other).await;
    let payloads = [0, 1, LARGEST_IN_TABLE, LARGEST_IN_TABLE + 1].map(content);
    let batch = Batch {
        payloads: payloads.to_vec(),
        ..events(&["{}"])
    };
    journal.commit(&claim, 1, batch.clone()).await.unwrap();
    journal.commit(&claim, 2, batch).await.unwrap();
    for payload in &payloads {
        assert_eq!(
            &journal.payload(&key, payload.digest()).await.unwrap(),
            payload.bytes()
        );
        let elsewhere = journal.payload(&other, payload.digest()).await;
        assert!(
            matches!(elsewhere, Err(Error::UnknownContent { .. })),
            "{elsewhere:?}"
        );
    }
    assert_eq!(journal.verify(&key).await.unwrap().contents, 4);
}

async fn runs_share_the_bytes_that_they_are_pinned_to(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (small, large) = (content(100), content(LARGEST_IN_TABLE + 7));
    for key in [RunKey::in_default("a"), RunKey::in_default("b")] {
        let mut run = new_run(&key);
        run.pins = vec![pin("plugin:parse", &large), pin("flow", &small)];
        journal.create(run, events(&["{}"])).await.unwrap();
        let pins = journal.pins(&key).await.unwrap();
        let found: Vec<_> = pins
            .iter()
            .map(|pin| (&*pin.name, pin.digest, pin.size as usize))
            .collect();
        assert_eq!(
            found,
            [
                ("flow", small.digest(), small.bytes().len()),
                ("plugin:parse", large.digest(), large.bytes().len())
            ]
        );
        for pin in pins {
            let bytes = journal.blob(&key.namespace, pin.digest).await.unwrap();
            assert_eq!(Digest::of(&bytes), pin.digest);
        }
    }
    let elsewhere = journal.blob("another", small.digest()).await;
    assert!(
        matches!(elsewhere, Err(Error::UnknownContent { .. })),
        "{elsewhere:?}"
    );
    let mut twice = new_run(&RunKey::fresh());
    twice.pins = vec![pin("flow", &small), pin("flow", &large)];
    let twice = journal.create(twice, events(&[])).await.unwrap_err();
    assert!(matches!(twice, CommitError::InvalidBatch { .. }), "{twice}");
}

async fn a_run_may_come_to_stay_on_more_and_others_do_not(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (small, large) = (content(100), content(LARGEST_IN_TABLE + 7));
    let (first, second) = (RunKey::in_default("a"), RunKey::in_default("b"));
    for key in [&first, &second] {
        let mut run = new_run(key);
        run.pins = vec![pin("flow", &small)];
        journal.create(run, events(&["{}"])).await.unwrap();
    }
    let more = vec![pin("plugin:parse@2", &large)];
    // Twice is once, and nobody needs to own the run.
    for _ in 0..2 {
        journal.pin(&first, more.clone()).await.unwrap();
    }
    let names = |pins: Vec<PinRow>| pins.into_iter().map(|pin| pin.name).collect::<Vec<_>>();
    let found = names(journal.pins(&first).await.unwrap());
    assert_eq!(found, ["flow", "plugin:parse@2"]);
    assert_eq!(names(journal.pins(&second).await.unwrap()), ["flow"]);
    let blob = journal
        .blob(&first.namespace, large.digest())
        .await
        .unwrap();
    assert_eq!(&blob, large.bytes());
    assert_eq!(journal.verify(&first).await.unwrap().contents, 2);
    let other = journal
        .pin(&first, vec![pin("flow", &large)])
        .await
        .unwrap_err();
    assert!(
        other
            .to_string()
            .contains("other content pinned as \"flow\""),
        "{other}"
    );
    let nobody = RunKey::in_default("nobody");
    let unknown = journal.pin(&nobody, more).await.unwrap_err();
    assert!(
        matches!(unknown, CommitError::Store(Error::UnknownRun { .. })),
        "{unknown}"
    );
}

fn timer(id: &str, due_at_ms: u64) -> Timer {
    Timer {
        due_at_ms,
        id: id.to_owned(),
    }
}

fn message(to: &RunKey, input_id: &str) -> Message {
    Message {
        to: to.run.to_string(),
        input_id: input_id.to_owned(),
        json: "{}".to_owned(),
        at_ms: 3,
    }
}

fn pin(name: &str, content: &Content) -> Pin {
    Pin {
        name: name.to_owned(),
        content: content.clone(),
    }
}

fn call(ordinal: u32) -> CallKey {
    CallKey {
        step: "parse".to_owned(),
        attempt: 1,
        ordinal,
    }
}

fn intend(ordinal: u32, request: &str) -> CallRecord {
    CallRecord::Intend {
        call: call(ordinal),
        execution: 1,
        request: Digest::of(request.as_bytes()),
        effect: "idempotent".into(),
        at_ms: 2,
    }
}

fn record(ordinal: u32, request: &str, answer: Content) -> CallRecord {
    CallRecord::Record {
        call: call(ordinal),
        request: Digest::of(request.as_bytes()),
        answer,
        at_ms: 3,
    }
}
