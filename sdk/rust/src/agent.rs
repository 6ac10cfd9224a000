//! What an agent is given and what it answers.

use crate::fault::Fault;
use crate::json::{FromJson, IntoJson, Json};
use crate::wire;

/// Named documents beside a record's fields; the contract grows through them.
pub type Extras = Vec<(String, Json)>;

pub(crate) fn extras_in(extras: Vec<(String, String)>) -> Extras {
    extras
        .into_iter()
        .map(|(name, text)| (name, Json::from_text(text)))
        .collect()
}

pub(crate) fn extras_out(extras: Extras) -> Vec<(String, String)> {
    extras
        .into_iter()
        .map(|(name, json)| (name, json.into_text()))
        .collect()
}

/// A file that a step produced, by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The artifact's id within its run.
    pub id: String,
    /// An RFC 6838 media type, such as `text/markdown`.
    pub media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// One piece of work: the step's input and the agent's configuration, as the author's types.
///
/// An agent without a configuration leaves `Config` out: then it is text that nobody reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Task<Input, Config = Json> {
    /// The run's state as this step sees it, or what the strategy gave it.
    pub input: Input,
    /// From the flow file; `{}` where the flow gives none.
    pub config: Config,
    /// Files that the run was begun with or that steps before this one attached. Agents alone are given any: a
    /// strategy's view has none.
    pub attachments: Vec<Artifact>,
    /// Whatever else the host says.
    pub extra: Extras,
}

impl<Input, Config> Task<Input, Config> {
    /// A task with nothing but an input and a configuration, for tests.
    pub fn new(input: Input, config: Config) -> Self {
        Self {
            input,
            config,
            attachments: Vec::new(),
            extra: Extras::new(),
        }
    }
}

impl<Input: FromJson, Config: FromJson> Task<Input, Config> {
    pub(crate) fn from_wire(task: wire::Task) -> Result<Self, Fault> {
        Ok(Self {
            input: Input::from_json(task.input)
                .map_err(|error| Fault::unreadable("the input", &error))?,
            config: Config::from_json(task.config)
                .map_err(|error| Fault::unreadable("the configuration", &error))?,
            attachments: task.attachments.into_iter().map(Artifact::from).collect(),
            extra: extras_in(task.extra),
        })
    }
}

/// The answer of an agent or an aggregator that succeeded.
///
/// An output that is a JSON object is merged into the run's state, key by key; anything else is kept
/// there under `<agent>_output`.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<Output> {
    /// What was worked out.
    pub output: Output,
    /// How sure the plugin is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Files that belong to the output: for the agents of later steps.
    pub attachments: Vec<Artifact>,
    /// Whatever else there is to say; names that the host does not know are kept.
    pub extra: Extras,
}

impl<Output> Outcome<Output> {
    /// An outcome with nothing but an output.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            confidence: None,
            attachments: Vec::new(),
            extra: Extras::new(),
        }
    }

    /// Says how sure the plugin is, from 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn attach(mut self, artifact: Artifact) -> Self {
        self.attachments.push(artifact);
        self
    }

    /// Adds a named document.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, document: Json) -> Self {
        self.extra.push((name.into(), document));
        self
    }
}

impl<Output> From<Output> for Outcome<Output> {
    fn from(output: Output) -> Self {
        Self::new(output)
    }
}

impl<Output: IntoJson> Outcome<Output> {
    pub(crate) fn into_wire(self) -> Result<wire::Outcome, Fault> {
        Ok(wire::Outcome {
            output: self
                .output
                .into_json()
                .map_err(|error| Fault::unwritable("the output", &error))?,
            confidence: self.confidence,
            attachments: self
                .attachments
                .into_iter()
                .map(wire::ArtifactRef::from)
                .collect(),
            extra: extras_out(self.extra),
        })
    }
}

impl<Output: FromJson> Outcome<Output> {
    pub(crate) fn from_wire(outcome: wire::Outcome) -> Result<Self, Fault> {
        Ok(Self {
            output: Output::from_json(outcome.output)
                .map_err(|error| Fault::unreadable("the outcome to compensate", &error))?,
            confidence: outcome.confidence,
            attachments: outcome
                .attachments
                .into_iter()
                .map(Artifact::from)
                .collect(),
            extra: extras_in(outcome.extra),
        })
    }
}

impl From<wire::ArtifactRef> for Artifact {
    fn from(artifact: wire::ArtifactRef) -> Self {
        Self {
            id: artifact.id,
            media_type: artifact.media_type,
            digest: artifact.digest,
        }
    }
}

impl From<Artifact> for wire::ArtifactRef {
    fn from(artifact: Artifact) -> Self {
        Self {
            id: artifact.id,
            media_type: artifact.media_type,
            digest: artifact.digest,
        }
    }
}
