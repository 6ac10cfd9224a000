//! `menagerie cancel` and `menagerie answer`: wishes of a person, folded in by whoever drives the run.

use std::process::ExitCode;
use std::time::Duration;

use menagerie_executor::Host;
use menagerie_journal::RunKey;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Answer, Event};
use menagerie_orchestration::input::Wish;
use serde_json::json;

use crate::arguments::{AnswerArgument, AnswerArguments, AnswerOptions, CancelArguments};
use crate::commands::open;
use crate::commands::run::drive_on;
use crate::failure::Failure;
use crate::settings::Settings;

/// How long an owner is given to fold a wish in.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the journal is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// Who wishes, as events name them.
fn me() -> String {
    std::env::var("USER")
        .ok()
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| "operator".to_owned())
}

pub(crate) async fn cancel(
    settings: &Settings,
    arguments: CancelArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "cancel")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let row = host.journal().run(&key).await?;
    if row.status.ended {
        return Err(Failure::usage(format!(
            "run {key} has ended: {}",
            row.status.text
        )));
    }
    let wish = Wish::Cancel {
        reason: arguments.reason,
    };
    let id = leave(&host, &key, wish).await?;
    if host.journal().owner(&key).await?.is_none() {
        // Nobody drives it: this process does, and the wish is the first thing that it finds.
        let catalogue = open::catalogue(settings)?;
        let watcher = std::sync::Arc::new(menagerie_executor::Nobody);
        host.resume(&catalogue, &key, watcher).await?;
    } else {
        wait_for(&host, &key, &id).await?;
    }
    if arguments.json {
        println!("{}", json!({"run": key.to_string(), "status": "cancelled"}));
    } else {
        println!("run {key} is cancelled");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn answer(
    settings: &Settings,
    arguments: AnswerArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "answer")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let (answer, options) = answer_of(arguments.answer)?;
    let run = host.load(&key).await?;
    if run.status().is_final() {
        return Err(Failure::usage(format!(
            "run {key} has ended: {}",
            run.status().word()
        )));
    }
    run.answerable(options.step.as_deref(), &answer)
        .map_err(Failure::usage)?;
    let wish = Wish::Answer {
        step: options.step,
        answer,
    };
    let id = leave(&host, &key, wish).await?;
    if host.journal().owner(&key).await?.is_none() {
        return drive_on(settings, &host, &key, options.json).await;
    }
    wait_for(&host, &key, &id).await?;
    if options.json {
        // Where it is being driven it has its own end; what is known here is that it was answered.
        println!("{}", json!({"run": key.to_string(), "status": "answered"}));
    } else {
        println!("run {key} has the answer, and goes on where it is being driven");
    }
    Ok(ExitCode::SUCCESS)
}

fn answer_of(argument: AnswerArgument) -> Result<(Answer, AnswerOptions), Failure> {
    Ok(match argument {
        AnswerArgument::Retry { hints, options } => {
            let hints = hints
                .iter()
                .map(|hint| hint_of(hint))
                .collect::<Result<_, _>>()?;
            (Answer::Retry { hints }, options)
        }
        AnswerArgument::Skip { options } => (Answer::Skip, options),
        AnswerArgument::Reroute { agent, options } => (Answer::Reroute { agent }, options),
        AnswerArgument::Abort { options } => (Answer::Abort, options),
        AnswerArgument::Continue { options } => (Answer::Continue, options),
    })
}

fn hint_of(hint: &str) -> Result<(String, Document), Failure> {
    let Some((name, text)) = hint.split_once('=') else {
        return Err(Failure::usage(format!(
            "--hint: found `{hint}`, expected NAME=JSON"
        )));
    };
    // What is no JSON is meant as a text.
    let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    Ok((name.to_owned(), Document::from(value)))
}

async fn leave(host: &Host, key: &RunKey, wish: Wish) -> Result<String, Failure> {
    let id = uuid::Uuid::now_v7().to_string();
    host.wish(key, &id, &me(), wish).await?;
    Ok(id)
}

/// Waits until an event says that the wish was folded in.
async fn wait_for(host: &Host, key: &RunKey, id: &str) -> Result<(), Failure> {
    let cause = format!("inbox:{id}");
    let mut from = 0;
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        for (seq, recorded) in host.events(key, from, usize::MAX).await? {
            from = seq + 1;
            if recorded.cause != cause {
                continue;
            }
            if let Event::InputRefused { reason, .. } = recorded.event {
                return Err(Failure::usage(reason));
            }
            return Ok(());
        }
        if tokio::time::Instant::now() > give_up {
            let message = format!(
                "the process that drives run {key} has not answered; the wish stays in its inbox"
            );
            return Err(Failure::usage(message));
        }
        tokio::time::sleep(LOOK).await;
    }
}
