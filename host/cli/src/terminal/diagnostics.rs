//! Problems of a file, shown at their place.

use std::fmt;
use std::io::IsTerminal;

use menagerie_orchestration::flow_file::{Position, Problem};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use crate::terminal::text::safe_line;

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
        "error: {name}: {count} problem{}\n",
        if count == 1 { "" } else { "s" }
    ));
    rendered
}

fn plain(name: &str, problem: &Problem) -> String {
    if problem.expected.is_empty() {
        return format!(
            "{name}:{}:{}: {}",
            problem.line,
            problem.column,
            safe_line(&problem.message)
        );
    }
    problem.in_file(name).to_string()
}

fn render_pretty(name: &str, text: &str, problem: &Problem, out: &mut String) -> fmt::Result {
    let label = if problem.expected.is_empty() {
        "here".to_owned()
    } else {
        format!("found {}, expected {}", problem.found, problem.expected)
    };
    let shown = Shown {
        head: safe_line(&problem.message),
        label,
        help: problem.help.clone(),
        span: problem.span.clone(),
        // A terminal must not act on what stands in somebody's file.
        source: NamedSource::new(name, escaped_source(text)),
    };
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).render_report(out, &shown)
}

/// The text with every control character but newline and tab replaced by one of the same length.
fn escaped_source(text: &str) -> String {
    let harmless = |character: char| match character {
        '\n' | '\t' | '\r' => character,
        _ if character.is_control() && character.len_utf8() == 1 => '?',
        _ => character,
    };
    text.chars().map(harmless).collect()
}
