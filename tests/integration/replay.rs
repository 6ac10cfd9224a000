//! `menagerie replay`: real runs told again, doctored ones caught, other versions judged.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::doctored::{Doctored, event};
use crate::program::{CLEAN_LOCK, Ended, GIT_LOCK, Place, ended, review, review_by_rules, root};

/// A bundled component, which every run of a review has built.
fn component(name: &str) -> PathBuf {
    root().join(format!("target/guests/components/{name}.wasm"))
}

fn replay(place: &Place, run: &str) -> Ended {
    place.run(["replay", run, "--json"])
}

fn replay_with(place: &Place, run: &str, with: &str, file: &Path, more: &[&str]) -> Ended {
    let with = format!("{with}={}", file.display());
    let mut arguments = vec!["replay", run, "--json", "--with", &with];
    arguments.extend(more);
    place.run(arguments)
}

/// A place with a review that ended well, named `r`. A replay writes nothing: one serves them all.
fn reviewed() -> &'static Place {
    static PLACE: LazyLock<Place> = LazyLock::new(|| {
        let place = Place::new();
        place
            .run_review(&review(), CLEAN_LOCK, &["--id", "r"])
            .expect(0);
        place
    });
    &PLACE
}

#[test]
fn a_review_told_again_is_equal_and_nothing_is_written() {
    let place = reviewed();
    let before = place.run(["events", "r", "--json"]).expect(0).stdout;
    let told = replay(place, "r").expect(0).json();
    assert_eq!(told["equal"], true, "{told}");
    assert_eq!(told["events"], before.lines().count());
    assert_eq!(told["calls"], 7, "5 steps and 2 decisions");
    assert_eq!(
        (&told["facts"], &told["fuel"]),
        (&json!(0), &json!("compared"))
    );
    assert_eq!(place.run(["events", "r", "--json"]).stdout, before);
    let text = place.run(["replay", "last"]).expect(0).stdout;
    assert!(
        text.contains("7 made again") && text.contains("fuel      compared"),
        "{text}"
    );
}

#[test]
fn a_run_that_waits_and_one_that_was_answered_are_equal() {
    let place = &Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "git"])
        .expect(3);
    let waiting = replay(place, "git").expect(0).json();
    assert_eq!(waiting["equal"], true, "{waiting}");
    place
        .run(["answer", "git", "retry", "--hint", "who=\"ann\"", "--json"])
        .expect(0);
    let told = replay(place, "git").expect(0).json();
    assert!(
        told["calls"].as_u64() > waiting["calls"].as_u64(),
        "{waiting} {told}"
    );
}

#[test]
fn a_run_that_was_killed_and_resumed_is_equal() {
    for point in ["after-commit:2", "before-commit:3", "after-commit:4"] {
        let place = &Place::new();
        let lock = place.write("Cargo.lock", CLEAN_LOCK);
        let mut command = place.command();
        command.arg("run").arg(review());
        command.args(["--json", "--id", "killed", "--input"]);
        command.arg(format!("@{}", lock.display()));
        command.env("MENAGERIE_CRASH_AT", point);
        assert_eq!(ended(&mut command).code, None, "{point}");
        replay(place, "killed").expect(0);
        place.run(["resume", "killed"]).expect(0);
        let told = replay(place, "killed").expect(0).json();
        assert_eq!(told["equal"], true, "{point}: {told}");
        let events = place.run(["events", "killed", "--json"]).stdout;
        assert!(events.contains("call_reissued"), "{point}: {events}");
    }
}

/// The first difference of a run that was doctored on its way into another store.
fn caught(doctor: impl FnOnce(&mut Doctored)) -> Value {
    let place = reviewed();
    let mut doctored = Doctored::read(place, "r");
    doctor(&mut doctored);
    caught_in(&doctored.write())
}

fn caught_in(place: &Place) -> Value {
    let told = replay(place, "r").expect(1).json();
    assert_eq!(told["equal"], false);
    told["difference"].clone()
}

#[test]
fn an_output_that_was_changed_is_named_with_its_step_plugin_and_both_values() {
    let difference = caught(|run| {
        let ended = event(&mut run.events, "step_ended", "graph");
        ended["result"]["completed"]["output"]["inline"]["graph"]["packages"] = json!(77);
    });
    assert_eq!(difference["step"], "graph");
    assert!(
        difference["plugin"].as_str().unwrap().starts_with("graph@"),
        "{difference}"
    );
    assert_eq!(
        difference["pointer"],
        "/result/completed/output/graph/packages"
    );
    assert_eq!(
        (&difference["recorded"], &difference["found"]),
        (&json!(77), &json!(2))
    );
}

#[test]
fn fuel_that_was_changed_is_named_and_so_is_a_decision() {
    let difference = caught(|run| {
        let ended = event(&mut run.events, "step_ended", "report");
        ended["call"]["fuel"] = json!(1);
    });
    assert_eq!(
        (&difference["step"], &difference["pointer"]),
        (&json!("report"), &json!("/call/fuel"))
    );
    let difference = caught(|run| {
        let decided = event(&mut run.events, "decided", "");
        decided["answer"]["reason"] = json!("because I say so");
    });
    assert_eq!(difference["step"], "decision-1");
    assert_eq!(difference["pointer"], "/answer/reason");
    assert!(difference["plugin"].as_str().unwrap().starts_with("dag@"));
}

#[test]
fn under_another_engine_fuel_is_not_compared_and_that_is_said() {
    let mut doctored = Doctored::read(reviewed(), "r");
    let started = event(&mut doctored.events, "run_started", "");
    started["pins"]["engine"] = json!("wasmtime-1.0.0 of another machine");
    event(&mut doctored.events, "step_ended", "graph")["call"]["fuel"] = json!(1);
    let place = doctored.write();
    let told = replay(&place, "r").expect(0).json();
    assert_eq!((&told["equal"], &told["calls"]), (&json!(true), &json!(7)));
    assert_eq!(told["fuel"], "not compared");
    assert_eq!(
        told["engines"]["recorded"],
        "wasmtime-1.0.0 of another machine"
    );
    let text = place.run(["replay", "r"]).expect(0).stdout;
    assert!(text.contains("fuel      not compared"), "{text}");

    // What was answered is compared all the same.
    let difference = caught(|run| {
        event(&mut run.events, "run_started", "")["pins"]["engine"] = json!("another");
        let decided = event(&mut run.events, "decided", "");
        decided["answer"]["reason"] = json!("because I say so");
    });
    assert_eq!(difference["pointer"], "/answer/reason");
}

#[test]
fn an_end_that_depended_on_the_moment_is_folded_and_not_made_again() {
    let place = Place::new();
    let flow = std::fs::read_to_string(review()).unwrap();
    let hurried = "plugin = \"lockfile\"\nlimits = { busy = \"1ms\" }\nretry = { max = 0 }";
    let flow = place.write("flow.toml", &flow.replace("plugin = \"lockfile\"", hurried));
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    place.run_review(&flow, &lock, &["--id", "r"]).expect(1);
    let told = replay(&place, "r").expect(0).json();
    assert_eq!(told["facts"], 1, "{told}");
    assert_eq!(told["equal"], true);
}

#[test]
fn what_the_machine_decided_otherwise_is_named_for_people_too() {
    let mut doctored = Doctored::read(reviewed(), "r");
    event(&mut doctored.events, "run_ended", "")["reason"] = json!("something else");
    let place = doctored.write();
    place.run(["doctor", "--store"]).expect(0);
    let text = place.run(["replay", "r"]).expect(1).stdout;
    for part in [
        "(run_ended)",
        "/reason",
        "\"something else\"",
        "\"every step has ended\"",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_plugin_that_was_swapped_is_named() {
    let other = patched(reviewed(), "graph", "max_depth", "max_depht");
    let other = std::fs::read(other).unwrap();
    let difference = caught(|run| {
        run.pin("plugin:agent:graph", other.clone());
    });
    assert_eq!(difference["pointer"], "/pins/plugins/agent:graph");
    assert!(difference["plugin"].as_str().unwrap().starts_with("graph@"));

    // Swapped throughout: in the run's first event, and in the facts of its call.
    let difference = caught(|run| {
        let digest = run.pin("plugin:agent:graph", other);
        let started = event(&mut run.events, "run_started", "");
        started["pins"]["plugins"]["agent:graph"] = json!(digest);
        let ended = event(&mut run.events, "step_ended", "graph");
        ended["call"]["plugin"] = json!(digest);
    });
    assert_eq!(difference["step"], "graph");
    assert_eq!(
        difference["pointer"],
        "/result/completed/output/graph/max_depht"
    );
    assert!(difference["plugin"].as_str().unwrap().starts_with("graph@"));
}

/// A component with a text in it changed to one of the same length: another build of it.
fn patched(place: &Place, name: &str, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(component(name)).unwrap();
    let mut changes = 0;
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
    {
        let start = at + found;
        bytes[start..start + to.len()].copy_from_slice(to.as_bytes());
        at = start + to.len();
        changes += 1;
    }
    assert!(changes > 0, "{name} has no text {from:?}");
    let path = place.path(&format!("{name}-{}.wasm", to.replace(' ', "-")));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn verdicts(told: &Value) -> Vec<(&str, bool)> {
    let calls = told["compared"].as_array().unwrap();
    let verdict = |call: &'_ Value| call["holds"].as_bool().unwrap();
    calls
        .iter()
        .map(|call| (call["verdict"].as_str().unwrap(), verdict(call)))
        .collect()
}

#[test]
fn a_strategy_that_words_its_reasons_otherwise_decides_alike() {
    let place = reviewed();
    let same = replay_with(
        place,
        "r",
        "strategy",
        &component("dag"),
        &["--level", "output"],
    );
    assert_eq!(
        verdicts(&same.expect(0).json()),
        [("same", true), ("same", true)]
    );
    let upgrade = patched(place, "dag", "every step has ended", "all the steps ended.");
    let told = replay_with(place, "r", "dag", &upgrade, &[])
        .expect(0)
        .json();
    assert_eq!(verdicts(&told), [("same", true), ("differs", true)]);
    assert_eq!(told["compared"][1]["level"], "decision");
    assert_eq!(told["holds"], true);
    let told = replay_with(place, "r", "dag", &upgrade, &["--level", "output"]);
    let told = told.expect(1).json();
    assert_eq!(verdicts(&told), [("same", true), ("differs", false)]);
    let pointer = told["compared"][1]["pointer"].as_str().unwrap();
    assert!(pointer.starts_with("/answer/"), "{told}");
}

#[test]
fn a_strategy_that_takes_other_routes_breaks_the_level() {
    let place = reviewed();
    let other = component("sequence");
    let told = replay_with(place, "r", "strategy", &other, &[])
        .expect(1)
        .json();
    assert_eq!(verdicts(&told)[0], ("differs", false), "{told}");
    assert_eq!(told["holds"], false);
    assert_eq!(told["equal"], true, "the run itself is sound");
    let told = replay_with(place, "r", "strategy", &other, &["--level", "fails"]);
    assert_eq!(told.expect(0).json()["holds"], true);
    let text = place.run([
        "replay",
        "r",
        "--with",
        &format!("strategy={}", other.display()),
    ]);
    assert!(text.expect(1).stdout.contains("breaks `decision`"));
}

#[test]
fn an_agent_whose_output_lacks_a_key_breaks_the_schema_and_one_that_fails_breaks_all() {
    let place = reviewed();
    let lacking = patched(place, "graph", "mean_fan_in", "mean_fan_on");
    let told = replay_with(place, "r", "graph", &lacking, &[])
        .expect(1)
        .json();
    assert_eq!(verdicts(&told), [("differs", false)], "{told}");
    assert_eq!(told["compared"][0]["level"], "schema");
    replay_with(place, "r", "graph", &lacking, &["--level", "fails"]).expect(0);

    let other = component("graph");
    let told = replay_with(place, "r", "agent:lockfile", &other, &["--level", "fails"]);
    let told = told.expect(1).json();
    assert_eq!(verdicts(&told), [("new_failure", false)], "{told}");
}

#[test]
fn wrong_use_is_told_with_what_there_is() {
    let place = reviewed();
    let unknown = replay_with(place, "r", "nobody", &component("dag"), &[]).expect(2);
    assert!(
        unknown.stderr.contains("no plugin `nobody`") && unknown.stderr.contains("agent:graph"),
        "{}",
        unknown.stderr
    );
    let kind = replay_with(place, "r", "strategy", &component("graph"), &[]).expect(2);
    assert!(kind.stderr.contains("expected strategy"), "{}", kind.stderr);
    let file = replay_with(place, "r", "strategy", Path::new("/nowhere.wasm"), &[]).expect(2);
    assert!(file.stderr.contains("/nowhere.wasm"), "{}", file.stderr);
    place.run(["replay", "r", "--with", "strategy"]).expect(2);
    place.run(["replay", "r", "--level", "output"]).expect(2);
    place.run(["replay", "nobody"]).expect(2);
}
