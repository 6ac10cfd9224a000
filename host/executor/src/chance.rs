//! Where all chance of a guest comes from.

use sha2::{Digest, Sha256};

/// The seed of an attempt: run, step and attempt, never the execution, so that whoever makes the call
/// again draws the same. Journals are told again by it: it never changes.
pub(crate) fn seed_of(seed: u64, run: &str, step: &str, attempt: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(attempt.to_le_bytes());
    for part in [run, step] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::seed_of;

    #[test]
    fn every_run_step_and_attempt_has_a_chance_of_its_own() {
        let mut seeds = BTreeSet::new();
        let mut count = 0;
        for seed in [0, 1, u64::MAX] {
            // The second and the third say the same when they are written one behind the other.
            for (run, step) in [("r", "s"), ("ab", "c"), ("a", "bc"), ("r", "t"), ("q", "s")] {
                for attempt in [1, 2, 256] {
                    seeds.insert(seed_of(seed, run, step, attempt));
                    count += 1;
                }
            }
        }
        assert_eq!(seeds.len(), count);
    }

    #[test]
    fn the_chance_of_recorded_runs_stays_what_it_was() {
        let seed = seed_of(7, "run-1", "fetch", 1);
        assert_eq!(
            hex::encode(seed),
            "8af9d0145f60a5b9b388dabd388353b9e4c5f531734e6f5b8ce924ced6d73449"
        );
    }
}
