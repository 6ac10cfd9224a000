//! Components that are nearly good: refused with a reason, or a plugin that says what it is.

use menagerie_fuzz::{corpus, fuzz, fuzz_for};
use menagerie_sandbox::{Inspection, Kind, LoadError, digest_of, inspect};

use crate::support::component;

/// Components that are small enough to be kept as a text, each with most of what one may hold.
fn kept() -> Vec<Vec<u8>> {
    corpus("component")
}

fn encoded(text: &[u8]) -> Vec<u8> {
    wat::parse_bytes(text).unwrap().into_owned()
}

fn check(bytes: &[u8], found: &Result<Inspection, LoadError>) {
    match found {
        Ok(inspection) => {
            assert_eq!(inspection.digest, digest_of(bytes));
            assert_eq!(inspection.size, bytes.len() as u64);
            assert_eq!(inspection.kind.token(), inspection.manifest.kind);
            let interface = |kind: &Kind| {
                let (kind, contract) = (kind.token(), &inspection.contract);
                format!("menagerie:plugin/{kind}@{contract}")
            };
            let exported = |kind: &Kind| inspection.exports.contains(&interface(kind));
            let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(exported).collect();
            assert_eq!(kinds, [inspection.kind]);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[test]
fn a_nearly_good_component_is_refused_or_says_what_it_is() {
    let names = [
        "well_behaved",
        "joins",
        "two_kinds",
        "wants_http",
        "too_many_memories",
    ];
    let mut seeds = names.map(component).to_vec();
    seeds.extend(kept().iter().map(|text| encoded(text)));
    let words = [
        "menagerie:manifest",
        "menagerie:plugin/agent@0.1.0",
        "\0asm",
        "memory",
        "process",
    ];
    fuzz("component", &seeds, &words, |bytes| {
        check(bytes, &inspect(bytes))
    });
}

/// Bytes that were changed are mostly no WebAssembly; a text that was is more often some.
#[test]
fn a_component_of_a_nearly_good_text_is_refused_or_says_what_it_is() {
    let seeds = kept();
    for (at, seed) in seeds.iter().enumerate() {
        if let Err(error) = inspect(&encoded(seed)) {
            panic!("seed {}: {error}", at + 1);
        }
    }
    let words = [
        "menagerie:plugin/agent@0.1.0",
        "menagerie:plugin/strategy@0.1.0",
        "menagerie:plugin/aggregator@0.2.0",
        "(memory 1)",
        "(memory i64 1)",
        "(table 100000 funcref)",
        "(core instance (instantiate $m))",
        "(component)",
        "(import \"wasi:cli/environment@0.2.0\" (instance))",
        "(import \"a\" (func))",
        "(export \"menagerie:plugin/arbiter@0.1.0\" (instance $agent))",
        "(export \"menagerie:plugin/aggregator@0.1.0\" (instance $strategy))",
        "(@custom \"menagerie:manifest\" \"{}\")",
        "\\22kind\\22:\\22agent\\22",
        "unreachable",
        "(func)",
        "(result v128)",
        "(type (stream))",
        "string",
        "(list u8)",
        "i32.const -1",
    ];
    fuzz_for(3, "component-text", &seeds, &words, |text| {
        // A text is one; what is none is tried elsewhere.
        if !text.starts_with(b"\0asm")
            && let Ok(bytes) = wat::parse_bytes(text)
        {
            check(&bytes, &inspect(&bytes));
        }
    });
}
