//! Both stores answer any sequence of operations alike. On failure proptest prints the operations
//! and stores the seed beside this file.

use std::fmt::Debug;

use menagerie_journal::{
    Batch, CallKey, CallRecord, Claim, Claimed, Created, Digest, Journal, Message, Page, RunFilter,
    RunKey, Snapshot, Status, Timer,
};
use proptest::prelude::*;

use crate::backend::{Backend as _, Memory, Sqlite, content, event, new_run, wait};

/// How many runs the operations are spread over.
const RUNS: usize = 3;

#[derive(Debug, Clone)]
enum Operation {
    Create {
        run: usize,
        input: u8,
    },
    Commit {
        run: usize,
        wrong_by: u64,
        parts: Parts,
    },
    Claim {
        run: usize,
    },
    Release {
        run: usize,
    },
    PutInbox {
        run: usize,
        id: u8,
        text: u8,
    },
}

/// What a batch holds.
#[derive(Debug, Clone)]
struct Parts {
    events: u8,
    payload: Option<u8>,
    intend: Option<(u8, u8)>,
    answer: Option<(u8, u8)>,
    set: Option<(u8, u8)>,
    clear: Option<u8>,
    message: Option<(usize, u8, u8)>,
    ack: Option<u8>,
    snapshot: bool,
    status: Option<bool>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let small = 0..3_u8;
    let rarely = |strategy| prop::option::weighted(0.25, strategy);
    (
        (
            0..4_u8,
            prop::option::weighted(0.25, small.clone()),
            rarely((small.clone(), 0..2_u8)),
        ),
        (
            rarely((small.clone(), 0..2)),
            rarely((small.clone(), small.clone())),
            prop::option::weighted(0.25, small.clone()),
        ),
        (
            prop::option::weighted(0.25, (0..RUNS, small.clone(), 0..2_u8)),
            prop::option::weighted(0.25, small),
            prop::bool::weighted(0.2),
            prop::option::weighted(0.2, any::<bool>()),
        ),
    )
        .prop_map(
            |(
                (events, payload, intend),
                (answer, set, clear),
                (message, ack, snapshot, status),
            )| Parts {
                events,
                payload,
                intend,
                answer,
                set,
                clear,
                message,
                ack,
                snapshot,
                status,
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    let run = 0..RUNS;
    prop_oneof![
        2 => (run.clone(), 0..2_u8).prop_map(|(run, input)| Operation::Create { run, input }),
        8 => (run.clone(), prop_oneof![9 => Just(0), 1 => Just(1_u64)], parts())
            .prop_map(|(run, wrong_by, parts)| Operation::Commit { run, wrong_by, parts }),
        2 => run.clone().prop_map(|run| Operation::Claim { run }),
        1 => run.clone().prop_map(|run| Operation::Release { run }),
        2 => (run, 0..3_u8, 0..2_u8).prop_map(|(run, id, text)| Operation::PutInbox { run, id, text }),
    ]
}

fn key(run: usize) -> RunKey {
    RunKey::in_default(format!("run-{run}"))
}

fn batch(parts: &Parts) -> Batch {
    let call = |ordinal: u8| CallKey {
        step: "step".to_owned(),
        attempt: 1,
        ordinal: ordinal.into(),
    };
    let intend = parts.intend.map(|(ordinal, request)| CallRecord::Intend {
        call: call(ordinal),
        execution: 1,
        request: Digest::of(&[request]),
        effect: "pure".into(),
        at_ms: 1,
    });
    let answer = parts.answer.map(|(ordinal, answer)| CallRecord::Record {
        call: call(ordinal),
        request: Digest::of(&[0]),
        answer: content(answer.into()),
        at_ms: 2,
    });
    Batch {
        events: (0..parts.events)
            .map(|index| event(&index.to_string(), index.into()))
            .collect(),
        payloads: parts
            .payload
            .map(|size| content(size.into()))
            .into_iter()
            .collect(),
        call_records: intend.into_iter().chain(answer).collect(),
        timers_set: parts
            .set
            .map(|(id, due)| Timer {
                due_at_ms: due.into(),
                id: id.to_string(),
            })
            .into_iter()
            .collect(),
        timers_clear: parts.clear.map(|id| id.to_string()).into_iter().collect(),
        messages: parts
            .message
            .map(|(to, id, text)| Message {
                to: key(to).run.to_string(),
                input_id: id.to_string(),
                json: text.to_string(),
                at_ms: 4,
            })
            .into_iter()
            .collect(),
        checkpoints: Vec::new(),
        acks: parts.ack.map(|id| id.to_string()).into_iter().collect(),
        snapshot: parts.snapshot.then(|| Snapshot {
            state_version: 1,
            body: content(9),
        }),
        status: parts.status.map(|ended| {
            if ended {
                Status::ended("over")
            } else {
                Status::unfinished("on")
            }
        }),
    }
}

/// A store and what a caller remembers.
struct Caller {
    journal: Box<dyn Journal>,
    /// The last claim of each run, which may be a stale one.
    claims: [Option<Claim>; RUNS],
    next_seq: [u64; RUNS],
}

impl Caller {
    fn new(journal: Box<dyn Journal>) -> Self {
        Self {
            journal,
            claims: [const { None }; RUNS],
            next_seq: [0; RUNS],
        }
    }

    /// Does one thing and tells how it went, without what differs by nature.
    async fn perform(&mut self, operation: &Operation) -> String {
        match operation {
            Operation::Create { run, input } => {
                let mut new = new_run(&key(*run));
                new.input_digest = Digest::of(&[*input]);
                let created = self.journal.create(new, batch(&first())).await;
                if let Ok(Created::New(claim, committed)) = &created {
                    self.claims[*run] = Some(claim.clone());
                    self.next_seq[*run] = committed.next_seq;
                }
                told(created.map(|created| match created {
                    Created::New(claim, committed) => format!("{} {committed:?}", claim.epoch()),
                    Created::Existing(row) => format!("{row:?}"),
                }))
            }
            Operation::Commit {
                run,
                wrong_by,
                parts,
            } => {
                let Some(claim) = &self.claims[*run] else {
                    return "no claim".to_owned();
                };
                let expected = self.next_seq[*run] + wrong_by;
                let committed = self.journal.commit(claim, expected, batch(parts)).await;
                if let Ok(committed) = &committed {
                    self.next_seq[*run] = committed.next_seq;
                }
                told(committed)
            }
            Operation::Claim { run } => {
                let claimed = self.journal.claim(&key(*run)).await;
                if let Ok(Claimed::Yours(claim)) = &claimed {
                    self.claims[*run] = Some(claim.clone());
                }
                told(claimed.map(|claimed| match claimed {
                    Claimed::Yours(claim) => claim.epoch(),
                    Claimed::OwnedBy(_) => 0,
                }))
            }
            Operation::Release { run } => match self.claims[*run].clone() {
                Some(claim) => told(self.journal.release(claim).await),
                None => "no claim".to_owned(),
            },
            Operation::PutInbox { run, id, text } => told(
                self.journal
                    .put_inbox(&key(*run), &id.to_string(), &text.to_string(), 5)
                    .await,
            ),
        }
    }

    /// All that can be read, without the positions of inputs, which only need to rise.
    async fn everything(&self) -> String {
        let mut all = told(
            self.journal
                .runs(RunFilter::default(), Page::default())
                .await
                .map(|page| page.rows),
        );
        for run in 0..RUNS {
            let mut loaded = self.journal.load(&key(run), 1).await;
            if let Ok(loaded) = &mut loaded {
                assert!(loaded.inbox.is_sorted_by_key(|entry| entry.position));
                loaded.inbox.iter_mut().for_each(|entry| entry.position = 0);
            }
            all.push_str(&told(loaded));
            all.push_str(&told(self.journal.calls(&key(run), "step", 1).await));
            all.push_str(&told(self.journal.verify(&key(run)).await));
            for size in 0..3 {
                all.push_str(&told(
                    self.journal
                        .payload(&key(run), content(size).digest())
                        .await,
                ));
            }
        }
        all
    }
}

fn first() -> Parts {
    Parts {
        events: 1,
        payload: None,
        intend: None,
        answer: None,
        set: None,
        clear: None,
        message: None,
        ack: None,
        snapshot: false,
        status: None,
    }
}

fn told<T: Debug, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => format!("{value:?}\n"),
        Err(error) => format!("{error}\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_any_interleaving_alike(operations in prop::collection::vec(operation(), 1..40)) {
        wait(async {
            let (sqlite, memory) = (Sqlite::new(), Memory::new());
            let mut real = Caller::new(sqlite.open("one"));
            let mut fake = Caller::new(memory.open("one"));
            for operation in &operations {
                let (wanted, found) = (fake.perform(operation).await, real.perform(operation).await);
                prop_assert_eq!(wanted, found, "{:?}", operation);
            }
            prop_assert_eq!(fake.everything().await, real.everything().await);
            drop(real.journal);
            real.journal = sqlite.open("two");
            prop_assert_eq!(fake.everything().await, real.everything().await);
            Ok(())
        })?;
    }
}
