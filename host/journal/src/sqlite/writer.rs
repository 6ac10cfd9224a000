//! Owns the one connection that writes, its thread, and group commit.
//!
//! Requests that wait while a transaction is being made durable share the next one. Each has a
//! savepoint of its own, so that a bad one fails alone, and nobody is answered before the commit.
//!
//! Where one run has the journal for itself there is nobody to share with, and waking a thread and
//! being woken by it costs as much as the sync of a good disk. So the only run's commits are made by
//! whoever asks for them, on the spot; with the second claim everything goes to the thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::append::Ledger;
use super::contents::Contents;
use super::fault::{Faults, Trouble};
use super::owners::OwnerLock;
use super::staging::{Begun, Piece, Staging};
use crate::crash::crash_point;
use crate::digest::Digest;
use crate::error::{CommitError, Error};
use crate::port::{Claim, Claimed, Committed, Created, Notice, Place};
use crate::record::{Batch, CallRecord, Fork, NewRun, Pin, RunKey};

/// The most requests in one transaction.
const LARGEST_GROUP: usize = 256;

/// A batch with all that can be computed before the writer sees it.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) batch: Batch,
    pub(super) bodies: Vec<Digest>,
}

/// How long after one request another may follow to be in the same group; a small part of what even
/// a fast disk takes for a sync.
const PATIENCE: Duration = Duration::from_micros(20);

type Answer<T, E> = oneshot::Sender<Result<T, E>>;

/// All that the writer is ever asked for.
pub(super) enum Request {
    Create {
        /// Boxed to keep the commits small, which are many more.
        run: Box<NewRun>,
        pin_set: Option<Digest>,
        prepared: Prepared,
        answer: Answer<Created, CommitError>,
    },
    BeginFork {
        run: Box<NewRun>,
        fork: Box<Fork>,
        answer: Answer<Begun, CommitError>,
    },
    CopyPiece {
        staging: Arc<Staging>,
        piece: Piece,
        answer: Answer<(), CommitError>,
    },
    FinishFork {
        staging: Arc<Staging>,
        head: Committed,
        prepared: Prepared,
        answer: Answer<Created, CommitError>,
    },
    Unstage {
        place: Place,
        /// Whether there is more of it.
        answer: Answer<bool, CommitError>,
    },
    Commit {
        claim: Claim,
        expected_seq: u64,
        prepared: Prepared,
        answer: Answer<Committed, CommitError>,
    },
    RecordCalls {
        claim: Claim,
        records: Vec<CallRecord>,
        answer: Answer<(), CommitError>,
    },
    Claim {
        run: RunKey,
        /// The epoch of a living owner who is to lose the run.
        from_epoch: Option<u64>,
        answer: Answer<Claimed, Error>,
    },
    Release {
        claim: Claim,
        answer: Answer<(), CommitError>,
    },
    Pin {
        run: RunKey,
        pins: Vec<Pin>,
        answer: Answer<(), CommitError>,
    },
    PutInbox {
        run: RunKey,
        input_id: String,
        json: String,
        at_ms: u64,
        answer: Answer<bool, CommitError>,
    },
}

/// Sends an answer once the transaction's fate is known.
type Reply = Box<dyn FnOnce(Option<&Error>)>;

/// Used by one at a time: the thread, or the caller who is alone.
pub(super) struct Writer {
    connection: Connection,
    ledger: Ledger,
    faults: Faults,
    notices: broadcast::Sender<Notice>,
}

/// The thread's work: serves until every sender is gone.
pub(super) fn run(writer: &Mutex<Writer>, mut requests: mpsc::Receiver<Request>) {
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    let mut expected = 1;
    while let Some(first) = requests.blocking_recv() {
        group.push(first);
        gather(&mut requests, &mut group, expected);
        expected = group.len();
        lock(writer).serve(&mut group);
    }
}

/// Serves a request on the spot if its run has the journal for itself; gives it back otherwise.
pub(super) fn serve_here(writer: &Mutex<Writer>, request: Request) -> Option<Request> {
    match writer.try_lock() {
        Ok(mut writer) => writer.serve_alone(request),
        Err(_) => Some(request),
    }
}

fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
        writer.clear_poison();
        let mut abandoned = poisoned.into_inner();
        // Whoever panicked may have left a transaction behind, which the next BEGIN would refuse.
        let _ = abandoned.execute("ROLLBACK");
        abandoned.ledger.forget_everything();
        abandoned
    })
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        owner: Arc<OwnerLock>,
        contents: Arc<Contents>,
        faults: Faults,
        notices: broadcast::Sender<Notice>,
    ) -> Self {
        Self {
            connection,
            ledger: Ledger::new(owner, contents),
            faults,
            notices,
        }
    }

    /// Serves a group, in more than one transaction only if one of them is lost.
    fn serve(&mut self, group: &mut Vec<Request>) {
        let mut waiting = group.drain(..).peekable();
        while waiting.peek().is_some() {
            if let Err(error) = self.execute("BEGIN IMMEDIATE") {
                // The store cannot be written: all that wait for it hear so.
                self.ledger.forget_everything();
                waiting.for_each(|request| refuse(request, &error));
                return;
            }
            self.transact(&mut waiting);
        }
    }

    /// Serves a request of the only run here, without a moment's patience for other processes: the
    /// caller's thread has more to do than to wait for them.
    fn serve_alone(&mut self, request: Request) -> Option<Request> {
        if self.ledger.claims() > 1 {
            return Some(request);
        }
        let patience = self.faults.busy_timeout;
        let begun = self
            .connection
            .busy_timeout(Duration::ZERO)
            .is_ok_and(|()| self.execute_quietly("BEGIN IMMEDIATE").is_ok());
        // It was set before, so that it can be set again.
        let _ = self.connection.busy_timeout(patience);
        if !begun {
            return Some(request);
        }
        self.transact(&mut std::iter::once(request));
        None
    }

    /// One transaction that has begun: as many requests as it bears, the commit, the answers.
    fn transact(&mut self, waiting: &mut dyn Iterator<Item = Request>) {
        let mut replies: Vec<Reply> = Vec::with_capacity(waiting.size_hint().0);
        let failure = self.apply_all(waiting, &mut replies).err();
        if failure.is_some() {
            // What was remembered of the runs may never have become true.
            self.ledger.forget_everything();
        }
        for notice in self.ledger.notices.drain(..) {
            if failure.is_none() {
                // Nobody listening is no failure.
                let _ = self.notices.send(notice);
            }
        }
        for reply in replies {
            reply(failure.as_ref());
        }
    }

    fn apply_all(
        &mut self,
        waiting: &mut dyn Iterator<Item = Request>,
        replies: &mut Vec<Reply>,
    ) -> Result<(), Error> {
        for request in waiting {
            replies.push(self.apply(request));
            if self.connection.is_autocommit() {
                // SQLite gave the whole transaction up, which it does when the disk is full. Those
                // who have not been tried yet are tried again in the next one.
                let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
                let full = rusqlite::Error::SqliteFailure(full, None);
                return Err(self.faults.error("appending", &full));
            }
        }
        crash_point("before-commit");
        if let Err(error) = self.execute("COMMIT") {
            let _ = self.execute("ROLLBACK");
            return Err(error);
        }
        crash_point("after-commit");
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<(), Error> {
        let executed = self.execute_quietly(sql);
        executed.map_err(|error| self.faults.error(sql, &error))
    }

    /// For whoever does not mind: what a failure comes of is not looked for.
    fn execute_quietly(&self, sql: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute([]).map(|_| ())
    }

    /// Applies one request within the transaction.
    fn apply(&mut self, request: Request) -> Reply {
        match request {
            Request::Create {
                run,
                pin_set,
                prepared,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.create(connection, &run, pin_set, prepared)
            }),
            Request::BeginFork { run, fork, answer } => self
                .attempt(answer, |ledger, connection| {
                    ledger.begin_fork(connection, *run, *fork)
                }),
            Request::CopyPiece {
                staging,
                piece,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.copy_piece(connection, &staging, &piece)
            }),
            Request::FinishFork {
                staging,
                head,
                prepared,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.finish_fork(connection, &staging, head, &prepared)
            }),
            Request::Unstage { place, answer } => self.attempt(answer, |ledger, connection| {
                ledger.unstage(connection, place)
            }),
            Request::Commit {
                claim,
                expected_seq,
                prepared,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.commit(connection, &claim, expected_seq, &prepared)
            }),
            Request::RecordCalls {
                claim,
                records,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.record_calls(connection, &claim, &records)
            }),
            Request::Claim {
                run,
                from_epoch,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.claim(connection, &run, from_epoch)
            }),
            Request::Release { claim, answer } => self.attempt(answer, |ledger, connection| {
                ledger.release(connection, &claim)
            }),
            Request::Pin { run, pins, answer } => self.attempt(answer, |ledger, connection| {
                ledger.pin(connection, &run, &pins)
            }),
            Request::PutInbox {
                run,
                input_id,
                json,
                at_ms,
                answer,
            } => self.attempt(answer, |ledger, connection| {
                ledger.put_inbox(connection, &run, &input_id, &json, at_ms)
            }),
        }
    }

    /// Runs a piece of work within a savepoint, which is undone if the work fails.
    fn attempt<T, E>(
        &mut self,
        answer: Answer<T, E>,
        work: impl FnOnce(&mut Ledger, &Connection) -> Result<T, Trouble<E>>,
    ) -> Reply
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let notices_before = self.ledger.notices.len();
        let begun = self.execute("SAVEPOINT one_request").map_err(E::from);
        let result = begun.and_then(|()| {
            work(&mut self.ledger, &self.connection)
                .map_err(|trouble| self.faults.settle("appending", trouble))
        });
        if result.is_err() {
            self.ledger.forget_touched();
            self.ledger.notices.truncate(notices_before);
            let _ = self.execute("ROLLBACK TO one_request");
        }
        let _ = self.execute("RELEASE one_request");
        Box::new(move |failure| {
            // A caller who has gone away is not told.
            let _ = answer.send(match (result, failure) {
                (Ok(_), Some(failure)) => Err(failure.clone().into()),
                (result, _) => result,
            });
        })
    }
}

/// Takes what is waiting.
///
/// Those who were just answered come back at once, but not in the same instant: without a moment's
/// patience the first of them would have a transaction for himself and the others would wait for the
/// next. So up to as many as last time are waited for, as long as one follows closely on another. A
/// single writer never waits.
fn gather(requests: &mut mpsc::Receiver<Request>, group: &mut Vec<Request>, expected: usize) {
    let mut last_arrival = Instant::now();
    while group.len() < LARGEST_GROUP {
        match requests.try_recv() {
            Ok(request) => {
                group.push(request);
                last_arrival = Instant::now();
            }
            Err(_) if group.len() < expected && last_arrival.elapsed() < PATIENCE => {
                std::thread::yield_now()
            }
            Err(_) => return,
        }
    }
}

/// Answers a request that was not tried.
fn refuse(request: Request, error: &Error) {
    fn send<T, E: From<Error>>(answer: Answer<T, E>, error: &Error) {
        let _ = answer.send(Err(error.clone().into()));
    }
    match request {
        Request::Create { answer, .. } | Request::FinishFork { answer, .. } => send(answer, error),
        Request::BeginFork { answer, .. } => send(answer, error),
        Request::CopyPiece { answer, .. } => send(answer, error),
        Request::Unstage { answer, .. } => send(answer, error),
        Request::Commit { answer, .. } => send(answer, error),
        Request::RecordCalls { answer, .. } | Request::Pin { answer, .. } => send(answer, error),
        Request::Claim { answer, .. } => send(answer, error),
        Request::Release { answer, .. } => send(answer, error),
        Request::PutInbox { answer, .. } => send(answer, error),
    }
}
