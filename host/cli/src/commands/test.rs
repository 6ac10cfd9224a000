//! `menagerie test`: a plugin built, its own cases, and hostile inputs. Nothing outside is reached.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use menagerie_sandbox::{
    CallReport, CallSpec, Catalogue, Ended, Grants, HttpPolicy, Limits, MemoryCallLog, NoHistory,
    NoObserver, Outside, Plugin,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::TestArguments;
use crate::commands::build::built_in;
use crate::commands::open;
use crate::failure::{FAILED, Failure};
use crate::settings::Settings;
use crate::terminal::text::{safe_line, safe_text};
use crate::testing::{Case, CasesFile, hostile, judge};

/// How long one call may take by the clock on the wall.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn test(
    settings: &Settings,
    arguments: TestArguments,
) -> Result<ExitCode, Failure> {
    let built = built_in(arguments.dir.clone(), None, arguments.offline).await?;
    let [one] = built.as_slice() else {
        return Err(Failure::usage(format!(
            "{} holds {} plugins; the tests of one plugin are expected",
            arguments.dir.display(),
            built.len()
        )));
    };
    let catalogue = open::catalogue(settings)?;
    let tested = Tested::load(&catalogue, &one.path)?;
    let cases = match &arguments.replay {
        Some(file) => vec![replayed(file)?],
        None => cases(&arguments.dir)?,
    };
    let mut results = Vec::new();
    for case in &cases {
        results.push(tested.case(case).await);
    }
    if arguments.replay.is_none() {
        results.push(tested.conformance(&cases).await);
    }
    let failed = results
        .iter()
        .filter(|result| result.wrong.is_some())
        .count();
    let folder = arguments.dir.join("target").join("failed-cases");
    for result in &mut results {
        result.keep(&folder)?;
    }
    if arguments.json {
        let list: Vec<Value> = results.iter().map(TestResult::as_json).collect();
        println!(
            "{}",
            json!({"plugin": one.name, "results": list, "failed": failed})
        );
    } else {
        results.iter().for_each(TestResult::print);
        println!(
            "{}: {} passed, {failed} failed",
            one.name,
            results.len() - failed
        );
    }
    Ok(ExitCode::from(if failed == 0 { 0 } else { FAILED }))
}

/// Every case of `tests/*.toml`, in the order of the files' names.
fn cases(dir: &Path) -> Result<Vec<Case>, Failure> {
    let folder = dir.join("tests");
    let mut files: Vec<PathBuf> = match folder.read_dir() {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.display();
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
        let read: CasesFile =
            toml::from_str(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        if let Some(case) = read.cases.iter().find(|case| !case.expects()) {
            return Err(Failure::usage(format!(
                "{name}: the case `{}` says nothing of what has to come of it; expected output, confidence, fault, starts, ends, chosen or logs",
                case.name
            )));
        }
        cases.extend(read.cases);
    }
    Ok(cases)
}

/// The case that a failure wrote.
fn replayed(file: &Path) -> Result<Case, Failure> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

/// What came of one test.
struct TestResult {
    name: String,
    /// What is not as it should be.
    wrong: Option<String>,
    /// The call that showed it.
    case: Option<Case>,
    log: Vec<String>,
    replay: Option<PathBuf>,
}

impl TestResult {
    /// Writes the call of a failure into a file from which it can be made again.
    fn keep(&mut self, folder: &Path) -> Result<(), Failure> {
        let (Some(_), Some(case)) = (&self.wrong, &self.case) else {
            return Ok(());
        };
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        };
        let name: String = self.name.chars().take(60).map(plain).collect();
        let path = folder.join(format!("{name}.json"));
        std::fs::create_dir_all(folder)?;
        let text = serde_json::to_string_pretty(case)
            .map_err(|error| Failure::host("the failed case cannot be written", error))?;
        std::fs::write(&path, text)?;
        self.replay = Some(path);
        Ok(())
    }

    fn print(&self) {
        let Some(wrong) = &self.wrong else {
            println!("ok      {}", safe_line(&self.name));
            return;
        };
        println!("FAILED  {}", safe_line(&self.name));
        println!("        {}", safe_line(wrong));
        for line in &self.log {
            for line in safe_text(line).lines() {
                println!("        | {line}");
            }
        }
        if let Some(replay) = &self.replay {
            println!(
                "        again: menagerie test DIR --replay {}",
                replay.display()
            );
        }
    }

    fn as_json(&self) -> Value {
        json!({"name": self.name, "wrong": self.wrong, "log": self.log, "replay": self.replay})
    }
}

struct Tested<'test> {
    catalogue: &'test Catalogue,
    plugin: Arc<Plugin>,
    limits: Limits,
}

impl Tested<'_> {
    /// The plugin with everything that it asks for.
    fn load<'test>(catalogue: &'test Catalogue, path: &Path) -> Result<Tested<'test>, Failure> {
        let bytes = std::fs::read(path)?;
        let wrong = |error| Failure::host("the plugin cannot be loaded", error);
        let manifest = menagerie_sandbox::inspect(&bytes).map_err(wrong)?.manifest;
        let grants = manifest
            .grants
            .iter()
            .map(|name| format!("menagerie:plugin/{name}"));
        let plugin = catalogue.load(&bytes, &Grants::of(grants)).map_err(wrong)?;
        let mut limits = Limits::default();
        if let Some(fuel) = manifest.limits.fuel {
            limits.fuel = fuel;
        }
        if let Some(mib) = manifest.limits.memory_mib {
            limits.memory_bytes = mib.saturating_mul(1 << 20);
        }
        Ok(Tested {
            catalogue,
            plugin,
            limits,
        })
    }

    async fn call(&self, case: &Case) -> CallReport {
        let spec = CallSpec {
            plugin: self.plugin.clone(),
            request: case.request(self.plugin.kind()),
            limits: self.limits.clone(),
            invocation: case.invocation(),
            timeout: PATIENCE,
            cancel: CancellationToken::new(),
            call_log: Arc::new(MemoryCallLog::default()),
            history: Arc::new(NoHistory),
            observer: Arc::new(NoObserver),
            outside: Outside {
                http: Some(Arc::new(nothing_allowed())),
                ..Outside::default()
            },
        };
        self.catalogue.engine().call(spec).await
    }

    async fn case(&self, case: &Case) -> TestResult {
        let report = self.call(case).await;
        let again = self.call(case).await;
        let wrong = judge(case, &report).or_else(|| unlike(&report, &again));
        TestResult {
            name: case.name.clone(),
            log: lines(&report),
            case: wrong.is_some().then(|| case.clone()),
            wrong,
            replay: None,
        }
    }

    /// Whatever it is given, a plugin answers or reports a fault; a crash is a bug in it. The same call
    /// comes out the same.
    async fn conformance(&self, cases: &[Case]) -> TestResult {
        let kind = self.plugin.kind();
        let base = cases
            .iter()
            .find(|case| case.fault.is_none())
            .cloned()
            .unwrap_or_default();
        let good = base.input.clone().unwrap_or_else(|| json!({}));
        let inputs = hostile(&good);
        let mut result = TestResult {
            name: format!("{} hostile inputs", inputs.len()),
            wrong: None,
            case: None,
            log: Vec::new(),
            replay: None,
        };
        for (what, value) in inputs {
            let case = base.with(&value, kind);
            let report = self.call(&case).await;
            let wrong = match &report.ended {
                Ended::Value(_) | Ended::Fault(_) => unlike(&report, &self.call(&case).await),
                ended => Some(ended.to_string()),
            };
            if let Some(wrong) = wrong {
                result.wrong = Some(format!("given {what}: {wrong}"));
                result.log = lines(&report);
                let mut failed = case;
                failed.name = what;
                result.case = Some(failed);
                break;
            }
        }
        result
    }
}

/// A grant of `http` without a rule: every request is answered with the problem `denied`, and nothing is sent.
fn nothing_allowed() -> HttpPolicy {
    HttpPolicy {
        rules: Vec::new(),
        max_request: 1 << 20,
        max_response: 1 << 20,
        timeout: PATIENCE,
    }
}

fn lines(report: &CallReport) -> Vec<String> {
    report.log.iter().map(|line| line.message.clone()).collect()
}

/// Two executions of one call, which must not differ.
fn unlike(one: &CallReport, two: &CallReport) -> Option<String> {
    if one.ended != two.ended {
        return Some("the same call came out differently the second time".to_owned());
    }
    (one.usage.fuel != two.usage.fuel).then(|| {
        format!(
            "the same call used {} units of fuel, and {} the second time",
            one.usage.fuel, two.usage.fuel
        )
    })
}
