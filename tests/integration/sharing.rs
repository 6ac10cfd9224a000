//! The real program and what the steps of a run share: races, kills, replays, forks.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::outside_calls::guest;
use crate::program::{Ended, Place, ended};

/// A flow whose agents count together, each so often, and claim one thing.
fn flow(place: &Place, agents: &[&str], counts: u32) -> PathBuf {
    let sharer = guest("sharer");
    let mut text = "name = \"sharing\"\n[strategy]\nplugin = \"dag\"\n".to_owned();
    for agent in agents {
        text.push_str(&format!(
            "[agents.{agent}]\nplugin = {{ file = '{}' }}\nconfig = {{ counts = {counts}, claims = \"claims/it\" }}\n\
             grants.shared = {{ write = [\"count\", \"claims/*\"] }}\n",
            sharer.display()
        ));
    }
    place.write("sharing.toml", &text)
}

fn begun(place: &Place, flow: &PathBuf, crash: Option<&str>) -> Ended {
    let mut command = place.command();
    command
        .arg("run")
        .arg(flow)
        .args(["--json", "--id", "shared"]);
    command.args(["--input", "{}"]);
    if let Some(point) = crash {
        command.env("MENAGERIE_CRASH_AT", point);
    }
    ended(&mut command)
}

fn events(place: &Place, run: &str) -> Vec<Value> {
    let events = place.run(["events", run, "--json"]).expect(0).stdout;
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
    events.lines().map(event).collect()
}

/// The changes that were made, and those that were refused: key and version.
fn changes(events: &[Value]) -> (Vec<(String, u64)>, usize) {
    let mut made = Vec::new();
    let mut refused = 0;
    for event in events.iter().filter(|event| event["type"] == "shared_set") {
        match event["outcome"]["set"]["version"].as_u64() {
            Some(version) => made.push((event["key"].as_str().unwrap().to_owned(), version)),
            None => refused += 1,
        }
    }
    (made, refused)
}

fn answers(events: &[Value]) -> Vec<Value> {
    let ended = events.iter().filter(|event| event["type"] == "step_ended");
    ended
        .map(|event| event["result"]["completed"]["output"]["inline"]["answers"].clone())
        .collect()
}

#[test]
fn steps_that_race_lose_no_change_and_one_of_them_gets_what_all_want() {
    let place = Place::new();
    let flow = flow(&place, &["one", "two", "three"], 8);
    begun(&place, &flow, None).expect(0);
    let events = events(&place, "shared");
    let (made, refused) = changes(&events);
    let mut counted: Vec<u64> = made
        .iter()
        .filter(|(key, _)| key == "count")
        .map(|(_, version)| *version)
        .collect();
    assert_eq!(
        counted,
        (1..=24).collect::<Vec<u64>>(),
        "in order, none lost"
    );
    let claimed = made.iter().filter(|(key, _)| key == "claims/it").count();
    assert_eq!(claimed, 1);
    assert!(refused >= 2, "two claims at least: {refused}");
    // The versions that the steps were told are those that were made, each told once.
    let answers = answers(&events);
    let mut told: Vec<u64> = Vec::new();
    let mut claims = Vec::new();
    for answers in &answers {
        let (claim, counts) = answers.as_array().unwrap().split_last().unwrap();
        told.extend(counts.iter().map(|count| count["set"].as_u64().unwrap()));
        claims.push(claim.clone());
    }
    told.sort_unstable();
    counted.sort_unstable();
    assert_eq!(told, counted);
    let winner = claims.iter().filter(|claim| claim["set"] == 1).count();
    assert_eq!(winner, 1, "{claims:?}");
    for claim in claims.iter().filter(|claim| claim["set"] != 1) {
        let (version, by) = (&claim["conflict"][0], &claim["conflict"][1]);
        assert_eq!(version, 1, "{claim}");
        assert!(["one", "two", "three"].contains(&by.as_str().unwrap()));
    }
    place.run(["replay", "shared"]).expect(0);
    place.run(["doctor", "--store"]).expect(0);
    let exported = place
        .run(["export", "shared", "--format", "jsonl"])
        .expect(0);
    let calls = exported.stdout.matches("\"call:shared\"").count();
    assert!(
        calls >= 2 * 24,
        "a call is an event of the process: {calls}"
    );
    let lines = place.run(["events", "shared"]).expect(0).stdout;
    assert!(
        lines.contains("the shared `claims/it` to version 1"),
        "{lines}"
    );
}

#[test]
fn a_kill_anywhere_sets_nothing_twice() {
    let undisturbed = Place::new();
    begun(&undisturbed, &flow(&undisturbed, &["one"], 2), None).expect(0);
    let expected = answers(&events(&undisturbed, "shared"));
    assert_eq!(expected, [json!([{"set": 1}, {"set": 2}, {"set": 1}])]);
    for point in [
        "before-effect",
        "after-effect",
        "after-record",
        "before-commit",
        "after-commit",
    ] {
        let mut kills = 0;
        for number in 1..=20 {
            let place = Place::new();
            let flow = flow(&place, &["one"], 2);
            let first = begun(&place, &flow, Some(&format!("{point}:{number}")));
            if first.code.is_some() {
                first.expect(0);
                break;
            }
            kills += 1;
            if place.run(["show", "shared", "--json"]).code == Some(0) {
                place.run(["resume", "shared", "--json"]).expect(0);
            } else {
                begun(&place, &flow, None).expect(0);
            }
            let events = events(&place, "shared");
            let told = (answers(&events), changes(&events).0.len());
            assert_eq!(told, (expected.clone(), 3), "{point}:{number}");
            place.run(["replay", "shared"]).expect(0);
        }
        assert!(kills >= 4, "{point} was reached {kills} times");
    }
}

#[test]
fn a_fork_has_what_was_shared_and_goes_its_own_way() {
    let place = Place::new();
    let flow = flow(&place, &["one", "two"], 3);
    begun(&place, &flow, None).expect(0);
    let events_of = |run: &str| events(&place, run);
    let shared = events_of("shared");
    let first = shared.iter().find(|event| event["type"] == "step_ended");
    let first = first.unwrap()["id"].as_str().unwrap().to_owned();
    let fork = place.run(["fork", "shared", "--at", &first, "--id", "other", "--json"]);
    fork.expect(0);
    place.run(["resume", "other", "--json"]).expect(0);
    let made = changes(&events_of("other")).0;
    let versions: Vec<u64> = made
        .iter()
        .filter(|(key, _)| key == "count")
        .map(|(_, version)| *version)
        .collect();
    assert!(versions.len() >= 6, "{versions:?}");
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    place.run(["replay", "other"]).expect(0);
}

#[test]
fn a_grant_that_is_taken_from_a_run_that_nobody_drives_is_gone_when_it_goes_on() {
    let place = Place::new();
    let flow = flow(&place, &["one"], 2);
    let killed = begun(&place, &flow, Some("after-record:1"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    place.run(["revoke", "shared", "one", "shared"]).expect(0);
    place.run(["resume", "shared", "--json"]).expect(1);
    let events = events(&place, "shared");
    let ended = events.iter().find(|event| event["type"] == "step_ended");
    let ended = ended.unwrap();
    assert_eq!(ended["result"]["failed"]["code"], "denied", "{ended}");
    assert_eq!(
        changes(&events).0.len(),
        0,
        "the read was recorded, the change came too late"
    );
    place.run(["replay", "shared"]).expect(0);
}

#[test]
fn a_grant_that_is_given_back_is_there_when_the_run_goes_on() {
    let place = Place::new();
    let flow = flow(&place, &["one"], 2);
    let killed = begun(&place, &flow, Some("after-record:1"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let grant = |arguments: &[&str]| {
        let arguments = [&["grant", "shared"], arguments].concat();
        place.run(arguments)
    };
    let refused = grant(&["one", "shared"]).expect(2).stderr;
    assert!(
        refused.contains("was not taken from agent:one"),
        "{refused}"
    );
    place.run(["revoke", "shared", "one", "shared"]).expect(0);
    // It gives what the flow file gave, and nothing else.
    let refused = grant(&["one", "http"]).expect(2).stderr;
    assert!(refused.contains("it has shared"), "{refused}");
    let told = grant(&["one", "shared", "--json"]).expect(0).json();
    assert_eq!(
        told,
        serde_json::json!({"run": "shared", "role": "agent:one", "granted": "shared"})
    );
    place.run(["resume", "shared", "--json"]).expect(0);
    let events = events(&place, "shared");
    assert!(!changes(&events).0.is_empty(), "it could set its values");
    let told: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    let at = |wanted: &str| told.iter().position(|found| *found == wanted).unwrap();
    assert!(at("grant_revoked") < at("grant_returned"), "{told:?}");
    place.run(["replay", "shared"]).expect(0);
}
