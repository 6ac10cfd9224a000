//! The review as Markdown. Every name in it comes from somebody's file and is written so that it
//! stays text: no markup, no control character, no line of its own.

use std::fmt::{self, Write as _};

use crate::parts::Parts;
use crate::verdict::{Reason, Verdict};

/// Rows of a table; the JSON has them all.
const MOST_ROWS: usize = 20;

/// Text out of a lock file, made harmless.
struct Plain<'text>(&'text str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = ' ';
        let mut characters = self.0.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                // Between letters an underscore is no markup, and names are full of those.
                '_' if before.is_alphanumeric()
                    && characters.peek().is_some_and(|next| next.is_alphanumeric()) =>
                {
                    f.write_char('_')?;
                }
                '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => write!(f, "\\{character}")?,
                // Bidirectional overrides turn the order of what is read.
                '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                    write!(f, "{}", character.escape_unicode())?;
                }
                control if control.is_control() => write!(f, "{}", control.escape_unicode())?,
                other => f.write_char(other)?,
            }
            before = character;
        }
        Ok(())
    }
}

/// Writes the report.
pub(crate) fn write(title: &str, verdict: Verdict, reasons: &[Reason], parts: &Parts) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = compose(&mut text, title, verdict, reasons, parts);
    text
}

fn compose(
    text: &mut String,
    title: &str,
    verdict: Verdict,
    reasons: &[Reason],
    parts: &Parts,
) -> fmt::Result {
    writeln!(text, "# {}\n", Plain(title))?;
    writeln!(text, "**Verdict: {}**\n", verdict.word())?;
    if reasons.is_empty() {
        writeln!(text, "Nothing remarkable was found.\n")?;
    } else {
        writeln!(text, "## Reasons\n")?;
        for reason in reasons {
            write!(text, "- **{}** ", reason.verdict.word())?;
            if reason.count > 0 {
                write!(text, "{} ", reason.count)?;
            }
            write!(text, "{}", Plain(&reason.message))?;
            for (position, item) in reason.items.iter().enumerate() {
                write!(
                    text,
                    "{}{}",
                    if position == 0 { ": " } else { ", " },
                    Plain(item)
                )?;
            }
            let unnamed = reason.count.saturating_sub(reason.items.len());
            writeln!(
                text,
                "{}",
                if unnamed > 0 {
                    format!(" and {unnamed} more")
                } else {
                    String::new()
                }
            )?;
        }
        writeln!(text)?;
    }
    overview(text, parts)?;
    duplicates(text, parts)?;
    graph(text, parts)?;
    if !parts.missing.is_empty() {
        writeln!(text, "## Not examined\n")?;
        for (name, why) in &parts.missing {
            writeln!(text, "- {}: {}", Plain(name), Plain(why))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn overview(text: &mut String, parts: &Parts) -> fmt::Result {
    if parts.present() == 0 {
        return Ok(());
    }
    writeln!(text, "## Overview\n\n| | |\n|---|---|")?;
    if let Some(lock) = &parts.lockfile {
        writeln!(text, "| lock file version | {} |", lock.lock_version)?;
        writeln!(text, "| packages | {} |", lock.package_count)?;
        writeln!(
            text,
            "| dependencies between them | {} |",
            lock.dependency_count
        )?;
        writeln!(text, "| roots | {} |", lock.roots.len())?;
    }
    if let Some(sources) = &parts.sources {
        for (kind, count) in &sources.by_kind {
            writeln!(
                text,
                "| from {} | {count} |",
                Plain(&kind.replace('_', " "))
            )?;
        }
        writeln!(
            text,
            "| from paths, roots left out | {} |",
            sources.path.len()
        )?;
    }
    if let Some(graph) = &parts.graph {
        writeln!(text, "| direct dependencies | {} |", graph.direct)?;
        writeln!(text, "| longest chain | {} |", graph.max_depth)?;
        writeln!(text, "| circles | {} |", graph.cycles.len())?;
    }
    writeln!(text)
}

fn duplicates(text: &mut String, parts: &Parts) -> fmt::Result {
    let Some(duplicates) = parts.duplicates.as_ref().filter(|found| found.count > 0) else {
        return Ok(());
    };
    writeln!(text, "## Crates in several versions\n")?;
    writeln!(
        text,
        "{} crates, {} packages more than needed.\n",
        duplicates.count, duplicates.extra_copies
    )?;
    writeln!(text, "| crate | version | pulled in by |\n|---|---|---|")?;
    for duplicate in duplicates.crates.iter().take(MOST_ROWS) {
        for version in &duplicate.versions {
            let path: Vec<String> = version
                .path
                .iter()
                .map(|id| Plain(id).to_string())
                .collect();
            let (name, number) = (Plain(&duplicate.name), Plain(&version.version));
            writeln!(text, "| {name} | {number} | {} |", path.join(" → "))?;
        }
    }
    let unnamed = duplicates.crates.len().saturating_sub(MOST_ROWS);
    if unnamed > 0 {
        writeln!(
            text,
            "\n{unnamed} more crates are in the JSON of `duplicates`."
        )?;
    }
    writeln!(text)
}

fn graph(text: &mut String, parts: &Parts) -> fmt::Result {
    let Some(graph) = parts
        .graph
        .as_ref()
        .filter(|graph| !graph.most_depended_transitive.is_empty())
    else {
        return Ok(());
    };
    writeln!(
        text,
        "## Most depended on\n\n| package | dependents, all told |\n|---|---|"
    )?;
    for ranked in graph.most_depended_transitive.iter().take(MOST_ROWS) {
        writeln!(text, "| {} | {} |", Plain(&ranked.id), ranked.dependents)?;
    }
    writeln!(text)
}
