//! `menagerie mine watch`: the store's runs as they go, in the terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use console::Term;
use menagerie_executor::Host;
use menagerie_journal::{Page, RunFilter, RunKey};
use menagerie_mining::conform::PrefixChecker;
use menagerie_mining::discover::Graph;
use menagerie_mining::log::{Log, Variants};
use menagerie_mining::net::PetriNet;
use menagerie_mining::performance::Performance;
use menagerie_mining::{Case, Lifecycle, ProcessEvent};
use serde_json::{Value, json};

use super::source::{Source, is_wanted};
use super::table;
use crate::arguments::mine::WatchArguments;
use crate::commands::export::Reading;
use crate::commands::follow::Commits;
use crate::commands::open;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::mining_events::PluginNames;
use crate::settings::Settings;
use crate::terminal::text::{duration_ms, safe_line};

/// How many of the newest runs are looked at.
const RUNS: usize = 500;
/// How many edges, bottlenecks and deviations are shown.
const SHOWN: usize = 8;
/// The screen is not drawn more often.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn watch(
    settings: &Settings,
    arguments: WatchArguments,
) -> Result<ExitCode, Failure> {
    let net = arguments
        .model
        .as_deref()
        .map(super::conform::model)
        .transpose()?;
    let host = open::host(settings, "mine")?;
    let mut watched = Watched::new(net, &arguments)?;
    let mut commits = Commits::of(&host);
    let mut interrupts = Interrupts::listen()?;
    let until = arguments.r#for.map(|length| Instant::now() + length);
    let terminal = Term::stdout();
    let on_terminal = terminal.is_term() && !arguments.json;
    let mut lines = 0;
    loop {
        let changed = watched.look(&host).await?;
        if changed {
            let figures = watched.figures();
            if arguments.json {
                println!("{}", watched.as_json(&figures));
            } else {
                let text = watched.as_text(&figures);
                if on_terminal {
                    // What was drawn before is drawn over; a terminal that cannot do that shows one below the other.
                    let _ = terminal.clear_last_lines(lines);
                }
                lines = text.lines().count();
                println!("{text}");
            }
        }
        let ends = async {
            match until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = async { tokio::join!(commits.next(), tokio::time::sleep(PAUSE)); } => {}
            () = ends => return Ok(ExitCode::SUCCESS),
            () = interrupts.next() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// What is known of the runs.
struct Watched<'a> {
    cases: BTreeMap<RunKey, Seen>,
    net: Option<PrefixChecker>,
    arguments: &'a WatchArguments,
}

/// One run, as far as it was read.
struct Seen {
    next_seq: u64,
    case: Case,
    /// What goes on with it; none where it is over.
    reading: Reading,
}

struct Figures {
    log: Log,
    graph: Graph,
    performance: Performance,
    deviations: Vec<(String, String)>,
}

impl<'a> Watched<'a> {
    fn new(net: Option<PetriNet>, arguments: &'a WatchArguments) -> Result<Self, Failure> {
        let net = net.map(|net| PrefixChecker::new(&net)).transpose();
        Ok(Self {
            cases: BTreeMap::new(),
            net: net.map_err(Failure::usage)?,
            arguments,
        })
    }

    /// Reads what is new, and says whether anything is.
    async fn look(&mut self, host: &Host) -> Result<bool, Failure> {
        let page = Page {
            after: None,
            limit: RUNS,
        };
        let rows = host.journal().runs(RunFilter::default(), page).await?.rows;
        let listed: BTreeSet<&RunKey> = rows.iter().map(|row| &row.key).collect();
        let mut changed = self.cases.is_empty();
        self.cases.retain(|key, _| listed.contains(key));
        for row in &rows {
            let mut first = Reading::default();
            let reading = match self.cases.get_mut(&row.key) {
                Some(seen) if seen.next_seq == row.next_seq => continue,
                Some(seen) => &mut seen.reading,
                None => &mut first,
            };
            // One that cannot be read now may be later; the others are told.
            if reading.go_on(host, &row.key).await.is_ok() {
                let reading = std::mem::take(reading);
                let mut case = reading.case(row, &PluginNames::default());
                case.events
                    .retain(|event| is_wanted(event, &self.arguments.reading));
                let next_seq = row.next_seq;
                let reading = match row.status.ended {
                    // It is not read again: its events need not be kept.
                    true => Reading::default(),
                    false => reading,
                };
                let seen = Seen {
                    next_seq,
                    case,
                    reading,
                };
                self.cases.insert(row.key.clone(), seen);
                changed = true;
            }
        }
        Ok(changed)
    }

    fn figures(&mut self) -> Figures {
        let cases: Vec<&Case> = self.cases.values().map(|seen| &seen.case).collect();
        let log = Log::of_cases(cases.iter().map(|case| Case {
            id: case.id.clone(),
            state: case.state,
            attributes: case.attributes.clone(),
            events: &case.events,
        }));
        let occurrences = Source::occurrences_of(&self.arguments.reading);
        let variants = Variants::of(&log, occurrences);
        let graph = Graph::of(&log, &variants, occurrences);
        let mut deviations = Vec::new();
        if let Some(checker) = &mut self.net {
            for case in cases {
                let mut prefix = checker.begin();
                let done = |event: &&ProcessEvent| event.lifecycle == Lifecycle::Complete;
                for event in case.events.iter().filter(done) {
                    if checker.observe(&mut prefix, &event.activity) > 0 {
                        deviations.push((case.id.clone(), event.activity.clone()));
                    }
                }
            }
        }
        let performance = Performance::of(&log);
        Figures {
            log,
            graph,
            performance,
            deviations,
        }
    }

    fn as_json(&self, figures: &Figures) -> Value {
        let deviations: Vec<Value> = figures
            .deviations
            .iter()
            .map(|(run, activity)| json!({"run": run, "activity": activity}))
            .collect();
        json!({
            "cases": figures.performance.cases,
            "map": figures.graph,
            "bottlenecks": figures.performance.bottlenecks,
            "deviations": deviations,
        })
    }

    fn as_text(&self, figures: &Figures) -> String {
        let cases = figures.performance.cases;
        let mut text = format!(
            "{} runs: {} completed, {} failed, {} cancelled, {} open; {} events\n",
            cases.total,
            cases.completed,
            cases.failed,
            cases.cancelled,
            cases.open,
            figures.log.events().len()
        );
        let graph = &figures.graph;
        let mut edges: Vec<_> = graph.edges.iter().collect();
        edges.sort_by_key(|edge| std::cmp::Reverse(edge.count));
        let name = |activity: u32| graph.activities[activity as usize].to_string();
        let rows: Vec<Vec<String>> = edges
            .iter()
            .take(SHOWN)
            .map(|edge| {
                vec![
                    format!("{} -> {}", name(edge.from), name(edge.to)),
                    edge.count.to_string(),
                    table::length(edge.times.map(|times| times.mean())),
                ]
            })
            .collect();
        text += &table::text(&["EDGE", "COUNT", "MEAN"], &rows);
        for one in figures.performance.bottlenecks.iter().take(3) {
            text += &format!(
                "\nwaiting caused by `{}`: {}, {} of all",
                safe_line(&one.activity),
                duration_ms(one.waiting_caused_ms),
                table::percent(one.share)
            );
        }
        if self.net.is_some() {
            text += &format!("\n{} deviations from the model", figures.deviations.len());
            for (run, activity) in figures.deviations.iter().rev().take(SHOWN) {
                text += &format!(
                    "\n  run {}: `{}` is not expected there",
                    safe_line(run),
                    safe_line(activity)
                );
            }
        }
        text
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
#[path = "watch_tests.rs"]
mod tests;
