//! The registry of plugins: what goes live, what does not, and on what runs stay.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ed25519_dalek::{Signer as _, SigningKey};
use menagerie_executor::{Candidate, Registry, Source};
use menagerie_sandbox::{Trust, inspect};
use serde_json::Value;

use crate::program::{Ended, Place, ended};
use crate::running::{Running, guests};

/// A guest of the tests.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    std::fs::read(guests().join(format!("{name}.wasm"))).unwrap()
}

/// The echo, saying of itself that it has this version.
fn echo(version: &str) -> Vec<u8> {
    guest_saying("echo", version)
}

/// A guest, saying of itself that it has this version. Five characters, as its own has.
pub(crate) fn guest_saying(name: &str, version: &str) -> Vec<u8> {
    let mut bytes = guest(name);
    let find = |from: usize, text: &[u8]| {
        let found = bytes[from..].windows(text.len()).position(|at| at == text);
        from + found.expect("a manifest with a version") + text.len()
    };
    // The SDK says what version it is of, too.
    let at = find(find(0, b"menagerie:manifest"), br#"],"version":""#);
    assert_eq!((version.len(), bytes[at + 5]), (5, b'"'), "another length");
    bytes[at..at + 5].copy_from_slice(version.as_bytes());
    bytes
}

fn file(place: &Place, name: &str, bytes: &[u8]) -> PathBuf {
    let path = place.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// `plugins …` with whatever else, answered as JSON.
pub(crate) fn plugins(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = place.menagerie();
    ended(command.arg("plugins").args(arguments).arg("--json"))
}

fn add(place: &Place, path: &Path, more: &[&str]) -> Ended {
    let path = path.display().to_string();
    let arguments: Vec<&str> = ["add", &path, "--name", "worker-of-ours"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    plugins(place, &arguments)
}

/// Makes a component the live version of a name: its digest.
pub(crate) fn add_as(place: &Place, name: &str, bytes: &[u8]) -> String {
    let path = file(place, "next.wasm", bytes).display().to_string();
    let told = plugins(place, &["add", &path, "--name", name])
        .expect(0)
        .json();
    told["digest"].as_str().unwrap().to_owned()
}

fn added(place: &Place, version: &str) -> String {
    let path = file(place, "next.wasm", &echo(version));
    let told = add(place, &path, &[]).expect(0).json();
    assert_eq!(told["version"], version);
    std::fs::remove_file(path).unwrap();
    told["digest"].as_str().unwrap().to_owned()
}

const FLOW: &str = "name = \"tiny\"\n[agents.one]\nplugin = \"worker-of-ours\"\n[strategy]\nplugin = \"echo-strategy\"\n";

fn run(place: &Place, flow: &str, id: &str) -> std::process::Command {
    let path = place.write("flow.toml", flow);
    let mut command = place.menagerie();
    command
        .arg("run")
        .arg(path)
        .args(["--id", id, "--json", "--input", r#"{"text":"x"}"#]);
    command
}

/// The digest that a run's agent is pinned to.
fn pinned(place: &Place, id: &str) -> String {
    let events = place.call(&["events", id, "--json"]).expect(0).stdout;
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    let digest = &first["event"]["pins"]["plugins"]["agent:one"];
    digest
        .as_str()
        .unwrap_or_else(|| panic!("no pin in {first}"))
        .to_owned()
}

#[test]
fn new_runs_take_the_live_version_and_a_flow_may_name_another() {
    let place = Place::new();
    let first = added(&place, "1.0.0");
    ended(&mut run(&place, FLOW, "a")).expect(0);
    let second = added(&place, "1.1.0");
    ended(&mut run(&place, FLOW, "b")).expect(0);
    let named = FLOW.replace("worker-of-ours", "worker-of-ours@1.0.0");
    ended(&mut run(&place, &named, "c")).expect(0);
    assert_eq!(pinned(&place, "a"), first);
    assert_eq!(pinned(&place, "b"), second);
    assert_eq!(pinned(&place, "c"), first);

    let missing = FLOW.replace("worker-of-ours", "worker-of-ours@9.9.9");
    let refused = ended(&mut run(&place, &missing, "d")).expect(2);
    let said = refused.json().to_string();
    assert!(
        said.contains("9.9.9") && said.contains("1.0.0") && said.contains("1.1.0"),
        "{said}"
    );

    let listed = plugins(&place, &["ls"]).expect(0).json();
    assert_eq!(listed["plugins"][0]["live"], second);
    let back = plugins(&place, &["rollback", "worker-of-ours"])
        .expect(0)
        .json();
    assert_eq!(
        (&back["digest"], &back["version"]),
        (&first.into(), &"1.0.0".into())
    );
    plugins(&place, &["rollback", "worker-of-ours"]).expect(2);
    plugins(&place, &["rm", "worker-of-ours"]).expect(0);
    ended(&mut run(&place, FLOW, "e")).expect(2);
    plugins(&place, &["rm", "worker-of-ours"]).expect(2);
}

#[test]
fn a_run_begun_before_a_swap_ends_on_its_own_bytes_though_their_source_is_gone() {
    let place = Place::new();
    let first = added(&place, "1.0.0");
    let killed = ended(run(&place, FLOW, "old").env("MENAGERIE_CRASH_AT", "before-call@one:1"));
    assert_eq!(killed.code, None, "{killed:?}");
    // A swap, and then even the registry forgets.
    let second = added(&place, "2.0.0");
    plugins(&place, &["rm", "worker-of-ours"]).expect(0);
    assert_eq!(added(&place, "2.0.0"), second);

    let resumed = place.call(&["resume", "old", "--json"]).expect(0).json();
    assert_eq!(resumed["status"], "completed", "{resumed}");
    assert_eq!(pinned(&place, "old"), first);
    // Its calls were those of the old bytes: the replay over its pins is equal.
    place.call(&["replay", "old", "--json"]).expect(0);
    ended(&mut run(&place, FLOW, "new")).expect(0);
    assert_eq!(pinned(&place, "new"), second);
}

#[test]
fn what_fails_at_anything_never_goes_live() {
    let place = Place::new();
    let good = added(&place, "1.0.0");
    let live = || plugins(&place, &["ls"]).expect(0).json()["plugins"][0]["live"].clone();
    let mut damaged = echo("1.1.0");
    damaged.truncate(damaged.len() / 2);
    for (name, bytes, why) in [
        (
            "text.wasm",
            b"no component".to_vec(),
            "no WebAssembly component",
        ),
        ("half.wasm", damaged, "damaged"),
        // It reaches outside, which the live version does not ask for.
        ("more.wasm", guest("fetcher"), "the grant `http`"),
    ] {
        let refused = add(&place, &file(&place, name, &bytes), &[]).expect(2);
        let said = refused.json().to_string();
        assert!(said.contains(why) && said.contains(name), "{said}");
        assert_eq!(live(), good);
    }
    ended(&mut run(&place, FLOW, "still")).expect(0);
    assert_eq!(pinned(&place, "still"), good);
    // Somebody saw to it.
    let path = place.path("more.wasm");
    let granted = add(&place, &path, &["--grant"]).expect(0).json();
    assert_eq!(granted["wants"]["grants"][0], "http");
    assert_eq!(live(), granted["digest"]);
    let name = ["add", &path.display().to_string(), "--name", "no name"].map(str::to_owned);
    plugins(&place, &name.each_ref().map(String::as_str)).expect(2);
}

#[test]
fn a_manifest_that_is_silent_about_what_is_imported_is_refused() {
    let place = Place::new();
    let mut silent = guest("fetcher");
    let (says, nothing) = (br#""grants":["http"]"#, br#""grants":[      ]"#);
    // The code has it among its data, too.
    let found = |bytes: &[u8]| bytes.windows(says.len()).position(|part| part == says);
    assert!(found(&silent).is_some(), "a manifest that asks for `http`");
    while let Some(at) = found(&silent) {
        silent[at..at + says.len()].copy_from_slice(nothing);
    }
    let path = file(&place, "silent.wasm", &silent);
    for more in [&[][..], &["--grant"]] {
        let said = add(&place, &path, more).expect(2).json().to_string();
        assert!(
            said.contains("the component imports `http`") && said.contains("silent.wasm"),
            "{said}"
        );
    }
    let listed = plugins(&place, &["ls"]).expect(0).json();
    assert_eq!(listed["plugins"], serde_json::json!([]), "{listed}");
    // As it was built it says so, and is added.
    let honest = file(&place, "honest.wasm", &guest("fetcher"));
    let told = add(&place, &honest, &[]).expect(0).json();
    assert_eq!(told["wants"]["grants"][0], "http");
    // Its reader is told what it imports, whatever it says.
    let shown = place
        .run(["inspect", &path.display().to_string()])
        .expect(0)
        .stdout;
    assert!(shown.contains("grants    http"), "{shown}");
}

#[test]
fn a_revoked_digest_is_refused_for_new_runs_and_old_ones() {
    let place = Place::new();
    let first = added(&place, "1.0.0");
    let second = added(&place, "1.1.0");
    let killed = ended(run(&place, FLOW, "cut").env("MENAGERIE_CRASH_AT", "before-call@one:1"));
    assert_eq!(killed.code, None, "{killed:?}");
    let revoked = plugins(
        &place,
        &["revoke", &second, "--reason", "it is not what it says"],
    );
    assert_eq!(revoked.expect(0).json()["was_live"][0], "worker-of-ours");

    // The name is back at the version before, and the digest comes in by no way.
    ended(&mut run(&place, FLOW, "after")).expect(0);
    assert_eq!(pinned(&place, "after"), first);
    let path = file(&place, "again.wasm", &echo("1.1.0"));
    let by_file = FLOW.replace("\"worker-of-ours\"", "{ file = \"again.wasm\" }");
    let by_version = FLOW.replace("worker-of-ours", "worker-of-ours@1.1.0");
    for refused in [
        add(&place, &path, &["--grant"]),
        ended(&mut run(&place, &by_file, "by-file")),
        ended(&mut run(&place, &by_version, "by-version")),
        place.call(&["resume", "cut", "--json"]),
    ] {
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert_ne!(refused.code, Some(0), "{said}");
        assert!(said.contains("it is not what it says"), "{said}");
    }
    plugins(&place, &["revoke", "sha256:12"]).expect(2);
}

/// Bytes in base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let number = three
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = number << (8 * (3 - three.len()));
        let letter = |at: usize| match at <= three.len() {
            true => char::from(LETTERS[(number >> (18 - 6 * at) & 63) as usize]),
            false => '=',
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// A key as minisign has them, made of one number.
pub(crate) struct Key(SigningKey, [u8; 8]);

impl Key {
    pub(crate) fn new(number: u8) -> Key {
        Key(SigningKey::from_bytes(&[number; 32]), [number; 8])
    }

    pub(crate) fn public(&self) -> String {
        base64(&[b"Ed", &self.1[..], self.0.verifying_key().as_bytes()].concat())
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        let signature = self.0.sign(bytes).to_bytes();
        let comment = "of the tests";
        let global = self.0.sign(&[&signature[..], comment.as_bytes()].concat());
        format!(
            "untrusted comment: whatever\n{}\ntrusted comment: {comment}\n{}\n",
            base64(&[b"Ed", &self.1[..], &signature[..]].concat()),
            base64(&global.to_bytes())
        )
    }
}

#[test]
fn signatures_are_asked_for_and_forged_ones_refused() {
    let place = Place::new();
    let (ours, other) = (Key::new(7), Key::new(9));
    let key = place.write(
        "ours.pub",
        &format!("untrusted comment: ours\n{}\n", ours.public()),
    );
    let bytes = echo("1.0.0");
    let path = file(&place, "signed.wasm", &bytes);
    let signature = place.path("signed.wasm.minisig");
    let policy = format!("signed-by {}", ours.public());
    let by_file = ["--trust", "signed", "--keys", key.to_str().unwrap()];
    let by_key = ["--trust", &policy];

    for asked in [&by_file[..], &by_key[..]] {
        let _ = std::fs::remove_file(&signature);
        let refused = |why: &str| {
            let said = add(&place, &path, asked).expect(2).json().to_string();
            assert!(said.contains(why), "{said}");
        };
        refused("is not signed");
        std::fs::write(&signature, other.sign(&bytes)).unwrap();
        refused("another key");
        std::fs::write(&signature, ours.sign(&echo("1.0.1"))).unwrap();
        refused("altered");
        std::fs::write(&signature, "nonsense").unwrap();
        refused("none in the format");
        std::fs::write(&signature, ours.sign(&bytes)).unwrap();
        let told = add(&place, &path, asked).expect(0).json();
        assert_eq!(told["signer"], ours.public());
    }
    // What was added was checked; what lies in a folder is checked when a flow names it.
    let strategy = place.path("plugins");
    std::fs::create_dir(&strategy).unwrap();
    let unsigned = guest("echo-strategy");
    std::fs::write(strategy.join("echo-strategy.wasm"), &unsigned).unwrap();
    let refused = ended(run(&place, FLOW, "a").args(by_key)).expect(2);
    assert!(refused.stdout.contains("is not signed"), "{refused:?}");
    std::fs::write(
        strategy.join("echo-strategy.wasm.minisig"),
        ours.sign(&unsigned),
    )
    .unwrap();
    ended(run(&place, FLOW, "a").args(by_key)).expect(0);

    plugins(&place, &["ls", "--trust", "signed-by nobody"]).expect(2);
    plugins(&place, &["ls", "--trust", "sometimes"]).expect(2);
    // `signed` by nobody in particular is a mistake, and not everybody's leave.
    add(&place, &path, &["--trust", "signed"]).expect(2);
}

#[test]
fn a_policy_holds_for_what_was_added_under_another() {
    let place = Place::new();
    let ours = Key::new(7);
    let policy = format!("signed-by {}", ours.public());
    let by_key = ["--trust", &policy];
    // The strategy is signed, so that it is about the agent.
    let strategy = guest("echo-strategy");
    let folder = place.path("plugins");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("echo-strategy.wasm"), &strategy).unwrap();
    let signature = folder.join("echo-strategy.wasm.minisig");
    std::fs::write(signature, ours.sign(&strategy)).unwrap();

    let digest = added(&place, "1.0.0");
    ended(&mut run(&place, FLOW, "under-any")).expect(0);
    let killed = ended(run(&place, FLOW, "cut").env("MENAGERIE_CRASH_AT", "before-call@one:1"));
    assert_eq!(killed.code, None, "{killed:?}");
    let by_version = FLOW.replace("worker-of-ours", "worker-of-ours@1.0.0");
    for flow in [FLOW, &by_version] {
        let refused = ended(run(&place, flow, "stricter").args(by_key)).expect(2);
        assert!(refused.stdout.contains("is not signed"), "{refused:?}");
        assert!(refused.stdout.contains(&digest), "{refused:?}");
    }
    for version in [
        "worker-of-ours=worker-of-ours@1.0.0".to_owned(),
        format!("worker-of-ours={digest}"),
    ] {
        let mut migrate = place.menagerie();
        migrate
            .args(by_key)
            .args(["runs", "migrate", "cut", &version]);
        let refused = ended(&mut migrate).expect(2);
        assert!(refused.stderr.contains("is not signed"), "{refused:?}");
    }
    // A run stays on what it began with, under whatever policy; to take that from it there is `plugins revoke`.
    let mut resume = place.menagerie();
    ended(resume.args(by_key).args(["resume", "cut"])).expect(0);

    // Signed by another key it does no more.
    let bytes = echo("1.0.0");
    let path = file(&place, "again.wasm", &bytes);
    let beside = place.path("again.wasm.minisig");
    std::fs::write(&beside, Key::new(9).sign(&bytes)).unwrap();
    add(&place, &path, &[]).expect(0);
    let refused = ended(run(&place, FLOW, "other").args(by_key)).expect(2);
    assert!(refused.stdout.contains("another key"), "{refused:?}");
    // A signature that nobody asked for when it was added counts once somebody does.
    std::fs::write(&beside, ours.sign(&bytes)).unwrap();
    add(&place, &path, &[]).expect(0);
    ended(run(&place, FLOW, "signed").args(by_key)).expect(0);
}

/// The same component with a section that nobody reads: other bytes.
fn other_bytes(mut component: Vec<u8>) -> Vec<u8> {
    component.extend([0, 2, 1, b'x']);
    component
}

#[test]
fn a_name_stays_with_its_kind_and_a_version_with_its_bytes() {
    let place = Place::new();
    let live = added(&place, "1.0.0");
    let strategy = file(&place, "strategy.wasm", &guest("echo-strategy"));
    let same = file(&place, "same.wasm", &other_bytes(echo("1.0.0")));
    for (path, expected) in [
        (
            &strategy,
            "a plugin of the kind agent, and this is one of the kind strategy",
        ),
        (&same, "`worker-of-ours@1.0.0` is sha256:"),
    ] {
        // It is no matter of leave.
        for leave in [&[][..], &["--grant"]] {
            let refused = add(&place, path, leave).expect(2).json().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
    ended(&mut run(&place, FLOW, "still")).expect(0);
    assert_eq!(pinned(&place, "still"), live);
    // Under a name of its own, and with a version of its own.
    let path = strategy.display().to_string();
    plugins(&place, &["add", &path, "--name", "strategist"]).expect(0);
    added(&place, "1.1.0");
    // The kind is remembered when nothing is live.
    for version in ["1.0.0", "1.1.0"] {
        let digest = menagerie_sandbox::digest_of(&echo(version));
        plugins(&place, &["revoke", &digest, "--reason", "old"]).expect(0);
    }
    add(&place, &strategy, &[]).expect(2);
}

/// A file as long as that, of which nothing is on the disk; what reads all of it first has no memory for it.
fn endless(place: &Place, name: &str) -> PathBuf {
    let path = place.path(name);
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    path
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_read_and_a_pipe_keeps_nobody_waiting() {
    let place = Place::new();
    let folder = place.path("incoming");
    std::fs::create_dir(&folder).unwrap();
    endless(&place, "endless.wasm");
    endless(&place, "incoming/endless.wasm");
    for pipe in ["pipe.wasm", "incoming/pipe.wasm"] {
        let made = std::process::Command::new("mkfifo")
            .arg(place.path(pipe))
            .status();
        assert!(made.unwrap().success());
    }
    for (name, why) in [
        (
            "endless.wasm",
            "1099511627776 bytes, and a component has at most 67108864",
        ),
        ("pipe.wasm", "no regular file"),
    ] {
        let path = place.path(name).display().to_string();
        let flow = FLOW.replace("\"worker-of-ours\"", &format!("{{ file = \"{name}\" }}"));
        let mut inspect = place.menagerie();
        let mut replay = place.menagerie();
        for refused in [
            add(&place, Path::new(&path), &[]),
            ended(&mut run(&place, &flow, "a")),
            ended(inspect.args(["inspect", &path])),
            ended(replay.args(["replay", "a", "--with", &format!("one={path}")])),
        ] {
            let refused = refused.expect(2);
            let said = format!("{}{}", refused.stdout, refused.stderr);
            assert!(said.contains(why) && said.contains(name), "{said}");
        }
        let mut test = place.menagerie();
        test.args(["test", ".", "--component", &path]);
        let refused = ended(test.current_dir(place.path("."))).expect(2);
        assert!(refused.stderr.contains(why), "{refused:?}");
    }
    // Nor do they keep a host that stays from what else comes.
    let mut serve = Running::serve(&place, &["--watch", folder.to_str().unwrap()]);
    for why in ["at most 67108864", "no regular file"] {
        let refused = serve.until_said("plugin_refused", |_| true);
        assert!(refused["error"].to_string().contains(why), "{refused}");
    }
    std::fs::write(folder.join("echo.wasm"), echo("1.0.0")).unwrap();
    let added = serve.until_said("plugin_added", |_| true);
    assert_eq!(added["name"], "echo");
}

#[test]
fn a_gate_lets_a_version_through_that_holds_in_recorded_runs() {
    let place = Place::new();
    added(&place, "1.0.0");
    let next = file(&place, "gated.wasm", &echo("1.1.0"));
    let gate = ["--gate", "output", "--runs", "2"];
    let refused = add(&place, &next, &gate).expect(2).json().to_string();
    assert!(refused.contains("no ended run"), "{refused}");
    // A reason is one for a gate alone, and has to be one.
    for wrong in [&["--accept", "because"][..], &["--gate", "--accept", ""]] {
        add(&place, &next, wrong).expect(2);
    }
    for id in ["a", "b", "c"] {
        ended(&mut run(&place, FLOW, id)).expect(0);
    }
    let told = add(&place, &next, &gate).expect(0).json();
    assert_eq!(
        (&told["judged_runs"], &told["version"]),
        (&2.into(), &"1.1.0".into())
    );

    // One that answers otherwise: under the same name in its manifest, so that the runs are its.
    let mut other = guest("echo");
    let text = br#""length""#;
    let places: Vec<usize> = (0..other.len() - text.len())
        .filter(|at| other[*at..].starts_with(b"length"))
        .collect();
    assert!(!places.is_empty(), "the echo names a field");
    for at in places {
        other[at..at + 6].copy_from_slice(b"LENGTH");
    }
    let other = file(&place, "other.wasm", &other);
    let refused = add(&place, &other, &gate).expect(2).json().to_string();
    assert!(
        refused.contains("gate is shut") && refused.contains("does not hold in run"),
        "{refused}"
    );
    // Without a level an agent is held to its outputs' shape: another name in it is another shape.
    let refused = add(&place, &other, &["--gate"]).expect(2).json();
    assert!(refused.to_string().contains("does not hold"), "{refused}");
    let listed = plugins(&place, &["ls"]).expect(0).json();
    let live = &listed["plugins"][0];
    assert_eq!(live["live"], told["digest"]);
    assert_eq!(live["versions"][1].get("accepted"), None, "{live}");

    // Somebody has seen to it, and says why.
    let accepted = ["--gate", "output", "--accept", "the new name is meant"];
    let told = add(&place, &other, &accepted).expect(0).json();
    let listed = plugins(&place, &["ls"]).expect(0).json();
    let live = &listed["plugins"][0];
    assert_eq!(live["live"], told["digest"]);
    let accepted = &live["versions"][2]["accepted"];
    assert_eq!(accepted["reason"], "the new name is meant");
    let found = accepted["found"].as_str().unwrap();
    assert!(found.contains("does not hold in run"), "{found}");
    // Bytes that only say another version of themselves pass by default, and need no reason.
    let next = file(&place, "next.wasm", &echo("1.2.0"));
    let refused = add(&place, &next, &["--gate"]);
    assert_eq!(refused.expect(0).json()["judged_runs"], 3);
}

#[test]
fn a_host_that_stays_admits_what_comes_into_its_watched_folder() {
    let place = Place::new();
    let folder = place.path("incoming");
    std::fs::create_dir(&folder).unwrap();
    let mut serve = Running::serve(&place, &["--watch", folder.to_str().unwrap()]);
    std::fs::write(folder.join("echo.wasm"), echo("1.0.0")).unwrap();
    let first = serve.until_said("plugin_added", |_| true);
    assert_eq!(
        (&first["name"], &first["version"]),
        (&"echo".into(), &"1.0.0".into())
    );
    std::fs::write(folder.join("broken.wasm"), b"no component").unwrap();
    let refused = serve.until_said("plugin_refused", |_| true);
    assert!(
        refused["error"]
            .to_string()
            .contains("no WebAssembly component"),
        "{refused}"
    );
    std::fs::write(folder.join("echo.wasm"), echo("1.1.0")).unwrap();
    let second = serve.until_said("plugin_added", |_| true);
    assert_eq!(second["version"], "1.1.0");

    // A run for the host takes what is live, by its digest.
    let flow = FLOW.replace("worker-of-ours", "echo");
    ended(run(&place, &flow, "served").arg("--detach")).expect(0);
    serve.until_said("ended", |line| line["run"] == "served");
    assert_eq!(
        pinned(&place, "served"),
        *second["digest"].as_str().unwrap()
    );
    let back = plugins(&place, &["rollback", "echo"]).expect(0).json();
    assert_eq!(back["digest"], first["digest"]);
}

#[test]
fn a_flow_that_asks_for_more_than_the_node_gives_is_refused_with_the_ceiling() {
    let place = Place::new();
    added(&place, "1.0.0");
    let checked = |limit: &str, settings: &str| {
        let limits = format!("plugin = \"worker-of-ours\"\nlimits = {{ fuel = 5, {limit} }}");
        let flow = FLOW.replace("plugin = \"worker-of-ours\"", &limits);
        let flow = place.write("greedy.toml", &flow).display().to_string();
        let settings = place.write("node.toml", settings).display().to_string();
        place.call(&["check", &flow, "--json", "--config", &settings])
    };
    let mebibyte = 1_u64 << 20;
    for (limit, ceiling, asked, most) in [
        (
            "memory = \"256 MiB\"",
            "max_memory_mib = 128",
            256 * mebibyte,
            128 * mebibyte,
        ),
        ("busy = \"1m\"", "max_busy = \"59s\"", 60_000, 59_000),
        ("table_elements = 300", "max_table_elements = 200", 300, 200),
        ("instances = 9", "max_instances = 8", 9, 8),
        ("tables = 9", "max_tables = 8", 9, 8),
        ("memories = 3", "max_memories = 2", 3, 2),
        (
            "host_call_bytes = \"2 MiB\"",
            "max_host_call_mib = 1",
            2 * mebibyte,
            mebibyte,
        ),
        (
            "guest_bytes = \"2 MiB\"",
            "max_guest_mib = 1",
            2 * mebibyte,
            mebibyte,
        ),
        ("handles = 9", "max_handles = 8", 9, 8),
        ("host_calls = 9", "max_host_calls = 8", 9, 8),
        ("http_calls = 9", "max_http_calls = 8", 9, 8),
        ("shared_calls = 9", "max_shared_calls = 8", 9, 8),
        ("artifact_calls = 9", "max_artifact_calls = 8", 9, 8),
        (
            "output = \"2 MiB\"",
            "max_output_mib = 1",
            2 * mebibyte,
            mebibyte,
        ),
        ("json_depth = 9", "max_json_depth = 8", 9, 8),
        ("json_nodes = 9", "max_json_nodes = 8", 9, 8),
        ("log_lines = 9", "max_log_lines = 8", 9, 8),
        (
            "log_bytes = \"2 MiB\"",
            "max_log_mib = 1",
            2 * mebibyte,
            mebibyte,
        ),
        (
            "context = \"2 MiB\"",
            "max_context_mib = 1",
            2 * mebibyte,
            mebibyte,
        ),
    ] {
        checked(limit, "").expect(0);
        // Who asks for nothing in particular gets what there is.
        let limitless = place.write("plain.toml", FLOW).display().to_string();
        let settings = place.write("node.toml", ceiling).display().to_string();
        place
            .call(&["check", &limitless, "--config", &settings])
            .expect(0);
        let refused = checked(limit, ceiling).expect(2).json();
        let problem = &refused["problems"][0];
        let said = problem["message"].as_str().unwrap_or_default();
        let (name, setting) = (limit.split(' ').next(), ceiling.split(' ').next());
        for part in [
            format!("the limit `{}` asks for {asked}", name.unwrap_or_default()),
            format!("the setting `{}`, is {most}", setting.unwrap_or_default()),
        ] {
            assert!(said.contains(&part), "{part}: {refused}");
        }
        // Where the limit stands, and not merely its table.
        let line = FLOW
            .lines()
            .position(|line| line.contains("worker-of-ours"));
        assert_eq!(problem["line"], line.unwrap() + 2, "{refused}");
        assert!(problem["column"].as_u64() > Some(21), "{refused}");
    }
    let refused = checked("memory = \"1 MiB\"", "max_fuel = 4")
        .expect(2)
        .json();
    assert!(
        refused.to_string().contains("the setting `max_fuel`, is 4"),
        "{refused}"
    );
    for (setting, expected) in [
        ("max_memory_mib = 0", "from 1 to 4096"),
        (
            "max_stack_kib = 65537",
            "a whole number of KiB from 1 to 65536",
        ),
        ("max_busy = \"soon\"", "expected a duration"),
        ("max_handles = \"all\"", "expected a whole number from 1"),
    ] {
        let told = checked("memory = \"1 MiB\"", setting).expect(2);
        assert!(
            told.stderr.contains(expected) && told.stderr.contains("node.toml:1:1"),
            "{told:?}"
        );
    }
    let told = place
        .call(&["config", "--json", "--max-memory-mib", "0"])
        .expect(2);
    assert!(told.stderr.contains("from 1 to 4096"), "{told:?}");
}

#[test]
fn whoever_reads_the_registry_sees_it_before_a_swap_or_after_it() {
    let place = Place::new();
    let registry = Registry::of_store(&place.path("store"));
    let versions = ["1.0.0", "1.1.0"].map(echo);
    let source = Source::File("echo.wasm".to_owned());
    let swap = |bytes: &[u8]| {
        let inspection = inspect(bytes).unwrap();
        let candidate = Candidate {
            name: "echo",
            bytes,
            inspection: &inspection,
            signer: None,
            source: &source,
            signature: None,
            accepted: None,
            granted: false,
            at_ms: 0,
        };
        registry.add(&candidate).unwrap();
    };
    swap(&versions[0]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0_u32; 2];
                    while !over.load(Ordering::Acquire) || seen == [0, 0] {
                        let bytes = registry
                            .find("echo", &Trust::default())
                            .unwrap()
                            .expect("always one");
                        let which = versions.iter().position(|known| **known == *bytes);
                        seen[which.expect("one of the two, whole")] += 1;
                    }
                    seen
                })
            })
            .collect();
        for swaps in 1..=40 {
            swap(&versions[swaps % 2]);
        }
        over.store(true, Ordering::Release);
        let seen = readers.into_iter().map(|reader| reader.join().unwrap());
        let [first, second] = seen.fold([0, 0], |all, one| [all[0] + one[0], all[1] + one[1]]);
        assert!(first > 0 && second > 0, "{first} and {second} reads");
    });
    let contents = registry.read().unwrap();
    assert_eq!(contents.plugins["echo"].versions.len(), 2);
}

#[test]
fn a_backup_holds_the_registry_and_a_restored_store_has_it() {
    let place = Place::new();
    let first = added(&place, "1.0.0");
    let second = added(&place, "1.1.0");
    plugins(&place, &["revoke", &first, "--reason", "old"]).expect(0);
    ended(&mut run(&place, FLOW, "before")).expect(0);
    let file = place.path("store.tar").display().to_string();
    let made = place.call(&["backup", &file, "--json"]).expect(0).json();
    assert_eq!(made["report"]["registry"], 3, "{made}");
    // What becomes of the store afterwards is nothing to the backup.
    plugins(&place, &["rm", "worker-of-ours"]).expect(0);
    let again = place.path("again").display().to_string();
    let there = |arguments: &[&str]| {
        let mut command = place.menagerie();
        ended(command.args(["--data", &again]).args(arguments))
    };
    there(&["restore", &file, "--json"]).expect(0);
    let listed = there(&["plugins", "ls", "--json"]).expect(0).json();
    assert_eq!(listed["plugins"][0]["live"], second, "{listed}");
    assert_eq!(listed["revoked"][&first]["reason"], "old", "{listed}");
    let flow = place.path("flow.toml").display().to_string();
    let run = [
        "run",
        &flow,
        "--id",
        "after",
        "--json",
        "--input",
        r#"{"text":"x"}"#,
    ];
    there(&run).expect(0);
    there(&["replay", "before", "--json"]).expect(0);
    // A component that the index names and that is gone makes no backup that would be a way back.
    let digits = second.trim_start_matches("sha256:");
    std::fs::remove_file(place.path(&format!("again/registry/{digits}.wasm"))).unwrap();
    let lacking = there(&["backup", &file, "--replace", "--json"]).expect(2);
    assert!(lacking.stdout.contains(digits), "{lacking:?}");
    there(&["restore", &file, "--check", "--json"]).expect(0);
}

/// Here it is the test that has the lock, as a host would that was stopped while it adds a version.
#[test]
fn a_registry_that_another_process_keeps_locked_is_given_up_after_a_while_and_the_process_named() {
    let place = Place::new();
    add_as(&place, "echo", &echo("1.0.0"));
    let live = plugins(&place, &["ls"]).expect(0).stdout;
    let lock = std::fs::File::open(place.path("store/registry/lock")).unwrap();
    lock.lock().unwrap();
    let newer = file(&place, "newer.wasm", &echo("2.0.0"))
        .display()
        .to_string();
    let refused = plugins(&place, &["add", &newer, "--name", "echo"]).expect(2);
    let named = format!("was busy for 10s; process {} ", std::process::id());
    assert!(refused.stdout.contains(&named), "{}", refused.stdout);
    assert_eq!(plugins(&place, &["ls"]).expect(0).stdout, live);
    lock.unlock().unwrap();
    plugins(&place, &["add", &newer, "--name", "echo"]).expect(0);
}
