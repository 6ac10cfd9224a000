//! Random numbers for a guest: SHA-256 of the call's seed and a counter, so that they are the same
//! on every machine whenever the call is executed again.

use sha2::{Digest, Sha256};

const DOMAIN: &[u8] = b"menagerie random 1";

/// A stream of bytes that depends on the seed alone.
#[derive(Clone, Debug)]
pub(crate) struct SeededRandom {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl SeededRandom {
    pub(crate) fn new(seed: [u8; 32]) -> SeededRandom {
        SeededRandom {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    pub(crate) fn fill(&mut self, target: &mut [u8]) {
        let mut rest = target;
        while !rest.is_empty() {
            if self.used == self.block.len() {
                self.next_block();
            }
            let count = rest.len().min(self.block.len() - self.used);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&self.block[self.used..self.used + count]);
            self.used += count;
            rest = later;
        }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// From 0 inclusive to 1 exclusive, with 53 random bits.
    pub(crate) fn next_f64(&mut self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next_block(&mut self) {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.seed);
        hash.update(self.counter.to_le_bytes());
        self.block = hash.finalize().into();
        self.counter += 1;
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_however_it_is_cut() {
        let mut whole = [0; 100];
        SeededRandom::new([7; 32]).fill(&mut whole);
        let mut pieces = [0; 100];
        let mut random = SeededRandom::new([7; 32]);
        for piece in pieces.chunks_mut(9) {
            random.fill(piece);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn another_seed_gives_another_stream() {
        let mut first = SeededRandom::new([7; 32]);
        let mut second = SeededRandom::new([8; 32]);
        assert_ne!(first.next_u32(), second.next_u32());
    }

    #[test]
    fn fractions_fill_the_unit_interval() {
        let mut random = SeededRandom::new([1; 32]);
        let drawn: Vec<f64> = (0..1_000).map(|_| random.next_f64()).collect();
        assert!(drawn.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = drawn.iter().sum::<f64>() / 1_000.0;
        assert!(
            (0.45..0.55).contains(&mean),
            "the mean of a thousand draws is {mean}"
        );
    }
}
