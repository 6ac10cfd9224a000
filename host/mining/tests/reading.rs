//! Logs of others: what is read, what is refused and where, and what is written back.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::document::{
    Attribute, Columns, Document, NoticeKind, Trace, Value, document_of_csv, read_xes, write_csv,
    write_xes_document,
};
use menagerie_mining::log::{Occurrences, Transition, Variants};
use proptest::prelude::*;

mod seeded;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="nested-attributes">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<global scope="trace"><string key="concept:name" value="x"/></global>
<classifier name="Activity" keys="concept:name"/>
"#;

/// A log with one trace of one event, which has a name and what is given.
fn one_event(attributes: &str) -> String {
    format!(
        "{HEAD}<trace><string key=\"concept:name\" value=\"c1\"/><event>\
         <string key=\"concept:name\" value=\"a\"/>{attributes}</event></trace>\n</log>"
    )
}

fn at(text: &str) -> String {
    one_event(&format!("<date key=\"time:timestamp\" value=\"{text}\"/>"))
}

fn written(document: &Document) -> String {
    let mut bytes = Vec::new();
    write_xes_document(&mut bytes, document).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn refusal(text: &str) -> String {
    read_xes(text.as_bytes()).unwrap_err().to_string()
}

fn moment(text: &str) -> i64 {
    let document = read_xes(at(text).as_bytes()).unwrap();
    document.log("concept:name").events()[0].at.unwrap()
}

#[test]
fn times_of_any_precision_and_zone_are_the_instants_that_they_say() {
    let second = 1_767_225_600_000_000;
    assert_eq!(moment("2026-01-01T00:00:00.123+00:00"), second + 123_000);
    assert_eq!(moment("2026-01-01T00:00:00.123456+00:00"), second + 123_456);
    assert_eq!(
        moment("2026-01-01T00:00:00.123456789+00:00"),
        second + 123_456
    );
    assert_eq!(moment("2026-01-01T02:30:00.000+02:30"), second);
    assert_eq!(moment("2025-12-31T19:00:00-05:00"), second);
    assert_eq!(moment("2026-01-01T00:00:00Z"), second);
    let text = at("2026-01-01T00:00:00.123456789+01:00");
    let written = written(&read_xes(text.as_bytes()).unwrap());
    assert!(
        written.contains("\"2025-12-31T23:00:00.123+00:00\""),
        "{written}"
    );
}

#[test]
fn a_time_without_an_offset_is_taken_as_utc_and_told_once() {
    let text = at("2026-01-01T00:00:00.5").replace(
        "</trace>",
        "<event><string key=\"concept:name\" value=\"b\"/><date key=\"time:timestamp\" value=\"2026-01-01T00:00:01\"/></event></trace>",
    );
    let document = read_xes(text.as_bytes()).unwrap();
    assert_eq!(document.notices.len(), 1);
    assert_eq!(
        document.notices[0].to_string(),
        "line 6: 2 times without an offset, taken as UTC"
    );
}

#[test]
fn entities_are_decoded_and_the_newline_is_kept() {
    let text = one_event(
        "<string key=\"note\" value=\"a &amp; &lt;b&gt; &quot;c&quot; &#10;d&#x1F600;\"/>",
    );
    let document = read_xes(text.as_bytes()).unwrap();
    let event = &document.traces[0].events[0];
    let expected = "a & <b> \"c\" \nd😀";
    assert_eq!(
        document.find(event, "note"),
        Some(&Value::String(expected.into()))
    );
    let written = written(&document);
    assert!(written.contains("&quot;c&quot; &#10;d"), "{written}");
    assert_eq!(
        read_xes(written.as_bytes()).unwrap().traces,
        document.traces
    );
}

#[test]
fn order_and_kind_of_quotes_do_not_matter() {
    let text = one_event("<string value='x' key='first'/><int\n value=\"3\"\n key=\"second\" />");
    let document = read_xes(text.as_bytes()).unwrap();
    let event = &document.traces[0].events[0];
    assert_eq!(
        document.find(event, "first"),
        Some(&Value::String("x".into()))
    );
    assert_eq!(document.find(event, "second"), Some(&Value::Int(3)));
}

#[test]
fn every_type_is_kept() {
    let text = one_event(
        "<int key=\"i\" value=\"-9223372036854775808\"/><float key=\"f\" value=\"1.5E-3\"/>\
         <float key=\"g\" value=\"INF\"/><boolean key=\"b\" value=\"true\"/><id key=\"d\" value=\"3d9a\"/>\
         <list key=\"l\"><values><string key=\"x\" value=\"1\"><int key=\"y\" value=\"2\"/></string></values></list>",
    );
    let document = read_xes(text.as_bytes()).unwrap();
    let event = &document.traces[0].events[0];
    assert_eq!(document.find(event, "i"), Some(&Value::Int(i64::MIN)));
    assert_eq!(document.find(event, "f"), Some(&Value::Float(0.0015)));
    assert_eq!(
        document.find(event, "g"),
        Some(&Value::Float(f64::INFINITY))
    );
    assert_eq!(document.find(event, "b"), Some(&Value::Bool(true)));
    assert_eq!(document.find(event, "d"), Some(&Value::Id("3d9a".into())));
    let Some(Value::List(items)) = document.find(event, "l") else {
        panic!("a list");
    };
    assert_eq!(items[0].children[0].value, Value::Int(2));
    let again = read_xes(written(&document).as_bytes()).unwrap();
    assert_eq!((again.head, again.traces), (document.head, document.traces));
}

#[test]
fn a_nested_name_does_not_rename_its_event() {
    let text = one_event("").replace(
        "value=\"a\"/>",
        "value=\"a\"><string key=\"concept:name\" value=\"NESTED\"/></string>",
    );
    let log = read_xes(text.as_bytes()).unwrap().log("concept:name");
    assert_eq!(log.names().text(log.events()[0].activity), "a");
}

#[test]
fn an_empty_trace_is_a_case_and_events_without_times_are_told() {
    let text =
        format!("{HEAD}<trace><string key=\"concept:name\" value=\"c\"/></trace><trace/></log>");
    let document = read_xes(text.as_bytes()).unwrap();
    let log = document.log("concept:name");
    let names: Vec<&str> = log
        .cases()
        .iter()
        .map(|case| log.names().text(case.id))
        .collect();
    assert_eq!(names, ["c", "trace 2"]);
    let document = read_xes(one_event("").as_bytes()).unwrap();
    assert_eq!(document.notices[0].kind, NoticeKind::NoTime);
    assert_eq!(document.log("concept:name").untimed(), 1);
}

#[test]
fn what_readers_take_in_different_ways_is_told() {
    let named = |attributes: &str| {
        format!(
            "<trace><string key=\"concept:name\" value=\"c\"/><event>{attributes}<date key=\"time:timestamp\" value=\"2026-01-01T00:00:00Z\"/></event></trace>"
        )
    };
    let told = |traces: &str| -> Vec<String> {
        let document = read_xes(format!("{HEAD}{traces}</log>").as_bytes()).unwrap();
        document.notices.iter().map(ToString::to_string).collect()
    };
    // PM4Py takes the last of two names, we the first: neither is what the standard has.
    let twice = named(
        "<string key=\"concept:name\" value=\"a\"/><string key=\"concept:name\" value=\"b\"/>",
    );
    let notices = told(&twice);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(
        notices[0].ends_with(
            "1 attribute with a key that their event or trace has already; the first counts"
        ),
        "{notices:?}"
    );
    let many: String = (0..40)
        .map(|number| format!("<int key=\"k{}\" value=\"1\"/>", number % 38))
        .collect();
    let notices = told(&named(&format!(
        "{many}<string key=\"concept:name\" value=\"a\"/>"
    )));
    assert!(
        notices[0].contains("2 attributes with a key"),
        "{notices:?}"
    );
    // PM4Py's frames have one case of these.
    let trace = named("<string key=\"concept:name\" value=\"a\"/>");
    let notices = told(&format!("{trace}{trace}{trace}"));
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(
        notices[0].contains("2 traces with the name of an earlier one"),
        "{notices:?}"
    );
    // A number names an activity as well as a text does.
    assert_eq!(
        told(&named("<int key=\"concept:name\" value=\"7\"/>")),
        [""; 0]
    );
    let notices = told(&named("<list key=\"concept:name\"><values/></list>"));
    assert!(
        notices[0].contains("1 event without a name, left out"),
        "{notices:?}"
    );
}

#[test]
fn what_the_schema_forbids_is_read_and_told() {
    let text = "<log><trace><event><string key=\"concept:name\" value=\"a\"/></event><foo bar=\"1\"><event/></foo></trace></log>";
    let document = read_xes(text.as_bytes()).unwrap();
    let told: Vec<String> = document
        .notices
        .iter()
        .filter(|notice| notice.kind.is_forbidden())
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "line 1: <log> has no `xes.version`",
            "line 1: <foo> within <trace>, left out"
        ]
    );
    assert_eq!(document.events(), 1);
}

#[test]
fn what_is_no_log_is_refused_with_its_place() {
    let table = [
        (
            one_event("<string key=\"x\" value=\"plan & <go>\"/>"),
            "line 6, column 92: not well-formed",
        ),
        (
            one_event("\n<string key=\"org:resource\" value=\"ag\"ent\"/>"),
            "line 7, column 1: not well-formed",
        ),
        (
            one_event("").replace("<event>", "<event a=\"b & c\">"),
            "line 6, column 47: not well-formed",
        ),
        (
            one_event("<int key=\"x\" value=\"7.5\"/>"),
            "`x`: found `7.5`, expected a whole number",
        ),
        (
            one_event("<boolean key=\"x\" value=\"yes\"/>"),
            "`x`: found `yes`, expected `true` or `false`",
        ),
        (
            one_event("<float key=\"x\" value=\"\"/>"),
            "`x`: found ``, expected a number",
        ),
        (
            at("yesterday"),
            "`time:timestamp`: found `yesterday`, expected a time such as",
        ),
        (one_event("<string value=\"x\"/>"), "<string> has no `key`"),
        (one_event("<string key=\"x\"/>"), "<string> has no `value`"),
        (one_event("<event/>"), "found <event> within <event>"),
        (one_event("").replace("</event>", ""), "not well-formed"),
        (
            one_event("").replace("</log>", ""),
            "the file ends within <log>",
        ),
        (one_event("") + "<log/>", "<log> after the end of <log>"),
        (
            "<html></html>".to_owned(),
            "line 1, column 1: found <html>, expected <log>",
        ),
        (String::new(), "found no element, expected <log>"),
        (
            "concept:name,time\na,b\n".to_owned(),
            "text outside of <log>",
        ),
        (
            one_event("<string key=\"x\" value=\"&nope;\"/>"),
            "not well-formed",
        ),
        (
            one_event(&"<string key=\"x\" value=\"\">".repeat(200)),
            "more than 128 deep",
        ),
    ];
    for (text, expected) in table {
        let error = refusal(&text);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn events_of_a_case_are_sorted_by_time_and_traces_of_one_name_stay_apart() {
    let event = |name: &str, second: u32| {
        format!(
            "<event><string key=\"concept:name\" value=\"{name}\"/><date key=\"time:timestamp\" value=\"2026-01-01T00:00:0{second}Z\"/></event>"
        )
    };
    let trace =
        |events: &str| format!("<trace><string key=\"concept:name\" value=\"c\"/>{events}</trace>");
    let text = format!(
        "{HEAD}{}{}</log>",
        trace(&(event("b", 2) + &event("a", 1))),
        trace(&event("a", 1))
    );
    let log = read_xes(text.as_bytes()).unwrap().log("concept:name");
    assert_eq!(log.cases().len(), 2);
    let variants = Variants::of(&log, Occurrences::Completed);
    let paths: Vec<&[u32]> = variants.list.iter().map(|variant| &*variant.path).collect();
    assert_eq!(paths, [&[0][..], &[0, 1]]);
}

#[test]
fn only_work_that_is_done_counts_unless_all_is_asked_for() {
    let text = one_event("<string key=\"lifecycle:transition\" value=\"START\"/>");
    let log = read_xes(text.as_bytes()).unwrap().log("concept:name");
    assert!(matches!(
        log.events()[0].transition,
        Transition::Standard(_)
    ));
    assert_eq!(Occurrences::Completed.left_out(&log), 1);
    assert_eq!(Variants::of(&log, Occurrences::All).activities.len(), 1);
    assert_eq!(
        Variants::of(&log, Occurrences::Completed).activities.len(),
        0
    );
}

#[test]
fn tables_are_read_by_their_header() {
    let table = "Case ID;Activity;Timestamp;Resource;cost:total;case:customer;zip\n\
                 c1;plan;2026-01-01 10:00;ann;0.5;acme;007\n\
                 c2;plan;2026-01-01 11:00;bob;;\"a;b\";008\n\
                 c1;\"code\nit\";2026-01-01 10:05;;1;acme;\n";
    let document = document_of_csv(table.as_bytes(), &Columns::default()).unwrap();
    assert_eq!(document.traces.len(), 2);
    assert_eq!(
        document.find(&document.traces[1].attributes, "customer"),
        Some(&Value::String("a;b".into()))
    );
    assert_eq!(
        document.find(&document.traces[0].events[0], "zip"),
        Some(&Value::String("007".into()))
    );
    let log = document.log("concept:name");
    assert_eq!(log.events()[1].cost_micros, Some(1_000_000));
    assert_eq!(log.names().text(log.events()[1].activity), "code\nit");
    let named = Columns {
        activity: Some("Resource".to_owned()),
        ..Columns::default()
    };
    let by_resource = document_of_csv(table.as_bytes(), &named).unwrap();
    assert_eq!(
        by_resource.log("concept:name").events().len(),
        2,
        "an event without a name is left out"
    );
}

#[test]
fn bad_tables_say_what_is_missing_and_where() {
    let error = |table: &str| {
        document_of_csv(table.as_bytes(), &Columns::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("a,b\n1,2\n"),
        "line 1: found the columns `a`, `b`; expected one for the case: name it, or call it \
         `case:concept:name`, `caseid`, `case`, `traceid`, `runid`, `run`"
    );
    let text = error("case,activity,time\nc,a,now\n");
    assert!(text.starts_with("line 2: found `now`"), "{text}");
    let text = error("case,activity\nc\n");
    assert!(text.contains("line: 2"), "{text}");
    assert_eq!(error("case,activity\n,a\n"), "line 2: the case is empty");
    let columns = Columns {
        time: Some("when".to_owned()),
        ..Columns::default()
    };
    let error = document_of_csv(b"case,activity\nc,a\n", &columns)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "line 1: found the columns `case`, `activity`; expected one called `when`"
    );
}

fn attribute_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|text| Value::String(clean(&text).into())),
        any::<String>().prop_map(|text| Value::Id(clean(&text).into())),
        (-62_135_596_800_000_i64..=253_402_300_799_999).prop_map(|at_ms| Value::Date(at_ms * 1000)),
        any::<i64>().prop_map(Value::Int),
        any::<f64>()
            .prop_filter("not a number is not equal to itself", |number| !number
                .is_nan())
            .prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
    ];
    leaf
}

/// Without the characters that XML cannot hold: those are shown by others when written.
fn clean(text: &str) -> String {
    let keep = |character: &char| !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    text.chars().filter(keep).collect()
}

proptest! {
    #![proptest_config(seeded::seeded())]

    #[test]
    fn whatever_is_written_is_read_back(
        values in proptest::collection::vec(("[a-z]{1,8}(:[a-z]{1,4})?", attribute_value(), any::<bool>()), 0..12)
    ) {
        let mut document = read_xes(one_event("").as_bytes()).unwrap();
        document.notices.clear();
        let mut attributes: Vec<Attribute> = Vec::new();
        for (key, value, nested) in values {
            let key = document.keys.intern(&key);
            let attribute = Attribute { key, value, children: Vec::new() };
            match attributes.last_mut() {
                Some(last) if nested => last.children.push(attribute),
                _ => attributes.push(attribute),
            }
        }
        let list = document.keys.intern("a-list");
        let listed = Attribute { key: list, value: Value::List(attributes.clone()), children: Vec::new() };
        document.traces.push(Trace { attributes: attributes.clone(), events: vec![attributes, vec![listed]] });
        let mut again = read_xes(written(&document).as_bytes()).unwrap();
        again.notices.clear();
        prop_assert_eq!(again.head, document.head);
        prop_assert_eq!(told(&again.keys, &again.traces), told(&document.keys, &document.traces));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..400, flip in 0_usize..400) {
        let _ = read_xes(&bytes);
        let _ = document_of_csv(&bytes, &Columns::default());
        let mut log = one_event("<list key=\"l\"><values><int key=\"i\" value=\"1\"/></values></list>").into_bytes();
        log.truncate(log.len().saturating_sub(cut));
        let place = flip % log.len().max(1);
        if let Some(byte) = log.get_mut(place) { *byte ^= 0x15; }
        let _ = read_xes(&log);
    }

    #[test]
    fn tables_go_round(rows in proptest::collection::vec(("[a-c]", "[ -~]{1,12}", 0_i64..4_000_000_000), 1..20)) {
        let mut table = String::from("case,activity,time\n");
        for (case, activity, second) in &rows {
            let when = menagerie_mining::timestamp::format(second * 1000).unwrap();
            table += &format!("{case},\"{}\",{when}\n", activity.replace('"', "\"\""));
        }
        let document = document_of_csv(table.as_bytes(), &Columns::default()).unwrap();
        let mut bytes = Vec::new();
        prop_assert_eq!(write_csv(&mut bytes, &document).unwrap(), 0);
        let again = document_of_csv(&bytes, &Columns::default()).unwrap();
        prop_assert_eq!(again.log("concept:name"), document.log("concept:name"));
        let through_xes = read_xes(written(&document).as_bytes()).unwrap();
        let paths = |document: &Document| Variants::of(&document.log("concept:name"), Occurrences::All).list;
        prop_assert_eq!(paths(&through_xes), paths(&document));
    }
}

/// Keys by text, since two documents number them differently.
fn told(keys: &menagerie_mining::log::Names, traces: &[Trace]) -> String {
    fn attributes(keys: &menagerie_mining::log::Names, list: &[Attribute], text: &mut String) {
        for attribute in list {
            *text += &format!("{}=", keys.text(attribute.key));
            match &attribute.value {
                Value::List(items) => {
                    text.push('[');
                    attributes(keys, items, text);
                    text.push(']');
                }
                other => *text += &format!("{other:?}"),
            }
            text.push('{');
            attributes(keys, &attribute.children, text);
            text.push('}');
        }
    }
    let mut text = String::new();
    for trace in traces {
        attributes(keys, &trace.attributes, &mut text);
        for event in &trace.events {
            text.push('|');
            attributes(keys, event, &mut text);
        }
    }
    text
}

#[test]
fn the_line_of_a_bad_time_is_told_however_lines_end() {
    for end in ["\n", "\r\n"] {
        let rows = [
            "case,activity,timestamp",
            "c1,a,2026-01-01T00:00:00Z",
            "",
            "c1,b,01.02.2026 10:00",
            "",
        ];
        let error = document_of_csv(rows.join(end).as_bytes(), &Columns::default()).unwrap_err();
        let told = error.to_string();
        assert!(
            told.starts_with("line 4: found `01.02.2026 10:00`"),
            "{told}"
        );
    }
}
