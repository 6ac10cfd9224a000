//! What can go wrong while a plugin is built.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Neither installed, nor to be had from rustup or Debian.
    #[error(
        "no standard library for the target wasm32-unknown-unknown:\n{tried}\n\
         install it with `rustup target add wasm32-unknown-unknown`, or, on Debian 12 with its \
         security suite, make the packages rustc-web, libstd-rust-web-dev and rust-web-src available"
    )]
    NoStandardLibrary {
        /// One line for each way that was tried, and why it failed.
        tried: String,
    },
    /// The way that was asked for is none.
    #[error("MENAGERIE_WASM_STD is `{found}`; it may be `installed`, `rustup` or `debian`")]
    UnknownWay {
        /// What was found.
        found: String,
    },
    /// The source does not compile, or cargo could not even begin.
    #[error("{dir} does not build:\n{output}", dir = dir.display())]
    Compile {
        /// The workspace or package.
        dir: PathBuf,
        /// What the compiler and cargo said, whole.
        output: String,
    },
    /// Nothing in there is a plugin.
    #[error(
        "{dir} holds no plugin: a plugin is a package with `crate-type = [\"cdylib\"]` in its `[lib]` section",
        dir = dir.display()
    )]
    NoPlugin {
        /// The workspace or package.
        dir: PathBuf,
    },
    /// Nothing in there says what language it is.
    #[error(
        "{dir} is not the folder of a plugin: found no Cargo.toml, package.json, pyproject.toml or menagerie.toml in it, expected one of these",
        dir = dir.display()
    )]
    NoProject {
        /// The folder.
        dir: PathBuf,
    },
    /// Two plugins would be one file.
    #[error("two plugins are called `{name}`: {first} and {second}", first = first.display(), second = second.display())]
    SameName {
        /// The name.
        name: String,
        /// One package's folder.
        first: PathBuf,
        /// The other's.
        second: PathBuf,
    },
    /// The module was compiled, but no component can be made of it.
    #[error("package `{package}` is no plugin: {reason}")]
    Encode {
        /// The package's name.
        package: String,
        /// What is wrong with the module.
        reason: String,
    },
    /// A project says something of itself that is not understood.
    #[error("{file}: {reason}", file = file.display())]
    Project {
        /// The file.
        file: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A language's tools are not there and cannot be had.
    #[error("the tools for this language cannot be had: {what}: {reason}")]
    Toolchain {
        /// What was to be installed, or what was to install it.
        what: String,
        /// Why there is none.
        reason: String,
    },
    /// A tool that is needed cannot be started.
    #[error("`{program}` cannot be run")]
    Run {
        /// The tool.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A tool answered something that is not understood.
    #[error("`{program}` answered something unexpected: {found}")]
    Answer {
        /// The tool.
        program: String,
        /// What it said.
        found: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BuildError {
    /// Makes an I/O error into one that names the file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// Makes an I/O error into one that names the tool.
    pub(crate) fn run(program: &str) -> impl FnOnce(io::Error) -> Self {
        let program = program.to_owned();
        move |source| Self::Run { program, source }
    }
}
