//! The wording that all messages share: quoting, lists, suggestions.

/// The most characters of a user's text that a message repeats.
const LONGEST_QUOTE: usize = 60;
/// The most characters that a message takes over from a library.
const LONGEST_SENTENCE: usize = 240;

/// `text` between backticks, shortened, with everything escaped that could act on a terminal.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", harmless(text))
}

/// `text` shortened, with everything escaped that could act on a terminal.
pub(super) fn harmless(text: &str) -> String {
    harmless_to(text, LONGEST_QUOTE)
}

/// The same for the words of a library, which may be longer than a quote.
pub(super) fn harmless_sentence(text: &str) -> String {
    harmless_to(text, LONGEST_SENTENCE)
}

fn harmless_to(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == longest {
            shown.push('…');
            break;
        }
        if matches!(character, '"' | '\'' | '\\') {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
    }
    shown
}

/// `` `a`, `b` or `c` ``; what to say when there are none is the caller's.
pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    listed(names.into_iter().map(quoted).collect())
}

/// `a, b or c`.
pub(super) fn listed(mut words: Vec<String>) -> String {
    let Some(last) = words.pop() else {
        return String::new();
    };
    if words.is_empty() {
        return last;
    }
    format!("{} or {last}", words.join(", "))
}

/// The name among `known` that `found` most likely was meant to be.
pub(super) fn closest<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let found = found.to_lowercase();
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&found, &name.to_lowercase()),
                name,
            )
        })
        // A third of the longer name may be wrong, and one letter of any name.
        .filter(|(distance, name)| {
            let longer = found.chars().count().max(name.chars().count());
            *distance <= (longer / 3).max(1) && *distance < longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean `name`?`
pub(super) fn did_you_mean<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    closest(found, known).map(|name| format!("did you mean {}?", quoted(name)))
}
