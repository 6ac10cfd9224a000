//! `menagerie demo`: the bundled plugins review this repository's own lock file.

use std::process::ExitCode;

use crate::arguments::DemoArguments;
use crate::commands::run::{Begin, begin_run, finder, prepare, read_flow, read_input};
use crate::failure::Failure;
use crate::plugins::repository;
use crate::settings::Settings;

pub(crate) async fn demo(
    settings: &Settings,
    arguments: DemoArguments,
) -> Result<ExitCode, Failure> {
    let Some(root) = repository() else {
        return Err(Failure::usage(format!(
            "the demo needs the repository that this program was built from, which is not at {}; run it from a clone with `cargo run --release -- demo`",
            env!("CARGO_MANIFEST_DIR")
        )));
    };
    let path = root.join("host/cli/examples/review.toml");
    let file = read_flow(&path)?;
    let lock = root.join("Cargo.lock");
    let input = read_input(&file.parsed.flow, Some(&format!("@{}", lock.display())))?;
    let folders = finder(settings, &path, &file.parsed.flow).await?;
    let prepared = prepare(settings, file, &folders).await?;
    let begin = Begin {
        id: arguments.id,
        session: Some("demo".to_owned()),
        json: arguments.json,
        input,
        files: Vec::new(),
    };
    begin_run(settings, prepared, begin, "demo").await
}
