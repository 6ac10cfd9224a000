//! `menagerie mine`: models, conformance and figures of a log, anybody's or the store's own.

use std::process::ExitCode;

use crate::arguments::mine::{MineArguments, MineCommand};
use crate::failure::Failure;
use crate::settings::Settings;

mod changes;
mod conform;
mod convert;
mod discover;
mod metrics;
mod source;
mod table;
mod variants;

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
        MineCommand::Convert(convert) => convert::convert(&convert),
    }
}
