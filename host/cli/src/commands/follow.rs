//! Looking on at what other processes do with a run.

use std::sync::Arc;
use std::time::Duration;

use menagerie_executor::{ExecutorError, Host, Stopped, Watcher};
use menagerie_journal::{Bell, Hears, RunKey};
use menagerie_orchestration::run::Run;
use menagerie_sandbox::Catalogue;

use crate::failure::Failure;

/// How often to look all the same: a ring may be lost, and an owner that dies does not ring.
const LOOK: Duration = Duration::from_millis(250);

/// Commits of whatever process, as they come.
pub(crate) struct Commits(Bell);

impl Commits {
    /// Listens from now on.
    pub(crate) fn of(host: &Host) -> Self {
        Self(host.journal().listen(Hears::Commits))
    }

    /// Ends when there may be something new.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            // The journal that rings outlives whoever listens.
            _ = self.0.rung.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// A run that was there already goes on where it was: here, or where it is being driven.
pub(crate) async fn goes_on(
    host: &Host,
    catalogue: &Catalogue,
    key: &RunKey,
    watcher: Arc<dyn Watcher>,
) -> Result<(Run, Stopped), Failure> {
    let mut commits = Commits::of(host);
    let mut told = false;
    loop {
        match host.resume(catalogue, key, watcher.clone()).await {
            Err(ExecutorError::Owned { owner, .. }) => {
                if !told {
                    eprintln!(
                        "run {key} is being driven by {} (process {}): waiting for it",
                        owner.name, owner.pid
                    );
                    told = true;
                }
            }
            driven => return Ok(driven?),
        }
        while host.journal().owner(key).await?.is_some() {
            tokio::select! {
                () = commits.next() => {}
                () = host.stopper().cancelled_owned() => {
                    return Err(Failure::interrupted(format!(
                        "run {key} goes on where it is being driven; look on with: menagerie events {key} --follow"
                    )));
                }
            }
        }
        if host.journal().run(key).await?.status.ended {
            return Ok((host.load(key).await?, Stopped::Ended));
        }
    }
}
