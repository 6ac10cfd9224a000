#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Config, Report, Verdict, review};

fn report_on(state: &Value) -> Report {
    review(state.as_object().unwrap(), &Config::default()).report
}

fn clean() -> Value {
    json!({
        "lockfile": {"lock_version": 4, "package_count": 2, "dependency_count": 1, "roots": ["app 1.0.0"]},
        "duplicates": {"count": 0, "extra_copies": 0, "crates": []},
        "sources": {"by_kind": {"registry": 1, "path": 1}, "git": [], "path": []},
        "graph": {"max_depth": 1, "direct": 1, "most_depended_transitive": [{"id": "a 1.0.0", "dependents": 1}], "cycles": []},
    })
}

/// The clean state with one value laid over it.
fn with(pointer: &str, value: Value) -> Value {
    let mut state = clean();
    *state.pointer_mut(pointer).unwrap() = value;
    state
}

fn without(part: &str) -> Value {
    let mut state = clean();
    state.as_object_mut().unwrap().remove(part);
    state
}

#[test]
fn a_clean_lock_passes_without_a_reason() {
    let report = report_on(&clean());
    assert_eq!(
        (report.verdict, report.reasons.len(), report.missing.len()),
        (Verdict::Pass, 0, 0)
    );
    assert_eq!(
        (report.summary.packages, report.summary.max_depth),
        (Some(2), Some(1))
    );
    assert!(
        report.markdown.contains("**Verdict: pass**"),
        "{}",
        report.markdown
    );
    assert!(
        report.markdown.contains("| a 1.0.0 | 1 |"),
        "{}",
        report.markdown
    );
}

#[test]
fn each_finding_has_its_weight() {
    let git = json!([{"id": "g 1.0.0", "url": "https://example.org/g", "commit": "abc"}]);
    let unpinned = json!([{"id": "g 1.0.0", "url": "https://example.org/g"}]);
    let duplicate = json!({"count": 1, "extra_copies": 1, "crates": [{"name": "syn", "versions": [
        {"version": "1.0.0", "path": ["app 1.0.0", "syn 1.0.0"]}, {"version": "2.0.0"}]}]});
    let cases = [
        (
            with("/sources/git", git),
            Verdict::Attention,
            "packages from git",
        ),
        (
            with("/sources/git", unpinned),
            Verdict::Fail,
            "git packages without a commit",
        ),
        (
            with("/sources", json!({"missing_checksums": ["a 1.0.0"]})),
            Verdict::Fail,
            "without a checksum",
        ),
        (
            with(
                "/sources",
                json!({"other_registries": [{"id": "a 1", "source": "x"}]}),
            ),
            Verdict::Attention,
            "other registries",
        ),
        (
            with(
                "/sources",
                json!({"insecure": [{"id": "a 1", "source": "x"}]}),
            ),
            Verdict::Fail,
            "authenticates",
        ),
        (
            with(
                "/sources",
                json!({"unknown": [{"id": "a 1", "source": "x"}]}),
            ),
            Verdict::Fail,
            "no known kind",
        ),
        (
            with("/duplicates", duplicate),
            Verdict::Attention,
            "crates in several versions",
        ),
        (
            without("sources"),
            Verdict::Attention,
            "no answer of `sources`",
        ),
        (
            without("duplicates"),
            Verdict::Attention,
            "no answer of `duplicates`",
        ),
        (
            without("lockfile"),
            Verdict::Fail,
            "no answer of `lockfile`",
        ),
    ];
    for (state, verdict, message) in cases {
        let report = report_on(&state);
        assert_eq!(report.verdict, verdict, "{message}: {:?}", report.reasons);
        assert!(
            report.reasons.first().unwrap().message.contains(message),
            "{:?}",
            report.reasons
        );
    }
}

#[test]
fn the_worst_reason_comes_first_and_is_the_verdict() {
    let mut state = with("/sources", json!({"missing_checksums": ["a 1.0.0"]}));
    state["lockfile"]["unused_patches"] = json!(["p 1.0.0"]);
    let report = report_on(&state);
    let verdicts: Vec<Verdict> = report.reasons.iter().map(|reason| reason.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Attention]);
}

#[test]
fn a_skipped_graph_is_named_and_weighs_nothing() {
    let report = report_on(&without("graph"));
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.missing.first().unwrap().part, "graph");
    assert_eq!(report.summary.max_depth, None);
    assert!(
        report.markdown.contains("## Not examined"),
        "{}",
        report.markdown
    );
}

#[test]
fn parts_are_found_where_each_aggregator_puts_them() {
    let Value::Object(parts) = clean() else {
        unreachable!()
    };
    let nested: Map<String, Value> = parts
        .iter()
        .map(|(name, part)| (name.clone(), json!({name: part})))
        .collect();
    let results: Vec<Value> = parts
        .iter()
        .map(|(name, part)| json!({"member": name, "status": "completed", "output": {name: part}}))
        .collect();
    for state in [Value::Object(nested), json!({"results": results})] {
        assert_eq!(report_on(&state).verdict, Verdict::Pass, "{state}");
    }
}

#[test]
fn a_failed_members_message_reaches_the_report() {
    for key in ["_failed", "results"] {
        let mut state = without("duplicates");
        state[key] = json!([{"member": "duplicates", "status": "failed", "error": {"message": "out of fuel"}}]);
        let report = report_on(&state);
        assert_eq!(report.missing.first().unwrap().why, "failed: out of fuel");
        assert!(report.markdown.contains("out of fuel"));
    }
}

#[test]
fn an_unread_lock_file_is_missing_and_its_text_is_not_repeated() {
    let report = report_on(&json!({"lockfile": "[[package]]\nsecret"}));
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.missing.len(), 4);
    assert!(!serde_json::to_string(&report).unwrap().contains("secret"));
}

#[test]
fn thresholds_come_from_the_configuration() {
    let config: Config = serde_json::from_value(
        json!({"allowed_depth": 0, "title": "Ours", "allowed_duplicates": 3}),
    )
    .unwrap();
    let state = with("/duplicates/count", json!(3));
    let report = review(state.as_object().unwrap(), &config).report;
    assert_eq!(report.verdict, Verdict::Attention);
    assert!(
        report
            .reasons
            .first()
            .unwrap()
            .message
            .contains("1 deep, more than 0")
    );
    assert!(report.markdown.starts_with("# Ours\n"));
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let names: Vec<String> = (0..25).map(|index| format!("p{index} 1.0.0")).collect();
    let report = report_on(&with("/sources", json!({"missing_checksums": names})));
    let reason = report.reasons.first().unwrap();
    assert_eq!((reason.items.len(), reason.count), (10, 25));
    assert!(
        report.markdown.contains(" and 15 more"),
        "{}",
        report.markdown
    );
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_the_markdown(name in "[a-z<>&|`*_\\[\\]()#!~\\\\\n\r\t\u{1b}\u{202e}é-]{1,30}") {
        let plain = report_on(&with("/graph/most_depended_transitive", json!([{"id": "x", "dependents": 7}])));
        let report = report_on(&with("/graph/most_depended_transitive", json!([{"id": name, "dependents": 7}])));
        let text = &report.markdown;
        prop_assert_eq!(text.lines().count(), plain.markdown.lines().count());
        let harmful = ['<', '\u{1b}', '\u{202e}', '\r'];
        prop_assert!(!text.contains(harmful), "{}", text);
        let row = text.lines().find(|line| line.ends_with("| 7 |")).unwrap();
        let bars = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        prop_assert_eq!(bars, 3, "{}", row);
    }
}
