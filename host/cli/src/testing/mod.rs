//! What `menagerie test` does with a plugin: the author's own cases, and then inputs that nobody would
//! send on purpose. Each is one call in a sandbox, made twice.

mod cases;
mod hostile;
mod judge;

pub(crate) use cases::{Case, CasesFile};
pub(crate) use hostile::hostile;
pub(crate) use judge::judge;
