//! An object-centric log as a SQLite database, as OCEL 2.0 has it: a table for each type beside those of all.

use menagerie_journal::tables::{Field, Table};
use menagerie_mining::document::moment;
use menagerie_mining::objects::{FIRST, Object, ObjectLog, Relationship, TypeOf, Valued};
use serde_json::Value;

mod read;

pub(super) use read::read;

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
            .push(("ocel_changed_field".to_owned(), "TEXT".into()));
        table.rows = objects.flat_map(|object| states(kind, object)).collect();
        tables.push(table);
    }
    tables
}

/// The rows of an object: what it has from the beginning, and one for each change.
fn states(kind: &TypeOf, object: &Object) -> Vec<Vec<Field>> {
    let mut first: Vec<Valued> = Vec::new();
    let mut changes: Vec<&Valued> = Vec::new();
    for attribute in &object.attributes {
        let time = attribute.time.as_deref().unwrap_or(FIRST);
        let from_the_beginning = moment(time).is_ok_and(|at| at == 0);
        if from_the_beginning && first.iter().all(|known| known.name != attribute.name) {
            first.push(attribute.clone());
        } else {
            changes.push(attribute);
        }
    }
    let time = first.iter().find_map(|one| one.time.as_deref());
    let mut row_of_first = row(kind, &object.id, time.unwrap_or(FIRST), &first);
    row_of_first.push(Field::Null);
    let mut rows = vec![row_of_first];
    for change in changes {
        let time = change.time.as_deref().unwrap_or(FIRST);
        let mut row = row(kind, &object.id, time, std::slice::from_ref(change));
        row.push(text(&change.name));
        rows.push(row);
    }
    rows
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

fn texts<'a>(name: &str, columns: &[&str], rows: impl Iterator<Item = Vec<&'a String>>) -> Table {
    Table {
        name: name.to_owned(),
        columns: columns
            .iter()
            .map(|column| ((*column).to_owned(), "TEXT".into()))
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
            "time" => "TIMESTAMP",
            _ => "TEXT",
        };
        (attribute.name.clone(), sort.into())
    });
    let fixed = [
        ("ocel_id".to_owned(), "TEXT".into()),
        ("ocel_time".to_owned(), "TIMESTAMP".into()),
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
