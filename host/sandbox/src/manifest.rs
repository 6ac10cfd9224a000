//! The manifest: a JSON custom section `menagerie:manifest` in the component or in a module within
//! it, readable without running or compiling anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ijson::{Budget, check_document};

/// The custom section's name.
pub const MANIFEST_SECTION: &str = "menagerie:manifest";

/// Bytes of a manifest.
const MANIFEST_BYTES: usize = 1 << 20;

/// What a plugin says about itself. What it asks for, an operator grants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// `agent`, `strategy`, `group-strategy`, `aggregator` or `arbiter`.
    pub kind: String,
    /// For people: what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is good at.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The JSON Schemas of what it takes and gives.
    #[serde(default)]
    pub schemas: Schemas,
    /// Limits that it would like to have.
    #[serde(default)]
    pub limits: WantedLimits,
    /// Grants that it would like to have.
    #[serde(default)]
    pub grants: Vec<String>,
    /// What this host does not know.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// JSON Schemas in a manifest; what is absent may be anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schemas {
    /// Of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// Of its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Of its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// Limits in a manifest: a wish, which an operator may grant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WantedLimits {
    /// Units of fuel for one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Memory for one call, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

impl Manifest {
    /// Reads a manifest, or says what is wrong with it.
    pub(crate) fn parse(section: &[u8]) -> Result<Manifest, String> {
        if section.len() > MANIFEST_BYTES {
            return Err(format!(
                "{} bytes, and at most {MANIFEST_BYTES} are read",
                section.len()
            ));
        }
        let text = std::str::from_utf8(section).map_err(|error| error.to_string())?;
        check_document(text, &mut Budget::new(64, 100_000)).map_err(|broken| broken.to_string())?;
        let manifest: Manifest = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.name.is_empty() || manifest.name.len() > 256 {
            return Err("the name must have between 1 and 256 bytes".to_owned());
        }
        Ok(manifest)
    }
}
