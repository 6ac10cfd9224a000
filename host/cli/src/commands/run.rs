//! `menagerie run`: a flow file and an input to a result.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use menagerie_executor::{
    AssembleError, AssembleProblem, Assembled, Began, BeginRun, GivenFile, Host, Library,
    PluginFinder, Stopped, TakeFrom, assemble, missing_secrets,
};
use menagerie_journal::RunKey;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::flow_file::{self, ParsedFlow, PluginUseRef, Problem};
use menagerie_orchestration::run::Run;
use menagerie_sandbox::Catalogue;
use serde_json::{Value, json};

use crate::arguments::RunArguments;
use crate::commands::answer_report::{self, Finished, Totals};
use crate::commands::export::Reading;
use crate::commands::mine::findings;
use crate::commands::{attach, check, detach, follow, open};
use crate::failure::{Failure, INTERRUPTED, chain};
use crate::interrupts::Interrupts;
use crate::plugins::{Folders, repository};
use crate::settings::Settings;
use crate::terminal::diagnostics::{problem_at, problem_at_start};
use crate::terminal::live::LiveView;

/// A flow file as it was read.
pub(crate) struct FlowFile {
    pub(crate) name: String,
    pub(crate) text: Arc<str>,
    pub(crate) parsed: ParsedFlow,
}

pub(crate) async fn run(settings: &Settings, arguments: RunArguments) -> Result<ExitCode, Failure> {
    let file = read_flow(&arguments.flow)?;
    let input = read_input(&file.parsed.flow, arguments.input.as_deref())?;
    let finder = finder(settings, &arguments.flow, &file.parsed.flow).await?;
    let prepared = prepare(settings, file, &finder).await?;
    let begin = Begin {
        id: arguments.id,
        session: arguments.session,
        json: arguments.json,
        input,
        files: attach::files(&arguments.attach)?,
    };
    match arguments.detach {
        true => detach::detach(settings, &prepared.assembled, begin).await,
        false => begin_run(settings, prepared, begin, "run").await,
    }
}

/// A flow that is ready to run, and what it runs on.
pub(crate) struct Prepared {
    pub(crate) catalogue: Catalogue,
    pub(crate) assembled: Assembled,
}

/// A run that is wanted.
pub(crate) struct Begin {
    pub(crate) id: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) json: bool,
    pub(crate) input: Document,
    pub(crate) files: Vec<GivenFile>,
}

/// Reads a flow file.
///
/// # Errors
/// With every problem of it, each with its place.
pub(crate) fn read_flow(path: &Path) -> Result<FlowFile, Failure> {
    let name = path.display().to_string();
    let text = read_text(path, "the flow file")?;
    match flow_file::parse(&text) {
        Ok(parsed) => Ok(FlowFile {
            name,
            text: text.into(),
            parsed,
        }),
        Err(problems) => Err(Failure::in_file(&name, &text, problems)),
    }
}

/// The folders to find a flow's plugins in. The bundled ones are built first when the flow needs them.
pub(crate) async fn finder(
    settings: &Settings,
    path: &Path,
    flow: &Flow,
) -> Result<Folders, Failure> {
    let found = Folders::of(settings, path, None)?;
    let missing = menagerie_executor::uses(flow).any(|(_, _, uses)| match &uses.plugin {
        menagerie_orchestration::flow::PluginSource::Named(name) => !found.has(name),
        menagerie_orchestration::flow::PluginSource::File(_)
        | menagerie_orchestration::flow::PluginSource::Oci(_) => false,
    });
    match repository() {
        Some(root) if missing => {
            let bundled = crate::commands::build::bundled(root).await?;
            Folders::of(settings, path, Some(bundled))
        }
        _ => Ok(found),
    }
}

/// Loads and checks everything that a flow names.
pub(crate) async fn prepare(
    settings: &Settings,
    file: FlowFile,
    finder: &Folders,
) -> Result<Prepared, Failure> {
    let catalogue = open::catalogue(settings)?;
    let assembled = assemble_file(settings, &catalogue, &file, finder)?;
    let problems = check::config_problems(&catalogue, &file, &assembled).await?;
    if !problems.is_empty() {
        return Err(Failure::in_file(&file.name, &file.text, problems));
    }
    Ok(Prepared {
        catalogue,
        assembled,
    })
}

/// As [`prepare`], without asking plugins about their configuration.
pub(crate) fn assemble_file(
    settings: &Settings,
    catalogue: &Catalogue,
    file: &FlowFile,
    finder: &dyn PluginFinder,
) -> Result<Assembled, Failure> {
    let entitlements = settings.entitlements()?;
    let flow = Arc::new(file.parsed.flow.clone());
    let unusable = |errors: Vec<AssembleError>| {
        let problems: Vec<Problem> = errors.iter().map(|error| placed(file, error)).collect();
        Failure::in_file(&file.name, &file.text, problems)
    };
    let assembled =
        assemble(catalogue, flow, file.text.clone(), finder, entitlements).map_err(unusable)?;
    match missing_secrets(catalogue.engine(), &assembled.flow) {
        missing if missing.is_empty() => Ok(assembled),
        missing => Err(unusable(missing)),
    }
}

/// A problem with a plugin, at the place in the flow file that names it.
fn placed(file: &FlowFile, error: &AssembleError) -> Problem {
    let key = match &error.problem {
        AssembleProblem::Ceiling(ceiling) => format!("/limits/{}", ceiling.limit),
        AssembleProblem::Outside { .. } | AssembleProblem::Secret { .. } => {
            "/grants/http".to_owned()
        }
        _ => "/plugin".to_owned(),
    };
    let position =
        plugin_use(&error.role).and_then(|role| file.parsed.spans.locate_key(role, &key, None));
    let message = chain(&error.problem);
    match position {
        Some(place) => problem_at(place, format!("{}: {message}", error.role)),
        None => problem_at_start(format!("{}: {message}", error.role)),
    }
}

/// The use of a plugin that a role names.
pub(crate) fn plugin_use(role: &str) -> Option<PluginUseRef<'_>> {
    match role.split_once(':') {
        Some(("agent", name)) => Some(PluginUseRef::Agent(name)),
        Some(("aggregator", name)) => Some(PluginUseRef::Aggregator(name)),
        _ => (role == "strategy").then_some(PluginUseRef::Strategy),
    }
}

/// The run's input: JSON on the command line, JSON out of a file, or text where the flow takes it.
pub(crate) fn read_input(flow: &Flow, given: Option<&str>) -> Result<Document, Failure> {
    let value = match given {
        None => json!({}),
        Some(given) => match given.strip_prefix('@') {
            Some(file) => read_input_file(flow, file)?,
            None => serde_json::from_str(given).map_err(|error| {
                Failure::usage(format!(
                    "--input: line {} column {}: {error}; expected JSON, or @FILE",
                    error.line(),
                    error.column()
                ))
            })?,
        },
    };
    flow_file::check_input(flow, &value).map_err(|problems| {
        let source = given.map_or("the empty input".to_owned(), |given| {
            format!("--input {}", shortened(given))
        });
        let told: Vec<String> = problems
            .iter()
            .map(|problem| {
                let pointer = if problem.pointer.is_empty() {
                    "the input"
                } else {
                    &problem.pointer
                };
                format!(
                    "  {pointer}: found {}, expected {}",
                    problem.found, problem.expected
                )
            })
            .collect();
        Failure::usage(format!(
            "{source} is not what the flow `{}` takes:\n{}",
            flow.name,
            told.join("\n")
        ))
    })?;
    Ok(Document::from(value))
}

fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        format!("{shown}…")
    } else {
        shown
    }
}

/// A file that a person wrote.
fn read_text(path: &Path, what: &str) -> Result<String, Failure> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::usage(format!("{what} {name} cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!(
            "{what} {name} is no text: byte {at} is no UTF-8; expected a text file"
        ))
    })
}

fn read_input_file(flow: &Flow, file: &str) -> Result<Value, Failure> {
    let text = read_text(Path::new(file), "the input")?;
    match (serde_json::from_str::<Value>(&text), &flow.input.text_field) {
        (Ok(value), _) => Ok(value),
        (Err(_), Some(field)) => {
            let mut object = serde_json::Map::new();
            object.insert(field.clone(), Value::String(text));
            Ok(Value::Object(object))
        }
        (Err(error), None) => Err(Failure::usage(format!(
            "{file}:{}:{}: {error}; expected JSON, since the flow `{}` names no input.text_field for other text",
            error.line(),
            error.column(),
            flow.name
        ))),
    }
}

/// Begins a run and drives it to its end, or to where it waits.
pub(crate) async fn begin_run(
    settings: &Settings,
    prepared: Prepared,
    begin: Begin,
    command: &str,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, command)?;
    let key = match &begin.id {
        Some(id) => RunKey::in_default(id.as_str()),
        None => RunKey::fresh(),
    };
    let view = LiveView::start(begin.json, &key.to_string());
    let watcher = view.watcher();
    let interrupt = interrupt(&host, key.to_string(), view.teller())?;
    let wanted = BeginRun {
        key: key.clone(),
        input: begin.input,
        files: begin.files,
        session: begin.session,
    };
    let began = host
        .begin(
            &prepared.catalogue,
            &prepared.assembled,
            wanted,
            watcher.clone(),
        )
        .await;
    let (run, stopped) = match began.inspect_err(|_| view.stop())? {
        Began::Driven(run, stopped) => (*run, stopped),
        Began::Existing(row) if row.status.ended => (host.load(&key).await?, Stopped::Ended),
        Began::Existing(_) => {
            let catalogue = prepared.catalogue;
            follow::goes_on(&host, &catalogue, &key, watcher)
                .await
                .inspect_err(|_| view.stop())?
        }
    };
    view.stop();
    interrupt.abort();
    finish(&host, &key, &run, stopped, begin.json).await
}

/// Drives a run of the store on, and reports.
pub(crate) async fn drive_on(
    settings: &Settings,
    host: &Host,
    key: &RunKey,
    json: bool,
    from: TakeFrom,
) -> Result<ExitCode, Failure> {
    let library = Library::new(open::catalogue(settings)?, 1);
    let view = LiveView::start(json, &key.to_string());
    let interrupt = interrupt(host, key.to_string(), view.teller())?;
    let driven = host.resume_from(&library, key, view.watcher(), from).await;
    view.stop();
    interrupt.abort();
    let (run, stopped) = driven?;
    finish(host, key, &run, stopped, json).await
}

async fn finish(
    host: &Host,
    key: &RunKey,
    run: &Run,
    stopped: Stopped,
    json: bool,
) -> Result<ExitCode, Failure> {
    let row = host.journal().run(key).await?;
    let (totals, findings) = if stopped == Stopped::Ended && findings::is_told_of(&row) {
        let mut reading = Reading::default();
        reading.go_on(host, key).await?;
        let found = findings::of_run(host, &row, run.flow(), &reading).await;
        // A run that is told well is told even where its findings cannot be.
        (Totals::over(reading.events()), found.unwrap_or_default())
    } else {
        (Totals::of(host, key).await?, Vec::new())
    };
    let finished = Finished {
        key,
        run,
        stopped,
        totals,
        findings,
    };
    Ok(answer_report::print(&finished, json))
}

/// Parks the run on the first interrupt, and ends the process on the second.
fn interrupt(
    host: &Host,
    run: String,
    tell: impl Fn(&str) + Send + 'static,
) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let stopper = host.stopper();
    let mut interrupts = Interrupts::listen()?;
    Ok(tokio::spawn(async move {
        interrupts.next().await;
        stopper.cancel();
        tell("interrupted: parking the run; once more to end at once");
        interrupts.next().await;
        tell(&format!("the run goes on with: menagerie resume {run}"));
        std::process::exit(INTERRUPTED.into());
    }))
}
