//! Runs of real components in the sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use menagerie_builder::Silent;
use menagerie_executor::{
    AssembleError, AssembleProblem, Assembled, Began, GateConfig, Host, HostParts, Nobody,
    PluginFinder, Stopped, SystemClock, assemble,
};
use menagerie_journal::Journal;
use menagerie_licensing::Entitlements;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{Event, StepResult};
use menagerie_orchestration::flow::PluginSource;
use menagerie_orchestration::flow_file;
use menagerie_orchestration::input::Wish;
use menagerie_orchestration::run::{Run, RunStatus};
use menagerie_sandbox::{Catalogue, Engine, EngineConfig};
use serde_json::json;

use crate::guests::{begin_of, key, kinds};
use crate::stores::Store;
use crate::wat_guests;

/// The Rust guests of the tests, by name.
static RUST_GUESTS: LazyLock<BTreeMap<String, Arc<[u8]>>> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = menagerie_builder::test_guests(&root, &mut Silent).unwrap();
    let read = |path: PathBuf| Arc::from(std::fs::read(path).unwrap());
    built
        .into_iter()
        .map(|guest| (guest.name, read(guest.path)))
        .collect()
});

pub(crate) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    Catalogue::new(engine, None)
});

/// Finds Rust guests and guests in the text format; everything else is gone.
pub(crate) struct Shelf;

impl PluginFinder for Shelf {
    fn find(&self, source: &PluginSource) -> Result<Arc<[u8]>, String> {
        let PluginSource::Named(name) = source else {
            return Err("there are no files here".to_owned());
        };
        if let Some(bytes) = RUST_GUESTS.get(name) {
            return Ok(bytes.clone());
        }
        wat_guests::component(name).ok_or_else(|| format!("there is no plugin `{name}`"))
    }
}

pub(crate) fn assembled(text: &str) -> Result<Assembled, Vec<AssembleError>> {
    let flow = Arc::new(flow_file::parse(text).unwrap().flow);
    assemble(
        &CATALOGUE,
        flow,
        text.into(),
        &Shelf,
        Entitlements::community(),
    )
}

/// What is wrong with a flow, a line for each role.
#[track_caller]
fn problems(text: &str) -> Vec<(String, AssembleProblem)> {
    let errors = assembled(text).err().unwrap();
    errors
        .into_iter()
        .map(|error| (error.role, error.problem))
        .collect()
}

pub(crate) fn host(store: &Store, process: &str) -> Host {
    host_over(store.process(process))
}

pub(crate) fn host_over(journal: Arc<dyn Journal>) -> Host {
    Host::new(HostParts {
        journal,
        clock: Arc::new(SystemClock::default()),
        gate: GateConfig::default(),
        inbox_interval: std::time::Duration::from_millis(100),
    })
}

async fn begin(host: &Host, assembled: &Assembled) -> (Run, Stopped) {
    let mut begin = begin_of(key());
    begin.input = Document::from(json!({"text": "five!"}));
    match host
        .begin(&CATALOGUE, assembled, begin, Arc::new(Nobody))
        .await
        .unwrap()
    {
        Began::Driven(run, stopped) => (*run, stopped),
        Began::Existing(row) => panic!("{} was there already", row.key),
    }
}

const ECHOES: &str = r#"
name = "echoes"
[agents.first]
plugin = "echo"
[agents.second]
plugin = "echo"
[strategy]
plugin = "echo-strategy"
"#;

fn spinning(more: &str) -> String {
    format!(
        r#"
name = "spinning"
[agents.spinner]
plugin = "loop_in_process"
{more}
limits = {{ fuel = 1_000_000_000_000 }}
[strategy]
plugin = "echo-strategy"
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_agents_run_from_the_first_to_the_last() {
    let store = Store::sqlite();
    let host = host(&store, "one");
    let assembled = assembled(ECHOES).unwrap();
    let (run, stopped) = begin(&host, &assembled).await;
    assert_eq!(
        (run.status(), stopped),
        (RunStatus::Completed, Stopped::Ended)
    );
    assert_eq!(
        run.result().value(),
        &json!({"text": "five!", "length": 5, "tags": []})
    );
    let events = host.events(&key(), 0, usize::MAX).await.unwrap();
    let mut steps = 0;
    for (_, recorded) in events {
        if let Event::StepEnded { call, agent, .. } = recorded.event {
            assert!(
                call.fuel > 0 && call.peak_memory_bytes > 0 && call.output_bytes > 0,
                "{call:?}"
            );
            assert_eq!(
                call.plugin,
                assembled.parts[&format!("agent:{agent}")].plugin.digest()
            );
            steps += 1;
        }
    }
    assert_eq!(steps, 2);
    let pins: Vec<String> = host
        .journal()
        .pins(&key())
        .await
        .unwrap()
        .into_iter()
        .map(|pin| pin.name)
        .collect();
    for pin in [
        "flow",
        "entitlements",
        "plugin:agent:first",
        "plugin:strategy",
    ] {
        assert!(
            pins.iter().any(|name| name == pin),
            "{pin} is not in {pins:?}"
        );
    }
    assert_eq!(host.load(&key()).await.unwrap(), run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spinning_agent_is_cancelled() {
    let store = Store::memory();
    let host = host(&store, "one");
    let assembled = assembled(&spinning("")).unwrap();
    let cancel = async {
        while host.gate().statistics().running == 0
            || !kinds_or_none(&host).await.contains(&"decided")
        {
            tokio::task::yield_now().await;
        }
        let reason = "enough".to_owned();
        host.wish(&key(), "cancel-1", "ann", Wish::Cancel { reason })
            .await
            .unwrap();
    };
    let ((run, stopped), ()) = tokio::join!(begin(&host, &assembled), cancel);
    assert_eq!(
        (run.status(), stopped),
        (RunStatus::Cancelled, Stopped::Ended)
    );
    assert_eq!(host.gate().statistics().running, 0);
    assert_eq!(kinds(&host).await.last(), Some(&"run_ended"));
}

/// The run is not there from the beginning.
async fn kinds_or_none(host: &Host) -> Vec<&'static str> {
    match host.journal().run(&key()).await {
        Ok(_) => kinds(host).await,
        Err(_) => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_takes_longer_than_it_may_fails_with_the_meters_name() {
    let store = Store::memory();
    let host = host(&store, "one");
    let more = "timeout = \"50ms\"\nretry = { max = 1, base = \"1ms\" }";
    let (run, _) = begin(&host, &assembled(&spinning(more)).unwrap()).await;
    assert_eq!(run.status(), RunStatus::Failed);
    let events = host.events(&key(), 0, usize::MAX).await.unwrap();
    let failures: Vec<String> = events
        .into_iter()
        .filter_map(|(_, recorded)| match recorded.event {
            Event::StepEnded {
                result: StepResult::Failed(failure),
                ..
            } => Some(failure.code),
            _ => None,
        })
        .collect();
    assert_eq!(failures, ["deadline", "deadline"]);
}

/// Drives until the first agent's end is durable, and is gone then.
async fn crash_after_one_step(store: &Store) {
    let host = host(store, "crashes");
    let assembled = assembled(ECHOES).unwrap();
    let mut notices = host.journal().subscribe();
    let crash = async {
        while !kinds_or_none(&host).await.contains(&"step_ended") {
            notices.recv().await.unwrap();
        }
    };
    tokio::select! {
        biased;
        () = crash => {}
        _ = begin(&host, &assembled) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_stays_on_the_bytes_that_it_began_with() {
    let store = Store::sqlite();
    crash_after_one_step(&store).await;
    // Nobody is asked for a plugin any more: the bytes are in the store.
    let other_catalogue = Catalogue::new(Engine::new(&EngineConfig::default()).unwrap(), None);
    let host = loop {
        // Calls that were cut off hold the dead process' journal until they notice.
        let host = host(&store, "two");
        if host.journal().owner(&key()).await.unwrap().is_none() {
            break host;
        }
        tokio::task::yield_now().await;
    };
    let resumed = host
        .resume(&other_catalogue, &key(), Arc::new(Nobody))
        .await;
    let (run, stopped) = resumed.unwrap();
    assert_eq!(
        (run.status(), stopped),
        (RunStatus::Completed, Stopped::Ended)
    );
    let ended = kinds(&host)
        .await
        .into_iter()
        .filter(|kind| *kind == "step_ended")
        .count();
    assert_eq!(ended, 2);
}

#[test]
fn a_plugin_that_is_not_there_is_named_with_its_role() {
    let flow = ECHOES.replace(
        "[agents.second]\nplugin = \"echo\"",
        "[agents.second]\nplugin = \"gone\"",
    );
    match &problems(&flow)[..] {
        [(role, AssembleProblem::NotFound(told))] => {
            assert_eq!(role, "agent:second");
            assert!(told.contains("gone"), "{told}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let flow = ECHOES.replace("\"echo\"", "\"gone\"");
    let roles: Vec<String> = problems(&flow).into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["agent:first", "agent:second"]);
}

#[test]
fn a_plugin_of_another_kind_is_refused() {
    let flow = ECHOES.replace("plugin = \"echo-strategy\"", "plugin = \"echo\"");
    match &problems(&flow)[..] {
        [(role, problem @ AssembleProblem::WrongKind { .. })] => {
            assert_eq!(role, "strategy");
            let told = problem.to_string();
            assert_eq!(told, "`echo` is a plugin of kind agent, expected strategy");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_agents_than_the_licence_allows_are_refused() {
    let agents: String = (0..6)
        .map(|n| format!("[agents.a{n}]\nplugin = \"echo\"\n"))
        .collect();
    let flow = format!("name = \"many\"\n{agents}[strategy]\nplugin = \"echo-strategy\"\n");
    match &problems(&flow)[..] {
        [(role, AssembleProblem::Licence(refusal))] => {
            assert_eq!(role, "flow");
            assert!(
                refusal
                    .to_string()
                    .contains("allows 5, and this flow has 6"),
                "{refusal}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_above_the_nodes_ceiling_is_refused_with_the_ceiling() {
    let flow = ECHOES.replace(
        "[agents.first]\n",
        "[agents.first]\nlimits = { memory = \"60 GiB\" }\n",
    );
    match &problems(&flow)[..] {
        [(role, AssembleProblem::Ceiling(error))] => {
            assert_eq!(role, "agent:first");
            assert_eq!(error.asked, 60 << 30);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_import_that_was_not_granted_is_refused_with_the_line_that_grants_it() {
    for plugin in ["wants_http", "sharer"] {
        let named = format!("[agents.first]\nplugin = \"{plugin}\"\n");
        let flow = ECHOES.replace("[agents.first]\nplugin = \"echo\"\n", &named);
        let refused = problems(&flow);
        let [(role, problem)] = &refused[..] else {
            panic!("{refused:?}");
        };
        assert_eq!(role, "agent:first");
        let AssembleProblem::NotGranted {
            import,
            table,
            line,
        } = problem
        else {
            panic!("{problem:?}");
        };
        assert!(import.starts_with("menagerie:plugin/"), "{import}");
        assert_eq!(table, "agents.first");
        assert!(problem.to_string().contains(line), "{problem}");
        // What it says is all that was missing, but for the licence of what reaches outside.
        let granted = flow.replace(&named, &format!("{named}{line}\n"));
        let left: Vec<String> = assembled(&granted)
            .err()
            .into_iter()
            .flatten()
            .map(|error| error.to_string())
            .collect();
        match plugin {
            "wants_http" => assert!(left[0].contains("reaches outside"), "{left:?}"),
            _ => assert!(left.is_empty(), "{left:?}"),
        }
    }
}

#[test]
fn the_licence_narrows_the_width_of_a_run() {
    assert_eq!(assembled(ECHOES).unwrap().limits.max_concurrent, 2);
}
