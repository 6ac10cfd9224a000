//! Nothing leaves before the events behind it are durable.

use std::sync::{Arc, Mutex};

use menagerie_executor::{Assembled, ExecutorError, Host, Nobody, Watcher};
use menagerie_journal::{CommitError, Error};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::{Event, Recorded};
use menagerie_orchestration::run::{Run, RunStatus};

use crate::components::{CATALOGUE, assembled, host_over};
use crate::guests::*;
use crate::journals::{Moment, Reluctant};
use crate::stores::{Store, on_both_stores};

/// Notes what a watcher hears between the commits.
struct Listener(Arc<Mutex<Vec<Moment>>>);

impl Watcher for Listener {
    fn committed(&self, run: &Run, _: &[Recorded]) {
        self.0.lock().unwrap().push(Moment::Heard(run.next_seq()));
    }

    fn entered(&self, call: &Call) {
        self.0
            .lock()
            .unwrap()
            .push(Moment::Called(call.step.clone()));
    }
}

/// Where the first such event stands in its run.
fn place_of(events: &[Recorded], fits: impl Fn(&Event) -> bool) -> u64 {
    let place = events.iter().position(|recorded| fits(&recorded.event));
    place.unwrap() as u64
}

/// Requires that something happened, and not before that event was durable.
#[track_caller]
fn assert_durable_before(moments: &[Moment], happened: impl Fn(&Moment) -> bool, event: u64) {
    let durable = |moment: &Moment| matches!(moment, Moment::Durable(events) if *events > event);
    let (happened, durable) = (
        moments.iter().position(happened),
        moments.iter().position(durable),
    );
    let in_order = happened
        .zip(durable)
        .is_some_and(|(happened, durable)| durable < happened);
    assert!(
        in_order,
        "event {event} was to be durable first: {moments:?}"
    );
}

/// A host over that journal, one who listens to it, and what both note.
fn listened(journal: Reluctant) -> (Host, Arc<Listener>, Arc<Mutex<Vec<Moment>>>) {
    let moments = journal.moments.clone();
    let listener = Arc::new(Listener(moments.clone()));
    (host(Arc::new(journal)), listener, moments)
}

on_both_stores! {
    async fn no_call_starts_and_no_watcher_hears_before_the_commit_has_answered(store) {
        let (host, listener, moments) = listened(Reluctant::new(store.process("one")).delaying(ms(500)));
        let script = Script::sequence(echo);
        let (run, _) = begin_watched(&host, &flow(&["a", "b"]), &script, listener).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        let called = |step: &str| Moment::Called(step.to_owned());
        use Moment::{CommitBegan, Durable, Heard};
        let expected = [
            CommitBegan, Durable(2), Heard(2), called("decision-1"),
            CommitBegan, Durable(3), Heard(3), called("a"),
            CommitBegan, Durable(4), Heard(4), called("b"),
            CommitBegan, Durable(6), Heard(6), called("decision-2"),
            CommitBegan, Durable(8), Heard(8),
        ];
        assert_eq!(*moments.lock().unwrap(), expected);
    }

    async fn a_strategy_that_only_computes_is_one_commit_with_its_question_and_is_heard_of_after_it(store) {
        let (host, listener, moments) = listened(Reluctant::new(store.process("one")).delaying(ms(500)));
        let script = Script::sequence(echo).computing(true);
        let (run, _) = begin_watched(&host, &flow(&["a", "b"]), &script, listener).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        let called = |step: &str| Moment::Called(step.to_owned());
        use Moment::{CommitBegan, Durable, Heard};
        let expected = [
            CommitBegan, Durable(2), Heard(2), called("decision-1"),
            CommitBegan, Durable(3), Heard(3), called("a"),
            CommitBegan, Durable(4), Heard(4), called("b"),
            CommitBegan, Durable(8), Heard(8), called("decision-2"), Heard(8),
        ];
        assert_eq!(*moments.lock().unwrap(), expected);
    }

    /// A checkpoint stands for what lies before the decision, and is durable as such.
    async fn behind_a_checkpoint_a_strategy_is_asked_by_the_book(store) {
        let (host, listener, moments) = listened(Reluctant::new(store.process("one")));
        let script = Script::sequence(echo).computing(true);
        let mut flow = flow(&["a"]);
        flow.limits.checkpoints.after.insert("a".to_owned());
        begin_watched(&host, &flow, &script, listener).await.unwrap();
        let moments = moments.lock().unwrap().clone();
        let asked = moments.iter().position(|moment| *moment == Moment::Called("decision-2".to_owned()));
        let before = &moments[..asked.unwrap()];
        assert!(matches!(before, [.., Moment::Durable(_), Moment::Heard(_)]), "{before:?}");
        let [.., Moment::Durable(durable), Moment::Heard(_)] = before else { unreachable!() };
        let checkpoints = host.journal().checkpoints(&key()).await.unwrap();
        assert_eq!(checkpoints[0].next_seq, *durable);
    }

    /// Whatever has ended the host may have been the strategy: its questions are there to be counted.
    async fn after_a_hosts_end_a_strategy_is_asked_by_the_book(store) {
        let flow = flow(&["a"]);
        let script = Script::sequence(|call| match call.id.execution {
            1 => Work::Forever,
            _ => echo(call),
        })
        .computing(true);
        {
            let host = host(store.process("dies"));
            tokio::select! {
                _ = begin(&host, &flow, &script) => panic!("it never ends"),
                () = script.until_called(1) => {}
            }
        }
        let (host, listener, moments) = listened(Reluctant::new(store.process("goes on")));
        host.resume_with(Arc::new(flow), script, &key(), listener).await.unwrap();
        let called = |step: &str| Moment::Called(step.to_owned());
        use Moment::{CommitBegan, Durable, Heard};
        let expected = [
            CommitBegan, Durable(4), Heard(4), called("a"),
            CommitBegan, Durable(6), Heard(6), called("decision-2"),
            CommitBegan, Durable(8), Heard(8),
        ];
        assert_eq!(*moments.lock().unwrap(), expected);
    }

    /// Calls that are made beside each other have tasks of their own, and need no loop to begin.
    async fn no_call_of_several_starts_before_the_commit_has_answered(store) {
        let (host, listener, moments) = listened(Reluctant::new(store.process("one")).delaying(ms(500)));
        let script = Script::parallel(echo);
        begin_watched(&host, &flow(&["a", "b"]), &script, listener).await.unwrap();
        let events = events(&host).await;
        let asked = place_of(&events, |event| matches!(event, Event::Decided { .. }));
        let moments = moments.lock().unwrap();
        for step in ["a", "b"] {
            let called = |moment: &Moment| *moment == Moment::Called(step.to_owned());
            assert_durable_before(&moments, called, asked);
        }
    }

    async fn after_a_refused_commit_nothing_leaves_and_a_resume_finishes(store) {
        let flow = flow(&["a", "b"]);
        let undisturbed = {
            let script = Script::sequence(echo);
            begin(&host(crate::stores::Store::memory().process("one")), &flow, &script).await.unwrap().0
        };
        // The run's first events come with its creation; of its other commits each is refused once.
        for refused in 1..=4 {
            let key = menagerie_journal::RunKey::in_default(format!("run-{refused}"));
            let journal = Arc::new(Reluctant::new(store.process("one")).refusing(refused));
            let moments = journal.moments.clone();
            let host = host(journal);
            let script = Script::sequence(echo);
            let shared = Arc::new(flow.clone());
            let listener = Arc::new(Listener(moments.clone()));
            let began = host.begin_with(shared.clone(), script.clone(), begin_of(key.clone()), listener.clone());
            match began.await {
                Err(ExecutorError::Commit(CommitError::Store(Error::Full { .. }))) => {}
                Err(other) => panic!("{other}"),
                Ok(_) => panic!("commit {refused} was refused"),
            }
            assert_eq!(moments.lock().unwrap().last(), Some(&Moment::Refused));
            assert_eq!(host.gate().statistics().running, 0);
            let (run, _) = host.resume_with(shared, script, &key, listener).await.unwrap();
            assert_eq!(run.result(), undisturbed.result());
            host.journal().verify(&key).await.unwrap();
        }
    }
}

/// A real guest that sets one value which the steps share, and waits for what comes of it.
fn setting_a_value() -> Assembled {
    let flow = r#"
name = "sharing"
[agents.one]
plugin = "sharer"
config = { claims = "it" }
grants.shared = { write = ["it"] }
[strategy]
plugin = "echo-strategy"
"#;
    assembled(flow).unwrap()
}

fn sets(event: &Event) -> bool {
    matches!(event, Event::SharedSet { .. })
}

/// What a guest is told goes into its call log at once, which is where it is seen here.
#[tokio::test(flavor = "multi_thread")]
async fn no_guest_is_told_what_came_of_its_question_before_the_commit_has_answered() {
    let journal = Reluctant::new(Store::memory().process("one")).delaying(ms(100));
    let moments = journal.moments.clone();
    let host = host_over(Arc::new(journal));
    let assembled = setting_a_value();
    let began = host.begin(&CATALOGUE, &assembled, begin_of(key()), Arc::new(Nobody));
    began.await.unwrap();
    let set = place_of(&events(&host).await, sets);
    let moments = moments.lock().unwrap();
    assert_durable_before(&moments, |moment| *moment == Moment::Answered, set);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_refused_commit_no_guest_is_told_what_it_asked_for_and_a_resume_asks_again() {
    let assembled = setting_a_value();
    let mut set_was_refused = false;
    for refused in 1.. {
        let journal = Reluctant::new(Store::memory().process("one")).refusing(refused);
        let moments = journal.moments.clone();
        let host = host_over(Arc::new(journal));
        let began = host.begin(&CATALOGUE, &assembled, begin_of(key()), Arc::new(Nobody));
        match began.await {
            Err(ExecutorError::Commit(CommitError::Store(Error::Full { .. }))) => {}
            Err(other) => panic!("{other}"),
            // It has no more commits than that.
            Ok(_) => break,
        }
        // The loop has waited for the guest's end: nothing comes any more.
        assert_eq!(moments.lock().unwrap().last(), Some(&Moment::Refused));
        let durable = events(&host).await;
        let told = moments.lock().unwrap().contains(&Moment::Answered);
        assert_eq!(
            told,
            durable.iter().any(|made| sets(&made.event)),
            "commit {refused}"
        );
        let decided = |made: &Recorded| matches!(made.event, Event::Decided { .. });
        set_was_refused |= !told && durable.iter().any(decided);
        let (run, _) = host
            .resume(&CATALOGUE, &key(), Arc::new(Nobody))
            .await
            .unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        assert_eq!(run.shared("it").map(|found| found.version), Some(1));
        let made = events(&host).await;
        assert_eq!(made.iter().filter(|made| sets(&made.event)).count(), 1);
    }
    assert!(set_was_refused, "the guest's question was never under way");
}
