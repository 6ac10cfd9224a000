//! Inputs that are nearly good: out of seeds, by small changes of bytes, of numbers and of pieces.

/// Numbers that parsers stumble over.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1e999",
    "-0",
    "0.1",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "18446744073709551616",
    "99999999999999999999999999",
    "1e-400",
];
/// Bytes that mean something somewhere.
const BYTES: &[u8] = b"\x00\x01\x7f\x80\xc0\xed\xf4\xff\"'\\/<>&;{}[]()=:,.#%@-+ \t\r\n";
/// No input is longer.
const LONGEST: usize = 1 << 20;

/// Makes inputs, the same ones for the same name, seeds and words.
#[derive(Debug)]
pub struct Mutator<'seeds> {
    state: u64,
    seeds: &'seeds [Vec<u8>],
    words: &'seeds [&'seeds str],
}

impl<'seeds> Mutator<'seeds> {
    /// A generator that is seeded by a name.
    #[must_use]
    pub fn new(name: &str, seeds: &'seeds [Vec<u8>], words: &'seeds [&'seeds str]) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self {
            state,
            seeds,
            words,
        }
    }

    /// SplitMix64.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `most`, which is not 0.
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.number() % most.max(1) as u64).unwrap_or(0)
    }

    /// A place in the input, its end included.
    fn place(&mut self, input: &[u8]) -> usize {
        self.below(input.len() + 1)
    }

    /// A piece of some input, more often a short one.
    fn piece(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let from = self.place(input);
        let most = if self.below(4) == 0 { input.len() } else { 16 };
        let length = self.below(most + 1).min(input.len() - from);
        from..from + length
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let chosen = self.below(self.seeds.len());
        let mut input = self.seeds.get(chosen).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
            input.truncate(LONGEST);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        match self.below(11) {
            0 => self.flip_a_bit(input),
            1 => {
                let byte = BYTES[self.below(BYTES.len())];
                let at = self.place(input);
                input.insert(at, byte);
            }
            2 => {
                let gone = self.piece(input);
                input.drain(gone);
            }
            3 => {
                let piece = self.piece(input);
                let piece = input[piece].to_vec();
                let at = self.place(input);
                input.splice(at..at, piece);
            }
            4 => self.repeat_a_piece(input),
            5 => {
                let at = self.place(input);
                input.truncate(at);
            }
            6 => self.splice_another(input),
            7 | 8 => self.put_a_word(input),
            9 => self.put_a_number(input),
            _ => self.overwrite(input),
        }
    }

    fn flip_a_bit(&mut self, input: &mut [u8]) {
        let (at, bit) = (self.below(input.len()), self.below(8));
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    /// Depth, width and length, where a parser counts them.
    fn repeat_a_piece(&mut self, input: &mut Vec<u8>) {
        let piece = self.piece(input);
        let piece = input[piece].to_vec();
        let at = self.place(input);
        let times = 1 << self.below(9);
        input.splice(at..at, piece.repeat(times));
    }

    fn splice_another(&mut self, input: &mut Vec<u8>) {
        let other = self.below(self.seeds.len());
        let seeds = self.seeds;
        let other = &seeds[other];
        let piece = self.piece(other);
        let gone = self.piece(input);
        input.splice(gone, other[piece].iter().copied());
    }

    fn put_a_word(&mut self, input: &mut Vec<u8>) {
        if self.words.is_empty() {
            return self.overwrite(input);
        }
        let word = self.words[self.below(self.words.len())];
        let at = self.place(input);
        // In the place of another word, or between two.
        let end = match self.below(2) {
            0 => at,
            _ => end_of_run(input, at, u8::is_ascii_alphanumeric),
        };
        input.splice(at..end, word.bytes());
    }

    fn put_a_number(&mut self, input: &mut Vec<u8>) {
        let from = self.place(input);
        let found = input[from..].iter().position(u8::is_ascii_digit);
        let at = found.map_or(from, |found| from + found);
        let end = end_of_run(input, at, u8::is_ascii_digit);
        let number = NUMBERS[self.below(NUMBERS.len())];
        input.splice(at..end, number.bytes());
    }

    fn overwrite(&mut self, input: &mut [u8]) {
        let piece = self.piece(input);
        for at in piece {
            input[at] = self.number().to_le_bytes()[0];
        }
    }
}

fn end_of_run(input: &[u8], from: usize, belongs: impl Fn(&u8) -> bool) -> usize {
    let other = input[from..].iter().position(|byte| !belongs(byte));
    other.map_or(input.len(), |other| from + other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_the_same_for_the_same_name_and_hardly_ever_the_same_twice() {
        let seeds = [b"{\"a\": [1, 22, 333]}".to_vec(), Vec::new()];
        let inputs = |name: &str| {
            let mut mutator = Mutator::new(name, &seeds, &["true", "null"]);
            (0..2_000).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs("one"), inputs("one"));
        assert_ne!(inputs("one"), inputs("other"));
        let distinct: std::collections::HashSet<_> = inputs("one").into_iter().collect();
        assert!(distinct.len() > 1_000, "{}", distinct.len());
    }
}
