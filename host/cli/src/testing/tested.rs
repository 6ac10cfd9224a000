//! A built plugin under test.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use menagerie_sandbox::{
    CallReport, CallSpec, Catalogue, Ended, Grants, HttpPolicy, Limits, LogLine, MemoryCallLog,
    NoHistory, NoObserver, Observer, Outside, Plugin, Progress,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Case, Memory, Mocks, Shown, TestResult, answers, hostile, judge};
use crate::failure::Failure;

/// How long one call may take by the clock on the wall.
const PATIENCE: Duration = Duration::from_secs(60);

/// A plugin with everything that it asks for.
pub(crate) struct Tested<'test> {
    catalogue: &'test Catalogue,
    plugin: Arc<Plugin>,
    limits: Limits,
}

impl Tested<'_> {
    pub(crate) fn load<'test>(
        catalogue: &'test Catalogue,
        path: &Path,
    ) -> Result<Tested<'test>, Failure> {
        let bytes = menagerie_sandbox::read_component(path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
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

    /// What the plugin calls itself.
    pub(crate) fn name(&self) -> &str {
        &self.plugin.manifest().name
    }

    /// Every case, and then what nobody would send on purpose.
    pub(crate) async fn all(&self, cases: &[Case]) -> Vec<TestResult> {
        let mut results = self.cases(cases).await;
        results.push(self.hostile_inputs(cases).await);
        if self.asks_for("http") {
            results.push(self.hostile_answers(cases).await);
        }
        results
    }

    pub(crate) async fn cases(&self, cases: &[Case]) -> Vec<TestResult> {
        let mut results = Vec::with_capacity(cases.len());
        for case in cases {
            results.push(self.case(case).await);
        }
        results
    }

    fn asks_for(&self, grant: &str) -> bool {
        let grants = &self.plugin.manifest().grants;
        grants.iter().any(|name| name == grant)
    }

    async fn call(&self, case: &Case, mocks: Arc<Mocks>) -> CallReport {
        self.seen(case, mocks, Arc::new(NoObserver)).await
    }

    async fn seen(
        &self,
        case: &Case,
        mocks: Arc<Mocks>,
        observer: Arc<dyn Observer>,
    ) -> CallReport {
        let memory = Memory::of(&case.shared, &case.artifacts);
        let spec = CallSpec {
            plugin: self.plugin.clone(),
            request: case.request(self.plugin.kind()),
            limits: case.limits(&self.limits),
            invocation: case.invocation(),
            timeout: PATIENCE,
            cancel: CancellationToken::new(),
            call_log: Arc::new(MemoryCallLog::default()),
            history: Arc::new(NoHistory),
            observer,
            outside: Outside {
                http: Some(Arc::new(nothing_allowed())),
                stand_in: Some(mocks),
                shared: Some(memory.shared()),
                artifacts: Some(memory.artifacts()),
                ..Outside::default()
            },
        };
        self.catalogue.engine().call(spec).await
    }

    async fn case(&self, case: &Case) -> TestResult {
        let mocks = Arc::new(Mocks::of(&case.http));
        let onlooker = Arc::new(Onlooker::default());
        let report = self.seen(case, mocks.clone(), onlooker.clone()).await;
        let again = self.call(case, Arc::new(Mocks::of(&case.http))).await;
        // What it asked for and did not get explains the rest.
        let wrong = mocks
            .complaint()
            .filter(|_| case.expects())
            .or_else(|| judge(case, &report, &onlooker.shown()))
            .or_else(|| unlike(&report, &again));
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
    async fn hostile_inputs(&self, cases: &[Case]) -> TestResult {
        let kind = self.plugin.kind();
        let base = good(cases).cloned().unwrap_or_default();
        let input = base.input.clone().unwrap_or_else(|| json!({}));
        let inputs = hostile(&input);
        let mut result = TestResult::passed(format!("{} hostile inputs", inputs.len()));
        for (what, value) in inputs {
            let case = base.with(&value, kind);
            let mocks = || Arc::new(Mocks::of(&base.http));
            let wrong = self.survives(&case, mocks).await;
            if let Some((wrong, log)) = wrong {
                result.fail(format!("given {what}: {wrong}"), log, case.called(what));
                break;
            }
        }
        result
    }

    /// Whatever it is answered from outside, a plugin with `http` answers or reports a fault. Each mock of each
    /// case is answered otherwise in turn; a plugin whose cases have none is answered alike every time.
    async fn hostile_answers(&self, cases: &[Case]) -> TestResult {
        let mut asking: Vec<Case> = cases.to_vec();
        asking.retain(|case| !case.http.is_empty());
        if asking.is_empty() {
            asking.push(good(cases).cloned().unwrap_or_default().answered_alike());
        }
        let mut result = TestResult::passed(String::new());
        let mut tried = 0;
        for (case, at) in asking
            .iter()
            .flat_map(|case| (0..case.http.len()).map(move |at| (case, at)))
        {
            let mock = &case.http[at];
            for (what, answer) in answers(mock.json.as_ref()) {
                tried += 1;
                let mocks = || Arc::new(Mocks::but(&case.http, at, answer.clone()));
                let Some((wrong, log)) = self.survives(case, mocks).await else {
                    continue;
                };
                // The first says enough.
                if result.wrong.is_none() {
                    let asked = mock.shown();
                    let wrong = format!("{asked}, answered with {what}: {wrong}");
                    result.fail(wrong, log, case.answered(at, &answer).called(what));
                }
            }
        }
        result.name = format!("{tried} hostile answers");
        result
    }

    /// What is wrong with a call that may come out in any way but by a crash, and its log.
    async fn survives(
        &self,
        case: &Case,
        mocks: impl Fn() -> Arc<Mocks>,
    ) -> Option<(String, Vec<String>)> {
        let report = self.call(case, mocks()).await;
        let wrong = match &report.ended {
            Ended::Value(_) | Ended::Fault(_) => unlike(&report, &self.call(case, mocks()).await),
            ended => Some(ended.to_string()),
        };
        wrong.map(|wrong| (wrong, lines(&report)))
    }
}

/// Keeps what a call shows while it runs.
#[derive(Default)]
struct Onlooker(Mutex<Vec<Shown>>);

impl Onlooker {
    fn shown(&self) -> Vec<Shown> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Onlooker {
    fn log(&self, _line: &LogLine) {}

    fn progress(&self, progress: Progress) {
        let shown = match progress {
            Progress::Fraction(done) => Shown::Fraction(done),
            Progress::Note(text) => Shown::Note(text),
            Progress::Chunk(text) => Shown::Chunk(text),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(shown);
    }
}

/// A case that ends well, for variations.
fn good(cases: &[Case]) -> Option<&Case> {
    let well = |case: &&Case| case.fault.is_none() && case.stops.is_none();
    cases.iter().find(well)
}

/// The grant of a call in which nothing leaves the host: it is never asked.
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
