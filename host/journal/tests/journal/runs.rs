//! Creating, appending, owning, listing.

use menagerie_journal::{
    Claimed, CommitError, Created, Digest, Error, Page, RunFilter, RunKey, Snapshot, Status, Timer,
    Wakes,
};

use crate::backend::{Backend, claim, content, create, events, new_run, on_both};

on_both!(
    a_created_run_loads_as_it_was_written,
    the_same_id_and_input_finds_the_run,
    the_same_id_with_another_input_is_refused,
    a_wrong_sequence_is_refused_and_changes_nothing,
    of_two_claimants_one_wins_and_the_other_hears_who,
    an_owner_from_before_is_refused_at_its_next_append,
    a_released_run_refuses_its_old_claim,
    a_store_opened_again_gives_the_same,
    a_snapshot_spares_the_events_before_it,
    a_snapshot_of_another_version_is_passed_over,
    pages_of_events_join_without_gap,
    listing_pages_through_the_newest_first,
    runs_of_another_namespace_are_other_runs,
    a_notice_follows_each_commit,
    runs_to_drive_are_those_that_are_free_and_awake_by_due_timer_and_mail_first,
    a_run_is_taken_over_from_the_owner_that_was_seen_and_from_no_other,
    a_process_gives_a_sign_of_life_whenever_it_asks_for_something_to_do,
    unknown_runs_are_named,
);

async fn a_created_run_loads_as_it_was_written(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let mut batch = events(&[r#"{"type":"second"}"#, r#"{ "spaces" : "stay" }"#]);
    batch.status = Some(Status::ended("completed"));
    let committed = journal.commit(&claim, 1, batch).await.unwrap();
    let loaded = journal.load(&key, 1).await.unwrap();
    let texts: Vec<_> = loaded
        .events
        .iter()
        .map(|event| (event.seq, &*event.json, event.at_ms))
        .collect();
    assert_eq!(
        texts,
        [
            (0, r#"{"type":"first"}"#, 7),
            (1, r#"{"type":"second"}"#, 7),
            (2, r#"{ "spaces" : "stay" }"#, 7)
        ]
    );
    assert_eq!(loaded.head_hash, committed.head_hash);
    assert_eq!((loaded.row.next_seq, committed.next_seq), (3, 3));
    assert_eq!(loaded.row.status, Status::ended("completed"));
    assert_eq!((loaded.row.created_at_ms, loaded.row.updated_at_ms), (5, 7));
    assert_eq!(loaded.row.labels, new_run(&key).labels);
    assert_eq!(loaded.row, journal.run(&key).await.unwrap());
    assert_eq!(journal.verify(&key).await.unwrap().events, 3);
}

async fn the_same_id_and_input_finds_the_run(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::in_default("my-key");
    create(&*journal, &key).await;
    let again = journal
        .create(new_run(&key), events(&["{}", "{}"]))
        .await
        .unwrap();
    let Created::Existing(row) = again else {
        panic!("{again:?} was created twice");
    };
    assert_eq!((row.key, row.next_seq), (key, 1));
}

async fn the_same_id_with_another_input_is_refused(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    create(&*journal, &key).await;
    let mut other = new_run(&key);
    other.input_digest = Digest::of(b"other");
    let error = journal.create(other, events(&["{}"])).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::OtherInput { run, .. } if *run == key),
        "{error}"
    );
}

async fn a_wrong_sequence_is_refused_and_changes_nothing(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let before = journal.load(&key, 1).await.unwrap();
    for wrong in [0, 2] {
        let error = journal
            .commit(&claim, wrong, events(&["{}"]))
            .await
            .unwrap_err();
        assert!(
            matches!(error, CommitError::Sequence { expected, found: 1, .. } if expected == wrong),
            "{error}"
        );
    }
    assert_eq!(journal.load(&key, 1).await.unwrap(), before);
    journal.commit(&claim, 1, events(&["{}"])).await.unwrap();
}

async fn of_two_claimants_one_wins_and_the_other_hears_who(backend: &dyn Backend) {
    let (one, two) = (backend.open("one"), backend.open("two"));
    let key = RunKey::fresh();
    let first = create(&*one, &key).await;
    one.release(first).await.unwrap();
    assert_eq!(one.owner(&key).await.unwrap(), None);
    let (a, b) = tokio::join!(one.claim(&key), two.claim(&key));
    let (winner, owner) = match (a.unwrap(), b.unwrap()) {
        (Claimed::Yours(_), Claimed::OwnedBy(owner)) => ("one", owner),
        (Claimed::OwnedBy(owner), Claimed::Yours(_)) => ("two", owner),
        other => panic!("not exactly one of them won: {other:?}"),
    };
    assert_eq!((&*owner.name, owner.pid), (winner, std::process::id()));
    assert_eq!(two.owner(&key).await.unwrap().unwrap().name, winner);
    // Not even the owner itself can have two claims.
    assert!(matches!(
        one.claim(&key).await.unwrap(),
        Claimed::OwnedBy(_)
    ));
}

async fn an_owner_from_before_is_refused_at_its_next_append(backend: &dyn Backend) {
    let (one, two) = (backend.open("one"), backend.open("two"));
    let key = RunKey::fresh();
    let old = create(&*one, &key).await;
    drop(one);
    let new = claim(&*two, &key).await;
    assert!(new.epoch() > old.epoch());
    let error = two.commit(&old, 1, events(&["{}"])).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::StaleEpoch { held, current, .. } if (*held, *current) == (old.epoch(), new.epoch())),
        "{error}"
    );
    assert!(matches!(
        two.record_calls(&old, Vec::new()).await,
        Err(CommitError::StaleEpoch { .. })
    ));
    two.commit(&new, 1, events(&["{}"])).await.unwrap();
}

async fn a_released_run_refuses_its_old_claim(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let old = create(&*journal, &key).await;
    journal.release(old.clone()).await.unwrap();
    let refused = journal.commit(&old, 1, events(&["{}"])).await;
    assert!(
        matches!(refused, Err(CommitError::StaleEpoch { .. })),
        "{refused:?}"
    );
    assert!(matches!(
        journal.release(old).await,
        Err(CommitError::StaleEpoch { .. })
    ));
    let new = claim(&*journal, &key).await;
    journal.commit(&new, 1, events(&["{}"])).await.unwrap();
}

async fn a_store_opened_again_gives_the_same(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let held = create(&*journal, &key).await;
    journal.commit(&held, 1, events(&["1", "2"])).await.unwrap();
    journal.put_inbox(&key, "cancel", "{}", 9).await.unwrap();
    let before = journal.load(&key, 1).await.unwrap();
    drop(journal);
    let journal = backend.open("two");
    assert_eq!(journal.load(&key, 1).await.unwrap(), before);
    let held = claim(&*journal, &key).await;
    assert_eq!(
        journal
            .commit(&held, 3, events(&["3"]))
            .await
            .unwrap()
            .next_seq,
        4
    );
    assert_eq!(journal.verify(&key).await.unwrap().events, 4);
}

async fn a_snapshot_spares_the_events_before_it(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    for (seq, size) in [(1, 10), (2, 20)] {
        let mut batch = events(&["{}"]);
        batch.snapshot = Some(Snapshot {
            state_version: 3,
            body: content(size),
        });
        journal.commit(&claim, seq, batch).await.unwrap();
    }
    journal
        .commit(&claim, 3, events(&["\"after\""]))
        .await
        .unwrap();
    let loaded = journal.load(&key, 3).await.unwrap();
    let snapshot = loaded.snapshot.unwrap();
    assert_eq!(
        (snapshot.next_seq, &snapshot.body),
        (3, content(20).bytes())
    );
    assert_eq!(
        loaded
            .events
            .iter()
            .map(|event| event.seq)
            .collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(loaded.row.next_seq, 4);
}

async fn a_snapshot_of_another_version_is_passed_over(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    let mut batch = events(&["{}"]);
    batch.snapshot = Some(Snapshot {
        state_version: 3,
        body: content(10),
    });
    journal.commit(&claim, 1, batch).await.unwrap();
    let loaded = journal.load(&key, 4).await.unwrap();
    assert_eq!((loaded.snapshot, loaded.events.len()), (None, 2));
}

async fn pages_of_events_join_without_gap(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    journal
        .commit(&claim, 1, events(&["1", "2", "3", "4", "5", "6"]))
        .await
        .unwrap();
    let mut paged = Vec::new();
    loop {
        let page = journal.events(&key, paged.len() as u64, 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        paged.extend(page);
    }
    assert_eq!(paged, journal.load(&key, 1).await.unwrap().events);
    assert!(journal.events(&key, 100, 3).await.unwrap().is_empty());
}

async fn listing_pages_through_the_newest_first(backend: &dyn Backend) {
    let journal = backend.open("one");
    let keys: Vec<RunKey> = (0..5).map(|_| RunKey::fresh()).collect();
    for (index, key) in keys.iter().enumerate() {
        let mut run = new_run(key);
        run.parent = (index == 3).then(|| keys[0].run.to_string());
        run.session = (index < 2).then(|| "morning".to_owned());
        run.status = if index == 4 {
            Status::ended("failed")
        } else {
            Status::unfinished("waiting")
        };
        journal.create(run, events(&["{}"])).await.unwrap();
    }
    let mut found = Vec::new();
    let mut page = Page {
        after: None,
        limit: 2,
    };
    loop {
        let listed = journal.runs(RunFilter::default(), page).await.unwrap();
        assert!(listed.rows.len() <= 2);
        found.extend(listed.rows.into_iter().map(|row| row.key));
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let newest_first: Vec<_> = keys.iter().rev().cloned().collect();
    assert_eq!(found, newest_first);
    let count = async |filter: RunFilter| {
        journal
            .runs(filter, Page::default())
            .await
            .unwrap()
            .rows
            .len()
    };
    let filters = [
        (
            RunFilter {
                session: Some("morning".to_owned()),
                ..RunFilter::default()
            },
            2,
        ),
        (
            RunFilter {
                ended: Some(false),
                ..RunFilter::default()
            },
            4,
        ),
        (
            RunFilter {
                status: Some("failed".to_owned()),
                ..RunFilter::default()
            },
            1,
        ),
        (
            RunFilter {
                parent: Some(keys[0].run.to_string()),
                ..RunFilter::default()
            },
            1,
        ),
        (
            RunFilter {
                topmost: true,
                flow: Some("review".to_owned()),
                ..RunFilter::default()
            },
            4,
        ),
        (
            RunFilter {
                flow: Some("another".to_owned()),
                ..RunFilter::default()
            },
            0,
        ),
        (
            RunFilter {
                namespace: Some("nobody's".to_owned()),
                ..RunFilter::default()
            },
            0,
        ),
    ];
    for (filter, expected) in filters {
        assert_eq!(count(filter.clone()).await, expected, "{filter:?}");
    }
}

async fn runs_of_another_namespace_are_other_runs(backend: &dyn Backend) {
    let journal = backend.open("one");
    let (ours, theirs) = (
        RunKey::new("ours", "same-id"),
        RunKey::new("theirs", "same-id"),
    );
    let claim = create(&*journal, &ours).await;
    assert!(matches!(
        journal.load(&theirs, 1).await,
        Err(Error::UnknownRun { .. })
    ));
    create(&*journal, &theirs).await;
    journal.commit(&claim, 1, events(&["{}"])).await.unwrap();
    assert_eq!(journal.run(&ours).await.unwrap().next_seq, 2);
    assert_eq!(journal.run(&theirs).await.unwrap().next_seq, 1);
    // The chain begins with the run's name, so that events cannot be moved over.
    let first = async |key| journal.events(key, 0, 1).await.unwrap()[0].hash;
    assert_ne!(first(&ours).await, first(&theirs).await);
}

async fn a_notice_follows_each_commit(backend: &dyn Backend) {
    let journal = backend.open("one");
    let mut notices = journal.subscribe();
    let key = RunKey::fresh();
    let claim = create(&*journal, &key).await;
    journal
        .commit(&claim, 5, events(&["{}"]))
        .await
        .unwrap_err();
    journal
        .commit(&claim, 1, events(&["1", "2"]))
        .await
        .unwrap();
    let told: Vec<_> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
    assert_eq!(
        told.iter()
            .map(|notice| notice.next_seq)
            .collect::<Vec<_>>(),
        [1, 3]
    );
    assert!(told.iter().all(|notice| notice.run == key));
}

async fn runs_to_drive_are_those_that_are_free_and_awake_by_due_timer_and_mail_first(
    backend: &dyn Backend,
) {
    let (one, two) = (backend.open("one"), backend.open("two"));
    let keys =
        ["plain", "rests", "mail", "late", "early", "owned", "later"].map(RunKey::in_default);
    for key in &keys {
        let held = create(&*one, key).await;
        let timer = |due_at_ms| Timer {
            due_at_ms,
            id: "t".to_owned(),
        };
        let mut batch = events(&["{}"]);
        match &*key.run {
            "rests" | "mail" => {
                batch.status = Some(Status::unfinished("waiting").resting(Wakes::WithMail));
            }
            "late" => batch.timers_set = vec![timer(90)],
            "early" => {
                batch.timers_set = vec![timer(50)];
                batch.status = Some(Status::unfinished("running").resting(Wakes::At(50)));
            }
            "later" => batch.status = Some(Status::unfinished("running").resting(Wakes::At(200))),
            _ => {}
        }
        one.commit(&held, 1, batch).await.unwrap();
        if &*key.run != "owned" {
            one.release(held).await.unwrap();
        }
    }
    two.put_inbox(&keys[2], "wish", "{}", 1).await.unwrap();
    let found = two.runnable(100, 10).await.unwrap();
    let names: Vec<&str> = found.runs.iter().map(|key| &*key.run).collect();
    assert_eq!(names, ["early", "late", "mail", "plain"]);
    assert_eq!(found.next_ms, Some(200));
    assert_eq!(two.runnable(100, 2).await.unwrap().runs, found.runs[..2]);
    drop(one);
    assert!(
        two.runnable(100, 10).await.unwrap().runs.contains(&keys[5]),
        "its owner is gone"
    );
}

async fn a_run_is_taken_over_from_the_owner_that_was_seen_and_from_no_other(backend: &dyn Backend) {
    let (one, two) = (backend.open("one"), backend.open("two"));
    let key = RunKey::fresh();
    let old = create(&*one, &key).await;
    let seen = two.owner(&key).await.unwrap().unwrap();
    assert_eq!((seen.epoch, seen.own), (old.epoch(), false));
    let Claimed::Yours(new) = two.take_over(&key, seen.epoch).await.unwrap() else {
        panic!("the owner that was seen still had it");
    };
    let refused = one.commit(&old, 1, events(&["{}"])).await;
    assert!(
        matches!(refused, Err(CommitError::StaleEpoch { .. })),
        "{refused:?}"
    );
    // A third one that saw the first owner does not take it from the second.
    let late = backend
        .open("three")
        .take_over(&key, seen.epoch)
        .await
        .unwrap();
    assert!(matches!(late, Claimed::OwnedBy(owner) if owner.name == "two"));
    two.commit(&new, 1, events(&["{}"])).await.unwrap();
}

async fn unknown_runs_are_named(backend: &dyn Backend) {
    let journal = backend.open("one");
    let key = RunKey::in_default("nowhere");
    for error in [
        journal.load(&key, 1).await.unwrap_err(),
        journal.claim(&key).await.unwrap_err(),
        journal.events(&key, 0, 1).await.unwrap_err(),
        journal.owner(&key).await.unwrap_err(),
        journal.pins(&key).await.unwrap_err(),
        journal.verify(&key).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::UnknownRun { run } if *run == key),
            "{error}"
        );
    }
}

async fn a_process_gives_a_sign_of_life_whenever_it_asks_for_something_to_do(
    backend: &dyn Backend,
) {
    let (one, two) = (backend.open("one"), backend.open("two"));
    let beat = async || {
        let pulses = two.pulses().await.unwrap();
        let pulse = pulses.into_iter().find(|pulse| pulse.owner.name == "one");
        pulse.expect("the other one lives")
    };
    let key = RunKey::fresh();
    let none = beat().await;
    let claimed = create(&*one, &key).await;
    let first = beat().await;
    assert!(
        first.beat > none.beat,
        "whoever has a new run is not silent"
    );
    assert_eq!(beat().await, first, "looking at it is no sign of its life");
    one.mail().await.unwrap();
    let second = beat().await;
    assert!(second.beat > first.beat);
    one.runnable(0, 1).await.unwrap();
    let third = beat().await;
    assert!(third.beat > second.beat);
    let owned = two.owned_by(&third.process).await.unwrap();
    assert_eq!(owned, [(key.clone(), claimed.epoch())]);
    one.release(claimed).await.unwrap();
    assert!(two.owned_by(&third.process).await.unwrap().is_empty());
    claim(&*one, &key).await;
    assert!(beat().await.beat > third.beat);
    let own = one.pulses().await.unwrap();
    assert!(own.iter().all(|pulse| pulse.owner.name != "one"));
    drop(one);
    let left = two.pulses().await.unwrap();
    assert!(left.iter().all(|pulse| pulse.owner.name != "one"));
}
