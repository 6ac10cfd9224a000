//! PNML (ISO/IEC 15909-2) of place/transition nets, as PM4Py, ProM and others write it.

use super::PetriNet;

mod build;
mod parse;
pub(super) mod write;

pub use write::write_pnml;

/// What ProM, PM4Py and others write for the activity of a silent transition.
const INVISIBLE: &str = "$invisible$";

/// Where something is wrong, as an offset, and what.
type Wrong = (usize, String);

/// Why a net could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct PnmlError {
    /// The line, from 1.
    pub line: u64,
    /// The column of the element that is wrong, from 1, in characters.
    pub column: u64,
    /// What is wrong.
    pub problem: String,
}

/// Reads the net of a file.
///
/// Without `finalmarkings` a net with one place that nothing leaves ends there; without an
/// `initialMarking` a net with one place that nothing enters begins there. A transition is silent if a tool
/// says that it is invisible, or if it has no name.
///
/// # Errors
/// What is wrong, with its place: XML that is not well-formed, another root, references to nothing, arcs and
/// nets of kinds that mean something else (inhibitor and reset arcs, coloured tokens), a net whose beginning or
/// end cannot be told, a second net.
pub fn read_pnml(text: &str) -> Result<PetriNet, PnmlError> {
    let built = parse::parse(text).and_then(|raw| build::build(&raw));
    built.map_err(|(offset, problem)| {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        PnmlError {
            line: before.matches('\n').count() as u64 + 1,
            column: before[line_start..].chars().count() as u64 + 1,
            problem,
        }
    })
}
