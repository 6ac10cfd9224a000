//! What comes to be loaded: by which process it is compiled, whether it starts, and who refuses it later.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use menagerie_builder::Silent;
use serde_json::json;

use crate::plugins::{add_as, guest_saying};
use crate::program::{Place, ended, root};
use crate::running::{Running, backing_off, echo_flow, guests};

/// Processes whose parent is this one, by what they were called with.
#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut found = Vec::new();
    for process in processes.map(|entry| entry.path()) {
        // Whatever ends meanwhile is no child any more.
        let Ok(about) = std::fs::read_to_string(process.join("stat")) else {
            continue;
        };
        // The name before it is in parentheses, and may hold anything.
        let behind = about.rsplit_once(") ").map(|(_, behind)| behind);
        let of = behind.and_then(|behind| behind.split(' ').nth(1));
        if of == Some(&parent.to_string()) {
            let called = std::fs::read(process.join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&called).into_owned());
        }
    }
    found
}

#[cfg(target_os = "linux")]
#[test]
fn the_program_compiles_what_it_is_given_in_a_process_of_its_own() {
    let place = Place::new();
    let cache = place.path("an-empty-cache").display().to_string();
    let component = guests().join("mirror.wasm").display().to_string();
    let mut add = place.menagerie();
    add.args(["--cache", &cache, "plugins", "add", &component, "--json"]);
    let mut running = Running::start(&mut add);
    let parent = running.child.id();
    let over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let jailed = |called: &String| called.contains("compile-in-jail");
            let mut seen = false;
            while !over.load(Ordering::Acquire) {
                seen |= children_of(parent).iter().any(jailed);
            }
            seen
        });
        let ended = running.ended();
        over.store(true, Ordering::Release);
        ended.expect(0);
        looking.join().unwrap()
    });
    assert!(seen, "nothing was compiled by a child of the program");
}

#[test]
fn a_version_that_does_not_start_never_goes_live() {
    let place = Place::new();
    let live = add_as(&place, "starts", &guest_saying("echo", "1.0.0"));
    let next = place.path("next.wasm");
    std::fs::write(&next, guest_saying("echo", "1.1.0")).unwrap();
    let next = next.display().to_string();
    let add = |component: &str, node: &[&str]| {
        let mut command = place.menagerie();
        command.args(["plugins", "add", component, "--name", "starts", "--json"]);
        ended(command.args(node))
    };
    // Instantiating it takes more than this node gives anybody.
    let settings = place.write("small.toml", "max_fuel = 1\n");
    let settings = settings.display().to_string();
    let refused = add(&next, &["--config", &settings]).expect(2);
    assert!(
        refused
            .stdout
            .contains("the plugin does not start: the guest used all of its 1 units"),
        "{refused:?}"
    );
    let listed = place.call(&["plugins", "ls", "--json"]).expect(0).json();
    assert_eq!(listed["plugins"][0]["live"], live);
    add(&next, &[]).expect(0);
}

#[test]
fn a_version_that_cannot_look_at_a_configuration_never_goes_live() {
    let place = Place::new();
    let built = menagerie_builder::bundled(root(), &mut Silent).unwrap();
    let vote = built.iter().find(|built| built.name == "vote").unwrap();
    let vote = vote.path.display().to_string();
    // With ever more fuel it cannot start, then starts and cannot look, and then can both.
    let mut failed_at = Vec::new();
    for fuel in (0..40).map(|power| 1_u64 << power) {
        let settings = place.write("node.toml", &format!("max_fuel = {fuel}\n"));
        let settings = settings.display().to_string();
        let told = place.call(&["plugins", "add", &vote, "--json", "--config", &settings]);
        if told.code == Some(0) {
            break;
        }
        let stages = ["does not start", "cannot look at a configuration"];
        let stage = stages.into_iter().find(|stage| told.stdout.contains(stage));
        failed_at.push(stage.unwrap_or_else(|| panic!("{told:?}")));
        let listed = place.call(&["plugins", "ls", "--json"]).expect(0).json();
        assert_eq!(listed["plugins"], json!([]));
    }
    assert!(
        failed_at.is_sorted_by_key(|stage| stage.len()),
        "{failed_at:?}"
    );
    failed_at.dedup();
    assert_eq!(failed_at.len(), 2, "{failed_at:?}");
}

/// The file in which the registry of a store has everything.
fn index(place: &Place) -> PathBuf {
    place.path("store").join("registry/index.json")
}

#[test]
fn a_host_that_stays_refuses_what_is_revoked_meanwhile_and_everything_while_it_cannot_tell() {
    let place = Place::new();
    let patient = std::fs::read(guests().join("patient.wasm")).unwrap();
    let digest = add_as(&place, "patient", &patient);
    add_as(&place, "echo", &guest_saying("echo", "1.0.0"));
    let mut serve = Running::serve(&place, &[]);
    // It has them in hand, and keeps what it loaded.
    place.detach(&echo_flow(), "before");
    serve.until_said("ended", |line| line["run"] == "before");
    place.detach(&backing_off(1), "also-before");
    serve.until_said("ended", |line| line["run"] == "also-before");
    place.detach(&backing_off(3_600_000), "waits");
    serve.until_said("rests", |line| line["run"] == "waits");
    place.call(&["pause", "waits"]).expect(0);
    place.until_status("waits", "paused");

    let revoke = ["plugins", "revoke", &digest, "--reason", "found out"];
    place.call(&revoke).expect(0);
    place.call(&["unpause", "waits"]).expect(0);
    let refused = serve.until_said("refused", |line| line["run"] == "waits");
    assert!(
        refused["error"].to_string().contains("found out"),
        "{refused}"
    );
    // Nobody else suffers.
    place.detach(&echo_flow(), "after");
    serve.until_said("ended", |line| line["run"] == "after");

    // An index that cannot be read may have revoked anything: nothing is loaded, not even what is kept.
    let good = std::fs::read(index(&place)).unwrap();
    std::fs::write(place.path("echo.wasm"), guest_saying("echo", "1.0.0")).unwrap();
    let by_file = echo_flow().replace("\"echo\"", "{ file = \"echo.wasm\" }");
    std::fs::write(index(&place), "{ half of").unwrap();
    for flow in [echo_flow(), by_file] {
        let refused = ended(&mut place.run_of(&flow, "never", &[])).expect(2);
        assert!(refused.stdout.contains("index"), "{refused:?}");
    }
    let runs = place.call(&["runs", "--json"]).expect(0).stdout;
    assert!(!runs.contains("never"), "{runs}");
    std::fs::write(index(&place), good).unwrap();
    ended(&mut place.run_of(&echo_flow(), "good-again", &[])).expect(0);
}
