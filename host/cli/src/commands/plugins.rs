//! `menagerie plugins`: the registry of plugins of a store.

use std::process::ExitCode;

use menagerie_executor::{Entry, Registry, Version};
use menagerie_oci::Reference;
use serde_json::{Value, json};

use crate::admission::{Admission, Gate, Named, Offer, now_ms};
use crate::arguments::plugins::{PluginsArgument, PluginsArguments};
use crate::commands::replay::level_of;
use crate::commands::{oci, open};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::{instant, safe_line};

pub(crate) async fn plugins(
    settings: &Settings,
    arguments: PluginsArguments,
) -> Result<ExitCode, Failure> {
    let registry = Registry::of_store(&settings.data.value);
    match arguments.command {
        PluginsArgument::Add(add) => {
            let signature = add.signature.as_deref();
            let text = add.component.to_string_lossy();
            let offer = match Reference::is_meant(&text) {
                true => oci::pulled(&text, signature, &add.registry).await?,
                false => Offer::of_file(&add.component, signature)?,
            };
            // The registry belongs to a store, which is made here if there is none.
            let host = open::host(settings, "plugins")?;
            let catalogue = open::catalogue(settings)?;
            let gate = add.gate.map(|level| Gate {
                level: level.map(level_of),
                runs: add.runs as usize,
                accept: add.accept,
            });
            let admission = Admission {
                settings,
                host: &host,
                catalogue: &catalogue,
                registry: &registry,
            };
            let named = Named {
                offer,
                name: add.name,
                granted: add.grant,
            };
            let added = admission.admit(&named, gate).await?;
            if add.json {
                let judged = added.judged;
                let mut document = version_json(&added.version, true);
                document["name"] = json!(added.name);
                document["judged_runs"] = json!(judged);
                println!("{document}");
            } else {
                let Version {
                    version, digest, ..
                } = &added.version;
                let (name, version) = (safe_line(&added.name), safe_line(version));
                println!("{name}@{version} is live: {digest}");
            }
        }
        PluginsArgument::Push(push) => {
            let pushed = oci::push(&push).await?;
            let said = format!("{} is {}", safe_line(&push.reference), pushed.manifest);
            let document = json!({
                "reference": push.reference,
                "manifest": pushed.manifest,
                "digest": pushed.component,
                "known": pushed.known,
            });
            tell(push.json, document, &said);
        }
        PluginsArgument::Ls(ls) => list(&registry, ls.json)?,
        PluginsArgument::Rm(rm) => {
            let removed = registry.remove(&rm.name).map_err(refused)?;
            let count = removed.versions.len();
            let said = format!("{} is gone, with {count} versions", safe_line(&rm.name));
            tell(rm.json, json!({"name": rm.name, "versions": count}), &said);
        }
        PluginsArgument::Rollback(back) => {
            let live = registry.roll_back(&back.name).map_err(refused)?;
            let mut document = version_json(&live, true);
            document["name"] = json!(back.name);
            let (name, version) = (safe_line(&back.name), safe_line(&live.version));
            let said = format!("{name}@{version} is live again: {}", live.digest);
            tell(back.json, document, &said);
        }
        PluginsArgument::Revoke(revoke) => {
            let digest = &revoke.digest;
            let moved = registry.revoke(digest, &revoke.reason, now_ms());
            let moved = moved.map_err(refused)?;
            let said = match moved.is_empty() {
                true => format!("{digest} is refused from now on; it was live nowhere"),
                false => format!(
                    "{digest} is refused from now on; it was live as {}",
                    moved.join(", ")
                ),
            };
            tell(
                revoke.json,
                json!({"digest": digest, "was_live": moved}),
                &said,
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the registry refuses is for the one who asked to put right.
fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::usage(error)
}

#[expect(clippy::needless_pass_by_value, reason = "made for this one call")]
fn tell(as_json: bool, document: Value, said: &str) {
    if as_json {
        println!("{document}");
    } else {
        println!("{said}");
    }
}

fn version_json(version: &Version, live: bool) -> Value {
    let mut document = json!(version);
    document["live"] = json!(live);
    if let Some(document) = document.as_object_mut() {
        // Four lines of base64; `signer` says what there is to know.
        document.remove("signature");
    }
    document
}

fn list(registry: &Registry, as_json: bool) -> Result<(), Failure> {
    let contents = registry.read().map_err(refused)?;
    let is_live = |entry: &Entry, version: &Version| entry.live.as_ref() == Some(&version.digest);
    if as_json {
        let plugins = contents.plugins.iter().map(|(name, entry)| {
            let versions = entry.versions.iter();
            let versions = versions.map(|known| version_json(known, is_live(entry, known)));
            json!({"name": name, "live": entry.live, "versions": versions.collect::<Value>()})
        });
        let plugins: Value = plugins.collect();
        println!(
            "{}",
            json!({"plugins": plugins, "revoked": contents.revoked})
        );
        return Ok(());
    }
    for (name, entry) in &contents.plugins {
        for version in &entry.versions {
            let state = match contents.revoked.contains_key(&version.digest) {
                true => "revoked",
                false if is_live(entry, version) => "live",
                false => "",
            };
            let source = version.source.as_ref().map(ToString::to_string);
            println!(
                "{:<7}  {:<32}  {}  {}  {:<10}  {}",
                state,
                safe_line(&format!("{name}@{}", version.version)),
                version.digest,
                instant(version.added_at_ms),
                version.signer.as_deref().map_or("not signed", |_| "signed"),
                safe_line(source.as_deref().unwrap_or_default()),
            );
        }
    }
    Ok(())
}
