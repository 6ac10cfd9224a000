//! One `cargo build` for all plugins of a workspace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

use serde::Deserialize;

use crate::command::{cargo, command};
use crate::error::BuildError;
use crate::metadata::Workspace;
use crate::progress::{Event, Progress};
use crate::standard_library::{StandardLibrary, TARGET};

/// A guest reserves a megabyte of stack by default, all of which the host must make and give back
/// for every call.
const STACK_BYTES: u32 = 65_536;

/// What to compile, and how.
pub(crate) struct Compilation<'build> {
    pub(crate) workspace: &'build Workspace,
    pub(crate) library: &'build StandardLibrary,
    pub(crate) target_dir: &'build Path,
    /// The folder that the sources' paths are told from.
    pub(crate) source_root: &'build Path,
    pub(crate) offline: bool,
}

/// The core modules that cargo made, by package id.
pub(crate) type Modules = BTreeMap<String, PathBuf>;

enum Line {
    /// One of cargo's JSON messages.
    Message(String),
    /// One line meant for a terminal.
    Shown(String),
}

impl Compilation<'_> {
    pub(crate) fn run(&self, progress: &mut dyn Progress) -> Result<Modules, BuildError> {
        let mut build = self.command();
        let mut child = build
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(BuildError::run("cargo"))?;
        let (send, lines) = mpsc::channel();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let messages = send.clone();
        let readers = [
            thread::spawn(move || send_lines(stdout, b'\n', &messages, Line::Message)),
            // Cargo redraws its progress bar behind a carriage return.
            thread::spawn(move || send_lines(stderr, b'\r', &send, Line::Shown)),
        ];
        let mut said = Said::default();
        for line in lines {
            match line {
                Line::Message(text) => said.message(&text, progress),
                Line::Shown(text) => text.split('\n').for_each(|line| said.shown(line, progress)),
            }
        }
        for reader in readers {
            // A reader cannot panic; if it did, what it read is merely missing.
            let _ = reader.join();
        }
        let status = child.wait().map_err(BuildError::run("cargo"))?;
        if !status.success() {
            let output = said.errors + &said.complaint;
            return Err(BuildError::Compile {
                dir: self.workspace.root.clone(),
                output,
            });
        }
        Ok(said.modules)
    }

    fn command(&self) -> Command {
        let mut build = command(cargo(), &self.workspace.root);
        build.args([
            "build",
            "--release",
            "--lib",
            "--message-format=json",
            "--target",
            TARGET,
        ]);
        build.arg("--target-dir").arg(self.target_dir);
        for plugin in &self.workspace.plugins {
            build.args(["--package", &plugin.id]);
        }
        if self.offline {
            build.arg("--offline");
        }
        build.args(&self.library.arguments);
        build
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "120");
        build.env("CARGO_TERM_COLOR", "never");
        build.env("CARGO_ENCODED_RUSTFLAGS", self.rustc_flags());
        build.envs(
            self.library
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        build
    }

    /// The flags, apart by the separator that cargo wants. A path of this machine would make the
    /// same source into other bytes elsewhere, and would tell every user where it was compiled.
    fn rustc_flags(&self) -> OsString {
        let mut flags = OsString::from(format!("-Clink-arg=-zstack-size={STACK_BYTES}"));
        let mut remap = |from: &Path, to: &str| {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        };
        for registry in &self.workspace.registries {
            remap(registry, "/registry");
        }
        for (name, dir) in &self.workspace.local {
            if !dir.starts_with(self.source_root) {
                remap(dir, &format!("/local/{name}"));
            }
        }
        if let Some(source) = &self.library.source {
            remap(source, "/rustc");
        }
        remap(self.source_root, "/source");
        flags
    }
}

fn send_lines(
    pipe: Option<impl Read>,
    end: u8,
    lines: &Sender<Line>,
    make: impl Fn(String) -> Line,
) {
    let Some(pipe) = pipe else { return };
    for line in BufReader::new(pipe).split(end) {
        let Ok(line) = line else { return };
        if lines
            .send(make(String::from_utf8_lossy(&line).into_owned()))
            .is_err()
        {
            return;
        }
    }
}

/// What cargo and the compiler have said so far.
#[derive(Default)]
struct Said {
    modules: Modules,
    errors: String,
    /// Cargo's own words, from the first error on.
    complaint: String,
}

#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact {
        package_id: String,
        target: Target,
        filenames: Vec<PathBuf>,
    },
    #[serde(rename = "compiler-message")]
    Diagnostic { message: Diagnostic },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

impl Said {
    fn message(&mut self, line: &str, progress: &mut dyn Progress) {
        // A build script's output may be among the messages; it is of no interest.
        let Ok(message) = serde_json::from_str(line) else {
            return;
        };
        match message {
            Message::Artifact {
                package_id,
                target,
                filenames,
            } => {
                let is_module = |path: &PathBuf| path.extension().is_some_and(|end| end == "wasm");
                if target.crate_types.iter().any(|kind| kind == "cdylib")
                    && let Some(path) = filenames.into_iter().find(is_module)
                {
                    self.modules.insert(package_id, path);
                }
            }
            Message::Diagnostic { message } => {
                let Some(text) = message.rendered else { return };
                match message.level.as_str() {
                    "warning" => progress.report(Event::Warning { text: &text }),
                    level if level.starts_with("error") => self.errors.push_str(&text),
                    _ => {}
                }
            }
            Message::Other => {}
        }
    }

    fn shown(&mut self, line: &str, progress: &mut dyn Progress) {
        let line = line.trim_start_matches("\u{1b}[K").trim_end();
        if let Some((done, total, crates)) = progress_bar(line) {
            progress.report(Event::Compiling {
                done,
                total,
                crates,
            });
        } else if line.starts_with("error") || (!self.complaint.is_empty() && !line.is_empty()) {
            self.complaint.push_str(line);
            self.complaint.push('\n');
        }
    }
}

/// Reads `Building [====>   ] 12/40: serde, syn`.
fn progress_bar(line: &str) -> Option<(u32, u32, &str)> {
    let bar = line.trim_start().strip_prefix("Building [")?;
    let (_, counts) = bar.split_once("] ")?;
    let (counts, crates) = counts.split_once(':').unwrap_or((counts, ""));
    let (done, total) = counts.trim().split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?, crates.trim()))
}

#[cfg(test)]
mod tests {
    use super::progress_bar;

    #[test]
    fn a_progress_bar_is_read_and_anything_else_is_not() {
        let line = "    Building [=======>           ] 12/40: serde, syn(build.rs)";
        assert_eq!(progress_bar(line), Some((12, 40, "serde, syn(build.rs)")));
        assert_eq!(progress_bar("   Compiling serde v1.0.0"), None);
        assert_eq!(progress_bar("error: Building [x] 1/2: a"), None);
    }
}
