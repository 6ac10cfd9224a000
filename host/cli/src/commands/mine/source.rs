//! Where a log comes from: a file of any kind that is read, or the runs of the store.

use std::io::Read as _;
use std::path::Path;

use menagerie_mining::document::{Columns, Document, document_of_csv, read_xes};
use menagerie_mining::log::{Log, Occurrences, Selection, Variants};
use menagerie_mining::objects::ObjectLog;
use menagerie_mining::{Case, ProcessEvent};

use super::ocel_sqlite;
use crate::arguments::mine::{LifecycleChoice, ReadingArguments, SelectionArguments};
use crate::commands::{export, open};
use crate::failure::{Failure, chain};
use crate::mining_events::{CALL, PluginNames};
use crate::settings::Settings;
use crate::terminal::text::safe_line;

/// What the activities of decisions begin with.
const DECISION: &str = "decision:";

/// A log that was read and reduced to what was asked for.
pub(super) struct Source {
    pub(super) log: Log,
    pub(super) occurrences: Occurrences,
}

impl Source {
    /// The log of a file, or of the store.
    pub(super) async fn open(
        settings: &Settings,
        path: Option<&Path>,
        reading: &ReadingArguments,
    ) -> Result<Self, Failure> {
        match path {
            Some(path) if reading.store => Err(Failure::usage(format!(
                "found a log, {}, and --store; expected one of them",
                path.display()
            ))),
            Some(path) => Self::of_file(path, reading),
            None => Self::of_store(settings, reading).await,
        }
    }

    pub(super) fn of_file(path: &Path, reading: &ReadingArguments) -> Result<Self, Failure> {
        if let Some(form) = object_form(path) {
            return Self::of_objects(path, form, reading);
        }
        let document = document(path, reading, reading.strict)?;
        let log = document.log(&reading.activity_key);
        if log.events().is_empty() && document.events() > 0 {
            return Err(Failure::usage(format!(
                "{}: none of {} events has `{}`; --activity-key names another attribute",
                path.display(),
                document.events(),
                reading.activity_key
            )));
        }
        Self::selected(log, reading)
    }

    async fn of_store(settings: &Settings, reading: &ReadingArguments) -> Result<Self, Failure> {
        let cases = runs(settings, reading, Versions::Unnamed).await?;
        Self::selected(Log::of_cases(cases), reading)
    }

    /// An object-centric log as the objects of one type see it.
    fn of_objects(
        path: &Path,
        form: ObjectForm,
        reading: &ReadingArguments,
    ) -> Result<Self, Failure> {
        let log = object_log(path, form)?;
        let in_file = |problem: &dyn std::fmt::Display| {
            Failure::usage(format!("{}: {problem}", path.display()))
        };
        let Some(kind) = &reading.object_type else {
            let known: Vec<&str> = log
                .object_types
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            return Err(in_file(&format!(
                "an object-centric log is mined as objects of one type see it: name it with --object-type, of {}",
                known.join(", ")
            )));
        };
        Self::selected(
            log.flattened(kind).map_err(|error| in_file(&error))?,
            reading,
        )
    }

    fn selected(log: Log, reading: &ReadingArguments) -> Result<Self, Failure> {
        let occurrences = Self::occurrences_of(reading);
        let selection = selection(&reading.selection)?;
        let log = if selection.is_everything() {
            log
        } else {
            selection.of(&log, occurrences)
        };
        if !log.events().is_empty() && occurrences.left_out(&log) == log.events().len() {
            eprintln!("no event says that work is complete; --lifecycle all takes every event");
        } else {
            let others = occurrences.left_out_by_other_words(&log);
            if others > 0 {
                let (events, are) = if others == 1 {
                    ("event has", "is")
                } else {
                    ("events have", "are")
                };
                eprintln!(
                    "{others} {events} a `lifecycle:transition` that the standard model does not have, and {are} left out; --lifecycle all takes every event"
                );
            }
        }
        Ok(Self { log, occurrences })
    }

    pub(super) fn occurrences_of(reading: &ReadingArguments) -> Occurrences {
        match reading.lifecycle {
            LifecycleChoice::Complete => Occurrences::Completed,
            LifecycleChoice::All => Occurrences::All,
        }
    }

    /// The variants of the log.
    pub(super) fn variants(&self) -> Variants {
        Variants::of(&self.log, self.occurrences)
    }
}

/// Whether events say which version of a plugin did the work; reading that costs a look at each plugin of each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versions {
    Named,
    Unnamed,
}

/// The runs of the store as cases, without decisions unless they are asked for.
pub(super) async fn runs(
    settings: &Settings,
    reading: &ReadingArguments,
    versions: Versions,
) -> Result<Vec<Case>, Failure> {
    let host = open::host(settings, "mine")?;
    let mut cases = Vec::new();
    for key in &export::all_runs(&host).await? {
        let case = match versions {
            Versions::Named => export::case_of(&host, key).await,
            Versions::Unnamed => export::case_with(&host, key, &PluginNames::default()).await,
        };
        match case {
            Ok(case) => cases.push(case),
            Err(failure) => eprintln!("run {key} is left out: {}", failure.message()),
        }
    }
    for case in &mut cases {
        case.events.retain(|event| is_wanted(event, reading));
    }
    Ok(cases)
}

/// Whether an event of a run is one of those that are mined: steps always, decisions and host calls where asked for.
pub(super) fn is_wanted(event: &ProcessEvent, reading: &ReadingArguments) -> bool {
    let is_decision = event.activity.starts_with(DECISION);
    let is_call = event.activity.starts_with(CALL);
    (reading.decisions || !is_decision) && (reading.calls || !is_call)
}

/// The forms of object-centric logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectForm {
    Json,
    Xml,
    Sqlite,
}

/// What every SQLite database begins with.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
/// How much of a file is looked at to tell what it is.
const HEAD: u64 = 1 << 16;

/// Whether a file is an object-centric log, and in which form: by its name, and where names say too little by what it
/// begins with.
pub(super) fn object_form(path: &Path) -> Option<ObjectForm> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let endings = [
        (".jsonocel", ObjectForm::Json),
        (".ocel.json", ObjectForm::Json),
        (".xmlocel", ObjectForm::Xml),
        (".ocel.xml", ObjectForm::Xml),
        (".xmlocel.gz", ObjectForm::Xml),
        (".ocel.xml.gz", ObjectForm::Xml),
        (".sqlite", ObjectForm::Sqlite),
    ];
    if let Some((_, form)) = endings.iter().find(|(ending, _)| name.ends_with(ending)) {
        return Some(*form);
    }
    let mut head = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(HEAD)
        .read_to_end(&mut head)
        .ok()?;
    let has = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    if head.starts_with(SQLITE_MAGIC) {
        Some(ObjectForm::Sqlite)
    } else if name.ends_with(".json") {
        Some(ObjectForm::Json)
    } else if name.ends_with(".xml") && (has(b"<object-types") || has(b"<event-types")) {
        Some(ObjectForm::Xml)
    } else {
        None
    }
}

/// The object-centric log of a file.
pub(super) fn object_log(path: &Path, form: ObjectForm) -> Result<ObjectLog, Failure> {
    let in_file =
        |problem: &dyn std::fmt::Display| Failure::usage(format!("{}: {problem}", path.display()));
    let unreadable = |error: std::io::Error| in_file(&format!("cannot be read: {error}"));
    match form {
        ObjectForm::Json => {
            let text = std::fs::read_to_string(path).map_err(unreadable)?;
            ObjectLog::from_json(&text).map_err(|error| in_file(&error))
        }
        ObjectForm::Xml => {
            let bytes = std::fs::read(path).map_err(unreadable)?;
            ObjectLog::from_xml(&bytes).map_err(|error| in_file(&error))
        }
        ObjectForm::Sqlite => {
            // SQLite itself says only that it cannot.
            std::fs::File::open(path).map_err(unreadable)?;
            ocel_sqlite::read(path).map_err(|error| in_file(&chain(error.as_ref())))
        }
    }
}

/// The document of a file; what is unusual in it is told.
pub(super) fn document(
    path: &Path,
    reading: &ReadingArguments,
    strict: bool,
) -> Result<Document, Failure> {
    let in_file =
        |problem: &dyn std::fmt::Display| Failure::usage(format!("{}: {problem}", path.display()));
    let bytes =
        std::fs::read(path).map_err(|error| in_file(&format!("cannot be read: {error}")))?;
    let document = if is_table(path) {
        let columns = Columns {
            case: reading.case_column.clone(),
            activity: reading.activity_column.clone(),
            time: reading.time_column.clone(),
            ..Columns::default()
        };
        document_of_csv(&bytes, &columns).map_err(|error| in_file(&error))?
    } else {
        read_xes(&bytes).map_err(|error| in_file(&error))?
    };
    if let Some(forbidden) = document
        .notices
        .iter()
        .find(|notice| strict && notice.kind.is_forbidden())
    {
        return Err(in_file(forbidden));
    }
    for notice in &document.notices {
        eprintln!(
            "{}: {}",
            safe_line(&path.display().to_string()),
            safe_line(&notice.to_string())
        );
    }
    Ok(document)
}

/// Whether a file is a table by its name.
pub(super) fn is_table(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "csv" || extension == "tsv")
}

fn selection(arguments: &SelectionArguments) -> Result<Selection, Failure> {
    let moment = |text: &Option<String>, name: &str| match text {
        None => Ok(None),
        Some(text) => match menagerie_mining::document::moment(text) {
            Ok(at) => Ok(Some(at)),
            Err(error) => Err(Failure::usage(format!("--{name}: {error}"))),
        },
    };
    let set = |names: &[String]| names.iter().cloned().collect();
    let only = |names: &[String]| (!names.is_empty()).then(|| set(names));
    Ok(Selection {
        activities: only(&arguments.only),
        without_activities: set(&arguments.without),
        containing: set(&arguments.with),
        cases: only(&arguments.case),
        from: moment(&arguments.from, "from")?,
        until: moment(&arguments.until, "until")?,
        top_variants: arguments.top,
        coverage: arguments.coverage,
    })
}
