//! Which column of a table is what.

/// The columns of a table by name. What is not said is found by the names that people use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The case.
    pub case: Option<String>,
    /// The activity.
    pub activity: Option<String>,
    /// The time at which the event happened.
    pub time: Option<String>,
    /// The resource.
    pub resource: Option<String>,
    /// The lifecycle's transition.
    pub lifecycle: Option<String>,
}

/// The names for each meaning, in the order in which they are tried; compared without case,
/// spaces, underscores and hyphens.
const CASE: &[&str] = &[
    "case:concept:name",
    "caseid",
    "case",
    "traceid",
    "runid",
    "run",
];
const ACTIVITY: &[&str] = &[
    "concept:name",
    "activity",
    "activityname",
    "event",
    "task",
    "step",
];
const TIME: &[&str] = &[
    "time:timestamp",
    "timestamp",
    "completetimestamp",
    "time",
    "endtime",
    "date",
    "datetime",
];
const RESOURCE: &[&str] = &["org:resource", "resource", "user", "agent"];
const LIFECYCLE: &[&str] = &["lifecycle:transition", "lifecycle", "transition"];

/// Places of the columns that matter; the others are attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) case: usize,
    pub(super) activity: usize,
    pub(super) time: Option<usize>,
    pub(super) resource: Option<usize>,
    pub(super) lifecycle: Option<usize>,
}

/// A column that is needed or was named, and is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found the columns {found}; expected {expected}")]
pub struct ColumnError {
    /// What the table has.
    pub found: String,
    /// What it should have.
    pub expected: String,
}

impl Columns {
    pub(super) fn places(&self, header: &csv::StringRecord) -> Result<Places, ColumnError> {
        let find = |named: &Option<String>, usual: &[&str]| match named {
            Some(name) => match header.iter().position(|column| column == name) {
                Some(place) => Ok(Some(place)),
                None => Err(missing(header, format!("one called `{name}`"))),
            },
            None => Ok(usual
                .iter()
                .find_map(|usual| header.iter().position(|column| simple(column) == *usual))),
        };
        let required = |found: Option<usize>, what, usual: &[&str]| {
            let expected = || format!("one for the {what}: name it, or call it {}", list(usual));
            found.ok_or_else(|| missing(header, expected()))
        };
        Ok(Places {
            case: required(find(&self.case, CASE)?, "case", CASE)?,
            activity: required(find(&self.activity, ACTIVITY)?, "activity", ACTIVITY)?,
            time: find(&self.time, TIME)?,
            resource: find(&self.resource, RESOURCE)?,
            lifecycle: find(&self.lifecycle, LIFECYCLE)?,
        })
    }
}

fn simple(column: &str) -> String {
    let kept = column
        .chars()
        .filter(|character| !matches!(character, ' ' | '_' | '-'));
    kept.flat_map(char::to_lowercase).collect()
}

fn missing(header: &csv::StringRecord, expected: String) -> ColumnError {
    let found: Vec<&str> = header.iter().collect();
    let found = list(&found);
    ColumnError { found, expected }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
