//! One JSON value, shared and never changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON value that many may hold: an input, an output, a configuration.
///
/// Cloning copies a pointer. Two documents are equal when their values are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(Arc<Value>);

impl Document {
    /// An object without keys.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::from(Value::Object(serde_json::Map::new()))
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The value as compact JSON text, keys in ascending order.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }
}

/// Reads an optional field that is there: a document may be `null`, which is not the same as none.
///
/// To be used with `default`, for the field that is not there.
pub(crate) fn present<'de, D, R>(from: R) -> Result<Option<D>, R::Error>
where
    D: Deserialize<'de>,
    R: serde::Deserializer<'de>,
{
    D::deserialize(from).map(Some)
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl schemars::JsonSchema for Document {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}
