//! The manifest: what a plugin says of itself, readable without running it.

use std::env;
use std::fs;
use std::path::PathBuf;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value, json};
use syn::{Error, LitStr};

use crate::arguments::Arguments;
use crate::kind::Kind;

/// The manifest's text, and the files that it was made from, so that cargo knows of them.
pub(crate) struct Manifest {
    pub(crate) text: String,
    pub(crate) files: TokenStream,
}

pub(crate) fn manifest(kind: Kind, arguments: &Arguments) -> syn::Result<Manifest> {
    let mut manifest = Map::new();
    let mut put = |key: &str, value: Value| manifest.insert(key.to_owned(), value);
    let given = |literal: &Option<LitStr>| literal.as_ref().map(LitStr::value);
    let package = |key: &str| env::var(key).ok().filter(|value| !value.is_empty());
    if let Some(name) = given(&arguments.name).or_else(|| package("CARGO_PKG_NAME")) {
        put("name", name.into());
    }
    if let Some(version) = package("CARGO_PKG_VERSION") {
        put("version", version.into());
    }
    if let Some(text) = given(&arguments.description).or_else(|| package("CARGO_PKG_DESCRIPTION")) {
        put("description", text.into());
    }
    put("kind", kind.token().into());
    put(
        "skills",
        arguments.skills.iter().map(LitStr::value).collect(),
    );
    put(
        "grants",
        arguments.grants.iter().map(LitStr::value).collect(),
    );
    let mut limits = Map::new();
    if let Some(fuel) = arguments.fuel {
        limits.insert("fuel".to_owned(), fuel.into());
    }
    if let Some(memory) = arguments.memory_mib {
        limits.insert("memory_mib".to_owned(), memory.into());
    }
    put("limits", Value::Object(limits));
    put(
        "sdk",
        json!({ "language": "rust", "version": env!("CARGO_PKG_VERSION") }),
    );

    let mut files = TokenStream::new();
    let mut schemas = Map::new();
    for (name, literal) in [
        ("config", &arguments.config_schema),
        ("input", &arguments.input_schema),
        ("output", &arguments.output_schema),
    ] {
        let Some(literal) = literal else { continue };
        let (schema, path) = read_schema(literal)?;
        schemas.insert(name.to_owned(), schema);
        files.extend(quote!(
            const _: &[u8] = ::core::include_bytes!(#path);
        ));
    }
    manifest.insert("schemas".to_owned(), Value::Object(schemas));
    Ok(Manifest {
        text: Value::Object(manifest).to_string(),
        files,
    })
}

fn read_schema(literal: &LitStr) -> syn::Result<(Value, String)> {
    let fail = |message: String| Error::new(literal.span(), message);
    let root = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let path = root.join(literal.value());
    let shown = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|error| fail(format!("{shown}: {error}")))?;
    let schema: Value =
        serde_json::from_str(&text).map_err(|error| fail(format!("{shown}: {error}")))?;
    Ok((schema, shown))
}
