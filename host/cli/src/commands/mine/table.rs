//! Tables in the terminal: columns as wide as what is in them.

use crate::terminal::text::{duration_ms, safe_line, shortened};

/// The widest that a cell becomes.
const WIDEST: usize = 48;

/// Prints rows under a header. The first column is text and stands left, the others are figures.
pub(super) fn print(header: &[&str], rows: &[Vec<String>]) {
    println!("{}", text(header, rows));
}

/// Prints rows whose last column is text and as long as it is; the others are figures.
pub(super) fn print_last_left(header: &[&str], rows: &[Vec<String>]) {
    let last = header.len() - 1;
    println!(
        "{}",
        laid_out(header, rows, |column| column == last, usize::MAX)
    );
}

/// Rows under a header, each cell shortened.
pub(super) fn text(header: &[&str], rows: &[Vec<String>]) -> String {
    laid_out(header, rows, |column| column == 0, WIDEST)
}

fn laid_out(
    header: &[&str],
    rows: &[Vec<String>],
    is_text: impl Fn(usize) -> bool,
    widest: usize,
) -> String {
    // A row that is longer than its header would lose its last cells without a word.
    debug_assert!(
        rows.iter().all(|row| row.len() == header.len()),
        "a cell for each column"
    );
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let cells = |row: &Vec<String>| -> Vec<String> {
        row.iter()
            .map(|cell| shortened(&safe_line(cell), widest))
            .collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(cells))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            line += &if is_text(column) {
                format!("{gap}{cell:<width$}")
            } else {
                format!("{gap}{cell:>width$}")
            };
        }
        line.trim_end().to_owned()
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    lines.join("\n")
}

/// A length of time, or a dash where none was measured.
pub(super) fn length(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "-".to_owned(), duration_ms)
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
