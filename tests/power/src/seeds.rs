//! Owns which seeds a suite tries, and the telling of how far it is.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The variable that names the seeds to try: one, `1116`, or a range without its end, `1100..1200`.
const SEEDS: &str = "MENAGERIE_TEST_SEED";

/// The seeds that the environment names, or else the usual ones.
///
/// # Panics
/// When the variable names none: a test that believes it tries something must not pass.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    match std::env::var(SEEDS) {
        Ok(told) => parse(&told).unwrap_or_else(|| {
            panic!("{SEEDS} is {told:?}, expected a number, or a range such as 1100..1200")
        }),
        Err(_) => usual,
    }
}

fn parse(told: &str) -> Option<Range<u64>> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match told.split_once("..") {
        Some((first, end)) => Some(number(first)?..number(end)?).filter(|seeds| !seeds.is_empty()),
        None => number(told).and_then(|seed| Some(seed..seed.checked_add(1)?)),
    }
}

/// Tells a hundred times how much of something long is done; nothing of what is short.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    all: u64,
    each: u64,
    done: AtomicU64,
    begun: Instant,
}

impl Progress {
    /// Something of so many parts, such as `power cuts` of 200 seeds.
    pub fn new(what: &'static str, all: u64) -> Self {
        Self {
            what,
            all,
            each: (all / 100).max(1),
            done: AtomicU64::new(0),
            begun: Instant::now(),
        }
    }

    /// Another part is done: the one of this seed.
    pub fn passed(&self, seed: u64) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.all >= 100 && (done.is_multiple_of(self.each) || done == self.all) {
            eprintln!(
                "{}: {done} of {} after {} s, the last with seed {seed}",
                self.what,
                self.all,
                self.begun.elapsed().as_secs()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn seeds_are_a_number_or_a_range_that_is_not_empty() {
        assert_eq!(parse("7"), Some(7..8));
        assert_eq!(parse("7..9"), Some(7..9));
        for wrong in [
            "",
            "x",
            "7..",
            "..9",
            "9..7",
            "7..7",
            "-1",
            "18446744073709551615",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
