//! The real program and the artifacts of a run: made, given on, read, kept through forks, backups and
//! vacuums, and never another run's.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::outside_calls::guest;
use crate::program::{Ended, Place, ended};

/// Larger than what stands in the database's own rows.
const LARGE: usize = 1_500_000;

/// A flow of agents one after the other, each with its configuration.
fn flow(place: &Place, agents: &[(&str, &str)]) -> PathBuf {
    let filer = guest("filer");
    let mut text = "name = \"filing\"\n[strategy]\nplugin = \"sequence\"\n".to_owned();
    for (agent, config) in agents {
        text.push_str(&format!(
            "[agents.{agent}]\nplugin = {{ file = '{}' }}\nconfig = {config}\ngrants = [\"artifacts\"]\n",
            filer.display()
        ));
    }
    place.write("filing.toml", &text)
}

fn two_steps(place: &Place) -> PathBuf {
    let makes = format!(
        "{{ asks = [{{ put = {{ name = \"notes.md\", media_type = \"text/markdown\", text = \"# Notes\" }} }}, \
         {{ put = {{ name = \"large.bin\", bytes = {LARGE} }} }}] }}"
    );
    flow(place, &[("makes", &makes), ("reads", "{ reads = true }")])
}

fn begun(place: &Place, flow: &Path, id: &str, crash: Option<&str>) -> Ended {
    let mut command = place.command();
    command.arg("run").arg(flow).args(["--json", "--id", id]);
    command.args(["--input", "{}"]);
    if let Some(point) = crash {
        command.env("MENAGERIE_CRASH_AT", point);
    }
    ended(&mut command)
}

fn events(place: &Place, run: &str) -> Vec<Value> {
    let events = place.run(["events", run, "--json"]).expect(0).stdout;
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
    events.lines().map(event).collect()
}

/// What each step answered, by its id.
fn answers(place: &Place, run: &str, step: &str) -> Value {
    let events = events(place, run);
    let mut ended = events
        .iter()
        .filter(|event| event["type"] == "step_ended" && event["id"] == step);
    let last = ended.next_back().unwrap();
    last["result"]["completed"]["output"]["inline"]["answers"].clone()
}

/// Reads an artifact with the program.
fn read(place: &Place, run: &str, id: &str) -> Vec<u8> {
    let file = place.path("out");
    let mut command = place.command();
    command.args(["artifact", run, id, "-o"]).arg(&file);
    ended(&mut command).expect(0);
    std::fs::read(&file).unwrap()
}

#[test]
fn what_a_step_makes_is_given_to_the_next_and_read_by_a_person() {
    let place = Place::new();
    begun(&place, &two_steps(&place), "filed", None).expect(0);
    let made = answers(&place, "filed", "makes");
    assert_eq!(
        (&made[0]["put"]["id"], &made[1]["put"]["id"]),
        (&json!("artifact-1"), &json!("artifact-2"))
    );
    let found = answers(&place, "filed", "reads");
    assert_eq!(found[0]["got"], json!({"length": 7, "text": "# Notes"}));
    assert_eq!(found[1]["got"]["length"], LARGE);

    let listed = place.run(["artifact", "filed", "--json"]).expect(0).json();
    assert_eq!(listed[0]["name"], "notes.md");
    assert_eq!(
        (&listed[0]["type"], &listed[0]["step"]),
        (&json!("text/markdown"), &json!("makes"))
    );
    assert_eq!(listed[1]["bytes"], LARGE);
    assert_eq!(read(&place, "filed", "artifact-1"), b"# Notes");
    assert_eq!(read(&place, "filed", "artifact-2"), vec![b'x'; LARGE]);
    let shown = place.run(["artifact", "filed"]).expect(0).stdout;
    assert!(
        shown.contains("notes.md") && shown.contains("text/markdown"),
        "{shown}"
    );
    let refused = place
        .run(["artifact", "filed", "artifact-3"])
        .expect(2)
        .stderr;
    assert!(
        refused.contains("it has artifact-1, artifact-2"),
        "{refused}"
    );
    place.run(["replay", "filed"]).expect(0);
}

#[test]
fn a_kill_anywhere_makes_nothing_twice_and_loses_nothing() {
    for point in [
        "before-effect",
        "after-effect",
        "after-record",
        "before-commit",
        "after-commit",
    ] {
        let mut kills = 0;
        for number in 1..=12 {
            let place = Place::new();
            let flow = two_steps(&place);
            let first = begun(&place, &flow, "filed", Some(&format!("{point}:{number}")));
            if first.code.is_some() {
                first.expect(0);
                break;
            }
            kills += 1;
            if place.run(["show", "filed", "--json"]).code == Some(0) {
                place.run(["resume", "filed", "--json"]).expect(0);
            } else {
                begun(&place, &flow, "filed", None).expect(0);
            }
            let listed = place.run(["artifact", "filed", "--json"]).expect(0).json();
            let listed = listed.as_array().unwrap().len();
            assert_eq!(listed, 2, "{point}:{number}");
            let found = answers(&place, "filed", "reads");
            assert_eq!(found[1]["got"]["length"], LARGE, "{point}:{number}");
            place.run(["doctor", "--store"]).expect(0);
            place.run(["replay", "filed"]).expect(0);
        }
        assert!(kills >= 3, "{point} was reached {kills} times");
    }
}

#[test]
fn another_runs_artifacts_are_denied_and_the_denial_is_counted() {
    let place = Place::new();
    let makes = "{ asks = [{ put = { name = \"secret\", text = \"canary\" } }] }";
    let flow_of_one = flow(&place, &[("makes", makes)]);
    begun(&place, &flow_of_one, "theirs", None).expect(0);
    let digest = answers(&place, "theirs", "makes")[0]["put"]["digest"].clone();
    let guesses = format!(
        "{{ asks = [{{ read = \"artifact-1\" }}, {{ stat = \"theirs/artifact-1\" }}, {{ read = {digest} }}, \
         {{ read = \"artifact-0\" }}, {{ get = {{ id = \"../theirs/artifact-1\" }} }}] }}"
    );
    let flow = flow(&place, &[("guesses", &guesses)]);
    begun(&place, &flow, "ours", None).expect(0);
    let found = answers(&place, "ours", "guesses");
    for answer in found.as_array().unwrap() {
        assert_eq!(answer["problem"][0], "denied", "{found}");
    }
    let events = events(&place, "ours");
    assert!(!json!(events).to_string().contains("canary"));
    let ended = events.iter().find(|event| event["type"] == "step_ended");
    assert_eq!(ended.unwrap()["call"]["denied_host_calls"], 5);
    let shown = place.run(["show", "ours"]).expect(0).stdout;
    assert!(shown.contains("5 denied"), "{shown}");
    place.run(["replay", "ours"]).expect(0);
}

#[test]
fn an_outcome_that_attaches_what_the_run_does_not_have_fails() {
    let place = Place::new();
    let forges = "{ attaches = [\"artifact-1\"] }";
    let flow = flow(&place, &[("forges", forges)]);
    begun(&place, &flow, "forged", None).expect(1);
    let events = events(&place, "forged");
    let ended = events
        .iter()
        .find(|event| event["type"] == "step_ended")
        .unwrap();
    assert_eq!(ended["result"]["failed"]["code"], "output", "{ended}");
    place.run(["replay", "forged"]).expect(0);
}

#[test]
fn forks_backups_and_vacuums_keep_what_is_referred_to() {
    let place = Place::new();
    begun(&place, &two_steps(&place), "filed", None).expect(0);
    place
        .run(["fork", "filed", "--at", "makes", "--id", "other", "--json"])
        .expect(0);
    place.run(["resume", "other", "--json"]).expect(0);
    assert_eq!(answers(&place, "other", "reads")[1]["got"]["length"], LARGE);

    let backup = place.path("backup.tar");
    let backup = backup.to_str().unwrap();
    place.run(["backup", backup]).expect(0);
    let restored = Place::new();
    restored.run(["restore", backup]).expect(0);
    assert_eq!(read(&restored, "filed", "artifact-2"), vec![b'x'; LARGE]);

    // The original goes, the fork stays.
    place.run(["vacuum", "--keep-last", "1"]).expect(0);
    place.run(["show", "filed"]).expect(2);
    place.run(["doctor", "--store"]).expect(0);
    assert_eq!(read(&place, "other", "artifact-2"), vec![b'x'; LARGE]);
}

#[test]
fn a_run_is_given_files_that_go_with_its_input() {
    let place = Place::new();
    let flow = flow(&place, &[("reads", "{ reads = true }")]);
    place.write("notes.md", "# Given");
    let file = place.path("data.bin");
    std::fs::write(&file, vec![b'x'; LARGE]).unwrap();
    let run = |attached: &[String]| {
        let mut command = place.command();
        command.arg("run").arg(&flow);
        command.args(["--json", "--id", "given", "--input", "{}"]);
        for one in attached {
            command.arg("--attach").arg(one);
        }
        ended(&mut command)
    };
    let notes = place.path("notes.md").display().to_string();
    let data = format!("{}=application/x-data", file.display());
    for (attached, expected) in [
        ("nowhere.txt".to_owned(), "cannot be read"),
        (
            format!("{notes}=text/"),
            "expected one such as `text/plain`",
        ),
        (place.path(".").display().to_string(), "a file whose name"),
    ] {
        let refused = run(&[attached]).expect(2).stderr;
        assert!(refused.contains(expected), "{refused}");
    }
    run(&[notes.clone(), data.clone()]).expect(0);
    let found = answers(&place, "given", "reads");
    assert_eq!(found[0]["got"], json!({"length": 7, "text": "# Given"}));
    assert_eq!(found[1]["got"]["length"], LARGE);
    let listed = place.run(["artifact", "given", "--json"]).expect(0).json();
    assert_eq!(listed[0]["type"], "text/markdown");
    assert_eq!(listed[1]["type"], "application/x-data");
    assert_eq!(listed[1]["step"], Value::Null);
    assert_eq!(read(&place, "given", "artifact-2"), vec![b'x'; LARGE]);
    // The same run with the same files; another file is another input.
    run(&[notes.clone(), data.clone()]).expect(0);
    run(&[notes]).expect(2);
    place.run(["replay", "given"]).expect(0);
    place
        .run(["fork", "given", "--at", "reads", "--id", "other", "--json"])
        .expect(0);
    place.run(["doctor", "--store"]).expect(0);
    assert_eq!(read(&place, "other", "artifact-2"), vec![b'x'; LARGE]);
}
