//! The variables that conditions speak of, made out of the view.

use std::collections::{BTreeMap, HashMap};

use cel::{Context, Value};
use menagerie::{AgentState, Fault, Json, StepState, View};
use planning::has_failed;
use serde_json::Map;

use crate::condition::Condition;
use crate::wanted::Wanted;

/// Everything that some condition needs, ready to be asked.
pub(crate) fn context<Config>(
    view: &View<Config, Json>,
    environment: &Map<String, menagerie::Value>,
    conditions: &[Condition],
) -> Result<Context<'static, 'static>, Fault> {
    let mut wanted: BTreeMap<&str, Wanted> = BTreeMap::new();
    for (name, parts) in conditions.iter().flat_map(|condition| &condition.wanted) {
        wanted.entry(name.as_str()).or_default().add(parts);
    }
    let mut context = Context::default();
    for (name, wanted) in wanted {
        let value = fact(name, &wanted, view, environment)
            .map_err(|error| Fault::permanent(format!("`{name}` cannot be read: {error}")))?;
        context.add_variable_from_value(name, value);
    }
    Ok(context)
}

fn fact<Config>(
    name: &str,
    wanted: &Wanted,
    view: &View<Config, Json>,
    environment: &Map<String, menagerie::Value>,
) -> Result<Value, serde_json::Error> {
    let last = last_ended(view);
    Ok(match name {
        "state" => wanted.read(view.state.as_str())?,
        "environment" => wanted.read(&serde_json::to_string(environment)?)?,
        "artifact" => match last.and_then(|step| step.output.as_ref()) {
            Some(output) => wanted.read(output.as_str())?,
            None => map([]),
        },
        "task" => match last {
            Some(step) => of_step(step, wanted)?,
            None => map([]),
        },
        "error" => error(view),
        "agents" => {
            let agents = view
                .agents
                .iter()
                .map(|agent| (agent.name.clone(), of_agent(agent)));
            Value::Map(agents.collect::<HashMap<_, _>>().into())
        }
        "steps" => {
            let steps: Result<Vec<Value>, _> = view
                .steps
                .iter()
                .map(|step| of_step(step, &Wanted::All))
                .collect();
            Value::List(steps?.into())
        }
        "current_step" => Value::from(view.current_step.as_deref().unwrap_or_default()),
        "trigger" => Value::from(view.trigger.as_str()),
        "step_duration_ms" => Value::Float(view.step_duration_ms.unwrap_or_default()),
        "error_rate" => Value::Float(view.error_rate),
        "retry_count" => Value::Int(view.retry_count.into()),
        "decision" => Value::Int(view.decision.into()),
        "steps_left" => Value::Int(view.steps_left.into()),
        _ => Value::Null,
    })
}

fn map<const COUNT: usize>(entries: [(&str, Value); COUNT]) -> Value {
    let entries: HashMap<String, Value> = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Map(entries.into())
}

/// The step that ended last, if it ended since the last decision.
pub(crate) fn last_ended<Config>(view: &View<Config, Json>) -> Option<&StepState> {
    view.current_step
        .as_deref()
        .and_then(|id| view.step(id))
        .filter(|step| step.is_ended())
}

fn of_step(step: &StepState, wanted: &Wanted) -> Result<Value, serde_json::Error> {
    let mut entries: HashMap<String, Value> = HashMap::new();
    let mut put = |name: &str, value: Value| entries.insert(name.to_owned(), value);
    put("id", Value::from(step.id.as_str()));
    put("agent", Value::from(step.agent.as_str()));
    put("kind", Value::from(step.kind.as_str()));
    put("status", Value::from(step.status.as_str()));
    put("attempt", Value::Int(step.attempt.into()));
    // Absent where the step has none, so that `has` tells.
    if let Some(output) = &step.output {
        let of_output = match wanted {
            Wanted::All => Some(&Wanted::All),
            Wanted::Fields(fields) => fields.get("output"),
        };
        if let Some(wanted) = of_output {
            put("output", wanted.read(output.as_str())?);
        }
    }
    if let Some(confidence) = step.confidence {
        put("confidence", Value::Float(confidence));
    }
    if let Some(duration) = step.duration_ms {
        put("duration_ms", Value::Float(duration));
    }
    if let Some(error) = &step.error {
        put("error", of_fault(error, step));
    }
    Ok(Value::Map(entries.into()))
}

fn of_fault(fault: &Fault, step: &StepState) -> Value {
    map([
        ("code", Value::from(fault.code.as_str())),
        ("message", Value::from(fault.message.as_str())),
        ("step", Value::from(step.id.as_str())),
        ("agent", Value::from(step.agent.as_str())),
    ])
}

/// Of the first step that failed since the last decision; empty where none did.
fn error<Config>(view: &View<Config, Json>) -> Value {
    let Some(failed) = view.steps.iter().find(|step| has_failed(step)) else {
        return map([]);
    };
    match &failed.error {
        Some(fault) => of_fault(fault, failed),
        None => of_fault(&Fault::new(failed.status.clone(), ""), failed),
    }
}

fn of_agent(agent: &AgentState) -> Value {
    let count = |count: u32| Value::Int(count.into());
    map([
        ("status", Value::from(agent.status.as_str())),
        ("completed", count(agent.completed)),
        ("failed", count(agent.failed)),
        ("skipped", count(agent.skipped)),
        ("retries", count(agent.retries)),
        ("priority", Value::Int(agent.priority.into())),
    ])
}
