//! What people see: a live view on a terminal, plain lines elsewhere, errors with their place.

pub(crate) mod build_view;
pub(crate) mod diagnostics;
pub(crate) mod live;
pub(crate) mod text;

use tracing_subscriber::EnvFilter;

/// Sends the host's own log to standard error: warnings, or more with `-v` and `MENAGERIE_LOG`.
pub(crate) fn set_up_tracing(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("MENAGERIE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second subscriber in one process is a test's business.
    let _ = subscriber.try_init();
}
