//! What `menagerie dev` takes.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when it is interrupted. With --once: 0 all well, 1 tests or the run failed, 2 wrong use, or it does not build."
)]
pub(crate) struct DevArguments {
    /// The folder of a plugin
    pub(crate) dir: PathBuf,
    /// Run this flow file each time, instead of the plugin's tests
    #[arg(long, value_name = "FLOW")]
    pub(crate) flow: Option<PathBuf>,
    /// The run's input: JSON, or @FILE
    #[arg(long, value_name = "JSON|@FILE", requires = "flow")]
    pub(crate) input: Option<String>,
    /// Where the component goes, such as where the flow file looks for it; `target/guests/components` below
    /// the folder when left out
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Do it once and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Download nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print one JSON document for each thing that happens
    #[arg(long)]
    pub(crate) json: bool,
}
