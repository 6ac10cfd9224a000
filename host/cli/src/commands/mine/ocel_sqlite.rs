//! An object-centric log as a SQLite database, as OCEL 2.0 has it: a table for each type beside those of all.

use std::path::Path;

use menagerie_mining::objects::{ObjectLog, TypeOf, Valued};
use rusqlite::{Connection, ToSql, params};

/// Writes a database. The file must not exist.
pub(super) fn write(path: &Path, log: &ObjectLog) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    // Made from nothing and thrown away if it fails: a journal would protect nothing.
    connection.pragma_update(None, "journal_mode", "OFF")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE event_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
         CREATE TABLE object_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
         CREATE TABLE event (ocel_id TEXT PRIMARY KEY, ocel_type TEXT);
         CREATE TABLE object (ocel_id TEXT PRIMARY KEY, ocel_type TEXT);
         CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT);
         CREATE TABLE object_object (ocel_source_id TEXT, ocel_target_id TEXT, ocel_qualifier TEXT);",
    )?;
    types(&transaction, "event", &log.event_types, "")?;
    types(
        &transaction,
        "object",
        &log.object_types,
        ", \"ocel_changed_field\" TEXT",
    )?;
    for object in &log.objects {
        transaction.execute(
            "INSERT INTO object VALUES (?1, ?2)",
            params![object.id, object.kind],
        )?;
        let table = table("object", &log.object_types, &object.kind);
        let first = "1970-01-01T00:00:00.000+00:00".to_owned();
        row(&transaction, &table, &object.id, &first, &object.attributes)?;
        for about in &object.relationships {
            let row = params![object.id, about.object_id, about.qualifier];
            transaction.execute("INSERT INTO object_object VALUES (?1, ?2, ?3)", row)?;
        }
    }
    for event in &log.events {
        transaction.execute(
            "INSERT INTO event VALUES (?1, ?2)",
            params![event.id, event.kind],
        )?;
        let table = table("event", &log.event_types, &event.kind);
        row(
            &transaction,
            &table,
            &event.id,
            &event.time,
            &event.attributes,
        )?;
        for about in &event.relationships {
            let row = params![event.id, about.object_id, about.qualifier];
            transaction.execute("INSERT INTO event_object VALUES (?1, ?2, ?3)", row)?;
        }
    }
    transaction.commit()
}

/// The table of a type: by its place, since its name may be anything.
fn table(of: &str, types: &[TypeOf], name: &str) -> String {
    let place = types.iter().position(|one| one.name == name).unwrap_or(0);
    format!("{of}_T{place}")
}

fn types(connection: &Connection, of: &str, types: &[TypeOf], more: &str) -> rusqlite::Result<()> {
    for (place, kind) in types.iter().enumerate() {
        let insert = format!("INSERT INTO {of}_map_type VALUES (?1, ?2)");
        connection.execute(&insert, params![kind.name, format!("T{place}")])?;
        let columns: Vec<String> = kind
            .attributes
            .iter()
            .map(|attribute| {
                let sort = match attribute.kind.as_str() {
                    "integer" => "INTEGER",
                    "float" => "REAL",
                    "boolean" => "BOOLEAN",
                    _ => "TEXT",
                };
                format!(", {} {sort}", quoted(&attribute.name))
            })
            .collect();
        connection.execute_batch(&format!(
            "CREATE TABLE {of}_T{place} (ocel_id TEXT, ocel_time TIMESTAMP{}{more});",
            columns.concat()
        ))?;
    }
    Ok(())
}

fn row(
    connection: &Connection,
    table: &str,
    id: &str,
    time: &str,
    attributes: &[Valued],
) -> rusqlite::Result<()> {
    let columns: Vec<String> = attributes
        .iter()
        .map(|attribute| format!(", {}", quoted(&attribute.name)))
        .collect();
    let marks: Vec<String> = (0..attributes.len())
        .map(|place| format!(", ?{}", place + 3))
        .collect();
    let values: Vec<Box<dyn ToSql>> = attributes
        .iter()
        .map(|attribute| value(&attribute.value))
        .collect();
    let mut all: Vec<&dyn ToSql> = vec![&id, &time];
    all.extend(values.iter().map(|value| &**value));
    let insert = format!(
        "INSERT INTO {table} (ocel_id, ocel_time{}) VALUES (?1, ?2{})",
        columns.concat(),
        marks.concat()
    );
    connection.execute(&insert, &all[..])?;
    Ok(())
}

fn value(value: &serde_json::Value) -> Box<dyn ToSql> {
    match value {
        serde_json::Value::Bool(truth) => Box::new(*truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(whole),
            None => Box::new(number.as_f64()),
        },
        serde_json::Value::String(text) => Box::new(text.clone()),
        other => Box::new(other.to_string()),
    }
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
