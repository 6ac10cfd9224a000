//! That the figures are those that one would count by hand.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::collections::BTreeMap;

use menagerie_mining::{Case, CaseState, Lifecycle, Metrics, Model, Online, ProcessEvent};
use proptest::prelude::*;

use seeded::seeded;

mod seeded;

use Lifecycle::{AteAbort, AutoSkip, Complete, PiAbort, Resume, Schedule, Start, Suspend};

/// Events of one case from `(activity, instance, lifecycle, attempt, time)`.
fn case(id: &str, rows: &[(&str, &str, Lifecycle, u32, i64)]) -> Vec<ProcessEvent> {
    let numbered = rows.iter().enumerate();
    numbered
        .map(
            |(index, (activity, instance, lifecycle, attempt, at_ms))| ProcessEvent {
                attempt: *attempt,
                ..ProcessEvent::new(
                    format!("{id}/{index}"),
                    id,
                    *activity,
                    *instance,
                    *lifecycle,
                    *at_ms,
                )
            },
        )
        .collect()
}

fn observe(online: &mut Online, events: &[ProcessEvent], state: CaseState) {
    online.observe_case(Case {
        id: events[0].case.clone(),
        state,
        attributes: BTreeMap::new(),
        events,
    });
}

#[test]
fn overlapping_instances_are_paired_by_their_instance() {
    let mut online = Online::new();
    let events = case(
        "run_1",
        &[
            ("plan", "1", Start, 1, 0),
            ("plan", "2", Start, 1, 1_000),
            ("plan", "2", Complete, 1, 2_000),
            ("plan", "1", Complete, 1, 9_000),
        ],
    );
    observe(&mut online, &events, CaseState::Completed);
    let plan = online.activities()["plan"];
    assert_eq!((plan.service.min_ms, plan.service.max_ms), (1_000, 9_000));
    assert_eq!((plan.first, plan.last, plan.completed), (1, 1, 2));
}

#[test]
fn retries_failures_and_decisions_are_counted_apart() {
    let mut online = Online::new();
    let first = case(
        "run_1",
        &[
            ("fetch", "f", Schedule, 1, 0),
            ("fetch", "f", Start, 1, 10),
            ("fetch", "f", AteAbort, 1, 110),
            ("fetch", "f", Start, 2, 1_110),
            ("fetch", "f", Complete, 2, 1_210),
            ("decision:route", "d", Complete, 1, 1_210),
            ("report", "r", Start, 1, 1_210),
            ("report", "r", Complete, 1, 2_000),
        ],
    );
    observe(&mut online, &first, CaseState::Completed);
    let second = case(
        "run_2",
        &[
            ("fetch", "f", Start, 1, 3_000),
            ("fetch", "f", AteAbort, 1, 3_600_000),
        ],
    );
    observe(&mut online, &second, CaseState::Failed);
    let third = case(
        "run_3",
        &[
            ("fetch", "f", Start, 1, 3_000),
            ("report", "r", AutoSkip, 1, 3_500),
            ("fetch", "f", PiAbort, 1, 4_000),
        ],
    );
    observe(&mut online, &third, CaseState::Cancelled);
    let fourth = case("run_4", &[("fetch", "f", Start, 1, 3_000)]);
    observe(&mut online, &fourth, CaseState::Open);

    let metrics = Metrics::of(&online);
    // Attempts: two and one in the first case, one in each other; four of them finished.
    assert_eq!(metrics.retry_rate, Some(1.0 / 6.0));
    assert_eq!(metrics.error_rate, Some(2.0 / 4.0));
    assert_eq!(
        (metrics.total_cases, metrics.completion_rate),
        (4, Some(0.25))
    );
    assert_eq!(metrics.cases_per_hour, Some(1.0));
    assert_eq!(metrics.avg_duration, Some(2_000.0));
    assert_eq!(
        (metrics.min_duration, metrics.max_duration),
        (Some(2_000), Some(2_000))
    );
    assert_eq!(
        metrics.waiting_time_by_activity,
        BTreeMap::from([("fetch".to_owned(), 1_010)])
    );
    assert_eq!(online.activities()["report"].skipped, 1);
    assert_eq!(online.open_cases(), 1);
}

#[test]
fn waiting_is_charged_to_what_was_waited_for() {
    let mut online = Online::new();
    let events = case(
        "run_1",
        &[
            ("slow", "s", Start, 1, 0),
            ("quick", "q", Schedule, 1, 100),
            ("slow", "s", Complete, 1, 5_000),
            ("quick", "q", Start, 1, 5_000),
            ("quick", "q", Suspend, 1, 5_100),
            ("quick", "q", Resume, 1, 5_400),
            ("quick", "q", Complete, 1, 5_500),
            ("lonely", "l", Schedule, 1, 5_500),
            ("lonely", "l", Start, 1, 5_550),
            ("lonely", "l", Complete, 1, 99_000),
        ],
    );
    observe(&mut online, &events, CaseState::Completed);
    let activities = online.activities();
    assert_eq!(activities["quick"].waiting.total_ms, 4_900 + 300);
    assert_eq!(activities["quick"].service.total_ms, 200);
    assert_eq!(activities["slow"].waiting_caused_ms, 4_900);
    assert_eq!(activities["quick"].waiting_caused_ms, 300);
    // It is by far the slowest, and nobody waited for it.
    assert_eq!(activities["lonely"].waiting_caused_ms, 50);
    let metrics = Metrics::of(&online);
    assert_eq!(metrics.bottleneck_activities, ["slow", "quick", "lonely"]);
}

#[test]
fn nothing_observed_has_no_figures() {
    let metrics = Metrics::of(&Online::new());
    assert_eq!(metrics.total_cases, 0);
    assert_eq!(metrics.completion_rate, None);
    assert_eq!(metrics.avg_duration, None);
    assert_eq!(metrics.cases_per_hour, None);
    assert!(metrics.bottleneck_activities.is_empty());
}

#[test]
fn times_that_go_back_or_to_the_ends_of_the_range_are_no_panic() {
    let mut online = Online::new();
    let events = case(
        "run_1",
        &[
            ("a", "1", Schedule, 1, i64::MAX),
            ("a", "1", Start, 1, i64::MIN),
            ("a", "1", Complete, 1, i64::MAX),
            ("b", "2", Complete, 1, i64::MIN),
        ],
    );
    observe(&mut online, &events, CaseState::Completed);
    assert_eq!(online.activities()["a"].waiting.total_ms, 0);
    assert!(Metrics::of(&online).cases_per_hour.unwrap() >= 0.0);
}

#[test]
fn the_model_has_the_words_of_the_product() {
    let mut online = Online::new();
    let events = case(
        "run_1",
        &[
            ("a", "1", Complete, 1, 0),
            ("b", "2", Complete, 1, 40),
            ("b", "3", Complete, 1, 100),
        ],
    );
    observe(&mut online, &events, CaseState::Completed);
    assert_eq!(
        serde_json::to_value(Model::of(&online)).unwrap(),
        serde_json::json!({
            "activities": ["a", "b"],
            "transitions": [["a", "b"], ["b", "b"]],
            "frequencies": {"a->b": 1, "b->b": 1},
            "fitness": null,
            "precision": null,
        })
    );
    assert_eq!(online.edges()[&("b", "b")].mean_ms(), Some(60.0));
}

proptest! {
    #![proptest_config(seeded())]

    /// Cases come interleaved in life and one by one from an export: the figures are the same, and
    /// nothing is kept of ended cases.
    #[test]
    fn interleaving_changes_no_count(
        cases in proptest::collection::vec(
            proptest::collection::vec(("[a-d]", 0..10_000_i64), 1..20), 1..8),
        order in any::<u64>(),
    ) {
        let logs: Vec<Vec<ProcessEvent>> = cases.iter().enumerate().map(|(number, rows)| {
            let mut at_ms = 0;
            let id = format!("run_{number}");
            rows.iter().enumerate().map(|(index, (activity, gap))| {
                at_ms += gap;
                ProcessEvent::new(format!("{id}/{index}"), &id, activity, index.to_string(), Complete, at_ms)
            }).collect()
        }).collect();
        let mut expected = BTreeMap::new();
        for pair in logs.iter().flat_map(|log| log.windows(2)) {
            let edge: &mut (u64, i64) =
                expected.entry((pair[0].activity.as_str(), pair[1].activity.as_str())).or_default();
            edge.0 += 1;
            edge.1 += pair[1].at_ms - pair[0].at_ms;
        }
        let mut apart = Online::new();
        for log in &logs {
            observe(&mut apart, log, CaseState::Completed);
        }
        let mut mixed = Online::new();
        let mut left: Vec<std::slice::Iter<'_, ProcessEvent>> = logs.iter().map(|log| log.iter()).collect();
        let mut random = order;
        while !left.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = usize::try_from(random >> 33).unwrap() % left.len();
            match left[index].next() {
                Some(event) => mixed.observe(event),
                None => drop(left.swap_remove(index)),
            }
        }
        for log in &logs {
            let last = log.last().unwrap();
            mixed.end_case(&last.case, CaseState::Completed, last.at_ms);
        }
        let seen: BTreeMap<_, _> = mixed.edges().into_iter()
            .map(|(edge, elapsed)| (edge, (elapsed.count, i64::try_from(elapsed.total_ms).unwrap())))
            .collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(Metrics::of(&mixed), Metrics::of(&apart));
        prop_assert_eq!(mixed.open_cases(), 0);
    }
}

#[test]
fn what_was_not_heard_of_for_longest_is_forgotten_first() {
    let mut online = Online::bounded(2);
    let mut tell = |id: &str, activity: &str, at_ms: i64| {
        online.observe(&case(id, &[(activity, "1", Complete, 1, at_ms)])[0]);
        (online.open_cases(), online.forgotten())
    };
    assert_eq!(tell("one", "a", 0), (1, 0));
    assert_eq!(tell("two", "a", 1), (2, 0));
    assert_eq!(tell("one", "b", 2), (2, 0));
    assert_eq!(tell("three", "a", 3), (2, 1), "`two` goes");
    assert_eq!(tell("one", "c", 4), (2, 1));
    assert_eq!(
        tell("two", "b", 5),
        (2, 2),
        "`three` goes, and `two` begins anew"
    );
    let edges: Vec<(&str, &str)> = online.edges().into_keys().collect();
    assert_eq!(edges, [("a", "b"), ("b", "c")]);
    assert_eq!(
        online.activities()["b"].first,
        1,
        "what follows a forgotten event is a beginning"
    );
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn a_bound_that_is_not_met_changes_nothing(rows in proptest::collection::vec((0_usize..4, 0_usize..3, 0_usize..10), 0..60)) {
        const ACTIVITIES: [&str; 3] = ["a", "b", "c"];
        const CASES: [&str; 4] = ["1", "2", "3", "4"];
        let (mut free, mut bounded) = (Online::new(), Online::bounded(4));
        for (time, (id, activity, lifecycle)) in rows.iter().enumerate() {
            let event = case(CASES[*id], &[(ACTIVITIES[*activity], "i", Lifecycle::ALL[*lifecycle], 1, i64::try_from(time).unwrap())]);
            free.observe(&event[0]);
            bounded.observe(&event[0]);
        }
        prop_assert_eq!(bounded.forgotten(), 0);
        prop_assert_eq!(free.edges(), bounded.edges());
        prop_assert_eq!(free.activities(), bounded.activities());
    }
}
