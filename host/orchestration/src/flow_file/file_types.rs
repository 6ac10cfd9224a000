//! The shape of a flow file. The parser and the published schema are both made of these types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use toml::Spanned;

use super::grant_types::GrantsDocument;
use super::units;

/// A value that knows where it stands in the file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Located<T>(#[serde(bound(deserialize = "T: Deserialize<'de>"))] Spanned<T>);

impl<T> Located<T> {
    pub(super) fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Declares a text with a rule of its own; the rule is applied after parsing, so that every breach
/// of it is reported at once.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $title:expr, $rest:tt) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(String);

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!($rest);
                schema.insert("type".to_owned(), "string".into());
                schema.insert("title".to_owned(), $title.into());
                schema
            }
        }
    };
}

pub(super) use text_type;

/// What a name looks like.
pub(super) const NAME: &str = "a name of at most 64 letters, digits, `-` and `_`";

text_type! {
    /// The name of a flow, an agent, an aggregator or a plugin.
    Name, NAME, { "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" }
}
text_type! {
    /// The name of a plugin, with a version or without.
    PluginName, "a name of at most 64 letters, digits, `-` and `_`, or `name@version`", {
        "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(@[0-9A-Za-z][0-9A-Za-z.+-]{0,63})?$"
    }
}
text_type! {
    /// How long something takes or may take.
    DurationText, units::DURATION, {
        "pattern": "^\\s*([0-9][0-9_]*(\\.[0-9]+)?\\s*(ms|s|m|min|h|d)\\s*)+$",
        "examples": ["300s", "1h 30m", "500ms"]
    }
}

/// A number of bytes, as a number or with a unit.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Size {
    Bytes(u64),
    Text(String),
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": units::SIZE,
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": "^\\s*[0-9][0-9_]*(\\.[0-9]+)?\\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?\\s*$",
            "examples": ["64 MiB", 65_536]
        })
    }
}

/// A table whose contents are another's business: a configuration, a JSON Schema.
#[derive(Debug)]
pub(super) struct AnyTable;

impl<'de> Deserialize<'de> for AnyTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for AnyTable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyTable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// A flow: agents that are plugins, a strategy that decides which of them runs when, and bounds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Menagerie flow file")]
pub(super) struct FlowDocument {
    /// The flow's name, shown wherever one of its runs is.
    pub(super) name: Located<Name>,
    /// What the flow is for, in a sentence.
    pub(super) description: Option<String>,
    /// What a run must be given.
    pub(super) input: Option<InputDocument>,
    /// The agents by name. Their order in the file breaks ties.
    #[schemars(schema_with = "at_least_one_agent")]
    pub(super) agents: BTreeMap<Located<Name>, AgentDocument>,
    /// The plugin that decides what runs next. Without one it is `rules` without any rule: each
    /// agent once, in the order of the file.
    pub(super) strategy: Option<PluginDocument>,
    /// The plugins that join the results of parallel steps, by the name a strategy calls them.
    #[serde(default)]
    #[schemars(schema_with = "by_name::<PluginDocument>")]
    pub(super) aggregators: BTreeMap<Located<Name>, PluginDocument>,
    /// Bounds on the run as a whole.
    pub(super) limits: Option<RunLimitsDocument>,
    /// Where the run makes checkpoints by itself. One can be asked for at any time.
    #[serde(default)]
    pub(super) checkpoints: CheckpointsDocument,
}

/// Where a run makes checkpoints by itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointsDocument {
    /// After so much of the run's own time, unless nothing has happened meanwhile.
    #[schemars(extend("default" = "300s"))]
    pub(super) every: Option<Located<DurationText>>,
    /// After each step of these agents that completes.
    #[serde(default)]
    pub(super) after: Vec<Located<Name>>,
}

/// A table whose keys are names.
fn by_name<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": generator.subschema_for::<Name>(),
        "additionalProperties": generator.subschema_for::<T>(),
    })
}

fn at_least_one_agent(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = by_name::<AgentDocument>(generator);
    schema.insert("minProperties".to_owned(), 1.into());
    schema
}

/// What a run must be given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InputDocument {
    /// A JSON Schema (draft 2020-12), as a table, that the input must satisfy.
    pub(super) schema: Option<AnyTable>,
    /// Where the text of an input file goes that is no JSON: `"lockfile"` makes it
    /// `{"lockfile": "<text>"}`.
    pub(super) text_field: Option<Located<String>>,
}

/// Where a component comes from: a plugin's name, or a file relative to this one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum PluginReference {
    /// A name that is looked up in the registry and the plugin folders; `name@version` is that
    /// version in the registry.
    Named(PluginName),
    /// A file, or what was added from a registry that others share.
    Placed(PluginPlace),
}

/// A component by its place: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginPlace {
    /// The path of a component, relative to the folder of this flow file.
    pub(super) file: Option<String>,
    /// `oci://HOST[:PORT]/NAME@sha256:…`: what was added from there with `menagerie plugins add`, by the digest
    /// of its manifest, as `menagerie plugins ls` shows it. Nothing is got from there when a flow is loaded.
    pub(super) oci: Option<String>,
}

/// One agent: the plugin that does the work, and what happens around it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentDocument {
    /// The plugin behind the agent.
    pub(super) plugin: Located<PluginReference>,
    /// Given to the plugin with each call.
    pub(super) config: Option<AnyTable>,
    /// What differs from the default meters of a call.
    pub(super) limits: Option<CallLimitsDocument>,
    /// The capabilities that this plugin gets, by interface, such as `http`. Without them it can
    /// only compute.
    #[serde(default)]
    pub(super) grants: GrantsDocument,
    /// The agents whose steps end before this one's starts.
    #[serde(default)]
    pub(super) after: Vec<Located<Name>>,
    /// What happens after a failure that may pass.
    pub(super) retry: Option<RetryDocument>,
    /// How long one attempt may take, waits for the host included.
    #[schemars(extend("default" = "300s"))]
    pub(super) timeout: Option<Located<DurationText>>,
    /// The agent that takes over when this one has failed for good.
    pub(super) fallback: Option<Located<Name>>,
    /// What a failure for good does to the step.
    pub(super) on_failure: Option<FailurePolicy>,
    /// Higher is sooner where slots are short.
    #[schemars(range(min = -1_000_000, max = 1_000_000), extend("default" = 0))]
    pub(super) priority: Option<i32>,
    /// What a step is expected to take, for the critical path.
    pub(super) estimated: Option<Located<DurationText>>,
    /// How many steps of this agent may run at once.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 3))]
    pub(super) max_load: Option<u32>,
}

/// A strategy or an aggregator.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginDocument {
    /// The plugin.
    pub(super) plugin: Located<PluginReference>,
    /// Given to the plugin with each call.
    pub(super) config: Option<AnyTable>,
    /// What differs from the default meters of a call.
    pub(super) limits: Option<CallLimitsDocument>,
    /// The capabilities that this plugin gets, by interface, such as `http`. Without them it can
    /// only compute.
    #[serde(default)]
    pub(super) grants: GrantsDocument,
}

/// What a failure for good does to a step.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("default" = "fail"))]
pub(super) enum FailurePolicy {
    /// The step has failed, and the strategy is asked what follows.
    Fail,
    /// The step counts as skipped: what depends on it goes on without its output.
    Skip,
    /// The step waits for a person's answer.
    Escalate,
}

/// When and how often a failed attempt is made again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryDocument {
    /// Attempts after the first.
    #[schemars(range(min = 0, max = 100), extend("default" = 3))]
    pub(super) max: Option<u32>,
    /// The delay before the first retry; doubled for each further one.
    #[schemars(extend("default" = "1s"))]
    pub(super) base: Option<Located<DurationText>>,
    /// No delay is longer.
    #[schemars(extend("default" = "30s"))]
    pub(super) max_delay: Option<Located<DurationText>>,
}

/// The meters of one call. What is left out keeps the host's default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallLimitsDocument {
    /// Units of fuel: how much the guest may compute.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    pub(super) fuel: Option<u64>,
    /// How long guest code may run, waits for the host not counted.
    pub(super) busy: Option<Located<DurationText>>,
    /// The sum over all memories of an instance.
    pub(super) memory: Option<Located<Size>>,
    /// The sum of elements over all tables of an instance.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(super) table_elements: Option<u64>,
    /// Core instances within the component.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) instances: Option<u32>,
    /// Tables within the component.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) tables: Option<u32>,
    /// Memories within the component.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) memories: Option<u32>,
    /// What the guest may pass to the host at once: in one host call, or as its answer.
    pub(super) host_call_bytes: Option<Located<Size>>,
    /// What the guest may pass to the host in one call of it.
    pub(super) guest_bytes: Option<Located<Size>>,
    /// Handles of the host that the guest may hold at once.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(super) handles: Option<u32>,
    /// How often the guest may call the host.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) host_calls: Option<u64>,
    /// How many of those may be requests of `http`.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) http_calls: Option<u32>,
    /// How many may be calls of `shared`.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) shared_calls: Option<u32>,
    /// How many may be calls of `artifacts`.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) artifact_calls: Option<u32>,
    /// The size of the answer.
    pub(super) output: Option<Located<Size>>,
    /// How deeply JSON in the answer may be nested.
    #[schemars(range(min = 1, max = 100))]
    pub(super) json_depth: Option<u32>,
    /// Values and names in all JSON of the answer together.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) json_nodes: Option<u32>,
    /// The log lines that are kept; 0 keeps none.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) log_lines: Option<u64>,
    /// The size of the log that is kept.
    pub(super) log_bytes: Option<Located<Size>>,
    /// The size of what the agent keeps in its own context, names and values together.
    pub(super) context: Option<Located<Size>>,
}

/// Bounds on the run as a whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunLimitsDocument {
    /// Steps that may be started, joins and skipped ones included.
    #[schemars(range(min = 1, max = 100_000_000), extend("default" = 1_000))]
    pub(super) max_steps: Option<u32>,
    /// Decisions that may be asked for.
    #[schemars(range(min = 1, max = 100_000_000), extend("default" = 1_000))]
    pub(super) max_decisions: Option<u32>,
    /// Steps that may run at once.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 10))]
    pub(super) max_concurrent: Option<u32>,
    /// How long the run may take, gates and pauses not counted.
    #[schemars(extend("default" = "1h"))]
    pub(super) total_timeout: Option<Located<DurationText>>,
}
