//! A run's journal as a case for process mining.

use std::collections::BTreeMap;

use menagerie_journal::{CallRow, Journal, RunKey, RunRow};
use menagerie_mining::{AttributeValue, Case, CaseState, Lifecycle, ProcessEvent};
use menagerie_orchestration::event::{Answer, CallFacts, Event, Recorded, StepResult};

use crate::failure::Failure;

/// `name@version` of plugins by digest.
#[derive(Default)]
pub(crate) struct PluginNames(BTreeMap<String, String>);

impl PluginNames {
    /// The plugins that a run is pinned to.
    pub(crate) async fn of(journal: &dyn Journal, key: &RunKey) -> Result<Self, Failure> {
        let mut names = BTreeMap::new();
        for pin in journal.pins(key).await? {
            if !pin.name.starts_with("plugin:") {
                continue;
            }
            let bytes = journal.blob(&key.namespace, pin.digest).await?;
            if let Ok(found) = menagerie_sandbox::inspect(&bytes) {
                let manifest = found.manifest;
                names.insert(
                    found.digest,
                    format!("{}@{}", manifest.name, manifest.version),
                );
            }
        }
        Ok(Self(names))
    }
}

/// What the activities of host calls begin with.
pub(crate) const CALL: &str = "call:";

/// The calls of the host, journalled each, that an attempt has made.
pub(crate) struct CallsOf<'event> {
    /// The agent.
    pub(crate) agent: &'event str,
    /// The step's number and id.
    pub(crate) step: (u32, &'event str),
    /// The attempt.
    pub(crate) attempt: u32,
    /// When it ended.
    pub(crate) finished_ms: i64,
    /// The calls by ordinal.
    pub(crate) rows: &'event [CallRow],
}

/// Host calls as events of a case: from their intent to their recorded answer, or to the end of an attempt that was cut
/// off before it. Where times are equal, a call lies within its attempt.
pub(crate) fn add_calls(case: &mut Case<Vec<ProcessEvent>>, group: &str, calls: &CallsOf<'_>) {
    let (number, id) = calls.step;
    let at = |at_ms: u64| i64::try_from(at_ms).unwrap_or(i64::MAX);
    for row in calls.rows {
        let ordinal = row.call.ordinal;
        // `http` was there first, and stands without its name.
        let (effect, interface) = row.effect.split_once(' ').unwrap_or((&row.effect, "http"));
        let (end, ended) = match &row.answer {
            Some(answer) => (Lifecycle::Complete, at(answer.at_ms)),
            None => (Lifecycle::AteAbort, calls.finished_ms),
        };
        let attempt = format!("step-{number}.{}", calls.attempt);
        let instance = format!("{attempt}/call-{ordinal}");
        let began = at(row.intended_at_ms).min(ended);
        for (part, (lifecycle, at_ms)) in [(Lifecycle::Start, began), (end, ended)]
            .into_iter()
            .enumerate()
        {
            let event_id = format!("{}-{instance}-{part}", case.id);
            let activity = format!("{CALL}{interface}");
            let mut event =
                ProcessEvent::new(event_id, &case.id, activity, &instance, lifecycle, at_ms);
            event.resource = Some(calls.agent.to_owned());
            event.group = Some(group.to_owned());
            event.attempt = row.execution.max(1);
            for (key, value) in [("effect", effect), ("step", id)] {
                event
                    .attributes
                    .insert(key.to_owned(), AttributeValue::String(value.to_owned()));
            }
            let place = case.events.partition_point(|other| other.at_ms <= at_ms);
            let attempt_ends = case
                .events
                .iter()
                .rposition(|other| other.instance == attempt);
            case.events
                .insert(attempt_ends.map_or(place, |end| place.min(end)), event);
        }
    }
}

/// A run as a case.
pub(crate) fn case(
    row: &RunRow,
    events: &[(u64, Recorded)],
    names: &PluginNames,
) -> Case<Vec<ProcessEvent>> {
    let state = match &*row.status.text {
        "completed" => CaseState::Completed,
        "failed" => CaseState::Failed,
        "cancelled" => CaseState::Cancelled,
        _ => CaseState::Open,
    };
    let mut writer = Writer {
        case: row.key.to_string(),
        group: row.flow.clone(),
        names,
        events: Vec::new(),
    };
    for (seq, recorded) in events {
        writer.event(*seq, recorded);
    }
    let mut written = writer.events;
    // An attempt is told when it ends; its beginning lies before that.
    written.sort_by_key(|event| event.at_ms);
    let attributes = [("flow".to_owned(), AttributeValue::String(row.flow.clone()))];
    Case {
        id: row.key.to_string(),
        state,
        attributes: attributes.into_iter().collect(),
        events: written,
    }
}

struct Writer<'names> {
    case: String,
    group: String,
    names: &'names PluginNames,
    events: Vec<ProcessEvent>,
}

/// One piece of work that a call was made for.
struct Work<'event> {
    seq: u64,
    activity: String,
    resource: &'event str,
    instance: String,
    attempt: u32,
    call: &'event CallFacts,
    end: Lifecycle,
    error: Option<String>,
    step: Option<&'event str>,
}

impl Writer<'_> {
    fn event(&mut self, seq: u64, recorded: &Recorded) {
        let at = recorded.at.0;
        match &recorded.event {
            Event::StepEnded {
                step,
                id,
                agent,
                attempt,
                result,
                call,
                ..
            } => {
                let (end, error) = match result {
                    StepResult::Completed { .. } => (Lifecycle::Complete, None),
                    StepResult::Failed(failure) => {
                        (Lifecycle::AteAbort, Some(failure.code.clone()))
                    }
                };
                self.work(&Work {
                    seq,
                    activity: agent.clone(),
                    resource: agent,
                    instance: format!("step-{}.{attempt}", step.0),
                    attempt: *attempt,
                    call,
                    end,
                    error,
                    step: Some(id),
                });
            }
            Event::Decided {
                decision,
                attempt,
                answer,
                call,
                ..
            } => {
                let kind = match (&answer.end, answer.start.first()) {
                    (Some(_), _) => "end",
                    (None, Some(_)) if answer.start.len() > 1 => "parallel",
                    (None, Some(first)) => first.kind.as_str(),
                    (None, None) => "wait",
                };
                self.decision(seq, *decision, *attempt, call, kind, None);
            }
            Event::DecisionFailed {
                decision,
                attempt,
                failure,
                call,
                ..
            } => self.decision(
                seq,
                *decision,
                *attempt,
                call,
                "failed",
                Some(failure.code.clone()),
            ),
            Event::StepSkipped {
                step,
                id,
                agent,
                reason,
                ..
            } => {
                let mut event = self.single(seq, agent, Lifecycle::AutoSkip, step.0, at);
                event
                    .attributes
                    .insert("reason".to_owned(), AttributeValue::String(reason.clone()));
                event
                    .attributes
                    .insert("step".to_owned(), AttributeValue::String(id.clone()));
                self.events.push(event);
            }
            Event::Escalated {
                step,
                agent,
                reason,
                ..
            } => {
                let mut event = self.single(seq, agent, Lifecycle::Suspend, step.0, at);
                event
                    .attributes
                    .insert("reason".to_owned(), AttributeValue::String(reason.clone()));
                self.events.push(event);
            }
            Event::Answered {
                step,
                agent,
                answer,
                by,
                ..
            } => {
                let lifecycle = match answer {
                    Answer::Skip => Lifecycle::ManualSkip,
                    _ => Lifecycle::Resume,
                };
                let mut event = self.single(seq, agent, lifecycle, step.0, at);
                event
                    .attributes
                    .insert("by".to_owned(), AttributeValue::String(by.clone()));
                self.events.push(event);
            }
            _ => {}
        }
    }

    fn decision(
        &mut self,
        seq: u64,
        decision: u32,
        attempt: u32,
        call: &CallFacts,
        kind: &str,
        error: Option<String>,
    ) {
        self.work(&Work {
            seq,
            activity: format!("decision:{kind}"),
            resource: "orchestrator",
            instance: format!("decision-{decision}.{attempt}"),
            attempt,
            call,
            end: if error.is_some() {
                Lifecycle::AteAbort
            } else {
                Lifecycle::Complete
            },
            error,
            step: None,
        });
    }

    /// Schedule, start and end of one attempt.
    fn work(&mut self, work: &Work<'_>) {
        let call = work.call;
        let times = [
            (Lifecycle::Schedule, call.ready.0.min(call.started.0)),
            (Lifecycle::Start, call.started.0),
            (work.end, call.finished.0.max(call.started.0)),
        ];
        for (number, (lifecycle, at_ms)) in times.into_iter().enumerate() {
            let mut event = self.blank(&work.activity, lifecycle, &work.instance, at_ms);
            event.event_id = format!("{}-{}-{number}", self.case, work.seq);
            event.resource = Some(work.resource.to_owned());
            event.attempt = work.attempt;
            if let Some(plugin) = self.names.0.get(&call.plugin) {
                event
                    .attributes
                    .insert("plugin".to_owned(), AttributeValue::String(plugin.clone()));
            }
            if let Some(step) = work.step {
                event
                    .attributes
                    .insert("step".to_owned(), AttributeValue::String(step.to_owned()));
            }
            if lifecycle == work.end {
                event.fuel = Some(call.fuel);
                event.duration_ms = Some(call.wall_us / 1_000);
                if let Some(error) = &work.error {
                    event
                        .attributes
                        .insert("error".to_owned(), AttributeValue::String(error.clone()));
                }
            }
            self.events.push(event);
        }
    }

    fn single(
        &self,
        seq: u64,
        agent: &str,
        lifecycle: Lifecycle,
        step: u32,
        at_ms: i64,
    ) -> ProcessEvent {
        let mut event = self.blank(agent, lifecycle, &format!("step-{step}"), at_ms);
        event.event_id = format!("{}-{seq}", self.case);
        event.resource = Some(agent.to_owned());
        event
    }

    fn blank(
        &self,
        activity: &str,
        lifecycle: Lifecycle,
        instance: &str,
        at_ms: i64,
    ) -> ProcessEvent {
        let mut event = ProcessEvent::new("", &self.case, activity, instance, lifecycle, at_ms);
        event.group = Some(self.group.clone());
        event
    }
}
