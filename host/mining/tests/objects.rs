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
    let timeless = ObjectLog::from_json(&SHARED.replace("2026-01-01T00:00:01Z", "soon")).unwrap();
    assert!(matches!(
        timeless.flattened("run"),
        Err(ObjectError::Moment { .. })
    ));
    assert_eq!(
        log.flattened("team").unwrap_err().to_string(),
        "there are no objects of type `team`; there are: `run`, `agent`"
    );
}
