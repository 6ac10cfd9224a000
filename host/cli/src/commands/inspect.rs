//! `menagerie inspect`: what a component is, without compiling or running it.

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::InspectArguments;
use crate::failure::Failure;
use crate::terminal::text::safe_line;

pub(crate) fn inspect(arguments: &InspectArguments) -> Result<ExitCode, Failure> {
    let name = arguments.file.display().to_string();
    let bytes = menagerie_sandbox::read_component(&arguments.file)
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let found = menagerie_sandbox::inspect(&bytes)
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    if arguments.json {
        println!(
            "{}",
            json!({
                "file": name,
                "kind": found.kind.token(),
                "contract": found.contract.to_string(),
                "manifest": found.manifest,
                "imports": found.imports,
                "exports": found.exports,
                "size": found.size,
                "digest": found.digest,
            })
        );
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = &found.manifest;
    println!("{name}");
    println!("  kind      {}", found.kind);
    println!("  contract  menagerie:plugin@{}", found.contract);
    println!(
        "  name      {}@{}",
        safe_line(&manifest.name),
        safe_line(&manifest.version)
    );
    if let Some(description) = &manifest.description {
        println!("            {}", safe_line(description));
    }
    if !manifest.skills.is_empty() {
        println!("  skills    {}", safe_line(&manifest.skills.join(", ")));
    }
    // What it imports without saying so, too.
    let wanted: Vec<String> = found.wanted_grants().into_iter().collect();
    let wanted = if wanted.is_empty() {
        "none".to_owned()
    } else {
        wanted.join(", ")
    };
    println!("  grants    {}", safe_line(&wanted));
    println!("  size      {} bytes", found.size);
    println!("  digest    {}", found.digest);
    println!("  imports");
    for import in &found.imports {
        println!("    {}", safe_line(import));
    }
    println!("  exports");
    for export in &found.exports {
        println!("    {}", safe_line(export));
    }
    Ok(ExitCode::SUCCESS)
}
