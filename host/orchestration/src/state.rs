//! A run's state: the input, and the outputs of its steps laid over it.
//!
//! Each key remembers the step that wrote it, and of two writers the one that was asked for later
//! wins. That makes joining two states commutative, associative and idempotent: what a run's state
//! is does not depend on which of two parallel steps happens to end first.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::document::Document;
use crate::event::StepNo;

/// The state of a run as one step, or its strategy, sees it. Cloning copies a pointer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(Arc<BTreeMap<String, Entry>>);

/// A key's value: a whole document, or the value of `key` in it. Keeping the document whole saves
/// copying every output once more.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "WrittenEntry")]
struct Entry {
    writer: StepNo,
    document: Document,
    key: Option<String>,
}

/// An entry in a snapshot: its value alone, lest a document be written once for each of its keys.
#[derive(Serialize, Deserialize)]
struct WrittenEntry<V = Document> {
    writer: StepNo,
    value: V,
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (writer, value) = (self.writer, self.value());
        WrittenEntry { writer, value }.serialize(to)
    }
}

impl From<WrittenEntry> for Entry {
    fn from(written: WrittenEntry) -> Self {
        Self {
            writer: written.writer,
            document: written.value,
            key: None,
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.writer == other.writer && self.value() == other.value()
    }
}

impl Entry {
    fn value(&self) -> &Value {
        match &self.key {
            Some(key) => self.document.value().get(key).unwrap_or(&Value::Null),
            None => self.document.value(),
        }
    }
}

impl State {
    /// The state before any step: the input's keys, or the whole input under `input`.
    #[must_use]
    pub fn from_input(input: &Document) -> Self {
        let mut state = Self::default();
        state.write(StepNo(0), "input", input);
        state
    }

    /// Lays an output over the state: an object key by key, anything else under `otherwise`.
    pub fn write(&mut self, writer: StepNo, otherwise: &str, output: &Document) {
        let entries = Arc::make_mut(&mut self.0);
        match output.value() {
            Value::Object(object) => {
                for key in object.keys() {
                    let entry = Entry {
                        writer,
                        document: output.clone(),
                        key: Some(key.clone()),
                    };
                    insert_if_later(entries, key, entry);
                }
            }
            _ => {
                let entry = Entry {
                    writer,
                    document: output.clone(),
                    key: None,
                };
                insert_if_later(entries, otherwise, entry);
            }
        }
    }

    /// Puts another input in the place of the one that the run began with. What steps have written
    /// stays; a state that is empty, as that of an ended step, stays empty.
    pub fn replace_input(&mut self, input: &Self) {
        if self.0.is_empty() {
            return;
        }
        let entries = Arc::make_mut(&mut self.0);
        entries.retain(|_, entry| entry.writer != StepNo(0));
        for (key, entry) in input.0.iter() {
            entries.entry(key.clone()).or_insert_with(|| entry.clone());
        }
    }

    /// Lays another state over this one.
    pub fn join(&mut self, other: &Self) {
        if Arc::ptr_eq(&self.0, &other.0) {
            return;
        }
        // In a row of steps each sees what the one before it left: then the other is the whole, and
        // nothing is copied.
        if self.is_within(other) {
            *self = other.clone();
            return;
        }
        if other.is_within(self) {
            return;
        }
        let entries = Arc::make_mut(&mut self.0);
        for (key, entry) in other.0.iter() {
            insert_if_later(entries, key, entry.clone());
        }
    }

    /// Whether the other state has each of these keys from the same step or from a later one, so that
    /// laying this over it would change nothing. One step writes one value of a key.
    fn is_within(&self, other: &Self) -> bool {
        let later = |(key, entry): (&String, &Entry)| {
            let present = other.0.get(key);
            present.is_some_and(|present| present.writer >= entry.writer)
        };
        self.0.len() <= other.0.len() && self.0.iter().all(later)
    }

    /// Lays an output over this state and the run's own, which in a row of steps are the same one: then
    /// they stay that.
    pub fn write_both(
        &mut self,
        run: &mut Self,
        writer: StepNo,
        otherwise: &str,
        output: &Document,
    ) {
        let same = Arc::ptr_eq(&self.0, &run.0);
        if same {
            // Lest the writing copies what only this one would still hold.
            *self = Self::default();
        }
        run.write(writer, otherwise, output);
        if same {
            *self = run.clone();
        } else {
            self.write(writer, otherwise, output);
        }
    }

    /// The state as one JSON object.
    #[must_use]
    pub fn to_document(&self) -> Document {
        let object: Map<String, Value> = self
            .0
            .iter()
            .map(|(key, entry)| (key.clone(), entry.value().clone()))
            .collect();
        Document::from(Value::Object(object))
    }

    /// The state as JSON text, without copying its values.
    #[must_use]
    pub fn to_text(&self) -> String {
        let view: BTreeMap<&str, &Value> = self
            .0
            .iter()
            .map(|(key, entry)| (key.as_str(), entry.value()))
            .collect();
        serde_json::to_string(&view).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Keys of `output` which the state has from another step that `seen` did not know of, and
    /// that step: two parallel steps wrote the same key.
    #[must_use]
    pub fn overwritten(
        &self,
        seen: &Self,
        writer: StepNo,
        otherwise: &str,
        output: &Document,
    ) -> Vec<(String, StepNo)> {
        let other_writer = |key: &str| {
            let entry = self.0.get(key)?;
            let known = seen.0.get(key).map(|entry| entry.writer);
            let other = entry.writer.0 > 0 && entry.writer != writer && known != Some(entry.writer);
            other.then(|| (key.to_owned(), entry.writer))
        };
        match output.value() {
            Value::Object(object) => object.keys().filter_map(|key| other_writer(key)).collect(),
            _ => other_writer(otherwise).into_iter().collect(),
        }
    }
}

fn insert_if_later(entries: &mut BTreeMap<String, Entry>, key: &str, entry: Entry) {
    match entries.get_mut(key) {
        Some(present) if present.writer > entry.writer => {}
        Some(present) => *present = entry,
        None => {
            entries.insert(key.to_owned(), entry);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(writer: u32, value: Value) -> State {
        let mut state = State::default();
        state.write(StepNo(writer), "other", &Document::from(value));
        state
    }

    #[test]
    fn the_later_step_wins_whichever_ends_first() {
        let (early, late) = (written(1, json!({"k": 1})), written(2, json!({"k": 2})));
        let mut one = early.clone();
        one.join(&late);
        let mut other = late;
        other.join(&early);
        assert_eq!(one, other);
        assert_eq!(one.to_text(), r#"{"k":2}"#);
    }

    #[test]
    fn an_output_that_is_no_object_has_a_key_of_its_own() {
        assert_eq!(written(1, json!([1])).to_text(), r#"{"other":[1]}"#);
    }

    #[test]
    fn another_input_replaces_what_no_step_has_written() {
        let mut state =
            State::from_input(&Document::from(json!({"old": 1, "both": 1, "written": 1})));
        state.write(StepNo(1), "other", &Document::from(json!({"written": 2})));
        let input = json!({"new": 3, "both": 3, "written": 3});
        state.replace_input(&State::from_input(&Document::from(input)));
        assert_eq!(state.to_text(), r#"{"both":3,"new":3,"written":2}"#);
    }

    #[test]
    fn a_snapshot_of_a_state_is_the_state() {
        let state = written(3, json!({"a": {"b": 1}, "c": null}));
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn a_snapshot_of_a_state_holds_each_value_once() {
        let object: Map<String, Value> = (0..100)
            .map(|key| (format!("key{key}"), json!("value")))
            .collect();
        let text = serde_json::to_string(&written(1, Value::Object(object))).unwrap();
        assert_eq!(
            text.matches("value\"").count(),
            200,
            "100 names, 100 values"
        );
    }

    fn any_state() -> impl Strategy<Value = State> {
        // One writer writes one value: the values are a function of writer and key.
        proptest::collection::vec((1u32..5, "[a-c]"), 0..6).prop_map(|writes| {
            let mut state = State::default();
            for (writer, key) in writes {
                state.join(&written(writer, json!({ key: writer })));
            }
            state
        })
    }

    proptest! {
        #[test]
        fn joining_is_commutative_associative_and_idempotent(
            a in any_state(), b in any_state(), c in any_state(),
        ) {
            let join = |x: &State, y: &State| { let mut z = x.clone(); z.join(y); z };
            prop_assert_eq!(join(&a, &b), join(&b, &a));
            prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
            prop_assert_eq!(join(&a, &a), a);
        }
    }
}
