//! Flow files: TOML text in, a validated [`Flow`] or every problem out.
//!
//! A text goes through three stages, and each reports all that it finds before the next begins:
//! TOML (`syntax`), the shape, checked against the published schema (`structure`), and the
//! meaning: texts that must be durations, names that must exist (`meaning`, `relations`).

mod explain;
mod file_types;
mod grant_types;
mod grants;
mod graph;
mod input;
mod meaning;
mod position;
mod relations;
mod spans;
mod structure;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod units;
mod words;

use serde::Deserialize;

pub(crate) use self::explain::compile as compile_schema;
pub use self::input::{InputProblem, check_input};
pub use self::position::{Position, Problem};
pub use self::spans::{PluginUseRef, Spans};

use self::file_types::FlowDocument;
use self::position::{Lines, Problems, Words};
use self::tree::Node;
use crate::flow::Flow;

/// What a flow file says, and where it says it.
#[derive(Debug, Clone)]
pub struct ParsedFlow {
    /// The flow, with nothing wrong in it.
    pub flow: Flow,
    /// Where its parts stand in the text.
    pub spans: Spans,
}

/// Reads a flow file.
///
/// # Errors
/// Every problem that was found, in the order of the text; never an empty list.
pub fn parse(text: &str) -> Result<ParsedFlow, Vec<Problem>> {
    let lines = Lines::new(text);
    let mut problems = Problems::new(&lines);
    match read(text, &mut problems) {
        Some((flow, root)) if problems.is_empty() => {
            let spans = Spans::new(lines, root);
            Ok(ParsedFlow { flow, spans })
        }
        _ => Err(problems.into_sorted()),
    }
}

/// The JSON Schema of flow files, draft 2020-12: the one that [`parse`] holds a file against.
#[must_use]
pub fn schema() -> serde_json::Value {
    structure::schema()
}

/// Goes through the stages as far as it can; what is wrong is in `problems`.
fn read(text: &str, problems: &mut Problems<'_>) -> Option<(Flow, Node)> {
    let table = syntax::read(text, problems)?;
    let root = Node::build(&table, problems);
    structure::check(&root, problems);
    if !problems.is_empty() {
        return None;
    }
    let document = match FlowDocument::deserialize(toml::de::Deserializer::from(table)) {
        Ok(document) => document,
        Err(error) => {
            // What JSON Schema cannot say of TOML, such as a date where a string is due.
            problems.report(
                &error.span().unwrap_or_default(),
                Words {
                    message: words::harmless_sentence(error.message()),
                    found: "a value of another type".to_owned(),
                    expected: "what the schema of flow files says".to_owned(),
                    help: None,
                },
            );
            return None;
        }
    };
    let flow = meaning::flow(&document, &root, problems);
    Some((flow, root))
}
