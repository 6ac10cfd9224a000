//! Runs that go on with other versions of their plugins.
//!
//! A migration is an event (`migrated`): from there on calls are made with the new versions, and what was
//! recorded before stays on the old ones, which stay pinned. So a replay makes each call with the version
//! that its event names, and a fork at an earlier place knows nothing of what came later.

use std::collections::BTreeMap;

use menagerie_journal::{Content, Pin, RunKey};
use menagerie_orchestration::command::Command;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::replay::Level;
use menagerie_sandbox::{Catalogue, digest_of};

use crate::assemble::migrated_pin;
use crate::error::ExecutorError;
use crate::host::Host;
use crate::replay::{JudgedCall, Progress, Replacement, ReplayError, Versions, replay_versions};

/// Why a run stays on what it has.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The run cannot be read or told again, or the versions do not fit into it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The run has ended.
    #[error("run {0} has ended: nothing of it is still to be called")]
    Ended(RunKey),
    /// The run is not told again as it is recorded, whatever the version.
    #[error("run {run} differs from its own journal in event {seq}, at `{pointer}`")]
    Unsound {
        /// The run.
        run: RunKey,
        /// The event's position.
        seq: u64,
        /// Where in it.
        pointer: String,
    },
    /// A recorded call goes otherwise with the new version.
    #[error(
        "{} does not hold in run {run}: step {}, attempt {}, in event {}{}",
        .call.role, .call.step, .call.attempt, .call.seq,
        .call.comparison.pointer.as_ref().map_or_else(String::new, |at| format!(", at `{at}`"))
    )]
    Differs {
        /// The run.
        run: RunKey,
        /// The first call that does not keep its level.
        call: Box<JudgedCall>,
    },
    /// A call that has begun would be executed again by another version than the one whose calls of the
    /// outside are recorded.
    #[error(
        "run {run} has a call of {role} under way (step {step}) that has called the outside: let it end first"
    )]
    UnderWay {
        /// The run.
        run: RunKey,
        /// The use.
        role: String,
        /// The step.
        step: String,
    },
}

impl From<ExecutorError> for MigrateError {
    fn from(error: ExecutorError) -> Self {
        Self::Replay(error.into())
    }
}

impl From<menagerie_journal::Error> for MigrateError {
    fn from(error: menagerie_journal::Error) -> Self {
        ExecutorError::from(error).into()
    }
}

/// A migration that may be made.
#[derive(Debug)]
pub struct Migration {
    /// What is to be wished of the run.
    pub wish: Wish,
    /// What was judged.
    pub versions: Versions,
}

impl Host {
    /// Judges other versions of a run's plugins by what is recorded, as `replay --with` does, and pins
    /// them. To wish for the change is left to the caller; it may be made by whoever drives the run.
    ///
    /// A call of the outside that is recorded between this and the change, and cut off by a crash after it,
    /// ends as `nondeterministic` unless the new version asks for the same.
    ///
    /// # Errors
    /// When the run has ended, does not replay, or a version does not hold.
    pub async fn prepare_migration(
        &self,
        catalogue: &Catalogue,
        key: &RunKey,
        with: &[Replacement],
        level: Option<Level>,
        progress: Progress<'_>,
    ) -> Result<Migration, MigrateError> {
        let journal = self.journal();
        if journal.run(key).await?.status.ended {
            return Err(MigrateError::Ended(key.clone()));
        }
        let versions = replay_versions(journal, catalogue, key, with, level, progress).await?;
        if let Some(difference) = &versions.replayed.difference {
            return Err(MigrateError::Unsound {
                run: key.clone(),
                seq: difference.seq,
                pointer: difference.pointer.clone(),
            });
        }
        if let Some(call) = versions.calls.iter().find(|call| !call.comparison.holds) {
            return Err(MigrateError::Differs {
                run: key.clone(),
                call: Box::new(call.clone()),
            });
        }
        self.nothing_is_half_done(key, &versions.digests).await?;
        let pins = versions.digests.iter().filter_map(|(role, digest)| {
            let mut given = with.iter();
            let bytes = &given.find(|one| digest_of(&one.bytes) == *digest)?.bytes;
            Some(Pin {
                name: migrated_pin(role, digest),
                content: Content::new(bytes.clone()),
            })
        });
        let pinned = journal.pin(key, pins.collect()).await;
        pinned.map_err(ExecutorError::from)?;
        Ok(Migration {
            wish: Wish::Migrate {
                plugins: versions.digests.clone(),
            },
            versions,
        })
    }

    async fn nothing_is_half_done(
        &self,
        key: &RunKey,
        changing: &BTreeMap<String, String>,
    ) -> Result<(), MigrateError> {
        let run = self.load(key).await?;
        let outstanding = run.outstanding();
        let calls = outstanding.iter().filter_map(|command| match command {
            Command::Call { id, .. } => run.call(*id),
            Command::Timer { .. } => None,
        });
        for call in calls {
            let role = call.role.to_string();
            let changes = changing.get(&role);
            if changes.is_none() || changes == run.pins().plugins.get(&role) {
                continue;
            }
            let name = call.call_log_name();
            let recorded = self.journal().calls(key, &name, call.id.attempt).await?;
            if !recorded.is_empty() {
                return Err(MigrateError::UnderWay {
                    run: key.clone(),
                    role,
                    step: call.step.clone(),
                });
            }
        }
        Ok(())
    }
}
