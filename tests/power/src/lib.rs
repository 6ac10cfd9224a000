//! A disk that loses power, is full or fails, below a store that does not know it. For tests alone.
//!
//! A [`Disk`] watches a folder. Everything that happens to the files in it goes to the real files
//! and into a record: what SQLite does through a shim around its own VFS, and what the store does
//! beside SQLite through the disk's own functions. Nothing is really synced; a sync is an entry in
//! the record.
//!
//! From the record up to any point a [`Platter`] knows what had been synced and what had not, and
//! makes the folder as a power cut at that point may leave it: [`Cut`] says which of the unsynced
//! writes and names are there. Sectors of 512 bytes are written whole or not at all, in any order.

mod chance;
mod disk;
mod platter;
mod seeds;
mod shim;

pub use chance::Chance;
pub use disk::{Disk, Inode, Step, Trouble};
pub use platter::{Cut, Image, Platter};
pub use seeds::{Progress, seeds};
