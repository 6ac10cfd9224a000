//! `menagerie new`: a plugin's project that builds and passes its tests.

use std::path::Path;
use std::process::ExitCode;

use menagerie_builder::{NewProject, new_project};

use crate::arguments::NewArguments;
use crate::failure::Failure;
use crate::plugins::repository;

pub(crate) fn new(arguments: &NewArguments) -> Result<ExitCode, Failure> {
    let rust_sdk = repository().map(|root| root.join("sdk").join("rust"));
    let new = NewProject {
        name: &arguments.name,
        kind: arguments.kind.token(),
        written: arguments.lang.written(),
        grants: &arguments.with,
        rust_sdk: rust_sdk.as_deref(),
    };
    let files = new_project(Path::new("."), &new)
        .map_err(|error| Failure::host("the project cannot be written", error))?;
    for file in files {
        println!("{}", file.display());
    }
    let name = &arguments.name;
    println!("next: menagerie test {name}, menagerie build {name}");
    Ok(ExitCode::SUCCESS)
}
