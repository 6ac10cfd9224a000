//! The registry of plugins: which versions of which names a store has, which of them new runs take, and
//! what was revoked. A folder beside the store's database, with one small index that is replaced as a
//! whole, so that whoever reads sees the registry before a change or after it.
//!
//! Runs do not depend on it: they stay on the bytes that their store has pinned.

mod contents;
mod error;
mod upgrade;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use menagerie_journal::{Lock, LockError, PATIENCE, lock_file};
use menagerie_sandbox::{Inspection, Refusals, Trust};

pub use contents::{Accepted, Contents, Entry, Revocation, Source, Version};
pub use error::RegistryError;
pub use upgrade::{More, Wants};

/// The format of the index that this host writes.
const FORMAT: u32 = 1;
/// The index within the folder.
const INDEX: &str = "index.json";

/// A plugin that passed all checks and is to go live.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'bytes> {
    /// The name that flow files use.
    pub name: &'bytes str,
    /// The component.
    pub bytes: &'bytes [u8],
    /// What it is.
    pub inspection: &'bytes Inspection,
    /// By whom it was signed.
    pub signer: Option<&'bytes str>,
    /// Where it came from.
    pub source: &'bytes Source,
    /// Its signature as minisign writes it, if there is one.
    pub signature: Option<&'bytes str>,
    /// Whether it may ask for more than its predecessor.
    pub granted: bool,
    /// Why it is added though a gate was shut.
    pub accepted: Option<&'bytes Accepted>,
    /// Now.
    pub at_ms: i64,
}

/// A registry in a folder. Any number of processes may use it at once.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

impl Registry {
    /// The registry of a store's folder. It need not be there yet.
    #[must_use]
    pub fn of_store(store: &Path) -> Registry {
        Registry {
            folder: store.join("registry"),
        }
    }

    /// Everything that the registry knows.
    ///
    /// # Errors
    /// When its index is there and cannot be read. A registry that is not there is empty.
    pub fn read(&self) -> Result<Contents, RegistryError> {
        let path = self.folder.join(INDEX);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(source) => return Err(RegistryError::Io { path, source }),
        };
        let contents: Contents = match serde_json::from_slice(&text) {
            Ok(contents) => contents,
            Err(error) => {
                let message = error.to_string();
                return Err(RegistryError::Index { path, message });
            }
        };
        if contents.format > FORMAT {
            let message = format!(
                "found the format {}, expected at most {FORMAT}: a newer host is needed",
                contents.format
            );
            return Err(RegistryError::Index { path, message });
        }
        Ok(contents)
    }

    /// What a flow file's `name` or `name@version` stands for now. None when nobody has the
    /// name.
    ///
    /// # Errors
    /// When the version is not there, was revoked, is damaged, or is not trusted: what was added under one policy need
    /// not do under another.
    pub fn find(&self, wanted: &str, trust: &Trust) -> Result<Option<Arc<[u8]>>, RegistryError> {
        let contents = self.read()?;
        let (name, version) = match wanted.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted, None),
        };
        let Some(entry) = contents.plugins.get(name) else {
            return Ok(None);
        };
        let found = match version {
            None => entry.live(),
            // Of several with one version the one that went live last.
            Some(version) => entry
                .versions
                .iter()
                .rfind(|known| known.version == version),
        };
        let Some(found) = found else {
            return Err(match version {
                Some(version) => RegistryError::UnknownVersion {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    known: entry
                        .versions
                        .iter()
                        .map(|known| known.version.clone())
                        .collect(),
                },
                None => RegistryError::NothingBefore {
                    name: name.to_owned(),
                },
            });
        };
        contents.check(&found.digest)?;
        self.trusted(wanted, found, trust).map(Some)
    }

    /// The component of that digest, if the registry has it under any name.
    ///
    /// # Errors
    /// When it was revoked, is damaged or is not trusted.
    pub fn find_digest(
        &self,
        digest: &str,
        trust: &Trust,
    ) -> Result<Option<Arc<[u8]>>, RegistryError> {
        let contents = self.read()?;
        contents.check(digest)?;
        let versions = contents.plugins.values().flat_map(|entry| &entry.versions);
        let same = || versions.clone().filter(|known| known.digest == digest);
        // It may have been added twice, and signed once.
        let found = same().find(|known| known.signature.is_some());
        let found = found.or_else(|| same().next());
        found
            .map(|found| self.trusted(digest, found, trust))
            .transpose()
    }

    fn trusted(
        &self,
        name: &str,
        version: &Version,
        trust: &Trust,
    ) -> Result<Arc<[u8]>, RegistryError> {
        let bytes = self.bytes_of(&version.digest)?;
        let checked = trust.check(&bytes, version.signature.as_deref());
        checked.map_err(|source| RegistryError::Untrusted {
            name: name.to_owned(),
            digest: version.digest.clone(),
            source,
        })?;
        Ok(bytes)
    }

    /// The component that was added from another registry under that manifest's digest.
    ///
    /// # Errors
    /// When it was revoked, is damaged or is not trusted.
    pub fn find_manifest(
        &self,
        manifest: &str,
        trust: &Trust,
    ) -> Result<Option<Arc<[u8]>>, RegistryError> {
        let contents = self.read()?;
        let mut versions = contents.plugins.values().flat_map(|entry| &entry.versions);
        let found = versions.find(|known| {
            let source = known.source.as_ref();
            matches!(source, Some(Source::Oci { manifest: of, .. }) if of == manifest)
        });
        let Some(found) = found else {
            return Ok(None);
        };
        contents.check(&found.digest)?;
        self.trusted(manifest, found, trust).map(Some)
    }

    fn bytes_of(&self, digest: &str) -> Result<Arc<[u8]>, RegistryError> {
        let path = self.bytes_path(digest);
        let bytes = fs::read(&path).map_err(|source| RegistryError::Io { path, source })?;
        if menagerie_sandbox::digest_of(&bytes) != digest {
            return Err(RegistryError::Damaged {
                digest: digest.to_owned(),
            });
        }
        Ok(bytes.into())
    }

    /// Makes a plugin the live version of its name. Adding the bytes of an earlier version makes that
    /// one live again.
    ///
    /// # Errors
    /// When the digest was revoked, the name stands for another kind of plugin or the version for other bytes, or the
    /// plugin asks for more than the live version and that was not granted. The live version stays then.
    pub fn add(&self, candidate: &Candidate<'_>) -> Result<Version, RegistryError> {
        let Candidate {
            name, inspection, ..
        } = *candidate;
        check_name(name)?;
        let added = Version {
            digest: inspection.digest.clone(),
            version: inspection.manifest.version.clone(),
            kind: inspection.kind.token().to_owned(),
            size: inspection.size,
            added_at_ms: candidate.at_ms,
            wants: Wants::of(inspection),
            signer: candidate.signer.map(str::to_owned),
            source: Some(candidate.source.clone()),
            signature: candidate.signature.map(str::to_owned),
            accepted: candidate.accepted.cloned(),
        };
        self.change(|registry, contents| {
            contents.check(&added.digest)?;
            let entry = contents.plugins.entry(name.to_owned()).or_default();
            entry.admits(name, &added)?;
            if let Some(before) = entry.live().filter(|_| !candidate.granted) {
                let more = added.wants.more_than(&before.wants);
                if !more.is_empty() {
                    return Err(RegistryError::AsksForMore {
                        name: name.to_owned(),
                        before: before.version.clone(),
                        more,
                    });
                }
            }
            // The bytes are there before anybody is pointed at them.
            registry.put(&registry.bytes_path(&added.digest), candidate.bytes)?;
            entry.versions.retain(|known| known.digest != added.digest);
            entry.versions.push(added.clone());
            entry.live = Some(added.digest.clone());
            Ok(added.clone())
        })
    }

    /// Takes a name and all its versions out.
    ///
    /// # Errors
    /// When nobody has the name.
    pub fn remove(&self, name: &str) -> Result<Entry, RegistryError> {
        self.change(|registry, contents| {
            let removed = contents.plugins.remove(name);
            let entry = removed.ok_or_else(|| contents.unknown(name))?;
            let still = |digest: &str| {
                let mut entries = contents.plugins.values();
                entries.any(|entry| entry.versions.iter().any(|known| known.digest == digest))
            };
            for version in entry.versions.iter().filter(|known| !still(&known.digest)) {
                // Whoever reads it at this moment has it open; what is left over harms nobody.
                let _ = fs::remove_file(registry.bytes_path(&version.digest));
            }
            Ok(entry)
        })
    }

    /// Makes the version that was live before the live one live again.
    ///
    /// # Errors
    /// When there is none.
    pub fn roll_back(&self, name: &str) -> Result<Version, RegistryError> {
        self.change(|_, contents| {
            let Contents {
                plugins, revoked, ..
            } = contents;
            let known = plugins.keys().cloned().collect();
            let Some(entry) = plugins.get_mut(name) else {
                return Err(RegistryError::UnknownName {
                    name: name.to_owned(),
                    known,
                });
            };
            entry.step_back(revoked);
            entry
                .live()
                .cloned()
                .ok_or_else(|| RegistryError::NothingBefore {
                    name: name.to_owned(),
                })
        })
    }

    /// Refuses a digest from now on, for new runs and old ones. Names of which it was the live version
    /// go back to the one before. Gives these names.
    ///
    /// # Errors
    /// When it is no digest.
    pub fn revoke(
        &self,
        digest: &str,
        reason: &str,
        at_ms: i64,
    ) -> Result<Vec<String>, RegistryError> {
        let digits = digest.strip_prefix("sha256:").unwrap_or_default();
        let is_digit = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
        if digits.len() != 64 || !digits.chars().all(is_digit) {
            return Err(RegistryError::Digest(digest.to_owned()));
        }
        self.change(|_, contents| {
            let revocation = Revocation {
                at_ms,
                reason: reason.to_owned(),
            };
            contents.revoked.insert(digest.to_owned(), revocation);
            let mut moved = Vec::new();
            for (name, entry) in &mut contents.plugins {
                if entry.live.as_deref() == Some(digest) {
                    entry.step_back(&contents.revoked);
                    moved.push(name.clone());
                }
            }
            Ok(moved)
        })
    }

    /// Every file of the registry as it is at one moment, open: what comes and goes afterwards changes nothing
    /// about what is read of them. Nothing when there is no registry.
    ///
    /// # Errors
    /// When its index cannot be read, or a component that it names is not there.
    pub fn snapshot(&self) -> Result<Vec<(String, File)>, RegistryError> {
        let io = |path: &Path, source| RegistryError::Io {
            path: path.to_owned(),
            source,
        };
        let index = self.folder.join(INDEX);
        if !index.exists() {
            return Ok(Vec::new());
        }
        let _locked = self.lock(Lock::Shared)?;
        let contents = self.read()?;
        let mut files = vec![(
            INDEX.to_owned(),
            File::open(&index).map_err(|error| io(&index, error))?,
        )];
        let versions = contents.plugins.values().flat_map(|entry| &entry.versions);
        let digests: BTreeSet<&str> = versions.map(|version| &*version.digest).collect();
        for digest in digests {
            let path = self.bytes_path(digest);
            let file = File::open(&path).map_err(|error| io(&path, error))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.push((name.into_owned(), file));
        }
        Ok(files)
    }

    fn bytes_path(&self, digest: &str) -> PathBuf {
        let digits = digest.trim_start_matches("sha256:");
        self.folder.join(format!("{digits}.wasm"))
    }

    /// The lock of the registry, until the file is closed, however this process ends. One that was restored
    /// has no such file yet.
    fn lock(&self, lock: Lock) -> Result<File, RegistryError> {
        let path = self.folder.join("lock");
        let store = self.folder.parent().unwrap_or(&self.folder);
        lock_file(&path, lock, PATIENCE, store).map_err(|error| match error {
            LockError::Io(source) => RegistryError::Io { path, source },
            source @ LockError::Busy { .. } => RegistryError::Locked { path, source },
        })
    }

    /// One change at a time, whole or not at all.
    fn change<Done>(
        &self,
        change: impl FnOnce(&Registry, &mut Contents) -> Result<Done, RegistryError>,
    ) -> Result<Done, RegistryError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| RegistryError::Io { path, source }
        };
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let _locked = self.lock(Lock::Alone)?;
        let mut contents = self.read()?;
        contents.format = FORMAT;
        let done = change(self, &mut contents)?;
        let text = serde_json::to_vec_pretty(&contents).unwrap_or_default();
        self.put(&self.folder.join(INDEX), &text)?;
        Ok(done)
    }

    /// Writes a file beside its place, and moves it there when all of it is on the disk.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
        let beside = path.with_extension("new");
        let written = File::create(&beside)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|source| RegistryError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// A registry that cannot be read refuses everything: it may have revoked anything.
impl Refusals for Registry {
    fn refused(&self, digest: &str) -> Option<String> {
        match self.read() {
            Ok(contents) => contents
                .revoked
                .get(digest)
                .map(|found| found.reason.clone()),
            Err(error) => Some(error.to_string()),
        }
    }
}

fn check_name(name: &str) -> Result<(), RegistryError> {
    let admitted = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if begins && name.len() <= 64 && name.chars().all(admitted) {
        return Ok(());
    }
    Err(RegistryError::Name(name.chars().take(80).collect()))
}
