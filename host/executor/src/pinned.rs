//! What a run stays on, out of the store: its flow, its licence, its plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_journal::{Digest, Journal, PinRow, RunKey};
use menagerie_licensing::Entitlements;
use menagerie_orchestration::flow::{Flow, PluginSource};
use menagerie_orchestration::flow_file;
use menagerie_orchestration::run::SNAPSHOT_VERSION;
use menagerie_sandbox::{Catalogue, inspect};

use crate::assemble::{
    self, AssembleError, AssembleProblem, Assembled, ENTITLEMENTS_PIN, FLOW_PIN, PLUGIN_PIN, Part,
    PluginFinder, assemble, migrated_pin, uses,
};
use crate::error::ExecutorError;
use crate::store;

/// The flow of a run and its text.
pub(crate) async fn flow(
    journal: &dyn Journal,
    key: &RunKey,
) -> Result<(Arc<Flow>, Arc<str>), ExecutorError> {
    Pinned::of(journal, key).await?.flow().await
}

/// Everything that a run began with, out of the store.
pub(crate) async fn assembled(
    journal: &dyn Journal,
    catalogue: &Catalogue,
    key: &RunKey,
) -> Result<Assembled, ExecutorError> {
    let began_with = BTreeMap::new();
    let pinned = Pinned::of(journal, key).await?;
    pinned.assembled(catalogue, &began_with).await
}

/// The pins of one run, listed once.
pub(crate) struct Pinned<'store> {
    journal: &'store dyn Journal,
    key: &'store RunKey,
    pins: Vec<PinRow>,
}

impl<'store> Pinned<'store> {
    pub(crate) async fn of(
        journal: &'store dyn Journal,
        key: &'store RunKey,
    ) -> Result<Self, ExecutorError> {
        let pins = journal.pins(key).await?;
        if pins.is_empty() {
            // An unknown run is told apart from one that lacks something.
            journal.run(key).await?;
        }
        Ok(Self { journal, key, pins })
    }

    /// Names all that the run stays on.
    pub(crate) fn identity(&self) -> Vec<(String, Digest)> {
        let pins = self.pins.iter();
        pins.map(|pin| (pin.name.clone(), pin.digest)).collect()
    }

    /// The versions that are called now, by role; nothing for a run that was never migrated.
    pub(crate) async fn migrated(&self) -> Result<BTreeMap<String, String>, ExecutorError> {
        let prepared = |pin: &PinRow| pin.name.starts_with(PLUGIN_PIN) && pin.name.contains('@');
        if !self.pins.iter().any(prepared) {
            return Ok(BTreeMap::new());
        }
        let (flow, _) = self.flow().await?;
        let loaded = self.journal.load(self.key, SNAPSHOT_VERSION).await?;
        let run = store::fold(self.journal, self.key, flow, loaded).await?;
        let mut now = run.pins().plugins.clone();
        now.retain(|role, digest| !self.began_with(role, digest));
        Ok(now)
    }

    fn began_with(&self, role: &str, digest: &str) -> bool {
        let name = format!("{PLUGIN_PIN}{role}");
        let mut pins = self.pins.iter();
        pins.any(|pin| pin.name == name && format!("sha256:{}", pin.digest) == digest)
    }

    /// Everything that the run stays on, out of the store, loaded and checked: the versions that it was
    /// `migrated` to, and otherwise those that it began with. What is compiled is compiled on a thread
    /// for such work.
    pub(crate) async fn assembled(
        &self,
        catalogue: &Catalogue,
        migrated: &BTreeMap<String, String>,
    ) -> Result<Assembled, ExecutorError> {
        let (flow, text) = self.flow().await?;
        let entitlements = self.bytes(ENTITLEMENTS_PIN).await?;
        let entitlements: Entitlements =
            serde_json::from_slice(&entitlements).map_err(|_| self.missing(ENTITLEMENTS_PIN))?;
        let mut found = BTreeMap::new();
        for (role, ..) in uses(&flow) {
            let pin = match migrated.get(&role) {
                Some(digest) => migrated_pin(&role, digest),
                None => format!("{PLUGIN_PIN}{role}"),
            };
            found.insert(role, self.bytes(&pin).await?);
        }
        let (catalogue, finder) = (catalogue.clone(), PinnedPlugins(found));
        let assembling = tokio::task::spawn_blocking(move || {
            assemble(&catalogue, flow, text, &finder, entitlements)
        });
        let mut assembled = match assembling.await {
            Ok(assembled) => assembled.map_err(|mut errors| self.unusable(errors.remove(0)))?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        for role in migrated.keys() {
            let Some(agent) = role.strip_prefix("agent:") else {
                continue;
            };
            // It is not run any more, and may have been revoked: what it says of itself still counts.
            let first = self.bytes(&format!("{PLUGIN_PIN}{role}")).await?;
            let first = inspect(&first).map_err(|error| self.refused(role, error.into()))?;
            assembled
                .skills
                .insert(agent.to_owned(), first.manifest.skills);
        }
        Ok(assembled)
    }

    /// The version of one use that has this digest, if the run may call it, loaded and checked.
    pub(crate) async fn part(
        &self,
        catalogue: &Catalogue,
        role: &str,
        digest: &str,
    ) -> Result<Option<Part>, ExecutorError> {
        let pin = match self.began_with(role, digest) {
            true => format!("{PLUGIN_PIN}{role}"),
            false => migrated_pin(role, digest),
        };
        if !self.pins.iter().any(|known| known.name == pin) {
            return Ok(None);
        }
        let (flow, bytes) = (self.flow().await?.0, self.bytes(&pin).await?);
        let (catalogue, named) = (catalogue.clone(), role.to_owned());
        let loading = tokio::task::spawn_blocking(move || {
            let (_, kind, uses) = uses(&flow).find(|(role, ..)| *role == named)?;
            Some(assemble::part(&catalogue, kind, uses, bytes))
        });
        match loading.await {
            Ok(None) => Ok(None),
            Ok(Some(part)) => part
                .map(Some)
                .map_err(|problem| self.refused(role, problem)),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    fn refused(&self, role: &str, problem: AssembleProblem) -> ExecutorError {
        let role = role.to_owned();
        self.unusable(AssembleError { role, problem })
    }

    async fn bytes(&self, name: &str) -> Result<Arc<[u8]>, ExecutorError> {
        let Some(pin) = self.pins.iter().find(|pin| pin.name == name) else {
            return Err(self.missing(name));
        };
        Ok(self.journal.blob(&self.key.namespace, pin.digest).await?)
    }

    async fn flow(&self) -> Result<(Arc<Flow>, Arc<str>), ExecutorError> {
        let bytes = self.bytes(FLOW_PIN).await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let parsed = flow_file::parse(&text).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            self.unusable(AssembleError {
                role: "flow".to_owned(),
                problem: AssembleProblem::Flow(told.join("; ")),
            })
        })?;
        Ok((Arc::new(parsed.flow), text.into()))
    }

    fn missing(&self, what: &str) -> ExecutorError {
        ExecutorError::MissingPin {
            run: self.key.clone(),
            what: what.to_owned(),
        }
    }

    fn unusable(&self, error: AssembleError) -> ExecutorError {
        ExecutorError::Assemble {
            run: self.key.clone(),
            source: Box::new(error),
        }
    }
}

/// The plugins that a run is pinned to, by role.
struct PinnedPlugins(BTreeMap<String, Arc<[u8]>>);

impl PluginFinder for PinnedPlugins {
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        Err(format!("{source:?} is pinned by its use alone"))
    }

    fn find_for(&self, role: &str, _source: &PluginSource) -> Result<Arc<[u8]>, String> {
        let found = self.0.get(role).cloned();
        found.ok_or_else(|| format!("{role} is not pinned"))
    }
}
