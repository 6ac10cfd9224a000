//! Plain tables as a SQLite file of their own, for whoever hands data to others in that form, or is handed some.
//!
//! It has nothing to do with a store; it is here since SQLite is known to this crate alone.

use std::borrow::Cow;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

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
    pub columns: Vec<(String, Cow<'static, str>)>,
    /// As many fields each as there are columns.
    pub rows: Vec<Vec<Field>>,
}

/// Why tables could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the tables cannot be written")]
pub struct TablesError(#[from] rusqlite::Error);

/// Why tables could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadTablesError {
    /// The file is none of SQLite's.
    #[error("found a file that is no SQLite database, expected one")]
    NoDatabase,
    /// It is one, and is not whole.
    #[error("the database is damaged: {found}")]
    Damaged {
        /// What SQLite says.
        found: String,
    },
    /// A view or a virtual table: what it holds is computed, and may be computed without end.
    #[error("`{table}`: found a {found}, expected a plain table")]
    Computed {
        /// The table.
        table: String,
        /// What it is.
        found: String,
    },
    /// A field that is neither a number nor text.
    #[error(
        "table `{table}`, column `{column}`, row {row}: found {found}, expected a number or text"
    )]
    Field {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The row, from 1.
        row: usize,
        /// What it holds.
        found: &'static str,
    },
    /// More than anybody's tables hold.
    #[error("the tables hold more than {most} bytes")]
    TooLarge {
        /// The bound.
        most: u64,
    },
    /// SQLite cannot do it.
    #[error("the tables cannot be read: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for ReadTablesError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NoDatabase,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                found: error.to_string(),
            },
            _ => Self::Sqlite(error),
        }
    }
}

/// A SQLite file from anybody, of which plain tables are read. Nothing is written to it.
#[derive(Debug)]
pub struct TablesFile {
    connection: Connection,
    /// How many bytes may still be read, and could be at first.
    left: u64,
    most: u64,
}

impl TablesFile {
    /// Opens a file, of whose tables at most `most` bytes are read. The whole of it is looked through for damage, since
    /// a page that is in a table twice makes a small file endless.
    ///
    /// # Errors
    /// When it is no database, or a damaged one.
    pub fn open(path: &Path, most: u64) -> Result<Self, ReadTablesError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // A file of others may not call functions through its schema.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.pragma_update(None, "cell_size_check", "ON")?;
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(ReadTablesError::Damaged { found });
        }
        Ok(Self {
            connection,
            left: most,
            most,
        })
    }

    /// A table by its name, whatever its case; nothing where there is none.
    ///
    /// # Errors
    /// When it is no plain table, holds what is neither number nor text, or more than may be read.
    pub fn table(&mut self, name: &str) -> Result<Option<Table>, ReadTablesError> {
        let mut kinds = self.connection.prepare(
            "SELECT type FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)",
        )?;
        let Some(kind) = kinds
            .query_map([name], |row| row.get::<_, String>(0))?
            .next()
        else {
            return Ok(None);
        };
        let kind = kind?;
        if kind != "table" {
            return Err(ReadTablesError::Computed {
                table: name.to_owned(),
                found: kind,
            });
        }
        let columns = self.columns(name)?;
        let mut table = Table {
            name: name.to_owned(),
            columns,
            rows: Vec::new(),
        };
        if table.columns.is_empty() {
            return Ok(Some(table));
        }
        let names: Vec<String> = table.columns.iter().map(|(name, _)| quoted(name)).collect();
        let select = format!("SELECT {} FROM {}", names.join(", "), quoted(name));
        let mut statement = self.connection.prepare(&select)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut fields = Vec::with_capacity(table.columns.len());
            for (place, (column, _)) in table.columns.iter().enumerate() {
                let field = field(row.get_ref(place)?).map_err(|found| ReadTablesError::Field {
                    table: name.to_owned(),
                    column: column.clone(),
                    row: table.rows.len() + 1,
                    found,
                })?;
                let bytes = match &field {
                    Field::Text(text) => 8 + text.len() as u64,
                    _ => 8,
                };
                self.left = self
                    .left
                    .checked_sub(bytes)
                    .ok_or(ReadTablesError::TooLarge { most: self.most })?;
                fields.push(field);
            }
            table.rows.push(fields);
        }
        Ok(Some(table))
    }

    /// The columns that hold something of their own: generated ones are computed.
    fn columns(&self, name: &str) -> Result<Vec<(String, Cow<'static, str>)>, ReadTablesError> {
        let mut columns = self
            .connection
            .prepare("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden = 0")?;
        let found = columns.query_map([name], |row| {
            Ok((row.get(0)?, Cow::Owned(row.get::<_, String>(1)?)))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn field(value: ValueRef<'_>) -> Result<Field, &'static str> {
    Ok(match value {
        ValueRef::Null => Field::Null,
        ValueRef::Integer(number) => Field::Integer(number),
        ValueRef::Real(number) => Field::Real(number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Field::Text(text.to_owned()),
            Err(_) => return Err("text that is no UTF-8"),
        },
        ValueRef::Blob(_) => return Err("bytes"),
    })
}

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
                ("one \"two\"".to_owned(), "TEXT".into()),
                ("three".to_owned(), "INTEGER".into()),
            ],
            rows: vec![
                vec![Field::Text("'; --".to_owned()), Field::Integer(i64::MIN)],
                vec![Field::Null, Field::Real(0.5)],
            ],
        };
        write_tables(&path, std::slice::from_ref(&table)).unwrap();
        let mut file = TablesFile::open(&path, 1 << 20).unwrap();
        assert_eq!(file.table(&table.name).unwrap(), Some(table.clone()));
        assert_eq!(file.table("another").unwrap(), None);
        let mut file = TablesFile::open(&path, 16).unwrap();
        assert!(matches!(
            file.table(&table.name),
            Err(ReadTablesError::TooLarge { most: 16 })
        ));
        let short = Table {
            rows: vec![vec![Field::Null]],
            name: "other".to_owned(),
            ..table
        };
        assert!(write_tables(&path, &[short]).is_err());
    }

    #[test]
    fn what_is_no_plain_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
                 CREATE TABLE odd (a TEXT, b AS (a || a)); INSERT INTO odd (a) VALUES ('x'), (x'00');
                 CREATE TABLE \"Mixed\" (a); INSERT INTO \"Mixed\" VALUES (1);",
            )
            .unwrap();
        drop(connection);
        let mut file = TablesFile::open(&path, 1 << 20).unwrap();
        assert_eq!(
            file.table("endless").unwrap_err().to_string(),
            "`endless`: found a view, expected a plain table"
        );
        assert_eq!(
            file.table("odd").unwrap_err().to_string(),
            "table `odd`, column `a`, row 2: found bytes, expected a number or text"
        );
        let mixed = file.table("mixed").unwrap().unwrap();
        assert_eq!(mixed.rows, [vec![Field::Integer(1)]]);
        drop(file);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(
            &path,
            "no database, but long enough to be looked at".repeat(100),
        )
        .unwrap();
        let error = TablesFile::open(&path, 1 << 20).unwrap_err();
        assert!(matches!(error, ReadTablesError::NoDatabase), "{error}");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = TablesFile::open(&path, 1 << 20).unwrap_err();
        assert!(matches!(error, ReadTablesError::Damaged { .. }), "{error}");
    }
}
