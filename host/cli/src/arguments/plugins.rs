//! The arguments of `menagerie plugins`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ReplayLevel;

#[derive(Debug, Args)]
pub(crate) struct PluginsArguments {
    #[command(subcommand)]
    pub(crate) command: PluginsArgument,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsArgument {
    /// Check a component, compile it, start it, and let new runs take it; running ones stay on theirs
    Add(PluginsAddArguments),
    /// List all versions
    Ls(PluginsLsArguments),
    /// Take a name and its versions out
    Rm(PluginsNameArguments),
    /// Let the version before the live one go live again
    Rollback(PluginsNameArguments),
    /// Refuse a digest from now on, for new runs and old ones
    Revoke(PluginsRevokeArguments),
}

impl PluginsArgument {
    pub(super) fn answers_json(&self) -> bool {
        match self {
            Self::Add(add) => add.json,
            Self::Ls(ls) => ls.json,
            Self::Rm(name) | Self::Rollback(name) => name.json,
            Self::Revoke(revoke) => revoke.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PluginsAddArguments {
    /// The component
    pub(crate) file: PathBuf,
    /// The name that flow files use; its manifest's when left out
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Its signature; FILE.minisig when left out, if that is there
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Let it ask for more grants and higher limits than the live version
    #[arg(long)]
    pub(crate) grant: bool,
    /// Let it go live only if it holds at this level in recorded runs that used it
    #[arg(long, value_name = "LEVEL")]
    pub(crate) gate: Option<ReplayLevel>,
    /// In how many of them, the newest first
    #[arg(long, value_name = "N", default_value_t = 10, requires = "gate", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PluginsLsArguments {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PluginsNameArguments {
    /// The plugin's name in the registry
    pub(crate) name: String,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PluginsRevokeArguments {
    /// `sha256:` and 64 digits, as `plugins ls` shows them
    pub(crate) digest: String,
    /// Why, for whoever is refused it
    #[arg(long, value_name = "TEXT", default_value = "no reason given")]
    pub(crate) reason: String,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}
