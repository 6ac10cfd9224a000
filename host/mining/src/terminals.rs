//! What a terminal would act on, when somebody looks at a log there.

/// Deletion, the controls above ASCII, and the marks that reorder what is shown or break lines
/// unseen. Neither XML nor JSON requires that they are escaped; both can.
pub(crate) fn acts_on_terminals(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}
