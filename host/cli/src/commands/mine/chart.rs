//! `menagerie mine chart`.

use std::process::ExitCode;

use menagerie_mining::picture::{Since, dotted_chart, gantt};

use super::source::Source;
use crate::arguments::mine::{ChartArguments, ChartKind};
use crate::failure::Failure;
use crate::settings::Settings;

pub(super) async fn chart(
    settings: &Settings,
    arguments: ChartArguments,
) -> Result<ExitCode, Failure> {
    let source = Source::open(settings, arguments.log.as_deref(), &arguments.reading).await?;
    let log = &source.log;
    let picture = match arguments.kind {
        ChartKind::Dots => dotted_chart(log, source.occurrences, Since::Ever),
        ChartKind::RelativeDots => dotted_chart(log, source.occurrences, Since::Begin),
        ChartKind::Gantt => match log.cases() {
            [case] => gantt(log, case),
            cases => {
                return Err(Failure::usage(format!(
                    "a Gantt chart is of one case, and {} are chosen: name it with --case",
                    cases.len()
                )));
            }
        },
    };
    let told = format!("{} cases, {} events", log.cases().len(), log.events().len());
    super::write(&picture, arguments.output.as_deref(), &told)?;
    Ok(ExitCode::SUCCESS)
}
