//! What the benchmarks share: a Rust agent, our way of calling it, and the bare way.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each benchmark uses a part of it"
)]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use menagerie_builder::{Silent, test_guests};
use menagerie_sandbox::types::Task;
use menagerie_sandbox::{
    CallSpec, Catalogue, Engine, EngineConfig, Grants, Invocation, Limits, MemoryCallLog,
    NoHistory, NoObserver, Outside, Plugin, Request,
};
use tokio_util::sync::CancellationToken;

mod bare;
pub use bare::Bare;

/// One thread: the figures are of one call after another.
pub static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
});

/// What every call is given.
pub const INPUT: &str = r#"{"text":"the quick brown fox","tags":["a","b"]}"#;

/// A Rust agent that reads and writes a document, and its bytes.
pub fn agent() -> (String, Vec<u8>) {
    ("echo".to_owned(), guest("echo"))
}

/// The bytes of one of the tests' own guests.
pub fn guest(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = test_guests(&root, &mut Silent).unwrap();
    let found = built.iter().find(|guest| guest.name == name).unwrap();
    std::fs::read(&found.path).unwrap()
}

/// Our engine and the agent on it.
pub fn ours(bytes: &[u8]) -> (Engine, Arc<Plugin>) {
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    let catalogue = Catalogue::new(engine.clone(), None);
    (engine, catalogue.load(bytes, &Grants::none()).unwrap())
}

pub fn task() -> Task {
    Task {
        input: INPUT.to_owned(),
        config: "{}".to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    }
}

/// A call with all meters at their defaults.
pub fn spec(plugin: &Arc<Plugin>) -> CallSpec {
    CallSpec {
        plugin: Arc::clone(plugin),
        request: Request::Process(task()),
        limits: Limits::default(),
        invocation: Invocation {
            run: "0193a5c0-0000-7000-8000-000000000000".to_owned(),
            step: "step-1".to_owned(),
            name: "echo".to_owned(),
            attempt: 1,
            ..Invocation::default()
        },
        timeout: Duration::from_secs(300),
        cancel: CancellationToken::new(),
        call_log: Arc::new(MemoryCallLog::default()),
        history: Arc::new(NoHistory),
        observer: Arc::new(NoObserver),
        outside: Outside::default(),
    }
}
