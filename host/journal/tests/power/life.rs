//! A store's life before the cut: random deeds, several at once, each noted when it was answered.

use std::collections::BTreeSet;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use menagerie_journal::{
    Batch, CallKey, CallRecord, Claim, Claimed, CommitError, Content, Created, Digest, Files,
    Journal as _, LARGEST_IN_TABLE, Message, NewRun, Options, Pin, RunKey, Snapshot, SqliteJournal,
    Status, Timer,
};
use menagerie_power::{Chance, Disk};

use crate::backend::{event, new_run};

/// The step whose call log the deeds write.
pub(crate) const STEP: &str = "calls";

/// A sync that a mutation of the store leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgotten {
    File,
    /// Of the folder that a large content's name is in.
    ContentFolder,
    /// Of the folders around it.
    OuterFolders,
}

/// The file system below the store: the disk, and perhaps a store that forgets to sync.
#[derive(Debug)]
pub(crate) struct Below {
    pub(crate) disk: Arc<Disk>,
    pub(crate) forgotten: Option<Forgotten>,
}

impl Below {
    /// Below a store that forgets nothing.
    pub(crate) fn careful(disk: &Arc<Disk>) -> Arc<Self> {
        Arc::new(Self {
            disk: Arc::clone(disk),
            forgotten: None,
        })
    }
}

impl Files for Below {
    fn create_folder(&self, path: &Path) -> Result<()> {
        self.disk.create_folder(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let synced = self.forgotten != Some(Forgotten::File);
        self.disk.write_new(path, bytes, synced)
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        self.disk.sync_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.disk.remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        let of_contents = path
            .parent()
            .is_some_and(|around| around.ends_with("contents"));
        match self.forgotten {
            Some(Forgotten::ContentFolder) if of_contents => Ok(()),
            Some(Forgotten::OuterFolders) if !of_contents => Ok(()),
            _ => self.disk.sync_folder(path),
        }
    }
}

/// What was asked of the store.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Create(Box<NewRun>, Batch),
    Commit(Batch),
    /// An input with this id.
    Put(String),
    /// An entry of the call log with this ordinal.
    Intend(u32),
}

/// A deed and whose it is. Its index in the history is its mark in the disk's record.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) run: RunKey,
    pub(crate) deed: Deed,
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) runs: usize,
    pub(crate) rounds: usize,
    /// Once in so many deeds something is larger than a table takes.
    pub(crate) large_once_in: u64,
}

/// What a caller knows of a run of his.
struct Own {
    key: RunKey,
    claim: Option<Claim>,
    next_seq: u64,
    ended: bool,
    /// Inputs that have arrived and were not acknowledged.
    waiting: BTreeSet<String>,
}

/// One life of the store, from its opening to its end. The power goes somewhere within.
pub(crate) struct Life {
    pub(crate) disk: Arc<Disk>,
    pub(crate) history: Vec<Asked>,
    store: PathBuf,
    options: Options,
    chance: Chance,
    size: Size,
    runs: Vec<Own>,
}

/// Where the store is below the folder that is watched: neither folder is there to begin with.
pub(crate) const PLACE: &str = "outer/store";

impl Life {
    pub(crate) fn new(folder: &Path, seed: u64, size: Size, forgotten: Option<Forgotten>) -> Self {
        let disk = Disk::watch(folder).unwrap();
        let below = Below {
            disk: Arc::clone(&disk),
            forgotten,
        };
        let runs = (0..size.runs).map(|run| Own {
            key: RunKey::in_default(format!("run-{run}")),
            claim: None,
            next_seq: 0,
            ended: false,
            waiting: BTreeSet::new(),
        });
        Self {
            store: disk.folder().join(PLACE),
            options: Options {
                files: Arc::new(below),
                ..Options::new("the one that loses its power")
            },
            disk,
            history: Vec::new(),
            chance: Chance::new(seed),
            size,
            runs: runs.collect(),
        }
    }

    /// Lives it to the end.
    pub(crate) async fn live(&mut self) {
        let mut journal = SqliteJournal::open(&self.store, &self.options).unwrap();
        for _ in 0..self.size.rounds {
            if self.chance.once_in(10) {
                // The last connection to close moves the log into the database and removes it.
                drop(journal);
                journal = SqliteJournal::open(&self.store, &self.options).unwrap();
                self.runs.iter_mut().for_each(|own| own.claim = None);
            }
            self.round(&journal).await;
        }
        // The power may go while the store is being closed, too.
        drop(journal);
    }

    /// Some runs do something at the same time, so that they share transactions.
    async fn round(&mut self, journal: &SqliteJournal) {
        let mut deeds = Vec::new();
        for index in 0..self.runs.len() {
            if self.runs[index].ended || self.chance.once_in(3) {
                continue;
            }
            let deed = self.deed(index);
            let asked = Asked {
                run: self.runs[index].key.clone(),
                deed,
            };
            self.history.push(asked.clone());
            deeds.push((index, self.history.len() as u64 - 1, asked.deed));
        }
        let mut runs: Vec<Option<&mut Own>> = self.runs.iter_mut().map(Some).collect();
        let disk = &self.disk;
        let doing = deeds.iter().map(|(index, mark, deed)| {
            let own = runs[*index].take().unwrap();
            async move {
                own.perform(journal, deed.clone()).await.unwrap();
                disk.mark(*mark);
            }
        });
        join_all(doing.collect::<Vec<_>>()).await;
        // Only now: what one sends in this round another cannot have taken in within it.
        for (_, _, deed) in deeds {
            self.deliver(&deed);
        }
    }

    fn deliver(&mut self, deed: &Deed) {
        let (Deed::Create(_, batch) | Deed::Commit(batch)) = deed else {
            return;
        };
        for message in &batch.messages {
            let receiver = self.runs.iter_mut().find(|own| *own.key.run == *message.to);
            receiver.unwrap().waiting.insert(message.input_id.clone());
        }
    }

    fn deed(&mut self, index: usize) -> Deed {
        let number = self.history.len();
        if self.runs[index].next_seq == 0 {
            let run = NewRun {
                pins: self.pins(),
                ..new_run(&self.runs[index].key)
            };
            return Deed::Create(Box::new(run), self.batch(index));
        }
        match self.chance.below(10) {
            0 => Deed::Put(format!("person-{number}")),
            1 => Deed::Intend(number as u32),
            _ => Deed::Commit(self.batch(index)),
        }
    }

    fn pins(&mut self) -> Vec<Pin> {
        let large = self.chance.once_in(self.size.large_once_in);
        let contents = [Some(self.content(100)), large.then(|| self.large())];
        let pin = |(number, content)| Pin {
            name: format!("pin-{number}"),
            content,
        };
        contents
            .into_iter()
            .flatten()
            .enumerate()
            .map(pin)
            .collect()
    }

    /// Bytes that no other content of this life has.
    fn content(&mut self, length: usize) -> Content {
        let mut bytes = vec![0; length.max(16)];
        for piece in bytes.chunks_mut(509) {
            let number = self.chance.below(u64::MAX).to_le_bytes();
            for (byte, from) in piece.iter_mut().zip(number.iter().cycle()) {
                *byte = *from;
            }
        }
        Content::new(bytes)
    }

    fn large(&mut self) -> Content {
        let more = self.chance.index(5_000);
        self.content(LARGEST_IN_TABLE + 1 + more)
    }

    fn batch(&mut self, index: usize) -> Batch {
        let number = self.history.len();
        let mut batch = Batch::default();
        for _ in 0..=self.chance.below(3) {
            let filler = "x".repeat(self.chance.index(300));
            batch.events.push(event(
                &format!(r#"{{"of":{number},"filler":"{filler}"}}"#),
                7,
            ));
        }
        if self.chance.once_in(3) {
            // Up to a third of a megabyte: a few of them make SQLite move its log by itself.
            let length = [200, 20_000, 300_000][self.chance.index(3)];
            batch.payloads.push(self.content(length));
        }
        if self.chance.once_in(self.size.large_once_in) {
            batch.payloads.push(self.large());
        }
        if self.chance.once_in(4) {
            batch.call_records = self.answered_call(number as u32);
        }
        match self.chance.below(4) {
            0 => batch.timers_set.push(Timer {
                due_at_ms: number as u64,
                id: format!("timer-{}", number % 3),
            }),
            1 => batch.timers_clear.push(format!("timer-{}", number % 3)),
            _ => {}
        }
        if self.chance.once_in(5) {
            batch.snapshot = Some(Snapshot {
                state_version: 1,
                body: self.content(1_000),
            });
        }
        self.mail(index, &mut batch);
        if self.chance.once_in(6) {
            batch.status = Some(match self.chance.once_in(8) {
                true => Status::ended("completed"),
                false => Status::unfinished("waiting"),
            });
        }
        batch
    }

    fn answered_call(&mut self, ordinal: u32) -> Vec<CallRecord> {
        let answer = match self.chance.once_in(self.size.large_once_in) {
            true => self.large(),
            false => self.content(50),
        };
        let record = CallRecord::Record {
            call: call(ordinal),
            request: Digest::of(b"request"),
            answer,
            at_ms: 2,
        };
        vec![intend(ordinal), record]
    }

    fn mail(&mut self, index: usize, batch: &mut Batch) {
        if self.chance.once_in(2) {
            batch.acks.extend(self.runs[index].waiting.pop_first());
        }
        let to = self.chance.index(self.runs.len());
        if to != index && self.runs[to].next_seq > 0 {
            batch.messages.push(Message {
                to: self.runs[to].key.run.to_string(),
                input_id: format!("message-{}", self.history.len()),
                json: "{}".to_owned(),
                at_ms: 3,
            });
        }
    }
}

pub(crate) fn call(ordinal: u32) -> CallKey {
    CallKey {
        step: STEP.to_owned(),
        attempt: 1,
        ordinal,
    }
}

pub(crate) fn intend(ordinal: u32) -> CallRecord {
    CallRecord::Intend {
        call: call(ordinal),
        execution: 1,
        request: Digest::of(b"request"),
        effect: "idempotent".into(),
        at_ms: 1,
    }
}

impl Own {
    async fn perform(
        &mut self,
        journal: &SqliteJournal,
        deed: Deed,
    ) -> std::result::Result<(), CommitError> {
        match deed {
            Deed::Create(run, batch) => {
                let Created::New(claim, committed) = journal.create(*run, batch).await? else {
                    panic!("{} was there already", self.key);
                };
                self.next_seq = committed.next_seq;
                self.claim = Some(claim);
            }
            Deed::Commit(batch) => {
                self.ended = batch.status.as_ref().is_some_and(|status| status.ended);
                let claim = self.claim(journal).await?;
                let committed = journal.commit(&claim, self.next_seq, batch).await?;
                self.next_seq = committed.next_seq;
            }
            Deed::Put(id) => {
                assert!(journal.put_inbox(&self.key, &id, "{}", 4).await?);
            }
            Deed::Intend(ordinal) => {
                let claim = self.claim(journal).await?;
                journal.record_calls(&claim, vec![intend(ordinal)]).await?;
            }
        }
        Ok(())
    }

    async fn claim(&mut self, journal: &SqliteJournal) -> std::result::Result<Claim, CommitError> {
        if self.claim.is_none() {
            match journal.claim(&self.key).await? {
                Claimed::Yours(claim) => self.claim = Some(claim),
                Claimed::OwnedBy(owner) => panic!("{owner:?} has it"),
            }
        }
        Ok(self.claim.clone().unwrap())
    }
}
