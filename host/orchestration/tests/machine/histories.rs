//! Golden histories: runs of earlier versions, which this one must tell again.
//!
//! They lie in `tests/histories`, one for each feature, and are never recorded again: a change of
//! the machine that cannot tell one of them breaks the runs of every user. What is new is recorded
//! beside them:
//!
//! ```text
//! cargo test --workspace --test machine -- --ignored record_histories     # what `feature` tells
//! menagerie export RUN --format history --about TEXT -o tests/histories/NAME.jsonl
//! ```

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use menagerie_orchestration::decision::Wake;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Answer, Event};
use menagerie_orchestration::flow_file;
use menagerie_orchestration::history_file::{HistoryError, HistoryFile};
use menagerie_orchestration::input::{Forked, Input, Wish};
use menagerie_orchestration::replay::Replay;
use menagerie_orchestration::run::Run;
use menagerie_orchestration::view::{AgentFigures, Took};
use menagerie_orchestration::wire;
use serde_json::json;

use crate::story::{Story, plan};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/histories")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the histories are files of the repository"
)]
pub(crate) fn histories() -> Vec<(String, HistoryFile)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let history = HistoryFile::parse(&text);
            found.push((
                name.clone(),
                history.unwrap_or_else(|error| panic!("{name}: {error}")),
            ));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(found.len() >= FEATURES.len(), "the folder lacks histories");
    found
}

#[test]
fn every_history_is_told_again() {
    for (name, history) in histories() {
        let flow = flow_file::parse(&history.flow);
        let flow = flow.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let flow = Arc::new(flow.flow);
        let recorded = history
            .recorded()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut replay = Replay::new(flow.clone());
        let mut fold = Run::new(flow);
        for event in &recorded {
            if let Err(difference) = replay.take(event) {
                panic!("{name}: {difference:#?}");
            }
            fold.apply(event);
        }
        let told = replay
            .finish()
            .unwrap_or_else(|missing| panic!("{name}: {missing:#?}"));
        assert_eq!(told, fold, "{name}");
        assert!(!history.about.is_empty(), "{name} says nothing of itself");
    }
}

/// Every type of event, from the machine's own reading of them: none can be forgotten here.
fn types() -> Vec<String> {
    let nonsense = json!({"type": "nonsense"});
    let error = serde_json::from_value::<Event>(nonsense)
        .unwrap_err()
        .to_string();
    let known = error.split('`').skip(3).step_by(2);
    known.map(str::to_owned).collect()
}

#[test]
fn every_type_of_event_has_a_history() {
    let types = types();
    assert!(
        types.len() >= 14 && types.contains(&"run_ended".to_owned()),
        "{types:?}"
    );
    let mut found = BTreeSet::new();
    for (_, history) in histories() {
        let events = history.recorded().unwrap();
        found.extend(events.iter().map(|recorded| recorded.event.kind()));
    }
    for kind in types {
        assert!(
            found.contains(kind.as_str()),
            "no history in tests/histories contains an event of the type {kind}"
        );
    }
}

#[test]
fn every_feature_was_recorded() {
    let recorded = histories();
    for (name, ..) in FEATURES {
        let history = recorded.iter().find(|(known, _)| known == name);
        assert!(history.is_some(), "{name} was never recorded");
    }
}

#[test]
fn a_damaged_history_is_refused_with_its_line() {
    let (_, history) = histories()
        .into_iter()
        .find(|(_, history)| !history.payloads.is_empty())
        .unwrap();
    let text = history.to_text().unwrap();
    assert_eq!(HistoryFile::parse(&text).unwrap(), history);
    let digest = history.payloads.keys().next().unwrap();
    let other = text.replace(digest, &format!("sha256:{}", "0".repeat(64)));
    assert!(matches!(
        HistoryFile::parse(&other),
        Err(HistoryError::Digest { .. })
    ));
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("\"seq\":1,"))
        .collect();
    assert!(matches!(
        HistoryFile::parse(&without.join("\n")),
        Err(HistoryError::Order {
            expected: 1,
            found: Some(2),
            ..
        })
    ));
    let newer = text.replacen("\"history\":1", "\"history\":2", 1);
    assert!(matches!(
        HistoryFile::parse(&newer),
        Err(HistoryError::Version { found: 2 })
    ));
}

/// Agents `a`, `b` and `c` with every default, and aggregators; more follows.
const AGENTS: &str = r#"
[agents.a]
plugin = "a"
[agents.b]
plugin = "b"
[agents.c]
plugin = "c"
[aggregators.merge]
plugin = "merge"
[aggregators.vote]
plugin = "vote"
"#;

type Tells = fn(&mut Story);

/// Name, what it shows, what the flow has beyond its agents, and the story.
const FEATURES: &[(&str, &str, &str, Tells)] = &[
    ("sequence", "one step after the other", "", sequence),
    (
        "migration",
        "a run that goes on with another version of a plugin, a call of the old one under way",
        "",
        migration,
    ),
    (
        "dag-in-parallel",
        "a graph in one decision, steps that end together and apart",
        "",
        dag,
    ),
    (
        "skip-and-join",
        "a step left out, parallel steps and their join",
        "",
        skip_and_join,
    ),
    (
        "collision",
        "parallel steps that write one key; outputs that are no objects",
        "",
        collision,
    ),
    (
        "retry-with-back-off",
        "a failure that may pass, twice",
        "",
        retry,
    ),
    (
        "figures",
        "a strategy that is shown how agents have fared in other runs",
        "",
        figures,
    ),
    ("fallback", "another agent takes over", "", fallback),
    (
        "skip-on-failure",
        "a step that may fail, and what depends on one that may not",
        "",
        skip_on_failure,
    ),
    (
        "escalation-retry",
        "an escalation answered with a retry and hints",
        "",
        |s| {
            answered(
                s,
                Answer::Retry {
                    hints: [("why".to_owned(), json!("told").into())].into(),
                },
            )
        },
    ),
    (
        "escalation-skip",
        "an escalation answered with skip",
        "",
        |s| answered(s, Answer::Skip),
    ),
    (
        "escalation-reroute",
        "an escalation answered with another agent",
        "",
        |s| {
            answered(
                s,
                Answer::Reroute {
                    agent: "b".to_owned(),
                },
            )
        },
    ),
    (
        "escalation-continue",
        "an escalation answered with continue",
        "",
        |s| answered(s, Answer::Continue),
    ),
    (
        "escalation-abort",
        "an escalation answered with abort",
        "",
        |s| answered(s, Answer::Abort),
    ),
    (
        "escalation-by-strategy",
        "a strategy that asks a person",
        "",
        escalation_by_strategy,
    ),
    (
        "answer-refused",
        "answers that nobody waits for, or that cannot be followed",
        "",
        answer_refused,
    ),
    (
        "pause-and-unpause",
        "a pause with a call under way, taken up again in it",
        "",
        pause,
    ),
    (
        "checkpoints",
        "checkpoints on demand, by time and behind a step",
        "[checkpoints]\nevery = \"1m\"\nafter = [\"b\"]\n",
        checkpoints,
    ),
    (
        "fork",
        "a run that goes on from where another one stood, with another input",
        "",
        fork,
    ),
    ("cancel", "a cancelled run", "", cancel),
    ("total-timeout", "a run whose time is up", "", total_timeout),
    (
        "task-timeout",
        "an attempt whose time is up, and the next",
        "",
        task_timeout,
    ),
    (
        "parked-and-resumed",
        "a back-off and a wake that were over while nobody drove the run",
        "",
        parked,
    ),
    (
        "reissued",
        "calls under way when the host ended, made again",
        "",
        reissued,
    ),
    (
        "poisoned-step",
        "a step that ends its host, and what follows",
        "",
        poisoned_step,
    ),
    (
        "poisoned-decision",
        "a strategy that ends its host",
        "",
        poisoned_decision,
    ),
    (
        "decision-refused",
        "a decision that names an agent that is not there",
        "",
        decision_refused,
    ),
    (
        "decision-retried",
        "a strategy that fails for a while",
        "",
        decision_retried,
    ),
    (
        "wakes",
        "a strategy woken by a timer, by any step, by these steps, by a failure",
        "",
        wakes,
    ),
    (
        "limits-of-steps",
        "a decision beyond max_steps",
        "[limits]\nmax_steps = 2\n",
        limit_of_steps,
    ),
    (
        "limits-of-decisions",
        "a strategy that never ends",
        "[limits]\nmax_decisions = 2\n",
        limit_of_decisions,
    ),
    (
        "large-payload",
        "documents that stand beside their events",
        "",
        large_payload,
    ),
    (
        "own-context",
        "what an agent keeps, seen by attempts that became ready after it",
        "",
        own_context,
    ),
    (
        "shared",
        "two steps that race for a shared value, a crash, and a change of a strategy's own",
        "",
        shared,
    ),
    (
        "shared-deleted",
        "a shared value that is taken away and set again, across a crash",
        "",
        taken_away,
    ),
    (
        "artifacts",
        "artifacts that steps make, attach and are given, one made before a crash",
        "",
        artifacts,
    ),
    (
        "grant-revoked",
        "a capability that is taken, and one that was never granted",
        "[agents.shares]\nplugin = \"a\"\ngrants.shared = { write = [\"*\"] }\n",
        revoked,
    ),
    (
        "grant-returned",
        "a capability that is taken and given back, and one that was never granted",
        "[agents.shares]\nplugin = \"a\"\ngrants.shared = { write = [\"*\"] }\n",
        given_back,
    ),
    (
        "ending-with-output",
        "a run that ends with an output of its own, and one that is null",
        "",
        ending,
    ),
];

fn figures(story: &mut Story) {
    let seen = |name: &str, mean_ms| AgentFigures {
        name: name.to_owned(),
        completed: 12,
        failed: 1,
        took: Some(Took {
            mean_ms,
            median_ms: mean_ms,
            p95_ms: mean_ms + 40,
            waiting_ms: 3,
        }),
        running: 1,
        queued: 0,
    };
    story.decides(plan().route("one", "a"));
    story
        .run
        .see(vec![seen("a", 2_000), seen("b", 90), seen("c", 100)]);
    story.later(2_500).completes("one", json!({"found": 1}));
    story.decides(plan().route("two", "b"));
    story.later(80).completes("two", json!({"found": 2}));
    story.decides(plan().end("completed"));
}

fn sequence(story: &mut Story) {
    story.decides(plan().route("a", "a").route("b", "b").after("b", &["a"]));
    story.later(5).completes("a", json!({"x": 1}));
    story.later(5).completes("b", json!({"y": 0.1}));
    story.decides(plan().end("completed"));
}

fn dag(story: &mut Story) {
    let graph = plan().route("a", "a").route("b", "b").route("c", "c");
    let graph = graph.route("last", "a").after("c", &["a"]);
    story.decides(graph.after("last", &["b", "c"]));
    story.later(1).completes("a", json!({"a": 1}));
    let together = [
        story.completed("b", json!({"b": 2})),
        story.completed("c", json!({"c": 3})),
    ];
    story.later(1).advance(&together);
    story.later(1).completes("last", json!({"last": true}));
    story.decides(plan().end("completed"));
}

fn skip_and_join(story: &mut Story) {
    story.decides(plan().step("skip", "left-out", "c").wake_any());
    story.decides(plan().route("one", "a").route("two", "b").join(
        "joined",
        "merge",
        &["two", "one"],
    ));
    story.later(3).completes("one", json!({"x": 1}));
    story.later(3).fails("two", "permanent");
    story.completes("joined", json!({"joined": ["x"]}));
    story.decides(plan().end("completed"));
}

fn collision(story: &mut Story) {
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .route("three", "c"),
    );
    story.completes("two", json!({"k": 2}));
    story.completes("one", json!({"k": 1, "l": null}));
    story.completes("three", json!([1, "2"]));
    story.decides(plan().end("completed"));
}

fn retry(story: &mut Story) {
    story.decides(plan().route("one", "a"));
    story.later(2).fails("one", "transient");
    story.next_timer();
    story.later(2).fails("one", "transient");
    story.next_timer();
    story.later(2).completes("one", json!({}));
    story.decides(plan().step("retry", "again", "a"));
    story.completes("again", json!({"again": true}));
    story.decides(plan().end("completed"));
}

fn fallback(story: &mut Story) {
    story.decides(plan().route("one", "with-fallback"));
    story.fails("one", "permanent");
    story.later(4).completes("one", json!({"by": "b"}));
    story.decides(plan().end("completed"));
}

fn skip_on_failure(story: &mut Story) {
    let steps = plan()
        .route("may", "may-fail")
        .route("next", "a")
        .after("next", &["may"]);
    story.decides(
        steps
            .route("must", "b")
            .route("never", "c")
            .after("never", &["must"]),
    );
    story.fails("may", "permanent");
    story.completes("next", json!({}));
    story.fails("must", "invalid-input");
    story.decides(plan().end("failed"));
}

fn answered(story: &mut Story, answer: Answer) {
    story.decides(plan().route("one", "asks"));
    story.later(7).fails("one", "permanent");
    story.later(60_000).answers("one", answer);
    while let Some(step) = story.calls().first().cloned() {
        if step.starts_with("decision-") {
            story.decides(plan().end("completed"));
        } else {
            story.later(3).completes(&step, json!({"answered": true}));
        }
    }
}

fn escalation_by_strategy(story: &mut Story) {
    story.decides(plan().step("escalate", "gate", "a").route("beside", "b"));
    story.completes("beside", json!({}));
    story.answers("gate", Answer::Continue);
    story.decides(plan().end("completed"));
}

fn answer_refused(story: &mut Story) {
    story.answers("nobody", Answer::Skip);
    story.decides(
        plan()
            .step("escalate", "one", "a")
            .step("escalate", "two", "b"),
    );
    story.wish(Wish::Answer {
        step: None,
        answer: Answer::Continue,
    });
    story.answers(
        "one",
        Answer::Reroute {
            agent: "stranger".to_owned(),
        },
    );
    story.answers("one", Answer::Skip);
    story.answers("two", Answer::Abort);
}

fn pause(story: &mut Story) {
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .after("two", &["one"]),
    );
    story.wish(Wish::Pause);
    story.wish(Wish::Pause);
    story.later(50).completes("one", json!({}));
    story.advance(&[Input::Recovered]);
    story.later(1_000).wish(Wish::Unpause);
    story.completes("two", json!({}));
    story.decides(plan().end("completed"));
}

fn migration(story: &mut Story) {
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "a")
            .after("two", &["one"]),
    );
    let to = |role: &str, digest: &str| Wish::Migrate {
        plugins: [(role.to_owned(), digest.to_owned())].into(),
    };
    // What is there already, and a use that the flow does not have, change nothing.
    for idle in [to("agent:a", "sha256:one"), to("agent:z", "sha256:two")] {
        story.wish(idle);
        assert_eq!(story.run.pins().plugins["agent:a"], "sha256:one");
    }
    story.wish(to("agent:a", "sha256:two"));
    assert_eq!(story.run.pins().plugins["agent:a"], "sha256:two");
    story.completes("one", json!({}));
    story.completes("two", json!({}));
    story.decides(plan().end("completed"));
}

fn checkpoints(story: &mut Story) {
    story.decides(plan().route("one", "a").route("two", "b").wake_any());
    story.wish(Wish::Checkpoint {
        label: "by hand".to_owned(),
    });
    story.completes("two", json!({}));
    story.decides(plan());
    story.later(60_000).advance(&[]);
    story.completes("one", json!({}));
    story.decides(plan().end("completed"));
}

fn fork(story: &mut Story) {
    story.decides(plan().route("one", "a"));
    story.completes("one", json!({"k": 1}));
    let events = story.journal.len() as u64;
    story.later(1_000_000);
    story.advance(&[Input::Forked(Box::new(Forked {
        run: "run-2".to_owned(),
        from: "run-1".to_owned(),
        events,
        input: Some(Document::from(json!({"question": 2}))),
        supersedes: true,
        by: "somebody".to_owned(),
    }))]);
    story.decides(plan().route("two", "b"));
    story.completes("two", json!({}));
    story.decides(plan().end("completed"));
}

fn cancel(story: &mut Story) {
    story.decides(plan().route("one", "a").route("two", "b"));
    let late = story.completed("one", json!({}));
    story.wish(Wish::Cancel {
        reason: "not: today".to_owned(),
    });
    story.advance(&[late]);
}

fn total_timeout(story: &mut Story) {
    story.decides(plan().route("one", "a"));
    let total = menagerie_orchestration::event::TimerId::Total;
    let due = story.timers()[&total];
    story.now = due;
    story.advance(&[Input::TimerFired(total)]);
}

fn task_timeout(story: &mut Story) {
    story.decides(plan().route("one", "a"));
    story.later(300_000).fails("one", "deadline");
    story.next_timer();
    story.completes("one", json!({}));
    story.decides(plan().end("completed"));
}

fn parked(story: &mut Story) {
    story.decides(plan().route("one", "a").wake(Wake::Timer(50)));
    story.fails("one", "transient");
    // Nobody drives the run; then its new owner finds the wake due before any timer fires.
    story.later(500_000).advance(&[]);
    story.next_timer();
    story.decides(plan().wake_any());
    story.completes("one", json!({}));
    story.decides(plan().end("completed"));
}

fn reissued(story: &mut Story) {
    story.advance(&[Input::Recovered]);
    story.decides(plan().route("one", "a").route("two", "b"));
    story.later(9).advance(&[Input::Recovered]);
    story.completes("one", json!({}));
    story.advance(&[Input::Recovered]);
    story.completes("two", json!({}));
    story.decides(plan().end("completed"));
}

fn poisoned_step(story: &mut Story) {
    story.decides(plan().route("one", "with-fallback").route("two", "b"));
    for _ in 0..4 {
        story.later(1).advance(&[Input::Recovered]);
    }
    while let Some(step) = story.calls().first().cloned() {
        if step.starts_with("decision-") {
            story.decides(plan().end("completed"));
        } else {
            story.completes(&step, json!({}));
        }
    }
}

fn poisoned_decision(story: &mut Story) {
    for _ in 0..4 {
        story.advance(&[Input::Recovered]);
    }
}

fn decision_refused(story: &mut Story) {
    story.decides(plan().route("one", "nobody"));
}

fn decision_retried(story: &mut Story) {
    for _ in 0..2 {
        let failure = menagerie_orchestration::failure::Failure::new("transient", "not now");
        let input = story.decided_as(Err(failure));
        story.later(1).advance(&[input]);
        story.next_timer();
    }
    story.decides(plan().end("completed"));
}

fn wakes(story: &mut Story) {
    story.decides(plan().wake(Wake::Timer(20)));
    story.next_timer();
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .route("three", "c")
            .wake_any(),
    );
    story.later(1).completes("one", json!({}));
    story.decides(plan().wake_these(&["two"]));
    // Ends while the strategy is not asked, then wakes it.
    story.later(1).completes("two", json!({}));
    story.decides(plan().route("four", "a").wake_on_failure());
    story.later(1).fails("three", "permanent");
    story.decides(plan());
    story.later(1).completes("four", json!({}));
    story.decides(plan().end("failed"));
}

fn limit_of_steps(story: &mut Story) {
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .route("three", "c"),
    );
}

fn limit_of_decisions(story: &mut Story) {
    for step in ["one", "two"] {
        story.decides(plan().route(step, "a"));
        story.completes(step, json!({}));
    }
}

fn large_payload(story: &mut Story) {
    let long = json!({"text": "long ".repeat(300), "n": 0.1});
    story.decides(
        plan()
            .route("one", "a")
            .given(long.clone())
            .route("two", "b")
            .given(long.clone()),
    );
    story.completes("one", long.clone());
    story.completes("two", json!({"other": "é\u{1}\n".repeat(400)}));
    story.decides(plan().end("completed").output(long));
}

fn own_context(story: &mut Story) {
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
    let context = [("k".to_owned(), Document::from(json!({"kept": 1})))].into();
    let log = log.or(Some(Document::from(
        json!([{"level": "info", "message": "kept"}]),
    )));
    story.advance(&[Input::StepEnded {
        call,
        result,
        context,
        facts,
        log,
    }]);
    story.decides(plan());
    story.completes("two", json!({}));
    story.decides(plan().route("three", "a"));
    story.completes("three", json!({}));
    story.decides(plan().end("completed"));
}

fn taken_away(story: &mut Story) {
    story.decides(plan().route("one", "a"));
    let set = story.change("one", 0, ("claim", None), json!("mine"));
    story.later(1).advance(&[set]);
    let take = |story: &Story| story.change("one", 1, ("claim", Some(1)), None);
    let first = take(story);
    story.later(1).advance(&[first]);
    story.later(1).advance(&[Input::Recovered]);
    let again = [
        take(story),
        story.change("one", 2, ("claim", None), json!(null)),
        story.change("one", 3, ("other", Some(1)), None),
    ];
    story.later(1).advance(&again);
    story.completes("one", json!({}));
    story.decides(plan().end("completed"));
}

fn shared(story: &mut Story) {
    let claim = |story: &Story, step: &str, ordinal, expected| {
        story.change(step, ordinal, ("claim", expected), json!({"by": step}))
    };
    story.decides(plan().route("one", "a").route("two", "b"));
    let race = [claim(story, "one", 0, None), claim(story, "two", 0, None)];
    story.later(1).advance(&race);
    story.later(1).advance(&[Input::Recovered]);
    // Both are executed again: what is set stays, and is not set twice.
    let again = [claim(story, "one", 0, None), claim(story, "two", 0, None)];
    story.later(1).advance(&again);
    let large = json!("x".repeat(2_000));
    let note = story.change("two", 1, ("note", None), large);
    story.later(1).advance(&[note]);
    story.completes("one", json!({}));
    story.advance(&[claim(story, "two", 2, Some(1))]);
    story.fails("two", "transient");
    story.next_timer();
    story.advance(&[claim(story, "two", 0, Some(2))]);
    story.completes("two", json!({}));
    story.advance(&[story.change("decision-2", 0, ("turn", None), json!(1))]);
    story.decides(plan().end("completed"));
}

fn artifacts(story: &mut Story) {
    story.decides(
        plan()
            .route("one", "a")
            .route("two", "b")
            .after("two", &["one"]),
    );
    let put = story.put("one", 0, "notes.md", "a first note");
    story.later(1).advance(&[put]);
    story.later(1).advance(&[Input::Recovered]);
    let again = [
        story.put("one", 0, "notes.md", "a first note"),
        story.put("one", 1, "notes.md", "a second note"),
    ];
    story.later(1).advance(&again);
    let ended = story.attaching("one", &["artifact-2"]);
    story.later(1).advance(&[ended]);
    let ended = story.attaching("two", &["artifact-7"]);
    story.later(1).advance(&[ended]);
    story.decides(plan().route("three", "c"));
    story.completes("three", json!({}));
    story.decides(plan().end("completed"));
}

fn revoked(story: &mut Story) {
    let revoke = |role: &str| Wish::Revoke {
        role: role.to_owned(),
        interface: "shared".to_owned(),
    };
    story.decides(plan().route("one", "shares"));
    story.wish(revoke("agent:a"));
    story.wish(revoke("agent:shares"));
    story.completes("one", json!({}));
    story.decides(plan().end("completed"));
}

fn given_back(story: &mut Story) {
    let (role, interface) = ("agent:shares".to_owned(), "shared".to_owned());
    let give = |role: &str| Wish::Grant {
        role: role.to_owned(),
        interface: "shared".to_owned(),
    };
    story.decides(plan().route("one", "shares"));
    story.wish(Wish::Revoke { role, interface });
    story.wish(give("agent:a"));
    story.wish(give("agent:shares"));
    story.completes("one", json!({}));
    story.decides(plan().end("completed"));
}

fn ending(story: &mut Story) {
    story.decides(plan().route("one", "a").given(json!(null)));
    story.completes("one", json!(null));
    story.decides(plan().end("completed").output(json!(null)));
}

/// The flow of a feature: more agents, in the order in which they are asked for.
fn flow_text(name: &str, more: &str) -> String {
    let special = r#"
[agents.with-fallback]
plugin = "a"
fallback = "b"
[agents.may-fail]
plugin = "b"
on_failure = "skip"
[agents.asks]
plugin = "c"
on_failure = "escalate"
[strategy]
plugin = "scripted"
"#;
    format!("name = \"{name}\"\n{AGENTS}{special}{more}")
}

fn recorded(name: &str, about: &str, more: &str, tells: Tells) -> HistoryFile {
    let flow = flow_text(name, more);
    let parsed = flow_file::parse(&flow).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut story = Story::of(parsed.flow);
    tells(&mut story);
    assert!(
        story.status().is_final(),
        "{name} does not end: {:?}",
        story.calls()
    );
    let mut history = HistoryFile {
        about: about.to_owned(),
        host: env!("CARGO_PKG_VERSION").to_owned(),
        flow,
        ..HistoryFile::default()
    };
    for event in &story.journal {
        let encoded = wire::encode(event).unwrap();
        history.payloads.extend(encoded.payloads);
        history.events.push(encoded.text);
    }
    history
}

#[test]
#[ignore = "writes tests/histories: cargo test --workspace --test machine -- --ignored record_histories"]
#[expect(
    clippy::disallowed_methods,
    reason = "the histories are files of the repository"
)]
fn record_histories() {
    for (name, about, more, tells) in FEATURES {
        let path = folder().join(format!("{name}.jsonl"));
        // What was recorded stays: that it can be told again is the point.
        if !path.exists() {
            let text = recorded(name, about, more, *tells).to_text().unwrap();
            std::fs::write(&path, text).unwrap();
        }
    }
}

#[test]
fn the_features_stories_still_come_to_their_ends() {
    for (name, about, more, tells) in FEATURES {
        let history = recorded(name, about, more, *tells);
        let text = history.to_text().unwrap();
        assert_eq!(HistoryFile::parse(&text).unwrap(), history, "{name}");
    }
}
