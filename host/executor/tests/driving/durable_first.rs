//! Nothing leaves before the events behind it are durable.

use std::sync::{Arc, Mutex};

use menagerie_executor::{ExecutorError, Watcher};
use menagerie_journal::{CommitError, Error};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::run::{Run, RunStatus};

use crate::guests::*;
use crate::journals::{Moment, Reluctant};
use crate::stores::on_both_stores;

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

on_both_stores! {
    async fn no_call_starts_and_no_watcher_hears_before_the_commit_has_answered(store) {
        let journal = Arc::new(Reluctant::new(store.process("one")).delaying(ms(500)));
        let moments = journal.moments.clone();
        let host = host(journal);
        let script = Script::sequence(echo);
        let listener = Arc::new(Listener(moments.clone()));
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
        let journal = Arc::new(Reluctant::new(store.process("one")).delaying(ms(500)));
        let moments = journal.moments.clone();
        let host = host(journal);
        let script = Script::sequence(echo).computing(true);
        let listener = Arc::new(Listener(moments.clone()));
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
        let journal = Arc::new(Reluctant::new(store.process("one")));
        let moments = journal.moments.clone();
        let host = host(journal);
        let script = Script::sequence(echo).computing(true);
        let listener = Arc::new(Listener(moments.clone()));
        let mut flow = flow(&["a"]);
        flow.limits.checkpoints.after.insert("a".to_owned());
        begin_watched(&host, &flow, &script, listener).await.unwrap();
        let moments = moments.lock().unwrap();
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
        let journal = Arc::new(Reluctant::new(store.process("goes on")));
        let moments = journal.moments.clone();
        let listener = Arc::new(Listener(moments.clone()));
        let host = host(journal);
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
