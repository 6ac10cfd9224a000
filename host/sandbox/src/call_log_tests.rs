//! What a crash between intent and record means for each class of effect, and what is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{CallLog, CallTrouble, EffectClass, Known, MemoryCallLog, Permission, Recorder};

/// A store that outlives executions, and how often the effect left the host.
#[derive(Default)]
struct World {
    log: Arc<MemoryCallLog>,
    made: AtomicU32,
}

impl World {
    fn execution(&self) -> Recorder {
        Recorder::new(self.log.clone(), "run".to_owned(), "step".to_owned(), 1)
    }

    async fn perform(
        &self,
        recorder: &mut Recorder,
        effect: EffectClass,
        request: &str,
    ) -> Result<String, CallTrouble> {
        let make = |permission: Permission| async move {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            Ok(format!(
                "{number} {} {}",
                permission.idempotency_key, permission.repeated
            )
            .into_bytes())
        };
        let answer = recorder.perform(effect, request.as_bytes(), make).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// An execution that is cut off after the intent.
    async fn crash(&self, effect: EffectClass) {
        let make = |_| async { Err("the power went".to_owned()) };
        let crashed = self.execution().perform(effect, b"request", make).await;
        assert_eq!(
            crashed,
            Err(CallTrouble::Failed("the power went".to_owned()))
        );
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
    let key = super::CallKey {
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
    assert_eq!(answer, Err(CallTrouble::Nondeterministic { ordinal: 1 }));
    let answer = world
        .perform(&mut world.execution(), EffectClass::AtMostOnce, "one")
        .await;
    assert_eq!(
        answer,
        Err(CallTrouble::Nondeterministic { ordinal: 0 }),
        "another class, too"
    );
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
        (
            EffectClass::AtMostOnce,
            Err(CallTrouble::OutcomeUnknown { ordinal: 0 }),
            0,
        ),
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
    let key = super::CallKey {
        run: "run".into(),
        step: "step".into(),
        attempt: 1,
        ordinal: 0,
    };
    let intent = super::Intent {
        effect: EffectClass::Idempotent,
        request_digest: "sha256:1".into(),
    };
    let other = super::Intent {
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
