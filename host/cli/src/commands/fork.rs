//! `menagerie fork` and `menagerie resume --from`: go on from a place in a run, as another run.

use std::process::ExitCode;
use std::sync::Arc;

use menagerie_executor::{ForkRun, Host, Nobody, TakeFrom};
use menagerie_journal::RunKey;

use crate::arguments::ForkArguments;
use crate::commands::open;
use crate::commands::run::{drive_on, read_input};
use crate::commands::steer::me;
use crate::failure::Failure;
use crate::settings::Settings;

/// Where to go on from, and as what.
pub(crate) struct Place {
    pub(crate) at: String,
    pub(crate) id: Option<String>,
    pub(crate) json: bool,
}

pub(crate) async fn fork(
    settings: &Settings,
    arguments: ForkArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "fork")?;
    let from = open::run_key(&host, &arguments.run).await?;
    let input = match &arguments.input {
        Some(given) => {
            let run = host.load(&from).await?;
            Some(read_input(run.flow(), Some(given))?)
        }
        None => None,
    };
    let wanted = ForkRun {
        key: key_of(arguments.id),
        at: arguments.at,
        input,
        supersedes: false,
        by: me(),
    };
    go_on(settings, &host, &from, wanted, arguments.json).await
}

/// A rewind is a fork that takes the run's place: a journal is never cut off, so the run that was
/// keeps its own, and ends as cancelled unless it had ended before.
pub(crate) async fn rewind(
    settings: &Settings,
    host: &Host,
    from: &RunKey,
    place: Place,
) -> Result<ExitCode, Failure> {
    let wanted = ForkRun {
        key: key_of(place.id),
        at: place.at,
        input: None,
        supersedes: true,
        by: me(),
    };
    go_on(settings, host, from, wanted, place.json).await
}

fn key_of(id: Option<String>) -> RunKey {
    id.map_or_else(RunKey::fresh, RunKey::in_default)
}

async fn go_on(
    settings: &Settings,
    host: &Host,
    from: &RunKey,
    wanted: ForkRun,
    json: bool,
) -> Result<ExitCode, Failure> {
    let supersedes = wanted.supersedes;
    let forked = host.fork(from, wanted).await?;
    let key = &forked.key;
    let did = if forked.existing {
        "is there already"
    } else {
        "goes on"
    };
    eprintln!(
        "run {key} {did}, with the first {} events of run {from}",
        forked.events
    );
    if supersedes && !host.journal().run(from).await?.status.ended {
        // The word that ends it lies in its inbox: nothing else is done of it.
        let catalogue = open::catalogue(settings)?;
        host.resume(&catalogue, from, Arc::new(Nobody)).await?;
    }
    drive_on(settings, host, key, json, TakeFrom::Nobody).await
}
