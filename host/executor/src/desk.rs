//! Where calls under way ask their run's loop for what only the run's state knows: what the steps share,
//! and which artifacts there are. What the loop has to say unasked, that a grant is gone, stands here too.
//!
//! The loop is the only one that changes the state, and answers when what it answers is durable.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use menagerie_journal::Content;
use menagerie_orchestration::artifact::{Artifact, NewArtifact};
use menagerie_orchestration::event::{CallId, Event, Recorded, SharedOutcome};
use menagerie_orchestration::input::Input;
use menagerie_orchestration::run::Run;
use menagerie_orchestration::shared::{SharedChange, Versioned};
use menagerie_sandbox::{ArtifactInfo, SharedAnswer, SharedValue};
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait for the loop; whoever asks more waits too.
const QUESTIONS_WAITING: usize = 64;

/// Where the calls of one run ask. Clones ask the same loop.
#[derive(Clone)]
pub struct Desk {
    sender: mpsc::Sender<Question>,
    gone: Arc<RwLock<BTreeSet<(String, String)>>>,
}

/// What a call wants to know or have.
pub(crate) enum Question {
    /// A value that the steps share.
    Get {
        key: String,
        tell: oneshot::Sender<Option<SharedValue>>,
    },
    /// A change of one.
    Set {
        change: Box<SharedChange>,
        tell: oneshot::Sender<SharedAnswer>,
    },
    /// An artifact, by its id.
    Stat {
        id: String,
        tell: oneshot::Sender<Option<ArtifactInfo>>,
    },
    /// A new one.
    Put {
        new: Box<NewArtifact>,
        content: Content,
        tell: oneshot::Sender<Option<ArtifactInfo>>,
    },
}

impl Desk {
    /// Asks, and waits for the answer.
    pub(crate) async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, String> {
        let ended = || "the run's loop has ended".to_owned();
        let (tell, told) = oneshot::channel();
        let sent = self.sender.send(question(tell)).await;
        sent.map_err(|_| ended())?;
        told.await.map_err(|_| ended())
    }

    /// Whether a use of a plugin has lost a grant.
    pub(crate) fn is_revoked(&self, role: &str, interface: &str) -> bool {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let mut gone = gone.iter();
        gone.any(|(of, taken)| of == role && taken == interface)
    }
}

/// The loop's side of the desk.
pub(crate) struct Questions {
    desk: Desk,
    waiting: mpsc::Receiver<Question>,
    taken: Vec<Question>,
}

impl Questions {
    pub(crate) fn new(run: &Run) -> Self {
        let (sender, waiting) = mpsc::channel(QUESTIONS_WAITING);
        let desk = Desk {
            sender,
            gone: Arc::default(),
        };
        let questions = Self {
            desk,
            waiting,
            taken: Vec::new(),
        };
        questions.tell_revoked(run);
        questions
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

    /// What the machine is to be told of the questions that wait: what was not done before.
    pub(crate) fn inputs(&mut self, run: &Run) -> Vec<Input> {
        while let Ok(question) = self.waiting.try_recv() {
            self.taken.push(question);
        }
        let inputs = self.taken.iter().filter_map(|question| match question {
            Question::Set { change, .. } => {
                let made = run.shared_version_made(change.call, change.ordinal);
                made.is_none().then(|| Input::SharedSet(change.clone()))
            }
            Question::Put { new, .. } => {
                let made = run.artifact_made(new.call, new.ordinal);
                made.is_none().then(|| Input::ArtifactPut(new.clone()))
            }
            Question::Get { .. } | Question::Stat { .. } => None,
        });
        inputs.collect()
    }

    /// The contents of the artifacts that were made: they become durable with their events.
    pub(crate) fn contents(&self, recorded: &[Recorded]) -> Vec<Content> {
        let made = recorded.iter().filter_map(|made| match &made.event {
            Event::ArtifactPut { artifact, .. } => Some(artifact.digest.as_str()),
            _ => None,
        });
        let made: BTreeSet<&str> = made.collect();
        let contents = self.taken.iter().filter_map(|question| match question {
            Question::Put { new, content, .. } if made.contains(new.artifact.digest.as_str()) => {
                Some(content.clone())
            }
            _ => None,
        });
        contents.collect()
    }

    /// Answers what was taken, now that `recorded` is durable. A call that is not outstanding any more
    /// gets no answer, and needs none.
    pub(crate) fn answer(&mut self, run: &Run, recorded: &[Recorded]) {
        let revoked = |made: &Recorded| {
            let event = &made.event;
            matches!(
                event,
                Event::GrantRevoked { .. } | Event::GrantReturned { .. }
            )
        };
        if recorded.iter().any(revoked) {
            self.tell_revoked(run);
        }
        // Whoever does not wait any more is not told.
        for question in self.taken.drain(..) {
            match question {
                Question::Get { key, tell } => {
                    let _ = tell.send(run.shared(&key).map(value_of));
                }
                Question::Set { change, tell } => {
                    if let Some(answer) = answer_to(&change, run, recorded) {
                        let _ = tell.send(answer);
                    }
                }
                Question::Stat { id, tell } => {
                    let _ = tell.send(run.artifact(&id).map(info_of));
                }
                Question::Put { new, tell, .. } => {
                    let made = run.artifact_made(new.call, new.ordinal);
                    if made.is_some() || run.is_outstanding(new.call) {
                        let _ = tell.send(made.map(info_of));
                    }
                }
            }
        }
    }

    fn tell_revoked(&self, run: &Run) {
        let taken = run.revoked();
        let taken = taken.map(|(role, interface)| (role.to_owned(), interface.to_owned()));
        let mut gone = self
            .desk
            .gone
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *gone = taken.collect();
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

fn info_of(artifact: &Artifact) -> ArtifactInfo {
    ArtifactInfo {
        id: artifact.id.clone(),
        name: artifact.name.clone(),
        version: artifact.version,
        media_type: artifact.media_type.clone(),
        digest: artifact.digest.clone(),
        size: artifact.size,
    }
}
