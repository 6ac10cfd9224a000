//! Golden histories as timelines: parts add up, and each cause is told where it was.

use std::path::PathBuf;

use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::history_file::HistoryFile;
use menagerie_orchestration::wire;
use serde_json::{Value, json};

use super::{Part, Stretch, Timeline, svg, totals};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/histories")
}

fn history(path: PathBuf) -> Vec<Recorded> {
    let text = std::fs::read_to_string(path).unwrap();
    HistoryFile::parse(&text).unwrap().recorded().unwrap()
}

fn named(name: &str) -> Timeline {
    Timeline::of(&history(folder().join(format!("{name}.jsonl"))))
}

/// Without gaps or overlaps, from one end to the other.
fn assert_whole(stretches: &[Stretch], what: &str) {
    for pair in stretches.windows(2) {
        assert_eq!(pair[0].to_ms, pair[1].from_ms, "{what}: {stretches:?}");
    }
    assert!(
        stretches.iter().all(|one| one.from_ms < one.to_ms),
        "{what}"
    );
}

#[test]
fn in_every_history_the_parts_add_up_to_the_duration() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        seen += 1;
        let name = path.display().to_string();
        let events = history(path);
        let timeline = Timeline::of(&events);
        let took = events.last().unwrap().at.0 - events[0].at.0;
        let sum: i64 = totals(&timeline.run).iter().map(|(_, ms)| ms).sum();
        assert_eq!(sum, took, "{name}");
        assert_whole(&timeline.run, &name);
        for life in &timeline.lives {
            assert_whole(&life.stretches, &format!("{name}: {}", life.step));
        }
        let picture = svg(&timeline, &name, "<flow> & 'more'");
        assert!(
            picture.contains("&lt;flow&gt; &amp; &#39;more&#39;") && !picture.contains("<flow>")
        );
    }
    assert!(seen > 30, "only {seen} histories");
}

/// Names of steps are a strategy's, and what is said of an answer is a person's.
#[test]
fn no_name_in_a_drawing_is_a_tag_an_attribute_or_a_control() {
    const HOSTILE: &str = "\"/></title><script>alert('1')</script>&#x3c;\u{1b}[31m\u{202e}\u{7}";
    let mut timeline = named("escalation-continue");
    assert!(!timeline.lives.is_empty() && !timeline.marks.is_empty());
    for life in &mut timeline.lives {
        life.step = HOSTILE.to_owned();
        life.agent = HOSTILE.to_owned();
    }
    for mark in &mut timeline.marks {
        mark.what = HOSTILE.to_owned();
    }
    let picture = svg(&timeline, HOSTILE, HOSTILE);
    let drawn = ["svg", "rect", "text", "g", "line", "circle", "title"];
    let mut reader = quick_xml::Reader::from_str(&picture);
    loop {
        use quick_xml::events::Event;
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().into_inner();
                assert!(drawn.contains(&name), "a tag `{name}` in {picture}");
                for attribute in tag.attributes() {
                    let attribute = attribute.unwrap();
                    let value = attribute.value.as_ref();
                    assert!(!value.contains("alert"), "{value}");
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(picture.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;#x3c;"));
    for control in ['\u{1b}', '\u{202e}', '\u{7}'] {
        assert!(!picture.contains(control), "{control:?}");
    }
}

/// How long a part took over all steps.
fn spent(timeline: &Timeline, part: Part) -> i64 {
    let lives = timeline.lives.iter().flat_map(|life| &life.stretches);
    let of_part = lives.filter(|stretch| stretch.part == part);
    of_part.map(|stretch| stretch.to_ms - stretch.from_ms).sum()
}

#[test]
fn each_cause_of_a_wait_is_told_where_it_was() {
    assert!(spent(&named("retry-with-back-off"), Part::Retry) > 0);
    assert!(spent(&named("pause-and-unpause"), Part::Pause) > 0);
    let fork = named("fork");
    let down: i64 = totals(&fork.run)
        .iter()
        .filter(|(part, _)| *part == Part::Down)
        .map(|(_, ms)| ms)
        .sum();
    assert!(down >= 1_000_000, "between a run and its fork: {down}");
    assert!(
        fork.marks
            .iter()
            .any(|mark| mark.what == "forked from run-1")
    );
}

/// An event at a time, out of its fields.
fn event(at: i64, cause: &str, fields: Value) -> Recorded {
    let mut event = json!({"v": 1, "at": at, "cause": cause});
    let Value::Object(fields) = fields else {
        panic!("no fields: {fields}");
    };
    event.as_object_mut().unwrap().extend(fields);
    wire::decode(&event.to_string(), &mut |digest| Err(digest.to_owned())).unwrap()
}

/// What a call took, with the instants that the timeline goes by.
fn facts([ready, queued, started, finished]: [i64; 4]) -> Value {
    json!({
        "ready": ready, "queued": queued, "admitted": started, "started": started, "finished": finished,
        "slot_wait_us": 0, "wall_us": 0, "busy_us": 0, "fuel": 0, "peak_memory_bytes": 0, "host_calls": 0,
        "bytes_to_host": 0, "output_bytes": 0, "plugin": "",
    })
}

fn decided(at: i64, decision: u32, plan: &Value, call: [i64; 4]) -> Recorded {
    let mut answer = json!({
        "start": [], "wake": "all_finished", "wake_on_failure": false, "reason": "", "confidence": 1.0,
        "metadata": {"inline": {}},
    });
    let plan = plan.as_object().unwrap().clone();
    answer.as_object_mut().unwrap().extend(plan);
    let fields = json!({
        "type": "decided", "decision": decision, "attempt": 1, "execution": 1, "answer": answer,
        "call": facts(call),
    });
    event(at, &format!("call:decision-{decision}.1.1"), fields)
}

fn ended(at: i64, step: u32, id: &str, result: &Value, call: [i64; 4]) -> Recorded {
    let mut fields = json!({
        "type": "step_ended", "step": step, "id": id, "agent": id, "kind": "route", "attempt": 1,
        "execution": 1, "result": result, "call": facts(call),
    });
    if fields["result"].get("failed").is_some() {
        fields["next"] = json!("escalate");
    }
    event(at, &format!("call:step-{step}.1.1"), fields)
}

/// A run with a kill and a park in it, in milliseconds: every cause of a wait has a length of its own.
fn eventful() -> Timeline {
    let requested = |at, decision, trigger| {
        let fields =
            json!({"type": "decision_requested", "decision": decision, "trigger": trigger});
        event(at, "start", fields)
    };
    let route = |id: &str| json!({"id": id, "agent": id, "kind": "route", "reason": ""});
    let started = json!({
        "type": "run_started", "run": "run", "flow": "flow", "input": {"inline": {}}, "seed": 7,
        "limits": {"max_steps": 9, "max_decisions": 9, "max_concurrent": 9, "total_timeout": {"secs": 9, "nanos": 0}},
        "pins": {"flow": "", "contract": "", "engine": "", "plugins": {}, "grants": {}, "entitlements": {}},
    });
    let reissued = |step: u32| {
        let call = json!({"step": step});
        let fields = json!({"type": "call_reissued", "call": call, "attempt": 1, "execution": 2});
        event(100, "recovery", fields)
    };
    let completed = json!({"completed": {"output": {"inline": {}}}});
    let failed = json!({"failed": {"code": "permanent", "message": ""}});
    let plan = json!({
        "start": [route("late"), route("cut"), route("asks")],
        "after": [{"step": "late", "after": ["cut"]}],
    });
    let about_asks = |kind: &str, more: Value| {
        let mut fields = json!({"type": kind, "step": 2, "id": "asks", "agent": "asks"});
        fields
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        fields
    };
    let escalated = about_asks(
        "escalated",
        json!({"kind": "error_resolution", "reason": ""}),
    );
    let answered = about_asks("answered", json!({"answer": "continue", "by": "ann"}));
    Timeline::of(&[
        event(0, "start", started),
        requested(0, 1, "start"),
        decided(10, 1, &plan, [0, 1, 2, 9]),
        // The number of a step comes after those of what it waits for.
        ended(20, 2, "asks", &failed, [10, 10, 10, 20]),
        event(20, "call:step-2.1.1", escalated),
        // The host is killed with `cut` in hand, and the next one comes at 100.
        reissued(1),
        ended(152, 1, "cut", &completed, [10, 100, 130, 150]),
        ended(160, 3, "late", &completed, [152, 153, 153, 160]),
        event(200, "inbox:wish", answered),
        requested(200, 2, "wake"),
        // Nobody has the run until 5 200.
        decided(
            5_300,
            2,
            &json!({"end": {"status": "completed", "reason": ""}}),
            [200, 5_200, 5_210, 5_300],
        ),
        event(
            5_300,
            "call:decision-2.1.1",
            json!({"type": "run_ended", "status": "completed", "reason": ""}),
        ),
    ])
}

#[test]
fn every_cause_of_a_wait_has_its_time() {
    let timeline = eventful();
    let of = |step: &str| -> Vec<(Part, i64)> {
        let life = timeline.lives.iter().find(|life| life.step == step);
        let totals = totals(&life.unwrap().stretches).into_iter();
        totals.filter(|(_, ms)| *ms > 0).collect()
    };
    assert_eq!(
        of("cut"),
        [
            (Part::Service, 20),
            (Part::Down, 80),
            (Part::Lost, 10),
            (Part::Slot, 30),
            (Part::Host, 2)
        ]
    );
    assert_eq!(
        of("late"),
        [
            (Part::Service, 7),
            (Part::Down, 80),
            (Part::Host, 1),
            (Part::Dependency, 62)
        ]
    );
    // A person can answer while nobody drives the run.
    assert_eq!(of("asks"), [(Part::Service, 10), (Part::Gate, 180)]);
    // Parked: longer than a commit takes, nobody queued what was ready.
    assert_eq!(
        of("decision-2"),
        [(Part::Service, 90), (Part::Down, 5_000), (Part::Slot, 10)]
    );
}

#[test]
fn a_first_attempt_that_is_cut_off_is_lost_from_when_it_was_ready() {
    let timeline = eventful();
    let cut = timeline
        .lives
        .iter()
        .find(|life| life.step == "cut")
        .unwrap();
    let parts: Vec<_> = cut
        .stretches
        .iter()
        .map(|one| (one.part, one.from_ms))
        .collect();
    assert_eq!(parts[0], (Part::Lost, 10));
    assert_eq!(parts[1], (Part::Down, 20));
    assert_eq!(parts[2], (Part::Slot, 100));
    assert_whole(&cut.stretches, "cut");
}
