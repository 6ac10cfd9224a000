//! The same with a registry that others have written: the one that Debian has as `docker-registry`, where it is
//! installed. `.ci/run` installs it, and says by `REQUIRE_DOCKER_REGISTRY` that it is not to be missing.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::plugins::{Key, guest_saying, plugins};
use crate::program::{Ended, Place, ended};

const PROGRAM: &str = "docker-registry";
const REQUIRED: &str = "REQUIRE_DOCKER_REGISTRY";

/// The process, on a port of its own and with nothing in it. It ends with the test.
struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    /// None where it is not installed.
    fn start(place: &Place) -> Option<Registry> {
        let config = json!({
            "version": "0.1",
            "log": {"level": "info", "formatter": "json"},
            "storage": {"filesystem": {"rootdirectory": place.path("registry-data")}},
            "http": {"addr": "127.0.0.1:0"},
        });
        // YAML is a superset of JSON.
        let config = place.write("registry.yml", &config.to_string());
        let started = Command::new(PROGRAM)
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                assert!(
                    std::env::var_os(REQUIRED).is_none(),
                    "{PROGRAM} is to be there, and is not"
                );
                eprintln!("skipped: {PROGRAM} is not installed");
                return None;
            }
            Err(error) => panic!("{PROGRAM}: {error}"),
        };
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("{PROGRAM} does not listen: {said:#?}");
            };
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(['"', ',', ' ']).unwrap_or(rest.len());
                break rest[..end].to_owned();
            }
            said.push(line);
        };
        // It would wait for whoever does not read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Registry { process, address })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn call(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = place.menagerie();
    command
        .arg("plugins")
        .args(arguments)
        .arg("--json")
        .env("DOCKER_CONFIG", place.path("docker"));
    ended(&mut command)
}

#[test]
fn what_is_pushed_into_a_real_registry_is_pulled_out_of_it() {
    let place = Place::new();
    let Some(registry) = Registry::start(&place) else {
        return;
    };
    let at = |tag: &str| format!("oci://{}/team/plugins/echo:{tag}", registry.address);
    let key = Key::new(7);
    let bytes = guest_saying("echo", "1.0.0");
    let file = place.path("echo.wasm");
    std::fs::write(&file, &bytes).unwrap();
    let file = file.display().to_string();
    std::fs::write(format!("{file}.minisig"), key.sign(&bytes)).unwrap();

    let missing = call(&place, &["add", &at("1.0.0")])
        .expect(2)
        .json()
        .to_string();
    assert!(
        missing.contains("there is no `oci://") && missing.contains("MANIFEST_UNKNOWN"),
        "{missing}"
    );
    let pushed = call(&place, &["push", &file, &at("1.0.0")])
        .expect(0)
        .json();
    assert_eq!(pushed["known"], false, "{pushed}");
    // The same again is the same, and is not sent again.
    let again = call(&place, &["push", &file, &at("1.0")]).expect(0).json();
    assert_eq!(
        (&again["known"], &again["manifest"]),
        (&json!(true), &pushed["manifest"])
    );

    let policy = format!("signed-by {}", key.public());
    let digest = pushed["manifest"].as_str().unwrap();
    let by_digest = format!("oci://{}/team/plugins/echo@{digest}", registry.address);
    for reference in [&at("1.0.0"), &at("1.0"), &by_digest] {
        let added = call(&place, &["add", reference, "--trust", &policy])
            .expect(0)
            .json();
        assert_eq!(added["digest"], pushed["digest"]);
        assert_eq!(added["signer"], key.public());
        let expected = json!({"oci": {"reference": reference, "manifest": digest}});
        assert_eq!(added["source"], expected);
    }
    // A flow may name it by what it is.
    let strategy = "[strategy]\nplugin = \"echo-strategy\"\n";
    let by_reference = |reference: &str, id: &str| {
        let agent = format!("[agents.one]\nplugin = {{ oci = \"{reference}\" }}\n");
        let flow = place.write("flow.toml", &format!("name = \"tiny\"\n{agent}{strategy}"));
        let mut run = place.menagerie();
        run.arg("run").arg(flow);
        ended(run.args(["--id", id, "--json", "--input", r#"{"text":"x"}"#]))
    };
    by_reference(&by_digest, "known").expect(0);
    let (place_of, _) = by_digest.split_once('@').unwrap();
    let unknown = format!("{place_of}@sha256:{}", "0".repeat(64));
    let refused = by_reference(&unknown, "unknown")
        .expect(2)
        .json()
        .to_string();
    assert!(
        refused.contains("was not added here; `menagerie plugins add oci://"),
        "{refused}"
    );
    let refused = by_reference(&at("1.0.0"), "by-tag").expect(2).stderr;
    assert!(refused.contains("and 64 hexadecimal digits"), "{refused}");

    // Another version under the same tag: who asks by tag gets it, who asks by digest does not.
    let next = place.path("next.wasm");
    std::fs::write(&next, guest_saying("echo", "1.1.0")).unwrap();
    let next = next.display().to_string();
    call(&place, &["push", &next, &at("1.0")]).expect(0);
    let by_tag = call(&place, &["add", &at("1.0")]).expect(0).json();
    assert_eq!(by_tag["version"], "1.1.0");
    let by_digest = call(&place, &["add", &by_digest]).expect(0).json();
    assert_eq!(by_digest["version"], "1.0.0");
    let listed = plugins(&place, &["ls"]).expect(0).json();
    assert_eq!(
        listed["plugins"][0]["versions"].as_array().unwrap().len(),
        2
    );

    // What is no plugin, or has no tag to go to, is not sent.
    let text = place
        .write("text.wasm", "no component")
        .display()
        .to_string();
    call(&place, &["push", &text, &at("2.0")]).expect(2);
    let to_digest = format!("oci://{}/team/plugins/echo@{digest}", registry.address);
    let refused = call(&place, &["push", &file, &to_digest])
        .expect(2)
        .json()
        .to_string();
    assert!(refused.contains("pushed to a tag"), "{refused}");
}
