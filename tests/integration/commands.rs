//! The command line: what each command prints, and how it fails.

use serde_json::Value;

use crate::program::{CLEAN_LOCK, GIT_LOCK, Place, review, review_by_rules, root, tamper};

#[test]
fn a_bad_flow_file_is_answered_with_its_lines_and_columns() {
    let place = Place::new();
    let good = std::fs::read_to_string(review()).unwrap();
    let bad = place.write(
        "bad.toml",
        &good.replace("after = [\"lockfile\"]", "after = [\"lockfil\"]"),
    );
    let ended = place.run(["check".as_ref(), bad.as_os_str()]).expect(2);
    let line = std::fs::read_to_string(&bad)
        .unwrap()
        .lines()
        .position(|line| line.contains("lockfil\""))
        .unwrap()
        + 1;
    assert!(
        ended.stderr.contains(&format!("bad.toml:{line}:10: ")),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("did you mean `lockfile`?"),
        "{}",
        ended.stderr
    );
    let json = place
        .run(["check".as_ref(), bad.as_os_str(), "--json".as_ref()])
        .expect(2)
        .json();
    assert_eq!(json["problems"][0]["line"], line);
}

#[test]
fn a_bad_condition_is_found_before_anything_runs_with_its_column() {
    let place = Place::new();
    let good = std::fs::read_to_string(review_by_rules()).unwrap();
    let text = good.replace(
        "when = 'agents.graph.skipped > 0'",
        "when = 'agents.graph.skipped > '",
    );
    assert_ne!(good, text);
    let bad = place.write("rules.toml", &text);
    let ended = place.run(["check".as_ref(), bad.as_os_str()]).expect(2);
    let line = text
        .lines()
        .position(|line| line.contains("skipped > '"))
        .unwrap()
        + 1;
    // Behind the blank that follows the `>`: where a value was expected, and the text ends.
    let at = text.lines().nth(line - 1).unwrap();
    let end = at.find("skipped > '").unwrap() + "skipped >".len() + 1;
    let column = ended
        .stderr
        .split(&format!("rules.toml:{line}:"))
        .nth(1)
        .and_then(|rest| rest.split(':').next()?.parse().ok());
    assert!(
        column.is_some_and(|column: usize| column.abs_diff(end) <= 2),
        "{column:?} is not near {end}: {}",
        ended.stderr
    );
    let run = place.run(["run".as_ref(), bad.as_os_str()]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn a_missing_plugin_and_a_plugin_of_the_wrong_kind_are_named_at_their_place() {
    let place = Place::new();
    let good = std::fs::read_to_string(review()).unwrap();
    let missing = place.write(
        "missing.toml",
        &good.replace("plugin = \"graph\"", "plugin = \"grap\""),
    );
    let ended = place.run(["check".as_ref(), missing.as_os_str()]).expect(2);
    assert!(
        ended.stderr.contains("there is no plugin `grap`"),
        "{}",
        ended.stderr
    );
    let wrong = place.write(
        "wrong.toml",
        &good.replace("plugin = \"dag\"", "plugin = \"merge\""),
    );
    let ended = place.run(["check".as_ref(), wrong.as_os_str()]).expect(2);
    assert!(
        ended.stderr.contains("kind aggregator, expected strategy"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_input_that_the_flow_does_not_take_is_refused_before_anything_runs() {
    let place = Place::new();
    let run = |input: &str| {
        let flow = review();
        place
            .run([
                "run".as_ref(),
                flow.as_os_str(),
                "--input".as_ref(),
                input.as_ref(),
            ])
            .expect(2)
    };
    let ended = run("{\"lockfile\": 3}");
    assert!(ended.stderr.contains("/lockfile"), "{}", ended.stderr);
    let ended = run("{\"lockfile\"");
    assert!(ended.stderr.contains("line 1 column"), "{}", ended.stderr);
    let ended = run("@/nowhere/Cargo.lock");
    assert!(
        ended.stderr.contains("/nowhere/Cargo.lock cannot be read"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        place.run(["runs", "--json"]).expect(0).json(),
        Value::Array(Vec::new())
    );
}

#[test]
fn more_agents_than_the_licence_allows_are_refused_with_tier_and_figure() {
    let place = Place::new();
    let mut text = std::fs::read_to_string(review()).unwrap();
    text.push_str("\n[agents.sixth]\nplugin = \"graph\"\n");
    let flow = place.write("six.toml", &text);
    let ended = place.run(["check".as_ref(), flow.as_os_str()]).expect(2);
    assert!(
        ended
            .stderr
            .contains("the community tier allows 5, and this flow has 6"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_limit_above_the_nodes_ceiling_is_refused_with_the_ceilings_name() {
    let place = Place::new();
    let good = std::fs::read_to_string(review()).unwrap();
    let text = good.replace(
        "config = { top = 10 }",
        "config = { top = 10 }\nlimits = { memory = \"8 GiB\" }",
    );
    let flow = place.write("greedy.toml", &text);
    let ended = place.run(["check".as_ref(), flow.as_os_str()]).expect(2);
    assert!(ended.stderr.contains("max_memory_mib"), "{}", ended.stderr);
}

#[test]
fn the_schema_and_the_example_flows_agree() {
    let place = Place::new();
    let schema = place.run(["schema"]).expect(0).json();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    for flow in [review(), review_by_rules()] {
        place.run(["check".as_ref(), flow.as_os_str()]).expect(0);
    }
}

#[test]
fn settings_say_where_they_come_from_and_unknown_ones_are_refused() {
    let place = Place::new();
    let file = place.write("settings.toml", "slots = 4\nqueue = 7\n");
    let mut command = place.command();
    command
        .args(["config", "--json", "--slots", "2", "--config"])
        .arg(&file);
    let shown = crate::program::ended(&mut command).expect(0).json();
    assert_eq!(shown["slots"]["value"], "2");
    assert_eq!(shown["slots"]["origin"]["from"], "flag");
    assert_eq!(shown["queue"]["value"], "7");
    assert!(
        shown["queue"]["origin"]["place"]
            .as_str()
            .unwrap()
            .ends_with("settings.toml:2:1")
    );
    assert_eq!(shown["data"]["origin"]["from"], "environment");
    assert_eq!(shown["licence"]["origin"]["from"], "default");
    let typo = place.write("typo.toml", "slot = 4\n");
    let mut command = place.command();
    command.args(["config", "--config"]).arg(&typo);
    let ended = crate::program::ended(&mut command).expect(2);
    assert!(
        ended
            .stderr
            .contains("typo.toml:1:1: unknown setting `slot`; did you mean `slots`?"),
        "{}",
        ended.stderr
    );
    let ended =
        crate::program::ended(place.command().arg("config").env("MENAGERIE_SLOT", "4")).expect(2);
    assert!(
        ended.stderr.contains("did you mean `MENAGERIE_SLOTS`?"),
        "{}",
        ended.stderr
    );
    let ended = crate::program::ended(place.command().arg("config").env("MENAGERIE_SLOTS", "none"))
        .expect(2);
    assert!(
        ended.stderr.contains("expected a whole number"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_component_is_inspected_without_being_run_and_anything_else_is_refused() {
    let place = Place::new();
    place.run_review(&review(), CLEAN_LOCK, &[]).expect(0);
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or(root().join("target"), |folder| root().join(folder));
    let component = target.join("guests/components/lockfile.wasm");
    let shown = place
        .run(["inspect".as_ref(), component.as_os_str(), "--json".as_ref()])
        .expect(0)
        .json();
    assert_eq!(shown["kind"], "agent");
    assert_eq!(shown["manifest"]["name"], "lockfile");
    assert_eq!(shown["contract"], "0.1.0");
    assert!(
        shown["imports"]
            .as_array()
            .unwrap()
            .iter()
            .all(|import| !import.as_str().unwrap().contains("wasi"))
    );
    let text = place.write("no.wasm", "not a component");
    let ended = place.run(["inspect".as_ref(), text.as_os_str()]).expect(2);
    assert!(ended.stderr.contains("no.wasm: "), "{}", ended.stderr);
}

#[test]
fn runs_events_and_exports_agree_with_each_other() {
    let place = Place::new();
    let answer = place
        .run_review(&review(), CLEAN_LOCK, &["--id", "one"])
        .expect(0)
        .json();
    assert_eq!(answer["run"], "one");
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "two"])
        .expect(3);
    let listed = place.run(["runs", "--json"]).expect(0).json();
    let statuses: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["waiting", "completed"]);
    let events = place.run(["events", "one", "--json"]).expect(0);
    let kinds: Vec<String> = events
        .stdout
        .lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["event"]["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds.first().unwrap(), "run_started");
    assert_eq!(kinds.last().unwrap(), "run_ended");
    let ends = kinds.iter().filter(|kind| *kind == "step_ended").count();
    assert_eq!(ends, 5);
    let log = place.path("one.xes");
    place
        .run([
            "export".as_ref(),
            "one".as_ref(),
            "--output".as_ref(),
            log.as_os_str(),
        ])
        .expect(0);
    let xes = std::fs::read_to_string(&log).unwrap();
    assert_eq!(xes.matches("<trace>").count(), 1);
    assert_eq!(
        xes.matches("key=\"lifecycle:transition\" value=\"start\"")
            .count(),
        7,
        "five steps and two decisions"
    );
    let all = place
        .run(["export", "--all", "--format", "jsonl"])
        .expect(0);
    assert!(
        all.stdout
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    assert!(all.stdout.contains("\"two\""));
}

#[test]
fn an_unknown_run_and_wrong_use_have_exit_code_two() {
    let place = Place::new();
    for arguments in [
        vec!["show", "nobody"],
        vec!["events", "nobody"],
        vec!["resume", "nobody"],
        vec!["show", "last"],
        vec!["export"],
        vec!["answer", "nobody", "perhaps"],
        vec!["frobnicate"],
    ] {
        let ended = place.run(&arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn the_doctor_finds_a_damaged_event() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "one"])
        .expect(0);
    place.run(["doctor", "--store"]).expect(0);
    tamper(
        &place,
        "assert db.execute('update events set json = replace(json, \"review\", \"revIew\") where seq = 0').rowcount == 1",
    );
    let ended = place.run(["doctor", "--store"]).expect(2);
    assert!(ended.stdout.contains("one: "), "{}", ended.stdout);
    place.run(["show", "one"]).expect(2);
}

#[test]
fn the_doctor_says_how_far_the_compile_jail_is_shut() {
    let told = Place::new().run(["doctor", "--json"]).expect(0).json();
    let findings = told["findings"].as_array().unwrap();
    let jail = findings.iter().find(|finding| finding["what"] == "jail");
    let jail = jail.unwrap();
    assert_eq!(jail["good"], true);
    let said = jail["said"].as_str().unwrap();
    assert!(
        said.contains("Landlock") && said.contains("seccomp"),
        "{said}"
    );
}
