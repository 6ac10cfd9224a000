//! The one integration binary: the real `menagerie`, real components, a real store, real kills.
//!
//! It is a test of `host/cli`, so that Cargo builds the program first. A file that stands in this
//! folder and not in this list fails [`every_file_is_part_of_this_binary`].

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod commands;
mod crashes;
mod doctored;
mod endurance;
