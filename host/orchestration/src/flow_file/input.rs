//! A run's input: the schema that a flow declares for it, and whether an input satisfies it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::explain::{Breach, Vocabulary, compile, findings, shown_value};
use super::file_types::Located;
use super::position::{Problems, Words};
use super::tree::{Node, text_shown};
use super::words::{did_you_mean, harmless, harmless_sentence, one_of, quoted};
use crate::flow::Flow;

/// One place where an input is not what its flow declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProblem {
    /// Where: an RFC 6901 JSON pointer; empty for the input as a whole.
    pub pointer: String,
    /// What is there, with control characters escaped.
    pub found: String,
    /// What the schema asks for.
    pub expected: String,
}

impl std::error::Error for InputProblem {}

impl fmt::Display for InputProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.pointer.as_str() {
            "" => "the input".to_owned(),
            pointer => harmless(pointer),
        };
        write!(
            out,
            "{place}: found {}, expected {}",
            self.found, self.expected
        )
    }
}

/// Checks an input against the schema that the flow declares, if it declares one.
///
/// # Errors
/// Every place where the input is not what the schema asks for.
pub fn check_input(flow: &Flow, input: &Value) -> Result<(), Vec<InputProblem>> {
    let Some(schema) = &flow.input.schema else {
        return Ok(());
    };
    let validator = compile(schema.value()).map_err(|error| {
        // A parsed flow never gets here: its schema was compiled when it was read.
        vec![InputProblem {
            pointer: String::new(),
            found: format!("a schema that is none: {error}"),
            expected: "a JSON Schema".to_owned(),
        }]
    })?;
    let problems: Vec<InputProblem> = findings(schema.value(), &validator, input, Vocabulary::Json)
        .into_iter()
        .map(|finding| {
            let found = match finding.breach {
                Breach::UnknownKey(key) | Breach::BadKey(key) => {
                    format!("the key {}", quoted(&key))
                }
                Breach::MissingKey(_) => "none".to_owned(),
                Breach::Value => input
                    .pointer(&finding.pointer)
                    .map_or_else(|| "nothing".to_owned(), shown_value),
            };
            InputProblem {
                pointer: finding.pointer,
                found,
                expected: finding.expected,
            }
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Reports what keeps `[input.schema]` from being a JSON Schema.
pub(super) fn check_schema(node: &Node, problems: &mut Problems<'_>) {
    let schema = node.to_json();
    let Err(error) = compile(&schema) else {
        return;
    };
    let (place, _) = node.follow(error.instance_path().as_str());
    let key = super::structure::dotted(&format!("/input/schema{}", error.instance_path()));
    problems.report(
        &place.place(),
        Words {
            message: format!("no JSON Schema in {}", quoted(&key)),
            found: place.shown(),
            expected: "JSON Schema, draft 2020-12, without references out of itself".to_owned(),
            help: Some(harmless_sentence(&error.to_string())),
        },
    );
}

/// Reports a text field that the schema will never accept, or that looks misspelt.
pub(super) fn check_text_field(
    field: &Located<String>,
    schema: Option<&Value>,
    problems: &mut Problems<'_>,
) {
    let mut report = |expected: String, help: Option<String>| {
        let words = Words {
            message: "bad value of `input.text_field`".to_owned(),
            found: text_shown(field),
            expected,
            help,
        };
        problems.report(&field.span(), words);
    };
    if field.is_empty() || field.contains(char::is_control) {
        report("the name of a field of the input".to_owned(), None);
        return;
    }
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let Some(properties) = properties.filter(|all| !all.contains_key(field.as_str())) else {
        return;
    };
    let names = || properties.keys().map(String::as_str);
    let closed = schema.is_some_and(|schema| {
        schema.get("additionalProperties") == Some(&Value::Bool(false))
            && schema.get("patternProperties").is_none()
    });
    let help = did_you_mean(field, names());
    if closed || help.is_some() {
        report(
            format!("a property of the schema: {}", one_of(names())),
            help,
        );
    }
}
