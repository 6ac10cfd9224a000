//! What matters about a run that has just ended.

use menagerie_executor::Host;
use menagerie_journal::{Page, RunFilter, RunRow};
use menagerie_mining::findings::{Finding, findings};
use menagerie_mining::log::Log;
use menagerie_orchestration::flow::Flow;

use crate::arguments::mine::ReadingArguments;
use crate::commands::export::Reading;
use crate::failure::Failure;
use crate::mining_events::PluginNames;
use crate::terminal::text::duration_ms;

/// Runs of more events are left to `menagerie mine`.
const MOST_EVENTS: u64 = 20_000;
/// Earlier runs of the same flow that a run is compared with.
const EARLIER: usize = 50;
/// How many findings are told.
const TOLD: usize = 3;

/// Whether a run is short enough for its findings to be told with its end.
pub(crate) fn is_told_of(row: &RunRow) -> bool {
    row.next_seq <= MOST_EVENTS
}

/// The two or three findings that matter, the gravest first.
pub(crate) async fn of_run(
    host: &Host,
    row: &RunRow,
    flow: &Flow,
    reading: &Reading,
) -> Result<Vec<Finding>, Failure> {
    let mut case = reading.case(row, &PluginNames::default());
    case.events
        .retain(|event| super::source::is_wanted(event, &ReadingArguments::default()));
    let log = Log::of_cases([case]);
    let filter = RunFilter {
        flow: Some(row.flow.clone()),
        ..RunFilter::default()
    };
    let page = Page {
        after: None,
        limit: EARLIER,
    };
    let rows = host.journal().runs(filter, page).await?.rows;
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285 000 years")]
    let earlier: Vec<f64> = rows
        .iter()
        .filter(|other| other.key != row.key && &*other.status.text == "completed")
        .map(|other| other.updated_at_ms.saturating_sub(other.created_at_ms) as f64)
        .collect();
    let net = super::conform::of_flow(flow);
    let mut found = findings(&log, Some(&net), &earlier, duration_ms);
    found.truncate(TOLD);
    Ok(found)
}
