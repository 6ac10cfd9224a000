//! How much memory a long stream of events takes, and whether its counts are exact.
//!
//! `cargo bench -p menagerie-mining --bench memory [-- EVENTS]`, 10⁷ events unless told otherwise; 10⁸ is the goal's
//! number, a hundred events for each of 10⁶ cases, 50 000 of them open at a time. It fails when resident memory grows by
//! more than 64 MiB after the first tenth of the stream, or when the graph is not the one that follows from the
//! scripts of the cases.
#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a program that prints figures"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use menagerie_mining::{CaseState, Lifecycle, Online, ProcessEvent};

/// Cases that are open at a time.
const OPEN: u64 = 50_000;
/// Events of each case: a start and an end for each step.
const EVENTS_OF_A_CASE: u64 = 100;
const STEPS: u64 = EVENTS_OF_A_CASE / 2;
/// By how much resident memory may grow after the first tenth.
const MOST_GROWTH: u64 = 64 << 20;
/// How many ways cases go; a prime, so that they do not keep step with the open cases.
const SCRIPTS: u64 = 97;
const ACTIVITIES: u64 = 24;

/// What a case of a script does at a step.
fn activity(script: u64, step: u64) -> u64 {
    // Far from a random sequence, and exactly known: what is counted is compared with it.
    (script * 31 + step * step + script * step / 7) % ACTIVITIES
}

/// A case that is going on.
#[derive(Clone, Copy)]
struct Going {
    case: u64,
    event: u64,
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let asked: u64 = asked.unwrap_or(10_000_000);
    let cases = asked / EVENTS_OF_A_CASE;
    assert!(cases > OPEN, "fewer cases than are open at a time");
    let names: Vec<String> = (0..ACTIVITIES)
        .map(|one| format!("activity-{one}"))
        .collect();
    let mut online = Online::bounded(usize::try_from(OPEN).expect("few"));
    let began = Instant::now();
    let (warm, most) = stream(&mut online, cases, &names);
    let seconds = began.elapsed().as_secs_f64();
    let events = cases * EVENTS_OF_A_CASE;
    println!(
        "{events} events of {cases} cases, {OPEN} open at a time, in {seconds:.1} s with their making"
    );
    assert_eq!(online.forgotten(), 0, "no case had to be forgotten");
    assert_eq!(online.open_cases(), 0, "every case has ended");
    exact(&online, cases, &names);
    println!("the graph is exact: {} edges", online.edges().len());
    let (Some(warm), Some(most)) = (warm, most) else {
        println!("resident memory is not told by this system");
        return;
    };
    let growth = most.saturating_sub(warm);
    println!(
        "resident memory: {:.1} MiB after a tenth, {:.1} MiB at most after that, growth {:.1} MiB",
        mebibytes(warm),
        mebibytes(most),
        mebibytes(growth)
    );
    assert!(
        growth <= MOST_GROWTH,
        "memory grew by {growth} bytes, expected at most {MOST_GROWTH}"
    );
}

/// Sends all events; gives resident memory after the first tenth, and the most of it after that.
fn stream(online: &mut Online, cases: u64, names: &[String]) -> (Option<u64>, Option<u64>) {
    let events = cases * EVENTS_OF_A_CASE;
    let mut open: Vec<Going> = (0..OPEN).map(|case| Going { case, event: 0 }).collect();
    let mut next = OPEN;
    let mut chance = 42_u64;
    let (mut warm, mut most) = (None, None);
    let mut event = ProcessEvent::new("", "", "", "", Lifecycle::Start, 0);
    for number in 0..events {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let place = usize::try_from((chance >> 20) % open.len() as u64).expect("few");
        let Going { case, event: at } = open[place];
        let (step, at_ms) = (at / 2, i64::try_from(number).expect("few"));
        event.case.clear();
        event.instance.clear();
        let _ = write!(event.case, "0192f3c4-0000-7000-8000-{case:012}");
        let _ = write!(event.instance, "step-{step}");
        let activity = activity(case % SCRIPTS, step);
        event
            .activity
            .clone_from(&names[usize::try_from(activity).expect("few")]);
        event.lifecycle = if at % 2 == 0 {
            Lifecycle::Start
        } else {
            Lifecycle::Complete
        };
        event.at_ms = at_ms;
        online.observe(&event);
        open[place].event += 1;
        if at + 1 == EVENTS_OF_A_CASE {
            online.end_case(&event.case, CaseState::Completed, at_ms);
            if next < cases {
                open[place] = Going {
                    case: next,
                    event: 0,
                };
                next += 1;
            } else {
                open.swap_remove(place);
            }
        }
        if number + 1 == events / 10 {
            warm = resident();
            most = warm;
        } else if number > events / 10 && number % 100_000 == 0 {
            most = most.max(resident());
        }
    }
    (warm, most.max(resident()))
}

/// Compares the counts with those that follow from the scripts.
fn exact(online: &Online, cases: u64, names: &[String]) {
    let mut expected: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut completed: BTreeMap<&str, u64> = BTreeMap::new();
    let name = |script, step| names[usize::try_from(activity(script, step)).expect("few")].as_str();
    for script in 0..SCRIPTS {
        let of_script = cases / SCRIPTS + u64::from(script < cases % SCRIPTS);
        for step in 0..STEPS {
            *completed.entry(name(script, step)).or_default() += of_script;
            if step > 0 {
                let edge = (name(script, step - 1), name(script, step));
                *expected.entry(edge).or_default() += of_script;
            }
        }
    }
    let edges = online.edges();
    let found: BTreeMap<(&str, &str), u64> = edges
        .iter()
        .map(|(edge, times)| (*edge, times.count))
        .collect();
    assert_eq!(found, expected, "the directly-follows graph");
    let activities = online.activities();
    let found: BTreeMap<&str, u64> = activities
        .iter()
        .map(|(name, stats)| (*name, stats.completed))
        .collect();
    assert_eq!(found, completed, "the activities");
}

/// Resident memory in bytes, where the system tells it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[allow(clippy::cast_precision_loss, reason = "sizes of memory are below 2^52")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
