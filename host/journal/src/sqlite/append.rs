//! Owns what a request does to the tables, within the writer's transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::contents::Contents;
use super::fault::Trouble;
use super::owners::OwnerLock;
use super::read;
use super::rows::{self, Answer, InFiles};
use super::writer::Prepared;
use crate::chain;
use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::{Claim, Claimed, Committed, Created, Notice, Place};
use crate::record::{CallRecord, NewRun, Pin, RunKey};

/// The writer's memory between transactions: only what cannot change behind its back.
pub(super) struct Ledger {
    owner: Arc<OwnerLock>,
    contents: Arc<Contents>,
    /// Heads of runs that this journal has claimed. Under an epoch nobody else appends, so a head is
    /// right as long as the epoch is.
    heads: HashMap<Place, (u64, Committed)>,
    /// Runs that this journal has claimed and not released. One that was taken over stays in it:
    /// that costs speed and nothing else.
    claimed: HashSet<Place>,
    namespaces: HashMap<Arc<str>, i64>,
    /// Whose head the request at hand has changed.
    touched: Option<Place>,
    /// To be told once the transaction is durable.
    pub(super) notices: Vec<Notice>,
}

impl Ledger {
    pub(super) fn new(owner: Arc<OwnerLock>, contents: Arc<Contents>) -> Self {
        Self {
            owner,
            contents,
            heads: HashMap::new(),
            claimed: HashSet::new(),
            namespaces: HashMap::new(),
            touched: None,
            notices: Vec::new(),
        }
    }

    /// How many runs this journal drives, or believes to.
    pub(super) fn claims(&self) -> usize {
        self.claimed.len()
    }

    /// After a transaction that was lost.
    pub(super) fn forget_everything(&mut self) {
        self.heads.clear();
        self.namespaces.clear();
    }

    /// After a request that was undone.
    pub(super) fn forget_touched(&mut self) {
        self.namespaces.clear();
        if let Some(place) = self.touched.take() {
            self.heads.remove(&place);
        }
    }

    pub(super) fn create(
        &mut self,
        connection: &Connection,
        run: &NewRun,
        pin_set: Option<Digest>,
        prepared: Prepared,
    ) -> Answer<Created> {
        if let Some(existing) = read::run_row(connection, &run.key)? {
            if existing.input_digest != run.input_digest {
                return Err(Trouble::Typed(CommitError::OtherInput {
                    run: run.key.clone(),
                    existing: existing.input_digest,
                    given: run.input_digest,
                }));
            }
            return Ok(Created::Existing(existing));
        }
        let namespace = self.namespace(connection, &run.key.namespace)?;
        let origin = Committed {
            next_seq: 0,
            head_hash: chain::genesis(&run.key, &run.input_digest),
        };
        let pins = match &pin_set {
            Some(digest) => Some(rows::pin(
                connection,
                self.files(&run.key),
                namespace,
                digest,
                &run.pins,
            )?),
            None => None,
        };
        let place = Place {
            namespace,
            run: self.next_number(connection)?,
        };
        self.insert_owner(connection, place, run.created_at_ms)?;
        let claim = self.insert_run(connection, place, run, pins, &origin)?;
        self.claimed.insert(claim.place);
        let mut prepared = prepared;
        // Sealing the first events costs nothing, since the run's row is being written anyway.
        prepared
            .batch
            .status
            .get_or_insert_with(|| run.status.clone());
        let committed = self.append(connection, &claim, origin, &prepared)?;
        Ok(Created::New(claim, committed))
    }

    /// The number of the next run: of none that there is or was.
    pub(super) fn next_number(&self, connection: &Connection) -> rusqlite::Result<i64> {
        connection
            .prepare_cached(
                "SELECT 1 + max((SELECT ifnull(max(run), 0) FROM runs), (SELECT ifnull(max(run), 0) FROM removed_runs))",
            )?
            .query_row([], |row| row.get(0))
    }

    /// Makes this process the first owner of what is kept there.
    pub(super) fn insert_owner(
        &self,
        connection: &Connection,
        place: Place,
        at_ms: u64,
    ) -> rusqlite::Result<()> {
        self.owner.beat();
        connection
            .prepare_cached(
                "INSERT INTO owners (namespace, run, epoch, owner, name, pid, claimed_at_ms)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                place.namespace,
                place.run,
                self.owner.id,
                self.owner.name,
                self.owner.pid,
                at_ms as i64,
            ])?;
        Ok(())
    }

    /// The lock file of this process.
    pub(super) fn owner_id(&self) -> &str {
        &self.owner.id
    }

    /// Makes a run visible; its owner stands there already.
    pub(super) fn insert_run(
        &self,
        connection: &Connection,
        place: Place,
        run: &NewRun,
        pin_set: Option<i64>,
        origin: &Committed,
    ) -> rusqlite::Result<Claim> {
        connection
            .prepare_cached(
                "INSERT INTO runs (run, namespace, id, flow, input_digest, parent, path, session, labels, status, ended,
                     created_at_ms, pin_set, sealed_seq, sealed_hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, ?14)",
            )?
            .execute(params![
                place.run,
                place.namespace,
                &*run.key.run,
                run.flow,
                run.input_digest.as_bytes(),
                run.parent,
                run.path,
                run.session,
                read::labels_text(&run.labels),
                run.status.text,
                run.status.ended,
                run.created_at_ms as i64,
                pin_set,
                origin.head_hash.as_bytes(),
            ])?;
        Ok(Claim {
            key: run.key.clone(),
            epoch: 1,
            place,
        })
    }

    pub(super) fn commit(
        &mut self,
        connection: &Connection,
        claim: &Claim,
        expected_seq: u64,
        prepared: &Prepared,
    ) -> Answer<Committed> {
        rows::check_epoch(connection, claim)?;
        let head = self.head(connection, claim)?;
        if head.next_seq != expected_seq {
            return Err(Trouble::Typed(CommitError::Sequence {
                run: claim.key.clone(),
                expected: expected_seq,
                found: head.next_seq,
            }));
        }
        self.append(connection, claim, head, prepared)
    }

    fn head(&self, connection: &Connection, claim: &Claim) -> rusqlite::Result<Committed> {
        match self.heads.get(&claim.place) {
            Some((epoch, head)) if *epoch == claim.epoch => Ok(*head),
            _ => read::head(connection, claim.place, &claim.key),
        }
    }

    pub(super) fn append(
        &mut self,
        connection: &Connection,
        claim: &Claim,
        head: Committed,
        prepared: &Prepared,
    ) -> Answer<Committed> {
        let (place, batch) = (claim.place, &prepared.batch);
        self.touched = Some(place);
        let head = rows::insert_events(connection, place, head, prepared)?;
        for payload in &batch.payloads {
            rows::insert_payload(connection, self.files(&claim.key), place, payload)?;
        }
        rows::fold_calls(
            connection,
            self.files(&claim.key),
            claim,
            &batch.call_records,
        )?;
        rows::change_timers(connection, place, &batch.timers_set, &batch.timers_clear)?;
        for message in &batch.messages {
            rows::send(connection, claim, head.next_seq, message)?;
        }
        for input_id in &batch.acks {
            rows::acknowledge(connection, claim, head.next_seq, input_id)?;
        }
        rows::note_checkpoints(connection, place, &batch.checkpoints)?;
        if let Some(snapshot) = &batch.snapshot {
            rows::replace_snapshot(connection, place, &head, snapshot)?;
        }
        if let Some(status) = &batch.status {
            rows::set_status(connection, place, &head, status)?;
        }
        // Runs that are over are not appended to, and are too many to be remembered.
        if batch.status.as_ref().is_some_and(|status| status.ended) {
            self.heads.remove(&place);
        } else {
            self.heads.insert(place, (claim.epoch, head));
        }
        self.notices.push(Notice {
            run: claim.key.clone(),
            next_seq: head.next_seq,
        });
        Ok(head)
    }

    pub(super) fn record_calls(
        &mut self,
        connection: &Connection,
        claim: &Claim,
        records: &[CallRecord],
    ) -> Answer<()> {
        rows::check_epoch(connection, claim)?;
        rows::fold_calls(connection, self.files(&claim.key), claim, records)
    }

    pub(super) fn claim(
        &mut self,
        connection: &Connection,
        run: &RunKey,
        from_epoch: Option<u64>,
    ) -> Result<Claimed, Trouble<Error>> {
        let place = read::place(connection, run)?;
        let (epoch, owner_id, mut owner) = read::owner(connection, place)?;
        if from_epoch != Some(epoch)
            && let Some(id) = owner_id.filter(|id| self.owner.is_alive(id))
        {
            owner.own = id == self.owner.id;
            return Ok(Claimed::OwnedBy(owner));
        }
        self.owner.beat();
        let (name, pid) = (&self.owner.name, self.owner.pid);
        connection
            .prepare_cached(
                "UPDATE owners SET epoch = ?3, owner = ?4, name = ?5, pid = ?6, claimed_at_ms = ?7
                 WHERE namespace = ?1 AND run = ?2",
            )?
            .execute(params![
                place.namespace,
                place.run,
                epoch as i64 + 1,
                self.owner.id,
                name,
                pid,
                rows::now_ms(),
            ])?;
        self.claimed.insert(place);
        Ok(Claimed::Yours(Claim {
            key: run.clone(),
            epoch: epoch + 1,
            place,
        }))
    }

    pub(super) fn release(&mut self, connection: &Connection, claim: &Claim) -> Answer<()> {
        self.claimed.remove(&claim.place);
        rows::check_epoch(connection, claim)?;
        connection
            .prepare_cached("UPDATE owners SET epoch = epoch + 1, owner = NULL WHERE namespace = ?1 AND run = ?2")?
            .execute(params![claim.place.namespace, claim.place.run])?;
        self.heads.remove(&claim.place);
        Ok(())
    }

    pub(super) fn put_inbox(
        &mut self,
        connection: &Connection,
        run: &RunKey,
        input_id: &str,
        json: &str,
        at_ms: u64,
    ) -> Answer<bool> {
        let place = read::place(connection, run)?;
        rows::deliver(connection, place, run, input_id, json, at_ms)
    }

    /// Has a run stay on more: on the set of pins that holds both.
    pub(super) fn pin(
        &mut self,
        connection: &Connection,
        run: &RunKey,
        pins: &[Pin],
    ) -> Answer<()> {
        let place = read::place(connection, run)?;
        let mut all = rows::pins_of(connection, place)?;
        for pin in pins {
            let digest = pin.content.digest();
            match all.insert(pin.name.clone(), digest) {
                Some(other) if other != digest => {
                    return Err(Trouble::Typed(chain::other_pin(run, &pin.name)));
                }
                _ => {}
            }
        }
        rows::stay_on(connection, self.files(run), place, &all, pins)
    }

    fn files<'a>(&'a self, run: &'a RunKey) -> InFiles<'a> {
        InFiles {
            contents: &self.contents,
            namespace: &run.namespace,
        }
    }

    pub(super) fn namespace(
        &mut self,
        connection: &Connection,
        name: &Arc<str>,
    ) -> rusqlite::Result<i64> {
        if let Some(namespace) = self.namespaces.get(name) {
            return Ok(*namespace);
        }
        connection
            .prepare_cached("INSERT OR IGNORE INTO namespaces (name) VALUES (?1)")?
            .execute([name])?;
        let namespace = connection
            .prepare_cached("SELECT namespace FROM namespaces WHERE name = ?1")?
            .query_row([name], |row| row.get(0))?;
        self.namespaces.insert(Arc::clone(name), namespace);
        Ok(namespace)
    }
}
