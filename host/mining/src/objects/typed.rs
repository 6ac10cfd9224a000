//! What an object-centric log must hold to be one: types that are declared, values of these types, ids that are
//! there once and lead somewhere.
//!
//! Tools do not agree on the values: one writes `7.0` for a whole number, another a truth into an attribute of texts.
//! What has one meaning only is taken as its attribute's type says, so that the same log comes out of each of the
//! three forms. Whatever would have to be guessed is an error.

use std::collections::{HashMap, HashSet};

use serde_json::{Number, Value};

use super::{AttributeOf, ObjectError, ObjectLog, Relationship, TypeOf, Valued};
use crate::document;

/// From when on objects have what they have from the beginning.
pub const FIRST: &str = "1970-01-01T00:00:00.000+00:00";

/// The types that an attribute may have.
const KINDS: &str = "`string`, `integer`, `float`, `boolean` or `time`";

/// The type of an attribute, by the names that are used for it.
pub(super) fn kind(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "string" | "text" => "string",
        "integer" | "int" | "long" => "integer",
        "float" | "double" | "real" => "float",
        "boolean" | "bool" => "boolean",
        "time" | "date" | "datetime" | "timestamp" => "time",
        _ => return None,
    })
}

/// A value of a type; nothing where there is none. The error is what was expected.
pub(super) fn value(kind: &str, found: &Value) -> Result<Option<Value>, &'static str> {
    let typed = match (kind, found) {
        (_, Value::Null) => return Ok(None),
        (_, Value::Array(_) | Value::Object(_)) => return Err("a single value"),
        (_, Value::String(found)) => return text(kind, found),
        ("string", other) => Some(Value::String(other.to_string())),
        ("integer", Value::Number(number)) => whole(number).map(Value::from),
        ("float", Value::Number(number)) => float(number.as_f64()),
        ("boolean", Value::Bool(truth)) => Some(Value::Bool(*truth)),
        ("boolean", Value::Number(number)) => match whole(number) {
            Some(0) => Some(Value::Bool(false)),
            Some(1) => Some(Value::Bool(true)),
            _ => None,
        },
        _ => None,
    };
    typed.map(Some).ok_or_else(|| expected(kind))
}

/// The value of a type that a text stands for, as XML has it.
pub(super) fn text(kind: &str, text: &str) -> Result<Option<Value>, &'static str> {
    let trimmed = text.trim();
    if kind == "string" {
        return Ok(Some(Value::String(text.to_owned())));
    }
    if trimmed.is_empty() {
        return Ok(None);
    }
    let typed = match kind {
        "integer" => match trimmed.parse::<i64>() {
            Ok(number) => Some(number.into()),
            Err(_) => trimmed
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .and_then(|number| whole(&number))
                .map(Value::from),
        },
        "float" => float(trimmed.parse().ok()),
        "boolean" if trimmed.eq_ignore_ascii_case("true") || trimmed == "1" => Some(true.into()),
        "boolean" if trimmed.eq_ignore_ascii_case("false") || trimmed == "0" => Some(false.into()),
        "time" if document::moment(trimmed).is_ok() => Some(trimmed.into()),
        _ => None,
    };
    typed.map(Some).ok_or_else(|| expected(kind))
}

fn expected(kind: &str) -> &'static str {
    match kind {
        "integer" => "a whole number between -2^63 and 2^63 - 1",
        "float" => "a finite number",
        "boolean" => "`true` or `false`",
        "time" => "a time such as `2026-01-31T23:59:59.999+01:00`",
        _ => "a text",
    }
}

fn float(number: Option<f64>) -> Option<Value> {
    number.and_then(Number::from_f64).map(Value::Number)
}

/// A whole number, written with a fraction of zero or not.
#[allow(
    clippy::cast_possible_truncation,
    reason = "whole numbers below 2^53, where each has a place of its own"
)]
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let number = number.as_f64().filter(|_| number.is_f64())?;
        (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
    })
}

impl ObjectLog {
    /// This log with every value of its attribute's type, and every type and attribute declared. Of objects each value
    /// has the time from which on it holds.
    ///
    /// # Errors
    /// What is no value of its type, there twice, or not there; see [`ObjectError`].
    pub fn checked(mut self) -> Result<Self, ObjectError> {
        let mut object_types = Declared::of(&mut self.object_types, "object type")?;
        let mut event_types = Declared::of(&mut self.event_types, "event type")?;
        for object in &mut self.objects {
            let owner = || format!("object `{}`", object.id);
            object_types.values(&object.kind, &mut object.attributes, owner)?;
            for attribute in &mut object.attributes {
                let time = attribute.time.get_or_insert_with(|| FIRST.to_owned());
                moment(time, owner)?;
            }
        }
        for event in &mut self.events {
            let owner = || format!("event `{}`", event.id);
            moment(&event.time, owner)?;
            event_types.values(&event.kind, &mut event.attributes, owner)?;
            let mut names = HashSet::new();
            for attribute in &mut event.attributes {
                attribute.time = None;
                if !names.insert(attribute.name.as_str()) {
                    let name = &attribute.name;
                    return Err(twice(format!("attribute `{name}` of {}", owner())));
                }
            }
        }
        self.object_types = object_types.types;
        self.event_types = event_types.types;
        self.identified()?;
        Ok(self)
    }

    /// Ids are there once, and what is named is there.
    fn identified(&self) -> Result<(), ObjectError> {
        let mut objects: HashSet<&str> = HashSet::with_capacity(self.objects.len());
        let mut events: HashSet<&str> = HashSet::with_capacity(self.events.len());
        for object in &self.objects {
            if !objects.insert(&object.id) {
                return Err(twice(format!("object `{}`", object.id)));
            }
        }
        for object in &self.objects {
            let owner = || format!("object `{}`", object.id);
            there(&objects, &object.relationships, owner)?;
        }
        for event in &self.events {
            let owner = || format!("event `{}`", event.id);
            if !events.insert(&event.id) {
                return Err(twice(owner()));
            }
            there(&objects, &event.relationships, owner)?;
        }
        Ok(())
    }
}

fn twice(what: String) -> ObjectError {
    ObjectError::Twice { what }
}

fn moment(text: &str, owner: impl Fn() -> String) -> Result<(), ObjectError> {
    document::moment(text)
        .map(|_| ())
        .map_err(|source| ObjectError::Moment {
            owner: owner(),
            source,
        })
}

fn there(
    ids: &HashSet<&str>,
    relationships: &[Relationship],
    owner: impl Fn() -> String,
) -> Result<(), ObjectError> {
    let missing = relationships
        .iter()
        .find(|about| !ids.contains(about.object_id.as_str()));
    missing.map_or(Ok(()), |missing| {
        Err(ObjectError::Dangling {
            owner: owner(),
            object: missing.object_id.clone(),
        })
    })
}

/// The types that are known, with where they and their attributes are.
struct Declared {
    types: Vec<TypeOf>,
    places: HashMap<String, (usize, HashMap<String, &'static str>)>,
}

impl Declared {
    fn of(types: &mut Vec<TypeOf>, what: &str) -> Result<Self, ObjectError> {
        let mut types = std::mem::take(types);
        let mut places = HashMap::with_capacity(types.len());
        for (place, one) in types.iter_mut().enumerate() {
            let mut kinds = HashMap::new();
            for attribute in &mut one.attributes {
                let known = kind(&attribute.kind).ok_or_else(|| ObjectError::Kind {
                    attribute: attribute.name.clone(),
                    of: one.name.clone(),
                    found: attribute.kind.clone(),
                    expected: KINDS,
                })?;
                known.clone_into(&mut attribute.kind);
                if kinds.insert(attribute.name.clone(), known).is_some() {
                    let name = &attribute.name;
                    return Err(twice(format!(
                        "attribute `{name}` of {what} `{}`",
                        one.name
                    )));
                }
            }
            if places.insert(one.name.clone(), (place, kinds)).is_some() {
                return Err(twice(format!("{what} `{}`", one.name)));
            }
        }
        Ok(Self { types, places })
    }

    /// Makes values of what an event or object has, and declares what is not declared by what it is.
    fn values(
        &mut self,
        name: &str,
        attributes: &mut Vec<Valued>,
        owner: impl Fn() -> String,
    ) -> Result<(), ObjectError> {
        if !self.places.contains_key(name) {
            self.places
                .insert(name.to_owned(), (self.types.len(), HashMap::new()));
            self.types.push(TypeOf {
                name: name.to_owned(),
                attributes: Vec::new(),
            });
        }
        let Some((place, kinds)) = self.places.get_mut(name) else {
            return Ok(());
        };
        let mut kept = Vec::with_capacity(attributes.len());
        for mut attribute in attributes.drain(..) {
            let kind = match kinds.get(&attribute.name) {
                Some(kind) => *kind,
                // Nothing can be told from no value.
                None if attribute.value.is_null() => continue,
                None => {
                    let kind = super::kind_of(&attribute.value);
                    kinds.insert(attribute.name.clone(), kind);
                    self.types[*place].attributes.push(AttributeOf {
                        name: attribute.name.clone(),
                        kind: kind.to_owned(),
                    });
                    kind
                }
            };
            match value(kind, &attribute.value) {
                Ok(Some(typed)) => attribute.value = typed,
                Ok(None) => continue,
                Err(expected) => {
                    return Err(ObjectError::Value {
                        owner: owner(),
                        attribute: attribute.name,
                        found: attribute.value.to_string().chars().take(60).collect(),
                        expected,
                    });
                }
            }
            kept.push(attribute);
        }
        *attributes = kept;
        Ok(())
    }
}
