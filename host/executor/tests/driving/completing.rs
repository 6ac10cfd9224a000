//! Runs that end well, and how much of them goes on at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use menagerie_executor::{Began, GateConfig, Nobody, Stopped};
use menagerie_journal::RunKey;
use menagerie_orchestration::event::Event;
use menagerie_orchestration::run::RunStatus;
use serde_json::json;

use crate::guests::*;
use crate::stores::on_both_stores;

on_both_stores! {
    async fn a_run_completes_and_its_journal_tells_it(store) {
        let host = host(store.process("one"));
        let script = Script::sequence(echo);
        let (run, stopped) = begin(&host, &flow(&["a", "b"]), &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Completed, Stopped::Ended));
        // `b` has seen what `a` added to the input.
        let (given, then) = (json!({"question": 1}), json!({"a": 14, "question": 1}));
        let expected = json!({"a": given.to_string().len(), "b": then.to_string().len(), "question": 1});
        assert_eq!(run.result().value(), &expected);
        assert_eq!(script.called(), ["a", "b"]);
        let told = [
            "run_started", "decision_requested", "decided", "step_ended", "step_ended",
            "decision_requested", "decided", "run_ended",
        ];
        assert_eq!(kinds(&host).await, told);
        let row = host.journal().run(&key()).await.unwrap();
        assert!(row.status.ended && row.status.text == "completed", "{row:?}");
        assert_eq!(host.journal().owner(&key()).await.unwrap(), None);
        host.journal().verify(&key()).await.unwrap();
    }

    async fn parallel_steps_overlap_up_to_the_flows_width(store) {
        let host = host(store.process("one"));
        let mut flow = flow(&["a", "b", "c", "d", "e", "f"]);
        flow.limits.max_concurrent = 4;
        let script = Script::parallel(echo);
        let (run, _) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        assert_eq!(script.most_at_once(), 4);
        assert_eq!(script.called().len(), 6);
    }

    async fn the_gate_bounds_what_the_flow_does_not(store) {
        let host = host_with(store.process("one"), GateConfig { slots: 2, queue: 3 });
        let script = Script::parallel(echo);
        let (run, _) = begin(&host, &flow(&["a", "b", "c", "d", "e"]), &script).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        assert_eq!(script.most_at_once(), 2);
        let statistics = host.gate().statistics();
        assert_eq!((statistics.running, statistics.queued, statistics.admitted), (0, 0, 7));
    }

    async fn an_agent_runs_no_more_often_at_once_than_its_load_allows(store) {
        let host = host(store.process("one"));
        let mut flow = flow(&["a"]);
        flow.agents[0].max_load = 2;
        let decides = |view: &_| match view {
            menagerie_orchestration::view::View { decision: 1, .. } => {
                let mut decision = nothing();
                decision.start = (0..5).map(|n| route(&format!("a{n}"), "a")).collect();
                decision
            }
            _ => end(),
        };
        let script = Script::new(decides, echo);
        let (run, _) = begin(&host, &flow, &script).await.unwrap();
        assert_eq!(run.status(), RunStatus::Completed);
        assert_eq!((script.called().len(), script.most_of_one_agent()), (5, 2));
    }

    async fn sixty_four_runs_share_one_host(store) {
        let host = host_with(store.process("one"), GateConfig { slots: 8, queue: 16 });
        let script = Script::sequence(echo);
        let flow = Arc::new(flow(&["a", "b", "c"]));
        let runs = (0..64).map(|n| {
            let begin = begin_of(RunKey::in_default(format!("run-{n}")));
            host.begin_with(flow.clone(), script.clone(), begin, Arc::new(Nobody))
        });
        let mut results = BTreeSet::new();
        for began in join_all(runs).await {
            let Began::Driven(run, Stopped::Ended) = began.unwrap() else {
                panic!("every run is new, and ends");
            };
            assert_eq!(run.status(), RunStatus::Completed);
            results.insert(run.result().to_text());
        }
        assert_eq!(results.len(), 1, "the same input gives the same result");
        assert_eq!(script.called().len(), 64 * 3);
        assert!((2..=8).contains(&script.most_at_once()), "{}", script.most_at_once());
        let statistics = host.gate().statistics();
        assert_eq!((statistics.running, statistics.admitted), (0, 64 * 5));
        assert!(host.journal().verify_all().await.unwrap().damaged.is_empty());
    }

    async fn what_a_call_took_is_in_its_event(store) {
        let host = host_with(store.process("one"), GateConfig { slots: 1, queue: 9 });
        let script = Script::parallel(echo);
        begin(&host, &flow(&["a", "b"]), &script).await.unwrap();
        let mut waits = Vec::new();
        for recorded in events(&host).await {
            if let Event::StepEnded { call, .. } = recorded.event {
                assert!(call.ready <= call.queued && call.queued <= call.admitted);
                assert!(call.admitted <= call.started && call.started < call.finished);
                assert!(call.finished <= recorded.at);
                assert!(call.plugin.starts_with("digest of agent:"));
                waits.push(call.slot_wait_us);
            }
        }
        assert!(waits[0] == 0 && waits[1] >= 10_000, "{waits:?}");
    }
}
