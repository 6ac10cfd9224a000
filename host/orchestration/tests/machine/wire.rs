//! Events as text: what stands within, what beside, and what cannot be read.

use std::collections::BTreeMap;

use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Event, Recorded};
use menagerie_orchestration::time::Timestamp;
use menagerie_orchestration::wire::{INLINE_BYTES, KINDS, WireError, decode, encode};
use serde_json::{Value, json};

use crate::flows::flow;
use crate::story::{Story, plan};

fn none(_: &str) -> Result<Document, String> {
    Err("there is none".to_owned())
}

#[test]
fn an_event_is_one_line_with_its_type_version_time_and_cause() {
    let event: Recorded = Recorded {
        at: Timestamp(5),
        cause: "inbox:w1".to_owned(),
        continues: false,
        event: Event::Paused {
            by: "ann".to_owned(),
        },
    };
    let encoded = encode(&event).unwrap();
    assert_eq!(encoded.kind, "paused");
    let value: Value = serde_json::from_str(&encoded.text).unwrap();
    assert_eq!(
        value,
        json!({"v": 1, "at": 5, "cause": "inbox:w1", "type": "paused", "by": "ann"})
    );
    assert!(!encoded.text.contains('\n'));
    assert_eq!(decode(&encoded.text, &mut none).unwrap(), event);
}

#[test]
fn long_documents_stand_beside_the_event_once_each() {
    let mut story = Story::of(flow(&["a"]));
    let long = json!({"text": "x".repeat(INLINE_BYTES)});
    let decision = plan()
        .route("one", "a")
        .given(long.clone())
        .route("two", "a")
        .given(long.clone())
        .route("three", "a")
        .given(json!({"text": "short"}));
    story.decides(decision);
    let encoded = encode(story.journal.last().unwrap()).unwrap();
    assert!(encoded.text.len() < 2 * INLINE_BYTES, "{}", encoded.text);
    let beside: BTreeMap<_, _> = encoded.payloads.iter().cloned().collect();
    assert_eq!(beside.len(), 1);
    let (digest, text) = beside.iter().next().unwrap();
    assert_eq!(*text, long.to_string());
    assert_eq!(encoded.payloads.len(), 1, "one document is given once");
    let mut payload = |wanted: &str| {
        assert_eq!(wanted, digest);
        Ok(Document::from(long.clone()))
    };
    let back = decode(&encoded.text, &mut payload).unwrap();
    assert_eq!(&back, story.journal.last().unwrap());
    let error = decode(&encoded.text, &mut none).unwrap_err();
    assert!(matches!(error, WireError::Payload { .. }), "{error}");
}

#[test]
fn a_newer_version_and_an_unknown_type_are_errors_of_their_own() {
    let newer = r#"{"v":2,"type":"rewound","at":1,"cause":"start"}"#;
    let error = decode(newer, &mut none).unwrap_err().to_string();
    assert_eq!(
        error,
        "the event `rewound` has version 2, this host reads up to 1: it can be shown, not resumed"
    );
    let unknown = r#"{"v":1,"type":"rewound","at":1,"cause":"start"}"#;
    assert!(matches!(
        decode(unknown, &mut none),
        Err(WireError::UnknownType { kind }) if kind == "rewound"
    ));
    for damaged in ["", "{}", "[]", r#"{"v":1,"type":"paused"}"#] {
        assert!(decode(damaged, &mut none).is_err(), "{damaged}");
    }
}

#[test]
fn the_list_of_types_is_that_of_the_events() {
    // Whoever reads a type that is not there is told all that are.
    let unknown = r#"{"type":"rewound","at":1,"cause":"start"}"#;
    let told = serde_json::from_str::<Recorded>(unknown).unwrap_err();
    let listed: Vec<String> = KINDS.iter().map(|kind| format!("`{kind}`")).collect();
    let expected = format!("expected one of {}", listed.join(", "));
    assert!(told.to_string().contains(&expected), "{told}");
}

#[test]
fn an_unknown_field_is_no_error() {
    let text = r#"{"v":1,"type":"paused","at":1,"cause":"c","by":"ann","mood":"good"}"#;
    assert_eq!(decode(text, &mut none).unwrap().event.kind(), "paused");
}

#[test]
fn the_kind_is_the_type_in_the_text() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a").step("escalate", "two", "a"));
    story.fails("one", "permanent");
    for event in &story.journal {
        let encoded = encode(event).unwrap();
        let value: Value = serde_json::from_str(&encoded.text).unwrap();
        assert_eq!(value["type"], encoded.kind.as_str());
    }
}

#[test]
fn numbers_survive_exactly() {
    // A decimal that the fast parser gets wrong in its last bit.
    for text in [
        "0.1",
        "-0.0",
        "1e300",
        "5e-324",
        "2.2250738585072014e-308",
        "9007199254740993",
    ] {
        let value: Value = serde_json::from_str(text).unwrap();
        let again: Value = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(value, again, "{text}");
    }
    for bits in [
        0x3feb_73ee_30dc_2d4f_u64,
        0x4008_5b8a_9c44_5f11,
        0x7fe1_ccf3_85eb_c8a0,
    ] {
        let number = f64::from_bits(bits);
        let text = serde_json::to_string(&number).unwrap();
        let again: f64 = serde_json::from_str(&text).unwrap();
        assert_eq!(number.to_bits(), again.to_bits(), "{text}");
    }
}
