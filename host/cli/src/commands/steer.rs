//! `menagerie cancel`, `pause`, `unpause`, `answer`, `revoke` and `grant`: wishes of a person, folded in by whoever
//! drives the run, or by this process when nobody does.

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use menagerie_executor::{ExecutorError, Host, TakeFrom};
use menagerie_journal::RunKey;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Answer, Event};
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::RunStatus;
use serde_json::json;

use crate::arguments::{
    AnswerArguments, AnswerWord, CancelArguments, GrantArguments, PauseArguments, UnpauseArguments,
};
use crate::commands::follow::Commits;
use crate::commands::open;
use crate::commands::run::drive_on;
use crate::failure::Failure;
use crate::settings::Settings;

/// How long an owner is given to fold a wish in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who wishes, as events name them.
pub(crate) fn me() -> String {
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
    let key = unfinished(&host, &arguments.run).await?;
    let wish = Wish::Cancel {
        reason: arguments.reason,
    };
    have_folded(&host, &key, wish).await?;
    say(&key, "cancelled", arguments.json);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn pause(
    settings: &Settings,
    arguments: PauseArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "pause")?;
    let key = unfinished(&host, &arguments.run).await?;
    if host.load(&key).await?.status() == RunStatus::Paused {
        return Err(Failure::usage(format!("run {key} is paused already")));
    }
    have_folded(&host, &key, Wish::Pause).await?;
    // Calls that are under way come to their end first.
    let status = host.journal().run(&key).await?.status.text;
    say(&key, &status, arguments.json);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn unpause(
    settings: &Settings,
    arguments: UnpauseArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "unpause")?;
    let key = unfinished(&host, &arguments.run).await?;
    let run = host.load(&key).await?;
    if run.status() != RunStatus::Paused {
        return Err(Failure::usage(format!(
            "run {key} is not paused: it is {}",
            run.status().word()
        )));
    }
    go_on_with(settings, &host, &key, Wish::Unpause, arguments.json).await
}

pub(crate) async fn answer(
    settings: &Settings,
    arguments: AnswerArguments,
) -> Result<ExitCode, Failure> {
    let answer = answer_of(&arguments)?;
    let host = open::host(settings, "answer")?;
    let key = unfinished(&host, &arguments.run).await?;
    let run = host.load(&key).await?;
    run.answerable(arguments.step.as_deref(), &answer)
        .map_err(Failure::usage)?;
    let wish = Wish::Answer {
        step: arguments.step,
        answer,
    };
    go_on_with(settings, &host, &key, wish, arguments.json).await
}

pub(crate) async fn revoke(
    settings: &Settings,
    arguments: GrantArguments,
) -> Result<ExitCode, Failure> {
    change_grant(settings, &arguments, true).await
}

pub(crate) async fn grant(
    settings: &Settings,
    arguments: GrantArguments,
) -> Result<ExitCode, Failure> {
    change_grant(settings, &arguments, false).await
}

/// Takes a grant from a use of a plugin, or gives back what was taken.
async fn change_grant(
    settings: &Settings,
    arguments: &GrantArguments,
    takes: bool,
) -> Result<ExitCode, Failure> {
    let command = if takes { "revoke" } else { "grant" };
    let host = open::host(settings, command)?;
    let key = unfinished(&host, &arguments.run).await?;
    let role = match arguments.role.as_str() {
        role if role == "strategy" || role.contains(':') => role.to_owned(),
        agent => format!("agent:{agent}"),
    };
    let interface = arguments.capability.clone();
    let run = host.load(&key).await?;
    if run.revocable(&role, &interface).map_err(Failure::usage)? != takes {
        return Err(Failure::usage(match takes {
            true => format!("`{interface}` was taken from {role} in run {key} already"),
            false => format!("`{interface}` was not taken from {role} in run {key}"),
        }));
    }
    let wish = match takes {
        true => Wish::Revoke {
            role: role.clone(),
            interface: interface.clone(),
        },
        false => Wish::Grant {
            role: role.clone(),
            interface: interface.clone(),
        },
    };
    have_folded(&host, &key, wish).await?;
    let done = if takes { "revoked" } else { "granted" };
    match (arguments.json, takes) {
        (true, _) => println!(
            "{}",
            json!({"run": key.to_string(), "role": role, done: interface})
        ),
        (false, true) => println!("{role} of run {key} has no grant of `{interface}` any more"),
        (false, false) => println!("{role} of run {key} has its grant of `{interface}` again"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The run that was named, unless it has ended.
async fn unfinished(host: &Host, named: &str) -> Result<RunKey, Failure> {
    let key = open::run_key(host, named).await?;
    let status = host.journal().run(&key).await?.status;
    match status.ended {
        true => Err(Failure::usage(format!(
            "run {key} has ended: {}",
            status.text
        ))),
        false => Ok(key),
    }
}

fn say(key: &RunKey, status: &str, as_json: bool) {
    match as_json {
        true => println!("{}", json!({"run": key.to_string(), "status": status})),
        false => println!("run {key} is {status}"),
    }
}

/// Has a wish folded in that lets the run go on: where it is driven, or where a resident host will;
/// else here.
async fn go_on_with(
    settings: &Settings,
    host: &Host,
    key: &RunKey,
    wish: Wish,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let owned = host.journal().owner(key).await?.is_some();
    if !owned && open::serving(host).await?.is_none() {
        leave(host, key, wish).await?;
        return drive_on(settings, host, key, as_json, TakeFrom::Nobody).await;
    }
    have_folded(host, key, wish).await?;
    let status = host.journal().run(key).await?.status.text;
    match as_json {
        true => println!("{}", json!({"run": key.to_string(), "status": status})),
        false => println!("run {key} has heard, and goes on where it is being driven"),
    }
    Ok(ExitCode::SUCCESS)
}

fn answer_of(arguments: &AnswerArguments) -> Result<Answer, Failure> {
    let word = arguments.answer;
    let name = word.to_possible_value();
    let name = name.as_ref().map_or("", PossibleValue::get_name);
    if word != AnswerWord::Retry && !arguments.hints.is_empty() {
        return Err(Failure::usage(format!(
            "--hint goes with `retry` alone, found with `{name}`"
        )));
    }
    match (word, &arguments.agent) {
        (AnswerWord::Reroute, None) => Err(Failure::usage(
            "`reroute` needs the name of an agent: menagerie answer RUN reroute AGENT",
        )),
        (AnswerWord::Reroute, Some(agent)) => Ok(Answer::Reroute {
            agent: agent.clone(),
        }),
        (_, Some(agent)) => Err(Failure::usage(format!(
            "nothing goes behind `{name}`, found `{agent}`"
        ))),
        (AnswerWord::Retry, None) => {
            let hints = arguments.hints.iter().map(|hint| hint_of(hint));
            Ok(Answer::Retry {
                hints: hints.collect::<Result<_, _>>()?,
            })
        }
        (AnswerWord::Skip, None) => Ok(Answer::Skip),
        (AnswerWord::Abort, None) => Ok(Answer::Abort),
        (AnswerWord::Continue, None) => Ok(Answer::Continue),
    }
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

/// Leaves a wish, and waits until an event says that it was folded in: by the run's owner, or by this
/// process when there is none.
pub(crate) async fn have_folded(host: &Host, key: &RunKey, wish: Wish) -> Result<(), Failure> {
    let from = host.journal().run(key).await?.next_seq;
    let id = leave(host, key, wish).await?;
    // Without an event, somebody else has wished the same before: there was nothing left to change.
    match until_folded(host, key, &id, from).await? {
        Some(Event::InputRefused { reason, .. }) => Err(Failure::usage(reason)),
        _ => Ok(()),
    }
}

/// Waits until a wish that was left is folded in, and gives the first event that it caused, among
/// those from a position on.
pub(crate) async fn until_folded(
    host: &Host,
    key: &RunKey,
    id: &str,
    mut from: u64,
) -> Result<Option<Event>, Failure> {
    let mut commits = Commits::of(host);
    let cause = format!("inbox:{id}");
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        // Asked first: what follows is in the events that are read after it.
        let waiting = host.journal().take_inbox(key, 0).await?;
        let taken = !waiting.iter().any(|entry| entry.input_id == id);
        let status = host.journal().run(key).await?.status;
        let owner = host.journal().owner(key).await?;
        for (seq, recorded) in host.events(key, from, usize::MAX).await? {
            from = seq + 1;
            if recorded.cause == cause {
                return Ok(Some(recorded.event));
            }
        }
        if taken {
            return Ok(None);
        }
        if status.ended {
            return Err(Failure::usage(format!(
                "run {key} has ended meanwhile: {}",
                status.text
            )));
        }
        match owner {
            None => match host.fold_in_mail(key).await {
                // Somebody was quicker, and finds the wish.
                Err(ExecutorError::Owned { .. }) => {}
                folded => {
                    folded?;
                    continue;
                }
            },
            Some(owner) if tokio::time::Instant::now() > give_up => {
                return Err(Failure::usage(format!(
                    "{} (process {}), which drives run {key}, has not answered; the wish stays in the run's inbox. If that process hangs, take the run from it with: menagerie resume {key} --take-over",
                    owner.name, owner.pid
                )));
            }
            Some(_) => {}
        }
        commits.next().await;
    }
}
