//! Components that were built when contract 0.1 was frozen (`tests/compat`, whose README says from what) are loaded and
//! called as on that day. None is ever built again: a host that fails here has broken somebody's plugin.

use std::path::PathBuf;
use std::sync::Arc;

use menagerie_sandbox::types::{AgentState, MemberResult, Ruling, Task, View};
use menagerie_sandbox::{CallSpec, Catalogue, Ended, Grants, Kind, Plugin, Reply, Request};
use serde_json::{Value, json};

use crate::support::{ENGINE, spec, view};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat")
}

fn plugin(name: &str) -> Arc<Plugin> {
    let bytes = std::fs::read(folder().join(format!("{name}.wasm"))).unwrap();
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let plugin = catalogue.load(&bytes, &Grants::none());
    plugin.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn call_of(plugin: &Arc<Plugin>, request: Request) -> CallSpec {
    CallSpec {
        request,
        ..spec(plugin.clone())
    }
}

/// A view of a pipeline whose agents have done nothing yet.
fn beginning(agents: &[&str]) -> View {
    let idle = |name: &&str| AgentState {
        name: (*name).to_owned(),
        status: "idle".to_owned(),
        after: Vec::new(),
        priority: 0,
        estimated_ms: None,
        skills: Vec::new(),
        completed: 0,
        failed: 0,
        skipped: 0,
        retries: 0,
        last_duration_ms: None,
        last_fault: None,
        extra: Vec::new(),
    };
    View {
        agents: agents.iter().map(idle).collect(),
        ..view()
    }
}

async fn answer(plugin: &Arc<Plugin>, request: Request) -> Reply {
    let report = ENGINE.call(call_of(plugin, request)).await;
    match report.ended {
        Ended::Value(reply) => reply,
        ended => panic!("{}: {ended}", plugin.manifest().name),
    }
}

fn task(input: &Value) -> Task {
    Task {
        input: input.to_string(),
        config: json!({"kept": true}).to_string(),
        attachments: Vec::new(),
        extra: vec![("unknown".to_owned(), "1".to_owned())],
    }
}

fn members() -> Vec<MemberResult> {
    let member = |member: &str, confidence: f64| MemberResult {
        member: member.to_owned(),
        status: "completed".to_owned(),
        output: Some(json!({"from": member}).to_string()),
        confidence: Some(confidence),
        error: None,
        extra: Vec::new(),
    };
    vec![member("a", 0.25), member("b", 0.75)]
}

fn output(reply: &Reply) -> Value {
    let Reply::Outcome(outcome) = reply else {
        panic!("{reply:?}")
    };
    serde_json::from_str(&outcome.output).unwrap()
}

#[test]
fn every_component_that_is_kept_is_listed_and_the_other_way_round() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".wasm").map(str::to_owned)
        })
        .collect();
    found.sort();
    let mut known: Vec<&str> = AGENTS.iter().chain(&OTHERS).copied().collect();
    known.sort_unstable();
    assert_eq!(found, known);
}

/// Guests of the suite that all languages share.
const AGENTS: [&str; 2] = ["0.1-agent-c", "0.1-agent-rust"];

const OTHERS: [&str; 5] = [
    "0.1-aggregator-c",
    "0.1-arbiter-c",
    "0.1-careful-c",
    "0.1-strategy-c",
    "0.1-strategy-rust",
];

#[tokio::test]
async fn agents_of_that_day_answer_as_they_did() {
    for name in AGENTS {
        let plugin = plugin(name);
        assert_eq!(plugin.kind(), Kind::Agent);
        for (input, expected) in [
            (
                json!({"do": "echo", "value": [1, "zażółć"]}),
                json!([1, "zażółć"]),
            ),
            (json!({"do": "config"}), json!({"kept": true})),
            (json!({"do": "random"}), json!([true, true, true])),
            (json!({"do": "hints"}), json!({})),
        ] {
            let reply = answer(&plugin, Request::Process(task(&input))).await;
            assert_eq!(
                output(&reply),
                json!({ "value": expected }),
                "{name} {input}"
            );
        }
        let request = Request::Process(task(&json!({"do": "later"})));
        let Ended::Fault(fault) = ENGINE.call(call_of(&plugin, request)).await.ended else {
            panic!("{name}: no fault");
        };
        assert_eq!(
            (&*fault.code, fault.retry_after_ms),
            ("transient", Some(1500))
        );
        assert_eq!(fault.details.as_deref(), Some(r#"{"place":[1,2]}"#));
    }
}

#[tokio::test]
async fn the_optional_exports_of_that_day_are_found_and_called() {
    let plugin = plugin("0.1-careful-c");
    assert!(plugin.compensates() && plugin.checks_config());
    let reply = answer(&plugin, Request::Process(task(&json!({})))).await;
    let Reply::Outcome(outcome) = reply else {
        panic!("{reply:?}")
    };
    let undo = Request::Compensate {
        task: task(&json!({})),
        outcome,
    };
    assert_eq!(answer(&plugin, undo).await, Reply::Compensated);
    let check = Request::CheckConfig {
        config: r#"{"least":"one"}"#.to_owned(),
        agents: vec!["a".to_owned()],
    };
    let Reply::Problems(problems) = answer(&plugin, check).await else {
        panic!("no problems")
    };
    assert_eq!(problems[0].pointer, "/least");
}

#[tokio::test]
async fn joins_and_judgements_of_that_day_come_out_as_they_did() {
    let config = "{}".to_owned();
    let aggregate = Request::Aggregate {
        results: members(),
        config: config.clone(),
    };
    let joined = answer(&plugin("0.1-aggregator-c"), aggregate).await;
    assert_eq!(
        output(&joined),
        json!({"outputs": [{"from": "a"}, {"from": "b"}]})
    );
    let arbitrate = Request::Arbitrate {
        results: members(),
        differences: Vec::new(),
        config,
    };
    let Reply::Verdict(verdict) = answer(&plugin("0.1-arbiter-c"), arbitrate).await else {
        panic!("no verdict")
    };
    let Ruling::Chosen(chosen) = verdict.ruling else {
        panic!("{verdict:?}")
    };
    assert_eq!(chosen.member, "b");
}

#[tokio::test]
async fn strategies_of_that_day_decide_as_they_did() {
    for name in ["0.1-strategy-c", "0.1-strategy-rust"] {
        let plugin = plugin(name);
        let view = beginning(&["first", "second"]);
        let reply = answer(&plugin, Request::Decide(Box::new(view))).await;
        let Reply::Decision(decision) = reply else {
            panic!("{name}: {reply:?}")
        };
        assert_eq!(decision.start[0].agent, "first", "{name}");
    }
}
