//! `menagerie show`: one run, with everything that it used.

use std::borrow::Cow;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use menagerie_journal::{Owner, RunKey};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallFacts, Event, Recorded, StepResult};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::run::step::StepStatus;
use serde_json::{Value, json};

use crate::arguments::ShowArguments;
use crate::commands::events::word;
use crate::commands::open;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{
    bytes, duration_ms, fuel, instant, microseconds, safe_line, safe_text,
};
use crate::timeline::{self, Timeline, svg};

pub(crate) async fn show(
    settings: &Settings,
    arguments: ShowArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "show")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let run = host.load(&key).await?;
    let events = host.events(&key, 0, usize::MAX).await?;
    if arguments.timeline || arguments.svg.is_some() {
        return timeline(&key, &run, &events, &arguments);
    }
    let listed = Listed {
        // Says more of a run that goes on than its events do: whether anybody has begun with it.
        status: host.journal().run(&key).await?.status.text,
        owner: host.journal().owner(&key).await?,
    };
    if arguments.json {
        println!("{}", as_json(&key, &run, &events, &listed));
    } else {
        print(&key, &run, &events, &listed);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the store says of a run beside its events.
struct Listed {
    status: Cow<'static, str>,
    owner: Option<Owner>,
}

/// What happened when: on a terminal with bars, as columns otherwise, or drawn into a file.
fn timeline(
    key: &RunKey,
    run: &Run,
    events: &[(u64, Recorded)],
    arguments: &ShowArguments,
) -> Result<ExitCode, Failure> {
    let timeline = Timeline::of(events.iter().map(|(_, recorded)| recorded));
    if let Some(file) = &arguments.svg {
        let picture = svg(&timeline, &key.to_string(), &run.flow().name);
        std::fs::write(file, picture).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", file.display()))
        })?;
        eprintln!("drawn: {}", file.display());
    } else if arguments.json {
        let totals = timeline::totals(&timeline.run).into_iter();
        let totals: serde_json::Map<String, Value> = totals
            .map(|(part, ms)| (part.word().to_owned(), json!(ms)))
            .collect();
        println!(
            "{}",
            json!({"run": key.to_string(), "totals_ms": totals, "timeline": timeline})
        );
    } else {
        timeline::print(&timeline, std::io::stdout().is_terminal());
    }
    Ok(ExitCode::SUCCESS)
}

/// One attempt, as a row.
struct Row<'event> {
    name: &'event str,
    agent: &'event str,
    attempt: u32,
    outcome: String,
    call: &'event CallFacts,
    /// The lines that were kept, as the journal has them.
    log: Option<&'event Value>,
}

fn rows(events: &[(u64, Recorded)]) -> Vec<Row<'_>> {
    events
        .iter()
        .filter_map(|(_, recorded)| row_of(recorded))
        .collect()
}

fn row_of(recorded: &Recorded) -> Option<Row<'_>> {
    match &recorded.event {
        Event::StepEnded {
            id,
            agent,
            attempt,
            result,
            call,
            log,
            ..
        } => Some(Row {
            log: log.as_ref().map(Document::value),
            name: id,
            agent,
            attempt: *attempt,
            outcome: match result {
                StepResult::Completed { .. } => "completed".to_owned(),
                StepResult::Failed(failure) => format!("failed ({})", failure.code),
            },
            call,
        }),
        Event::Decided {
            attempt,
            answer,
            call,
            log,
            ..
        } => Some(Row {
            log: log.as_ref().map(Document::value),
            name: "decision",
            agent: "orchestrator",
            attempt: *attempt,
            outcome: match &answer.end {
                Some(end) => format!("end {}", end.status),
                None => format!("{} steps", answer.start.len() + answer.joins.len()),
            },
            call,
        }),
        Event::DecisionFailed {
            attempt,
            failure,
            call,
            log,
            ..
        } => Some(Row {
            log: log.as_ref().map(Document::value),
            name: "decision",
            agent: "orchestrator",
            attempt: *attempt,
            outcome: format!("failed ({})", failure.code),
            call,
        }),
        _ => None,
    }
}

fn print(key: &RunKey, run: &Run, events: &[(u64, Recorded)], listed: &Listed) {
    println!("run       {}", safe_line(&key.to_string()));
    println!("flow      {}", safe_line(&run.flow().name));
    println!("status    {}", listed.status);
    if let Some(owner) = &listed.owner {
        println!(
            "driven by {} (process {})",
            safe_line(&owner.name),
            owner.pid
        );
    }
    println!("started   {}", instant(run.started_at().0));
    println!(
        "took      {}",
        duration_ms(run.last_at().since(run.started_at()).as_secs_f64() * 1_000.0)
    );
    if let Some(end) = run.ended() {
        println!("reason    {}", safe_line(&end.reason));
        if let Some(error) = &end.error {
            println!(
                "error     {}: {}",
                safe_line(&error.code),
                safe_text(&error.message)
            );
        }
    }
    let tier = run
        .pins()
        .entitlements
        .get("tier")
        .map_or("", String::as_str);
    println!(
        "licence   {tier}, at most {} steps at once",
        run.limits().max_concurrent
    );
    println!("engine    {}", run.pins().engine);
    println!();
    println!(
        "{:<20} {:<14} {:>3}  {:<22} {:>9} {:>9} {:>9} {:>9} {:>10} {:>6} {:>10} {:>10}",
        "STEP",
        "AGENT",
        "TRY",
        "OUTCOME",
        "WAIT",
        "GUEST",
        "BUSY",
        "FUEL",
        "MEMORY",
        "CALLS",
        "PASSED",
        "OUTPUT"
    );
    for row in rows(events) {
        println!(
            "{:<20} {:<14} {:>3}  {:<22} {:>9} {:>9} {:>9} {:>9} {:>10} {:>6} {:>10} {:>10}",
            safe_line(row.name),
            safe_line(row.agent),
            row.attempt,
            safe_line(&row.outcome),
            microseconds(row.call.slot_wait_us),
            microseconds(row.call.wall_us),
            microseconds(row.call.busy_us),
            fuel(row.call.fuel),
            bytes(row.call.peak_memory_bytes),
            row.call.host_calls,
            bytes(row.call.bytes_to_host),
            bytes(row.call.output_bytes),
        );
    }
    print_decisions(events);
    print_logs(events);
    print_capabilities(run, events);
    for step in run.steps().filter(|step| !step.status.is_final()) {
        if let StepStatus::Waiting { reason } = &step.status {
            println!(
                "\nstep {} waits for an answer: {}",
                safe_line(&step.id),
                safe_line(reason)
            );
            println!("answer with: menagerie answer {key} retry|skip|reroute AGENT|abort|continue");
        }
    }
    for collision in run.collisions() {
        println!(
            "\nthe key `{}` was written by the parallel steps {} and {}; the later one stands",
            safe_line(&collision.key),
            collision.dropped.0,
            collision.kept.0
        );
    }
}

/// What the run's grants came to: refusals, what was taken, what was made.
fn print_capabilities(run: &Run, events: &[(u64, Recorded)]) {
    for row in rows(events) {
        let denied = row.call.denied_host_calls;
        if denied > 0 {
            println!("{}: {denied} denied host calls", safe_line(row.name));
        }
    }
    for (role, interface) in run.revoked() {
        println!(
            "{} has lost its grant of {}",
            safe_line(role),
            safe_line(interface)
        );
    }
    for artifact in run.artifacts() {
        println!(
            "{}: {} ({}, {} bytes)",
            safe_line(&artifact.id),
            safe_line(&artifact.name),
            safe_line(&artifact.media_type),
            artifact.size
        );
    }
}

fn print_decisions(events: &[(u64, Recorded)]) {
    println!();
    for (_, recorded) in events {
        match &recorded.event {
            Event::Decided {
                decision, answer, ..
            } => println!(
                "decision {decision}: {} (confidence {})",
                safe_line(&answer.reason),
                answer.confidence
            ),
            Event::StepSkipped { id, reason, .. } => {
                println!("skipped {}: {}", safe_line(id), safe_line(reason));
            }
            Event::Answered { id, answer, by, .. } => {
                println!(
                    "answered {}: {} by {}",
                    safe_line(id),
                    word(answer),
                    safe_line(by)
                );
            }
            Event::DecisionFailed { failure, .. } => {
                println!(
                    "failed: {}: {}",
                    safe_line(&failure.code),
                    safe_text(&failure.message)
                );
            }
            Event::StepEnded {
                id,
                attempt,
                result: StepResult::Failed(failure),
                ..
            } => println!(
                "failed {} (attempt {attempt}): {}: {}",
                safe_line(id),
                safe_line(&failure.code),
                safe_text(&failure.message)
            ),
            _ => {}
        }
    }
}

fn print_logs(events: &[(u64, Recorded)]) {
    for (_, recorded) in events {
        let (name, log, call) = match &recorded.event {
            Event::StepEnded { id, log, call, .. } => (id.as_str(), log, call),
            Event::Decided { log, call, .. } | Event::DecisionFailed { log, call, .. } => {
                ("decision", log, call)
            }
            _ => continue,
        };
        for line in log
            .iter()
            .filter_map(|log| log.value().as_array())
            .flatten()
        {
            let part = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or("");
            println!(
                "log {} {}: {}",
                safe_line(name),
                part("level"),
                safe_line(part("message"))
            );
        }
        if call.log_dropped > 0 {
            println!(
                "log {}: {} more lines were dropped",
                safe_line(name),
                call.log_dropped
            );
        }
    }
}

fn as_json(key: &RunKey, run: &Run, events: &[(u64, Recorded)], listed: &Listed) -> Value {
    let attempts: Vec<Value> = rows(events)
        .iter()
        .map(|row| {
            json!({
                "step": row.name,
                "agent": row.agent,
                "attempt": row.attempt,
                "outcome": row.outcome,
                "call": row.call,
                "log": row.log.cloned().unwrap_or_else(|| json!([])),
            })
        })
        .collect();
    let steps: Vec<Value> = run
        .steps()
        .map(|step| {
            json!({
                "id": step.id,
                "agent": step.agent,
                "kind": step.kind.word(),
                "status": step.status.word(),
                "attempt": step.attempt,
                "retries": step.retries,
                "error": step.error,
                "duration_ms": step.duration_ms(),
            })
        })
        .collect();
    let end = run.ended();
    json!({
        "run": key.to_string(),
        "flow": run.flow().name,
        "status": listed.status,
        "driven_by": listed.owner.as_ref().map(|owner| json!({"name": owner.name, "pid": owner.pid})),
        "reason": end.map(|end| end.reason.clone()),
        "error": end.and_then(|end| end.error.clone()),
        "started_at_ms": run.started_at().0,
        "updated_at_ms": run.last_at().0,
        "decisions": run.decisions(),
        "retries": run.retries(),
        "pins": run.pins(),
        "limits": run.limits(),
        "steps": steps,
        "attempts": attempts,
        "collisions": run.collisions(),
        "result": run.status().is_final().then(|| run.result()),
    })
}
