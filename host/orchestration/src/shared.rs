//! What the steps of a run share: values by key, each with a version that rises by one with every
//! change. A value is changed by compare-and-set alone, so that of two steps that race one learns of
//! the other.
//!
//! A change stands from its event on, whatever becomes of the step that made it. An execution that is
//! made again after a crash asks again for what its attempt has already set: such a change is
//! remembered by its number within the attempt until the attempt ends, and never made twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::event::{CallId, CallOf, SharedOutcome};
use crate::made::Made;

/// Bytes of all keys and values of a run together, as JSON text.
pub const MOST_BYTES: usize = 1 << 20;
/// Bytes of one value as JSON text.
pub const MOST_VALUE_BYTES: usize = 64 << 10;
/// Changes that a run's steps may ask for, those that are refused included: each of them is an event.
pub const MOST_CHANGES: u32 = 16_384;

/// A value and how often it was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versioned {
    /// 1 for the first value of a key.
    pub version: u32,
    /// The value.
    pub value: Document,
}

/// A change that a call asks for. A value that goes leaves its version behind, so that what is set under its
/// key later is not taken for it.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedChange {
    /// The call.
    pub call: CallId,
    /// The number of the host call within the attempt, from 0.
    pub ordinal: u32,
    /// Which value.
    pub key: String,
    /// The version that it must have; none if it must not be there.
    pub expected: Option<u32>,
    /// What it is to be; nothing takes it away.
    pub value: Option<Document>,
}

/// Everything that is shared in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shared {
    values: BTreeMap<String, Versioned>,
    /// The versions under which values went.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    gone: BTreeMap<String, u32>,
    /// Of all keys and values.
    bytes: usize,
    /// Asked for so far.
    changes: u32,
    /// The versions that attempts under way have set.
    pub(crate) made: Made,
}

impl Shared {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Versioned> {
        self.values.get(key)
    }

    /// What comes of a change.
    pub(crate) fn judge(&self, change: &SharedChange) -> SharedOutcome {
        let version = self.values.get(&change.key).map(|present| present.version);
        let nothing_to_take = version.is_none() && change.value.is_none();
        if version != change.expected || nothing_to_take {
            return SharedOutcome::Conflict { version };
        }
        let before = self.size(&change.key);
        let after = size_of(&change.key, change.value.as_ref());
        if self.bytes - before + after > MOST_BYTES || self.changes >= MOST_CHANGES {
            return SharedOutcome::Full;
        }
        let before = version.or_else(|| self.gone.get(&change.key).copied());
        SharedOutcome::Set {
            version: before.unwrap_or(0).saturating_add(1),
        }
    }

    /// Takes what came of a change.
    pub(crate) fn take(
        &mut self,
        of: (CallOf, u32),
        ordinal: u32,
        (key, value): (&str, Option<&Document>),
        outcome: SharedOutcome,
    ) {
        self.changes = self.changes.saturating_add(1);
        let SharedOutcome::Set { version } = outcome else {
            return;
        };
        self.bytes = self.bytes - self.size(key) + size_of(key, value);
        match value.cloned() {
            Some(value) => {
                self.gone.remove(key);
                self.values
                    .insert(key.to_owned(), Versioned { version, value });
            }
            None => {
                self.values.remove(key);
                self.gone.insert(key.to_owned(), version);
            }
        }
        self.made.note(of, ordinal, version);
    }

    fn size(&self, key: &str) -> usize {
        match self.values.get(key) {
            Some(present) => size_of(key, Some(&present.value)),
            None if self.gone.contains_key(key) => size_of(key, None),
            None => 0,
        }
    }
}

/// What a key takes of the room, with its value or without.
fn size_of(key: &str, value: Option<&Document>) -> usize {
    key.len() + value.map_or(0, |value| value.to_text().len())
}
