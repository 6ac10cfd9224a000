//! `menagerie mine variants`.

use std::process::ExitCode;

use menagerie_mining::shapes::{VariantShape, VariantsShape};
use serde_json::json;

use super::source::Source;
use super::table;
use crate::arguments::mine::LogArguments;
use crate::failure::Failure;
use crate::settings::Settings;

/// The most variants that are shown to a person.
const SHOWN: usize = 20;

pub(super) async fn variants(
    settings: &Settings,
    arguments: LogArguments,
) -> Result<ExitCode, Failure> {
    let source = Source::open(settings, arguments.log.as_deref(), &arguments.reading).await?;
    let variants = source.variants();
    let total = variants.total();
    #[allow(clippy::cast_precision_loss, reason = "counts of cases lie below 2^53")]
    let share = |count: u64| count as f64 / total.max(1) as f64;
    if arguments.json {
        let list = variants.list.iter().map(|variant| VariantShape {
            count: variant.count,
            share: share(variant.count),
            activities: variant
                .path
                .iter()
                .map(|one| variants.name(*one).to_owned())
                .collect(),
        });
        println!(
            "{}",
            json!(VariantsShape {
                cases: total,
                variants: list.collect()
            })
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut covered = 0;
    let rows: Vec<Vec<String>> = variants
        .list
        .iter()
        .take(SHOWN)
        .map(|variant| {
            covered += variant.count;
            let path: Vec<&str> = variant.path.iter().map(|one| variants.name(*one)).collect();
            vec![
                variant.count.to_string(),
                table::percent(share(variant.count)),
                table::percent(share(covered)),
                path.join(" -> "),
            ]
        })
        .collect();
    table::print_last_left(&["CASES", "SHARE", "COVERED", "ACTIVITIES"], &rows);
    if let Some(more) = variants
        .list
        .len()
        .checked_sub(SHOWN)
        .filter(|more| *more > 0)
    {
        eprintln!("and {more} more variants; --json has all");
    }
    Ok(ExitCode::SUCCESS)
}
