//! Rules as the flow file writes them.

use planning::OnFailure;
use serde::Deserialize;
use serde_json::Map;

use crate::condition::{Condition, Mistake};

/// What the flow file may say to this strategy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Tried in this order; the first that matches decides.
    pub(crate) rules: Vec<Rule>,
    /// Values for conditions, as the variable `environment`.
    pub(crate) environment: Map<String, menagerie::Value>,
    /// What follows a failure that no rule matches.
    pub(crate) on_failure: OnFailure,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// A condition in CEL.
    pub(crate) when: String,
    pub(crate) then: Then,
    /// Agents.
    #[serde(default)]
    pub(crate) targets: Vec<String>,
    /// The aggregator that joins parallel targets.
    #[serde(default)]
    pub(crate) join: Option<String>,
    /// Laid over the aggregator's configuration.
    #[serde(default)]
    pub(crate) join_config: Option<menagerie::Value>,
    /// Ask again at the first failure among the targets instead of when all have ended.
    #[serde(default)]
    pub(crate) fail_fast: bool,
    /// For the run's history.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// From 0 to 1.
    #[serde(default)]
    pub(crate) confidence: Option<f64>,
    /// How an `end` ends the run.
    #[serde(default)]
    pub(crate) status: Option<Status>,
    /// How often the rule may match in one run; once when absent.
    #[serde(default)]
    pub(crate) times: Option<u32>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Then {
    Route,
    Parallel,
    Retry,
    Skip,
    Escalate,
    End,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    #[default]
    Completed,
    Failed,
}

/// Something wrong with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// An RFC 6901 pointer into the configuration.
    pub(crate) pointer: String,
    /// Within the text at the pointer, in bytes.
    pub(crate) offset: Option<usize>,
    pub(crate) message: String,
}

/// The conditions of all rules, or everything that is wrong with the configuration.
pub(crate) fn conditions(config: &Config, agents: &[&str]) -> Result<Vec<Condition>, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut conditions = Vec::new();
    for (number, rule) in config.rules.iter().enumerate() {
        match Condition::parse(&rule.when) {
            Ok(condition) => conditions.push(condition),
            Err(mistakes) => wrong.extend(mistakes.into_iter().map(
                |Mistake { offset, message }| Wrong {
                    pointer: format!("/rules/{number}/when"),
                    offset: Some(offset),
                    message,
                },
            )),
        }
        check_rule(number, rule, agents, &mut wrong);
    }
    if wrong.is_empty() {
        Ok(conditions)
    } else {
        Err(wrong)
    }
}

fn check_rule(number: usize, rule: &Rule, agents: &[&str], wrong: &mut Vec<Wrong>) {
    let mut complain = |key: String, message: String| {
        wrong.push(Wrong {
            pointer: format!("/rules/{number}/{key}"),
            offset: None,
            message,
        });
    };
    for (position, target) in rule.targets.iter().enumerate() {
        // `start` and `end` are reserved: no flow has an agent of that name.
        if !agents.contains(&target.as_str()) {
            let nearest = planning::suggestion(target, agents.iter().copied());
            complain(
                format!("targets/{position}"),
                format!("the flow has no agent `{target}`{nearest}"),
            );
        }
    }
    let parallel_only = "goes with `then = \"parallel\"` alone".to_owned();
    if rule.join.is_some() && rule.then != Then::Parallel {
        complain("join".to_owned(), parallel_only.clone());
    }
    if rule.join_config.is_some() && rule.join.is_none() {
        complain(
            "join_config".to_owned(),
            "goes with `join` alone".to_owned(),
        );
    }
    if rule.fail_fast && rule.then != Then::Parallel {
        complain("fail_fast".to_owned(), parallel_only);
    }
    if rule.status.is_some() && rule.then != Then::End {
        complain(
            "status".to_owned(),
            "goes with `then = \"end\"` alone".to_owned(),
        );
    }
    if rule.then == Then::End && !rule.targets.is_empty() {
        complain("targets".to_owned(), "an end has no targets".to_owned());
    }
    if rule.times == Some(0) {
        complain(
            "times".to_owned(),
            "found 0; expected at least 1".to_owned(),
        );
    }
    if rule
        .confidence
        .is_some_and(|confidence| !(0.0..=1.0).contains(&confidence))
    {
        complain(
            "confidence".to_owned(),
            "expected a number from 0 to 1".to_owned(),
        );
    }
}
