//! Good files: what they mean, and where their parts are.

use std::time::Duration;

use serde_json::json;

use super::super::{InputProblem, ParsedFlow, PluginUseRef, check_input, parse, schema};
use crate::flow::{CallLimits, Checkpoints, OnFailure, PluginSource, RetryPolicy, RunLimits};

/// Every key that there is.
pub(super) const WHOLE: &str = r#"name = "review"
description = "Reviews a lock file"
input = { text_field = "lockfile", schema = { type = "object", required = ["lockfile"] } }

[agents.zebra]
plugin = "lockfile"

[agents.aardvark]
plugin = { file = "plugins/report.wasm" }
after = ["zebra"]
config = { style = "short", depth = 3, when = 2024-05-01 }
grants = ["messages"]
retry = { max = 5, base = "500ms", max_delay = "1m 30s" }
timeout = "10m"
fallback = "zebra"
on_failure = "escalate"
priority = -2
estimated = "2s"
max_load = 7

[agents.aardvark.limits]
fuel = 1_000_000
busy = "1.5s"
memory = "64 MiB"
table_elements = 1_000
instances = 3
tables = 4
memories = 2
host_call_bytes = "1 KiB"
handles = 7
json_depth = 9
json_nodes = 99
context = "2 KiB"
guest_bytes = 65_536
host_calls = 12
http_calls = 5
shared_calls = 6
artifact_calls = 8
output = "1 MB"
log_lines = 0
log_bytes = "2 KiB"

[strategy]
plugin = "dag"
[strategy.config]
plan = "ahead"

[aggregators.join]
plugin = "vote"
config = { field = "verdict" }

[limits]
max_steps = 50
max_decisions = 60
max_concurrent = 2
total_timeout = "2h"

[checkpoints]
every = "1m"
after = ["zebra"]
"#;

#[test]
fn a_plugin_of_a_registry_is_named_by_what_it_is() {
    let reference = format!("oci://registry.example:5000/a/b@sha256:{}", "0a".repeat(32));
    let file = format!("name = \"f\"\n[agents.a]\nplugin = {{ oci = \"{reference}\" }}\n");
    let agent = &good(&file).flow.agents[0];
    assert_eq!(agent.uses.plugin, PluginSource::Oci(reference));
}

const LEAST: &str = "name = \"f\"\n[agents.a]\nplugin = \"p\"\n";

#[track_caller]
pub(super) fn good(text: &str) -> ParsedFlow {
    parse(text).unwrap_or_else(|problems| panic!("{}", problems[0]))
}

#[test]
fn every_key_reaches_the_flow() {
    let flow = good(WHOLE).flow;
    assert_eq!(flow.name, "review");
    assert_eq!(flow.description.as_deref(), Some("Reviews a lock file"));
    assert_eq!(flow.input.text_field.as_deref(), Some("lockfile"));
    assert_eq!(
        flow.input
            .schema
            .as_ref()
            .map(|schema| schema.value().clone()),
        Some(json!({ "type": "object", "required": ["lockfile"] }))
    );
    let names: Vec<&str> = flow.agents.iter().map(|agent| &*agent.name).collect();
    assert_eq!(
        names,
        ["zebra", "aardvark"],
        "the order of the file is kept"
    );

    let agent = flow.agent("aardvark").unwrap();
    assert_eq!(
        agent.uses.plugin,
        PluginSource::File("plugins/report.wasm".to_owned())
    );
    assert_eq!(
        agent.uses.config.value(),
        &json!({ "style": "short", "depth": 3, "when": "2024-05-01" })
    );
    assert_eq!(agent.uses.grants.interfaces(), ["messages"]);
    assert_eq!(
        agent.uses.limits,
        CallLimits {
            fuel: Some(1_000_000),
            busy_ms: Some(1_500),
            memory_bytes: Some(64 << 20),
            table_elements: Some(1_000),
            instances: Some(3),
            tables: Some(4),
            memories: Some(2),
            host_call_bytes: Some(1_024),
            handles: Some(7),
            json_depth: Some(9),
            json_nodes: Some(99),
            context_bytes: Some(2_048),
            guest_bytes: Some(65_536),
            host_calls: Some(12),
            http_calls: Some(5),
            shared_calls: Some(6),
            artifact_calls: Some(8),
            output_bytes: Some(1_000_000),
            log_lines: Some(0),
            log_bytes: Some(2_048),
        }
    );
    assert_eq!(agent.after, ["zebra"]);
    assert_eq!(
        agent.retry,
        RetryPolicy {
            max_retries: 5,
            base: Duration::from_millis(500),
            max_delay: Duration::from_secs(90),
        }
    );
    assert_eq!(agent.timeout, Duration::from_secs(600));
    assert_eq!(agent.fallback.as_deref(), Some("zebra"));
    assert_eq!(agent.on_failure, OnFailure::Escalate);
    assert_eq!((agent.priority, agent.max_load), (-2, 7));
    assert_eq!(agent.estimated, Some(Duration::from_secs(2)));

    assert_eq!(flow.strategy.plugin, PluginSource::Named("dag".to_owned()));
    assert_eq!(flow.strategy.config.value(), &json!({ "plan": "ahead" }));
    assert_eq!(
        flow.aggregators["join"].config.value(),
        &json!({ "field": "verdict" })
    );
    assert_eq!(
        flow.limits,
        RunLimits {
            max_steps: 50,
            max_decisions: 60,
            max_concurrent: 2,
            total_timeout: Duration::from_secs(7_200),
            checkpoints: Checkpoints {
                every: Some(Duration::from_secs(60)),
                after: ["zebra".to_owned()].into(),
            },
        }
    );
}

/// The defaults that the published schema announces, as TOML lines of one definition.
fn announced_defaults(schema: &serde_json::Value, definition: &str) -> String {
    let mut lines = String::new();
    let properties = schema["$defs"][definition]["properties"]
        .as_object()
        .unwrap();
    for (key, property) in properties {
        let referred = property["$ref"]
            .as_str()
            .and_then(|reference| schema.pointer(&reference[1..]));
        let default = property
            .get("default")
            .or_else(|| referred.and_then(|target| target.get("default")));
        if let Some(default) = default {
            lines.push_str(&format!("{key} = {default}\n"));
        }
    }
    assert!(!lines.is_empty(), "{definition} announces no default");
    lines
}

#[test]
fn the_defaults_that_the_schema_announces_are_those_that_apply() {
    let schema = schema();
    let written = format!(
        "{LEAST}{}[agents.a.retry]\n{}[limits]\n{}",
        announced_defaults(&schema, "AgentDocument"),
        announced_defaults(&schema, "RetryDocument"),
        announced_defaults(&schema, "RunLimitsDocument"),
    );
    assert_eq!(good(&written).flow, good(LEAST).flow);
    let agent = &good(LEAST).flow.agents[0];
    assert_eq!(agent.timeout, Duration::from_secs(300));
    assert_eq!(agent.max_load, 3);
    assert_eq!(agent.on_failure, OnFailure::Fail);
}

#[test]
fn every_property_of_the_schema_is_described() {
    fn visit(value: &serde_json::Value, path: &str) {
        if let Some(properties) = value.get("properties").and_then(|all| all.as_object()) {
            for (key, property) in properties {
                assert!(property.get("description").is_some(), "{path}/{key}");
            }
        }
        if let Some(members) = value.as_object() {
            for (key, member) in members {
                visit(member, &format!("{path}/{key}"));
            }
        }
    }
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert!(!schema.to_string().contains("null"));
    visit(&schema, "");
}

/// Finds `‸` in a file, takes it out, and expects `locate` to lead there.
#[track_caller]
fn check_locate(file: &str, plugin: PluginUseRef<'_>, pointer: &str, offset: Option<usize>) {
    let at = file.find('‸').unwrap();
    let text = file.replacen('‸', "", 1);
    let place = good(&text).spans.locate(plugin, pointer, offset).unwrap();
    assert_eq!(place.span.start, at, "{place:?} in {text}");
    let before = &text[..at];
    assert_eq!(place.line, before.matches('\n').count() + 1);
    let line = before.rsplit('\n').next().unwrap();
    assert_eq!(place.column, line.chars().count() + 1);
}

#[test]
fn a_byte_of_a_string_is_found_through_every_kind_of_string() {
    let strategy = PluginUseRef::Strategy;
    let check = |value: &str, offset: usize| {
        let file = format!(
            "{LEAST}[strategy]\nplugin = \"rules\"\n[[strategy.config.rules]]\nwhen = {value}\n"
        );
        check_locate(&file, strategy, "/rules/0/when", Some(offset));
    };
    check("'a ‸== 1'", 2);
    check("\"a ‸== 1\"", 2);
    check("\"é‸ == 1\"", 2);
    check("\"\\\"a\\\" ‸== 1\"", 4);
    check("\"\\u00e9\\U0001F600‸ == 1\"", 6);
    check("\"\\x41\\e\\t‸ == 1\"", 3);
    check("'''\na ‸== 1'''", 2);
    check("'''a\nb ‸== 1'''", 4);
    check("\"\"\"\n  a\n  b ‸== 1\"\"\"", 8);
    check("\"\"\"a \\\n   ‸b == 1\"\"\"", 2);
    check("\"\"\"a \\\n\n   b ‸== 1\"\"\"", 4);
    // Past the end: the closing quote.
    check("'a == 1‸'", 99);
    check("\"\"\"\na == 1‸\"\"\"", 6);
    // Within a character: its beginning.
    check("'‸é'", 1);
}

#[test]
fn a_pointer_leads_to_its_value_or_as_far_as_the_file_goes() {
    let file =
        "name = \"f\"\n[agents.a]\nplugin = \"p\"\nconfig = { list = [1, ‸2], \"a/b\" = 5 }\n";
    check_locate(file, PluginUseRef::Agent("a"), "/list/1", None);
    let file =
        "name = \"f\"\n[agents.a]\nplugin = \"p\"\nconfig = { list = [1, 2], \"a/b\" = ‸5 }\n";
    check_locate(file, PluginUseRef::Agent("a"), "/a~1b", None);
    // An offset into what is no string means the value.
    check_locate(file, PluginUseRef::Agent("a"), "/a~1b", Some(7));
    let file = "name = \"f\"\n[agents.a]\nplugin = \"p\"\nconfig = { list = ‸[1, 2] }\n";
    check_locate(file, PluginUseRef::Agent("a"), "/list/9/deeper", None);
    let file = "name = \"f\"\n[agents.a]\nplugin = \"p\"\n‸config = { list = [1, 2] }\n";
    check_locate(file, PluginUseRef::Agent("a"), "/nothing", None);
    // Without a configuration it is the use of the plugin.
    let file = "name = \"f\"\n[agents.‸a]\nplugin = \"p\"\n";
    check_locate(file, PluginUseRef::Agent("a"), "/list", None);

    let parsed = good(WHOLE);
    let at = |plugin, pointer| {
        let place = parsed.spans.locate_key(plugin, pointer, None).unwrap();
        WHOLE[place.span].to_owned()
    };
    assert_eq!(at(PluginUseRef::Strategy, "/plugin"), "\"dag\"");
    assert_eq!(
        at(PluginUseRef::Agent("aardvark"), "/grants/0"),
        "\"messages\""
    );
    assert_eq!(
        at(PluginUseRef::Agent("aardvark"), "/limits/memory"),
        "\"64 MiB\""
    );
    assert_eq!(
        at(PluginUseRef::Aggregator("join"), "/config/field"),
        "\"verdict\""
    );
    assert_eq!(
        parsed.spans.locate(PluginUseRef::Agent("nobody"), "", None),
        None
    );
    assert_eq!(
        good(LEAST).spans.locate(PluginUseRef::Strategy, "", None),
        None
    );
}

#[test]
fn an_input_is_held_against_the_schema_of_its_flow() {
    let file = r#"name = "f"
[agents.a]
plugin = "p"
[input.schema]
type = "object"
required = ["lockfile"]
additionalProperties = false
[input.schema.properties.lockfile]
type = "string"
minLength = 3
[input.schema.properties.depth]
type = "integer"
minimum = 1
maximum = 5
[input.schema.properties.mode]
enum = ["fast", "slow"]
"#;
    let flow = good(file).flow;
    let check = |input: serde_json::Value, expected: &[(&str, &str, &str)]| {
        let problems = check_input(&flow, &input).err().unwrap_or_default();
        let expected: Vec<InputProblem> = expected
            .iter()
            .map(|(pointer, found, expected)| InputProblem {
                pointer: (*pointer).to_owned(),
                found: (*found).to_owned(),
                expected: (*expected).to_owned(),
            })
            .collect();
        assert_eq!(problems, expected, "{input}");
    };
    check(json!({ "lockfile": "abc", "depth": 5 }), &[]);
    check(json!("abc"), &[("", "\"abc\"", "an object")]);
    check(json!({}), &[("", "none", "the key `lockfile`")]);
    check(
        json!({ "lockfil": "abc" }),
        &[("", "the key `lockfil`", "`depth`, `lockfile` or `mode`")],
    );
    check(
        json!({ "lockfile": "ab", "depth": 6, "mode": "\u{1b}[2J" }),
        &[
            ("/depth", "6", "a number from 1 to 5"),
            ("/lockfile", "\"ab\"", "3 characters or more"),
            ("/mode", "\"\\u{1b}[2J\"", "\"fast\" or \"slow\""),
        ],
    );
    let problems = check_input(&flow, &json!({ "lockfile": "abc", "depth": "5" })).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "/depth: found \"5\", expected an integer"
    );
    let open = good(LEAST).flow;
    assert_eq!(check_input(&open, &json!([1, null])), Ok(()));
}
