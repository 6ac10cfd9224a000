//! Contract 0.1 is frozen: what components export, with every type in it, stays as `tests/compat/contract-0.1.txt` has it.
//! What they import may grow, and keeps what it has. A change of an export is a new interface, or a new version.

use std::collections::BTreeSet;
use std::path::PathBuf;

use wit_parser::{Function, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// What plugins export, and the interfaces of types that these exports use.
const FROZEN: [&str; 9] = [
    "agent",
    "aggregator",
    "arbiter",
    "compensate",
    "config-check",
    "group-strategy",
    "routing",
    "strategy",
    "types",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A line for each type and function of each interface of the contract.
fn lines() -> BTreeSet<String> {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).unwrap();
    let mut lines = BTreeSet::new();
    for (_, interface) in resolve.interfaces.iter() {
        let of = interface.name.as_deref().unwrap();
        for (name, id) in &interface.types {
            lines.insert(format!("{of}: type {name} = {}", defined(&resolve, *id)));
        }
        for (name, function) in &interface.functions {
            lines.insert(format!(
                "{of}: func {name}{}",
                signature(&resolve, function)
            ));
        }
    }
    lines
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters: Vec<String> = function
        .params
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, named(resolve, &parameter.ty)))
        .collect();
    let result = function.result.as_ref();
    let result = result.map_or_else(|| "nothing".to_owned(), |ty| named(resolve, ty));
    format!("({}) -> {result}", parameters.join(", "))
}

/// A type where it is used: by its name if it has one.
fn named(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}").to_lowercase();
    };
    let found = &resolve.types[*id];
    match (&found.name, found.owner) {
        (Some(name), TypeOwner::Interface(owner)) => {
            let of = resolve.interfaces[owner].name.as_deref().unwrap();
            format!("{of}.{name}")
        }
        _ => defined(resolve, *id),
    }
}

/// What a type is made of.
fn defined(resolve: &Resolve, id: TypeId) -> String {
    let part = |ty: &Type| named(resolve, ty);
    let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), part);
    match &resolve.types[id].kind {
        TypeDefKind::Type(ty) => part(ty),
        TypeDefKind::Option(ty) => format!("option<{}>", part(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", part(ty)),
        TypeDefKind::Result(result) => {
            format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err))
        }
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(part).collect();
            format!("tuple<{}>", parts.join(", "))
        }
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields: Vec<String> = fields
                .map(|field| format!("{}: {}", field.name, part(&field.ty)))
                .collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            let cases: Vec<String> = cases
                .map(|case| format!("{}({})", case.name, maybe(&case.ty)))
                .collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Enum(tokens) => {
            let cases: Vec<&str> = tokens.cases.iter().map(|case| case.name.as_str()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        other => panic!("the contract has a type of a kind that nobody froze: {other:?}"),
    }
}

fn is_frozen(line: &str) -> bool {
    let interface = line.split(':').next().unwrap();
    FROZEN.contains(&interface)
}

/// What a contract breaks of a recorded one.
fn broken(recorded: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    let gone = recorded
        .difference(found)
        .map(|line| format!("gone: {line}"));
    let new = found.difference(recorded);
    let new = new.filter(|line| is_frozen(line));
    gone.chain(new.map(|line| format!("new in what is exported: {line}")))
        .collect()
}

#[test]
fn the_contract_is_the_one_that_was_frozen_but_for_more_to_import() {
    let file = root().join("tests/compat/contract-0.1.txt");
    let found = lines();
    if std::env::var_os("MENAGERIE_RECORD_CONTRACT").is_some() {
        let text: Vec<&str> = found.iter().map(String::as_str).collect();
        std::fs::write(&file, text.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(file).unwrap();
    let recorded: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    assert!(recorded.iter().filter(|line| is_frozen(line)).count() > 30);
    let broken = broken(&recorded, &found);
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_field_more_in_an_export_breaks_the_contract_and_a_function_more_to_import_does_not() {
    let recorded = lines();
    let mut grown = recorded.clone();
    grown.insert("http: func send-twice() -> nothing".to_owned());
    assert!(broken(&recorded, &grown).is_empty());

    let outcome = recorded
        .iter()
        .find(|line| line.starts_with("types: type outcome = "));
    let outcome = outcome.unwrap();
    grown.remove(outcome);
    grown.insert(outcome.replace("confidence", "certainty"));
    assert_eq!(broken(&recorded, &grown).len(), 2);

    let mut less = recorded.clone();
    less.retain(|line| !line.starts_with("clock: func now("));
    assert_eq!(broken(&recorded, &less).len(), 1, "an import that is gone");
}
