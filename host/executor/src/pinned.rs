//! What a run stays on, out of the store: its flow, its licence, its plugins.

use std::sync::Arc;

use menagerie_journal::{Digest, Journal, PinRow, RunKey};
use menagerie_licensing::Entitlements;
use menagerie_orchestration::flow::{Flow, PluginSource};
use menagerie_orchestration::flow_file;
use menagerie_sandbox::Catalogue;

use crate::assemble::{
    AssembleError, AssembleProblem, Assembled, ENTITLEMENTS_PIN, FLOW_PIN, PLUGIN_PIN,
    PluginFinder, assemble, uses,
};
use crate::error::ExecutorError;

/// The flow of a run and its text.
pub(crate) async fn flow(
    journal: &dyn Journal,
    key: &RunKey,
) -> Result<(Arc<Flow>, Arc<str>), ExecutorError> {
    Pinned::of(journal, key).await?.flow().await
}

/// Everything that a run stays on, out of the store.
pub(crate) async fn assembled(
    journal: &dyn Journal,
    catalogue: &Catalogue,
    key: &RunKey,
) -> Result<Assembled, ExecutorError> {
    Pinned::of(journal, key).await?.assembled(catalogue).await
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

    /// Everything that the run stays on, out of the store, loaded and checked. What is compiled is
    /// compiled on a thread for such work.
    pub(crate) async fn assembled(
        &self,
        catalogue: &Catalogue,
    ) -> Result<Assembled, ExecutorError> {
        let (flow, text) = self.flow().await?;
        let entitlements = self.bytes(ENTITLEMENTS_PIN).await?;
        let entitlements: Entitlements =
            serde_json::from_slice(&entitlements).map_err(|_| self.missing(ENTITLEMENTS_PIN))?;
        let mut found = Vec::new();
        for (role, _, uses) in uses(&flow) {
            let bytes = self.bytes(&format!("{PLUGIN_PIN}{role}")).await?;
            found.push((uses.plugin.clone(), bytes));
        }
        let (catalogue, finder) = (catalogue.clone(), PinnedPlugins(found));
        let assembling = tokio::task::spawn_blocking(move || {
            assemble(&catalogue, flow, text, &finder, entitlements)
        });
        match assembling.await {
            Ok(assembled) => assembled.map_err(|mut errors| self.unusable(errors.remove(0))),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
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

/// The plugins that a run is pinned to. One source is one plugin within a flow.
struct PinnedPlugins(Vec<(PluginSource, Arc<[u8]>)>);

impl PluginFinder for PinnedPlugins {
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        let found = self.0.iter().find(|(known, _)| known == source);
        found
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| format!("{source:?} is not pinned"))
    }
}
