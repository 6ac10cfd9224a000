//! Runs that were changed on their way into another store, every hash in order.
//!
//! Guests have no chance and no time of their own, so one that is not deterministic cannot be built; one whose
//! chance was changed is planted in `executor/tests/driving/chance.rs`. Here it is the record that was changed.

use std::collections::BTreeMap;

use menagerie_journal::{
    Batch, Content, Created, Digest, Journal, NewEvent, NewRun, Options, Pin, RunKey, RunRow,
    SqliteJournal,
};
use serde_json::Value;

use crate::program::Place;

/// A run as a store has it.
pub(crate) struct Doctored {
    row: RunRow,
    /// In the form in which they are stored: a document is `{"inline": …}` or `{"payload": …}`.
    pub(crate) events: Vec<Value>,
    payloads: Vec<Vec<u8>>,
    pins: BTreeMap<String, Vec<u8>>,
}

/// The first event of a type, and of a step where one is named.
pub(crate) fn event<'events>(
    events: &'events mut [Value],
    kind: &str,
    step: &str,
) -> &'events mut Value {
    let wanted =
        |event: &&mut Value| event["type"] == kind && (step.is_empty() || event["id"] == step);
    events.iter_mut().find(wanted).unwrap()
}

fn open(place: &Place, name: &str) -> SqliteJournal {
    SqliteJournal::open(place.path("store"), &Options::new(name)).unwrap()
}

fn blocking<Output>(work: impl Future<Output = Output>) -> Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

impl Doctored {
    pub(crate) fn read(place: &Place, run: &str) -> Self {
        blocking(async {
            let journal = open(place, "reader");
            let key = RunKey::in_default(run);
            let row = journal.run(&key).await.unwrap();
            let stored = journal.events(&key, 0, usize::MAX).await.unwrap();
            let events: Vec<Value> = stored
                .iter()
                .map(|event| serde_json::from_str(&event.json).unwrap())
                .collect();
            let mut payloads = Vec::new();
            for event in &stored {
                for digest in digests(&event.json) {
                    payloads.push(journal.payload(&key, digest).await.unwrap().to_vec());
                }
            }
            let mut pins = BTreeMap::new();
            for pin in journal.pins(&key).await.unwrap() {
                let bytes = journal.blob(&key.namespace, pin.digest).await.unwrap();
                pins.insert(pin.name, bytes.to_vec());
            }
            Self {
                row,
                events,
                payloads,
                pins,
            }
        })
    }

    /// Pins other bytes by that name, and gives their digest as events write it.
    pub(crate) fn pin(&mut self, name: &str, bytes: Vec<u8>) -> String {
        let digest = format!("sha256:{}", Digest::of(&bytes));
        assert!(self.pins.insert(name.to_owned(), bytes).is_some(), "{name}");
        digest
    }

    /// The run in a store of its own.
    pub(crate) fn write(self) -> Place {
        let place = Place::new();
        blocking(async {
            let journal = open(&place, "writer");
            let pin = |(name, bytes)| Pin {
                name,
                content: Content::new(bytes),
            };
            let new = NewRun {
                key: self.row.key.clone(),
                input_digest: self.row.input_digest,
                flow: self.row.flow.clone(),
                parent: None,
                path: String::new(),
                session: None,
                labels: BTreeMap::new(),
                status: self.row.status.clone(),
                created_at_ms: self.row.created_at_ms,
                pins: self.pins.into_iter().map(pin).collect(),
            };
            let event = |event: Value| NewEvent {
                event_type: event["type"].as_str().unwrap().to_owned().into(),
                at_ms: event["at"].as_u64().unwrap(),
                json: event.to_string(),
            };
            let batch = Batch {
                events: self.events.into_iter().map(event).collect(),
                payloads: self.payloads.into_iter().map(Content::new).collect(),
                status: Some(self.row.status),
                ..Batch::default()
            };
            let Created::New(claim, _) = journal.create(new, batch).await.unwrap() else {
                panic!("the store is new");
            };
            journal.release(claim).await.unwrap();
        });
        place
    }
}

fn digests(json: &str) -> Vec<Digest> {
    let after = json.split("{\"payload\":\"sha256:").skip(1);
    after.map(|rest| rest[..64].parse().unwrap()).collect()
}
