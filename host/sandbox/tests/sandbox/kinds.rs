//! Every function of the contract beside `process` and `decide`: what it is told, what it answers,
//! and that the meters hold for it like for any other.

use menagerie_sandbox::types::{Difference, GroupView, MemberResult, Outcome, Ruling, Wake};
use menagerie_sandbox::{CallReport, CallSpec, Ended, Reply, Request};

use crate::support::{broken_rule, call, output, plugin, spec, task};

/// A configuration at which the guests of this file never come to an end.
const ENDLESS: &str = "[]";

fn member(name: &str, output: &str) -> MemberResult {
    MemberResult {
        member: name.to_owned(),
        status: "completed".to_owned(),
        output: Some(output.to_owned()),
        confidence: Some(0.5),
        error: None,
        extra: Vec::new(),
    }
}

fn two_members() -> Vec<MemberResult> {
    vec![member("one", "1"), member("other", "{\"two\":2}")]
}

async fn ask(guest: &str, request: Request) -> CallReport {
    call(CallSpec {
        request,
        ..spec(plugin(guest))
    })
    .await
}

#[track_caller]
fn out_of_fuel(report: &CallReport) {
    assert_eq!(report.ended, Ended::Fuel { limit: 50_000_000 });
}

fn aggregate(results: Vec<MemberResult>, config: &str) -> Request {
    Request::Aggregate {
        results,
        config: config.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_plugin_may_be_asked_to_start_and_no_more() {
    for guest in ["well_behaved", "joins", "faults"] {
        let report = ask(guest, Request::Start).await;
        assert_eq!(report.ended, Ended::Value(Reply::Started), "{guest}");
    }
    // Its start function is metered as a call is.
    out_of_fuel(&ask("loop_in_start", Request::Start).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn joins() {
    let report = ask("joins", aggregate(two_members(), "{}")).await;
    assert_eq!(output(&report), "{\"two\":2}");
    assert_eq!(report.usage.output_bytes, 9);

    let alone = ask("joins", aggregate(vec![member("one", "1")], "{}")).await;
    let Ended::Fault(fault) = &alone.ended else {
        panic!("{}", alone.ended)
    };
    assert_eq!(fault.code, "invalid-input");

    // What a member brought is the guest's own answer now, and is held to the same rules.
    let broken = vec![member("one", "1"), member("other", "{")];
    assert_eq!(
        broken_rule(&ask("joins", aggregate(broken, "{}")).await),
        "json-syntax"
    );
    out_of_fuel(&ask("joins", aggregate(two_members(), ENDLESS)).await);
}

fn arbitrate(results: Vec<MemberResult>, config: &str) -> Request {
    let differences = vec![Difference {
        pointer: "/two".to_owned(),
        values: vec![("one".to_owned(), None)],
    }];
    Request::Arbitrate {
        results,
        differences,
        config: config.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn arbitrates() {
    let report = ask("arbitrates", arbitrate(two_members(), "{}")).await;
    let Ended::Value(Reply::Verdict(verdict)) = &report.ended else {
        panic!("{}", report.ended)
    };
    let Ruling::Chosen(chosen) = &verdict.ruling else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        (chosen.member.as_str(), chosen.reason.as_str()),
        ("other", "/two")
    );

    // A member that nobody gave it is nobody's result.
    assert_eq!(
        broken_rule(&ask("arbitrates", arbitrate(two_members(), "\"\"")).await),
        "member"
    );
    let long = vec![member("one", "1"), member(&"x".repeat(300), "2")];
    assert_eq!(
        broken_rule(&ask("arbitrates", arbitrate(long, "{}")).await),
        "name-length"
    );
    out_of_fuel(&ask("arbitrates", arbitrate(two_members(), ENDLESS)).await);
}

fn decide_group(config: &str, trigger: &str) -> Request {
    Request::DecideGroup(Box::new(GroupView {
        decision: 1,
        trigger: trigger.to_owned(),
        input: "{}".to_owned(),
        config: config.to_owned(),
        pipelines: Vec::new(),
        escalations: Vec::new(),
        history: Vec::new(),
        iterations_left: 3,
        extra: Vec::new(),
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn leads_a_group() {
    let report = ask("leads_a_group", decide_group("{}", "escalation")).await;
    let Ended::Value(Reply::GroupDecision(decision)) = &report.ended else {
        panic!("{}", report.ended)
    };
    assert_eq!(
        (decision.reason.as_str(), decision.confidence),
        ("escalation", 0.5)
    );
    assert!(matches!(decision.wake, Wake::AllFinished), "{decision:?}");

    let sure = ask("leads_a_group", decide_group("{\"a\":1}", "start")).await;
    assert_eq!(broken_rule(&sure), "confidence");
    let long = "x".repeat(70 << 10);
    let long = ask("leads_a_group", decide_group("{}", &long)).await;
    assert_eq!(broken_rule(&long), "text-length");
    out_of_fuel(&ask("leads_a_group", decide_group(ENDLESS, "start")).await);
    // A strategy of pipelines has another `decide`.
    let other = ask("strategy_without_sense", decide_group("{}", "start")).await;
    assert!(matches!(&other.ended, Ended::Refused(_)), "{}", other.ended);
}

fn compensate(config: &str, confidence: Option<f64>) -> Request {
    let mut task = task("{\"question\":\"?\"}");
    task.config = config.to_owned();
    let outcome = Outcome {
        output: "{\"done\":true}".to_owned(),
        confidence,
        attachments: Vec::new(),
        extra: Vec::new(),
    };
    Request::Compensate { task, outcome }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn compensates() {
    let report = ask("compensates", compensate("{}", Some(1.0))).await;
    assert_eq!(report.ended, Ended::Value(Reply::Compensated));

    let refused = ask("compensates", compensate("{}", None)).await;
    let Ended::Fault(fault) = &refused.ended else {
        panic!("{}", refused.ended)
    };
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        ("permanent", "{\"done\":true}")
    );
    out_of_fuel(&ask("compensates", compensate(ENDLESS, Some(1.0))).await);
}

fn check(config: &str, agents: &[&str]) -> Request {
    Request::CheckConfig {
        config: config.to_owned(),
        agents: agents.iter().map(|agent| (*agent).to_owned()).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn checks_config() {
    let good = ask("checks_config", check("{}", &[])).await;
    assert_eq!(good.ended, Ended::Value(Reply::Problems(Vec::new())));

    let bad = ask("checks_config", check("{\"a\":1}", &["/a", "/b"])).await;
    let Ended::Value(Reply::Problems(problems)) = &bad.ended else {
        panic!("{}", bad.ended)
    };
    let told: Vec<_> = problems
        .iter()
        .map(|problem| {
            (
                problem.pointer.as_str(),
                problem.offset,
                problem.message.as_str(),
            )
        })
        .collect();
    assert_eq!(told, [("/a", Some(7), "{\"a\":1}")]);

    assert_eq!(
        broken_rule(&ask("checks_config", check("\"\"", &["a"])).await),
        "json-nodes"
    );
    let long = "x".repeat(70 << 10);
    assert_eq!(
        broken_rule(&ask("checks_config", check(&long, &["a"])).await),
        "text-length"
    );
    out_of_fuel(&ask("checks_config", check(ENDLESS, &[])).await);
}
