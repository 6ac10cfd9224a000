//! The way of a component into the registry: signature, checks, compiler, conformance, gate, swap. What
//! fails anywhere on it never goes live.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use menagerie_executor::{
    Candidate, Host, Registry, Replacement, ReplayError, Version, replay_versions,
};
use menagerie_journal::{Page, RunFilter};
use menagerie_orchestration::replay::Level;
use menagerie_sandbox::{
    Catalogue, Ended, Grants, Inspection, Limits, Plugin, Reply, Request, inspect,
};

use crate::failure::{Failure, chain};
use crate::look::Look;
use crate::settings::Settings;
use crate::terminal::text::safe_line;

/// Runs that are looked at once.
const PAGE: usize = 100;

/// Where plugins are admitted to.
pub(crate) struct Admission<'host> {
    pub(crate) settings: &'host Settings,
    pub(crate) host: &'host Host,
    pub(crate) catalogue: &'host Catalogue,
    pub(crate) registry: &'host Registry,
}

/// What is to be admitted.
pub(crate) struct Named {
    pub(crate) file: PathBuf,
    /// Else its manifest's.
    pub(crate) name: Option<String>,
    /// Else the file's with `.minisig` behind it, if that is there.
    pub(crate) signature: Option<PathBuf>,
    /// Whether it may ask for more than its predecessor.
    pub(crate) granted: bool,
}

/// Recorded runs in whose surroundings the plugin has to hold.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) level: Level,
    /// How many that used the plugin, the newest first.
    pub(crate) runs: usize,
}

/// What went live.
pub(crate) struct Admitted {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// Runs that the gate looked at.
    pub(crate) judged: usize,
}

impl Admission<'_> {
    /// Makes a plugin live, or says what it failed at.
    ///
    /// # Errors
    /// When it fails at anything; the live version stays.
    pub(crate) async fn admit(
        &self,
        named: &Named,
        gate: Option<Gate>,
    ) -> Result<Admitted, Failure> {
        let shown = named.file.display().to_string();
        let refused = |problem: String| Failure::usage(format!("{shown}: {problem}"));
        let bytes: Arc<[u8]> = std::fs::read(&named.file)
            .map_err(|error| refused(format!("cannot be read: {error}")))?
            .into();
        let signature = signature_of(&named.file, named.signature.as_deref()).map_err(refused)?;
        let trust = self.settings.trust()?;
        let signer = trust.check(&bytes, signature.as_deref());
        let signer = signer.map_err(|error| refused(error.to_string()))?;
        let (plugin, inspection) = self.compiled(&bytes).await.map_err(refused)?;
        self.conforms(&plugin).await.map_err(refused)?;
        let judged = match gate {
            None => 0,
            Some(gate) => {
                let name = &inspection.manifest.name;
                self.gate(name, &bytes, gate).await.map_err(refused)?
            }
        };
        let name = named.name.as_deref().unwrap_or(&inspection.manifest.name);
        let candidate = Candidate {
            name,
            bytes: &bytes,
            inspection: &inspection,
            signer: signer.as_deref(),
            granted: named.granted,
            at_ms: now_ms(),
        };
        let version = self.registry.add(&candidate);
        Ok(Admitted {
            name: name.to_owned(),
            version: version.map_err(|error| refused(error.to_string()))?,
            judged,
        })
    }

    /// The plugin with all that it asks for, to see whether it can be had at all. What it may really do
    /// is said by each flow file.
    async fn compiled(&self, bytes: &Arc<[u8]>) -> Result<(Arc<Plugin>, Inspection), String> {
        let (catalogue, bytes) = (self.catalogue.clone(), Arc::clone(bytes));
        let compiling = tokio::task::spawn_blocking(move || {
            let inspection = inspect(&bytes)?;
            let wanted = inspection.wanted_grants().into_iter();
            let wanted = Grants::of(wanted.map(|name| format!("menagerie:plugin/{name}")));
            Ok((catalogue.load(&bytes, &wanted)?, inspection))
        });
        match compiling.await {
            Ok(loaded) => loaded.map_err(|error: menagerie_sandbox::LoadError| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// It starts, and if it looks at configurations it can look at an empty one.
    async fn conforms(&self, plugin: &Arc<Plugin>) -> Result<(), String> {
        match self.asked(plugin, Request::Start).await {
            Ended::Value(Reply::Started) => {}
            other => return Err(format!("the plugin does not start: {other}")),
        }
        if !plugin.checks_config() {
            return Ok(());
        }
        let request = Request::CheckConfig {
            config: "{}".to_owned(),
            agents: Vec::new(),
        };
        match self.asked(plugin, request).await {
            // An empty configuration may well be wrong.
            Ended::Value(Reply::Problems(_)) => Ok(()),
            other => Err(format!(
                "the plugin cannot look at a configuration: {other}"
            )),
        }
    }

    async fn asked(&self, plugin: &Arc<Plugin>, request: Request) -> Ended {
        let engine = self.catalogue.engine();
        let look = Look {
            plugin,
            limits: Limits::within(engine.config()),
            name: plugin.manifest().name.clone(),
            during: "admission",
        };
        look.at(engine, request).await
    }

    /// Makes the calls of the newest ended runs that used the plugin again, with this version of it.
    async fn gate(&self, name: &str, bytes: &Arc<[u8]>, gate: Gate) -> Result<usize, String> {
        let journal = self.host.journal();
        let (mut judged, mut after) = (0, None);
        loop {
            let page = Page { after, limit: PAGE };
            let found = journal.runs(RunFilter::default(), page).await;
            let found = found.map_err(|error| error.to_string())?;
            for row in found.rows.iter().filter(|row| row.status.ended) {
                let with = [Replacement {
                    name: name.to_owned(),
                    bytes: Arc::clone(bytes),
                }];
                let level = Some(gate.level);
                let told =
                    replay_versions(journal, self.catalogue, &row.key, &with, level, &|_, _| {});
                match told.await {
                    // A run that does not use it.
                    Err(ReplayError::UnknownName { .. }) => continue,
                    Ok(versions) if versions.holds() => judged += 1,
                    Ok(_) => {
                        let run = safe_line(&row.key.to_string());
                        return Err(format!(
                            "the gate is shut: the plugin does not hold in run {run}; `menagerie replay {run} --with {}=FILE` shows how it differs",
                            safe_line(name)
                        ));
                    }
                    Err(error) => {
                        return Err(format!(
                            "the gate is shut: run {}: {}",
                            row.key,
                            chain(&error)
                        ));
                    }
                }
                if judged == gate.runs {
                    return Ok(judged);
                }
            }
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        match judged {
            0 => Err(format!(
                "the gate is shut: no ended run of the store uses `{}`; add it without --gate",
                safe_line(name)
            )),
            judged => Ok(judged),
        }
    }
}

/// The text of a plugin's signature, if there is one.
///
/// # Errors
/// A sentence, when the file that was named, or that lies beside the plugin, cannot be read.
pub(crate) fn signature_of(file: &Path, named: Option<&Path>) -> Result<Option<String>, String> {
    let beside = || {
        let mut name = file.as_os_str().to_owned();
        name.push(".minisig");
        PathBuf::from(name)
    };
    let path = named.map_or_else(beside, Path::to_owned);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!(
            "the signature {} cannot be read: {error}",
            path.display()
        )),
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
