//! The way of a component into the registry: signature, checks, compiler, conformance, gate, swap. What
//! fails anywhere on it never goes live.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use menagerie_executor::{
    Accepted, Candidate, Host, Registry, Replacement, ReplayError, Source, Version, replay_versions,
};
use menagerie_journal::{Page, RunFilter};
use menagerie_orchestration::replay::Level;
use menagerie_sandbox::{
    Catalogue, Ended, Grants, Inspection, Limits, Plugin, Reply, Request, inspect, read_component,
};

use crate::failure::{Failure, chain};
use crate::look::Look;
use crate::settings::Settings;
use crate::terminal::text::safe_line;

/// Runs that are looked at once.
const PAGE: usize = 100;

/// More than any signature has: what is cut off here is read as none.
const SIGNATURE_BYTES: u64 = 64 << 10;

/// Where plugins are admitted to.
pub(crate) struct Admission<'host> {
    pub(crate) settings: &'host Settings,
    pub(crate) host: &'host Host,
    pub(crate) catalogue: &'host Catalogue,
    pub(crate) registry: &'host Registry,
}

/// What is to be admitted.
pub(crate) struct Named {
    pub(crate) offer: Offer,
    /// Else its manifest's.
    pub(crate) name: Option<String>,
    /// Whether it may ask for more than its predecessor.
    pub(crate) granted: bool,
}

/// A component, wherever it comes from. Nothing of it was looked at yet.
pub(crate) struct Offer {
    pub(crate) source: Source,
    pub(crate) bytes: Arc<[u8]>,
    /// As minisign writes it.
    pub(crate) signature: Option<String>,
}

impl Offer {
    /// Reads a file; its signature is the one that is named, or the file's name with `.minisig` behind
    /// it, if that is there.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn of_file(path: &Path, signature: Option<&Path>) -> Result<Offer, Failure> {
        let shown = path.display().to_string();
        let refused = |problem: String| Failure::usage(format!("{shown}: {problem}"));
        let bytes = read_component(path).map_err(|error| refused(error.to_string()))?;
        Ok(Offer {
            bytes: bytes.into(),
            signature: signature_of(path, signature).map_err(refused)?,
            source: Source::File(shown),
        })
    }
}

/// Recorded runs in whose surroundings the plugin has to hold.
pub(crate) struct Gate {
    /// That of the plugin's kind when left out.
    pub(crate) level: Option<Level>,
    /// How many that used the plugin, the newest first.
    pub(crate) runs: usize,
    /// Why it is to go live even if the gate is shut.
    pub(crate) accept: Option<String>,
}

/// What a gate said.
#[derive(Default)]
struct Judged {
    runs: usize,
    accepted: Option<Accepted>,
}

impl Gate {
    /// A gate is shut for what it found; somebody may have seen to that beforehand.
    fn shut(self, runs: usize, found: String) -> Result<Judged, String> {
        let Some(reason) = self.accept else {
            return Err(format!(
                "the gate is shut: {found}; `--accept REASON` lets it through"
            ));
        };
        let accepted = Some(Accepted { reason, found });
        Ok(Judged { runs, accepted })
    }
}

/// What went live.
pub(crate) struct Admitted {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// Runs that the gate looked at.
    pub(crate) judged: usize,
}

/// Whoever decides about a plugin reads its manifest, so that what it imports has to stand there.
fn says_what_it_imports(inspection: &Inspection) -> Result<(), String> {
    match inspection.undeclared_grants().first() {
        None => Ok(()),
        Some(name) => Err(format!(
            "the component imports `{name}`, which takes a grant, and its manifest does not ask for it: \
             expected \"{name}\" under `grants`, found [{}]",
            safe_line(&inspection.manifest.grants.join(", "))
        )),
    }
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
        let Offer {
            source,
            bytes,
            signature,
        } = &named.offer;
        let refused = |problem: String| Failure::usage(format!("{source}: {problem}"));
        let trust = self.settings.trust()?;
        let signer = trust.check(bytes, signature.as_deref());
        let signer = signer.map_err(|error| refused(error.to_string()))?;
        let (plugin, inspection) = self.compiled(bytes).await.map_err(refused)?;
        says_what_it_imports(&inspection).map_err(refused)?;
        self.conforms(&plugin).await.map_err(refused)?;
        let judged = match gate {
            None => Judged::default(),
            Some(gate) => {
                let name = &inspection.manifest.name;
                self.gate(name, bytes, gate).await.map_err(refused)?
            }
        };
        let name = named.name.as_deref().unwrap_or(&inspection.manifest.name);
        let candidate = Candidate {
            name,
            bytes,
            inspection: &inspection,
            signer: signer.as_deref(),
            source,
            signature: signature.as_deref(),
            granted: named.granted,
            accepted: judged.accepted.as_ref(),
            at_ms: now_ms(),
        };
        let version = self.registry.add(&candidate);
        Ok(Admitted {
            name: name.to_owned(),
            version: version.map_err(|error| refused(error.to_string()))?,
            judged: judged.runs,
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
    async fn gate(&self, name: &str, bytes: &Arc<[u8]>, gate: Gate) -> Result<Judged, String> {
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
                let told = replay_versions(
                    journal,
                    self.catalogue,
                    &row.key,
                    &with,
                    gate.level,
                    &|_, _| {},
                );
                match told.await {
                    // A run that does not use it.
                    Err(ReplayError::UnknownName { .. }) => continue,
                    Ok(versions) if versions.holds() => judged += 1,
                    Ok(_) => {
                        let run = safe_line(&row.key.to_string());
                        let found = format!(
                            "the plugin does not hold in run {run}; `menagerie replay {run} --with {}=FILE` shows how it differs",
                            safe_line(name)
                        );
                        return gate.shut(judged, found);
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
                    return Ok(Judged {
                        runs: judged,
                        accepted: None,
                    });
                }
            }
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        match judged {
            0 => gate.shut(
                0,
                format!("no ended run of the store uses `{}`", safe_line(name)),
            ),
            runs => Ok(Judged {
                runs,
                accepted: None,
            }),
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
    let read = || {
        let mut text = String::new();
        let file = std::fs::File::open(&path)?;
        file.take(SIGNATURE_BYTES).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err::<_, std::io::Error>(error) => Err(format!(
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
