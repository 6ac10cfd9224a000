//! `menagerie export`: runs as a log for process mining.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use menagerie_journal::{CallRow, Page, RunFilter, RunKey, RunRow};
use menagerie_mining::{Case, LogHead, ProcessEvent, write_jsonl, write_xes};
use menagerie_orchestration::command::call_log_name;
use menagerie_orchestration::event::{CallOf, Event, Recorded};

use crate::arguments::{ExportArguments, ExportFormat};
use crate::commands::open;
use crate::failure::{Failure, WRONG_USE};
use crate::mining_events::{self, CallsOf, PluginNames};
use crate::output::StandardOutput;
use crate::settings::Settings;

/// Runs listed at once.
const PAGE: usize = 1_000;

pub(crate) async fn export(
    settings: &Settings,
    arguments: ExportArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "export")?;
    if matches!(arguments.format, ExportFormat::History) {
        return history(&host, &arguments).await;
    }
    let keys = match &arguments.run {
        Some(named) => vec![open::run_key(&host, named).await?],
        None => all_runs(&host).await?,
    };
    let mut cases = Vec::new();
    let mut outcome = ExitCode::SUCCESS;
    for key in &keys {
        match case_of(&host, key).await {
            Ok(case) => cases.push(case),
            // One that cannot be read keeps none of the others from being told.
            Err(failure) if arguments.all => {
                eprintln!("run {key} is left out: {}", failure.message());
                outcome = ExitCode::from(WRONG_USE);
            }
            Err(failure) => return Err(failure),
        }
    }
    let name = match &keys[..] {
        [one] => format!("run {one}"),
        _ => "all runs".to_owned(),
    };
    write(cases, name, arguments.format, arguments.output)?;
    Ok(outcome)
}

/// A run as a case, with the versions of its plugins.
pub(crate) async fn case_of(
    host: &menagerie_executor::Host,
    key: &RunKey,
) -> Result<Case<Vec<ProcessEvent>>, Failure> {
    let names = PluginNames::of(&**host.journal(), key).await?;
    case_with(host, key, &names).await
}

/// A run as a case. Without names, no plugin of the run is read: figures and models need none.
pub(crate) async fn case_with(
    host: &menagerie_executor::Host,
    key: &RunKey,
    names: &PluginNames,
) -> Result<Case<Vec<ProcessEvent>>, Failure> {
    let row = host.journal().run(key).await?;
    let mut reading = Reading::default();
    reading.go_on(host, key).await?;
    Ok(reading.case(&row, names))
}

/// What was read of a run. Going on with it reads what is new, and nothing twice.
#[derive(Default)]
pub(crate) struct Reading {
    events: Vec<(u64, Recorded)>,
    /// The call logs of the ends among them that have any, by their place there.
    calls: Vec<(usize, Vec<CallRow>)>,
}

impl Reading {
    /// Reads what has come since.
    pub(crate) async fn go_on(
        &mut self,
        host: &menagerie_executor::Host,
        key: &RunKey,
    ) -> Result<(), Failure> {
        let known = self.events.len();
        let from = self.events.last().map_or(0, |(seq, _)| seq + 1);
        let new = host.events(key, from, usize::MAX).await?;
        let mut calls = Vec::new();
        for (place, (_, recorded)) in new.iter().enumerate() {
            if let Event::StepEnded {
                step,
                id,
                attempt,
                call,
                ..
            } = &recorded.event
                && call.host_calls > 0
            {
                let name = call_log_name(CallOf::Step(*step), id);
                let rows = host.journal().calls(key, &name, *attempt).await?;
                calls.push((known + place, rows));
            }
        }
        // Only now, so that what could not be read whole is read again.
        self.events.extend(new);
        self.calls.extend(calls);
        Ok(())
    }

    /// All events so far.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|(_, recorded)| &recorded.event)
    }

    /// The run as a case, as far as it was read.
    pub(crate) fn case(&self, row: &RunRow, names: &PluginNames) -> Case<Vec<ProcessEvent>> {
        let mut case = mining_events::case(row, &self.events, names);
        for (place, rows) in &self.calls {
            let Event::StepEnded {
                step,
                id,
                agent,
                attempt,
                call,
                ..
            } = &self.events[*place].1.event
            else {
                continue;
            };
            let calls = CallsOf {
                agent,
                step: (step.0, id),
                attempt: *attempt,
                finished_ms: call.finished.0,
                rows,
            };
            mining_events::add_calls(&mut case, &row.flow, &calls);
        }
        case
    }
}

/// One run as a file that stands for itself.
async fn history(
    host: &menagerie_executor::Host,
    arguments: &ExportArguments,
) -> Result<ExitCode, Failure> {
    let Some(named) = &arguments.run else {
        return Err(Failure::usage(
            "a history is of one run: name it instead of --all",
        ));
    };
    let key = open::run_key(host, named).await?;
    let history = menagerie_executor::history_of(&**host.journal(), &key, &arguments.about).await?;
    let text = history.to_text();
    let text = text.map_err(|error| Failure::host("the history cannot be written", error))?;
    let Some(path) = &arguments.output else {
        println!("{}", text.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::write(path, text).map_err(|error| {
        Failure::usage(format!("{} cannot be written: {error}", path.display()))
    })?;
    eprintln!("1 run, {} events: {}", history.events.len(), path.display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn all_runs(host: &menagerie_executor::Host) -> Result<Vec<RunKey>, Failure> {
    let mut keys = Vec::new();
    let mut page = Page {
        after: None,
        limit: PAGE,
    };
    loop {
        let found = host.journal().runs(RunFilter::default(), page).await?;
        keys.extend(found.rows.into_iter().map(|row| row.key));
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    // The oldest first, as a log is read.
    keys.reverse();
    Ok(keys)
}

fn write(
    cases: Vec<Case<Vec<ProcessEvent>>>,
    name: String,
    format: ExportFormat,
    output: Option<PathBuf>,
) -> Result<ExitCode, Failure> {
    let failed = |error: anyhow::Error| Failure::host("the log cannot be written", error);
    let sink: Box<dyn Write> = match &output {
        Some(path) => Box::new(File::create(path).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", path.display()))
        })?),
        None => Box::new(StandardOutput),
    };
    let mut sink = BufWriter::new(sink);
    let count: usize = cases.iter().map(|case| case.events.len()).sum();
    let (runs, head) = (
        cases.len(),
        LogHead {
            name,
            ..LogHead::default()
        },
    );
    match format {
        ExportFormat::Xes => {
            write_xes(&mut sink, &head, cases).map_err(|error| failed(error.into()))?;
        }
        ExportFormat::Jsonl => {
            let events: Vec<ProcessEvent> =
                cases.into_iter().flat_map(|case| case.events).collect();
            write_jsonl(&mut sink, events).map_err(|error| failed(error.into()))?;
        }
        // Is of one run, and written above.
        ExportFormat::History => {}
    }
    sink.flush().map_err(|error| failed(error.into()))?;
    if let Some(path) = output {
        eprintln!("{runs} runs, {count} events: {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
