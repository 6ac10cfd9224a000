//! Checkpoints, and runs that go on from where another one stood.

use std::time::Duration;

use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Event, Recorded};
use menagerie_orchestration::input::{Forked, Input, Wish};
use menagerie_orchestration::replay::Replay;
use menagerie_orchestration::run::Run;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::flows::{FlowExt, flow};
use crate::properties::cases;
use crate::random::{Act, Wild, act};
use crate::story::{DAWN, Story, plan};

fn checkpoints(story: &Story) -> Vec<(String, String, bool)> {
    let noted = |recorded: &Recorded| match &recorded.event {
        Event::Checkpointed {
            id,
            label,
            automatic,
            ..
        } => Some((id.clone(), label.clone(), *automatic)),
        _ => None,
    };
    story.journal.iter().filter_map(noted).collect()
}

#[test]
fn a_checkpoint_is_made_on_demand_and_changes_nothing_else() {
    let mut story = Story::of(flow(&["a"]));
    story.decides(plan().route("one", "a"));
    let before = (story.calls(), story.timers());
    let label = "before the risky part".to_owned();
    story.wish(Wish::Checkpoint {
        label: label.clone(),
    });
    assert_eq!((story.calls(), story.timers()), before);
    assert_eq!(
        checkpoints(&story),
        [("checkpoint-1".to_owned(), label, false)]
    );
}

#[test]
fn a_checkpoint_follows_each_step_that_the_flow_names() {
    let flow =
        flow(&["a", "b"]).limited(|limits| limits.checkpoints.after = ["b".to_owned()].into());
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a").route("two", "b").wake_any());
    story.completes("one", json!(1));
    assert!(checkpoints(&story).is_empty());
    story.completes("two", json!(2));
    let noted = ("checkpoint-1".to_owned(), "after two".to_owned(), true);
    assert_eq!(checkpoints(&story), [noted]);
}

#[test]
fn a_checkpoint_is_made_after_so_much_of_the_runs_own_time_if_anything_happened() {
    let every = Some(Duration::from_secs(300));
    let flow = flow(&["a"]).limited(|limits| limits.checkpoints.every = every);
    let mut story = Story::of(flow);
    story.decides(plan().step("escalate", "gate", "a").wake_any());
    // A gate's time is not the run's own.
    story.later(1_000_000);
    story.answers("gate", menagerie_orchestration::event::Answer::Skip);
    assert!(checkpoints(&story).is_empty());
    story.decides(plan().route("one", "a"));
    story.later(299_999);
    story.advance(&[]);
    assert!(checkpoints(&story).is_empty());
    story.later(1);
    story.advance(&[]);
    assert_eq!(checkpoints(&story).len(), 1);
    // Nothing has happened since: it would be the same place.
    story.later(1_000_000);
    story.advance(&[]);
    assert_eq!(checkpoints(&story).len(), 1);
}

fn fork(input: Option<Value>) -> Input {
    Input::Forked(Box::new(Forked {
        run: "the fork".to_owned(),
        from: "the original".to_owned(),
        events: 1,
        input: input.map(Document::from),
        supersedes: false,
        by: "somebody".to_owned(),
    }))
}

#[test]
fn what_is_still_to_be_done_sees_the_new_input_and_what_was_done_stays() {
    let mut story = Story::with_input(flow(&["a", "b"]), json!({"who": "old", "kept": "old"}));
    story.decides(
        plan()
            .route("first", "a")
            .route("second", "b")
            .after("second", &["first"]),
    );
    story.completes("first", json!({"kept": "written by first"}));
    story.advance(&[fork(Some(json!({"who": "new", "kept": "new"})))]);
    assert_eq!(story.run.id(), "the fork");
    let expected = json!({"kept": "written by first", "who": "new"});
    assert_eq!(story.input_of("second"), expected);
    story.completes("second", json!({}));
    let view: Value = serde_json::from_str(&story.view().state.to_text()).unwrap();
    assert_eq!(view, expected);
    assert_eq!(
        story.run.input().unwrap().value(),
        &json!({"who": "new", "kept": "new"})
    );
}

#[test]
fn a_question_that_is_open_at_the_fork_is_asked_with_the_new_input() {
    let mut story = Story::with_input(flow(&["a"]), json!({"who": "old"}));
    story.advance(&[fork(Some(json!({"who": "new"})))]);
    assert_eq!(story.view().state.to_text(), r#"{"who":"new"}"#);
}

#[test]
fn the_time_between_a_run_and_its_fork_counts_for_neither() {
    let flow = flow(&["a"]).limited(|limits| limits.total_timeout = Duration::from_secs(10));
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a"));
    story.later(86_400_000);
    story.advance(&[fork(None)]);
    let due = *story
        .timers()
        .get(&menagerie_orchestration::event::TimerId::Total)
        .unwrap();
    assert_eq!(due.0 - DAWN.0, 86_410_000);
}

type Acts = Vec<Vec<Act>>;

fn batches() -> impl Strategy<Value = Acts> {
    proptest::collection::vec(proptest::collection::vec(act(), 1..4), 0..40)
}

/// The bounds of the advances in a journal, as numbers of events.
fn bounds(journal: &[Recorded]) -> Vec<usize> {
    let begins = |index: &usize| journal.get(*index).is_none_or(|event| !event.continues);
    (1..=journal.len()).filter(begins).collect()
}

#[test]
fn a_fork_at_any_place_goes_on_like_a_run_and_can_be_told_again() {
    let mut runner = TestRunner::new(cases(200));
    let changed = proptest::option::of(Just(json!({"k0": "changed", "k9": 1})));
    let strategy = (batches(), batches(), any::<Index>(), changed);
    let property = |(before, after, place, input): (Acts, Acts, Index, Option<Value>)| {
        let mut wild = Wild::new(30, json!({"k0": 1}));
        before.iter().for_each(|acts| wild.act(acts));
        let bounds = bounds(&wild.journal);
        wild.journal.truncate(*place.get(&bounds));
        wild.run = Run::new(wild.flow.clone());
        wild.journal.iter().for_each(|event| wild.run.apply(event));
        if wild.run.status().is_final() {
            return Ok(());
        }
        wild.now.0 += 1_000;
        wild.feed(&[fork(input)]);
        prop_assert_eq!(wild.run.id(), "the fork");
        after.iter().for_each(|acts| wild.act(acts));
        let mut replay = Replay::new(wild.flow.clone());
        let mut folded = Run::new(wild.flow.clone());
        for event in &wild.journal {
            replay
                .take(event)
                .map_err(|difference| TestCaseError::fail(format!("{difference:?}")))?;
            folded.apply(event);
            let restored = Run::restore(wild.flow.clone(), &folded.snapshot().unwrap()).unwrap();
            prop_assert_eq!(&restored, &folded, "snapshot-then-fold at every prefix");
        }
        prop_assert_eq!(&folded, &wild.run);
        let told = replay.finish();
        prop_assert_eq!(told.as_ref(), Ok(&wild.run));
        Ok(())
    };
    runner.run(&strategy, property).unwrap();
}
