//! From a document to a log.

use super::{Attribute, Document, Trace, Value};
use crate::event::CaseState;
use crate::log::{Builder, Draft, Log, Name, Transition};

/// The keys that mining looks at, as numbers of one document.
struct Wanted {
    activity: Option<Name>,
    case: Option<Name>,
    resource: Option<Name>,
    instance: Option<Name>,
    transition: Option<Name>,
    time: Option<Name>,
    cost: Option<Name>,
    currency: Option<Name>,
    tokens: Option<Name>,
    fuel: Option<Name>,
    attempt: Option<Name>,
    status: Option<Name>,
}

/// What of an attribute's value makes sense as a key of another type.
enum Text<'a> {
    Borrowed(&'a str),
    Owned(String),
}

impl Text<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl Document {
    /// The document of a log: what a log holds, and nothing else.
    #[must_use]
    pub fn of_log(log: &Log) -> Self {
        let mut document = Self::default();
        let text = |name: Name| Value::String(log.names().text(name).into());
        for case in log.cases() {
            let mut trace = Trace::default();
            let mut add = |list: &mut Vec<Attribute>, key: &str, value: Value| {
                let key = document.keys.intern(key);
                list.push(Attribute {
                    key,
                    value,
                    children: Vec::new(),
                });
            };
            add(&mut trace.attributes, "concept:name", text(case.id));
            add(
                &mut trace.attributes,
                "status",
                Value::String(case.state.as_str().into()),
            );
            for event in log.events_of(case) {
                let mut list = Vec::new();
                add(&mut list, "concept:name", text(event.activity));
                if let Some(instance) = event.instance {
                    add(&mut list, "concept:instance", text(instance));
                }
                if let Transition::Standard(lifecycle) = event.transition {
                    add(
                        &mut list,
                        "lifecycle:transition",
                        Value::String(lifecycle.as_str().into()),
                    );
                }
                if let Some(resource) = event.resource {
                    add(&mut list, "org:resource", text(resource));
                }
                if let Some(at) = event.at {
                    add(&mut list, "time:timestamp", Value::Date(at));
                }
                trace.events.push(list);
            }
            document.traces.push(trace);
        }
        document
    }

    /// The log of this document: each trace a case, activities named by `activity_key`. Events without
    /// it are left out.
    ///
    /// A case is named by `concept:name`; traces of one name are told apart by numbers, and those of
    /// none are called by their place. `status` of a trace is `completed`, `failed`, `cancelled` or
    /// `open`, as this program writes it; without it a case is completed.
    #[must_use]
    pub fn log(&self, activity_key: &str) -> Log {
        let find = |key| self.keys.find(key);
        let wanted = Wanted {
            activity: find(activity_key),
            case: find("concept:name"),
            resource: find("org:resource"),
            instance: find("concept:instance"),
            transition: find("lifecycle:transition"),
            time: find("time:timestamp"),
            cost: find("cost:total"),
            currency: find("cost:currency"),
            tokens: find("tokens"),
            fuel: find("fuel"),
            attempt: find("attempt"),
            status: find("status"),
        };
        let mut builder = Builder::new();
        for (index, trace) in self.traces.iter().enumerate() {
            let id = wanted.case.and_then(|key| text(&trace.attributes, key));
            let case = match id {
                Some(id) => builder.new_case(id.as_str()),
                None => builder.new_case(&format!("trace {}", index + 1)),
            };
            let status = wanted.status.and_then(|key| text(&trace.attributes, key));
            if let Some(state) = status.and_then(|status| state(status.as_str())) {
                builder.state(case, state);
            }
            for event in &trace.events {
                if let Some(activity) = wanted.activity.and_then(|key| text(event, key)) {
                    let draft = draft(&wanted, event);
                    builder.event(
                        case,
                        &Draft {
                            activity: activity.as_str(),
                            ..draft
                        },
                    );
                }
            }
        }
        builder.finish()
    }
}

fn state(status: &str) -> Option<CaseState> {
    let states = [
        CaseState::Open,
        CaseState::Completed,
        CaseState::Failed,
        CaseState::Cancelled,
    ];
    states.into_iter().find(|state| state.as_str() == status)
}

/// Everything but the activity, in one walk over the attributes.
fn draft<'a>(wanted: &Wanted, event: &'a [Attribute]) -> Draft<'a> {
    let mut draft = Draft::default();
    for attribute in event {
        let key = Some(attribute.key);
        match &attribute.value {
            Value::String(text) | Value::Id(text) => {
                if key == wanted.transition {
                    draft.transition = Transition::parse(text);
                } else if key == wanted.resource {
                    draft.resource = Some(text);
                } else if key == wanted.instance {
                    draft.instance = Some(text);
                } else if key == wanted.currency {
                    draft.currency = Some(text);
                } else if key == wanted.cost {
                    // Some tools write numbers as texts.
                    draft.cost_micros = text.trim().parse().ok().and_then(micros);
                }
            }
            Value::Date(at) if key == wanted.time => draft.at = draft.at.or(Some(*at)),
            Value::Float(number) if key == wanted.cost => draft.cost_micros = micros(*number),
            Value::Int(number) => {
                let count = u64::try_from(*number).ok();
                if key == wanted.cost {
                    draft.cost_micros = number.checked_mul(1_000_000);
                } else if key == wanted.tokens {
                    draft.tokens = count;
                } else if key == wanted.fuel {
                    draft.fuel = count;
                } else if key == wanted.attempt {
                    draft.attempt = count.and_then(|count| count.try_into().ok()).unwrap_or(1);
                }
            }
            _ => {}
        }
    }
    draft
}

/// Money as millionths; nothing for what is no amount.
#[allow(
    clippy::cast_possible_truncation,
    reason = "checked to lie within the type"
)]
pub(super) fn micros(amount: f64) -> Option<i64> {
    let micros = (amount * 1e6).round();
    (micros.abs() < 9e18).then_some(micros as i64)
}

/// The text of a key's first attribute; numbers and truths too, since some logs name activities so.
fn text(attributes: &[Attribute], key: Name) -> Option<Text<'_>> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value {
        Value::String(text) | Value::Id(text) => Some(Text::Borrowed(text)),
        Value::Int(number) => Some(Text::Owned(number.to_string())),
        Value::Float(number) => Some(Text::Owned(number.to_string())),
        Value::Bool(truth) => Some(Text::Owned(truth.to_string())),
        Value::Date(_) | Value::List(_) => None,
    }
}
