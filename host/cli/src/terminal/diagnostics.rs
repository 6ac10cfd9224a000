//! Problems of a file, shown at their place.

use std::fmt;
use std::io::IsTerminal;

use menagerie_orchestration::flow_file::{Position, Problem};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use crate::terminal::text::{is_harmful, safe_line};

/// A problem at a place, in words that are whole by themselves.
pub(crate) fn problem_at(place: Position, message: String) -> Problem {
    Problem {
        line: place.line,
        column: place.column,
        length: place.length,
        span: place.span,
        found: String::new(),
        expected: String::new(),
        message,
        help: None,
    }
}

/// A problem of the file as a whole.
pub(crate) fn problem_at_start(message: String) -> Problem {
    let start = Position {
        line: 1,
        column: 1,
        length: 0,
        span: 0..0,
    };
    problem_at(start, message)
}

/// A problem as miette shows it.
#[derive(Debug)]
struct Shown {
    head: String,
    label: String,
    help: Option<String>,
    span: std::ops::Range<usize>,
    source: NamedSource<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some(self.label.clone()), self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// All problems of a file: in boxes and colours on a terminal, one line each elsewhere.
pub(crate) fn render_problems(name: &str, text: &str, problems: &[Problem]) -> String {
    let pretty = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut rendered = String::new();
    for problem in problems {
        if !pretty || render_pretty(name, text, problem, &mut rendered).is_err() {
            rendered.push_str(&plain(name, problem));
            rendered.push('\n');
        }
    }
    let count = problems.len();
    rendered.push_str(&format!(
        "error: {}: {count} problem{}\n",
        safe_line(name),
        if count == 1 { "" } else { "s" }
    ));
    rendered
}

fn plain(name: &str, problem: &Problem) -> String {
    if problem.expected.is_empty() {
        return format!(
            "{}:{}:{}: {}",
            safe_line(name),
            problem.line,
            problem.column,
            safe_line(&problem.message)
        );
    }
    safe_line(&problem.in_file(name).to_string())
}

fn render_pretty(name: &str, text: &str, problem: &Problem, out: &mut String) -> fmt::Result {
    let label = if problem.expected.is_empty() {
        "here".to_owned()
    } else {
        format!("found {}, expected {}", problem.found, problem.expected)
    };
    let shown = Shown {
        head: safe_line(&problem.message),
        label: safe_line(&label),
        help: problem.help.as_deref().map(safe_line),
        span: problem.span.clone(),
        // A terminal must not act on what stands in somebody's file.
        source: NamedSource::new(safe_line(name), harmless_source(text)),
    };
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).render_report(out, &shown)
}

/// The text with question marks, as many as it has bytes, for everything that a terminal would act
/// on: places within it stay where they are.
fn harmless_source(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => harmless.push(character),
            _ if is_harmful(character) => {
                harmless.extend(std::iter::repeat_n('?', character.len_utf8()));
            }
            _ => harmless.push(character),
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_made_harmless_keeps_its_places() {
        let text = "a\x1b[2Jb\u{9b}c\u{202e}d\r\né";
        let shown = harmless_source(text);
        assert_eq!(shown, "a?[2Jb??c???d?\né");
        assert_eq!(shown.len(), text.len());
    }

    #[test]
    fn what_stands_in_a_box_cannot_act_on_the_terminal() {
        let hostile = "\x1b]0;title\x07\u{9b}2J";
        let text = format!("name = '{hostile}'\n");
        let mut problem = problem_at_start(format!("found {hostile}"));
        problem.expected = hostile.to_owned();
        problem.help = Some(hostile.to_owned());
        let mut shown = String::new();
        render_pretty(hostile, &text, &problem, &mut shown).unwrap_or_default();
        // The box has colours of its own; titles, bells and the short form of the introducer it has not.
        assert!(!shown.contains(['\u{9b}', '\x07']), "{shown:?}");
        assert!(!shown.contains("\x1b]"), "{shown:?}");
        assert!(!plain(hostile, &problem).contains(char::is_control));
    }
}
