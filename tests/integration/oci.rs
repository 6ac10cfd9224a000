//! Plugins out of registries that others share: what goes live, and what does not. The registry is a server
//! in this process, which does wrong what it is told to.

use std::process::Command;
use std::sync::{Arc, Mutex};

use menagerie_sandbox::digest_of;
use serde_json::{Value, json};

use crate::outside::{Outside, Seen};
use crate::plugins::{Key, base64, guest_saying, plugins};
use crate::program::{Ended, Place, ended};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An answer as it goes over the wire.
pub(super) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let with_length = [headers, &[("content-length", &length)]].concat();
    bare(status, &with_length, body)
}

/// The same with the headers that are given, whether they are right or not.
pub(super) fn bare(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let lines = headers.iter();
    let lines: String = lines
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{lines}\r\n");
    [head.as_bytes(), body].concat()
}

/// What a registry holds of one plugin, before anything goes wrong with it.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) component: Vec<u8>,
    manifest: Value,
}

impl Stored {
    pub(super) fn of(component: Vec<u8>) -> Stored {
        let config = digest_of(b"{}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": 2},
            "layers": [{
                "mediaType": "application/wasm",
                "digest": digest_of(&component),
                "size": component.len(),
            }],
        });
        Stored {
            component,
            manifest,
        }
    }

    pub(super) fn changed(&self, change: impl FnOnce(&mut Value)) -> Stored {
        let mut stored = self.clone();
        change(&mut stored.manifest);
        stored
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.manifest.to_string().into_bytes()
    }

    pub(super) fn digest(&self) -> String {
        digest_of(&self.bytes())
    }

    /// What a registry that does nothing wrong answers.
    pub(super) fn answer(&self, seen: &Seen) -> Vec<u8> {
        let digest = self.digest();
        match &*seen.path {
            "/v2/team/echo/manifests/1.0.0" => self.as_manifest(),
            path if path == format!("/v2/team/echo/manifests/{digest}") => self.as_manifest(),
            path if path.starts_with("/v2/team/echo/blobs/") => {
                answer("200 OK", &[], &self.component)
            }
            _ => answer(
                "404 Not Found",
                &[("content-type", "application/json")],
                br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such thing"}]}"#,
            ),
        }
    }

    pub(super) fn as_manifest(&self) -> Vec<u8> {
        let headers = [
            ("content-type", MANIFEST),
            ("docker-content-digest", &self.digest()),
        ];
        answer("200 OK", &headers, &self.bytes())
    }
}

pub(super) fn is_blob(seen: &Seen) -> bool {
    seen.path.contains("/blobs/")
}

pub(super) fn add_command(place: &Place, reference: &str) -> Command {
    let mut command = place.menagerie();
    command
        .args(["plugins", "add", reference, "--json", "--name", "echo"])
        .env("DOCKER_CONFIG", place.path("docker"));
    command
}

pub(super) fn add(place: &Place, reference: &str) -> Ended {
    ended(&mut add_command(place, reference))
}

pub(super) fn reference(registry: &Outside) -> String {
    format!("oci://{}/team/echo:1.0.0", registry.address)
}

pub(super) fn live(place: &Place) -> Value {
    plugins(place, &["ls"]).expect(0).json()["plugins"][0].clone()
}

pub(super) fn echo(version: &str) -> Vec<u8> {
    guest_saying("echo", version)
}

#[test]
fn a_plugin_of_a_registry_goes_live_as_one_of_a_file_does() {
    let place = Place::new();
    let stored = Stored::of(echo("1.0.0"));
    let serving = stored.clone();
    let registry = Outside::answering(move |seen| Some(serving.answer(seen)));
    let told = add(&place, &reference(&registry)).expect(0).json();
    assert_eq!(told["digest"], digest_of(&stored.component));
    let expected = json!({"oci": {"reference": reference(&registry), "manifest": stored.digest()}});
    assert_eq!(told["source"], expected);
    assert_eq!(live(&place)["versions"][0]["source"], expected);
    // Nobody is told anything who does not ask for it.
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );

    // By the manifest's digest, too, and the list says where it came from.
    let by_digest = format!("oci://{}/team/echo@{}", registry.address, stored.digest());
    add(&place, &by_digest).expect(0);
    let listed = place.call(&["plugins", "ls"]).expect(0).stdout;
    assert!(listed.contains(&by_digest), "{listed}");
    // A flow takes it by its name, or by what it is; the registry is not asked again.
    let asked = registry.seen().len();
    for plugin in [
        "\"echo\"".to_owned(),
        format!("{{ oci = \"{by_digest}\" }}"),
    ] {
        let agent = format!("[agents.one]\nplugin = {plugin}\n");
        let strategy = "[strategy]\nplugin = \"echo-strategy\"\n";
        let flow = place.write("flow.toml", &format!("name = \"tiny\"\n{agent}{strategy}"));
        let run = |more: &[&str]| {
            let mut run = place.menagerie();
            run.arg("run").arg(&flow).args(more);
            ended(run.args(["--json", "--input", r#"{"text":"x"}"#]))
        };
        run(&[]).expect(0);
        // By neither way does it do under a policy that asks for a signature.
        let policy = format!("signed-by {}", Key::new(7).public());
        let refused = run(&["--trust", &policy]).expect(2).json().to_string();
        let unsigned = format!("{}: the plugin is not signed", digest_of(&stored.component));
        assert!(refused.contains(&unsigned), "{refused}");
    }
    assert_eq!(registry.seen().len(), asked);
}

#[test]
fn a_registry_that_drips_is_left_when_the_time_is_over() {
    let place = Place::new();
    let stored = Stored::of(echo("1.0.0"));
    let dripping = Arc::new(Mutex::new(String::new()));
    let (serving, to) = (stored.clone(), dripping.clone());
    let registry = Outside::answering(move |seen| {
        if seen.path.starts_with("/drip") {
            return None;
        }
        let location = to.lock().unwrap().clone();
        let answered = serving.answer(seen);
        Some(match is_blob(seen) {
            true => answer("307 Temporary Redirect", &[("location", &location)], b""),
            false => answered,
        })
    });
    for path in ["/drip-head", "/drip-body"] {
        *dripping.lock().unwrap() = path.to_owned();
        let refused = ended(add_command(&place, &reference(&registry)).args(["--timeout", "1s"]));
        let said = refused.expect(2).json().to_string();
        assert!(said.contains("did not get done within 1 s"), "{said}");
    }
}

/// A registry that asks for a token, and somebody who gives it.
struct Guarded {
    registry: Outside,
    tokens: Outside,
    store: Outside,
}

/// The token goes to whoever says who they are as `user`, if that is asked.
fn guarded(stored: &Stored, user: Option<&'static str>, token: &'static str) -> Guarded {
    let component = stored.component.clone();
    // As an object store: it would take no token.
    let store = Outside::answering(move |seen| {
        Some(match seen.header("authorization") {
            None => answer("200 OK", &[], &component),
            Some(_) => answer("400 Bad Request", &[], b""),
        })
    });
    let tokens = Outside::answering(move |seen| {
        let expected = user.map(|user| format!("Basic {}", base64(user.as_bytes())));
        let good = "/token?service=a%20registry&scope=repository:team/echo:pull";
        Some(
            match seen.header("authorization") == expected.as_deref() && seen.path == good {
                true => answer("200 OK", &[], br#"{"access_token":"let-me-in"}"#),
                false => answer("401 Unauthorized", &[], b"let-me-in"),
            },
        )
    });
    let (realm, elsewhere) = (tokens.url("/token"), store.url("/object?signed=1"));
    let serving = stored.clone();
    let registry = Outside::answering(move |seen| {
        if seen.header("authorization") != Some(&format!("Bearer {token}")) {
            let way = format!("Bearer realm=\"{realm}\",service=\"a registry\"");
            return Some(answer(
                "401 Unauthorized",
                &[("www-authenticate", &way)],
                b"",
            ));
        }
        Some(match is_blob(seen) {
            true => answer("307 Temporary Redirect", &[("location", &elsewhere)], b""),
            false => serving.answer(seen),
        })
    });
    Guarded {
        registry,
        tokens,
        store,
    }
}

#[test]
fn a_token_is_for_the_registry_and_a_password_for_the_host_that_it_is_said_for() {
    let place = Place::new();
    let stored = Stored::of(echo("1.0.0"));
    let anonymous = guarded(&stored, None, "let-me-in");
    add(&place, &reference(&anonymous.registry)).expect(0);
    assert_eq!(anonymous.tokens.seen().len(), 1, "one token does for all");
    assert_eq!(anonymous.store.seen().len(), 1);

    let with = |guarded: &Guarded, credentials: &str| {
        let mut command = add_command(&place, &reference(&guarded.registry));
        ended(command.env("MENAGERIE_OCI_AUTH", credentials))
    };
    let known = guarded(&stored, Some("somebody:of:ours"), "let-me-in");
    let (registry, tokens) = (known.registry.address, known.tokens.address);
    // What is for the registry is not told to whoever gives tokens: that is another host.
    for (credentials, expected) in [
        (
            String::new(),
            format!("there are no credentials for {tokens}"),
        ),
        (
            format!("{registry}=somebody:of:ours"),
            format!("there are no credentials for {tokens}"),
        ),
        (
            format!("{tokens}=somebody:else"),
            "no token for the credentials".to_owned(),
        ),
        (
            format!("{tokens}"),
            "MENAGERIE_OCI_AUTH: line 1: expected".to_owned(),
        ),
    ] {
        let refused = with(&known, &credentials).expect(2).json().to_string();
        assert!(refused.contains(&expected), "{expected}: {refused}");
        assert!(
            !refused.contains("somebody") && !refused.contains("let-me-in"),
            "{refused}"
        );
    }
    let told = |outside: &Outside, word: &str| {
        let seen = outside.seen();
        seen.iter()
            .filter(|seen| seen.header("authorization") == Some(word))
            .count()
    };
    let ours = format!("Basic {}", base64(b"somebody:of:ours"));
    assert_eq!(
        (told(&known.registry, &ours), told(&known.tokens, &ours)),
        (0, 0)
    );
    with(&known, &format!("{tokens}=somebody:of:ours")).expect(0);
    assert_eq!(
        (told(&known.registry, &ours), told(&known.tokens, &ours)),
        (0, 1)
    );

    // One for another registry is not taken, and not asked for again and again.
    let other = guarded(&stored, None, "another-token");
    let refused = add(&place, &reference(&other.registry))
        .expect(2)
        .json()
        .to_string();
    assert!(
        refused.contains("does not take the credentials"),
        "{refused}"
    );
    assert_eq!(other.tokens.seen().len(), 1);
}

#[test]
fn a_password_is_taken_from_dockers_file_and_told_to_that_registry_alone() {
    let place = Place::new();
    let stored = Stored::of(echo("1.0.0"));
    let asks = |stored: &Stored, user: &str| {
        let (serving, expected) = (stored.clone(), format!("Basic {}", base64(user.as_bytes())));
        Outside::answering(move |seen| {
            Some(match seen.header("authorization") == Some(&expected) {
                true => serving.answer(seen),
                false => answer(
                    "401 Unauthorized",
                    &[("www-authenticate", "Basic realm=\"x\"")],
                    b"",
                ),
            })
        })
    };
    let (ours, other) = (
        asks(&stored, "somebody:ours"),
        asks(&stored, "somebody:ours"),
    );
    std::fs::create_dir(place.path("docker")).unwrap();
    let auth = base64(b"somebody:ours");
    place.write(
        "docker/config.json",
        &json!({"auths": {ours.address.to_string(): {"auth": auth}}}).to_string(),
    );
    add(&place, &reference(&ours)).expect(0);
    let refused = add(&place, &reference(&other)).expect(2).json().to_string();
    assert!(
        refused.contains("there are no credentials for"),
        "{refused}"
    );
    assert!(
        other
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
    place.write("docker/config.json", "{\"auths\": 7}");
    let refused = add(&place, &reference(&ours)).expect(2).json().to_string();
    assert!(
        refused.contains("config.json: it is not JSON as Docker's"),
        "{refused}"
    );
}

#[test]
fn a_signature_stands_in_the_manifest_and_counts_as_one_beside_a_file_does() {
    let place = Place::new();
    let (ours, other) = (Key::new(7), Key::new(9));
    let stored = Stored::of(echo("1.0.0"));
    let policy = format!("signed-by {}", ours.public());
    for (signature, why) in [
        (None, Some("is not signed")),
        (Some(other.sign(&stored.component)), Some("another key")),
        (Some(ours.sign(&echo("1.0.1"))), Some("altered")),
        (Some("nonsense".to_owned()), Some("none in the format")),
        (Some(ours.sign(&stored.component)), None),
    ] {
        let signed = stored.changed(|manifest| {
            if let Some(signature) = &signature {
                manifest["annotations"] = json!({"menagerie.signature.minisign": signature});
            }
        });
        let registry = Outside::answering(move |seen| Some(signed.answer(seen)));
        let added = ended(add_command(&place, &reference(&registry)).args(["--trust", &policy]));
        match why {
            Some(why) => {
                let said = added.expect(2).json().to_string();
                assert!(said.contains(why), "{said}");
            }
            None => assert_eq!(added.expect(0).json()["signer"], ours.public()),
        }
    }
}
