//! `menagerie vacuum`: remove what nobody needs any more.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use menagerie_journal::{Options, Retention, SqliteJournal, VacuumReport};
use serde_json::json;

use crate::arguments::VacuumArguments;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{bytes, safe_line};

pub(crate) fn vacuum(
    settings: &Settings,
    arguments: &VacuumArguments,
) -> Result<ExitCode, Failure> {
    let since = arguments
        .keep
        .map(|keep| SystemTime::now().checked_sub(keep));
    let since_ms = since.map(|since| {
        let since = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
        since.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    });
    let retention = Retention {
        since_ms,
        last: arguments.keep_last,
    };
    let options = Options {
        must_exist: true,
        ..Options::new("menagerie vacuum")
    };
    let journal = SqliteJournal::open(&settings.data.value, &options)?;
    let report = journal.vacuum(&retention, arguments.dry_run)?;
    if arguments.json {
        let runs: Vec<String> = report.runs.iter().map(ToString::to_string).collect();
        println!(
            "{}",
            json!({
                "dry_run": arguments.dry_run,
                "runs": runs,
                "blobs": report.blobs,
                "files": report.files,
                "file_bytes": report.file_bytes,
                "database_before": report.database_before,
                "database_after": report.database_after,
                "free_bytes": report.free_bytes,
            })
        );
    } else {
        print(&report, arguments.dry_run);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &VacuumReport, dry_run: bool) {
    let did = if dry_run { "would remove" } else { "removed" };
    for run in &report.runs {
        println!("{did} run {}", safe_line(&run.to_string()));
    }
    println!(
        "{did} {} runs, {} pinned contents and {} files ({})",
        report.runs.len(),
        report.blobs,
        report.files,
        bytes(report.file_bytes)
    );
    if dry_run {
        println!("how much smaller the database becomes is seen afterwards");
        return;
    }
    println!(
        "the database had {} and has {}",
        bytes(report.database_before),
        bytes(report.database_after)
    );
    if report.free_bytes > 0 {
        println!(
            "{} of it is free for new runs; it is given back when no other process has the store open",
            bytes(report.free_bytes)
        );
    }
}
