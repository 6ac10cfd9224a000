//! When a failed attempt is made again.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::flow::RetryPolicy;

/// The delay before retry number `retry` (counted from 1):
/// `min(base · 2^(retry − 1) + U(0, 10 % of that term), max_delay)`, where U is drawn from `seed`
/// and `key`, so that the same run waits the same time whenever it is told again.
#[must_use]
pub fn delay(policy: &RetryPolicy, retry: u32, seed: u64, key: &str) -> Duration {
    let doublings = retry.saturating_sub(1).min(63);
    let term = policy
        .base
        .as_millis()
        .saturating_mul(1_u128 << doublings)
        .min(u128::from(u64::MAX / 2));
    let jitter = term / 10 * u128::from(draw(seed, key, retry)) / u128::from(u64::MAX);
    let milliseconds = (term + jitter).min(policy.max_delay.as_millis());
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
}

/// A uniform number out of a seed and what it is for.
fn draw(seed: u64, key: &str, retry: u32) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(retry.to_le_bytes());
    hash.update(key.as_bytes());
    let digest = hash.finalize();
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_delay_doubles_with_at_most_a_tenth_of_jitter_and_is_capped() {
        let policy = RetryPolicy::default();
        for (retry, floor) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 8_000), (5, 16_000)] {
            let delay = delay(&policy, retry, 7, "step-1").as_millis();
            assert!(
                (floor..=floor + floor / 10).contains(&delay),
                "{retry}: {delay}"
            );
        }
        assert_eq!(delay(&policy, 6, 7, "step-1"), Duration::from_secs(30));
        assert_eq!(
            delay(&policy, u32::MAX, 7, "step-1"),
            Duration::from_secs(30)
        );
    }

    #[test]
    fn different_steps_and_seeds_wait_differently() {
        let policy = RetryPolicy::default();
        let one = delay(&policy, 3, 7, "step-1");
        assert_eq!(one, delay(&policy, 3, 7, "step-1"));
        assert_ne!(one, delay(&policy, 3, 7, "step-2"));
        assert_ne!(one, delay(&policy, 3, 8, "step-1"));
    }

    proptest! {
        #[test]
        fn no_policy_overflows(base in 0_u64.., max in 0_u64.., retry in 0_u32.., seed: u64) {
            let policy = RetryPolicy {
                max_retries: 1,
                base: Duration::from_millis(base),
                max_delay: Duration::from_millis(max),
            };
            prop_assert!(delay(&policy, retry, seed, "k") <= policy.max_delay);
        }
    }
}
