//! Comparison of two logs, and drift within one, on logs with planted changes.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::Lifecycle;
use menagerie_mining::compare::{Measure, compare};
use menagerie_mining::drift::drift;
use menagerie_mining::log::{Builder, Draft, Log, Occurrences, Transition};

/// Equally distributed numbers from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A case of the usual process, or of the changed one, in which `review` comes before `test` more often and `fix`
/// is needed more.
fn path(chance: &mut Chance, changed: bool) -> Vec<&'static str> {
    let mut path = vec!["intake", "plan"];
    path.extend(if chance.below(2) == 0 {
        ["search", "code"]
    } else {
        ["code", "search"]
    });
    let fixes = if changed { 45 } else { 15 };
    path.push("test");
    while chance.below(100) < fixes {
        path.extend(["fix", "test"]);
    }
    if chance.below(100) < 3 {
        path.push("escalate");
    }
    path.extend(["review", "close"]);
    path
}

fn log(seed: u64, cases: usize, change_at: Option<usize>) -> Log {
    let mut chance = Chance(seed);
    let mut builder = Builder::new();
    for number in 0..cases {
        let case = builder.case(&format!("case {number}"));
        let changed = change_at.is_some_and(|at| number >= at);
        let mut now = i64::try_from(number).unwrap() * 1_000_000_000;
        for activity in path(&mut chance, changed) {
            for transition in [Lifecycle::Start, Lifecycle::Complete] {
                now += 1_000
                    * i64::try_from(chance.below(if changed && activity == "code" {
                        400
                    } else {
                        200
                    }))
                    .unwrap();
                let transition = Transition::Standard(transition);
                builder.event(
                    case,
                    &Draft {
                        activity,
                        at: Some(now),
                        transition,
                        ..Draft::default()
                    },
                );
            }
        }
    }
    builder.finish()
}

#[test]
fn a_planted_change_is_found_soon_and_at_its_place() {
    let mut found = 0;
    for seed in 0..100 {
        let changes = drift(&log(seed, 1_000, Some(600)), Occurrences::Completed);
        if let [change] = &changes[..] {
            let soon = (600..=800).contains(&change.noticed_after);
            let near = change.at_case.abs_diff(600) <= 60;
            let named = change.shifts.iter().any(|shift| {
                shift.activity == "fix" || shift.followed_by.as_deref() == Some("fix")
            });
            found += i32::from(soon && near && named);
        }
    }
    assert!(found >= 95, "{found} of 100 seeds");
}

#[test]
fn a_process_that_stays_as_it_is_raises_no_alarm() {
    let alarms: usize = (0..5)
        .map(|seed| drift(&log(seed, 10_000, None), Occurrences::Completed).len())
        .sum();
    assert!(alarms <= 1, "{alarms} alarms in 50 000 cases");
}

#[test]
fn what_differs_between_two_logs_is_told_and_chance_is_not() {
    let comparison = compare(
        &log(1, 400, None),
        &log(2, 400, Some(0)),
        Occurrences::Completed,
    );
    let significant: Vec<&Measure> = comparison
        .differences
        .iter()
        .filter(|one| one.significant)
        .map(|one| &one.measure)
        .collect();
    let activity = |name: &str| name.to_owned();
    assert!(significant.contains(&&Measure::CasesWith {
        activity: activity("fix")
    }));
    assert!(significant.contains(&&Measure::Sojourn {
        activity: activity("code")
    }));
    assert!(!significant.contains(&&Measure::CasesWith {
        activity: activity("escalate")
    }));
    assert!(!significant.contains(&&Measure::Sojourn {
        activity: activity("plan")
    }));
    let fix = comparison
        .differences
        .iter()
        .find(|one| {
            one.measure
                == Measure::CasesWith {
                    activity: activity("fix"),
                }
        })
        .unwrap();
    assert!(fix.before < 0.25 && fix.after > 0.35, "{fix:?}");
    let same = compare(
        &log(3, 400, None),
        &log(4, 400, None),
        Occurrences::Completed,
    );
    assert!(same.differences.iter().all(|one| !one.significant));
}
