//! Owns the fake's state. Every change is checked in full before anything of it is made.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::watch;

use super::runs::RunState;
use crate::chain;
use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::{
    Claim, Claimed, Committed, Created, Owner, Page, Place, Pulse, RunFilter, RunPage, Runnable,
    StoreReport,
};
use crate::record::{Batch, CallRecord, Fork, InboxEntry, Message, NewRun, Pin, PinRow, RunKey};

/// All that the processes share.
#[derive(Default)]
pub(super) struct Store {
    /// In order of creation; a [`Place`] is an index into it.
    runs: Vec<RunState>,
    by_key: HashMap<RunKey, usize>,
    blobs: HashMap<(Arc<str>, Digest), Arc<[u8]>>,
    /// Those that live.
    processes: BTreeMap<u64, Owner>,
    /// How many signs of life each process has given.
    beats: BTreeMap<u64, u64>,
    processes_seen: u64,
    /// The position of the last inbox entry of any run.
    last_position: u64,
    /// What those hear who hear of mail, and of commits.
    pub(super) rung: watch::Sender<()>,
    pub(super) committed: watch::Sender<()>,
}

impl Store {
    pub(super) fn start_process(&mut self, name: &str) -> u64 {
        self.processes_seen += 1;
        let owner = Owner {
            name: name.to_owned(),
            pid: std::process::id(),
            epoch: 0,
            own: false,
        };
        self.processes.insert(self.processes_seen, owner);
        self.processes_seen
    }

    pub(super) fn end_process(&mut self, process: u64) {
        self.processes.remove(&process);
    }

    fn index(&self, key: &RunKey) -> Result<usize, Error> {
        self.by_key
            .get(key)
            .copied()
            .ok_or_else(|| Error::UnknownRun { run: key.clone() })
    }

    pub(super) fn find(&self, key: &RunKey) -> Result<&RunState, Error> {
        Ok(&self.runs[self.index(key)?])
    }

    /// The claimed run, if the claim still holds.
    fn claimed(&self, claim: &Claim) -> Result<usize, CommitError> {
        let index = self.index(&claim.key)?;
        match self.runs[index].epoch {
            current if current == claim.epoch => Ok(index),
            current => Err(CommitError::StaleEpoch {
                run: claim.key.clone(),
                held: claim.epoch,
                current,
            }),
        }
    }

    pub(super) fn create(
        &mut self,
        run: NewRun,
        batch: Batch,
        process: u64,
    ) -> Result<Created, CommitError> {
        if let Some(&index) = self.by_key.get(&run.key) {
            let existing = &self.runs[index];
            if existing.input_digest != run.input_digest {
                return Err(CommitError::OtherInput {
                    run: run.key,
                    existing: existing.input_digest,
                    given: run.input_digest,
                });
            }
            return Ok(Created::Existing(existing.row()));
        }
        let claim = Claim {
            key: run.key.clone(),
            epoch: 1,
            place: Place::default(),
        };
        self.beat(process);
        let pins = run.pins.clone();
        let created = RunState::new(run, process);
        self.check(&created, &batch)?;
        for pin in pins {
            let key = (Arc::clone(&claim.key.namespace), pin.content.digest());
            self.blobs
                .entry(key)
                .or_insert_with(|| Arc::clone(pin.content.bytes()));
        }
        self.by_key.insert(claim.key.clone(), self.runs.len());
        self.runs.push(created);
        let committed = self.apply(self.runs.len() - 1, batch);
        Ok(Created::New(claim, committed))
    }

    pub(super) fn fork(
        &mut self,
        run: NewRun,
        fork: &Fork,
        batch: Batch,
        process: u64,
    ) -> Result<Created, CommitError> {
        if self.by_key.contains_key(&run.key) {
            return self.create(run, batch, process);
        }
        let from = RunKey::new(Arc::clone(&run.key.namespace), &*fork.from);
        let from = self.find(&from)?;
        if from.next_seq() < fork.events {
            return Err(chain::fork_beyond_end(&run, fork, from.next_seq()));
        }
        let created = from.forked(run, fork, process)?;
        self.beat(process);
        self.check(&created, &batch)?;
        let claim = Claim {
            key: created.key.clone(),
            epoch: 1,
            place: Place::default(),
        };
        self.by_key.insert(claim.key.clone(), self.runs.len());
        self.runs.push(created);
        let committed = self.apply(self.runs.len() - 1, batch);
        Ok(Created::New(claim, committed))
    }

    pub(super) fn commit(
        &mut self,
        claim: &Claim,
        expected: u64,
        batch: Batch,
    ) -> Result<Committed, CommitError> {
        let index = self.claimed(claim)?;
        let found = self.runs[index].next_seq();
        if found != expected {
            return Err(CommitError::Sequence {
                run: claim.key.clone(),
                expected,
                found,
            });
        }
        self.check(&self.runs[index], &batch)?;
        Ok(self.apply(index, batch))
    }

    pub(super) fn record_calls(
        &mut self,
        claim: &Claim,
        records: &[CallRecord],
    ) -> Result<(), CommitError> {
        let index = self.claimed(claim)?;
        let changed = self.runs[index].after_calls(records)?;
        self.runs[index].calls.extend(changed);
        Ok(())
    }

    /// Whether a batch can be applied, in the order in which the real store would find out.
    fn check(&self, run: &RunState, batch: &Batch) -> Result<(), CommitError> {
        run.after_calls(&batch.call_records)?;
        let mut sent: Vec<&Message> = Vec::new();
        for message in &batch.messages {
            let target = self.index(&RunKey::new(Arc::clone(&run.key.namespace), &*message.to))?;
            let target = &self.runs[target];
            let in_batch = sent
                .iter()
                .find(|earlier| earlier.to == message.to && earlier.input_id == message.input_id);
            let existing = target
                .input_text(&message.input_id)
                .or(in_batch.map(|earlier| &*earlier.json));
            if existing.is_some_and(|text| text != message.json) {
                return Err(CommitError::OtherInboxText {
                    run: target.key.clone(),
                    input_id: message.input_id.clone(),
                });
            }
            sent.push(message);
        }
        for (index, input_id) in batch.acks.iter().enumerate() {
            if batch.acks[..index].contains(input_id) || !run.is_waiting(input_id) {
                return Err(CommitError::UnknownInput {
                    run: run.key.clone(),
                    input_id: input_id.clone(),
                });
            }
        }
        Ok(())
    }

    /// Applies a batch that was checked.
    fn apply(&mut self, index: usize, batch: Batch) -> Committed {
        let namespace = Arc::clone(&self.runs[index].key.namespace);
        for message in &batch.messages {
            if let Ok(target) = self.index(&RunKey::new(Arc::clone(&namespace), &*message.to)) {
                self.deliver(target, &message.input_id, &message.json, message.at_ms);
            }
        }
        self.runs[index].apply(batch)
    }

    /// Whether the input was new.
    fn deliver(&mut self, target: usize, input_id: &str, json: &str, at_ms: u64) -> bool {
        if self.runs[target].input_text(input_id).is_some() {
            return false;
        }
        self.last_position += 1;
        self.runs[target].receive(InboxEntry {
            position: self.last_position,
            input_id: input_id.to_owned(),
            json: json.to_owned(),
            at_ms,
        });
        true
    }

    pub(super) fn pin(&mut self, run: &RunKey, pins: Vec<Pin>) -> Result<(), CommitError> {
        let index = self.index(run)?;
        let mut all = self.runs[index].pins.clone();
        for pin in &pins {
            let row = PinRow {
                digest: pin.content.digest(),
                size: pin.content.bytes().len() as u64,
                name: pin.name.clone(),
            };
            match all.iter().find(|known| known.name == row.name) {
                Some(known) if known.digest != row.digest => {
                    return Err(chain::other_pin(run, &row.name));
                }
                Some(_) => {}
                None => all.push(row),
            }
        }
        all.sort();
        self.runs[index].pins = all;
        for pin in pins {
            let key = (Arc::clone(&run.namespace), pin.content.digest());
            self.blobs
                .entry(key)
                .or_insert_with(|| Arc::clone(pin.content.bytes()));
        }
        Ok(())
    }

    pub(super) fn put_inbox(
        &mut self,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> Result<bool, CommitError> {
        let index = self.index(run)?;
        if self.runs[index]
            .input_text(input_id)
            .is_some_and(|existing| existing != json)
        {
            return Err(CommitError::OtherInboxText {
                run: run.clone(),
                input_id: input_id.to_owned(),
            });
        }
        Ok(self.deliver(index, input_id, json, at_ms))
    }

    pub(super) fn claim(
        &mut self,
        run: &RunKey,
        process: u64,
        from_epoch: Option<u64>,
    ) -> Result<Claimed, Error> {
        let index = self.index(run)?;
        if from_epoch != Some(self.runs[index].epoch)
            && let Some(owner) = self.living_owner(index, process)
        {
            return Ok(Claimed::OwnedBy(owner));
        }
        self.beat(process);
        let found = &mut self.runs[index];
        found.epoch += 1;
        found.process = Some(process);
        Ok(Claimed::Yours(Claim {
            key: run.clone(),
            epoch: found.epoch,
            place: Place::default(),
        }))
    }

    fn living_owner(&self, index: usize, asked_by: u64) -> Option<Owner> {
        let found = &self.runs[index];
        let process = found.process?;
        let owner = self.processes.get(&process)?;
        Some(Owner {
            epoch: found.epoch,
            own: process == asked_by,
            ..owner.clone()
        })
    }

    pub(super) fn living(&self, asked_by: u64) -> Vec<Owner> {
        let living = self.processes.iter().map(|(process, owner)| Owner {
            own: *process == asked_by,
            ..owner.clone()
        });
        living.collect()
    }

    pub(super) fn beat(&mut self, process: u64) {
        *self.beats.entry(process).or_default() += 1;
    }

    pub(super) fn pulses(&self, asked_by: u64) -> Vec<Pulse> {
        let others = self.processes.iter().filter(|(id, _)| **id != asked_by);
        let pulses = others.map(|(process, owner)| Pulse {
            process: process.to_string(),
            owner: owner.clone(),
            beat: self.beats.get(process).copied().unwrap_or_default(),
        });
        pulses.collect()
    }

    pub(super) fn owned_by(&self, process: &str) -> Vec<(RunKey, u64)> {
        let Ok(process) = process.parse() else {
            return Vec::new();
        };
        let own = self.runs.iter().filter(|run| run.process == Some(process));
        own.filter(|run| !run.has_ended())
            .map(|run| (run.key.clone(), run.epoch))
            .collect()
    }

    pub(super) fn mail(&self, process: u64) -> Vec<RunKey> {
        let own = self.runs.iter().filter(|run| run.process == Some(process));
        own.filter(|run| run.has_mail())
            .map(|run| run.key.clone())
            .collect()
    }

    pub(super) fn runnable(&self, now_ms: u64, limit: usize) -> Runnable {
        let free = |(index, run): &(usize, &RunState)| {
            !run.has_ended() && self.living_owner(*index, 0).is_none()
        };
        let mut found: Vec<_> = self
            .runs
            .iter()
            .enumerate()
            .filter(free)
            .filter_map(|(index, run)| Some((run.turn(now_ms)?, index)))
            .collect();
        found.sort_unstable();
        let runs = found.iter().take(limit);
        let unfinished = self.runs.iter().filter(|run| !run.has_ended());
        Runnable {
            runs: runs
                .map(|(_, index)| self.runs[*index].key.clone())
                .collect(),
            next_ms: unfinished.filter_map(|run| run.wakes_after(now_ms)).min(),
        }
    }

    pub(super) fn release(&mut self, claim: &Claim) -> Result<(), CommitError> {
        let index = self.claimed(claim)?;
        self.runs[index].process = None;
        self.runs[index].epoch += 1;
        Ok(())
    }

    pub(super) fn owner(&self, run: &RunKey, asked_by: u64) -> Result<Option<Owner>, Error> {
        Ok(self.living_owner(self.index(run)?, asked_by))
    }

    pub(super) fn blob(&self, namespace: &str, digest: Digest) -> Result<Arc<[u8]>, Error> {
        let found = self.blobs.get(&(Arc::from(namespace), digest));
        found.cloned().ok_or_else(|| Error::UnknownContent {
            digest,
            place: format!("namespace {namespace}"),
        })
    }

    pub(super) fn list(&self, filter: &RunFilter, page: Page) -> RunPage {
        let mut rows = Vec::new();
        let before = page.after.map_or(self.runs.len(), |after| {
            (after as usize).min(self.runs.len())
        });
        for index in (0..before).rev() {
            if rows.len() == page.limit {
                return RunPage {
                    rows,
                    next: Some(index as u64 + 1),
                };
            }
            if self.runs[index].matches(filter) {
                rows.push(self.runs[index].row());
            }
        }
        RunPage { rows, next: None }
    }

    pub(super) fn verify_all(&self) -> StoreReport {
        let mut report = StoreReport::default();
        for run in &self.runs {
            report.runs += 1;
            report.checkpoints += run.checkpoints.len() as u64;
            report.forks += u64::from(run.forked_from.is_some());
            match run.verify(self) {
                Ok(verified) => {
                    report.events += verified.events;
                    report.contents += verified.contents;
                }
                Err(error) => report.damaged.push((run.key.clone(), error)),
            }
        }
        report
    }

    pub(super) fn damage_event(&mut self, run: &RunKey, seq: u64) -> bool {
        let Ok(index) = self.index(run) else {
            return false;
        };
        let Some(event) = self.runs[index].events.get_mut(seq as usize) else {
            return false;
        };
        event.json.push(' ');
        true
    }
}

impl RunState {
    /// The events for which the hashes are right.
    pub(super) fn checked_events(&self) -> Result<(), Error> {
        let mut check = chain::ChainCheck::new(&self.key, self.origin());
        self.events.iter().try_for_each(|event| check.pass(event))
    }
}
