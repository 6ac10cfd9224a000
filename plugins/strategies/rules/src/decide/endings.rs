#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use planning::Plan;
use proptest::prelude::*;

use super::tests::{config, play, view};
use super::{Decided, decide};

proptest! {
    /// Whatever the rules are, and whatever fails, a run ends.
    #[test]
    fn every_run_comes_to_an_end(
        rules in prop::collection::vec(
            (0usize..6, prop::collection::vec(0usize..4, 0..4), 1u32..4, any::<bool>()), 0..6),
        on_failure in prop::sample::select(vec!["stop", "continue", "escalate"]),
        luck in prop::collection::vec(any::<bool>(), 64),
    ) {
        let names = ["a", "b", "c", "d"];
        let rules: Vec<String> = rules
            .into_iter()
            .map(|(then, targets, times, always)| {
                let then = ["route", "parallel", "retry", "skip", "escalate", "end"][then];
                let targets: Vec<&str> =
                    if then == "end" { Vec::new() } else { targets.into_iter().map(|target| names[target]).collect() };
                let when = if always { "true" } else { "error_rate >= 0.0 && size(steps) != 1" };
                format!(r#"{{"when": "{when}", "then": "{then}", "targets": {targets:?}, "times": {times}}}"#)
            })
            .collect();
        let mut view = view(&rules.join(","), "{}", &names);
        view.config.on_failure = config(&format!(r#"{{"on_failure": "{on_failure}"}}"#)).on_failure;
        let mut ids = Vec::new();
        for (round, ends) in luck.into_iter().enumerate() {
            let plan = match decide(&view, &mut |_, _| Vec::new()) {
                Ok(Decided { plan, .. }) => plan,
                Err(fault) => {
                    prop_assert!(fault.message.contains("no step to be about"), "{}", fault);
                    return Ok(());
                }
            };
            match &plan {
                Plan::Complete { .. } | Plan::Fail { .. } => return Ok(()),
                Plan::Wait => prop_assert!(false, "nothing runs"),
                Plan::Start { steps, .. } => {
                    for step in steps {
                        prop_assert!(!ids.contains(&step.id), "{} twice", step.id);
                        ids.push(step.id.clone());
                    }
                }
            }
            // With `escalate` a person ends what fails for ever; here the luck turns.
            play(&mut view, plan, &move |_| ends || round > 30);
        }
        prop_assert!(false, "the run never ends");
    }
}
