//! Texts that are nearly flow files, events or histories: refused with a place or a reason, or the same
//! when they are written and read again.

use menagerie_fuzz::{corpus, fuzz};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow_file;
use menagerie_orchestration::history_file::HistoryFile;
use menagerie_orchestration::wire;

use crate::histories::histories;

#[test]
fn a_nearly_good_flow_file_is_a_flow_or_its_problems_with_their_places() {
    let words = [
        "[agents.a]",
        "[strategy]",
        "[limits]",
        "plugin = ",
        "config = {",
        "after = [",
        "\"\"\"",
        "nan",
        "2024-05-01",
        "\"64 MiB\"",
        "\"1h 30m\"",
        "limits",
        "\\u0000",
    ];
    fuzz("flow", &corpus("flow"), &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        match flow_file::parse(text) {
            Ok(parsed) => {
                assert!(!parsed.flow.agents.is_empty());
                let again = flow_file::parse(text).expect("it was read before");
                assert_eq!(again.flow, parsed.flow);
            }
            Err(problems) => {
                let lines = text.lines().count() + 1;
                assert!(!problems.is_empty());
                for problem in &problems {
                    assert!(
                        (1..=lines).contains(&problem.line),
                        "{problem} of {lines} lines"
                    );
                }
            }
        }
    });
}

#[test]
fn a_nearly_good_event_is_refused_or_is_the_same_when_it_is_written_again() {
    let events = histories()
        .into_iter()
        .flat_map(|(_, history)| history.events);
    let seeds: Vec<Vec<u8>> = events.map(String::into_bytes).collect();
    assert!(seeds.len() > 100, "{}", seeds.len());
    let words = [
        "\"type\":",
        "\"inline\":",
        "\"payload\":",
        "null",
        "{}",
        "[]",
        "\"v\":",
        "\"paused\"",
        "\"run_ended\"",
    ];
    fuzz("event", &seeds, &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let mut beside = |_: &str| Ok(Document::empty_object());
        if let Ok(recorded) = wire::decode(text, &mut beside) {
            let encoded = wire::encode(&recorded).expect("it came out of JSON");
            assert_eq!(encoded.kind, recorded.event.kind());
            let payloads = encoded.payloads;
            let mut stored = |digest: &str| {
                let found = payloads.iter().find(|(known, _)| known == digest);
                let (_, text) = found.ok_or("no such payload")?;
                serde_json::from_str::<serde_json::Value>(text)
                    .map(Document::from)
                    .map_err(|error| error.to_string())
            };
            let again = wire::decode(&encoded.text, &mut stored).expect("it was read before");
            assert_eq!(again, recorded);
        }
    });
}

#[test]
fn a_nearly_good_history_is_refused_or_is_the_same_when_it_is_written_again() {
    let mut texts: Vec<String> = histories()
        .into_iter()
        .filter_map(|(_, history)| history.to_text().ok())
        .collect();
    texts.sort_by_key(String::len);
    let seeds: Vec<Vec<u8>> = texts.into_iter().take(6).map(String::into_bytes).collect();
    fuzz(
        "history",
        &seeds,
        &["\n", "\"seq\":", "\"flow\":", "sha256:"],
        |bytes| {
            let Ok(text) = std::str::from_utf8(bytes) else {
                return;
            };
            if let Ok(history) = HistoryFile::parse(text) {
                // What is told in it may still be wrong: then with a reason.
                let Ok(recorded) = history.recorded() else {
                    return;
                };
                assert_eq!(recorded.len(), history.events.len());
                let written = history.to_text().expect("it was read");
                assert_eq!(
                    HistoryFile::parse(&written).expect("it was read before"),
                    history
                );
            }
        },
    );
}
