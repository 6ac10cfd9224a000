//! From a core module to a component, with its manifest where a reader finds it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use wasmparser::{Parser, Payload, Validator};
use wit_component::ComponentEncoder;

use crate::metadata::Plugin;

/// The custom section that holds a plugin's manifest, in the module and in the component.
pub const MANIFEST_SECTION: &str = "menagerie:manifest";

/// The package of the contract, whose exports tell a plugin's kind.
const CONTRACT: &str = "menagerie:plugin/";

/// The exports that make a kind; the others, such as `compensate`, come beside one of these.
pub(crate) const KINDS: [&str; 5] = [
    "agent",
    "strategy",
    "group-strategy",
    "aggregator",
    "arbiter",
];

/// The interfaces that every plugin, or every strategy, may call.
const WITHOUT_GRANT: [&str; 9] = [
    "types",
    "routing",
    "invocation",
    "log",
    "clock",
    "random",
    "progress",
    "history",
    "figures",
];

/// Part of what a component is cached by: a change of this module's output changes it.
pub(crate) const REVISION: u32 = 2;

/// A component and what its manifest says.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// Makes the component. The error says in a sentence what is wrong with the module.
pub(crate) fn encode(module: &[u8], plugin: &Plugin) -> Result<Encoded, String> {
    let parts = take_apart(module)?;
    let manifest = complete(parts.manifest, &parts.kinds, plugin)?;
    check_grants(&manifest, &parts.calls)?;
    let text = |key: &str| {
        manifest
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (name, kind) = (text("name"), text("kind"));
    let mut bytes = ComponentEncoder::default()
        .validate(true)
        .module(&parts.module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))?;
    append_custom_section(
        &mut bytes,
        MANIFEST_SECTION,
        Value::Object(manifest).to_string().as_bytes(),
    );
    Validator::new()
        .validate_all(&bytes)
        .map_err(|error| error.to_string())?;
    Ok(Encoded { bytes, name, kind })
}

struct Parts {
    /// The module without its manifest.
    module: Vec<u8>,
    manifest: Option<Map<String, Value>>,
    /// The kinds whose interface the module exports.
    kinds: Vec<&'static str>,
    /// The interfaces that the module calls and that take a grant.
    calls: BTreeSet<String>,
}

fn take_apart(module: &[u8]) -> Result<Parts, String> {
    let mut rest = Vec::with_capacity(module.len());
    let mut manifest: Option<Map<String, Value>> = None;
    let mut kinds = Vec::new();
    let mut calls = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| error.to_string())?;
        match &payload {
            Payload::Version { range, .. } => rest.extend_from_slice(&module[range.clone()]),
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                // The linker puts sections of one name one behind the other, which is no JSON any more.
                let parsed = serde_json::from_slice(section.data()).map_err(|_| {
                    "its manifest is not one JSON object; a package holds one plugin, so one attribute such as #[menagerie::agent]".to_owned()
                })?;
                manifest = Some(parsed);
                continue;
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let module = import.map_err(|error| error.to_string())?.module;
                    calls.extend(interface_by_grant(module));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export.map_err(|error| error.to_string())?.name;
                    kinds.extend(kind_of_export(name));
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            rest.push(id);
            append_length(&mut rest, range.len());
            rest.extend_from_slice(&module[range]);
        }
    }
    Ok(Parts {
        module: rest,
        manifest,
        kinds,
        calls,
    })
}

/// `menagerie:plugin/http@0.1.0` is `http`, which is not there without a grant.
fn interface_by_grant(module: &str) -> Option<String> {
    let (interface, _) = module.strip_prefix(CONTRACT)?.split_once('@')?;
    (!WITHOUT_GRANT.contains(&interface)).then(|| interface.to_owned())
}

/// What a plugin calls, it asks for: an operator reads the manifest, not the code.
fn check_grants(manifest: &Map<String, Value>, calls: &BTreeSet<String>) -> Result<(), String> {
    let asked = |name: &String| {
        let grants = manifest.get("grants").and_then(Value::as_array);
        grants.is_some_and(|grants| grants.iter().any(|grant| grant.as_str() == Some(name)))
    };
    match calls.iter().find(|name| !asked(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "it calls `{name}` without asking for it: its attribute lacks grants = [\"{name}\"]"
        )),
    }
}

/// `menagerie:plugin/agent@0.1.0#process` is of the kind `agent`.
fn kind_of_export(name: &str) -> Option<&'static str> {
    let (interface, _) = name.strip_prefix(CONTRACT)?.split_once('@')?;
    KINDS.into_iter().find(|kind| *kind == interface)
}

/// What the source did not say of itself is taken from its package and its exports.
fn complete(
    manifest: Option<Map<String, Value>>,
    kinds: &[&'static str],
    plugin: &Plugin,
) -> Result<Map<String, Value>, String> {
    let kind = match kinds {
        [kind] => *kind,
        [] => return Err("it exports none of the interfaces of menagerie:plugin".to_owned()),
        several => return Err(format!("it is of several kinds: {}", several.join(", "))),
    };
    let mut manifest = manifest.unwrap_or_default();
    let mut default = |key: &str, value: &str| {
        let entry = manifest.entry(key).or_insert(Value::Null);
        if entry.as_str().is_none_or(str::is_empty) {
            *entry = value.into();
        }
    };
    default("name", &plugin.name);
    default("version", &plugin.version);
    default("kind", kind);
    if let Some(description) = &plugin.description {
        default("description", description);
    }
    match manifest.get("kind").and_then(Value::as_str) {
        Some(said) if said == kind => Ok(manifest),
        said => Err(format!(
            "its manifest says {said:?}, but it exports the interface of {kind}"
        )),
    }
}

pub(crate) fn append_custom_section(bytes: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut section = Vec::with_capacity(name.len() + data.len() + 8);
    append_length(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    bytes.push(0);
    append_length(bytes, section.len());
    bytes.extend_from_slice(&section);
}

/// LEB128, as WebAssembly writes lengths.
fn append_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Map;

    use super::{
        append_custom_section, append_length, check_grants, interface_by_grant, kind_of_export,
    };
    use wasmparser::{Parser, Payload};

    #[test]
    fn a_custom_section_of_any_length_is_read_back() {
        for length in [0, 1, 100, 127, 128, 16_383, 16_384, 70_000] {
            let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
            append_custom_section(&mut bytes, "name", &vec![7; length]);
            let found = Parser::new(0)
                .parse_all(&bytes)
                .find_map(|payload| match payload {
                    Ok(Payload::CustomSection(section)) => {
                        Some((section.name().to_owned(), section.data().len()))
                    }
                    _ => None,
                });
            assert_eq!(found, Some(("name".to_owned(), length)));
        }
    }

    #[test]
    fn a_plugin_that_calls_what_takes_a_grant_has_to_ask_for_it() {
        let calls = |modules: &[&str]| -> BTreeSet<String> {
            let interfaces = modules.iter().copied();
            interfaces.filter_map(interface_by_grant).collect()
        };
        let free = [
            "menagerie:plugin/log@0.1.0",
            "menagerie:plugin/history@0.1.0",
            "env",
        ];
        assert!(calls(&free).is_empty());
        let http = calls(&["menagerie:plugin/http@0.1.0"]);
        let manifest = |grants: &[&str]| {
            let mut manifest = Map::new();
            manifest.insert("grants".to_owned(), grants.into());
            manifest
        };
        assert_eq!(check_grants(&manifest(&["http"]), &http), Ok(()));
        for without in [manifest(&[]), manifest(&["model"]), Map::new()] {
            let refused = check_grants(&without, &http).unwrap_err();
            assert!(refused.contains("grants = [\"http\"]"), "{refused}");
        }
    }

    #[test]
    fn lengths_are_leb128() {
        let mut bytes = Vec::new();
        append_length(&mut bytes, 624_485);
        assert_eq!(bytes, [0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn a_kind_is_told_by_the_interface_and_by_nothing_else() {
        assert_eq!(
            kind_of_export("menagerie:plugin/agent@0.1.0#process"),
            Some("agent")
        );
        assert_eq!(
            kind_of_export("menagerie:plugin/config-check@0.1.0#check"),
            None
        );
        assert_eq!(
            kind_of_export("cabi_post_menagerie:plugin/agent@0.1.0#process"),
            None
        );
        assert_eq!(kind_of_export("memory"), None);
    }
}
