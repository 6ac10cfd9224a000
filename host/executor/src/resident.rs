//! A host that stays: it drives every run of a store that has something to do.
//!
//! A run is held only while it has. One that waits for a person costs a row of the store and nothing
//! here; one that waits for a timer is put down when that is a while off, and the store says when to
//! come back. What is in hand is bounded, and the rest is taken up as it ends.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use menagerie_journal::{Hears, Owner, RunKey, Runnable};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::driver::Stopped;
use crate::error::ExecutorError;
use crate::host::{Host, TakeFrom};
use crate::library::Library;
use crate::refused::{Delay, Refused};
use crate::silence::Silence;
use crate::watch::Watcher;

/// A run that would do nothing for longer than this is put down.
const ASLEEP_AFTER: Duration = Duration::from_secs(10);
/// The least time between two looks at the store: rings that come together are one.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// How long to leave a store alone that cannot be read.
const STORE_TROUBLE: Delay = Delay {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};

/// How a host stays.
#[derive(Debug, Clone, Copy)]
pub struct Residence {
    /// Runs in hand at once.
    pub at_once: usize,
    /// An owner that gives no sign of life for so long loses its runs to this host. `None` leaves
    /// runs with whoever has them.
    pub patience: Option<Duration>,
}

/// Something that happens to a host that stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// A run is in hand, and stood like this.
    Took {
        /// The run.
        run: &'a RunKey,
        /// The word for its status.
        status: &'static str,
    },
    /// A run is over.
    Ended {
        /// The run.
        run: &'a RunKey,
        /// The word for its status.
        status: &'static str,
    },
    /// A run has nothing to do, and was let go.
    Rests {
        /// The run.
        run: &'a RunKey,
        /// The word for its status.
        status: &'static str,
        /// It waits for a timer, rather than for a person.
        asleep: bool,
    },
    /// A run was put down where it was, since the host stops.
    Parked {
        /// The run.
        run: &'a RunKey,
    },
    /// A run cannot be driven. Told once for each reason.
    Refused {
        /// The run.
        run: &'a RunKey,
        /// Why.
        error: &'a ExecutorError,
        /// When it is tried again.
        again_in: Duration,
    },
    /// The runs of an owner that gives no sign of life are taken from it.
    Silent {
        /// Who it is.
        owner: &'a Owner,
        /// For how long it has given none, at least.
        silent: Duration,
        /// How many runs it has.
        runs: usize,
    },
    /// Another process has taken a run away.
    TakenOver {
        /// The run.
        run: &'a RunKey,
        /// By whom.
        error: &'a ExecutorError,
    },
    /// The store cannot be looked at. Told once for each reason.
    StoreTrouble {
        /// Why.
        error: &'a ExecutorError,
        /// When it is tried again.
        again_in: Duration,
    },
}

/// Whoever is told of what happens. Must return at once.
pub type Told = Arc<dyn Fn(&Happening<'_>) + Send + Sync>;

/// How runs are resumed: out of what they are pinned to, or as a test likes it.
pub trait Runs: Send + Sync + 'static {
    /// Drives a run as [`Host::resume_from`] does.
    fn resume(
        &self,
        host: Host,
        run: RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> BoxFuture<'_, Result<(Run, Stopped), ExecutorError>>;
}

impl Runs for Library {
    fn resume(
        &self,
        host: Host,
        run: RunKey,
        watcher: Arc<dyn Watcher>,
        from: TakeFrom,
    ) -> BoxFuture<'_, Result<(Run, Stopped), ExecutorError>> {
        Box::pin(async move { host.resume_from(self, &run, watcher, from).await })
    }
}

impl Host {
    /// Drives every run of the store that has something to do, until the
    /// [`stopper`](Self::stopper) is cancelled; then parks what is in hand, and returns.
    pub async fn reside(&self, how: Residence, runs: Arc<dyn Runs>, told: Told) {
        let resident = Resident {
            host: self.clone().putting_down(ASLEEP_AFTER),
            how,
            runs,
            told,
            in_hand: HashSet::new(),
            driving: JoinSet::new(),
            silence: Silence::new(self.look_interval()),
            refused: Refused::default(),
            trouble: Refused::with(STORE_TROUBLE),
            more: false,
            next_wake: None,
        };
        resident.stay().await;
    }
}

/// How the driving of one run went.
enum Outcome {
    /// Until this happened; with the word for the run's status.
    Driven(&'static str, Stopped),
    /// Not to its end.
    Failed(ExecutorError),
    /// It is over, or gone, or the host stopped before it was taken.
    LeftAlone,
}

type Driven = (RunKey, Outcome);

struct Resident {
    host: Host,
    how: Residence,
    runs: Arc<dyn Runs>,
    told: Told,
    in_hand: HashSet<RunKey>,
    driving: JoinSet<Driven>,
    /// How long others have given no sign of life.
    silence: Silence,
    /// Runs that cannot be driven.
    refused: Refused<RunKey>,
    /// The store, where it cannot be looked at.
    trouble: Refused<()>,
    /// The last look may not have found everything.
    more: bool,
    /// When time gives some run something to do.
    next_wake: Option<Timestamp>,
}

impl Resident {
    async fn stay(mut self) {
        let stop = self.host.stopper();
        let mut bell = self.host.journal().listen(Hears::Mail).rung;
        while !stop.is_cancelled() {
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.until_a_look_is_due(&mut bell) => {}
            }
        }
        while let Some(driven) = self.driving.join_next().await {
            self.note(driven);
        }
    }

    /// Takes note of what ends, and returns when there may be something to take up.
    async fn until_a_look_is_due(&mut self, bell: &mut watch::Receiver<()>) {
        let looked = Instant::now();
        let wakes = self.sleep_until_something_wakes();
        tokio::pin!(wakes);
        loop {
            let full = self.in_hand.len() >= self.how.at_once;
            tokio::select! {
                Some(driven) = self.driving.join_next() => {
                    self.note(driven);
                    if self.more && self.in_hand.len() * 2 <= self.how.at_once {
                        break;
                    }
                }
                // The journal outlives this loop.
                _ = bell.changed(), if !full => break,
                () = &mut wakes, if !full => break,
            }
        }
        tokio::time::sleep_until(looked + BETWEEN_LOOKS).await;
        bell.mark_unchanged();
    }

    fn sleep_until_something_wakes(&self) -> impl Future<Output = ()> + use<> {
        let clock = self.host.around().clock.clone();
        let wakes = self.next_wake.map(|due| clock.sleep_until(due));
        let again = self.refused.next().into_iter().chain(self.trouble.next());
        let look = Instant::now() + self.host.look_interval();
        let look = match self.trouble.next() {
            Some(next) => next,
            None => again.chain([look]).min().unwrap_or(look),
        };
        async move {
            match wakes {
                Some(wakes) => tokio::select! {
                    () = wakes => {}
                    () = tokio::time::sleep_until(look) => {}
                },
                None => tokio::time::sleep_until(look).await,
            }
        }
    }

    /// Takes up what has something to do, as far as there is room.
    async fn look(&mut self) {
        let room = self.how.at_once.saturating_sub(self.in_hand.len());
        if room == 0 {
            self.more = true;
            return;
        }
        for run in self.refused.due(room) {
            self.take_up(run, TakeFrom::Itself);
        }
        // Those that cannot be driven are in the list, and must not crowd the others out.
        let limit = room + self.refused.len() + self.in_hand.len();
        let found = match self.runnable(limit).await {
            Ok(found) => found,
            Err(error) => return self.note_trouble(&error),
        };
        self.trouble.clear(&());
        self.more = found.runs.len() >= limit;
        let due = |at_ms| Timestamp(i64::try_from(at_ms).unwrap_or(i64::MAX));
        self.next_wake = found.next_ms.map(due);
        for run in found.runs {
            if self.in_hand.len() >= self.how.at_once {
                self.more = true;
                break;
            }
            if !self.refused.contains(&run) {
                self.take_up(run, TakeFrom::Nobody);
            }
        }
        if let Err(error) = self.relieve_the_silent().await {
            self.note_trouble(&error);
        }
    }

    /// Takes the runs of owners that live and give no sign of it.
    ///
    /// Whether they hang is a guess, and need be no more: a run is taken under the epoch that was
    /// seen, so that one of those who try has it, and its old owner's next commit is refused.
    async fn relieve_the_silent(&mut self) -> Result<(), ExecutorError> {
        let Some(patience) = self.how.patience else {
            return Ok(());
        };
        if !self.silence.is_due() {
            return Ok(());
        }
        let journal = Arc::clone(self.host.journal());
        self.silence.note(journal.pulses().await?);
        for (pulse, silent) in self.silence.longer_than(patience) {
            let runs = journal.owned_by(&pulse.process).await?;
            // One that had nothing to do may have come to own these since it was looked at: then it
            // has given a sign before them.
            if !runs.is_empty() && !journal.pulses().await?.contains(&pulse) {
                continue;
            }
            if !runs.is_empty() && self.silence.is_news(&pulse.process) {
                (self.told)(&Happening::Silent {
                    owner: &pulse.owner,
                    silent,
                    runs: runs.len(),
                });
            }
            for (run, epoch) in runs {
                if self.in_hand.len() >= self.how.at_once {
                    return Ok(());
                }
                if !self.refused.contains(&run) {
                    self.take_up(run, TakeFrom::Epoch(epoch));
                }
            }
        }
        Ok(())
    }

    async fn runnable(&self, limit: usize) -> Result<Runnable, ExecutorError> {
        let now_ms = u64::try_from(self.host.around().clock.now().0).unwrap_or(0);
        Ok(self.host.journal().runnable(now_ms, limit).await?)
    }

    fn take_up(&mut self, run: RunKey, from: TakeFrom) {
        if !self.in_hand.insert(run.clone()) {
            return;
        }
        let watcher = Arc::new(Teller {
            run: run.clone(),
            told: Arc::clone(&self.told),
            taken: AtomicBool::new(false),
        });
        let one = OneRun {
            host: self.host.clone(),
            runs: Arc::clone(&self.runs),
            run,
            watcher,
            from,
        };
        self.driving.spawn(async move {
            let outcome = one.drive().await;
            (one.run, outcome)
        });
    }

    fn note(&mut self, driven: Result<Driven, tokio::task::JoinError>) {
        let Ok((run, outcome)) = driven else {
            // Nothing cancels these tasks, and what panics in them is caught within.
            return;
        };
        self.in_hand.remove(&run);
        let (status, stopped) = match outcome {
            Outcome::Driven(status, stopped) => (status, stopped),
            Outcome::Failed(error) => return self.note_refusal(&run, &error),
            Outcome::LeftAlone => return self.refused.clear(&run),
        };
        self.refused.clear(&run);
        let run = &run;
        (self.told)(&match stopped {
            Stopped::Ended => Happening::Ended { run, status },
            Stopped::Parked => Happening::Parked { run },
            Stopped::Waiting | Stopped::Asleep => Happening::Rests {
                run,
                status,
                asleep: stopped == Stopped::Asleep,
            },
        });
    }

    fn note_refusal(&mut self, run: &RunKey, error: &ExecutorError) {
        match error {
            // Somebody was quicker, which is as good.
            ExecutorError::Owned { owner, .. } if !owner.own => self.refused.clear(run),
            ExecutorError::TakenOver { .. } => {
                self.refused.clear(run);
                (self.told)(&Happening::TakenOver { run, error });
            }
            error => {
                let (again_in, new) = self.refused.add(run.clone(), error);
                if new {
                    (self.told)(&Happening::Refused {
                        run,
                        error,
                        again_in,
                    });
                }
            }
        }
    }

    fn note_trouble(&mut self, error: &ExecutorError) {
        let (again_in, new) = self.trouble.add((), error);
        if new {
            (self.told)(&Happening::StoreTrouble { error, again_in });
        }
    }
}

/// One run in hand.
struct OneRun {
    host: Host,
    runs: Arc<dyn Runs>,
    run: RunKey,
    watcher: Arc<Teller>,
    from: TakeFrom,
}

impl OneRun {
    async fn drive(&self) -> Outcome {
        if self.from == TakeFrom::Itself && self.is_over().await {
            return Outcome::LeftAlone;
        }
        let (host, run, watcher) = (self.host.clone(), self.run.clone(), self.watcher.clone());
        let driving = self.runs.resume(host, run, watcher, self.from);
        tokio::select! {
            driven = AssertUnwindSafe(driving).catch_unwind() => match driven {
                // Somebody was quicker and has brought it to its end.
                Ok(Ok(_)) if !self.watcher.taken.load(Ordering::SeqCst) => Outcome::LeftAlone,
                // The run itself may be large, and its word is all that is wanted of it.
                Ok(Ok((run, stopped))) => Outcome::Driven(run.status().word(), stopped),
                Ok(Err(error)) => Outcome::Failed(error),
                Err(_) => Outcome::Failed(ExecutorError::Panicked { run: self.run.clone() }),
            },
            // What is still being loaded is not waited for; a claim ends with this process.
            () = self.stopped_before_taken() => Outcome::LeftAlone,
        }
    }

    async fn stopped_before_taken(&self) {
        self.host.stopper().cancelled().await;
        if self.watcher.taken.load(Ordering::SeqCst) {
            std::future::pending().await
        }
    }

    /// A run that could not be driven may have been ended by somebody, or be gone.
    async fn is_over(&self) -> bool {
        match self.host.journal().run(&self.run).await {
            Ok(row) => row.status.ended,
            Err(error) => matches!(error, menagerie_journal::Error::UnknownRun { .. }),
        }
    }
}

/// Tells that a run was taken up.
struct Teller {
    run: RunKey,
    told: Told,
    taken: AtomicBool,
}

impl Watcher for Teller {
    fn taken(&self, run: &Run) {
        self.taken.store(true, Ordering::SeqCst);
        (self.told)(&Happening::Took {
            run: &self.run,
            status: run.status().word(),
        });
    }
}
