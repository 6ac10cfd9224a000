//! What guests draw, as a server sees it; and a guest that has a chance of its own, caught by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use menagerie_executor::{Host, HostParts, Nobody, Stopped, SystemClock};
use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Event, StepResult};
use menagerie_orchestration::run::{Run, RunStatus};
use serde_json::{Value, json};

use crate::components::{CATALOGUE, host};
use crate::guests::{begin_of, key};
use crate::outside::Outside;
use crate::replayed_calls::{copied, fetching, told};
use crate::stores::Store;

/// Requests to these paths, each with what the guest drew.
fn drawing(server: &Outside, paths: &[&str]) -> Value {
    let request = |path: &&str| json!({"url": server.url(path), "by_chance": true});
    json!(paths.iter().map(request).collect::<Vec<_>>())
}

/// Begins a run and drives it until it stops.
async fn driven(host: &Host, server: &Outside, agents: &[&str], input: Value) -> Run {
    driven_as(key(), host, server, agents, input).await
}

async fn driven_as(
    key: RunKey,
    host: &Host,
    server: &Outside,
    agents: &[&str],
    input: Value,
) -> Run {
    let mut begin = begin_of(key);
    begin.input = Document::from(input);
    let assembled = fetching(server, agents);
    let began = host.begin(&CATALOGUE, &assembled, begin, Arc::new(Nobody));
    match began.await.unwrap() {
        menagerie_executor::Began::Driven(run, Stopped::Ended) => *run,
        _ => panic!("the run ends"),
    }
}

fn paths(server: &Outside) -> Vec<String> {
    server.seen().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_attempt_and_run_draws_otherwise() {
    let server = Outside::start();
    let host = host(&Store::memory(), "one");
    let input = |fails: bool| json!({"requests": drawing(&server, &["/thing"]), "fails": fails});
    let run = driven(&host, &server, &["one", "two"], input(false)).await;
    assert_eq!(run.status(), RunStatus::Completed, "{:?}", run.ended());
    let other = RunKey::in_default("run-2");
    let run = driven_as(other, &host, &server, &["one"], input(true)).await;
    assert_eq!(run.status(), RunStatus::Failed, "{:?}", run.ended());
    // Two steps of the first run, and two attempts of the second one's only step.
    let seen = paths(&server);
    assert_eq!(seen.len(), 4, "{seen:?}");
    let unlike: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unlike.len(), 4, "{seen:?}");
}

/// A run whose host died while its second request went unanswered; its first one is recorded.
async fn cut_off(server: &Outside) -> Arc<dyn Journal> {
    let store = Store::memory();
    let host = host(&store, "dies");
    let input = json!({"requests": drawing(server, &["/thing", "/slow"])});
    tokio::select! {
        _ = driven(&host, server, &["fetch"], input) => panic!("nobody answers"),
        () = async {
            while server.seen().len() < 2 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    store.process("looks")
}

/// Sees to it that chance is another from now on.
fn another_seed(event: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    if event["type"] == "run_started" {
        let seed = &mut event["seed"];
        *seed = match seed.as_u64() {
            Some(number) => json!(number ^ 1),
            None => json!((seed.as_str().unwrap().parse::<u64>().unwrap() ^ 1).to_string()),
        };
    }
    event.to_string()
}

async fn resumed(journal: Arc<dyn Journal>) -> (Run, Host) {
    let host = Host::new(HostParts {
        journal,
        clock: Arc::new(SystemClock::default()),
        gate: Default::default(),
        inbox_interval: std::time::Duration::from_millis(100),
    });
    let resumed = host.resume(&CATALOGUE, &key(), Arc::new(Nobody)).await;
    let (run, stopped) = resumed.unwrap();
    assert_eq!(stopped, Stopped::Ended);
    (run, host)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_makes_a_call_again_draws_the_same() {
    let server = Outside::start();
    let journal = cut_off(&server).await;
    server.release();
    let (run, _) = resumed(copied(&*journal, str::to_owned, |_| ()).await).await;
    assert_eq!(run.status(), RunStatus::Completed, "{:?}", run.ended());
    // The second one was repeated, word for word, and the first one was answered out of the log.
    let seen = paths(&server);
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!(seen[1], seen[2]);
    assert_ne!(seen[0][seen[0].len() - 8..], seen[1][seen[1].len() - 8..]);
}

/// No guest that a store's own seed governs can be nondeterministic. This one draws from another, so that
/// it asks for something else the next time: it, not its record, is what was changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_with_a_chance_of_its_own_is_caught_by_name_when_it_is_resumed() {
    let server = Outside::start();
    let journal = cut_off(&server).await;
    server.release();
    let (run, host) = resumed(copied(&*journal, another_seed, |_| ()).await).await;
    assert_eq!(run.status(), RunStatus::Failed);
    assert_eq!(
        server.seen().len(),
        2,
        "nothing leaves that was not recorded"
    );
    let events = host.events(&key(), 0, usize::MAX).await.unwrap();
    let failures: Vec<_> = events
        .into_iter()
        .filter_map(|(_, recorded)| match recorded.event {
            Event::StepEnded {
                result: StepResult::Failed(failure),
                ..
            } => Some(failure),
            _ => None,
        })
        .collect();
    assert_eq!(failures.len(), 1, "it is not tried again: {failures:?}");
    assert_eq!(failures[0].code, "nondeterministic");
    assert!(failures[0].message.contains("fetcher"), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_with_a_chance_of_its_own_is_caught_by_name_in_a_replay() {
    let server = Outside::start();
    let store = Store::memory();
    let host = host(&store, "one");
    let input = json!({"requests": drawing(&server, &["/thing", "/other"])});
    let run = driven(&host, &server, &["fetch"], input).await;
    assert_eq!(run.status(), RunStatus::Completed);
    let told = told(&copied(&**host.journal(), another_seed, |_| ()).await).await;
    assert_eq!(server.seen().len(), 2, "a replay asks nobody");
    let difference = told.difference.unwrap();
    assert_eq!(
        (difference.step.as_str(), difference.pointer.as_str()),
        ("fetch", "/call")
    );
    let note = difference.note.unwrap();
    assert!(note.contains("host call 0 is another request"), "{note}");
    assert!(told.plugin.unwrap().starts_with("fetcher@"));
}
