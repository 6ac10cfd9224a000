//! What a lock file means: packages, their identities, and dependencies resolved to packages.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::resolution::{full_id, ids, plain_id, resolve_all, roots};
use crate::document::{self, Places, Problem, kind_of, quoted, string_of, value_of};

mod resolution;

/// More problems than this are not reported: nobody reads further.
const MOST_PROBLEMS: usize = 20;

/// The newest version of the format that is understood.
const NEWEST_VERSION: i64 = 4;

/// A lock file, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lock {
    /// The version of the format: 1 to 4.
    pub(crate) lock_version: u8,
    /// How many packages there are.
    pub(crate) package_count: usize,
    /// How many dependencies there are between them.
    pub(crate) dependency_count: usize,
    /// The packages that everything else is there for, as ids.
    pub(crate) roots: Vec<String>,
    /// Ordered by name, version and source.
    pub(crate) packages: Vec<Package>,
    /// Patches that nothing uses, as `name version`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unused_patches: Vec<String>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Package {
    /// `name version (source)` where two packages differ in their source alone. Absent where it is
    /// `name version`: a large lock file would pass the limit on an answer's values otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Where it comes from, as the lock file says it; absent for a package from a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<String>,
    /// The ids of the packages that it depends on, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dependencies: Vec<String>,
}

/// A package as the file has it, before its dependencies are known.
struct Entry<'table> {
    name: &'table str,
    version: &'table str,
    source: Option<&'table str>,
    checksum: Option<&'table str>,
    /// Each with the place where it stands.
    dependencies: Vec<(&'table str, Range<usize>)>,
    span: Range<usize>,
    /// Cargo wrote the package itself as `[root]` until 2017.
    is_root: bool,
}

/// Reads the text of a lock file.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file, at most twenty problems.
pub(crate) fn read(text: &str) -> Result<Lock, Vec<Problem>> {
    let places = Places::of(text);
    let table = document::parse(&places, MOST_PROBLEMS)?;
    let mut problems = Vec::new();
    let declared = declared_version(&places, &table).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let metadata_checksums = metadata_checksums(&table);
    let mut entries = entries(&places, &table, &mut problems);
    entries.sort_by_key(|entry| (entry.name, entry.version, entry.source));
    refuse_duplicates(&places, &entries, &mut problems);
    let resolved = resolve_all(&places, &entries, &mut problems);
    if !problems.is_empty() {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.truncate(MOST_PROBLEMS);
        return Err(problems);
    }

    let lock_version = declared.unwrap_or_else(|| {
        let shortened = entries.iter().flat_map(|entry| &entry.dependencies);
        let any_shortened = shortened.into_iter().any(|(text, _)| !text.contains(' '));
        let any_checksum = entries.iter().any(|entry| entry.checksum.is_some());
        if metadata_checksums.is_empty() && (any_checksum || any_shortened) {
            2
        } else {
            1
        }
    });
    let ids = ids(&entries);
    let roots = roots(&entries, &resolved);
    let packages = entries
        .iter()
        .zip(&resolved)
        .zip(&ids)
        .map(|((entry, targets), id)| Package {
            id: (*id != plain_id(entry)).then(|| id.clone()),
            name: entry.name.to_owned(),
            version: entry.version.to_owned(),
            source: entry.source.map(str::to_owned),
            checksum: entry
                .checksum
                .or_else(|| metadata_checksums.get(full_id(entry).as_str()).copied())
                .filter(|checksum| *checksum != "<none>")
                .map(str::to_owned),
            dependencies: targets.iter().map(|target| ids[*target].clone()).collect(),
        });
    Ok(Lock {
        lock_version,
        package_count: entries.len(),
        dependency_count: resolved.iter().map(Vec::len).sum(),
        roots: roots.into_iter().map(|root| ids[root].clone()).collect(),
        packages: packages.collect(),
        unused_patches: unused_patches(&table),
    })
}

/// The `version` at the head of the file, where there is one: only formats 3 and 4 write it.
fn declared_version(places: &Places<'_>, table: &DeTable<'_>) -> Result<Option<u8>, Problem> {
    let Some(value) = value_of(table, "version") else {
        return Ok(None);
    };
    let number = match value.get_ref() {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    };
    match number {
        Some(number @ 1..=NEWEST_VERSION) => Ok(u8::try_from(number).ok()),
        Some(number) => Err(places.problem(
            &value.span(),
            format!("lock file version {number}"),
            format!("a version from 1 to {NEWEST_VERSION}"),
        )),
        None => Err(places.problem(
            &value.span(),
            format!("`version` is {}", kind_of(value.get_ref())),
            format!("an integer from 1 to {NEWEST_VERSION}"),
        )),
    }
}

/// Format 1 keeps the checksums apart: `"checksum name version (source)" = "…"`.
fn metadata_checksums<'table>(table: &'table DeTable<'_>) -> HashMap<&'table str, &'table str> {
    let metadata = value_of(table, "metadata").and_then(|value| value.get_ref().as_table());
    let Some(metadata) = metadata else {
        return HashMap::new();
    };
    metadata
        .iter()
        .filter_map(|(key, value)| {
            let id = key.get_ref().strip_prefix("checksum ")?;
            Some((id, value.get_ref().as_str()?))
        })
        .collect()
}

/// All packages of the file, those that can be read.
fn entries<'table>(
    places: &Places<'_>,
    table: &'table DeTable<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Entry<'table>> {
    let mut found = Vec::new();
    let root = value_of(table, "root").map(|value| (value, true));
    let packages = match value_of(table, "package") {
        None => Vec::new(),
        Some(value) => match value.get_ref() {
            DeValue::Array(packages) => packages.iter().collect(),
            other => {
                let finding = format!("`package` is {}", kind_of(other));
                problems.push(places.problem(&value.span(), finding, "`[[package]]` tables"));
                Vec::new()
            }
        },
    };
    if root.is_none() && packages.is_empty() && problems.is_empty() {
        problems.push(places.problem(&(0..0), "no package", "at least one `[[package]]` table"));
    }
    for (value, is_root) in root
        .into_iter()
        .chain(packages.into_iter().map(|value| (value, false)))
    {
        match entry(places, value, is_root) {
            Ok(entry) => found.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    found
}

fn entry<'table>(
    places: &Places<'_>,
    value: &'table Spanned<DeValue<'_>>,
    is_root: bool,
) -> Result<Entry<'table>, Problem> {
    let span = value.span();
    let DeValue::Table(table) = value.get_ref() else {
        let finding = format!("a package is {}", kind_of(value.get_ref()));
        return Err(places.problem(&span, finding, "a table"));
    };
    let name = string_of(places, table, "name")?.filter(|name| !name.is_empty());
    let name =
        name.ok_or_else(|| places.problem(&span, "a package without a name", "`name = \"…\"`"))?;
    let version = string_of(places, table, "version")?.filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| {
        let finding = format!("package {} has no version", quoted(name));
        places.problem(&span, finding, "`version = \"…\"`")
    })?;
    Ok(Entry {
        name,
        version,
        source: string_of(places, table, "source")?,
        checksum: string_of(places, table, "checksum")?,
        dependencies: dependencies(places, table)?,
        span,
        is_root,
    })
}

fn dependencies<'table>(
    places: &Places<'_>,
    table: &'table DeTable<'_>,
) -> Result<Vec<(&'table str, Range<usize>)>, Problem> {
    let Some(value) = value_of(table, "dependencies") else {
        return Ok(Vec::new());
    };
    let DeValue::Array(array) = value.get_ref() else {
        let finding = format!("`dependencies` is {}", kind_of(value.get_ref()));
        return Err(places.problem(&value.span(), finding, "an array of strings"));
    };
    let strings = array.iter().map(|item| match item.get_ref() {
        DeValue::String(text) => Ok((text.as_ref(), item.span())),
        other => {
            let finding = format!("a dependency is {}", kind_of(other));
            Err(places.problem(&item.span(), finding, "a string such as \"name version\""))
        }
    });
    strings.collect()
}

/// Two packages with one name, version and source cannot be told apart. `entries` is sorted.
fn refuse_duplicates(places: &Places<'_>, entries: &[Entry<'_>], problems: &mut Vec<Problem>) {
    for pair in entries.windows(2) {
        let [first, second] = pair else { continue };
        if (first.name, first.version, first.source) != (second.name, second.version, second.source)
        {
            continue;
        }
        let later = first.span.start.max(second.span.start);
        problems.push(places.problem(
            &(later..later),
            format!(
                "package {} is there twice",
                quoted(&format!("{} {}", first.name, first.version))
            ),
            "each package once",
        ));
    }
}

/// The patches under `[[patch.unused]]`.
fn unused_patches(table: &DeTable<'_>) -> Vec<String> {
    let unused = value_of(table, "patch")
        .and_then(|value| value.get_ref().as_table())
        .and_then(|patch| value_of(patch, "unused"))
        .and_then(|value| value.get_ref().as_array());
    let Some(unused) = unused else {
        return Vec::new();
    };
    let named: BTreeSet<String> = unused
        .iter()
        .filter_map(|item| {
            let package = item.get_ref().as_table()?;
            let name = value_of(package, "name")?.get_ref().as_str()?;
            let version = value_of(package, "version")?.get_ref().as_str()?;
            Some(format!("{name} {version}"))
        })
        .collect();
    named.into_iter().collect()
}

#[cfg(test)]
mod tests;
