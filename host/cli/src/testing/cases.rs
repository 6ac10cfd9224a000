//! Cases in `tests/*.toml`: what is asked, and what has to be answered.

use std::collections::BTreeMap;

use menagerie_sandbox::types::{
    AgentState, Difference, GroupView, MemberResult, PipelineState, Task, View,
};
use menagerie_sandbox::{Invocation, Kind, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CasesFile {
    /// Its cases, in their order.
    #[serde(rename = "case")]
    pub(crate) cases: Vec<Case>,
}

/// One call and what has to come of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Case {
    /// What it shows.
    pub(crate) name: String,
    /// Of an agent: its input. Of a strategy: the run's state. Of a group strategy: the group's input.
    pub(crate) input: Option<Value>,
    pub(crate) config: Option<Value>,
    /// Of a strategy: the names of the pipeline's agents.
    agents: Vec<String>,
    /// Of a group strategy: the names of the pipelines.
    pipelines: Vec<String>,
    /// Of an aggregator or arbiter: the results.
    members: Vec<Member>,
    /// What the host or a person tells the call.
    hints: BTreeMap<String, Value>,
    /// What the agent kept in earlier steps.
    context: BTreeMap<String, Value>,

    /// The exact output.
    pub(crate) output: Option<Value>,
    pub(crate) confidence: Option<f64>,
    /// The code of a fault.
    pub(crate) fault: Option<String>,
    /// The agents, or pipelines, that a decision starts.
    pub(crate) starts: Option<Vec<String>>,
    /// `completed` or `failed`: how a decision ends the run.
    pub(crate) ends: Option<String>,
    /// The member that an arbiter chooses.
    pub(crate) chosen: Option<String>,
    /// A part of a line of the log.
    pub(crate) logs: Option<String>,
}

/// One result; completed unless it says otherwise.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Member {
    member: String,
    #[serde(default = "completed")]
    status: String,
    output: Option<Value>,
    confidence: Option<f64>,
}

fn completed() -> String {
    "completed".to_owned()
}

impl Case {
    /// Whether it says what has to be answered.
    pub(crate) fn expects(&self) -> bool {
        self.output.is_some()
            || self.confidence.is_some()
            || self.fault.is_some()
            || self.starts.is_some()
            || self.ends.is_some()
            || self.chosen.is_some()
            || self.logs.is_some()
    }

    /// The call of a plugin of that kind.
    pub(crate) fn request(&self, kind: Kind) -> Request {
        let config = self.config.clone().unwrap_or_else(|| json!({})).to_string();
        let input = self.input.clone().unwrap_or_else(|| json!({})).to_string();
        match kind {
            Kind::Agent => Request::Process(Task {
                input,
                config,
                attachments: Vec::new(),
                extra: Vec::new(),
            }),
            Kind::Strategy => Request::Decide(Box::new(self.view(input, config))),
            Kind::GroupStrategy => Request::DecideGroup(Box::new(self.group_view(input, config))),
            Kind::Aggregator => Request::Aggregate {
                results: self.results(),
                config,
            },
            Kind::Arbiter => Request::Arbitrate {
                results: self.results(),
                differences: self.differences(),
                config,
            },
        }
    }

    /// What the guest may read about the call. The seed is the same every time.
    pub(crate) fn invocation(&self) -> Invocation {
        let texts = |values: &BTreeMap<String, Value>| -> Vec<(String, String)> {
            let pairs = values.iter();
            pairs
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect()
        };
        Invocation {
            run: "test".to_owned(),
            step: "step".to_owned(),
            name: "plugin".to_owned(),
            attempt: 1,
            seed: [1; 32],
            now_ms: 1_700_000_000_000,
            last_fault: None,
            hints: texts(&self.hints),
            own_context: texts(&self.context).into_iter().collect(),
            ..Invocation::default()
        }
    }

    fn view(&self, state: String, config: String) -> View {
        let agent = |name: &String| AgentState {
            name: name.clone(),
            status: "idle".to_owned(),
            after: Vec::new(),
            priority: 0,
            estimated_ms: None,
            skills: Vec::new(),
            completed: 0,
            failed: 0,
            skipped: 0,
            retries: 0,
            last_duration_ms: None,
            last_fault: None,
            extra: Vec::new(),
        };
        View {
            decision: 1,
            trigger: "start".to_owned(),
            state,
            config,
            agents: self.agents.iter().map(agent).collect(),
            steps: Vec::new(),
            history: Vec::new(),
            current_step: None,
            step_duration_ms: None,
            retry_count: 0,
            error_rate: 0.0,
            steps_left: 100,
            extra: Vec::new(),
        }
    }

    fn group_view(&self, input: String, config: String) -> GroupView {
        let pipeline = |name: &String| PipelineState {
            pipeline_id: name.clone(),
            role: "member".to_owned(),
            status: "idle".to_owned(),
            progress: 0.0,
            current_step: None,
            error_count: 0,
            load: 0,
            last_update_ms: 1_700_000_000_000.0,
            output: None,
            error: None,
            extra: Vec::new(),
        };
        GroupView {
            decision: 1,
            trigger: "start".to_owned(),
            input,
            config,
            pipelines: self.pipelines.iter().map(pipeline).collect(),
            escalations: Vec::new(),
            history: Vec::new(),
            iterations_left: 100,
            extra: Vec::new(),
        }
    }

    fn results(&self) -> Vec<MemberResult> {
        let result = |one: &Member| MemberResult {
            member: one.member.clone(),
            status: one.status.clone(),
            output: one.output.as_ref().map(Value::to_string),
            confidence: one.confidence,
            error: None,
            extra: Vec::new(),
        };
        self.members.iter().map(result).collect()
    }

    /// The members' outputs as a whole differ.
    fn differences(&self) -> Vec<Difference> {
        let value = |one: &Member| {
            (
                one.member.clone(),
                one.output.as_ref().map(Value::to_string),
            )
        };
        vec![Difference {
            pointer: String::new(),
            values: self.members.iter().map(value).collect(),
        }]
    }

    /// The same call with another input, or with other outputs of its members.
    pub(crate) fn with(&self, value: &Value, kind: Kind) -> Case {
        let mut other = Case {
            config: self.config.clone(),
            agents: self.agents.clone(),
            pipelines: self.pipelines.clone(),
            members: self.members.clone(),
            input: Some(value.clone()),
            ..Case::default()
        };
        if matches!(kind, Kind::Aggregator | Kind::Arbiter) {
            for member in &mut other.members {
                member.output = (member.status == "completed").then(|| value.clone());
            }
        }
        other
    }
}
