//! A process that is stopped while it has the store locked: the others name it after a bounded time,
//! with nothing lost, and go on when it goes on or ends.

use std::time::{Duration, Instant};

use crate::program::{Ended, Place, ended};
use crate::running::{DEADLINE, Running, backing_off, echo_flow, until};

/// What one waits for a locked store, and as much again for a machine that is busy.
const BOUND: Duration = Duration::from_secs(20);

/// A process that runs a flow, stopped at such a point.
fn stopped_at(place: &Place, id: &str, point: &str) -> Running {
    let mut command = place.run_of(&backing_off(100), id, &[]);
    let stopped = Running::start(command.env("MENAGERIE_STOP_AT", point));
    let stat = format!("/proc/{}/stat", stopped.child.id());
    until("it is stopped", || {
        let text = std::fs::read_to_string(&stat).unwrap();
        text.rsplit(") ").next().unwrap().starts_with('T')
    });
    stopped
}

#[track_caller]
fn names_the_stopped(refused: &Ended, stopped: &Running, called: &str) {
    let pid = stopped.child.id();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let named = format!("process {pid}{called} has it locked and is stopped");
    assert!(refused.stderr.contains(&named), "{}", refused.stderr);
    let help = format!("kill -CONT {pid}");
    assert!(refused.stderr.contains(&help), "{}", refused.stderr);
}

/// Everybody that cannot write, at once: each waits as long.
#[test]
fn a_process_that_is_stopped_within_a_commit_is_named_and_nothing_is_lost() {
    let place = Place::new();
    place.detach(&echo_flow(), "before");
    let mut stopped = stopped_at(&place, "one", "before-commit:3");
    let pid = stopped.child.id();
    // Reading goes on, and says so.
    place.call(&["show", "one", "--json"]).expect(0);
    let doctor = place.call(&["doctor"]);
    assert_eq!(doctor.code, Some(2));
    let named = format!("nothing can be written: process {pid} (menagerie run) has it locked");
    assert!(doctor.stdout.contains(&named), "{}", doctor.stdout);

    let begun = Instant::now();
    let mut serve = Running::serve(&place, &["--hung-after", "2s"]);
    let mut others = [
        Running::start(&mut place.run_of(&echo_flow(), "two", &[])),
        Running::start(place.menagerie().args(["cancel", "one"])),
        Running::start(place.menagerie().args(["resume", "before"])),
    ];
    for other in &mut others {
        names_the_stopped(&other.ended(), &stopped, " (menagerie run)");
    }
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    let refused = serve.until_said("refused", |_| true);
    let named = format!("process {pid} (menagerie run) has it locked and is stopped");
    assert!(
        refused["error"].as_str().unwrap().contains(&named),
        "{refused}"
    );

    // It goes on as if nothing had been, unless the host that stays is quicker to take the run.
    serve.signal("KILL");
    stopped.signal("CONT");
    let went_on = stopped.ended();
    assert_eq!(went_on.code, Some(0), "{}", went_on.stderr);
    assert_eq!(place.status("one"), "completed");
    assert_eq!(place.entries().into_values().collect::<Vec<_>>(), [1, 1]);
    place.call(&["resume", "before"]).expect(0);
    ended(&mut place.run_of(&echo_flow(), "two", &[])).expect(0);
    place.call(&["doctor", "--store"]).expect(0);
}

#[test]
fn a_stopped_process_that_is_killed_leaves_the_store_to_the_others() {
    let place = Place::new();
    let stopped = stopped_at(&place, "one", "after-commit:2");
    // Between two commits nobody is in anybody's way.
    let mut beside = place.run_of(&echo_flow(), "two", &[]);
    ended(&mut beside).expect(0);
    drop(stopped);
    let stopped = stopped_at(&place, "four", "before-commit:1");
    let mut beside = Running::start(&mut place.run_of(&echo_flow(), "three", &[]));
    drop(stopped);
    let beside = beside.ended();
    assert_eq!(beside.code, Some(0), "{}", beside.stderr);
    place.call(&["resume", "one"]).expect(0);
    assert_eq!(place.status("one"), "completed");
    place.call(&["doctor", "--store"]).expect(0);
}

#[test]
fn a_process_that_is_stopped_as_it_opens_the_store_is_named() {
    let place = Place::new();
    place.detach(&echo_flow(), "before");
    let mut stopped = stopped_at(&place, "one", "opening:1");
    let begun = Instant::now();
    let refused = Running::start(place.menagerie().arg("runs")).ended();
    // It has no name yet: that is written once it has opened the store.
    names_the_stopped(&refused, &stopped, "");
    assert!(begun.elapsed() < BOUND.min(DEADLINE));
    stopped.signal("CONT");
    assert_eq!(stopped.ended().code, Some(0));
    place.call(&["runs"]).expect(0);
}
