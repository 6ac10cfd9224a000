//! The arguments of `menagerie plugins`.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Put a component into a registry that others share, for them to `add` it by `oci://…`
    Push(PluginsPushArguments),
    /// List all versions, and where each came from
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
            Self::Push(push) => push.json,
            Self::Ls(ls) => ls.json,
            Self::Rm(name) | Self::Rollback(name) => name.json,
            Self::Revoke(revoke) => revoke.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PluginsAddArguments {
    /// The component: a file, `oci://HOST[:PORT]/NAME:TAG` or `oci://HOST[:PORT]/NAME@sha256:…`
    #[arg(value_name = "FILE|oci://…")]
    pub(crate) component: PathBuf,
    /// The name that flow files use; its manifest's when left out
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Its signature; FILE.minisig when left out, if that is there, or the registry's annotation
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Let it ask for more grants and higher limits than the live version
    #[arg(long)]
    pub(crate) grant: bool,
    /// Let it go live only if it holds at this level in recorded runs that used it; without a level a strategy at
    /// `decision`, anything else at `schema`
    #[arg(long, value_name = "LEVEL", num_args = 0..=1)]
    pub(crate) gate: Option<Option<ReplayLevel>>,
    /// In how many of them, the newest first
    #[arg(long, value_name = "N", default_value_t = 10, requires = "gate", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Let it through a gate that is shut, for a reason that `plugins ls --json` goes on telling
    #[arg(long, value_name = "REASON", requires = "gate", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) accept: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a registry is talked to.
#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Speak to a registry that is not on this machine without TLS
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// How long a registry may take for everything
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct PluginsPushArguments {
    /// The component
    pub(crate) file: PathBuf,
    /// Where to: `oci://HOST[:PORT]/NAME:TAG`
    #[arg(value_name = "oci://…")]
    pub(crate) reference: String,
    /// Its signature; FILE.minisig when left out, if that is there
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
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
