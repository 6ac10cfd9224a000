//! The shape of a JSON value: its types and the keys that it has.

use std::collections::BTreeMap;

use serde_json::Value;

/// What can be said of the shape of a value when one example of it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `null`, or no example at all: nothing is known.
    Any,
    /// `true` or `false`.
    Bool,
    /// A number; whole ones are no type of their own in JSON.
    Number,
    /// A text.
    Text,
    /// A list, each item of the one shape.
    List(Box<Shape>),
    /// An object: each key's shape, and whether every example has it.
    Object(BTreeMap<String, (Shape, bool)>),
    /// Examples of different types: nothing can be required.
    Mixed,
}

/// A place where a value has not the shape that it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What was expected there, in a word.
    pub expected: String,
    /// What is there, in a word.
    pub found: String,
}

impl Shape {
    /// The shape of one example.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Any,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(items) => {
                let shapes = items.iter().map(Self::of);
                Self::List(Box::new(shapes.reduce(Self::or).unwrap_or(Self::Any)))
            }
            Value::Object(object) => {
                let keys = object.iter();
                Self::Object(
                    keys.map(|(key, value)| (key.clone(), (Self::of(value), true)))
                        .collect(),
                )
            }
        }
    }

    /// The shape of which both are examples: a key that one lacks is not required.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, other) | (other, Self::Any) => other,
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.or(*other))),
            (Self::Object(mut one), Self::Object(other)) => {
                for (key, (_, required)) in &mut one {
                    *required &= other.contains_key(key);
                }
                for (key, (shape, required)) in other {
                    let merged = match one.remove(&key) {
                        Some((known, both)) => (known.or(shape), required && both),
                        None => (shape, false),
                    };
                    one.insert(key, merged);
                }
                Self::Object(one)
            }
            (one, other) if one == other => one,
            _ => Self::Mixed,
        }
    }

    /// The first place where a value has another type than the examples, or lacks a key that all
    /// of them have. Keys beyond theirs are welcome.
    ///
    /// # Errors
    /// That place.
    pub fn admits(&self, value: &Value) -> Result<(), Misfit> {
        self.admits_at(value, "")
    }

    fn admits_at(&self, value: &Value, pointer: &str) -> Result<(), Misfit> {
        let misfit = |pointer: String, expected: &str, found: &str| {
            Err(Misfit {
                pointer,
                expected: expected.to_owned(),
                found: found.to_owned(),
            })
        };
        match (self, value) {
            (Self::Any | Self::Mixed, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::Text, Value::String(_)) => Ok(()),
            (Self::List(item), Value::Array(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, value)| {
                    item.admits_at(value, &format!("{pointer}/{index}"))
                })
            }
            (Self::Object(keys), Value::Object(object)) => {
                for (key, (shape, required)) in keys {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    let pointer = format!("{pointer}/{escaped}");
                    match object.get(key) {
                        Some(value) => shape.admits_at(value, &pointer)?,
                        None if *required => return misfit(pointer, shape.word(), "nothing"),
                        None => {}
                    }
                }
                Ok(())
            }
            (_, value) => misfit(pointer.to_owned(), self.word(), Self::of(value).word()),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Any => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
            Self::Mixed => "anything",
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn misfit(example: &Value, value: &Value) -> String {
        let misfit = Shape::of(example).admits(value).unwrap_err();
        format!(
            "{}: {} not {}",
            misfit.pointer, misfit.found, misfit.expected
        )
    }

    #[test]
    fn other_values_and_more_keys_are_of_the_same_shape() {
        let example = json!({"n": 1, "list": [{"a": "x"}, {"a": "y", "b": 1}], "none": null});
        let shape = Shape::of(&example);
        for value in [
            json!({"n": 2.5, "list": [], "none": "now there"}),
            json!({"n": 0, "list": [{"a": "z", "c": []}], "none": null, "more": true}),
        ] {
            shape.admits(&value).unwrap();
        }
        shape.admits(&example).unwrap();
    }

    #[test]
    fn another_type_and_a_missing_key_are_named_with_their_place() {
        let example = json!({"n": 1, "list": [{"a/b": "x"}]});
        assert_eq!(
            misfit(&example, &json!({"n": "1", "list": []})),
            "/n: a string not a number"
        );
        assert_eq!(
            misfit(&example, &json!({"n": 1, "list": [{"a/b": ""}, {}]})),
            "/list/1/a~1b: nothing not a string"
        );
        assert_eq!(misfit(&example, &json!([])), ": an array not an object");
        assert_eq!(
            misfit(&json!([[1]]), &json!([null])),
            "/0: null not an array"
        );
    }

    #[test]
    fn items_of_different_types_require_nothing() {
        Shape::of(&json!([1, "a", null]))
            .admits(&json!([true, {}]))
            .unwrap();
    }
}
