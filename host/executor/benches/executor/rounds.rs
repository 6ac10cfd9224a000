//! Rounds on request, so that another engine can be measured in the same minutes.
//!
//! The first line of output says that all is built. Each line of input, `RUNS STEPS`, is a round:
//! so many runs at once of so many steps each, in a store that all rounds share. The answer is the
//! seconds from the first begin to the last end. Ends with its input. `benches/restate/run` asks.

use std::collections::HashMap;

use crate::{Bench, assembled};

pub(crate) fn answer(bench: &Bench) {
    let (host, _) = bench.store("rounds");
    // Putting a flow together is no part of its runs.
    let mut flows = HashMap::new();
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (runs, steps) = line.split_once(' ').expect("a round is `RUNS STEPS`");
        let (runs, steps) = (runs.parse().unwrap(), steps.parse().unwrap());
        let flow = flows
            .entry(steps)
            .or_insert_with(|| assembled(&bench.catalogue, &bench.plugins, steps, false));
        println!("{}", bench.together(&host, flow, runs).as_secs_f64());
    }
}
