//! The values of a flow file with the place of each, free of the text they were read from.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::position::{Problems, Words};
use super::words::{harmless, quoted};

/// The greatest integer that every reader of JSON keeps exactly (RFC 7493).
const GREATEST_INTEGER: i64 = (1 << 53) - 1;

/// How deep tables and arrays may lie in each other; guests and readers of JSON take no more.
const GREATEST_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where the key is that leads to this value; absent for the document and for array members.
    pub(super) key: Option<Range<usize>>,
    /// Where the value is; of a table with a header of its own, the header.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// What our JSON does not have; reported when the tree was built.
    NotJson,
}

impl Node {
    /// Builds the tree, and reports each number that is none in JSON.
    pub(super) fn build(document: &Spanned<DeTable<'_>>, problems: &mut Problems<'_>) -> Self {
        Self {
            key: None,
            span: document.span(),
            kind: table(document.get_ref(), 0, problems),
        }
    }

    /// The value as JSON. A date becomes its text.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::String(text) | Kind::Datetime(text) => Value::from(text.as_str()),
            Kind::Integer(number) => Value::from(*number),
            Kind::Float(number) => Value::from(*number),
            Kind::Boolean(value) => Value::from(*value),
            Kind::Array(members) => members.iter().map(Self::to_json).collect(),
            Kind::Table(members) => members
                .iter()
                .map(|(key, member)| (key.clone(), member.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Kind::NotJson => Value::Null,
        }
    }

    /// The member of that name.
    pub(super) fn member(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Table(members) => members.get(key),
            _ => None,
        }
    }

    /// Follows an RFC 6901 pointer as far as it leads, and says whether that was all the way.
    pub(super) fn follow(&self, pointer: &str) -> (&Self, bool) {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::Table(members) => members.get(&segment),
                Kind::Array(members) => segment
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| members.get(index)),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// What to underline when the value as a whole is meant.
    pub(super) fn place(&self) -> Range<usize> {
        match (&self.kind, &self.key) {
            (Kind::Table(_), Some(key)) => key.clone(),
            // The document itself: its beginning.
            (Kind::Table(_), None) if self.span.start == 0 => 0..0,
            _ => self.span.clone(),
        }
    }

    /// The value as a message repeats it.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            Kind::String(text) => text_shown(text),
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            Kind::Boolean(value) => value.to_string(),
            Kind::Datetime(text) => format!("the date {text}"),
            Kind::Array(_) => "an array".to_owned(),
            Kind::Table(_) => "a table".to_owned(),
            Kind::NotJson => "no JSON".to_owned(),
        }
    }
}

/// A string as a message repeats it.
pub(super) fn text_shown(text: &str) -> String {
    format!("\"{}\"", harmless(text))
}

fn table(members: &DeTable<'_>, depth: usize, problems: &mut Problems<'_>) -> Kind {
    Kind::Table(
        members
            .iter()
            .map(|(key, value)| {
                let mut node = node(value, depth + 1, problems);
                node.key = Some(key.span());
                (key.get_ref().to_string(), node)
            })
            .collect(),
    )
}

fn node(value: &Spanned<DeValue<'_>>, depth: usize, problems: &mut Problems<'_>) -> Node {
    let span = value.span();
    if depth > GREATEST_DEPTH {
        let words = Words {
            message: "too deep".to_owned(),
            found: format!("a value within more than {GREATEST_DEPTH} tables and arrays"),
            expected: format!("at most {GREATEST_DEPTH}"),
            help: None,
        };
        problems.report(&span, words);
        return Node {
            key: None,
            span,
            kind: Kind::NotJson,
        };
    }
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| (-GREATEST_INTEGER..=GREATEST_INTEGER).contains(number))
            .map_or_else(|| no_number(&span, problems), Kind::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map_or_else(|| no_number(&span, problems), Kind::Float),
        DeValue::Boolean(value) => Kind::Boolean(*value),
        DeValue::Datetime(value) => Kind::Datetime(value.to_string()),
        DeValue::Array(members) => Kind::Array(
            members
                .iter()
                .map(|value| node(value, depth + 1, problems))
                .collect(),
        ),
        DeValue::Table(members) => table(members, depth, problems),
    };
    Node {
        key: None,
        span,
        kind,
    }
}

fn no_number(span: &Range<usize>, problems: &mut Problems<'_>) -> Kind {
    let found = problems
        .lines()
        .text()
        .get(span.clone())
        .unwrap_or_default();
    problems.report(
        span,
        Words {
            message: "a number that JSON does not have".to_owned(),
            found: quoted(found),
            expected: "an integer within ±(2^53 − 1), or a finite fraction".to_owned(),
            help: Some("larger numbers and money are written as strings".to_owned()),
        },
    );
    Kind::NotJson
}
