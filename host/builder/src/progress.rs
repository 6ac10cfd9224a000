//! What a build says while it goes on.

use std::path::Path;

use crate::standard_library::Way;

/// One thing that happens during a build.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'build> {
    /// Another process builds in the same folder; it is waited for.
    Waiting {
        /// The lock that the other process holds.
        lock: &'build Path,
    },
    /// A standard library is looked for in this way, which may take a download.
    TryingStandardLibrary {
        /// The way.
        way: Way,
        /// What is being done, in a few words.
        doing: &'build str,
    },
    /// This is the way that works.
    StandardLibrary {
        /// The way.
        way: Way,
    },
    /// A language's tools are fetched into a folder of their own.
    Installing {
        /// What is installed, and where.
        doing: &'build str,
    },
    /// Cargo, or another language's tool, compiles.
    Compiling {
        /// Units that are done.
        done: u32,
        /// Units in all.
        total: u32,
        /// What is being compiled.
        crates: &'build str,
    },
    /// The compiler warns about a package of the workspace; the text is whole and has several lines.
    Warning {
        /// The warning as the compiler shows it.
        text: &'build str,
    },
    /// A module is made into a component.
    Encoding {
        /// Components that are done.
        done: u32,
        /// Components in all.
        total: u32,
        /// The plugin.
        name: &'build str,
    },
}

/// Who listens to a build; every `FnMut(Event<'_>)` does.
pub trait Progress {
    /// Is told of one thing; should return quickly.
    fn report(&mut self, event: Event<'_>);
}

impl<Listen: FnMut(Event<'_>)> Progress for Listen {
    fn report(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&mut self, _event: Event<'_>) {}
}
