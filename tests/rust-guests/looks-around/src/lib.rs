//! Looks at how agents have fared, as often as its configuration says, and ends: for a benchmark.

use menagerie::host::figures;
use menagerie::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    /// How often.
    looks: u32,
}

#[menagerie::strategy]
fn decide(view: View<Config>) -> Result<Decision, Fault> {
    let looks = (0..view.config.looks).map(|_| figures::agents().len());
    let seen: usize = looks.sum();
    Ok(Decision::end().reason(format!("{seen} figures seen")))
}
