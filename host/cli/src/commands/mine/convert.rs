//! `menagerie mine convert`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use flate2::Compression;
use flate2::write::GzEncoder;
use menagerie_mining::document::{write_csv, write_xes_document};
use serde_json::json;

use super::source;
use crate::arguments::mine::{ConvertArguments, ReadingArguments};
use crate::failure::Failure;

/// What a file is by its name.
enum Kind {
    Xes,
    XesGz,
    Csv,
}

pub(super) fn convert(arguments: &ConvertArguments) -> Result<ExitCode, Failure> {
    let kind = kind(&arguments.output)?;
    let reading = ReadingArguments::default();
    let document = source::document(&arguments.input, &reading, arguments.strict)?;
    // Beside the file that is asked for, and in its place only when it is whole.
    let folder = arguments
        .output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let failed = |error: &dyn std::error::Error| {
        Failure::usage(format!(
            "{} cannot be written: {}",
            arguments.output.display(),
            crate::failure::chain(error)
        ))
    };
    let name = arguments
        .output
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let part = folder
        .unwrap_or_else(|| Path::new("."))
        .join(format!(".{name}.part"));
    let file = File::create(&part).map_err(|error| failed(&error))?;
    let written = (|| -> Result<u64, Failure> {
        let mut sink = BufWriter::new(file);
        let left_out = match kind {
            Kind::Xes => {
                write_xes_document(&mut sink, &document).map_err(|error| failed(&error))?;
                0
            }
            Kind::XesGz => {
                let mut encoder = GzEncoder::new(&mut sink, Compression::default());
                write_xes_document(&mut encoder, &document).map_err(|error| failed(&error))?;
                encoder.finish().map_err(|error| failed(&error))?;
                0
            }
            Kind::Csv => write_csv(&mut sink, &document).map_err(|error| failed(&error))?,
        };
        sink.flush().map_err(|error| failed(&error))?;
        std::fs::rename(&part, &arguments.output).map_err(|error| failed(&error))?;
        Ok(left_out)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    let left_out = written?;
    let (cases, events) = (document.traces.len(), document.events());
    if arguments.json {
        println!(
            "{}",
            json!({"cases": cases, "events": events, "left_out": left_out})
        );
    } else {
        eprintln!(
            "{cases} cases, {events} events: {}",
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

fn kind(path: &Path) -> Result<Kind, Failure> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if name.ends_with(".xes") {
        Ok(Kind::Xes)
    } else if name.ends_with(".xes.gz") {
        Ok(Kind::XesGz)
    } else if name.ends_with(".csv") {
        Ok(Kind::Csv)
    } else {
        Err(Failure::usage(format!(
            "{}: found another ending, expected .xes, .xes.gz or .csv",
            path.display()
        )))
    }
}
