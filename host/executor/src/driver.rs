//! One loop per run: inputs in, events to the journal, outstanding commands to where they belong.
//!
//! Nothing leaves before the events behind it are durable: calls are started, and watchers told,
//! only after the commit. The loop compares what it is doing with what is outstanding after every
//! commit, so that recovery is no second mechanism.
//!
//! One call may begin sooner: that of a strategy that only computes, since nothing leaves by it. Its
//! question is folded in, it is polled once, and if it has answered by then, question and answer are
//! one commit instead of two.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use menagerie_journal::{Batch, Claim, InboxEntry, Journal, RunKey, Status};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::{CallId, CallOf, Event, Recorded};
use menagerie_orchestration::input::{Input, Wish};
use menagerie_orchestration::run::{Run, RunStatus};
use menagerie_orchestration::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use crate::desk::Questions;
use crate::error::ExecutorError;
use crate::figures::{FigureBook, FlowFigures};
use crate::gate::Gate;
use crate::guest_task::GuestTask;
use crate::guests::Guests;
use crate::held::{Place, Places};
use crate::mailroom::{Mailbox, Mailroom};
use crate::store::{self, Known, Outstanding};
use crate::watch::Watcher as _;
use crate::withheld::Withheld;

/// How long a loop that is asked to stop waits for the answers of requests that have left: cut off,
/// nobody would know what came of them.
const PARK_GRACE: Duration = Duration::from_secs(2);

/// Inputs that may wait for the loop; whoever brings more waits too.
const INPUTS_WAITING: usize = 64;

/// A wish as it lies in an inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InboxWish {
    /// Who.
    pub(crate) by: String,
    /// What.
    #[serde(flatten)]
    pub(crate) wish: Wish,
}

/// Why a loop has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The run has ended.
    Ended,
    /// Nothing is outstanding until somebody answers, or lets the run go on.
    Waiting,
    /// Nothing is outstanding but timers, the first of them a while off. Only a host that
    /// [puts sleepers down](crate::Host::putting_down) stops for that.
    Asleep,
    /// The host was asked to stop; the run goes on when somebody resumes it.
    Parked,
}

/// What the loops of one host share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) gate: Gate,
    /// How agents have fared.
    pub(crate) figures: FigureBook,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where loops hear of the wishes of other processes.
    pub(crate) mailroom: Mailroom,
    /// A run that would do nothing for longer than this is put down.
    pub(crate) asleep_after: Option<Duration>,
    pub(crate) stop: CancellationToken,
}

/// A call under way. Dropped, it is cancelled: a loop that is dropped leaves no guest behind.
struct Live {
    cancel: DropGuard,
    /// None while the loop makes the call itself, and when it has.
    task: Option<JoinHandle<()>>,
}

/// A call that the loop makes itself while it waits for nothing but its answer.
struct AtHand {
    id: CallId,
    made: BoxFuture<'static, Option<Input>>,
}

/// Drives one run.
pub(crate) struct Driver {
    around: Surroundings,
    guests: Arc<dyn Guests>,
    /// How the flow's agents have fared, where its strategy asks.
    figures: Option<Arc<FlowFigures>>,
    watcher: Arc<Withheld>,
    /// Whether strategies, too, are asked only what is durable. So it is after a host has ended in the
    /// middle: should the strategy be what ends it, its questions have to be there to be counted.
    by_the_book: bool,
    key: RunKey,
    claim: Claim,
    run: Run,
    /// What the run's state asks for, read off it once after every change.
    outstanding: Outstanding,
    known: Known,
    live: BTreeMap<CallId, Live>,
    /// The only call under way, from its start until something else happens: a task of its own would
    /// have to be woken, and to wake the loop, at every step.
    at_hand: Option<AtHand>,
    places: Arc<Places>,
    /// Calls that nobody waits for any more, until they have ended.
    ending: Vec<JoinHandle<()>>,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    questions: Questions,
    mail: Mailbox,
    inbox_after: u64,
    alarm: Option<Alarm>,
}

/// Ends at this time or after it. Set for a time that is past no timer, it may end for nothing, and
/// is then set anew; so that not every step sets one of its own.
struct Alarm {
    at: Timestamp,
    rings: BoxFuture<'static, ()>,
}

impl Driver {
    pub(crate) fn new(
        around: Surroundings,
        guests: Arc<dyn Guests>,
        watcher: Arc<Withheld>,
        claim: Claim,
        run: Run,
        known: Known,
    ) -> Self {
        let (sender, inputs) = mpsc::channel(INPUTS_WAITING);
        Self {
            mail: around.mailroom.open(claim.key()),
            around,
            guests,
            figures: None,
            watcher,
            by_the_book: false,
            key: claim.key().clone(),
            claim,
            outstanding: Outstanding::of(&run),
            places: Places::new(run.limits().max_concurrent),
            questions: Questions::new(&run),
            run,
            known,
            live: BTreeMap::new(),
            at_hand: None,
            ending: Vec::new(),
            sender,
            inputs,
            inbox_after: 0,
            alarm: None,
        }
    }

    /// Drives the run until it ends, or nothing is left to do but wait for a person.
    ///
    /// After an error the run in memory is gone and its claim released: the journal has what was
    /// committed, and whoever resumes the run goes on from there.
    pub(crate) async fn drive(
        mut self,
        first: Vec<Input>,
    ) -> Result<(Run, Stopped), ExecutorError> {
        let stopped = self.turn(first).await;
        self.end_calls().await;
        let released = self.around.journal.release(self.claim).await;
        let stopped = stopped?;
        released?;
        Ok((self.run, stopped))
    }

    async fn turn(&mut self, mut first: Vec<Input>) -> Result<Stopped, ExecutorError> {
        if self.guests.reads_figures() {
            let journal = &*self.around.journal;
            let (namespace, flow) = (&self.key.namespace, &self.run.flow().name);
            self.figures = Some(self.around.figures.of(journal, namespace, flow).await);
        }
        self.by_the_book = first.contains(&Input::Recovered);
        self.follow_migration();
        // What came due while nobody was there comes before anything that is called.
        first.extend(self.fired());
        self.take_in(&first, Vec::new()).await?;
        loop {
            self.look_into_inbox().await?;
            self.reconcile();
            if let Some(stopped) = self.stopped() {
                self.commit(Batch::default(), store::status_at_rest(&self.run))
                    .await?;
                return Ok(stopped);
            }
            if self.around.stop.is_cancelled() {
                return self.park().await;
            }
            let inputs = self.next_inputs().await;
            self.take_in_and_answer(inputs).await?;
        }
    }

    /// Folds inputs in, with what calls ask for, and answers these calls.
    async fn take_in_and_answer(&mut self, mut inputs: Vec<Input>) -> Result<(), ExecutorError> {
        // A call asks before it ends.
        inputs.splice(0..0, self.questions.inputs(&self.run));
        let recorded = self.take_in(&inputs, Vec::new()).await?;
        self.questions.answer(&self.run, &recorded);
        Ok(())
    }

    /// Ends what is under way and notes that nothing is: the next owner need not count the calls
    /// as ones that ended their host.
    async fn park(&mut self) -> Result<Stopped, ExecutorError> {
        self.hand_over();
        let mut inputs = self.await_outside().await?;
        self.end_calls().await;
        // Answers that are there already need not be bought again.
        inputs.extend(std::iter::from_fn(|| self.inputs.try_recv().ok()));
        self.take_in(&inputs, Vec::new()).await?;
        if self.run.status().is_final() {
            return Ok(Stopped::Ended);
        }
        self.commit(Batch::default(), store::parked()).await?;
        Ok(Stopped::Parked)
    }

    /// Gives requests that have left a while to be answered, and takes what comes meanwhile.
    async fn await_outside(&mut self) -> Result<Vec<Input>, ExecutorError> {
        let mut inputs = Vec::new();
        let clock = self.around.clock.clone();
        let until = clock.now().plus(PARK_GRACE);
        while self.places.outside() > 0 {
            tokio::select! {
                input = self.inputs.recv() => inputs.extend(input),
                () = self.questions.come() => self.take_in_and_answer(Vec::new()).await?,
                () = self.places.moved() => {}
                () = clock.sleep_until(until) => break,
            }
        }
        Ok(inputs)
    }

    async fn end_calls(&mut self) {
        // A call that has just answered must not wait for room in a channel that nobody empties.
        self.inputs.close();
        // Nobody polls it any more.
        self.at_hand = None;
        // All are told before the first is waited for.
        let told = std::mem::take(&mut self.live)
            .into_values()
            .filter_map(Live::cancelled);
        self.ending.extend(told);
        for task in self.ending.drain(..) {
            // The call ends within the sandbox's own bound; what a panic in it means was told.
            let _ = task.await;
        }
    }

    fn stopped(&self) -> Option<Stopped> {
        match self.run.status() {
            status if status.is_final() => Some(Stopped::Ended),
            RunStatus::Waiting if self.outstanding.is_empty() => Some(Stopped::Waiting),
            RunStatus::Paused if self.live.is_empty() => Some(Stopped::Waiting),
            _ => self.sleeps_long().then_some(Stopped::Asleep),
        }
    }

    fn sleeps_long(&self) -> bool {
        let idle = self.live.is_empty() && self.outstanding.calls.is_empty();
        match (self.around.asleep_after, self.outstanding.timers.first()) {
            (Some(after), Some((due, _))) if idle => due.since(self.around.clock.now()) > after,
            _ => false,
        }
    }

    /// Folds inputs in and makes what follows durable.
    async fn take_in(
        &mut self,
        inputs: &[Input],
        acks: Vec<String>,
    ) -> Result<Vec<Recorded>, ExecutorError> {
        let mut recorded = self.fold_in(inputs);
        let asked = recorded.len();
        recorded.extend(self.decide_at_once(inputs, &recorded).await);
        if let Err(error) = self.make_durable(&recorded, acks).await {
            self.watcher.forget();
            return Err(error);
        }
        let (question, answer) = recorded.split_at(asked);
        if !question.is_empty() {
            self.watcher.committed(&self.run, question);
        }
        self.watcher.release();
        if !answer.is_empty() {
            self.watcher.committed(&self.run, answer);
        }
        let migrated = |made: &Recorded| matches!(made.event, Event::Migrated { .. });
        if recorded.iter().any(migrated) {
            self.follow_migration();
        }
        Ok(recorded)
    }

    /// Folds inputs in, in memory.
    fn fold_in(&mut self, inputs: &[Input]) -> Vec<Recorded> {
        if let Some(figures) = &self.figures {
            figures.told(&self.run, inputs);
            let seen = figures.seen(self.run.flow());
            self.run.see(seen);
        }
        let recorded = self.run.advance(inputs, self.around.clock.now());
        if !recorded.is_empty() {
            self.outstanding = Outstanding::of(&self.run);
        }
        recorded
    }

    /// Asks the strategy what these events ask it, if it only computes, and folds its answer in if it
    /// has one at once. Otherwise it goes on when its question is durable, as every other call.
    async fn decide_at_once(&mut self, inputs: &[Input], recorded: &[Recorded]) -> Vec<Recorded> {
        if !self.may_decide_at_once(inputs, recorded) {
            return Vec::new();
        }
        self.watcher.withhold();
        self.reconcile();
        match self.answer_at_once().await {
            Some(Some(answer)) => self.fold_in(&[answer]),
            _ => Vec::new(),
        }
    }

    fn may_decide_at_once(&self, inputs: &[Input], recorded: &[Recorded]) -> bool {
        let alone = matches!(
            self.outstanding.calls[..],
            [(
                CallId {
                    of: CallOf::Decision(_),
                    ..
                },
                true
            )]
        );
        alone
            && !recorded.is_empty()
            && self
                .live
                .keys()
                .all(|id| inputs.iter().any(|input| ends(input, *id)))
            && !self.by_the_book
            && self.guests.decides_by_computing()
            && !recorded.iter().any(|made| ends_a_commit(&made.event))
            && !self.around.stop.is_cancelled()
    }

    async fn make_durable(
        &mut self,
        recorded: &[Recorded],
        acks: Vec<String>,
    ) -> Result<(), ExecutorError> {
        let mut batch = store::batch(&self.key, &self.run, recorded)?;
        batch.payloads.extend(self.questions.contents(recorded));
        self.known.change(&self.outstanding, &mut batch);
        batch.acks = acks;
        self.commit(batch, store::status_of(&self.run)).await
    }

    /// What is called from now on is what the run stays on by now. Calls under way keep their guests.
    fn follow_migration(&mut self) {
        if let Some(guests) = self.guests.migrated(&self.run.pins().plugins) {
            self.guests = guests;
        }
    }

    /// Makes a batch and a change of status durable, if there is anything in them.
    async fn commit(&mut self, mut batch: Batch, status: Status) -> Result<(), ExecutorError> {
        batch.status = self.known.changed(status);
        if batch.events.is_empty() && batch.acks.is_empty() && batch.status.is_none() {
            return Ok(());
        }
        let expected = self.run.next_seq() - batch.events.len() as u64;
        self.around
            .journal
            .commit(&self.claim, expected, batch)
            .await?;
        Ok(())
    }

    /// Waits for something to happen, and takes everything that has.
    async fn next_inputs(&mut self) -> Vec<Input> {
        // Guests that answer at once must not keep others from this thread.
        tokio::task::consume_budget().await;
        let mut inputs = Vec::new();
        match self.answer_at_once().await {
            Some(answer) => inputs.extend(answer),
            None => self.something(&mut inputs).await,
        }
        while let Ok(input) = self.inputs.try_recv() {
            inputs.push(input);
        }
        inputs.extend(self.fired());
        inputs
    }

    /// What came of the call at hand, if it is made without waiting for anything: most are, and then
    /// there is no need to set up all that the loop may wait for.
    async fn answer_at_once(&mut self) -> Option<Option<Input>> {
        let answer = std::future::poll_fn(|context| {
            let polled = match &mut self.at_hand {
                Some(at_hand) => at_hand.made.as_mut().poll(context),
                None => Poll::Pending,
            };
            Poll::Ready(match polled {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            })
        })
        .await;
        if answer.is_some() {
            self.at_hand = None;
        }
        answer
    }

    /// Waits for whatever is first. A call at hand that has not ended by then gets its own task.
    async fn something(&mut self, inputs: &mut Vec<Input>) {
        self.set_alarm();
        let mut at_hand = self.at_hand.take();
        let made = async {
            match &mut at_hand {
                Some(at_hand) => at_hand.made.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let alarm = &mut self.alarm;
        let timer = async {
            match alarm {
                Some(set) => {
                    set.rings.as_mut().await;
                    *alarm = None;
                }
                None => std::future::pending().await,
            }
        };
        let mut ended = false;
        tokio::select! {
            answer = made => {
                ended = true;
                inputs.extend(answer);
            }
            input = self.inputs.recv() => inputs.extend(input),
            () = self.questions.come() => {}
            () = timer => {}
            () = self.mail.may_have_come() => {}
            () = self.places.moved() => {}
            () = self.around.stop.cancelled() => {}
        }
        if !ended {
            self.at_hand = at_hand;
            self.hand_over();
        }
        if !self.around.clock.passes_by_itself() {
            self.alarm = None;
        }
    }

    /// Sees to it that the alarm rings no later than the first timer is due.
    fn set_alarm(&mut self) {
        let due = self.outstanding.timers.first().map(|(due, _)| *due);
        let late = |at: Timestamp| self.alarm.as_ref().is_none_or(|alarm| alarm.at > at);
        if let Some(at) = due.filter(|at| late(*at)) {
            let rings = self.around.clock.sleep_until(at);
            self.alarm = Some(Alarm { at, rings });
        }
    }

    /// Timers whose time has come, in due order.
    fn fired(&self) -> Vec<Input> {
        let now = self.around.clock.now();
        let due = self
            .outstanding
            .timers
            .iter()
            .take_while(|(due, _)| *due <= now);
        due.map(|(_, timer)| Input::TimerFired(*timer)).collect()
    }

    /// Folds in what others wish of the run, when it is time to look.
    async fn look_into_inbox(&mut self) -> Result<(), ExecutorError> {
        if self.run.status().is_final() || !self.mail.has_come().await? {
            return Ok(());
        }
        let entries = self
            .around
            .journal
            .take_inbox(&self.key, self.inbox_after)
            .await?;
        let Some(last) = entries.last() else {
            return Ok(());
        };
        self.inbox_after = last.position;
        let acks = entries.iter().map(|entry| entry.input_id.clone()).collect();
        let wishes: Vec<Input> = entries.iter().filter_map(wish_of).collect();
        let recorded = self.take_in(&wishes, acks).await?;
        self.questions.answer(&self.run, &recorded);
        Ok(())
    }

    /// Makes what is being done the same as what is outstanding.
    fn reconcile(&mut self) {
        self.ending.retain(|task| !task.is_finished());
        let calls = &self.outstanding.calls;
        let gone = |id: &CallId, _: &mut Live| !calls.iter().any(|(wanted, _)| wanted == id);
        let cancelled = self
            .live
            .extract_if(.., gone)
            .filter_map(|(_, live)| live.cancelled());
        self.ending.extend(cancelled);
        let most = self.run.limits().most_begun();
        for (id, may_start) in calls {
            if !*may_start || self.live.contains_key(id) {
                continue;
            }
            if self.live.len() >= most {
                return;
            }
            // Without one, whoever frees one says so.
            let Some(place) = self.places.take() else {
                return;
            };
            if let Some(call) = self.run.call(*id) {
                let alone = calls.len() == 1;
                let (live, at_hand) = self.start(call, place, alone);
                self.live.insert(*id, live);
                self.at_hand = at_hand;
            }
        }
    }

    /// Starts a call: in a task of its own, or, if it is the only one that there is, at hand.
    fn start(&self, call: Call, place: Place, alone: bool) -> (Live, Option<AtHand>) {
        let cancel = CancellationToken::new();
        let id = call.id;
        let guest = GuestTask {
            gate: self.around.gate.clone(),
            clock: self.around.clock.clone(),
            guests: self.guests.clone(),
            watcher: self.watcher.clone(),
            key: format!("{}/{}", self.key, call.role).into(),
            places: self.places.clone(),
            figures: self.figures.clone(),
            desk: self.questions.desk(),
            cancel: cancel.clone(),
        };
        let made = guest.make(call, place).boxed();
        let cancel = cancel.drop_guard();
        if alone {
            return (Live { cancel, task: None }, Some(AtHand { id, made }));
        }
        let task = Some(tokio::spawn(told(made, self.sender.clone())));
        (Live { cancel, task }, None)
    }

    /// Gives the call at hand a task of its own: the loop has something else to do.
    fn hand_over(&mut self) {
        let Some(AtHand { id, made }) = self.at_hand.take() else {
            return;
        };
        if let Some(live) = self.live.get_mut(&id) {
            live.task = Some(tokio::spawn(told(made, self.sender.clone())));
        }
    }
}

impl Live {
    fn cancelled(self) -> Option<JoinHandle<()>> {
        drop(self.cancel);
        self.task
    }
}

/// Makes a call and tells the loop of its answer.
async fn told(made: BoxFuture<'static, Option<Input>>, loop_of_run: mpsc::Sender<Input>) {
    if let Some(input) = made.await {
        // The loop is gone when this fails, and the run with it.
        let _ = loop_of_run.send(input).await;
    }
}

/// Whether the input is the answer of this call.
fn ends(input: &Input, id: CallId) -> bool {
    match input {
        Input::StepEnded { call, .. } | Input::Decided { call, .. } => *call == id,
        _ => false,
    }
}

/// Whether what is made after this event must not be made durable with it: a checkpoint stands for the
/// run as it was just behind it, and after a migration other guests are called.
fn ends_a_commit(event: &Event) -> bool {
    matches!(event, Event::Checkpointed { .. } | Event::Migrated { .. })
}

fn wish_of(entry: &InboxEntry) -> Option<Input> {
    match serde_json::from_str::<InboxWish>(&entry.json) {
        Ok(InboxWish { by, wish }) => Some(Input::Wish {
            id: entry.input_id.clone(),
            by,
            wish,
        }),
        Err(error) => {
            // It is acknowledged all the same: it would be in the way for ever.
            tracing::warn!(input = %entry.input_id, %error, "an inbox entry cannot be read");
            None
        }
    }
}
