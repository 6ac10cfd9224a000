//! Finding a standard library for wasm32-unknown-unknown: the first way that works.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{command, run, run_within};
use crate::debian;
use crate::error::BuildError;
use crate::lock::lock;
use crate::progress::{Event, Progress};

/// The target of every plugin: no operating system, and so no import of one.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Names the one way to use, instead of the first that works: `installed`, `rustup` or `debian`.
pub const WAY_VARIABLE: &str = "MENAGERIE_WASM_STD";

/// `rustup target add` fetches some 20 MB; a server that cannot be reached must not stop the build.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// A way to have a standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The toolchain has it already.
    Installed,
    /// `rustup target add` fetches it.
    Rustup,
    /// A compiler and the library's source, from Debian's packages, in a private folder.
    Debian,
}

impl Way {
    /// As [`WAY_VARIABLE`] has it.
    pub fn token(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }

    /// The way of that token.
    ///
    /// # Errors
    /// [`BuildError::UnknownWay`] for any other text.
    pub fn from_token(token: &str) -> Result<Self, BuildError> {
        [Self::Installed, Self::Rustup, Self::Debian]
            .into_iter()
            .find(|way| way.token() == token)
            .ok_or_else(|| BuildError::UnknownWay {
                found: token.to_owned(),
            })
    }

    fn from_environment() -> Result<Option<Self>, BuildError> {
        match env::var(WAY_VARIABLE) {
            Ok(token) if !token.is_empty() => Self::from_token(&token).map(Some),
            _ => Ok(None),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "installed with the toolchain",
            Self::Rustup => "added by rustup",
            Self::Debian => "built from Debian's packages",
        })
    }
}

/// What cargo needs to be told in order to use a standard library.
#[derive(Debug)]
pub(crate) struct StandardLibrary {
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) arguments: Vec<String>,
    /// The source of the library, when it is compiled here: its path is no part of a component.
    pub(crate) source: Option<PathBuf>,
}

/// Where and how to look.
pub(crate) struct Search<'search> {
    /// The workspace: rustup chooses the toolchain by the folder.
    pub(crate) dir: &'search Path,
    /// Where what is downloaded may be kept, for all workspaces of a user.
    pub(crate) toolchain_dir: &'search Path,
    pub(crate) offline: bool,
    /// The only way to try; otherwise all of them.
    pub(crate) only: Option<Way>,
}

/// Finds a standard library, and says what was tried where there is none.
pub(crate) fn find(
    search: &Search<'_>,
    progress: &mut dyn Progress,
) -> Result<StandardLibrary, BuildError> {
    let only = match search.only {
        Some(way) => Some(way),
        None => Way::from_environment()?,
    };
    let ways = match only {
        Some(way) => vec![way],
        // What was unpacked from Debian's packages once is nearer than any server.
        None if debian::is_unpacked(search.toolchain_dir) => {
            vec![Way::Installed, Way::Debian, Way::Rustup]
        }
        None => vec![Way::Installed, Way::Rustup, Way::Debian],
    };
    let mut tried = Vec::new();
    for way in ways {
        let found = match way {
            Way::Installed => installed(search)?,
            Way::Rustup => rustup(search, progress)?,
            Way::Debian => debian::standard_library(search, progress)?,
        };
        match found {
            Ok(library) => {
                progress.report(Event::StandardLibrary { way });
                return Ok(library);
            }
            Err(reason) => tried.push(format!("  {}: {reason}", way.token())),
        }
    }
    Err(BuildError::NoStandardLibrary {
        tried: tried.join("\n"),
    })
}

/// Whether a way works; the inner error is the reason for which it does not.
pub(crate) type Attempt = Result<StandardLibrary, String>;

fn installed(search: &Search<'_>) -> Result<Attempt, BuildError> {
    let mut ask = command("rustc", search.dir);
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    let output = run(&mut ask)?;
    if !output.status.success() {
        return Ok(Err(output.complaint()));
    }
    let folder = PathBuf::from(output.stdout.trim());
    let is_core = |name: &str| name.starts_with("libcore-") && name.ends_with(".rlib");
    let has_core = folder.read_dir().is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| is_core(&entry.file_name().to_string_lossy()))
    });
    if !has_core {
        return Ok(Err(format!("the toolchain has no library for {TARGET}")));
    }
    Ok(Ok(StandardLibrary {
        environment: Vec::new(),
        arguments: Vec::new(),
        source: None,
    }))
}

fn rustup(search: &Search<'_>, progress: &mut dyn Progress) -> Result<Attempt, BuildError> {
    if search.offline {
        return Ok(Err("not tried, since nothing may be downloaded".to_owned()));
    }
    progress.report(Event::TryingStandardLibrary {
        way: Way::Rustup,
        doing: "rustup target add wasm32-unknown-unknown",
    });
    // Two rustups at once would unpack into one folder.
    let _lock = lock(search.toolchain_dir, progress)?;
    let mut add = command("rustup", search.dir);
    add.args(["target", "add", TARGET]);
    let (output, timed_out) = match run_within(&mut add, Some(RUSTUP_LIMIT)) {
        Ok(answer) => answer,
        Err(BuildError::Run { .. }) => return Ok(Err("there is no rustup".to_owned())),
        Err(error) => return Err(error),
    };
    if timed_out {
        return Ok(Err(format!(
            "no answer within {} s",
            RUSTUP_LIMIT.as_secs()
        )));
    }
    if !output.status.success() {
        return Ok(Err(output.complaint()));
    }
    installed(search)
}

/// The rustc of the active toolchain, asked for one thing.
pub(crate) fn ask_rustc(dir: &Path, arguments: &[&str]) -> Result<String, BuildError> {
    let output = run(command("rustc", dir).args(arguments))?;
    if !output.status.success() {
        return Err(BuildError::Answer {
            program: "rustc".to_owned(),
            found: output.complaint(),
        });
    }
    Ok(output.stdout.trim().to_owned())
}
