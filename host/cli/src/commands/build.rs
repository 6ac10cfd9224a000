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
    let built = built_in(arguments.dir, arguments.output, arguments.offline).await?;
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

/// Builds the project of a folder, in whatever language it is.
pub(crate) async fn built_in(
    dir: PathBuf,
    components_dir: Option<PathBuf>,
    offline: bool,
) -> Result<Vec<Built>, Failure> {
    if menagerie_builder::Language::of(&dir).is_none() {
        return Err(Failure::usage(BuildError::NoProject { dir }.to_string()));
    }
    blocking(move || {
        let builder = Builder::new(BuilderOptions {
            components_dir,
            offline,
            ..BuilderOptions::default()
        });
        let mut view = BuildView::start();
        let built = builder.build_project(&dir, &mut view);
        view.finish();
        built
    })
    .await
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
