//! How long each part takes over one log, the least of several turns, in milliseconds.
//!
//! `cargo bench -p menagerie-mining --bench mining [-- LOG.xes[.gz] [NET.pnml...]] [--alone]`; without a log, one is
//! made: 9 400 cases with about 100 000 events of twelve activities, with loops, choices and noise. Afterwards, unless
//! `--alone` is said, the same by others and all of it side by side; see `peers/beside.rs`.
#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a program that prints figures"
)]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use menagerie_mining::conform::{
    Aligner, PrefixChecker, Unknown, align, precision, precision_one_way, replay,
};
use menagerie_mining::discover::{Graph, Thresholds, alpha, heuristics, inductive};
use menagerie_mining::document::{read_xes, write_xes_document};
use menagerie_mining::drift::drift;
use menagerie_mining::log::{Occurrences, Variants};
use menagerie_mining::net::{PetriNet, read_pnml, write_pnml};
use menagerie_mining::performance::Performance;
use menagerie_mining::picture::{Show, process_map};
use menagerie_mining::recent::Recent;
use menagerie_mining::{CaseState, Lifecycle, Online, ProcessEvent};

#[path = "peers/beside.rs"]
mod beside;

const TURNS: usize = 7;

thread_local! {
    /// What was measured, and the net that is looked at.
    static FIGURES: RefCell<(beside::Figures, String)> = RefCell::default();
}

fn main() {
    let path = std::env::args()
        .skip(1)
        // A number is for the other benchmark, where both are run.
        .find(|argument| !argument.starts_with('-') && argument.parse::<u64>().is_err());
    let bytes = match &path {
        Some(path) => std::fs::read(path).expect("the log can be read"),
        None => made().into_bytes(),
    };
    let text = menagerie_mining::document::text_of(&bytes, u64::MAX)
        .expect("text")
        .into_owned();
    println!("{} bytes of XES", text.len());
    let document = measure("read XES", || read_xes(text.as_bytes()).expect("a log"));
    measure("write XES", || {
        let mut sink = Vec::with_capacity(text.len());
        write_xes_document(&mut sink, &document).expect("written");
        sink
    });
    let log = measure("document to log", || document.log("concept:name"));
    println!("{} events, {} cases", log.events().len(), log.cases().len());
    let variants = measure("variants", || Variants::of(&log, Occurrences::Completed));
    println!("{} variants", variants.list.len());
    // What others do without times, ours never does without.
    for name in ["graph without times", "graph with times"] {
        measure(name, || Graph::of(&log, &variants, Occurrences::Completed));
    }
    measure("alpha", || alpha(&variants));
    measure("heuristics", || {
        heuristics(&variants, &Thresholds::default())
    });
    measure("inductive", || inductive(&variants, 0.0));
    measure("performance", || Performance::of(&log));
    measure("drift", || drift(&log, Occurrences::Completed));
    measure("process map as SVG", || {
        let graph = Graph::of(&log, &variants, Occurrences::Completed);
        process_map(&graph, Show::Frequency)
    });
    online();
    recent();
    let tree = measure("inductive, noise 0.2", || inductive(&variants, 0.2));
    let found = PetriNet::of_tree(&tree, &variants.activities);
    let mut nets = vec![("the inductive net".to_owned(), pnml(&found))];
    conformance("the inductive net", &found, &variants);
    for path in std::env::args()
        .skip(1)
        .filter(|path| path.ends_with(".pnml"))
    {
        let text = std::fs::read_to_string(&path).expect("the net can be read");
        let net = read_pnml(&text).expect("a net");
        let name = Path::new(&path).file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        conformance(&name, &net, &variants);
        nets.push((name, text));
    }
    if !std::env::args().any(|argument| argument == "--alone") {
        let (ours, _) = FIGURES.take();
        beside::compare(&ours, &text, &nets);
    }
}

fn pnml(net: &PetriNet) -> String {
    let mut bytes = Vec::new();
    write_pnml(&mut bytes, net).expect("written");
    String::from_utf8(bytes).expect("text")
}

/// What a strategy is shown of sixteen agents, and what it costs to keep it up to date.
fn recent() {
    const ATTEMPTS: u32 = 1_000_000;
    let mut agents: Vec<Recent> = (0..16).map(|_| Recent::default()).collect();
    let mut chance = Chance(7);
    let began = Instant::now();
    for attempt in 0..ATTEMPTS {
        let agent = &mut agents[(attempt % 16) as usize];
        let (took, waited) = (chance.below(5_000), chance.below(50));
        agent.observe(took.into(), waited.into(), chance.below(20) == 0);
    }
    let nanos = began.elapsed().as_secs_f64() * 1e9 / f64::from(ATTEMPTS);
    println!("{:32} {nanos:10.0} ns", "recent attempts, one more");
    measure("recent attempts, 1000 looks at 16", || {
        let look = |_| {
            agents
                .iter()
                .filter_map(Recent::figures)
                .map(|seen| seen.p95_ms)
                .sum::<u64>()
        };
        (0..1_000).map(look).sum::<u64>()
    });
}

/// Events of many cases at once, as a host has them: 50 000 cases open, each with ten pieces of work.
fn online() {
    const OPEN: usize = 50_000;
    const EVENTS: usize = 5_000_000;
    let names: Vec<String> = (0..OPEN)
        .map(|case| format!("0192f3c4-0000-7000-8000-{case:012}"))
        .collect();
    let activities: Vec<String> = (0..12).map(|one| format!("activity-{one}")).collect();
    let mut online = Online::bounded(OPEN);
    let mut event = ProcessEvent::new("", "", "", "", Lifecycle::Start, 0);
    let (mut chance, mut case, mut step) = (Chance(42), 0_usize, vec![0_u32; names.len()]);
    let mut told = vec![0_u32; 20_000];
    let mut nanoseconds = 0;
    for number in 0..EVENTS {
        case = (case + 1 + chance.below(7) as usize) % names.len();
        let at = step[case];
        event.case.clone_from(&names[case]);
        event
            .activity
            .clone_from(&activities[(at / 2 % 12) as usize]);
        event.instance.clear();
        let _ = write!(event.instance, "step-{}", at / 2);
        event.lifecycle = if at % 2 == 0 {
            Lifecycle::Start
        } else {
            Lifecycle::Complete
        };
        event.at_ms = i64::try_from(number).expect("few");
        let before = Instant::now();
        online.observe(&event);
        if at == 19 {
            online.end_case(&names[case], CaseState::Completed, event.at_ms);
        }
        let took = before.elapsed().as_nanos();
        nanoseconds += took;
        let micros = u32::try_from(took / 50).unwrap_or(u32::MAX);
        told[(micros as usize).min(19_999)] += 1;
        step[case] = if at == 19 { 0 } else { at + 1 };
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let rate = EVENTS as f64 / (nanoseconds as f64 / 1e9);
    let mut seen = 0;
    let p99 = told.iter().position(|count| {
        seen += *count as usize;
        seen * 100 >= EVENTS * 99
    });
    println!(
        "online, {OPEN} cases open: {rate:.0} events/s, the timing of each included, p99 {:.2} µs, {} forgotten",
        p99.map_or(f64::NAN, |place| f64::from(
            u32::try_from(place).unwrap_or(0)
        ) * 0.05),
        online.forgotten()
    );
}

fn conformance(name: &str, net: &PetriNet, variants: &Variants) {
    FIGURES.with_borrow_mut(|(_, of)| name.clone_into(of));
    println!(
        "{name}: {} places, {} transitions",
        net.places.len(),
        net.transitions.len()
    );
    match measure("explore", || Aligner::new(net)) {
        Ok(aligner) => println!("{} markings", aligner.markings()),
        Err(error) => println!("{error}"),
    }
    let alignments = measure("align", || align(net, variants).expect("aligned"));
    println!("{:?}", alignments.summary);
    let replayed = measure("token replay", || replay(net, variants));
    println!("{:?}", replayed.map(|replayed| replayed.summary));
    println!(
        "{:?}",
        measure("ETC precision", || precision(
            net,
            variants,
            Unknown::PassedOver
        ))
    );
    println!(
        "{:?}",
        measure("ETC precision, one way", || precision_one_way(
            net,
            variants,
            Unknown::PassedOver
        ))
    );
    let Ok(mut checker) = PrefixChecker::new(net) else {
        return;
    };
    let events: usize = variants
        .list
        .iter()
        .map(|variant| variant.path.len() * variant.cases.len())
        .sum();
    let deviations = measure("live conformance", || {
        let mut deviations = 0;
        for variant in &variants.list {
            for _ in &variant.cases {
                let mut case = checker.begin();
                for activity in &variant.path {
                    deviations += checker.observe(&mut case, variants.name(*activity));
                }
            }
        }
        deviations
    });
    println!("{deviations} deviations in {events} events");
    live_latency(net, variants);
}

/// How long the slowest events take where no case had them before, which is when there is most to do.
fn live_latency(net: &PetriNet, variants: &Variants) {
    let mut checker = PrefixChecker::new(net).expect("it was made before");
    let mut took = Vec::new();
    for variant in &variants.list {
        let mut case = checker.begin();
        for activity in &variant.path {
            let began = Instant::now();
            black_box(checker.observe(&mut case, variants.name(*activity)));
            took.push(began.elapsed());
        }
    }
    took.sort_unstable();
    let at = |share: usize| {
        took.get(took.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "live conformance, an event: {:?} half, {:?} 99 of 100",
        at(50),
        at(99)
    );
}

fn measure<T>(name: &str, mut work: impl FnMut() -> T) -> T {
    let mut least = f64::INFINITY;
    let mut result = None;
    for _ in 0..TURNS {
        let began = Instant::now();
        let made = black_box(work());
        least = least.min(began.elapsed().as_secs_f64() * 1e3);
        result = Some(made);
    }
    println!("{name:32} {least:10.3} ms");
    FIGURES.with_borrow_mut(|(figures, net)| {
        figures.push((net.clone(), name.to_owned(), least));
    });
    result.expect("at least one turn")
}

/// A log like that of a team of agents: plan, search and code side by side, tests with fixes, reviews
/// that send back, and one event in a hundred where it should not be.
fn made() -> String {
    let mut chance = Chance(42);
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log xes.version=\"1849.2016\">\n",
    );
    let mut at_ms = 1_767_225_600_000_i64;
    for case in 0..9_400 {
        let _ = write!(
            text,
            "<trace>\n<string key=\"concept:name\" value=\"run-{case}\"/>\n"
        );
        at_ms += 20_000;
        let mut now = at_ms;
        for activity in path(&mut chance) {
            now += 50 + i64::from(chance.below(3_000));
            let when = menagerie_mining::timestamp::format(now).expect("a year of this century");
            let _ = write!(
                text,
                "<event>\n<string key=\"concept:name\" value=\"{activity}\"/>\n<string key=\"org:resource\" value=\"{activity}-agent\"/>\n<date key=\"time:timestamp\" value=\"{when}\"/>\n<string key=\"lifecycle:transition\" value=\"complete\"/>\n<float key=\"cost:total\" value=\"0.0{}\"/>\n</event>\n",
                chance.below(10_000)
            );
        }
        text.push_str("</trace>\n");
    }
    text.push_str("</log>\n");
    text
}

fn path(chance: &mut Chance) -> Vec<&'static str> {
    let mut path = vec!["intake"];
    loop {
        path.push("plan");
        let mut middle = vec!["search", "code", "retrieve"];
        while !middle.is_empty() {
            let next = chance.below(u32::try_from(middle.len()).expect("three"));
            path.push(middle.remove(next as usize));
        }
        path.push("test");
        while chance.below(100) < 30 {
            path.extend(["fix", "test"]);
        }
        path.push("review");
        if chance.below(100) >= 15 {
            break;
        }
    }
    if chance.below(100) < 10 {
        path.extend(["escalate", "human_review"]);
    }
    path.extend(["publish", "close"]);
    if chance.below(10) == 0 {
        let from = chance.below(u32::try_from(path.len()).expect("short")) as usize;
        let to = chance.below(u32::try_from(path.len()).expect("short")) as usize;
        path.swap(from, to);
    }
    path
}

/// A small generator of equally distributed numbers; the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 32) % u64::from(bound)).expect("below a number of 32 bits")
    }
}
