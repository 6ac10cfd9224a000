//! Does a log do what a net says: alignments, token replay, precision, and the same for cases that go on.

mod align;
mod components;
mod costs;
mod diagnose;
mod estimate;
mod guided;
mod lazy;
mod levels;
mod one_way;
mod precision;
mod prefix;
mod replay;
mod search;
mod sets;
mod soundness;
mod states;

pub use align::{Aligner, Alignment, AlignmentSummary, Alignments, Move, align};
pub use diagnose::{ActivityDiagnosis, diagnose};
pub use precision::{Precision, Precisions, Unknown, precision, precision_one_way, precisions};
pub use prefix::{Prefix, PrefixChecker};
pub use replay::{Replay, ReplaySummary, TokenCounts, replay};
pub use soundness::{Unsound, soundness};
pub use states::{MOST_STATES, NetError};
