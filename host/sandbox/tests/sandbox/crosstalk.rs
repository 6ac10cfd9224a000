//! Many guests on one engine: what one does changes nothing for the others.

use std::sync::Arc;
use std::time::Duration;

use menagerie_sandbox::{CallSpec, Ended, Engine, EngineConfig, Limits, Plugin, Request};

use tokio::sync::{Barrier, watch};

use crate::support::{ENGINE, call_named, output, plugin, spec, task};

/// A guest with work to do: more for a longer input.
fn working(plugin: &Arc<Plugin>, length: usize) -> CallSpec {
    let input = format!("\"{}\"", "x".repeat(length));
    CallSpec {
        request: Request::Process(task(&input)),
        ..spec(plugin.clone())
    }
}

/// Fuel without end.
fn endless() -> Limits {
    Limits {
        fuel: u64::MAX >> 1,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn works() {
    let report = call_named("works").await;
    assert_eq!(output(&report), "{\"answer\":42}");
}

/// 63 guests are at work, over and over, when `neighbour` comes and when it ends by itself.
async fn sixty_three_see_nothing_of(neighbour: CallSpec) -> Ended {
    let worker = plugin("works");
    let mut alone = Vec::new();
    for length in 0..63 {
        alone.push(ENGINE.call(working(&worker, length)).await);
    }
    let at_work = Arc::new(Barrier::new(64));
    let (tell, has_ended) = watch::channel(false);
    let together = alone.into_iter().enumerate().map(|(length, alone)| {
        let (worker, at_work, has_ended) = (worker.clone(), at_work.clone(), has_ended.clone());
        tokio::spawn(async move {
            at_work.wait().await;
            loop {
                let together = ENGINE.call(working(&worker, length)).await;
                assert_eq!(output(&together), output(&alone), "{length}");
                assert_eq!(together.usage.fuel, alone.usage.fuel, "{length}");
                assert!(together.usage.fuel > 0);
                if *has_ended.borrow() {
                    break;
                }
            }
        })
    });
    let together: Vec<_> = together.collect();
    at_work.wait().await;
    let report = ENGINE.call(neighbour).await;
    tell.send_replace(true);
    for together in together {
        together.await.expect("all 63 answer as if alone");
    }
    report.ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_three_guests_answer_as_if_alone_while_one_spins_until_its_time_is_up() {
    let timeout = Duration::from_millis(300);
    let spinning = CallSpec {
        limits: endless(),
        timeout,
        ..spec(plugin("loop_in_process"))
    };
    let ended = sixty_three_see_nothing_of(spinning).await;
    assert_eq!(ended, Ended::Deadline { limit: timeout });

    let busy = Duration::from_millis(5);
    let spinning = CallSpec {
        limits: Limits { busy, ..endless() },
        ..spec(plugin("loop_in_process"))
    };
    let ended = sixty_three_see_nothing_of(spinning).await;
    assert_eq!(ended, Ended::Busy { limit: busy });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_three_guests_answer_as_if_alone_while_one_takes_all_that_it_may() {
    for (guest, code) in [
        ("loop_in_process", "fuel"),
        ("memory_bomb", "memory"),
        ("deep_recursion", "stack"),
        ("handle_flood", "handles"),
        ("traps", "trap"),
    ] {
        let ended = sixty_three_see_nothing_of(spec(plugin(guest))).await;
        assert_eq!(ended.code(), code, "{guest}: {ended}");
    }
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
    let limits = endless();
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
