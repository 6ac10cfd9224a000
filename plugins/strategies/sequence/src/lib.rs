//! `sequence` runs a pipeline's agents one after the other, each on the state with all earlier outputs.
//!
//! # Configuration
//! ```toml
//! order = ["lockfile", "report"]  # all agents in the order of the flow file when absent
//! on_failure = "stop"             # or "continue", or "escalate"
//! ask_each_step = false           # true: one decision for each step
//! repeat = 1                      # how often the order is run as a whole
//! ```
//! Agents that `order` leaves out do not run. An order against the agents' own `after` is refused.
//!
//! # Decisions
//! The first decision plans the whole sequence ahead, each step behind the one before it, so that a run
//! costs two decisions however long it is. With `ask_each_step` every decision starts one step.
//!
//! When a step has failed for good, `stop` ends the run as failed and names the step; `continue` runs the
//! rest without its output; `escalate` asks a person about it, and the rest waits for the answer.

mod order;

use menagerie::prelude::*;

use crate::order::Config;

#[menagerie::strategy(skills = ["sequential"], check = check)]
fn decide(view: View<Config>) -> Result<Decision, Fault> {
    order::decide(&view).map(planning::Plan::into_decision)
}

fn check(config: Config, agents: Vec<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, name) in config.order.iter().enumerate() {
        let pointer = format!("/order/{position}");
        if !agents.contains(name) {
            let nearest = planning::suggestion(name, agents.iter().map(String::as_str));
            problems.push(Problem::at(
                pointer,
                format!("the flow has no agent `{name}`{nearest}"),
            ));
        } else if config.order[..position].contains(name) {
            problems.push(Problem::at(
                pointer,
                format!("the agent `{name}` is named twice"),
            ));
        }
    }
    if config.repeat == Some(0) {
        problems.push(Problem::at("/repeat", "found 0; expected at least 1"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{Config, check};

    #[test]
    fn the_check_names_each_place_that_is_wrong() {
        let order = ["scan", "scna", "scan"].map(str::to_owned).to_vec();
        let config = Config {
            order,
            repeat: Some(0),
            ..Config::default()
        };
        let problems = check(config, vec!["scan".to_owned()]);
        let pointers: Vec<&str> = problems
            .iter()
            .map(|problem| problem.pointer.as_str())
            .collect();
        assert_eq!(pointers, ["/order/1", "/order/2", "/repeat"]);
        assert!(problems[0].message.ends_with("did you mean `scan`?"));
    }
}
