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

use menagerie_sandbox::{Catalogue, Grants, Limits};
use support::{ENGINE, component_with, neighbour_works, plugin, spec};

/// What the host may need beside the guest's own memory.
const BESIDE_THE_GUEST: u64 = 32 << 20;

/// A figure of this process in bytes.
fn figure(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

// One test, since the tests of a binary run beside each other.
#[tokio::test]
async fn what_guests_cost_the_host_is_bounded() {
    a_huge_data_segment_costs_the_host_a_few_times_its_file().await;
    greedy_guests_cost_the_host_their_limit_and_thirty_two_megabytes().await;
}

async fn greedy_guests_cost_the_host_their_limit_and_thirty_two_megabytes() {
    neighbour_works().await;
    for name in [
        "memory_bomb",
        "memory_bomb_in_many_memories",
        "memory_beyond_its_type",
        "data_far_away",
        "table_bomb",
        "huge_output",
        "million_empty_texts",
        "output_beyond_one_passing",
        "output_beyond_its_limit",
        "ten_megabyte_name",
        "log_flood",
        "log_megabytes",
        "handle_flood",
    ] {
        let guest = plugin(name);
        // The peak from here on: some kernels keep the old one, so it is compared as well.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let before = figure("VmRSS:").max(figure("VmHWM:"));
        let report = ENGINE.call(spec(guest)).await;
        let grown = figure("VmHWM:").saturating_sub(before);
        let most = Limits::default().memory_bytes + BESIDE_THE_GUEST;
        assert!(
            grown <= most,
            "{name} cost the host {grown} bytes: {}",
            report.ended
        );
        neighbour_works().await;
    }
}

/// The file itself, its compiled code and the image that a memory begins with.
const COPIES_OF_A_FILE: u64 = 8;

async fn a_huge_data_segment_costs_the_host_a_few_times_its_file() {
    let data = "x".repeat(24 << 20);
    // Passive, so that no memory's size bounds it.
    let component = component_with("well_behaved", &format!("(data \"{data}\")"));
    drop(data);
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = figure("VmRSS:");
    let catalogue = Catalogue::new(ENGINE.clone(), None);
    let guest = catalogue.load(&component, &Grants::none()).unwrap();
    let report = ENGINE.call(spec(guest)).await;
    assert_eq!(report.ended.code(), "value", "{}", report.ended);
    let grown = figure("VmHWM:").saturating_sub(before);
    assert!(
        grown <= COPIES_OF_A_FILE * component.len() as u64,
        "it cost the host {grown} bytes"
    );
}
