//! `menagerie artifact`: lists what the steps of a run made, and writes one of it into a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use menagerie_executor::Host;
use menagerie_journal::{Digest, RunKey};
use menagerie_orchestration::artifact::Artifact;
use menagerie_orchestration::event::Event;
use serde_json::{Value, json};

use crate::arguments::ArtifactArguments;
use crate::commands::open;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{instant, safe_line};

/// An artifact, and where it came from.
struct Made {
    /// The step and its agent; none where the run was given it.
    by: Option<(String, String)>,
    at_ms: i64,
    artifact: Artifact,
}

impl Made {
    fn step(&self) -> Option<&str> {
        self.by.as_ref().map(|(step, _)| step.as_str())
    }
}

pub(crate) async fn artifact(
    settings: &Settings,
    arguments: ArtifactArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "artifact")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let mut made = made(&host, &key).await?;
    let Some(id) = &arguments.artifact else {
        list(&key, &made, arguments.json);
        return Ok(ExitCode::SUCCESS);
    };
    let Some(index) = made.iter().position(|one| one.artifact.id == *id) else {
        return Err(unknown(&key, id, &made));
    };
    let one = made.swap_remove(index);
    if let Some(file) = &arguments.output {
        write(&host, &key, &one.artifact, file).await?;
    }
    match (arguments.json, &arguments.output) {
        (true, _) => println!("{}", as_json(&one)),
        (false, Some(file)) => println!(
            "{} of run {key}: {} bytes in {}",
            one.artifact.id,
            one.artifact.size,
            safe_line(&file.display().to_string())
        ),
        (false, None) => print(&one),
    }
    Ok(ExitCode::SUCCESS)
}

async fn made(host: &Host, key: &RunKey) -> Result<Vec<Made>, Failure> {
    let run = host.load(key).await?;
    let mut by = BTreeMap::new();
    for (_, recorded) in host.events(key, 0, usize::MAX).await? {
        if let Event::ArtifactPut {
            id,
            agent,
            artifact,
            ..
        } = recorded.event
        {
            by.insert(artifact.id, (id, agent, recorded.at.0));
        }
    }
    let made = run.artifacts().iter().map(|artifact| {
        let (by, at_ms) = match by.remove(&artifact.id) {
            Some((step, agent, at_ms)) => (Some((step, agent)), at_ms),
            None => (None, run.started_at().0),
        };
        Made {
            by,
            at_ms,
            artifact: artifact.clone(),
        }
    });
    Ok(made.collect())
}

fn unknown(key: &RunKey, id: &str, made: &[Made]) -> Failure {
    let known: Vec<&str> = made.iter().map(|one| one.artifact.id.as_str()).collect();
    let known = match known.as_slice() {
        [] => "it has none".to_owned(),
        [.., last] if known.len() > 8 => format!("it has {} of them, up to {last}", known.len()),
        known => format!("it has {}", known.join(", ")),
    };
    Failure::usage(format!("run {key} has no artifact `{id}`; {known}"))
}

/// The journal compares the content with its digest as it reads it.
async fn write(host: &Host, key: &RunKey, artifact: &Artifact, file: &Path) -> Result<(), Failure> {
    let digest = artifact.digest.strip_prefix("sha256:");
    let digest: Option<Digest> = digest.and_then(|hex| hex.parse().ok());
    let Some(digest) = digest else {
        return Err(Failure::usage(format!(
            "run {key}: the event of {} has no digest that can be read: {}",
            artifact.id, artifact.digest
        )));
    };
    let content = host.journal().payload(key, digest).await?;
    std::fs::write(file, &content)
        .map_err(|error| Failure::host(&format!("{} cannot be written", file.display()), error))
}

fn list(key: &RunKey, made: &[Made], json: bool) {
    if json {
        return println!("{}", Value::Array(made.iter().map(as_json).collect()));
    }
    if made.is_empty() {
        return eprintln!("run {key} has no artifacts");
    }
    println!(
        "{:<14}  {:>9}  {:<24}  {:<24}  NAME",
        "ARTIFACT", "BYTES", "TYPE", "STEP"
    );
    for one in made {
        let artifact = &one.artifact;
        let name = match artifact.version {
            1 => safe_line(&artifact.name).to_string(),
            version => format!("{} (version {version})", safe_line(&artifact.name)),
        };
        println!(
            "{:<14}  {:>9}  {:<24}  {:<24}  {name}",
            safe_line(&artifact.id),
            artifact.size,
            safe_line(&artifact.media_type),
            safe_line(one.step().unwrap_or("given")),
        );
    }
}

fn print(one: &Made) {
    let artifact = &one.artifact;
    println!(
        "{}: {} (version {}), {}, {} bytes",
        safe_line(&artifact.id),
        safe_line(&artifact.name),
        artifact.version,
        safe_line(&artifact.media_type),
        artifact.size
    );
    let at = instant(one.at_ms);
    match &one.by {
        Some((step, agent)) => println!(
            "made by step {} ({}) at {at}",
            safe_line(step),
            safe_line(agent)
        ),
        None => println!("given to the run at {at}"),
    }
    println!("{}", safe_line(&artifact.digest));
}

fn as_json(one: &Made) -> Value {
    let artifact = &one.artifact;
    json!({
        "id": artifact.id,
        "name": artifact.name,
        "version": artifact.version,
        "type": artifact.media_type,
        "digest": artifact.digest,
        "bytes": artifact.size,
        "step": one.step(),
        "agent": one.by.as_ref().map(|(_, agent)| agent),
        "at_ms": one.at_ms,
    })
}
