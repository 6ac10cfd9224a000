//! Where calls under way ask their run's loop for what only the run's state knows.
//!
//! The loop is the only one that changes the state, and answers when what it answers is durable.

use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallId, Event, Recorded, SharedOutcome};
use menagerie_orchestration::input::Input;
use menagerie_orchestration::run::Run;
use menagerie_orchestration::shared::{SharedChange, Versioned};
use menagerie_sandbox::{SharedAnswer, SharedState, SharedValue};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait for the loop; whoever asks more waits too.
const QUESTIONS_WAITING: usize = 64;

/// Where the calls of one run ask. Clones ask the same loop.
#[derive(Clone)]
pub struct Desk(mpsc::Sender<Question>);

/// What a call wants to know or have.
pub(crate) enum Question {
    /// A value.
    Get {
        key: String,
        tell: oneshot::Sender<Option<SharedValue>>,
    },
    /// A change of one.
    Set {
        change: Box<SharedChange>,
        tell: oneshot::Sender<SharedAnswer>,
    },
}

/// The loop's side of the desk.
pub(crate) struct Questions {
    desk: Desk,
    waiting: mpsc::Receiver<Question>,
    taken: Vec<Question>,
}

impl Questions {
    pub(crate) fn new() -> Self {
        let (sender, waiting) = mpsc::channel(QUESTIONS_WAITING);
        Self {
            desk: Desk(sender),
            waiting,
            taken: Vec::new(),
        }
    }

    pub(crate) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Waits for a question, and takes it. Nothing is lost when the future is dropped.
    pub(crate) async fn come(&mut self) {
        if !self.taken.is_empty() {
            return;
        }
        match self.waiting.recv().await {
            Some(question) => self.taken.push(question),
            // This end holds a desk itself.
            None => std::future::pending().await,
        }
    }

    /// What the machine is to be told of the questions that wait: changes that were not made before.
    pub(crate) fn inputs(&mut self, run: &Run) -> Vec<Input> {
        while let Ok(question) = self.waiting.try_recv() {
            self.taken.push(question);
        }
        let changes = self.taken.iter().filter_map(|question| match question {
            Question::Set { change, .. } => Some(change),
            Question::Get { .. } => None,
        });
        changes
            .filter(|change| {
                run.shared_version_made(change.call, change.ordinal)
                    .is_none()
            })
            .map(|change| Input::SharedSet(change.clone()))
            .collect()
    }

    /// Answers what was taken, now that `recorded` is durable. A call that is not outstanding any more
    /// gets no answer, and needs none.
    pub(crate) fn answer(&mut self, run: &Run, recorded: &[Recorded]) {
        for question in self.taken.drain(..) {
            match question {
                Question::Get { key, tell } => {
                    // Whoever does not wait any more is not told.
                    let _ = tell.send(run.shared(&key).map(value_of));
                }
                Question::Set { change, tell } => {
                    if let Some(answer) = answer_to(&change, run, recorded) {
                        let _ = tell.send(answer);
                    }
                }
            }
        }
    }
}

fn answer_to(change: &SharedChange, run: &Run, recorded: &[Recorded]) -> Option<SharedAnswer> {
    let outcome = recorded.iter().find_map(|made| match &made.event {
        Event::SharedSet {
            call,
            attempt,
            execution,
            ordinal,
            outcome,
            ..
        } => {
            let id = CallId {
                of: *call,
                attempt: *attempt,
                execution: *execution,
            };
            (id == change.call && *ordinal == change.ordinal).then_some(*outcome)
        }
        _ => None,
    });
    Some(match outcome {
        Some(SharedOutcome::Set { version }) => SharedAnswer::Set(version),
        // What is there by now may be newer than what the change met: it conflicts with that, too.
        Some(SharedOutcome::Conflict { .. }) => {
            SharedAnswer::Conflict(run.shared(&change.key).map(value_of))
        }
        Some(SharedOutcome::Full) => SharedAnswer::Full,
        None => SharedAnswer::Set(run.shared_version_made(change.call, change.ordinal)?),
    })
}

fn value_of(found: &Versioned) -> SharedValue {
    SharedValue {
        version: found.version,
        value: found.value.to_text(),
    }
}

/// What the steps of a run share, as one call of it sees that.
pub(crate) struct SharedOfCall {
    pub(crate) call: CallId,
    pub(crate) desk: Desk,
}

impl SharedOfCall {
    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, String> {
        let gone = || "the run's loop has ended".to_owned();
        let (tell, told) = oneshot::channel();
        self.desk.0.send(question(tell)).await.map_err(|_| gone())?;
        told.await.map_err(|_| gone())
    }
}

#[async_trait::async_trait]
impl SharedState for SharedOfCall {
    async fn get(&self, key: &str) -> Result<Option<SharedValue>, String> {
        let key = key.to_owned();
        self.ask(|tell| Question::Get { key, tell }).await
    }

    async fn compare_and_set(
        &self,
        ordinal: u32,
        key: &str,
        expected: Option<u32>,
        value: &str,
    ) -> Result<SharedAnswer, String> {
        let value: Value = serde_json::from_str(value).map_err(|error| error.to_string())?;
        let change = Box::new(SharedChange {
            call: self.call,
            ordinal,
            key: key.to_owned(),
            expected,
            value: Document::from(value),
        });
        self.ask(|tell| Question::Set { change, tell }).await
    }
}

/// Of a call that is only made again: all its answers are in the log, and it gets no others.
pub(crate) struct NothingShared;

#[async_trait::async_trait]
impl SharedState for NothingShared {
    async fn get(&self, _key: &str) -> Result<Option<SharedValue>, String> {
        Err("a replay asks for nothing".to_owned())
    }

    async fn compare_and_set(
        &self,
        _ordinal: u32,
        _key: &str,
        _expected: Option<u32>,
        _value: &str,
    ) -> Result<SharedAnswer, String> {
        Err("a replay changes nothing".to_owned())
    }
}
