//! Stores that somebody has been at: whatever is in their tables, reading them answers what was written or
//! says what is wrong, and a run whose rows are as they were is as it was.
//!
//! An input is a text with a damage in each line, so that the kept ones can be read, and any other bytes are some
//! damage, too; `Damage` says what a line means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use menagerie_fuzz::{corpus, fuzz_for};
use menagerie_journal::{
    Batch, CallKey, CallRecord, Checkpoint, Claimed, Content, Created, Digest, Error, Fork,
    Journal, LARGEST_IN_TABLE, Loaded, Message, NewRun, Options, Page, Pin, RunFilter, RunKey,
    Snapshot, SqliteJournal, Status, StoredEvent, Timer, Verified,
};
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode};
use tempfile::TempDir;

use crate::backend::{Sqlite, content, create, events, new_run, wait};
use crate::damage::large_files;

/// The format of the snapshots.
const STATE: u32 = 1;
/// Damages of one input.
const MOST: usize = 6;

const WORDS: [&str; 31] = [
    "set events.",
    "set runs.",
    "set calls.",
    "set payloads.",
    "set snapshots.",
    "set timers.",
    "set owners.",
    "set checkpoints.",
    "swap ",
    "drop ",
    "byte ",
    "file ",
    "seq",
    "json",
    "hash",
    "digest",
    "next_seq",
    "at_ms",
    "forked_events",
    "epoch",
    " null",
    " real 1e300",
    " int -1",
    " int 9223372036854775807",
    " int -9223372036854775808",
    " text {\"type\":\"other\"}",
    " text \u{fffd}",
    " text ../journal.db",
    " blob ",
    " blob 0000000000000000000000000000000000000000000000000000000000000000",
    "\n",
];

#[test]
fn a_store_that_was_changed_answers_what_was_written_or_says_what_is_wrong() {
    let store = Whole::new();
    let seeds = corpus("store");
    fuzz_for(5, "store", &seeds, &WORDS, |bytes| {
        let case = tempfile::tempdir_in(store.place.path()).unwrap();
        let harmed = store.harmed(case.path(), bytes);
        store.compare(case.path(), &harmed);
    });
}

/// A store as it was written, and what is in it.
struct Whole {
    place: TempDir,
    /// The database, whose tables take anything in any column.
    loose: Vec<u8>,
    /// How the tables are declared in truth.
    declared: Vec<(String, String)>,
    columns: Vec<Column>,
    files: Vec<(PathBuf, Vec<u8>)>,
    runs: Vec<Known>,
    contents: Vec<Content>,
}

/// A run as it was written.
struct Known {
    number: i64,
    loaded: Loaded,
    events: Vec<StoredEvent>,
    verified: Verified,
    /// Its status was set with its last event.
    sealed: bool,
}

struct Column {
    table: String,
    name: String,
    /// The columns by which the table's rows are named.
    key: String,
    /// Whether each row of the table belongs to a run.
    of_runs: bool,
}

/// What was done to a store.
#[derive(Default, Debug)]
struct Harmed {
    /// The runs whose rows may have been changed, by their numbers.
    runs: BTreeSet<i64>,
    /// So may anybody's.
    everything: bool,
    /// Not the rows alone, but the file below them.
    pages: bool,
}

impl Whole {
    fn new() -> Whole {
        let store = Sqlite::in_memory();
        let keys = ["ended", "going", "forked"].map(RunKey::in_default);
        let contents = [content(30), content(31), content(LARGEST_IN_TABLE + 1)];
        let journal = store.open_sqlite("one");
        wait(write(&journal, &keys, &contents));
        drop(journal);
        let raw = store.raw();
        let contents = shrink(&store, &raw, contents);
        // A store of small pages, so that a changed byte more often matters.
        raw.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM;")
            .unwrap();
        let journal = store.open_sqlite("two");
        let runs = keys.map(|key| wait(known(&journal, &raw, &key))).into();
        drop(journal);
        let declared = declared(&raw);
        raw.execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'STRICT, ', ''), 'STRICT', ''), 'NOT NULL', '')
             WHERE type = 'table';",
        )
        .unwrap();
        let columns = columns(&raw);
        drop(raw);
        Whole {
            loose: std::fs::read(store.folder.path().join("journal.db")).unwrap(),
            files: files(store.folder.path()),
            place: store.folder,
            declared,
            columns,
            runs,
            contents,
        }
    }

    /// A copy of the store in a folder, with every damage that a text tells of.
    fn harmed(&self, folder: &Path, text: &[u8]) -> Harmed {
        let mut harmed = Harmed::default();
        let path = folder.join("journal.db");
        std::fs::write(&path, &self.loose).unwrap();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').take(MOST).collect();
        let damages: Vec<Damage<'_>> = lines.iter().map(|line| Damage::of(line)).collect();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;")
            .unwrap();
        for damage in &damages {
            self.harm_rows(&connection, damage, &mut harmed);
        }
        connection
            .execute_batch("PRAGMA writable_schema = ON;")
            .unwrap();
        for (name, sql) in &self.declared {
            connection
                .prepare_cached("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1")
                .unwrap()
                .execute([name, sql])
                .unwrap();
        }
        connection.execute_batch("COMMIT;").unwrap();
        drop(connection);
        for damage in &damages {
            harm_pages(&path, damage, &mut harmed);
        }
        for (at, (name, bytes)) in self.files.iter().enumerate() {
            let of_this =
                |damage: &&Damage<'_>| damage.what == b"file" && damage.row(self.files.len()) == at;
            let changed = damages.iter().find(of_this);
            harmed.everything |= changed.is_some();
            let to = folder.join(name);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, changed.map_or(bytes, |damage| &damage.rest)).unwrap();
        }
        harmed
    }

    fn harm_rows(&self, connection: &Connection, damage: &Damage<'_>, harmed: &mut Harmed) {
        let Column {
            table,
            name,
            key,
            of_runs,
        } = &self.columns[damage.column(&self.columns)];
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection
            .prepare_cached(&count)
            .unwrap()
            .query_row([], |row| row.get(0))
            .unwrap();
        if rows == 0 {
            return;
        }
        let rows = rows as usize;
        let (one, other) = (damage.row(rows), damage.other_row(rows));
        let at = |row: usize| {
            format!("({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {row})")
        };
        let mut touch = |row: usize| {
            let sql = format!("SELECT run FROM {table} WHERE {}", at(row));
            // Before and after; what is no number any more is no other run's.
            if let Ok(run) = connection.query_row(&sql, [], |row| row.get(0)) {
                harmed.runs.insert(run);
            }
        };
        let sql = match damage.what {
            b"drop" => format!("DELETE FROM {table} WHERE {}", at(one)),
            b"swap" => {
                let value = |row| format!("(SELECT {name} FROM {table} WHERE {})", at(row));
                format!(
                    "WITH old(one, other) AS MATERIALIZED (SELECT {}, {})
                     UPDATE OR IGNORE {table} SET {name} = iif({}, (SELECT other FROM old), (SELECT one FROM old))
                     WHERE {} OR {}",
                    value(one),
                    value(other),
                    at(one),
                    at(one),
                    at(other)
                )
            }
            b"set" => {
                let value = match damage.is_text() {
                    // Only so can it be text that is none.
                    true => "CAST(?1 AS TEXT)",
                    false => "?1",
                };
                format!(
                    "UPDATE OR IGNORE {table} SET {name} = {value} WHERE {}",
                    at(one)
                )
            }
            _ => return,
        };
        if *of_runs {
            touch(one);
            touch(other);
        } else {
            harmed.everything = true;
        }
        // What no index takes is not done.
        let done = match damage.what {
            b"set" => connection.execute(&sql, [damage.value()]),
            _ => connection.execute(&sql, []),
        };
        if let Err(error) = done {
            assert!(
                error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
                    || error.sqlite_error_code() == Some(ErrorCode::TypeMismatch),
                "{sql}: {error}"
            );
        }
        if *of_runs && damage.what != b"drop" {
            touch(one);
            touch(other);
            harmed.everything |= name == "run" || name == "namespace";
        }
    }

    fn compare(&self, folder: &Path, harmed: &Harmed) {
        let options = Options {
            must_exist: true,
            ..Options::new("the test")
        };
        let journal = match SqliteJournal::open(folder, &options) {
            Ok(journal) => journal,
            Err(error) => {
                assert!(harmed.pages, "its rows were changed alone: {error}");
                return typed(&error, harmed);
            }
        };
        wait(self.read(&journal, harmed));
    }

    async fn read(&self, journal: &SqliteJournal, harmed: &Harmed) {
        let mut failed = Vec::new();
        for run in &self.runs {
            let key = &run.loaded.row.key;
            let whole = !harmed.everything && !harmed.pages && !harmed.runs.contains(&run.number);
            match journal.load(key, STATE).await {
                Ok(loaded) if whole => assert_eq!(loaded, run.loaded),
                Ok(loaded) => run.accepts(&loaded),
                Err(error) => {
                    assert!(!whole, "{key}: {error}");
                    typed(&error, harmed);
                    failed.push(key.clone());
                }
            }
            match journal.events(key, 0, 100).await {
                Ok(events) => assert_eq!(events, run.events[..events.len()]),
                Err(error) => typed(&error, harmed),
            }
            match journal.verify(key).await {
                Ok(verified) if whole => assert_eq!(verified, run.verified),
                Ok(_) => assert!(
                    !failed.contains(key),
                    "what cannot be loaded was found good"
                ),
                Err(error) => {
                    assert!(!whole, "{key}: {error}");
                    typed(&error, harmed);
                }
            }
            self.read_contents(journal, key, harmed).await;
        }
        self.read_everything(journal, harmed, &failed).await;
    }

    async fn read_contents(&self, journal: &SqliteJournal, key: &RunKey, harmed: &Harmed) {
        for content in &self.contents {
            let found = [
                journal.payload(key, content.digest()).await,
                journal.blob(&key.namespace, content.digest()).await,
            ];
            for found in found {
                match found {
                    Ok(bytes) => assert_eq!(bytes, *content.bytes()),
                    Err(error) => typed(&error, harmed),
                }
            }
        }
        match journal.calls(key, "step-1", 1).await {
            Ok(calls) => {
                for answer in calls.into_iter().filter_map(|call| call.answer) {
                    let digest = Digest::of(answer.content.bytes());
                    assert_eq!(digest, answer.content.digest());
                }
            }
            Err(error) => typed(&error, harmed),
        }
        let asked = [
            journal.pins(key).await.err(),
            journal.checkpoints(key).await.err(),
            journal.take_inbox(key, 0).await.err(),
            journal.owner(key).await.err(),
        ];
        for error in asked.into_iter().flatten() {
            typed(&error, harmed);
        }
    }

    /// What is asked of the whole store; `failed` are the runs that could not be loaded.
    async fn read_everything(&self, journal: &SqliteJournal, harmed: &Harmed, failed: &[RunKey]) {
        match journal.verify_all().await {
            Ok(report) => {
                let clean = report.damaged.is_empty() && report.engine.is_empty();
                assert!(!clean || failed.is_empty(), "{failed:?} were found good");
                for (key, error) in &report.damaged {
                    typed(error, harmed);
                    let run = self.runs.iter().find(|run| run.loaded.row.key == *key);
                    let whole = run.is_some_and(|run| !harmed.runs.contains(&run.number));
                    let rows = !harmed.everything && !harmed.pages;
                    assert!(!(rows && whole), "{key} was not touched: {error}");
                }
            }
            Err(error) => {
                assert!(harmed.pages, "its rows were changed alone: {error}");
                typed(&error, harmed);
            }
        }
        let listed = journal.runs(RunFilter::default(), Page::default()).await;
        let asked = [
            listed.err(),
            journal.runnable(u64::MAX, 10).await.err(),
            journal.mail().await.err(),
            journal.owned_by("nobody").await.err(),
        ];
        for error in asked.into_iter().flatten() {
            typed(&error, harmed);
        }
        for run in &self.runs {
            let key = &run.loaded.row.key;
            match journal.claim(key).await {
                Ok(Claimed::Yours(claim)) => {
                    let released = journal.release(claim).await;
                    assert!(released.is_ok() || harmed.pages, "{released:?}");
                }
                Ok(Claimed::OwnedBy(_)) => {}
                Err(error) => typed(&error, harmed),
            }
        }
    }
}

impl Known {
    /// What was read of a run that somebody has been at: all that a hash speaks for is as it was.
    fn accepts(&self, loaded: &Loaded) {
        let from = loaded.snapshot.as_ref().map_or(0, |it| it.next_seq) as usize;
        assert_eq!(loaded.events, self.events[from..from + loaded.events.len()]);
        if self.sealed {
            assert_eq!(from + loaded.events.len(), self.events.len());
        }
        if loaded.snapshot.is_some() {
            assert_eq!(loaded.snapshot, self.loaded.snapshot);
        }
    }
}

/// An error says what is wrong. One of a journal that is closed says that a thread of its has panicked.
fn typed(error: &Error, harmed: &Harmed) {
    assert!(!matches!(error, Error::Closed), "a thread has panicked");
    let unnamed = matches!(error, Error::Engine { .. });
    assert!(!unnamed || harmed.pages, "no damage is named: {error}");
}

/// `WHAT TABLE.COLUMN ROW REST`: what is no number or no name counts as one. Of a `set`, the rest is the
/// type and the value; of a `swap`, the other row; of a `byte` and a `file`, what comes in their place.
struct Damage<'a> {
    what: &'a [u8],
    place: &'a [u8],
    row: &'a [u8],
    rest: Vec<u8>,
}

impl<'a> Damage<'a> {
    fn of(line: &'a [u8]) -> Damage<'a> {
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let mut next = || words.next().unwrap_or_default();
        Damage {
            what: next(),
            place: next(),
            row: next(),
            rest: next().to_vec(),
        }
    }

    fn column(&self, columns: &[Column]) -> usize {
        let called = |column: &Column| format!("{}.{}", column.table, column.name).into_bytes();
        let found = columns
            .iter()
            .position(|column| called(column) == self.place);
        found.unwrap_or_else(|| number(self.place) % columns.len())
    }

    fn row(&self, rows: usize) -> usize {
        number(self.row) % rows.max(1)
    }

    fn other_row(&self, rows: usize) -> usize {
        match self.what {
            b"swap" => number(&self.rest) % rows.max(1),
            _ => self.row(rows),
        }
    }

    fn typed(&self) -> (&[u8], &[u8]) {
        match self.rest.iter().position(|byte| *byte == b' ') {
            Some(space) => (&self.rest[..space], &self.rest[space + 1..]),
            None => (&self.rest, &[]),
        }
    }

    fn is_text(&self) -> bool {
        !matches!(self.typed().0, b"null" | b"int" | b"real" | b"blob")
    }

    /// Of a text, its bytes.
    fn value(&self) -> Value {
        let (kind, text) = self.typed();
        let parsed = std::str::from_utf8(text).unwrap_or_default();
        match kind {
            b"null" => Value::Null,
            b"int" => Value::Integer(parsed.parse().unwrap_or(0)),
            b"real" => Value::Real(parsed.parse().unwrap_or(0.5)),
            b"blob" => Value::Blob(hex::decode(text).unwrap_or(text.to_vec())),
            _ => Value::Blob(text.to_vec()),
        }
    }
}

/// The number that a text stands for, or some other.
fn number(text: &[u8]) -> usize {
    let parsed = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    parsed.unwrap_or_else(|| {
        let [high, low, ..] = *Digest::of(text).as_bytes();
        usize::from(u16::from_be_bytes([high, low]))
    })
}

/// `byte - AT VALUES` changes bytes of the file, and `cut - AT` cuts it off.
fn harm_pages(path: &Path, damage: &Damage<'_>, harmed: &mut Harmed) {
    if !matches!(damage.what, b"byte" | b"cut") {
        return;
    }
    harmed.pages = true;
    let mut bytes = std::fs::read(path).unwrap();
    let at = damage.row(bytes.len());
    match damage.what {
        b"byte" => {
            for (to, from) in bytes[at..].iter_mut().zip(&damage.rest) {
                *to ^= *from;
            }
        }
        _ => bytes.truncate(at),
    }
    std::fs::write(path, bytes).unwrap();
}

/// Three runs with something in every table.
async fn write(journal: &SqliteJournal, keys: &[RunKey; 3], contents: &[Content]) {
    let [ended, going, forked] = keys;
    let pin = |name: &str, size| Pin {
        name: name.to_owned(),
        content: content(size),
    };
    let run = NewRun {
        pins: vec![pin("flow", 20), pin("plugin:a", 21)],
        ..new_run(ended)
    };
    let Created::New(claim, _) = journal.create(run, events(&["1"])).await.unwrap() else {
        panic!("it is new");
    };
    let batch = Batch {
        payloads: contents.to_vec(),
        call_records: vec![intend(0), answer(0), intend(1)],
        checkpoints: vec![checkpoint()],
        ..events(&[r#"{"id": "c1", "label": "before"}"#])
    };
    journal.commit(&claim, 1, batch).await.unwrap();
    journal.commit(&claim, 2, snapshot(&["3"])).await.unwrap();
    let batch = Batch {
        status: Some(Status::ended("completed")),
        ..events(&["4"])
    };
    journal.commit(&claim, 3, batch).await.unwrap();
    let fork = Fork {
        from: ended.run.to_string(),
        events: 2,
        payloads: vec![contents[0].digest()],
        attempts: vec![("step-1".to_owned(), 1)],
    };
    let created = journal.fork(new_run(forked), fork, events(&["\"forked\""]));
    created.await.unwrap();
    let claim = create(journal, going).await;
    let timer = |id: &str, due_at_ms| Timer {
        id: id.to_owned(),
        due_at_ms,
    };
    let batch = Batch {
        timers_set: vec![timer("t1", 10), timer("t2", 20)],
        call_records: vec![intend(0)],
        messages: vec![Message {
            to: forked.run.to_string(),
            input_id: "m1".to_owned(),
            json: "{}".to_owned(),
            at_ms: 8,
        }],
        ..snapshot(&["2"])
    };
    journal.commit(&claim, 1, batch).await.unwrap();
    journal.commit(&claim, 2, events(&["3"])).await.unwrap();
    for id in ["i1", "i2"] {
        journal.put_inbox(going, id, "{}", 9).await.unwrap();
    }
}

fn call(ordinal: u32) -> CallKey {
    CallKey {
        step: "step-1".to_owned(),
        attempt: 1,
        ordinal,
    }
}

fn intend(ordinal: u32) -> CallRecord {
    CallRecord::Intend {
        call: call(ordinal),
        execution: 1,
        request: Digest::of(b"request"),
        effect: "idempotent".into(),
        at_ms: 3,
    }
}

fn answer(ordinal: u32) -> CallRecord {
    CallRecord::Record {
        call: call(ordinal),
        request: Digest::of(b"request"),
        answer: content(5),
        at_ms: 4,
    }
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        id: "c1".to_owned(),
        label: "before".to_owned(),
        automatic: false,
        next_seq: 2,
        at_ms: 7,
    }
}

fn snapshot(texts: &[&str]) -> Batch {
    Batch {
        snapshot: Some(Snapshot {
            state_version: STATE,
            body: content(40),
        }),
        ..events(texts)
    }
}

/// Puts a small content in the place of the one that has a file, which would cost its reading each time.
fn shrink(store: &Sqlite, raw: &Connection, [one, other, large]: [Content; 3]) -> Vec<Content> {
    let small = content(32);
    let file = large_files(store).remove(0);
    assert!(file.ends_with(large.digest().to_string()));
    std::fs::write(&file, &**small.bytes()).unwrap();
    std::fs::rename(&file, file.with_file_name(small.digest().to_string())).unwrap();
    let changed = raw.execute(
        "UPDATE payloads SET digest = ?2, size = 32 WHERE digest = ?1",
        [large.digest().as_bytes(), small.digest().as_bytes()],
    );
    assert_eq!(changed.unwrap(), 1);
    vec![one, other, small, content(20), content(21)]
}

async fn known(journal: &SqliteJournal, raw: &Connection, key: &RunKey) -> Known {
    let loaded = journal.load(key, STATE).await.unwrap();
    let number = "SELECT run FROM runs WHERE id = ?1";
    Known {
        number: raw
            .query_row(number, [&*key.run], |row| row.get(0))
            .unwrap(),
        events: journal.events(key, 0, 100).await.unwrap(),
        verified: journal.verify(key).await.unwrap(),
        sealed: loaded.row.status.ended,
        loaded,
    }
}

fn declared(raw: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table'";
    let mut statement = raw.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn columns(raw: &Connection) -> Vec<Column> {
    let mut columns = Vec::new();
    for (table, _) in declared(raw) {
        let sql = format!("SELECT name, pk FROM pragma_table_info('{table}')");
        let mut statement = raw.prepare(&sql).unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let found: Vec<(String, i64)> = found.unwrap().map(Result::unwrap).collect();
        let mut key: Vec<&(String, i64)> = found.iter().filter(|(_, place)| *place > 0).collect();
        key.sort_by_key(|(_, place)| *place);
        let key: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
        columns.extend(found.iter().map(|(name, _)| Column {
            table: table.clone(),
            name: name.clone(),
            key: key.join(", "),
            of_runs: found.iter().any(|(name, _)| name == "run"),
        }));
    }
    columns
}

/// The contents that are files of their own, by their place in the store.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let found = std::fs::read_dir(folder.join("contents")).unwrap();
    let found = found.flat_map(|inner| std::fs::read_dir(inner.unwrap().path()).unwrap());
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path.strip_prefix(folder).unwrap().to_owned(), bytes)
    };
    found.map(|file| read(file.unwrap().path())).collect()
}
