//! How a run that was driven is reported.

use std::process::ExitCode;

use menagerie_executor::{Events, ExecutorError, Host, Stopped};
use menagerie_journal::RunKey;
use menagerie_mining::findings::Finding;
use menagerie_orchestration::event::Event;
use menagerie_orchestration::run::{Run, RunStatus};
use serde_json::{Value, json};

use crate::failure::{FAILED, INTERRUPTED, WAITING};
use crate::terminal::text::{duration_ms, fuel, microseconds, safe_line, safe_text};

/// A run and why its driving stopped.
pub(crate) struct Finished<'run> {
    pub(crate) key: &'run RunKey,
    pub(crate) run: &'run Run,
    pub(crate) stopped: Stopped,
    pub(crate) totals: Totals,
    /// What matters about it.
    pub(crate) findings: Vec<Finding>,
}

/// What a run used, over all of its calls.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Of steps; a step that was tried three times counts three.
    attempts: u32,
    calls: u32,
    fuel: u64,
    guest_us: u64,
}

impl Totals {
    /// Over the whole journal of a run, whoever drove it.
    pub(crate) async fn of(host: &Host, key: &RunKey) -> Result<Self, ExecutorError> {
        let mut totals = Self::default();
        let mut events = Events::of(&**host.journal(), key).await?;
        while let Some(recorded) = events.next().await? {
            totals.add(&recorded.event);
        }
        Ok(totals)
    }

    /// Over all events of a run, which somebody has read.
    pub(crate) fn over<'event>(events: impl Iterator<Item = &'event Event>) -> Self {
        let mut totals = Self::default();
        events.for_each(|event| totals.add(event));
        totals
    }

    fn add(&mut self, event: &Event) {
        let call = match event {
            Event::StepEnded { call, .. } => {
                self.attempts += 1;
                call
            }
            Event::Decided { call, .. } | Event::DecisionFailed { call, .. } => call,
            _ => return,
        };
        self.calls += 1;
        self.fuel += call.fuel;
        self.guest_us += call.wall_us;
    }
}

/// Prints the result on standard output, everything else on standard error.
pub(crate) fn print(finished: &Finished<'_>, json: bool) -> ExitCode {
    let status = finished.run.status();
    if json {
        println!("{}", as_json(finished));
    } else {
        print_result(finished.run);
        print_summary(finished);
    }
    match (finished.stopped, status) {
        (Stopped::Parked, _) => ExitCode::from(INTERRUPTED),
        (_, RunStatus::Completed) => ExitCode::SUCCESS,
        (Stopped::Waiting, _) => ExitCode::from(WAITING),
        _ => ExitCode::from(FAILED),
    }
}

fn as_json(finished: &Finished<'_>) -> Value {
    let run = finished.run;
    let totals = &finished.totals;
    let ended = run.ended();
    let waiting: Vec<Value> = run
        .waiting()
        .map(|step| json!({"step": step.id, "agent": step.agent, "status": step.status}))
        .collect();
    json!({
        "run": finished.key.to_string(),
        "flow": run.flow().name,
        "status": if finished.stopped == Stopped::Parked { "parked" } else { run.status().word() },
        "reason": ended.map(|end| end.reason.clone()),
        "error": ended.and_then(|end| end.error.clone()),
        "result": (run.status() == RunStatus::Completed).then(|| run.result()),
        "waiting": waiting,
        "duration_ms": run.last_at().0 - run.started_at().0,
        "attempts": totals.attempts,
        "calls": totals.calls,
        "fuel": totals.fuel,
        "findings": finished.findings,
    })
}

/// The result for a person: Markdown where an agent made some, else JSON.
fn print_result(run: &Run) {
    if run.status() != RunStatus::Completed {
        return;
    }
    eprintln!();
    let result = run.result();
    let newest = run.steps().filter_map(|step| step.output.as_ref()).last();
    match newest
        .and_then(|output| markdown(output.value()))
        .or_else(|| markdown(result.value()))
    {
        Some(text) => println!("{}", safe_text(text).trim_end()),
        None => {
            let pretty = serde_json::to_string_pretty(result.value()).unwrap_or_default();
            println!("{pretty}");
        }
    }
}

/// The text under `markdown`, at the top or one level down.
fn markdown(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    let own = object.get("markdown").and_then(Value::as_str);
    own.or_else(|| {
        object
            .values()
            .find_map(|value| value.get("markdown").and_then(Value::as_str))
    })
}

fn print_summary(finished: &Finished<'_>) {
    let (run, key) = (finished.run, finished.key);
    let totals = &finished.totals;
    let took = run.last_at().since(run.started_at());
    eprintln!();
    let word = if finished.stopped == Stopped::Parked {
        "parked"
    } else {
        run.status().word()
    };
    eprintln!(
        "run {key} {word} in {}: {}, {}, {} fuel, {} in guests",
        duration_ms(took.as_secs_f64() * 1_000.0),
        counted(totals.attempts, "attempt"),
        counted(totals.calls, "guest call"),
        fuel(totals.fuel),
        microseconds(totals.guest_us),
    );
    if let Some(end) = run.ended() {
        if let Some(error) = &end.error {
            eprintln!("{}: {}", safe_line(&error.code), safe_text(&error.message));
        } else if run.status() != RunStatus::Completed {
            eprintln!("{}", safe_line(&end.reason));
        }
    }
    for collision in run.collisions() {
        eprintln!(
            "note: the key `{}` was written by two parallel steps; the later one in the flow stands",
            safe_line(&collision.key)
        );
    }
    for finding in &finished.findings {
        eprintln!("finding: {}", safe_line(&finding.text));
    }
    print_next(finished);
}

fn counted(count: u32, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn print_next(finished: &Finished<'_>) {
    let (run, key) = (finished.run, finished.key);
    if finished.stopped == Stopped::Parked {
        eprintln!("it goes on with: menagerie resume {key}");
        return;
    }
    let waiting: Vec<_> = run.waiting().collect();
    for step in &waiting {
        let reason = match &step.status {
            menagerie_orchestration::run::step::StepStatus::Waiting { reason } => reason.as_str(),
            _ => "",
        };
        eprintln!(
            "waiting: step `{}` (agent {}): {}",
            safe_line(&step.id),
            step.agent,
            safe_line(reason)
        );
    }
    if !waiting.is_empty() {
        eprintln!("answer with: menagerie answer {key} retry|skip|reroute AGENT|abort|continue");
    }
    eprintln!("look closer: menagerie show {key}");
    eprintln!("             menagerie events {key}");
    eprintln!("             menagerie export {key} --format xes -o run.xes");
    eprintln!("over all:    menagerie mine metrics");
    eprintln!("             menagerie mine discover -o map.svg");
}
