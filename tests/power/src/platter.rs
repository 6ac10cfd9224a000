//! Owns what a power cut may leave of a folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chance::Chance;
use crate::disk::{Inode, Step};

/// The unit in which bytes get to the disk, or do not.
const SECTOR: usize = 512;

/// Which of the things that were not synced are there after the cut.
#[derive(Debug, Clone)]
pub enum Cut {
    /// None of them.
    Lost,
    /// All of them: the machine lost its power just after the last had got to the disk.
    Kept,
    /// Any sectors, lengths and names, in any order.
    Torn(Chance),
}

/// A folder's state: what is durable, and what is not yet.
#[derive(Debug, Clone, Default)]
pub struct Platter {
    root: PathBuf,
    files: BTreeMap<Inode, FileState>,
    folders: BTreeMap<PathBuf, Folder>,
}

/// Of a file.
#[derive(Debug, Clone, Default)]
struct FileState {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Arc<[u8]>),
    Resize(usize),
}

/// Of the names in a folder.
#[derive(Debug, Clone, Default)]
struct Folder {
    durable: BTreeMap<OsString, Entry>,
    pending: Vec<Renamed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(Inode),
    Folder,
}

/// One change of names, which happens as a whole or not at all.
#[derive(Debug, Clone)]
struct Renamed {
    gone: Option<OsString>,
    there: Option<(OsString, Entry)>,
}

/// A folder after a power cut: its files with their bytes, relative to it, and its folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Bytes by path.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Each after the one around it.
    pub folders: Vec<PathBuf>,
}

impl Platter {
    /// An empty folder, as durable as the test's own.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
            folders: BTreeMap::from([(root.to_owned(), Folder::default())]),
        }
    }

    /// Goes one step further.
    ///
    /// # Panics
    /// When something is done to a path whose folder was never made: the record is incomplete.
    pub fn pass(&mut self, step: &Step) {
        match step {
            Step::CreateFolder(path) => {
                self.folders.insert(path.clone(), Folder::default());
                self.change(path, |name| Renamed {
                    gone: None,
                    there: Some((name, Entry::Folder)),
                });
            }
            Step::Create(path, inode) => {
                self.files.insert(*inode, FileState::default());
                self.change(path, |name| Renamed {
                    gone: None,
                    there: Some((name, Entry::File(*inode))),
                });
            }
            Step::Write { inode, at, bytes } => {
                let change = Change::Write(*at as usize, Arc::clone(bytes));
                self.file(*inode).pending.push(change);
            }
            Step::Resize(inode, size) => {
                let change = Change::Resize(*size as usize);
                self.file(*inode).pending.push(change);
            }
            Step::Sync(inode) => self.file(*inode).sync(),
            Step::Rename(from, to) => {
                assert_eq!(from.parent(), to.parent(), "renamed into another folder");
                let entry = self.folder_of(from).now()[name_of(from)];
                self.change(from, |name| Renamed {
                    gone: Some(name),
                    there: Some((name_of(to).to_owned(), entry)),
                });
            }
            Step::Remove(path) => self.change(path, |name| Renamed {
                gone: Some(name),
                there: None,
            }),
            Step::SyncFolder(path) => {
                // The folder around the watched one is not ours to lose.
                if let Some(folder) = self.folders.get_mut(path) {
                    folder.durable = folder.now();
                    folder.pending.clear();
                }
            }
            Step::Mark(_) => {}
        }
    }

    fn file(&mut self, inode: Inode) -> &mut FileState {
        self.files.entry(inode).or_default()
    }

    fn folder_of(&mut self, path: &Path) -> &mut Folder {
        let folder = path
            .parent()
            .and_then(|folder| self.folders.get_mut(folder));
        folder.unwrap_or_else(|| panic!("{}: nobody made its folder", path.display()))
    }

    fn change(&mut self, path: &Path, renamed: impl FnOnce(OsString) -> Renamed) {
        let renamed = renamed(name_of(path).to_owned());
        self.folder_of(path).pending.push(renamed);
    }

    /// The folder after a cut at this point.
    pub fn cut(&self, cut: &mut Cut) -> Image {
        let mut image = Image::default();
        self.collect(&self.root, Path::new(""), cut, &mut image);
        image
    }

    fn collect(&self, folder: &Path, relative: &Path, cut: &mut Cut, image: &mut Image) {
        let Some(state) = self.folders.get(folder) else {
            return;
        };
        for (name, entry) in state.after(cut) {
            let path = relative.join(&name);
            match entry {
                Entry::File(inode) => {
                    let bytes = self.files.get(&inode).map(|file| file.after(cut));
                    image.files.insert(path, bytes.unwrap_or_default());
                }
                Entry::Folder => {
                    image.folders.push(path.clone());
                    self.collect(&folder.join(&name), &path, cut, image);
                }
            }
        }
    }
}

fn name_of(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or_default()
}

impl Folder {
    /// As every process sees it.
    fn now(&self) -> BTreeMap<OsString, Entry> {
        let mut names = self.durable.clone();
        for renamed in &self.pending {
            renamed.apply(&mut names);
        }
        names
    }

    fn after(&self, cut: &mut Cut) -> BTreeMap<OsString, Entry> {
        match cut {
            Cut::Lost => self.durable.clone(),
            Cut::Kept => self.now(),
            Cut::Torn(chance) => {
                let mut names = self.durable.clone();
                for renamed in &self.pending {
                    if chance.once_in(2) {
                        renamed.apply(&mut names);
                    }
                }
                names
            }
        }
    }
}

impl Renamed {
    fn apply(&self, names: &mut BTreeMap<OsString, Entry>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((name, entry)) = &self.there {
            names.insert(name.clone(), *entry);
        }
    }
}

impl FileState {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    fn after(&self, cut: &mut Cut) -> Vec<u8> {
        match cut {
            Cut::Lost => self.durable.clone(),
            Cut::Kept => {
                let mut kept = self.clone();
                kept.sync();
                kept.durable
            }
            Cut::Torn(chance) => self.torn(chance),
        }
    }

    /// Of each sector's contents since the last sync any one may be on the disk, and of the file's
    /// lengths any one.
    fn torn(&self, chance: &mut Chance) -> Vec<u8> {
        let (mut length, mut longest) = (self.durable.len(), self.durable.len());
        let mut lengths = vec![length];
        for change in &self.pending {
            length = change.length_after(length);
            longest = longest.max(length);
            lengths.push(length);
        }
        let mut bytes = self.durable.clone();
        bytes.resize(longest.next_multiple_of(SECTOR), 0);
        for (index, sector) in bytes.chunks_mut(SECTOR).enumerate() {
            let start = index * SECTOR;
            let touching: Vec<&Change> = self
                .pending
                .iter()
                .filter(|change| change.touches(start))
                .collect();
            let got_there = chance.index(touching.len() + 1);
            for change in &touching[..got_there] {
                change.apply_to_sector(start, sector);
            }
        }
        bytes.resize(lengths[chance.index(lengths.len())], 0);
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, written) => {
                let end = at + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(written);
            }
            Self::Resize(size) => bytes.resize(*size, 0),
        }
    }

    fn length_after(&self, length: usize) -> usize {
        match self {
            Self::Write(at, written) => length.max(at + written.len()),
            Self::Resize(size) => *size,
        }
    }

    fn touches(&self, start: usize) -> bool {
        match self {
            Self::Write(at, written) => *at < start + SECTOR && start < at + written.len(),
            Self::Resize(size) => *size < start + SECTOR,
        }
    }

    fn apply_to_sector(&self, start: usize, sector: &mut [u8]) {
        match self {
            Self::Write(at, written) => {
                let from = start.max(*at);
                let to = (start + sector.len()).min(at + written.len());
                sector[from - start..to - start].copy_from_slice(&written[from - at..to - at]);
            }
            Self::Resize(size) => sector[size.saturating_sub(start)..].fill(0),
        }
    }
}

impl Image {
    /// Makes an empty folder into this one.
    ///
    /// # Errors
    /// As the system has them.
    pub fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        for inner in &self.folders {
            std::fs::create_dir(folder.join(inner))?;
        }
        for (path, bytes) in &self.files {
            std::fs::write(folder.join(path), bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;

    fn image(disk: &Disk, mut cut: Cut) -> Image {
        let mut platter = Platter::new(disk.folder());
        disk.record().iter().for_each(|step| platter.pass(step));
        platter.cut(&mut cut)
    }

    #[test]
    fn what_was_synced_is_there_and_nothing_else_need_be() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let disk = Disk::watch(folder.path())?;
        let root = disk.folder();
        disk.write_new(&root.join("one"), &[1; 1000], true)?;
        disk.sync_folder(root)?;
        disk.write_new(&root.join("two"), &[2; 1000], true)?;
        disk.rename(&root.join("one"), &root.join("three"))?;
        let names = |cut| -> Vec<PathBuf> { image(&disk, cut).files.into_keys().collect() };
        assert_eq!(names(Cut::Lost), [Path::new("one")]);
        assert_eq!(names(Cut::Kept), [Path::new("three"), Path::new("two")]);
        for seed in 0..50 {
            let torn = image(&disk, Cut::Torn(Chance::new(seed)));
            let one = &torn.files.get(Path::new("one"));
            let three = &torn.files.get(Path::new("three"));
            assert!(one.is_some() != three.is_some(), "a rename is torn: {seed}");
            assert_eq!(one.or(*three), Some(&vec![1; 1000]));
        }
        Ok(())
    }

    #[test]
    fn unsynced_bytes_are_lost_kept_or_torn_by_sectors() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let disk = Disk::watch(folder.path())?;
        let root = disk.folder();
        disk.write_new(&root.join("one"), &[1; 4 * SECTOR], false)?;
        disk.sync_folder(root)?;
        let bytes = |cut| image(&disk, cut).files.remove(Path::new("one"));
        assert_eq!(bytes(Cut::Lost), Some(Vec::new()));
        assert_eq!(bytes(Cut::Kept), Some(vec![1; 4 * SECTOR]));
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let torn = bytes(Cut::Torn(Chance::new(seed))).unwrap_or_default();
            for sector in torn.chunks(SECTOR) {
                assert!(
                    sector.iter().all(|byte| *byte == sector[0]),
                    "a sector is torn"
                );
            }
            kinds.insert(
                torn.chunks(SECTOR)
                    .map(|sector| sector[0])
                    .collect::<Vec<u8>>(),
            );
        }
        assert!(kinds.len() > 10, "hardly any difference: {kinds:?}");
        Ok(())
    }
}
