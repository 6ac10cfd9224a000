//! Times, waiting and its causes, failures and money, on logs that were made so that the answers are known.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    missing_docs,
    reason = "a failed test may panic; the numbers are whole"
)]

use menagerie_mining::log::{Builder, Draft, Log, Transition};
use menagerie_mining::performance::{End, Performance, steps};
use menagerie_mining::{CaseState, Lifecycle};
use proptest::prelude::*;

mod seeded;

/// Second, activity, instance, transition and attempt of an event of case `c`.
type Told<'a> = (i64, &'a str, Option<&'a str>, Lifecycle, u32);

fn add(builder: &mut Builder, case: &str, events: &[Told<'_>]) {
    let case = builder.case(case);
    for (second, activity, instance, lifecycle, attempt) in events {
        builder.event(
            case,
            &Draft {
                activity,
                instance: *instance,
                transition: Transition::Standard(*lifecycle),
                at: Some(second * 1_000_000),
                attempt: *attempt,
                resource: Some("r"),
                ..Draft::default()
            },
        );
    }
}

fn log(events: &[Told<'_>]) -> Log {
    let mut builder = Builder::new();
    add(&mut builder, "c", events);
    builder.finish()
}

use Lifecycle::{AteAbort, Complete, Resume, Schedule, Start, Suspend};

#[test]
fn ends_belong_to_starts_by_instance_else_first_in_first_out() {
    let sojourns = |one: Option<&str>, other: Option<&str>| -> Vec<i64> {
        let log = log(&[
            (0, "plan", one, Start, 1),
            (1, "plan", other, Start, 1),
            (2, "plan", other, Complete, 1),
            (9, "plan", one, Complete, 1),
        ]);
        steps(log.events())
            .iter()
            .map(|step| step.sojourn().unwrap() / 1_000_000)
            .collect()
    };
    assert_eq!(sojourns(Some("1"), Some("2")), [9, 1]);
    assert_eq!(sojourns(None, None), [2, 8]);
}

#[test]
fn an_end_without_a_start_and_a_start_without_an_end_are_work_too() {
    let log = log(&[(1, "a", None, Complete, 1), (2, "b", None, Start, 1)]);
    let found = steps(log.events());
    assert_eq!((found[0].sojourn(), found[0].end), (None, End::Completed));
    assert_eq!((found[1].sojourn(), found[1].end), (None, End::Open));
    let figures = Performance::of(&log);
    assert_eq!(figures.activities[0].sojourn, None, "nothing was measured");
}

#[test]
fn the_parts_of_a_cases_time_add_up() {
    let log = log(&[
        (0, "a", Some("1"), Schedule, 1),
        (2, "a", Some("1"), Start, 1),
        (5, "a", Some("1"), Suspend, 1),
        (9, "a", Some("1"), Resume, 1),
        (10, "a", Some("1"), AteAbort, 1),
        (16, "a", Some("2"), Schedule, 2),
        (17, "a", Some("2"), Start, 2),
        (20, "a", Some("2"), Complete, 2),
        (23, "b", Some("3"), Start, 1),
        (24, "b", Some("3"), Complete, 1),
    ]);
    let figures = Performance::of(&log);
    let time = figures.time_ms.unwrap();
    assert_eq!(
        (
            time.queue,
            time.service,
            time.suspended,
            time.back_off,
            time.idle
        ),
        (3000.0, 8000.0, 4000.0, 6000.0, 3000.0)
    );
    assert_eq!(figures.case_duration.unwrap().total_ms, 24_000.0);
    let a = &figures.activities[0];
    assert_eq!((a.failed, a.completed, a.retries), (1, 1, 1));
    assert_eq!(a.service.unwrap().total_ms, 4000.0 + 3000.0);
    assert_eq!(
        a.waiting.unwrap().total_ms,
        2000.0 + 4000.0 + 6000.0 + 1000.0
    );
    assert_eq!(
        (figures.error_rate, figures.retry_rate),
        (Some(1.0 / 3.0), Some(1.0 / 3.0))
    );
}

#[test]
fn a_wait_for_a_person_counts_though_its_work_is_told_apart() {
    // As a host writes it: the attempt ended, the step waits under a name of its own.
    let log = log(&[
        (0, "review", Some("step-1.1"), Start, 1),
        (2, "review", Some("step-1.1"), AteAbort, 1),
        (2, "review", Some("step-1"), Suspend, 1),
        (9, "review", Some("step-1"), Resume, 1),
        (9, "close", Some("step-2.1"), Start, 1),
        (10, "close", Some("step-2.1"), Complete, 1),
    ]);
    let figures = Performance::of(&log);
    let time = figures.time_ms.unwrap();
    assert_eq!(
        (time.service, time.suspended, time.idle),
        (3000.0, 7000.0, 0.0)
    );
    let review = figures
        .activities
        .iter()
        .find(|one| one.name == "review")
        .unwrap();
    assert_eq!(review.waiting.unwrap().total_ms, 7000.0);
}

#[test]
fn whoever_makes_others_wait_is_the_bottleneck_and_not_who_is_slow() {
    // `slow` takes long and nobody waits for it; `join` was asked for early and waits for `late`.
    let log = log(&[
        (0, "slow", Some("1"), Start, 1),
        (0, "late", Some("2"), Start, 1),
        (1, "join", Some("3"), Schedule, 1),
        (30, "late", Some("2"), Complete, 1),
        (30, "join", Some("3"), Start, 1),
        (31, "join", Some("3"), Complete, 1),
        (100, "slow", Some("1"), Complete, 1),
    ]);
    let figures = Performance::of(&log);
    let told: Vec<(&str, f64)> = figures
        .bottlenecks
        .iter()
        .map(|one| (one.activity.as_str(), one.waiting_caused_ms))
        .collect();
    assert_eq!(told, [("late", 29_000.0)]);
}

/// Twelve activities in turn, each with one place to be served: cases queue. Times are drawn from a seed.
fn queueing(slow: Option<usize>, seed: u64) -> Log {
    const ACTIVITIES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut state = seed | 1;
    let mut chance = move |bound: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state >> 33).unwrap() % bound
    };
    let mut free = [0_i64; 12];
    let mut builder = Builder::new();
    for case in 0..60 {
        let mut now = case * 40;
        let mut events = Vec::new();
        for (place, activity) in ACTIVITIES.into_iter().enumerate() {
            let service = 10 + chance(10);
            let service = if slow == Some(place) {
                service * 10
            } else {
                service
            };
            let started = now.max(free[place]);
            events.push((now, activity, None, Schedule, 1));
            events.push((started, activity, None, Start, 1));
            now = started + service;
            free[place] = now;
            events.push((now, activity, None, Complete, 1));
        }
        add(&mut builder, &format!("case {case}"), &events);
    }
    builder.finish()
}

#[test]
fn a_tenfold_delay_is_found_wherever_it_is_put() {
    for place in 0..12 {
        let figures = Performance::of(&queueing(Some(place), 7));
        let expected = char::from(b'a' + u8::try_from(place).unwrap()).to_string();
        assert_eq!(figures.bottlenecks[0].activity, expected);
    }
}

proptest! {
    #![proptest_config(seeded::seeded())]

    #[test]
    fn failures_and_retries_are_those_of_the_script(
        script in proptest::collection::vec((0_usize..4, 0_u32..4), 1..30),
        costs in proptest::collection::vec(0_i64..1_000_000_000, 4)
    ) {
        const ACTIVITIES: [&str; 4] = ["w", "x", "y", "z"];
        let mut builder = Builder::new();
        let case = builder.case("c");
        let (mut failed, mut completed, mut micros, mut lost) = ([0; 4], [0; 4], 0, 0);
        let mut second = 0;
        for (activity, failures) in &script {
            for attempt in 1..=failures + 1 {
                let end = if attempt <= *failures { AteAbort } else { Complete };
                for transition in [Start, end] {
                    second += 1;
                    builder.event(case, &Draft {
                        activity: ACTIVITIES[*activity],
                        transition: Transition::Standard(transition),
                        at: Some(second),
                        attempt,
                        cost_micros: (transition != Start).then_some(costs[*activity]),
                        currency: Some("EUR"),
                        ..Draft::default()
                    });
                }
                micros += costs[*activity];
                if end == AteAbort { failed[*activity] += 1; lost += costs[*activity]; } else { completed[*activity] += 1; }
            }
        }
        let figures = Performance::of(&builder.finish());
        for one in &figures.activities {
            let place = ACTIVITIES.iter().position(|name| *name == one.name).unwrap();
            prop_assert_eq!((one.failed, one.completed, one.retries), (failed[place], completed[place], failed[place]));
        }
        prop_assert_eq!(figures.cost.money.0.get("EUR"), Some(&micros));
        prop_assert_eq!(figures.cost.money_failed.0.get("EUR").copied().unwrap_or(0), lost);
        let time = figures.time_ms.unwrap();
        let parts = time.service + time.queue + time.back_off + time.suspended + time.idle;
        prop_assert!((parts - figures.case_duration.unwrap().total_ms).abs() < 1e-6);
    }
}

#[test]
fn cases_count_by_how_they_stand() {
    let mut builder = Builder::new();
    for (name, state) in [
        ("1", CaseState::Completed),
        ("2", CaseState::Open),
        ("3", CaseState::Failed),
    ] {
        let case = builder.case(name);
        builder.state(case, state);
        builder.event(
            case,
            &Draft {
                activity: "a",
                at: Some(0),
                ..Draft::default()
            },
        );
    }
    let figures = Performance::of(&builder.finish());
    assert_eq!(
        (
            figures.cases.total,
            figures.cases.open,
            figures.completion_rate
        ),
        (3, 1, Some(1.0 / 3.0))
    );
    assert_eq!(figures.cases_per_hour, None, "no time was observed");
}
