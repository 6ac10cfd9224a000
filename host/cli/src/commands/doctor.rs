//! `menagerie doctor`: is everything there that the host needs?

use std::process::ExitCode;

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
    let mut findings = vec![engine(settings), licence(settings), sources()];
    findings.extend(store(settings, arguments.store).await);
    let good = findings.iter().all(|finding| finding.good);
    if arguments.json {
        let list: Vec<Value> = findings
            .iter()
            .map(
                |finding| json!({"what": finding.what, "good": finding.good, "said": finding.said}),
            )
            .collect();
        println!("{}", json!({"good": good, "findings": list}));
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

async fn store(settings: &Settings, verify: bool) -> Vec<Finding> {
    let place = settings.data.value.display();
    let bad = |said: String| Finding {
        what: "store",
        good: false,
        said,
    };
    let host = match open::host(settings, "doctor") {
        Ok(host) => host,
        Err(failure) => return vec![bad(failure.message().to_owned())],
    };
    if !verify {
        return vec![Finding {
            what: "store",
            good: true,
            said: format!("{place} can be opened; --store verifies all of it"),
        }];
    }
    let report = match host.journal().verify_all().await {
        Ok(report) => report,
        Err(error) => return vec![bad(error.to_string())],
    };
    let mut findings = vec![Finding {
        what: "store",
        good: report.damaged.is_empty() && report.engine.is_empty(),
        said: format!(
            "{place}: {} runs, {} events and {} contents read, {} runs damaged",
            report.runs,
            report.events,
            report.contents,
            report.damaged.len()
        ),
    }];
    findings.extend(report.engine.into_iter().map(bad));
    findings.extend(
        report
            .damaged
            .into_iter()
            .map(|(run, error)| bad(format!("{run}: {error}"))),
    );
    findings
}
