//! Plain tables as a SQLite file of their own, for whoever hands data to others in that form.
//!
//! It has nothing to do with a store; it is here since SQLite is known to this crate alone.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Nothing.
    Null,
    /// A whole number, or a truth as 0 or 1.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(String),
}

/// A table: its name, its columns with their declared types, and its rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The name; any text.
    pub name: String,
    /// Columns by name, each with a type as SQLite has it, such as `TEXT`.
    pub columns: Vec<(String, &'static str)>,
    /// As many fields each as there are columns.
    pub rows: Vec<Vec<Field>>,
}

/// Why tables could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the tables cannot be written")]
pub struct TablesError(#[from] rusqlite::Error);

/// Writes tables to a file that does not exist. What is left after an error is no whole file.
///
/// # Errors
/// When the file cannot be written, or a row has another number of fields than its table has columns.
pub fn write_tables(path: &Path, tables: &[Table]) -> Result<(), TablesError> {
    let mut connection = Connection::open(path)?;
    // Made from nothing and thrown away if it fails: a journal would protect nothing.
    connection.pragma_update(None, "journal_mode", "OFF")?;
    let transaction = connection.transaction()?;
    for table in tables {
        let name = quoted(&table.name);
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|(column, kind)| format!("{} {kind}", quoted(column)))
            .collect();
        transaction.execute_batch(&format!("CREATE TABLE {name} ({});", columns.join(", ")))?;
        let marks = vec!["?"; table.columns.len()].join(", ");
        let mut insert = transaction.prepare(&format!("INSERT INTO {name} VALUES ({marks})"))?;
        for row in &table.rows {
            insert.execute(params_from_iter(row.iter().map(value)))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Integer(number) => Value::Integer(*number),
        Field::Real(number) => Value::Real(*number),
        Field::Text(text) => Value::Text(text.clone()),
    }
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::*;

    #[test]
    fn tables_are_read_back_whatever_they_are_called() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.sqlite");
        let table = Table {
            name: "a \"b\"; DROP TABLE x".to_owned(),
            columns: vec![
                ("one \"two\"".to_owned(), "TEXT"),
                ("three".to_owned(), "INTEGER"),
            ],
            rows: vec![
                vec![Field::Text("'; --".to_owned()), Field::Integer(i64::MIN)],
                vec![Field::Null, Field::Real(0.5)],
            ],
        };
        write_tables(&path, std::slice::from_ref(&table)).unwrap();
        let connection = Connection::open(&path).unwrap();
        let select = format!("SELECT * FROM {}", quoted(&table.name));
        let mut statement = connection.prepare(&select).unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let rows: Vec<(Value, Value)> = rows.collect::<Result<_, _>>().unwrap();
        let expected: Vec<(Value, Value)> = table
            .rows
            .iter()
            .map(|row| (value(&row[0]), value(&row[1])))
            .collect();
        assert_eq!(rows, expected);
        let short = Table {
            rows: vec![vec![Field::Null]],
            name: "other".to_owned(),
            ..table
        };
        assert!(write_tables(&path, &[short]).is_err());
    }
}
