//! A host that stays: real processes over one store, each run done once.
//!
//! Every wait here is for a condition, with a deadline that only a hang reaches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use menagerie_executor::{
    Assembled, BeginRun, Detached, GateConfig, Host, HostParts, PluginFinder, SystemClock, assemble,
};
use menagerie_journal::{Options, RunKey, SqliteJournal};
use menagerie_licensing::Entitlements;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow::PluginSource;
use menagerie_orchestration::flow_file;
use menagerie_sandbox::{Catalogue, Engine, EngineConfig};
use serde_json::{Value, json};

use crate::program::{Place, ended};
use crate::running::{Running, backing_off, echo_flow, guests, taking_its_time, until};

/// Finds the tests' guests by name.
struct Guests;

impl PluginFinder for Guests {
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        let PluginSource::Named(name) = source else {
            return Err("there are no files here".to_owned());
        };
        let bytes = std::fs::read(guests().join(format!("{name}.wasm")));
        bytes.map(Arc::from).map_err(|error| error.to_string())
    }
}

/// Puts runs of a flow into a place's store, queued: what so many `run --detach` would do.
fn queue(place: &Place, flow: &str, ids: impl Iterator<Item = String>) {
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    let catalogue = Catalogue::new(engine, None);
    let parsed = Arc::new(flow_file::parse(flow).unwrap().flow);
    let community = Entitlements::community();
    let assembled = assemble(&catalogue, parsed, flow.into(), &Guests, community);
    let assembled: Assembled = assembled.map_err(|errors| errors[0].to_string()).unwrap();
    let journal = SqliteJournal::open(place.path("store"), &Options::new("the test")).unwrap();
    let host = Host::new(HostParts {
        journal: Arc::new(journal),
        clock: Arc::new(SystemClock::default()),
        gate: GateConfig::default(),
        inbox_interval: Duration::from_secs(1),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let begun = ids.map(|id| {
            let (host, assembled) = (host.clone(), assembled.clone());
            let begin = BeginRun {
                key: RunKey::in_default(id),
                input: Document::from(json!({"text": "x"})),
                files: Vec::new(),
                session: None,
            };
            tokio::spawn(async move { host.begin_detached(&assembled, begin).await })
        });
        for begun in begun.collect::<Vec<_>>() {
            assert!(matches!(begun.await.unwrap().unwrap(), Detached::Queued));
        }
    });
}

#[test]
fn a_detached_run_is_queued_until_a_host_that_stays_takes_it_up() {
    let place = Place::new();
    let answer = place.detach(&echo_flow(), "one");
    assert_eq!(answer["status"], "queued");
    assert_eq!(
        (&answer["new"], &answer["driven_by"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(place.status("one"), "queued");
    let listed = place
        .call(&["runs", "--status", "queued", "--json"])
        .expect(0);
    assert_eq!(listed.json()[0]["run"], "one");
    let alone = ended(&mut place.run_of(&echo_flow(), "one", &["--detach"])).expect(0);
    assert!(alone.stderr.contains("menagerie serve"), "{}", alone.stderr);
    assert!(
        alone.stderr.contains("menagerie resume one"),
        "{}",
        alone.stderr
    );

    let mut serve = Running::serve(&place, &[]);
    serve.until_said("took", |line| line["run"] == "one");
    serve.until_said("ended", |line| {
        line["run"] == "one" && line["status"] == "completed"
    });
    // Another comes while it is up: nobody says that nobody is.
    let second = ended(&mut place.run_of(&echo_flow(), "two", &["--detach"])).expect(0);
    assert_eq!(second.stderr, "");
    assert_eq!(second.json()["driven_by"]["name"], "menagerie serve");
    serve.until_said("ended", |line| line["run"] == "two");
    // The same again is the same run; another input is another run, which the id cannot stand for.
    let again = place.detach(&echo_flow(), "two");
    assert_eq!(
        (&again["new"], &again["status"]),
        (&json!(false), &json!("completed"))
    );
    let mut other = place.run_of(
        &echo_flow(),
        "two",
        &["--detach", "--input", r#"{"text":"y"}"#],
    );
    let other = ended(&mut other);
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    assert!(place.entries().values().all(|count| *count == 1));
    serve.signal("TERM");
    assert_eq!(serve.ended().code, Some(0));
}

#[test]
fn four_hosts_share_a_thousand_runs_and_each_is_done_once() {
    let place = Place::new();
    queue(
        &place,
        &echo_flow(),
        (0..1_000).map(|number| format!("run-{number}")),
    );
    let mut hosts: Vec<_> = (0..4)
        .map(|_| Running::serve(&place, &["--runs", "32"]))
        .collect();
    until("all are done", || {
        place
            .call(&["runs", "--status", "completed", "--limit", "2000", "--json"])
            .json()
            .as_array()
            .is_some_and(|rows| rows.len() == 1_000)
    });
    let mut shares = Vec::new();
    for host in &mut hosts {
        host.signal("TERM");
        let ended = host.ended().expect(0);
        let said = ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        shares.push(said.filter(|line| line["event"] == "ended").count());
    }
    println!("shares of the four hosts: {shares:?}");
    assert_eq!(
        shares.iter().sum::<usize>(),
        1_000,
        "each run is ended by one host"
    );
    let entries = place.entries();
    assert_eq!(entries.len(), 1_000);
    assert!(
        entries.values().all(|count| *count == 1),
        "a step ran twice"
    );
    place.call(&["doctor", "--store"]).expect(0);
}

#[test]
fn what_a_killed_host_had_in_hand_is_finished_by_another() {
    let place = Place::new();
    queue(
        &place,
        &echo_flow(),
        (0..200).map(|number| format!("run-{number}")),
    );
    let mut killed = Running::serve(&place, &["--runs", "16"]);
    for _ in 0..40 {
        killed.until_said("ended", |_| true);
    }
    killed.signal("KILL");
    killed.ended();
    // What was committed before the kill must not run again.
    let events = |id: &str| place.call(&["events", id, "--json"]).stdout;
    let listed = |status: &str| -> Vec<String> {
        let command = ["runs", "--status", status, "--limit", "1000", "--json"];
        let rows = place.call(&command).expect(0).json();
        let id = |row: &Value| row["run"].as_str().unwrap().to_owned();
        rows.as_array().unwrap().iter().map(id).collect()
    };
    let cut_off = listed("running").into_iter();
    let mut done: Vec<String> = cut_off
        .filter(|id| events(id).contains(r#""step_ended""#))
        .collect();
    done.extend(listed("completed"));
    assert!(
        (40..200).contains(&done.len()),
        "{} runs were done",
        done.len()
    );
    let before = place.entries();
    let mut next = Running::serve(&place, &[]);
    until("all are done", || {
        place
            .call(&["runs", "--status", "completed", "--limit", "1000", "--json"])
            .json()
            .as_array()
            .is_some_and(|rows| rows.len() == 200)
    });
    next.signal("TERM");
    next.ended().expect(0);
    let after = place.entries();
    for id in &done {
        let of_run = |entries: &BTreeMap<String, usize>| -> usize {
            let prefix = format!("{id} ");
            entries
                .iter()
                .filter(|(entry, _)| entry.starts_with(&prefix))
                .map(|(_, count)| count)
                .sum()
        };
        assert_eq!(
            of_run(&before),
            of_run(&after),
            "{id} was committed and ran again"
        );
    }
    place.call(&["doctor", "--store"]).expect(0);
}

#[test]
fn a_host_that_is_told_to_stop_parks_what_runs_and_counts_no_execution() {
    let place = Place::new();
    let mut serve = Running::serve(&place, &[]);
    place.detach(&taking_its_time(), "long");
    place.until_entered("long");
    serve.signal("TERM");
    serve.until_said("stopping", |line| line["signal"] == "SIGTERM");
    serve.until_said("parked", |line| line["run"] == "long");
    serve.until_said("stopped", |line| line["parked"] == 1);
    assert_eq!(serve.ended().code, Some(0));
    assert_eq!(place.status("long"), "parked");
    let mut again = Running::serve(&place, &[]);
    until("it goes on", || {
        place.entries().values().sum::<usize>() == 2
    });
    place.call(&["cancel", "long"]).expect(0);
    again.until_said("ended", |line| line["status"] == "cancelled");
    let events = place.call(&["events", "long", "--json"]).stdout;
    assert!(!events.contains("call_reissued"), "{events}");
}

#[test]
fn timers_that_came_due_while_nobody_was_there_fire_in_due_order() {
    let place = Place::new();
    // Begun in this order, due in the other.
    let waits = [("slow", 4_000), ("middle", 2_000), ("quick", 500)];
    let mut serve = Running::serve(&place, &[]);
    for (id, retry_after) in waits {
        place.detach(&backing_off(retry_after), id);
        until("the first attempt has failed", || {
            place
                .call(&["events", id, "--json"])
                .stdout
                .contains(r#""step_ended""#)
        });
        // Of the others, none may be done before the host is killed.
    }
    serve.signal("KILL");
    serve.ended();
    let open: Vec<_> = ["quick", "middle", "slow"]
        .into_iter()
        .filter(|id| place.status(id) == "running")
        .collect();
    // By the last of them, all are due.
    let due = || {
        let shown = place.call(&["events", "slow", "--json"]).stdout;
        let failed = shown
            .lines()
            .find(|line| line.contains(r#""step_ended""#))
            .unwrap()
            .to_owned();
        let failed: Value = serde_json::from_str(&failed).unwrap();
        failed["event"]["next"]["retry"]["at"].as_i64()
    };
    let due = due().unwrap_or_else(|| {
        panic!(
            "no retry in {}",
            place.call(&["events", "slow", "--json"]).stdout
        )
    });
    until("the last is due", || {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        now.as_millis() as i64 > due
    });
    // One at a time, so that the order is seen.
    let mut next = Running::serve(&place, &["--runs", "1"]);
    let mut order = Vec::new();
    for _ in &open {
        let ended = next.until_said("ended", |_| true);
        order.push(ended["run"].as_str().unwrap().to_owned());
    }
    assert_eq!(order, open);
    assert!(
        open.len() >= 2,
        "only {open:?} were open: nothing was shown"
    );
}
