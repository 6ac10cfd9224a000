//! Feeds parsers what is nearly good. For tests alone.
//!
//! A target is an ordinary test: it takes its seeds out of `tests/fuzz/corpus/TARGET` or makes them, and
//! hands [`fuzz`] what is to hold for any bytes at all. Inputs are made out of the seeds by a generator
//! that is seeded by the target's name, so that every run of a build tries the same inputs in the same
//! order; how far it comes depends on the time that it is given: [`SECONDS`] or its own, or what
//! `MENAGERIE_FUZZ_SECONDS` says. No coverage is measured: the compiler that CI uses has no stable
//! switch for it. What is found is written into the
//! system's folder for temporary files, under a path that is told, and belongs into the corpus afterwards.

mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use mutate::Mutator;

/// How long a target is tried where nothing else is said.
pub const SECONDS: u64 = 6;
/// So many inputs are tried at least, however long a busy machine takes for them.
const FEWEST: u64 = 100;
/// The variable that says something else.
const VARIABLE: &str = "MENAGERIE_FUZZ_SECONDS";
/// When it is set, each input is written down before it is tried: for what ends the whole process, as an
/// exhausted stack does.
const KEEP: &str = "MENAGERIE_FUZZ_KEEP";
/// Bytes of an input that are shown.
const SHOWN: usize = 600;

/// The kept inputs of a target, in the order of their names.
///
/// # Panics
/// When there are none: a target without seeds finds nothing.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    files.sort();
    let read = |path: &PathBuf| std::fs::read(path).ok();
    let seeds: Vec<Vec<u8>> = files.iter().filter_map(read).collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}

/// Checks the seeds as they are, and then what is made of them, until the time is over. `words` are
/// what the parser takes for special.
///
/// # Panics
/// When `check` does, with the input that it did so for.
pub fn fuzz(target: &str, seeds: &[Vec<u8>], words: &[&str], check: impl Fn(&[u8])) {
    fuzz_for(SECONDS, target, seeds, words, check);
}

/// The same, for a target that is given other than [`SECONDS`] where nothing is said: a check so quick
/// that less is enough.
///
/// # Panics
/// When `check` does, with the input that it did so for.
pub fn fuzz_for(
    seconds: u64,
    target: &str,
    seeds: &[Vec<u8>],
    words: &[&str],
    check: impl Fn(&[u8]),
) {
    let time = std::env::var(VARIABLE).ok();
    let seconds = time.map_or(seconds, |text| match text.parse() {
        Ok(seconds) => seconds,
        Err(_) => panic!("{VARIABLE}: found `{text}`, expected a number of seconds"),
    });
    let keeps = std::env::var_os(KEEP).is_some();
    let tried = |round: u64, input: &[u8]| {
        if keeps {
            write_down(target, 0, input);
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
            keep(target, round, input);
            resume_unwind(panic);
        }
    };
    for seed in seeds {
        tried(0, seed);
    }
    let mut mutator = Mutator::new(target, seeds, words);
    let (began, mut rounds) = (Instant::now(), 0);
    while rounds < FEWEST || began.elapsed() < Duration::from_secs(seconds) {
        rounds += 1;
        tried(rounds, &mutator.next_input());
    }
    println!(
        "{target}: {rounds} inputs in {} s",
        began.elapsed().as_secs()
    );
}

/// Says what the input was, and writes it down.
fn keep(target: &str, round: u64, input: &[u8]) {
    let shown = input.get(..SHOWN).unwrap_or(input).escape_ascii();
    eprintln!("{target}, input {round}, {} bytes: {shown}", input.len());
    write_down(target, round, input);
}

fn write_down(target: &str, round: u64, input: &[u8]) {
    let path = std::env::temp_dir().join(format!("menagerie-fuzz-{target}-{round}"));
    match std::fs::write(&path, input) {
        Ok(()) if round > 0 => eprintln!("all of it is in {}", path.display()),
        Ok(()) => {}
        Err(error) => eprintln!("it could not be written down: {error}"),
    }
}
