//! Archives that are nearly backups: they are refused, and nothing is left of them, or they are a store whose
//! every file is as its manifest says.
//!
//! An input is a text with an entry of the archive in each line; see `Archive::add`.

use std::collections::BTreeMap;
use std::path::Path;

use menagerie_fuzz::{corpus, fuzz_for};
use menagerie_journal::{
    Batch, Digest, Error, Journal as _, Options, RunKey, SqliteJournal, check_backup, restore,
};
use serde_json::{Value, json};

use crate::backend::{Sqlite, content, create, events, wait};

/// Entries of one archive.
const MOST: usize = 12;
/// Bytes of a name for which there is room beside its entry.
const LONGEST_NAME: usize = 100;

const WORDS: [&str; 27] = [
    "store\n",
    "content\n",
    "file journal.db x\n",
    "file registry/index.json {}\n",
    "file registry/",
    "file contents/",
    "file contents/../journal x\n",
    "file manifest-",
    "../",
    "/",
    ".wasm",
    "-wal",
    "link journal.db /etc/passwd\n",
    "folder contents/\n",
    "fifo ",
    "sparse ",
    "manifest\n",
    "but format 2\n",
    "but files []\n",
    "but bytes null\n",
    "without ",
    "also ",
    "wrong\n",
    "byte ",
    "cut ",
    "again\n",
    "0123456789abcdef",
];

#[test]
fn an_archive_is_refused_without_a_trace_or_is_what_its_manifest_says() {
    let whole = Whole::new();
    let seeds = corpus("backup");
    let good = |seed: &Vec<u8>| {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("backup.tar");
        std::fs::write(&file, Archive::of(&whole, seed).bytes).unwrap();
        check_backup(&file).is_ok()
    };
    assert!(seeds.iter().filter(|seed| good(seed)).count() > 1);
    let place = Sqlite::in_memory().folder;
    fuzz_for(2, "backup", &seeds, &WORDS, |bytes| {
        let case = tempfile::tempdir_in(place.path()).unwrap();
        let (file, folder) = (case.path().join("backup.tar"), case.path().join("new"));
        let archive = Archive::of(&whole, bytes);
        std::fs::write(&file, &archive.bytes).unwrap();
        let checked = check_backup(&file);
        if let Err(error) = &checked {
            assert!(matches!(error, Error::BadBackup { .. }), "{error}");
            if bytes.len() % 4 > 0 {
                // Restoring costs far more than checking, and reads the same.
                return;
            }
        }
        let restored = restore(&file, &folder);
        let left = names(case.path());
        match restored {
            Ok(report) => {
                assert_eq!(left, ["backup.tar", "new"]);
                let checked = checked.expect("what was restored is good");
                assert_eq!(report.bytes, checked.bytes);
                archive.compare(&folder);
                whole.compare(&folder);
            }
            Err(error) => {
                assert_eq!(left, ["backup.tar"], "{error}");
                let of_archive = matches!(error, Error::BadBackup { .. });
                assert_eq!(of_archive, checked.is_err(), "{error}, and {checked:?}");
                assert!(of_archive || !archive.holds_store(&whole), "{error}");
            }
        }
    });
}

fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A store, as it lies in its backup.
struct Whole {
    key: RunKey,
    database: Vec<u8>,
    /// The name of its content file in the archive, and the bytes.
    content: (String, Vec<u8>),
}

impl Whole {
    fn new() -> Whole {
        let store = Sqlite::new();
        let key = RunKey::in_default("kept");
        let journal = store.open_sqlite("one");
        let small = content(30);
        wait(async {
            let claim = create(&journal, &key).await;
            let batch = Batch {
                payloads: vec![small.clone()],
                ..events(&["2", "3"])
            };
            journal.commit(&claim, 1, batch).await.unwrap();
        });
        drop(journal);
        let raw = store.raw();
        // A content that has a file is a large one; this one is not, so that a case costs little.
        raw.execute_batch("UPDATE payloads SET bytes = NULL; PRAGMA journal_mode = DELETE;")
            .unwrap();
        drop(raw);
        let mut namespace = Digest::of(b"default").to_string();
        namespace.truncate(32);
        Whole {
            key,
            database: std::fs::read(store.folder.path().join("journal.db")).unwrap(),
            content: (
                format!("contents/{namespace}/{}", small.digest()),
                small.bytes().to_vec(),
            ),
        }
    }

    /// The restored store holds the run, with or without its content.
    fn compare(&self, folder: &Path) {
        let journal = SqliteJournal::open(folder, &Options::new("the test")).unwrap();
        wait(async {
            assert_eq!(journal.events(&self.key, 0, 10).await.unwrap().len(), 3);
            let there = folder.join(&self.content.0).exists();
            assert_eq!(journal.verify(&self.key).await.is_ok(), there);
        });
    }
}

/// An archive, and what belongs into a folder out of it.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
    /// What a manifest says that is right so far.
    entries: Vec<Value>,
    last: Vec<u8>,
    /// It has a manifest: nobody looks at what comes behind.
    ended: bool,
}

impl Archive {
    fn of(whole: &Whole, text: &[u8]) -> Archive {
        let mut archive = Archive::default();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').take(MOST).collect();
        for line in &lines {
            archive.add(whole, line);
        }
        // The end of an archive is two empty blocks.
        archive.bytes.extend_from_slice(&[0; 1024]);
        for line in &lines {
            archive.change(line);
        }
        archive
    }

    /// `WHAT NAME REST`: `store` and `content` are those of a backup; a `file` has any name and text; `link`,
    /// `folder`, `fifo` and `sparse` are what no backup holds; `again` repeats the entry before; `manifest` is
    /// right, `but FIELD JSON` has another field, `without NAME` lacks a file, `also NAME TEXT` has one more,
    /// and `wrong` is called by another digest.
    fn add(&mut self, whole: &Whole, line: &[u8]) {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut next = || words.next().unwrap_or_default();
        let (what, name, rest) = (next(), next(), next());
        let text = String::from_utf8_lossy(name).into_owned();
        match what {
            b"store" => self.file(b"journal.db", &whole.database),
            b"content" => self.file(whole.content.0.as_bytes(), &whole.content.1),
            b"file" => self.file(name, rest),
            b"link" => self.entry(tar::EntryType::Symlink, name, rest, b""),
            b"folder" => self.entry(tar::EntryType::Directory, name, b"", b""),
            b"fifo" => self.entry(tar::EntryType::Fifo, name, b"", b""),
            b"sparse" => self.entry(tar::EntryType::GNUSparse, name, b"", rest),
            b"again" => {
                let last = self.last.clone();
                self.bytes.extend_from_slice(&last);
            }
            b"manifest" => self.manifest(|_| (), false),
            b"wrong" => self.manifest(|_| (), true),
            b"but" => {
                let value: Value = serde_json::from_slice(rest).unwrap_or(Value::Null);
                self.manifest(|manifest| manifest[&text] = value.clone(), false);
            }
            b"without" => {
                let keep = |entry: &Value| entry["name"] != json!(text);
                let without = |manifest: &mut Value| {
                    manifest["files"].as_array_mut().unwrap().retain(keep);
                };
                self.manifest(without, false);
            }
            b"also" => {
                let more = listed(&text, rest);
                let also = |manifest: &mut Value| {
                    manifest["files"].as_array_mut().unwrap().push(more.clone());
                };
                self.manifest(also, false);
            }
            _ => {}
        }
    }

    /// `byte AT VALUES` changes bytes of the archive, and `cut AT` cuts it off.
    fn change(&mut self, line: &[u8]) {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut next = || words.next().unwrap_or_default();
        let (what, at, values) = (next(), next(), next());
        let at = std::str::from_utf8(at).ok().and_then(|at| at.parse().ok());
        let at = at.unwrap_or(0_usize) % self.bytes.len().max(1);
        match what {
            b"byte" => {
                for (to, from) in self.bytes[at..].iter_mut().zip(values) {
                    *to ^= *from;
                }
            }
            b"cut" => self.bytes.truncate(at),
            _ => {}
        }
    }

    fn file(&mut self, name: &[u8], bytes: &[u8]) {
        self.entry(tar::EntryType::Regular, name, b"", bytes);
        // What follows a zero is nobody's.
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        self.entries.push(listed(&name, bytes));
        if !self.ended {
            self.files.insert(name, bytes.to_vec());
        }
    }

    fn entry(&mut self, kind: tar::EntryType, name: &[u8], link: &[u8], bytes: &[u8]) {
        self.last.clear();
        if name.len() > LONGEST_NAME {
            let long = [name, b"\0"].concat();
            self.block(tar::EntryType::GNULongName, b"././@LongLink", b"", &long);
        }
        self.block(kind, name, link, bytes);
        let last = self.last.clone();
        self.bytes.extend_from_slice(&last);
    }

    fn block(&mut self, kind: tar::EntryType, name: &[u8], link: &[u8], bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        let gnu = header.as_gnu_mut().unwrap();
        // As it is: whoever makes such an archive does not ask whether the name is good.
        for (to, from) in gnu.name.iter_mut().zip(name) {
            *to = *from;
        }
        for (to, from) in gnu.linkname.iter_mut().zip(link) {
            *to = *from;
        }
        header.set_entry_type(kind);
        header.set_mode(0o600);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        self.last.extend_from_slice(header.as_bytes());
        self.last.extend_from_slice(bytes);
        self.last.resize(self.last.len().next_multiple_of(512), 0);
    }

    fn manifest(&mut self, change: impl Fn(&mut Value), wrong: bool) {
        let mut manifest = json!({
            "format": 1, "menagerie": "0.1.0", "made_at_ms": 5, "runs": 1, "events": 3, "contents": 1,
            "registry": 0, "bytes": 7, "files": self.entries,
        });
        change(&mut manifest);
        let text = manifest.to_string().into_bytes();
        let digest = Digest::of(if wrong { b"other" } else { &text });
        let name = format!("manifest-{digest}.json");
        self.entry(tar::EntryType::Regular, name.as_bytes(), b"", &text);
        self.ended = true;
    }

    fn holds_store(&self, whole: &Whole) -> bool {
        self.files.get("journal.db") == Some(&whole.database)
    }

    /// Each file of the folder that came out of the archive is as it was there; the others are a store's own.
    fn compare(&self, folder: &Path) {
        for part in ["contents", "registry"] {
            let Ok(files) = std::fs::read_dir(folder.join(part)) else {
                continue;
            };
            for file in files {
                let path = file.unwrap().path();
                let inner = match path.is_dir() {
                    true => names(&path).iter().map(|name| path.join(name)).collect(),
                    false => vec![path],
                };
                for path in inner {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                    assert_eq!(self.files.get(name), Some(&std::fs::read(&path).unwrap()));
                }
            }
        }
        let own = [
            "contents",
            "journal.db",
            "journal.db-shm",
            "journal.db-wal",
            "opening.lock",
        ];
        let also = ["owners", "registry", "restored.json"];
        for name in names(folder) {
            assert!(own.contains(&&*name) || also.contains(&&*name), "{name}");
        }
    }
}

/// A line of a manifest.
fn listed(name: &str, bytes: &[u8]) -> Value {
    json!({"name": name, "size": bytes.len(), "sha256": Digest::of(bytes)})
}
