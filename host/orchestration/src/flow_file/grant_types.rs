//! The shape of grants in a flow file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::file_types::{DurationText, Located, Name, Size, text_type};
use crate::flow::{Effect, HttpScheme, OnUnknown};

text_type! {
    /// The host of a rule.
    HostText, "a host's name, an address, or `*.` and a name", {
        "pattern": "^((\\*\\.)?[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\\[[0-9A-Fa-f:.]{2,45}\\])$"
    }
}
text_type! {
    /// The path of a rule.
    PathText, "a path that begins with `/`, with `*` or `**` where it may differ", {
        "pattern": "^/[!$&'()*+,./0-9:;=@A-Z_a-z~%-]{0,2047}$",
        "examples": ["/v1/index.json", "/v1/*", "/v1/**"]
    }
}
text_type! {
    /// A method of HTTP.
    MethodText, "a method in capitals, such as `GET`", { "pattern": "^[A-Z]{1,32}$" }
}
text_type! {
    /// The name of a header.
    HeaderText, "the name of a header", { "pattern": "^[0-9A-Za-z!#$%&'*+.^_`|~-]{1,128}$" }
}

text_type! {
    /// Keys of what a run's steps share.
    KeyPattern, "a key of letters, digits and `.`, `_`, `/`, `:`, `-`, or the beginning of keys and `*`", {
        "pattern": "^([A-Za-z0-9._/:-]{1,128}|[A-Za-z0-9._/:-]{0,127}\\*)$",
        "examples": ["budget", "claims/*"]
    }
}

/// A grant of `shared`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedGrantDocument {
    /// Values that may be read.
    #[serde(default)]
    pub(super) read: Vec<Located<KeyPattern>>,
    /// Values that may be changed, and read.
    #[serde(default)]
    pub(super) write: Vec<Located<KeyPattern>>,
}

/// A grant of `artifacts`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactsGrantDocument {
    /// The size of one artifact.
    #[schemars(extend("default" = "8 MiB"))]
    pub(super) max_size: Option<Located<Size>>,
}

/// One method, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Methods {
    /// One.
    One(MethodText),
    /// Any of several.
    Several(#[schemars(length(min = 1))] Vec<MethodText>),
}

/// A grant of `http`: what is not allowed by one of its rules is not sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpGrantDocument {
    /// What may be asked for. The first rule that matches counts.
    #[schemars(length(min = 1))]
    pub(super) allow: Vec<HttpRuleDocument>,
    /// The size of a request's body.
    #[schemars(extend("default" = "256 KiB"))]
    pub(super) max_request: Option<Located<Size>>,
    /// The size of an answer's body; more is cut off as it comes.
    #[schemars(extend("default" = "1 MiB"))]
    pub(super) max_response: Option<Located<Size>>,
    /// How long an exchange may take, redirects included.
    #[schemars(extend("default" = "30s"))]
    pub(super) timeout: Option<Located<DurationText>>,
}

/// One thing that a grant of `http` allows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpRuleDocument {
    /// `https` unless it says otherwise.
    #[serde(default)]
    #[schemars(extend("default" = "https"))]
    pub(super) scheme: HttpScheme,
    /// Exactly this host, or with `*.` every name below it.
    pub(super) host: Located<HostText>,
    /// 443, or 80 for `http`, unless it says otherwise.
    #[schemars(range(min = 1, max = 65_535))]
    pub(super) port: Option<u16>,
    /// `GET` unless it says otherwise.
    pub(super) method: Option<Located<Methods>>,
    /// `*` stands for anything within a segment, `**` for anything. What follows a `?` is free.
    pub(super) path: Located<PathText>,
    /// What happens when the host is killed before it has the answer. A `GET` is repeated and marked,
    /// a `POST` is not repeated, unless this says otherwise. `idempotent` is a promise of whoever
    /// writes it: the server honours the header `Idempotency-Key`, or nothing changes by the request.
    pub(super) effect: Option<Effect>,
    /// What happens to an `at-most-once` request whose outcome nobody knows.
    #[schemars(extend("default" = "review"))]
    pub(super) on_unknown: Option<Located<OnUnknown>>,
    /// Headers that the host adds, each with the name of the secret that is its value. Guests never
    /// see it.
    #[serde(default)]
    #[schemars(schema_with = "secrets")]
    pub(super) secrets: BTreeMap<Located<HeaderText>, Located<Name>>,
    /// Lets the host be in a private network, or on this machine.
    #[serde(default)]
    pub(super) private_addresses: bool,
}

fn secrets(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": generator.subschema_for::<HeaderText>(),
        "additionalProperties": generator.subschema_for::<Name>(),
    })
}

/// A list of interfaces, or a table with what is allowed of each.
#[derive(Debug)]
pub(super) enum GrantsDocument {
    Names(Vec<Located<Name>>),
    Rules(Box<RulesDocument>),
}

/// The interfaces that are granted with rules.
#[derive(Debug, Default)]
pub(super) struct RulesDocument {
    pub(super) http: Option<HttpGrantDocument>,
    pub(super) shared: Option<Located<SharedGrantDocument>>,
    pub(super) artifacts: Option<ArtifactsGrantDocument>,
}

/// The keys of a table of grants.
const RULED: [&str; 3] = ["artifacts", "http", "shared"];

impl Default for GrantsDocument {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl<'de> Deserialize<'de> for GrantsDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GrantsVisitor)
    }
}

/// By hand, since places in the file do not survive the buffer of an untagged enum.
struct GrantsVisitor;

impl<'de> Visitor<'de> for GrantsVisitor {
    type Value = GrantsDocument;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of interfaces, or a table of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        Ok(GrantsDocument::Names(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
        let mut rules = RulesDocument::default();
        while let Some(key) = table.next_key::<String>()? {
            match key.as_str() {
                "http" => rules.http = Some(table.next_value()?),
                "artifacts" => rules.artifacts = Some(table.next_value()?),
                "shared" => rules.shared = Some(table.next_value()?),
                _ => return Err(A::Error::unknown_field(&key, &RULED)),
            }
        }
        Ok(GrantsDocument::Rules(Box::new(rules)))
    }
}

impl JsonSchema for GrantsDocument {
    fn schema_name() -> Cow<'static, str> {
        "Grants".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "array", "items": generator.subschema_for::<Name>() },
                {
                    "type": "object",
                    "properties": {
                        "http": generator.subschema_for::<HttpGrantDocument>(),
                        "artifacts": generator.subschema_for::<ArtifactsGrantDocument>(),
                        "shared": generator.subschema_for::<SharedGrantDocument>(),
                    },
                    "additionalProperties": false,
                },
            ],
        })
    }
}
