//! Tools of other languages, each release in a private folder of its own that is made when it is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::{command, run, run_within};
use crate::error::BuildError;
use crate::lock::lock;
use crate::progress::{Event, Progress};

/// Some hundred MB at the most, over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// Written last: a folder without it was left by an interrupted installation.
const COMPLETE: &str = "complete";

/// Where tools are kept, and whether they may be fetched.
pub(crate) struct Tools<'tools> {
    pub(crate) dir: &'tools Path,
    pub(crate) offline: bool,
}

impl Tools<'_> {
    /// JavaScript packages from the npm registry.
    pub(crate) fn npm(
        &self,
        name: &str,
        packages: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, BuildError> {
        self.installed(name, "npm install", packages, progress, |folder| {
            let manifest = folder.join("package.json");
            fs::write(&manifest, "{\"private\":true,\"type\":\"module\"}\n")
                .map_err(BuildError::file(&manifest))?;
            let mut install = command("npm", folder);
            // Nothing that a package brings is run on this machine before it is asked for.
            install.args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--save-exact",
            ]);
            install.args(packages);
            step(&mut install, "npm")
        })
    }

    /// Python packages in a virtual environment; the answer is the environment.
    pub(crate) fn pip(
        &self,
        name: &str,
        packages: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, BuildError> {
        self.installed(name, "pip install", packages, progress, |folder| {
            step(
                command("python3", folder).args(["-m", "venv", "."]),
                "python3",
            )?;
            let pip = folder.join("bin").join("pip");
            let mut install = command(pip, folder);
            install.args([
                "install",
                "--disable-pip-version-check",
                "--only-binary=:all:",
            ]);
            install.args(packages);
            step(&mut install, "pip")
        })
    }

    fn installed(
        &self,
        name: &str,
        doing: &str,
        packages: &[&str],
        progress: &mut dyn Progress,
        install: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<PathBuf, BuildError> {
        let folder = self.dir.join(name);
        let complete = folder.join(COMPLETE);
        let wanted = packages.join(" ");
        // What was moved here is of no use: an environment of Python's holds its own path in every script.
        let stamp = format!("{wanted}\n{}\n", folder.display());
        let is_there = || fs::read_to_string(&complete).is_ok_and(|found| found == stamp);
        if is_there() {
            return Ok(folder);
        }
        if self.offline {
            return Err(BuildError::Toolchain {
                what: wanted,
                reason: format!(
                    "it is not in {} yet, and nothing may be downloaded",
                    folder.display()
                ),
            });
        }
        let _lock = lock(self.dir, progress)?;
        if is_there() {
            return Ok(folder);
        }
        let doing = format!("{doing} {wanted}, into {}", folder.display());
        progress.report(Event::Installing { doing: &doing });
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(BuildError::file(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(BuildError::file(&folder))?;
        install(&folder)?;
        fs::write(&complete, stamp).map_err(BuildError::file(&complete))?;
        Ok(folder)
    }
}

/// Runs one step of an installation.
fn step(tool: &mut Command, name: &str) -> Result<(), BuildError> {
    let failed = |reason: String| BuildError::Toolchain {
        what: name.to_owned(),
        reason,
    };
    let (output, timed_out) =
        run_within(tool, Some(INSTALL_LIMIT)).map_err(|error| match error {
            BuildError::Run { program, source } => failed(format!(
                "`{program}` cannot be run ({source}); it has to be installed"
            )),
            other => other,
        })?;
    if timed_out {
        return Err(failed(format!(
            "no end within {} s",
            INSTALL_LIMIT.as_secs()
        )));
    }
    if !output.status.success() {
        return Err(failed(output.complaint()));
    }
    Ok(())
}

/// Runs the tool that makes a component; what it says of the source is for the author.
pub(crate) fn compile(tool: &mut Command, dir: &Path) -> Result<(), BuildError> {
    let output = run(tool)?;
    if output.status.success() {
        return Ok(());
    }
    let said = format!("{}{}", output.stdout, output.stderr);
    Err(BuildError::Compile {
        dir: dir.to_owned(),
        output: said,
    })
}
