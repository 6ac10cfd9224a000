//! What matters about one case, in a few sentences: where it left its model, what failed and was tried again, what was
//! waited for, what took long.

use schemars::JsonSchema;
use serde::Serialize;

use crate::conform::{align, diagnose};
use crate::log::{Log, Occurrences, Variants, ms};
use crate::net::PetriNet;
use crate::performance::{End, Performance, Step, steps};

/// A share of the case's duration from which something is worth a sentence.
const WORTH: f64 = 0.1;
/// The share from which one activity is most of a case.
const MOST: f64 = 0.4;
/// Earlier cases that a comparison needs.
const EARLIER: usize = 8;

/// What kind of finding it is, the graver first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It did not go as declared.
    Deviation,
    /// Something failed.
    Failure,
    /// It took longer than usual.
    Slower,
    /// Something was waited for.
    Waiting,
    /// One activity took most of the time.
    Longest,
}

/// Something that matters.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// The activity that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// For a person.
    pub text: String,
}

/// What matters about a log of one case, the gravest first.
///
/// `model` is what should have happened, `earlier_ms` the durations of comparable cases, and `shown` writes a number of
/// milliseconds for a person. Cases that go on have no findings.
#[must_use]
pub fn findings(
    log: &Log,
    model: Option<&PetriNet>,
    earlier_ms: &[f64],
    shown: impl Fn(f64) -> String,
) -> Vec<Finding> {
    let figures = Performance::of(log);
    let Some(duration) = figures.case_duration.map(|duration| duration.total_ms) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(model) = model {
        deviations(log, model, &mut found);
    }
    for case in log.cases() {
        failures(log, &steps(log.events_of(case)), &shown, &mut found);
    }
    // Within one millisecond nothing took long, and yet something may be missing.
    if duration > 0.0 {
        slower(duration, earlier_ms, &shown, &mut found);
        times(&figures, duration, &shown, &mut found);
    }
    found.sort_by_key(|finding| finding.kind);
    found
}

fn times(
    figures: &Performance,
    duration: f64,
    shown: &impl Fn(f64) -> String,
    found: &mut Vec<Finding>,
) {
    if let Some(worst) = figures.bottlenecks.first()
        && worst.waiting_caused_ms >= WORTH * duration
    {
        found.push(Finding {
            kind: Kind::Waiting,
            activity: Some(worst.activity.clone()),
            text: format!(
                "waiting of {} was caused by `{}`",
                shown(worst.waiting_caused_ms),
                worst.activity
            ),
        });
    }
    let services = figures
        .activities
        .iter()
        .filter_map(|one| Some((one.service?.total_ms, &one.name)));
    if let Some((service, activity)) = services.max_by(|one, other| one.0.total_cmp(&other.0))
        && service >= MOST * duration
    {
        found.push(Finding {
            kind: Kind::Longest,
            activity: Some(activity.clone()),
            text: format!(
                "`{activity}` worked for {} of {}",
                shown(service),
                shown(duration)
            ),
        });
    }
}

fn deviations(log: &Log, model: &PetriNet, found: &mut Vec<Finding>) {
    let variants = Variants::of(log, Occurrences::Completed);
    let Ok(alignments) = align(model, &variants) else {
        return;
    };
    for one in diagnose(model, &variants, &alignments) {
        let mut add = |text: String| {
            found.push(Finding {
                kind: Kind::Deviation,
                activity: Some(one.activity.clone()),
                text,
            });
        };
        if one.skipped > 0 {
            add(format!(
                "`{}` is declared and was not completed",
                one.activity
            ));
        }
        if one.unexpected > 0 {
            add(format!(
                "`{}` was completed where it is not declared",
                one.activity
            ));
        }
    }
}

fn failures(log: &Log, steps: &[Step], shown: &impl Fn(f64) -> String, found: &mut Vec<Finding>) {
    let mut activities: Vec<_> = steps
        .iter()
        .filter(|step| step.end == End::Failed)
        .map(|step| step.activity)
        .collect();
    activities.sort_unstable();
    activities.dedup();
    for activity in activities {
        let of_it = || steps.iter().filter(|step| step.activity == activity);
        let count = of_it().filter(|step| step.end == End::Failed).count();
        let lost: i64 = of_it()
            .filter(|step| step.end == End::Failed)
            .filter_map(Step::sojourn)
            .sum();
        let ended = of_it().any(|step| step.end == End::Completed);
        let name = log.names().text(activity);
        let times = if count == 1 {
            "once".to_owned()
        } else {
            format!("{count} times")
        };
        let after = if ended {
            "before it was done"
        } else {
            "and was not done"
        };
        found.push(Finding {
            kind: Kind::Failure,
            activity: Some(name.to_owned()),
            text: format!("`{name}` failed {times} {after}, for {}", shown(ms(lost))),
        });
    }
}

fn slower(
    duration: f64,
    earlier: &[f64],
    shown: &impl Fn(f64) -> String,
    found: &mut Vec<Finding>,
) {
    if earlier.len() < EARLIER {
        return;
    }
    let mut sorted = earlier.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    // Longer than nineteen of twenty, and by so much that a person would notice.
    let rank = (sorted.len() * 95).div_ceil(100) - 1;
    if duration > sorted[rank] && duration > 1.5 * median {
        found.push(Finding {
            kind: Kind::Slower,
            activity: None,
            text: format!(
                "it took {}, and {} at the median of {} earlier ones",
                shown(duration),
                shown(median),
                sorted.len()
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Lifecycle;
    use crate::log::{Builder, Draft, Transition};
    use crate::net::Task;

    fn log(events: &[(i64, &str, Lifecycle, u32)]) -> Log {
        let mut builder = Builder::new();
        let case = builder.case("c");
        for (second, activity, lifecycle, attempt) in events {
            builder.event(
                case,
                &Draft {
                    activity,
                    at: Some(second * 1_000_000),
                    attempt: *attempt,
                    transition: Transition::Standard(*lifecycle),
                    ..Draft::default()
                },
            );
        }
        builder.finish()
    }

    fn task(name: &str, after: Vec<usize>) -> Task {
        Task {
            name: name.to_owned(),
            after,
            ..Task::default()
        }
    }

    fn told(log: &Log, model: Option<&PetriNet>, earlier: &[f64]) -> Vec<String> {
        let shown = |ms: f64| format!("{} s", ms / 1e3);
        findings(log, model, earlier, shown)
            .into_iter()
            .map(|finding| finding.text)
            .collect()
    }

    #[test]
    fn a_case_of_less_than_a_millisecond_is_told_of_what_it_lacks_and_of_no_times() {
        use Lifecycle::{Complete, Start};
        let log = log(&[(0, "fetch", Start, 1), (0, "fetch", Complete, 1)]);
        let net = PetriNet::of_order(&[task("fetch", vec![]), task("check", vec![0])]);
        assert_eq!(
            told(&log, Some(&net), &[1000.0; 10]),
            ["`check` is declared and was not completed"]
        );
    }

    #[test]
    fn the_gravest_comes_first() {
        use Lifecycle::{AteAbort, Complete, Schedule, Start};
        let log = log(&[
            (0, "fetch", Start, 1),
            (0, "sum", Schedule, 1),
            (3, "fetch", AteAbort, 1),
            (4, "fetch", Start, 2),
            (10, "fetch", Complete, 2),
            (10, "sum", Start, 1),
            (11, "sum", Complete, 1),
        ]);
        let net = PetriNet::of_order(&[
            task("fetch", vec![]),
            task("check", vec![0]),
            task("sum", vec![1]),
        ]);
        assert_eq!(
            told(&log, Some(&net), &[1000.0; 10]),
            [
                "`check` is declared and was not completed",
                "`fetch` failed once before it was done, for 3 s",
                "it took 11 s, and 1 s at the median of 10 earlier ones",
                "waiting of 11 s was caused by `fetch`",
                "`fetch` worked for 9 s of 11 s",
            ]
        );
    }

    #[test]
    fn what_is_as_usual_is_not_told() {
        use Lifecycle::{Complete, Start};
        let steps =
            |from: i64, name: &'static str| [(from, name, Start, 1), (from + 3, name, Complete, 1)];
        let log = log(&[steps(0, "a"), steps(3, "b"), steps(6, "c")].concat());
        assert_eq!(told(&log, None, &[9000.0; 10]), Vec::<String>::new());
        assert_eq!(told(&Log::default(), None, &[]), Vec::<String>::new());
    }
}
