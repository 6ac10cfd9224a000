//! What holds for every command that there is: the list is the program's own.

use serde_json::Value;

use crate::program::{CLEAN_LOCK, Ended, GIT_LOCK, Place, review, review_by_rules};

/// Every command by the program's own help, with its help.
fn commands(place: &Place) -> Vec<(String, String)> {
    listed(place, "")
}

/// The commands within one, or all.
fn listed(place: &Place, within: &str) -> Vec<(String, String)> {
    let words = within.split(' ').filter(|word| !word.is_empty());
    let help = place.run(words.chain(["--help"])).expect(0).stdout;
    let list = help.split("Commands:\n").nth(1).unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    // A description that goes on in the next line stands further to the right.
    let names = lines.filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_owned())
    });
    names
        .flat_map(|name| {
            let path = if within.is_empty() {
                name
            } else {
                format!("{within} {name}")
            };
            let help = place
                .run(path.split(' ').chain(["--help"]))
                .expect(0)
                .stdout;
            // A command of commands, such as `mine`, has help for each.
            let inner = if help.contains("Commands:\n") {
                listed(place, &path)
            } else {
                Vec::new()
            };
            std::iter::once((path, help))
                .chain(inner)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_json(ended: &Ended) -> bool {
    let whole = serde_json::from_str::<Value>(&ended.stdout).is_ok();
    let mut lines = ended.stdout.lines();
    let by_line = lines.all(|line| serde_json::from_str::<Value>(line).is_ok());
    !ended.stdout.is_empty() && (whole || by_line)
}

#[test]
fn every_command_has_a_help_that_says_how_it_is_used_and_what_it_takes() {
    let commands = commands(&Place::new());
    assert!(commands.len() >= 15, "{commands:?}");
    for (name, help) in commands {
        assert!(
            help.contains(&format!("Usage: menagerie {name}")),
            "{name}: {help}"
        );
        let about = help.lines().next().unwrap();
        assert!(
            about.contains(' '),
            "{name} does not say what it does: {help}"
        );
        let lines: Vec<&str> = help.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let option = line.trim_start();
            // A line that begins with `- ` explains one of an option's values.
            if !option.starts_with('-') || option.starts_with("- ") {
                continue;
            }
            // On its own line, or on the next where the option is long.
            let next = lines
                .get(at + 1)
                .is_some_and(|next| next.starts_with("          "));
            assert!(
                option.contains("  ") || next,
                "{name} does not explain {option}"
            );
        }
    }
}

/// The operands that a usage line asks for, all of them wrong.
fn wrong_operands(name: &str, help: &str) -> Vec<String> {
    if name == "answer" {
        return vec!["nobody".to_owned(), "skip".to_owned()];
    }
    let usage = help
        .lines()
        .find(|line| line.starts_with("Usage:"))
        .unwrap();
    // `--label <TEXT>` is asked for with its name.
    let words: Vec<&str> = usage.split_whitespace().collect();
    let mut wrong = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if word.starts_with('<') {
            let option = words[at - 1]
                .starts_with("--")
                .then(|| words[at - 1].to_owned());
            wrong.extend(option);
            wrong.push("nobody".to_owned());
        }
    }
    wrong
}

#[test]
fn every_command_that_takes_json_answers_json_when_it_fails() {
    let place = Place::new();
    let no_store = place.write("no-store", "a file where a folder was expected");
    let mut checked = 0;
    for (name, help) in commands(&place) {
        if !help.contains("--json") {
            continue;
        }
        let mut command = place.command();
        command
            .args(name.split(' '))
            .args(wrong_operands(&name, &help));
        command.arg("--json").env("MENAGERIE_DATA", &no_store);
        let ended = crate::program::ended(&mut command);
        let expected = if name == "config" { 0 } else { 2 };
        assert_eq!(ended.code, Some(expected), "{name}: {ended:?}");
        assert!(is_json(&ended), "{name}: {ended:?}");
        checked += 1;
    }
    assert!(checked >= 13, "only {checked} commands take --json");
}

#[test]
fn every_command_that_takes_json_answers_json_when_it_succeeds() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "done"])
        .expect(0);
    for waiting in ["one", "two"] {
        place
            .run_review(&review_by_rules(), GIT_LOCK, &["--id", waiting])
            .expect(3);
    }
    let flow = review().display().to_string();
    for (arguments, code) in [
        (vec!["demo", "--id", "demo"], 0),
        (vec!["resume", "done"], 0),
        (vec!["answer", "one", "continue"], 0),
        (vec!["cancel", "two"], 0),
        (vec!["runs"], 0),
        (vec!["show", "done"], 0),
        (vec!["events", "done"], 0),
        (vec!["events", "done", "--follow"], 0),
        (vec!["replay", "done"], 0),
        (vec!["mine", "discover"], 0),
        (vec!["mine", "conform", "--model", &flow], 0),
        (vec!["mine", "metrics"], 0),
        (vec!["mine", "variants"], 0),
        (vec!["mine", "drift"], 0),
        (vec!["check", &flow], 0),
        (vec!["config"], 0),
        (vec!["doctor", "--store"], 0),
    ] {
        let ended = place.run(arguments.iter().copied().chain(["--json"]));
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(is_json(&ended), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn wrong_use_is_told_with_what_was_found_what_was_expected_and_what_to_do() {
    let place = Place::new();
    let flow = review().display().to_string();
    let folder = place.path("");
    let folder = folder.to_str().unwrap();
    std::fs::write(place.path("latin1.toml"), b"name = \"caf\xe9\"\n").unwrap();
    let latin1 = place.path("latin1.toml").display().to_string();
    let empty = place.write("empty.wasm", "").display().to_string();
    let licence = place.write("licence", "").display().to_string();
    for (arguments, words) in [
        (
            vec!["show", "nobody"],
            vec!["no run `nobody`", "menagerie runs", "--data"],
        ),
        (vec!["show", "last"], vec!["no run yet", "menagerie demo"]),
        (vec!["show", ""], vec!["empty run id", "menagerie runs"]),
        (vec!["show", "a", "b"], vec!["unexpected argument 'b'"]),
        (
            vec!["answer", "nobody", "perhaps"],
            vec!["'perhaps'", "retry, skip, reroute, abort, continue"],
        ),
        (
            vec!["answer", "nobody", "skip", "--hint", "a=1"],
            vec!["--hint", "`retry` alone", "`skip`"],
        ),
        (
            vec!["answer", "nobody", "reroute"],
            vec!["name of an agent", "reroute AGENT"],
        ),
        (
            vec!["answer", "nobody", "abort", "fetch"],
            vec!["nothing goes behind `abort`", "`fetch`"],
        ),
        (
            vec!["runs", "--status", "wating"],
            vec!["'wating'", "waiting"],
        ),
        (vec!["runs", "--limit", "0"], vec!["'0'", "--limit", "1.."]),
        (
            vec!["config", "--slots", "0"],
            vec!["--slots", "whole number from 1"],
        ),
        (
            vec!["config", "--queue", "many"],
            vec!["--queue", "whole number from 1"],
        ),
        (vec!["rum"], vec!["'rum'", "'run'"]),
        (vec!["check", folder], vec!["flow file", "directory"]),
        (
            vec!["check", &latin1],
            vec!["byte 11 is no UTF-8", "expected a text file"],
        ),
        (
            vec!["run", &flow, "--input", "@/nowhere"],
            vec!["/nowhere cannot be read"],
        ),
        (
            vec!["run", &flow, "--input", "{"],
            vec!["line 1 column", "expected JSON, or @FILE"],
        ),
        (
            vec!["run", &flow],
            vec!["the flow `review` takes", "expected"],
        ),
        (vec!["inspect", &empty], vec!["it is empty"]),
        (
            vec!["inspect", &flow],
            vec!["no WebAssembly component", "0061736d0d000100"],
        ),
        (
            vec!["build", folder],
            vec!["found no Cargo.toml", "expected"],
        ),
        (vec!["build", &empty], vec!["found no Cargo.toml"]),
        (
            vec!["export", "--all", "-o", "/nowhere/log"],
            vec!["/nowhere/log cannot be written"],
        ),
        (
            vec!["export", "--all", "--format", "csv"],
            vec!["'csv'", "xes, jsonl"],
        ),
        (
            vec!["runs", "--data", &empty],
            vec!["is not a Menagerie store"],
        ),
        (
            vec!["runs", "--data", "/proc/nowhere"],
            vec!["the store /proc/nowhere cannot be opened"],
        ),
        (
            vec!["check", &flow, "--licence", &licence],
            vec!["the licence is refused", "menagerie-licence 1"],
        ),
    ] {
        let ended = place.run(&arguments).expect(2);
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "{arguments:?} without {word:?}: {}",
                ended.stderr
            );
        }
        assert!(!ended.stderr.contains("error: error"), "{}", ended.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_ends_no_command_with_a_panic() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "done"])
        .expect(0);
    for arguments in [
        vec!["schema"],
        vec!["show", "done"],
        vec!["events", "done", "--json"],
        vec!["export", "--all"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.command();
        let ended = command.args(&arguments).stdout(writer);
        let ended = ended.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let ended = ended.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
}
