//! The capability `artifacts`: what is put is read back, everything else is refused with a documented
//! token, and a call that is executed again sees what it saw.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use menagerie_builder::Silent;
use menagerie_sandbox::{
    ArtifactAccess, ArtifactContent, ArtifactInfo, ArtifactPolicy, ArtifactStore, CallReport,
    CallSpec, Catalogue, Ended, Grants, Interface, LoadError, MemoryCallLog, Outside, Plugin,
    Request, Revocations,
};
use serde_json::{Value, json};

use crate::support::{ENGINE, output, spec, task};

static FILER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = menagerie_builder::test_guests(&root, &mut Silent).unwrap();
    let filer = built.into_iter().find(|guest| guest.name == "filer");
    std::fs::read(filer.unwrap().path).unwrap()
});

fn filer() -> Arc<Plugin> {
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let grants = Grants::of(["menagerie:plugin/artifacts"]);
    catalogue.load(&FILER, &grants).unwrap()
}

/// The host call that made it, what is known of it, and its content.
type Made = (u32, ArtifactInfo, Arc<[u8]>);

/// A strict store in memory: it refuses what a correct host never does.
#[derive(Default)]
struct Store {
    made: Mutex<Vec<Made>>,
    stats: Mutex<u32>,
    reads: Mutex<u32>,
    /// No more than these.
    room: Option<usize>,
}

#[async_trait]
impl ArtifactStore for Store {
    async fn put(
        &self,
        ordinal: u32,
        content: ArtifactContent,
    ) -> Result<Option<ArtifactInfo>, String> {
        let mut made = self.made.lock().unwrap();
        if made.iter().any(|(before, ..)| *before == ordinal) {
            return Err(format!("artifact {ordinal} is made twice"));
        }
        if self.room.is_some_and(|room| made.len() >= room) {
            return Ok(None);
        }
        let number = made.len() + 1;
        let info = ArtifactInfo {
            id: format!("artifact-{number}"),
            name: content.name,
            version: 1,
            media_type: content.media_type,
            digest: format!("sha256:{number:064x}"),
            size: content.bytes.len() as u64,
        };
        made.push((ordinal, info.clone(), content.bytes));
        Ok(Some(info))
    }

    async fn stat(&self, id: &str) -> Result<Option<ArtifactInfo>, String> {
        *self.stats.lock().unwrap() += 1;
        let made = self.made.lock().unwrap();
        let found = made.iter().find(|(_, info, _)| info.id == id);
        Ok(found.map(|(_, info, _)| info.clone()))
    }

    async fn content(&self, digest: &str) -> Result<Arc<[u8]>, String> {
        *self.reads.lock().unwrap() += 1;
        let made = self.made.lock().unwrap();
        let found = made.iter().find(|(_, info, _)| info.digest == digest);
        let found = found.map(|(.., content)| content.clone());
        found.ok_or_else(|| format!("{digest} was never told of"))
    }
}

/// Everything is taken after so many questions.
struct TakenAfter(Mutex<u32>);

impl Revocations for TakenAfter {
    fn is_revoked(&self, interface: Interface) -> bool {
        assert_eq!(interface, Interface::Artifacts);
        let mut left = self.0.lock().unwrap();
        let taken = *left == 0;
        *left = left.saturating_sub(1);
        taken
    }
}

fn call(store: &Arc<Store>, asks: &Value) -> CallSpec {
    CallSpec {
        request: Request::Process(task(&json!({ "asks": asks }).to_string())),
        outside: Outside {
            artifacts: Some(ArtifactAccess {
                policy: ArtifactPolicy { max_size: 3 << 20 },
                store: store.clone(),
            }),
            ..Outside::default()
        },
        ..spec(filer())
    }
}

#[track_caller]
fn answers(report: &CallReport) -> Vec<Value> {
    let output: Value = serde_json::from_str(output(report)).unwrap();
    output["answers"].as_array().unwrap().clone()
}

async fn asked(store: &Arc<Store>, asks: Value) -> (Vec<Value>, CallReport) {
    let report = ENGINE.call(call(store, &asks)).await;
    (answers(&report), report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_is_read_back_in_parts_and_whole() {
    let store = Arc::new(Store::default());
    let asks = json!([
        {"put": {"name": "notes.md", "media_type": "text/markdown", "text": "0123456789"}},
        {"stat": "artifact-1"},
        {"get": {"id": "artifact-1", "offset": 3, "length": 4}},
        {"get": {"id": "artifact-1", "offset": 8}},
        {"get": {"id": "artifact-1", "offset": 99}},
        {"get": {"id": "artifact-1", "offset": 4_294_967_295_u32}},
        {"put": {"name": "large", "bytes": 2_500_000}},
        {"get": {"id": "artifact-2"}},
        {"read": "artifact-2"},
    ]);
    let (answers, report) = asked(&store, asks).await;
    assert_eq!(answers[0]["put"]["id"], "artifact-1", "{answers:?}");
    assert_eq!(answers[1]["stat"]["media_type"], "text/markdown");
    assert_eq!(answers[1]["stat"]["size"], 10);
    assert_eq!(answers[2], json!({"got": {"length": 4, "text": "3456"}}));
    assert_eq!(answers[3], json!({"got": {"length": 2, "text": "89"}}));
    for beyond in &answers[4..6] {
        assert_eq!(beyond, &json!({"got": {"length": 0, "text": ""}}));
    }
    assert_eq!(
        answers[7]["got"]["length"],
        1 << 20,
        "at most 1 MiB at once"
    );
    assert_eq!(answers[8]["got"]["length"], 2_500_000);
    assert_eq!(*store.reads.lock().unwrap(), 2, "once for each");
    assert_eq!(report.usage.denied_host_calls, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_media_types_that_are_none_and_what_is_too_large_are_refused() {
    let store = Arc::new(Store::default());
    let named = |name: &str| json!({"put": {"name": name}});
    let typed = |media_type: &str| json!({"put": {"name": "n", "media_type": media_type}});
    let names = [
        "",
        "../x",
        "a/b",
        ".hidden",
        "a\u{1b}[2J",
        "a b",
        &"x".repeat(129),
    ];
    let types = [
        "",
        "text",
        "text/",
        "/plain",
        "text/plain; charset=utf-8",
        "text/pl\nain",
        "te xt/plain",
    ];
    let mut asks: Vec<Value> = names.iter().map(|name| named(name)).collect();
    asks.extend(types.iter().map(|media_type| typed(media_type)));
    asks.push(json!({"put": {"name": "n", "bytes": (3 << 20) + 1}}));
    let (answers, report) = asked(&store, json!(asks)).await;
    for refused in &answers[..names.len()] {
        assert_eq!(refused["problem"][0], "invalid-name", "{answers:?}");
        assert!(!refused.to_string().contains('\u{1b}'));
    }
    for refused in &answers[names.len()..names.len() + types.len()] {
        assert_eq!(refused["problem"][0], "invalid-media-type", "{answers:?}");
    }
    assert_eq!(answers.last().unwrap()["problem"][0], "too-large");
    assert!(store.made.lock().unwrap().is_empty());
    assert_eq!(report.usage.denied_host_calls, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_run_does_not_have_is_denied_and_counted_and_a_full_run_says_so() {
    let store = Arc::new(Store {
        room: Some(0),
        ..Store::default()
    });
    let asks = json!([
        {"stat": "artifact-1"},
        {"get": {"id": "../other/artifact-1"}},
        {"read": "x".repeat(10_000)},
        {"put": {"name": "n"}},
    ]);
    let (answers, report) = asked(&store, asks).await;
    for denied in &answers[..3] {
        assert_eq!(denied["problem"][0], "denied", "{answers:?}");
        assert!(denied.to_string().len() < 300);
    }
    assert_eq!(answers[3]["problem"][0], "full");
    assert_eq!(report.usage.denied_host_calls, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_executed_again_is_answered_by_the_log() {
    let store = Arc::new(Store::default());
    let log = Arc::new(MemoryCallLog::default());
    let asks = json!([
        {"stat": "artifact-1"},
        {"put": {"name": "n", "text": "content"}},
        {"read": "artifact-1"},
    ]);
    let again = || {
        let mut call = call(&store, &asks);
        call.call_log = log.clone();
        ENGINE.call(call)
    };
    let first = again().await;
    assert_eq!(answers(&first)[0]["problem"][0], "denied");
    let stats = *store.stats.lock().unwrap();
    let second = again().await;
    assert_eq!(answers(&second), answers(&first));
    assert_eq!(second.usage.denied_host_calls, 1, "counted alike");
    assert_eq!(*store.stats.lock().unwrap(), stats, "the log knows");
    let other = json!([{"stat": "artifact-1"}, {"put": {"name": "n", "text": "other"}}]);
    let mut other = call(&store, &other);
    other.call_log = log.clone();
    let ended = ENGINE.call(other).await.ended;
    assert!(
        matches!(ended, Ended::Nondeterministic { ordinal: 1, .. }),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_is_taken_is_gone_at_the_next_host_call_and_a_replay_sees_the_same() {
    let store = Arc::new(Store::default());
    let log = Arc::new(MemoryCallLog::default());
    let put = |name: &str| json!({"put": {"name": name}});
    let asks = json!([put("a"), put("b"), put("c"), {"stat": "artifact-1"}]);
    let mut first = call(&store, &asks);
    first.call_log = log.clone();
    first.outside.revoked = Arc::new(TakenAfter(Mutex::new(2)));
    let first = ENGINE.call(first).await;
    let told = answers(&first);
    assert_eq!(told[1]["put"]["id"], "artifact-2", "{told:?}");
    for gone in &told[2..] {
        assert_eq!(gone["problem"], json!(["denied", "the grant was revoked"]));
    }
    assert_eq!(first.usage.denied_host_calls, 2);
    assert_eq!(store.made.lock().unwrap().len(), 2);
    // Without the revocation: what was recorded is told.
    let mut again = call(&store, &asks);
    again.call_log = log.clone();
    assert_eq!(answers(&ENGINE.call(again).await), told);
}

#[test]
fn without_the_grant_it_is_not_loaded() {
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let refused = catalogue.load(&FILER, &Grants::default()).unwrap_err();
    assert!(
        matches!(&refused, LoadError::NotGranted { import, .. } if import.contains("artifacts")),
        "{refused}"
    );
}
