//! Components that are nearly good: refused with a reason, or a plugin that says what it is.

use menagerie_fuzz::fuzz;
use menagerie_sandbox::{digest_of, inspect};

use crate::support::component;

#[test]
fn a_nearly_good_component_is_refused_or_says_what_it_is() {
    let names = [
        "well_behaved",
        "joins",
        "two_kinds",
        "wants_http",
        "too_many_memories",
    ];
    let seeds = names.map(component);
    let words = [
        "menagerie:manifest",
        "menagerie:plugin/agent@0.1.0",
        "\0asm",
        "memory",
        "process",
    ];
    fuzz("component", &seeds, &words, |bytes| match inspect(bytes) {
        Ok(inspection) => {
            assert_eq!(inspection.digest, digest_of(bytes));
            assert_eq!(inspection.size, bytes.len() as u64);
            assert_eq!(inspection.kind.token(), inspection.manifest.kind);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}
