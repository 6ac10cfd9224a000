//! `adaptive` has agents that can do the same work, and lets that one do it which has been quickest and
//! surest of late: in all runs of the flow that the host knows of, not in this one alone.
//!
//! # Configuration
//! ```toml
//! stages = [["quick", "thorough"], ["report"]]  # one agent of each, one stage after the other
//! explore = 0.05                                # how often another one is tried all the same
//! ```
//! Each agent of the flow is a stage of its own when `stages` is absent.
//!
//! # Decisions
//! One for each stage. An agent that nobody has tried of late comes first. Among the others, that one is chosen
//! whose answer can be expected soonest: what its attempts took and waited on average, by the share of
//! them that ended well, and longer where attempts wait in its queue now. By chance, as often as `explore`
//! says, another one has its turn, so that it is noticed when one has become better.
//!
//! When the chosen one has failed for good, the next best does the stage's work. When all have, the run fails.

mod choice;

use menagerie::host::{figures, random};
use menagerie::prelude::*;

use crate::choice::Config;

#[menagerie::strategy(skills = ["adaptive"], check = check)]
fn decide(view: View<Config>) -> Result<Decision, Fault> {
    let draw = || random::next_f64();
    choice::decide(&view, &figures::agents(), draw).map(planning::Plan::into_decision)
}

fn check(config: Config, agents: Vec<String>) -> Vec<Problem> {
    choice::problems(&config, &agents)
        .into_iter()
        .map(|(pointer, message)| Problem::at(pointer, message))
        .collect()
}
