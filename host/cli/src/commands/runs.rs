//! `menagerie runs`: what is in the store.

use std::process::ExitCode;

use menagerie_journal::{Page, RunFilter, RunRow};
use serde_json::{Value, json};

use crate::arguments::{RunsArgument, RunsArguments};
use crate::commands::open;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{instant, safe_line};

pub(crate) async fn runs(
    settings: &Settings,
    arguments: RunsArguments,
) -> Result<ExitCode, Failure> {
    if let Some(RunsArgument::Migrate(migrate)) = arguments.command {
        return crate::commands::migrate::migrate(settings, migrate).await;
    }
    let host = open::host(settings, "runs")?;
    let filtered = arguments.status.is_some() || arguments.flow.is_some();
    let filter = RunFilter {
        status: arguments.status,
        flow: arguments.flow,
        ..RunFilter::default()
    };
    let page = Page {
        after: None,
        limit: usize::try_from(arguments.limit).unwrap_or(usize::MAX),
    };
    let rows = host.journal().runs(filter, page).await?.rows;
    if arguments.json {
        let rows: Vec<Value> = rows.iter().map(row_json).collect();
        println!("{}", Value::Array(rows));
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        let which = if filtered { "no such runs" } else { "no runs" };
        eprintln!("{which} in {}", settings.data.value.display());
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:<36}  {:<16}  {:<10}  {:>6}  {:<24}  SESSION",
        "RUN", "FLOW", "STATUS", "EVENTS", "UPDATED"
    );
    for row in rows {
        println!(
            "{:<36}  {:<16}  {:<10}  {:>6}  {:<24}  {}",
            safe_line(&row.key.to_string()),
            safe_line(&row.flow),
            row.status.text,
            row.next_seq,
            instant(i64::try_from(row.updated_at_ms).unwrap_or(i64::MAX)),
            safe_line(row.session.as_deref().unwrap_or("")),
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn row_json(row: &RunRow) -> Value {
    json!({
        "run": row.key.to_string(),
        "flow": row.flow,
        "status": row.status.text,
        "ended": row.status.ended,
        "events": row.next_seq,
        "session": row.session,
        "parent": row.parent,
        "created_at_ms": row.created_at_ms,
        "updated_at_ms": row.updated_at_ms,
    })
}
