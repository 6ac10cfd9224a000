//! `menagerie checkpoint` and `menagerie checkpoints`: places of a run to go on from.

use std::collections::BTreeMap;
use std::process::ExitCode;

use menagerie_executor::{CheckpointNoted, Host};
use menagerie_journal::{Checkpoint, Digest, RunKey};
use menagerie_orchestration::event::Event;
use menagerie_orchestration::run::Run;
use serde_json::{Value, json};

use crate::arguments::{CheckpointArguments, CheckpointsArguments};
use crate::commands::open;
use crate::commands::steer::{me, until_folded};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{instant, safe_line};

pub(crate) async fn checkpoint(
    settings: &Settings,
    arguments: CheckpointArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "checkpoint")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let row = host.journal().run(&key).await?;
    if row.status.ended {
        return Err(menagerie_executor::ExecutorError::Ended { run: key }.into());
    }
    let wish = uuid::Uuid::now_v7().to_string();
    let label = arguments.label;
    let id = match host.checkpoint(&key, &wish, &me(), label.clone()).await? {
        CheckpointNoted::Noted(id) => id,
        CheckpointNoted::Left(_) => noted_by_owner(&host, &key, &wish, row.next_seq).await?,
    };
    if arguments.json {
        println!(
            "{}",
            json!({"run": key.to_string(), "id": id, "label": label})
        );
    } else {
        println!("{}: {}", id, safe_line(&label));
        println!("go on from it with: menagerie fork {key} --at {id}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The checkpoint that came of this very wish, once the run's owner has folded it in: others may be
/// called alike.
async fn noted_by_owner(
    host: &Host,
    key: &RunKey,
    wish: &str,
    from: u64,
) -> Result<String, Failure> {
    match until_folded(host, key, wish, from).await? {
        Some(Event::Checkpointed { id, .. }) => Ok(id),
        _ => Err(menagerie_executor::ExecutorError::Ended { run: key.clone() }.into()),
    }
}

pub(crate) async fn checkpoints(
    settings: &Settings,
    arguments: CheckpointsArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "checkpoints")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let found = host.journal().checkpoints(&key).await?;
    if arguments.json {
        println!("{}", Value::Array(as_json(&host, &key, &found).await?));
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        eprintln!(
            "run {key} has no checkpoint; make one with: menagerie checkpoint {key} --label TEXT"
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:<16}  {:<24}  {:>7}  {:<9}  LABEL",
        "CHECKPOINT", "CREATED", "EVENTS", "MADE"
    );
    for one in found {
        println!(
            "{:<16}  {:<24}  {:>7}  {:<9}  {}",
            safe_line(&one.id),
            instant(i64::try_from(one.at_ms).unwrap_or(i64::MAX)),
            one.next_seq,
            if one.automatic {
                "by itself"
            } else {
                "on demand"
            },
            safe_line(&one.label),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Each with the state there, which is folded from the journal: a checkpoint holds none.
async fn as_json(host: &Host, key: &RunKey, found: &[Checkpoint]) -> Result<Vec<Value>, Failure> {
    let mut list = Vec::new();
    let Some(last) = found.last() else {
        return Ok(list);
    };
    let mut run = Run::new(host.flow(key).await?);
    let mut left = found.iter().peekable();
    host.walk(key, last.next_seq, |recorded, _| {
        run.apply(recorded);
        while let Some(one) = left.next_if(|one| one.next_seq == run.next_seq()) {
            list.push(one_json(key, one, &run));
        }
    })
    .await?;
    Ok(list)
}

fn one_json(key: &RunKey, one: &Checkpoint, run: &Run) -> Value {
    let tasks: BTreeMap<&str, Value> = run
        .steps()
        .map(|step| {
            let state =
                json!({"agent": step.agent, "status": step.status.word(), "attempt": step.attempt});
            (&*step.id, state)
        })
        .collect();
    let artifacts: Vec<Value> = run
        .steps()
        .filter_map(|step| {
            let text = step.output.as_ref()?.to_text();
            let digest = format!("sha256:{}", Digest::of(text.as_bytes()));
            Some(json!({"step": step.id, "digest": digest, "bytes": text.len()}))
        })
        .collect();
    json!({
        "id": one.id,
        "run_id": key.to_string(),
        "label": one.label,
        "automatic": one.automatic,
        "events": one.next_seq,
        "run_state": {"status": run.status().word(), "state": run.result()},
        "task_states": tasks,
        "artifacts": artifacts,
        "agent_contexts": run.agent_contexts(),
        "created_at_ms": one.at_ms,
    })
}
