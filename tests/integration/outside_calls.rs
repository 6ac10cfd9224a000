//! The real program and a real server: what a kill between intent, effect, record and outcome means
//! for each class of effect, what the licence and the operator's secrets have to do with it, and that a
//! secret is found nowhere.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::outside::Outside;
use crate::program::{CLEAN_LOCK, Ended, Place, ended, root};

const CANARY: &str = "canary-0a1b2c3d4e5f";

/// A guest of the tests, built once.
pub(crate) fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<(String, PathBuf)>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let built = menagerie_builder::test_guests(root(), &mut menagerie_builder::Silent);
        let named = built.unwrap().into_iter();
        named.map(|guest| (guest.name, guest.path)).collect()
    });
    let found = built.iter().find(|(known, _)| known == name);
    found.unwrap().1.clone()
}

/// A licence with everything that grants need.
pub(crate) fn licence() -> String {
    let terms = json!({
        "tier": "professional", "holder": "tests", "not_before": 0, "expires": 4_102_444_800_u64,
    });
    let seed = menagerie_licensing::issue::development_seed();
    menagerie_licensing::issue::sign(&terms, &seed)
}

/// A place with a server, a flow whose one agent may reach it, and a licence that lets it.
struct World {
    place: Place,
    server: Outside,
    flow: PathBuf,
}

impl World {
    /// `rule` is what the rule says beside the server's address.
    fn new(rule: &str) -> World {
        let (place, server) = (Place::new(), Outside::start());
        let (fetcher, strategy) = (guest("fetcher"), guest("echo-strategy"));
        let flow = format!(
            r#"name = "fetching"
[agents.fetch]
plugin = {{ file = '{}' }}
[agents.fetch.grants.http]
allow = [{{ scheme = "http", host = "127.0.0.1", port = {}, path = "/**", private_addresses = true, {rule} }}]
[strategy]
plugin = {{ file = '{}' }}
"#,
            fetcher.display(),
            server.address.port(),
            strategy.display()
        );
        let flow = place.write("flow.toml", &flow);
        place.write("licence", &licence());
        World {
            place,
            server,
            flow,
        }
    }

    fn command(&self) -> Command {
        let mut command = self.place.command();
        command.env("MENAGERIE_LICENCE", self.place.path("licence"));
        command
    }

    fn begin(&self, method: &str, path: &str) -> Command {
        let requests = json!([{"method": method, "url": self.server.url(path), "body": ""}]);
        let mut command = self.command();
        command
            .arg("run")
            .arg(&self.flow)
            .args(["--json", "--id", "fetched"]);
        command.args(["--input", &json!({ "requests": requests }).to_string()]);
        command
    }

    fn resume(&self) -> Ended {
        ended(self.command().args(["resume", "fetched", "--json"]))
    }

    /// The last end of a step, out of the journal.
    fn step_ended(&self) -> Value {
        self.steps_ended().pop().unwrap()
    }

    fn steps_ended(&self) -> Vec<Value> {
        let events = ended(self.command().args(["events", "fetched", "--json"])).expect(0);
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
        let events = events.stdout.lines().map(event);
        events
            .filter(|event| event["type"] == "step_ended")
            .collect()
    }
}

/// How a run is expected to go on that was killed at one point: its exit code, how often the server was
/// asked in all, and how many calls are counted as possibly made twice.
type Expected = (i32, usize, u64);

/// Kills the program at each of the three points in turn.
fn survives(rule: &str, method: &str, points: [Expected; 3]) {
    for (point, expected) in ["before-effect", "after-effect", "after-record"]
        .iter()
        .zip(points)
    {
        let world = World::new(rule);
        let mut first = world.begin(method, "/thing");
        let killed = ended(first.env("MENAGERIE_CRASH_AT", format!("{point}:1")));
        assert_eq!(killed.code, None, "{rule} {point}: {}", killed.stderr);
        let (code, requests, repeated) = expected;
        let resumed = world.resume();
        assert_eq!(
            resumed.code,
            Some(code),
            "{rule} {point}: {}",
            resumed.stderr
        );
        assert_eq!(world.server.seen().len(), requests, "{rule} {point}");
        let step = world.step_ended();
        let found = step["call"]["repeated_host_calls"].as_u64().unwrap_or(0);
        assert_eq!(found, repeated, "{rule} {point}: {step}");
        if method == "POST" && rule.contains("idempotent") {
            let keys = world.server.by_key();
            assert_eq!(keys.len(), 1, "one thing was done: {keys:?}");
            assert!(
                keys.keys()
                    .all(|key| key.starts_with("fetched:") && key.ends_with(":0"))
            );
        }
        if code == 0 {
            let answer = &step["result"]["completed"]["output"]["inline"]["answers"][0];
            let status = if method == "POST" { 201 } else { 404 };
            assert_eq!(answer["status"], status, "{rule} {point}: {step}");
        }
        ended(world.command().args(["doctor", "--store"])).expect(0);
        // Told again, the log answers, and nothing is sent.
        let replayed = ended(world.command().args(["replay", "fetched"]));
        assert_eq!(replayed.code, Some(0), "{rule} {point}: {replayed:?}");
        assert_eq!(world.server.seen().len(), requests, "{rule} {point}");
    }
}

#[test]
fn a_read_is_repeated_when_it_was_not_recorded_and_no_trace_is_left_of_it() {
    let points = [(0, 1, 0), (0, 2, 0), (0, 1, 0)];
    survives("effect = \"idempotent\"", "GET", points);
}

#[test]
fn a_post_to_a_server_that_honours_keys_is_repeated_under_the_same_key() {
    let points = [(0, 1, 0), (0, 2, 0), (0, 1, 0)];
    survives("method = \"POST\", effect = \"idempotent\"", "POST", points);
}

#[test]
fn a_get_of_which_nothing_is_said_is_repeated_and_counted() {
    survives("method = \"GET\"", "GET", [(0, 1, 1), (0, 2, 1), (0, 1, 0)]);
}

#[test]
fn a_bare_post_is_not_repeated_and_its_step_waits_for_a_person() {
    survives(
        "method = \"POST\"",
        "POST",
        [(3, 0, 0), (3, 1, 0), (0, 1, 0)],
    );
}

#[test]
fn a_bare_post_follows_what_its_rule_says_of_unknown_outcomes() {
    let rule = "method = \"POST\", on_unknown = \"retry\"";
    survives(rule, "POST", [(0, 1, 1), (0, 2, 1), (0, 1, 0)]);
    let world = World::new("method = \"POST\", on_unknown = \"fail\"");
    let mut first = world.begin("POST", "/thing");
    ended(first.env("MENAGERIE_CRASH_AT", "after-effect:1"));
    let resumed = world.resume();
    assert_eq!(resumed.code, Some(1), "{}", resumed.stderr);
    let failed = world.step_ended()["result"]["failed"].clone();
    assert_eq!(failed["code"], "call-outcome-unknown-failed", "{failed}");
    assert_eq!(world.server.seen().len(), 1);
}

#[test]
fn a_person_answers_for_a_post_of_which_nobody_knows_what_came() {
    for (answer, requests) in [("retry", 2), ("skip", 1)] {
        let world = World::new("method = \"POST\"");
        let mut first = world.begin("POST", "/thing");
        ended(first.env("MENAGERIE_CRASH_AT", "after-effect:1"));
        world.resume().expect(3);
        let failed = world.step_ended()["result"]["failed"].clone();
        assert_eq!(failed["code"], "call-outcome-unknown", "{failed}");
        ended(
            world
                .command()
                .args(["answer", "fetched", answer, "--json"]),
        )
        .expect(0);
        assert_eq!(world.server.seen().len(), requests, "{answer}");
    }
}

#[test]
fn a_grant_that_is_taken_while_a_call_goes_on_is_gone_at_its_next_request() {
    let world = World::new("method = \"GET\"");
    let requests = ["/slow", "/thing"].map(|path| json!({"url": world.server.url(path)}));
    let mut command = world.command();
    command.arg("run").arg(&world.flow);
    command.args(["--json", "--id", "fetched", "--input"]);
    command.arg(json!({ "requests": requests }).to_string());
    let running = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    world.server.wait_for(1);
    let revoke = |arguments: &[&str]| {
        let mut command = world.command();
        ended(command.arg("revoke").arg("fetched").args(arguments))
    };
    let refused = revoke(&["fetch", "shared"]).expect(2).stderr;
    assert!(refused.contains("it has http"), "{refused}");
    let refused = revoke(&["strategy", "http"]).expect(2).stderr;
    assert!(refused.contains("granted to: agent:fetch"), "{refused}");
    let told = revoke(&["fetch", "http", "--json"]).expect(0).json();
    assert_eq!(
        told,
        json!({"run": "fetched", "role": "agent:fetch", "revoked": "http"})
    );
    revoke(&["agent:fetch", "http"]).expect(2);
    world.server.release();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let step = world.step_ended();
    let answers = &step["result"]["completed"]["output"]["inline"]["answers"];
    assert_eq!(
        answers[0]["body"], "at last",
        "what had left is answered: {step}"
    );
    assert_eq!(answers[1]["code"], "denied", "{step}");
    assert_eq!(step["call"]["denied_host_calls"], 1, "{step}");
    assert_eq!(world.server.seen().len(), 1, "nothing left any more");
    ended(world.command().args(["replay", "fetched"])).expect(0);
    let shown = ended(world.command().args(["show", "fetched"]))
        .expect(0)
        .stdout;
    assert!(
        shown.contains("agent:fetch has lost its grant of http"),
        "{shown}"
    );
}

#[test]
fn a_call_of_the_outside_is_an_event_of_the_process() {
    let world = World::new("method = \"POST\"");
    let mut first = world.begin("POST", "/thing");
    ended(first.env("MENAGERIE_CRASH_AT", "after-effect:1"));
    world.resume().expect(3);
    ended(
        world
            .command()
            .args(["answer", "fetched", "retry", "--json"]),
    )
    .expect(0);
    let exported = ended(
        world
            .command()
            .args(["export", "fetched", "--format", "jsonl"]),
    )
    .expect(0)
    .stdout;
    let calls: Vec<(Value, Value)> = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["activity"] == "call:http")
        .map(|event| {
            (
                event["lifecycle"].clone(),
                event["attributes"]["effect"].clone(),
            )
        })
        .collect();
    let told: Vec<(&str, &str)> = calls
        .iter()
        .map(|(lifecycle, effect)| (lifecycle.as_str().unwrap(), effect.as_str().unwrap()))
        .collect();
    // The one whose answer nobody knows ends with its attempt; the other is answered.
    let expected =
        ["start", "ate_abort", "start", "complete"].map(|lifecycle| (lifecycle, "at-most-once"));
    assert_eq!(told, expected, "{exported}");
    let steps = ended(world.command().args(["mine", "variants", "--json"]))
        .expect(0)
        .json();
    assert_eq!(steps["variants"][0]["activities"], json!(["fetch"]));
    let with_calls = ended(
        world
            .command()
            .args(["mine", "variants", "--calls", "--json"]),
    )
    .expect(0)
    .json();
    assert_eq!(
        with_calls["variants"][0]["activities"],
        json!(["call:http", "fetch"])
    );
}

#[test]
fn a_grant_that_reaches_outside_takes_a_licence_and_the_secrets_that_it_names() {
    let world = World::new("secrets = { authorization = \"the-token\" }");
    let without = ended(world.place.command().arg("check").arg(&world.flow));
    let refused = without.expect(2).stderr;
    assert!(
        refused.contains("external_actions") && refused.contains("community"),
        "{refused}"
    );

    let refused = ended(world.command().arg("check").arg(&world.flow))
        .expect(2)
        .stderr;
    assert!(refused.contains("MENAGERIE_SECRET_THE_TOKEN"), "{refused}");
    assert!(refused.contains("flow.toml:"), "{refused}");

    let mut good = world.command();
    good.env("MENAGERIE_SECRET_THE_TOKEN", CANARY)
        .arg("check")
        .arg(&world.flow);
    let shown = ended(&mut good).expect(0).stdout;
    let server = format!("GET http://{}/**, at-least-once", world.server.address);
    assert!(shown.contains(&server), "{shown}");
    assert!(
        shown.contains("authorization from the secret `the-token`"),
        "{shown}"
    );
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(world.server.seen().is_empty());
}

#[test]
fn a_secret_is_sent_and_is_nowhere_else() {
    let world = World::new("secrets = { authorization = \"the-token\" }");
    let secrets = world.place.write(
        "secrets.toml",
        &format!("the-token = \"Bearer {CANARY}\"\n"),
    );
    let mut open = world.begin("GET", "/echo");
    let refused = ended(open.env("MENAGERIE_SECRETS", &secrets))
        .expect(2)
        .stderr;
    assert!(
        refused.contains("chmod 600") && !refused.contains(CANARY),
        "{refused}"
    );

    private(&secrets);
    let mut first = world.begin("GET", "/echo");
    first
        .env("MENAGERIE_SECRETS", &secrets)
        .env("MENAGERIE_LOG", "trace");
    let run = ended(&mut first).expect(0);
    let sent = world.server.seen();
    let bearer = format!("Bearer {CANARY}");
    assert_eq!(sent[0].header("authorization"), Some(bearer.as_str()));
    let answer = &world.step_ended()["result"]["completed"]["output"]["inline"]["answers"][0];
    assert_eq!(answer["code"], "withheld", "{answer}");

    std::fs::remove_file(&secrets).unwrap();
    assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY));
    let found = files_with(&world.place.path("store"), CANARY.as_bytes());
    assert!(found.is_empty(), "{found:?}");
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn files_with(folder: &Path, text: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(text.len())
            .any(|part| part == text)
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_slow_answer_suspends_the_call_and_the_run_goes_on_when_it_comes() {
    let world = World::new("method = \"GET\"");
    let mut command = world.begin("GET", "/slow");
    command.env("MENAGERIE_SUSPEND_AFTER", "1ms");
    command.env("MENAGERIE_TEST_ENTRIES", world.place.path("entries"));
    let running = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    world.server.wait_for(1);
    // The server keeps its answer back until the instance is gone.
    let entries = || std::fs::read_to_string(world.place.path("entries")).unwrap_or_default();
    let began = std::time::Instant::now();
    while !entries().contains(" suspend ") {
        assert!(
            began.elapsed() < std::time::Duration::from_secs(60),
            "{}",
            entries()
        );
        std::thread::yield_now();
    }
    world.server.release();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success());
    let call = world.step_ended()["call"].clone();
    assert_eq!(call["suspensions"], 1, "{call}");
    assert!(call["host_wait_us"].as_u64().unwrap() > 0, "{call}");
    assert_eq!(
        call["host_calls"], 2,
        "a line of log and a request, each once: {call}"
    );
    let counted = |what: &str| entries().matches(&format!(" {what} fetch\n")).count();
    assert_eq!(
        (counted("process"), counted("suspend")),
        (2, 1),
        "{}",
        entries()
    );
    assert_eq!(world.server.seen().len(), 1);
}

/// Two agents ask for what the server keeps back: both must ask before either is answered.
fn both_ask(limits: &str, more: &[&str]) {
    let world = World::new("method = \"GET\"");
    let flow = std::fs::read_to_string(&world.flow).unwrap();
    let (agent, _) = flow.split_once("[strategy]").unwrap();
    let (name, agent) = agent.split_once('\n').unwrap();
    let second = agent.replace("agents.fetch", "agents.second");
    let flow = format!("{name}\n{limits}\n{agent}{second}[strategy]\nplugin = \"dag\"\n");
    world.place.write("flow.toml", &flow);
    let mut command = world.begin("GET", "/slow");
    command.args(more);
    let running = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    world.server.wait_for(2);
    world.server.release();
    assert!(running.wait_with_output().unwrap().status.success());
    // Had the second waited for the first, that one would have had to give its answer up.
    for step in world.steps_ended() {
        let answer = &step["result"]["completed"]["output"]["inline"]["answers"][0];
        assert_eq!(answer["body"], "at last", "{step}");
    }
    assert_eq!(world.server.seen().len(), 2);
}

#[test]
fn a_call_that_waits_for_its_answer_leaves_the_only_slot_to_another() {
    // No wait here is long enough to suspend a call: the slot is free all the same.
    both_ask("", &["--slots", "1", "--suspend-after", "10min"]);
}

#[test]
fn a_call_that_waits_for_its_answer_does_not_count_against_the_runs_width() {
    both_ask(
        "[limits]\nmax_concurrent = 1",
        &["--suspend-after", "10min"],
    );
}

/// A host that has a request in flight, and was told to stop.
struct Stopping {
    world: World,
    serve: Child,
    said: BufReader<ChildStdout>,
}

impl Stopping {
    fn new() -> Stopping {
        let world = World::new("method = \"POST\"");
        let mut begin = world.begin("POST", "/slow");
        ended(begin.arg("--detach")).expect(0);
        let mut serve = world.command();
        let serve = serve.args(["serve", "--json"]).stdout(Stdio::piped());
        let mut serve = serve.spawn().unwrap();
        world.server.wait_for(1);
        let said = BufReader::new(serve.stdout.take().unwrap());
        let mut stopping = Stopping { world, serve, said };
        stopping.signal();
        let mut line = String::new();
        while !line.contains(r#""event":"stopping""#) {
            line.clear();
            let read = stopping.said.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended by itself");
        }
        stopping
    }

    fn signal(&self) {
        let pid = self.serve.id().to_string();
        let told = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(told.unwrap().success());
    }

    /// Its exit code, when it has ended.
    fn ended(&mut self) -> Option<i32> {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        self.serve.wait().unwrap().code()
    }
}

#[test]
fn a_request_in_flight_is_given_a_while_to_be_answered_before_its_run_is_parked() {
    let mut stopping = Stopping::new();
    stopping.world.server.release();
    assert_eq!(stopping.ended(), Some(0));
    // Whether the rest of the call was made before the host ended or after it: the answer counts.
    let world = &stopping.world;
    world.resume().expect(0);
    let step = world.step_ended();
    let answer = &step["result"]["completed"]["output"]["inline"]["answers"][0];
    assert_eq!(answer["body"], "at last", "{step}");
    assert_eq!(world.server.seen().len(), 1, "it was sent once");
}

#[test]
fn a_second_signal_ends_the_host_at_once_and_is_as_safe_as_a_kill() {
    let mut stopping = Stopping::new();
    // The request is never answered: the host would wait for it a while.
    stopping.signal();
    assert_eq!(stopping.ended(), Some(130));
    let world = &stopping.world;
    let listed = ended(world.command().args(["show", "fetched", "--json"])).expect(0);
    assert_eq!(listed.json()["status"], "running", "it had no time to park");
    world.resume().expect(3);
    assert_eq!(
        world.server.seen().len(),
        1,
        "a bare POST is not sent again"
    );
}

#[test]
fn the_example_fetches_its_index_where_it_is_granted_and_is_refused_where_it_is_not() {
    let (place, server) = (Place::new(), Outside::start());
    server.page(
        "/index.json",
        r#"{"advisories": [{"id": "X-1", "package": "serde", "title": "old"}, {"id": "X-2", "package": "none"}]}"#,
    );
    place.write("licence", &licence());
    let example = std::fs::read_to_string(root().join("host/cli/examples/review-with-index.toml"));
    let example = example
        .unwrap()
        .replace("8000", &server.address.port().to_string());
    let run = |text: &str| {
        let flow = place.write("flow.toml", text);
        let lock = place.write("Cargo.lock", CLEAN_LOCK);
        let mut command = place.command();
        command.env("MENAGERIE_LICENCE", place.path("licence"));
        command.arg("run").arg(flow).arg("--json");
        ended(command.args(["--input", &format!("@{}", lock.display())]))
    };
    let answer = run(&example).expect(0).json();
    let found = &answer["result"]["advisories"];
    assert_eq!(found["known"], 2, "{answer}");
    let expected = json!([{"id": "X-1", "package": "serde 1.0.0", "title": "old"}]);
    assert_eq!(found["matches"], expected, "{answer}");
    assert_eq!(server.seen().len(), 1);

    // Another address than the granted one: the agent is told, and says so.
    let elsewhere = example.replace("path = \"/index.json\"", "path = \"/other.json\"");
    let failed = run(&elsewhere).expect(1);
    assert!(failed.stdout.contains("denied"), "{}", failed.stdout);
    // No grant at all: the component is refused before anything runs.
    let (before, rest) = example
        .split_once("[agents.advisories.grants.http]")
        .unwrap();
    let (_, after) = rest.split_once("[strategy]").unwrap();
    let refused = run(&format!("{before}[strategy]{after}")).expect(2);
    assert!(
        refused.stdout.contains("http@0.1.0") || refused.stderr.contains("http@0.1.0"),
        "{refused:?}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_check_lists_every_grant_for_people_and_for_programs() {
    let world = World::new("method = [\"GET\", \"POST\"], secrets = { Authorization = \"token\" }");
    let secrets = world
        .place
        .write("secrets.toml", &format!("token = \"{CANARY}\"\n"));
    private(&secrets);
    let check = |more: &[&str]| {
        let mut command = world.command();
        command.arg("check").arg(&world.flow).args(more);
        ended(command.env("MENAGERIE_SECRETS", &secrets)).expect(0)
    };
    let listed = check(&["--json"]);
    assert!(!listed.stdout.contains(CANARY), "{}", listed.stdout);
    let grants = &listed.json()["grants"];
    assert_eq!(grants.as_array().map(Vec::len), Some(1), "{grants}");
    assert_eq!(grants[0]["role"], "agent:fetch");
    let http = &grants[0]["http"];
    assert_eq!(
        (
            &http["max_request"],
            &http["max_response"],
            &http["timeout_ms"]
        ),
        (&json!(256 << 10), &json!(1 << 20), &json!(30_000)),
        "{grants}"
    );
    let rule = &http["allow"][0];
    assert_eq!(rule["host"], "127.0.0.1", "{grants}");
    assert_eq!(rule["port"], world.server.address.port());
    assert_eq!(rule["methods"], json!(["GET", "POST"]));
    assert_eq!(rule["path"], "/**");
    assert_eq!(rule["private_addresses"], true);
    assert_eq!(rule["secrets"], json!({"authorization": "token"}));

    let told = check(&[]).stdout;
    let server = format!("GET,POST http://{}/**", world.server.address);
    assert!(told.contains(&server), "{told}");
    let nothing = world.place.run([
        "check".as_ref(),
        crate::program::review().as_os_str(),
        "--json".as_ref(),
    ]);
    assert_eq!(nothing.expect(0).json()["grants"], json!([]));
}
