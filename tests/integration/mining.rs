//! `menagerie mine`: on logs of others, and on the store's own runs.

use serde_json::{Value, json};

use crate::program::{CLEAN_LOCK, Ended, Place, review};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log xes.version=\"1849.2016\">\n";

/// A log of cases by the letters of their activities, a second apart.
fn log(place: &Place, name: &str, traces: &[&str]) -> String {
    let mut text = HEAD.to_owned();
    for (case, trace) in traces.iter().enumerate() {
        text += &format!("<trace><string key=\"concept:name\" value=\"c{case}\"/>\n");
        for (second, activity) in trace.chars().enumerate() {
            text += &format!(
                "<event><string key=\"concept:name\" value=\"{activity}\"/><date key=\"time:timestamp\" value=\"2026-01-01T00:00:{second:02}.000+00:00\"/></event>\n"
            );
        }
        text += "</trace>\n";
    }
    place
        .write(name, &(text + "</log>\n"))
        .display()
        .to_string()
}

fn mine(place: &Place, arguments: &[&str]) -> Ended {
    place.run(["mine"].iter().chain(arguments))
}

#[test]
fn a_log_of_anybody_is_discovered_in_every_form() {
    let place = Place::new();
    let log = log(&place, "log.xes", &["abcd", "abcd", "acbd", "ad"]);
    let map = mine(&place, &["discover", &log, "--json"]).expect(0).json();
    assert_eq!(map["start"], json!([{"name": "a", "count": 4}]));
    let edge = &map["edges"][0];
    assert_eq!(
        (&edge["from"], &edge["to"], &edge["count"]),
        (&json!("a"), &json!("b"), &json!(2))
    );
    assert_eq!(edge["mean_ms"], json!(1000.0));
    let tree = mine(&place, &["discover", &log, "--algorithm", "inductive"])
        .expect(0)
        .stdout;
    assert!(tree.starts_with("->( 'a', "), "{tree}");
    let dot = mine(&place, &["discover", &log, "--format", "dot"])
        .expect(0)
        .stdout;
    assert!(dot.starts_with("digraph"), "{dot}");
    let heuristics = mine(
        &place,
        &["discover", &log, "--algorithm", "heuristics", "--json"],
    )
    .expect(0)
    .json();
    assert!(
        heuristics["edges"]
            .as_array()
            .unwrap()
            .iter()
            .any(|edge| edge["dependency"].is_f64())
    );
    // The net that is written is one that the log conforms to.
    let net = place.path("net.pnml").display().to_string();
    mine(
        &place,
        &["discover", &log, "--algorithm", "inductive", "-o", &net],
    )
    .expect(0);
    for method in ["align", "replay"] {
        let found = mine(
            &place,
            &[
                "conform",
                &log,
                "--model",
                &net,
                "--method",
                method,
                "--precision",
                "--json",
            ],
        )
        .expect(0)
        .json();
        assert_eq!(found["log_fitness"], json!(1.0), "{method}");
        assert_eq!(found["fitting_traces"], json!(4), "{method}");
        let precision = found["precision"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&precision), "{precision}");
    }
    let no_net = mine(&place, &["discover", &log, "--format", "pnml"])
        .expect(2)
        .stderr;
    assert!(no_net.contains("--algorithm dfg finds no net"), "{no_net}");
}

#[test]
fn pictures_are_whole_and_hostile_names_are_text_in_them() {
    let place = Place::new();
    let mut text = std::fs::read_to_string(log(&place, "log.xes", &["abcb", "acb"])).unwrap();
    text = text.replace(
        "value=\"b\"",
        "value=\"&lt;script&gt;alert(1)&lt;/script&gt;&#27;[31m\"",
    );
    let file = place
        .write("hostile.xes", &text.replace("&#27;", "&#x202e;"))
        .display()
        .to_string();
    let picture = |arguments: &[&str]| {
        let svg = mine(&place, arguments).expect(0).stdout;
        let mut reader = quick_xml::Reader::from_str(&svg);
        let mut depth = 0;
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(tag) => {
                    assert!(!tag.name().into_inner().contains("script"), "{svg}");
                    depth += 1;
                }
                quick_xml::events::Event::End(_) => depth -= 1,
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0);
        assert!(
            svg.starts_with("<svg") && !svg.contains('\u{202e}'),
            "{svg}"
        );
        svg
    };
    let map = picture(&["discover", &file, "--format", "svg"]);
    assert!(map.contains("&lt;script&gt;"), "{map}");
    picture(&["discover", &file, "--format", "svg", "--show", "time"]);
    picture(&[
        "discover",
        &file,
        "--format",
        "svg",
        "--algorithm",
        "inductive",
    ]);
    picture(&[
        "discover",
        &file,
        "--format",
        "svg",
        "--algorithm",
        "inductive",
        "--net",
    ]);
    picture(&["discover", &file, "--format", "svg", "--algorithm", "alpha"]);
    picture(&[
        "discover",
        &file,
        "--format",
        "svg",
        "--algorithm",
        "heuristics",
    ]);
    picture(&["chart", &file]);
    picture(&["chart", &file, "--kind", "relative-dots"]);
    picture(&["chart", &file, "--kind", "gantt", "--case", "c0"]);
    let several = mine(&place, &["chart", &file, "--kind", "gantt"])
        .expect(2)
        .stderr;
    assert!(
        several.contains("2 are chosen: name it with --case"),
        "{several}"
    );
}

#[test]
fn the_runs_of_the_store_conform_to_their_flow_and_have_figures() {
    let place = Place::new();
    for _ in 0..2 {
        place.run_review(&review(), CLEAN_LOCK, &[]).expect(0);
    }
    let flow = review().display().to_string();
    let found = mine(&place, &["conform", "--model", &flow, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&found["fitting_traces"], &found["total_cost"]),
        (&json!(2), &json!(0))
    );
    let figures = mine(&place, &["metrics", "--json"]).expect(0).json();
    assert_eq!(figures["cases"]["completed"], json!(2));
    let lockfile = figures["activities"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "lockfile")
        .unwrap();
    assert_eq!(lockfile["completed"], json!(2));
    assert!(lockfile["cost"]["fuel"].as_u64().unwrap() > 0);
    assert!(lockfile["service"]["count"] == json!(2), "{lockfile}");
    let table = mine(&place, &["metrics"]).expect(0).stdout;
    assert!(
        table.contains("  SINCE LAST  SERVICE  WAITING  WAITING CAUSED\n"),
        "{table}"
    );
    let with_decisions = mine(&place, &["variants", "--decisions", "--json"])
        .expect(0)
        .json();
    let activities = with_decisions["variants"][0]["activities"].to_string();
    assert!(activities.contains("decision:"), "{activities}");
    // The log that is exported says the same as the store.
    let log = place.path("runs.xes").display().to_string();
    place.run(["export", "--all", "-o", &log]).expect(0);
    let from_file = mine(
        &place,
        &[
            "conform",
            &log,
            "--model",
            &flow,
            "--without",
            "decision:parallel",
            "--without",
            "decision:end",
            "--json",
        ],
    )
    .expect(0)
    .json();
    assert_eq!(from_file["total_cost"], found["total_cost"]);
}

#[test]
fn a_run_ends_with_what_matters_about_it() {
    let place = Place::new();
    let answer = place
        .run_review(&review(), CLEAN_LOCK, &[])
        .expect(0)
        .json();
    let findings = answer["findings"].as_array().unwrap();
    assert!(findings.len() <= 3, "{findings:?}");
    assert!(
        findings
            .iter()
            .all(|one| one["kind"] != "deviation" && one["kind"] != "failure"),
        "{findings:?}"
    );
    // What fails is told, and that what should follow did not happen.
    let broken = CLEAN_LOCK.replace("version = \"1.0.0\"", "version = 1.0.0");
    let answer = place.run_review(&review(), &broken, &[]).expect(1).json();
    let told = answer["findings"].to_string();
    assert!(told.contains("is declared and was not completed"), "{told}");
}

#[test]
fn runs_are_looked_on_at_as_they_go() {
    let place = Place::new();
    place.run_review(&review(), CLEAN_LOCK, &[]).expect(0);
    let flow = review().display().to_string();
    let told = mine(
        &place,
        &["watch", "--model", &flow, "--for", "1ms", "--json"],
    )
    .expect(0)
    .stdout;
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["cases"]["completed"], &last["deviations"]),
        (&json!(1), &json!([]))
    );
    let shown = mine(&place, &["watch", "--for", "1ms"]).expect(0).stdout;
    assert!(
        shown.contains("1 runs: 1 completed") && shown.contains("lockfile -> "),
        "{shown}"
    );
}

#[test]
fn a_net_in_another_encoding_is_read_as_it_says() {
    let place = Place::new();
    let net = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><pnml><net id=\"n\"><place id=\"p\"><initialMarking><text>1</text></initialMarking></place>\
               <place id=\"q\"/><transition id=\"t\"><name><text>pr\u{fc}fen</text></name></transition>\
               <arc id=\"a\" source=\"p\" target=\"t\"/><arc id=\"b\" source=\"t\" target=\"q\"/></net></pnml>";
    let latin: Vec<u8> = net
        .chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap())
        .collect();
    let path = place.path("net.pnml");
    std::fs::write(&path, latin).unwrap();
    let text = std::fs::read_to_string(log(&place, "log.xes", &["a"])).unwrap();
    let log = place
        .write(
            "log.xes",
            &text.replace("value=\"a\"", "value=\"pr\u{fc}fen\""),
        )
        .display()
        .to_string();
    let found = mine(
        &place,
        &[
            "conform",
            &log,
            "--model",
            &path.display().to_string(),
            "--json",
        ],
    )
    .expect(0)
    .json();
    assert_eq!(found["total_cost"], json!(0), "{found}");
}

#[test]
fn deviations_are_said_in_words() {
    let place = Place::new();
    let good = log(&place, "good.xes", &["abcd", "acbd"]);
    let net = place.path("net.pnml").display().to_string();
    mine(
        &place,
        &["discover", &good, "--algorithm", "inductive", "-o", &net],
    )
    .expect(0);
    let bad = log(&place, "bad.xes", &["abcd", "abd", "abxcd"]);
    let told = mine(&place, &["conform", &bad, "--model", &net])
        .expect(0)
        .stdout;
    assert!(
        told.contains("1 of 3 cases fit (33.33 %); 2 deviations"),
        "{told}"
    );
    assert!(told.contains("`c` skipped in 1 of 3 cases"), "{told}");
    assert!(
        told.contains("`x` where it is not expected in 1 of 3 cases"),
        "{told}"
    );
}

#[test]
fn a_log_goes_through_every_form_and_back() {
    let place = Place::new();
    let first = log(&place, "first.xes", &["ab", "ba", "a"]);
    let variants = |file: &str| mine(&place, &["variants", file, "--json"]).expect(0).json();
    let mut from = first.clone();
    for name in ["second.csv", "third.xes.gz", "fourth.xes"] {
        let to = place.path(name).display().to_string();
        let told = mine(&place, &["convert", &from, &to, "--json"])
            .expect(0)
            .json();
        assert_eq!(told, json!({"cases": 3, "events": 5, "left_out": 0}));
        assert_eq!(variants(&to), variants(&first), "{name}");
        from = to;
    }
}

#[test]
fn a_heuristics_net_is_a_petri_net_that_the_log_conforms_to() {
    let place = Place::new();
    let file = log(&place, "log.xes", &["abcd", "acbd", "aed", "aeed"]);
    let net = place.path("net.pnml").display().to_string();
    let heuristics = |rest: &[&str]| {
        let all = [&["discover", &file, "--algorithm", "heuristics"], rest].concat();
        mine(&place, &all).expect(0)
    };
    let told = heuristics(&["-o", &net]).stderr;
    assert!(!told.contains("not sound"), "{told}");
    let found = mine(&place, &["conform", &file, "--model", &net, "--json"])
        .expect(0)
        .json();
    assert_eq!(found["total_cost"], json!(0), "{found}");
    let diagram = heuristics(&["--format", "bpmn"]).stdout;
    assert_eq!(diagram.matches("<bpmn:task ").count(), 5, "{diagram}");
    let picture = heuristics(&["--net", "--format", "svg"]).stdout;
    assert!(picture.starts_with("<svg"), "{picture}");
    assert!(heuristics(&["--net", "--json"]).json()["net"]["places"].is_array());
    // `c` follows `b` and `b` follows `c`, which is no sign of parts side by side here.
    let stuck = log(
        &place,
        "stuck.xes",
        &["bab", "cac", "abcbca", "cbacb", "acb"],
    );
    let found = mine(
        &place,
        &["discover", &stuck, "--algorithm", "heuristics", "-o", &net],
    )
    .expect(0);
    assert!(
        found.stderr.contains("the net is not sound: "),
        "{}",
        found.stderr
    );
}

#[test]
fn events_with_words_of_their_own_for_transitions_are_told() {
    let place = Place::new();
    let event = |name: &str, transition: &str| {
        format!(
            "<event><string key=\"concept:name\" value=\"{name}\"/><string key=\"lifecycle:transition\" value=\"{transition}\"/><date key=\"time:timestamp\" value=\"2026-01-01T00:00:00.000Z\"/></event>"
        )
    };
    let events = event("a", "complete") + &event("b", "closed") + &event("c", "COMPLETE");
    let text = format!("{HEAD}<trace>{events}</trace></log>");
    let file = place.write("log.xes", &text).display().to_string();
    let found = mine(&place, &["discover", &file, "--json"]).expect(0);
    assert_eq!(found.json()["activities"].as_array().map(Vec::len), Some(2));
    assert!(
        found
            .stderr
            .contains("1 event has a `lifecycle:transition` that the standard model does not have"),
        "{}",
        found.stderr
    );
    let all = mine(&place, &["discover", &file, "--lifecycle", "all", "--json"]).expect(0);
    assert_eq!(all.json()["activities"].as_array().map(Vec::len), Some(3));
    assert_eq!(all.stderr, "");
}

#[test]
fn runs_are_objects_that_share_events() {
    let place = Place::new();
    for _ in 0..2 {
        place.run_review(&review(), CLEAN_LOCK, &[]).expect(0);
    }
    let file = place.path("runs.jsonocel").display().to_string();
    mine(&place, &["convert", "runs", &file]).expect(0);
    let log: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let count = |kind: &str| {
        log["objects"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["type"] == kind)
            .count()
    };
    assert_eq!(
        (count("run"), count("agent"), count("pipeline")),
        (2, 5, 1),
        "{log}"
    );
    let events = log["events"].as_array().unwrap().len();
    for (kind, cases) in [("run", 2), ("agent", 5)] {
        let seen = mine(&place, &["metrics", &file, "--object-type", kind, "--json"])
            .expect(0)
            .json();
        assert_eq!(
            (&seen["cases"]["total"], &seen["events"]),
            (&json!(cases), &json!(events)),
            "{kind}"
        );
    }
    let unnamed = mine(&place, &["metrics", &file]).expect(2).stderr;
    assert!(
        unnamed.contains("--object-type, of agent, pipeline, run"),
        "{unnamed}"
    );
    let unknown = mine(&place, &["metrics", &file, "--object-type", "team"])
        .expect(2)
        .stderr;
    assert!(unknown.contains("no objects of type `team`"), "{unknown}");
    // From one form of objects to another, everything stays.
    let again = place.path("again.jsonocel").display().to_string();
    let told = mine(&place, &["convert", &file, &again, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&told["objects"], &told["events"]),
        (&json!(8), &json!(events))
    );
    let second: Value = serde_json::from_str(&std::fs::read_to_string(&again).unwrap()).unwrap();
    assert_eq!(second, log);
    for name in ["runs.xmlocel", "runs.sqlite", "runs.xes"] {
        let to = place.path(name).display().to_string();
        mine(&place, &["convert", "runs", &to]).expect(0);
    }
}

#[test]
fn every_answer_is_as_its_schema_says() {
    let place = Place::new();
    let log = log(&place, "log.xes", &["abcd", "abd", "acbd"]);
    let net = place.path("net.pnml").display().to_string();
    mine(
        &place,
        &["discover", &log, "--algorithm", "inductive", "-o", &net],
    )
    .expect(0);
    for (shape, arguments) in [
        ("discover", vec!["discover", &log]),
        ("variants", vec!["variants", &log]),
        (
            "conform-align",
            vec!["conform", &log, "--model", &net, "--precision"],
        ),
        (
            "conform-replay",
            vec!["conform", &log, "--model", &net, "--method", "replay"],
        ),
        ("metrics", vec!["metrics", &log]),
        ("compare", vec!["compare", &log, &log]),
        ("drift", vec!["drift", &log]),
    ] {
        let mut schema = mine(&place, &["schema", shape]).expect(0).json();
        // What the schema does not name must not be there either; where kinds share an object, that cannot be said so.
        if shape != "compare" {
            forbid_more(&mut schema);
        }
        let arguments: Vec<&str> = arguments.into_iter().chain(["--json"]).collect();
        let answer = mine(&place, &arguments).expect(0).json();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let problems: Vec<String> = validator
            .iter_errors(&answer)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, Vec::<String>::new(), "{shape}: {answer}");
    }
}

/// Lets objects have only the properties that their schema names, where it names any.
fn forbid_more(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(forbid_more);
            if map.contains_key("properties")
                && !map.contains_key("oneOf")
                && !map.contains_key("$ref")
                && !map.contains_key("allOf")
            {
                map.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(forbid_more),
        _ => {}
    }
}

#[test]
fn a_selection_is_what_is_mined() {
    let place = Place::new();
    let log = log(&place, "log.xes", &["abc", "abc", "abc", "ac", "xa"]);
    let count = |more: &[&str]| -> u64 {
        let arguments: Vec<&str> = ["variants", &log, "--json"]
            .iter()
            .copied()
            .chain(more.iter().copied())
            .collect();
        let found = mine(&place, &arguments).expect(0).json();
        found["cases"].as_u64().unwrap()
    };
    assert_eq!(count(&[]), 5);
    assert_eq!(count(&["--with", "b"]), 3);
    assert_eq!(count(&["--top", "2"]), 4);
    assert_eq!(count(&["--coverage", "0.6"]), 3);
    assert_eq!(count(&["--case", "c4"]), 1);
    assert_eq!(count(&["--from", "2026-01-01T00:00:01Z"]), 0);
    assert_eq!(count(&["--until", "2026-01-01T00:00:02Z"]), 2);
    let without = mine(
        &place,
        &[
            "variants",
            &log,
            "--json",
            "--without",
            "b",
            "--without",
            "x",
        ],
    )
    .expect(0)
    .json();
    assert_eq!(
        without["variants"][0],
        json!({"count": 4, "share": 0.8, "activities": ["a", "c"]})
    );
}

#[test]
fn changes_are_found_within_a_log_and_between_two() {
    let place = Place::new();
    let usual = vec!["abcd"; 200];
    let other = vec!["abdc"; 200];
    let both: Vec<&str> = usual.iter().chain(&other).copied().collect();
    let day = |text: &str, from: usize| {
        // Each case a minute after the one before it, so that they have an order.
        let mut case = from;
        let moved: Vec<String> = text
            .split("</trace>")
            .map(|trace| {
                let moved =
                    trace.replace("T00:00:", &format!("T{:02}:{:02}:", case / 60, case % 60));
                case += 1;
                moved
            })
            .collect();
        moved.join("</trace>")
    };
    let file = log(&place, "drift.xes", &both);
    let text = day(&std::fs::read_to_string(&file).unwrap(), 0);
    std::fs::write(&file, text).unwrap();
    let found = mine(&place, &["drift", &file, "--json"]).expect(0).json();
    assert_eq!(found["changes"][0]["at_case"], json!(200), "{found}");
    assert_eq!(found["changes"].as_array().unwrap().len(), 1);
    let (before, after) = (
        log(&place, "before.xes", &usual),
        log(&place, "after.xes", &other),
    );
    let compared = mine(&place, &["compare", &before, &after, "--json"])
        .expect(0)
        .json();
    let first = &compared["differences"][0];
    assert_eq!(
        (&first["kind"], &first["significant"]),
        (&json!("cases_following"), &json!(true))
    );
    let same = mine(&place, &["compare", &before, &before])
        .expect(0)
        .stdout;
    assert!(same.contains("; 0 of"), "{same}");
}

#[test]
fn bad_input_is_refused_with_file_line_and_expectation() {
    let place = Place::new();
    let good = log(&place, "good.xes", &["ab"]);
    let bad = |name: &str, text: &str| place.write(name, text).display().to_string();
    let broken = bad(
        "broken.xes",
        &format!("{HEAD}<trace><event a=\"b & c\"/></trace></log>"),
    );
    let unnamed = bad(
        "unnamed.xes",
        &format!("{HEAD}<trace><event><string key=\"x\" value=\"y\"/></event></trace></log>"),
    );
    let loose = bad("loose.xes", "<log><trace/></log>");
    let table = bad("table.csv", "id,what\n1,a\n");
    let net = bad(
        "net.pnml",
        "<pnml>\n<net id=\"n\"><place id=\"p\"/><arc source=\"p\" target=\"t\"/></net></pnml>",
    );
    let endless = bad(
        "endless.pnml",
        "<pnml><net id=\"n\"><place id=\"p\"><initialMarking><text>1</text></initialMarking></place><place id=\"q\"/></net></pnml>",
    );
    for (arguments, words) in [
        (
            vec!["variants", "/nowhere.xes"],
            vec!["/nowhere.xes: cannot be read"],
        ),
        (
            vec!["variants", &broken],
            vec!["broken.xes: line 3, column 8", "not well-formed"],
        ),
        (
            vec!["variants", &unnamed],
            vec!["none of 1 events has `concept:name`", "--activity-key"],
        ),
        (
            vec!["variants", &loose, "--strict"],
            vec!["loose.xes: line 1", "no `xes.version`"],
        ),
        (
            vec!["variants", &table],
            vec![
                "table.csv: line 1",
                "found the columns `id`, `what`",
                "case",
            ],
        ),
        (
            vec!["variants", &good, "--from", "soon"],
            vec!["--from", "found `soon`"],
        ),
        (
            vec!["variants", &good, "--coverage", "2"],
            vec!["'2'", "from 0 to 1"],
        ),
        (
            vec!["conform", &good, "--model", &net],
            vec!["net.pnml: line 2", "an arc at `t`, which is not there"],
        ),
        (
            vec!["conform", &good, "--model", &endless],
            vec!["endless.pnml", "no final marking"],
        ),
        (
            vec!["conform", &good, "--model", &good],
            vec!["found another ending, expected .pnml or .toml"],
        ),
        (
            vec!["discover", &good, "-o", "/nowhere/x.json"],
            vec!["/nowhere/x.json cannot be written"],
        ),
        (
            vec!["discover", &good, "-o", "picture.bmp"],
            vec!["picture.bmp", "--format"],
        ),
        (
            vec!["convert", &good, "log.docx"],
            vec!["expected .xes, .xes.gz, .csv, .jsonocel, .xmlocel or .sqlite"],
        ),
    ] {
        let ended = mine(&place, &arguments).expect(2);
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "{arguments:?} without {word:?}: {}",
                ended.stderr
            );
        }
    }
    let answer: Value = mine(&place, &["metrics", &broken, "--json"])
        .expect(2)
        .json();
    assert_eq!(answer["error"]["exit_code"], json!(2));
}
