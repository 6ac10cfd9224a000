//! An object-centric log as a SQLite database, as OCEL 2.0 has it: a table for each type beside those of all.

use menagerie_journal::tables::{Field, Table};
use menagerie_mining::objects::{ObjectLog, Relationship, TypeOf, Valued};
use serde_json::Value;

/// From when on objects have what they have.
const FIRST: &str = "1970-01-01T00:00:00.000+00:00";

/// The tables of a log.
pub(super) fn tables(log: &ObjectLog) -> Vec<Table> {
    let mut tables = vec![
        types("event_map_type", &log.event_types),
        types("object_map_type", &log.object_types),
        texts(
            "event",
            &["ocel_id", "ocel_type"],
            log.events.iter().map(|event| vec![&event.id, &event.kind]),
        ),
        texts(
            "object",
            &["ocel_id", "ocel_type"],
            log.objects
                .iter()
                .map(|object| vec![&object.id, &object.kind]),
        ),
        related(
            "event_object",
            ["ocel_event_id", "ocel_object_id"],
            log.events
                .iter()
                .map(|event| (&event.id, &event.relationships)),
        ),
        related(
            "object_object",
            ["ocel_source_id", "ocel_target_id"],
            log.objects
                .iter()
                .map(|object| (&object.id, &object.relationships)),
        ),
    ];
    for (place, kind) in log.event_types.iter().enumerate() {
        let events = log.events.iter().filter(|event| event.kind == kind.name);
        let rows = events.map(|event| row(kind, &event.id, &event.time, &event.attributes));
        tables.push(Table {
            rows: rows.collect(),
            ..of_type("event", place, kind)
        });
    }
    for (place, kind) in log.object_types.iter().enumerate() {
        let objects = log.objects.iter().filter(|object| object.kind == kind.name);
        let mut table = of_type("object", place, kind);
        table
            .columns
            .push(("ocel_changed_field".to_owned(), "TEXT"));
        table.rows = objects
            .map(|object| {
                let mut row = row(kind, &object.id, FIRST, &object.attributes);
                // Nothing changes after the first time.
                row.push(Field::Null);
                row
            })
            .collect();
        tables.push(table);
    }
    tables
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

fn texts<'a>(name: &str, columns: &[&str], rows: impl Iterator<Item = Vec<&'a String>>) -> Table {
    Table {
        name: name.to_owned(),
        columns: columns
            .iter()
            .map(|column| ((*column).to_owned(), "TEXT"))
            .collect(),
        rows: rows
            .map(|row| row.into_iter().map(|field| text(field)).collect())
            .collect(),
    }
}

/// The name of each type's own table: by its place, since a type may be called anything.
fn types(name: &str, types: &[TypeOf]) -> Table {
    let names: Vec<(String, String)> = types
        .iter()
        .enumerate()
        .map(|(place, kind)| (kind.name.clone(), format!("T{place}")))
        .collect();
    texts(
        name,
        &["ocel_type", "ocel_type_map"],
        names.iter().map(|(name, own)| vec![name, own]),
    )
}

fn related<'a>(
    name: &str,
    columns: [&str; 2],
    relationships: impl Iterator<Item = (&'a String, &'a Vec<Relationship>)>,
) -> Table {
    let rows = relationships.flat_map(|(id, about)| {
        about
            .iter()
            .map(move |one| vec![id, &one.object_id, &one.qualifier])
    });
    texts(name, &[columns[0], columns[1], "ocel_qualifier"], rows)
}

/// The table of a type, without rows.
fn of_type(of: &str, place: usize, kind: &TypeOf) -> Table {
    let own = kind.attributes.iter().map(|attribute| {
        let sort = match attribute.kind.as_str() {
            "integer" => "INTEGER",
            "float" => "REAL",
            "boolean" => "BOOLEAN",
            _ => "TEXT",
        };
        (attribute.name.clone(), sort)
    });
    let fixed = [
        ("ocel_id".to_owned(), "TEXT"),
        ("ocel_time".to_owned(), "TIMESTAMP"),
    ];
    Table {
        name: format!("{of}_T{place}"),
        columns: fixed.into_iter().chain(own).collect(),
        rows: Vec::new(),
    }
}

fn row(kind: &TypeOf, id: &str, time: &str, attributes: &[Valued]) -> Vec<Field> {
    let of_one = |name: &str| {
        let found = attributes.iter().find(|attribute| attribute.name == name);
        found.map_or(Field::Null, |attribute| field(&attribute.value))
    };
    let own = kind
        .attributes
        .iter()
        .map(|attribute| of_one(&attribute.name));
    [text(id), text(time)].into_iter().chain(own).collect()
}

fn field(value: &Value) -> Field {
    match value {
        Value::Null => Field::Null,
        Value::Bool(truth) => Field::Integer(i64::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Field::Integer(whole),
            None => number.as_f64().map_or(Field::Null, Field::Real),
        },
        Value::String(text) => Field::Text(text.clone()),
        other => Field::Text(other.to_string()),
    }
}
