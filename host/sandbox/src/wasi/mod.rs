//! WASI 0.2 for language runtimes that cannot do without: deterministic, and free of any authority.
//!
//! It is linked only to a component that imports it. Time and random numbers are the call's logical
//! time and seed; what is written to standard output and standard error goes into the log by line;
//! standard input has ended; environment, arguments and folders are empty; there are no sockets; nobody
//! sleeps, and whoever exits has trapped. Every function is metered like any other host call.
//!
//! The traits are those of `wasmtime-wasi`, the state and the answers are ours: no resource has more to it than
//! its number, so that nothing needs a table. What takes a handle that nobody can have, such as every
//! method of a file, is linked from the component's own types and stops the call ([`absent`]).

mod absent;
mod clocks;
mod io;
mod random;
mod stdio;

use wasmtime::component::{Component, HasSelf};
use wasmtime_wasi::p2::bindings::{cli, clocks as wasi_clocks, filesystem, random as wasi_random};
use wasmtime_wasi::p2::bindings::{sockets, sync};

use crate::linker::HostLinker;
use crate::state::CallState;

pub(crate) use stdio::Standard;

/// The interfaces that are served, without their version.
const SERVED: [&str; 27] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Whether an import belongs to WASI, of whatever version.
pub(crate) fn is_wasi(import: &str) -> bool {
    import.starts_with("wasi:")
}

/// Whether an import is one of those served: any release of WASI 0.2.
pub(crate) fn serves(import: &str) -> bool {
    import.split_once('@').is_some_and(|(interface, version)| {
        SERVED.contains(&interface) && version.starts_with("0.2.")
    })
}

/// A linker that has WASI beside everything that `base` has, for one component.
pub(crate) fn linker_for(base: &HostLinker, component: &Component) -> wasmtime::Result<HostLinker> {
    let mut linker = base.clone();
    absent::link(&mut linker, component)?;
    link(&mut linker)?;
    Ok(linker)
}

type Own = HasSelf<CallState>;

fn link(linker: &mut HostLinker) -> wasmtime::Result<()> {
    sync::io::poll::add_to_linker::<_, Own>(linker, |state| state)?;
    sync::io::streams::add_to_linker::<_, Own>(linker, |state| state)?;
    sync::io::error::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::environment::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::exit::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::stdin::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::stdout::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::stderr::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::terminal_input::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::terminal_output::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::terminal_stdin::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::terminal_stdout::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::terminal_stderr::add_to_linker::<_, Own>(linker, |state| state)?;
    wasi_clocks::wall_clock::add_to_linker::<_, Own>(linker, |state| state)?;
    wasi_clocks::monotonic_clock::add_to_linker::<_, Own>(linker, |state| state)?;
    wasi_random::random::add_to_linker::<_, Own>(linker, |state| state)?;
    wasi_random::insecure::add_to_linker::<_, Own>(linker, |state| state)?;
    wasi_random::insecure_seed::add_to_linker::<_, Own>(linker, |state| state)?;
    filesystem::preopens::add_to_linker::<_, Own>(linker, |state| state)?;
    sockets::instance_network::add_to_linker::<_, Own>(linker, |state| state)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{SERVED, serves};

    #[test]
    fn every_interface_that_is_served_is_called_by_a_guest_of_the_tests() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests");
        let mut guests = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wat") {
                guests.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
        for interface in SERVED {
            let import = format!("(import \"{interface}@0.2.0\"");
            assert!(guests.contains(&import), "no guest imports {interface}");
        }
    }

    #[test]
    fn served_is_what_runtimes_of_wasi_0_2_import_and_nothing_else() {
        assert!(serves("wasi:cli/environment@0.2.0"));
        assert!(serves("wasi:io/streams@0.2.12"));
        for import in [
            "wasi:cli/environment",
            "wasi:cli/environment@0.3.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:cli/run@0.2.0",
        ] {
            assert!(!serves(import), "{import}");
        }
    }
}
