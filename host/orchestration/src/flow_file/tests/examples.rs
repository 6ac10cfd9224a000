//! The examples that the command line ships.

use serde_json::json;

use super::super::{ParsedFlow, PluginUseRef, check_input};
use super::good_flows::good;
use crate::flow::{Flow, PluginSource};

const REVIEW: &str = include_str!("../../../../cli/examples/review.toml");
const REVIEW_WITH_INDEX: &str = include_str!("../../../../cli/examples/review-with-index.toml");
const REVIEW_RULES: &str = include_str!("../../../../cli/examples/review-rules.toml");

#[test]
fn the_example_of_a_review_is_a_good_flow() {
    let flow = good(REVIEW).flow;
    let after = |name: &str| flow.agent(name).unwrap().after.join(" ");
    assert_eq!(after("lockfile"), "");
    for name in ["duplicates", "sources", "graph"] {
        assert_eq!(after(name), "lockfile");
    }
    assert_eq!(after("report"), "duplicates sources graph");
    assert_eq!(flow.agents.len(), 5, "as many as the community tier allows");
    assert_eq!(flow.strategy.plugin, PluginSource::Named("dag".to_owned()));
    let field = flow.input.text_field.clone().unwrap();
    assert_eq!(check_input(&flow, &json!({ field: "version = 4" })), Ok(()));
    assert!(check_input(&flow, &json!({})).is_err());
}

#[test]
fn the_example_that_reaches_outside_grants_one_agent_one_address() {
    let flow = good(REVIEW_WITH_INDEX).flow;
    let outside: Vec<(&str, String)> = flow
        .agents
        .iter()
        .filter_map(|agent| Some((&*agent.name, agent.uses.grants.http.as_ref()?)))
        .map(|(name, http)| (name, http.allow[0].to_string()))
        .collect();
    let rule = "GET http://127.0.0.1:8000/index.json, idempotent, private addresses";
    assert_eq!(outside, [("advisories", rule.to_owned())]);
}

#[test]
fn the_example_led_by_rules_is_a_good_flow_about_the_same_agents() {
    let ParsedFlow { flow, spans } = good(REVIEW_RULES);
    let agents = |flow: &Flow| -> Vec<(String, Vec<String>, PluginSource)> {
        let parts = flow.agents.iter();
        parts
            .map(|agent| {
                (
                    agent.name.clone(),
                    agent.after.clone(),
                    agent.uses.plugin.clone(),
                )
            })
            .collect()
    };
    assert_eq!(agents(&flow), agents(&good(REVIEW).flow));
    assert_eq!(flow.input, good(REVIEW).flow.input);
    assert_eq!(
        flow.strategy.plugin,
        PluginSource::Named("rules".to_owned())
    );

    let config = flow.strategy.config.value();
    let rules = config["rules"].as_array().unwrap();
    assert!(!rules.is_empty());
    for (number, rule) in rules.iter().enumerate() {
        for target in rule["targets"].as_array().unwrap() {
            assert!(flow.agent(target.as_str().unwrap()).is_some(), "{target}");
        }
        if let Some(join) = rule.get("join") {
            assert!(flow.aggregators.contains_key(join.as_str().unwrap()));
        }
        let when = rule["when"].as_str().unwrap();
        let pointer = format!("/rules/{number}/when");
        let offset = when.find("> 0").unwrap();
        let place = spans
            .locate(PluginUseRef::Strategy, &pointer, Some(offset))
            .unwrap();
        assert!(REVIEW_RULES[place.span.start..].starts_with(&when[offset..]));
    }
    let then: Vec<&str> = rules
        .iter()
        .filter_map(|rule| rule["then"].as_str())
        .collect();
    assert_eq!(then, ["skip", "parallel", "parallel", "escalate"]);
}
