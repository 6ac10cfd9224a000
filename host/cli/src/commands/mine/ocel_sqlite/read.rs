//! An object-centric log out of a SQLite database from anybody.
//!
//! Tools differ in what they write: some give objects without attributes no times, some leave the time of what holds
//! from the beginning empty, one has the activity as a column of each event. All of that is read as what it means.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use menagerie_journal::tables::{Field, Table, TablesFile};
use menagerie_mining::document::MOST_BYTES;
use menagerie_mining::objects::{
    AttributeOf, FIRST, Object, ObjectEvent, ObjectLog, Relationship, TypeOf, Valued,
};
use serde_json::{Number, Value};

/// Columns that are no attributes; the last is a tool's own, and says again what the type is.
const OWN: [&str; 4] = [
    "ocel_id",
    "ocel_time",
    "ocel_changed_field",
    "ocel:activity",
];

/// The log of a database.
pub(in super::super) fn read(path: &Path) -> Result<ObjectLog> {
    let mut file = TablesFile::open(path, MOST_BYTES)?;
    let mut events: Vec<ObjectEvent> = Vec::new();
    let mut objects: Vec<Object> = Vec::new();
    for (id, kind) in pairs(&mut file, "event", ["ocel_id", "ocel_type"])? {
        events.push(ObjectEvent {
            id,
            kind,
            ..ObjectEvent::default()
        });
    }
    for (id, kind) in pairs(&mut file, "object", ["ocel_id", "ocel_type"])? {
        objects.push(Object {
            id,
            kind,
            ..Object::default()
        });
    }
    let event_places = places(events.iter().map(|event| &event.id));
    let object_places = places(objects.iter().map(|object| &object.id));
    let event_types = event_rows(&mut file, &mut events, &event_places)?;
    let object_types = object_rows(&mut file, &mut objects, &object_places)?;
    relate(
        &mut file,
        ("event_object", "event"),
        ["ocel_event_id", "ocel_object_id"],
        &event_places,
        |place, about| events[place].relationships.push(about),
    )?;
    relate(
        &mut file,
        ("object_object", "object"),
        ["ocel_source_id", "ocel_target_id"],
        &object_places,
        |place, about| objects[place].relationships.push(about),
    )?;
    let log = ObjectLog {
        object_types,
        event_types,
        objects,
        events,
    };
    Ok(log.checked()?)
}

fn places<'a>(ids: impl Iterator<Item = &'a String>) -> HashMap<String, usize> {
    ids.enumerate()
        .map(|(place, id)| (id.clone(), place))
        .collect()
}

fn table(file: &mut TablesFile, name: &str) -> Result<Table> {
    file.table(name)?
        .with_context(|| format!("found no table `{name}`, expected the tables of OCEL 2.0"))
}

fn column(table: &Table, name: &'static str) -> Result<usize> {
    let found = table
        .columns
        .iter()
        .position(|(column, _)| column.eq_ignore_ascii_case(name));
    found.with_context(|| {
        format!(
            "table `{}`: found no column `{name}`, expected one",
            table.name
        )
    })
}

/// The text of a field. Some tools number their events and objects.
fn text(table: &Table, row: usize, at: (usize, &'static str)) -> Result<String> {
    let found = match &table.rows[row][at.0] {
        Field::Text(text) => return Ok(text.clone()),
        Field::Integer(number) => return Ok(number.to_string()),
        Field::Null => "nothing",
        Field::Real(_) => "a number with a fraction",
    };
    bail!(
        "table `{}`, column `{}`, row {}: found {found}, expected a text",
        table.name,
        at.1,
        row + 1
    )
}

/// Two columns of a table.
fn pairs(
    file: &mut TablesFile,
    name: &str,
    columns: [&'static str; 2],
) -> Result<Vec<(String, String)>> {
    let table = table(file, name)?;
    let first = (column(&table, columns[0])?, columns[0]);
    let second = (column(&table, columns[1])?, columns[1]);
    (0..table.rows.len())
        .map(|row| Ok((text(&table, row, first)?, text(&table, row, second)?)))
        .collect()
}

/// The attributes of a type, by the columns of its table.
fn attributes(table: &Table) -> Vec<(usize, AttributeOf)> {
    let columns = table.columns.iter().enumerate();
    columns
        .filter(|(_, (name, _))| !OWN.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(place, (name, declared))| {
            let declared = declared.to_ascii_uppercase();
            let has = |part: &str| declared.contains(part);
            let kind = if has("BOOL") {
                "boolean"
            } else if has("TIME") || has("DATE") {
                "time"
            } else if has("INT") {
                "integer"
            } else if has("REAL") || has("FLOA") || has("DOUB") {
                "float"
            } else {
                "string"
            };
            let attribute = AttributeOf {
                name: name.clone(),
                kind: kind.to_owned(),
            };
            (place, attribute)
        })
        .collect()
}

/// A value, if the field holds one. One that is no value of its type is found by the check of the whole log.
fn value(field: &Field) -> Option<Value> {
    match field {
        Field::Null => None,
        Field::Integer(number) => Some((*number).into()),
        Field::Real(number) => Some(
            Number::from_f64(*number)
                .map_or_else(|| Value::String(number.to_string()), Value::Number),
        ),
        Field::Text(text) => Some(text.clone().into()),
    }
}

/// A type, its table and its attributes with their columns.
type Typed = (TypeOf, Table, Vec<(usize, AttributeOf)>);

fn typed(file: &mut TablesFile, map: &str, prefix: &str) -> Result<Vec<Typed>> {
    let names = pairs(file, map, ["ocel_type", "ocel_type_map"])?;
    let one = |(name, own): (String, String)| {
        let table = table(file, &format!("{prefix}_{own}"))?;
        let columns = attributes(&table);
        let attributes = columns.iter().map(|(_, one)| one.clone()).collect();
        Ok((TypeOf { name, attributes }, table, columns))
    };
    names.into_iter().map(one).collect()
}

/// Where the thing of a row is among all, and that it is of this type.
fn owner(
    of: &'static str,
    kind: &str,
    (table, row, id): (&Table, usize, &str),
    found: Option<(usize, &str)>,
) -> Result<usize> {
    match found {
        Some((place, its_kind)) if its_kind == kind => Ok(place),
        _ => bail!(
            "table `{}`, row {}: found the id `{id}`, expected that of an {of} of type `{kind}`",
            table.name,
            row + 1
        ),
    }
}

fn event_rows(
    file: &mut TablesFile,
    events: &mut [ObjectEvent],
    places: &HashMap<String, usize>,
) -> Result<Vec<TypeOf>> {
    let mut types = Vec::new();
    for (kind, table, columns) in typed(file, "event_map_type", "event")? {
        let id_at = (column(&table, OWN[0])?, OWN[0]);
        let time_at = (column(&table, OWN[1])?, OWN[1]);
        for (row, fields) in table.rows.iter().enumerate() {
            let id = text(&table, row, id_at)?;
            let found = places
                .get(&id)
                .map(|place| (*place, events[*place].kind.as_str()));
            let place = owner("event", &kind.name, (&table, row, &id), found)?;
            let event = &mut events[place];
            if !event.time.is_empty() {
                bail!(
                    "table `{}`, row {}: found event `{id}` a second time, expected it once",
                    table.name,
                    row + 1
                );
            }
            event.time = text(&table, row, time_at)?;
            event.attributes = valued(&columns, fields, None);
        }
        types.push(kind);
    }
    match events.iter().find(|event| event.time.is_empty()) {
        Some(event) => bail!(
            "event `{}`: found no row in the table of `{}`, expected one with its time",
            event.id,
            event.kind
        ),
        None => Ok(types),
    }
}

fn valued(columns: &[(usize, AttributeOf)], fields: &[Field], time: Option<&str>) -> Vec<Valued> {
    let one = |(place, attribute): &(usize, AttributeOf)| {
        Some(Valued {
            name: attribute.name.clone(),
            time: time.map(str::to_owned),
            value: value(&fields[*place])?,
        })
    };
    columns.iter().filter_map(one).collect()
}

fn object_rows(
    file: &mut TablesFile,
    objects: &mut [Object],
    places: &HashMap<String, usize>,
) -> Result<Vec<TypeOf>> {
    let mut types = Vec::new();
    for (kind, table, columns) in typed(file, "object_map_type", "object")? {
        let id_at = (column(&table, OWN[0])?, OWN[0]);
        let time_at = column(&table, OWN[1]).ok();
        let changed_at = column(&table, OWN[2]).ok();
        for (row, fields) in table.rows.iter().enumerate() {
            let id = text(&table, row, id_at)?;
            let found = places
                .get(&id)
                .map(|place| (*place, objects[*place].kind.as_str()));
            let place = owner("object", &kind.name, (&table, row, &id), found)?;
            let time = match time_at {
                Some(at) if fields[at] != Field::Null => text(&table, row, (at, OWN[1]))?,
                _ => FIRST.to_owned(),
            };
            let changed = match changed_at {
                Some(at) if fields[at] != Field::Null => Some(text(&table, row, (at, OWN[2]))?),
                _ => None,
            };
            let mut values = valued(&columns, fields, Some(&time));
            if let Some(changed) = changed {
                if columns
                    .iter()
                    .all(|(_, attribute)| attribute.name != changed)
                {
                    bail!(
                        "table `{}`, row {}: found the changed field `{changed}`, expected a column of this table",
                        table.name,
                        row + 1
                    );
                }
                // Some tools repeat in such a row what has not changed.
                values.retain(|value| value.name == changed);
            }
            objects[place].attributes.extend(values);
        }
        types.push(kind);
    }
    Ok(types)
}

/// Reads a table of relationships.
fn relate(
    file: &mut TablesFile,
    (name, of): (&str, &'static str),
    columns: [&'static str; 2],
    places: &HashMap<String, usize>,
    mut give: impl FnMut(usize, Relationship),
) -> Result<()> {
    let table = table(file, name)?;
    let from = (column(&table, columns[0])?, columns[0]);
    let to = (column(&table, columns[1])?, columns[1]);
    let qualifier = (column(&table, "ocel_qualifier")?, "ocel_qualifier");
    for row in 0..table.rows.len() {
        let id = text(&table, row, from)?;
        let Some(place) = places.get(&id) else {
            bail!(
                "table `{}`, row {}: found the id `{id}`, expected that of an {of}",
                table.name,
                row + 1
            );
        };
        let qualifier = match table.rows[row][qualifier.0] {
            Field::Null => String::new(),
            _ => text(&table, row, qualifier)?,
        };
        let object_id = text(&table, row, to)?;
        give(
            *place,
            Relationship {
                object_id,
                qualifier,
            },
        );
    }
    Ok(())
}
