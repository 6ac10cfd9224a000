//! What a run stays on, out of the store: its flow, its licence, its plugins.

use std::sync::Arc;

use menagerie_journal::{Journal, RunKey};
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
    let bytes = bytes_of(journal, key, FLOW_PIN).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let parsed = flow_file::parse(&text).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ExecutorError::Assemble {
            run: key.clone(),
            source: Box::new(AssembleError {
                role: "flow".to_owned(),
                problem: AssembleProblem::Flow(told.join("; ")),
            }),
        }
    })?;
    Ok((Arc::new(parsed.flow), text.into()))
}

async fn bytes_of(
    journal: &dyn Journal,
    key: &RunKey,
    name: &str,
) -> Result<Arc<[u8]>, ExecutorError> {
    let pins = journal.pins(key).await?;
    let Some(pin) = pins.into_iter().find(|pin| pin.name == name) else {
        // An unknown run is told apart from one that lacks something.
        journal.run(key).await?;
        return Err(ExecutorError::MissingPin {
            run: key.clone(),
            what: name.to_owned(),
        });
    };
    Ok(journal.blob(&key.namespace, pin.digest).await?)
}

/// Everything that a run stays on, out of the store.
pub(crate) async fn assembled(
    journal: &dyn Journal,
    catalogue: &Catalogue,
    key: &RunKey,
) -> Result<Assembled, ExecutorError> {
    let (flow, text) = self::flow(journal, key).await?;
    let entitlements = bytes_of(journal, key, ENTITLEMENTS_PIN).await?;
    let entitlements: Entitlements =
        serde_json::from_slice(&entitlements).map_err(|_| ExecutorError::MissingPin {
            run: key.clone(),
            what: ENTITLEMENTS_PIN.to_owned(),
        })?;
    let mut found = Vec::new();
    for (role, _, uses) in uses(&flow) {
        let bytes = bytes_of(journal, key, &format!("{PLUGIN_PIN}{role}")).await?;
        found.push((uses.plugin.clone(), bytes));
    }
    let finder = PinnedPlugins(found);
    assemble(catalogue, flow, text, &finder, entitlements).map_err(|mut errors| {
        ExecutorError::Assemble {
            run: key.clone(),
            source: Box::new(errors.remove(0)),
        }
    })
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
