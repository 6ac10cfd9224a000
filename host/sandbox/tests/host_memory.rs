//! How much of the host's memory the greediest guests can take. A binary of its own, since the
//! figure belongs to the whole process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a test, which shares its support with others"
)]

#[path = "sandbox/support.rs"]
mod support;

use std::sync::Arc;

use menagerie_sandbox::{CallSpec, Catalogue, Grants, Kind, Limits, Plugin, Request};
use support::{ENGINE, component, component_with, neighbour_works, spec};

/// What the host may need beside the guest's own memory.
const BESIDE_THE_GUEST: u64 = 32 << 20;

/// A figure of this process in bytes.
fn figure(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Tells a process of this binary which guest it is to measure.
const ONE_GUEST: &str = "MENAGERIE_TEST_ONE_GUEST";

/// Every guest, and what it cost, in a process of its own: a process' highest figure cannot be taken back
/// everywhere, and the greedy would hide what comes behind them.
#[tokio::test]
async fn what_guests_cost_the_host_is_bounded() {
    if let Some(name) = std::env::var_os(ONE_GUEST) {
        return what_one_costs(name.to_str().unwrap()).await;
    }
    let mut guests = Vec::new();
    macro_rules! name_of {
        ($name:ident) => {
            guests.push(stringify!($name));
        };
    }
    for_each_guest!(name_of);
    assert!(guests.len() > 70, "{guests:?}");
    guests.push(HUGE_DATA);
    for name in guests {
        let mut measured = std::process::Command::new(std::env::current_exe().unwrap());
        measured.args([
            "--exact",
            "what_guests_cost_the_host_is_bounded",
            "--nocapture",
        ]);
        let measured = measured.env(ONE_GUEST, name).output().unwrap();
        let said = String::from_utf8_lossy(&measured.stdout);
        let errors = String::from_utf8_lossy(&measured.stderr);
        assert!(measured.status.success(), "{name}: {said}\n{errors}");
        assert!(
            said.contains("cost the host"),
            "{name} was not measured: {said}"
        );
    }
}

async fn what_one_costs(name: &str) {
    neighbour_works().await;
    if name == HUGE_DATA {
        return a_huge_data_segment_costs_the_host_a_few_times_its_file().await;
    }
    let component = component(name);
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = figure("VmHWM:");
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    // Most are loaded, and those that are refused must cost little, too.
    let grants = Grants::of(["menagerie:plugin/http", "menagerie:plugin/history"]);
    let ended = match catalogue.load(&component, &grants) {
        Ok(guest) => ENGINE.call(call_of(guest)).await.ended.to_string(),
        Err(refused) => refused.to_string(),
    };
    let grown = figure("VmHWM:").saturating_sub(before);
    println!("{name} cost the host {grown} bytes: {ended}");
    assert!(grown <= Limits::default().memory_bytes + BESIDE_THE_GUEST);
    neighbour_works().await;
}

/// A call of a guest of any kind.
fn call_of(guest: Arc<Plugin>) -> CallSpec {
    let config = "{}".to_owned();
    let request = match guest.kind() {
        Kind::Aggregator => Request::Aggregate {
            results: Vec::new(),
            config,
        },
        Kind::Arbiter => Request::Arbitrate {
            results: Vec::new(),
            differences: Vec::new(),
            config,
        },
        Kind::GroupStrategy => Request::Start,
        _ => return spec(guest),
    };
    CallSpec {
        request,
        ..spec(guest)
    }
}

/// The file itself, its compiled code and the image that a memory begins with.
const COPIES_OF_A_FILE: u64 = 8;

/// What the measurement of one that is made here is called.
const HUGE_DATA: &str = "huge data segment";

async fn a_huge_data_segment_costs_the_host_a_few_times_its_file() {
    let data = "x".repeat(24 << 20);
    // Passive, so that no memory's size bounds it.
    let component = component_with("well_behaved", &format!("(data \"{data}\")"));
    drop(data);
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = figure("VmHWM:");
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let guest = catalogue.load(&component, &Grants::none()).unwrap();
    let report = ENGINE.call(spec(guest)).await;
    assert_eq!(report.ended.code(), "value", "{}", report.ended);
    let grown = figure("VmHWM:").saturating_sub(before);
    println!("{HUGE_DATA} cost the host {grown} bytes");
    assert!(
        grown <= COPIES_OF_A_FILE * component.len() as u64,
        "it cost the host {grown} bytes"
    );
}
