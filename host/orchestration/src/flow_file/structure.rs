//! The shape of a flow file: checked against the published schema, so that parser and schema
//! cannot drift apart.

use std::ops::Range;
use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::explain::{Breach, Finding, Vocabulary, compile, findings};
use super::file_types::FlowDocument;
use super::position::{Problems, Words};
use super::tree::{Kind, Node};
use super::words::quoted;

/// The JSON Schema of flow files, draft 2020-12.
pub(super) fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<FlowDocument>();
    RecursiveTransform(drop_null).transform(&mut schema);
    RecursiveTransform(join_lines).transform(&mut schema);
    schema.to_value()
}

/// A description is one paragraph, wherever the source text broke its lines.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

/// TOML has no null: what may be absent is absent.
fn drop_null(schema: &mut Schema) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = branches.as_mut_slice() {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            for (key, value) in only {
                schema.entry(key).or_insert(value);
            }
        }
    }
}

/// Reports every key and value that a flow file does not have.
pub(super) fn check(root: &Node, problems: &mut Problems<'_>) {
    // Made once: it says what the types say, and a host reads many files.
    static MADE: LazyLock<(Value, Result<Validator, String>)> = LazyLock::new(|| {
        let schema = schema();
        let validator = compile(&schema).map_err(|error| error.to_string());
        (schema, validator)
    });
    let (schema, validator) = &*MADE;
    let validator = match validator {
        Ok(validator) => validator,
        Err(error) => {
            // A mistake of ours that a test excludes; an accepted file must not be the answer.
            let words = Words {
                message: format!("the schema of flow files is broken: {error}"),
                ..Words::default()
            };
            problems.report(&(0..0), words);
            return;
        }
    };
    for finding in findings(schema, validator, &root.to_json(), Vocabulary::Toml) {
        let (node, _) = root.follow(&finding.pointer);
        // What is no JSON is reported already, wherever it stands.
        if !matches!(node.kind, Kind::NotJson) {
            let (span, words) = put(node, finding);
            problems.report(&span, words);
        }
    }
}

/// Where a finding about `node` is, and how it reads.
fn put(node: &Node, finding: Finding) -> (Range<usize>, Words) {
    let Finding {
        pointer,
        breach,
        expected,
        help,
    } = finding;
    let path = dotted(&pointer);
    let inside = match path.as_str() {
        "" => "at the top level".to_owned(),
        path => format!("in {}", quoted(path)),
    };
    let key_span = |key: &str| {
        node.member(key)
            .and_then(|member| member.key.clone())
            .unwrap_or_else(|| node.place())
    };
    let (span, message, found) = match &breach {
        Breach::UnknownKey(key) => (key_span(key), format!("unknown key {inside}"), quoted(key)),
        Breach::BadKey(key) => (key_span(key), format!("bad name {inside}"), quoted(key)),
        Breach::MissingKey(_) => (
            node.place(),
            format!("missing key {inside}"),
            "none".to_owned(),
        ),
        Breach::Value => {
            let found = match &node.kind {
                Kind::Table(members) if members.is_empty() => "an empty table".to_owned(),
                _ => node.shown(),
            };
            (
                node.place(),
                format!("bad value of {}", quoted(&path)),
                found,
            )
        }
    };
    let words = Words {
        message,
        found,
        expected,
        help,
    };
    (span, words)
}

/// `/agents/a/after/0` as `agents.a.after[0]`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if segment.parse::<usize>().is_ok() {
            path.push_str(&format!("[{segment}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&segment);
        }
    }
    path
}
