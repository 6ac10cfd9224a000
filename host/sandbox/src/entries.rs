//! Counts entries into guest code in a file of its own, so that a test can tell how often a step
//! really ran without asking the journal that is being tested. Debug builds only.

#[cfg(debug_assertions)]
use std::io::Write;

use crate::spec::Invocation;

/// The environment variable that names the file.
#[cfg(debug_assertions)]
const VARIABLE: &str = "MENAGERIE_TEST_ENTRIES";

/// Appends `run step attempt what name` in one write: just before guest code runs, with the function
/// that is called, and as `suspend` when the instance of a call that waits is gone.
#[cfg(debug_assertions)]
pub(crate) fn count(invocation: &Invocation, what: &str) {
    let Some(path) = std::env::var_os(VARIABLE) else {
        return;
    };
    let Invocation {
        run,
        step,
        attempt,
        name,
        ..
    } = invocation;
    let line = format!("{run} {step} {attempt} {what} {name}\n");
    let appended = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = appended {
        // A test that cannot count must not pass.
        eprintln!("{VARIABLE} cannot be written: {error}");
        std::process::abort();
    }
}

/// Release builds count nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn count(_invocation: &Invocation, _what: &str) {}
