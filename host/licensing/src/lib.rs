//! From the bytes of a licence file and the time to what this host may do.
//!
//! Pure: no clock, no files, no network. [`verify`] is asked once, when a host starts; what it
//! answers is recorded with each run, and from there on its figures are plain limits. A licence
//! narrows and widens nothing but what [`Entitlements`] names, and every other setting stays as
//! the user set it.

mod entitlements;
pub mod issue;
mod keys;
mod licence;
#[cfg(test)]
mod tests;
mod tier;

pub use entitlements::{Entitlements, Refusal};
pub use keys::TrustedKeys;
pub use licence::{LicenceError, verify};
pub use tier::{Feature, Limit, Limits, Tier};
