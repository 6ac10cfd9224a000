//! From a flow and component files to something that can be run: every plugin found, checked,
//! compiled and of the right kind, every limit within the node's ceilings and the licence.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_journal::{Content, Digest, Pin};
use menagerie_licensing::{Entitlements, Feature, Refusal};
use menagerie_orchestration::command::PluginRole;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::Pins;
use menagerie_orchestration::flow::{Flow, PluginSource, PluginUse, RunLimits};
use menagerie_orchestration::wire;
use menagerie_sandbox::{
    ArtifactPolicy, CONTRACT_VERSION, Catalogue, CeilingError, Engine, Grants, HttpPolicy, Kind,
    Limits, LoadError, Plugin, SharedPolicy,
};

use crate::translate::{Skills, limits_of, policy_of};

/// Where component files come from.
pub trait PluginFinder {
    /// The bytes behind a name or a file.
    ///
    /// # Errors
    /// A sentence that says where it was looked for, and what to do.
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String>;

    /// The same for one use of it, where uses of one source may differ.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    fn find_for(&self, role: &str, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        let _ = role;
        self.find(source)
    }
}

/// Why a flow cannot be run here.
#[derive(Debug, thiserror::Error)]
#[error("{role}: {problem}")]
pub struct AssembleError {
    /// `agent:NAME`, `strategy`, `aggregator:NAME`, or `flow`.
    pub role: String,
    /// What is wrong with it.
    #[source]
    pub problem: AssembleProblem,
}

/// What is wrong with one use of a plugin.
#[derive(Debug, thiserror::Error)]
pub enum AssembleProblem {
    /// There is no such component.
    #[error("{0}")]
    NotFound(String),
    /// The component is refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The component imports what the flow does not grant.
    #[error(
        "the component imports `{import}`, which the flow file does not grant; to grant it, add to [{table}] the line: {line}"
    )]
    NotGranted {
        /// The interface.
        import: String,
        /// The table of the flow file that the grant belongs to.
        table: String,
        /// A line that grants it.
        line: &'static str,
    },
    /// The component is for something else.
    #[error("`{plugin}` is a plugin of kind {found}, expected {expected}")]
    WrongKind {
        /// The plugin's name.
        plugin: String,
        /// Its kind.
        found: Kind,
        /// The kind that the use needs.
        expected: Kind,
    },
    /// A limit is beyond what this node gives.
    #[error(transparent)]
    Ceiling(#[from] CeilingError),
    /// The licence does not allow it.
    #[error(transparent)]
    Licence(#[from] Refusal),
    /// The plugin reaches outside, which the licence does not allow.
    #[error("its grant of `{grant}` reaches outside of the host")]
    Outside {
        /// The interface.
        grant: &'static str,
        /// What the licence lacks.
        #[source]
        refusal: Refusal,
    },
    /// A secret that a grant names is not there.
    #[error(
        "the secret `{secret}`, which is to be the header `{header}`, is not there: set the variable {variable}, or add it to the file that the setting `secrets` names"
    )]
    Secret {
        /// Its name.
        secret: String,
        /// What it is for.
        header: String,
        /// The variable of the environment that would hold it.
        variable: String,
    },
    /// The pinned flow cannot be read by this host.
    #[error("the flow cannot be read: {0}")]
    Flow(String),
}

/// One use of a plugin, ready for calls.
#[derive(Clone)]
pub struct Part {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// Its bytes, which a run is pinned to.
    pub bytes: Arc<[u8]>,
    /// Its meters.
    pub limits: Limits,
    /// What it may do by its grant of `http`.
    pub http: Option<Arc<HttpPolicy>>,
    /// What it may share with the run's other steps.
    pub shared: Option<Arc<SharedPolicy>>,
    /// What it may do with the run's artifacts.
    pub artifacts: Option<ArtifactPolicy>,
}

/// A flow with everything that it needs.
#[derive(Clone)]
pub struct Assembled {
    /// The flow.
    pub flow: Arc<Flow>,
    /// Its text, which a run is pinned to.
    pub text: Arc<str>,
    /// By role: `agent:NAME`, `strategy`, `aggregator:NAME`.
    pub parts: BTreeMap<String, Part>,
    /// The flow's bounds, narrowed by the licence.
    pub limits: RunLimits,
    /// The licence as applied.
    pub entitlements: Entitlements,
    /// The engine's fingerprint.
    pub engine: String,
    /// What the strategy is told of the agents' skills: those of the versions that the run began with,
    /// so that its views stay the same when it is migrated.
    pub(crate) skills: Skills,
}

/// Every use of a plugin in a flow: its role, what kind it must be, and the use.
pub fn uses(flow: &Flow) -> impl Iterator<Item = (String, Kind, &PluginUse)> {
    let agents = flow
        .agents
        .iter()
        .map(|agent| (format!("agent:{}", agent.name), Kind::Agent, &agent.uses));
    let strategy = ("strategy".to_owned(), Kind::Strategy, &flow.strategy);
    let aggregators = flow
        .aggregators
        .iter()
        .map(|(name, uses)| (format!("aggregator:{name}"), Kind::Aggregator, uses));
    agents.chain([strategy]).chain(aggregators)
}

/// Finds, loads and checks everything that a flow names. Blocks while components are compiled.
///
/// # Errors
/// All that is wrong, in the order of the flow.
pub fn assemble(
    catalogue: &Catalogue,
    flow: Arc<Flow>,
    text: Arc<str>,
    finder: &dyn PluginFinder,
    entitlements: Entitlements,
) -> Result<Assembled, Vec<AssembleError>> {
    let mut errors = Vec::new();
    let mut parts = BTreeMap::new();
    if let Err(refusal) = entitlements.check_agents(flow.agents.len()) {
        errors.push(AssembleError {
            role: "flow".to_owned(),
            problem: refusal.into(),
        });
    }
    for (role, kind, uses) in uses(&flow) {
        let found = finder
            .find_for(&role, &uses.plugin)
            .map_err(AssembleProblem::NotFound);
        let found = found.and_then(|bytes| {
            check_outside(uses, &entitlements)?;
            part(catalogue, kind, uses, bytes).map_err(|problem| with_line(&role, problem))
        });
        match found {
            Ok(part) => {
                parts.insert(role, part);
            }
            Err(problem) => errors.push(AssembleError { role, problem }),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let limits = narrowed(&flow.limits, &entitlements);
    Ok(Assembled {
        skills: skills_of(&parts),
        flow,
        text,
        parts,
        limits,
        entitlements,
        engine: catalogue.engine().fingerprint().to_owned(),
    })
}

/// A refusal for want of a grant, with what would grant it.
fn with_line(role: &str, problem: AssembleProblem) -> AssembleProblem {
    let AssembleProblem::Load(LoadError::NotGranted { import, .. }) = problem else {
        return problem;
    };
    let interface = import.split('@').next().unwrap_or(&import);
    let line = GRANT_LINES
        .iter()
        .find(|(name, _)| interface.strip_prefix("menagerie:plugin/") == Some(name));
    let Some((_, line)) = line else {
        return LoadError::UnknownImport { import }.into();
    };
    let table = match role.split_once(':') {
        Some((kind, name)) => format!("{kind}s.{name}"),
        None => role.to_owned(),
    };
    AssembleProblem::NotGranted {
        import,
        table,
        line,
    }
}

/// For each interface that takes a grant, a line of a flow file that grants it. One that this host does
/// not serve has none.
const GRANT_LINES: [(&str, &str); 3] = [
    ("artifacts", "grants.artifacts = {}"),
    (
        "http",
        "grants.http.allow = [{ host = \"example.org\", path = \"/**\" }]",
    ),
    (
        "shared",
        "grants.shared = { read = [\"*\"], write = [\"*\"] }",
    ),
];

/// Grants that reach outside take a feature of the licence.
fn check_outside(uses: &PluginUse, entitlements: &Entitlements) -> Result<(), AssembleProblem> {
    if !uses.grants.reach_outside() {
        return Ok(());
    }
    entitlements
        .feature(Feature::ExternalActions)
        .map_err(|refusal| AssembleProblem::Outside {
            grant: "http",
            refusal,
        })
}

/// Every secret that a grant of the flow names and the operator does not have. For those who are going
/// to run it: what is only looked at, or replayed, needs none.
#[must_use]
pub fn missing_secrets(engine: &Engine, flow: &Flow) -> Vec<AssembleError> {
    let mut missing = Vec::new();
    for (role, _, uses) in uses(flow) {
        let rules = uses.grants.http.iter().flat_map(|http| &http.allow);
        for (header, secret) in rules.flat_map(|rule| &rule.secrets) {
            if !engine.has_secret(secret) {
                missing.push(AssembleError {
                    role: role.clone(),
                    problem: AssembleProblem::Secret {
                        secret: secret.clone(),
                        header: header.clone(),
                        variable: secret_variable(secret),
                    },
                });
            }
        }
    }
    missing
}

/// The variable of the environment that may hold a secret: `MENAGERIE_SECRET_` and the name in
/// capitals.
#[must_use]
pub fn secret_variable(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('-', "_");
    format!("{SECRET_VARIABLE}{name}")
}

/// How the variables that hold secrets begin.
pub const SECRET_VARIABLE: &str = "MENAGERIE_SECRET_";

/// Loads the component of one use.
pub(crate) fn part(
    catalogue: &Catalogue,
    expected: Kind,
    uses: &PluginUse,
    bytes: Arc<[u8]>,
) -> Result<Part, AssembleProblem> {
    let node = catalogue.engine().config();
    let limits = limits_of(&uses.limits, node);
    limits.check(node)?;
    let grants = uses.grants.interfaces().into_iter();
    let grants = grants.map(|name| format!("menagerie:plugin/{name}"));
    let plugin = catalogue.load(&bytes, &Grants::of(grants))?;
    if plugin.kind() != expected {
        return Err(AssembleProblem::WrongKind {
            plugin: plugin.manifest().name.clone(),
            found: plugin.kind(),
            expected,
        });
    }
    Ok(Part {
        plugin,
        bytes,
        limits,
        http: uses
            .grants
            .http
            .as_ref()
            .map(|grant| Arc::new(policy_of(grant))),
        artifacts: uses.grants.artifacts.as_ref().map(|grant| ArtifactPolicy {
            max_size: grant.max_size,
        }),
        shared: uses.grants.shared.as_ref().map(|grant| {
            Arc::new(SharedPolicy {
                read: grant.read.clone(),
                write: grant.write.clone(),
            })
        }),
    })
}

/// The flow's bounds, no wider than the licence.
fn narrowed(limits: &RunLimits, entitlements: &Entitlements) -> RunLimits {
    let mut narrowed = limits.clone();
    narrowed.max_concurrent = narrowed.max_concurrent.min(entitlements.parallel_width());
    narrowed
}

impl Assembled {
    /// What a run of this flow stays on, by name and digest.
    #[must_use]
    pub fn pins(&self) -> Pins {
        let plugins = self
            .parts
            .iter()
            .map(|(role, part)| (role.clone(), part.plugin.digest().to_owned()));
        let grants = uses(&self.flow).map(|(role, _, uses)| (role, uses.grants.interfaces()));
        let http =
            uses(&self.flow).filter_map(|(role, _, uses)| Some((role, uses.grants.http.clone()?)));
        let shared = uses(&self.flow)
            .filter_map(|(role, _, uses)| Some((role, uses.grants.shared.clone()?)));
        Pins {
            flow: wire::digest(self.text.as_bytes()),
            contract: CONTRACT_VERSION.to_string(),
            engine: self.engine.clone(),
            plugins: plugins.collect(),
            grants: grants.filter(|(_, grants)| !grants.is_empty()).collect(),
            http: http.collect(),
            shared: shared.collect(),
            entitlements: described(&self.entitlements),
        }
    }

    /// The bytes of all that a run of this flow stays on.
    #[must_use]
    pub fn pinned_content(&self) -> Vec<Pin> {
        let mut pins = vec![pin(FLOW_PIN, self.text.as_bytes())];
        let entitlements = serde_json::to_vec(&self.entitlements).unwrap_or_default();
        pins.push(pin(ENTITLEMENTS_PIN, &entitlements));
        for (role, part) in &self.parts {
            pins.push(Pin {
                name: format!("{PLUGIN_PIN}{role}"),
                content: Content::new(part.bytes.clone()),
            });
        }
        pins
    }

    /// Whether the strategy asks how agents have fared in other runs.
    pub(crate) fn reads_figures(&self) -> bool {
        let strategy = self.parts.get(&PluginRole::Strategy.to_string());
        strategy.is_some_and(|part| part.plugin.reads_figures())
    }

    /// Whether the strategy can do nothing but compute.
    pub(crate) fn decides_by_computing(&self) -> bool {
        let strategy = self.parts.get(&PluginRole::Strategy.to_string());
        strategy.is_some_and(|part| part.plugin.only_computes())
    }

    /// The skills of the agents' plugins.
    pub(crate) fn skills(&self) -> Skills {
        self.skills.clone()
    }

    /// Names this flow and an input together: a run's id stands for one such pair.
    #[must_use]
    pub fn input_digest(&self, input: &Document) -> Digest {
        let both = format!(
            "{}\n{}",
            wire::digest(self.text.as_bytes()),
            input.to_text()
        );
        Digest::of(both.as_bytes())
    }
}

fn skills_of(parts: &BTreeMap<String, Part>) -> Skills {
    let skills = |(role, part): (&String, &Part)| {
        let name = role.strip_prefix("agent:")?;
        Some((name.to_owned(), part.plugin.manifest().skills.clone()))
    };
    parts.iter().filter_map(skills).collect()
}

/// A licence as a run's first event names it: tier, holder and figures.
fn described(entitlements: &Entitlements) -> BTreeMap<String, String> {
    let mut described = BTreeMap::from([
        ("tier".to_owned(), entitlements.tier.to_string()),
        (
            "parallel_width".to_owned(),
            entitlements.parallel_width().to_string(),
        ),
    ]);
    if let Some(holder) = &entitlements.holder {
        described.insert("holder".to_owned(), holder.clone());
    }
    described
}

/// The pin of the flow's text.
pub(crate) const FLOW_PIN: &str = "flow";
/// The pin of the licence as applied.
pub(crate) const ENTITLEMENTS_PIN: &str = "entitlements";
/// The beginning of a plugin's pin; its role follows.
pub(crate) const PLUGIN_PIN: &str = "plugin:";

/// The pin of a version that a run may be migrated to. What it began with stays pinned by role alone.
pub(crate) fn migrated_pin(role: &str, digest: &str) -> String {
    format!("{PLUGIN_PIN}{role}@{digest}")
}

fn pin(name: &str, bytes: &[u8]) -> Pin {
    Pin {
        name: name.to_owned(),
        content: Content::new(bytes.to_vec()),
    }
}
