//! The manifest of a plugin: an OCI image manifest as CNCF's TAG Runtime lays a component out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{OciError, Part};
use crate::reference::is_digest;

/// The media type of an image manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a component's configuration.
pub const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The media type of a component.
pub const LAYER_TYPE: &str = "application/wasm";
/// The annotation of the manifest that holds a signature of the component, as minisign writes it.
pub const SIGNATURE: &str = "menagerie.signature.minisign";

/// What a list of manifests is called, by OCI and before it.
const INDEX_TYPES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// Bytes of a signature.
const LONGEST_SIGNATURE: usize = 4 << 10;

/// What is asked for: an index, too, so that it is answered and can be told apart.
pub(crate) fn accepted() -> String {
    [MANIFEST_TYPE, INDEX_TYPES[0], INDEX_TYPES[1]].join(", ")
}

/// Something that a manifest refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// A manifest that is a plugin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) component: Descriptor,
    pub(crate) signature: Option<String>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: u32,
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest. `served_as` is the media type that the registry gives it.
    pub(crate) fn parse(served_as: &str, bytes: &[u8]) -> Result<Manifest, OciError> {
        let unreadable = |why: String| OciError::Manifest(why);
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        let says = value["mediaType"].as_str().unwrap_or(served_as);
        if is_index(served_as) || is_index(says) {
            return Err(OciError::Index(entries(&value)));
        }
        for found in [served_as, says] {
            expect("the manifest", found, MANIFEST_TYPE)?;
        }
        let written: Written =
            serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        if written.schema_version != 2 {
            let why = format!(
                "found the schema version {}, expected 2",
                written.schema_version
            );
            return Err(unreadable(why));
        }
        expect("the configuration", &written.config.media_type, CONFIG_TYPE)?;
        let mut layers = written.layers;
        let component = match (layers.pop(), layers.len()) {
            (Some(only), 0) => only,
            (last, before) => {
                let found = before + usize::from(last.is_some());
                return Err(unreadable(format!(
                    "found {found} layers, expected one, the component"
                )));
            }
        };
        expect("the layer", &component.media_type, LAYER_TYPE)?;
        for descriptor in [&written.config, &component] {
            if !is_digest(&descriptor.digest) {
                let found = shortened(&descriptor.digest);
                let why = format!("found the digest `{found}`, expected `sha256:` and 64 digits");
                return Err(unreadable(why));
            }
        }
        let mut annotations = written.annotations;
        let signature = annotations.remove(SIGNATURE);
        if signature
            .as_ref()
            .is_some_and(|text| text.len() > LONGEST_SIGNATURE)
        {
            let why = format!("its signature has more than {LONGEST_SIGNATURE} bytes");
            return Err(unreadable(why));
        }
        Ok(Manifest {
            config: written.config,
            component,
            signature,
        })
    }

    /// The bytes that stand for it. The same ones for the same plugin and signature.
    pub(crate) fn write(&self) -> Result<Vec<u8>, OciError> {
        let signature = self.signature.iter();
        let written = Written {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            config: self.config.clone(),
            layers: vec![self.component.clone()],
            annotations: signature
                .map(|text| (SIGNATURE.to_owned(), text.clone()))
                .collect(),
        };
        serde_json::to_vec(&written).map_err(|error| OciError::Manifest(error.to_string()))
    }
}

/// Refuses what is larger than what is taken, by what the manifest says of it.
pub(crate) fn within(part: Part, descriptor: &Descriptor, limit: u64) -> Result<(), OciError> {
    match descriptor.size > limit {
        true => Err(OciError::TooLarge {
            part,
            found: Some(descriptor.size),
            limit,
        }),
        false => Ok(()),
    }
}

fn is_index(media_type: &str) -> bool {
    INDEX_TYPES.contains(&media_type)
}

fn expect(what: &'static str, found: &str, expected: &'static str) -> Result<(), OciError> {
    match found == expected {
        true => Ok(()),
        false => Err(OciError::MediaType {
            what,
            found: shortened(found),
            expected,
        }),
    }
}

/// What an index lists, each by its digest and whatever it says of where it runs.
fn entries(index: &Value) -> Vec<String> {
    let manifests = index["manifests"].as_array().map_or(&[][..], Vec::as_slice);
    let entry = |manifest: &Value| {
        let digest = shortened(manifest["digest"].as_str().unwrap_or("no digest"));
        let of = |name: &str| manifest["platform"][name].as_str().map(shortened);
        match (of("os"), of("architecture")) {
            (Some(os), Some(architecture)) => format!("{digest} ({os}/{architecture})"),
            _ => digest,
        }
    };
    manifests.iter().map(entry).collect()
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 100;
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::{CONFIG_TYPE, Descriptor, INDEX_TYPES, LAYER_TYPE, MANIFEST_TYPE, Manifest};
    use crate::error::OciError;

    fn descriptor(media_type: &str, digit: char) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: format!("sha256:{}", digit.to_string().repeat(64)),
            size: 7,
        }
    }

    fn good() -> Manifest {
        Manifest {
            config: descriptor(CONFIG_TYPE, 'a'),
            component: descriptor(LAYER_TYPE, 'b'),
            signature: Some("signed\nby somebody".to_owned()),
        }
    }

    /// What is read of a good manifest after one change.
    fn read_with(change: impl FnOnce(&mut Value)) -> Result<Manifest, OciError> {
        let mut value: Value = serde_json::from_slice(&good().write().unwrap()).unwrap();
        change(&mut value);
        Manifest::parse(MANIFEST_TYPE, value.to_string().as_bytes())
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(read_with(|_| ()).unwrap(), good());
        let without = read_with(|value| {
            value.as_object_mut().unwrap().remove("mediaType");
            value["annotations"] = json!({"org.opencontainers.image.title": "x"});
        });
        assert_eq!(without.unwrap().signature, None);
    }

    #[test]
    fn what_is_no_plugin_is_refused_with_what_was_found() {
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 9] = [
            (
                |value| value["schemaVersion"] = json!(1),
                "schema version 1",
            ),
            (
                |value| value["mediaType"] = json!("text/plain"),
                "`text/plain`",
            ),
            (
                |value| value["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json"),
                "the configuration: found the media type `application/vnd.oci.empty.v1+json`",
            ),
            (
                |value| value["layers"][0]["mediaType"] = json!("application/x-tar"),
                "the layer: found the media type `application/x-tar`",
            ),
            (|value| value["layers"] = json!([]), "found 0 layers"),
            (
                |value| {
                    let layer = value["layers"][0].clone();
                    value["layers"] = json!([layer, layer]);
                },
                "found 2 layers",
            ),
            (
                |value| value["layers"][0]["digest"] = json!("sha256:xyz"),
                "`sha256:xyz`",
            ),
            (|value| value["layers"][0]["size"] = json!(-1), "-1"),
            (
                |value| value["annotations"] = json!({(super::SIGNATURE): "x".repeat(5_000)}),
                "signature has more than",
            ),
        ];
        for (change, why) in changes {
            let said = read_with(change).unwrap_err().to_string();
            assert!(said.contains(why), "{why}: {said}");
        }
        let served = Manifest::parse("text/html", &good().write().unwrap());
        assert!(matches!(served, Err(OciError::MediaType { .. })));
        assert!(matches!(
            Manifest::parse(MANIFEST_TYPE, b"<html>"),
            Err(OciError::Manifest(_))
        ));
    }

    #[test]
    fn an_index_is_told_by_what_it_lists() {
        let index = json!({"manifests": [
            {"digest": "sha256:1", "platform": {"os": "wasip2", "architecture": "wasm"}},
            {"digest": "sha256:2"},
        ]});
        let expected = OciError::Index(vec![
            "sha256:1 (wasip2/wasm)".to_owned(),
            "sha256:2".to_owned(),
        ]);
        for served_as in INDEX_TYPES {
            let read = Manifest::parse(served_as, index.to_string().as_bytes());
            assert_eq!(read.unwrap_err(), expected);
        }
        let read = read_with(|value| {
            *value = index.clone();
            value["mediaType"] = json!(INDEX_TYPES[0]);
        });
        assert_eq!(read.unwrap_err(), expected);
    }
}
