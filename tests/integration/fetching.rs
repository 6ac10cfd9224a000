//! Agents of every language that reach outside: a real server, granted, granted otherwise, and not granted.

use serde_json::json;

use crate::languages::with_tools;
use crate::outside::Outside;
use crate::outside_calls::{guest, licence};
use crate::program::{Ended, Place, ended};

/// What the server has under the path that is granted.
const PAGE: &str = r#"{"name":"zażółć","parts":[1,2.5]}"#;

/// What the agents post there.
const THING: &str = "zażółć \u{1F600}";

/// Agents that ask for the page, post the thing with a header, and ask for what is not granted.
pub(crate) const FETCHING: [(&str, &str, &str); 4] = [
    (
        "js",
        "index.js",
        r#"
import { agent } from "menagerie";
import { HttpProblem, send } from "menagerie/http";

function refused(url) {
  try {
    send({ url });
  } catch (problem) {
    if (problem instanceof HttpProblem) return problem.code;
    throw problem;
  }
  return "nothing";
}

export default agent(({ input }) => {
  const page = send({ url: input.page });
  const posted = send({ method: "POST", url: input.things, headers: { "x-asked": "yes" }, body: input.thing });
  return { status: page.status, page: page.json(), posted: posted.status, said: posted.text(), refused: refused(input.elsewhere) };
});
"#,
    ),
    (
        "python",
        "plugin.py",
        r#"
import menagerie
from menagerie.http import HttpProblem, send


def refused(url: str) -> str:
    try:
        send(url)
    except HttpProblem as problem:
        return problem.code
    return "nothing"


@menagerie.agent
def process(task: menagerie.Task):
    asked = task.input
    page = send(asked["page"])
    posted = send(asked["things"], "POST", {"x-asked": "yes"}, asked["thing"])
    return {
        "status": page.status, "page": page.json(), "posted": posted.status, "said": posted.text,
        "refused": refused(asked["elsewhere"]),
    }
"#,
    ),
    (
        "c",
        "plugin.c",
        r#"
#include "menagerie.h"

// A text of the input, ended by a nought.
static buffer_t asked(task_t *task, const char *name) {
  text_t value;
  buffer_t text = {0};
  if (json_member(task->input, name, &value)) json_text(value, &text);
  put_bytes(&text, "", 1);
  text.len -= 1;
  return text;
}

AGENT(task, outcome, failure) {
  problem_t problem = {0};
  response_t page, posted, other;
  buffer_t address = asked(task, "page"), things = asked(task, "things"), thing = asked(task, "thing");
  if (!http_get((const char *)address.ptr, &page, &problem)) return fault_of(failure, "permanent", &problem);
  http_request_t request = http_request("POST", (const char *)things.ptr);
  http_header(&request, "x-asked", "yes");
  http_body(&request, text_of(&thing));
  if (!http_send(&request, &posted, &problem)) return fault_of(failure, "permanent", &problem);
  address = asked(task, "elsewhere");
  if (http_get((const char *)address.ptr, &other, &problem)) return fault(failure, "permanent", "it was not refused");

  buffer_t json = {0};
  put(&json, "{\"status\":");
  put_number(&json, page.status);
  put(&json, ",\"page\":");
  put_bytes(&json, page.body.ptr, page.body.len);
  put(&json, ",\"posted\":");
  put_number(&json, posted.status);
  put(&json, ",\"said\":");
  put_string(&json, (text_t){posted.body.ptr, posted.body.len});
  put(&json, ",\"refused\":");
  put_string(&json, problem.code);
  put(&json, "}");
  return answer(outcome, text_of(&json));
}
"#,
    ),
    (
        "go",
        "plugin.go",
        r#"
package plugin

import (
	"encoding/json"
	"errors"
	"fmt"

	"menagerie"
	"menagerie/http"
)

type input struct{ Page, Things, Thing, Elsewhere string }

type output struct {
	Status  int             `json:"status"`
	Page    json.RawMessage `json:"page"`
	Posted  int             `json:"posted"`
	Said    string          `json:"said"`
	Refused string          `json:"refused"`
}

var Plugin = menagerie.Agent(process)

func process(task menagerie.Task[input]) (output, error) {
	page, err := http.Get(task.Input.Page)
	if err != nil {
		return output{}, err
	}
	made := output{Status: page.Status}
	if err := page.JSON(&made.Page); err != nil {
		return output{}, err
	}
	posted, err := http.Send(http.Request{
		Method: "POST", URL: task.Input.Things, Headers: map[string]string{"x-asked": "yes"}, Body: []byte(task.Input.Thing),
	})
	if err != nil {
		return output{}, err
	}
	made.Posted, made.Said = posted.Status, string(posted.Body)
	_, err = http.Get(task.Input.Elsewhere)
	var problem *http.Problem
	if !errors.As(err, &problem) {
		return output{}, fmt.Errorf("it was not refused: %v", err)
	}
	made.Refused = problem.Code
	return made, nil
}
"#,
    ),
];

/// The flow of one agent, with what it is granted.
fn flow(place: &Place, language: &str, grants: &str) -> std::path::PathBuf {
    let strategy = guest("echo-strategy");
    let text = format!(
        "name = \"fetching\"\n[agents.fetch]\nplugin = {{ file = \"plugins/{language}.wasm\" }}\n{grants}\n\
         [strategy]\nplugin = {{ file = '{}' }}\n",
        strategy.display()
    );
    place.write("flow.toml", &text)
}

fn run(place: &Place, server: &Outside, id: &str) -> Ended {
    let input = json!({
        "page": server.url("/granted/page"), "things": server.url("/granted/things"), "thing": THING,
        "elsewhere": server.url("/other"),
    });
    let mut command = place.command();
    command.env("MENAGERIE_LICENCE", place.path("licence"));
    command.arg("run").arg(place.path("flow.toml"));
    command.args(["--json", "--id", id, "--input", &input.to_string()]);
    ended(&mut command)
}

#[test]
fn every_language_fetches_what_it_is_granted_and_nothing_else() {
    for (language, file, source) in FETCHING {
        let (place, server) = (Place::new(), Outside::start());
        server.page("/granted/page", PAGE);
        place.write("licence", &licence());
        let new = ["new", "agent", language, "--lang", language];
        let new = new.iter().chain(&["--with", "http"]).copied();
        with_tools(&place, &new.collect::<Vec<_>>())
            .unwrap()
            .expect(0);
        place.write(&format!("{language}/{file}"), source);
        let build = ["build", language, "--output", "plugins"];
        let Some(built) = with_tools(&place, &build) else {
            continue;
        };
        built.expect(0);

        let rule = format!(
            "[agents.fetch.grants.http]\nallow = [{{ scheme = \"http\", host = \"127.0.0.1\", port = {}, \
             path = \"/granted/**\", private_addresses = true, method = [\"GET\", \"POST\"] }}]",
            server.address.port()
        );
        flow(&place, language, &rule);
        let result = run(&place, &server, "granted").expect(0).json()["result"].clone();
        let page: serde_json::Value = serde_json::from_str(PAGE).unwrap();
        let expected = json!({"status": 200, "page": page, "posted": 201, "said": "done", "refused": "denied"});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&result[name], value, "{language}: {result}");
        }
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{language}: {seen:?}");
        assert_eq!((&*seen[0].method, &*seen[0].path), ("GET", "/granted/page"));
        assert_eq!(
            (&*seen[1].method, &*seen[1].path),
            ("POST", "/granted/things")
        );
        assert_eq!(seen[1].header("x-asked"), Some("yes"), "{language}");
        assert_eq!(seen[1].body, THING.as_bytes(), "{language}");

        // What was answered is recorded: a replay asks nobody.
        let mut replay = place.command();
        replay.env("MENAGERIE_LICENCE", place.path("licence"));
        ended(replay.args(["replay", "granted"])).expect(0);
        assert_eq!(server.seen().len(), 2, "{language}");

        // Without the grant nothing of it runs.
        flow(&place, language, "");
        let refused = run(&place, &server, "refused").expect(2);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("menagerie:plugin/http@0.1.0"), "{said}");
        assert_eq!(server.seen().len(), 2, "{language}");
    }
}
