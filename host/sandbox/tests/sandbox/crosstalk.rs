//! Many guests on one engine: what one does changes nothing for the others.

use std::sync::Arc;
use std::time::Duration;

use menagerie_sandbox::{
    CallReport, CallSpec, Ended, Engine, EngineConfig, Limits, Plugin, Request,
};

use crate::support::{ENGINE, call_named, output, plugin, spec, task};

/// A guest with work to do: more for a longer input.
fn working(plugin: &Arc<Plugin>, length: usize) -> CallSpec {
    let input = format!("\"{}\"", "x".repeat(length));
    CallSpec {
        request: Request::Process(task(&input)),
        ..spec(plugin.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn works() {
    let report = call_named("works").await;
    assert_eq!(output(&report), "{\"answer\":42}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_three_guests_answer_as_if_alone_while_one_spins_and_is_stopped() {
    let worker = plugin("works");
    let mut alone: Vec<CallReport> = Vec::new();
    for length in 0..63 {
        alone.push(ENGINE.call(working(&worker, length)).await);
    }

    let limits = Limits {
        fuel: u64::MAX >> 1,
        ..Limits::default()
    };
    let spinning = CallSpec {
        limits,
        ..spec(plugin("loop_in_process"))
    };
    let cancel = spinning.cancel.clone();
    let spinner = tokio::spawn(ENGINE.call(spinning));
    let together: Vec<_> = (0..63)
        .map(|length| tokio::spawn(ENGINE.call(working(&worker, length))))
        .collect();

    for (alone, together) in alone.iter().zip(together) {
        let together = together.await.unwrap();
        assert_eq!(output(&together), output(alone));
        assert_eq!(together.usage.fuel, alone.usage.fuel);
        assert!(together.usage.fuel > 0);
    }
    assert!(
        !spinner.is_finished(),
        "the spinning guest was to outlast the others"
    );
    cancel.cancel();
    assert_eq!(spinner.await.unwrap().ended, Ended::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_there_are_places_wait_their_turn() {
    let config = EngineConfig {
        concurrent_calls: 2,
        ..EngineConfig::default()
    };
    let engine = Engine::new(&config).unwrap();
    let catalogue = menagerie_sandbox::Catalogue::new(engine.clone(), None);
    let grants = menagerie_sandbox::Grants::none();
    let worker = catalogue
        .load(&crate::support::component("works"), &grants)
        .unwrap();
    let spinner = catalogue
        .load(&crate::support::component("loop_in_process"), &grants)
        .unwrap();

    let spawn = |spec: CallSpec| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.call(spec).await })
    };
    let calls: Vec<_> = (0..20)
        .map(|length| spawn(working(&worker, length)))
        .collect();
    for running in calls {
        assert_eq!(output(&running.await.unwrap()), "{\"answer\":42}");
    }

    // With both places taken, a third call still ends by its own clock.
    let limits = Limits {
        fuel: u64::MAX >> 1,
        ..Limits::default()
    };
    let first = CallSpec {
        limits: limits.clone(),
        ..spec(spinner.clone())
    };
    let second = CallSpec {
        limits,
        ..spec(spinner)
    };
    let cancels = [first.cancel.clone(), second.cancel.clone()];
    let spinning = [spawn(first), spawn(second)];
    while engine.free_places() > 0 {
        tokio::task::yield_now().await;
    }
    let timeout = Duration::from_millis(20);
    let report = engine
        .call(CallSpec {
            timeout,
            ..working(&worker, 1)
        })
        .await;
    assert_eq!(
        (report.ended, report.usage.fuel),
        (Ended::Deadline { limit: timeout }, 0)
    );
    for cancel in cancels {
        cancel.cancel();
    }
    for spinning in spinning {
        assert_eq!(spinning.await.unwrap().ended, Ended::Cancelled);
    }
}
