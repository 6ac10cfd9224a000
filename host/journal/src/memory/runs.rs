//! Owns the state of one run in the fake.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::state::Store;
use crate::call_log::{self, Change, Entry};
use crate::chain::{self, ChainCheck};
use crate::checkpoints::Untold;
use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::{Committed, Loaded, RunFilter, Verified};
use crate::record::{
    Batch, CallAnswer, CallKey, CallRecord, CallRow, Checkpoint, Fork, ForkedFrom, InboxEntry,
    NewRun, PinRow, RunKey, RunRow, Status, StoredEvent, StoredSnapshot, Timer, Wakes,
};

/// One run and everything filed under it.
pub(super) struct RunState {
    pub(super) key: RunKey,
    pub(super) input_digest: Digest,
    pub(super) epoch: u64,
    /// The process that claimed it last, unless it gave it up.
    pub(super) process: Option<u64>,
    pub(super) events: Vec<StoredEvent>,
    pub(super) calls: BTreeMap<CallKey, CallRow>,
    pub(super) pins: Vec<PinRow>,
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) forked_from: Option<ForkedFrom>,
    run: NewRun,
    status: Status,
    payloads: HashMap<Digest, Arc<[u8]>>,
    timers: BTreeMap<String, u64>,
    /// With whether each was acknowledged.
    inbox: Vec<(InboxEntry, bool)>,
    snapshot: Option<(u32, StoredSnapshot)>,
}

impl RunState {
    pub(super) fn new(mut run: NewRun, process: u64) -> Self {
        let mut pins: Vec<PinRow> = std::mem::take(&mut run.pins)
            .into_iter()
            .map(|pin| PinRow {
                digest: pin.content.digest(),
                size: pin.content.bytes().len() as u64,
                name: pin.name,
            })
            .collect();
        pins.sort();
        Self {
            key: run.key.clone(),
            input_digest: run.input_digest,
            epoch: 1,
            process: Some(process),
            events: Vec::new(),
            calls: BTreeMap::new(),
            pins,
            checkpoints: Vec::new(),
            forked_from: None,
            status: run.status.clone(),
            run,
            payloads: HashMap::new(),
            timers: BTreeMap::new(),
            inbox: Vec::new(),
            snapshot: None,
        }
    }

    /// A new run that begins as this one did.
    pub(super) fn forked(
        &self,
        run: NewRun,
        fork: &Fork,
        process: u64,
    ) -> Result<Self, CommitError> {
        let mut created = Self::new(run, process);
        created.forked_from = Some(ForkedFrom {
            run: fork.from.clone(),
            events: fork.events,
        });
        created.pins.clone_from(&self.pins);
        let mut head = created.origin();
        for event in self.page(0, fork.events as usize)? {
            let hash = chain::link(&head.head_hash, &chain::body_of(&event));
            head = Committed {
                next_seq: event.seq + 1,
                head_hash: hash,
            };
            created.events.push(StoredEvent { hash, ..event });
        }
        for digest in &fork.payloads {
            created.payloads.insert(*digest, self.payload(*digest)?);
        }
        let of_attempts = |call: &&CallRow| {
            let attempts = fork.attempts.iter();
            attempts
                .clone()
                .any(|(step, attempt)| *step == call.call.step && *attempt == call.call.attempt)
        };
        let calls = self.calls.values().filter(of_attempts).cloned();
        created.calls = calls.map(|call| (call.call.clone(), call)).collect();
        let before = |checkpoint: &&Checkpoint| checkpoint.next_seq <= fork.events;
        created.checkpoints = self.checkpoints.iter().filter(before).cloned().collect();
        Ok(created)
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.events.len() as u64
    }

    /// Where the chain begins.
    pub(super) fn origin(&self) -> Committed {
        Committed {
            next_seq: 0,
            head_hash: chain::genesis(&self.key, &self.input_digest),
        }
    }

    /// Where the chain stands before an event.
    fn head_before(&self, seq: u64) -> Committed {
        match (seq as usize)
            .checked_sub(1)
            .and_then(|last| self.events.get(last))
        {
            Some(event) => Committed {
                next_seq: seq,
                head_hash: event.hash,
            },
            None => self.origin(),
        }
    }

    pub(super) fn row(&self) -> RunRow {
        RunRow {
            key: self.key.clone(),
            flow: self.run.flow.clone(),
            input_digest: self.input_digest,
            parent: self.run.parent.clone(),
            path: self.run.path.clone(),
            session: self.run.session.clone(),
            labels: self.run.labels.clone(),
            status: self.status.clone(),
            created_at_ms: self.run.created_at_ms,
            updated_at_ms: self
                .events
                .last()
                .map_or(self.run.created_at_ms, |event| event.at_ms),
            next_seq: self.next_seq(),
            forked_from: self.forked_from.clone(),
        }
    }

    pub(super) fn matches(&self, filter: &RunFilter) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        same(&filter.namespace, Some(&self.key.namespace))
            && same(&filter.flow, Some(&self.run.flow))
            && same(&filter.status, Some(&self.status.text))
            && same(&filter.parent, self.run.parent.as_deref())
            && same(&filter.session, self.run.session.as_deref())
            && filter.ended.is_none_or(|ended| ended == self.status.ended)
            && !(filter.topmost && self.run.parent.is_some())
    }

    /// The call log's entries that these records change, as they would be afterwards.
    pub(super) fn after_calls(
        &self,
        records: &[CallRecord],
    ) -> Result<BTreeMap<CallKey, CallRow>, CommitError> {
        let mut changed: BTreeMap<CallKey, CallRow> = BTreeMap::new();
        for record in records {
            let call = call_log::key(record);
            let existing = changed.get(call).or_else(|| self.calls.get(call));
            let entry = existing.map(|row| Entry {
                request: row.request,
                answer: row.answer.as_ref().map(|answer| answer.content.digest()),
            });
            if call_log::judge(&self.key, entry, record)? != Change::Nothing {
                let row = changed_row(existing, record);
                changed.insert(call.clone(), row);
            }
        }
        Ok(changed)
    }

    pub(super) fn calls_of(&self, step: &str, attempt: u32) -> Vec<CallRow> {
        let of_attempt = |call: &&CallRow| call.call.step == step && call.call.attempt == attempt;
        self.calls.values().filter(of_attempt).cloned().collect()
    }

    /// The text of an input, acknowledged or not.
    pub(super) fn input_text(&self, input_id: &str) -> Option<&str> {
        let found = self
            .inbox
            .iter()
            .find(|(entry, _)| entry.input_id == input_id);
        found.map(|(entry, _)| &*entry.json)
    }

    pub(super) fn is_waiting(&self, input_id: &str) -> bool {
        self.inbox
            .iter()
            .any(|(entry, acked)| entry.input_id == input_id && !acked)
    }

    pub(super) fn has_mail(&self) -> bool {
        self.inbox.iter().any(|(_, acked)| !acked)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.status.ended
    }

    /// When the run wakes by itself, if that is still to come.
    pub(super) fn wakes_after(&self, now_ms: u64) -> Option<u64> {
        match self.status.wakes {
            Wakes::At(at_ms) if at_ms > now_ms => Some(at_ms),
            _ => None,
        }
    }

    /// The run's place among those that somebody should drive now, if it is one of them: by due
    /// timer, then those with mail, then the others by when they woke.
    pub(super) fn turn(&self, now_ms: u64) -> Option<(u8, u64)> {
        let awake_since = match self.status.wakes {
            Wakes::Now => Some(0),
            Wakes::At(at_ms) => (at_ms <= now_ms).then_some(at_ms),
            Wakes::WithMail => None,
        };
        let due = self.timers.values().min().filter(|due| **due <= now_ms);
        match (awake_since, due) {
            (Some(_), Some(due)) => Some((0, *due)),
            _ if self.has_mail() => Some((1, 0)),
            (Some(since), None) => Some((2, since)),
            (None, _) => None,
        }
    }

    pub(super) fn receive(&mut self, entry: InboxEntry) {
        self.inbox.push((entry, false));
    }

    pub(super) fn waiting_inputs(&self, after: u64) -> Vec<InboxEntry> {
        let waiting = self
            .inbox
            .iter()
            .filter(|(entry, acked)| !acked && entry.position > after);
        waiting.map(|(entry, _)| entry.clone()).collect()
    }

    /// Applies all of a batch that concerns this run alone.
    pub(super) fn apply(&mut self, batch: Batch) -> Committed {
        let mut head = self.head_before(self.next_seq());
        let bodies = chain::body_digests(&batch.events, head.next_seq);
        for (event, body) in batch.events.into_iter().zip(&bodies) {
            let hash = chain::link(&head.head_hash, body);
            self.events.push(StoredEvent {
                seq: head.next_seq,
                event_type: event.event_type.into_owned(),
                json: event.json,
                at_ms: event.at_ms,
                hash,
            });
            head = Committed {
                next_seq: head.next_seq + 1,
                head_hash: hash,
            };
        }
        for payload in batch.payloads {
            self.payloads
                .insert(payload.digest(), Arc::clone(payload.bytes()));
        }
        if let Ok(changed) = self.after_calls(&batch.call_records) {
            self.calls.extend(changed);
        }
        for id in &batch.timers_clear {
            self.timers.remove(id);
        }
        for timer in batch.timers_set {
            self.timers.insert(timer.id, timer.due_at_ms);
        }
        for (entry, acked) in &mut self.inbox {
            *acked |= batch.acks.contains(&entry.input_id);
        }
        self.checkpoints.extend(batch.checkpoints);
        if let Some(snapshot) = batch.snapshot {
            let stored = StoredSnapshot {
                next_seq: head.next_seq,
                body: Arc::clone(snapshot.body.bytes()),
            };
            self.snapshot = Some((snapshot.state_version, stored));
        }
        if let Some(status) = batch.status {
            self.status = status;
        }
        head
    }

    pub(super) fn load(&self, state_version: u32) -> Result<Loaded, Error> {
        let usable = self
            .snapshot
            .as_ref()
            .filter(|(version, _)| *version == state_version);
        let snapshot = usable.map(|(_, snapshot)| snapshot.clone());
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.next_seq);
        let mut timers: Vec<Timer> = self
            .timers
            .iter()
            .map(|(id, due_at_ms)| Timer {
                due_at_ms: *due_at_ms,
                id: id.clone(),
            })
            .collect();
        timers.sort();
        Ok(Loaded {
            row: self.row(),
            snapshot,
            events: self.page(from, usize::MAX)?,
            timers,
            inbox: self.waiting_inputs(0),
            head_hash: self.head_before(self.next_seq()).head_hash,
        })
    }

    pub(super) fn page(&self, from_seq: u64, limit: usize) -> Result<Vec<StoredEvent>, Error> {
        let mut check = ChainCheck::new(&self.key, self.head_before(from_seq));
        let page = self.events.iter().skip(from_seq as usize).take(limit);
        page.map(|event| check.pass(event).map(|()| event.clone()))
            .collect()
    }

    pub(super) fn payload(&self, digest: Digest) -> Result<Arc<[u8]>, Error> {
        self.payloads
            .get(&digest)
            .cloned()
            .ok_or_else(|| Error::UnknownContent {
                digest,
                place: format!("run {}", self.key),
            })
    }

    pub(super) fn verify(&self, store: &Store) -> Result<Verified, Error> {
        self.checked_events()?;
        let mut untold = Untold::new(self.checkpoints.clone());
        self.events.iter().for_each(|event| untold.pass(event));
        untold.finish(&self.key, self.next_seq())?;
        for pin in &self.pins {
            store.blob(&self.key.namespace, pin.digest)?;
        }
        let answers = self
            .calls
            .values()
            .filter(|call| call.answer.is_some())
            .count();
        Ok(Verified {
            events: self.next_seq(),
            contents: (self.payloads.len() + answers + self.pins.len()) as u64,
            head_hash: self.head_before(self.next_seq()).head_hash,
        })
    }
}

/// An entry after a record that was found acceptable.
fn changed_row(existing: Option<&CallRow>, record: &CallRecord) -> CallRow {
    match record {
        CallRecord::Intend {
            call,
            execution,
            request,
            effect,
            at_ms,
        } => CallRow {
            call: call.clone(),
            execution: *execution,
            request: *request,
            effect: effect.to_string(),
            intended_at_ms: *at_ms,
            answer: None,
        },
        CallRecord::Record {
            call,
            request,
            answer,
            at_ms,
        } => CallRow {
            call: call.clone(),
            execution: existing.map_or(0, |row| row.execution),
            request: *request,
            effect: existing.map(|row| row.effect.clone()).unwrap_or_default(),
            intended_at_ms: existing.map_or(*at_ms, |row| row.intended_at_ms),
            answer: Some(CallAnswer {
                content: answer.clone(),
                at_ms: *at_ms,
            }),
        },
    }
}
