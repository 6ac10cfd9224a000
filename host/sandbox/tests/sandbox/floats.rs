//! What WebAssembly leaves open is one thing here: the bits of a NaN, and relaxed SIMD.
//!
//! The expected bits are written down, not computed on this machine's own floats: they are the same
//! on every machine, which is the promise.

use crate::support::{call_named, output};

/// The one NaN that arithmetic makes, as little-endian bytes.
const NAN_32: &str = "0000c07f";
const NAN_64: &str = "000000000000f87f";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn floats_to_the_bit() {
    let report = call_named("floats_to_the_bit").await;
    let bits = output(&report).trim_matches('"').to_owned();
    let told: Vec<&str> = (0..bits.len() / 32)
        .map(|at| &bits[at * 32..][..32])
        .collect();
    let expected = [
        // 0/0, and what becomes of the payload and the sign of another NaN.
        ("f64", NAN_64.repeat(2)),
        ("f32", NAN_32.repeat(4)),
        ("f32x4.div", NAN_32.repeat(4)),
        ("f64x2.div", NAN_64.repeat(2)),
        // Beyond the sixteenth there is nothing, whatever the low bits say.
        (
            "relaxed_swizzle",
            "01100000000000000000000002030405".to_owned(),
        ),
        // Saturated; of no number, nothing.
        (
            "relaxed_trunc_s",
            "00000000ffffff7f0000008002000000".to_owned(),
        ),
        (
            "relaxed_trunc_u",
            "00000000ffffffff0000000002000000".to_owned(),
        ),
        // Not whichever operand stands second.
        (
            "relaxed_min",
            [NAN_32, NAN_32, "00000080", "00000080"].concat(),
        ),
        (
            "relaxed_max",
            [NAN_32, NAN_32, "00000000", "00000000"].concat(),
        ),
        (
            "relaxed_q15mulr",
            "ff7fff7fff7fff7f0000000000000020".to_owned(),
        ),
        // Bit by bit.
        (
            "relaxed_laneselect",
            "0ff0807f010204081020408000ff55aa".to_owned(),
        ),
        // Both signed, though the second operand has more than seven bits.
        ("relaxed_dot", "0081027e050019000500190080faadff".to_owned()),
        // Rounded once.
        ("relaxed_madd", "00008033".repeat(4)),
    ];
    assert_eq!(told.len(), expected.len());
    for (told, (what, expected)) in told.iter().zip(expected) {
        assert_eq!(*told, expected, "{what}");
    }
}
