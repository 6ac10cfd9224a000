//! A flow as the rest of the host sees it: validated, every name resolved.
//!
//! [`Flow`] is what [`parse`](crate::flow_file::parse) makes of a flow file. Nothing in here can be
//! wrong any more, so that the machine need not check it again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::Document;

/// A declared pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// The flow's name: letters, digits, `-` and `_`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What a run must be given.
    pub input: InputSpec,
    /// In the order of the file, which breaks ties.
    pub agents: Vec<AgentSpec>,
    /// Who decides.
    pub strategy: PluginUse,
    /// Who joins the results of parallel steps, by name.
    pub aggregators: BTreeMap<String, PluginUse>,
    /// Bounds on the run as a whole.
    pub limits: RunLimits,
}

/// What a run's input must look like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// A JSON Schema (draft 2020-12) that the input must satisfy.
    pub schema: Option<Document>,
    /// Where the text of an input file that is no JSON goes: `{"<text_field>": "<text>"}`.
    pub text_field: Option<String>,
}

/// One use of a plugin: which, how configured, how bounded, what it was granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginUse {
    /// Where the component comes from.
    pub plugin: PluginSource,
    /// Given to the plugin with each call; an object.
    pub config: Document,
    /// What differs from the default meters.
    pub limits: CallLimits,
    /// The capabilities that the flow gives to this plugin.
    pub grants: Grants,
}

/// What a plugin may do beside computing. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Interfaces that are granted without any rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Requests to the outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpGrant>,
    /// What the steps of a run share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedGrant>,
    /// Files of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<ArtifactsGrant>,
}

impl Grants {
    /// Every granted interface by its name, sorted.
    #[must_use]
    pub fn interfaces(&self) -> Vec<String> {
        let ruled = [
            self.http.as_ref().map(|_| "http"),
            self.shared.as_ref().map(|_| "shared"),
            self.artifacts.as_ref().map(|_| "artifacts"),
        ];
        let ruled = ruled.into_iter().flatten().map(str::to_owned);
        let mut names: Vec<String> = self.names.iter().cloned().chain(ruled).collect();
        names.sort_unstable();
        names
    }

    /// Whether any of them reaches outside the host.
    #[must_use]
    pub fn reach_outside(&self) -> bool {
        self.http.is_some()
    }

    /// Whether a call may wait for the host: then it holds neither a slot nor a place meanwhile, and
    /// others may have begun beside it.
    #[must_use]
    pub fn wait_for_the_host(&self) -> bool {
        self.http.is_some() || self.shared.is_some() || self.artifacts.is_some()
    }
}

/// A grant of `artifacts`: to read the run's, and to make some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsGrant {
    /// Bytes of one artifact.
    pub max_size: u64,
}

impl Default for ArtifactsGrant {
    fn default() -> Self {
        Self {
            max_size: crate::artifact::MOST_ARTIFACT_BYTES,
        }
    }
}

/// A grant of `shared`: which of the run's values may be read, and which may be changed. A pattern is a
/// key, or with `*` at its end every key that begins so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedGrant {
    /// To be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// To be changed, and read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
}

/// A grant of `http`: what no rule allows is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// The first that matches counts.
    pub allow: Vec<HttpRule>,
    /// Bytes of a request's body.
    pub max_request: u64,
    /// Bytes of an answer's body.
    pub max_response: u64,
    /// Milliseconds of an exchange, redirects included.
    pub timeout_ms: u64,
}

/// One thing that a grant of `http` allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRule {
    /// `http` or `https`.
    pub scheme: HttpScheme,
    /// In lower case; `*.example.org` is every name below `example.org`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// In capitals.
    pub methods: Vec<String>,
    /// `*` is anything within a segment, `**` anything.
    pub path: String,
    /// What a crash between intent and record means; by the method where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What becomes of an at-most-once call whose outcome nobody knows.
    pub on_unknown: OnUnknown,
    /// The name of the secret behind each header that the host adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Whether the host may be in a private network, or this machine.
    #[serde(default)]
    pub private_addresses: bool,
}

/// How a server is talked to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpScheme {
    /// In the open.
    Http,
    /// Over TLS.
    #[default]
    Https,
}

/// What a crash between the intent and the record of a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is repeated: nothing changes by it, or the server honours the header `Idempotency-Key`.
    Idempotent,
    /// It is repeated, and counted as possibly done twice.
    AtLeastOnce,
    /// It is not repeated: what becomes of it says `on_unknown`.
    AtMostOnce,
}

/// What becomes of an at-most-once call whose outcome nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It is repeated after all.
    Retry,
    /// The step waits for a person's answer.
    #[default]
    Review,
    /// The step fails.
    Fail,
}

impl HttpRule {
    /// The class of a call by `method`.
    #[must_use]
    pub fn effect_of(&self, method: &str) -> Effect {
        self.effect.unwrap_or(match method {
            "GET" | "HEAD" | "OPTIONS" => Effect::AtLeastOnce,
            _ => Effect::AtMostOnce,
        })
    }
}

impl std::fmt::Display for HttpRule {
    /// `GET https://example.org:443/v1/*`, and what is special about it.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            HttpScheme::Http => "http",
            HttpScheme::Https => "https",
        };
        let (methods, host, port, path) =
            (self.methods.join(","), &self.host, self.port, &self.path);
        write!(out, "{methods} {scheme}://{host}:{port}{path}")?;
        let effects: std::collections::BTreeSet<&str> = self
            .methods
            .iter()
            .map(|method| match self.effect_of(method) {
                Effect::Idempotent => "idempotent",
                Effect::AtLeastOnce => "at-least-once",
                Effect::AtMostOnce => match self.on_unknown {
                    OnUnknown::Retry => "at-most-once (on_unknown = retry)",
                    OnUnknown::Review => "at-most-once (on_unknown = review)",
                    OnUnknown::Fail => "at-most-once (on_unknown = fail)",
                },
            })
            .collect();
        for effect in effects {
            write!(out, ", {effect}")?;
        }
        for (header, secret) in &self.secrets {
            write!(out, ", {header} from the secret `{secret}`")?;
        }
        if self.private_addresses {
            write!(out, ", private addresses")?;
        }
        Ok(())
    }
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginSource {
    /// A name looked up in the plugin folders.
    Named(String),
    /// A file, relative to the flow file.
    File(String),
    /// What was added from a registry, `oci://HOST/NAME@sha256:…`, by the digest of its manifest.
    Oci(String),
}

/// One agent of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// The agent's name within the flow; never `start`, `end` or `orchestrator`.
    pub name: String,
    /// The plugin behind it.
    pub uses: PluginUse,
    /// Agents whose steps end before this one's starts. Free of cycles.
    pub after: Vec<String>,
    /// Higher is sooner where slots are short.
    pub priority: i32,
    /// What a step is expected to take; used for the critical path.
    pub estimated: Option<Duration>,
    /// What happens after a failure that may pass.
    pub retry: RetryPolicy,
    /// How long one attempt may take, waits for the host included.
    pub timeout: Duration,
    /// The agent that takes over when this one has failed for good. Free of cycles.
    pub fallback: Option<String>,
    /// What a final failure does to the step.
    pub on_failure: OnFailure,
    /// How many steps of this agent may run at once.
    pub max_load: u32,
}

/// What a final failure does to a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The step has failed, and the strategy is asked what follows.
    #[default]
    Fail,
    /// The step counts as skipped: what depends on it goes on without its output.
    Skip,
    /// The step waits for a person's answer.
    Escalate,
}

/// When and how often a failed attempt is made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max_retries: u32,
    /// The delay before the first retry; doubled for each further one.
    pub base: Duration,
    /// No delay is longer.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            base: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
        }
    }
}

/// Meters of one call that differ from the host's defaults. `None` is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// Units of fuel.
    pub fuel: Option<u64>,
    /// Milliseconds of guest code running.
    pub busy_ms: Option<u64>,
    /// Bytes, over all memories of an instance.
    pub memory_bytes: Option<u64>,
    /// Elements, over all tables of an instance.
    pub table_elements: Option<u64>,
    /// Core instances within the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// Tables within the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<u32>,
    /// Memories within the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memories: Option<u32>,
    /// Bytes that the guest passes to the host at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_call_bytes: Option<u64>,
    /// Bytes that the guest passes to the host in one call of it.
    pub guest_bytes: Option<u64>,
    /// Handles that the guest holds at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles: Option<u32>,
    /// Host calls.
    pub host_calls: Option<u64>,
    /// Requests of `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_calls: Option<u32>,
    /// Calls of `shared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_calls: Option<u32>,
    /// Calls of `artifacts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_calls: Option<u32>,
    /// Bytes of the answer.
    pub output_bytes: Option<u64>,
    /// How deeply JSON in the answer is nested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_depth: Option<u32>,
    /// Values and names in all JSON of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_nodes: Option<u32>,
    /// Log lines that are kept.
    pub log_lines: Option<u64>,
    /// Log bytes that are kept.
    pub log_bytes: Option<u64>,
    /// Bytes of the agent's own context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_bytes: Option<u64>,
}

/// Bounds on a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Steps that may be started, joins and skipped ones included.
    pub max_steps: u32,
    /// Decisions that may be asked for.
    pub max_decisions: u32,
    /// Steps that may run at once; those that wait for the outside are not among them.
    pub max_concurrent: u32,
    /// How long the run may take, gates and pauses not counted.
    pub total_timeout: Duration,
    /// Where checkpoints are made without being asked for. Absent in journals of older hosts, which
    /// made none.
    #[serde(default, skip_serializing_if = "Checkpoints::is_none")]
    pub checkpoints: Checkpoints,
}

/// Calls that may wait outside, for each one that may run at once.
const OUTSIDE_FOR_EACH: u32 = 8;

impl RunLimits {
    /// Calls that may have begun and not ended: those that wait outside hold no place among the ones
    /// that run at once, but connections and memory of the host.
    #[must_use]
    pub fn most_begun(&self) -> usize {
        let most = self.max_concurrent.saturating_mul(1 + OUTSIDE_FOR_EACH);
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

/// Where a run makes checkpoints by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// After so much of the run's own time, unless nothing has happened meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// After each step of these agents that completes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<String>,
}

impl Checkpoints {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            max_steps: 1_000,
            max_decisions: 1_000,
            max_concurrent: 10,
            total_timeout: Duration::from_secs(3_600),
            checkpoints: Checkpoints::default(),
        }
    }
}

impl Flow {
    /// The agent of that name.
    #[must_use]
    pub fn agent(&self, name: &str) -> Option<&AgentSpec> {
        self.agents.iter().find(|agent| agent.name == name)
    }
}
