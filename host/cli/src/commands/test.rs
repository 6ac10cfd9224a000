//! `menagerie test`: a plugin built, its own cases, and what nobody would send on purpose. Nothing outside is
//! reached.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use menagerie_sandbox::Catalogue;
use serde_json::{Value, json};

use crate::arguments::TestArguments;
use crate::commands::build::built_in;
use crate::commands::open;
use crate::failure::{FAILED, Failure};
use crate::settings::Settings;
use crate::testing::{TestResult, Tested, cases_of, replayed};

pub(crate) async fn test(
    settings: &Settings,
    arguments: TestArguments,
) -> Result<ExitCode, Failure> {
    let catalogue = open::catalogue(settings)?;
    let (dir, replay) = (&arguments.dir, arguments.replay.as_deref());
    let outcome = match &arguments.component {
        Some(component) => tested_component(&catalogue, component, dir, replay).await?,
        None => tested(&catalogue, dir, replay, None, arguments.offline).await?,
    };
    if arguments.json {
        println!("{}", outcome.as_json());
    } else {
        outcome.print();
    }
    Ok(ExitCode::from(if outcome.failed() == 0 {
        0
    } else {
        FAILED
    }))
}

/// What came of all tests of a plugin.
pub(crate) struct TestOutcome {
    plugin: String,
    results: Vec<TestResult>,
}

/// Builds the plugin of a folder and tests it, or makes one failed call of it again.
pub(crate) async fn tested(
    catalogue: &Catalogue,
    dir: &Path,
    replay: Option<&Path>,
    output: Option<PathBuf>,
    offline: bool,
) -> Result<TestOutcome, Failure> {
    let built = built_in(dir.to_owned(), output, offline).await?;
    let [one] = built.as_slice() else {
        return Err(Failure::usage(format!(
            "{} holds {} plugins; the tests of one plugin are expected",
            dir.display(),
            built.len()
        )));
    };
    tested_component(catalogue, &one.path, dir, replay).await
}

/// Tests a component with the cases of a folder, or makes one failed call of it again.
async fn tested_component(
    catalogue: &Catalogue,
    component: &Path,
    dir: &Path,
    replay: Option<&Path>,
) -> Result<TestOutcome, Failure> {
    let tested = Tested::load(catalogue, component)?;
    let mut results = match replay {
        Some(file) => tested.cases(&[replayed(file)?]).await,
        None => tested.all(&cases_of(dir)?).await,
    };
    let folder = dir.join("target").join("failed-cases");
    for result in &mut results {
        result.keep(&folder)?;
    }
    Ok(TestOutcome {
        plugin: tested.name().to_owned(),
        results,
    })
}

impl TestOutcome {
    pub(crate) fn failed(&self) -> usize {
        let failed = |result: &&TestResult| result.wrong.is_some();
        self.results.iter().filter(failed).count()
    }

    pub(crate) fn print(&self) {
        self.results.iter().for_each(TestResult::print);
        let failed = self.failed();
        println!(
            "{}: {} passed, {failed} failed",
            self.plugin,
            self.results.len() - failed
        );
    }

    pub(crate) fn as_json(&self) -> Value {
        let list: Vec<Value> = self.results.iter().map(TestResult::as_json).collect();
        json!({"plugin": self.plugin, "results": list, "failed": self.failed()})
    }
}
