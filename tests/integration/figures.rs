//! A strategy that steers by how agents have fared in other runs: the real `adaptive`, one process for
//! each run.

use serde_json::Value;

use crate::program::{Place, ended};

/// Two agents that do the same work, one of which takes its time over it.
const FLOW: &str = r#"name = "choosing"
[agents.slow]
plugin = "patient"
config = { turns = 60000000 }
[agents.quick]
plugin = "patient"
[strategy]
plugin = "adaptive"
config = { stages = [["slow", "quick"]], explore = 0.0 }
"#;

fn events(place: &Place, run: &str) -> Vec<Value> {
    let told = ended(place.menagerie().args(["events", run, "--json"])).expect(0);
    let lines = told.stdout.lines();
    lines
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].take())
        .collect()
}

#[test]
fn a_slow_agent_is_tried_once_and_avoided_from_then_on() {
    let place = Place::new();
    let mut workers = Vec::new();
    for number in 0..8 {
        let run = format!("case-{number}");
        ended(&mut place.run_of(FLOW, &run, &[])).expect(0);
        let told = events(&place, &run);
        let worked = told.iter().find(|event| event["type"] == "step_ended");
        workers.push(worked.unwrap()["agent"].as_str().unwrap().to_owned());
    }
    assert_eq!(workers[..2], ["slow", "quick"]);
    assert!(
        workers[2..].iter().all(|agent| agent == "quick"),
        "{workers:?}"
    );

    // What it was shown stands in the event, and a replay shows it again.
    let told = events(&place, "case-7");
    let asked = told
        .iter()
        .find(|event| event["type"] == "decision_requested");
    let figures = &asked.unwrap()["figures"];
    assert_eq!(
        (&figures[0]["name"], &figures[0]["completed"]),
        (&"slow".into(), &1.into())
    );
    assert_eq!(
        (&figures[1]["name"], &figures[1]["completed"]),
        (&"quick".into(), &6.into())
    );
    let again = ended(place.menagerie().args(["replay", "case-7", "--json"]));
    assert_eq!(again.expect(0).json()["equal"], true);
}
