//! `menagerie runs migrate`: an unfinished run goes on with other versions of its plugins.

use std::process::ExitCode;
use std::sync::Arc;

use menagerie_executor::{Host, MigrateError, Migration, Registry, Replacement};
use menagerie_journal::{Digest, RunKey};
use menagerie_sandbox::Trust;
use serde_json::json;

use crate::arguments::MigrateArguments;
use crate::commands::open;
use crate::commands::replay::{level_of, value};
use crate::commands::steer::have_folded;
use crate::failure::{Failure, chain};
use crate::settings::Settings;
use crate::terminal::text::safe_line;

pub(crate) async fn migrate(
    settings: &Settings,
    arguments: MigrateArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "runs")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let registry = Registry::of_store(&settings.data.value);
    let trust = settings.trust()?;
    let mut with = Vec::new();
    for version in &arguments.versions {
        with.push(replacement(&host, &registry, &trust, &key, version).await?);
    }
    let catalogue = open::catalogue(settings)?;
    let level = arguments.level.map(level_of);
    let prepared = host.prepare_migration(&catalogue, &key, &with, level, &|_, _| {});
    let Migration { wish, versions } = prepared.await.map_err(refused)?;
    have_folded(&host, &key, wish).await?;
    let status = host.journal().run(&key).await?.status.text;
    let judged = versions.calls.len();
    if arguments.json {
        println!(
            "{}",
            json!({
                "run": key.to_string(),
                "status": status,
                "plugins": versions.digests,
                "judged_calls": judged,
            })
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("run {key} goes on with other versions; {judged} recorded calls hold with them");
    for (role, (before, now)) in &versions.versions {
        println!(
            "  {}",
            safe_line(&format!("{role}: {now} in the place of {before}"))
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The first difference, where that is what a version was refused for.
fn refused(error: MigrateError) -> Failure {
    let told = chain(&error);
    let MigrateError::Differs { call, .. } = error else {
        return Failure::usage(told);
    };
    let comparison = &call.comparison;
    let how = match &call.note {
        Some(note) => safe_line(note),
        None => format!(
            "recorded {}, found {}",
            value(comparison.recorded.as_ref()),
            value(comparison.found.as_ref())
        ),
    };
    Failure::usage(format!("{told}: {how}; the run stays on what it has"))
}

/// A version that passed all checks once: out of the registry, or among what the run has pinned.
async fn replacement(
    host: &Host,
    registry: &Registry,
    trust: &Trust,
    key: &RunKey,
    given: &str,
) -> Result<Replacement, Failure> {
    let Some((name, wanted)) = given.split_once('=') else {
        return Err(Failure::usage(format!(
            "found `{given}`, expected NAME=name@version or NAME=sha256:…"
        )));
    };
    let found = match wanted.strip_prefix("sha256:") {
        None => registry.find(wanted, trust).map_err(Failure::usage)?,
        Some(_) => match registry
            .find_digest(wanted, trust)
            .map_err(Failure::usage)?
        {
            Some(bytes) => Some(bytes),
            None => pinned(host, key, wanted).await?,
        },
    };
    let bytes = found.ok_or_else(|| {
        Failure::usage(format!(
            "{}: the registry has no such plugin; `menagerie plugins ls` lists what there is",
            safe_line(wanted)
        ))
    })?;
    Ok(Replacement {
        name: name.to_owned(),
        bytes,
    })
}

/// What the run has been on before.
async fn pinned(host: &Host, key: &RunKey, digest: &str) -> Result<Option<Arc<[u8]>>, Failure> {
    let pins = host.journal().pins(key).await?;
    let named = |pin: Digest| format!("sha256:{pin}") == digest;
    match pins.into_iter().find(|pin| named(pin.digest)) {
        Some(pin) => Ok(Some(host.journal().blob(&key.namespace, pin.digest).await?)),
        None => Ok(None),
    }
}
