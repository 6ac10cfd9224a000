//! What holds after every input, read off the public API alone.
//!
//! 1. Outstanding ids are unique, and every outstanding call can be spelled out.
//! 2. Nothing is outstanding before the start and after the end.
//! 3. Until the end something is outstanding, or the run is paused, or somebody must answer:
//!    a run never hangs.
//! 4. Event time never goes back; the first event is the start, and nothing follows the end.
//! 5. A step has exactly one of: a call, a back-off timer, an answer to wait for, a dependency
//!    that has not ended, or an end. Steps that depend on nothing unended do not wait.
//! 6. At most one decision is outstanding.
//! 7. Attempts and skips never exceed `max_steps`, decisions never `max_decisions`.
//! 8. Agents' counts of running and backing-off steps are those of the steps.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_orchestration::command::Command;
use menagerie_orchestration::event::{CallOf, Event, Recorded, TimerId, Trigger};
use menagerie_orchestration::run::step::{StepKind, StepStatus};
use menagerie_orchestration::run::{Run, RunStatus};

/// Invariants of one more batch of events.
pub(crate) fn check_batch(journal: &[Recorded], batch: &[Recorded]) {
    let mut last = journal.last();
    for recorded in batch {
        let started = matches!(recorded.event, Event::RunStarted { .. });
        match last {
            None => assert!(started, "the first event is {:?}", recorded.event),
            Some(last) => {
                assert!(!started, "started twice");
                assert!(last.at <= recorded.at, "time went back");
                let ended = matches!(last.event, Event::RunEnded { .. });
                assert!(!ended, "{:?} follows the end", recorded.event);
            }
        }
        last = Some(recorded);
    }
}

/// Invariants of a run that has taken all its inputs.
pub(crate) fn check_state(run: &Run) {
    let commands = run.outstanding();
    check_commands(run, &commands);
    check_steps(run, &commands);
    check_counts(run);
    let status = run.status();
    if status == RunStatus::Queued || status.is_final() {
        assert!(commands.is_empty(), "{status:?} with {commands:?}");
        return;
    }
    let waits = status == RunStatus::Paused || run.waiting().next().is_some();
    // The run's total alone would end it, but only after having hung for an hour.
    let moves = commands.iter().any(|command| {
        !matches!(
            command,
            Command::Timer {
                id: TimerId::Total,
                ..
            }
        )
    });
    assert!(moves || waits, "the run hangs: {run:#?}");
}

fn check_commands(run: &Run, commands: &[Command]) {
    let mut calls = BTreeSet::new();
    let mut timers = BTreeSet::new();
    let mut decisions = 0;
    for command in commands {
        match command {
            Command::Call { id, may_start } => {
                assert!(calls.insert(id.of), "{id} twice");
                let call = run.call(*id);
                assert!(call.is_some(), "{id} cannot be spelled out");
                assert_eq!(*may_start, run.status() != RunStatus::Paused);
                decisions += usize::from(matches!(id.of, CallOf::Decision(_)));
            }
            Command::Timer { id, .. } => assert!(timers.insert(*id), "{id} twice"),
        }
    }
    assert!(decisions <= 1);
    for timer in timers {
        if let TimerId::Retry(of) = timer {
            assert!(!calls.contains(&of), "{of:?} runs and backs off");
        }
    }
    assert!(run.decisions() <= run.limits().max_decisions);
}

fn check_steps(run: &Run, commands: &[Command]) {
    let mut called = BTreeSet::new();
    let mut backing_off = BTreeSet::new();
    for command in commands {
        match command {
            Command::Call { id, .. } => {
                if let CallOf::Step(no) = id.of {
                    called.insert(no);
                }
            }
            Command::Timer {
                id: TimerId::Retry(CallOf::Step(no)),
                ..
            } => {
                backing_off.insert(*no);
            }
            Command::Timer { .. } => {}
        }
    }
    let waiting: BTreeSet<_> = run.waiting().map(|step| step.no).collect();
    let ended = run.status().is_final();
    let mut ids = BTreeSet::new();
    for step in run.steps() {
        assert!(ids.insert(&step.id), "two steps are called {}", step.id);
        let is = &step.status;
        let (no, id) = (step.no, &step.id);
        assert_eq!(called.contains(&no), *is == StepStatus::Ready, "{id}");
        let backs_off = matches!(is, StepStatus::Backoff { .. });
        assert_eq!(backing_off.contains(&no), backs_off, "{id}");
        let waits = matches!(is, StepStatus::Waiting { .. });
        assert_eq!(waiting.contains(&no), waits, "{id}");
        assert_eq!(
            *is == StepStatus::Pending,
            step.missing > 0 && !ended,
            "{id}"
        );
        assert!(
            !ended || is.is_final(),
            "{id} is {} after the end",
            is.word()
        );
        assert_eq!(step.ended_at.is_some(), is.is_final(), "{id}");
    }
    let unended = run.steps().filter(|step| !step.status.is_final());
    let mut missing: BTreeMap<_, u32> = BTreeMap::new();
    for step in unended {
        for dependent in &step.dependents {
            *missing.entry(*dependent).or_default() += 1;
        }
    }
    if !ended {
        for step in run.steps() {
            let found = missing.get(&step.no).copied().unwrap_or(0);
            assert_eq!(step.missing, found, "{} waits for too much", step.id);
        }
    }
}

fn check_counts(run: &Run) {
    if run.status().is_final() {
        return;
    }
    let view = run.view(run.decisions(), Trigger::Wake);
    for agent in &view.agents {
        let of_agent = |wanted: fn(&StepStatus) -> bool| {
            let steps = run.steps().filter(|step| {
                let joins = matches!(step.kind, StepKind::Join { .. });
                step.agent == agent.name && !joins && wanted(&step.status)
            });
            u32::try_from(steps.count()).unwrap()
        };
        let running = of_agent(|status| *status == StepStatus::Ready);
        assert_eq!(agent.counts.running, running, "{} runs", agent.name);
        let in_error = of_agent(|status| matches!(status, StepStatus::Backoff { .. }));
        assert_eq!(agent.counts.in_error, in_error, "{} backs off", agent.name);
    }
    assert!(view.history.len() <= 32);
    assert!((0.0..=1.0).contains(&view.error_rate));
}
