//! What must be true of a store after a cut.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use menagerie_journal::{
    Batch, Claimed, Content, Created, Error, Journal, MemoryJournal, Options, RunKey,
    SqliteJournal, Status,
};
use menagerie_power::{Disk, Image};

use crate::backend::events;
use crate::life::{Asked, Below, Deed, PLACE, STEP, intend};

/// Opens the store of an image and holds it against the history: all that was answered (`acked`, as
/// indexes) is there, nothing is there in part, and every run can go on.
///
/// The answer says which deeds are there, or what is wrong.
pub(crate) async fn check(
    image: &Image,
    history: &[Asked],
    acked: &BTreeSet<usize>,
) -> Result<Vec<Asked>, String> {
    let folder = tempfile::tempdir().unwrap();
    image.write_to(folder.path()).unwrap();
    // The index of the log lies in memory that is shared between processes: a cut leaves anything.
    let index = folder.path().join(PLACE).join("journal.db-shm");
    if image
        .files
        .contains_key(&Path::new(PLACE).join("journal.db"))
    {
        std::fs::write(index, [0xa5; 32 * 1024]).unwrap();
    }
    // Watched for speed alone: what a watched disk syncs takes no time.
    let disk = Disk::watch(folder.path()).unwrap();
    let store = disk.folder().join(PLACE);
    let options = Options {
        files: Below::careful(&disk),
        ..Options::new("after the cut")
    };
    let journal = SqliteJournal::open(&store, &options)
        .map_err(|error| format!("the store cannot be opened: {error}"))?;
    let there = deeds_there(&journal, history).await?;
    if let Some(lost) = acked.iter().find(|index| !there.contains(index)) {
        return Err(format!(
            "deed {lost} was answered and is lost: {:?}",
            history[*lost]
        ));
    }
    let there: Vec<Asked> = there.iter().map(|index| history[*index].clone()).collect();
    compare(&journal, &there).await?;
    sound(&journal).await?;
    go_on(&journal, &there).await?;
    sound(&journal).await?;
    Ok(there)
}

fn told<T: Debug, E: std::fmt::Display>(answer: Result<T, E>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {error}"),
    }
}

/// The indexes of the deeds that the store has. A batch is there or not by the run's length; one of
/// which some events are there is an error.
async fn deeds_there(journal: &dyn Journal, history: &[Asked]) -> Result<BTreeSet<usize>, String> {
    let mut there = BTreeSet::new();
    let runs: BTreeSet<&RunKey> = history.iter().map(|asked| &asked.run).collect();
    for run in runs {
        let length = match journal.run(run).await {
            Ok(row) => row.next_seq,
            Err(Error::UnknownRun { .. }) => continue,
            Err(error) => return Err(format!("{run} cannot be read: {error}")),
        };
        let waiting = journal.take_inbox(run, 0).await;
        let waiting = waiting.map_err(|error| format!("the inbox of {run}: {error}"))?;
        let calls = journal.calls(run, STEP, 1).await;
        let calls = calls.map_err(|error| format!("the calls of {run}: {error}"))?;
        let mut reached = 0;
        for (index, asked) in history
            .iter()
            .enumerate()
            .filter(|(_, asked)| asked.run == *run)
        {
            let is_there = match &asked.deed {
                Deed::Create(_, batch) | Deed::Commit(batch) => {
                    let is_there = reached < length;
                    reached += if is_there {
                        batch.events.len() as u64
                    } else {
                        0
                    };
                    is_there
                }
                Deed::Put(id) => waiting.iter().any(|entry| entry.input_id == *id),
                Deed::Intend(ordinal) => calls.iter().any(|row| row.call.ordinal == *ordinal),
            };
            if is_there {
                there.insert(index);
            }
        }
        if reached != length {
            return Err(format!(
                "{run} has {length} events: a batch ends at {reached}"
            ));
        }
    }
    Ok(there)
}

/// A store in memory to which exactly these deeds were done says the same to every question.
async fn compare(journal: &dyn Journal, deeds: &[Asked]) -> Result<(), String> {
    let memory = MemoryJournal::new("the oracle");
    let mut lengths = std::collections::BTreeMap::new();
    let mut claims = std::collections::BTreeMap::new();
    for asked in deeds {
        let run = &asked.run;
        match &asked.deed {
            Deed::Create(new, batch) => {
                let created = memory.create((**new).clone(), batch.clone()).await;
                let Created::New(claim, committed) = created.unwrap() else {
                    panic!("{run} is created twice");
                };
                lengths.insert(run, committed.next_seq);
                claims.insert(run, claim);
            }
            Deed::Commit(batch) => {
                let committed = memory
                    .commit(&claims[run], lengths[run], batch.clone())
                    .await;
                // What it took in or answered to may have been lost though it was not.
                let committed = committed
                    .map_err(|error| format!("{run} has a batch without its cause: {error}"))?;
                lengths.insert(run, committed.next_seq);
            }
            Deed::Put(id) => {
                memory.put_inbox(run, id, "{}", 4).await.unwrap();
            }
            Deed::Intend(ordinal) => {
                let records = vec![intend(*ordinal)];
                memory.record_calls(&claims[run], records).await.unwrap();
            }
        }
    }
    for run in lengths.keys() {
        let (expected, found) = (
            everything(&memory, run).await,
            everything(journal, run).await,
        );
        if let Some((expected, found)) = expected.iter().zip(&found).find(|(one, two)| one != two) {
            return Err(format!("{run}: expected {expected}, found {found}"));
        }
        for content in contents(deeds, run) {
            let digest = content.digest();
            match journal.payload(run, digest).await {
                Ok(bytes) if *bytes == **content.bytes() => {}
                Ok(_) => return Err(format!("{run}: payload {digest} has other bytes")),
                Err(error) => return Err(format!("{run}: {error}")),
            }
        }
    }
    Ok(())
}

/// All that can be asked of a run, but for the positions of inputs, which only have to rise.
async fn everything(journal: &dyn Journal, run: &RunKey) -> [String; 3] {
    let mut loaded = journal.load(run, 1).await;
    if let Ok(loaded) = &mut loaded {
        loaded
            .inbox
            .sort_by(|one, two| one.input_id.cmp(&two.input_id));
        loaded.inbox.iter_mut().for_each(|entry| entry.position = 0);
    }
    [
        told(loaded),
        told(journal.calls(run, STEP, 1).await),
        told(journal.pins(run).await),
    ]
}

fn contents<'history>(
    deeds: &'history [Asked],
    run: &RunKey,
) -> impl Iterator<Item = &'history Content> {
    let own = deeds.iter().filter(move |asked| asked.run == *run);
    own.flat_map(|asked| match &asked.deed {
        Deed::Create(_, batch) | Deed::Commit(batch) => &batch.payloads[..],
        Deed::Put(_) | Deed::Intend(_) => &[],
    })
}

/// Every hash of every run, every content that one refers to, and SQLite's own structure.
async fn sound(journal: &dyn Journal) -> Result<(), String> {
    let report = journal.verify_all().await;
    let report = report.map_err(|error| format!("the store cannot be checked: {error}"))?;
    match report.damaged.first() {
        Some((run, error)) => Err(format!("{run} is damaged: {error}")),
        None if report.engine.is_empty() => Ok(()),
        None => Err(format!("SQLite says: {:?}", report.engine)),
    }
}

/// Every run that is not over is free, and takes another batch.
async fn go_on(journal: &dyn Journal, deeds: &[Asked]) -> Result<(), String> {
    let runs: BTreeSet<&RunKey> = deeds.iter().map(|asked| &asked.run).collect();
    for run in runs {
        let row = journal.run(run).await.map_err(|error| error.to_string())?;
        if row.status.ended {
            continue;
        }
        let claim = match journal.claim(run).await {
            Ok(Claimed::Yours(claim)) => claim,
            other => return Err(format!("{run} cannot be claimed: {other:?}")),
        };
        let batch = Batch {
            status: Some(Status::unfinished("going on")),
            ..events(&["1"])
        };
        let committed = journal.commit(&claim, row.next_seq, batch).await;
        committed.map_err(|error| format!("{run} cannot go on: {error}"))?;
    }
    Ok(())
}
