//! What a breach of a JSON Schema means, in the words of our messages.
//!
//! One place for both uses: a flow file against the published schema of flow files, and a run's
//! input against the schema that its flow declares.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::words::{did_you_mean, harmless, listed, one_of, quoted};

/// The names that a reader knows the JSON types by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    Toml,
    Json,
}

/// One breach.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The value that is wrong, or the object that has a wrong key or lacks one.
    pub(super) pointer: String,
    pub(super) breach: Breach,
    pub(super) expected: String,
    pub(super) help: Option<String>,
}

impl Finding {
    fn order(&self) -> (&str, &Breach, &str) {
        (&self.pointer, &self.breach, &self.expected)
    }
}

/// What kind of breach it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Breach {
    /// The value itself is not what it should be.
    Value,
    /// The object has a key that it must not have.
    UnknownKey(String),
    /// The object has a key whose name is no good.
    BadKey(String),
    /// The object lacks a key.
    MissingKey(String),
}

/// Compiles a schema. Patterns take linear time, and nothing is fetched: a `$ref` that leads out
/// of the schema is an error.
pub(crate) fn compile(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    jsonschema::draft202012::options()
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(schema)
}

/// Every breach of `schema`, which `validator` was made of, by `instance`.
pub(super) fn findings(
    schema: &Value,
    validator: &Validator,
    instance: &Value,
    vocabulary: Vocabulary,
) -> Vec<Finding> {
    let explainer = Explainer { schema, vocabulary };
    let mut found = Vec::new();
    for error in validator.iter_errors(instance) {
        explainer.explain(&error, &mut found);
    }
    forget_misspelt_keys_as_missing(&mut found);
    // The validator's own order may depend on a hash.
    found.sort_by(|left, right| left.order().cmp(&right.order()));
    found
}

/// A misspelt key is both unknown and missing; one message about it is enough.
fn forget_misspelt_keys_as_missing(found: &mut Vec<Finding>) {
    let meant: Vec<(String, String)> = found
        .iter()
        .filter(|finding| matches!(finding.breach, Breach::UnknownKey(_)))
        .filter_map(|finding| Some((finding.pointer.clone(), finding.help.clone()?)))
        .collect();
    found.retain(|finding| match &finding.breach {
        Breach::MissingKey(key) => !meant.iter().any(|(pointer, help)| {
            *pointer == finding.pointer && help.contains(&format!("{}?", quoted(key)))
        }),
        _ => true,
    });
}

struct Explainer<'a> {
    schema: &'a Value,
    vocabulary: Vocabulary,
}

impl Explainer<'_> {
    fn explain(&self, error: &ValidationError<'_>, found: &mut Vec<Finding>) {
        let pointer = error.instance_path().as_str().to_owned();
        let mut push = |breach, expected, help| {
            found.push(Finding {
                pointer: pointer.clone(),
                breach,
                expected,
                help,
            });
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    let (expected, help) = self.known_keys(error, key);
                    push(Breach::UnknownKey(key.clone()), expected, help);
                }
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                push(
                    Breach::MissingKey(key.to_owned()),
                    format!("the key {}", quoted(key)),
                    None,
                );
            }
            ValidationErrorKind::PropertyNames { error } => {
                let key = error.instance().as_str().unwrap_or_default().to_owned();
                push(Breach::BadKey(key), self.expectation(error), None);
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                match self.meant_branch(error, context) {
                    Some(branch) => branch.iter().for_each(|error| self.explain(error, found)),
                    None => {
                        let help = meant_constant(error, context);
                        push(Breach::Value, self.any_branch(error, context), help);
                    }
                }
            }
            _ => {
                let expected = self.expectation(error);
                let help = self.help(error);
                push(Breach::Value, expected, help);
            }
        }
    }

    /// The one alternative whose type is right, so that what is wrong lies within it.
    fn meant_branch<'e>(
        &self,
        error: &ValidationError<'_>,
        context: &'e [Vec<ValidationError<'static>>],
    ) -> Option<&'e [ValidationError<'static>]> {
        let mut fitting = context.iter().filter(|branch| {
            !branch.iter().any(|inner| {
                inner.instance_path() == error.instance_path()
                    && matches!(
                        inner.kind(),
                        ValidationErrorKind::Type { .. }
                            | ValidationErrorKind::Constant { .. }
                            | ValidationErrorKind::Enum { .. }
                    )
            })
        });
        match (fitting.next(), fitting.next()) {
            (Some(branch), None) => Some(branch),
            _ => None,
        }
    }

    /// What every alternative would have taken, as one list.
    fn any_branch(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
    ) -> String {
        let mut words: Vec<String> = Vec::new();
        for inner in context.iter().flatten() {
            if inner.instance_path() == error.instance_path() {
                let expected = self.expectation(inner);
                if !words.contains(&expected) {
                    words.push(expected);
                }
            }
        }
        if words.is_empty() {
            "one of the declared alternatives".to_owned()
        } else {
            listed(words)
        }
    }

    /// What the schema wants at the place of `error`.
    fn expectation(&self, error: &ValidationError<'_>) -> String {
        let place = self.schema_around(error);
        let title = place.and_then(|schema| schema.get("title")?.as_str());
        match error.kind() {
            ValidationErrorKind::Type { kind } => {
                title.map_or_else(|| self.types(kind), str::to_owned)
            }
            ValidationErrorKind::Pattern { pattern } => {
                title.map_or_else(|| format!("text like {}", quoted(pattern)), str::to_owned)
            }
            ValidationErrorKind::Enum { options } => match options.as_array() {
                Some(options) => listed(options.iter().map(shown_constant).collect()),
                None => "one of the declared values".to_owned(),
            },
            ValidationErrorKind::Constant { expected_value } => shown_constant(expected_value),
            ValidationErrorKind::Minimum { limit } | ValidationErrorKind::Maximum { limit } => {
                let end = |key| place.and_then(|schema| schema.get(key));
                match (end("minimum"), end("maximum")) {
                    (Some(low), Some(high)) => format!("a number from {low} to {high}"),
                    (Some(low), None) => format!("a number of at least {low}"),
                    _ => format!("a number of at most {limit}"),
                }
            }
            ValidationErrorKind::ExclusiveMinimum { limit } => format!("more than {limit}"),
            ValidationErrorKind::ExclusiveMaximum { limit } => format!("less than {limit}"),
            ValidationErrorKind::MinLength { limit } => format!("{limit} characters or more"),
            ValidationErrorKind::MaxLength { limit } => format!("{limit} characters or fewer"),
            ValidationErrorKind::MinItems { limit }
            | ValidationErrorKind::MinProperties { limit } => {
                format!("{limit} or more entries")
            }
            ValidationErrorKind::MaxItems { limit }
            | ValidationErrorKind::MaxProperties { limit } => {
                format!("{limit} or fewer entries")
            }
            ValidationErrorKind::UniqueItems => "each member once".to_owned(),
            ValidationErrorKind::Format { format } => format!("text in the format {format}"),
            ValidationErrorKind::FalseSchema => "nothing".to_owned(),
            _ => format!("what {} allows", quoted(error.kind().keyword())),
        }
    }

    fn help(&self, error: &ValidationError<'_>) -> Option<String> {
        let found = error.instance();
        match error.kind() {
            ValidationErrorKind::Enum { options } => did_you_mean(
                found.as_str()?,
                options.as_array()?.iter().filter_map(Value::as_str),
            ),
            ValidationErrorKind::Pattern { .. } if self.vocabulary == Vocabulary::Toml => {
                let path = found.as_str().filter(|text| text.contains(['/', '.']))?;
                let is_plugin = error.instance_path().as_str().ends_with("/plugin");
                is_plugin
                    .then(|| format!("a file is written `{{ file = \"{}\" }}`", harmless(path)))
            }
            _ => None,
        }
    }

    /// The schema that holds the keyword which `error` breaks.
    fn schema_around(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let path = error.schema_path().as_str();
        let (parent, _) = path.rsplit_once('/')?;
        self.schema.pointer(parent)
    }

    /// Which keys an object takes, and which of them `key` was probably meant to be.
    fn known_keys(&self, error: &ValidationError<'_>, key: &str) -> (String, Option<String>) {
        let properties = self
            .schema_around(error)
            .and_then(|schema| schema.get("properties")?.as_object());
        let Some(properties) = properties.filter(|properties| !properties.is_empty()) else {
            return ("no such key".to_owned(), None);
        };
        let names = || properties.keys().map(String::as_str);
        let help = did_you_mean(key, names()).or_else(|| {
            let (parent, _) = properties
                .iter()
                .find(|(_, schema)| self.has_property(schema, key))?;
            let belongs = format!("{parent}.{key}");
            Some(format!("did you mean {}?", quoted(&belongs)))
        });
        (one_of(names()), help)
    }

    /// Whether `schema`, or the definition that it refers to, declares a property of that name.
    fn has_property(&self, schema: &Value, key: &str) -> bool {
        let branches = schema.get("anyOf").and_then(Value::as_array);
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.schema.pointer(reference.strip_prefix('#')?));
        std::iter::once(schema).chain(target).any(|schema| {
            schema
                .get("properties")
                .is_some_and(|all| all.get(key).is_some())
        }) || branches.is_some_and(|all| all.iter().any(|one| self.has_property(one, key)))
    }

    fn types(&self, kind: &TypeKind) -> String {
        match kind {
            TypeKind::Single(one) => self.type_name(*one).to_owned(),
            TypeKind::Multiple(many) => listed(
                many.iter()
                    .map(|one| self.type_name(one).to_owned())
                    .collect(),
            ),
        }
    }

    fn type_name(&self, one: JsonType) -> &'static str {
        match (one, self.vocabulary) {
            (JsonType::Object, Vocabulary::Toml) => "a table",
            (JsonType::Object, Vocabulary::Json) => "an object",
            (JsonType::Array, _) => "an array",
            (JsonType::String, _) => "a string",
            (JsonType::Integer, _) => "an integer",
            (JsonType::Number, _) => "a number",
            (JsonType::Boolean, _) => "true or false",
            (JsonType::Null, _) => "null",
        }
    }
}

/// The constant among all alternatives that a text was probably meant to be.
fn meant_constant(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
) -> Option<String> {
    let constants = context
        .iter()
        .flatten()
        .filter_map(|inner| match inner.kind() {
            ValidationErrorKind::Constant { expected_value } => expected_value.as_str(),
            _ => None,
        });
    did_you_mean(error.instance().as_str()?, constants)
}

/// A JSON value as a message repeats it.
pub(super) fn shown_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", harmless(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => scalar.to_string(),
    }
}

fn shown_constant(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", harmless(text)),
        other => harmless(&other.to_string()),
    }
}
