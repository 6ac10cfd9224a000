//! A guest that reaches outside, made again from the record of its host calls: nothing leaves the host
//! a second time, and a record that is not the guest's own is named.
//!
//! A guest that has a chance of its own is planted in `chance.rs`; here records are changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_executor::{Assembled, Began, Nobody, Replayed, Stopped, assemble, replay};
use menagerie_journal::{
    Batch, CallKey, CallRecord, CallRow, Content, Created, Digest, Journal, MemoryJournal,
    NewEvent, NewRun, Pin,
};
use menagerie_licensing::{Entitlements, Tier};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow_file;
use menagerie_orchestration::history_file;
use serde_json::json;

use crate::components::{CATALOGUE, Shelf, host};
use crate::guests::{begin_of, key};
use crate::outside::Outside;
use crate::stores::Store;

/// Agents that fetch from the server, one after the other.
pub(crate) fn fetching(server: &Outside, agents: &[&str]) -> Assembled {
    let port = server.address.port();
    let agent = |name: &&str| {
        format!(
            r#"[agents.{name}]
plugin = "fetcher"
retry = {{ max = 1, base = "1ms" }}
[agents.{name}.grants.http]
allow = [{{ scheme = "http", host = "127.0.0.1", port = {port}, path = "/**", private_addresses = true }}]
"#
        )
    };
    let agents: String = agents.iter().map(agent).collect();
    let text = format!("name = \"fetching\"\n{agents}[strategy]\nplugin = \"echo-strategy\"\n");
    let flow = Arc::new(flow_file::parse(&text).unwrap().flow);
    let entitlements = Entitlements {
        features: Tier::Enterprise.features(),
        ..Entitlements::community()
    };
    assemble(&CATALOGUE, flow, text.into(), &Shelf, entitlements)
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A server with two pages, and the journal of a run that fetched both.
async fn fetched() -> (Outside, Arc<dyn Journal>) {
    let server = Outside::start();
    server.page("/one", "the first page");
    server.page("/two", "the second page");
    let store = Store::memory();
    let host = host(&store, "one");
    let mut begin = begin_of(key());
    let requests = [server.url("/one"), server.url("/two")].map(|url| json!({ "url": url }));
    begin.input = Document::from(json!({ "requests": requests }));
    let assembled = fetching(&server, &["fetch"]);
    let began = host.begin(&CATALOGUE, &assembled, begin, Arc::new(Nobody));
    match began.await.unwrap() {
        Began::Driven(run, Stopped::Ended) => {
            assert_eq!(run.status().word(), "completed", "{:?}", run.ended());
        }
        _ => panic!("the run ends"),
    }
    assert_eq!(server.seen().len(), 2);
    let journal = host.journal().clone();
    (server, journal)
}

/// The run in another store, with another call log.
async fn with_calls(
    journal: &dyn Journal,
    doctor: impl FnOnce(&mut Vec<CallRow>),
) -> Arc<dyn Journal> {
    let doctor = |rows: &mut Vec<CallRow>| {
        assert_eq!(rows.len(), 2);
        doctor(rows);
    };
    copied(journal, str::to_owned, doctor).await
}

/// The run in another store, which nobody owns: every event by way of `event`, and the host calls of the
/// step `fetch` by way of `calls`.
pub(crate) async fn copied(
    journal: &dyn Journal,
    event: impl Fn(&str) -> String,
    calls: impl FnOnce(&mut Vec<CallRow>),
) -> Arc<dyn Journal> {
    let mut rows = journal.calls(&key(), "fetch", 1).await.unwrap();
    calls(&mut rows);
    let row = journal.run(&key()).await.unwrap();
    let mut batch = Batch::default();
    for stored in journal.events(&key(), 0, usize::MAX).await.unwrap() {
        for digest in history_file::digests(&stored.json).unwrap() {
            let digest: Digest = digest.trim_start_matches("sha256:").parse().unwrap();
            let bytes = journal.payload(&key(), digest).await.unwrap();
            batch.payloads.push(Content::new(bytes.to_vec()));
        }
        batch.events.push(NewEvent {
            event_type: stored.event_type.into(),
            json: event(&stored.json),
            at_ms: stored.at_ms,
        });
    }
    let mut pins = Vec::new();
    for pin in journal.pins(&key()).await.unwrap() {
        let bytes = journal.blob(&key().namespace, pin.digest).await.unwrap();
        pins.push(Pin {
            name: pin.name,
            content: Content::new(bytes.to_vec()),
        });
    }
    let other = MemoryJournal::new("doctored");
    let new = NewRun {
        key: key(),
        input_digest: row.input_digest,
        flow: row.flow,
        parent: None,
        path: String::new(),
        session: None,
        labels: BTreeMap::new(),
        status: row.status,
        created_at_ms: row.created_at_ms,
        pins,
    };
    let Created::New(claim, _) = other.create(new, batch).await.unwrap() else {
        panic!("the store is new");
    };
    let mut records = Vec::new();
    for row in rows {
        records.push(CallRecord::Intend {
            call: row.call.clone(),
            execution: row.execution,
            request: row.request,
            effect: row.effect.into(),
            at_ms: row.intended_at_ms,
        });
        if let Some(answer) = row.answer {
            records.push(CallRecord::Record {
                call: row.call,
                request: row.request,
                answer: answer.content,
                at_ms: answer.at_ms,
            });
        }
    }
    other.record_calls(&claim, records).await.unwrap();
    other.release(claim).await.unwrap();
    Arc::new(other)
}

pub(crate) async fn told(journal: &Arc<dyn Journal>) -> Replayed {
    replay(journal, &CATALOGUE, &key(), &|_, _| {})
        .await
        .unwrap()
}

/// What a replay says of a doctored call log: where, and in what words.
async fn caught(doctor: impl FnOnce(&mut Vec<CallRow>)) -> (String, String) {
    let (server, journal) = fetched().await;
    let told = told(&with_calls(&*journal, doctor).await).await;
    assert_eq!(server.seen().len(), 2, "a replay asks nobody");
    let difference = told.difference.unwrap();
    assert_eq!(
        (difference.step.as_str(), difference.role.as_str()),
        ("fetch", "fetch")
    );
    assert!(told.plugin.unwrap().starts_with("fetcher@"));
    (difference.pointer, difference.note.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_fetched_is_made_again_without_asking_anybody() {
    let (server, journal) = fetched().await;
    for journal in [journal.clone(), with_calls(&*journal, |_| ()).await] {
        let told = told(&journal).await;
        assert_eq!((told.difference, told.calls), (None, 3));
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_record_is_a_divergence_and_not_made() {
    let (pointer, note) = caught(|rows| {
        rows.pop();
    })
    .await;
    assert_eq!(pointer, "/call");
    assert!(note.contains("diverged: new call: host call 1"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_than_the_recorded_one_is_named() {
    let (pointer, note) = caught(|rows| rows[1].request = Digest::of(b"another")).await;
    assert_eq!(pointer, "/call");
    assert!(note.contains("host call 1 is another request"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_that_is_not_made_any_more_is_named() {
    let (pointer, note) = caught(|rows| {
        let mut more = rows[1].clone();
        more.call = CallKey {
            ordinal: 2,
            ..more.call
        };
        rows.push(more);
    })
    .await;
    assert_eq!(pointer, "/call");
    assert!(note.contains("host call 2 was recorded"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_recorded_answer_leads_to_another_output() {
    let (pointer, _) = caught(|rows| {
        let answer = rows[0].answer.as_mut().unwrap();
        let text = String::from_utf8(answer.content.bytes().to_vec()).unwrap();
        assert!(text.contains("the first page"));
        let other = text.replace("the first page", "a faked page..");
        answer.content = Content::new(other.into_bytes());
    })
    .await;
    assert_eq!(pointer, "/result/completed/output/answers/0/body");
}
