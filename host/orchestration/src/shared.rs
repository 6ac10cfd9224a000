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

/// A change that a call asks for.
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
    /// What it is to be.
    pub value: Document,
}

/// Everything that is shared in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shared {
    values: BTreeMap<String, Versioned>,
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
        if version != change.expected {
            return SharedOutcome::Conflict { version };
        }
        let before = self.size(&change.key);
        let after = change.key.len() + change.value.to_text().len();
        if self.bytes - before + after > MOST_BYTES || self.changes >= MOST_CHANGES {
            return SharedOutcome::Full;
        }
        SharedOutcome::Set {
            version: version.unwrap_or(0).saturating_add(1),
        }
    }

    /// Takes what came of a change.
    pub(crate) fn take(
        &mut self,
        of: (CallOf, u32),
        ordinal: u32,
        (key, value): (&str, &Document),
        outcome: SharedOutcome,
    ) {
        self.changes = self.changes.saturating_add(1);
        let SharedOutcome::Set { version } = outcome else {
            return;
        };
        self.bytes = self.bytes - self.size(key) + key.len() + value.to_text().len();
        let value = value.clone();
        self.values
            .insert(key.to_owned(), Versioned { version, value });
        self.made.note(of, ordinal, version);
    }

    fn size(&self, key: &str) -> usize {
        let present = self.values.get(key);
        present.map_or(0, |present| key.len() + present.value.to_text().len())
    }
}
