//! `menagerie run --detach`: a run for the resident host.

use std::process::ExitCode;

use menagerie_executor::{Assembled, BeginRun, Detached};
use menagerie_journal::RunKey;
use serde_json::json;

use crate::commands::open;
use crate::commands::run::Begin;
use crate::failure::Failure;
use crate::settings::Settings;

pub(crate) async fn detach(
    settings: &Settings,
    assembled: &Assembled,
    begin: Begin,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "run")?;
    let key = match &begin.id {
        Some(id) => RunKey::in_default(id.as_str()),
        None => RunKey::fresh(),
    };
    let wanted = BeginRun {
        key: key.clone(),
        input: begin.input,
        files: begin.files,
        session: begin.session,
    };
    let new = matches!(
        host.begin_detached(assembled, wanted).await?,
        Detached::Queued
    );
    let status = host.journal().run(&key).await?.status;
    let owner = match host.journal().owner(&key).await? {
        Some(owner) => Some(owner),
        None => open::serving(&host).await?,
    };
    if begin.json {
        let by = owner
            .as_ref()
            .map(|owner| json!({"name": owner.name, "pid": owner.pid}));
        let answer =
            json!({"run": key.to_string(), "status": status.text, "new": new, "driven_by": by});
        println!("{answer}");
    } else {
        println!("{key}");
    }
    if owner.is_none() && !status.ended {
        eprintln!("nobody drives the runs of this store: the run waits until somebody does, with");
        eprintln!("  menagerie serve         which drives them all, and stays");
        eprintln!("  menagerie resume {key}");
    }
    Ok(ExitCode::SUCCESS)
}
