//! What the exports look like, and that a reader gets back what was written.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::collections::BTreeMap;
use std::io::{self, Write};

use menagerie_mining::{
    AttributeValue, Attributes, Case, CaseState, Cost, Lifecycle, LogHead, ProcessEvent, Written,
    XesError, XesWriter, write_jsonl, write_xes,
};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use seeded::seeded;

mod seeded;

fn event(number: u32, lifecycle: Lifecycle, at_ms: i64) -> ProcessEvent {
    let id = format!("run_1/{number}");
    ProcessEvent::new(id, "run_1", "plan", "plan#1", lifecycle, at_ms)
}

/// A case with everything that an event can have: a failed attempt, a retry, a skip, a decision.
fn sample() -> Vec<Case> {
    const BEGIN: i64 = 1_767_225_600_000;
    let resource = Some("planner".to_owned());
    let mut schedule = event(1, Lifecycle::Schedule, BEGIN);
    schedule.group = Some("review".to_owned());
    let mut start = event(2, Lifecycle::Start, BEGIN + 5);
    start.resource.clone_from(&resource);
    let mut abort = event(3, Lifecycle::AteAbort, BEGIN + 105);
    abort.resource.clone_from(&resource);
    abort.fuel = Some(12_345);
    abort.attributes = Attributes::from([
        (
            "error".to_owned(),
            "line 3: no <name>\n& \"no\" version".into(),
        ),
        ("error kind".to_owned(), "invalid-input".into()),
        ("concept:name".to_owned(), "not the activity".into()),
    ]);
    let mut again = event(4, Lifecycle::Start, BEGIN + 1_105);
    again.resource.clone_from(&resource);
    again.attempt = 2;
    let mut complete = event(5, Lifecycle::Complete, BEGIN + 1_305);
    complete.resource = resource;
    complete.attempt = 2;
    complete.cost = Some(Cost {
        micros: 20_000,
        currency: "USD".to_owned(),
    });
    complete.tokens = Some(1_200);
    complete.fuel = Some(98_765);
    complete.duration_ms = Some(200);
    complete.attributes = Attributes::from([
        ("cached".to_owned(), false.into()),
        ("confidence".to_owned(), 0.5.into()),
        ("due".to_owned(), AttributeValue::Date(-1)),
        ("owner".to_owned(), AttributeValue::Id("3d9a".to_owned())),
        ("peak_memory_bytes".to_owned(), 65_536.into()),
        (
            "targets".to_owned(),
            AttributeValue::items(["lint".into(), AttributeValue::items([7.into()])]),
        ),
    ]);
    let decision = ProcessEvent {
        resource: Some("orchestrator".to_owned()),
        ..ProcessEvent::new(
            "run_1/6",
            "run_1",
            "decision:end",
            "decision#1",
            Lifecycle::Complete,
            BEGIN + 1_306,
        )
    };
    vec![
        Case {
            id: "run_1".to_owned(),
            state: CaseState::Completed,
            attributes: Attributes::from([("flow".to_owned(), "überprüfung".into())]),
            events: vec![schedule, start, abort, again, complete, decision],
        },
        Case {
            id: "run_2".to_owned(),
            state: CaseState::Open,
            attributes: Attributes::new(),
            events: Vec::new(),
        },
    ]
}

fn head() -> LogHead {
    LogHead {
        name: "review".to_owned(),
        attributes: Attributes::from([("menagerie".to_owned(), "0.1.0".into())]),
    }
}

fn to_text(cases: Vec<Case>) -> (String, Written) {
    let mut bytes = Vec::new();
    let written = write_xes(&mut bytes, &head(), cases).unwrap();
    (String::from_utf8(bytes).unwrap(), written)
}

/// Compares with a file that is also given to PM4Py and to the schema; `UPDATE_GOLDEN=1` rewrites it.
fn check_golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{path}");
}

#[test]
fn nothing_that_a_terminal_would_act_on_is_written_as_it_is() {
    let hostile = "\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{2028}日";
    let mut event = event(1, Lifecycle::Complete, 0);
    event.resource = Some(hostile.to_owned());
    let mut lines = Vec::new();
    write_jsonl(&mut lines, [&event]).unwrap();
    let line = String::from_utf8(lines).unwrap();
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["resource"], hostile);
    let mut case = sample().remove(0);
    case.events = vec![event];
    let mut xes = Vec::new();
    write_xes(&mut xes, &LogHead::default(), [case]).unwrap();
    for text in [line, String::from_utf8(xes).unwrap()] {
        assert!(text.contains('日'));
        let harmful = |found: char| {
            (found.is_control() && !matches!(found, '\n' | '\t'))
                || matches!(found, '\u{202e}' | '\u{2028}')
        };
        assert!(!text.contains(harmful), "{text:?}");
    }
}

#[test]
fn a_log_looks_like_the_golden_file() {
    let (text, written) = to_text(sample());
    check_golden("sample.xes", &text);
    assert_eq!(
        written,
        Written {
            cases: 2,
            events: 6,
            bytes: text.len() as u64,
            replaced_characters: 0,
        }
    );
}

#[test]
fn the_events_as_json_lines_look_like_the_golden_file() {
    let mut bytes = Vec::new();
    let events: Vec<ProcessEvent> = sample().into_iter().flat_map(|case| case.events).collect();
    assert_eq!(write_jsonl(&mut bytes, &events).unwrap(), 6);
    check_golden("sample.jsonl", &String::from_utf8(bytes).unwrap());
}

#[test]
fn an_empty_log_is_a_whole_log() {
    let (text, written) = to_text(Vec::new());
    check_golden("empty.xes", &text);
    assert_eq!((written.cases, written.events), (0, 0));
    assert_eq!(
        write_jsonl(io::sink(), Vec::<ProcessEvent>::new()).unwrap(),
        0
    );
}

#[test]
fn a_time_that_readers_cannot_hold_names_its_event() {
    let mut late = event(1, Lifecycle::Complete, i64::MAX);
    let refused = |event: &ProcessEvent| {
        let mut writer = XesWriter::new(io::sink(), &head()).unwrap();
        writer
            .case("run_1", CaseState::Open, &Attributes::new())
            .unwrap();
        writer.event(event).unwrap_err().to_string()
    };
    let message = refused(&late);
    assert!(message.contains("event `run_1/1`"), "{message}");
    assert!(message.contains("`time:timestamp`"), "{message}");
    let error = write_jsonl(io::sink(), [&late]).unwrap_err();
    assert_eq!((error.line, error.event_id.as_str()), (1, "run_1/1"));

    late.at_ms = 0;
    let nested = AttributeValue::items([AttributeValue::Date(i64::MIN)]);
    late.attributes.insert("seen".to_owned(), nested);
    assert!(refused(&late).contains("`item0`"));
}

#[test]
fn a_count_beyond_the_integers_of_xes_is_refused_by_name() {
    let mut event = event(1, Lifecycle::Complete, 0);
    event.fuel = Some(u64::MAX);
    let case = Case {
        id: "run_1".to_owned(),
        state: CaseState::Open,
        attributes: Attributes::new(),
        events: [&event],
    };
    let error = write_xes(io::sink(), &head(), [case]).unwrap_err();
    assert!(
        matches!(
            error,
            XesError::Count {
                key: "fuel",
                value: u64::MAX,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_event_of_another_case_is_refused() {
    let mut writer = XesWriter::new(io::sink(), &head()).unwrap();
    let stray = event(1, Lifecycle::Start, 0);
    assert!(matches!(writer.event(&stray), Err(XesError::NoCase { .. })));
    writer
        .case("run_2", CaseState::Open, &Attributes::new())
        .unwrap();
    let error = writer.event(&stray).unwrap_err().to_string();
    assert_eq!(
        error,
        "event `run_1/1` belongs to case `run_1`, not to `run_2`"
    );
}

/// A sink that takes some bytes and then has no more room.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_fills() {
    let (text, _) = to_text(sample());
    for room in [0, 1, 4_096, text.len() - 1] {
        let error = write_xes(Full(room), &head(), sample()).unwrap_err();
        assert!(matches!(error, XesError::Sink { .. }), "{error}");
    }
    assert!(write_xes(Full(text.len()), &head(), sample()).is_ok());
    let lines = write_jsonl(Full(10), &sample()[0].events).unwrap_err();
    assert_eq!(lines.line, 1);
}

/// The attributes of the only event of a log, read by a parser that shares no code with the writer.
fn parse_only_event(text: &str) -> BTreeMap<String, (String, String)> {
    let mut reader = Reader::from_str(text);
    let mut found = BTreeMap::new();
    let (mut in_event, mut lists) = (false, Vec::<String>::new());
    loop {
        let event = reader.read_event().unwrap();
        match &event {
            Event::Eof => return found,
            Event::Start(tag) if tag.name().as_ref() == "event" => in_event = true,
            Event::End(tag) if tag.name().as_ref() == "event" => in_event = false,
            Event::End(tag) if tag.name().as_ref() == "list" => drop(lists.pop()),
            Event::Start(tag) | Event::Empty(tag) if in_event => {
                let text_of = |name: &str| {
                    let attribute = tag.try_get_attribute(name).unwrap();
                    attribute.map(|attribute| {
                        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                        value.unwrap().into_owned()
                    })
                };
                let key = text_of("key").unwrap();
                let tag_name = tag.name().as_ref().to_owned();
                if matches!(event, Event::Start(_)) {
                    lists.push(key);
                } else if tag_name != "values" {
                    let path = lists.iter().chain([&key]).cloned().collect::<Vec<_>>();
                    let before =
                        found.insert(path.join("/"), (tag_name, text_of("value").unwrap()));
                    assert!(before.is_none(), "{path:?} occurs twice");
                }
            }
            _ => {}
        }
    }
}

/// What a parser should find for a value.
fn expected(path: &str, value: &AttributeValue, into: &mut BTreeMap<String, (String, String)>) {
    let (tag, text) = match value {
        AttributeValue::String(text) => ("string", text.clone()),
        AttributeValue::Id(text) => ("id", text.clone()),
        AttributeValue::Int(number) => ("int", number.to_string()),
        AttributeValue::Bool(truth) => ("boolean", truth.to_string()),
        AttributeValue::Float(number) => ("float", format!("{:x}", number.to_bits())),
        AttributeValue::Date(at_ms) => {
            ("date", menagerie_mining::timestamp::format(*at_ms).unwrap())
        }
        AttributeValue::List(items) => {
            for (key, item) in items {
                expected(&format!("{path}/{key}"), item, into);
            }
            return;
        }
    };
    into.insert(path.to_owned(), (tag.to_owned(), text));
}

/// Text of characters that XML 1.0 can hold, weighted towards the awkward ones.
fn text() -> impl Strategy<Value = String> {
    let awkward = proptest::sample::select(vec![
        '&', '<', '>', '"', '\'', '\n', '\r', '\t', ' ', ';', '#', ']', 'é', '日', '𝄞', '\u{85}',
        '\u{2028}', '\u{7f}', '\u{fffd}',
    ]);
    let any = any::<char>().prop_filter("XML 1.0 cannot hold it", |character| {
        !matches!(character, '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
    });
    proptest::collection::vec(prop_oneof![3 => awkward, 1 => any], 0..40)
        .prop_map(|characters| characters.into_iter().collect())
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let dates = menagerie_mining::timestamp::EARLIEST_MS..=menagerie_mining::timestamp::LATEST_MS;
    let leaf = prop_oneof![
        text().prop_map(AttributeValue::String),
        text().prop_map(AttributeValue::Id),
        any::<i64>().prop_map(AttributeValue::Int),
        any::<f64>().prop_map(AttributeValue::Float),
        any::<bool>().prop_map(AttributeValue::Bool),
        dates.prop_map(AttributeValue::Date),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(AttributeValue::items)
    })
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn any_attribute_survives_a_parser(
        attributes in proptest::collection::btree_map("[a-z][a-z0-9.-]{0,8}:[a-z]{1,4}", value(), 0..6),
        activity in text(),
        at_ms in menagerie_mining::timestamp::EARLIEST_MS..=menagerie_mining::timestamp::LATEST_MS,
        // Moves the text over the borders of the blocks that PM4Py decodes one by one.
        padding in 0..5_000_usize,
    ) {
        let mut event = event(1, Lifecycle::Complete, at_ms);
        event.activity.clone_from(&activity);
        event.attributes.clone_from(&attributes);
        event.attributes.insert("padding".to_owned(), "é".repeat(padding).into());
        let mut wanted = BTreeMap::new();
        for (key, value) in &event.attributes {
            expected(key, value, &mut wanted);
        }
        let (text, written) = to_text(vec![Case {
            id: "run_1".to_owned(),
            state: CaseState::Open,
            attributes: Attributes::new(),
            events: vec![event],
        }]);
        prop_assert_eq!(written.replaced_characters, 0);
        for block in text.as_bytes().chunks(4_096) {
            prop_assert!(std::str::from_utf8(block).is_ok());
        }
        let mut found = parse_only_event(&text);
        for (tag, number) in found.values_mut() {
            if tag == "float" {
                let read: f64 = number.replace("INF", "inf").parse().unwrap();
                *number = format!("{:x}", read.to_bits());
            }
        }
        prop_assert_eq!(found.remove("concept:name").map(|(_, name)| name), Some(activity));
        for key in ["concept:instance", "identity:id", "lifecycle:transition", "time:timestamp", "attempt"] {
            prop_assert!(found.remove(key).is_some());
        }
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn any_key_is_a_name_and_stays_apart(keys in proptest::collection::btree_set(".{0,6}", 2..8)) {
        let mut event = event(1, Lifecycle::Complete, 0);
        event.attributes = keys.iter().map(|key| (key.clone(), true.into())).collect();
        let own = to_text(vec![Case {
            id: "run_1".to_owned(),
            state: CaseState::Open,
            attributes: Attributes::new(),
            events: vec![event],
        }]);
        let found = parse_only_event(&own.0);
        let written = found.iter().filter(|(_, (tag, _))| tag == "boolean").count();
        prop_assert_eq!(written, keys.len());
        for key in found.keys() {
            prop_assert!(key.is_ascii() && !key.contains(' '));
            prop_assert!(!key.starts_with(|first: char| first.is_ascii_digit() || first == '-' || first == '.'));
        }
    }
}
