//! What is refused when it is loaded, and what the refusal says. Nothing of it ever runs.

use menagerie_sandbox::{CONTRACT_VERSION, Catalogue, Grants, Kind, LoadError, inspect};

use crate::support::{ENGINE, bare_component, component, component_with, module, with_manifest};

#[track_caller]
pub fn refusal(bytes: &[u8]) -> LoadError {
    Catalogue::new(ENGINE.clone(), None)
        .load(bytes, &Grants::none())
        .unwrap_err()
}

#[test]
pub fn wants_http() {
    let import = "menagerie:plugin/http@0.1.0".to_owned();
    let refused = refusal(&component("wants_http"));
    assert_eq!(
        refused,
        LoadError::NotGranted {
            import,
            granted: Vec::new()
        }
    );
}

#[test]
pub fn wants_history() {
    let import = "menagerie:plugin/history@0.1.0".to_owned();
    assert_eq!(
        refusal(&component("wants_history")),
        LoadError::NotForKind {
            import,
            kind: Kind::Agent
        }
    );
}

#[test]
pub fn wants_figures() {
    let import = "menagerie:plugin/figures@0.1.0".to_owned();
    assert_eq!(
        refusal(&component("wants_figures")),
        LoadError::NotForKind {
            import,
            kind: Kind::Agent
        }
    );
}

#[test]
pub fn wants_the_unknown() {
    let import = "elsewhere:tools/launch@9.0.0".to_owned();
    assert_eq!(
        refusal(&component("wants_the_unknown")),
        LoadError::UnknownImport { import }
    );
}

#[test]
pub fn newer_contract() {
    let refused = refusal(&component("newer_contract"));
    let LoadError::NewerContract {
        name,
        found,
        served,
    } = &refused
    else {
        panic!("{refused}")
    };
    assert!(name.ends_with("@0.2.0"), "{name}");
    assert_eq!(
        (found.to_string(), served),
        ("0.2.0".to_owned(), &CONTRACT_VERSION)
    );
    assert!(refused.to_string().contains("0.2.0"), "{refused}");
}

#[test]
pub fn no_plugin() {
    let exports = vec!["run".to_owned()];
    assert_eq!(
        refusal(&component("no_plugin")),
        LoadError::NoWorld { exports }
    );
}

#[test]
pub fn two_kinds() {
    let kinds = vec![Kind::Agent, Kind::Aggregator];
    assert_eq!(
        refusal(&component("two_kinds")),
        LoadError::SeveralKinds { kinds }
    );
}

#[test]
pub fn too_many_memories() {
    let refused = refusal(&component("too_many_memories"));
    assert!(refused.to_string().contains("memories"), "{refused}");
}

#[test]
pub fn huge_table() {
    let refused = refusal(&component("huge_table"));
    assert!(refused.to_string().contains("table"), "{refused}");
}

#[test]
fn more_elements_than_any_table_could_hold_are_refused_before_anything_is_compiled() {
    let segment = |count: usize| format!("(elem func {})", "$answered ".repeat(count));
    let with = |segments: &[usize]| {
        let segments: String = segments.iter().map(|count| segment(*count)).collect();
        component_with("well_behaved", &format!("(func $answered) {segments}"))
    };
    let refused = refusal(&with(&[60_000, 60_000]));
    assert_eq!(
        refused,
        LoadError::TooManyElements {
            found: 120_000,
            limit: 100_000
        }
    );
    assert!(inspect(&with(&[60_000, 40_000])).is_ok());
}

#[test]
fn a_core_module_is_named_as_one() {
    assert_eq!(refusal(&module("well_behaved")), LoadError::CoreModule);
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = component("well_behaved");
    let manifest = whole.len() - 60;
    for end in (0..manifest).step_by(7) {
        match refusal(&whole[..end]) {
            LoadError::NotWebAssembly { .. } if end < 8 => {}
            LoadError::Malformed { offset, .. } if offset <= end as u64 => {}
            // Cut between two sections, it is whole as far as WebAssembly is concerned.
            LoadError::NoWorld { .. } | LoadError::NoManifest => {}
            other => panic!("cut at {end}: {other}"),
        }
    }
}

#[test]
fn altered_bytes_are_refused_or_still_a_plugin_and_never_a_panic() {
    let whole = component("well_behaved");
    for place in 0..whole.len() {
        let mut altered = whole.clone();
        altered[place] ^= 0x55;
        // What it says does not matter here; that it returns does.
        let _ = inspect(&altered);
    }
}

#[test]
fn what_is_no_webassembly_is_shown_by_its_first_bytes() {
    let found = "89504e470d0a1a0a".to_owned();
    assert_eq!(
        refusal(b"\x89PNG\r\n\x1a\n..."),
        LoadError::NotWebAssembly { found }
    );
    assert_eq!(
        refusal(b""),
        LoadError::NotWebAssembly {
            found: String::new()
        }
    );
}

#[test]
fn bytes_beyond_the_limit_are_not_even_looked_at() {
    let refused = refusal(&vec![0; (64 << 20) + 1]);
    assert_eq!(
        refused,
        LoadError::TooLarge {
            size: (64 << 20) + 1,
            limit: 64 << 20
        }
    );
}

#[test]
fn a_plugin_without_a_manifest_is_refused() {
    assert_eq!(
        refusal(&bare_component("well_behaved")),
        LoadError::NoManifest
    );
}

#[test]
fn a_manifest_that_is_not_one_is_refused_with_the_reason() {
    for (manifest, expected) in [
        ("{", "a name in quotation marks was expected"),
        (r#"{"name":"a","name":"b"}"#, "twice"),
        (r#"{"name":"a","version":"1"}"#, "kind"),
        (
            r#"{"name":"","version":"1","kind":"agent"}"#,
            "between 1 and 256",
        ),
    ] {
        let refused = refusal(&with_manifest(bare_component("well_behaved"), manifest));
        assert!(matches!(refused, LoadError::Manifest { .. }), "{refused}");
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

#[test]
fn a_manifest_that_claims_another_kind_is_refused() {
    let manifest = r#"{"name":"a","version":"1","kind":"strategy"}"#;
    let refused = refusal(&with_manifest(bare_component("well_behaved"), manifest));
    assert_eq!(
        refused,
        LoadError::KindMismatch {
            manifest: "strategy".to_owned(),
            component: Kind::Agent
        }
    );
}

#[test]
fn two_manifests_that_differ_are_refused() {
    let manifest = r#"{"name":"another","version":"1","kind":"agent"}"#;
    let refused = refusal(&with_manifest(component("well_behaved"), manifest));
    assert!(matches!(refused, LoadError::Manifest { .. }), "{refused}");
}

#[test]
fn an_inspection_says_what_the_file_is() {
    let bytes = component("log_flood");
    let inspection = inspect(&bytes).unwrap();
    assert_eq!(inspection.kind, Kind::Agent);
    assert_eq!(inspection.contract, CONTRACT_VERSION);
    assert_eq!(inspection.manifest.name, "log_flood");
    assert_eq!(inspection.imports, ["menagerie:plugin/log@0.1.0"]);
    assert_eq!(inspection.exports, ["menagerie:plugin/agent@0.1.0"]);
    assert_eq!(inspection.size, bytes.len() as u64);
    assert_eq!(inspection.digest.len(), "sha256:".len() + 64);
}
