//! Owns copies of a whole store as one file, and the way back.
//!
//! A backup is an ordinary tar archive: the database as it was at one moment (`VACUUM INTO`, which
//! disturbs nobody who writes meanwhile), every content file that this copy refers to, whatever the
//! caller keeps beside the database (the registry of plugins), and at the end a manifest with the size and digest of each, called by its own digest. Whatever is cut off or
//! changed is therefore noticed. Content files are only ever taken away by a vacuum, and a vacuum
//! waits for a backup, so that what the copy refers to is still there when its turn comes.
//!
//! Both ways it is a name that decides: the archive gets the one that was asked for when it is whole
//! and synced, and so does the folder into which it is restored.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::SqliteJournal;
use super::fault::Faults;
use super::housekeeping;
use super::locks::PATIENCE;
use super::opening::{Options, connect};
use super::orphans::{self, Referred};
use super::restoring::{self, Restoring};
use crate::crash::crash_point;
use crate::digest::Digest;
use crate::error::Error;

/// The shape of archive and manifest that this program writes.
const FORMAT: u32 = 1;
/// The name of the database in archive and folder.
const DATABASE: &str = "journal.db";
/// The folder of large contents in archive and folder.
const CONTENTS: &str = "contents";
/// How the name of the last entry begins; its own digest follows.
const MANIFEST: &str = "manifest-";
/// A manifest is a line for each content; anything longer is none of ours.
const LONGEST_MANIFEST: u64 = 1 << 30;
/// In a restored store: the manifest of the backup that it came from.
const RESTORED: &str = "restored.json";

/// What is in a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupReport {
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_at_ms: u64,
    /// How many runs it holds.
    pub runs: u64,
    /// How many events they have.
    pub events: u64,
    /// How many contents are files of their own.
    pub contents: u64,
    /// How many files of the registry of plugins. Absent in backups of hosts that left it out.
    #[serde(default)]
    pub registry: u64,
    /// The size of everything in it, in bytes.
    pub bytes: u64,
}

/// A file that lies beside the database and belongs into a backup. It is open, so that it can be read
/// whatever becomes of its name.
#[derive(Debug)]
pub struct Beside {
    /// Within the folder `registry`: `index.json`, or 64 hexadecimal digits and `.wasm`.
    pub name: String,
    /// Its content.
    pub file: File,
}

/// The folder of the registry of plugins in archive and store. The journal knows nothing of it but what its
/// files are called.
const REGISTRY: &str = "registry";

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    menagerie: String,
    #[serde(flatten)]
    report: BackupReport,
    files: Vec<Entry>,
}

/// A file of the archive.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    name: String,
    size: u64,
    sha256: Digest,
}

impl SqliteJournal {
    /// Copies the whole store into one file, which is complete by itself. Blocks on the disk; runs go
    /// on meanwhile, in this process and in others.
    ///
    /// # Errors
    /// When something is there already and is not to be replaced, or either disk fails. Then nothing
    /// is left of it.
    pub fn backup(&self, file: &Path, replace: bool) -> Result<BackupReport, Error> {
        self.backup_with(file, replace, Vec::new())
    }

    /// The same, with what the caller keeps beside the database.
    ///
    /// # Errors
    /// As [`backup`](Self::backup), and when a file beside it is called as none is.
    pub fn backup_with(
        &self,
        file: &Path,
        replace: bool,
        beside: Vec<Beside>,
    ) -> Result<BackupReport, Error> {
        let foreign = |one: &&Beside| !is_ours(&format!("{REGISTRY}/{}", one.name));
        if let Some(foreign) = beside.iter().find(foreign) {
            return Err(Error::Invalid(format!(
                "{:?} is no file of a registry",
                foreign.name
            )));
        }
        if !replace && file.exists() {
            return Err(Error::Occupied {
                path: file.to_owned(),
                reason: "give another name, or say that it is to be replaced".to_owned(),
            });
        }
        let _alone = housekeeping::lock(&self.faults.folder, &self.faults)?;
        let failed = |error| self.faults.io(file, error);
        let unfinished = Unfinished::beside(file).map_err(failed)?;
        let archive = File::create_new(unfinished.archive()).map_err(failed)?;
        archive.lock().map_err(failed)?;
        self.copy_database(&unfinished.database())?;
        crash_point("backup-copied");
        let report = self.write_archive(&archive, &unfinished, file, beside)?;
        crash_point("backup-written");
        std::fs::rename(unfinished.archive(), file).map_err(failed)?;
        sync_parent(file).map_err(failed)?;
        Ok(report)
    }

    fn copy_database(&self, to: &Path) -> Result<(), Error> {
        let options = Options {
            busy_timeout: self.faults.busy_timeout,
            ..Options::new("backup")
        };
        let connection = connect(&self.faults.folder.join(DATABASE), &options, &self.faults)?;
        let copied = connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]);
        copied.map_err(|error| self.faults.error("copying the database", &error))?;
        Ok(())
    }

    fn write_archive(
        &self,
        archive: &File,
        unfinished: &Unfinished,
        file: &Path,
        beside: Vec<Beside>,
    ) -> Result<BackupReport, Error> {
        let sql = |error: rusqlite::Error| self.faults.error("reading the copy", &error);
        let failed = |error| self.faults.io(file, error);
        let copy = read_only(&unfinished.database()).map_err(sql)?;
        let referred = Referred::read(&copy).map_err(sql)?;
        let runs = orphans::count(&copy, "runs").map_err(sql)?;
        let events = orphans::count(&copy, "events").map_err(sql)?;
        drop(copy);
        let mut writing = Writing::new(archive);
        writing
            .add(DATABASE.to_owned(), &unfinished.database())
            .map_err(failed)?;
        for content in self.contents.files()? {
            if !referred.has(&content) {
                continue;
            }
            let name = content
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let name = format!("{CONTENTS}/{}/{name}", content.folder);
            writing
                .add(name, &content.path)
                .map_err(|error| self.faults.io(&content.path, error))?;
            crash_point("backup-content");
        }
        let contents = writing.entries.len() as u64 - 1;
        if contents < referred.len() as u64 {
            return Err(self.missing(&referred, &writing.entries));
        }
        let registry = beside.len() as u64;
        for Beside { name, file: open } in beside {
            let name = format!("{REGISTRY}/{name}");
            writing.add_file(name, open).map_err(failed)?;
        }
        let report = BackupReport {
            registry,
            made_at_ms: now_ms(),
            runs,
            events,
            contents,
            bytes: writing.entries.iter().map(|entry| entry.size).sum(),
        };
        writing.finish(report.clone()).map_err(failed)?;
        archive.sync_all().map_err(failed)?;
        Ok(report)
    }

    /// A store that lacks contents is damaged: a backup of it would be no way back.
    fn missing(&self, referred: &Referred, entries: &[Entry]) -> Error {
        let missing = referred.digests().find(|digest| {
            let name = digest.to_string();
            !entries.iter().any(|entry| entry.name.ends_with(&name))
        });
        Error::DamagedContent {
            digest: missing.unwrap_or(Digest::from_bytes([0; 32])),
            reason: "its file is missing, so that the store cannot be backed up".to_owned(),
        }
    }
}

/// What is written before it has its name, and what others have left of theirs.
struct Unfinished {
    stem: PathBuf,
}

impl Unfinished {
    fn beside(file: &Path) -> io::Result<Self> {
        let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut begins = name.to_owned();
        begins.push(".unfinished-");
        let folder = parent(file);
        for other in std::fs::read_dir(folder)?.flatten() {
            let path = other.path();
            let theirs = other.file_name();
            let theirs = theirs
                .as_encoded_bytes()
                .starts_with(begins.as_encoded_bytes());
            // Each is locked by its maker, or belongs to an archive that is; the dead hold no lock.
            if theirs && !is_locked(&path) && !is_locked(&path.with_extension("tar")) {
                let _ = std::fs::remove_file(&path);
            }
        }
        begins.push(uuid::Uuid::now_v7().to_string());
        Ok(Self {
            stem: folder.join(begins),
        })
    }

    fn archive(&self) -> PathBuf {
        self.with("tar")
    }

    fn database(&self) -> PathBuf {
        self.with("db")
    }

    fn with(&self, extension: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(".");
        path.push(extension);
        path.into()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // The archive has its name by now, or is not wanted.
        let _ = std::fs::remove_file(self.database());
        let _ = std::fs::remove_file(self.archive());
    }
}

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock_shared().is_err())
}

/// The archive under construction.
struct Writing<'file> {
    archive: tar::Builder<BufWriter<&'file File>>,
    entries: Vec<Entry>,
}

impl<'file> Writing<'file> {
    fn new(file: &'file File) -> Self {
        Self {
            archive: tar::Builder::new(BufWriter::with_capacity(1 << 20, file)),
            entries: Vec::new(),
        }
    }

    fn add(&mut self, name: String, path: &Path) -> io::Result<()> {
        self.add_file(name, File::open(path)?)
    }

    fn add_file(&mut self, name: String, file: File) -> io::Result<()> {
        let size = file.metadata()?.len();
        let mut read = Hashing::new(BufReader::with_capacity(1 << 20, file));
        self.archive
            .append_data(&mut header(size), &name, &mut read)?;
        if read.length != size {
            return Err(io::Error::other("it changed while it was being read"));
        }
        let sha256 = read.digest();
        self.entries.push(Entry { name, size, sha256 });
        Ok(())
    }

    fn finish(mut self, report: BackupReport) -> io::Result<()> {
        let manifest = Manifest {
            format: FORMAT,
            menagerie: env!("CARGO_PKG_VERSION").to_owned(),
            report,
            files: self.entries,
        };
        let text = serde_json::to_vec_pretty(&manifest)?;
        let name = format!("{MANIFEST}{}.json", Digest::of(&text));
        let mut header = header(text.len() as u64);
        self.archive.append_data(&mut header, name, &*text)?;
        self.archive.into_inner()?.flush()
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header
}

/// Passes bytes on and keeps their digest.
struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    length: u64,
}

impl<R> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            length: 0,
        }
    }

    fn digest(self) -> Digest {
        Digest::from_bytes(self.hasher.finalize().into())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        self.length += length as u64;
        Ok(length)
    }
}

/// Reads a whole backup and compares it with its manifest. Writes nothing.
///
/// # Errors
/// [`Error::BadBackup`] for whatever is not as it was written.
pub fn check_backup(file: &Path) -> Result<BackupReport, Error> {
    Ok(read_archive(file, None)?.report)
}

/// Makes a store out of a backup, in a folder that is empty or not there yet. Clears away what a restore
/// into that folder has left that was killed.
///
/// # Errors
/// When the folder is taken, the backup is damaged or from a newer version, or the disk fails. Then
/// there is nothing in the folder.
pub fn restore(file: &Path, folder: &Path) -> Result<BackupReport, Error> {
    let faults = Faults {
        folder: folder.to_owned(),
        busy_timeout: PATIENCE,
    };
    let failed = |error| faults.io(folder, error);
    std::fs::create_dir_all(parent(folder)).map_err(failed)?;
    restoring::clear(folder).map_err(failed)?;
    refuse_taken(folder, &faults)?;
    let restoring = Restoring::beside(folder).map_err(failed)?;
    let beside = restoring.folder();
    let manifest = read_archive(file, Some(beside))?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(error.into()))?;
    write_synced(&beside.join(RESTORED), &mut &*text).map_err(failed)?;
    // Whatever this program cannot open is refused before it has the name of a store.
    drop(SqliteJournal::open(
        beside,
        &Options {
            must_exist: true,
            ..Options::new("menagerie restore")
        },
    )?);
    sync_all_folders(beside).map_err(failed)?;
    crash_point("restore-written");
    // An empty folder of that name gives way; one that has become a store meanwhile does not.
    std::fs::rename(beside, folder).map_err(failed)?;
    crash_point("restore-named");
    sync_parent(folder).map_err(failed)?;
    Ok(manifest.report)
}

fn refuse_taken(folder: &Path, faults: &Faults) -> Result<(), Error> {
    let taken = |reason: &str| Error::Occupied {
        path: folder.to_owned(),
        reason: reason.to_owned(),
    };
    if folder.join(DATABASE).exists() {
        return Err(taken(
            "it holds a store, and a backup is restored into an empty folder",
        ));
    }
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(faults.io(folder, error)),
        Ok(mut files) => match files.next() {
            None => Ok(()),
            Some(_) => Err(taken(
                "it is not empty, and a backup is restored into an empty folder",
            )),
        },
    }
}

/// Goes through an archive, writing its files below a folder if one is given.
fn read_archive(file: &Path, into: Option<&Path>) -> Result<Manifest, Error> {
    let bad = |reason: String| Error::BadBackup {
        path: file.to_owned(),
        reason,
    };
    let unreadable = |error: io::Error| bad(format!("it is damaged or cut off: {error}"));
    let opened = File::open(file).map_err(|error| bad(error.to_string()))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, opened));
    let mut found: Vec<Entry> = Vec::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry
            .path()
            .map_err(unreadable)?
            .to_string_lossy()
            .into_owned();
        let plain = entry.header().entry_type() == tar::EntryType::Regular;
        if let Some(named) = name.strip_prefix(MANIFEST).filter(|_| plain) {
            let manifest = read_manifest(&mut entry, named).map_err(bad)?;
            found.sort();
            let mut expected: Vec<&Entry> = manifest.files.iter().collect();
            expected.sort();
            if let Some(differs) = first_difference(&found, &expected) {
                return Err(bad(differs));
            }
            if !found.iter().any(|entry| entry.name == DATABASE) {
                return Err(bad(format!("it holds no {DATABASE}")));
            }
            return Ok(manifest);
        }
        // A sparse file of a few bytes could be read for ever.
        if !is_ours(&name) || !plain {
            return Err(bad(format!("it holds {name:?}, which no backup does")));
        }
        if found.iter().any(|other| other.name == name) {
            return Err(bad(format!("it holds {name:?} twice")));
        }
        let mut read = Hashing::new(&mut entry);
        match into {
            Some(folder) => {
                let path = folder.join(&name);
                let made = std::fs::create_dir_all(parent(&path));
                made.and_then(|()| write_synced(&path, &mut read))
                    .map_err(unreadable)?;
                crash_point("restore-file");
            }
            None => drop(io::copy(&mut read, &mut io::sink()).map_err(unreadable)?),
        }
        let size = read.length;
        let sha256 = read.digest();
        found.push(Entry { name, size, sha256 });
    }
    Err(bad(
        "it has no manifest: it is cut off, or no backup".to_owned()
    ))
}

fn read_manifest(entry: &mut impl Read, named: &str) -> Result<Manifest, String> {
    let mut text = Vec::new();
    let read = entry.take(LONGEST_MANIFEST).read_to_end(&mut text);
    read.map_err(|error| format!("its manifest cannot be read: {error}"))?;
    if named != format!("{}.json", Digest::of(&text)) {
        return Err("its manifest is not as it was written".to_owned());
    }
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| format!("its manifest cannot be understood: {error}"))?;
    if manifest.format > FORMAT {
        let found = manifest.format;
        return Err(format!(
            "it has format {found}, and this program knows formats up to {FORMAT}: use a newer Menagerie"
        ));
    }
    Ok(manifest)
}

fn first_difference(found: &[Entry], expected: &[&Entry]) -> Option<String> {
    for entry in expected {
        match found.iter().find(|other| other.name == entry.name) {
            None => return Some(format!("{} is missing", entry.name)),
            Some(other) if other != *entry => {
                return Some(format!("{} is not as it was written", entry.name));
            }
            Some(_) => {}
        }
    }
    (found.len() != expected.len()).then(|| "it holds more than its manifest says".to_owned())
}

/// `journal.db`, or `contents/` and two names made of hexadecimal digits, or what a registry holds:
/// nothing that could lie outside of the folder.
fn is_ours(name: &str) -> bool {
    let hexadecimal = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [DATABASE] => true,
        [REGISTRY, "index.json"] => true,
        [REGISTRY, file] => file
            .strip_suffix(".wasm")
            .is_some_and(|digits| hexadecimal(digits, 64)),
        [CONTENTS, folder, file] => hexadecimal(folder, 32) && hexadecimal(file, 64),
        _ => false,
    }
}

fn write_synced(path: &Path, bytes: &mut impl Read) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    io::copy(bytes, &mut file)?;
    file.sync_all()
}

fn sync_all_folders(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

/// The folder that a path lies in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
