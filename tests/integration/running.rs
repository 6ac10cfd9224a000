//! Processes under way, over one store: a host that stays, owners, commands beside them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use menagerie_builder::Silent;
use serde_json::Value;

use crate::program::{Ended, Place, ended, root};

/// Nothing here takes this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The folder of the tests' own guests, built once.
pub(crate) fn guests() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let built = menagerie_builder::test_guests(root(), &mut Silent).unwrap();
        built[0].path.parent().unwrap().to_owned()
    };
    FOLDER.get_or_init(build).clone()
}

/// Runs of one tiny step.
pub(crate) fn echo_flow() -> String {
    flow("echo", "")
}

/// Runs of one step, made by an agent with this configuration.
pub(crate) fn flow(agent: &str, more: &str) -> String {
    format!(
        "name = \"tiny\"\n[agents.one]\nplugin = \"{agent}\"\n{more}\n[strategy]\nplugin = \"echo-strategy\"\n"
    )
}

/// A flow whose step fails at first and may be made again after so long.
pub(crate) fn backing_off(retry_after_ms: u64) -> String {
    let more = format!(
        "config = {{ failures = 1, retry_after_ms = {retry_after_ms} }}\ntimeout = \"60s\""
    );
    flow("patient", &more)
}

/// A flow whose step computes for a good while.
pub(crate) fn taking_its_time() -> String {
    let more = "config = { turns = 100000000000 }\nlimits = { fuel = 1000000000000, busy = \"50s\" }\ntimeout = \"60s\"";
    flow("patient", more)
}

impl Place {
    /// The program, which finds the tests' guests.
    pub(crate) fn menagerie(&self) -> Command {
        let mut command = self.command();
        command.env("MENAGERIE_PLUGINS", guests());
        command.env("MENAGERIE_TEST_ENTRIES", self.path("entries"));
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        ended(self.menagerie().args(arguments))
    }

    /// `run FLOW` with whatever else.
    pub(crate) fn run_of(&self, flow: &str, id: &str, more: &[&str]) -> Command {
        let file = self.write(&format!("{id}.toml"), flow);
        let mut command = self.menagerie();
        command.arg("run").arg(file).args(["--id", id, "--json"]);
        command.args(["--input", r#"{"text":"x"}"#]).args(more);
        command
    }

    pub(crate) fn detach(&self, flow: &str, id: &str) -> Value {
        ended(&mut self.run_of(flow, id, &["--detach"]))
            .expect(0)
            .json()
    }

    pub(crate) fn status(&self, id: &str) -> String {
        let shown = self.call(&["show", id, "--json"]).expect(0).json();
        shown["status"].as_str().unwrap().to_owned()
    }

    /// Waits until the run is listed as this.
    #[track_caller]
    pub(crate) fn until_status(&self, id: &str, status: &str) {
        until(&format!("{id} is {status}"), || self.status(id) == status);
    }

    /// Entries into guests other than strategies, as `run step attempt`, with how often each was.
    pub(crate) fn entries(&self) -> BTreeMap<String, usize> {
        let text = std::fs::read_to_string(self.path("entries")).unwrap_or_default();
        let mut counted = BTreeMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if words[3] == "process" {
                *counted.entry(words[..3].join(" ")).or_default() += 1;
            }
        }
        counted
    }

    /// Waits until a guest of this run was entered, whatever the attempt.
    #[track_caller]
    pub(crate) fn until_entered(&self, id: &str) {
        let prefix = format!("{id} ");
        until(&format!("a guest of {id} was entered"), || {
            self.entries()
                .keys()
                .any(|entry| entry.starts_with(&prefix))
        });
    }
}

#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < give_up, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process under way. Killed when it is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) lines: Receiver<String>,
    pub(crate) said: Vec<Value>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// `menagerie serve`, once it is up.
    pub(crate) fn serve(place: &Place, more: &[&str]) -> Self {
        let mut serve = Self::start(place.menagerie().args(["serve", "--json"]).args(more));
        serve.until_said("started", |_| true);
        serve
    }

    /// Waits for a line about such an event, and gives it back.
    #[track_caller]
    pub(crate) fn until_said(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + DEADLINE;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no {event} in {:#?}", self.said));
            let line: Value = serde_json::from_str(&line).unwrap();
            self.said.push(line.clone());
            if line["event"] == event && fits(&line) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it ends of itself.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Ended {
        let mut code = None;
        until("the process ends", || {
            let status = self.child.try_wait().unwrap();
            code = status.map(|status| status.code());
            code.is_some()
        });
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut pipe, &mut stderr).unwrap();
        Ended {
            code: code.flatten(),
            stdout: self.lines.iter().collect::<Vec<_>>().join("\n"),
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
