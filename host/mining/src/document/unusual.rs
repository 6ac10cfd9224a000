//! What a log may have that one reader takes in one way and the next in another.

use rustc_hash::FxHashSet;

use super::{Attribute, Value};
use crate::log::Name;

/// Up to how many attributes are compared each with each; more are hashed.
const FEW: usize = 16;

/// How many attributes have a key that another one before them has. The standard has each key once.
pub(super) fn repeated(attributes: &[Attribute]) -> usize {
    if attributes.len() > FEW {
        let mut seen: FxHashSet<Name> = FxHashSet::default();
        let mut keys = attributes.iter().map(|attribute| attribute.key);
        return keys.by_ref().filter(|key| !seen.insert(*key)).count();
    }
    let is_repeated = |place: usize| {
        let key = attributes[place].key;
        attributes[..place].iter().any(|before| before.key == key)
    };
    (1..attributes.len())
        .filter(|place| is_repeated(*place))
        .count()
}

/// Whether a value can name something: numbers and truths can, and some logs have them so.
pub(super) fn names(value: &Value) -> bool {
    !matches!(value, Value::Date(_) | Value::List(_))
}
