//! `menagerie check` and `menagerie schema`: is a flow file good, before anything runs?

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use menagerie_executor::{Assembled, uses};
use menagerie_orchestration::flow::{ArtifactsGrant, HttpGrant, SharedGrant};
use menagerie_orchestration::flow_file::Problem;
use menagerie_sandbox::{Catalogue, Ended, Reply, Request};
use serde_json::{Value, json};

use crate::arguments::CheckArguments;
use crate::commands::run::{FlowFile, finder, plugin_use, prepare, read_flow};
use crate::failure::Failure;
use crate::look::Look;
use crate::settings::Settings;
use crate::terminal::diagnostics::{problem_at, problem_at_start};
use crate::terminal::text::safe_line;

pub(crate) async fn check(
    settings: &Settings,
    arguments: CheckArguments,
) -> Result<ExitCode, Failure> {
    let name = arguments.flow.display().to_string();
    match checked(settings, &arguments.flow).await {
        // Problems are data here, not a message for a person.
        Err(failure) if arguments.json && !failure.problems().is_empty() => {
            println!(
                "{}",
                json!({"flow": name, "ok": false, "problems": failure.problems()})
            );
            Ok(ExitCode::from(2))
        }
        Err(failure) => Err(failure),
        Ok(assembled) if arguments.json => {
            let grants = grants(&assembled);
            println!(
                "{}",
                json!({"flow": name, "ok": true, "problems": [], "grants": grants})
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok(assembled) => {
            print(&name, &assembled);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Everything that can be looked at before a run: the file, its plugins, their configurations.
async fn checked(settings: &Settings, path: &Path) -> Result<Assembled, Failure> {
    let file = read_flow(path)?;
    let folders = finder(settings, path, &file.parsed.flow).await?;
    Ok(prepare(settings, file, &folders).await?.assembled)
}

fn print(name: &str, assembled: &Assembled) {
    println!("{} is good: {}", safe_line(name), summary(assembled));
    for (role, part) in &assembled.parts {
        let manifest = part.plugin.manifest();
        println!(
            "  {role:<24} {}@{}  {}",
            safe_line(&manifest.name),
            safe_line(&manifest.version),
            part.plugin.digest()
        );
    }
    print_grants(assembled);
}

/// What reaches outside, and how far: each role that has a grant, with the grant.
fn granted(assembled: &Assembled) -> impl Iterator<Item = (String, &HttpGrant)> {
    uses(&assembled.flow).filter_map(|(role, _, used)| Some((role, used.grants.http.as_ref()?)))
}

/// What the steps share: each role that has a grant of it, with the grant.
fn sharing(assembled: &Assembled) -> impl Iterator<Item = (String, &SharedGrant)> {
    uses(&assembled.flow).filter_map(|(role, _, used)| Some((role, used.grants.shared.as_ref()?)))
}

/// Who makes and reads artifacts: each role that has a grant of them, with the grant.
fn filing(assembled: &Assembled) -> impl Iterator<Item = (String, &ArtifactsGrant)> {
    uses(&assembled.flow)
        .filter_map(|(role, _, used)| Some((role, used.grants.artifacts.as_ref()?)))
}

/// The grants as data, in the shape in which a run's first event has them.
fn grants(assembled: &Assembled) -> Vec<Value> {
    let http = granted(assembled).map(|(role, http)| json!({"role": role, "http": http}));
    let shared = sharing(assembled).map(|(role, shared)| json!({"role": role, "shared": shared}));
    let files = filing(assembled).map(|(role, files)| json!({"role": role, "artifacts": files}));
    http.chain(shared).chain(files).collect()
}

fn print_grants(assembled: &Assembled) {
    let mut granted = granted(assembled).peekable();
    if granted.peek().is_none() {
        println!("nothing in it reaches outside");
    }
    for (role, http) in granted {
        let timeout = humantime::format_duration(Duration::from_millis(http.timeout_ms));
        println!(
            "{role} may send http requests of {} bytes, answers of {} bytes within {timeout}:",
            http.max_request, http.max_response
        );
        for rule in &http.allow {
            println!("  {}", safe_line(&rule.to_string()));
        }
    }
    for (role, shared) in sharing(assembled) {
        let listed = |keys: &[String]| match keys {
            [] => "nothing".to_owned(),
            keys => keys.join(", "),
        };
        let (read, write) = (listed(&shared.read), listed(&shared.write));
        println!("{role} may read of what the steps share: {read}; change: {write}");
    }
    for (role, files) in filing(assembled) {
        let most = files.max_size;
        println!("{role} may read the run's artifacts, and make some of up to {most} bytes");
    }
}

fn summary(assembled: &Assembled) -> String {
    format!(
        "flow {}, {} agents, at most {} steps at once under the {} tier",
        assembled.flow.name,
        assembled.flow.agents.len(),
        assembled.limits.max_concurrent,
        assembled.entitlements.tier
    )
}

/// What the plugins themselves find wrong with their configurations, each at its place in the file.
pub(crate) async fn config_problems(
    catalogue: &Catalogue,
    file: &FlowFile,
    assembled: &Assembled,
) -> Result<Vec<Problem>, Failure> {
    let agents: Vec<String> = assembled
        .flow
        .agents
        .iter()
        .map(|agent| agent.name.clone())
        .collect();
    let mut problems = Vec::new();
    for (role, _, used) in uses(&assembled.flow) {
        let Some(part) = assembled.parts.get(&role) else {
            continue;
        };
        if !part.plugin.checks_config() {
            continue;
        }
        let look = Look {
            plugin: &part.plugin,
            limits: part.limits.clone(),
            name: role.clone(),
            during: "check",
        };
        let request = Request::CheckConfig {
            config: used.config.to_text(),
            agents: agents.clone(),
        };
        let ended = look.at(catalogue.engine(), request).await;
        let place = |pointer: &str, offset: Option<usize>| {
            plugin_use(&role).and_then(|role| file.parsed.spans.locate(role, pointer, offset))
        };
        match ended {
            Ended::Value(Reply::Problems(found)) => {
                for problem in found {
                    let offset = problem
                        .offset
                        .and_then(|offset| usize::try_from(offset).ok());
                    let message = format!("{role}: {}", safe_line(&problem.message));
                    problems.push(match place(&problem.pointer, offset) {
                        Some(position) => problem_at(position, message),
                        None => problem_at_start(message),
                    });
                }
            }
            other => {
                let message =
                    format!("{role}: the plugin could not look at its configuration: {other}");
                problems.push(match place("", None) {
                    Some(position) => problem_at(position, message),
                    None => problem_at_start(message),
                });
            }
        }
    }
    Ok(problems)
}

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(crate) fn schema() -> Result<ExitCode, Failure> {
    let schema = menagerie_orchestration::flow_file::schema();
    println!(
        "{}",
        serde_json::to_string_pretty(&schema).unwrap_or_default()
    );
    Ok(ExitCode::SUCCESS)
}
