//! Plugins of registries that others share: pulled for admission, pushed for others.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use menagerie_executor::Source;
use menagerie_oci::{Client, Described, Keyring, OciError, Options, Pushed, Reference};
use menagerie_sandbox::inspect;

use crate::admission::Offer;
use crate::arguments::plugins::{PluginsPushArguments, RegistryArguments};
use crate::failure::{Failure, chain};

/// Credentials by host, `HOST[:PORT]=USER:PASSWORD`, one a line.
const CREDENTIALS: &str = "MENAGERIE_OCI_AUTH";

/// What a reference stands for. Nothing of it was looked at but that its bytes are the registry's.
///
/// # Errors
/// When it is no reference, or the registry gives nothing for it, or something else.
pub(crate) async fn pulled(
    text: &str,
    signature: Option<&Path>,
    arguments: &RegistryArguments,
) -> Result<Offer, Failure> {
    let reference = Reference::parse(text).map_err(Failure::usage)?;
    let client = client(arguments)?;
    let bar = bar();
    let progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let pulled = client.pull(&reference, &progress).await;
    bar.finish_and_clear();
    let pulled = pulled.map_err(|error| failed(&reference, &error))?;
    let signature = match signature {
        None => pulled.signature,
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            let shown = path.display();
            Failure::usage(format!("the signature {shown} cannot be read: {error}"))
        })?),
    };
    Ok(Offer {
        source: Source::Oci {
            reference: reference.to_string(),
            manifest: pulled.manifest,
        },
        bytes: pulled.bytes.into(),
        signature,
    })
}

/// Puts a component into a registry, with its signature if it has one.
///
/// # Errors
/// When it is no plugin, or the registry does not take it.
pub(crate) async fn push(arguments: &PluginsPushArguments) -> Result<Pushed, Failure> {
    let reference = Reference::parse(&arguments.reference).map_err(Failure::usage)?;
    let offer = Offer::of_file(&arguments.file, arguments.signature.as_deref())?;
    let shown = arguments.file.display();
    let inspection =
        inspect(&offer.bytes).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    let described = Described {
        bytes: &offer.bytes,
        exports: &inspection.exports,
        imports: &inspection.imports,
        signature: offer.signature.as_deref(),
    };
    let client = client(&arguments.registry)?;
    let pushed = client.push(&reference, described).await;
    pushed.map_err(|error| failed(&reference, &error))
}

fn client(arguments: &RegistryArguments) -> Result<Client, Failure> {
    let options = Options {
        plain_http: arguments.plain_http,
        timeout: arguments.timeout,
        ..Options::default()
    };
    Ok(Client::new(keyring()?, options))
}

fn failed(reference: &Reference, error: &OciError) -> Failure {
    Failure::usage(format!("{reference}: {}", chain(error)))
}

/// What Docker's file says, and over it what the environment says.
fn keyring() -> Result<Keyring, Failure> {
    let mut keyring = Keyring::default();
    if let Some(path) = docker_config() {
        let refused = |why: String| Failure::usage(format!("{}: {why}", path.display()));
        match std::fs::read_to_string(&path) {
            Ok(text) => keyring
                .add_docker_config(&text)
                .map_err(|error| refused(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(format!("cannot be read: {error}"))),
        }
    }
    if let Ok(text) = std::env::var(CREDENTIALS) {
        let added = keyring.add_lines(&text);
        added.map_err(|error| Failure::usage(format!("{CREDENTIALS}: {error}")))?;
    }
    Ok(keyring)
}

fn docker_config() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = set("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")))?;
    Some(folder.join("config.json"))
}

/// Shown on a terminal only.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bar:30} {bytes}/{total_bytes} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let target = ProgressDrawTarget::stderr();
    ProgressBar::with_draw_target(None, target).with_style(style)
}
