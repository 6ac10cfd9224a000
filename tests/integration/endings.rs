//! How a command ends: what it says last, what an answer does, what an interrupt leaves behind.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::hostile_text::loud;
use crate::program::{CLEAN_LOCK, GIT_LOCK, Place, ended, review, review_by_rules};

#[test]
fn a_run_ends_with_its_report_its_id_and_what_to_try_next() {
    let place = Place::new();
    let lock = place.write("Cargo.lock", CLEAN_LOCK);
    let mut command = place.command();
    command.arg("run").arg(review()).args(["--id", "mine"]);
    command.arg("--input").arg(format!("@{}", lock.display()));
    let ended = ended(&mut command).expect(0);
    assert!(
        ended.stdout.starts_with("# Supply-chain review\n"),
        "{}",
        ended.stdout
    );
    let (_, last) = ended.stderr.split_once("\nrun mine completed in ").unwrap();
    assert!(last.contains("5 attempts, 7 guest calls"), "{last}");
    for next in [
        "show mine",
        "events mine",
        "export mine --format xes -o run.xes",
        "mine metrics",
        "mine discover -o map.svg",
    ] {
        assert!(last.contains(&format!("menagerie {next}\n")), "{last}");
        let words = next.split(' ').map(|word| match word {
            "run.xes" | "map.svg" => place.path(word).into_os_string(),
            word => word.into(),
        });
        place.run(words).expect(0);
    }
}

#[test]
fn each_answer_does_what_it_says() {
    let place = Place::new();
    for (answer, agents) in [
        (vec!["skip"], vec!["sources"]),
        (vec!["retry"], vec!["sources", "sources"]),
        (vec!["reroute", "graph"], vec!["graph", "sources"]),
    ] {
        let id = &format!("to-{}", answer[0]);
        place
            .run_review(&review_by_rules(), GIT_LOCK, &["--id", id])
            .expect(3);
        place
            .run([&"answer", &&**id].into_iter().chain(&answer))
            .expect(0);
        let shown = place.run(["show", id, "--json"]).expect(0).json();
        assert_eq!(shown["status"], "completed", "{answer:?}");
        let attempts = shown["attempts"].as_array().unwrap();
        let agent = |row: &serde_json::Value| row["agent"].as_str().unwrap().to_owned();
        let mut ran: Vec<String> = attempts.iter().map(agent).collect();
        ran.retain(|agent| ["sources", "graph"].contains(&&**agent));
        ran.sort();
        assert_eq!(ran, agents, "{answer:?}");
    }
}

#[test]
fn an_interrupt_parks_the_run_and_says_how_it_goes_on() {
    let place = Place::new();
    std::fs::write(place.path("loud.wasm"), loud()).unwrap();
    let flow = place.write(
        "flow.toml",
        "name = \"patient\"\n[agents.loud]\nplugin = { file = \"loud.wasm\" }\nretry = { max = 1, base = \"10m\", max_delay = \"10m\" }\n[strategy]\nplugin = \"sequence\"\n",
    );
    let mut command = place.command();
    command.arg("run").arg(flow).args(["--id", "patient"]);
    command.args(["--input", "{\"way\":\"transient\"}"]);
    let mut running = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("; again at ") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    let interrupted = Command::new("kill")
        .arg("-INT")
        .arg(running.id().to_string())
        .status();
    assert!(interrupted.unwrap().success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{rest}");
    assert!(
        rest.contains("it goes on with: menagerie resume patient"),
        "{rest}"
    );
    let listed = place
        .run(["runs", "--status", "parked", "--json"])
        .expect(0)
        .json();
    assert_eq!(listed[0]["run"], "patient");
}

#[test]
fn a_run_that_is_called_like_an_answer_can_be_answered() {
    let place = Place::new();
    for word in ["skip", "reroute"] {
        place
            .run_review(&review_by_rules(), GIT_LOCK, &["--id", word])
            .expect(3);
    }
    place.run(["answer", "skip", "continue"]).expect(0);
    place
        .run(["answer", "reroute", "abort", "--json"])
        .expect(1);
    let statuses = ["skip", "reroute"].map(|run| {
        let shown = place.run(["show", run, "--json"]).expect(0).json();
        shown["status"].clone()
    });
    assert_eq!(statuses, ["completed", "failed"]);
}
