//! Durable runs: the port to any store, SQLite behind it, and a strict in-memory fake.
//!
//! A run is a sequence of events, JSON text whose meaning the journal does not know. One
//! [`Journal::commit`] makes events, payloads, timers, messages and the rest of a [`Batch`] durable
//! together, and answers only afterwards. [`SqliteJournal`] keeps a store in a folder that any
//! number of processes may open; [`MemoryJournal`] behaves alike within one process. One test suite
//! holds both to it.

mod bell;
mod call_log;
mod chain;
mod checkpoints;
mod crash;
mod digest;
mod error;
mod memory;
mod port;
mod record;
mod sqlite;
pub mod tables;

pub use crash::{crash_point, crash_point_of};
pub use digest::{Content, Digest, LARGEST_IN_TABLE, ParseDigestError};
pub use error::{CommitError, Error, Holder};
pub use memory::MemoryJournal;
pub use port::{
    Bell, Claim, Claimed, Committed, Created, Hears, Journal, Loaded, Notice, Owner, Page, Pulse,
    RunFilter, RunPage, Runnable, StoreReport, Verified,
};
pub use record::{
    Batch, CallAnswer, CallKey, CallRecord, CallRow, Checkpoint, DEFAULT_NAMESPACE, Fork,
    ForkedFrom, InboxEntry, Message, NewEvent, NewRun, Pin, PinRow, RunKey, RunRow, Snapshot,
    Status, StoredEvent, StoredSnapshot, Timer, Wakes,
};
pub use sqlite::{
    BackupReport, Beside, Files, Lock, LockError, Options, PATIENCE, Retention, SqliteJournal,
    SystemFiles, VacuumReport, check_backup, lock_file, restore,
};
