//! Owns the comparison of a run's checkpoints with its events.
//!
//! What an event means is not the journal's to know. Whoever notes a checkpoint does so with an event
//! that has the checkpoint's time and names its id and its label; that much is compared. It shows a row
//! that was changed, invented or moved before its event. A row that is missing is not missed here, and
//! one that was moved to a later place within the run is not either.

use serde_json::Value;

use crate::error::Error;
use crate::record::{Checkpoint, RunKey, StoredEvent};

/// The checkpoints that no event has told of so far.
pub(crate) struct Untold(Vec<Checkpoint>);

impl Untold {
    pub(crate) fn new(checkpoints: Vec<Checkpoint>) -> Self {
        Self(checkpoints)
    }

    /// Takes the next event, which is as it was written.
    pub(crate) fn pass(&mut self, event: &StoredEvent) {
        self.0.retain(|checkpoint| !tells(event, checkpoint));
    }

    /// Takes the number of events that there are.
    pub(crate) fn finish(self, run: &RunKey, events: u64) -> Result<(), Error> {
        let Some(Checkpoint { id, next_seq, .. }) = self.0.first() else {
            return Ok(());
        };
        let reason = if *next_seq > events {
            format!("the checkpoint {id} lies behind {next_seq} events, and there are {events}")
        } else {
            format!(
                "the checkpoint {id} lies behind it, and no event up to it has its time, id and label"
            )
        };
        Err(Error::Damaged {
            run: run.clone(),
            seq: next_seq.saturating_sub(1),
            reason,
        })
    }
}

fn tells(event: &StoredEvent, checkpoint: &Checkpoint) -> bool {
    // The time goes first: few events are worth being parsed.
    if event.seq >= checkpoint.next_seq || event.at_ms != checkpoint.at_ms {
        return false;
    }
    serde_json::from_str(&event.json)
        .is_ok_and(|json| names(&json, &checkpoint.id) && names(&json, &checkpoint.label))
}

/// Whether a text is somewhere in a document.
fn names(json: &Value, text: &str) -> bool {
    match json {
        Value::String(found) => found == text,
        Value::Array(values) => values.iter().any(|value| names(value, text)),
        Value::Object(fields) => fields.values().any(|value| names(value, text)),
        _ => false,
    }
}
