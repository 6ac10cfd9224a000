//! `menagerie events`: what happened in a run, in its own words.

use std::process::ExitCode;

use menagerie_executor::ExecutorError;
use menagerie_orchestration::event::{AfterFailure, Event, Recorded, SharedOutcome, StepResult};
use menagerie_orchestration::wire::WireError;
use serde_json::json;

use crate::arguments::EventsArguments;
use crate::commands::follow::Commits;
use crate::commands::open;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{fuel, instant, microseconds, safe_line};

/// Events read at once.
const PAGE: usize = 512;

pub(crate) async fn events(
    settings: &Settings,
    arguments: EventsArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "events")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let mut commits = arguments.follow.then(|| Commits::of(&host));
    let mut from = 0;
    loop {
        // Asked first: what is committed after this is seen by the next turn, or there is no next.
        let ended = host.journal().run(&key).await?.status.ended;
        loop {
            let page = host.journal().events(&key, from, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for stored in page {
                from = stored.seq + 1;
                if arguments.json {
                    let event: serde_json::Value = serde_json::from_str(&stored.json)
                        .map_err(|error| Failure::host("an event cannot be read", error))?;
                    println!(
                        "{}",
                        json!({"seq": stored.seq, "hash": stored.hash.to_string(), "event": event})
                    );
                } else {
                    let read = menagerie_executor::read_event(&**host.journal(), &key, &stored);
                    let text = match read.await {
                        Ok(recorded) => line(&recorded),
                        Err(ExecutorError::Event { source, .. }) if is_of_a_newer_host(&source) => {
                            safe_line(&format!("{source}: {}", stored.json))
                        }
                        Err(error) => return Err(error.into()),
                    };
                    let at = i64::try_from(stored.at_ms).unwrap_or(i64::MAX);
                    println!("{:>5}  {}  {text}", stored.seq, instant(at));
                }
            }
        }
        match &mut commits {
            Some(commits) if !ended => commits.next().await,
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// What a newer host has written can be shown as it stands.
fn is_of_a_newer_host(error: &WireError) -> bool {
    matches!(
        error,
        WireError::Version { .. } | WireError::UnknownType { .. }
    )
}

/// An event in one line for a person.
pub(crate) fn line(recorded: &Recorded) -> String {
    let text = match &recorded.event {
        Event::RunStarted { flow, .. } => format!("run started: flow {flow}"),
        Event::DecisionRequested {
            decision, trigger, ..
        } => {
            format!("decision {decision} asked for ({})", word(trigger))
        }
        Event::Decided {
            decision,
            answer,
            call,
            ..
        } => {
            let started: Vec<&str> = answer.start.iter().map(|step| step.id.as_str()).collect();
            let what = match &answer.end {
                Some(end) => format!("end {}", end.status),
                None if started.is_empty() => "wait".to_owned(),
                None => format!("start {}", started.join(", ")),
            };
            format!(
                "decision {decision}: {what} ({}) [{} fuel]",
                answer.reason,
                fuel(call.fuel)
            )
        }
        Event::DecisionFailed {
            decision, failure, ..
        } => format!(
            "decision {decision} failed: {}: {}",
            failure.code, failure.message
        ),
        Event::StepEnded {
            id,
            agent,
            attempt,
            result,
            next,
            call,
            ..
        } => {
            let outcome = match result {
                StepResult::Completed { .. } => "completed".to_owned(),
                StepResult::Failed(failure) => {
                    format!(
                        "failed: {}: {}{}",
                        failure.code,
                        failure.message,
                        follows(next.as_ref())
                    )
                }
            };
            let took = microseconds(call.wall_us);
            format!(
                "step {id} ({agent}, attempt {attempt}) {outcome} [{took}, {} fuel]",
                fuel(call.fuel)
            )
        }
        Event::CallRetried { attempt, .. } => format!("attempt {attempt} begins"),
        Event::CallReissued { execution, .. } => {
            format!("a call that was cut off is made again (execution {execution})")
        }
        Event::StepSkipped { id, reason, .. } => format!("step {id} skipped: {reason}"),
        Event::Escalated {
            id, kind, reason, ..
        } => format!("step {id} waits ({kind}): {reason}"),
        Event::Answered { id, answer, by, .. } => {
            format!("step {id} answered by {by}: {}", word(answer))
        }
        Event::Migrated { plugins, by } => {
            let plugin = |(role, digest): (&String, &String)| format!("{role} to {digest}");
            let plugins: Vec<String> = plugins.iter().map(plugin).collect();
            format!("migrated by {by}: {}", plugins.join(", "))
        }
        Event::Paused { by } => format!("paused by {by}"),
        Event::Unpaused { by } => format!("goes on, by {by}"),
        Event::Checkpointed { id, label, by, .. } => match by {
            Some(by) => format!("{id}: {label}, by {by}"),
            None => format!("{id}: {label}"),
        },
        Event::RunForked { from, events, .. } => {
            format!("forked from run {from}, of which the {events} events above are")
        }
        Event::ArtifactPut { id, artifact, .. } => format!(
            "step {id} made {} ({}, version {}, {}, {} bytes)",
            artifact.id, artifact.name, artifact.version, artifact.media_type, artifact.size
        ),
        Event::GrantRevoked {
            role,
            interface,
            by,
        } => format!("the grant of `{interface}` was taken from {role}, by {by}"),
        Event::GrantReturned {
            role,
            interface,
            by,
        } => format!("the grant of `{interface}` was given back to {role}, by {by}"),
        Event::SharedSet {
            id,
            key,
            value,
            outcome,
            ..
        } => match outcome {
            SharedOutcome::Set { .. } if value.is_none() => {
                format!("step {id} took the shared `{key}` away")
            }
            SharedOutcome::Set { version } => {
                format!("step {id} set the shared `{key}` to version {version}")
            }
            SharedOutcome::Conflict { version } => {
                let found = match version {
                    Some(version) => format!("version {version}"),
                    None => "no value".to_owned(),
                };
                format!("step {id} was refused a change of the shared `{key}`: it has {found}")
            }
            SharedOutcome::Full => {
                format!("step {id} was refused a change of the shared `{key}`: there is no room")
            }
        },
        Event::InputRefused { reason, .. } => format!("an input was refused: {reason}"),
        Event::RunEnded { status, reason, .. } => format!("run {}: {reason}", word(status)),
    };
    safe_line(&text)
}

fn follows(next: Option<&AfterFailure>) -> String {
    match next {
        Some(AfterFailure::Retry { at }) => format!("; again at {}", instant(at.0)),
        Some(AfterFailure::Fallback { agent }) => format!("; {agent} takes over"),
        Some(AfterFailure::Skip) => "; left out".to_owned(),
        Some(AfterFailure::Escalate) => "; somebody must answer".to_owned(),
        Some(AfterFailure::Fail) | None => String::new(),
    }
}

/// The token by which a value is written.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(object)) => object.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
