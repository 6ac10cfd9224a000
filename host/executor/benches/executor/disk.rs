//! The disk's own pace: a file that has its full length already, overwritten and synced.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes before the file is begun again.
const TURNS: u64 = 500;

/// A file to overwrite, as a recycled log is.
pub(crate) struct Disk {
    file: File,
    bytes: Vec<u8>,
    turn: u64,
}

impl Disk {
    pub(crate) fn new(folder: &Path, bytes: u64) -> Self {
        let file = File::create(folder.join("overwritten")).unwrap();
        let bytes = vec![7; usize::try_from(bytes).unwrap()];
        for turn in 0..TURNS {
            file.write_all_at(&bytes, turn * bytes.len() as u64)
                .unwrap();
        }
        file.sync_all().unwrap();
        Self {
            file,
            bytes,
            turn: 0,
        }
    }

    pub(crate) fn overwrite_and_sync(&mut self) -> Duration {
        let begun = Instant::now();
        let at = self.turn % TURNS * self.bytes.len() as u64;
        self.file.write_all_at(&self.bytes, at).unwrap();
        self.file.sync_data().unwrap();
        self.turn += 1;
        begun.elapsed()
    }
}
