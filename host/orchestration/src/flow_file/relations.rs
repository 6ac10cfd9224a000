//! What must hold between the parts of a flow file: names that exist, are free and used once, and
//! an order without cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::file_types::{FlowDocument, Located, Name};
use super::graph::cycles;
use super::position::{Problems, Words};
use super::words::{did_you_mean, one_of, quoted};

/// Names with a meaning of their own in decisions, histories and reports.
const RESERVED: [&str; 3] = ["start", "end", "orchestrator"];
/// How the host names the calls of a strategy; followed by digits.
const DECISION: &str = "decision-";

/// Reports every name that does not exist, is reserved or taken, and every cycle.
pub(super) fn check(document: &FlowDocument, problems: &mut Problems<'_>) {
    let mut agents: Vec<&Located<Name>> = document.agents.keys().collect();
    agents.sort_by_key(|name| name.span().start);
    let agents: Vec<&str> = agents.into_iter().map(|name| &***name).collect();

    for name in document.agents.keys().chain(document.aggregators.keys()) {
        check_free(name, problems);
    }
    for name in document.aggregators.keys() {
        if document.agents.contains_key(name) {
            let words = Words {
                message: "an aggregator has the name of an agent".to_owned(),
                found: quoted(name),
                expected: "a name that no agent has".to_owned(),
                help: None,
            };
            problems.report(&name.span(), words);
        }
    }

    let mut after: Edges<'_> = Edges::default();
    let mut fallback: Edges<'_> = Edges::default();
    for (name, agent) in &document.agents {
        each_once("after", &agent.after, problems);
        for target in &agent.after {
            check_known("after", target, &agents, problems);
            after.add(name, target);
        }
        if let Some(target) = &agent.fallback {
            check_known("fallback", target, &agents, problems);
            fallback.add(name, target);
        }
    }
    each_once("checkpoints.after", &document.checkpoints.after, problems);
    for target in &document.checkpoints.after {
        check_known("checkpoints.after", target, &agents, problems);
    }
    after.report_cycles(
        "after",
        &agents,
        "an order in which every agent comes after those that it waits for",
        problems,
    );
    fallback.report_cycles(
        "fallback",
        &agents,
        "a last agent that has no fallback",
        problems,
    );
}

/// Reports each name of a list that was there before.
pub(super) fn each_once(key: &str, names: &[Located<Name>], problems: &mut Problems<'_>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(&***name) {
            let words = Words {
                message: format!("a name is twice in {}", quoted(key)),
                found: quoted(name),
                expected: "each name once".to_owned(),
                help: None,
            };
            problems.report(&name.span(), words);
        }
    }
}

fn check_free(name: &Located<Name>, problems: &mut Problems<'_>) {
    let is_decision = name
        .strip_prefix(DECISION)
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty());
    if RESERVED.contains(&&***name) || is_decision {
        let words = Words {
            message: "a reserved name".to_owned(),
            found: quoted(name),
            expected: "a name other than `start`, `end`, `orchestrator` and `decision-<number>`"
                .to_owned(),
            help: None,
        };
        problems.report(&name.span(), words);
    }
}

fn check_known(key: &str, name: &Located<Name>, agents: &[&str], problems: &mut Problems<'_>) {
    if agents.contains(&&***name) {
        return;
    }
    let words = Words {
        message: format!("unknown agent in {}", quoted(key)),
        found: quoted(name),
        expected: one_of(agents.iter().copied()),
        help: did_you_mean(name, agents.iter().copied()),
    };
    problems.report(&name.span(), words);
}

/// Who points at whom, and where in the file that is written.
#[derive(Default)]
struct Edges<'a> {
    targets: BTreeMap<&'a str, Vec<&'a str>>,
    places: BTreeMap<(&'a str, &'a str), Range<usize>>,
}

impl<'a> Edges<'a> {
    fn add(&mut self, from: &'a str, to: &'a Located<Name>) {
        self.targets.entry(from).or_default().push(to);
        self.places.entry((from, to)).or_insert_with(|| to.span());
    }

    fn report_cycles(
        &self,
        key: &str,
        agents: &[&'a str],
        expected: &str,
        problems: &mut Problems<'_>,
    ) {
        for cycle in cycles(agents, &self.targets) {
            let place = match cycle.as_slice() {
                [from, to, ..] => self.places.get(&(*from, *to)),
                _ => None,
            };
            let words = Words {
                message: format!("a cycle in {}", quoted(key)),
                found: cycle.join(" → "),
                expected: expected.to_owned(),
                help: None,
            };
            problems.report(&place.cloned().unwrap_or_default(), words);
        }
    }
}
