//! The program under test, in a store and a cache of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        folder.canonicalize().unwrap()
    })
}

/// The review of a lock file that the demo runs.
pub(crate) fn review() -> PathBuf {
    root().join("host/cli/examples/review.toml")
}

/// The same, led by rules.
pub(crate) fn review_by_rules() -> PathBuf {
    root().join("host/cli/examples/review-rules.toml")
}

/// A store of its own; compiled plugins are shared by all tests.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    /// Where the store is, if not in its usual place.
    pub(crate) data: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}\nstdout: {}\nstderr: {}", self.stdout, self.stderr)
        })
    }

    /// Requires an exit code.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            data: None,
        }
    }

    /// A path within the place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file within the place.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program, its settings within this place.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_menagerie"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MENAGERIE_") && name != "MENAGERIE_WASM_STD" {
                command.env_remove(name);
            }
        }
        command
            .env(
                "MENAGERIE_DATA",
                self.data.clone().unwrap_or_else(|| self.path("store")),
            )
            .env("MENAGERIE_CACHE", cache())
            .env("XDG_CONFIG_HOME", self.path("no-settings"));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<Argument: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Ended {
        ended(self.command().args(arguments))
    }

    /// Runs the review of a lock file's text, answered as JSON.
    pub(crate) fn run_review(&self, flow: &Path, lock: &str, more: &[&str]) -> Ended {
        let lock = self.write("Cargo.lock", lock);
        let mut command = self.command();
        command.arg("run").arg(flow).arg("--json");
        command
            .arg("--input")
            .arg(format!("@{}", lock.display()))
            .args(more);
        ended(&mut command)
    }
}

/// Another program's hand in the store: Python's own SQLite, behind the host's back. `db` is the database.
pub(crate) fn tamper(place: &Place, script: &str) {
    let script =
        format!("import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n{script}\ndb.commit()");
    let status = Command::new("python3")
        .args(["-c", &script])
        .arg(place.path("store/journal.db"))
        .status()
        .unwrap();
    assert!(status.success(), "{script}");
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ended {
        code: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Compiled once for all tests of this binary, and for the next time it runs.
pub(crate) fn cache() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_menagerie"));
    program.parent().unwrap().join("test-cache")
}

/// A small lock file without anything to complain about.
pub(crate) const CLEAN_LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["serde"]

[[package]]
name = "serde"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "1111111111111111111111111111111111111111111111111111111111111111"
"#;

/// One with a package out of a git repository.
pub(crate) const GIT_LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["odd"]

[[package]]
name = "odd"
version = "0.2.0"
source = "git+https://example.org/odd?branch=main#0123456789abcdef0123456789abcdef01234567"
"#;
