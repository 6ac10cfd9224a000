//! `menagerie mine convert`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use flate2::Compression;
use flate2::write::GzEncoder;
use menagerie_mining::document::{Document, write_csv, write_xes_document};
use menagerie_mining::log::Log;
use menagerie_mining::objects::ObjectLog;
use menagerie_mining::{LogHead, write_xes};
use serde_json::json;

use super::ocel_sqlite;
use super::source::{self, Versions};
use crate::arguments::mine::ConvertArguments;
use crate::failure::{Failure, chain};
use crate::settings::Settings;

/// What stands for the runs of the store.
const RUNS: &str = "runs";

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Xes,
    XesGz,
    Csv,
    OcelJson,
    OcelXml,
    OcelSqlite,
}

/// How much was written.
struct Written {
    cases: usize,
    /// Instead of cases, where objects were written as they are.
    objects: usize,
    events: usize,
    left_out: u64,
    /// Characters that XML cannot hold.
    replaced: u64,
}

pub(super) async fn convert(
    settings: &Settings,
    arguments: ConvertArguments,
) -> Result<ExitCode, Failure> {
    let kind = kind(&arguments.output)?;
    let content = Content::read(settings, &arguments).await?;
    // Beside the file that is asked for, and in its place only when it is whole.
    let folder = arguments
        .output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let name = arguments
        .output
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let part = folder
        .unwrap_or_else(|| Path::new("."))
        .join(format!(".{name}.part"));
    let written = content.write(kind, &part).and_then(|written| {
        std::fs::rename(&part, &arguments.output)?;
        Ok(written)
    });
    let written = written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        Failure::usage(format!(
            "{} cannot be written: {}",
            arguments.output.display(),
            chain(error.as_ref())
        ))
    })?;
    let Written {
        cases,
        objects,
        events,
        left_out,
        replaced,
    } = written;
    if replaced > 0 {
        eprintln!("{replaced} characters that XML cannot hold are shown by others");
    }
    let (what, count) = if objects > 0 {
        ("objects", objects)
    } else {
        ("cases", cases)
    };
    if arguments.json {
        println!(
            "{}",
            json!({what: count, "events": events, "left_out": left_out})
        );
    } else {
        eprintln!(
            "{count} {what}, {events} events: {}",
            arguments.output.display()
        );
        if left_out > 0 {
            eprintln!(
                "{left_out} values are left out: a table has no lists, and no attributes of attributes"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is written, in the fullest form that there is of it.
enum Content {
    /// A file of cases.
    Document(Document, Log),
    /// A file of objects.
    Objects(ObjectLog, Log),
}

impl Content {
    async fn read(settings: &Settings, arguments: &ConvertArguments) -> Result<Self, Failure> {
        let (input, reading) = (&arguments.input, &arguments.reading);
        let of_objects = is_of_objects(kind(&arguments.output)?);
        if input.as_os_str() == RUNS && !input.exists() {
            let versions = if of_objects {
                Versions::Unnamed
            } else {
                Versions::Named
            };
            let cases = source::runs(settings, reading, versions).await?;
            let log = Log::of_cases(cases.iter().cloned());
            if of_objects {
                return Ok(Self::Objects(ObjectLog::of_cases(cases), log));
            }
            // What the host writes is what it reads: the document of its own XES.
            let mut bytes = Vec::new();
            let head = LogHead {
                name: "all runs".to_owned(),
                ..LogHead::default()
            };
            write_xes(&mut bytes, &head, cases)
                .map_err(|error| Failure::host("the log cannot be written", error))?;
            let document = menagerie_mining::document::read_xes(&bytes)
                .map_err(|error| Failure::host("the log cannot be read back", error))?;
            return Ok(Self::Document(document, log));
        }
        if let Some(form) = source::object_form(input) {
            let objects = source::object_log(input, form)?;
            // From objects to objects nothing is looked at from one side: all of it is written.
            let log = if of_objects {
                Log::default()
            } else {
                source::Source::of_file(input, reading)?.log
            };
            return Ok(Self::Objects(objects, log));
        }
        let document = source::document(input, reading, reading.strict)?;
        let log = document.log(&reading.activity_key);
        Ok(Self::Document(document, log))
    }

    fn write(&self, kind: Kind, path: &Path) -> Result<Written, anyhow::Error> {
        let (Self::Document(_, log) | Self::Objects(_, log)) = self;
        let mut written = Written {
            cases: log.cases().len(),
            objects: 0,
            events: log.events().len(),
            left_out: 0,
            replaced: 0,
        };
        match self {
            Self::Document(document, _) => written.events = document.events(),
            Self::Objects(objects, _) if is_of_objects(kind) => {
                (written.cases, written.events) = (0, objects.events.len());
                written.objects = objects.objects.len();
            }
            Self::Objects(..) => {}
        }
        if kind == Kind::OcelSqlite {
            // What a run that was killed has left.
            let _ = std::fs::remove_file(path);
            menagerie_journal::tables::write_tables(path, &ocel_sqlite::tables(&self.objects()))?;
            return Ok(written);
        }
        let mut sink = BufWriter::new(File::create(path)?);
        match kind {
            Kind::Xes => {
                write_xes_document(&mut sink, &self.document())?;
            }
            Kind::XesGz => {
                let mut encoder = GzEncoder::new(&mut sink, Compression::default());
                write_xes_document(&mut encoder, &self.document())?;
                encoder.finish()?;
            }
            Kind::Csv => written.left_out = write_csv(&mut sink, &self.document())?,
            Kind::OcelJson => self.objects().write_json(&mut sink)?,
            Kind::OcelXml => {
                written.replaced = self.objects().write_xml(&mut sink)?;
            }
            Kind::OcelSqlite => {}
        }
        sink.flush()?;
        Ok(written)
    }

    fn objects(&self) -> ObjectLog {
        match self {
            Self::Document(_, log) => ObjectLog::of_log(log),
            Self::Objects(objects, _) => objects.clone(),
        }
    }

    fn document(&self) -> Document {
        match self {
            Self::Document(document, _) => document.clone(),
            Self::Objects(_, log) => Document::of_log(log),
        }
    }
}

fn is_of_objects(kind: Kind) -> bool {
    matches!(kind, Kind::OcelJson | Kind::OcelXml | Kind::OcelSqlite)
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let endings = [
        (".xes", Kind::Xes),
        (".xes.gz", Kind::XesGz),
        (".csv", Kind::Csv),
        (".jsonocel", Kind::OcelJson),
        (".ocel.json", Kind::OcelJson),
        (".xmlocel", Kind::OcelXml),
        (".ocel.xml", Kind::OcelXml),
        (".sqlite", Kind::OcelSqlite),
    ];
    let found = endings.iter().find(|(ending, _)| name.ends_with(ending));
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        Failure::usage(format!(
            "{}: found another ending, expected .xes, .xes.gz, .csv, .jsonocel, .xmlocel or .sqlite",
            path.display()
        ))
    })
}
