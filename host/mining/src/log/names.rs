//! Texts that occur often, each kept once.

use std::num::NonZeroU32;

use rustc_hash::FxHashMap;

/// The number of a text in [`Names`]. As large as an `Option` of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(NonZeroU32);

impl Name {
    /// From 0, without gaps: to be an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Texts by number, and numbers by text.
#[derive(Debug, Clone, Default)]
pub struct Names {
    texts: Vec<Box<str>>,
    numbers: FxHashMap<Box<str>, Name>,
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Names {
    /// The number of a text, a new one where it was never seen.
    ///
    /// # Panics
    /// Beyond four thousand million different texts, whose memory no machine has.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = self.numbers.get(text) {
            return *name;
        }
        let count = u32::try_from(self.texts.len() + 1).expect("fewer names than 2^32");
        let name = Name(NonZeroU32::new(count).expect("counted from one"));
        self.texts.push(text.into());
        self.numbers.insert(text.into(), name);
        name
    }

    /// The number of a text that was seen.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    /// The text.
    #[must_use]
    pub fn text(&self, name: Name) -> &str {
        &self.texts[name.index()]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}
