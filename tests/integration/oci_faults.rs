//! What a registry may do wrong: each is named, and nothing that is live changes.

use std::sync::Arc;

use menagerie_sandbox::digest_of;
use serde_json::{Value, json};

use crate::oci::{MANIFEST, Stored, add, answer, bare, echo, is_blob, live, reference};
use crate::outside::{Outside, Seen};
use crate::plugins::plugins;
use crate::program::Place;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

type Fault = Arc<dyn Fn(&Stored, &Seen) -> Option<Vec<u8>> + Send + Sync>;

/// What a registry may do wrong, and what is said of it then.
fn faults(stored: &Stored) -> Vec<(Fault, &'static str)> {
    fn fault(
        wrong: impl Fn(&Stored, &Seen) -> Option<Vec<u8>> + Send + Sync + 'static,
        said: &'static str,
    ) -> (Fault, &'static str) {
        (Arc::new(wrong), said)
    }
    /// A blob that is served otherwise.
    fn blob(
        wrong: impl Fn(&Stored) -> Vec<u8> + Send + Sync + 'static,
        said: &'static str,
    ) -> (Fault, &'static str) {
        fault(
            move |stored, seen| is_blob(seen).then(|| wrong(stored)),
            said,
        )
    }
    /// A manifest that says something else.
    fn manifest(
        stored: &Stored,
        change: impl Fn(&mut Value),
        said: &'static str,
    ) -> (Fault, &'static str) {
        let other = stored.changed(change);
        fault(move |_, seen| Some(other.answer(seen)), said)
    }
    let chunks = || {
        b"4000\r\n"
            .iter()
            .copied()
            .chain([b'x'; 0x4000])
            .chain(*b"\r\n")
    };
    let endless: Vec<u8> = std::iter::repeat_with(chunks).take(400).flatten().collect();
    let endless_manifest = endless.clone();
    let coded = [("transfer-encoding", "chunked"), ("content-type", MANIFEST)];
    vec![
        fault(
            |_, _| Some(answer("404 Not Found", &[], b"")),
            "there is no `oci://",
        ),
        fault(
            |_, _| {
                Some(answer(
                    "500 Internal Server Error",
                    &[],
                    br#"{"errors":[{"code":"UNKNOWN"}]}"#,
                ))
            },
            "found the status 500",
        ),
        fault(
            |_, _| Some(b"220 mail.example ESMTP\r\n".to_vec()),
            "no HTTP/1.1",
        ),
        fault(|_, _| Some(Vec::new()), "broke off"),
        fault(
            |stored, seen| {
                let claimed = ("docker-content-digest", &*digest_of(b"other"));
                let headers = [("content-type", MANIFEST), claimed];
                (!is_blob(seen)).then(|| answer("200 OK", &headers, &stored.bytes()))
            },
            "the manifest is not what it should be",
        ),
        fault(
            |_, seen| {
                (!is_blob(seen)).then(|| answer("200 OK", &[("content-type", "text/html")], b"{}"))
            },
            "found the media type `text/html`, expected `application/vnd.oci.image.manifest.v1+json`",
        ),
        fault(
            |_, seen| {
                (!is_blob(seen)).then(|| answer("200 OK", &[("content-type", MANIFEST)], b"<html>"))
            },
            "the manifest cannot be read",
        ),
        fault(
            |_, _| {
                let headers = [("content-type", MANIFEST), ("content-length", "5000000")];
                Some(bare("200 OK", &headers, b"{}"))
            },
            "the manifest is too large: found 5000000, expected at most 4194304 bytes",
        ),
        fault(
            move |_, _| Some(bare("200 OK", &coded, &endless_manifest)),
            "the manifest is too large: found more, expected at most 4194304 bytes",
        ),
        fault(
            |_, _| {
                let digest = digest_of(b"one of several");
                let index = json!({"manifests": [{"digest": digest, "platform": {"os": "wasip2", "architecture": "wasm"}}]});
                Some(answer(
                    "200 OK",
                    &[("content-type", INDEX)],
                    index.to_string().as_bytes(),
                ))
            },
            "an index of 1 manifests, expected one manifest; name the one that is meant by its digest: sha256:",
        ),
        manifest(
            stored,
            |value| {
                value["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json")
            },
            "the configuration: found the media type `application/vnd.oci.image.config.v1+json`",
        ),
        manifest(
            stored,
            |value| {
                value["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar")
            },
            "the layer: found the media type `application/vnd.oci.image.layer.v1.tar`, expected `application/wasm`",
        ),
        manifest(
            stored,
            |value| value["layers"][0]["size"] = json!(64 << 20 | 1),
            "the component is too large: found 67108865, expected at most 67108864 bytes",
        ),
        manifest(
            stored,
            |value| value["layers"][0]["digest"] = json!(digest_of(b"other")),
            "the component is not what it should be",
        ),
        blob(
            |_| answer("200 OK", &[], b"short"),
            "has another size: found 5 bytes",
        ),
        blob(
            move |_| bare("200 OK", &[("transfer-encoding", "chunked")], &endless),
            "the component is too large: found more",
        ),
        blob(
            |stored| {
                let length = stored.component.len().to_string();
                let half = &stored.component[..stored.component.len() / 2];
                bare("200 OK", &[("content-length", &length)], half)
            },
            "broke off",
        ),
        // Without a length its end is wherever the connection ends.
        blob(
            |stored| {
                bare(
                    "200 OK",
                    &[],
                    &stored.component[..stored.component.len() - 1],
                )
            },
            "has another size",
        ),
        blob(
            |_| answer("404 Not Found", &[], b""),
            "there is no such component",
        ),
        blob(
            |stored| {
                let here = format!("/v2/team/echo/blobs/{}", digest_of(&stored.component));
                answer("307 Temporary Redirect", &[("location", &here)], b"")
            },
            "the registry points elsewhere: more than 5 times",
        ),
        blob(|_| answer("302 Found", &[], b""), "to nowhere"),
        blob(
            |_| answer("302 Found", &[("location", "ftp://x/")], b""),
            "does not begin with http",
        ),
        fault(
            |_, _| Some(answer("401 Unauthorized", &[], b"")),
            "expected `Bearer` or `Basic`",
        ),
        fault(
            |_, _| {
                Some(answer(
                    "401 Unauthorized",
                    &[("www-authenticate", "Bearer realm=")],
                    b"",
                ))
            },
            "asks for credentials in a way that is not known here",
        ),
        fault(
            |_, _| {
                Some(answer(
                    "401 Unauthorized",
                    &[("www-authenticate", "Basic realm=\"x\"")],
                    b"",
                ))
            },
            "there are no credentials for 127.0.0.1:",
        ),
        fault(
            |_, _| Some(answer("403 Forbidden", &[], b"")),
            "whoever asks may not do that",
        ),
    ]
}

#[test]
fn what_a_registry_does_wrong_is_named_and_the_live_version_stays() {
    let place = Place::new();
    let good = place.path("good.wasm");
    std::fs::write(&good, echo("1.0.0")).unwrap();
    let good = good.display().to_string();
    plugins(&place, &["add", &good, "--name", "echo"]).expect(0);
    let before = live(&place);
    assert_eq!(before["versions"][0]["source"], json!({"file": good}));
    let stored = Stored::of(echo("1.1.0"));
    for (fault, expected) in faults(&stored) {
        let serving = stored.clone();
        let registry = Outside::answering(move |seen| {
            fault(&serving, seen).or_else(|| Some(serving.answer(seen)))
        });
        let reference = reference(&registry);
        let refused = add(&place, &reference).expect(2);
        let said = refused.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            said.starts_with(&reference) && said.contains(expected),
            "{expected}: {said}"
        );
        assert_eq!(live(&place), before, "{expected}");
    }
    // Other bytes under a digest that was given.
    let serving = stored.clone();
    let registry = Outside::answering(move |_| Some(serving.as_manifest()));
    let other = format!(
        "oci://{}/team/echo@{}",
        registry.address,
        digest_of(b"other")
    );
    let nobody = "oci://127.0.0.1:1/team/echo:1.0.0".to_owned();
    let nothing = Stored::of(b"no component".to_vec());
    let text = Outside::answering(move |seen| Some(nothing.answer(seen)));
    for (reference, expected) in [
        (other, "the manifest is not what it should be"),
        (nobody, "nobody answers at 127.0.0.1:1"),
        (
            "oci://127.0.0.1/x".to_owned(),
            "it has neither a tag nor a digest",
        ),
        (crate::oci::reference(&text), "no WebAssembly component"),
    ] {
        let refused = add(&place, &reference).expect(2).json().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert_eq!(live(&place), before);
    }
}
