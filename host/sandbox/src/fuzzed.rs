//! What the sandbox reads of what others wrote, where no guest is needed for it: nearly good inputs are
//! refused or mean the same to whoever reads them next.

use menagerie_fuzz::{corpus, fuzz};
use serde_json::Value;

use crate::http::Target;
use crate::ijson::{Budget, check_document};
use crate::manifest::Manifest;
use crate::trust::{Trust, TrustedKey};

const JSON: [&str; 12] = [
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "\\uD83D\\uDC06",
    "1e308",
    "{\"a\":",
    "[",
];

#[test]
fn an_answer_that_is_taken_is_json_for_others_within_its_depth() {
    fuzz("answer", &corpus("answer"), &JSON, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if check_document(text, &mut Budget::new(16, 2_000)).is_ok() {
            let value: Value = serde_json::from_str(text).expect("it was taken for JSON");
            assert!(depth(&value) <= 16, "deeper than what is allowed");
            // Names come once: nothing that was said is lost, whichever of two a reader takes.
            assert!(nodes(&value) <= 2_000, "more than what is allowed");
            let again = value.to_string();
            check_document(&again, &mut Budget::new(16, 2_000)).expect("it was taken before");
        }
    });
}

fn depth(value: &Value) -> u32 {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(nodes).sum::<usize>(),
        _ => 1,
    }
}

#[test]
fn a_manifest_that_is_taken_is_the_same_when_it_is_written_and_read() {
    let words = [
        "\"name\":",
        "\"skills\":",
        "\"limits\":{",
        "\"fuel\":",
        "null",
        "{}",
        "[\"a\"]",
    ];
    fuzz("manifest", &corpus("manifest"), &words, |bytes| {
        if let Ok(manifest) = Manifest::parse(bytes) {
            assert!(!manifest.name.is_empty() && manifest.name.len() <= 256);
            let text = serde_json::to_vec(&manifest).expect("it came out of JSON");
            assert_eq!(Manifest::parse(&text).as_ref(), Ok(&manifest));
        }
    });
}

#[test]
fn no_signature_but_the_one_that_was_made_is_good() {
    let seeds = corpus("signature");
    let [key, good] = &seeds[..] else {
        panic!(
            "expected a key and a signature of `hello`, found {} files",
            seeds.len()
        );
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let key = TrustedKey::read(&text(key)).expect("a key");
    let trust = Trust {
        required: true,
        keys: vec![key],
    };
    let (good, bytes) = (text(good), b"hello");
    trust.check(bytes, Some(&good)).expect("made by the key");
    let signed = signed_parts(&good);
    fuzz(
        "signature",
        &[good.clone().into_bytes()],
        &["RW", "trusted comment: ", "=="],
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            // What is not signed may change: the untrusted comment, and space around lines.
            if trust.check(b"hello", Some(&text)).is_ok() {
                assert_eq!(signed_parts(&text), signed);
            }
            assert!(trust.check(b"hellO", Some(&text)).is_err());
            // A key is read of the same kind of text.
            let _ = TrustedKey::read(&text);
        },
    );
}

/// The lines of a signature that count.
fn signed_parts(text: &str) -> Vec<String> {
    text.lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .take(3)
        .collect()
}

#[test]
fn an_address_means_the_same_to_whoever_reads_it_next() {
    let words = [
        "http://",
        "https://",
        "@",
        ":",
        "//",
        "%2f",
        "..",
        "?",
        "#",
        "[::1]",
        "127.0.0.1",
        "\\",
    ];
    fuzz("address", &corpus("address"), &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Ok(target) = Target::parse(text) {
            let scheme = text.split("://").next().unwrap_or_default();
            let again = format!(
                "{scheme}://{}{}",
                target.authority(),
                target.path_and_query()
            );
            let read = Target::parse(&again).expect("it was read before");
            assert!(read.same_server(&target), "{text:?} and {again:?}");
            assert_eq!(read.path_and_query(), target.path_and_query());
            let clean =
                |part: &str| !part.contains(|found: char| found.is_control() || found == ' ');
            assert!(clean(&target.authority()) && clean(&target.path_and_query()));
        }
    });
}
