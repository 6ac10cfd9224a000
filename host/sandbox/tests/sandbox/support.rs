//! Builds the guests of `tests/guests` and calls them.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use menagerie_sandbox::types::{Task, Wake};
use menagerie_sandbox::{
    CallReport, CallSpec, Catalogue, Ended, Engine, EngineConfig, Grants, Invocation, Limits,
    MANIFEST_SECTION, MemoryCallLog, NoHistory, NoObserver, Outside, Plugin, Reply, Request,
};
use tokio_util::sync::CancellationToken;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// One engine for all tests: they are each other's neighbours.
pub static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(&EngineConfig::default()).unwrap());

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(ENGINE.clone(), None));

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of a guest.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("tests/guests/{name}.wat"))).unwrap()
}

/// What the head of a guest's text says about `key`.
fn said(text: &str, key: &str) -> String {
    let prefix = format!(";; {key}: ");
    text.lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap()
        .to_owned()
}

/// The contract and the worlds of the tests in one text, under a version of the contract.
fn contract(version: &str) -> String {
    let mut text = format!("package menagerie:plugin@{version};\n");
    let folder = root().join("wit");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.push(root().join("tests/guests/worlds.wit"));
    for file in files {
        let part = std::fs::read_to_string(file).unwrap();
        text.extend(
            part.lines()
                .filter(|line| *line != "package menagerie:plugin@0.1.0;")
                .flat_map(|line| [line, "\n"]),
        );
    }
    text
}

/// A guest's core module.
pub fn module(name: &str) -> Vec<u8> {
    wat::parse_str(text(name)).unwrap()
}

/// A guest as a component without a manifest.
pub fn bare_component(name: &str) -> Vec<u8> {
    encoded(&text(name))
}

/// A guest with more fields in its module, for what is too large to be kept as a text.
pub fn component_with(name: &str, fields: &str) -> Vec<u8> {
    let text = text(name);
    let end = text.rfind(')').unwrap();
    let component = encoded(&format!("{}{fields}\n)", &text[..end]));
    with_manifest(component, &manifest(name, &text))
}

fn manifest(name: &str, text: &str) -> String {
    let kind = said(text, "kind");
    format!(r#"{{"name":"{name}","version":"0.1.0","kind":"{kind}"}}"#)
}

/// A guest's text as a component without a manifest.
pub fn encoded(text: &str) -> Vec<u8> {
    let world = said(text, "world");
    let version = if world == "of-tomorrow" {
        "0.2.0"
    } else {
        "0.1.0"
    };
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("contract.wit", &contract(version))
        .unwrap();
    let world = resolve.select_world(&[package], Some(&world)).unwrap();
    let mut module = wat::parse_str(text).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// Adds a manifest to a component.
pub fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    let length = |bytes: usize| {
        let mut encoded = Vec::new();
        let mut rest = bytes;
        while rest >= 0x80 {
            encoded.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        encoded.push(rest as u8);
        encoded
    };
    let mut section = length(MANIFEST_SECTION.len());
    section.extend(MANIFEST_SECTION.as_bytes());
    section.extend(manifest.as_bytes());
    component.push(0);
    component.extend(length(section.len()));
    component.extend(section);
    component
}

/// A guest as a component with the manifest that its text asks for.
pub fn component(name: &str) -> Vec<u8> {
    with_manifest(bare_component(name), &manifest(name, &text(name)))
}

/// A guest, loaded.
pub fn plugin(name: &str) -> Arc<Plugin> {
    CATALOGUE.load(&component(name), &Grants::none()).unwrap()
}

pub fn task(input: &str) -> Task {
    Task {
        input: input.to_owned(),
        config: "{}".to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    }
}

/// A view with nothing in it.
pub fn view() -> menagerie_sandbox::types::View {
    menagerie_sandbox::types::View {
        decision: 1,
        trigger: "start".to_owned(),
        state: "{}".to_owned(),
        config: "{}".to_owned(),
        agents: Vec::new(),
        steps: Vec::new(),
        history: Vec::new(),
        current_step: None,
        step_duration_ms: None,
        retry_count: 0,
        error_rate: 0.0,
        steps_left: 10,
        extra: Vec::new(),
    }
}

/// A call of a guest with an empty task, limits for impatient tests, and a generous timeout.
pub fn spec(plugin: Arc<Plugin>) -> CallSpec {
    let request = match plugin.kind() {
        menagerie_sandbox::Kind::Strategy => Request::Decide(Box::new(view())),
        _ => Request::Process(task("{\"question\":\"?\"}")),
    };
    CallSpec {
        plugin,
        request,
        limits: Limits {
            fuel: 50_000_000,
            ..Limits::default()
        },
        invocation: Invocation {
            run: "run-1".to_owned(),
            step: "step-1".to_owned(),
            name: "guest".to_owned(),
            attempt: 1,
            ..Invocation::default()
        },
        timeout: Duration::from_secs(60),
        cancel: CancellationToken::new(),
        call_log: Arc::new(MemoryCallLog::default()),
        history: Arc::new(NoHistory),
        observer: Arc::new(NoObserver),
        outside: Outside::default(),
    }
}

/// Calls a guest, and then its neighbour, which must not have noticed.
pub async fn call(spec: CallSpec) -> CallReport {
    let report = ENGINE.call(spec).await;
    neighbour_works().await;
    report
}

/// Calls a guest by name with the usual limits.
pub async fn call_named(name: &str) -> CallReport {
    call(spec(plugin(name))).await
}

pub async fn neighbour_works() {
    let report = ENGINE.call(spec(plugin("well_behaved"))).await;
    assert_eq!(
        output(&report),
        "{\"question\":\"?\"}",
        "the neighbour fared badly: {report:?}"
    );
}

/// The output of a call that went well.
#[track_caller]
pub fn output(report: &CallReport) -> &str {
    match &report.ended {
        Ended::Value(Reply::Outcome(outcome)) => &outcome.output,
        other => panic!("an outcome was expected: {other}"),
    }
}

/// The rule that a guest's answer broke.
#[track_caller]
pub fn broken_rule(report: &CallReport) -> &'static str {
    match &report.ended {
        Ended::Output { rule, .. } => rule,
        other => panic!("a broken rule was expected: {other}"),
    }
}

/// What the strategies among the guests wait for.
pub const EMPTY_WAKE: Wake = Wake::AllFinished;
