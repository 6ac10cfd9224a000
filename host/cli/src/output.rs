//! The one door to standard output and standard error.
//!
//! Names, logs, outputs and messages come from guests, flow files and journals. Whatever a terminal
//! would act on leaves here as `\u001b`, so that no command can forget it; what must stay on one line
//! goes through [`safe_line`](crate::terminal::text::safe_line) before. The form is JSON's own, and
//! within a JSON document such characters stand in texts alone: a document stays the same document.
//!
//! `println!` and `eprintln!` mean these doors in the whole binary. Unlike the standard ones they do
//! not panic when nobody reads any more, as in `menagerie events last | head`.

use std::fmt;
use std::io::{ErrorKind, Write};

use crate::terminal::text::safe_text;

macro_rules! println {
    () => { $crate::output::out(format_args!("")) };
    ($($part:tt)*) => { $crate::output::out(format_args!($($part)*)) };
}

macro_rules! eprintln {
    () => { $crate::output::err(format_args!("")) };
    ($($part:tt)*) => { $crate::output::err(format_args!($($part)*)) };
}

/// A line or several on standard output.
pub(crate) fn out(text: fmt::Arguments<'_>) {
    let text = safe_text(&text.to_string());
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
        cannot_write(&error);
    }
}

/// A line or several on standard error. What nobody can be told must not end a run.
pub(crate) fn err(text: fmt::Arguments<'_>) {
    let text = safe_text(&text.to_string());
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// On standard error, with the colours that the host itself put into it.
pub(crate) fn err_in_colours(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Standard output for a log, whose writers have escaped what is in it.
pub(crate) struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match std::io::stdout().lock().write(bytes) {
            Err(error) if error.kind() != ErrorKind::Interrupted => cannot_write(&error),
            written => written,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match std::io::stdout().lock().flush() {
            Err(error) => cannot_write(&error),
            Ok(()) => Ok(()),
        }
    }
}

/// Ends the process: at peace when the reader has what it wanted, with 2 when the answer is lost.
fn cannot_write(error: &std::io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    err(format_args!(
        "error: standard output cannot be written: {error}"
    ));
    std::process::exit(2);
}
