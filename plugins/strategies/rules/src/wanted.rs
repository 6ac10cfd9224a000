//! What conditions need of a document, and reading just that: the cost of a decision does not grow with
//! the parts of the state that no condition speaks of.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use cel::Value;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The parts of a document that are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    /// These fields of an object; of any other value, whatever it is.
    Fields(BTreeMap<String, Wanted>),
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Fields(BTreeMap::new())
    }
}

impl Wanted {
    /// Adds the part at the end of a path.
    pub(crate) fn want(&mut self, path: &[&str]) {
        match (path, &mut *self) {
            (_, Self::All) => {}
            ([], wanted) => *wanted = Self::All,
            ([first, rest @ ..], Self::Fields(fields)) => {
                fields.entry((*first).to_owned()).or_default().want(rest);
            }
        }
    }

    /// Adds all that another one needs.
    pub(crate) fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (wanted, Self::All) => *wanted = Self::All,
            (Self::Fields(fields), Self::Fields(more)) => {
                for (name, wanted) in more {
                    fields.entry(name.clone()).or_default().add(wanted);
                }
            }
        }
    }

    /// Reads the needed parts of a JSON text.
    ///
    /// # Errors
    /// The text is no JSON.
    pub(crate) fn read(&self, text: &str) -> Result<Value, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for &Wanted {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The conversions are those of CEL: every integer is an `int`, whether or not it has a sign.
impl<'de> Visitor<'de> for &Wanted {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        // Nothing of a text can be needed where its fields are asked for: only that it is one.
        Ok(Value::from(if *self == Wanted::All { value } else { "" }))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        if *self == Wanted::All {
            while let Some(item) = items.next_element_seed(self)? {
                list.push(item);
            }
        } else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(Value::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map: HashMap<String, Value> = HashMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            let wanted = match self {
                Wanted::All => Some(self),
                Wanted::Fields(fields) => fields.get(&key),
            };
            match wanted {
                Some(wanted) => {
                    let value = entries.next_value_seed(wanted)?;
                    map.insert(key, value);
                }
                None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Map(map.into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a failed expectation in a test is the test's answer"
    )]

    use super::Wanted;
    use cel::{Context, Value};

    const DOCUMENT: &str =
        r#"{"a": {"b": {"c": 1, "d": "x"}, "e": [1, {"f": 2}]}, "g": "text", "h": null}"#;

    fn wanted(paths: &[&[&str]]) -> Wanted {
        let mut wanted = Wanted::default();
        paths.iter().for_each(|path| wanted.want(path));
        wanted
    }

    /// Whether an expression over the parts that were read has the value it has over the whole.
    fn same(paths: &[&[&str]], expression: &str) -> bool {
        let program = cel::Program::compile(expression).unwrap();
        let run = |wanted: &Wanted| {
            let mut context = Context::default();
            context.add_variable_from_value("state", wanted.read(DOCUMENT).unwrap());
            program.execute(&context).map_err(|error| error.to_string())
        };
        run(&wanted(paths)) == run(&Wanted::All)
    }

    #[test]
    fn parts_answer_like_the_whole() {
        assert!(same(&[&["a", "b", "c"]], "state.a.b.c == 1"));
        assert!(same(&[&["a", "b", "z"]], "has(state.a.b.z)"));
        assert!(same(&[&["a", "e"]], "state.a.e[1].f == 2"));
        assert!(same(&[&["g", "x"]], "has(state.g.x)"));
        assert!(same(&[&["h"]], "state.h == null"));
        assert!(same(&[&["z", "x"]], "has(state.z.x)"));
        assert!(same(&[&["a", "e", "x"]], "state.a.e.x == 1"));
    }

    #[test]
    fn a_part_within_a_part_is_the_larger_one() {
        assert_eq!(
            wanted(&[&["a"], &["a", "b"]]),
            wanted(&[&["a", "b"], &["a"]])
        );
        assert_eq!(wanted(&[&[], &["a"]]), Wanted::All);
        let mut sum = wanted(&[&["a", "b"]]);
        sum.add(&wanted(&[&["a", "c"], &["d"]]));
        assert_eq!(sum, wanted(&[&["a", "b"], &["a", "c"], &["d"]]));
    }

    #[test]
    fn what_is_not_needed_is_not_kept() {
        let Value::Map(map) = wanted(&[&["g", "x"], &["a", "b", "c"]])
            .read(DOCUMENT)
            .unwrap()
        else {
            panic!("a map")
        };
        assert_eq!(map.map.len(), 2);
        assert!(wanted(&[]).read("{").is_err());
        assert!(Wanted::All.read("{} {}").is_err());
    }
}
