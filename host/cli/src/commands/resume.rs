//! `menagerie resume`: go on where a journal ends.

use std::process::ExitCode;

use menagerie_executor::{Host, TakeFrom};
use menagerie_journal::{Page, RunFilter, RunRow, Wakes};

use crate::arguments::ResumeArguments;
use crate::commands::run::drive_on;
use crate::commands::{fork, open};
use crate::failure::{FAILED, Failure, INTERRUPTED, WAITING, WRONG_USE};
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
        if let Some(from) = arguments.from {
            let place = fork::Place {
                at: from,
                id: arguments.id,
                json: arguments.json,
            };
            return fork::rewind(settings, &host, &key, place).await;
        }
        let from = match arguments.take_over {
            true => TakeFrom::Anybody,
            false => TakeFrom::Nobody,
        };
        return drive_on(settings, &host, &key, arguments.json, from).await;
    }
    let mut resumed = 0;
    let mut outcome = ExitCode::SUCCESS;
    // The oldest first.
    for row in unfinished(&host).await?.into_iter().rev() {
        // What waits for a person, or is driven by somebody, has nothing to go on with here.
        if row.status.wakes == Wakes::WithMail {
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
        let code = match drive_on(settings, &host, &row.key, arguments.json, TakeFrom::Nobody).await
        {
            Ok(code) => code,
            // One that cannot go on keeps none of the others from it.
            Err(failure) => {
                eprintln!("run {}: {}", row.key, failure.message());
                ExitCode::from(WRONG_USE)
            }
        };
        if code == ExitCode::from(INTERRUPTED) {
            // Whoever interrupts means all of them.
            return Ok(code);
        }
        outcome = worse(outcome, code);
    }
    if resumed == 0 {
        eprintln!("nothing was cut off");
    }
    Ok(outcome)
}

/// Every run that has not ended, the newest first.
async fn unfinished(host: &Host) -> Result<Vec<RunRow>, Failure> {
    let filter = RunFilter {
        ended: Some(false),
        ..RunFilter::default()
    };
    let mut rows = Vec::new();
    let mut page = Page {
        after: None,
        limit: PAGE,
    };
    loop {
        let found = host.journal().runs(filter.clone(), page).await?;
        rows.extend(found.rows);
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(rows),
        }
    }
}

/// A run that cannot go on counts more than one that failed, that more than one that waits, and that
/// more than one that is done.
fn worse(one: ExitCode, other: ExitCode) -> ExitCode {
    let order = [WRONG_USE, FAILED, WAITING].map(ExitCode::from);
    order
        .into_iter()
        .find(|code| *code == one || *code == other)
        .unwrap_or(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_runs_end_with_the_worst_of_their_codes() {
        let [done, failed, waiting] = [0, FAILED, WAITING].map(ExitCode::from);
        assert_eq!(worse(done, done), done);
        assert_eq!(worse(done, waiting), waiting);
        assert_eq!(worse(waiting, failed), failed);
        assert_eq!(worse(failed, done), failed);
    }
}
