//! From the parts of a flow file to a [`Flow`]: what each text means, and what must hold between
//! the parts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use super::file_types::{
    AgentDocument, AnyTable, CallLimitsDocument, CheckpointsDocument, DurationText, FailurePolicy,
    FlowDocument, InputDocument, Located, Name, PluginDocument, PluginPlace, PluginReference,
    RetryDocument, RunLimitsDocument, Size,
};
use super::position::{Problems, Words};
use super::tree::Node;
use super::units;
use super::words::quoted;
use super::{input, relations};
use crate::document::Document;
use crate::flow::{
    AgentSpec, CallLimits, Checkpoints, Flow, Grants, InputSpec, OnFailure, PluginSource,
    PluginUse, RetryPolicy, RunLimits,
};

/// No attempt and no run is given more; a longer one is a slip of the pen.
const LONGEST_DURATION: Duration = Duration::from_secs(366 * 24 * 3_600);
/// The greatest memory of one instance: what its sixteen 32-bit memories can hold.
const MOST_MEMORY: u64 = 64 << 30;
/// The most bytes that any other meter lets pass.
const MOST_BYTES: u64 = 16 << 30;
/// How long one attempt may take.
/// The longest that a run goes on without a place to go on from once more.
const DEFAULT_CHECKPOINTS_EVERY: Duration = Duration::from_secs(300);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How many steps of one agent may run at once.
const DEFAULT_MAX_LOAD: u32 = 3;
/// Who decides where a flow does not say.
const DEFAULT_STRATEGY: &str = "rules";

/// The flow, which is good only as long as nothing was reported.
pub(super) fn flow(document: &FlowDocument, root: &Node, problems: &mut Problems<'_>) -> Flow {
    relations::check(document, problems);
    let mut reader = Reader {
        root,
        problems,
        table: String::new(),
    };
    let mut agents: Vec<(&Located<Name>, &AgentDocument)> = document.agents.iter().collect();
    agents.sort_by_key(|(name, _)| name.span().start);
    Flow {
        name: document.name.to_string(),
        description: document.description.clone(),
        input: document
            .input
            .as_ref()
            .map_or_else(InputSpec::default, |input| reader.input(input)),
        agents: agents
            .into_iter()
            .map(|(name, agent)| reader.agent(name, agent))
            .collect(),
        strategy: match &document.strategy {
            Some(strategy) => reader.plugin("/strategy", strategy),
            None => default_strategy(),
        },
        aggregators: document
            .aggregators
            .iter()
            .map(|(name, plugin)| {
                let pointer = format!("/aggregators/{}", &***name);
                (name.to_string(), reader.plugin(&pointer, plugin))
            })
            .collect::<BTreeMap<_, _>>(),
        limits: {
            let none = RunLimitsDocument::default();
            let limits = document.limits.as_ref().unwrap_or(&none);
            reader.run_limits(limits, &document.checkpoints)
        },
    }
}

fn default_strategy() -> PluginUse {
    PluginUse {
        plugin: PluginSource::Named(DEFAULT_STRATEGY.to_owned()),
        config: Document::empty_object(),
        limits: CallLimits::default(),
        grants: Grants::default(),
    }
}

/// Reads values, and reports those that mean nothing.
pub(super) struct Reader<'a, 't> {
    root: &'a Node,
    pub(super) problems: &'a mut Problems<'t>,
    /// The table that is being read, such as `agents.lockfile`, for messages.
    table: String,
}

impl Reader<'_, '_> {
    fn input(&mut self, input: &InputDocument) -> InputSpec {
        let schema = self.root.follow("/input/schema");
        let schema = match (&input.schema, schema) {
            (Some(_), (node, true)) => {
                input::check_schema(node, self.problems);
                Some(node.to_json())
            }
            _ => None,
        };
        if let Some(field) = &input.text_field {
            input::check_text_field(field, schema.as_ref(), self.problems);
        }
        InputSpec {
            schema: schema.map(Document::from),
            text_field: input.text_field.as_ref().map(|field| (**field).clone()),
        }
    }

    fn agent(&mut self, name: &str, agent: &AgentDocument) -> AgentSpec {
        let pointer = format!("/agents/{name}");
        self.table = format!("agents.{name}");
        AgentSpec {
            name: name.to_owned(),
            uses: PluginUse {
                plugin: self.source(&agent.plugin),
                config: self.config(&pointer, agent.config.as_ref()),
                limits: self.call_limits(agent.limits.as_ref()),
                grants: self.grants(&agent.grants),
            },
            after: agent.after.iter().map(|name| name.to_string()).collect(),
            priority: agent.priority.unwrap_or_default(),
            estimated: self.duration("estimated", agent.estimated.as_ref()),
            retry: self.retry(agent.retry.as_ref()),
            timeout: self
                .duration("timeout", agent.timeout.as_ref())
                .unwrap_or(DEFAULT_TIMEOUT),
            fallback: agent.fallback.as_ref().map(|name| name.to_string()),
            on_failure: match agent.on_failure {
                None => OnFailure::default(),
                Some(FailurePolicy::Fail) => OnFailure::Fail,
                Some(FailurePolicy::Skip) => OnFailure::Skip,
                Some(FailurePolicy::Escalate) => OnFailure::Escalate,
            },
            max_load: agent.max_load.unwrap_or(DEFAULT_MAX_LOAD),
        }
    }

    fn plugin(&mut self, pointer: &str, plugin: &PluginDocument) -> PluginUse {
        self.table = super::structure::dotted(pointer);
        PluginUse {
            plugin: self.source(&plugin.plugin),
            config: self.config(pointer, plugin.config.as_ref()),
            limits: self.call_limits(plugin.limits.as_ref()),
            grants: self.grants(&plugin.grants),
        }
    }

    fn config(&self, pointer: &str, config: Option<&AnyTable>) -> Document {
        match (config, self.root.follow(&format!("{pointer}/config"))) {
            (Some(AnyTable), (node, true)) => Document::from(node.to_json()),
            _ => Document::empty_object(),
        }
    }

    fn source(&mut self, plugin: &Located<PluginReference>) -> PluginSource {
        match &**plugin {
            PluginReference::Named(name) => PluginSource::Named(name.to_string()),
            PluginReference::Placed(place) => self.placed(place, &plugin.span()),
        }
    }

    fn placed(&mut self, place: &PluginPlace, span: &Range<usize>) -> PluginSource {
        let mut bad = |key: &str, found: String, expected: &str| {
            self.bad_value(key, span, found, expected);
        };
        match (&place.file, &place.oci) {
            (Some(path), None) => {
                if path.is_empty() || path.contains(char::is_control) {
                    let found = super::tree::text_shown(path);
                    bad("plugin.file", found, "the path of a component file");
                }
                PluginSource::File(path.clone())
            }
            (None, Some(reference)) => {
                if !is_pinned(reference) {
                    let found = super::tree::text_shown(reference);
                    let expected = "`oci://HOST[:PORT]/NAME@sha256:` and 64 hexadecimal digits";
                    bad("plugin.oci", found, expected);
                }
                PluginSource::Oci(reference.clone())
            }
            (file, _) => {
                let found = if file.is_some() { "both" } else { "neither" };
                bad("plugin", found.to_owned(), "one of `file` and `oci`");
                PluginSource::File(String::new())
            }
        }
    }

    fn retry(&mut self, retry: Option<&RetryDocument>) -> RetryPolicy {
        let default = RetryPolicy::default();
        let Some(retry) = retry else {
            return default;
        };
        let base = self.duration("retry.base", retry.base.as_ref());
        let max_delay = self.duration("retry.max_delay", retry.max_delay.as_ref());
        let policy = RetryPolicy {
            max_retries: retry.max.unwrap_or(default.max_retries),
            base: base.unwrap_or(default.base),
            max_delay: max_delay.unwrap_or(default.max_delay),
        };
        if let Some(written) = retry.base.as_ref().or(retry.max_delay.as_ref())
            && policy.base > policy.max_delay
        {
            self.bad_value(
                "retry",
                &written.span(),
                format!(
                    "`base` of {:?} and `max_delay` of {:?}",
                    policy.base, policy.max_delay
                ),
                "a `base` of at most `max_delay`",
            );
        }
        policy
    }

    fn call_limits(&mut self, limits: Option<&CallLimitsDocument>) -> CallLimits {
        let Some(limits) = limits else {
            return CallLimits::default();
        };
        CallLimits {
            fuel: limits.fuel,
            busy_ms: self
                .duration("limits.busy", limits.busy.as_ref())
                .and_then(|busy| u64::try_from(busy.as_millis()).ok()),
            memory_bytes: self.size("limits.memory", limits.memory.as_ref(), MOST_MEMORY),
            table_elements: limits.table_elements,
            instances: limits.instances,
            tables: limits.tables,
            memories: limits.memories,
            host_call_bytes: self.size(
                "limits.host_call_bytes",
                limits.host_call_bytes.as_ref(),
                MOST_BYTES,
            ),
            guest_bytes: self.size(
                "limits.guest_bytes",
                limits.guest_bytes.as_ref(),
                MOST_BYTES,
            ),
            handles: limits.handles,
            host_calls: limits.host_calls,
            http_calls: limits.http_calls,
            shared_calls: limits.shared_calls,
            artifact_calls: limits.artifact_calls,
            output_bytes: self.size("limits.output", limits.output.as_ref(), MOST_BYTES),
            json_depth: limits.json_depth,
            json_nodes: limits.json_nodes,
            log_lines: limits.log_lines,
            log_bytes: self.size("limits.log_bytes", limits.log_bytes.as_ref(), MOST_BYTES),
            context_bytes: self.size("limits.context", limits.context.as_ref(), MOST_BYTES),
        }
    }

    fn run_limits(
        &mut self,
        limits: &RunLimitsDocument,
        checkpoints: &CheckpointsDocument,
    ) -> RunLimits {
        "checkpoints".clone_into(&mut self.table);
        let every = self.duration("every", checkpoints.every.as_ref());
        let after = checkpoints.after.iter().map(|name| name.to_string());
        let checkpoints = Checkpoints {
            every: every.or(Some(DEFAULT_CHECKPOINTS_EVERY)),
            after: after.collect(),
        };
        "limits".clone_into(&mut self.table);
        let default = RunLimits::default();
        RunLimits {
            max_steps: limits.max_steps.unwrap_or(default.max_steps),
            max_decisions: limits.max_decisions.unwrap_or(default.max_decisions),
            max_concurrent: limits.max_concurrent.unwrap_or(default.max_concurrent),
            total_timeout: self
                .duration("total_timeout", limits.total_timeout.as_ref())
                .unwrap_or(default.total_timeout),
            checkpoints,
        }
    }

    /// The duration, when one was written; a bad one is reported and never replaced.
    pub(super) fn duration(
        &mut self,
        key: &str,
        text: Option<&Located<DurationText>>,
    ) -> Option<Duration> {
        let text = text?;
        let duration = units::duration(text);
        let expected = match duration {
            None => units::DURATION,
            Some(Duration::ZERO) => "more than nothing",
            Some(duration) if duration > LONGEST_DURATION => "at most 366 days",
            Some(_) => return duration,
        };
        self.bad_value(key, &text.span(), super::tree::text_shown(text), expected);
        duration
    }

    /// The size in bytes, when one was written; a bad one is reported and never replaced.
    pub(super) fn size(
        &mut self,
        key: &str,
        size: Option<&Located<Size>>,
        most: u64,
    ) -> Option<u64> {
        let size = size?;
        let (bytes, found) = match &**size {
            Size::Bytes(bytes) => (Some(*bytes), Value::from(*bytes).to_string()),
            Size::Text(text) => (units::size(text), super::tree::text_shown(text)),
        };
        let expected = match bytes {
            None => units::SIZE.to_owned(),
            Some(0) => "more than nothing".to_owned(),
            Some(bytes) if bytes > most && most < 1 << 30 => format!("at most {} MiB", most >> 20),
            Some(bytes) if bytes > most => format!("at most {} GiB", most >> 30),
            Some(_) => return bytes,
        };
        self.bad_value(key, &size.span(), found, &expected);
        bytes
    }

    pub(super) fn bad_value(
        &mut self,
        key: &str,
        span: &Range<usize>,
        found: String,
        expected: &str,
    ) {
        self.problems.report(
            span,
            Words {
                message: format!("bad value of {}", quoted(&format!("{}.{key}", self.table))),
                found,
                expected: expected.to_owned(),
                help: None,
            },
        );
    }
}

/// Whether a plugin of a registry is named by what it is, and not by what somebody may change. The rest of the
/// reference is read by whoever looks it up.
fn is_pinned(reference: &str) -> bool {
    let parts = reference.strip_prefix("oci://");
    let Some((place, digits)) = parts.and_then(|rest| rest.split_once("@sha256:")) else {
        return false;
    };
    let plain = |letter: char| letter.is_ascii_graphic() && letter != '@';
    let digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    place.contains('/')
        && place.chars().all(plain)
        && digits.len() == 64
        && digits.chars().all(digit)
}
