//! Object-centric logs: an event that several objects share is there once, whoever looks.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::log::{Occurrences, Variants};
use menagerie_mining::objects::{ObjectError, ObjectLog};

/// Two runs that wait for one review: it is about both.
const SHARED: &str = r#"{
 "objectTypes": [{"name": "run", "attributes": []}, {"name": "agent", "attributes": []}],
 "eventTypes": [{"name": "plan", "attributes": []}, {"name": "review", "attributes": []}],
 "objects": [{"id": "r1", "type": "run"}, {"id": "r2", "type": "run"}, {"id": "critic", "type": "agent"}],
 "events": [
  {"id": "1", "type": "plan", "time": "2026-01-01T00:00:00Z", "relationships": [{"objectId": "r1", "qualifier": "run"}]},
  {"id": "2", "type": "plan", "time": "2026-01-01T00:00:01Z", "relationships": [{"objectId": "r2", "qualifier": "run"}]},
  {"id": "3", "type": "review", "time": "2026-01-01T00:00:02Z", "relationships": [
   {"objectId": "r1", "qualifier": "run"}, {"objectId": "r2", "qualifier": "run"}, {"objectId": "critic", "qualifier": "worked on by"}]}
 ]
}"#;

#[test]
fn flattening_counts_a_shared_event_for_each_and_the_log_itself_once() {
    let log = ObjectLog::from_json(SHARED).unwrap();
    let reviews = |kind: &str| {
        let flat = log.flattened(kind).unwrap();
        let review = flat.names().find("review").unwrap();
        flat.events()
            .iter()
            .filter(|event| event.activity == review)
            .count()
    };
    assert_eq!(reviews("run"), 2, "each run sees it");
    assert_eq!(reviews("agent"), 1, "who did it did it once");
    assert_eq!(
        log.events
            .iter()
            .filter(|event| event.kind == "review")
            .count(),
        1
    );
    let runs = log.flattened("run").unwrap();
    let variants = Variants::of(&runs, Occurrences::All);
    assert_eq!((variants.list.len(), variants.list[0].count), (1, 2));
}

#[test]
fn json_goes_round_and_what_is_none_is_refused() {
    let log = ObjectLog::from_json(SHARED).unwrap();
    let mut bytes = Vec::new();
    log.write_json(&mut bytes).unwrap();
    assert_eq!(
        ObjectLog::from_json(std::str::from_utf8(&bytes).unwrap()).unwrap(),
        log
    );
    let dangling = SHARED.replace("\"objectId\": \"critic\"", "\"objectId\": \"nobody\"");
    assert!(matches!(
        ObjectLog::from_json(&dangling),
        Err(ObjectError::Dangling { .. })
    ));
    assert!(matches!(
        ObjectLog::from_json("{}"),
        Err(ObjectError::Json(_))
    ));
    assert!(matches!(
        ObjectLog::from_json(&SHARED.replace("2026-01-01T00:00:01Z", "soon")),
        Err(ObjectError::Moment { .. })
    ));
    assert_eq!(
        log.flattened("team").unwrap_err().to_string(),
        "there are no objects of type `team`; there are: `run`, `agent`"
    );
}

/// Everything that an object-centric log may have.
const FULL: &str = r#"{
 "objectTypes": [{"name": "order line", "attributes": [{"name": "price", "type": "float"}, {"name": "count", "type": "int"},
   {"name": "due", "type": "date"}, {"name": "note", "type": "string"}]}, {"name": "item", "attributes": []}],
 "eventTypes": [{"name": "place <it>", "attributes": [{"name": "paid", "type": "boolean"}]}],
 "objects": [{"id": "o&1", "type": "order line", "attributes": [
   {"name": "price", "time": "1970-01-01T00:00:00Z", "value": 2}, {"name": "count", "time": "1970-01-01T00:00:00Z", "value": 7.0},
   {"name": "note", "time": "1970-01-01T00:00:00Z", "value": true},
   {"name": "price", "time": "2026-01-02T00:00:00.250+01:00", "value": 2.5},
   {"name": "due", "time": "2026-01-03T00:00:00Z", "value": "2026-02-01T00:00:00Z"}, {"name": "extra", "value": 3},
   {"name": "count", "time": "2026-01-03T00:00:00Z", "value": null}],
  "relationships": [{"objectId": "i", "qualifier": "has \"one\""}]}, {"id": "i", "type": "item"}],
 "events": [{"id": "e", "type": "place <it>", "time": "2026-01-01T00:00:00.123456Z",
  "attributes": [{"name": "paid", "value": "TRUE"}, {"name": "text", "value": " a\r\n\tb "}],
  "relationships": [{"objectId": "o&1", "qualifier": ""}, {"objectId": "i", "qualifier": "x"}, {"objectId": "i", "qualifier": "y"}]}]
}"#;

fn as_xml(log: &ObjectLog) -> String {
    let mut bytes = Vec::new();
    log.write_xml(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn values_are_what_their_types_say_and_all_is_declared() {
    let log = ObjectLog::from_json(FULL).unwrap();
    let values: Vec<String> = log.objects[0]
        .attributes
        .iter()
        .map(|one| format!("{} {}", one.name, one.value))
        .collect();
    assert_eq!(
        values,
        [
            "price 2.0",
            "count 7",
            "note \"true\"",
            "price 2.5",
            "due \"2026-02-01T00:00:00Z\"",
            "extra 3"
        ]
    );
    assert_eq!(log.events[0].attributes[0].value, true);
    let declared: Vec<&str> = log.object_types[0]
        .attributes
        .iter()
        .map(|one| one.kind.as_str())
        .collect();
    assert_eq!(declared, ["float", "integer", "time", "string", "integer"]);
    assert_eq!(log.event_types[0].attributes[1].kind, "string");
    assert_eq!(ObjectLog::from_xml(as_xml(&log).as_bytes()).unwrap(), log);
}

#[test]
fn other_writers_xml_means_the_same() {
    // Elements of other names and in another order, truths as Python has them, no attributes at all.
    let text = r#"<?xml version='1.0' encoding='UTF-8'?>
<log><events><event id="e" type="go" time="2026-01-01 00:00:00+00:00"><attributes><attribute name="ok">True</attribute>
  <attribute name="n"> 7.0 </attribute><attribute name="none"/><attribute name="t">a&amp;<![CDATA[<b>]]>&#10;c</attribute></attributes>
  <objects><object object-id="o" qualifier="q"/><relobj object-id="o" relationship="r"/></objects></event></events>
<objects><object id="o" type="thing"><attributes/></object></objects>
<object-types><object-type name="thing"><attributes/></object-type></object-types>
<event-types><event-type name="go"><attributes><attribute name="ok" type="boolean"/><attribute name="n" type="integer"/>
  <attribute name="none" type="float"/><attribute name="t" type="string"/></attributes></event-type></event-types>
<later-edition><x/>text</later-edition></log>"#;
    let log = ObjectLog::from_xml(text.as_bytes()).unwrap();
    let event = &log.events[0];
    let values: Vec<&serde_json::Value> = event.attributes.iter().map(|one| &one.value).collect();
    assert_eq!(
        values,
        [&serde_json::json!(true), &7.into(), &"a&<b>\nc".into()]
    );
    let qualifiers: Vec<&str> = event
        .relationships
        .iter()
        .map(|one| one.qualifier.as_str())
        .collect();
    assert_eq!(qualifiers, ["q", "r"]);
}

#[test]
fn what_is_wrong_in_xml_is_told_with_its_place() {
    let good = as_xml(&ObjectLog::from_json(FULL).unwrap());
    let deep = "<x>".repeat(100_000);
    let long = format!("id=\"{}\"", "a".repeat(70_000));
    for (from, to, told) in [
        (
            "<attribute name=\"paid\">true",
            "<attribute name=\"paid\">maybe",
            "column 19: attribute `paid`: found `maybe`, expected `true` or `false`",
        ),
        (
            "<log>",
            "<!DOCTYPE log [<!ENTITY a \"b\">]><log>",
            "line 2, column 1: found a document type, expected none",
        ),
        ("<log>", "<lag>", "found <lag>, expected <log>"),
        ("has &quot;", "has &amp;&lol;", "not well-formed"),
        (
            "<objects>\n    <object ",
            "<objects>\n    <thing ",
            "found <thing>, expected <object>",
        ),
        ("type=\"item\"", "kind=\"item\"", "<object> has no `type`"),
        ("<log>", &format!("<log>{deep}"), "more than 64 elements"),
        (
            "<object id=\"i\"",
            &format!("<object {long}"),
            "`id` of <object>: found 70000 bytes, expected at most 65536",
        ),
        ("</log>", "", "the file ends within an element"),
        ("</log>", "</log><log/>", "found <log>, expected the end"),
        (
            "time=\"2026-01-01T00:00:00.123456Z\"",
            "time=\"soon\"",
            "event `e`: found `soon`",
        ),
        (
            "object-id=\"i\"",
            "object-id=\"j\"",
            "object `o&1` names object `j`, which is not there",
        ),
        (
            "<object id=\"i\"",
            "<object id=\"o&amp;1\"",
            "found a second object `o&1`, expected one",
        ),
        (
            "type=\"float\"",
            "type=\"money\"",
            "found the type `money`, expected `string`",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        let error = ObjectLog::from_xml(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
    assert!(
        ObjectLog::from_xml(b"")
            .unwrap_err()
            .to_string()
            .contains("found no element, expected <log>")
    );
}

#[test]
fn values_that_need_a_guess_are_refused() {
    for (from, to, told) in [
        (
            r#""value": 7.0"#,
            r#""value": 7.5"#,
            "object `o&1`: attribute `count`: found `7.5`, expected a whole number",
        ),
        (
            r#""value": 2.5"#,
            r#""value": [1]"#,
            "attribute `price`: found `[1]`, expected a single value",
        ),
        (
            r#""value": 2.5"#,
            r#""value": "NaN""#,
            "expected a finite number",
        ),
        (r#""name": "text""#, r#""name": "paid""#, "attribute `paid`"),
        (
            r#""value": "2026-02-01T00:00:00Z""#,
            r#""value": 5"#,
            "found `5`, expected a time such as",
        ),
    ] {
        assert!(FULL.contains(from), "{from}");
        let error = ObjectLog::from_json(&FULL.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(told), "{told}: {error}");
    }
}
