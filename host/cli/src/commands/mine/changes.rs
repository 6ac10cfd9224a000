//! `menagerie mine compare` and `menagerie mine drift`.

use std::process::ExitCode;

use menagerie_mining::compare::{Difference, Measure, compare as compare_logs};
use menagerie_mining::drift::{Change, drift as drift_of};
use menagerie_mining::shapes::DriftShape;
use serde_json::json;

use super::source::Source;
use super::table;
use crate::arguments::mine::{CompareArguments, LogArguments};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{duration_ms, instant, safe_line};

/// The most differences that are shown to a person.
const SHOWN: usize = 20;

pub(super) fn compare(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    let before = Source::of_file(&arguments.before, &arguments.reading)?;
    let after = Source::of_file(&arguments.after, &arguments.reading)?;
    let found = compare_logs(&before.log, &after.log, before.occurrences);
    if arguments.json {
        println!("{}", json!(found));
        return Ok(ExitCode::SUCCESS);
    }
    let significant: Vec<&Difference> = found
        .differences
        .iter()
        .filter(|one| one.significant)
        .collect();
    println!(
        "{} and {} cases; {} of {} differences are more than chance",
        found.cases_before,
        found.cases_after,
        significant.len(),
        found.differences.len()
    );
    if significant.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = significant.iter().take(SHOWN).map(|one| row(one)).collect();
    table::print(&["WHAT", "BEFORE", "AFTER", "BY CHANCE"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn row(difference: &Difference) -> Vec<String> {
    let (what, is_time) = match &difference.measure {
        Measure::CasesWith { activity } => (format!("cases with {activity}"), false),
        Measure::CasesFollowing { from, to } => (format!("cases with {from} -> {to}"), false),
        Measure::Failures { activity } => (format!("failures of {activity}"), false),
        Measure::Sojourn { activity } => (format!("time of {activity}"), true),
        Measure::CaseDuration => ("time of a case".to_owned(), true),
    };
    let shown = |value: f64| {
        if is_time {
            duration_ms(value)
        } else {
            table::percent(value)
        }
    };
    let chance = if difference.adjusted < 1e-4 {
        "< 0.0001".to_owned()
    } else {
        format!("{:.4}", difference.adjusted)
    };
    vec![
        what,
        shown(difference.before),
        shown(difference.after),
        chance,
    ]
}

pub(super) async fn drift(
    settings: &Settings,
    arguments: LogArguments,
) -> Result<ExitCode, Failure> {
    let source = Source::open(settings, arguments.log.as_deref(), &arguments.reading).await?;
    let changes = drift_of(&source.log, source.occurrences);
    if arguments.json {
        let cases = source.log.cases().len() as u64;
        println!("{}", json!(DriftShape { cases, changes }));
        return Ok(ExitCode::SUCCESS);
    }
    if changes.is_empty() {
        println!("no change in {} cases", source.log.cases().len());
    }
    changes.iter().for_each(print_change);
    Ok(ExitCode::SUCCESS)
}

fn print_change(change: &Change) {
    let at = change
        .at_ms
        .map(|at_ms| format!(", at {}", instant(at_ms)))
        .unwrap_or_default();
    println!(
        "a change at case {} (`{}`{at}), clear after {} cases",
        change.at_case + 1,
        safe_line(&change.case),
        change.noticed_after
    );
    for shift in change.shifts.iter().take(5) {
        let what = match &shift.followed_by {
            Some(next) => format!("{} -> {next}", shift.activity),
            None => shift.activity.clone(),
        };
        println!(
            "  {}: in {} of cases before, in {} after",
            safe_line(&what),
            table::percent(shift.before),
            table::percent(shift.after)
        );
    }
}
