//! Plugins in other languages than Rust, from `menagerie new` to one suite that all of them pass. Their tools
//! come from the registries the first time, and are kept in `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Ended, Place, root};
use crate::running::guests;

/// What is said where a language's tools can neither be found nor fetched.
const NO_TOOLS: &str = "the tools for this language cannot be had";

/// Where the languages' tools are kept, for all tests.
fn tools() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_menagerie"));
    program.parent().unwrap().join("language-tools")
}

/// The program, within its place, with tools that all tests share.
pub(crate) fn command_with_tools(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command();
    command
        .args(arguments)
        .env("XDG_CACHE_HOME", tools())
        .current_dir(place.path("."));
    command
}

/// Runs the program with tools that all tests share; none where there are no tools to be had.
pub(crate) fn with_tools(place: &Place, arguments: &[&str]) -> Option<Ended> {
    let ended = crate::program::ended(&mut command_with_tools(place, arguments));
    if ended.stderr.contains(NO_TOOLS) {
        assert!(
            !is_ci() || is_unreachable(&ended.stderr),
            "in CI a language is left out only where its registry cannot be reached: {}",
            ended.stderr
        );
        eprintln!("left out, since {NO_TOOLS}: {}", ended.stderr);
        return None;
    }
    Some(ended)
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// Whether tools are missing for want of a network, by the words that npm, pip and the C library have for this.
fn is_unreachable(said: &str) -> bool {
    const WORDS: [&str; 11] = [
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ETIMEDOUT",
        "ENETUNREACH",
        "NewConnectionError",
        "Temporary failure in name resolution",
        "Name or service not known",
        "Network is unreachable",
        "Connection refused",
        "no end within",
    ];
    WORDS.iter().any(|word| said.contains(word))
}

#[test]
fn a_missing_program_is_no_missing_network() {
    for said in [
        "`npm` cannot be run (No such file or directory); it has to be installed",
        "ERROR: No matching distribution found for ziglang==99",
        "npm error code E404",
    ] {
        assert!(!is_unreachable(said), "{said}");
    }
    assert!(is_unreachable("npm error code EAI_AGAIN"));
}

fn results(ended: &Ended) -> Vec<(String, bool)> {
    let answer = ended.json();
    let results = answer["results"].as_array().unwrap();
    let passed = |result: &Value| result["wrong"].is_null();
    results
        .iter()
        .map(|result| (result["name"].as_str().unwrap().to_owned(), passed(result)))
        .collect()
}

/// Every kind of plugin in every language; JavaScript and TypeScript take turns.
pub(crate) const NEW: [(&str, &str); 25] = [
    ("rust", "agent"),
    ("rust", "strategy"),
    ("rust", "group-strategy"),
    ("rust", "aggregator"),
    ("rust", "arbiter"),
    ("python", "agent"),
    ("python", "strategy"),
    ("python", "group-strategy"),
    ("python", "aggregator"),
    ("python", "arbiter"),
    ("ts", "agent"),
    ("js", "strategy"),
    ("js", "group-strategy"),
    ("ts", "aggregator"),
    ("ts", "arbiter"),
    ("c", "agent"),
    ("c", "strategy"),
    ("c", "group-strategy"),
    ("c", "aggregator"),
    ("c", "arbiter"),
    ("go", "agent"),
    ("go", "strategy"),
    ("go", "group-strategy"),
    ("go", "aggregator"),
    ("go", "arbiter"),
];

/// Writes, builds and tests a plugin of each kind. A build is most of it, so that the slowest have a test of their own.
fn new_plugins(languages: &[&str]) {
    for (language, kind) in NEW {
        if !languages.contains(&language) {
            continue;
        }
        let place = Place::new();
        let new = ["new", kind, "mine", "--lang", language];
        with_tools(&place, &new).unwrap().expect(0);
        let Some(tested) = with_tools(&place, &["test", "mine", "--json"]) else {
            continue;
        };
        let results = results(&tested.expect(0));
        assert_eq!(results.len(), 3, "{language} {kind}: {results:?}");
        assert!(results.iter().all(|(_, passed)| *passed), "{results:?}");
    }
}

#[test]
fn a_new_plugin_builds_and_passes_its_tests() {
    new_plugins(&["ts", "js", "c", "go"]);
}

#[test]
fn a_new_plugin_in_rust_builds_and_passes_its_tests() {
    new_plugins(&["rust"]);
}

#[test]
fn a_new_plugin_in_python_builds_and_passes_its_tests() {
    new_plugins(&["python"]);
}

/// What an author writes to try an agent without a component: a simple host stands behind it.
const WITHOUT_A_COMPONENT: [(&str, &str, &str); 2] = [
    (
        "python",
        "try.py",
        r#"
import menagerie, plugin
from menagerie import _host

answered = plugin.process(menagerie.Task({"text": "two words"}))
assert answered.output == {"words": 2}, answered
assert _host.logged == [("info", "2 words")], _host.logged
host = menagerie.invocation
assert [host.attempt(), host.deadline_ms(), host.fuel_left(), host.last_fault(), host.hints()] == [1, 0, 0, None, {}]
assert 0 <= menagerie.random.next() < 1 and menagerie.random.next_u32() >= 0
menagerie.context.put("k", [1])
assert menagerie.context.get("k") == [1] and menagerie.clock.now_ms() == 0
menagerie.progress.note("nobody looks")
"#,
    ),
    (
        "go",
        "plugin_test.go",
        r#"
package plugin

import (
	"testing"

	"menagerie"
	"menagerie/bridge"
)

func TestCounts(t *testing.T) {
	text := "two words"
	counted, err := process(menagerie.Task[input]{Input: input{Text: &text}})
	if err != nil || counted.Words != 2 || len(bridge.Logged) != 1 || menagerie.Attempt() != 1 {
		t.Fatal(counted, err, bridge.Logged)
	}
}
"#,
    ),
];

#[test]
fn an_agent_is_tried_without_a_component_where_its_language_has_a_host_for_that() {
    for (language, file, source) in WITHOUT_A_COMPONENT {
        let place = Place::new();
        let new = ["new", "agent", "mine", "--lang", language];
        with_tools(&place, &new).unwrap().expect(0);
        place.write(&format!("mine/{file}"), source);
        let mut tried = if language == "python" {
            let mut python = Command::new("python3");
            python.args(["-B", file]);
            python.env("PYTHONPATH", root().join("sdk/python"));
            python
        } else {
            // Building brings Go with it.
            let Some(built) = with_tools(&place, &["build", "mine"]) else {
                continue;
            };
            built.expect(0);
            let tools = tools().join("menagerie/toolchain/go");
            let mut go = Command::new(tools.join("bin/go"));
            go.args(["test", "."])
                .env("GOCACHE", tools.join("cache"))
                .env("GOTOOLCHAIN", "local")
                .env("GOPROXY", "off")
                .env_remove("GOFLAGS");
            go
        };
        crate::program::ended(tried.current_dir(place.path("mine"))).expect(0);
    }
}

/// Agents that quote their whole input back where it is not what they take.
const QUOTING: [(&str, &str, &str); 5] = [
    (
        "rust",
        "src/lib.rs",
        "use menagerie::prelude::*;\n\n#[menagerie::agent]\nfn process(task: Task<Value>) -> Result<Outcome<u32>, Fault> {\n    match task.input.as_str() {\n        Some(\"yes\") => Ok(Outcome::new(1)),\n        _ => Err(Fault::invalid_input(format!(\"found {}, expected yes\", task.input))),\n    }\n}\n",
    ),
    (
        "js",
        "index.js",
        "import { agent, Fault } from \"menagerie\";\nexport default agent(({ input }) => {\n  if (input === \"yes\") return 1;\n  throw Fault.invalidInput(`found ${JSON.stringify(input)}, expected yes`);\n});\n",
    ),
    (
        "python",
        "plugin.py",
        "import menagerie\n\n\n@menagerie.agent\ndef process(task: menagerie.Task) -> int:\n    if task.input == \"yes\":\n        return 1\n    raise menagerie.Fault.invalid_input(f\"found {task.input!r}, expected yes\")\n",
    ),
    (
        "go",
        "plugin.go",
        "package plugin\n\nimport (\n\t\"encoding/json\"\n\n\t\"menagerie\"\n)\n\nvar Plugin = menagerie.Agent(func(task menagerie.Task[json.RawMessage]) (int, error) {\n\tif string(task.Input) == `\"yes\"` {\n\t\treturn 1, nil\n\t}\n\treturn 0, menagerie.InvalidInput(\"found %s, expected yes\", task.Input)\n})\n",
    ),
    (
        "c",
        "plugin.c",
        "#include \"menagerie.h\"\n\nAGENT(task, outcome, failure) {\n  buffer_t said = {0};\n  if (task->input.len == 5 && memcmp(task->input.ptr, \"\\\"yes\\\"\", 5) == 0) {\n    put(&said, \"1\");\n    return answer(outcome, text_of(&said));\n  }\n  put_bytes(&said, task->input.ptr, task->input.len);\n  put_bytes(&said, \"\", 1);\n  return fault(failure, \"invalid-input\", (const char *)said.ptr);\n}\n",
    ),
];

const QUOTING_CASES: &str = r#"
[[case]]
name = "yes"
input = "yes"
output = 1

[[case]]
name = "no"
input = "no"
fault = "invalid-input"
"#;

#[test]
fn a_fault_that_quotes_an_input_of_any_length_is_still_that_fault() {
    // Beyond what a message may have, with a character at the edge in each encoding, and in the middle of it.
    let long = "\u{e9}\u{1f600}x".repeat(20_000);
    let longs = format!(
        "\n[[case]]\nname = \"long\"\ninput = \"{long}\"\nfault = \"invalid-input\"\n\n[[case]]\nname = \"longer\"\ninput = \"x{long}\"\nfault = \"invalid-input\"\n"
    );
    for (language, file, source) in QUOTING {
        let place = Place::new();
        let new = ["new", "agent", "mine", "--lang", language];
        with_tools(&place, &new).unwrap().expect(0);
        place.write(&format!("mine/{file}"), source);
        place.write("mine/tests/cases.toml", &format!("{QUOTING_CASES}{longs}"));
        let Some(tested) = with_tools(&place, &["test", "mine", "--json"]) else {
            continue;
        };
        let results = results(&tested.expect(0));
        assert_eq!(results.len(), 5, "{language}: {results:?}");
    }
}

/// The guest of a language, with the suite that all share.
fn mirror(place: &Place, language: &str) -> PathBuf {
    let from = root().join("tests/languages");
    let dir = place.path(language);
    std::fs::create_dir_all(dir.join("tests")).unwrap();
    for entry in std::fs::read_dir(from.join(language)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
    }
    std::fs::copy(from.join("cases.toml"), dir.join("tests/cases.toml")).unwrap();
    dir
}

#[test]
fn one_suite_holds_for_every_language() {
    let cases = std::fs::read_to_string(root().join("tests/languages/cases.toml")).unwrap();
    let count = cases.matches("[[case]]").count();
    for language in ["c", "ts", "python", "go"] {
        let place = Place::new();
        mirror(&place, language);
        let Some(tested) = with_tools(&place, &["test", language, "--json"]) else {
            continue;
        };
        let results = results(&tested.expect(0));
        // And the hostile inputs.
        assert_eq!(results.len(), count + 1, "{language}");
    }
    // Rust, the yardstick, is built with the tests' other guests.
    let component = guests().join("mirror.wasm");
    let place = Place::new();
    let dir = mirror(&place, "c");
    let mut test = place.command();
    test.arg("test").arg(dir).arg("--component").arg(component);
    let tested = crate::program::ended(test.arg("--json"));
    assert_eq!(results(&tested.expect(0)).len(), count + 1, "rust");
}

#[test]
fn a_crash_is_shown_with_the_authors_own_words_and_kept_to_be_made_again() {
    let place = Place::new();
    let new = ["new", "agent", "mine", "--lang", "js"];
    with_tools(&place, &new).unwrap().expect(0);
    let source = "import { agent } from \"menagerie\";\nexport default agent(({ input }) => ({ words: input.text.split(\" \").length }));\n";
    place.write("mine/index.js", source);
    let Some(tested) = with_tools(&place, &["test", "mine"]) else {
        return;
    };
    let tested = tested.expect(1);
    assert!(
        tested.stdout.contains("ok      counts the words of a text"),
        "{tested:?}"
    );
    assert!(
        tested.stdout.contains("FAILED  refuses what is no text"),
        "{tested:?}"
    );
    assert!(
        tested.stdout.contains("FAILED  17 hostile inputs"),
        "{tested:?}"
    );
    assert!(tested.stdout.contains("| TypeError: "), "{tested:?}");
    let kept = "mine/target/failed-cases/17-hostile-inputs.json";
    let again = with_tools(&place, &["test", "mine", "--replay", kept, "--json"]).unwrap();
    assert_eq!(results(&again.expect(1)), [("null".to_owned(), false)]);

    // What does not even build is told with its place.
    place.write("mine/index.js", "export default agent(;\n");
    let broken = with_tools(&place, &["test", "mine"]).unwrap().expect(2);
    assert!(broken.stderr.contains("index.js:1:"), "{broken:?}");
}

/// An agent that asks one question outside and lives with every answer.
const ASKING: &str = r#"
import { agent, Fault } from "menagerie";
import { HttpProblem, send } from "menagerie/http";

function ask(name) {
  try {
    const answer = send({ url: `https://index.example/${name}` });
    if (answer.status !== 200) throw Fault.transient(`the status is ${answer.status}`);
    return answer.json();
  } catch (problem) {
    if (problem instanceof HttpProblem) throw Fault.transient(problem.message);
    throw problem;
  }
}

export default agent(({ input }) => {
  if (typeof input?.name !== "string") throw Fault.invalidInput("`name` has to be text");
  const found = ask(encodeURIComponent(input.name));
  if (!Array.isArray(found?.versions)) throw Fault.permanent("there are no versions");
  return { latest: found.versions.at(-1) ?? null };
});
"#;

const ASKING_CASES: &str = r#"
[[case]]
name = "takes the last version"
input = { name = "serde" }
http = [{ url = "https://index.example/serde", json = { versions = ["1.0.0", "1.0.1"] } }]
output = { latest = "1.0.1" }

[[case]]
name = "may be tried again where nobody answers"
input = { name = "serde" }
http = [{ url = "https://index.example/serde", problem = "timeout" }]
fault = "transient"
"#;

#[test]
fn an_agents_requests_are_answered_by_its_cases_and_by_every_trouble_that_there_is() {
    let place = Place::new();
    let new = ["new", "agent", "asks", "--lang", "js", "--with", "http"];
    with_tools(&place, &new).unwrap().expect(0);
    place.write("asks/index.js", ASKING);
    place.write("asks/tests/cases.toml", ASKING_CASES);
    let test = || with_tools(&place, &["test", "asks", "--json"]);
    let Some(tested) = test() else {
        return;
    };
    let passed = results(&tested.expect(0));
    assert_eq!(passed.len(), 4, "{passed:?}");
    assert!(passed[3].0.ends_with("hostile answers"), "{passed:?}");

    // Another address, a second request, one that is not made.
    let wrong = |cases: &str, expected: &str| {
        place.write("asks/tests/cases.toml", cases);
        let answer = test().unwrap().expect(1).json();
        let found = answer["results"][0]["wrong"].as_str().unwrap();
        assert!(found.contains(expected), "{found}");
    };
    let other = ASKING_CASES.replacen("example/serde", "example/tokio", 1);
    wrong(
        &other,
        "it asked for GET https://index.example/serde, which no mock answers; there are GET https://index.example/tokio",
    );
    let twice = ASKING_CASES.replacen("/serde\",", "/serde\", times = 2,", 1);
    wrong(&twice, "serde 1 times, expected 2");

    // An agent that takes whatever comes for what it hoped for.
    place.write("asks/tests/cases.toml", ASKING_CASES);
    place.write(
        "asks/index.js",
        &ASKING.replace("!Array.isArray(found?.versions)", "false"),
    );
    let answer = test().unwrap().expect(1).json();
    let last = answer["results"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    let wrong = last["wrong"].as_str().unwrap();
    assert!(
        wrong.contains("answered with a name that is there twice"),
        "{wrong}"
    );
    let kept = last["replay"].as_str().unwrap();
    let again = with_tools(&place, &["test", "asks", "--replay", kept, "--json"]).unwrap();
    assert_eq!(results(&again.expect(1)).len(), 1);
}

/// Agents that count in what the run shares, and make and read artifacts.
pub(crate) const SHARING: [(&str, &str, &str); 4] = [
    (
        "js",
        "index.js",
        r#"
import { agent, Outcome } from "menagerie";
import { Conflict, SharedProblem, compareAndSet, get, remove } from "menagerie/shared";
import * as artifacts from "menagerie/artifacts";

function refusal(of, question) {
  try {
    question();
  } catch (error) {
    if (error instanceof of) return error;
    throw error;
  }
}

export default agent(() => {
  const present = get("count");
  const count = (present?.value ?? 0) + 1;
  const version = compareAndSet("count", present?.version, count);
  const conflict = refusal(Conflict, () => compareAndSet("count", undefined, 0)).found;
  const invalid = refusal(SharedProblem, () => get("not a key")).code;
  const mark = compareAndSet("mark", undefined, true);
  const kept = refusal(Conflict, () => remove("mark", mark + 1)).found.version;
  remove("mark", mark);
  const gone = get("mark") === undefined;
  const note = artifacts.put("note.txt", "text/plain", `counted ${count}`);
  const { name, size } = artifacts.stat(note.id);
  const text = String.fromCharCode(...artifacts.get("artifact-1", 1, 4));
  const denied = refusal(artifacts.ArtifactProblem, () => artifacts.stat("artifact-9")).code;
  return new Outcome({ count, version, conflict, invalid, kept, gone, name, size, text, denied }, { attachments: [note] });
});
"#,
    ),
    (
        "python",
        "plugin.py",
        r#"
import menagerie
from menagerie import artifacts, shared


def refusal(of, question):
    try:
        question()
    except of as error:
        return error
    raise AssertionError("it was not refused")


@menagerie.agent
def process(task: menagerie.Task) -> menagerie.Outcome:
    present = shared.get("count")
    count = (present.value if present else 0) + 1
    version = shared.compare_and_set("count", present.version if present else None, count)
    conflict = refusal(shared.Conflict, lambda: shared.compare_and_set("count", None, 0)).found
    invalid = refusal(shared.SharedProblem, lambda: shared.get("not a key")).code
    mark = shared.compare_and_set("mark", None, True)
    kept = refusal(shared.Conflict, lambda: shared.delete("mark", mark + 1)).found.version
    shared.delete("mark", mark)
    gone = shared.get("mark") is None
    note = artifacts.put("note.txt", "text/plain", f"counted {count}")
    info = artifacts.stat(note.id)
    text = artifacts.get("artifact-1", 1, 4).decode()
    denied = refusal(artifacts.ArtifactProblem, lambda: artifacts.stat("artifact-9")).code
    return menagerie.Outcome(
        {
            "count": count, "version": version, "invalid": invalid, "name": info.name, "size": info.size,
            "conflict": {"version": conflict.version, "value": conflict.value}, "text": text, "denied": denied,
            "kept": kept, "gone": gone,
        },
        attachments=[note],
    )
"#,
    ),
    (
        "c",
        "plugin.c",
        r#"
#include "menagerie.h"

static void number(buffer_t *to, const char *name, uint64_t value) {
  put(to, name);
  put_number(to, value);
}

static void words(buffer_t *to, const char *name, text_t value) {
  put(to, name);
  put_string(to, value);
}

AGENT(task, outcome, failure) {
  (void)task;
  problem_t problem, invalid, denied;
  shared_t shared, stale = {0};
  if (!shared_get("count", &shared, &problem)) return fault_of(failure, "permanent", &problem);
  uint64_t count = 0;
  for (size_t at = 0; at < shared.json.len; at++) count = count * 10 + (shared.json.ptr[at] - '0');
  buffer_t value = {0}, note = {0}, json = {0};
  put_number(&value, ++count);
  if (!shared_set("count", &shared, text_of(&value), &problem)) return fault_of(failure, "permanent", &problem);
  if (shared_set("count", &stale, text_from("0"), &problem) || !IS(problem.code, "conflict"))
    return fault(failure, "permanent", "it was not refused");
  shared_t none;
  if (shared_get("not a key", &none, &invalid)) return fault(failure, "permanent", "that is no key");
  shared_t mark = {0};
  if (!shared_set("mark", &mark, text_from("true"), &problem)) return fault_of(failure, "permanent", &problem);
  shared_t kept = {.version = mark.version + 1};
  if (shared_delete("mark", &kept, &problem) || !IS(problem.code, "conflict"))
    return fault(failure, "permanent", "it was not refused");
  if (!shared_delete("mark", &mark, &problem) || !shared_get("mark", &none, &problem))
    return fault_of(failure, "permanent", &problem);

  put(&note, "counted ");
  put_number(&note, count);
  artifact_t made;
  artifact_info_t info;
  text_t text;
  if (!artifact_put("note.txt", "text/plain", text_of(&note), &made, &problem) || !artifact_stat(made.id, &info, &problem) ||
      !artifact_get(text_from("artifact-1"), 1, 4, &text, &problem))
    return fault_of(failure, "permanent", &problem);
  artifact_info_t other;
  if (artifact_stat(text_from("artifact-9"), &other, &denied)) return fault(failure, "permanent", "there is no such file");

  number(&json, "{\"count\":", count);
  number(&json, ",\"version\":", shared.version);
  number(&json, ",\"conflict\":{\"version\":", stale.version);
  put(&json, ",\"value\":");
  put_bytes(&json, stale.json.ptr, stale.json.len);
  words(&json, "},\"invalid\":", invalid.code);
  words(&json, ",\"name\":", info.name);
  number(&json, ",\"size\":", info.size);
  words(&json, ",\"text\":", text);
  words(&json, ",\"denied\":", denied.code);
  number(&json, ",\"kept\":", kept.version);
  put(&json, none.version == 0 ? ",\"gone\":true}" : ",\"gone\":false}");
  return answer(outcome, text_of(&json)) && attach(outcome, &made);
}
"#,
    ),
    (
        "go",
        "plugin.go",
        r#"
package plugin

import (
	"errors"
	"fmt"

	"menagerie"
	"menagerie/artifacts"
	"menagerie/shared"
)

type object = map[string]any

var Plugin = menagerie.Agent(process)

func code(err error) string {
	var problem *menagerie.Problem
	if errors.As(err, &problem) {
		return problem.Code
	}
	return fmt.Sprint(err)
}

func process(task menagerie.Task[object]) (menagerie.Outcome, error) {
	var count int
	present, err := shared.Get("count", &count)
	if err != nil {
		return menagerie.Outcome{}, err
	}
	count++
	version, err := shared.CompareAndSet("count", present, count)
	if err != nil {
		return menagerie.Outcome{}, err
	}
	var conflict *shared.Conflict
	if _, err := shared.CompareAndSet("count", 0, 0); !errors.As(err, &conflict) {
		return menagerie.Outcome{}, fmt.Errorf("it was not refused: %v", err)
	}
	_, invalid := shared.Get("not a key", &count)
	mark, err := shared.CompareAndSet("mark", 0, true)
	if err != nil {
		return menagerie.Outcome{}, err
	}
	var kept *shared.Conflict
	if err := shared.Delete("mark", mark+1); !errors.As(err, &kept) {
		return menagerie.Outcome{}, fmt.Errorf("it was not refused: %v", err)
	}
	if err := shared.Delete("mark", mark); err != nil {
		return menagerie.Outcome{}, err
	}
	var marked bool
	left, err := shared.Get("mark", &marked)
	if err != nil {
		return menagerie.Outcome{}, err
	}
	note, err := artifacts.Put("note.txt", "text/plain", fmt.Appendf(nil, "counted %d", count))
	if err != nil {
		return menagerie.Outcome{}, err
	}
	info, err := artifacts.Stat(note.ID)
	if err != nil {
		return menagerie.Outcome{}, err
	}
	text, err := artifacts.Get("artifact-1", 1, 4)
	if err != nil {
		return menagerie.Outcome{}, err
	}
	_, denied := artifacts.Stat("artifact-9")
	return menagerie.Outcome{
		Output: object{
			"count": count, "version": version, "conflict": object{"version": conflict.Found, "value": conflict.Value},
			"invalid": code(invalid), "name": info.Name, "size": info.Size, "text": string(text), "denied": code(denied),
			"kept": kept.Found, "gone": left == 0,
		},
		Attachments: []menagerie.Attachment{note},
	}, nil
}
"#,
    ),
];

const SHARING_CASES: &str = r#"
[[case]]
name = "counts on from what is shared"
input = {}
shared = { count = 41 }
artifacts = [{ name = "first", text = "abcdef" }]
output = { count = 42, version = 2, conflict = { version = 2, value = 42 }, invalid = "invalid-key", name = "note.txt", size = 10, text = "bcde", denied = "denied", kept = 1, gone = true }
attached = [{ id = "artifact-2", media_type = "text/plain", digest = "sha256:7dce005aaa27406ae10d332a880f4fcc8e246165933d6c1fc5bf72e779d72507" }]
"#;

#[test]
fn what_is_shared_and_made_is_the_same_in_every_language() {
    let place = Place::new();
    for (language, file, source) in SHARING {
        let new = [
            "new",
            "agent",
            language,
            "--lang",
            language,
            "--with",
            "shared,artifacts",
        ];
        with_tools(&place, &new).unwrap().expect(0);
        place.write(&format!("{language}/{file}"), source);
        place.write(&format!("{language}/tests/cases.toml"), SHARING_CASES);
        let Some(tested) = with_tools(&place, &["test", language, "--json"]) else {
            continue;
        };
        let tested = tested.expect(0);
        let passed = results(&tested);
        assert!(passed.len() >= 2, "{language}: {passed:?}");
    }
}

#[test]
fn a_project_in_javascript_may_choose_the_other_engine_and_passes_the_same_suite() {
    let place = Place::new();
    let dir = mirror(&place, "ts");
    let package = std::fs::read_to_string(dir.join("package.json")).unwrap();
    let chosen = r#""kind": "agent", "engine": "starlingmonkey""#;
    std::fs::write(
        dir.join("package.json"),
        package.replace(r#""kind": "agent""#, chosen),
    )
    .unwrap();
    let Some(tested) = with_tools(&place, &["test", "ts", "--json"]) else {
        return;
    };
    let results = results(&tested.expect(0));
    assert!(results.len() > 20, "{results:?}");
}

/// Strategies that look at older history and at how the agents have fared.
pub(crate) const LOOKING_BACK: [(&str, &str, &str); 4] = [
    (
        "js",
        "index.js",
        r#"
import { end, route, strategy } from "menagerie";
import { agents } from "menagerie/figures";
import { before } from "menagerie/history";

export default strategy((view) => (view.agents.length + agents().length + before(9, 1).length === 0 ? end() : route(view.agents[0].name)));
"#,
    ),
    (
        "python",
        "plugin.py",
        r#"
import menagerie
from menagerie import Decision, View
from menagerie.figures import agents
from menagerie.history import before


@menagerie.strategy
def decide(view: View) -> Decision:
    return Decision.route(view.agents[0].name) if len(view.agents) + len(agents()) + len(before(9, 1)) else Decision.end()
"#,
    ),
    (
        "c",
        "plugin.c",
        r#"
#include "menagerie.h"

STRATEGY(view, decision, failure) {
  (void)failure;
  menagerie_plugin_figures_list_agent_figures_t figures;
  menagerie_plugin_history_list_history_entry_t older;
  menagerie_plugin_figures_agents(&figures);
  menagerie_plugin_history_before(9, 1, &older);
  decide(decision);
  if (view->agents.len + figures.len + older.len > 0)
    start(decision, view, view->agents.ptr[0].name);
  else
    end(decision, "completed", "there is nobody");
  return true;
}
"#,
    ),
    (
        "go",
        "plugin.go",
        r#"
package plugin

import (
	"menagerie"
	"menagerie/figures"
	"menagerie/history"
)

var Plugin = menagerie.Strategy(func(view menagerie.View) (menagerie.Decision, error) {
	if len(view.Agents)+len(figures.Agents())+len(history.Before(9, 1)) == 0 {
		return menagerie.End(), nil
	}
	return menagerie.Route(view.Agents[0].Name), nil
})
"#,
    ),
];

#[test]
fn strategies_of_every_language_see_older_history_and_figures() {
    let place = Place::new();
    for (language, file, source) in LOOKING_BACK {
        let new = ["new", "strategy", language, "--lang", language];
        with_tools(&place, &new).unwrap().expect(0);
        place.write(&format!("{language}/{file}"), source);
        let Some(tested) = with_tools(&place, &["test", language, "--json"]) else {
            continue;
        };
        let results = results(&tested.expect(0));
        assert!(results.iter().all(|(_, passed)| *passed), "{results:?}");
    }
}
