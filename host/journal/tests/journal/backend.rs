//! The two stores under test, and what all tests build on.

use std::future::Future;

use menagerie_journal::{
    Batch, Claim, Claimed, Content, Created, Digest, Journal, MemoryJournal, NewEvent, NewRun,
    Options, RunKey, SqliteJournal, Status,
};

/// A store that several processes may open.
pub(crate) trait Backend {
    /// Another process opens the store.
    fn open(&self, owner_name: &str) -> Box<dyn Journal>;
    /// An event is changed behind the journal's back.
    fn damage(&self, run: &RunKey, seq: u64);
}

pub(crate) struct Sqlite {
    pub(crate) folder: tempfile::TempDir,
}

impl Sqlite {
    /// Where nothing has to reach a disk, if the system has such a place: for what is done very often.
    pub(crate) fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self {
            folder: folder.unwrap(),
        }
    }

    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn open_sqlite(&self, owner_name: &str) -> SqliteJournal {
        SqliteJournal::open(self.folder.path(), &Options::new(owner_name)).unwrap()
    }

    /// A connection that knows nothing of the journal's rules.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("journal.db")).unwrap()
    }
}

impl Backend for Sqlite {
    fn open(&self, owner_name: &str) -> Box<dyn Journal> {
        Box::new(self.open_sqlite(owner_name))
    }

    fn damage(&self, run: &RunKey, seq: u64) {
        let changed = self.raw().execute(
            "UPDATE events SET json = json || ' ' WHERE seq = ?2 AND run = (SELECT run FROM runs WHERE id = ?1)",
            rusqlite::params![run.run, seq as i64],
        );
        assert_eq!(changed.unwrap(), 1);
    }
}

pub(crate) struct Memory(MemoryJournal);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(MemoryJournal::new("the test"))
    }
}

impl Backend for Memory {
    fn open(&self, owner_name: &str) -> Box<dyn Journal> {
        Box::new(self.0.another_process(owner_name))
    }

    fn damage(&self, run: &RunKey, seq: u64) {
        assert!(self.0.damage_event(run, seq));
    }
}

/// Runs each of the async functions named against both stores.
macro_rules! on_both {
    ($($(#[$meta:meta])* $test:ident),* $(,)?) => {
        mod sqlite {
            $($(#[$meta])* #[test] fn $test() {
                crate::backend::wait(super::$test(&crate::backend::Sqlite::new()));
            })*
        }
        mod memory {
            $($(#[$meta])* #[test] fn $test() {
                crate::backend::wait(super::$test(&crate::backend::Memory::new()));
            })*
        }
    };
}
pub(crate) use on_both;

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

pub(crate) fn event(json: &str, at_ms: u64) -> NewEvent {
    NewEvent {
        event_type: "tested".into(),
        json: json.to_owned(),
        at_ms,
    }
}

/// A batch of nothing but events.
pub(crate) fn events(texts: &[&str]) -> Batch {
    Batch {
        events: texts.iter().map(|text| event(text, 7)).collect(),
        ..Batch::default()
    }
}

pub(crate) fn new_run(key: &RunKey) -> NewRun {
    NewRun {
        key: key.clone(),
        input_digest: Digest::of(b"input"),
        flow: "review".to_owned(),
        parent: None,
        path: String::new(),
        session: None,
        labels: [("team".to_owned(), "blue".to_owned())].into(),
        status: Status::unfinished("running"),
        created_at_ms: 5,
        pins: Vec::new(),
    }
}

/// Creates a run with one event.
pub(crate) async fn create(journal: &dyn Journal, key: &RunKey) -> Claim {
    match journal
        .create(new_run(key), events(&[r#"{"type":"first"}"#]))
        .await
        .unwrap()
    {
        Created::New(claim, committed) => {
            assert_eq!(committed.next_seq, 1);
            claim
        }
        Created::Existing(row) => panic!("{row:?} was there already"),
    }
}

pub(crate) async fn claim(journal: &dyn Journal, key: &RunKey) -> Claim {
    match journal.claim(key).await.unwrap() {
        Claimed::Yours(claim) => claim,
        Claimed::OwnedBy(owner) => panic!("it is owned by {owner:?}"),
    }
}

/// Content of so many bytes, each differing from its neighbours.
pub(crate) fn content(length: usize) -> Content {
    Content::new(
        (0..length)
            .map(|index| (index % 251) as u8)
            .collect::<Vec<_>>(),
    )
}
