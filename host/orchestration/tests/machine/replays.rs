//! A journal told again: the machine gives what is recorded, and notices what is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_orchestration::command::Command;
use menagerie_orchestration::event::{Answer, CallId, CallOf, Event, Recorded};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::input::{Input, Wish};
use menagerie_orchestration::replay::{self, Difference, Replay, facts};
use menagerie_orchestration::run::Run;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::flows::{FlowExt, flow};
use crate::properties::cases;
use crate::random::{Act, Wild, act};
use crate::story::{Story, plan, wished};

fn told(flow: &Arc<Flow>, journal: &[Recorded]) -> Result<Run, Box<Difference>> {
    let mut replay = Replay::new(flow.clone());
    for recorded in journal {
        replay.take(recorded)?;
    }
    replay.finish()
}

/// As a host wrote it that did not mark where an advance ends.
fn unmarked(journal: &[Recorded]) -> Vec<Recorded> {
    let mut journal = journal.to_vec();
    for recorded in &mut journal {
        recorded.continues = false;
    }
    journal
}

fn batches() -> impl Strategy<Value = Vec<Vec<Act>>> {
    proptest::collection::vec(proptest::collection::vec(act(), 1..4), 0..50)
}

fn lived(batches: &[Vec<Act>]) -> Wild {
    let mut wild = Wild::new(30, json!({"k0": 1}));
    for acts in batches {
        wild.act(acts);
    }
    wild
}

#[test]
fn whatever_a_run_lived_through_can_be_told_again() {
    let mut runner = TestRunner::new(cases(300));
    let property = |batches: Vec<Vec<Act>>| {
        let wild = lived(&batches);
        let again = told(&wild.flow, &wild.journal);
        prop_assert_eq!(again.as_ref(), Ok(&wild.run));
        let older = told(&wild.flow, &unmarked(&wild.journal));
        prop_assert_eq!(older.as_ref(), Ok(&wild.run), "bounds are inferred");
        Ok(())
    };
    runner.run(&batches(), property).unwrap();
}

/// Every leaf of a JSON document, as a pointer.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

fn flip(value: &mut Value) {
    *value = match &*value {
        Value::Bool(told) => json!(!told),
        Value::Number(number) => match number.as_i64() {
            Some(number) => json!(number + 1),
            None => json!(number.as_f64().unwrap_or(0.0) / 2.0 + 0.1),
        },
        Value::String(text) => json!(format!("{text}x")),
        _ => json!(true),
    };
}

/// The event with one leaf changed; none when it cannot be read any more, which is notice enough.
fn flipped(recorded: &Recorded, which: usize) -> Option<(String, Recorded)> {
    let mut value = serde_json::to_value(recorded).unwrap();
    // Absent while false, and a field all the same.
    if value.get("continues").is_none() {
        value["continues"] = json!(false);
    }
    let mut found = Vec::new();
    leaves(&value, "", &mut found);
    let pointer = found.swap_remove(which % found.len());
    flip(value.pointer_mut(&pointer).unwrap());
    let read = serde_json::from_value(value).ok()?;
    (read != *recorded).then_some((pointer, read))
}

fn is_fact(recorded: &Recorded, pointer: &str) -> bool {
    let below = |fact: &&str| {
        let rest = pointer.strip_prefix(fact);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    facts(&recorded.event).iter().any(below)
}

#[test]
fn a_changed_field_is_noticed_or_is_a_fact() {
    let mut runner = TestRunner::new(cases(300));
    let changes = proptest::collection::vec((any::<usize>(), any::<usize>()), 12);
    let property = |(batches, changes): (Vec<Vec<Act>>, Vec<(usize, usize)>)| {
        let wild = lived(&batches);
        for (event, field) in changes {
            let at = event % wild.journal.len();
            let Some((pointer, changed)) = flipped(&wild.journal[at], field) else {
                continue;
            };
            let mut journal = wild.journal.clone();
            journal[at] = changed;
            // Without any mark left, the journal is one of a host that made none.
            let marks = journal.iter().any(|recorded| recorded.continues);
            let noticed = told(&wild.flow, &journal).is_err();
            prop_assert!(
                noticed || !marks || is_fact(&wild.journal[at], &pointer),
                "{} of {:?} can be changed unnoticed",
                pointer,
                wild.journal[at]
            );
        }
        Ok(())
    };
    runner.run(&(batches(), changes), property).unwrap();
}

/// Outstanding calls by attempt, in all that a guest can see of them.
fn spelled_out(run: &Run) -> BTreeMap<(CallOf, u32), String> {
    let calls = run.outstanding().into_iter().filter_map(|command| {
        let Command::Call { id, .. } = command else {
            return None;
        };
        let mut call = run.call(id).unwrap();
        call.id = CallId { execution: 0, ..id };
        Some(((id.of, id.attempt), format!("{call:?}")))
    });
    calls.collect()
}

#[test]
fn a_call_is_the_same_from_the_event_that_made_it_ready_to_its_end() {
    let mut runner = TestRunner::new(cases(150));
    let property = |batches: Vec<Vec<Act>>| {
        let mut wild = Wild::new(30, json!({}));
        let mut known = spelled_out(&wild.run);
        for acts in &batches {
            wild.act(acts);
            let now = spelled_out(&wild.run);
            for (call, text) in &now {
                prop_assert!(
                    known.get(call).is_none_or(|before| before == text),
                    "{call:?} was\n{}\nand is\n{text}",
                    known[call]
                );
            }
            known = now;
        }
        Ok(())
    };
    runner.run(&batches(), property).unwrap();
}

#[test]
fn what_another_step_of_the_agent_keeps_meanwhile_is_not_seen() {
    let mut story = Story::of(flow(&["a", "b"]));
    story.decides(plan().route("one", "a").route("two", "a").wake_any());
    let Input::StepEnded {
        call,
        result,
        facts,
        log,
        ..
    } = story.completed("one", json!({}))
    else {
        panic!("an outcome");
    };
    let context = BTreeMap::from([("k".to_owned(), json!(1).into())]);
    story.advance(&[Input::StepEnded {
        call,
        result,
        context,
        facts,
        log,
    }]);
    assert!(story.call("two").own_context.is_empty(), "ready before");
    story.advance(&[Input::Recovered]);
    assert!(story.call("two").own_context.is_empty(), "made again");
    story.fails("two", "transient");
    story.next_timer();
    assert_eq!(story.call("two").own_context.len(), 1, "another attempt");
}

#[test]
fn steps_that_ended_together_are_told_apart_from_steps_that_did_not() {
    let both = |together: bool| {
        let mut story = Story::of(flow(&["a", "b"]));
        story.decides(plan().route("one", "a").route("two", "b").wake_any());
        let inputs = [
            story.completed("one", json!({})),
            story.completed("two", json!({})),
        ];
        if together {
            story.advance(&inputs);
        } else {
            story.advance(&inputs[..1]);
            story.advance(&inputs[1..]);
        }
        story
    };
    let (one, other) = (both(true), both(false));
    assert_ne!(one.journal, other.journal);
    let marks = |story: &Story| {
        let ended = story.journal.iter();
        let ended = ended.filter(|recorded| matches!(recorded.event, Event::StepEnded { .. }));
        ended.map(|recorded| recorded.continues).collect::<Vec<_>>()
    };
    assert_eq!(
        (marks(&one), marks(&other)),
        (vec![false, true], vec![false, false])
    );
    for story in [&one, &other] {
        assert_eq!(told(&story.flow, &story.journal).as_ref(), Ok(&story.run));
    }
}

#[test]
fn a_refused_decision_and_a_refused_answer_are_refused_again() {
    let mut story = Story::of(flow(&["a"]));
    story.wish(Wish::Answer {
        step: Some("nobody".to_owned()),
        answer: Answer::Skip,
    });
    story.decides(plan().route("one", "nobody"));
    assert_eq!(story.error(), Some("unknown_agent"));
    told(&story.flow, &story.journal).unwrap();

    let mut doctored = story.journal.clone();
    for recorded in &mut doctored {
        if let Event::InputRefused { reason, .. } = &mut recorded.event {
            "for no reason".clone_into(reason);
        }
    }
    let difference = told(&story.flow, &doctored).unwrap_err();
    assert_eq!(difference.pointer, "/reason");
    assert_eq!(difference.recorded, Some(json!("for no reason")));

    let mut doctored = story.journal.clone();
    for recorded in &mut doctored {
        if let Event::DecisionFailed { failure, .. } = &mut recorded.event {
            "cycle".clone_into(&mut failure.code);
        }
    }
    let difference = told(&story.flow, &doctored).unwrap_err();
    assert_eq!(difference.pointer, "/failure/code");
    assert_eq!(
        (difference.step.as_str(), difference.seq),
        ("decision-1", 3),
        "{difference:?}"
    );
    assert_eq!(difference.found, Some(json!("unknown_agent")));
}

#[test]
fn an_older_journal_without_what_was_refused_is_folded() {
    let mut story = Story::of(flow(&["a"]));
    story.wish(Wish::Answer {
        step: None,
        answer: Answer::Abort,
    });
    story.decides(plan().route("one", "nobody"));
    let mut journal = unmarked(&story.journal);
    for recorded in &mut journal {
        match &mut recorded.event {
            Event::InputRefused {
                by, step, answer, ..
            } => (*by, *step, *answer) = (None, None, None),
            Event::DecisionFailed { answer, .. } => *answer = None,
            _ => {}
        }
    }
    assert_eq!(
        told(&story.flow, &journal).unwrap().ended(),
        story.run.ended()
    );
}

#[test]
fn an_event_that_is_missing_or_too_much_is_named() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    story.later(5).completes("one", json!({"x": 1}));
    story.decides(plan().end("completed"));
    let last = story.journal.len() - 1;

    let difference = told(&story.flow, &story.journal[..last]).unwrap_err();
    assert_eq!(
        (difference.seq, difference.event.as_str()),
        (last as u64, "run_ended"),
        "what is cut out of an advance is missing"
    );
    let mut without = story.journal.clone();
    let asked = without
        .iter()
        .rposition(|recorded| matches!(recorded.event, Event::DecisionRequested { .. }));
    without.remove(asked.unwrap());
    let difference = told(&story.flow, &without).unwrap_err();
    assert_eq!(difference.event, "decision_requested");
    assert!(difference.note.unwrap().contains("lacks"));

    let mut twice = story.journal.clone();
    twice.insert(2, twice[2].clone());
    let difference = told(&story.flow, &twice).unwrap_err();
    assert_eq!((difference.seq, difference.event.as_str()), (3, "decided"));
    assert!(difference.note.unwrap().contains("no event"));
}

#[test]
fn a_journal_of_another_flow_differs() {
    let mut story = Story::of(flow(&["a", "b"]).with("a", |a| a.fallback = Some("b".to_owned())));
    story.decides(plan().route("one", "a"));
    story.fails("one", "permanent");
    let other = Arc::new(flow(&["a", "b"]));
    let difference = told(&other, &story.journal).unwrap_err();
    assert_eq!(difference.pointer, "/next");
    assert_eq!(difference.found, Some(json!("fail")));
    assert_eq!(
        (difference.step, difference.role),
        ("one".into(), "a".into())
    );
}

#[test]
fn what_time_alone_brought_about_has_no_cause() {
    use menagerie_orchestration::decision::Wake;
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().wake(Wake::Timer(50)));
    story.later(60).advance(&[]);
    assert_eq!(story.journal.last().unwrap().cause, "");
    told(&story.flow, &story.journal).unwrap();

    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().wake(Wake::Timer(50)));
    // A wish that changes nothing, and comes when the time is up.
    story.later(60).advance(&[wished(Wish::Unpause)]);
    assert_eq!(story.journal.last().unwrap().cause, "inbox:wish-1");
    told(&story.flow, &story.journal).unwrap();
}

#[test]
fn ends_that_depend_on_the_moment_are_facts_and_all_others_are_made_again() {
    // Told by clocks, by people, and by what the host had left.
    for code in [
        "deadline",
        "busy",
        "stack",
        "cancelled",
        "host",
        "refused",
        "poisoned",
    ] {
        assert!(replay::is_fact(code), "{code}");
    }
    for code in [
        "fuel",
        "memory",
        "trap",
        "output",
        "permanent",
        "transient",
        "nondeterministic",
    ] {
        assert!(!replay::is_fact(code), "{code}");
    }
}
