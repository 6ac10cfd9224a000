//! Logs and nets that are nearly good: refused with a place, or what was read is what is read again when it
//! is written.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_fuzz::{corpus, fuzz};
use menagerie_mining::document::{
    Columns, document_of_csv, read_xes, write_csv, write_xes_document,
};
use menagerie_mining::log::{Occurrences, Variants};
use menagerie_mining::net::{read_pnml, write_pnml};
use menagerie_mining::objects::ObjectLog;

/// Seeds that are refused lead nowhere.
fn good(target: &str, reads: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let seeds = corpus(target);
    for (at, seed) in seeds.iter().enumerate() {
        assert!(reads(seed), "seed {} of {target} is refused", at + 1);
    }
    seeds
}

const XML: [&str; 14] = [
    "<event>",
    "</event>",
    "<trace>",
    "<string key=\"",
    "value=\"",
    "/>",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&#x0;",
    "<!--",
    "-->",
    "<!DOCTYPE a [",
    "xmlns:x=\"",
];

#[test]
fn a_nearly_good_xes_log_is_refused_or_keeps_its_events() {
    fuzz(
        "xes",
        &good("xes", |seed| read_xes(seed).is_ok()),
        &XML,
        |bytes| match read_xes(bytes) {
            Ok(document) => {
                let log = document.log("concept:name");
                // An event without an activity is none in the log, and kept in the document.
                assert!(log.events().len() <= document.events());
                let _ = Variants::of(&log, Occurrences::All);
                let mut written = Vec::new();
                // What no XML can hold, such as a control character, is said, and nothing else is refused.
                if write_xes_document(&mut written, &document).is_ok() {
                    let again = read_xes(&written).unwrap();
                    assert_eq!(again.events(), document.events());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
    );
}

#[test]
fn a_nearly_good_table_is_refused_or_keeps_its_events() {
    let words = [
        ",",
        ";",
        "\t",
        "\"",
        "\"\"",
        "\r\n",
        "case",
        "activity",
        "timestamp",
        "2026-01-01T00:00:00Z",
    ];
    fuzz(
        "csv",
        &good("csv", |seed| {
            document_of_csv(seed, &Columns::default()).is_ok()
        }),
        &words,
        |bytes| match document_of_csv(bytes, &Columns::default()) {
            Ok(document) => {
                let log = document.log("concept:name");
                // An event without an activity is none in the log, and kept in the document.
                assert!(log.events().len() <= document.events());
                let mut written = Vec::new();
                if write_csv(&mut written, &document).is_ok() && document.events() > 0 {
                    let again = document_of_csv(&written, &Columns::default()).unwrap();
                    assert_eq!(again.events(), document.events());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
    );
}

#[test]
fn a_nearly_good_log_of_objects_in_xml_is_refused_or_is_the_same_when_it_is_written_again() {
    let words = [
        "<event id=\"",
        "<object id=\"",
        "<relationship object-id=\"",
        "qualifier=\"",
        "<attribute name=\"",
        "type=\"",
        "time=\"",
        "</log>",
        "<![CDATA[",
        "&amp;",
        "&#x0;",
        "<!DOCTYPE a [",
    ];
    fuzz(
        "objects-xml",
        &good("objects-xml", |seed| ObjectLog::from_xml(seed).is_ok()),
        &words,
        |bytes| match ObjectLog::from_xml(bytes) {
            Ok(log) => {
                let mut written = Vec::new();
                // What no XML can hold, such as a control character, is left out, and said to be.
                if log
                    .write_xml(&mut written)
                    .is_ok_and(|left_out| left_out == 0)
                {
                    assert_eq!(ObjectLog::from_xml(&written).unwrap(), log);
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
    );
}

#[test]
fn a_nearly_good_net_is_refused_or_is_the_same_when_it_is_written_again() {
    let words = [
        "<place id=\"",
        "<arc id=\"",
        "source=\"",
        "target=\"",
        "<text>",
        "<inscription>",
        "&amp;",
        "idref=\"",
    ];
    fuzz(
        "pnml",
        &good("pnml", |seed| {
            std::str::from_utf8(seed).is_ok_and(|text| read_pnml(text).is_ok())
        }),
        &words,
        |bytes| {
            let Ok(text) = std::str::from_utf8(bytes) else {
                return;
            };
            if let Ok(net) = read_pnml(text) {
                let mut written = Vec::new();
                write_pnml(&mut written, &net).unwrap();
                let again = read_pnml(std::str::from_utf8(&written).unwrap()).unwrap();
                assert_eq!(again.transitions.len(), net.transitions.len());
                assert_eq!(
                    (again.places.len(), again.arcs()),
                    (net.places.len(), net.arcs())
                );
                assert_eq!((&again.initial, &again.finals), (&net.initial, &net.finals));
            }
        },
    );
}

#[test]
fn a_nearly_good_log_of_objects_is_refused_or_is_the_same_when_it_is_written_again() {
    let words = [
        "\"id\":",
        "\"type\":",
        "\"relationships\":",
        "\"time\":",
        "null",
        "[]",
        "{}",
    ];
    fuzz(
        "objects",
        &good("objects", |seed| {
            std::str::from_utf8(seed).is_ok_and(|text| ObjectLog::from_json(text).is_ok())
        }),
        &words,
        |bytes| {
            let Ok(text) = std::str::from_utf8(bytes) else {
                return;
            };
            if let Ok(log) = ObjectLog::from_json(text) {
                let mut written = Vec::new();
                log.write_json(&mut written).unwrap();
                let again = ObjectLog::from_json(std::str::from_utf8(&written).unwrap()).unwrap();
                assert_eq!(again, log);
            }
        },
    );
}
