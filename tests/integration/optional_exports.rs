//! Exports beside that of a plugin's kind: what a project names has to be written, and what is written has to be named.

use std::path::Path;

use crate::languages::with_tools;
use crate::program::Place;

/// Agents that undo what they did, and look at their configuration: the project, its source and what it is.
const CAREFUL: [(&str, &str, &str); 4] = [
    (
        "inc",
        "plugin.c",
        r#"#include "menagerie.h"

AGENT(task, outcome, failure) {
  (void)failure;
  return answer(outcome, task->config);
}

COMPENSATE(task, outcome, failure) {
  (void)task, (void)outcome, (void)failure;
  return true;
}

CHECK(config, agents, problems) {
  text_t least;
  (void)agents;
  if (json_member(*config, "least", &least) && least.ptr[0] == '"') problem(problems, "/least", "expected a number");
}
"#,
    ),
    (
        "injs",
        "index.js",
        r#"import { agent } from "menagerie";

export default agent(({ config }) => config, {
  compensate: () => {},
  check: ({ least }) => (typeof least === "string" ? [{ pointer: "/least", message: "expected a number" }] : []),
});
"#,
    ),
    (
        "inpy",
        "plugin.py",
        r#"import menagerie


@menagerie.agent
def process(task):
    return task.config


@menagerie.compensate
def undo(task, outcome):
    pass


@menagerie.check
def check(config, agents):
    return [menagerie.Problem("expected a number", "/least")] if isinstance(config.get("least"), str) else []
"#,
    ),
    (
        "ingo",
        "plugin.go",
        r#"package plugin

import "menagerie"

type object = map[string]any

var Plugin = menagerie.Agent(func(task menagerie.Task[object]) (object, error) { return object{}, nil })

var Compensation = menagerie.Compensate(func(menagerie.Task[object], object) error { return nil })

var ConfigCheck = menagerie.Check(func(config object, agents []string) []menagerie.ConfigProblem {
	if _, wrong := config["least"].(string); wrong {
		return []menagerie.ConfigProblem{{Pointer: "/least", Message: "expected a number"}}
	}
	return nil
})
"#,
    ),
];

const UNDOING: &str = r#"
[[case]]
name = "undoes a step"
input = {}
undoes = { output = { made = 1 } }
undone = true

[[case]]
name = "finds a mistake"
config = { least = "one" }
problems = ["/least"]

[[case]]
name = "finds none"
config = { least = 1 }
problems = []
"#;

/// Writes into a project what it exports beside its plugin, or takes it out.
fn names_exports(project: &Path, with: bool) {
    let text = std::fs::read_to_string(project).unwrap();
    let names = r#"["compensate", "config-check"]"#;
    let (line, member) = (format!("skills = []\nexports = {names}"), r#""skills": []"#);
    let text = match with {
        true => text
            .replace("skills = []", &line)
            .replace(member, &format!("{member}, \"exports\": {names}")),
        false => text
            .replace(&line, "skills = []")
            .replace(&format!(", \"exports\": {names}"), ""),
    };
    std::fs::write(project, text).unwrap();
}

#[test]
fn what_a_project_says_that_it_exports_is_written_and_what_is_written_is_exported() {
    let place = Place::new();
    let exports = |file: &str, with: bool| names_exports(&place.path(file), with);
    let fails = |name: &str, expected: &str| {
        let Some(built) = with_tools(&place, &["build", name]) else {
            return false;
        };
        let built = built.expect(2);
        assert!(built.stderr.contains(expected), "{}", built.stderr);
        true
    };
    for (name, language, file, expected) in [
        ("inc", "c", "inc/menagerie.toml", "has no COMPENSATE"),
        (
            "injs",
            "js",
            "injs/package.json",
            "no function `compensate`",
        ),
        (
            "inpy",
            "python",
            "inpy/pyproject.toml",
            "@menagerie.compensate",
        ),
        (
            "ingo",
            "go",
            "ingo/menagerie.toml",
            "needs `var Compensation = menagerie.Compensate(…)`",
        ),
    ] {
        let new = ["new", "agent", name, "--lang", language];
        with_tools(&place, &new).unwrap().expect(0);
        exports(file, true);
        if !fails(name, expected) {
            return;
        }
    }
    // The other way round: what nobody would ever call.
    exports("injs/package.json", false);
    let source = "import { agent } from \"menagerie\";\nexport default agent(() => ({}), { check: () => [] });\n";
    place.write("injs/index.js", source);
    fails("injs", "it would never be called");

    exports("injs/package.json", true);
    for (name, file, source) in CAREFUL {
        place.write(&format!("{name}/{file}"), source);
        let build = ["build", name, "--output", "plugins"];
        with_tools(&place, &build).unwrap().expect(0);
        place.write(&format!("{name}/tests/cases.toml"), UNDOING);
        let tested = with_tools(&place, &["test", name, "--json"]).unwrap();
        let results = tested.expect(0).json()["results"].clone();
        assert_eq!(results.as_array().map(Vec::len), Some(4), "{results}");
        let flow = |least: &str| {
            let text = format!(
                "name = \"careful\"\n[agents.{name}]\nplugin = {{ file = \"plugins/{name}.wasm\" }}\nconfig = {{ least = {least} }}\n[strategy]\nplugin = \"sequence\"\n"
            );
            place.write("flow.toml", &text).display().to_string()
        };
        place.run(["check", &flow("1")]).expect(0);
        let refused = place.run(["check", &flow("\"one\"")]).expect(2);
        let told = format!("flow.toml:4:20: agent:{name}: expected a number");
        assert!(refused.stderr.contains(&told), "{name}: {}", refused.stderr);
    }
}

/// The same, whose checks crash: where and how.
const CRASHING: [(&str, &str, &str, &str); 3] = [
    (
        "inpy",
        "plugin.py",
        "return [menagerie.Problem",
        "raise TypeError(\"no such thing\")\n    return [menagerie.Problem",
    ),
    (
        "injs",
        "index.js",
        "check: ({ least }) =>",
        "check: ({ least }) => { throw new TypeError(\"no such thing\"); }, unused: () =>",
    ),
    (
        "ingo",
        "plugin.go",
        "if _, wrong :=",
        "if len(agents) == 0 {\n\t\tpanic(\"no such thing\")\n\t}\n\tif _, wrong :=",
    ),
];

#[test]
fn a_check_that_crashes_says_why_in_its_log() {
    for (name, file, before, after) in CRASHING {
        let place = Place::new();
        let language = name.trim_start_matches("in");
        let language = if language == "py" { "python" } else { language };
        let new = ["new", "agent", name, "--lang", language];
        with_tools(&place, &new).unwrap().expect(0);
        let project = match language {
            "js" => "package.json",
            "python" => "pyproject.toml",
            _ => "menagerie.toml",
        };
        names_exports(&place.path(&format!("{name}/{project}")), true);
        let (_, _, source) = CAREFUL.iter().find(|(known, ..)| *known == name).unwrap();
        place.write(&format!("{name}/{file}"), &source.replace(before, after));
        place.write(&format!("{name}/tests/cases.toml"), UNDOING);
        let Some(tested) = with_tools(&place, &["test", name]) else {
            continue;
        };
        let said = tested.expect(1).stdout;
        assert!(said.contains("ok      undoes a step"), "{name}: {said}");
        assert!(said.contains("FAILED  finds a mistake"), "{name}: {said}");
        let told = said
            .lines()
            .any(|line| line.trim_start().starts_with("| ") && line.contains("no such thing"));
        assert!(told, "{name}: {said}");
    }
}
