//! The capability `shared`: what the grant allows is read and changed, all else is refused with a
//! documented token, and a call that is executed again sees what it saw.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use menagerie_builder::Silent;
use menagerie_sandbox::{
    CallReport, CallSpec, Catalogue, Ended, Grants, LoadError, MemoryCallLog, Outside, Plugin,
    Request, SharedAccess, SharedAnswer, SharedPolicy, SharedState, SharedValue,
};
use serde_json::{Value, json};

use crate::support::{ENGINE, output, spec, task};

static SHARER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = menagerie_builder::test_guests(&root, &mut Silent).unwrap();
    let sharer = built.into_iter().find(|guest| guest.name == "sharer");
    std::fs::read(sharer.unwrap().path).unwrap()
});

fn sharer() -> Arc<Plugin> {
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let grants = Grants::of(["menagerie:plugin/shared"]);
    catalogue.load(&SHARER, &grants).unwrap()
}

/// A strict state in memory: it refuses what a correct host never does.
#[derive(Default)]
struct State {
    values: Mutex<BTreeMap<String, SharedValue>>,
    made: Mutex<Vec<u32>>,
    gets: Mutex<u32>,
}

impl State {
    /// Notes a change, which is asked for once.
    fn made(&self, ordinal: u32) -> Result<(), String> {
        let mut made = self.made.lock().unwrap();
        if made.contains(&ordinal) {
            return Err(format!("change {ordinal} is asked for twice"));
        }
        made.push(ordinal);
        Ok(())
    }
}

#[async_trait]
impl SharedState for State {
    async fn get(&self, key: &str) -> Result<Option<SharedValue>, String> {
        *self.gets.lock().unwrap() += 1;
        Ok(self.values.lock().unwrap().get(key).cloned())
    }

    async fn compare_and_set(
        &self,
        ordinal: u32,
        key: &str,
        expected: Option<u32>,
        value: &str,
    ) -> Result<SharedAnswer, String> {
        self.made(ordinal)?;
        let mut values = self.values.lock().unwrap();
        let found = values.get(key).cloned();
        let version = found.as_ref().map(|found| found.version);
        if version != expected {
            return Ok(SharedAnswer::Conflict(found));
        }
        let version = version.unwrap_or(0) + 1;
        let value = value.to_owned();
        values.insert(key.to_owned(), SharedValue { version, value });
        Ok(SharedAnswer::Set(version))
    }

    async fn delete(&self, ordinal: u32, key: &str, expected: u32) -> Result<SharedAnswer, String> {
        self.made(ordinal)?;
        let mut values = self.values.lock().unwrap();
        let found = values.get(key).cloned();
        if found.as_ref().map(|found| found.version) != Some(expected) {
            return Ok(SharedAnswer::Conflict(found));
        }
        values.remove(key);
        Ok(SharedAnswer::Set(expected + 1))
    }
}

fn call(state: &Arc<State>, asks: &Value) -> CallSpec {
    let texts = |patterns: &[&str]| patterns.iter().map(|&text| text.to_owned()).collect();
    let policy = SharedPolicy {
        read: texts(&["budget"]),
        write: texts(&["claims/*", "n"]),
    };
    CallSpec {
        request: Request::Process(task(&json!({ "asks": asks }).to_string())),
        outside: Outside {
            shared: Some(SharedAccess {
                policy: Arc::new(policy),
                state: state.clone(),
            }),
            ..Outside::default()
        },
        ..spec(sharer())
    }
}

#[track_caller]
fn answers(report: &CallReport) -> Vec<Value> {
    let output: Value = serde_json::from_str(output(report)).unwrap();
    output["answers"].as_array().unwrap().clone()
}

async fn asked(state: &Arc<State>, asks: Value) -> (Vec<Value>, CallReport) {
    let report = ENGINE.call(call(state, &asks)).await;
    (answers(&report), report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_grant_allows_is_read_and_changed() {
    let state = Arc::new(State::default());
    let asks = json!([
        {"key": "n"},
        {"key": "n", "set": {"by": "me"}},
        {"key": "n"},
        {"key": "n", "set": 2},
        {"key": "n", "set": 2, "expected": 1},
        {"key": "claims/x", "set": "mine", "expected": 7},
        {"key": "budget"},
    ]);
    let (answers, report) = asked(&state, asks).await;
    let expected = json!([
        {"found": null},
        {"set": 1},
        {"found": [1, {"by": "me"}]},
        {"conflict": [1, {"by": "me"}]},
        {"set": 2},
        {"conflict": null},
        {"found": null},
    ]);
    assert_eq!(json!(answers), expected);
    assert_eq!(report.usage.denied_host_calls, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_the_expected_version_is_taken_away() {
    let state = Arc::new(State::default());
    let asks = json!([
        {"key": "n", "delete": true, "expected": 1},
        {"key": "n", "set": "x"},
        {"key": "n", "delete": true, "expected": 2},
        {"key": "n", "delete": true, "expected": 1},
        {"key": "n"},
        {"key": "budget", "delete": true, "expected": 1},
        {"key": "no key", "delete": true, "expected": 1},
    ]);
    let (answers, report) = asked(&state, asks).await;
    let expected = json!([
        {"conflict": null},
        {"set": 1},
        {"conflict": [1, "x"]},
        "deleted",
        {"found": null},
    ]);
    assert_eq!(json!(answers[..5]), expected);
    assert_eq!(answers[5]["problem"][0], "denied");
    assert_eq!(answers[6]["problem"][0], "invalid-key");
    assert_eq!(report.usage.denied_host_calls, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_rule_allows_is_denied_and_counted() {
    let state = Arc::new(State::default());
    let asks = json!([
        {"key": "budget", "set": 1},
        {"key": "claims"},
        {"key": "other"},
        {"key": "nn", "set": 1},
        {"key": "claims/", "set": 1},
    ]);
    let (answers, report) = asked(&state, asks).await;
    for denied in &answers[..4] {
        assert_eq!(denied["problem"][0], "denied", "{answers:?}");
    }
    assert_eq!(answers[4], json!({"set": 1}));
    assert_eq!(report.usage.denied_host_calls, 4);
    assert_eq!(state.made.lock().unwrap().len(), 1);
    assert_eq!(*state.gets.lock().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_values_that_are_none_are_refused_with_their_rule() {
    let state = Arc::new(State::default());
    let asks = json!([
        {"key": ""},
        {"key": "../n\u{1b}[2J"},
        {"key": "x".repeat(129)},
        {"key": "claims/*"},
        {"key": "n", "bytes": 65_535},
        {"key": "n", "set": 9_007_199_254_740_993_u64},
        {"key": "n", "bytes": 65_534},
    ]);
    let (answers, _) = asked(&state, asks).await;
    let codes: Vec<&Value> = answers.iter().map(|answer| &answer["problem"][0]).collect();
    assert_eq!(codes[..4], ["invalid-key"; 4], "{answers:?}");
    assert!(!answers[1].to_string().contains('\u{1b}'), "{answers:?}");
    assert_eq!(codes[4..6], ["too-large", "invalid-value"], "{answers:?}");
    assert_eq!(answers[6], json!({"set": 1}), "64 KiB are kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_executed_again_is_answered_by_the_log() {
    let state = Arc::new(State::default());
    let log = Arc::new(MemoryCallLog::default());
    let asks = json!([{"key": "n", "set": 1}, {"key": "n"}, {"key": "n", "set": 5}]);
    let again = || {
        let mut call = call(&state, &asks);
        call.call_log = log.clone();
        ENGINE.call(call)
    };
    let first = again().await;
    assert_eq!(json!(answers(&first))[2], json!({"conflict": [1, 1]}));
    // Whatever else happens to the value meanwhile.
    state.values.lock().unwrap().clear();
    assert_eq!(answers(&again().await), answers(&first));
    assert_eq!(*state.made.lock().unwrap(), [0, 2]);
    let other = json!([{"key": "n", "set": 2}]);
    let mut other = call(&state, &other);
    other.call_log = log.clone();
    let ended = ENGINE.call(other).await.ended;
    assert!(
        matches!(ended, Ended::Nondeterministic { ordinal: 0, .. }),
        "{ended:?}"
    );
}

#[test]
fn without_the_grant_it_is_not_loaded() {
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let other = Grants::of(["menagerie:plugin/http"]);
    for grants in [Grants::default(), other] {
        let refused = catalogue.load(&SHARER, &grants).unwrap_err();
        assert!(
            matches!(&refused, LoadError::NotGranted { import, .. } if import.contains("shared")),
            "{refused}"
        );
    }
}
