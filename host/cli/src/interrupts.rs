//! What a user's Ctrl-C does while a command works.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Interrupts from the moment that this is made: from then on none ends the process by itself, and one that comes
/// before somebody waits for it is kept.
///
/// `tokio::signal::ctrl_c` listens only once it is polled. A task that was spawned to poll it may get its turn long
/// after the command's first line was read and answered with an interrupt, which then kills the process; and what
/// comes between two such calls is lost.
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    pub(crate) fn listen() -> io::Result<Interrupts> {
        signal(SignalKind::interrupt()).map(Interrupts)
    }

    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The runtime ends, and whoever waits here with it.
            std::future::pending::<()>().await;
        }
    }
}
