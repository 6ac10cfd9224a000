//! Drives runs: outstanding commands in, guest calls out, one loop per run, one gate for all.
//!
//! The pure machine of `menagerie-orchestration` says what is outstanding; this crate does it, and
//! tells the machine what came of it. Nothing leaves before the events behind it are durable.

mod asking;
mod assemble;
mod call_log;
mod chance;
mod clock;
mod desk;
mod driver;
mod error;
mod events;
mod figures;
mod forking;
mod gate;
mod guest_task;
mod guests;
mod held;
mod history;
mod host;
mod library;
mod mailroom;
mod migrating;
mod pinned;
mod refused;
mod registry;
mod replay;
mod resident;
mod silence;
mod store;
mod translate;
mod wasm;
mod watch;
mod withheld;

pub use assemble::{
    AssembleError, AssembleProblem, Assembled, Part, PluginFinder, SECRET_VARIABLE, assemble,
    missing_secrets, secret_variable, uses,
};
pub use clock::{Clock, SystemClock, TokioClock};
pub use desk::Desk;
pub use driver::Stopped;
pub use error::ExecutorError;
pub use events::Events;
pub use forking::{CheckpointNoted, ForkRun, Forked};
pub use gate::{Gate, GateConfig, GateStatistics, Slot, Ticket};
pub use guests::{GuestAnswer, GuestReply, GuestUse, Guests};
pub use held::HeldSlot;
pub use host::{Began, BeginRun, Detached, GivenFile, Host, HostParts, TakeFrom};
pub use library::Library;
pub use migrating::{MigrateError, Migration};
pub use registry::{
    Accepted, Candidate, Contents, Entry, More, Registry, RegistryError, Revocation, Source,
    Version, Wants,
};
pub use replay::{
    Fuel, JudgedCall, Progress, Replacement, ReplayError, Replayed, Versions, history_of, replay,
    replay_decisions, replay_versions,
};
pub use resident::{Happening, Residence, Runs, Told};
pub use store::read_event;
pub use watch::{GuestProgress, Nobody, Watcher};
