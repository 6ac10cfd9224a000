//! Compiled code on disk: written by this host alone, found by digest and engine, mapped into
//! memory when it is used again. Whatever is wrong with an entry, the plugin is compiled anew.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

/// A folder that only this host writes.
#[derive(Debug)]
pub(crate) struct CompiledCache {
    folder: PathBuf,
}

impl CompiledCache {
    /// A cache for code that `engine` compiles. Code of another engine lies in another folder.
    pub(crate) fn open(
        parent: &Path,
        engine: &wasmtime::Engine,
        fingerprint: &str,
    ) -> io::Result<Self> {
        let mut hash = HashInto(Sha256::new());
        fingerprint.hash(&mut hash);
        engine.precompile_compatibility_hash().hash(&mut hash);
        let folder = parent.join(hex::encode(&hash.0.finalize()[..8]));
        Ok(CompiledCache {
            folder: create_private(&folder)?,
        })
    }

    /// The code for a digest, if there is an undamaged entry.
    pub(crate) fn load(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let code = self.path(digest, "cwasm");
        let expected = fs::read_to_string(self.path(digest, "sum")).ok()?;
        if checksum_of(&code).ok()? != expected || !is_private(&code).ok()? {
            return None;
        }
        deserialize(engine, MachineCode::Kept(&code)).ok()
    }

    /// Keeps code for a digest. The checksum comes first, so that an interrupted write leaves an
    /// entry that does not match, and none that is half there under its name.
    pub(crate) fn store(&self, digest: &str, code: &[u8]) -> io::Result<()> {
        self.put(
            &self.path(digest, "sum"),
            describe(code.len() as u64, crc32fast::hash(code)).as_bytes(),
        )?;
        self.put(&self.path(digest, "cwasm"), code)
    }

    fn path(&self, digest: &str, kind: &str) -> PathBuf {
        self.folder
            .join(format!("{}.{kind}", digest.trim_start_matches("sha256:")))
    }

    /// Writes a file under another name and moves it to its own, so that nobody sees half of it and
    /// whoever has the old one mapped keeps it.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .folder
            .join(format!("{}-{number}.tmp", std::process::id()));
        let written = create_private_file(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // The reason for the failure is worth more than what becomes of the remains.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Machine code that a compiler of this host wrote.
#[derive(Clone, Copy)]
pub(crate) enum MachineCode<'code> {
    /// In the folder of a [`CompiledCache`].
    Kept(&'code Path),
    /// Just now, by the compile jail that this host started.
    Fresh(&'code [u8]),
}

/// The one place where this workspace trusts bytes to be machine code.
#[expect(
    unsafe_code,
    reason = "fresh code comes through a pipe from the process that this host started to compile; a kept file lies in a folder that only this host's user writes, under the digest of the component and the engine it was compiled by; its checksum was compared just before, and entries are replaced by renaming, never in place, so the mapping does not change"
)]
pub(crate) fn deserialize(
    engine: &wasmtime::Engine,
    code: MachineCode<'_>,
) -> wasmtime::Result<Component> {
    // SAFETY: both require the output of a compiler of wasmtime, and a file must not change while it
    // is mapped; that is the invariant of the folder and of the pipe, as said above.
    unsafe {
        match code {
            MachineCode::Kept(path) => Component::deserialize_file(engine, path),
            MachineCode::Fresh(bytes) => Component::deserialize(engine, bytes),
        }
    }
}

/// A checksum against damage. It is none against forgery: who can write this folder can also run
/// programs as this user.
fn checksum_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(describe(length, hash.finalize()));
        }
        length += read as u64;
        hash.update(&buffer[..read]);
    }
}

fn describe(length: u64, checksum: u32) -> String {
    format!("{length} {checksum:08x}\n")
}

/// Makes the folder and gives its place without any link in it. Nobody but this user and the system's may
/// change anything on the way to it, or they could put another folder in its place.
#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let folder = folder.canonicalize()?;
    for (depth, place) in folder.ancestors().enumerate() {
        let within = if depth == 0 {
            Within::Folder
        } else {
            Within::Way
        };
        if let Some(why) = objection(place, within)? {
            return Err(io::Error::other(format!(
                "{why} {}, so the folder of compiled code is not used",
                place.display()
            )));
        }
    }
    Ok(folder)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    folder.canonicalize()
}

#[cfg(unix)]
fn create_private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn create_private_file(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
}

/// This user has it, and nobody else may write it.
#[cfg(unix)]
fn is_private(path: &Path) -> io::Result<bool> {
    Ok(objection(path, Within::Folder)?.is_none())
}

/// What a path is to the folder of compiled code.
#[cfg(unix)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// The folder, or a file in it.
    Folder,
    /// A folder on the way to it.
    Way,
}

#[cfg(unix)]
fn objection(path: &Path, within: Within) -> io::Result<Option<&'static str>> {
    use std::os::unix::fs::MetadataExt;
    let about = fs::symlink_metadata(path)?;
    let me = rustix::process::geteuid().as_raw();
    Ok(objection_to(about.uid(), about.mode(), within, me))
}

/// Why what has that owner and mode cannot be relied on by `me`. On the way, the system's own folders are good, and
/// so are those in which everybody may move nothing but what is theirs (`/tmp`).
#[cfg(unix)]
fn objection_to(owner: u32, mode: u32, within: Within, me: u32) -> Option<&'static str> {
    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let on_the_way = within == Within::Way;
    if owner != me && !(on_the_way && owner == 0) {
        return Some("another user owns");
    }
    if mode & OTHERS_WRITE != 0 && !(on_the_way && mode & STICKY != 0) {
        return Some("others may write");
    }
    None
}

#[cfg(not(unix))]
fn is_private(_path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Feeds what wasmtime says of its configuration into a digest that is the same in every process.
struct HashInto(Sha256);

impl Hasher for HashInto {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ])
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Within, objection_to};

    #[test]
    fn only_what_this_user_and_the_system_have_is_relied_on() {
        const ME: u32 = 1000;
        for (owner, mode, folder, way) in [
            (ME, 0o40_700, None, None),
            (ME, 0o100_600, None, None),
            (ME, 0o40_755, None, None),
            (0, 0o40_755, Some("another user owns"), None),
            (
                1001,
                0o40_755,
                Some("another user owns"),
                Some("another user owns"),
            ),
            (
                ME,
                0o40_775,
                Some("others may write"),
                Some("others may write"),
            ),
            (
                ME,
                0o40_702,
                Some("others may write"),
                Some("others may write"),
            ),
            (
                0,
                0o40_777,
                Some("another user owns"),
                Some("others may write"),
            ),
            // As /tmp is.
            (0, 0o41_777, Some("another user owns"), None),
            (ME, 0o41_777, Some("others may write"), None),
            (
                1001,
                0o41_777,
                Some("another user owns"),
                Some("another user owns"),
            ),
        ] {
            let found = |within| objection_to(owner, mode, within, ME);
            assert_eq!(found(Within::Folder), folder, "{owner} {mode:o}");
            assert_eq!(found(Within::Way), way, "{owner} {mode:o}");
        }
    }
}
