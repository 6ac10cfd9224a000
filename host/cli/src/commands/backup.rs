//! `menagerie backup` and `menagerie restore`: a store as one file, and the way back.

use std::path::Path;
use std::process::ExitCode;

use menagerie_executor::Registry;
use menagerie_journal::{BackupReport, Beside, Options, SqliteJournal, check_backup};
use serde_json::json;

use crate::arguments::{BackupArguments, RestoreArguments};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{bytes, instant};

pub(crate) fn backup(
    settings: &Settings,
    arguments: &BackupArguments,
) -> Result<ExitCode, Failure> {
    let options = Options {
        must_exist: true,
        ..Options::new("menagerie backup")
    };
    let journal = SqliteJournal::open(&settings.data.value, &options)?;
    let registry = Registry::of_store(&settings.data.value);
    let registry = registry.snapshot().map_err(Failure::usage)?;
    let beside = registry
        .into_iter()
        .map(|(name, file)| Beside { name, file });
    let report = journal.backup_with(&arguments.file, arguments.replace, beside.collect())?;
    print("backup", &arguments.file, &report, arguments.json);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn restore(
    settings: &Settings,
    arguments: &RestoreArguments,
) -> Result<ExitCode, Failure> {
    if arguments.check {
        let report = check_backup(&arguments.file)?;
        print("whole", &arguments.file, &report, arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    let folder = &settings.data.value;
    let report = menagerie_journal::restore(&arguments.file, folder)?;
    print("restored", folder, &report, arguments.json);
    Ok(ExitCode::SUCCESS)
}

fn print(what: &str, path: &Path, report: &BackupReport, as_json: bool) {
    if as_json {
        println!(
            "{}",
            json!({what: path.display().to_string(), "report": report})
        );
        return;
    }
    println!(
        "{what}: {} of {}, with {} runs, {} events, {} large contents and {} files of the registry ({})",
        path.display(),
        instant(i64::try_from(report.made_at_ms).unwrap_or(i64::MAX)),
        report.runs,
        report.events,
        report.contents,
        report.registry,
        bytes(report.bytes),
    );
}
