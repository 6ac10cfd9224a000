//! What registries say, nearly good: refused, or of one meaning.

use menagerie_fuzz::{corpus, fuzz};

use crate::challenge;
use crate::manifest::{MANIFEST_TYPE, Manifest};
use crate::reference::{Reference, is_digest};

#[test]
fn a_manifest_that_is_taken_is_the_same_when_it_is_written_and_read() {
    let seeds = corpus("oci-manifest");
    let read = |bytes: &[u8]| Manifest::parse(MANIFEST_TYPE, bytes);
    assert!(seeds.iter().all(|seed| read(seed).is_ok()));
    let words = [
        "\"mediaType\":",
        "\"layers\":[",
        "\"config\":{",
        "\"digest\":\"sha256:",
        "\"annotations\":{",
        "null",
        "{}",
        MANIFEST_TYPE,
    ];
    fuzz("oci-manifest", &seeds, &words, |bytes| match read(bytes) {
        Ok(manifest) => {
            assert!(is_digest(&manifest.component.digest));
            let written = manifest.write().expect("it came out of JSON");
            assert_eq!(read(&written), Ok(manifest));
        }
        Err(error) => assert!(error.to_string().len() < 4_000),
    });
}

#[test]
fn challenges_are_refused_or_name_a_realm() {
    let seeds = corpus("oci-challenge");
    let words = [
        "Bearer ", "Basic ", "realm=", "service=", "scope=", "\"", "\\", ",", "=", "\t",
    ];
    fuzz("oci-challenge", &seeds, &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Ok(ways) = challenge::parse(text) {
            // As others write it, it says the same again.
            for way in &ways {
                let challenge::Challenge::Bearer {
                    realm,
                    service,
                    scope,
                } = way
                else {
                    continue;
                };
                let quoted = |name: &str, text: &str| {
                    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                    format!("{name}=\"{text}\"")
                };
                let mut parts = vec![quoted("realm", realm)];
                parts.extend(service.iter().map(|text| quoted("service", text)));
                parts.extend(scope.iter().map(|text| quoted("scope", text)));
                let again = challenge::parse(&format!("Bearer {}", parts.join(", ")));
                assert_eq!(again.as_deref(), Ok(std::slice::from_ref(way)));
            }
        }
    });
}

#[test]
fn a_reference_means_the_same_when_it_is_written_and_read() {
    let seeds = corpus("oci-reference");
    let words = [
        "oci://", ":", "@", "sha256:", "/", "..", "[::1]", "%2f", "__",
    ];
    fuzz("oci-reference", &seeds, &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Ok(reference) = Reference::parse(text) {
            assert_eq!(
                Reference::parse(&reference.to_string()),
                Ok(reference.clone())
            );
            let scheme = menagerie_sandbox::Scheme::Https;
            let target = reference
                .target(scheme, "manifests/x")
                .expect("a good address");
            let path = format!("/v2/{}/manifests/x", reference.name);
            assert_eq!(
                target.path(),
                path,
                "the name is a part of the path and of nothing else"
            );
        }
    });
}
