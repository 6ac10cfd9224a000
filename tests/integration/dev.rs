//! `menagerie dev`: a plugin is built and tried again at each change, and nothing but an interrupt ends it. The plugin is
//! in C, whose builds take a second.

use serde_json::{Value, json};

use crate::languages::{command_with_tools, with_tools};
use crate::program::Place;
use crate::running::Running;

/// A new agent in C that counts words; none where there are no tools.
fn project() -> Option<Place> {
    let place = Place::new();
    with_tools(&place, &["new", "agent", "mine", "--lang", "c"])?.expect(0);
    with_tools(&place, &["build", "mine"])?.expect(0);
    Some(place)
}

fn said(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_plugin_is_tested_at_each_change_and_a_build_that_fails_ends_nothing() {
    let Some(place) = project() else { return };
    let good = std::fs::read_to_string(place.path("mine/plugin.c")).unwrap();
    let mut dev = Running::start(&mut command_with_tools(&place, &["dev", "mine", "--json"]));
    let passed = |line: &Value| line["failed"] == 0;
    dev.until_said("tested", passed);
    dev.until_said("watching", |_| true);

    place.write("mine/plugin.c", "#include \"menagerie.h\"\nint broken( {\n");
    let changed = dev.until_said("changed", |_| true);
    assert_eq!(changed["files"], json!(["mine/plugin.c"]));
    let failed = dev.until_said("failed", |_| true);
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("plugin.c:2:"), "{message}");
    dev.until_said("watching", |_| true);

    place.write("mine/plugin.c", &good);
    dev.until_said("tested", passed);
    dev.until_said("watching", |_| true);
    // A case is a part of the plugin, too.
    let cases = std::fs::read_to_string(place.path("mine/tests/cases.toml")).unwrap();
    place.write(
        "mine/tests/cases.toml",
        &cases.replace("words = 3", "words = 4"),
    );
    dev.until_said("tested", |line| line["failed"] == 1);
    dev.until_said("watching", |_| true);

    dev.signal("INT");
    assert_eq!(dev.ended().code, Some(0));
}

#[test]
fn a_flow_is_run_at_each_change_of_plugin_flow_or_input() {
    let Some(place) = project() else { return };
    let flow = "name = \"counting\"\n[agents.mine]\nplugin = { file = \"plugins/mine.wasm\" }\n[strategy]\nplugin = \"sequence\"\n";
    place.write("flow.toml", flow);
    place.write("input.json", r#"{"text": "one two"}"#);
    let arguments = [
        "dev",
        "mine",
        "--output",
        "plugins",
        "--flow",
        "flow.toml",
        "--input",
        "@input.json",
        "--json",
    ];
    let once = arguments.iter().copied().chain(["--once"]);
    let once = with_tools(&place, &once.collect::<Vec<_>>())
        .unwrap()
        .expect(0);
    let said = said(&once.stdout);
    assert_eq!(said[0]["event"], "built");
    assert_eq!(said[1]["result"]["words"], 2, "{said:?}");

    let mut dev = Running::start(&mut command_with_tools(&place, &arguments));
    dev.until_said("watching", |_| true);
    place.write("input.json", r#"{"text": "one two three four"}"#);
    dev.until_said("changed", |_| true);
    dev.until_said("watching", |_| true);
    let words = dev
        .said
        .iter()
        .filter_map(|line| line["result"]["words"].as_u64());
    assert_eq!(words.collect::<Vec<_>>(), [2, 4]);
    dev.signal("INT");
    assert_eq!(dev.ended().code, Some(0));
}

#[test]
fn a_folder_without_a_plugin_is_refused_and_not_watched() {
    let place = Place::new();
    let refused = place
        .run(["dev", place.path(".").to_str().unwrap(), "--json"])
        .expect(2);
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("Cargo.toml"), "{message}");
}
