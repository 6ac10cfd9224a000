//! Owns the chain of hashes through a run's events, and the checks that every store makes before it
//! looks at a batch. All of it runs in the caller's task, except [`link`].

use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::Committed;
use crate::record::{Batch, CallRecord, Fork, NewEvent, NewRun, Pin, RunKey, StoredEvent};

/// The longest namespace, run id, timer id or name, in bytes.
const LONGEST_NAME: usize = 200;

/// What the first event of a run is chained to: an event moved to another run does not fit there.
pub(crate) fn genesis(key: &RunKey, input_digest: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"menagerie journal 1");
    for part in [&key.namespace, &key.run] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(input_digest.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// The part of an event's hash that does not depend on its predecessor.
fn body_digest(seq: u64, at_ms: u64, event_type: &str, json: &str) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(seq.to_be_bytes());
    hasher.update(at_ms.to_be_bytes());
    hasher.update((event_type.len() as u64).to_be_bytes());
    hasher.update(event_type.as_bytes());
    hasher.update(json.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// The digests of a batch's events, made before the batch reaches the thread that commits.
pub(crate) fn body_digests(events: &[NewEvent], first_seq: u64) -> Vec<Digest> {
    (first_seq..)
        .zip(events)
        .map(|(seq, event)| body_digest(seq, event.at_ms, &event.event_type, &event.json))
        .collect()
}

/// The hash of an event: of its predecessor's hash and its own digest, a fixed 64 bytes.
pub(crate) fn link(previous: &Digest, body: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(body.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// What a snapshot is kept with: its state is that of one run after certain events, and of no others.
pub(crate) fn snapshot_seal(after: &Committed, state_version: u32, body: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"menagerie snapshot 1");
    hasher.update(after.head_hash.as_bytes());
    hasher.update(after.next_seq.to_be_bytes());
    hasher.update(state_version.to_be_bytes());
    hasher.update(body.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// Walks along a run's events and stops at the first that does not fit.
pub(crate) struct ChainCheck<'a> {
    run: &'a RunKey,
    /// Where the walk stands.
    pub(crate) head: Committed,
}

impl<'a> ChainCheck<'a> {
    /// Begins behind an event whose hash is known, or at the genesis hash.
    pub(crate) fn new(run: &'a RunKey, head: Committed) -> Self {
        Self { run, head }
    }

    /// Takes the next event.
    pub(crate) fn pass(&mut self, event: &StoredEvent) -> Result<(), Error> {
        if event.seq != self.head.next_seq {
            return Err(self.damaged(format!(
                "it is missing; the next one there is {}",
                event.seq
            )));
        }
        let body = body_digest(event.seq, event.at_ms, &event.event_type, &event.json);
        if link(&self.head.head_hash, &body) != event.hash {
            return Err(
                self.damaged("its hash does not fit its content and its predecessor".to_owned())
            );
        }
        self.head = Committed {
            next_seq: event.seq + 1,
            head_hash: event.hash,
        };
        Ok(())
    }

    /// The error for an event at the place where the walk stands.
    pub(crate) fn damaged(&self, reason: String) -> Error {
        Error::Damaged {
            run: self.run.clone(),
            seq: self.head.next_seq,
            reason,
        }
    }
}

/// Refuses names that would be unreadable or endless wherever they are shown.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!(
            "{what} must have 1 to {LONGEST_NAME} bytes without control characters, found {:?}",
            name.chars().take(40).collect::<String>()
        ));
    }
    Ok(())
}

/// Both parts of a run's name.
pub(crate) fn check_key(key: &RunKey) -> Result<(), Error> {
    check_name("a namespace", &key.namespace)
        .and_then(|()| check_name("a run id", &key.run))
        .map_err(Error::Invalid)
}

/// JSON syntax.
pub(crate) fn check_json(what: &str, text: &str) -> Result<(), String> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{what} is not JSON: {error}")),
    }
}

/// Times beyond what a store's signed integers hold.
pub(crate) fn check_time(at_ms: u64) -> Result<(), String> {
    i64::try_from(at_ms)
        .map(|_| ())
        .map_err(|_| format!("the time {at_ms} is out of range"))
}

/// Everything about a batch that can be judged without the store.
pub(crate) fn check_batch(run: &RunKey, batch: &Batch) -> Result<(), CommitError> {
    batch_parts(run, batch).map_err(|reason| CommitError::InvalidBatch {
        run: run.clone(),
        reason,
    })
}

fn batch_parts(run: &RunKey, batch: &Batch) -> Result<(), String> {
    for event in &batch.events {
        check_name("an event type", &event.event_type)?;
        check_json("an event", &event.json)?;
        check_time(event.at_ms)?;
    }
    for timer in &batch.timers_set {
        check_name("a timer id", &timer.id)?;
        check_time(timer.due_at_ms)?;
    }
    for message in &batch.messages {
        if *message.to == *run.run {
            return Err("a run does not send to itself".to_owned());
        }
        check_name("an input id", &message.input_id)?;
        check_json("a message", &message.json)?;
        check_time(message.at_ms)?;
    }
    for checkpoint in &batch.checkpoints {
        check_name("a checkpoint's id", &checkpoint.id)?;
        check_time(checkpoint.at_ms)?;
    }
    if let Some(status) = &batch.status {
        check_name("a status", &status.text)?;
    }
    check_calls(&batch.call_records)
}

/// Entries for the call log.
pub(crate) fn check_calls(records: &[CallRecord]) -> Result<(), String> {
    for record in records {
        let (CallRecord::Intend { call, at_ms, .. } | CallRecord::Record { call, at_ms, .. }) =
            record;
        check_name("a step id", &call.step)?;
        check_time(*at_ms)?;
    }
    Ok(())
}

/// Everything about a new run that can be judged without the store.
pub(crate) fn check_new_run(run: &NewRun) -> Result<(), CommitError> {
    check_key(&run.key)?;
    let parts = || {
        check_name("a flow's name", &run.flow)?;
        check_name("a status", &run.status.text)?;
        check_time(run.created_at_ms)?;
        if let Some(parent) = &run.parent {
            check_name("a parent's id", parent)?;
        }
        let mut names: Vec<&str> = run.pins.iter().map(|pin| &*pin.name).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if pair[0] == pair[1] {
                return Err(format!("two pins are called {:?}", pair[0]));
            }
        }
        names
            .iter()
            .try_for_each(|name| check_name("a pin's name", name))
    };
    parts().map_err(|reason| CommitError::InvalidBatch {
        run: run.key.clone(),
        reason,
    })
}

/// What a run is to stay on beside what it has.
pub(crate) fn check_pins(run: &RunKey, pins: &[Pin]) -> Result<(), CommitError> {
    let mut names = pins.iter().map(|pin| &*pin.name);
    names
        .try_for_each(|name| check_name("a pin's name", name))
        .map_err(|reason| CommitError::InvalidBatch {
            run: run.clone(),
            reason,
        })
}

/// A pin whose name is there with other content.
pub(crate) fn other_pin(run: &RunKey, name: &str) -> CommitError {
    CommitError::InvalidBatch {
        run: run.clone(),
        reason: format!("it has other content pinned as {name:?}"),
    }
}

/// A new run that takes over events of another one.
pub(crate) fn check_fork(run: &NewRun, fork: &Fork) -> Result<(), CommitError> {
    let reason = if !run.pins.is_empty() {
        "a fork stays on the pins of the run that it goes on from"
    } else if fork.events == 0 {
        "a fork takes over one event at least"
    } else if *fork.from == *run.key.run {
        "a run is not forked from itself"
    } else {
        return Ok(());
    };
    Err(unacceptable(run, reason))
}

/// The other run is shorter than what is to be taken over.
pub(crate) fn fork_beyond_end(run: &NewRun, fork: &Fork, found: u64) -> CommitError {
    let (from, events) = (&fork.from, fork.events);
    unacceptable(
        run,
        &format!("run {from} has {found} events, and {events} were to be taken over"),
    )
}

fn unacceptable(run: &NewRun, reason: &str) -> CommitError {
    CommitError::InvalidBatch {
        run: run.key.clone(),
        reason: reason.to_owned(),
    }
}

/// What an event would be chained with if it were to be written again.
pub(crate) fn body_of(event: &StoredEvent) -> Digest {
    body_digest(event.seq, event.at_ms, &event.event_type, &event.json)
}

/// An input for a run's inbox.
pub(crate) fn check_input(
    run: &RunKey,
    input_id: &str,
    json: &str,
    at_ms: u64,
) -> Result<(), CommitError> {
    check_name("an input id", input_id)
        .and_then(|()| check_json("an input", json))
        .and_then(|()| check_time(at_ms))
        .map_err(|reason| CommitError::InvalidBatch {
            run: run.clone(),
            reason,
        })
}
