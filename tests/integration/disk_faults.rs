//! Damaged, full, read-only and foreign stores at the command line: a clear error and exit code 2,
//! the rest usable, nothing lost.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::outside_calls::licence;
use crate::program::{CLEAN_LOCK, Ended, GIT_LOCK, Place, ended, review, review_by_rules, tamper};

fn database(place: &Place) -> PathBuf {
    place.path("store/journal.db")
}

/// A store with two reviews that are over: `one`, of a lock file with so many bytes more, and `two`.
fn two_runs(bytes: usize) -> Place {
    let place = Place::new();
    let large = format!("{CLEAN_LOCK}\n# {}\n", "x".repeat(bytes));
    place
        .run_review(&review(), &large, &["--id", "one"])
        .expect(0);
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "two"])
        .expect(0);
    place
}

fn says(ended: &Ended, texts: &[&str]) {
    for text in texts {
        assert!(
            ended.stderr.contains(text),
            "{text:?} is not in {}",
            ended.stderr
        );
    }
}

/// `one` cannot be used, and everything else can.
fn only_one_is_damaged(place: &Place, texts: &[&str]) {
    let shown = place.run(["show", "one"]).expect(2);
    says(&shown, texts);
    let doctor = place.run(["doctor", "--store"]).expect(2);
    assert!(doctor.stdout.contains("one: "), "{}", doctor.stdout);
    assert!(!doctor.stdout.contains("two: "), "{}", doctor.stdout);
    place.run(["show", "two"]).expect(0);
    let listed = place.run(["runs", "--json"]).expect(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    // What can be read is exported, and what cannot is named.
    let exported = place
        .run(["export", "--all", "--format", "jsonl"])
        .expect(2);
    says(&exported, &["run one is left out"]);
    assert!(exported.stdout.contains("\"two\""));
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "three"])
        .expect(0);
}

#[test]
fn a_damaged_event_is_named_and_the_rest_is_usable() {
    let place = two_runs(0);
    tamper(
        &place,
        "db.execute(\"update events set json = json || ' ' where seq = 3 and run = (select run from runs where id = 'one')\")",
    );
    only_one_is_damaged(&place, &["run one is damaged at event 3"]);
}

#[test]
fn a_damaged_payload_is_named_and_the_rest_is_usable() {
    let place = two_runs(10_000);
    tamper(
        &place,
        "db.execute(\"update payloads set bytes = x'00' where bytes is not null and run = (select run from runs where id = 'one')\")",
    );
    only_one_is_damaged(
        &place,
        &["content ", "is damaged: its bytes have another digest"],
    );
}

#[test]
fn a_damaged_file_of_large_content_is_named_and_the_rest_is_usable() {
    let place = two_runs(1_200_000);
    for folder in std::fs::read_dir(place.path("store/contents")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            std::fs::write(file.unwrap().path(), "not what was written").unwrap();
        }
    }
    only_one_is_damaged(
        &place,
        &["content ", "is damaged: its bytes have another digest"],
    );
}

#[test]
fn a_truncated_store_is_named() {
    let place = two_runs(0);
    let bytes = std::fs::read(database(&place)).unwrap();
    let sound = bytes.clone();
    std::fs::write(database(&place), &bytes[..bytes.len() / 2]).unwrap();
    let shown = place.run(["show", "two"]);
    assert_eq!(shown.code, Some(2), "{}", shown.stderr);
    says(
        &shown,
        &[
            "the store ",
            "is damaged",
            place.path("store").to_str().unwrap(),
        ],
    );
    place.run(["doctor", "--store"]).expect(2);
    // With the file as it was, all is there.
    std::fs::write(database(&place), sound).unwrap();
    place.run(["doctor", "--store"]).expect(0);
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let place = two_runs(0);
    tamper(&place, "db.execute('pragma user_version = 99')");
    let before = std::fs::read(database(&place)).unwrap();
    for words in [&["show", "one"][..], &["runs"], &["resume"], &["doctor"]] {
        let refused = place.run(words).expect(2);
        let said = refused.stdout + &refused.stderr;
        assert!(
            said.contains("schema version 99") && said.contains("use a newer Menagerie"),
            "{said}"
        );
    }
    assert_eq!(std::fs::read(database(&place)).unwrap(), before);
}

/// Appends an event of a type that this version does not know, as a newer one would: chained.
const APPEND: &str = r#"
import hashlib
run, namespace, seq, previous = db.execute("""select runs.run, runs.namespace, seq, hash from runs
    join events on events.run = runs.run where id = 'new' order by seq desc limit 1""").fetchone()
text = '{"v":1,"type":"rewound","at":9,"cause":"start","to":3}'
be = lambda number: number.to_bytes(8, 'big')
body = hashlib.sha256(be(seq + 1) + be(9) + be(7) + b'rewound' + text.encode()).digest()
row = (namespace, run, seq + 1, 9, 'rewound', text, hashlib.sha256(previous + body).digest())
db.execute('insert into events (namespace, run, seq, at_ms, type, json, hash) values (?,?,?,?,?,?,?)', row)
"#;

#[test]
fn an_event_of_an_unknown_type_is_shown_and_not_resumed() {
    let place = Place::new();
    place
        .run_review(&review_by_rules(), GIT_LOCK, &["--id", "new"])
        .expect(3);
    tamper(&place, APPEND);
    let told = place.run(["events", "new"]).expect(0);
    let line = told.stdout.lines().last().unwrap();
    assert!(
        line.contains("`rewound`") && line.contains("\"to\":3"),
        "{line}"
    );
    let told = place.run(["events", "new", "--json"]).expect(0);
    let last: Value = serde_json::from_str(told.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"]["to"], 3);
    for words in [
        &["resume", "new"][..],
        &["show", "new"],
        &["answer", "new", "continue"],
    ] {
        let refused = place.run(words).expect(2);
        says(&refused, &["`rewound`", "it can be shown, not resumed"]);
    }
    place.run(["doctor", "--store"]).expect(0);
}

#[test]
fn a_run_that_cannot_go_on_keeps_no_other_from_it() {
    let place = Place::new();
    for id in ["bad", "good"] {
        let lock = place.write("Cargo.lock", CLEAN_LOCK);
        let mut command = place.command();
        command.env("MENAGERIE_CRASH_AT", "after-commit:3");
        command
            .arg("run")
            .arg(review())
            .args(["--id", id, "--input"]);
        command.arg(format!("@{}", lock.display()));
        assert_eq!(ended(&mut command).code, None);
    }
    tamper(
        &place,
        "db.execute(\"update events set json = json || ' ' where seq = 1 and run = (select run from runs where id = 'bad')\")",
    );
    let resumed = place.run(["resume"]).expect(2);
    says(&resumed, &["run bad is damaged at event 1"]);
    let shown = place.run(["show", "good", "--json"]).expect(0).json();
    assert_eq!(shown["status"], "completed");
}

/// The program under a limit on the size of files, which refuses to grow one as a quota does.
fn limited(place: &Place, kibibytes: usize, words: &[&str]) -> Ended {
    let mut command = Command::new("bash");
    // A write beyond the limit is an error when the signal is ignored, and ignoring it is inherited.
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
    command
        .args(["-c", &script])
        .arg(place.command().get_program())
        .args(words);
    in_place(place, &mut command);
    ended(&mut command)
}

/// Gives a command the settings of a place.
fn in_place(place: &Place, command: &mut Command) {
    for (name, value) in place.command().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

#[test]
fn a_store_that_cannot_grow_refuses_and_keeps_what_it_has() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "before"])
        .expect(0);
    let flow = review().display().to_string();
    let lock = place.write(
        "large.lock",
        &format!("{CLEAN_LOCK}\n# {}\n", "x".repeat(900_000)),
    );
    let input = format!("@{}", lock.display());
    let run = ["run", &flow, "--id", "large", "--input", &input];
    let refused = limited(&place, 600, &run);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    says(&refused, &[place.path("store").to_str().unwrap(), "failed"]);
    // What was there is there, and can be read even now.
    limited(&place, 600, &["show", "before"]).expect(0);
    place.run(["doctor", "--store"]).expect(0);
    // With room again the same command does it.
    place.run(run).expect(0);
    place.run(["doctor", "--store"]).expect(0);
}

/// Somebody who may not write everywhere: the superuser is sent to be nobody, others are themselves.
fn as_plain_user(command: &mut Command) -> Ended {
    let superuser = std::fs::metadata("/proc/self")
        .is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if superuser {
        command.uid(65_534).gid(65_534);
    }
    ended(command)
}

#[test]
fn a_read_only_folder_is_named_and_untouched() {
    let place = Place::new();
    place
        .run_review(&review(), CLEAN_LOCK, &["--id", "before"])
        .expect(0);
    // A copy of the program that everybody may run, beside a store that only its owner may write.
    let program = place.path("menagerie");
    // By another process: a child that some other test starts meanwhile would inherit the open file, and
    // what is open for writing is not run.
    let copied = Command::new("cp")
        .arg(place.command().get_program())
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&program, 0o755);
    mode(place.path("").as_path(), 0o755);
    mode(&place.path("store"), 0o555);
    mode(&database(&place), 0o444);
    let before = std::fs::read(database(&place)).unwrap();
    for words in [&["show", "before"][..], &["resume"], &["cancel", "before"]] {
        let mut command = Command::new(&program);
        in_place(&place, command.args(words));
        let refused = as_plain_user(&mut command);
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.stderr);
        let store = place.path("store").display().to_string();
        says(&refused, &[&store, "cannot be written"]);
    }
    mode(&place.path("store"), 0o755);
    mode(&database(&place), 0o644);
    assert_eq!(std::fs::read(database(&place)).unwrap(), before);
    place.run(["show", "before"]).expect(0);
    place.run(["doctor", "--store"]).expect(0);
}

#[test]
fn a_damaged_snapshot_is_no_loss() {
    let place = Place::new();
    // Some hundred attempts: enough events for a snapshot, and the run is cut off before its end.
    let agent = |name: &str| {
        format!(
            "[agents.{name}]\nplugin = \"patient\"\nconfig = {{ failures = 100, retry_after_ms = 0 }}
retry = {{ max = 100, base = \"1ms\", max_delay = \"1ms\" }}\n"
        )
    };
    let agents: String = ["a", "b", "c", "d", "e", "f", "g"].map(agent).concat();
    let patient = format!("name = \"tiny\"\n{agents}[strategy]\nplugin = \"sequence\"\n");
    place.write("licence", &licence());
    let mut cut_off = place.run_of(&patient, "one", &[]);
    cut_off.env("MENAGERIE_LICENCE", place.path("licence"));
    let killed = ended(cut_off.env("MENAGERIE_CRASH_AT", "after-commit:1300"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let events = || place.run(["events", "one", "--json"]).expect(0).stdout;
    let before = events();
    tamper(
        &place,
        "assert db.execute('select count(*) from snapshots').fetchone()[0] > 0
db.execute(\"update snapshots set body = x'00'\")",
    );
    place.run(["show", "one"]).expect(0);
    assert_eq!(events(), before, "the events are all there");
    let resumed = ended(place.menagerie().args(["resume", "one", "--json"])).expect(0);
    assert_eq!(
        resumed.json()["result"]["attempt"],
        101,
        "{}",
        resumed.stdout
    );
    assert!(events().starts_with(&before), "nothing was done again");
    place.run(["doctor", "--store"]).expect(0);
}
