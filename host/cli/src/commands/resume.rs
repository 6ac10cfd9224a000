//! `menagerie resume`: go on where a journal ends.

use std::process::ExitCode;

use menagerie_journal::{Page, RunFilter};

use crate::arguments::ResumeArguments;
use crate::commands::open;
use crate::commands::run::drive_on;
use crate::failure::Failure;
use crate::settings::Settings;

/// Runs looked at in one go.
const PAGE: usize = 1_000;

pub(crate) async fn resume(
    settings: &Settings,
    arguments: ResumeArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "resume")?;
    if let Some(named) = &arguments.run {
        let key = open::run_key(&host, named).await?;
        return drive_on(settings, &host, &key, arguments.json).await;
    }
    let filter = RunFilter {
        ended: Some(false),
        ..RunFilter::default()
    };
    let page = Page {
        after: None,
        limit: PAGE,
    };
    let rows = host.journal().runs(filter, page).await?.rows;
    let mut worst = 0;
    let mut resumed = 0;
    for row in rows.iter().rev() {
        // What waits for a person, or is driven by somebody, has nothing to go on with here.
        if matches!(&*row.status.text, "waiting" | "paused") {
            eprintln!("run {} is {}: left as it is", row.key, row.status.text);
            continue;
        }
        if let Some(owner) = host.journal().owner(&row.key).await? {
            eprintln!(
                "run {} is being driven by {} (process {})",
                row.key, owner.name, owner.pid
            );
            continue;
        }
        resumed += 1;
        let code = drive_on(settings, &host, &row.key, arguments.json).await?;
        worst = worst.max(u8::from(code != ExitCode::SUCCESS));
    }
    if resumed == 0 {
        eprintln!("nothing was cut off");
    }
    Ok(ExitCode::from(worst))
}
