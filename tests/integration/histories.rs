//! Histories of runs with real plugins: exported, read, and recorded for `tests/histories`.

use std::path::Path;

use menagerie_orchestration::flow_file;
use menagerie_orchestration::history_file::HistoryFile;
use menagerie_orchestration::replay::Replay;

use crate::program::{CLEAN_LOCK, GIT_LOCK, Place, ended, review, review_by_rules, root};

#[test]
fn an_exported_history_stands_for_itself() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "r"])
        .expect(0);
    let text = place
        .run(["export", "r", "--format", "history", "--about", "a review"])
        .expect(0)
        .stdout;
    let history = HistoryFile::parse(&text).unwrap();
    assert_eq!(history.about, "a review");
    assert_eq!(history.flow, std::fs::read_to_string(review()).unwrap());
    let flow = flow_file::parse(&history.flow).unwrap().flow;
    let mut replay = Replay::new(flow.into());
    for recorded in history.recorded().unwrap() {
        replay.take(&recorded).unwrap();
    }
    let run = replay.finish().unwrap();
    assert_eq!(run.status().word(), "completed");
    place
        .run(["export", "--all", "--format", "history"])
        .expect(2);
}

type Makes = fn(&Place);

/// Name, what it shows, and how it is made: it must end under the id `r`.
const RECORDED: &[(&str, &str, Makes)] = &[
    ("review", "the demo: a graph of five agents", |place| {
        let _ = place
            .run_review(&review(), CLEAN_LOCK, &["--id", "r"])
            .expect(0);
    }),
    (
        "review-in-sequence",
        "the same, led by `sequence`",
        |place| {
            let text = std::fs::read_to_string(review()).unwrap();
            let flow = place.write("flow.toml", &text.replace("\"dag\"", "\"sequence\""));
            let _ = place
                .run_review(&flow, CLEAN_LOCK, &["--id", "r"])
                .expect(0);
        },
    ),
    (
        "review-of-a-broken-file",
        "the demo with a fault of its first agent",
        |place| {
            let broken = CLEAN_LOCK.replace("version = \"1.0.0\"", "version = 1.0.0");
            let _ = place
                .run_review(&review(), &broken, &["--id", "r"])
                .expect(1);
        },
    ),
    (
        "review-answered",
        "rules, an escalation, its answer",
        |place| {
            let flow = review_by_rules();
            place.run_review(&flow, GIT_LOCK, &["--id", "r"]).expect(3);
            place.run(["answer", "r", "continue"]).expect(0);
        },
    ),
    (
        "review-killed",
        "the demo, killed at a commit and resumed",
        |place| {
            let lock = place.write("Cargo.lock", CLEAN_LOCK);
            let mut command = place.command();
            command.arg("run").arg(review()).args(["--id", "r"]);
            command.arg("--input").arg(format!("@{}", lock.display()));
            command.env("MENAGERIE_CRASH_AT", "after-commit:4");
            assert_eq!(ended(&mut command).code, None);
            place.run(["resume", "r"]).expect(0);
        },
    ),
    ("aggregator-all", "rules and a join by `all`", |place| {
        joined(place, "all")
    }),
    (
        "aggregator-collect",
        "rules and a join by `collect`",
        |place| joined(place, "collect"),
    ),
    ("aggregator-first", "rules and a join by `first`", |place| {
        joined(place, "first")
    }),
    ("aggregator-merge", "rules and a join by `merge`", |place| {
        joined(place, "merge")
    }),
    ("aggregator-vote", "rules and a join by `vote`", |place| {
        joined(place, "vote")
    }),
    (
        "begun-with-files",
        "files that go with a run's input, a kill before they are read, and a file that is made behind them",
        begun_with_files,
    ),
];

/// Two agents that read whatever is attached to their task; the first makes a file of a name that is taken.
const FILING: &str = r##"name = "filing"
[agents.makes]
plugin = "filer"
grants = ["artifacts"]
[agents.makes.config]
reads = true
asks = [{ put = { name = "notes.md", media_type = "text/markdown", text = "# Made" } }]
[agents.reads]
plugin = "filer"
grants = ["artifacts"]
config = { reads = true }
[strategy]
plugin = "echo-strategy"
"##;

fn begun_with_files(place: &Place) {
    let flow = place.write("flow.toml", FILING);
    let (notes, data) = (
        place.write("notes.md", "# Given"),
        place.write("data.txt", "and more"),
    );
    let mut command = place.menagerie();
    command.arg("run").arg(flow).args(["--id", "r"]);
    command.args(["--input", "{}", "--attach"]).arg(notes);
    command.arg("--attach").arg(data);
    command.env("MENAGERIE_CRASH_AT", "before-call@makes:1");
    assert_eq!(ended(&mut command).code, None);
    place.call(&["resume", "r"]).expect(0);
    place.call(&["replay", "r"]).expect(0);
}

/// The review by rules, its parallel looks joined by another aggregator. What comes of it differs.
fn joined(place: &Place, aggregator: &str) {
    let text = std::fs::read_to_string(review_by_rules()).unwrap();
    let config = match aggregator {
        "vote" => "\nconfig = { field = \"duplicates\" }",
        _ => "",
    };
    let other = format!("plugin = \"{aggregator}\"{config}");
    let flow = place.write("flow.toml", &text.replace("plugin = \"merge\"", &other));
    let run = place.run_review(&flow, CLEAN_LOCK, &["--id", "r"]);
    assert!(matches!(run.code, Some(0 | 1)), "{}", run.stderr);
    place.run(["replay", "r"]).expect(0);
}

fn folder() -> &'static Path {
    static FOLDER: std::sync::LazyLock<std::path::PathBuf> =
        std::sync::LazyLock::new(|| root().join("tests/histories"));
    &FOLDER
}

#[test]
fn every_run_with_real_plugins_was_recorded() {
    for (name, ..) in RECORDED {
        let path = folder().join(format!("{name}.jsonl"));
        assert!(path.is_file(), "{name} was never recorded");
    }
}

#[test]
#[ignore = "writes tests/histories: cargo test --workspace --test integration -- --ignored record_histories_of_real_plugins"]
fn record_histories_of_real_plugins() {
    for (name, about, make) in RECORDED {
        let path = folder().join(format!("{name}.jsonl"));
        // What was recorded stays: that it can be told again is the point.
        if path.exists() {
            continue;
        }
        let place = Place::new();
        make(&place);
        let mut command = place.command();
        command.args(["export", "r", "--format", "history", "--about", about, "-o"]);
        ended(command.arg(&path)).expect(0);
    }
}
