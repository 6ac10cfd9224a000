//! `dag` runs a pipeline's agents as their `after` in the flow file says, as parallel as that allows.
//!
//! # Configuration
//! ```toml
//! on_failure = "stop"   # or "continue", or "escalate"
//! fail_fast = false     # true: the first failure ends the run, and what still runs is cancelled
//!
//! [[joins]]             # parallel agents whose results an aggregator makes one
//! id = "findings"
//! members = ["duplicates", "sources", "graph"]
//! aggregator = "merge"  # by its name in the flow file
//! config = {}           # laid over the aggregator's configuration
//! ```
//! What comes after a member of a join comes after the join.
//!
//! # Decisions
//! The first decision plans everything, so that a run costs two decisions. Steps are asked for by the
//! longest chain of `estimated` times behind them (1 ms where an agent has none), then by priority, then
//! by name; where slots are short, the critical path goes first. Circles are refused and named.
//!
//! When steps have failed for good, `stop` lets everything else end and then ends the run as failed,
//! naming them. `continue` runs what they held back without their outputs. `escalate` asks a person about
//! each, and what they held back waits for the answers. The failure of a join's member is the join's to
//! judge; the failure of the join is one of the run.

mod graph;
mod plan;

use menagerie::prelude::*;

use crate::plan::Config;

#[menagerie::strategy(skills = ["parallel", "critical-path"], check = check)]
fn decide(view: View<Config>) -> Result<Decision, Fault> {
    plan::decide(&view).map(planning::Plan::into_decision)
}

fn check(config: Config, agents: Vec<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.fail_fast && config.on_failure != planning::OnFailure::Stop {
        problems.push(Problem::at(
            "/fail_fast",
            "goes with `on_failure = \"stop\"` alone",
        ));
    }
    let mut joined: Vec<&str> = Vec::new();
    for (index, join) in config.joins.iter().enumerate() {
        let earlier = &config.joins[..index];
        if agents.contains(&join.id) || earlier.iter().any(|other| other.id == join.id) {
            let message = format!("`{}` is the name of an agent or of another join", join.id);
            problems.push(Problem::at(format!("/joins/{index}/id"), message));
        }
        if join.members.is_empty() {
            problems.push(Problem::at(
                format!("/joins/{index}/members"),
                "found none; expected agents",
            ));
        }
        for (position, member) in join.members.iter().enumerate() {
            let pointer = format!("/joins/{index}/members/{position}");
            if !agents.contains(member) {
                let nearest = planning::suggestion(member, agents.iter().map(String::as_str));
                problems.push(Problem::at(
                    pointer,
                    format!("the flow has no agent `{member}`{nearest}"),
                ));
            } else if joined.contains(&member.as_str()) {
                problems.push(Problem::at(
                    pointer,
                    format!("`{member}` is a member of a join already"),
                ));
            } else {
                joined.push(member);
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{Config, check};
    use menagerie::Json;

    #[test]
    fn the_check_names_each_place_that_is_wrong() {
        let text = r#"{"fail_fast": true, "on_failure": "continue", "joins": [
            {"id": "scan", "members": ["scna", "scan", "scan"], "aggregator": "merge"},
            {"id": "none", "members": [], "aggregator": "merge"}
        ]}"#;
        let config: Config = Json::from_text(text).read().expect("a configuration");
        let problems = check(config, vec!["scan".to_owned()]);
        let pointers: Vec<&str> = problems
            .iter()
            .map(|problem| problem.pointer.as_str())
            .collect();
        assert_eq!(
            pointers,
            [
                "/fail_fast",
                "/joins/0/id",
                "/joins/0/members/0",
                "/joins/0/members/2",
                "/joins/1/members"
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let error = Json::from_text(r#"{"joins": [{"id": "a", "member": []}]}"#).read::<Config>();
        let error = error.expect_err("an unknown key");
        assert!(error.message.contains("member"), "{error}");
        assert!(error.pointer.starts_with("/joins/0"), "{error}");
    }
}
