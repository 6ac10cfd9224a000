//! Joining results into one, and deciding between results that disagree.

use crate::agent::{Extras, extras_in, extras_out};
use crate::fault::Fault;
use crate::json::{FromJson, IntoJson, Json, JsonError};
use crate::wire;

/// One member's part in a join.
#[derive(Clone, Debug, PartialEq)]
pub struct Member<Output = Json> {
    /// The step's id, or the pipeline's name.
    pub name: String,
    /// `completed`, `failed`, `skipped` or `cancelled`.
    pub status: String,
    /// Present when completed.
    pub output: Option<Output>,
    /// How sure the member is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Present when failed.
    pub error: Option<Fault>,
    /// Whatever else the host says.
    pub extra: Extras,
}

impl<Output> Member<Output> {
    /// A member that completed, for tests.
    pub fn completed(name: impl Into<String>, output: Output) -> Self {
        Self {
            output: Some(output),
            ..Self::ended(name, "completed")
        }
    }

    /// A member that failed, for tests.
    pub fn failed(name: impl Into<String>, error: Fault) -> Self {
        Self {
            error: Some(error),
            ..Self::ended(name, "failed")
        }
    }

    /// A member that neither completed nor failed, for tests: `skipped` or `cancelled`.
    pub fn ended(name: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: status.into(),
            output: None,
            confidence: None,
            error: None,
            extra: Extras::new(),
        }
    }

    /// Whether the member has an output.
    pub fn is_completed(&self) -> bool {
        self.status == "completed"
    }
}

impl<Output: FromJson> Member<Output> {
    fn from_wire(member: wire::MemberResult) -> Result<Self, Fault> {
        let output = match member.output {
            None => None,
            Some(text) => Some(Output::from_json(text).map_err(|error| {
                Fault::unreadable(&format!("the output of member `{}`", member.member), &error)
            })?),
        };
        Ok(Self {
            name: member.member,
            status: member.status,
            output,
            confidence: member.confidence,
            error: member.error.map(Fault::from),
            extra: extras_in(member.extra),
        })
    }

    pub(crate) fn all_from_wire(members: Vec<wire::MemberResult>) -> Result<Vec<Self>, Fault> {
        members.into_iter().map(Self::from_wire).collect()
    }
}

/// One place where results differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// An RFC 6901 JSON pointer into the outputs.
    pub pointer: String,
    /// Each member's value there; absent where it has none.
    pub values: Vec<(String, Option<Json>)>,
}

impl From<wire::arbiter::Difference> for Difference {
    fn from(difference: wire::arbiter::Difference) -> Self {
        Self {
            pointer: difference.pointer,
            values: difference
                .values
                .into_iter()
                .map(|(member, value)| (member, value.map(Json::from_text)))
                .collect(),
        }
    }
}

/// An arbiter's answer.
#[derive(Clone, Debug)]
pub struct Verdict {
    ruling: Ruling,
    confidence: Option<f64>,
    extra: Extras,
}

#[derive(Clone, Debug)]
enum Ruling {
    Chosen {
        member: String,
        reason: String,
    },
    Synthesized {
        output: Result<String, JsonError>,
        reason: String,
    },
}

impl Verdict {
    /// One member's result stands.
    pub fn chosen(member: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of(Ruling::Chosen {
            member: member.into(),
            reason: reason.into(),
        })
    }

    /// A result made out of several.
    pub fn synthesized(output: impl IntoJson, reason: impl Into<String>) -> Self {
        Self::of(Ruling::Synthesized {
            output: output.into_json(),
            reason: reason.into(),
        })
    }

    fn of(ruling: Ruling) -> Self {
        Self {
            ruling,
            confidence: None,
            extra: Extras::new(),
        }
    }

    /// Says how sure the arbiter is, from 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Adds a named document.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, document: Json) -> Self {
        self.extra.push((name.into(), document));
        self
    }

    pub(crate) fn into_wire(self) -> Result<wire::arbiter::Verdict, Fault> {
        let ruling = match self.ruling {
            Ruling::Chosen { member, reason } => {
                wire::arbiter::Ruling::Chosen(wire::arbiter::Chosen { member, reason })
            }
            Ruling::Synthesized { output, reason } => {
                let output = output.map_err(|error| Fault::unwritable("the synthesis", &error))?;
                wire::arbiter::Ruling::Synthesized(wire::arbiter::Synthesized { output, reason })
            }
        };
        Ok(wire::arbiter::Verdict {
            ruling,
            confidence: self.confidence,
            extra: extras_out(self.extra),
        })
    }
}
