//! What the decisions of pipelines and of groups start: a step of an agent, a run of a pipeline.

use crate::agent::{Extras, extras_out};
use crate::fault::Fault;
use crate::json::JsonError;
use crate::routing::{Names, written};
use crate::wire;

/// One thing to start.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: &'static str,
    /// The agent's name, or the pipeline's.
    pub(crate) target: String,
    pub(crate) id: Option<String>,
    pub(crate) input: Option<Result<String, JsonError>>,
    pub(crate) reason: String,
    /// Whether it starts after the one before it in the same decision.
    pub(crate) follows: bool,
    pub(crate) after: Vec<String>,
    pub(crate) extra: Extras,
}

/// The contract's side of [`Request`], but for the name of the field `target`.
pub(crate) struct WireRequest {
    pub(crate) id: String,
    pub(crate) target: String,
    pub(crate) input: Option<String>,
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) extra: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(
        kind: &'static str,
        target: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            target: target.into(),
            id: None,
            input: None,
            reason: reason.into(),
            follows: false,
            after: Vec::new(),
            extra: Extras::new(),
        }
    }

    /// The request at a position of its decision, and what it waits for, if for anything.
    pub(crate) fn into_wire(
        self,
        names: &Names,
        position: usize,
        what: &str,
    ) -> Result<(WireRequest, Option<wire::Dependency>), Fault> {
        let id = names.at(position);
        let mut after = names.resolve_all(self.after);
        if self.follows {
            after.push(names.at(position - 1));
        }
        let request = WireRequest {
            id: id.clone(),
            target: self.target,
            input: written(what, self.input)?,
            kind: self.kind.to_owned(),
            reason: self.reason,
            extra: extras_out(self.extra),
        };
        Ok((request, dependency(id, after)))
    }
}

/// `step` starts when all of `after` have ended; nothing to say when there are none.
pub(crate) fn dependency(step: String, after: Vec<String>) -> Option<wire::Dependency> {
    (!after.is_empty()).then_some(wire::Dependency { step, after })
}

/// The methods of whatever is a [`Request`] in its field `request`; `$what` is what it runs.
macro_rules! request_methods {
    ($what:literal) => {
        #[doc = concat!("Runs ", $what, ".")]
        pub fn route(name: impl Into<String>) -> Self {
            Self::of_kind("route", name, "")
        }

        #[doc = concat!("Runs ", $what, " again, telling it what went wrong.")]
        pub fn retry(name: impl Into<String>, reason: impl Into<String>) -> Self {
            Self::of_kind("retry", name, reason)
        }

        #[doc = concat!("Notes that ", $what, " was left out.")]
        pub fn skip(name: impl Into<String>, reason: impl Into<String>) -> Self {
            Self::of_kind("skip", name, reason)
        }

        #[doc = concat!("Waits for an answer; ", $what, " runs if the answer is to try again.")]
        pub fn escalate(name: impl Into<String>, reason: impl Into<String>) -> Self {
            Self::of_kind("escalate", name, reason)
        }

        fn of_kind(kind: &'static str, name: impl Into<String>, reason: impl Into<String>) -> Self {
            Self {
                request: $crate::request::Request::new(kind, name, reason),
            }
        }

        /// Its id: not that of another which runs or ended lately.
        #[must_use]
        pub fn id(mut self, id: impl Into<String>) -> Self {
            self.request.id = Some(id.into());
            self
        }

        /// What it is given, instead of the state or the input that it would see.
        #[must_use]
        pub fn input(mut self, input: impl $crate::json::IntoJson) -> Self {
            self.request.input = Some(input.into_json());
            self
        }

        /// Why, for the history.
        #[must_use]
        pub fn reason(mut self, reason: impl Into<String>) -> Self {
            self.request.reason = reason.into();
            self
        }

        /// Starts when these have ended: ids, or names that this same decision starts once each. If
        /// one of them failed, it is skipped.
        #[must_use]
        pub fn after<Name: Into<String>>(mut self, ended: impl IntoIterator<Item = Name>) -> Self {
            self.request.after.extend(ended.into_iter().map(Into::into));
            self
        }

        /// Adds a named document.
        #[must_use]
        pub fn extra(mut self, name: impl Into<String>, document: $crate::json::Json) -> Self {
            self.request.extra.push((name.into(), document));
            self
        }
    };
}
pub(crate) use request_methods;
