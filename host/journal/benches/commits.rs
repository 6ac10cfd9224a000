//! How fast commits are, each figure beside its reference in the same run, one JSON line each.
//!
//! The entries are of 256 bytes. The disk's own pace is taken by overwriting and syncing, in a file
//! that has its full length already, as many bytes as the commit writes to the log. A figure whose
//! reference is noisy is measured in rounds, each beside its own reference, and the median is told.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that fails should say where"
)]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_journal::{
    Batch, Claim, Created, Digest, Journal, MemoryJournal, NewEvent, NewRun, Options, RunKey,
    SqliteJournal, Status,
};

const WRITERS: usize = 64;

fn main() {
    // `cargo test` runs benches as well, where there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let sqlite: Arc<dyn Journal> =
        Arc::new(SqliteJournal::open(folder.path(), &Options::new("bench")).unwrap());
    let memory: Arc<dyn Journal> = Arc::new(MemoryJournal::new("bench"));
    runtime.block_on(single(&sqlite, folder.path()));
    runtime.block_on(many(&sqlite, &memory, folder.path()));
}

/// One line of output.
fn tell(figure: &str, value: f64, unit: &str, reference: f64) {
    let ratio = value / reference;
    println!(
        r#"{{"figure": "{figure}", "value": {value:.1}, "unit": "{unit}", "reference": {reference:.1}, "ratio": {ratio:.3}}}"#
    );
}

fn entry() -> Batch {
    Batch {
        events: vec![NewEvent {
            event_type: "bench".into(),
            json: format!("\"{}\"", "x".repeat(254)),
            at_ms: 1,
        }],
        ..Batch::default()
    }
}

async fn create(journal: &dyn Journal) -> Claim {
    let run = NewRun {
        key: RunKey::fresh(),
        input_digest: Digest::of(b""),
        flow: "bench".to_owned(),
        parent: None,
        path: String::new(),
        session: None,
        labels: Default::default(),
        status: Status::unfinished("running"),
        created_at_ms: 1,
        pins: Vec::new(),
    };
    match journal.create(run, Batch::default()).await.unwrap() {
        Created::New(claim, _) => claim,
        Created::Existing(row) => panic!("{row:?} is there already"),
    }
}

/// A file to overwrite, as a recycled log is.
struct Disk {
    file: File,
    bytes: Vec<u8>,
    turn: u64,
}

impl Disk {
    const TURNS: u64 = 500;

    fn new(folder: &Path, bytes: usize) -> Self {
        let file = File::create(folder.join("overwritten")).unwrap();
        let bytes = vec![7; bytes];
        for turn in 0..Self::TURNS {
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

    fn overwrite_and_sync(&mut self) -> Duration {
        let begun = Instant::now();
        let at = self.turn % Self::TURNS * self.bytes.len() as u64;
        self.file.write_all_at(&self.bytes, at).unwrap();
        self.file.sync_data().unwrap();
        self.turn += 1;
        begun.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// How many bytes a commit of one entry adds to the log, seen while the log still grows.
async fn bytes_per_commit(journal: &dyn Journal, folder: &Path) -> usize {
    let claim = create(journal).await;
    let length = || folder.join("journal.db-wal").metadata().unwrap().len() as usize;
    let before = length();
    for seq in 0..50 {
        journal.commit(&claim, seq, entry()).await.unwrap();
    }
    (length() - before) / 50
}

async fn single(journal: &Arc<dyn Journal>, folder: &Path) {
    let mut disk = Disk::new(folder, bytes_per_commit(&**journal, folder).await);
    let claim = create(&**journal).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seq in 0..3000 {
        let begun = Instant::now();
        journal.commit(&claim, seq, entry()).await.unwrap();
        let taken = begun.elapsed();
        let reference = disk.overwrite_and_sync();
        // Until the log is recycled, its file grows, which is slower.
        if seq >= 1000 {
            ours.push(taken);
            theirs.push(reference);
        }
    }
    tell(
        "commit_single_p50",
        median(ours.clone()),
        "us",
        median(theirs),
    );
    let total: f64 = ours.iter().map(Duration::as_secs_f64).sum();
    tell(
        "commit_single_rate",
        ours.len() as f64 / total,
        "entries/s",
        1e6 / median(ours),
    );
}

/// Entries per second of so many runs at once, each committing one entry after the other.
async fn rate(journal: &Arc<dyn Journal>, entries: u64) -> f64 {
    let mut claims = Vec::new();
    for _ in 0..WRITERS {
        claims.push(create(&**journal).await);
    }
    let begun = Instant::now();
    let writers: Vec<_> = claims
        .into_iter()
        .map(|claim| {
            let journal = Arc::clone(journal);
            tokio::spawn(async move {
                for seq in 0..entries {
                    journal.commit(&claim, seq, entry()).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    (WRITERS as u64 * entries) as f64 / begun.elapsed().as_secs_f64()
}

async fn many(sqlite: &Arc<dyn Journal>, memory: &Arc<dyn Journal>, folder: &Path) {
    let mut disk = Disk::new(folder, 2 * 4096);
    let mut rounds: Vec<(f64, f64)> = Vec::new();
    for _ in 0..5 {
        let syncs = (0..200).map(|_| disk.overwrite_and_sync()).collect();
        let ours = rate(sqlite, 300).await;
        // At best, one sync serves all 64, and nothing costs more than without a disk.
        let one_sync_for_all = WRITERS as f64 / median(syncs) * 1e6;
        rounds.push((ours, rate(memory, 1000).await.min(one_sync_for_all)));
    }
    rounds.sort_unstable_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let (ours, reference) = rounds[rounds.len() / 2];
    tell("commit_rate_64", ours, "entries/s", reference);
}
