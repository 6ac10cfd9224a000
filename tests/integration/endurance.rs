//! SIGKILL at every commit of flows with retries and their timers, a fallback, a join, an answered
//! escalation and a cancel; and a step that takes its host with it each time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Ended, Place, ended, root};

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);
/// More commits than any command here makes.
const FAR_BEYOND: u32 = 60;

/// The folder of the guests that are made for tests.
fn guests() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let built = menagerie_builder::test_guests(root(), &mut menagerie_builder::Silent).unwrap();
        built[0].path.parent().unwrap().to_owned()
    })
}

/// A flow of workers in which everything goes wrong once that can be put right.
const ODDS: &str = r#"
name = "odds"

[agents.flaky]
plugin = "worker"
config = { fails = 2 }
retry = { max = 3, base = "20ms" }

[agents.broken]
plugin = "worker"
config = { fails = 1, code = "permanent" }
fallback = "spare"

[agents.spare]
plugin = "worker"

[agents.right]
plugin = "worker"
config = { fails = 1 }
retry = { max = 1, base = "10ms" }

[agents.unsure]
plugin = "worker"
config = { asks = true }
after = ["flaky", "right", "broken", "spare"]

[strategy]
plugin = "dag"

[[strategy.config.joins]]
id = "both"
members = ["flaky", "right"]
aggregator = "together"

[aggregators.together]
plugin = "merge"
"#;

/// One agent that computes until it is stopped.
const ENDLESS: &str = r#"
name = "endless"

[agents.spin]
plugin = "worker"
config = { endless = true }
limits = { fuel = 9000000000000000, busy = "10m" }
timeout = "10m"

[strategy]
plugin = "dag"
"#;

/// One step that kills its host wherever it runs, and one beside it that does not.
const BOMB: &str = r#"
name = "bomb"

[agents.bomb]
plugin = "worker"

[strategy]
plugin = "dag"
"#;

/// The program, and where it counts entries into guests if it is to count them.
fn run(place: &Place, words: &[&str], more: &[(&str, &str)]) -> Ended {
    ended(&mut command(place, words, more))
}

fn command(place: &Place, words: &[&str], more: &[(&str, &str)]) -> std::process::Command {
    let mut command = place.command();
    command.args(words).arg("--plugins").arg(guests());
    command.envs(more.iter().copied());
    command
}

/// Steps and attempts that entered their guest, out of the sandbox's side file.
fn entered(file: &Path) -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let attempt = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let work = matches!(words.get(3), Some(&("process" | "aggregate")));
        work.then(|| (words[1].to_owned(), words[2].parse().unwrap()))
    };
    text.lines().filter_map(attempt).collect()
}

/// Attempts whose end is in the journal.
fn committed(place: &Place, id: &str) -> BTreeSet<(String, u64)> {
    let events = place.run(["events", id, "--json"]);
    if events.code != Some(0) {
        // Killed before the run itself was committed.
        return BTreeSet::new();
    }
    let ended = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let event = &event["event"];
        (event["type"] == "step_ended").then(|| {
            let step = event["id"].as_str().unwrap().to_owned();
            (step, event["attempt"].as_u64().unwrap())
        })
    };
    events.stdout.lines().filter_map(ended).collect()
}

/// What a run has come to, without what times and crashes change.
fn outcome(place: &Place, id: &str) -> Value {
    let shown = place.run(["show", id, "--json"]).expect(0).json();
    let mut attempts: Vec<String> = shown["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {}",
                row["step"], row["agent"], row["attempt"], row["outcome"]
            )
        })
        .collect();
    attempts.sort();
    serde_json::json!({"status": shown["status"], "result": shown["result"], "attempts": attempts})
}

/// What a person does from the beginning to the end, and the exit codes.
type Script<'words> = [(&'words [&'words str], i32)];

/// Kills one command of the script at each of its commits in turn. After each the person resumes the
/// run, repeats the command if it has not been followed, and goes on; the run ends as undisturbed.
fn survives_kills(script: &Script<'_>, victim: usize, when: &str, expected: &Value) -> u32 {
    let flow = |place: &Place| place.write("flow.toml", ODDS).display().to_string();
    let filled = |words: &[&str], flow: &str| -> Vec<String> {
        words
            .iter()
            .map(|word| word.replace("FLOW", flow))
            .collect()
    };
    for number in 1..FAR_BEYOND {
        let place = Place::new();
        let flow = flow(&place);
        let step = |index: usize, more: &[(&str, &str)]| {
            let words = filled(script[index].0, &flow);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run(&place, &words, more)
        };
        for (index, (_, code)) in script[..victim].iter().enumerate() {
            step(index, &[]).expect(*code);
        }
        let point = format!("{when}:{number}");
        let killed = step(victim, &[("MENAGERIE_CRASH_AT", &point)]);
        if killed.code.is_some() {
            killed.expect(script[victim].1);
            return number - 1;
        }
        let done = committed(&place, "odd");
        let entries = place.path("entries").display().to_string();
        let counting = [("MENAGERIE_TEST_ENTRIES", entries.as_str())];
        let mut code = run(&place, &["resume", "odd"], &counting).code;
        if code != Some(script[victim].1) {
            // It was never heard of: the person asks again.
            code = step(victim, &counting).code;
        }
        assert_eq!(code, Some(script[victim].1), "{point}");
        for (index, (_, code)) in script.iter().enumerate().skip(victim + 1) {
            step(index, &counting).expect(*code);
        }
        assert_eq!(outcome(&place, "odd"), *expected, "{point}");
        for attempt in entered(Path::new(&entries)) {
            assert!(
                !done.contains(&attempt),
                "{point}: {attempt:?} was committed and ran again"
            );
        }
        place.run(["doctor", "--store"]).expect(0);
    }
    panic!("the command makes more than {FAR_BEYOND} commits");
}

const ODD_SCRIPT: [(&[&str], i32); 2] = [
    (&["run", "FLOW", "--id", "odd"], 3),
    (&["answer", "odd", "retry", "--hint", "how=1"], 0),
];

fn undisturbed() -> Value {
    let place = Place::new();
    let flow = place.write("flow.toml", ODDS).display().to_string();
    run(&place, &["run", &flow, "--id", "odd"], &[]).expect(3);
    run(&place, ODD_SCRIPT[1].0, &[]).expect(0);
    let outcome = outcome(&place, "odd");
    assert_eq!(outcome["status"], "completed");
    assert_eq!(
        outcome["result"]["flaky"], 3,
        "it needed its retries: {outcome}"
    );
    assert_eq!(
        outcome["result"]["right"], 2,
        "it needed its retry: {outcome}"
    );
    assert_eq!(
        outcome["result"]["unsure"], 2,
        "it needed its hint: {outcome}"
    );
    outcome
}

#[test]
fn retries_a_fallback_and_a_join_survive_a_kill_at_each_commit() {
    let expected = undisturbed();
    let kills = survives_kills(&ODD_SCRIPT, 0, "after-commit", &expected);
    assert!(kills >= 10, "only {kills} commits were found to kill at");
}

#[test]
fn retries_a_fallback_and_a_join_survive_a_kill_before_each_commit() {
    let expected = undisturbed();
    let kills = survives_kills(&ODD_SCRIPT, 0, "before-commit", &expected);
    assert!(kills >= 10, "only {kills} commits were found to kill at");
}

#[test]
fn an_answer_survives_a_kill_at_each_of_its_commits() {
    let expected = undisturbed();
    for when in ["before-commit", "after-commit"] {
        let kills = survives_kills(&ODD_SCRIPT, 1, when, &expected);
        assert!(kills >= 3, "only {kills} commits were found to kill at");
    }
}

/// A process that is killed when the test is done with it.
struct Running(Child);

impl Running {
    fn start(mut command: std::process::Command) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits until it is over, or something else is true.
    fn until(&mut self, what: &str, mut true_now: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while self.0.try_wait().unwrap().is_none() && !true_now() {
            assert!(Instant::now() < deadline, "waited too long until {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_over(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Begins the endless run, cancels it, and kills one of the two processes at a commit. Answers
/// whether the kill happened.
fn cancel_survives_a_kill(of_the_canceller: bool, point: &str) -> bool {
    let place = Place::new();
    let flow = place.write("flow.toml", ENDLESS).display().to_string();
    let entries = place.path("entries");
    let counted = entries.display().to_string();
    let crash = ("MENAGERIE_CRASH_AT", point);
    let (owner_env, canceller_env) = match of_the_canceller {
        true => (vec![], vec![crash]),
        false => (vec![crash], vec![]),
    };
    let owner_env = [
        owner_env,
        vec![("MENAGERIE_TEST_ENTRIES", counted.as_str())],
    ]
    .concat();
    let mut owner = Running::start(command(&place, &["run", &flow, "--id", "spin"], &owner_env));
    owner.until("the guest is entered", || !entered(&entries).is_empty());
    let alive = !owner.is_over();
    let mut canceller = Running::start(command(&place, &["cancel", "spin"], &canceller_env));
    canceller.until("the cancel was told or killed", || alive && owner.is_over());
    if of_the_canceller {
        owner.until("the owner has heard of it", || canceller.is_over());
    }
    use std::os::unix::process::ExitStatusExt as _;
    let victim = match of_the_canceller {
        true => &mut canceller,
        false => &mut owner,
    };
    let killed = victim
        .0
        .try_wait()
        .unwrap()
        .and_then(|status| status.signal())
        == Some(9);
    // Whatever is left of the two is gone before somebody else looks.
    drop((owner, canceller));
    let again = run(&place, &["cancel", "spin"], &[]);
    if again.code == Some(2) && again.stderr.contains("there is no run") {
        // Killed before the run itself was durable: there is nothing to cancel.
        return killed;
    }
    assert!(
        again.code == Some(0) || again.stderr.contains("has ended"),
        "{point}: {}",
        again.stderr
    );
    let shown = place.run(["show", "spin", "--json"]).expect(0).json();
    assert_eq!(shown["status"], "cancelled", "{point}");
    place.run(["doctor", "--store"]).expect(0);
    killed
}

#[test]
fn a_cancel_under_way_survives_a_kill_of_the_owner_at_each_commit() {
    for when in ["before-commit", "after-commit"] {
        let mut kills = 0;
        for number in 1..FAR_BEYOND {
            if !cancel_survives_a_kill(false, &format!("{when}:{number}")) {
                break;
            }
            kills += 1;
        }
        assert!(kills >= 3, "only {kills} commits were found to kill at");
    }
}

#[test]
fn a_cancel_under_way_survives_a_kill_of_the_canceller() {
    for point in ["before-commit:1", "after-commit:1"] {
        assert!(
            cancel_survives_a_kill(true, point),
            "{point} was not passed"
        );
    }
}

#[test]
fn a_step_that_kills_its_host_each_time_ends_as_poisoned_while_other_runs_go_on() {
    let place = Place::new();
    let bomb = place.write("bomb.toml", BOMB).display().to_string();
    let odds = place.write("odds.toml", ODDS).display().to_string();
    let crash = [("MENAGERIE_CRASH_AT", "before-call@bomb:1")];
    assert_eq!(
        run(&place, &["run", &bomb, "--id", "bomb"], &crash).code,
        None
    );
    for reissue in 1..=3 {
        let killed = run(&place, &["resume", "bomb"], &crash);
        assert_eq!(killed.code, None, "re-issue {reissue}: {}", killed.stderr);
        // The rest of the store is none of its business.
        let other = format!("other-{reissue}");
        run(&place, &["run", &odds, "--id", &other], &crash).expect(3);
    }
    let last = run(&place, &["resume", "bomb", "--json"], &crash)
        .expect(1)
        .json();
    assert_eq!(last["status"], "failed");
    let shown = place.run(["show", "bomb", "--json"]).expect(0);
    for said in [
        "poisoned",
        "the host ended 4 times while the call was under way",
    ] {
        assert!(
            shown.stdout.contains(said),
            "{said:?} is not in {}",
            shown.stdout
        );
    }
    let events = place.run(["events", "bomb", "--json"]).expect(0);
    assert_eq!(events.stdout.matches("\"call_reissued\"").count(), 3);
}

/// A strategy that only computes is asked before its question is durable, and a host that dies of it leaves no trace
/// of that. The next host asks by the book, so that it is counted all the same.
#[test]
fn a_strategy_that_kills_its_host_each_time_ends_as_poisoned() {
    let place = Place::new();
    let bomb = place.write("bomb.toml", BOMB).display().to_string();
    let crash = [("MENAGERIE_CRASH_AT", "before-call@decision-2:1")];
    let began = run(&place, &["run", &bomb, "--id", "bomb"], &crash);
    assert_eq!(began.code, None, "{}", began.stderr);
    let events = place.run(["events", "bomb", "--json"]).expect(0);
    assert_eq!(events.stdout.matches("\"decision_requested\"").count(), 1);
    let mut killed = 1;
    let last = loop {
        let resumed = run(&place, &["resume", "bomb", "--json"], &crash);
        if resumed.code.is_some() {
            break resumed.expect(1).json();
        }
        killed += 1;
        assert!(killed < 10, "it goes on for ever");
    };
    // Once unseen, and four times as every call.
    assert_eq!(killed, 5);
    assert_eq!(last["status"], "failed");
    let shown = place.run(["show", "bomb", "--json"]).expect(0);
    assert!(shown.stdout.contains("poisoned"), "{}", shown.stdout);
    let events = place.run(["events", "bomb", "--json"]).expect(0);
    assert_eq!(events.stdout.matches("\"call_reissued\"").count(), 4);
}
