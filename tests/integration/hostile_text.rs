//! Whatever guests, flow files and people write, no command sends it to a terminal as it is.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::{Ended, Place, ended, root};

/// What the guest `loud` says beside everything else: it must be there, or nothing was shown.
const WITNESS: &str = "🐆";

/// Nothing that a terminal acts on, but the end of a line and a tab.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    let harmful = |character: char| {
        (character.is_control() && !matches!(character, '\n' | '\t'))
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
    };
    if let Some(at) = text.find(harmful) {
        let around: String = text[..at].chars().rev().take(60).collect();
        let around: String = around.chars().rev().collect();
        panic!(
            "{what}: after {around:?} comes {:?}",
            text[at..].chars().next()
        );
    }
}

/// Nothing that the guest meant for the terminal, where the host writes controls of its own.
#[track_caller]
fn assert_guest_is_unheard(what: &str, text: &str) {
    for sequence in [
        "\u{1b}]0;",
        "\u{7}",
        "\u{9b}",
        "\u{8}",
        "\u{7f}",
        "\u{202e}",
        "\rover",
    ] {
        assert!(!text.contains(sequence), "{what}: {sequence:?} in {text:?}");
    }
}

/// The component, built once, under a name that no SDK would have given it.
pub(crate) fn loud() -> Vec<u8> {
    static LOUD: OnceLock<Vec<u8>> = OnceLock::new();
    LOUD.get_or_init(|| {
        let built = menagerie_builder::test_guests(root(), &mut menagerie_builder::Silent).unwrap();
        let loud = built.iter().find(|built| {
            built
                .path
                .file_stem()
                .is_some_and(|stem| stem == "loudloud")
        });
        let mut bytes = std::fs::read(&loud.unwrap().path).unwrap();
        let (decent, hostile) = (b"loudloud", "\u{9b}2J🐆".as_bytes());
        assert_eq!(decent.len(), hostile.len());
        let mut at = 0;
        while let Some(next) = bytes[at..]
            .windows(decent.len())
            .position(|found| found == decent)
        {
            at += next;
            bytes[at..at + hostile.len()].copy_from_slice(hostile);
        }
        assert!(at > 0, "the component names itself nowhere");
        bytes
    })
    .clone()
}

/// A store, and beside it a flow of the one loud agent.
fn place() -> (Place, PathBuf) {
    let place = Place::new();
    std::fs::write(place.path("loud.wasm"), loud()).unwrap();
    let flow = place.write(
        "flow.toml",
        "name = \"loud\"\n[agents.loud]\nplugin = { file = \"loud.wasm\" }\n[strategy]\nplugin = \"sequence\"\n",
    );
    (place, flow)
}

fn begin(place: &Place, flow: &std::path::Path, way: &str, more: &[&str]) -> Ended {
    let mut command = place.command();
    command.arg("run").arg(flow).args(["--id", way]);
    command.arg("--input").arg(format!("{{\"way\":\"{way}\"}}"));
    ended(command.args(more))
}

#[test]
fn no_command_sends_a_guests_controls_to_the_terminal() {
    let (place, flow) = place();
    let mut shown = Vec::new();
    for (way, code) in [("answer", 0), ("fault", 1), ("panic", 1), ("escalate", 3)] {
        let session = "\u{1b}]0;owned\u{7}🐆";
        let run = begin(&place, &flow, way, &["--session", session]).expect(code);
        shown.push((format!("run {way}"), run));
        for command in [
            vec!["show", way],
            vec!["show", way, "--json"],
            vec!["events", way],
            vec!["events", way, "--json"],
            vec!["export", way, "--format", "jsonl"],
            vec!["export", way, "--format", "xes"],
        ] {
            shown.push((command.join(" "), place.run(&command).expect(0)));
        }
    }
    let again = begin(&place, &flow, "answer", &["--json"]).expect(0);
    shown.push(("run --json".to_owned(), again));
    for command in [
        vec!["runs"],
        vec!["runs", "--json"],
        vec!["cancel", "escalate", "--reason", "\u{1b}]0;owned\u{7}🐆"],
    ] {
        shown.push((command.join(" "), place.run(&command).expect(0)));
    }
    let flow = flow.display().to_string();
    let guest = place.path("loud.wasm").display().to_string();
    for command in [
        vec!["check", &flow],
        vec!["inspect", &guest],
        vec!["inspect", &guest, "--json"],
        vec!["show", "escalate"],
    ] {
        shown.push((command.join(" "), place.run(&command).expect(0)));
    }
    for (command, ended) in &shown {
        assert_harmless(command, &ended.stdout);
        assert_harmless(command, &ended.stderr);
        // What went well has said nothing but its log and its output, which these leave out; a panic
        // ends in a trap without words.
        let quiet = [
            "events answer",
            "events panic",
            "export",
            "cancel",
            "run panic",
        ]
        .iter()
        .any(|quiet| command.starts_with(quiet));
        let heard = ended.stdout.contains(WITNESS) || ended.stderr.contains(WITNESS);
        assert!(
            heard || quiet,
            "{command} shows nothing of the guest: {ended:?}"
        );
    }
}

#[test]
fn json_keeps_what_was_said_to_the_last_character() {
    let (place, flow) = place();
    let answer = begin(&place, &flow, "answer", &["--json"]).expect(0).json();
    let said = answer["result"]["markdown"].as_str().unwrap();
    assert!(said.contains("\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\rover\u{8}\u{7f}\u{202e}<script>"));
}

#[test]
fn a_live_view_shows_what_a_guest_says_and_obeys_none_of_it() {
    let (place, flow) = place();
    for way in ["answer", "fault", "escalate", "panic"] {
        let input = format!("{{\"way\":\"{way}\"}}");
        let screen = on_a_terminal(
            &place,
            &["run", &flow.display().to_string(), "--input", &input],
        );
        assert_guest_is_unheard(way, &screen);
        // A panic ends in a trap, which hides the note.
        assert!(
            screen.contains(WITNESS) || way == "panic",
            "{way}: {screen:?}"
        );
    }
    let broken = place.write("broken.toml", "name = \"\u{9b}2J\u{7}🐆\n");
    let screen = on_a_terminal(&place, &["check", &broken.display().to_string()]);
    assert_guest_is_unheard("check", &screen);
    assert!(screen.contains(WITNESS), "{screen:?}");
}

/// What the program writes to a real terminal, of which Python's standard library has one.
fn on_a_terminal(place: &Place, arguments: &[&str]) -> String {
    const SPAWN: &str = "import os, pty, sys
os.environ['TERM'] = 'xterm-256color'
pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 4096))";
    let program = place.command();
    let mut command = Command::new("python3");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["-c", SPAWN])
        .arg(program.get_program())
        .args(arguments);
    ended(&mut command).stdout
}

#[test]
fn a_hostile_name_in_a_flow_file_or_on_the_command_line_is_shown_escaped() {
    let (place, _) = place();
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J🐆";
    let flow = place.write(
        "hostile.toml",
        &format!(
            "name = \"a\"\n[agents.\"{}\"]\nplugin = \"{}\"\n[strategy]\nplugin = \"sequence\"\n",
            hostile
                .replace('\u{1b}', "\\u001b")
                .replace('\u{7}', "\\u0007"),
            hostile
                .replace('\u{1b}', "\\u001b")
                .replace('\u{7}', "\\u0007")
        ),
    );
    let file = flow.display().to_string();
    for (arguments, code) in [
        (vec!["check", &file], 2),
        (vec!["check", &file, "--json"], 2),
        (vec!["run", &file], 2),
        (vec!["show", hostile], 2),
        (vec!["events", hostile, "--json"], 2),
        (vec!["inspect", hostile], 2),
        (vec!["build", hostile], 2),
        (
            vec!["export", "--all", "-o", "/nowhere/\u{1b}]0;owned\u{7}🐆"],
            2,
        ),
        (vec!["config", "--licence", hostile], 0),
        (vec!["doctor", "--licence", hostile], 2),
    ] {
        let ended = place.run(&arguments).expect(code);
        let command = arguments.join(" ");
        assert_harmless(&command, &ended.stdout);
        assert_harmless(&command, &ended.stderr);
        let heard = ended.stdout.contains(WITNESS) || ended.stderr.contains(WITNESS);
        assert!(heard, "{command}: {ended:?}");
    }
}

#[test]
fn json_of_a_failure_is_one_document_too() {
    let (place, _) = place();
    for arguments in [
        vec!["show", "nobody", "--json"],
        vec!["events", "nobody", "--json"],
        vec!["resume", "nobody", "--json"],
        vec!["cancel", "nobody", "--json"],
        vec!["answer", "nobody", "skip", "--json"],
        vec!["run", "/nowhere.toml", "--json"],
        vec!["check", "/nowhere.toml", "--json"],
        vec!["inspect", "/nowhere.wasm", "--json"],
        vec!["build", "/nowhere", "--json"],
    ] {
        let error: Value = place.run(&arguments).expect(2).json();
        assert_eq!(error["error"]["exit_code"], 2, "{arguments:?}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("nobody") || message.contains("/nowhere"),
            "{message}"
        );
    }
}
