//! Tells the loops of one host what lies in their runs' inboxes.
//!
//! One question to the store stands for all runs of the host, however many there are. It is asked
//! when somebody rings, and from time to time, by whichever loop has nothing else to do: there is no
//! task that would outlive the loops.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use menagerie_journal::{Error, Hears, Journal, RunKey};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;

/// Where a host's mail is sorted. Clones are the same room.
#[derive(Clone)]
pub(crate) struct Mailroom(Arc<Room>);

struct Room {
    journal: Arc<dyn Journal>,
    interval: Duration,
    /// The alarm may stay set while nobody waits for it.
    keeps_alarm: bool,
    boxes: Mutex<HashMap<RunKey, watch::Sender<()>>>,
    /// When to ask at the latest.
    next: Mutex<Instant>,
    /// Somebody is to ask now.
    owed: AtomicBool,
    /// Held by the loop that listens for all; none before the first.
    listening: tokio::sync::Mutex<Option<Listening>>,
}

/// What the one that listens hears, and when it stops waiting for that.
struct Listening {
    bell: watch::Receiver<()>,
    /// Stays set while listeners take turns, and is set anew when its time has changed: a timer that
    /// is made and dropped with every input wakes the thread that waits for timers each time.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Mailroom {
    /// A room that asks at least once an interval.
    pub(crate) fn new(journal: Arc<dyn Journal>, interval: Duration, clock: &dyn Clock) -> Self {
        Self(Arc::new(Room {
            journal,
            interval,
            keeps_alarm: clock.passes_by_itself(),
            boxes: Mutex::default(),
            next: Mutex::new(Instant::now() + interval),
            owed: AtomicBool::new(false),
            listening: tokio::sync::Mutex::default(),
        }))
    }

    /// Where a run's loop is told. To be looked into once to begin with.
    pub(crate) fn open(&self, run: &RunKey) -> Mailbox {
        let sender = watch::Sender::new(());
        let mut told = sender.subscribe();
        told.mark_changed();
        lock(&self.0.boxes).insert(run.clone(), sender);
        Mailbox {
            room: self.0.clone(),
            run: run.clone(),
            told,
        }
    }

    /// Tells the loop of a run of this host that there is something.
    pub(crate) fn tell(&self, run: &RunKey) {
        self.0.tell(std::slice::from_ref(run));
    }
}

impl Room {
    fn tell(&self, runs: &[RunKey]) {
        let boxes = lock(&self.boxes);
        for sender in runs.iter().filter_map(|run| boxes.get(run)) {
            sender.send_replace(());
        }
    }

    /// Ends when it is time to ask the store, for one loop of all that wait here.
    async fn time_to_ask(&self) {
        let mut listening = self.listening.lock().await;
        let next = *lock(&self.next);
        let Listening { bell, alarm } = listening.get_or_insert_with(|| Listening {
            bell: self.journal.listen(Hears::Mail).rung,
            alarm: None,
        });
        if self.owed.load(Ordering::SeqCst) {
            return;
        }
        let rung = match self.keeps_alarm {
            true => {
                let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(next)));
                if alarm.deadline() != next {
                    alarm.as_mut().reset(next);
                }
                rung_or(bell, alarm.as_mut()).await
            }
            false => rung_or(bell, pin!(sleep_until(next))).await,
        };
        if rung.is_err() {
            // The bell is gone only with the journal; then the loops end of themselves.
            sleep_until(next).await;
        }
        self.owed.store(true, Ordering::SeqCst);
    }

    /// Asks the store for the mail of all, if that is due: somebody who listened says so, or it is time,
    /// since loops whose guests answer at once never listen.
    async fn ask_if_owed(&self) -> Result<(), Error> {
        let owed = self.owed.swap(false, Ordering::SeqCst);
        {
            let (mut next, now) = (lock(&self.next), Instant::now());
            if !owed && now < *next {
                return Ok(());
            }
            *next = now + self.interval;
        }
        let unasked = Unasked(&self.owed);
        let runs = self.journal.mail().await?;
        std::mem::forget(unasked);
        self.tell(&runs);
        Ok(())
    }
}

/// Ends with a ring, or when the alarm does.
async fn rung_or(
    bell: &mut watch::Receiver<()>,
    alarm: Pin<&mut Sleep>,
) -> Result<(), watch::error::RecvError> {
    tokio::select! {
        rung = bell.changed() => rung,
        () = alarm => Ok(()),
    }
}

/// A question that was dropped on its way is still to be asked.
struct Unasked<'room>(&'room AtomicBool);

impl Drop for Unasked<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Where one run's loop is told. Dropped, it is closed.
pub(crate) struct Mailbox {
    room: Arc<Room>,
    run: RunKey,
    told: watch::Receiver<()>,
}

impl Mailbox {
    /// Ends when it may be worth asking whether [`mail has come`](Self::has_come).
    pub(crate) async fn may_have_come(&mut self) {
        tokio::select! {
            // The sender lies in the room until this box is dropped.
            _ = self.told.changed() => self.told.mark_changed(),
            () = self.room.time_to_ask() => {}
        }
    }

    /// Whether the inbox is worth a look, which is taken to follow.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn has_come(&mut self) -> Result<bool, Error> {
        self.room.ask_if_owed().await?;
        // The sender lies in the room until this box is dropped.
        let come = self.told.has_changed().unwrap_or(false);
        self.told.mark_unchanged();
        Ok(come)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let mut boxes = lock(&self.room.boxes);
        // A later loop of the same run may have one of its own by now.
        if boxes
            .get(&self.run)
            .is_some_and(|sender| sender.subscribe().same_channel(&self.told))
        {
            boxes.remove(&self.run);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
