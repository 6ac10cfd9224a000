//! What the decisions of pipelines and of groups have in common: names, waking, ending, reasons.

use crate::agent::{Extras, extras_out};
use crate::fault::Fault;
use crate::json::JsonError;
use crate::wire;

/// The half of a decision that is not about what to start.
#[derive(Clone, Debug)]
pub(crate) struct Routing {
    pub(crate) wake: Wake,
    pub(crate) wake_on_failure: bool,
    pub(crate) end: Option<Ending>,
    pub(crate) reason: String,
    pub(crate) confidence: f64,
    pub(crate) metadata: Option<Result<String, JsonError>>,
    pub(crate) extra: Extras,
}

#[derive(Clone, Debug)]
pub(crate) enum Wake {
    Any,
    All,
    These(Vec<String>),
    Timer(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) output: Option<Result<String, JsonError>>,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            wake: Wake::All,
            wake_on_failure: false,
            end: None,
            reason: String::new(),
            confidence: 1.0,
            metadata: None,
            extra: Extras::new(),
        }
    }
}

/// The contract's side of [`Routing`].
pub(crate) struct WireRouting {
    pub(crate) wake: wire::Wake,
    pub(crate) wake_on_failure: bool,
    pub(crate) end: Option<wire::Ending>,
    pub(crate) reason: String,
    pub(crate) confidence: f64,
    pub(crate) metadata: String,
    pub(crate) extra: Vec<(String, String)>,
}

impl Routing {
    /// The routing of a decision that ends everything.
    pub(crate) fn ending(
        status: &'static str,
        reason: impl Into<String>,
        output: Option<Result<String, JsonError>>,
    ) -> Self {
        let reason = reason.into();
        Self {
            reason: reason.clone(),
            end: Some(Ending {
                status,
                reason,
                output,
            }),
            ..Self::default()
        }
    }

    pub(crate) fn into_wire(self, names: &Names) -> Result<WireRouting, Fault> {
        let end = match self.end {
            None => None,
            Some(end) => Some(wire::Ending {
                status: end.status.to_owned(),
                reason: end.reason,
                output: written("the run's result", end.output)?,
            }),
        };
        Ok(WireRouting {
            wake: match self.wake {
                Wake::Any => wire::Wake::AnyFinished,
                Wake::All => wire::Wake::AllFinished,
                Wake::These(steps) => wire::Wake::These(names.resolve_all(steps)),
                Wake::Timer(milliseconds) => wire::Wake::Timer(milliseconds),
            },
            wake_on_failure: self.wake_on_failure,
            end,
            reason: self.reason,
            confidence: self.confidence,
            metadata: written("the decision's metadata", self.metadata)?
                .unwrap_or_else(|| "{}".to_owned()),
            extra: extras_out(self.extra),
        })
    }
}

/// A value that was written while the decision was made, where a failure could not be returned.
pub(crate) fn written(
    what: &str,
    json: Option<Result<String, JsonError>>,
) -> Result<Option<String>, Fault> {
    json.transpose()
        .map_err(|error| Fault::unwritable(what, &error))
}

/// The ids of what a decision starts, made up where the author gave none.
pub(crate) struct Names {
    ids: Vec<String>,
    /// What each was made from: the agent's name, the aggregator's, the pipeline's.
    bases: Vec<String>,
}

impl Names {
    /// `parts` are pairs of a chosen id and a name to make one from.
    ///
    /// A made-up id is unique in the run, since a name holds no `#` and a decision's number is never
    /// used twice; the first decision's are bare, because most runs have no other.
    pub(crate) fn new<'decision>(
        number: u32,
        parts: impl Iterator<Item = (&'decision Option<String>, &'decision String)> + Clone,
    ) -> Self {
        let mut ids: Vec<String> = Vec::new();
        for (chosen, base) in parts.clone() {
            let id = match chosen {
                Some(id) => id.clone(),
                None => {
                    let plain = if number <= 1 {
                        base.clone()
                    } else {
                        format!("{base}#{number}")
                    };
                    let taken = |id: &String| {
                        ids.contains(id)
                            || parts.clone().any(|(chosen, _)| chosen.as_ref() == Some(id))
                    };
                    let mut id = plain;
                    let mut copy = 2;
                    while taken(&id) {
                        id = format!("{base}#{number}.{copy}");
                        copy += 1;
                    }
                    id
                }
            };
            ids.push(id);
        }
        Self {
            ids,
            bases: parts.map(|(_, base)| base.clone()).collect(),
        }
    }

    pub(crate) fn at(&self, position: usize) -> String {
        self.ids[position].clone()
    }

    /// An id as it stands; else the id of the one part that was made from that name.
    fn resolve(&self, name: String) -> String {
        if self.ids.contains(&name) {
            return name;
        }
        let mut named = self
            .bases
            .iter()
            .enumerate()
            .filter(|(_, base)| **base == name);
        match (named.next(), named.next()) {
            (Some((position, _)), None) => self.at(position),
            _ => name,
        }
    }

    pub(crate) fn resolve_all(&self, names: Vec<String>) -> Vec<String> {
        names.into_iter().map(|name| self.resolve(name)).collect()
    }
}

/// The methods that decisions of both kinds offer over their field `routing`.
macro_rules! routing_methods {
    () => {
        /// Asks again as soon as one of the running steps ends.
        #[must_use]
        pub fn wake_any(mut self) -> Self {
            self.routing.wake = $crate::routing::Wake::Any;
            self
        }

        /// Asks again when nothing runs or waits any more; this is so when nothing else is said.
        #[must_use]
        pub fn wake_all(mut self) -> Self {
            self.routing.wake = $crate::routing::Wake::All;
            self
        }

        /// Asks again when each of these has ended: ids, or names that this decision starts once each.
        #[must_use]
        pub fn wake_when<Name: Into<String>>(
            mut self,
            ended: impl IntoIterator<Item = Name>,
        ) -> Self {
            self.routing.wake =
                $crate::routing::Wake::These(ended.into_iter().map(Into::into).collect());
            self
        }

        /// Asks again after so many milliseconds, or when nothing runs any more if that is sooner.
        #[must_use]
        pub fn wake_after_ms(mut self, milliseconds: u32) -> Self {
            self.routing.wake = $crate::routing::Wake::Timer(milliseconds);
            self
        }

        /// Asks as soon as one has failed for good, whatever else it waits for.
        #[must_use]
        pub fn wake_on_failure(mut self) -> Self {
            self.routing.wake_on_failure = true;
            self
        }

        /// Why, for the run's history; of an ending the ending's reason too.
        #[must_use]
        pub fn reason(mut self, reason: impl Into<String>) -> Self {
            self.routing.reason = reason.into();
            if let Some(end) = &mut self.routing.end {
                end.reason.clone_from(&self.routing.reason);
            }
            self
        }

        /// How sure the strategy is, from 0 to 1.
        #[must_use]
        pub fn confidence(mut self, confidence: f64) -> Self {
            self.routing.confidence = confidence;
            self
        }

        /// An object that is kept with the decision, at most 64 KiB.
        #[must_use]
        pub fn metadata(mut self, metadata: impl $crate::json::IntoJson) -> Self {
            self.routing.metadata = Some(metadata.into_json());
            self
        }

        /// Adds a named document.
        #[must_use]
        pub fn extra(mut self, name: impl Into<String>, document: $crate::json::Json) -> Self {
            self.routing.extra.push((name.into(), document));
            self
        }
    };
}
pub(crate) use routing_methods;
