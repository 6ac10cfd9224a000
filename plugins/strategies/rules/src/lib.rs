//! `rules` routes by conditions over the run's state, written in CEL in the flow file.
//!
//! # Configuration
//! ```toml
//! on_failure = "stop"          # or "continue", or "escalate": a failure that no rule matches
//!
//! [environment]                # values for the conditions
//! small = 50
//!
//! [[rules]]
//! when = "agents.lockfile.completed > 0 && state.lockfile.package_count < environment.small"
//! then = "parallel"            # route, parallel, retry, skip, escalate or end
//! targets = ["duplicates", "sources"]
//! join = "merge"               # of parallel alone: the aggregator, by its name in the flow file
//! join_config = {}             # laid over the aggregator's configuration
//! fail_fast = false            # of parallel alone: ask again at the first failure
//! reason = "few packages"      # for the run's history
//! confidence = 1.0
//! status = "completed"         # of end alone; or "failed"
//! times = 1                    # how often the rule may match in one run
//! ```
//!
//! # Decisions
//! The rules are tried in the order of the file; the first that matches decides.
//!
//! | `then` | what happens | without `targets` |
//! |---|---|---|
//! | `route` | the targets run in their order, each seeing the last one's output | the run ends |
//! | `parallel` | the targets run at once on one state | the run ends |
//! | `retry` | the targets run again, told what went wrong | the steps that failed, else the last one |
//! | `skip` | the targets are noted as left out | the agent that would be next |
//! | `escalate` | a person is asked about the targets | the steps that failed, else the last one |
//! | `end` | the run ends as `status` says | |
//!
//! When no rule matches, a failure is treated as `on_failure` says; else the next agent in the order of
//! the flow file runs that has had no step yet and whose `after` have all had one, with the reason
//! `default_sequence` and confidence 1. When there is none, the run ends.
//!
//! **A run always ends.** A rule matches at most `times` times in a run, once unless it says otherwise, and
//! the sequence runs no agent a second time. A rule that has matched often enough is passed over, even
//! while its condition holds.
//!
//! # Conditions
//! [CEL](https://cel.dev), without time, durations and regular expressions. A condition has at most 2 000
//! bytes, 150 operators and brackets, and nests 32 deep. Its variables:
//!
//! | name | what |
//! |---|---|
//! | `state` | the run's state |
//! | `task` | the step that ended last: `id`, `agent`, `kind`, `status`, `attempt`, and where there are any `output`, `confidence`, `duration_ms`, `error`; empty at the start |
//! | `artifact` | what that step produced: its output; empty where it has none |
//! | `error` | of the first failure since the last decision `code`, `message`, `step`, `agent`; empty where there is none |
//! | `environment` | as configured |
//! | `agents` | by name: `status`, `completed`, `failed`, `skipped`, `retries`, `priority` |
//! | `steps` | a list of what runs, waits or ended since the last decision, each as `task` |
//! | `current_step` | the id of the step that ended last; empty at the start |
//! | `step_duration_ms`, `retry_count`, `error_rate`, `decision`, `steps_left`, `trigger` | as in the view |
//!
//! Asking for a key that is not there is an error, which ends the decision with a fault that names the rule
//! and the column: ask with `has(state.lockfile)` first. As CEL has it, `false && …` is false and
//! `true || …` is true whatever stands for the dots, in either order. `has` asks an object; of a text
//! or a number it is an error too.

mod condition;
mod decide;
mod facts;
mod rule;
mod wanted;

use menagerie::prelude::*;

use crate::rule::Config;

#[menagerie::strategy(skills = ["rules", "cel"], check = check)]
fn decide(view: View<Config>) -> Result<Decision, Fault> {
    let decided = decide::decide(&view, &mut menagerie::host::history::before)?;
    Ok(decided.plan.into_decision().confidence(decided.confidence))
}

fn check(config: Config, agents: Vec<String>) -> Vec<Problem> {
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    let wrong = rule::conditions(&config, &agents).err().unwrap_or_default();
    wrong
        .into_iter()
        .map(|wrong| {
            let problem = Problem::at(wrong.pointer, wrong.message);
            match wrong.offset {
                Some(offset) => problem.offset(offset),
                None => problem,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
