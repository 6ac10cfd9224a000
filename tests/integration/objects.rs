//! Object-centric logs in all three forms, from anybody: the same log comes out of each.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde_json::{Value, json};

use crate::program::{Ended, Place};

fn mine(place: &Place, arguments: &[&str]) -> Ended {
    place.run(["mine"].iter().chain(arguments))
}

/// Chance with a seed that is printed; `OBJECTS_SEED` sets it.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let given = std::env::var("OBJECTS_SEED").ok();
        let seed = given.map_or_else(
            || RandomState::new().build_hasher().finish() | 1,
            |seed| seed.parse().unwrap(),
        );
        println!("OBJECTS_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn text(&mut self) -> String {
        let parts = [
            "a", " ", "\n", "\t", "\r", "&", "<", "\"", "'", "é", "日", "𝄞", "]]>", "0", ".5",
            ";--",
        ];
        (0..self.below(6))
            .map(|_| parts[usize::try_from(self.below(parts.len() as u64)).unwrap()])
            .collect()
    }

    fn time(&mut self) -> String {
        let (day, milli) = (1 + self.below(28), self.below(1000));
        let zone = ["Z", "+00:00", "-09:30"][usize::try_from(self.below(3)).unwrap()];
        format!("2026-02-{day:02}T01:02:03.{milli:03}{zone}")
    }

    fn value(&mut self, kind: &str) -> Value {
        match kind {
            "integer" => (i64::try_from(self.below(1 << 62)).unwrap() - (1 << 61)).into(),
            #[allow(clippy::cast_precision_loss, reason = "any number is good")]
            "float" => (self.below(1 << 40) as f64 / 1e3 - 1e6).into(),
            "boolean" => (self.below(2) == 1).into(),
            "time" => self.time().into(),
            _ => self.text().into(),
        }
    }

    /// Types, each with attributes of some kinds.
    fn types(&mut self, what: &str) -> Vec<(String, Vec<(String, &'static str)>)> {
        let kinds = ["string", "integer", "float", "boolean", "time"];
        let mut types = Vec::new();
        for number in 0..=self.below(3) {
            let mut attributes = Vec::new();
            for place in 0..self.below(5) {
                let name = format!("{place}{}", self.text());
                let kind = kinds[usize::try_from(self.below(5)).unwrap()];
                attributes.push((name, kind));
            }
            types.push((format!("{what}{number}{}", self.text()), attributes));
        }
        types
    }

    fn relationships(&mut self, objects: u64) -> Vec<Value> {
        (0..self.below(4))
            .map(|_| json!({"objectId": format!("o{}", self.below(objects)), "qualifier": self.text()}))
            .collect()
    }

    /// A log in which every value has its type, as the standard has it.
    fn log(&mut self) -> Value {
        let object_types = self.types("thing");
        let event_types = self.types("do");
        let count = 1 + self.below(8);
        let first = "1970-01-01T00:00:00.000+00:00";
        let mut objects = Vec::new();
        for number in 0..count {
            let kind = usize::try_from(self.below(object_types.len() as u64)).unwrap();
            let (name, known) = &object_types[kind];
            let mut attributes = Vec::new();
            for (attribute, kind) in known {
                if self.below(3) > 0 {
                    attributes
                        .push(json!({"name": attribute, "time": first, "value": self.value(kind)}));
                }
            }
            for (attribute, kind) in known {
                for _ in 0..self.below(3) {
                    attributes.push(
                        json!({"name": attribute, "time": self.time(), "value": self.value(kind)}),
                    );
                }
            }
            let mut object = json!({"id": format!("o{number}"), "type": name});
            put(&mut object, "attributes", attributes);
            put(&mut object, "relationships", self.relationships(count));
            objects.push(object);
        }
        let mut events = Vec::new();
        for number in 0..self.below(12) {
            let kind = usize::try_from(self.below(event_types.len() as u64)).unwrap();
            let (name, known) = &event_types[kind];
            let mut attributes = Vec::new();
            for (attribute, kind) in known {
                if self.below(3) > 0 {
                    attributes.push(json!({"name": attribute, "value": self.value(kind)}));
                }
            }
            let mut event = json!({"id": format!("e{number}{}", self.text()), "type": name, "time": self.time()});
            put(&mut event, "attributes", attributes);
            put(&mut event, "relationships", self.relationships(count));
            events.push(event);
        }
        let types = |types: &[(String, Vec<(String, &str)>)]| -> Vec<Value> {
            let attribute = |(name, kind): &(String, &str)| json!({"name": name, "type": kind});
            let one = |(name, known): &(String, Vec<(String, &str)>)| json!({"name": name, "attributes": known.iter().map(attribute).collect::<Vec<_>>()});
            types.iter().map(one).collect()
        };
        json!({"objectTypes": types(&object_types), "eventTypes": types(&event_types), "objects": objects, "events": events})
    }
}

/// What is empty may be left out, and is.
fn put(owner: &mut Value, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        owner[key] = list.into();
    }
}

#[test]
fn the_same_log_comes_out_of_every_form() {
    let place = Place::new();
    let mut chance = Chance::new();
    for _ in 0..16 {
        let log = chance.log();
        let first = place
            .write("log.json", &log.to_string())
            .display()
            .to_string();
        let mut from = first;
        for name in [
            "log.xmlocel",
            "log.sqlite",
            "again.ocel.xml",
            "again.jsonocel",
        ] {
            let to = place.path(name).display().to_string();
            mine(&place, &["convert", &from, &to]).expect(0);
            from = to;
        }
        // Names that say little: the file is told by what is in it.
        for (name, other) in [("log.sqlite", "log.db"), ("log.xmlocel", "log.xml")] {
            std::fs::rename(place.path(name), place.path(other)).unwrap();
            let to = place.path("other.jsonocel").display().to_string();
            let other = place.path(other).display().to_string();
            mine(&place, &["convert", &other, &to]).expect(0);
            assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&from).unwrap());
        }
        let last: Value = serde_json::from_str(&std::fs::read_to_string(&from).unwrap()).unwrap();
        assert_eq!(last, log);
    }
}

#[test]
fn objects_of_every_form_are_mined_alike() {
    let place = Place::new();
    let log = json!({
        "objectTypes": [{"name": "order", "attributes": []}],
        "eventTypes": [{"name": "pack", "attributes": []}, {"name": "send", "attributes": []}],
        "objects": [{"id": "a", "type": "order"}, {"id": "b", "type": "order"}],
        "events": [
            {"id": "1", "type": "pack", "time": "2026-01-01T00:00:00Z", "relationships": [{"objectId": "a", "qualifier": ""}]},
            {"id": "2", "type": "pack", "time": "2026-01-01T00:00:00Z", "relationships": [{"objectId": "b", "qualifier": ""}]},
            {"id": "3", "type": "send", "time": "2026-01-02T00:00:00Z", "relationships": [
                {"objectId": "a", "qualifier": "x"}, {"objectId": "b", "qualifier": "y"}, {"objectId": "b", "qualifier": "z"}]},
        ],
    });
    let json = place
        .write("log.jsonocel", &log.to_string())
        .display()
        .to_string();
    let net = place.path("net.pnml").display().to_string();
    let of_orders = |arguments: &[&str], file: &str| {
        let all = [arguments, &[file, "--object-type", "order"]].concat();
        mine(&place, &all).expect(0).stdout
    };
    of_orders(&["discover", "--algorithm", "inductive", "-o", &net], &json);
    let mut found = Vec::new();
    for name in ["log.jsonocel", "log.xmlocel", "log.sqlite"] {
        let file = place.path(name).display().to_string();
        if file != json {
            mine(&place, &["convert", &json, &file]).expect(0);
        }
        let csv = place.path(&format!("{name}.csv")).display().to_string();
        mine(&place, &["convert", &file, &csv, "--object-type", "order"]).expect(0);
        found.push([
            of_orders(&["discover", "--json"], &file),
            of_orders(&["conform", "--model", &net, "--json"], &file),
            of_orders(&["metrics", "--json"], &file),
            of_orders(&["variants", "--json"], &file),
            std::fs::read_to_string(&csv).unwrap(),
        ]);
    }
    assert!(found[0][3].contains("\"count\":2"), "{}", found[0][3]);
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

#[test]
fn a_file_that_is_no_log_of_objects_says_so() {
    let place = Place::new();
    let refused = |name: &str, content: &[u8]| {
        let path = place.path(name);
        std::fs::write(&path, content).unwrap();
        let file = path.display().to_string();
        mine(&place, &["metrics", &file, "--object-type", "x"])
            .expect(2)
            .stderr
    };
    let told = refused(
        "log.sqlite",
        b"nothing of the kind, at some length, so that it is looked at\n"
            .repeat(20)
            .as_slice(),
    );
    assert!(told.contains("no SQLite database"), "{told}");
    let told = refused(
        "log.xmlocel",
        b"<log><events><event id='1' type='a'/></events></log>",
    );
    assert!(
        told.contains("line 1, column 14: <event> has no `time`"),
        "{told}"
    );
    let told = refused("log.jsonocel", b"[]");
    assert!(told.contains("no OCEL 2.0 in JSON"), "{told}");
    let missing = place.path("none.sqlite").display().to_string();
    let told = mine(&place, &["variants", &missing]).expect(2).stderr;
    assert!(told.contains("cannot be read"), "{told}");
    // An empty file is a database without tables.
    let store = place.write("empty.sqlite", "").display().to_string();
    let told = mine(&place, &["variants", &store]).expect(2).stderr;
    assert!(told.contains("found no table `event`"), "{told}");
}
