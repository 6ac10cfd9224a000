//! Why a plugin is not got from a registry, or not put there.

use std::fmt;
use std::time::Duration;

use menagerie_sandbox::WebError;

/// What an answer of a registry was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The manifest of an artifact.
    Manifest,
    /// The component.
    Component,
    /// The configuration, which says of a component what it is.
    Config,
    /// A token for what is asked next.
    Token,
    /// The place that something is sent to.
    Upload,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Part::Manifest => "the manifest",
            Part::Component => "the component",
            Part::Config => "the configuration",
            Part::Token => "the token",
            Part::Upload => "the upload",
        })
    }
}

/// Why nothing came of it. What a registry says itself is shortened, and not yet fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OciError {
    /// No reference.
    #[error(
        "found `{found}`, expected `oci://HOST[:PORT]/NAME:TAG` or `oci://HOST[:PORT]/NAME@sha256:…`: {why}"
    )]
    Reference {
        /// What was there.
        found: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tag is what others find a plugin by.
    #[error(
        "a plugin is pushed to a tag, `oci://HOST[:PORT]/NAME:TAG`; its digest comes of itself"
    )]
    PushToDigest,
    /// No connection, or none to trust, or no HTTP.
    #[error(transparent)]
    Web(#[from] WebError),
    /// It took too long.
    #[error("the registry did not get done within {}; --timeout gives it longer", seconds(*.0))]
    Timeout(Duration),
    /// The registry has no such thing.
    #[error("there is no {what} in the registry{}", of(said))]
    Unknown {
        /// What was asked for.
        what: String,
        /// The registry's own words.
        said: String,
    },
    /// The registry, or whoever gives tokens for it, wants to know more about who asks.
    #[error("{host} does not let it be done: {why}")]
    Unauthorized {
        /// Who refuses.
        host: String,
        /// Why, and what could be done.
        why: String,
    },
    /// A `WWW-Authenticate` that cannot be followed.
    #[error("the registry asks for credentials in a way that is not known here: {0}")]
    Challenge(String),
    /// An answer that means something else than done.
    #[error("{part}: found the status {status} from {host}{}", of(said))]
    Status {
        /// What was asked for.
        part: Part,
        /// Who answered.
        host: String,
        /// The number.
        status: u16,
        /// The registry's own words.
        said: String,
    },
    /// It is something else.
    #[error("{what}: found the media type `{found}`, expected `{expected}`")]
    MediaType {
        /// Of what.
        what: &'static str,
        /// What the registry says it is.
        found: String,
        /// What a plugin would have.
        expected: &'static str,
    },
    /// Several manifests, of which none is taken by guessing.
    #[error(
        "the reference names an index of {} manifests, expected one manifest; name the one that is meant by its digest: {}",
        .0.len(), some(.0)
    )]
    Index(Vec<String>),
    /// A manifest that cannot be understood.
    #[error("the manifest cannot be read: {0}")]
    Manifest(String),
    /// It is larger than what is taken.
    #[error("{part} is too large: found {}, expected at most {limit} bytes", size(*found))]
    TooLarge {
        /// What.
        part: Part,
        /// What the registry says, or nothing where it did not say.
        found: Option<u64>,
        /// The bound.
        limit: u64,
    },
    /// It is not as long as the manifest says.
    #[error("{part} has another size: found {found} bytes, expected {expected}")]
    Size {
        /// What.
        part: Part,
        /// What came, or was announced.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// They are other bytes.
    #[error("{part} is not what it should be: found {found}, expected {expected}")]
    Digest {
        /// What.
        part: Part,
        /// Of what came.
        found: String,
        /// Of what was asked for.
        expected: String,
    },
    /// The registry points where it cannot be followed.
    #[error("the registry points elsewhere: {0}")]
    Redirect(String),
}

fn of(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(": {said}"),
    }
}

fn size(found: Option<u64>) -> String {
    found.map_or_else(|| "more".to_owned(), |found| format!("{found}"))
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

/// Enough of a list to choose from.
fn some(entries: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = entries[..entries.len().min(SHOWN)].join(", ");
    if entries.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
