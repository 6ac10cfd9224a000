//! Checkpoints by wish, and runs that go on from where another one stood.
//!
//! A place to go on from is always the end of an advance of the machine: what was made together
//! stays together, so that a fork can be told again event by event. Its events up to there are the
//! other run's own, copied by the journal; behind them stands one that says so. Nothing of them is
//! executed again. A call that was under way there, and had not ended, is made by the fork as its own.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_journal::{
    Batch, Claim, Claimed, Created, Digest, Fork, Message, NewRun, Owner, RunKey, RunRow,
};
use menagerie_orchestration::command::call_log_name;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallOf, Event, Recorded};
use menagerie_orchestration::input::{self, Input, Wish};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::view::HistoryEntry;
use menagerie_orchestration::wire;

use crate::driver::InboxWish;
use crate::error::ExecutorError;
use crate::host::Host;
use crate::pinned;
use crate::store::{self, Known, Outstanding};

/// Events read at once.
const PAGE: usize = 512;

/// A fork that is wanted.
#[derive(Debug, Clone)]
pub struct ForkRun {
    /// The new run's key, in the namespace of the other one.
    pub key: RunKey,
    /// A checkpoint's id, or else a step's (right behind its end) or `decision-<number>`.
    pub at: String,
    /// Given instead of the other run's input.
    pub input: Option<Document>,
    /// Whether it takes the other run's place, which is then cancelled unless it has ended.
    pub supersedes: bool,
    /// Who wants it.
    pub by: String,
}

/// A fork that is there, and driven by nobody yet.
#[derive(Debug, Clone)]
pub struct Forked {
    /// The new run's key.
    pub key: RunKey,
    /// How many events it has from the other run.
    pub events: u64,
    /// Whether it was there already.
    pub existing: bool,
}

/// What became of a wish for a checkpoint.
#[derive(Debug, Clone)]
pub enum CheckpointNoted {
    /// It is there, under this id.
    Noted(String),
    /// It lies in the inbox of the run, which this process drives.
    Left(Owner),
}

impl Host {
    /// Notes a run's present state by name; by its owner, if it has one. `wish_id` names the wish.
    ///
    /// # Errors
    /// When the run has ended, or its journal cannot be read or written.
    pub async fn checkpoint(
        &self,
        key: &RunKey,
        wish_id: &str,
        by: &str,
        label: String,
    ) -> Result<CheckpointNoted, ExecutorError> {
        let wish = Wish::Checkpoint { label };
        let claim = match self.around.journal.claim(key).await? {
            Claimed::Yours(claim) => claim,
            Claimed::OwnedBy(owner) => {
                self.wish(key, wish_id, by, wish).await?;
                return Ok(CheckpointNoted::Left(owner));
            }
        };
        let noted = self.note(key, &claim, wish_id, by, wish).await;
        self.around.journal.release(claim).await?;
        noted.map(CheckpointNoted::Noted)
    }

    /// The run stands still: nothing but the wish is taken in, and its status stays as it is.
    async fn note(
        &self,
        key: &RunKey,
        claim: &Claim,
        id: &str,
        by: &str,
        wish: Wish,
    ) -> Result<String, ExecutorError> {
        let flow = pinned::flow(&*self.around.journal, key).await?.0;
        let (mut run, mut known, _) = self.load_claimed(key, flow).await?;
        let expected = run.next_seq();
        let wish = Input::Wish {
            id: id.to_owned(),
            by: by.to_owned(),
            wish,
        };
        let recorded = run.advance(&[wish], self.around.clock.now());
        let made = recorded.iter().find_map(|made| match &made.event {
            Event::Checkpointed {
                id, by: Some(_), ..
            } => Some(id.clone()),
            _ => None,
        });
        let Some(made) = made else {
            return Err(ExecutorError::Ended { run: key.clone() });
        };
        let mut batch = store::batch(key, &run, &recorded)?;
        known.change(&Outstanding::of(&run), &mut batch);
        self.around.journal.commit(claim, expected, batch).await?;
        Ok(made)
    }

    /// Makes a run that goes on from where another one stood. Nobody drives it yet.
    ///
    /// One that supersedes the other run needs that one to stand still; its cancelling wish is in
    /// the same commit as the new run, so that never both go on.
    ///
    /// # Errors
    /// When there is no such place, the other run is being driven and is to be superseded, or the
    /// journal refuses.
    pub async fn fork(&self, from: &RunKey, wanted: ForkRun) -> Result<Forked, ExecutorError> {
        if !wanted.supersedes {
            return self.fork_claimed(from, wanted).await;
        }
        let claim = match self.around.journal.claim(from).await? {
            Claimed::Yours(claim) => claim,
            Claimed::OwnedBy(owner) => {
                let run = from.clone();
                return Err(ExecutorError::Owned { run, owner });
            }
        };
        let forked = self.fork_claimed(from, wanted).await;
        self.around.journal.release(claim).await?;
        forked
    }

    async fn fork_claimed(&self, from: &RunKey, wanted: ForkRun) -> Result<Forked, ExecutorError> {
        let journal = &*self.around.journal;
        let row = journal.run(from).await?;
        let events = self.place(from, &wanted.at).await?;
        let mut told = Told::default();
        let mut run = Run::new(pinned::flow(journal, from).await?.0);
        self.walk(from, events, |recorded, text| {
            told.note(recorded, text);
            run.apply(recorded);
        })
        .await?;
        if run.status().is_final() {
            let reason = "the run ended together with it, and cannot go on from there";
            return Err(no_place(from, &wanted.at, reason));
        }
        let forked = Input::Forked(Box::new(input::Forked {
            run: wanted.key.run.to_string(),
            from: from.run.to_string(),
            events,
            input: wanted.input.clone(),
            supersedes: wanted.supersedes,
            by: wanted.by.clone(),
        }));
        let now = self.around.clock.now();
        let recorded = run.advance(&[forked], now);
        let at_ms = u64::try_from(now.0).unwrap_or(0);
        let mut batch = self.first_batch(&wanted.key, &run, &recorded)?;
        if wanted.supersedes && !row.status.ended {
            batch.messages.push(superseding(from, &wanted, at_ms));
        }
        let new = new_run(&row, &wanted, events, at_ms);
        let fork = Fork {
            from: from.run.to_string(),
            events,
            payloads: told.payloads.into_iter().collect(),
            attempts: told.attempts.into_iter().collect(),
        };
        let existing = match journal.fork(new, fork, batch).await? {
            Created::New(claim, _) => {
                journal.release(claim).await?;
                false
            }
            Created::Existing(_) => true,
        };
        Ok(Forked {
            key: wanted.key,
            events,
            existing,
        })
    }

    /// The fork begins parked, since nothing of it is under way, and with a snapshot.
    fn first_batch(
        &self,
        key: &RunKey,
        run: &Run,
        recorded: &[Recorded],
    ) -> Result<Batch, ExecutorError> {
        let mut batch = store::batch(key, run, recorded)?;
        Known::default().change(&Outstanding::of(run), &mut batch);
        batch.snapshot = store::snapshot(run, |_| true);
        batch.status = Some(store::parked());
        Ok(batch)
    }

    /// How many events lie before a place that is named.
    async fn place(&self, key: &RunKey, at: &str) -> Result<u64, ExecutorError> {
        let checkpoints = self.around.journal.checkpoints(key).await?;
        if let Some(found) = checkpoints.iter().find(|checkpoint| checkpoint.id == at) {
            return Ok(found.next_seq);
        }
        // The last end of that name, and whatever was made together with it.
        let (mut place, mut open, mut seq) = (None, false, 0);
        self.walk_texts(key, u64::MAX, |recorded| {
            let entry = HistoryEntry::of(seq, recorded);
            seq += 1;
            open = match entry {
                Some(entry) if entry.step == at && entry.kind != "end" => true,
                _ => open && recorded.continues,
            };
            if open {
                place = Some(seq);
            }
        })
        .await?;
        place.ok_or_else(|| {
            let known: Vec<&str> = checkpoints.iter().map(|one| &*one.id).collect();
            let known = match known.is_empty() {
                true => "it has no checkpoint yet".to_owned(),
                false => format!("its checkpoints are {}", known.join(", ")),
            };
            let reason = format!("no checkpoint and no step that has ended is called so; {known}");
            no_place(key, at, &reason)
        })
    }

    /// Looks at the first events of a run one by one, without the documents that stand beside them.
    async fn walk_texts(
        &self,
        key: &RunKey,
        events: u64,
        mut visit: impl FnMut(&Recorded),
    ) -> Result<(), ExecutorError> {
        let mut from = 0;
        while from < events {
            let wanted = usize::try_from(events - from).map_or(PAGE, |left| left.min(PAGE));
            let page = self.around.journal.events(key, from, wanted).await?;
            if page.is_empty() {
                break;
            }
            for stored in page {
                from = stored.seq + 1;
                let beside = &mut |_: &str| Ok(Document::empty_object());
                let recorded =
                    wire::decode(&stored.json, beside).map_err(|source| ExecutorError::Event {
                        run: key.clone(),
                        seq: stored.seq,
                        source,
                    })?;
                visit(&recorded);
            }
        }
        Ok(())
    }

    /// Looks at the first events of a run one by one, each with its text, and never holds more than
    /// a page of them.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub async fn walk(
        &self,
        key: &RunKey,
        events: u64,
        mut visit: impl FnMut(&Recorded, &str),
    ) -> Result<(), ExecutorError> {
        let journal = &*self.around.journal;
        let mut from = 0;
        while from < events {
            let wanted = usize::try_from(events - from).map_or(PAGE, |left| left.min(PAGE));
            let page = journal.events(key, from, wanted).await?;
            if page.is_empty() {
                break;
            }
            for stored in page {
                from = stored.seq + 1;
                visit(
                    &store::read_event(journal, key, &stored).await?,
                    &stored.json,
                );
            }
        }
        Ok(())
    }
}

/// What the copied events refer to.
#[derive(Default)]
struct Told {
    payloads: BTreeSet<Digest>,
    /// Names in the call log, with attempts.
    attempts: BTreeSet<(String, u32)>,
}

impl Told {
    fn note(&mut self, recorded: &Recorded, text: &str) {
        let payloads = &mut self.payloads;
        let beside = &mut |digest: &str| {
            payloads.extend(store::parse_digest(digest));
            Ok(Document::empty_object())
        };
        // It was read a moment ago.
        let _ = wire::decode(text, beside);
        match &recorded.event {
            Event::ArtifactPut { artifact, .. } => {
                self.payloads.extend(store::parse_digest(&artifact.digest));
            }
            Event::RunStarted { artifacts, .. } => {
                let digests = artifacts.iter().map(|given| &*given.digest);
                self.payloads
                    .extend(digests.filter_map(store::parse_digest));
            }
            _ => {}
        }
        let (of, id, attempt) = match &recorded.event {
            Event::StepEnded {
                step, id, attempt, ..
            } => (CallOf::Step(*step), id.clone(), *attempt),
            Event::Decided {
                decision, attempt, ..
            }
            | Event::DecisionFailed {
                decision, attempt, ..
            } => (CallOf::Decision(*decision), String::new(), *attempt),
            _ => return,
        };
        self.attempts.insert((call_log_name(of, &id), attempt));
        // Journals that were begun before steps had names of their own have it under the id.
        if matches!(of, CallOf::Step(_)) {
            self.attempts.insert((id, attempt));
        }
    }
}

fn no_place(run: &RunKey, at: &str, reason: &str) -> ExecutorError {
    ExecutorError::NoPlace {
        run: run.clone(),
        at: at.to_owned(),
        reason: reason.to_owned(),
    }
}

/// What ends the run whose place is taken. Whoever takes it up finds that first.
fn superseding(from: &RunKey, wanted: &ForkRun, at_ms: u64) -> Message {
    let wish = InboxWish {
        by: wanted.by.clone(),
        wish: Wish::Cancel {
            reason: format!(
                "superseded by run {}, which goes on from {}",
                wanted.key, wanted.at
            ),
        },
    };
    Message {
        to: from.run.to_string(),
        input_id: format!("superseded-{}", Digest::of(wanted.key.run.as_bytes())),
        json: serde_json::json!(wish).to_string(),
        at_ms,
    }
}

/// The same id, place and input are the same fork.
fn new_run(from: &RunRow, wanted: &ForkRun, events: u64, at_ms: u64) -> NewRun {
    let input = wanted.input.as_ref().map(Document::to_text);
    let (run, input) = (&from.key.run, input.unwrap_or_default());
    let told = format!("fork\0{run}\0{events}\0{}\0{input}", wanted.supersedes);
    NewRun {
        key: wanted.key.clone(),
        input_digest: Digest::of(told.as_bytes()),
        flow: from.flow.clone(),
        parent: None,
        path: String::new(),
        session: from.session.clone(),
        labels: BTreeMap::new(),
        status: store::parked(),
        created_at_ms: at_ms,
        pins: Vec::new(),
    }
}
