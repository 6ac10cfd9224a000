//! Takes the host calls of one execution of an attempt through the call log, in order.
//!
//! Output commit: before an effect leaves the host, and before the call is said to have ended, all
//! earlier answers are durable. An intent is durable before its effect leaves; an answer is durable
//! before the guest has it, but for a read's, which may be lost without harm until something follows
//! from it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use crate::call_log::{
    CallKey, CallLog, CallLogError, CallTrouble, EffectClass, Intent, Interface, Known, OnUnknown,
};

/// A host call with an effect, as the guest asks for it.
#[derive(Clone, Debug)]
pub struct HostCall<'request> {
    /// Whose call it is.
    pub interface: Interface,
    /// What a crash between intent and record means.
    pub effect: EffectClass,
    /// Nothing changes by it, however often it is made: its answer may reach the guest before it is
    /// durable.
    pub read: bool,
    /// What becomes of it when it is at-most-once and its outcome is not known.
    pub on_unknown: OnUnknown,
    /// Equal for equal calls, and for no others.
    pub request: &'request [u8],
}

/// How a call is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// For endpoints that honour one.
    pub idempotency_key: String,
    /// The call's number within the attempt.
    pub ordinal: u32,
    /// The call may have happened before.
    pub repeated: bool,
}

/// What came of making a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// This is the answer, be it good or bad, and the guest will always see it.
    Answer(Vec<u8>),
    /// The call may have happened or not. Where that is no matter the guest sees this.
    Unknown(Vec<u8>),
    /// The host could not make the call, and nothing left it.
    Failed(String),
}

/// What the log says of a call that the guest asks for.
#[derive(Debug)]
pub enum Opened {
    /// It was made before: this was its answer.
    Answered(Vec<u8>),
    /// It is to be made.
    New(Ticket),
}

/// A call that is to be made.
#[derive(Debug)]
pub struct Ticket {
    key: CallKey,
    intent: Intent,
    read: bool,
    /// Set when the call must not be made twice.
    once: Option<OnUnknown>,
    repeated: bool,
}

/// A call under way. Dropped, it is given up.
pub struct InFlight {
    answer: oneshot::Receiver<Result<Vec<u8>, CallTrouble>>,
    task: AbortOnDropHandle<Result<(), CallLogError>>,
}

impl InFlight {
    /// Waits for the answer, but no longer than that.
    pub async fn wait(&mut self, patience: Duration) -> Option<Result<Vec<u8>, CallTrouble>> {
        let answer = tokio::time::timeout(patience, &mut self.answer)
            .await
            .ok()?;
        Some(answer.unwrap_or_else(|_| Err(ended_silently())))
    }

    /// Waits until the answer is in the log, where another execution finds it.
    ///
    /// # Errors
    /// When there is none, for the reason given.
    pub async fn recorded(self) -> Result<(), CallTrouble> {
        let answer = self.answer.await.unwrap_or_else(|_| Err(ended_silently()));
        answer?;
        joined(self.task).await
    }
}

fn ended_silently() -> CallTrouble {
    CallTrouble::Failed("the host panicked while making a host call".to_owned())
}

async fn joined(task: AbortOnDropHandle<Result<(), CallLogError>>) -> Result<(), CallTrouble> {
    Ok(task.await.map_err(|_| ended_silently())??)
}

/// A call that left the host and must not leave it again, as long as its answer is not recorded.
type Doubt = Arc<Mutex<Option<(u32, OnUnknown)>>>;

fn set(doubt: &Doubt, to: Option<(u32, OnUnknown)>) {
    *doubt.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

/// Takes one attempt's host calls through the log, in order.
pub struct Recorder {
    log: Arc<dyn CallLog>,
    plugin: String,
    /// Of the next call.
    key: CallKey,
    repeats: u32,
    /// A read whose answer the guest has, and which may not be durable yet.
    late: Option<AbortOnDropHandle<Result<(), CallLogError>>>,
    doubt: Doubt,
}

impl Recorder {
    /// A recorder at the beginning of an execution of an attempt of `plugin`.
    #[must_use]
    pub fn new(
        log: Arc<dyn CallLog>,
        run: String,
        step: String,
        attempt: u32,
        plugin: String,
    ) -> Recorder {
        let key = CallKey {
            run,
            step,
            attempt,
            ordinal: 0,
        };
        Recorder {
            log,
            plugin,
            key,
            repeats: 0,
            late: None,
            doubt: Doubt::default(),
        }
    }

    /// How many calls of this execution may have been made twice.
    #[must_use]
    pub fn repeats(&self) -> u32 {
        self.repeats
    }

    /// A call of which nobody will know what came of it if this execution ends now.
    #[must_use]
    pub fn in_doubt(&self) -> Option<(u32, OnUnknown)> {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the next call its number and looks it up.
    ///
    /// # Errors
    /// [`CallTrouble`] when the request is not the recorded one, when nobody can know what came of
    /// it, or when the log fails.
    pub async fn open(&mut self, call: &HostCall<'_>) -> Result<Opened, CallTrouble> {
        let mut ticket = Ticket {
            key: self.key.clone(),
            intent: Intent {
                interface: call.interface,
                effect: call.effect,
                request_digest: digest(call.request),
            },
            read: call.read,
            once: (call.effect == EffectClass::AtMostOnce).then_some(call.on_unknown),
            repeated: false,
        };
        if call.effect == EffectClass::Pure {
            return Ok(Opened::New(ticket));
        }
        let ordinal = self.key.ordinal;
        self.key.ordinal += 1;
        match self.log.lookup(&ticket.key).await? {
            Known::Nothing => {}
            Known::Intended(before) | Known::Answered(before, _) if before != ticket.intent => {
                return Err(self.nondeterministic(ordinal));
            }
            Known::Answered(_, answer) => return Ok(Opened::Answered(answer)),
            Known::Intended(_) => {
                if let Some(on_unknown @ (OnUnknown::Review | OnUnknown::Fail)) = ticket.once {
                    return Err(CallTrouble::OutcomeUnknown {
                        ordinal,
                        on_unknown,
                    });
                }
                self.repeats += u32::from(call.effect != EffectClass::Idempotent);
                ticket.repeated = true;
            }
        }
        Ok(Opened::New(ticket))
    }

    /// Writes the intent down and lets the call leave.
    ///
    /// # Errors
    /// When the log fails; then nothing has left.
    pub async fn start<Make, Making>(
        &mut self,
        ticket: Ticket,
        make: Make,
    ) -> Result<InFlight, CallTrouble>
    where
        Make: FnOnce(Permission) -> Making + Send + 'static,
        Making: Future<Output = Made> + Send + 'static,
    {
        self.settle().await?;
        if ticket.intent.effect != EffectClass::Pure {
            if ticket.read {
                self.log.intend_read(&ticket.key, &ticket.intent).await?;
            } else {
                self.log.intend(&ticket.key, &ticket.intent).await?;
            }
        }
        if let Some(on_unknown @ (OnUnknown::Review | OnUnknown::Fail)) = ticket.once {
            set(&self.doubt, Some((ticket.key.ordinal, on_unknown)));
        }
        let (tell, answer) = oneshot::channel();
        let (log, doubt) = (self.log.clone(), self.doubt.clone());
        let task = tokio::spawn(fly(log, doubt, ticket, make, tell));
        Ok(InFlight {
            answer,
            task: AbortOnDropHandle::new(task),
        })
    }

    /// Takes over a call whose answer the guest has.
    pub fn landed(&mut self, flight: InFlight) {
        self.late = Some(flight.task);
    }

    /// Waits until every answer that the guest has is durable.
    ///
    /// # Errors
    /// When the log failed to keep one.
    pub async fn settle(&mut self) -> Result<(), CallTrouble> {
        match self.late.take() {
            Some(task) => joined(task).await,
            None => Ok(()),
        }
    }

    /// To be asked when the guest has answered: it should have made every call that is recorded.
    ///
    /// # Errors
    /// [`CallTrouble::Nondeterministic`] when an earlier execution went further.
    pub async fn complete(&mut self) -> Result<(), CallTrouble> {
        self.settle().await?;
        if self.log.expects(&self.key).await? {
            return Err(self.nondeterministic(self.key.ordinal));
        }
        Ok(())
    }

    fn nondeterministic(&self, ordinal: u32) -> CallTrouble {
        CallTrouble::Nondeterministic {
            plugin: self.plugin.clone(),
            ordinal,
        }
    }
}

/// Makes the call and records its answer; the guest hears of it as early as may be.
async fn fly<Make, Making>(
    log: Arc<dyn CallLog>,
    doubt: Doubt,
    ticket: Ticket,
    make: Make,
    tell: oneshot::Sender<Result<Vec<u8>, CallTrouble>>,
) -> Result<(), CallLogError>
where
    Make: FnOnce(Permission) -> Making,
    Making: Future<Output = Made>,
{
    let permission = Permission {
        idempotency_key: ticket.key.idempotency_key(),
        ordinal: ticket.key.ordinal,
        repeated: ticket.repeated,
    };
    // Nobody listens any more when the call was given up: then sending fails, which is no matter.
    let answer = match (make(permission).await, ticket.once) {
        (Made::Failed(message), _) => {
            set(&doubt, None);
            let _ = tell.send(Err(CallTrouble::Failed(message)));
            return Ok(());
        }
        (Made::Unknown(_), Some(on_unknown @ (OnUnknown::Review | OnUnknown::Fail))) => {
            let ordinal = ticket.key.ordinal;
            let _ = tell.send(Err(CallTrouble::OutcomeUnknown {
                ordinal,
                on_unknown,
            }));
            return Ok(());
        }
        (Made::Answer(answer) | Made::Unknown(answer), _) => answer,
    };
    if ticket.intent.effect == EffectClass::Pure {
        let _ = tell.send(Ok(answer));
        return Ok(());
    }
    if ticket.read {
        let _ = tell.send(Ok(answer.clone()));
        return log.record(&ticket.key, &answer).await;
    }
    let recorded = log.record(&ticket.key, &answer).await;
    if recorded.is_ok() {
        set(&doubt, None);
    }
    let told = recorded.clone().map(|()| answer).map_err(CallTrouble::from);
    let _ = tell.send(told);
    recorded
}

fn digest(request: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(request)))
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
