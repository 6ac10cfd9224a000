//! What several commands begin with: the store, the host, the engine, a run's id.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use menagerie_executor::{GateConfig, Host, HostParts, Registry, SystemClock};
use menagerie_journal::{Error, Options, Owner, Page, RunFilter, RunKey, SqliteJournal};
use menagerie_sandbox::jail::JailConfig;
use menagerie_sandbox::{Catalogue, Engine, OutsideConfig};

use crate::failure::{Failure, chain};
use crate::secrets::OperatorSecrets;
use crate::settings::Settings;

/// How often to look for mail where nobody can ring.
const INBOX_INTERVAL: Duration = Duration::from_millis(500);
/// What a resident host is called among the owners of runs.
const SERVE: &str = "menagerie serve";

/// A host over the store of the settings.
pub(crate) fn host(settings: &Settings, command: &str) -> Result<Host, Failure> {
    let options = Options::new(format!("menagerie {command}"));
    let folder = &settings.data.value;
    let journal = SqliteJournal::open(folder, &options).map_err(|error| match error {
        // The others say by themselves that it is about the store.
        Error::Io { .. } => Failure::usage(format!(
            "the store {} cannot be opened: {}",
            folder.display(),
            chain(&error)
        )),
        error => error.into(),
    })?;
    Ok(Host::new(HostParts {
        journal: Arc::new(journal),
        clock: Arc::new(SystemClock::default()),
        gate: GateConfig {
            slots: settings.slots.value,
            queue: settings.queue.value,
        },
        inbox_interval: INBOX_INTERVAL,
    }))
}

/// An engine with its catalogue, compiled code kept in the cache of the settings.
pub(crate) fn catalogue(settings: &Settings) -> Result<Catalogue, Failure> {
    let outside = OutsideConfig {
        secrets: Arc::new(OperatorSecrets::of(settings)?),
        suspend_after: settings.suspend_after.value,
        ..OutsideConfig::default()
    };
    let engine = Engine::with_outside(&settings.node(), outside)
        .map_err(|error| Failure::host("the sandbox cannot be set up", error))?;
    let cache = settings.cache.value.join("compiled");
    let catalogue = Catalogue::new(engine, Some(cache))
        .jailed(jail()?)
        .refusing(Arc::new(Registry::of_store(&settings.data.value)));
    if let Some(trouble) = catalogue.cache_trouble() {
        tracing::warn!("compiled plugins are not kept: {trouble}");
    }
    Ok(catalogue)
}

/// Components are compiled by this very program, in a process of their own.
pub(crate) fn jail() -> Result<JailConfig, Failure> {
    // On Linux by the name that stays right when the file is replaced by a newer one.
    let program = if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    };
    let program = program.map_err(|error| Failure::host("this program has no path", error))?;
    Ok(JailConfig::of(program))
}

/// The resident host of the store, or one of them, if one is up.
pub(crate) async fn serving(host: &Host) -> Result<Option<Owner>, Failure> {
    let processes = host.journal().processes().await?;
    Ok(processes.into_iter().find(|process| process.name == SERVE))
}

/// The run that was named; `last` is the newest.
pub(crate) async fn run_key(host: &Host, named: &str) -> Result<RunKey, Failure> {
    if named == "last" {
        let page = Page {
            after: None,
            limit: 1,
        };
        let rows = host.journal().runs(RunFilter::default(), page).await?.rows;
        return match rows.into_iter().next() {
            Some(row) => Ok(row.key),
            None => Err(Failure::usage(
                "the store has no run yet: begin one with `menagerie demo` or `menagerie run FLOW`, or name another store with --data",
            )),
        };
    }
    if named.is_empty() {
        return Err(Failure::usage(
            "found an empty run id, expected one of those that `menagerie runs` lists, or `last`",
        ));
    }
    let key = RunKey::in_default(named);
    match host.journal().run(&key).await {
        Ok(_) => Ok(key),
        Err(Error::UnknownRun { .. }) => Err(Failure::usage(format!(
            "there is no run `{named}` in the store: `menagerie runs` lists those that are there, --data names another store"
        ))),
        Err(error) => Err(error.into()),
    }
}
