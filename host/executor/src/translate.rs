//! Between the machine's words and those of a guest call.

use std::collections::BTreeMap;

use menagerie_orchestration::artifact::{Artifact, ArtifactRef};
use menagerie_orchestration::command::Member;
use menagerie_orchestration::decision::{
    Decision, Dependency, Ending, JoinRequest, StepRequest, Wake,
};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::Trigger;
use menagerie_orchestration::failure::{self, Failure};
use menagerie_orchestration::flow::{
    CallLimits, Effect, Flow, HttpGrant, HttpRule, HttpScheme, OnUnknown,
};
use menagerie_orchestration::view::{AgentFigures, AgentView, HistoryEntry, StepView, View};
use menagerie_sandbox::{
    EffectClass, Ended, EngineConfig, HttpPolicy, Limits, LogLine, Scheme, types,
};
use serde_json::{Value, json};

/// The skills of each agent's plugin, by the agent's name.
pub(crate) type Skills = BTreeMap<String, Vec<String>>;

/// An artifact, as a task refers to it.
pub(crate) fn attachment(artifact: &Artifact) -> types::ArtifactRef {
    types::ArtifactRef {
        id: artifact.id.clone(),
        media_type: artifact.media_type.clone(),
        digest: artifact.digest.clone(),
    }
}

/// An artifact, as an outcome refers to it.
pub(crate) fn attached(attached: types::ArtifactRef) -> ArtifactRef {
    ArtifactRef {
        id: attached.id,
        media_type: attached.media_type,
        digest: attached.digest,
    }
}

/// The codes that a guest's fault may have.
const FAULTS: [&str; 5] = [
    "invalid-input",
    "transient",
    "permanent",
    "denied",
    "escalate",
];

/// Whether a failure of this code is in the guest's own words.
pub(crate) fn is_fault(code: &str) -> bool {
    FAULTS.contains(&code)
}

/// A guest's fault, as the machine knows failures. An unknown code counts as permanent.
pub(crate) fn failure_of(fault: types::Fault) -> Failure {
    let code = if is_fault(&fault.code) {
        fault.code
    } else {
        "permanent".to_owned()
    };
    Failure {
        code,
        message: fault.message,
        retry_after_ms: fault.retry_after_ms,
        details: fault.details.as_deref().and_then(document),
    }
}

/// How a call ended without an answer, as the machine knows failures.
pub(crate) fn failure_of_end(ended: &Ended) -> Failure {
    let code = match ended {
        Ended::CallOutcomeUnknown {
            on_unknown: menagerie_sandbox::OnUnknown::Fail,
            ..
        } => failure::OUTCOME_UNKNOWN_FAILED,
        Ended::CallOutcomeUnknown { .. } => failure::OUTCOME_UNKNOWN,
        other => other.code(),
    };
    Failure::new(code, ended.to_string())
}

/// A failure as a guest is told of it.
pub(crate) fn fault_of(failure: &Failure) -> types::Fault {
    types::Fault {
        code: failure.code.clone(),
        message: failure.message.clone(),
        retry_after_ms: failure.retry_after_ms,
        details: failure.details.as_ref().map(Document::to_text),
        extra: Vec::new(),
    }
}

/// The document of a text that the sandbox has validated.
pub(crate) fn document(text: &str) -> Option<Document> {
    serde_json::from_str::<Value>(text).ok().map(Document::from)
}

/// The lines of a call's log as one document; none when it logged nothing.
pub(crate) fn log_of(lines: &[LogLine]) -> Option<Document> {
    let line = |line: &LogLine| json!({"level": level(line.level), "message": line.message});
    let lines: Vec<Value> = lines.iter().map(line).collect();
    (!lines.is_empty()).then(|| Document::from(Value::Array(lines)))
}

/// The word for a level.
pub(crate) fn level(level: types::Level) -> &'static str {
    match level {
        types::Level::Trace => "trace",
        types::Level::Debug => "debug",
        types::Level::Info => "info",
        types::Level::Warn => "warn",
        types::Level::Error => "error",
    }
}

/// The default meters within what the node gives, with what a flow sets.
pub(crate) fn limits_of(asked: &CallLimits, node: &EngineConfig) -> Limits {
    fn set<T>(to: &mut T, asked: Option<T>) {
        if let Some(asked) = asked {
            *to = asked;
        }
    }
    let mut limits = Limits::within(node);
    set(&mut limits.fuel, asked.fuel);
    set(&mut limits.memory_bytes, asked.memory_bytes);
    set(&mut limits.table_elements, asked.table_elements);
    set(&mut limits.instances, asked.instances);
    set(&mut limits.tables, asked.tables);
    set(&mut limits.memories, asked.memories);
    set(&mut limits.host_call_bytes, asked.host_call_bytes);
    set(&mut limits.bytes_to_host, asked.guest_bytes);
    set(&mut limits.handles, asked.handles);
    set(&mut limits.http_calls, asked.http_calls);
    set(&mut limits.shared_calls, asked.shared_calls);
    set(&mut limits.artifact_calls, asked.artifact_calls);
    set(&mut limits.json_depth, asked.json_depth);
    set(&mut limits.json_nodes, asked.json_nodes);
    set(&mut limits.context_bytes, asked.context_bytes);
    set(&mut limits.output_bytes, asked.output_bytes);
    set(&mut limits.log_bytes, asked.log_bytes);
    if let Some(milliseconds) = asked.busy_ms {
        limits.busy = std::time::Duration::from_millis(milliseconds);
    }
    if let Some(calls) = asked.host_calls {
        limits.host_calls = u32::try_from(calls).unwrap_or(u32::MAX);
    }
    if let Some(lines) = asked.log_lines {
        limits.log_lines = u32::try_from(lines).unwrap_or(u32::MAX);
    }
    limits
}

/// A grant of `http` as the sandbox enforces it.
pub(crate) fn policy_of(grant: &HttpGrant) -> HttpPolicy {
    HttpPolicy {
        rules: grant.allow.iter().map(rule_of).collect(),
        max_request: grant.max_request,
        max_response: grant.max_response,
        timeout: std::time::Duration::from_millis(grant.timeout_ms),
    }
}

fn rule_of(rule: &HttpRule) -> menagerie_sandbox::HttpRule {
    menagerie_sandbox::HttpRule {
        scheme: match rule.scheme {
            HttpScheme::Http => Scheme::Http,
            HttpScheme::Https => Scheme::Https,
        },
        host: rule.host.clone(),
        port: rule.port,
        methods: rule.methods.clone(),
        path: rule.path.clone(),
        effect: rule.effect.map(|effect| match effect {
            Effect::Idempotent => EffectClass::Idempotent,
            Effect::AtLeastOnce => EffectClass::AtLeastOnce,
            Effect::AtMostOnce => EffectClass::AtMostOnce,
        }),
        on_unknown: match rule.on_unknown {
            OnUnknown::Retry => menagerie_sandbox::OnUnknown::Retry,
            OnUnknown::Review => menagerie_sandbox::OnUnknown::Review,
            OnUnknown::Fail => menagerie_sandbox::OnUnknown::Fail,
        },
        secrets: rule
            .secrets
            .iter()
            .map(|(header, secret)| (header.clone(), secret.clone()))
            .collect(),
        private_addresses: rule.private_addresses,
    }
}

/// The view as a strategy is given it.
pub(crate) fn view_of(view: &View, flow: &Flow, config: &Document, skills: &Skills) -> types::View {
    types::View {
        decision: view.decision,
        trigger: match view.trigger {
            Trigger::Start => "start",
            Trigger::Wake => "wake",
            Trigger::Failure => "failure",
        }
        .to_owned(),
        state: view.state.to_text(),
        config: config.to_text(),
        agents: view
            .agents
            .iter()
            .map(|agent| agent_of(agent, flow, skills))
            .collect(),
        steps: view.steps.iter().map(step_of).collect(),
        history: view.history.iter().map(|entry| entry_of(entry)).collect(),
        current_step: view.current_step.clone(),
        step_duration_ms: view.step_duration_ms,
        retry_count: view.retry_count,
        error_rate: view.error_rate,
        steps_left: view.steps_left,
        extra: Vec::new(),
    }
}

/// How an agent has fared, as a strategy is told of it.
#[allow(
    clippy::cast_precision_loss,
    reason = "milliseconds above 2^53 are 285 000 years"
)]
pub(crate) fn figures_of(seen: &AgentFigures) -> types::AgentFigures {
    types::AgentFigures {
        name: seen.name.clone(),
        completed: seen.completed,
        failed: seen.failed,
        mean_ms: seen.took.map(|took| took.mean_ms as f64),
        median_ms: seen.took.map(|took| took.median_ms as f64),
        p95_ms: seen.took.map(|took| took.p95_ms as f64),
        waiting_ms: seen.took.map(|took| took.waiting_ms as f64),
        running: seen.running,
        queued: seen.queued,
    }
}

fn agent_of(agent: &AgentView, flow: &Flow, skills: &Skills) -> types::AgentState {
    let declared = flow.agent(&agent.name);
    let estimated = declared.and_then(|agent| agent.estimated);
    types::AgentState {
        name: agent.name.clone(),
        status: agent.status.clone(),
        after: declared
            .map(|agent| agent.after.clone())
            .unwrap_or_default(),
        priority: declared.map_or(0, |agent| agent.priority),
        estimated_ms: estimated.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
        skills: skills.get(&agent.name).cloned().unwrap_or_default(),
        completed: agent.counts.completed,
        failed: agent.counts.failed,
        skipped: agent.counts.skipped,
        retries: agent.counts.retries,
        last_duration_ms: agent.last_duration_ms,
        last_fault: agent.last_fault.as_ref().map(fault_of),
        extra: Vec::new(),
    }
}

fn step_of(step: &StepView) -> types::StepState {
    types::StepState {
        id: step.id.clone(),
        agent: step.agent.clone(),
        kind: step.kind.clone(),
        status: step.status.clone(),
        attempt: step.attempt,
        output: step.output.as_ref().map(Document::to_text),
        confidence: step.confidence,
        error: step.error.as_ref().map(fault_of),
        duration_ms: step.duration_ms,
        extra: Vec::new(),
    }
}

/// A line of history as a strategy is given it.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are far below 2^53"
)]
pub(crate) fn entry_of(entry: &HistoryEntry) -> types::HistoryEntry {
    types::HistoryEntry {
        id: u32::try_from(entry.id).unwrap_or(u32::MAX),
        step: entry.step.clone(),
        agent: entry.agent.clone(),
        kind: entry.kind.clone(),
        status: entry.status.clone(),
        reason: entry.reason.clone(),
        at_ms: entry.at.0 as f64,
    }
}

/// A member of a join as an aggregator is given it.
pub(crate) fn member_of(member: &Member) -> types::MemberResult {
    types::MemberResult {
        member: member.member.clone(),
        status: member.status.clone(),
        output: member.output.as_ref().map(Document::to_text),
        confidence: member.confidence,
        error: member.error.as_ref().map(fault_of),
        extra: Vec::new(),
    }
}

/// A strategy's answer as the machine checks it.
pub(crate) fn decision_of(decision: types::Decision) -> Decision {
    let optional = |text: Option<String>| text.as_deref().and_then(document);
    Decision {
        start: decision
            .start
            .into_iter()
            .map(|request| StepRequest {
                id: request.id,
                agent: request.agent,
                input: optional(request.input),
                kind: request.kind,
                reason: request.reason,
            })
            .collect(),
        joins: decision
            .joins
            .into_iter()
            .map(|join| JoinRequest {
                id: join.id,
                aggregator: join.aggregator,
                members: join.members,
                config: optional(join.config),
                reason: join.reason,
            })
            .collect(),
        after: decision
            .after
            .into_iter()
            .map(|dependency| Dependency {
                step: dependency.step,
                after: dependency.after,
            })
            .collect(),
        wake: match decision.wake {
            types::Wake::AnyFinished => Wake::AnyFinished,
            types::Wake::AllFinished => Wake::AllFinished,
            types::Wake::These(steps) => Wake::These(steps),
            types::Wake::Timer(milliseconds) => Wake::Timer(milliseconds),
        },
        wake_on_failure: decision.wake_on_failure,
        end: decision.end.map(|end| Ending {
            status: end.status,
            reason: end.reason,
            output: optional(end.output),
        }),
        reason: decision.reason,
        confidence: decision.confidence,
        metadata: document(&decision.metadata).unwrap_or_else(Document::empty_object),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_limit_of_a_flow_reaches_its_meter() {
        let asked = CallLimits {
            fuel: Some(1),
            busy_ms: Some(2),
            memory_bytes: Some(3),
            table_elements: Some(4),
            instances: Some(5),
            tables: Some(6),
            memories: Some(7),
            host_call_bytes: Some(8),
            guest_bytes: Some(9),
            handles: Some(10),
            host_calls: Some(11),
            http_calls: Some(18),
            shared_calls: Some(19),
            artifact_calls: Some(20),
            output_bytes: Some(12),
            json_depth: Some(13),
            json_nodes: Some(14),
            log_lines: Some(15),
            log_bytes: Some(16),
            context_bytes: Some(17),
        };
        let limits = Limits {
            fuel: 1,
            busy: Duration::from_millis(2),
            memory_bytes: 3,
            table_elements: 4,
            instances: 5,
            tables: 6,
            memories: 7,
            host_call_bytes: 8,
            bytes_to_host: 9,
            handles: 10,
            host_calls: 11,
            http_calls: 18,
            shared_calls: 19,
            artifact_calls: 20,
            output_bytes: 12,
            json_depth: 13,
            json_nodes: 14,
            log_lines: 15,
            log_bytes: 16,
            context_bytes: 17,
        };
        assert_eq!(limits_of(&asked, &EngineConfig::default()), limits);
        let nothing = limits_of(&CallLimits::default(), &EngineConfig::default());
        assert_eq!(nothing, Limits::default());
    }
}
