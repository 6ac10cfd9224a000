//! Flows built by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use menagerie_orchestration::document::Document;
use menagerie_orchestration::flow::{
    AgentSpec, CallLimits, Flow, InputSpec, OnFailure, PluginSource, PluginUse, RetryPolicy,
    RunLimits,
};
use serde_json::json;

fn uses(name: &str) -> PluginUse {
    PluginUse {
        plugin: PluginSource::Named(name.to_owned()),
        config: Document::from(json!({ "plugin": name })),
        limits: CallLimits::default(),
        grants: Default::default(),
    }
}

fn agent(name: &str) -> AgentSpec {
    AgentSpec {
        name: name.to_owned(),
        uses: uses(name),
        after: Vec::new(),
        priority: 0,
        estimated: None,
        retry: RetryPolicy::default(),
        timeout: Duration::from_secs(300),
        fallback: None,
        on_failure: OnFailure::Fail,
        max_load: 3,
    }
}

/// A flow of these agents with every default, and the aggregators `merge` and `vote`.
pub(crate) fn flow(agents: &[&str]) -> Flow {
    Flow {
        name: "test".to_owned(),
        description: None,
        input: InputSpec::default(),
        agents: agents.iter().map(|name| agent(name)).collect(),
        strategy: uses("strategy"),
        aggregators: BTreeMap::from([
            ("merge".to_owned(), uses("merge")),
            ("vote".to_owned(), uses("vote")),
        ]),
        limits: RunLimits::default(),
    }
}

/// Changes to a flow that read as a sentence.
pub(crate) trait FlowExt: Sized {
    fn with(self, agent: &str, change: impl FnOnce(&mut AgentSpec)) -> Self;
    fn limited(self, change: impl FnOnce(&mut RunLimits)) -> Self;
}

impl FlowExt for Flow {
    fn with(mut self, name: &str, change: impl FnOnce(&mut AgentSpec)) -> Self {
        let agent = self.agents.iter_mut().find(|agent| agent.name == name);
        change(agent.unwrap());
        self
    }

    fn limited(mut self, change: impl FnOnce(&mut RunLimits)) -> Self {
        change(&mut self.limits);
        self
    }
}
