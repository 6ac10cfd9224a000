//! What `menagerie test` does with a plugin: the author's own cases, then inputs and answers of the outside that
//! nobody would send on purpose. Each is one call in a sandbox, made twice; nothing outside is reached.

mod answers;
mod asked;
mod cases;
#[cfg(test)]
mod fuzzed;
mod hostile;
mod judge;
mod memory;
mod mocks;
mod result;
mod tested;

pub(crate) use cases::{Case, cases_of, replayed};
pub(crate) use result::TestResult;
pub(crate) use tested::Tested;

use answers::answers;
use cases::{Attachment, Shown};
use hostile::hostile;
use judge::judge;
use memory::{File, Memory};
use mocks::{Mock, Mocks};
