//! A look at a plugin: a call that is part of no run, and reaches nothing outside.

use std::sync::Arc;
use std::time::Duration;

use menagerie_sandbox::{
    CallSpec, Ended, Engine, Invocation, Limits, MemoryCallLog, NoHistory, NoObserver, Outside,
    Plugin, Request,
};
use tokio_util::sync::CancellationToken;

/// A plugin that needs longer to start, or to look at its configuration, is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is looked at, and as what.
pub(crate) struct Look<'plugin> {
    pub(crate) plugin: &'plugin Arc<Plugin>,
    pub(crate) limits: Limits,
    /// What the plugin is told that it is called.
    pub(crate) name: String,
    /// What it is told of the occasion, in the place of a step.
    pub(crate) during: &'static str,
}

impl Look<'_> {
    /// Asks, and says how the call ended.
    pub(crate) async fn at(self, engine: &Engine, request: Request) -> Ended {
        let spec = CallSpec {
            plugin: Arc::clone(self.plugin),
            request,
            limits: self.limits,
            invocation: Invocation {
                step: self.during.to_owned(),
                name: self.name,
                attempt: 1,
                ..Invocation::default()
            },
            timeout: PATIENCE,
            cancel: CancellationToken::new(),
            call_log: Arc::new(MemoryCallLog::default()),
            history: Arc::new(NoHistory),
            observer: Arc::new(NoObserver),
            // To be looked at is no reason to reach outside.
            outside: Outside::default(),
        };
        engine.call(spec).await.ended
    }
}
