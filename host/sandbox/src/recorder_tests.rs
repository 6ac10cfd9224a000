//! What a crash between intent and record means for each class of effect, and what is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{HostCall, Made, Opened, Permission, Recorder};
use crate::call_log::{
    CallKey, CallLog, CallLogError, CallTrouble, EffectClass, Intent, Interface, Known,
    MemoryCallLog, OnUnknown,
};

/// A store that outlives executions, and how often the effect left the host.
#[derive(Default)]
struct World {
    log: Arc<MemoryCallLog>,
    made: Arc<AtomicU32>,
}

/// How long a test waits for what comes at once.
const PATIENCE: Duration = Duration::from_secs(30);

fn call(effect: EffectClass, request: &str) -> HostCall<'_> {
    HostCall {
        interface: Interface::Http,
        effect,
        read: false,
        on_unknown: OnUnknown::Review,
        request: request.as_bytes(),
    }
}

async fn through<Making>(
    recorder: &mut Recorder,
    call: HostCall<'_>,
    make: impl FnOnce(Permission) -> Making + Send + 'static,
) -> Result<Vec<u8>, CallTrouble>
where
    Making: Future<Output = Made> + Send + 'static,
{
    let ticket = match recorder.open(&call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(ticket) => ticket,
    };
    let mut flight = recorder.start(ticket, make).await?;
    let answer = flight.wait(PATIENCE).await.expect("an answer in time");
    recorder.landed(flight);
    answer
}

impl World {
    fn execution(&self) -> Recorder {
        let (run, step) = ("run".to_owned(), "step".to_owned());
        Recorder::new(self.log.clone(), run, step, 1, "plugin".to_owned())
    }

    async fn perform(
        &self,
        recorder: &mut Recorder,
        effect: EffectClass,
        request: &str,
    ) -> Result<String, CallTrouble> {
        self.perform_call(recorder, call(effect, request)).await
    }

    async fn perform_call(
        &self,
        recorder: &mut Recorder,
        call: HostCall<'_>,
    ) -> Result<String, CallTrouble> {
        let made = self.made.clone();
        let make = move |permission: Permission| async move {
            let number = made.fetch_add(1, Ordering::Relaxed);
            let (key, repeated) = (permission.idempotency_key, permission.repeated);
            Made::Answer(format!("{number} {key} {repeated}").into_bytes())
        };
        let answer = through(recorder, call, make).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// An execution that is cut off after the intent.
    async fn crash(&self, effect: EffectClass) -> Recorder {
        let mut recorder = self.execution();
        let opened = recorder.open(&call(effect, "request")).await;
        let Ok(Opened::New(ticket)) = opened else {
            panic!("{opened:?}");
        };
        let flight = recorder.start(ticket, |_| std::future::pending()).await;
        drop(flight.expect("the intent is written"));
        recorder
    }
}

fn unknown(ordinal: u32) -> CallTrouble {
    CallTrouble::OutcomeUnknown {
        ordinal,
        on_unknown: OnUnknown::Review,
    }
}

fn nondeterministic(ordinal: u32) -> CallTrouble {
    CallTrouble::Nondeterministic {
        plugin: "plugin".to_owned(),
        ordinal,
    }
}

const RECORDED: [EffectClass; 3] = [
    EffectClass::Idempotent,
    EffectClass::AtLeastOnce,
    EffectClass::AtMostOnce,
];

#[tokio::test]
async fn a_recorded_answer_is_given_again_and_the_call_is_not_made_again() {
    for effect in RECORDED {
        let world = World::default();
        let first = world
            .perform(&mut world.execution(), effect, "request")
            .await;
        assert_eq!(first, Ok("0 run:step:0 false".to_owned()));
        assert_eq!(
            world
                .perform(&mut world.execution(), effect, "request")
                .await,
            first
        );
        assert_eq!(world.made.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_pure_call_is_made_again_and_leaves_no_trace() {
    let world = World::default();
    for expected in ["0 run:step:0 false", "1 run:step:0 false"] {
        let answer = world
            .perform(&mut world.execution(), EffectClass::Pure, "request")
            .await;
        assert_eq!(answer, Ok(expected.to_owned()));
    }
    let key = CallKey {
        run: "run".into(),
        step: "step".into(),
        attempt: 1,
        ordinal: 0,
    };
    assert_eq!(world.log.lookup(&key).await, Ok(Known::Nothing));
}

#[tokio::test]
async fn calls_are_numbered_in_their_order() {
    let world = World::default();
    let mut execution = world.execution();
    for (effect, expected) in [
        (EffectClass::Idempotent, "0 run:step:0 false"),
        (EffectClass::Pure, "1 run:step:1 false"),
        (EffectClass::AtMostOnce, "2 run:step:1 false"),
    ] {
        assert_eq!(
            world.perform(&mut execution, effect, "request").await,
            Ok(expected.to_owned())
        );
    }
}

#[tokio::test]
async fn another_request_under_a_number_is_nondeterministic() {
    let world = World::default();
    let mut first = world.execution();
    for request in ["one", "two"] {
        let answer = world
            .perform(&mut first, EffectClass::Idempotent, request)
            .await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    let mut second = world.execution();
    assert!(
        world
            .perform(&mut second, EffectClass::Idempotent, "one")
            .await
            .is_ok()
    );
    let answer = world
        .perform(&mut second, EffectClass::Idempotent, "three")
        .await;
    assert_eq!(answer, Err(nondeterministic(1)));
    let answer = world
        .perform(&mut world.execution(), EffectClass::AtMostOnce, "one")
        .await;
    assert_eq!(answer, Err(nondeterministic(0)), "another class, too");
    assert_eq!(world.made.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_call_cut_off_before_its_record_follows_its_class() {
    for (effect, expected, repeats) in [
        (
            EffectClass::Idempotent,
            Ok("0 run:step:0 true".to_owned()),
            0,
        ),
        (
            EffectClass::AtLeastOnce,
            Ok("0 run:step:0 true".to_owned()),
            1,
        ),
        (EffectClass::AtMostOnce, Err(unknown(0)), 0),
    ] {
        let world = World::default();
        world.crash(effect).await;
        let mut execution = world.execution();
        assert_eq!(
            world.perform(&mut execution, effect, "request").await,
            expected
        );
        assert_eq!(execution.repeats(), repeats);
        assert_eq!(
            world.made.load(Ordering::Relaxed),
            u32::from(expected.is_ok())
        );
    }
}

#[tokio::test]
async fn the_strict_log_refuses_what_no_recorder_does() {
    let log = MemoryCallLog::default();
    let key = CallKey {
        run: "run".into(),
        step: "step".into(),
        attempt: 1,
        ordinal: 0,
    };
    let intent = Intent {
        interface: Interface::Http,
        effect: EffectClass::Idempotent,
        request_digest: "sha256:1".into(),
    };
    let other = Intent {
        request_digest: "sha256:2".into(),
        ..intent.clone()
    };
    assert!(
        log.record(&key, b"answer").await.is_err(),
        "an answer without an intent"
    );
    assert_eq!(log.intend(&key, &intent).await, Ok(()));
    assert_eq!(log.lookup(&key).await, Ok(Known::Intended(intent.clone())));
    assert_eq!(log.intend(&key, &intent).await, Ok(()), "a repeat");
    assert!(log.intend(&key, &other).await.is_err(), "another intent");
    assert_eq!(log.record(&key, b"answer").await, Ok(()));
    assert!(
        log.record(&key, b"answer").await.is_err(),
        "a second answer"
    );
    assert!(
        log.intend(&key, &intent).await.is_err(),
        "an intent after the answer"
    );
    assert_eq!(
        log.lookup(&key).await,
        Ok(Known::Answered(intent, b"answer".to_vec()))
    );
}

#[tokio::test]
async fn a_call_that_must_not_be_repeated_is_in_doubt_until_it_is_recorded() {
    let world = World::default();
    let cut_off = world.crash(EffectClass::AtMostOnce).await;
    assert_eq!(cut_off.in_doubt(), Some((0, OnUnknown::Review)));
    let world = World::default();
    let mut whole = world.execution();
    let answer = world
        .perform(&mut whole, EffectClass::AtMostOnce, "request")
        .await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(whole.in_doubt(), None);
    let repeated = World::default().crash(EffectClass::AtLeastOnce).await;
    assert_eq!(repeated.in_doubt(), None);
}

#[tokio::test]
async fn the_grant_says_what_becomes_of_a_call_in_doubt() {
    for (on_unknown, expected) in [
        (OnUnknown::Retry, Ok("0 run:step:0 true".to_owned())),
        (OnUnknown::Review, Err(unknown(0))),
        (
            OnUnknown::Fail,
            Err(CallTrouble::OutcomeUnknown {
                ordinal: 0,
                on_unknown: OnUnknown::Fail,
            }),
        ),
    ] {
        let world = World::default();
        world.crash(EffectClass::AtMostOnce).await;
        let again = HostCall {
            on_unknown,
            ..call(EffectClass::AtMostOnce, "request")
        };
        let mut execution = world.execution();
        assert_eq!(world.perform_call(&mut execution, again).await, expected);
        assert_eq!(execution.repeats(), u32::from(expected.is_ok()));
    }
}

#[tokio::test]
async fn a_call_that_broke_off_on_its_way_is_as_unknown_as_one_cut_off_by_a_crash() {
    let broke_off = |_| async { Made::Unknown(b"timeout".to_vec()) };
    for (effect, expected) in [
        (EffectClass::Idempotent, Ok(b"timeout".to_vec())),
        (EffectClass::AtLeastOnce, Ok(b"timeout".to_vec())),
        (EffectClass::AtMostOnce, Err(unknown(0))),
    ] {
        let world = World::default();
        for execution in ["first", "again"] {
            let mut recorder = world.execution();
            let answer = through(&mut recorder, call(effect, "request"), broke_off).await;
            assert_eq!(answer, expected, "{effect:?}, {execution}");
        }
    }
}

#[tokio::test]
async fn what_the_host_could_not_send_is_no_answer_and_leaves_no_doubt() {
    let world = World::default();
    let mut recorder = world.execution();
    let failed = |_| async { Made::Failed("no secret".to_owned()) };
    let answer = through(
        &mut recorder,
        call(EffectClass::AtMostOnce, "request"),
        failed,
    )
    .await;
    assert_eq!(answer, Err(CallTrouble::Failed("no secret".to_owned())));
    assert_eq!(recorder.in_doubt(), None);
}

#[tokio::test]
async fn an_execution_that_makes_fewer_calls_than_the_one_before_is_nondeterministic() {
    let world = World::default();
    let mut first = world.execution();
    for request in ["one", "two"] {
        let answer = world
            .perform(&mut first, EffectClass::Idempotent, request)
            .await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    assert_eq!(first.complete().await, Ok(()));
    let mut second = world.execution();
    let answer = world
        .perform(&mut second, EffectClass::Idempotent, "one")
        .await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(second.complete().await, Err(nondeterministic(1)));
}

/// A log that keeps answers back until it is let.
struct SlowLog {
    log: MemoryCallLog,
    gate: tokio::sync::Semaphore,
}

#[async_trait::async_trait]
impl CallLog for SlowLog {
    async fn lookup(&self, key: &CallKey) -> Result<Known, CallLogError> {
        self.log.lookup(key).await
    }

    async fn intend(&self, key: &CallKey, intent: &Intent) -> Result<(), CallLogError> {
        self.log.intend(key, intent).await
    }

    async fn record(&self, key: &CallKey, answer: &[u8]) -> Result<(), CallLogError> {
        let permit = self.gate.acquire().await;
        permit
            .map_err(|error| CallLogError(error.to_string()))?
            .forget();
        self.log.record(key, answer).await
    }
}

#[tokio::test]
async fn a_reads_answer_reaches_the_guest_before_it_is_durable_and_nothing_leaves_before_it_is() {
    let log = Arc::new(SlowLog {
        log: MemoryCallLog::default(),
        gate: tokio::sync::Semaphore::new(0),
    });
    let (run, step) = ("run".to_owned(), "step".to_owned());
    let mut recorder = Recorder::new(log.clone(), run, step, 1, "plugin".to_owned());
    let read = HostCall {
        read: true,
        ..call(EffectClass::Idempotent, "one")
    };
    let answer = |_| async { Made::Answer(b"answer".to_vec()) };
    let first = through(&mut recorder, read, answer).await;
    assert_eq!(first, Ok(b"answer".to_vec()));
    let key = CallKey {
        run: "run".into(),
        step: "step".into(),
        attempt: 1,
        ordinal: 0,
    };
    assert!(matches!(log.lookup(&key).await, Ok(Known::Intended(_))));

    let left = Arc::new(AtomicU32::new(0));
    let counted = left.clone();
    let effect = move |_| async move {
        counted.fetch_add(1, Ordering::Relaxed);
        Made::Answer(b"done".to_vec())
    };
    let second = call(EffectClass::AtMostOnce, "two");
    let mut second = Box::pin(through(&mut recorder, second, effect));
    for _ in 0..100 {
        assert!(futures_util::poll!(&mut second).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(
        left.load(Ordering::Relaxed),
        0,
        "an answer is not durable yet"
    );
    log.gate.add_permits(2);
    assert_eq!(second.await, Ok(b"done".to_vec()));
    assert!(matches!(log.lookup(&key).await, Ok(Known::Answered(..))));
}
