//! A host that stays, where something is amiss: damaged runs, no sockets; and what people are told.

use std::process::Command;
use std::time::Instant;

use crate::program::{Place, ended, tamper};
use crate::running::{DEADLINE, Running, backing_off, echo_flow, taking_its_time};

#[test]
fn a_damaged_run_is_told_once_and_takes_nobody_down() {
    let place = Place::new();
    place.detach(&echo_flow(), "bad");
    tamper(
        &place,
        "db.execute('update events set json = replace(json, \"tiny\", \"tinY\") where seq = 0')",
    );
    let mut serve = Running::serve(&place, &["--runs", "1"]);
    let refused = serve.until_said("refused", |line| line["run"] == "bad");
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("damaged at event 0"),
        "{refused}"
    );
    for number in 0..3 {
        let id = format!("good-{number}");
        place.detach(&echo_flow(), &id);
        serve.until_said("ended", |line| line["run"] == id.as_str());
    }
    serve.signal("TERM");
    let rest = serve.ended().expect(0).stdout;
    let told = serve
        .said
        .iter()
        .filter(|line| line["event"] == "refused")
        .count();
    assert_eq!((told, rest.contains("refused")), (1, false));
}

#[test]
fn a_run_whose_pinned_plugin_is_damaged_is_told_and_takes_nobody_down() {
    let place = Place::new();
    place.detach(&echo_flow(), "bad");
    tamper(
        &place,
        "db.execute('update blobs set bytes = zeroblob(length(bytes)) where size = (select max(size) from blobs)')",
    );
    let mut serve = Running::serve(&place, &[]);
    let refused = serve.until_said("refused", |line| line["run"] == "bad");
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains("content ") && error.contains("is damaged"),
        "{error}"
    );
    assert!(
        refused["again_in_ms"].as_u64().unwrap() >= 1_000,
        "{refused}"
    );
    // Another flow, whose plugins are whole.
    place.detach(&backing_off(10), "good");
    serve.until_said("ended", |line| {
        line["run"] == "good" && line["status"] == "completed"
    });
    assert_eq!(place.status("bad"), "queued", "it is left as it was");
    assert!(
        place
            .entries()
            .keys()
            .all(|entry| !entry.starts_with("bad "))
    );
    serve.signal("TERM");
    assert_eq!(serve.ended().code, Some(0));
}

#[test]
fn a_person_is_told_in_sentences() {
    let place = Place::new();
    let mut serve = Running::start(place.menagerie().arg("serve"));
    let mut said = Vec::new();
    let mut until_line = |begins: &str| {
        let give_up = Instant::now() + DEADLINE;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let line = serve.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no `{begins}` in {said:#?}"));
            said.push(line.clone());
            if line.starts_with(begins) {
                return line;
            }
        }
    };
    let store = place.path("store").display().to_string();
    let started = until_line("serving ");
    assert!(
        started.contains(&store) && started.contains("runs at once)"),
        "{started}"
    );
    place.detach(&echo_flow(), "one");
    until_line("run one taken up, ");
    until_line("run one completed");
    place.detach(&taking_its_time(), "long");
    until_line("run long taken up");
    place.until_entered("long");
    let pid = serve.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    until_line("SIGTERM: parking what runs; once more to end at once");
    until_line("run long parked");
    until_line("stopped, 1 runs parked");
    assert!(
        said.iter().all(|line| !line.contains(['{', '}'])),
        "{said:#?}"
    );
    assert_eq!(serve.ended().code, Some(0));
}

#[test]
fn without_any_socket_a_host_looks_by_itself() {
    let place = Place::new();
    let start = |arguments: &[&str]| {
        let mut command = place.menagerie();
        command.env("MENAGERIE_TEST_NO_SOCKETS", "1");
        Running::start(command.args(arguments))
    };
    let mut serve = start(&["serve", "--json"]);
    let started = serve.until_said("started", |_| true);
    assert_eq!(started["bell"], false);
    let sockets = || {
        let owners = std::fs::read_dir(place.path("store/owners"))
            .unwrap()
            .flatten();
        let names = owners.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".bell") || name.ends_with(".watch"))
            .count()
    };
    let mut detach = place.run_of(&taking_its_time(), "one", &["--detach"]);
    ended(detach.env("MENAGERIE_TEST_NO_SOCKETS", "1")).expect(0);
    serve.until_said("took", |line| line["run"] == "one");
    place.until_entered("one");
    // Somebody looks on, and whoever cancels waits until it is done: both see it without being rung.
    let mut follows = start(&["events", "one", "--follow", "--json"]);
    let asked = Instant::now();
    start(&["cancel", "one"]).ended().expect(0);
    println!(
        "a cancel without any socket took {:?}, the process included",
        asked.elapsed()
    );
    serve.until_said("ended", |line| {
        line["run"] == "one" && line["status"] == "cancelled"
    });
    let followed = follows.ended().expect(0).stdout;
    assert!(followed.contains(r#""run_ended""#), "{followed}");
    assert_eq!(sockets(), 0);
    serve.signal("TERM");
    assert_eq!(serve.ended().code, Some(0));
}

#[test]
fn a_store_whose_path_is_too_long_for_a_socket_is_served_all_the_same() {
    let mut place = Place::new();
    let long = format!("store/{}", "a-long-name-".repeat(12));
    place.data = Some(place.path(&long));
    std::fs::create_dir_all(place.path("store")).unwrap();
    let mut serve = Running::start(place.menagerie().args(["serve", "--json"]));
    let started = serve.until_said("started", |_| true);
    println!("bell of a store with a long path: {}", started["bell"]);
    place.detach(&echo_flow(), "one");
    serve.until_said("ended", |line| line["run"] == "one");
    serve.signal("INT");
    assert_eq!(serve.ended().code, Some(0));
}
