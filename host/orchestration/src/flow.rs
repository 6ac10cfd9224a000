//! A flow as the rest of the host sees it: validated, every name resolved.
//!
//! [`Flow`] is what [`parse`](crate::flow_file::parse) makes of a flow file. Nothing in here can be
//! wrong any more, so that the machine need not check it again.

use std::collections::BTreeMap;
use std::time::Duration;

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
    /// The capabilities that the flow gives to this plugin, by interface name, such as `http`.
    pub grants: Vec<String>,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginSource {
    /// A name looked up in the plugin folders.
    Named(String),
    /// A file, relative to the flow file.
    File(String),
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
    /// Bytes that the guest passes to the host in one call of it.
    pub guest_bytes: Option<u64>,
    /// Host calls.
    pub host_calls: Option<u64>,
    /// Bytes of the answer.
    pub output_bytes: Option<u64>,
    /// Log lines that are kept.
    pub log_lines: Option<u64>,
    /// Log bytes that are kept.
    pub log_bytes: Option<u64>,
}

/// Bounds on a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Steps that may be started, joins and skipped ones included.
    pub max_steps: u32,
    /// Decisions that may be asked for.
    pub max_decisions: u32,
    /// Steps that may run at once.
    pub max_concurrent: u32,
    /// How long the run may take, gates and pauses not counted.
    pub total_timeout: Duration,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            max_steps: 1_000,
            max_decisions: 1_000,
            max_concurrent: 10,
            total_timeout: Duration::from_secs(3_600),
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
