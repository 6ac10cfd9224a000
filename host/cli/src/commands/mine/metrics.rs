//! `menagerie mine metrics`.

use std::process::ExitCode;

use menagerie_mining::performance::{Lengths, Performance, Spent};
use serde_json::json;

use super::source::Source;
use super::table;
use crate::arguments::mine::LogArguments;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{duration_ms, safe_line};

pub(super) async fn metrics(
    settings: &Settings,
    arguments: LogArguments,
) -> Result<ExitCode, Failure> {
    let source = Source::open(settings, arguments.log.as_deref(), &arguments.reading).await?;
    let figures = Performance::of(&source.log);
    if arguments.json {
        println!("{}", json!(figures));
        return Ok(ExitCode::SUCCESS);
    }
    print(&figures);
    Ok(ExitCode::SUCCESS)
}

fn print(figures: &Performance) {
    if figures.events == 0 {
        println!("no events");
        return;
    }
    let cases = &figures.cases;
    println!(
        "{} cases: {} completed, {} failed, {} cancelled, {} open; {} events",
        cases.total, cases.completed, cases.failed, cases.cancelled, cases.open, figures.events
    );
    if let Some(duration) = figures.case_duration {
        println!(
            "a case takes {} at the median, {} in the mean, {} at the longest",
            duration_ms(duration.median_ms),
            duration_ms(duration.mean_ms),
            duration_ms(duration.max_ms)
        );
    }
    if let Some(time) = figures.time_ms {
        println!(
            "of all cases' time: service {}, suspended {}, back-off {}, queue {}, idle {}",
            duration_ms(time.service),
            duration_ms(time.suspended),
            duration_ms(time.back_off),
            duration_ms(time.queue),
            duration_ms(time.idle)
        );
    }
    let rates = [
        ("completed", figures.completion_rate),
        ("failed attempts", figures.error_rate),
        ("retries", figures.retry_rate),
        ("rework", figures.rework_rate),
    ];
    let rates: Vec<String> = rates
        .iter()
        .filter_map(|(name, rate)| Some(format!("{name} {}", table::percent((*rate)?))))
        .collect();
    println!("{}", rates.join(", "));
    spent(&figures.cost);
    println!();
    let mean = |lengths: &Option<Lengths>| table::length(lengths.map(|lengths| lengths.mean_ms));
    let rows: Vec<Vec<String>> = figures
        .activities
        .iter()
        .map(|one| {
            vec![
                one.name.clone(),
                one.completed.to_string(),
                one.failed.to_string(),
                one.retries.to_string(),
                one.rework.to_string(),
                mean(&one.since_previous),
                mean(&one.service),
                mean(&one.waiting),
                table::length((one.waiting_caused_ms > 0.0).then_some(one.waiting_caused_ms)),
            ]
        })
        .collect();
    table::print(
        &[
            "ACTIVITY",
            "DONE",
            "FAILED",
            "RETRIES",
            "REWORK",
            "SINCE LAST",
            "SERVICE",
            "WAITING",
            "WAITING CAUSED",
        ],
        &rows,
    );
    if let Some(worst) = figures.bottlenecks.first() {
        println!();
        println!(
            "most waiting is caused by `{}`: {}, {} of all",
            safe_line(&worst.activity),
            duration_ms(worst.waiting_caused_ms),
            table::percent(worst.share)
        );
    }
}

fn spent(cost: &Spent) {
    for (currency, micros) in &cost.money.0 {
        let amount = |micros: i64| {
            let cost = menagerie_mining::Cost {
                micros,
                currency: String::new(),
            };
            cost.amount()
        };
        let failed = cost.money_failed.0.get(currency).copied().unwrap_or(0);
        println!(
            "spent: {} {} (on failed attempts {})",
            amount(*micros),
            safe_line(currency),
            amount(failed)
        );
    }
    if cost.tokens > 0 {
        println!(
            "tokens: {} (in failed attempts {})",
            cost.tokens, cost.tokens_failed
        );
    }
    if cost.fuel > 0 {
        println!(
            "fuel: {} (in failed attempts {})",
            cost.fuel, cost.fuel_failed
        );
    }
}
