//! What is read of the runs that are watched: each event once, and nothing of runs that stand still.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use menagerie_executor::{GateConfig, HostParts, SystemClock};
use menagerie_journal::{
    Batch, Claim, Content, Created, Digest, Error, Journal, MemoryJournal, NewEvent, NewRun,
    Status, StoredEvent,
};
use menagerie_orchestration::history_file::HistoryFile;

use super::*;
use crate::arguments::mine::ReadingArguments;

#[macro_use]
#[path = "../../../../../tests/support/pass_on.rs"]
mod pass_on;

/// One reading: of which run, from which event on, and how many there were.
type Read = (String, u64, usize);

/// A journal that notes what is read of events.
struct Counting {
    inner: MemoryJournal,
    read: Mutex<Vec<Read>>,
}

impl Journal for Counting {
    fn events(
        &self,
        run: &RunKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, Error>> {
        let run = run.clone();
        Box::pin(async move {
            let events = self.inner.events(&run, from, limit).await?;
            let read = (run.run.to_string(), from, events.len());
            self.read.lock().unwrap().push(read);
            Ok(events)
        })
    }

    pass_on! {
        create fork checkpoints commit record_calls call calls load payload pin pins blob claim take_over
        release owner put_inbox take_inbox mail runnable pulses beat owned_by processes listen ring run
        runs subscribe verify verify_all
    }
}

/// The events of a run that was recorded, as they go into a journal.
struct Story {
    events: Vec<NewEvent>,
    payloads: Vec<Content>,
}

impl Story {
    fn told() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/histories/review.jsonl"
        );
        let file = HistoryFile::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let event = |json: &String| {
            let told: Value = serde_json::from_str(json).unwrap();
            NewEvent {
                event_type: told["type"].as_str().unwrap().to_owned().into(),
                at_ms: told["at"].as_u64().unwrap(),
                json: json.clone(),
            }
        };
        let payloads = file.payloads.values();
        Self {
            events: file.events.iter().map(event).collect(),
            payloads: payloads
                .map(|text| Content::new(text.clone().into_bytes()))
                .collect(),
        }
    }

    fn part(&self, events: std::ops::Range<usize>) -> Batch {
        Batch {
            events: self.events[events].to_vec(),
            ..Batch::default()
        }
    }

    /// A run that has come so far.
    async fn begin(&self, journal: &Counting, id: &str, events: usize, ended: bool) -> Claim {
        let status = match ended {
            true => Status::ended("completed"),
            false => Status::unfinished("running"),
        };
        let run = NewRun {
            key: RunKey::in_default(id),
            input_digest: Digest::of(b"input"),
            flow: "review".to_owned(),
            parent: None,
            path: String::new(),
            session: None,
            labels: BTreeMap::new(),
            status,
            created_at_ms: 0,
            pins: Vec::new(),
        };
        let batch = Batch {
            payloads: self.payloads.clone(),
            ..self.part(0..events)
        };
        match journal.create(run, batch).await.unwrap() {
            Created::New(claim, _) => claim,
            Created::Existing(row) => panic!("{row:?} is there"),
        }
    }
}

fn host_over(journal: Arc<Counting>) -> Host {
    Host::new(HostParts {
        journal,
        clock: Arc::new(SystemClock::default()),
        gate: GateConfig { slots: 1, queue: 1 },
        inbox_interval: PAUSE,
    })
}

#[tokio::test]
async fn a_run_is_read_from_where_it_was_and_one_that_stands_still_is_not_read() {
    let journal = Arc::new(Counting {
        inner: MemoryJournal::new("the test"),
        read: Mutex::default(),
    });
    let host = host_over(journal.clone());
    let story = Story::told();
    let all = story.events.len();
    assert!(all > 10, "{all}");
    let claim = story.begin(&journal, "goes on", 4, false).await;
    story.begin(&journal, "is over", all, true).await;
    let arguments = WatchArguments {
        model: None,
        r#for: None,
        json: true,
        reading: ReadingArguments::default(),
    };
    let mut watched = Watched::new(None, &arguments).unwrap();
    let read = || std::mem::take(&mut *journal.read.lock().unwrap());
    let of = |run: &str, from: u64, count: usize| (run.to_owned(), from, count);

    assert!(watched.look(&host).await.unwrap());
    let mut first = read();
    first.sort();
    assert_eq!(first, [of("goes on", 0, 4), of("is over", 0, all)]);
    assert!(!watched.look(&host).await.unwrap(), "nothing has changed");
    assert_eq!(read(), []);
    let mut at = 4;
    for step in [1, 3, all - 8] {
        let batch = story.part(at..at + step);
        journal.commit(&claim, at as u64, batch).await.unwrap();
        assert!(watched.look(&host).await.unwrap());
        assert_eq!(read(), [of("goes on", at as u64, step)]);
        at += step;
    }
    assert_eq!(at, all);

    // What was read in parts says what is said by all of it, but for the name of the run.
    let events = |id: &str| -> Vec<ProcessEvent> {
        let events = &watched.cases[&RunKey::in_default(id)].case.events;
        let nameless = events.iter().map(|event| ProcessEvent {
            case: String::new(),
            event_id: event.event_id.replacen(id, "", 1),
            ..event.clone()
        });
        nameless.collect()
    };
    assert!(!events("is over").is_empty());
    assert_eq!(events("goes on"), events("is over"));
}
