//! Decisions of driven runs, told again out of their journals.

use menagerie_executor::{Stopped, replay_decisions};
use menagerie_orchestration::event::Answer;
use menagerie_orchestration::flow::{Flow, OnFailure};
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::Run;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::guests::{
    Script, Work, begin, echo, events, failure, flow, host, key, ms, nothing, route,
};
use crate::stores::on_both_stores;

async fn told(host: &menagerie_executor::Host, flow: &Flow) -> Run {
    let told = replay_decisions(&**host.journal(), &key(), flow.clone().into()).await;
    told.unwrap().unwrap()
}

on_both_stores! {
    async fn a_run_is_told_again_while_its_owner_drives_it(store) {
        let flow = flow(&["a", "b"]);
        let permits = std::sync::Arc::new(Semaphore::new(0));
        let held = permits.clone();
        let script = Script::sequence(move |call| match call.step.as_str() {
            "b" => Work::When(held.clone(), json!({"b": 1})),
            _ => echo(call),
        });
        let owner = host(store.process("owner"));
        let reader = host(store.process("reader"));
        let look = async {
            script.until_called(2).await;
            let before = events(&reader).await.len();
            let run = told(&reader, &flow).await;
            assert_eq!(run.status().word(), "running");
            assert_eq!(events(&reader).await.len(), before, "nothing is written");
            permits.add_permits(1);
        };
        let (driven, ()) = tokio::join!(begin(&owner, &flow, &script), look);
        let (run, stopped) = driven.unwrap();
        assert_eq!(stopped, Stopped::Ended);
        assert_eq!(told(&reader, &flow).await, run);
    }

    async fn back_offs_timers_and_answers_are_told_again(store) {
        let mut flow = flow(&["a", "b"]);
        flow.agents[1].on_failure = OnFailure::Escalate;
        let script = Script::new(
            |view| match view.decision {
                1 => menagerie_orchestration::decision::Decision {
                    start: vec![route("a", "a"), route("b", "b")],
                    ..nothing()
                },
                _ => crate::guests::end(),
            },
            |call| match (call.step.as_str(), call.id.attempt) {
                ("a", 1 | 2) => Work::Fail(ms(5), failure("transient")),
                ("b", 1) => Work::Fail(ms(3), failure("permanent")),
                _ => echo(call),
            },
        );
        let host = host(store.process("one"));
        let (waiting, stopped) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!(stopped, Stopped::Waiting);
        assert_eq!(told(&host, &flow).await, waiting);
        let hints = [("k".to_owned(), json!(1).into())].into();
        let answer = Wish::Answer { step: None, answer: Answer::Retry { hints } };
        host.wish(&key(), "answer-1", "ann", answer).await.unwrap();
        let watcher = std::sync::Arc::new(menagerie_executor::Nobody);
        let key = key();
        let resumed = host.resume_with(flow.clone().into(), script, &key, watcher);
        let (run, _) = resumed.await.unwrap();
        assert_eq!(run.status().word(), "completed");
        assert_eq!(told(&host, &flow).await, run);
    }
}
