//! Long runs: their snapshots and their history.

use std::sync::Arc;

use menagerie_executor::{Host, Stopped};
use menagerie_orchestration::run::{Run, RunStatus, SNAPSHOT_VERSION};

use crate::guests::*;
use crate::stores::on_both_stores;

const STEPS: u32 = 450;

/// One step a decision, some hundreds of them.
fn long() -> Arc<Script> {
    Script::new(
        |view| match view.decision {
            decision if decision > STEPS => end(),
            decision => {
                let mut one = nothing();
                one.start = vec![route(&format!("s{decision}"), "a")];
                one
            }
        },
        echo,
    )
}

/// The run as all of its events make it.
async fn folded(host: &Host, flow: &menagerie_orchestration::flow::Flow) -> Run {
    let mut run = Run::new(Arc::new(flow.clone()));
    for recorded in events(host).await {
        run.apply(&recorded);
    }
    run
}

on_both_stores! {
    async fn a_run_resumed_from_its_snapshot_is_the_run_of_all_its_events(store) {
        let script = long();
        let flow = flow(&["a"]);
        {
            let host = host(store.process("one"));
            let stopper = host.stopper();
            let parked = async {
                // Three events a step: well beyond the first snapshot.
                script.until_called(400).await;
                stopper.cancel();
            };
            let (driven, ()) = tokio::join!(begin(&host, &flow, &script), parked);
            let (parked, stopped) = driven.unwrap();
            assert_eq!(stopped, Stopped::Parked);
            assert_eq!(parked, folded(&host, &flow).await);
        }
        let host = host(store.process("two"));
        let loaded = host.journal().load(&key(), SNAPSHOT_VERSION).await.unwrap();
        let snapshot = loaded.snapshot.unwrap();
        assert!(snapshot.next_seq >= 1_024 && loaded.row.next_seq > snapshot.next_seq);
        assert_eq!(loaded.events.len() as u64, loaded.row.next_seq - snapshot.next_seq);
        let (run, stopped) = resume(&host, &flow, &script).await.unwrap();
        assert_eq!((run.status(), stopped), (RunStatus::Completed, Stopped::Ended));
        assert_eq!(run, folded(&host, &flow).await);
        assert_eq!(script.decisions(), STEPS + 1);
        assert_eq!(ended_steps(&events(&host).await).len(), STEPS as usize);
    }
}
