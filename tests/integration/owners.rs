//! One run, one owner: those that come second, those that hang, and those that take over.

use serde_json::json;

use crate::program::{Place, ended};
use crate::running::{Running, backing_off, taking_its_time, until};

fn until_the_first_attempt_has_failed(place: &Place) {
    until("the first attempt has failed", || {
        place
            .call(&["events", "one", "--json"])
            .stdout
            .contains(r#""step_ended""#)
    });
}

#[test]
fn of_two_that_resume_one_run_one_wins_and_the_other_names_the_owner() {
    let place = Place::new();
    place.detach(&taking_its_time(), "one");
    let mut both =
        [0, 1].map(|_| Running::start(place.menagerie().args(["resume", "one", "--json"])));
    let mut lost = None;
    until("one of them is refused", || {
        lost = both
            .iter_mut()
            .position(|one| one.child.try_wait().unwrap().is_some());
        lost.is_some()
    });
    let lost = lost.unwrap();
    let (owner, refused) = (both[1 - lost].child.id(), both[lost].ended());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let named = format!("is being driven by menagerie resume (process {owner})");
    assert!(refused.stderr.contains(&named), "{}", refused.stderr);
    assert!(refused.stderr.contains("--take-over"), "{}", refused.stderr);
    place.until_entered("one");
    place.call(&["cancel", "one"]).expect(0);
    assert_eq!(both[1 - lost].ended().code, Some(1));
    assert_eq!(place.entries().values().sum::<usize>(), 1);
}

#[test]
fn a_hung_owner_loses_the_run_is_refused_and_says_who_has_it() {
    let place = Place::new();
    let mut hung = Running::start(&mut place.run_of(&backing_off(4_000), "one", &[]));
    // It waits for its next attempt: nothing is being committed.
    let backs_off = || {
        let events = place.call(&["events", "one", "--json"]);
        events.stdout.contains(r#""step_ended""#)
    };
    until("the first attempt has failed", backs_off);
    hung.signal("STOP");
    let refused = place.call(&["resume", "one"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("menagerie run (process"),
        "{}",
        refused.stderr
    );
    let taken = place
        .call(&["resume", "one", "--take-over", "--json"])
        .expect(0)
        .json();
    assert_eq!(taken["status"], "completed");
    assert_eq!(taken["result"]["attempt"], 2, "{taken}");

    hung.signal("CONT");
    let ended = hung.ended();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("run one was taken over"),
        "{}",
        ended.stderr
    );
    place.call(&["doctor", "--store"]).expect(0);
    assert_eq!(place.status("one"), "completed");
    // Nothing was lost and nothing was done twice: one entry for each attempt.
    let entries: Vec<_> = place.entries().into_values().collect();
    assert_eq!(entries, [1, 1]);
}

#[test]
fn a_hung_owner_is_told_who_has_the_run_now() {
    let place = Place::new();
    let mut hung = Running::start(&mut place.run_of(&backing_off(3_000), "one", &[]));
    until_the_first_attempt_has_failed(&place);
    hung.signal("STOP");
    // The next owner has it for as long as it takes: its second attempt never comes.
    let mut next =
        Running::start(
            place
                .menagerie()
                .args(["resume", "one", "--take-over", "--json"]),
        );
    let pid = next.child.id();
    until("the run has changed hands", || {
        let shown = place.call(&["show", "one", "--json"]).expect(0).json();
        shown["driven_by"]["pid"] == pid
    });
    next.signal("STOP");
    hung.signal("CONT");
    let ended = hung.ended();
    let named = format!("was taken over by menagerie resume (process {pid})");
    assert!(ended.stderr.contains(&named), "{}", ended.stderr);
    next.signal("CONT");
    assert_eq!(next.ended().code, Some(0));
    assert_eq!(place.status("one"), "completed");
}

#[test]
fn a_host_that_stays_takes_the_run_of_an_owner_that_hangs_by_itself() {
    let place = Place::new();
    // It waits for its next attempt, which is due while it hangs: nothing is being committed.
    let mut hung = Running::start(&mut place.run_of(&backing_off(1_000), "one", &[]));
    until_the_first_attempt_has_failed(&place);
    hung.signal("STOP");
    let mut serve = Running::serve(&place, &["--hung-after", "2s"]);
    let silent = serve.until_said("owner_silent", |_| true);
    assert_eq!(silent["pid"], hung.child.id());
    assert_eq!(
        (&silent["name"], &silent["runs"]),
        (&json!("menagerie run"), &json!(1))
    );
    assert!(silent["silent_ms"].as_u64().unwrap() >= 2_000, "{silent}");
    serve.until_said("ended", |line| {
        line["run"] == "one" && line["status"] == "completed"
    });
    hung.signal("CONT");
    let ended = hung.ended();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("run one was taken over"),
        "{}",
        ended.stderr
    );
    place.call(&["doctor", "--store"]).expect(0);
    let entries: Vec<_> = place.entries().into_values().collect();
    assert_eq!(entries, [1, 1], "one entry for each attempt");
    // Impatience would take runs from those who are merely busy.
    let refused = place.call(&["serve", "--hung-after", "500ms"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("2s or more"), "{}", refused.stderr);
}

#[test]
fn the_same_run_begun_again_beside_its_owner_waits_for_its_end_there() {
    let place = Place::new();
    let mut first = Running::start(&mut place.run_of(&backing_off(1_500), "one", &[]));
    place.until_entered("one");
    let second = ended(&mut place.run_of(&backing_off(1_500), "one", &[])).expect(0);
    assert!(
        second.stderr.contains("is being driven by menagerie run"),
        "{}",
        second.stderr
    );
    assert_eq!(second.json()["status"], "completed");
    assert_eq!(first.ended().expect(0).stdout, second.stdout.trim_end());
    assert!(place.entries().values().all(|count| *count == 1));
}
