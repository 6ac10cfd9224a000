//! Capabilities that are taken while a run goes on.

use menagerie_orchestration::flow::SharedGrant;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::replay::Replay;

use crate::flows::{FlowExt, flow};
use crate::story::{Story, plan};

fn granted() -> Story {
    let grant = SharedGrant {
        read: Vec::new(),
        write: vec!["*".to_owned()],
    };
    let flow = flow(&["a", "b"]).with("a", |agent| agent.uses.grants.shared = Some(grant));
    let mut story = Story::of(flow);
    story.decides(plan().route("one", "a"));
    story
}

fn revoke(role: &str, interface: &str) -> Wish {
    Wish::Revoke {
        role: role.to_owned(),
        interface: interface.to_owned(),
    }
}

#[test]
fn a_grant_is_taken_once() {
    let mut story = granted();
    let before = (story.calls(), story.timers());
    let lines = story.wish(revoke("agent:a", "shared"));
    assert_eq!(lines, ["agent:a lost shared"]);
    assert_eq!(
        (story.calls(), story.timers()),
        before,
        "nothing else changes"
    );
    assert_eq!(
        story.run.revoked().collect::<Vec<_>>(),
        [("agent:a", "shared")]
    );
    assert!(story.wish(revoke("agent:a", "shared")).is_empty());
    let mut replay = Replay::new(story.flow.clone());
    for event in &story.journal {
        replay.take(event).unwrap();
    }
    assert_eq!(replay.finish().unwrap(), story.run);
}

#[test]
fn a_grant_that_was_taken_is_given_back_and_no_other_is_given() {
    let mut story = granted();
    let give = |role: &str, interface: &str| Wish::Grant {
        role: role.to_owned(),
        interface: interface.to_owned(),
    };
    assert!(
        story.wish(give("agent:a", "shared")).is_empty(),
        "it is there"
    );
    story.wish(revoke("agent:a", "shared"));
    let lines = story.wish(give("agent:a", "http"));
    let expected = "refused: `agent:a` was not granted `http`; it has shared";
    assert_eq!(lines, [expected]);
    let lines = story.wish(give("agent:b", "shared"));
    let expected = "refused: nothing was granted to `agent:b`; granted to: agent:a";
    assert_eq!(lines, [expected]);
    assert_eq!(story.run.revoked().count(), 1);
    let lines = story.wish(give("agent:a", "shared"));
    assert_eq!(lines, ["agent:a has shared again"]);
    assert_eq!(story.run.revoked().count(), 0);
    // It may go and come again.
    story.wish(revoke("agent:a", "shared"));
    assert_eq!(story.run.revoked().count(), 1);
    let mut replay = Replay::new(story.flow.clone());
    for event in &story.journal {
        replay.take(event).unwrap();
    }
    assert_eq!(replay.finish().unwrap(), story.run);
}

#[test]
fn what_was_never_granted_cannot_be_taken_and_what_was_is_named() {
    let mut story = granted();
    let lines = story.wish(revoke("agent:b", "shared"));
    let expected = "refused: nothing was granted to `agent:b`; granted to: agent:a";
    assert_eq!(lines, [expected]);
    let lines = story.wish(revoke("agent:a", "http"));
    let expected = "refused: `agent:a` was not granted `http`; it has shared";
    assert_eq!(lines, [expected]);
    assert_eq!(story.run.revoked().count(), 0);
}
