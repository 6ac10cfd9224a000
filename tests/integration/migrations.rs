//! Runs that go on with another version of a plugin.

use serde_json::Value;

use crate::plugins::{add_as, guest_saying};
use crate::program::{Ended, Place};
use crate::running::{Running, until};

/// `asks` escalates until somebody gives it a hint.
const FLOW: &str = "name = \"asking\"\n[agents.one]\nplugin = \"echoes\"\n[agents.asks]\nplugin = \"workers\"\nconfig = { asks = true }\n[strategy]\nplugin = \"echo-strategy\"\n";
const BUSY: &str = "[agents.busy]\nplugin = \"worker\"\nconfig = { endless = true }\nlimits = { fuel = 9000000000000000, busy = \"10m\" }\n";
const INPUT: [&str; 3] = ["--json", "--input", r#"{"text":"x"}"#];

/// A store with two versions of two plugins: digests of the workers.
fn place() -> (Place, String, String) {
    let place = Place::new();
    add_as(&place, "echoes", &guest_saying("echo", "1.0.0"));
    let first = add_as(&place, "workers", &guest_saying("worker", "1.0.0"));
    let second = add_as(&place, "workers", &guest_saying("worker", "2.0.0"));
    let back = place.call(&["plugins", "rollback", "workers", "--json"]);
    assert_eq!(back.expect(0).json()["digest"], *first);
    (place, first, second)
}

fn waiting(place: &Place, id: &str) {
    let flow = place.write("flow.toml", FLOW).display().to_string();
    let mut arguments = vec!["run", &flow, "--id", id];
    arguments.extend(INPUT);
    place.call(&arguments).expect(3);
}

fn migrate(place: &Place, id: &str, version: &str) -> Ended {
    place.call(&["runs", "migrate", id, version, "--json"])
}

fn answer(place: &Place, id: &str) -> Ended {
    place.call(&[
        "answer", id, "retry", "--step", "asks", "--hint", "how=so", "--json",
    ])
}

/// The digest behind each attempt of a step, by the events that tell their ends.
fn callees(place: &Place, id: &str, step: &str) -> Vec<String> {
    let events = place.call(&["events", id, "--json"]).expect(0).stdout;
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ends = events.filter(|line| line["event"]["type"] == "step_ended");
    let of = ends.filter(|line| line["event"]["id"] == step);
    of.map(|line| line["event"]["call"]["plugin"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_run_goes_on_with_another_version_and_its_old_calls_stay_those_of_the_old_one() {
    let (place, first, second) = place();
    waiting(&place, "run");
    let noted = ["checkpoint", "run", "--label", "before", "--json"];
    place.call(&noted).expect(0);
    let told = migrate(&place, "run", "asks=workers@2.0.0")
        .expect(0)
        .json();
    assert_eq!(told["plugins"]["agent:asks"], *second, "{told}");
    assert_eq!(
        (&told["status"], &told["judged_calls"]),
        (&"waiting".into(), &1.into())
    );
    assert_eq!(
        answer(&place, "run").expect(0).json()["status"],
        "completed"
    );
    assert_eq!(
        callees(&place, "run", "asks"),
        [first.clone(), second.clone()]
    );
    // Each call is made again with the version that it was made with.
    place.call(&["replay", "run", "--json"]).expect(0);
    let shown = place.call(&["show", "run", "--json"]).expect(0).json();
    assert_eq!(shown["pins"]["plugins"]["agent:asks"], *second);
    place.call(&["show", "run", "--timeline"]).expect(0);
    assert!(
        place
            .call(&["events", "run"])
            .expect(0)
            .stdout
            .contains("migrated by ")
    );

    // Whoever goes on from before it knows nothing of it; whoever goes on from behind it does.
    let fork = |at: &str, id: &str| {
        let forked = place.call(&["fork", "run", "--at", at, "--id", id, "--json"]);
        assert!(matches!(forked.code, Some(0 | 3)), "{forked:?}");
        place.call(&["replay", id, "--json"]).expect(0);
    };
    fork("checkpoint-1", "before");
    answer(&place, "before").expect(0);
    assert_eq!(
        callees(&place, "before", "asks"),
        [first.clone(), first.clone()]
    );
    fork("asks", "behind");
    assert_eq!(callees(&place, "behind", "asks"), [first, second]);
    for id in ["before", "behind"] {
        place.call(&["replay", id, "--json"]).expect(0);
    }
    // A migrated run has ended.
    let late = migrate(&place, "run", "asks=workers@1.0.0").expect(2);
    assert!(late.stdout.contains("has ended"), "{late:?}");
    place.call(&["doctor", "--store"]).expect(0);
}

#[test]
fn what_does_not_hold_is_refused_with_the_first_difference() {
    let (place, first, _) = place();
    waiting(&place, "run");
    for (version, why) in [
        (
            "one=workers@1.0.0",
            "agent:one does not hold in run run: step one, attempt 1",
        ),
        ("nobody=workers@1.0.0", "the run has no plugin `nobody`"),
        ("one=workers@7.0.0", "7.0.0"),
        ("one", "expected NAME=name@version"),
        ("strategy=workers@1.0.0", "expected strategy"),
        (
            "one=sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "no such plugin",
        ),
    ] {
        let refused = migrate(&place, "run", version).expect(2);
        assert!(refused.stdout.contains(why), "{version}: {refused:?}");
    }
    answer(&place, "run").expect(0);
    assert_eq!(callees(&place, "run", "asks"), [first.clone(), first]);
}

#[test]
fn a_run_leaves_a_revoked_version_by_a_migration() {
    let (place, first, second) = place();
    waiting(&place, "run");
    migrate(&place, "run", &format!("asks={second}")).expect(0);
    let revoke = [
        "plugins", "revoke", &first, "--reason", "it leaks", "--json",
    ];
    place.call(&revoke).expect(0);
    assert_eq!(
        answer(&place, "run").expect(0).json()["status"],
        "completed"
    );
    assert_eq!(callees(&place, "run", "asks"), [first, second]);
}

#[test]
fn whoever_drives_a_run_migrates_it_and_calls_under_way_end_as_they_began() {
    let (place, first, second) = place();
    let mut serve = Running::serve(&place, &[]);
    let flow = FLOW.replace("[strategy]", &format!("{BUSY}[strategy]"));
    let flow = place.write("flow.toml", &flow).display().to_string();
    let mut arguments = vec!["run", &flow, "--id", "run", "--detach"];
    arguments.extend(INPUT);
    place.call(&arguments).expect(0);
    until("a step asks", || callees(&place, "run", "asks").len() == 1);
    let told = migrate(&place, "run", "asks=workers@2.0.0")
        .expect(0)
        .json();
    assert_eq!(told["plugins"]["agent:asks"], *second);
    answer(&place, "run").expect(0);
    until("it is answered", || {
        callees(&place, "run", "asks").len() == 2
    });
    assert_eq!(callees(&place, "run", "asks"), [first, second]);
    let cancel = ["cancel", "run", "--reason", "enough", "--json"];
    place.call(&cancel).expect(0);
    place.call(&["replay", "run", "--json"]).expect(0);
    serve.signal("TERM");
    serve.ended();
}
