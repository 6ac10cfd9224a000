//! Property tests that say how to repeat them.

use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

/// A new seed for each test, printed; `PROPTEST_RNG_SEED` sets it.
pub(crate) fn seeded() -> Config {
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().build_hasher().finish());
    }
    println!("PROPTEST_RNG_SEED={}", config.rng_seed);
    config
}
