//! `menagerie mine`: models, conformance and figures of a log, anybody's or the store's own.

use std::process::ExitCode;

use menagerie_mining::shapes::Shape;

use crate::arguments::mine::{MineArguments, MineCommand, SchemaArguments, ShapeChoice};
use crate::failure::Failure;
use crate::output::StandardOutput;
use crate::settings::Settings;

mod changes;
mod chart;
mod conform;
mod convert;
mod discover;
pub(crate) mod findings;
mod metrics;
mod ocel_sqlite;
mod source;
mod table;
mod variants;
mod watch;

pub(crate) async fn mine(
    settings: &Settings,
    arguments: MineArguments,
) -> Result<ExitCode, Failure> {
    match arguments.command {
        MineCommand::Discover(discover) => discover::discover(settings, discover).await,
        MineCommand::Conform(conform) => conform::conform(settings, conform).await,
        MineCommand::Metrics(metrics) => metrics::metrics(settings, metrics).await,
        MineCommand::Variants(variants) => variants::variants(settings, variants).await,
        MineCommand::Compare(compare) => changes::compare(&compare),
        MineCommand::Drift(drift) => changes::drift(settings, drift).await,
        MineCommand::Chart(chart) => chart::chart(settings, chart).await,
        MineCommand::Watch(arguments) => watch::watch(settings, arguments).await,
        MineCommand::Schema(arguments) => Ok(schema(&arguments)),
        MineCommand::Convert(convert) => convert::convert(settings, convert).await,
    }
}

/// Writes a text to a file, or to standard output where a program or a person wants it.
fn write(text: &str, path: Option<&std::path::Path>, told: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let Some(path) = path else {
        let mut sink = StandardOutput;
        sink.write_all(text.as_bytes())?;
        return Ok(sink.flush()?);
    };
    std::fs::write(path, text).map_err(|error| {
        Failure::usage(format!("{} cannot be written: {error}", path.display()))
    })?;
    eprintln!("{told}: {}", path.display());
    Ok(())
}

fn schema(arguments: &SchemaArguments) -> ExitCode {
    let shape = match arguments.of {
        ShapeChoice::Discover => Shape::Graph,
        ShapeChoice::Variants => Shape::Variants,
        ShapeChoice::ConformAlign => Shape::Alignment,
        ShapeChoice::ConformReplay => Shape::Replay,
        ShapeChoice::Metrics => Shape::Metrics,
        ShapeChoice::Compare => Shape::Comparison,
        ShapeChoice::Drift => Shape::Drift,
    };
    println!(
        "{:#}",
        serde_json::json!(menagerie_mining::shapes::schema(shape))
    );
    ExitCode::SUCCESS
}
