//! Cases in `tests/*.toml`: what is asked, and what has to be answered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use menagerie_orchestration::flow_file::Problem;
use menagerie_sandbox::types::Task;
use menagerie_sandbox::{Invocation, Kind, Limits, OutsideAnswer, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::asked::references;
use super::{File, Mock};
use crate::failure::Failure;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CasesFile {
    /// Its cases, in their order.
    #[serde(rename = "case")]
    cases: Vec<Spanned<Case>>,
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
    pub(super) agents: Vec<String>,
    /// Of a group strategy: the names of the pipelines.
    pub(super) pipelines: Vec<String>,
    /// Of an aggregator or arbiter: the results.
    pub(super) members: Vec<Member>,
    /// What the host or a person tells the call.
    hints: BTreeMap<String, Value>,
    /// What the agent kept in earlier steps.
    context: BTreeMap<String, Value>,
    /// Files that come with an agent's task.
    pub(super) attachments: Vec<Attachment>,
    /// Of an agent that compensates: how the step ended that the call is to undo. The task is that step's.
    undoes: Option<Undoes>,
    /// Counts from 1.
    attempt: Option<u32>,
    /// What ended the attempt before.
    last_fault: Option<LastFault>,
    /// The call's logical time, in milliseconds since 1970.
    now_ms: Option<i64>,
    /// What random numbers are drawn from.
    seed: Option<u64>,
    /// The meter of fuel, in place of the plugin's own.
    fuel: Option<u64>,
    /// What answers its requests of `http`.
    pub(crate) http: Vec<Mock>,
    /// What the run's steps share when the call begins: each value has version 1.
    pub(super) shared: BTreeMap<String, Value>,
    /// The artifacts of the run when the call begins.
    pub(super) artifacts: Vec<File>,

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
    /// The files that an agent attaches to its outcome.
    pub(crate) attached: Option<Vec<Attachment>>,
    /// What it shows while it runs, in order.
    pub(crate) shows: Option<Vec<Shown>>,
    /// `true`, of a call that undoes a step.
    pub(crate) undone: Option<bool>,
    /// Where the plugin finds something wrong with `config`, as pointers: then it is asked to check it.
    pub(crate) problems: Option<Vec<String>>,
    /// Named values beside an outcome or a fault.
    pub(crate) extra: Option<BTreeMap<String, Value>>,
    /// The details of a fault.
    pub(crate) details: Option<Value>,
    /// When a fault is to be tried again.
    pub(crate) retry_after_ms: Option<u32>,
    /// The meter or rule that ends the call, such as `fuel`.
    pub(crate) stops: Option<String>,
}

/// A file, by content.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) media_type: String,
    pub(crate) digest: String,
}

/// How a step ended that is to be undone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Undoes {
    pub(super) output: Value,
    pub(super) confidence: Option<f64>,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
}

/// What a call shows while it runs.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shown {
    Fraction(f64),
    Note(String),
    Chunk(String),
}

/// What ended the attempt before.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastFault {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
    pub(super) details: Option<Value>,
}

/// One result; completed unless it says otherwise.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) member: String,
    #[serde(default = "completed")]
    pub(super) status: String,
    pub(super) output: Option<Value>,
    pub(super) confidence: Option<f64>,
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
            || self.attached.is_some()
            || self.shows.is_some()
            || self.undone.is_some()
            || self.problems.is_some()
            || self.extra.is_some()
            || self.details.is_some()
            || self.retry_after_ms.is_some()
            || self.stops.is_some()
    }

    /// What is wrong with it before anything is called.
    pub(crate) fn wrong(&self) -> Option<String> {
        if !self.expects() {
            return Some(
                "says nothing of what has to come of it; expected output, confidence, attached, extra, \
                 fault, details, retry_after_ms, starts, ends, chosen, logs, shows, undone, problems or stops"
                    .to_owned(),
            );
        }
        if self.undone == Some(false) || (self.undone.is_some() && self.undoes.is_none()) {
            return Some(
                "has `undone`; expected `undone = true`, and `undoes = { output = … }` beside it"
                    .to_owned(),
            );
        }
        self.http.iter().find_map(Mock::wrong)
    }

    /// The plugin's limits, as far as the case has no other.
    pub(crate) fn limits(&self, plugins: &Limits) -> Limits {
        let mut limits = plugins.clone();
        limits.fuel = self.fuel.unwrap_or(limits.fuel);
        limits
    }

    /// The call of a plugin of that kind.
    pub(crate) fn request(&self, kind: Kind) -> Request {
        let config = self.config.clone().unwrap_or_else(|| json!({})).to_string();
        let input = self.input.clone().unwrap_or_else(|| json!({})).to_string();
        if self.problems.is_some() {
            return Request::CheckConfig {
                config,
                agents: self.agents.clone(),
            };
        }
        let task = |input, config| Task {
            input,
            config,
            attachments: references(&self.attachments),
            extra: Vec::new(),
        };
        if let Some(undoes) = &self.undoes {
            return Request::Compensate {
                task: task(input, config),
                outcome: undoes.outcome(),
            };
        }
        match kind {
            Kind::Agent => Request::Process(task(input, config)),
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

    /// What the guest may read about the call: the same every time.
    pub(crate) fn invocation(&self) -> Invocation {
        let texts = |values: &BTreeMap<String, Value>| -> Vec<(String, String)> {
            let pairs = values.iter();
            pairs
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect()
        };
        let mut seed = [1; 32];
        if let Some(own) = self.seed {
            seed[..8].copy_from_slice(&own.to_le_bytes());
        }
        Invocation {
            run: "test".to_owned(),
            step: "step".to_owned(),
            name: "plugin".to_owned(),
            attempt: self.attempt.unwrap_or(1),
            seed,
            now_ms: self.now_ms.unwrap_or(1_700_000_000_000),
            last_fault: self.last_fault.as_ref().map(LastFault::fault),
            hints: texts(&self.hints),
            own_context: texts(&self.context).into_iter().collect(),
            ..Invocation::default()
        }
    }

    /// The same case under another name, which expects nothing: a call to be made again.
    pub(super) fn called(&self, name: String) -> Case {
        Case {
            name,
            output: None,
            confidence: None,
            fault: None,
            starts: None,
            ends: None,
            chosen: None,
            logs: None,
            attached: None,
            shows: None,
            undone: None,
            problems: None,
            extra: None,
            details: None,
            retry_after_ms: None,
            stops: None,
            ..self.clone()
        }
    }

    /// The same case, in which every request is answered alike.
    pub(super) fn answered_alike(mut self) -> Case {
        self.http = vec![Mock::of_all()];
        self
    }

    /// The same case with another answer to one of its requests.
    pub(super) fn answered(&self, at: usize, answer: &OutsideAnswer) -> Case {
        let mut other = self.clone();
        if let Some(mock) = other.http.get_mut(at) {
            mock.answer_with(answer);
        }
        other
    }

    /// The same call with another input, or with other outputs of its members.
    pub(crate) fn with(&self, value: &Value, kind: Kind) -> Case {
        let mut other = Case {
            config: self.config.clone(),
            http: self.http.clone(),
            shared: self.shared.clone(),
            artifacts: self.artifacts.clone(),
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

/// Every case of `tests/*.toml`, in the order of the files' names.
pub(crate) fn cases_of(dir: &Path) -> Result<Vec<Case>, Failure> {
    let folder = dir.join("tests");
    let mut files: Vec<PathBuf> = match folder.read_dir() {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
        let read = cases_in(&text);
        cases.extend(read.map_err(|problem| Failure::in_file(&name, &text, vec![*problem]))?);
    }
    Ok(cases)
}

/// The cases of a file's text.
pub(super) fn cases_in(text: &str) -> Result<Vec<Case>, Box<Problem>> {
    // What has no place is about the whole.
    let wrong = |error: &toml::de::Error| {
        let span = error.span().unwrap_or_default();
        problem(text, span, error.message())
    };
    let table = DeTable::parse(text).map_err(|error| wrong(&error))?;
    if let Some((span, what)) = table.get_ref().values().find_map(no_json) {
        let message = format!("{what} has no form in JSON, which is what plugins are asked in");
        return Err(problem(text, span, &message));
    }
    let file: CasesFile = toml::from_str(text).map_err(|error| wrong(&error))?;
    let read = file.cases.into_iter().map(|case| {
        let span = case.span();
        let case = case.into_inner();
        match case.wrong() {
            Some(wrong) => {
                let message = format!("the case `{}` {wrong}", case.name);
                Err(problem(text, span, &message))
            }
            None => Ok(case),
        }
    });
    read.collect()
}

/// What a value holds that would be something else for a plugin: where it stands, and what it is.
fn no_json(value: &Spanned<DeValue<'_>>) -> Option<(Range<usize>, &'static str)> {
    match value.get_ref() {
        DeValue::Datetime(_) => Some((value.span(), "a date or time")),
        DeValue::Float(float) if !is_finite(float.as_str()) => {
            Some((value.span(), "a number that is none or beyond all others"))
        }
        DeValue::Array(values) => values.iter().find_map(no_json),
        DeValue::Table(table) => table.values().find_map(no_json),
        _ => None,
    }
}

/// Whether TOML's text of a number, without its underscores, stands for one that can be reached.
fn is_finite(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A mistake at a place of a text, shown no further than to the end of its line.
fn problem(text: &str, span: Range<usize>, message: &str) -> Box<Problem> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let before = &text[..start];
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let shown = text[start..end].lines().next().unwrap_or_default();
    Box::new(Problem {
        line: before.matches('\n').count() + 1,
        column: text[begin..start].chars().count() + 1,
        length: shown.chars().count(),
        span: start..start + shown.len(),
        found: String::new(),
        expected: String::new(),
        message: message.to_owned(),
        help: None,
    })
}

/// The case that a failure wrote.
pub(crate) fn replayed(file: &Path) -> Result<Case, Failure> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}
