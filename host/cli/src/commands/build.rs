//! `menagerie build`: plugin source to components, by the builder that the demo and the tests use.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use menagerie_builder::{BuildError, Builder, BuilderOptions, Built};
use serde_json::{Value, json};

use crate::arguments::BuildArguments;
use crate::failure::Failure;
use crate::terminal::build_view::BuildView;

pub(crate) async fn build(arguments: BuildArguments) -> Result<ExitCode, Failure> {
    let json = arguments.json;
    if !arguments.dir.join("Cargo.toml").is_file() {
        return Err(Failure::usage(format!(
            "{} is not the folder of a plugin: found no Cargo.toml in it, expected that of a package or of a workspace",
            arguments.dir.display()
        )));
    }
    let built = blocking(move || {
        let builder = Builder::new(BuilderOptions {
            components_dir: arguments.output.clone(),
            offline: arguments.offline,
            ..BuilderOptions::default()
        });
        let mut view = BuildView::start();
        let built = if is_workspace(&arguments.dir) {
            builder.build_workspace(&arguments.dir, &mut view)
        } else {
            builder
                .build_package(&arguments.dir, &mut view)
                .map(|built| vec![built])
        };
        view.finish();
        built
    })
    .await?;
    if json {
        let list: Vec<Value> = built.iter().map(as_json).collect();
        println!("{}", Value::Array(list));
    } else {
        for plugin in &built {
            println!(
                "{}  {}  {} bytes  {}",
                plugin.path.display(),
                plugin.kind,
                plugin.size,
                plugin.digest
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(built: &Built) -> Value {
    json!({
        "name": built.name,
        "kind": built.kind,
        "path": built.path,
        "digest": built.digest,
        "size": built.size,
    })
}

/// A workspace without a package of its own.
fn is_workspace(dir: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(dir.join("Cargo.toml")) else {
        return false;
    };
    let Ok(table) = text.parse::<toml::Table>() else {
        return false;
    };
    table.contains_key("workspace") && !table.contains_key("package")
}

/// Builds the plugins that ship with the host, and says where they are.
pub(crate) async fn bundled(root: PathBuf) -> Result<PathBuf, Failure> {
    let built = blocking(move || {
        let mut view = BuildView::start();
        let built = menagerie_builder::bundled(&root, &mut view);
        view.finish();
        built
    })
    .await?;
    let folder = built
        .first()
        .and_then(|built| built.path.parent())
        .map(Path::to_owned);
    folder.ok_or_else(|| Failure::usage("the repository holds no plugins"))
}

async fn blocking(
    build: impl FnOnce() -> Result<Vec<Built>, BuildError> + Send + 'static,
) -> Result<Vec<Built>, Failure> {
    match tokio::task::spawn_blocking(build).await {
        Ok(built) => built.map_err(|error| Failure::host("the plugins cannot be built", error)),
        Err(error) => Err(Failure::host("the build was cut off", error)),
    }
}
