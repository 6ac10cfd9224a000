//! Plugins' functions through the runtime, from the contract's types and back.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use menagerie::bindings::imports::menagerie::plugin::types;
use menagerie::prelude::*;
use menagerie::runtime;
use menagerie::testing::{self, MockHost, decided, group_decided};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize)]
struct Input {
    words: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    limit: usize,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Output {
    kept: Vec<String>,
}

fn keep(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    menagerie::info!("{} words", task.input.words.len());
    if task.input.words.is_empty() {
        return Err(Fault::transient("no words yet").retry_after_ms(250));
    }
    let kept = task
        .input
        .words
        .into_iter()
        .take(task.config.limit)
        .collect();
    Ok(Outcome::new(Output { kept }).confidence(0.75))
}

fn call(input: &str, config: &str) -> Result<types::Outcome, types::Fault> {
    let task = types::Task {
        input: input.to_owned(),
        config: config.to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    };
    runtime::agent(task, keep)
}

#[test]
fn an_agents_output_and_confidence_reach_the_host() {
    let outcome = call(r#"{"words": ["a", "b", "c"]}"#, r#"{"limit": 2}"#).unwrap();
    assert_eq!(outcome.output, r#"{"kept":["a","b"]}"#);
    assert_eq!(outcome.confidence, Some(0.75));
    assert_eq!(testing::host().log.last().unwrap().1, "3 words");
}

#[test]
fn an_input_that_does_not_fit_is_the_fault_invalid_input_with_its_place() {
    let fault = call("{\n\"words\": [\"a\", 7]}", "{}").unwrap_err();
    assert_eq!(fault.code, "invalid-input");
    assert_eq!(
        fault.message,
        "the input at /words/1 (line 2, column 16): invalid type: integer `7`, expected a string"
    );
    let details: serde_json::Value = serde_json::from_str(&fault.details.unwrap()).unwrap();
    assert_eq!(
        details,
        json!({"pointer": "/words/1", "line": 2, "column": 16})
    );
}

#[test]
fn a_configuration_that_does_not_fit_is_told_apart_from_an_input() {
    let fault = call(r#"{"words": []}"#, r#"{"limit": "two"}"#).unwrap_err();
    assert_eq!(fault.code, "invalid-input");
    assert!(
        fault
            .message
            .starts_with("the configuration at /limit (line 1"),
        "{}",
        fault.message
    );
}

#[test]
fn a_fault_keeps_its_code_and_its_delay() {
    let fault = call(r#"{"words": []}"#, r#"{"limit": 1}"#).unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.retry_after_ms),
        ("transient", Some(250))
    );
}

#[test]
fn an_output_without_a_json_form_is_a_fault_and_no_panic() {
    let task = types::Task {
        input: "{}".to_owned(),
        config: "{}".to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    };
    let answer = runtime::agent(task, |_: Task<Json>| {
        Ok(Outcome::new(std::collections::BTreeMap::from([(
            (1, 2),
            3,
        )])))
    });
    let fault = answer.unwrap_err();
    assert_eq!(fault.code, "permanent");
    assert!(
        fault
            .message
            .contains("the output cannot be written as JSON"),
        "{}",
        fault.message
    );
}

#[test]
fn an_agent_may_pass_its_input_on_unread() {
    let task = types::Task {
        input: r#"{"b":1,"a":2}"#.to_owned(),
        config: "{}".to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    };
    let outcome = runtime::agent(task, |task: Task<Json>| Ok(Outcome::new(task.input))).unwrap();
    assert_eq!(outcome.output, r#"{"b":1,"a":2}"#);
}

#[test]
fn compensation_is_given_the_task_and_its_outcome() {
    let task = types::Task {
        input: r#"{"words": ["a"]}"#.to_owned(),
        config: r#"{"limit": 1}"#.to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    };
    let outcome = call(&task.input, &task.config).unwrap();
    runtime::compensate(
        task,
        outcome,
        |task: Task<Input, Config>, outcome: Outcome<Output>| {
            assert_eq!(task.config.limit, 1);
            assert_eq!(
                outcome.output,
                Output {
                    kept: vec!["a".to_owned()]
                }
            );
            Ok(())
        },
    )
    .unwrap();
}

#[test]
fn a_chain_waits_link_by_link_and_may_name_an_agent_twice() {
    let decision = decided(Decision::route(["a", "b", "a"]), 1).unwrap();
    let ids: Vec<&str> = decision["start"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["a", "b", "a#1.2"]);
    assert_eq!(decision["after"], json!({"b": ["a"], "a#1.2": ["b"]}));
    assert_eq!(decision["wake"], "all_finished");
    assert_eq!(decision["confidence"], 1.0);
}

#[test]
fn later_decisions_have_ids_of_their_own() {
    let decision = decided(Decision::retry("a", "it was slow").wake_any(), 3).unwrap();
    assert_eq!(
        decision["start"],
        json!([{"id": "a#3", "agent": "a", "kind": "retry", "reason": "it was slow"}])
    );
    assert_eq!(decision["wake"], "any_finished");
}

#[test]
fn a_made_up_id_keeps_clear_of_a_chosen_one() {
    let steps = [Step::route("a"), Step::route("b").id("a")];
    let decision = decided(Decision::start(steps), 1).unwrap();
    assert_eq!(decision["start"][0]["id"], "a#1.2");
    assert_eq!(decision["start"][1]["id"], "a");
}

#[test]
fn names_of_agents_stand_for_the_steps_of_the_same_decision() {
    let decision = Decision::parallel(["a", "b"])
        .join("merge")
        .and(
            Step::route("report")
                .after(["merge"])
                .input(json!({"short": true})),
        )
        .wake_when(["report"])
        .metadata(json!({"plan": 1}))
        .reason("all at once");
    let decision = decided(decision, 2).unwrap();
    assert_eq!(
        decision["joins"],
        json!([{"id": "merge#2", "aggregator": "merge", "members": ["a#2", "b#2"]}])
    );
    assert_eq!(decision["after"], json!({"report#2": ["merge#2"]}));
    assert_eq!(decision["wake"], json!({"these": ["report#2"]}));
    assert_eq!(decision["start"][2]["input"], json!({"short": true}));
    assert_eq!(decision["metadata"], json!({"plan": 1}));
}

#[test]
fn a_step_of_an_earlier_decision_is_named_by_its_id() {
    let decision = decided(Decision::start([Step::route("b").after(["a#4"])]), 5).unwrap();
    assert_eq!(decision["after"], json!({"b#5": ["a#4"]}));
}

#[test]
fn endings_carry_their_reason_and_result() {
    let decision = decided(Decision::end_with(json!({"ok": 1})).reason("done"), 2).unwrap();
    assert_eq!(
        decision["end"],
        json!({"status": "completed", "reason": "done", "output": {"ok": 1}})
    );
    let decision = decided(Decision::fail("no agent is left"), 2).unwrap();
    assert_eq!(
        decision["end"],
        json!({"status": "failed", "reason": "no agent is left"})
    );
    assert_eq!(decision["reason"], "no agent is left");
}

#[test]
fn metadata_without_a_json_form_is_a_fault() {
    let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
    let fault = decided(Decision::wait().metadata(odd), 1).unwrap_err();
    assert_eq!(fault.code, "permanent");
    assert!(
        fault
            .message
            .starts_with("the decision's metadata cannot be written"),
        "{fault}"
    );
}

#[test]
fn a_groups_decision_has_the_same_shape_over_pipelines() {
    let decision = GroupDecision::route(["leader", "members"])
        .join("collect")
        .wake_on_failure();
    let decision = group_decided(decision, 1).unwrap();
    assert_eq!(decision["start"][1]["pipeline"], "members");
    assert_eq!(decision["after"], json!({"members": ["leader"]}));
    assert_eq!(decision["aggregator"], "collect");
    assert_eq!(decision["wake_on_failure"], true);
}

fn member(name: &str, output: Option<&str>) -> types::MemberResult {
    types::MemberResult {
        member: name.to_owned(),
        status: if output.is_some() {
            "completed"
        } else {
            "failed"
        }
        .to_owned(),
        output: output.map(str::to_owned),
        confidence: None,
        error: output.is_none().then(|| types::Fault {
            code: "permanent".to_owned(),
            message: "broken".to_owned(),
            retry_after_ms: None,
            details: None,
            extra: Vec::new(),
        }),
        extra: Vec::new(),
    }
}

#[test]
fn an_aggregator_sees_failed_members_too() {
    let results = vec![
        member("a", Some("3")),
        member("b", None),
        member("c", Some("4")),
    ];
    let answer = runtime::aggregator(
        results,
        r#"{"limit": 9}"#.to_owned(),
        |members: Vec<Member<u32>>, config: Config| {
            assert_eq!(members[1].error.as_ref().unwrap().message, "broken");
            let sum: u32 = members.iter().filter_map(|member| member.output).sum();
            Ok(Outcome::new(json!({ "sum": sum, "limit": config.limit })))
        },
    );
    assert_eq!(answer.unwrap().output, r#"{"limit":9,"sum":7}"#);
}

#[test]
fn a_members_output_that_does_not_fit_is_told_by_the_members_name() {
    let results = vec![member("a", Some(r#"{"x":"text"}"#))];
    let answer = runtime::aggregator(
        results,
        "{}".to_owned(),
        |_: Vec<Member<std::collections::BTreeMap<String, u32>>>, _: Json| Ok(Outcome::new(0)),
    );
    let message = answer.unwrap_err().message;
    assert!(
        message.starts_with("the output of member `a` at /x (line 1"),
        "{message}"
    );
}

#[test]
fn a_check_tells_a_wrong_type_and_then_what_the_function_finds() {
    let function = |config: Config, agents: Vec<String>| {
        if config.limit > agents.len() {
            vec![Problem::at("/limit", "more than there are agents").offset(3)]
        } else {
            Vec::new()
        }
    };
    let check = |config: &str| runtime::check(config.to_owned(), vec!["a".to_owned()], function);
    assert!(check(r#"{"limit": 1}"#).is_empty());
    let problems = check(r#"{"limit": 2}"#);
    assert_eq!(
        (
            problems[0].pointer.as_str(),
            problems[0].offset,
            problems[0].message.as_str()
        ),
        ("/limit", Some(3), "more than there are agents")
    );
    let problems = check(r#"{"limit": true}"#);
    assert_eq!(problems[0].pointer, "/limit");
    assert!(problems[0].message.contains("invalid type: boolean `true`"));
}

#[test]
fn the_mock_host_answers_and_remembers() {
    testing::install(MockHost {
        attempt: 3,
        name: "counter".to_owned(),
        ..MockHost::default()
    });
    assert_eq!(
        (invocation::attempt(), invocation::name().as_str()),
        (3, "counter")
    );
    assert_eq!(invocation::context_get::<u32>("count").unwrap(), None);
    invocation::context_put("count", 4).unwrap();
    assert_eq!(invocation::context_get::<u32>("count").unwrap(), Some(4));
    assert_eq!(
        invocation::context_get::<bool>("count").unwrap_err().code,
        "permanent"
    );
    let refused = invocation::context_put("huge", "x".repeat(1 << 20)).unwrap_err();
    assert!(refused.message.contains("1 MiB"), "{refused}");
    progress::fraction(0.5);
    progress::note("half");
    assert_eq!(
        (testing::host().fraction, testing::host().notes),
        (Some(0.5), vec!["half".to_owned()])
    );
    let numbers = [random::next_f64(), random::next_f64()];
    assert_ne!(numbers[0], numbers[1]);
    assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
    testing::install(MockHost::default());
    assert_eq!(
        numbers,
        [random::next_f64(), random::next_f64()],
        "equal seeds, equal numbers"
    );
}

#[test]
fn history_before_the_views_own_comes_from_the_host() {
    let entry = |id| menagerie::HistoryEntry {
        id,
        step: format!("s{id}"),
        agent: "a".to_owned(),
        kind: "route".to_owned(),
        status: "completed".to_owned(),
        reason: String::new(),
        at_ms: 0.0,
    };
    testing::install(MockHost {
        older_history: (1..=9).map(entry).collect(),
        ..MockHost::default()
    });
    let mut view: View<Json, Json> = View::new(
        Json::from_text("{}"),
        Json::from_text("{}"),
        [AgentState::idle("a")],
    );
    assert!(view.older_history(2).is_empty());
    view.history.push(entry(7));
    let ids: Vec<u32> = view.older_history(2).iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [6, 5]);
}

#[test]
fn a_task_can_be_made_from_text_in_a_test() {
    let task: Task<Input, Config> =
        testing::task(r#"{"words": ["a"]}"#, r#"{"limit": 1}"#).unwrap();
    assert_eq!(keep(task).expect("an outcome").output.kept, ["a"]);
}
