//! Texts that are nearly flow files, events or histories: refused with a place or a reason, or the same
//! when they are written and read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_fuzz::{corpus, fuzz, fuzz_for};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::flow_file;
use menagerie_orchestration::history_file::HistoryFile;
use menagerie_orchestration::replay::Replay;
use menagerie_orchestration::run::Run;
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

const OF_EVENTS: [&str; 9] = [
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

/// The text of every event that a history holds, and kept ones with fields that no history has.
fn events() -> Vec<Vec<u8>> {
    let events = histories()
        .into_iter()
        .flat_map(|(_, history)| history.events);
    let mut seeds: Vec<Vec<u8>> = events.map(String::into_bytes).collect();
    assert!(seeds.len() > 100, "{}", seeds.len());
    // Each stands for many of the others, and is chosen as often.
    for kept in corpus("event") {
        let mut beside = |_: &str| Ok(Document::empty_object());
        wire::decode(std::str::from_utf8(&kept).unwrap(), &mut beside).unwrap();
        seeds.extend(std::iter::repeat_n(kept, 20));
    }
    seeds
}

#[test]
fn a_nearly_good_event_is_refused_or_is_the_same_when_it_is_written_again() {
    fuzz("event", &events(), &OF_EVENTS, |bytes| {
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

/// A history, read.
struct Told {
    flow: Arc<Flow>,
    events: Vec<Recorded>,
}

impl Told {
    fn of(history: &HistoryFile) -> Told {
        Told {
            flow: Arc::new(flow_file::parse(&history.flow).unwrap().flow),
            events: history.recorded().unwrap(),
        }
    }

    /// With another event in the place of one.
    fn with<'a>(&'a self, at: usize, other: &'a Recorded) -> impl Iterator<Item = &'a Recorded> {
        let (before, rest) = self.events.split_at(at);
        before.iter().chain([other]).chain(&rest[1..])
    }
}

#[test]
fn a_history_with_a_nearly_good_event_is_folded_and_a_replay_of_it_ends() {
    let histories: Vec<Told> = histories()
        .iter()
        .map(|(_, history)| Told::of(history))
        .collect();
    // Where an event of a kind stands, so that the one that was changed stands where it might.
    let mut places: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for (history, told) in histories.iter().enumerate() {
        for (at, recorded) in told.events.iter().enumerate() {
            let kind = recorded.event.kind();
            places.entry(kind).or_default().push((history, at));
        }
    }
    fuzz_for(3, "told", &events(), &OF_EVENTS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let mut beside = |_: &str| Ok(Document::empty_object());
        let Ok(recorded) = wire::decode(text, &mut beside) else {
            return;
        };
        let Some(places) = places.get(recorded.event.kind()) else {
            return;
        };
        let chosen: usize = bytes.iter().map(|byte| usize::from(*byte)).sum();
        let (history, at) = places[chosen % places.len()];
        let told = &histories[history];
        let mut fold = Run::new(told.flow.clone());
        for event in told.with(at, &recorded) {
            fold.apply(event);
        }
        assert_eq!(fold.next_seq(), told.events.len() as u64);
        // What came of it is a state like any other.
        let kept = fold.snapshot().unwrap();
        let restored = Run::restore(told.flow.clone(), &kept).unwrap();
        assert_eq!(restored, fold);
        let mut replay = Replay::new(told.flow.clone());
        let mut events = told.with(at, &recorded);
        // Up to the first difference, which is one of the event that was changed or of a later one.
        let differs = events.position(|event| replay.take(event).is_err());
        assert!(
            differs.is_none_or(|found| found >= at),
            "{differs:?}, not {at}"
        );
    });
}
