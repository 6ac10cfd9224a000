//! `menagerie doctor`: is everything there that the host needs?

use std::process::ExitCode;

use menagerie_journal::{SqliteJournal, StoreReport};
use serde_json::{Value, json};

use crate::arguments::DoctorArguments;
use crate::commands::open;
use crate::failure::Failure;
use crate::plugins::repository;
use crate::settings::Settings;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    good: bool,
    said: String,
}

pub(crate) async fn doctor(
    settings: &Settings,
    arguments: DoctorArguments,
) -> Result<ExitCode, Failure> {
    let mut findings = vec![engine(settings), jail(), licence(settings), sources()];
    let (of_store, report) = store(settings, arguments.store).await;
    findings.extend(of_store);
    findings.extend(stopped_holder(settings));
    let good = findings.iter().all(|finding| finding.good);
    if arguments.json {
        let list: Vec<Value> = findings
            .iter()
            .map(
                |finding| json!({"what": finding.what, "good": finding.good, "said": finding.said}),
            )
            .collect();
        let mut told = json!({"good": good, "findings": list});
        if let Some(report) = &report {
            told["store"] = as_json(report);
        }
        println!("{told}");
    } else {
        for finding in &findings {
            let mark = if finding.good { "ok " } else { "BAD" };
            println!("{mark}  {:<10} {}", finding.what, finding.said);
        }
    }
    Ok(ExitCode::from(if good { 0 } else { 2 }))
}

fn engine(settings: &Settings) -> Finding {
    match open::catalogue(settings) {
        Ok(catalogue) => match catalogue.cache_trouble() {
            None => Finding {
                what: "sandbox",
                good: true,
                said: catalogue.engine().fingerprint().to_owned(),
            },
            Some(trouble) => Finding {
                what: "sandbox",
                good: false,
                said: format!("compiled plugins cannot be kept: {trouble}"),
            },
        },
        Err(failure) => Finding {
            what: "sandbox",
            good: false,
            said: failure.message().to_owned(),
        },
    }
}

/// A kernel that cannot shut the jail is no fault of the host's: its limits hold everywhere.
fn jail() -> Finding {
    let probed = open::jail().and_then(|config| {
        menagerie_sandbox::jail::probe(&config)
            .map_err(|trouble| Failure::host("plugins cannot be compiled", trouble))
    });
    match probed {
        Ok(enforced) => Finding {
            what: "jail",
            good: true,
            said: if enforced.is_complete() {
                format!("compiling has no files and no network ({enforced})")
            } else {
                format!(
                    "compiling is limited in time, memory and open files, and the kernel does not deny the rest: {enforced}"
                )
            },
        },
        Err(failure) => Finding {
            what: "jail",
            good: false,
            said: failure.message().to_owned(),
        },
    }
}

fn licence(settings: &Settings) -> Finding {
    match settings.entitlements() {
        Ok(entitlements) => Finding {
            what: "licence",
            good: true,
            said: format!(
                "{} tier, steps at once: {}{}",
                entitlements.tier,
                entitlements.parallel_width(),
                development_key_note()
            ),
        },
        Err(failure) => Finding {
            what: "licence",
            good: false,
            said: failure.message().to_owned(),
        },
    }
}

/// A host that takes licences signed by a published key is for development.
fn development_key_note() -> &'static str {
    if menagerie_licensing::TrustedKeys::compiled_in().includes_development_key() {
        "; this build takes licences signed with the public development key"
    } else {
        ""
    }
}

/// The bundled plugins are optional: a host can live on plugins from elsewhere.
fn sources() -> Finding {
    let said = match repository() {
        Some(root) => format!(
            "bundled ones are built from {}",
            root.join("plugins").display()
        ),
        None => "the repository is not there: only plugins from --plugins and beside the flow"
            .to_owned(),
    };
    Finding {
        what: "plugins",
        good: true,
        said,
    }
}

/// The store, and what is in it when all of it was read.
async fn store(settings: &Settings, verify: bool) -> (Vec<Finding>, Option<StoreReport>) {
    let place = settings.data.value.display();
    let host = match open::host(settings, "doctor") {
        Ok(host) => host,
        Err(failure) => return (vec![of_store(false, failure.message().to_owned())], None),
    };
    if !verify {
        let said = format!("{place} can be opened; --store verifies all of it");
        return (vec![of_store(true, said)], None);
    }
    match host.journal().verify_all().await {
        Ok(report) => (verified(&place.to_string(), &report), Some(report)),
        Err(error) => (vec![of_store(false, error.to_string())], None),
    }
}

/// A process that is stopped within a commit keeps everybody from writing. Nothing can take the lock
/// from it, and nobody is shut out from reading.
fn stopped_holder(settings: &Settings) -> Option<Finding> {
    let holder = SqliteJournal::locked_by(&settings.data.value).filter(|holder| holder.stopped)?;
    Some(of_store(false, format!("nothing can be written: {holder}")))
}

fn of_store(good: bool, said: String) -> Finding {
    Finding {
        what: "store",
        good,
        said,
    }
}

/// What a check of the whole store comes to. What belongs to nothing is told and is no fault.
fn verified(place: &str, report: &StoreReport) -> Vec<Finding> {
    let StoreReport {
        runs,
        events,
        contents,
        damaged,
        engine,
        checkpoints,
        forks,
        orphans,
    } = report;
    let said = format!(
        "{place}: {runs} runs ({forks} of them forks), {events} events, {contents} contents and \
         {checkpoints} checkpoints read, {} runs damaged",
        damaged.len()
    );
    let mut findings = vec![of_store(damaged.is_empty() && engine.is_empty(), said)];
    findings.extend(engine.iter().map(|said| of_store(false, said.clone())));
    findings.extend(
        damaged
            .iter()
            .map(|(run, error)| of_store(false, format!("{run}: {error}"))),
    );
    findings.extend(orphans.iter().map(|orphan| {
        let said = format!("{orphan}: harmless, and collected by `menagerie vacuum`");
        of_store(true, said)
    }));
    findings
}

/// The same for programs.
fn as_json(report: &StoreReport) -> Value {
    let damaged: Vec<Value> = report
        .damaged
        .iter()
        .map(|(run, error)| {
            json!({"namespace": run.namespace, "run": run.run, "problem": error.to_string()})
        })
        .collect();
    json!({
        "runs": report.runs,
        "events": report.events,
        "contents": report.contents,
        "checkpoints": report.checkpoints,
        "forks": report.forks,
        "damaged": damaged,
        "engine": report.engine,
        "orphans": report.orphans,
    })
}
