//! Every guest of `tests/guests` by its name: the typed answer to what it tries. The neighbour's
//! call behind each of them is in `support::call`.

use std::time::{Duration, Instant};

use menagerie_sandbox::{
    CallSpec, Catalogue, Ended, Engine, EngineConfig, Grants, Limits, Request,
};

use crate::floats::floats_to_the_bit;
use crate::support::{
    ENGINE, broken_rule, call, call_named, component, neighbour_works, output, plugin, spec, task,
};

pub use crate::calls::{context_keeper, draws_and_tells, faults, waits_for_history, well_behaved};
pub use crate::crosstalk::works;
pub use crate::http::{http_flood, http_huge_body, http_smuggler};
pub use crate::http_attacks::looks_for_secrets;
pub use crate::kinds::{arbitrates, checks_config, compensates, joins, leads_a_group};
pub use crate::refused::{
    huge_table, newer_contract, no_plugin, too_many_memories, two_kinds, wants_figures,
    wants_history, wants_http, wants_the_unknown,
};
pub use crate::wasi::{
    wants_environment, wants_more_of_wasi, wasi_exits, wasi_makes_up_a_file, wasi_prints_for_ever,
    wasi_sleeps, wasi_uses_everything, wasi_uses_the_rest,
};

macro_rules! assert_test_exists {
    ($name:ident) => {
        const _: fn() = $name;
    };
}
include!(concat!(env!("OUT_DIR"), "/guests.rs"));
for_each_guest!(assert_test_exists);

/// Runs out of fuel; and with fuel without end it is stopped by the clock, in time.
async fn spins(name: &str) {
    let report = call_named(name).await;
    assert_eq!(report.ended, Ended::Fuel { limit: 50_000_000 });
    assert_eq!(report.usage.fuel, 50_000_000);
    stopped_by_the_clock(name).await;
}

/// How often a guest is to be stopped in time. The machine may be busy with other things, so that most of
/// them count, and none may take as long as only a guest takes that is not stopped.
const TIMES: usize = 5;
const WITHIN: Duration = Duration::from_millis(100);
const AT_THE_WORST: Duration = Duration::from_secs(3);

/// What it took each time to stop what was to be stopped at once.
fn was_stopped_in_time(name: &str, mut took: Vec<Duration>) {
    took.sort();
    assert_eq!(took.len(), TIMES);
    assert!(
        took[TIMES / 2] < WITHIN,
        "{name} was stopped after {took:?}"
    );
    assert!(
        took[TIMES - 1] < AT_THE_WORST,
        "{name} was stopped after {took:?}"
    );
}

/// Within a tenth of a second after its deadline.
async fn stopped_by_the_clock(name: &str) {
    let timeout = Duration::from_millis(100);
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let started = Instant::now();
        let spinning = CallSpec {
            timeout,
            limits: endless(),
            ..spec(plugin(name))
        };
        let report = ENGINE.call(spinning).await;
        let elapsed = started.elapsed();
        assert_eq!(report.ended, Ended::Deadline { limit: timeout });
        assert!(elapsed >= timeout, "{name} was stopped early: {elapsed:?}");
        took.push(elapsed - timeout);
        neighbour_works().await;
    }
    was_stopped_in_time(name, took);
}

fn endless() -> Limits {
    Limits {
        fuel: u64::MAX >> 1,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn loop_in_start() {
    spins("loop_in_start").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn loop_in_process() {
    spins("loop_in_process").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn loop_in_post_return() {
    spins("loop_in_post_return").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn loop_in_realloc() {
    spins("loop_in_realloc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn loop_in_destructor() {
    spins("loop_in_destructor").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn bulk_memory() {
    spins("bulk_memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_time_ends_a_call_that_has_fuel_and_time_left() {
    let busy = Duration::from_millis(50);
    let limits = Limits { busy, ..endless() };
    let report = call(CallSpec {
        limits,
        ..spec(plugin("loop_in_process"))
    })
    .await;
    assert_eq!(report.ended, Ended::Busy { limit: busy });
    assert!(report.usage.busy_us >= 50_000, "{:?}", report.usage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_ends_a_spinning_guest_within_a_tenth_of_a_second() {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let spinning = CallSpec {
            limits: endless(),
            ..spec(plugin("loop_in_process"))
        };
        let cancel = spinning.cancel.clone();
        let running = tokio::spawn(ENGINE.call(spinning));
        neighbour_works().await;
        let asked = Instant::now();
        cancel.cancel();
        assert_eq!(running.await.unwrap().ended, Ended::Cancelled);
        took.push(asked.elapsed());
    }
    was_stopped_in_time("a cancelled guest", took);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn realloc_traps() {
    let report = call_named("realloc_traps").await;
    assert_eq!(report.ended.code(), "trap", "{}", report.ended);
    assert!(
        report.ended.to_string().contains("`unreachable`"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn realloc_lies() {
    assert_eq!(call_named("realloc_lies").await.ended.code(), "trap");
}

const LIMIT: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn memory_bomb() {
    let report = call_named("memory_bomb").await;
    assert_eq!(
        report.ended,
        Ended::Memory {
            limit: LIMIT,
            asked: LIMIT + (64 << 10)
        }
    );
    assert_eq!(report.usage.peak_memory_bytes, LIMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn memory_bomb_in_many_memories() {
    let report = call_named("memory_bomb_in_many_memories").await;
    assert_eq!(
        report.ended,
        Ended::Memory {
            limit: LIMIT,
            asked: LIMIT + (1 << 20)
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn memory_beyond_its_type() {
    let report = call_named("memory_beyond_its_type").await;
    assert_eq!(
        report.ended,
        Ended::Memory {
            limit: LIMIT,
            asked: (16 + 65_535) << 16
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn memory_within_its_maximum() {
    let report = call_named("memory_within_its_maximum").await;
    assert_eq!(output(&report), "{\"answer\":42}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn memory_from_the_start() {
    let report = call_named("memory_from_the_start").await;
    assert_eq!(
        report.ended,
        Ended::Memory {
            limit: LIMIT,
            asked: 2_000 << 16
        }
    );
}

/// The pages that one call has grown its memory by stay where they are for the next. They hold nothing then,
/// and whoever has not grown does not reach them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn goes_beyond_its_memory() {
    let config = EngineConfig {
        concurrent_calls: 1,
        ..EngineConfig::default()
    };
    // The only call that there may be has the only memory that there is.
    let engine = Engine::new(&config).unwrap();
    let catalogue = Catalogue::new(engine.clone(), None);
    let bytes = component("goes_beyond_its_memory");
    let plugin = catalogue.load(&bytes, &Grants::none()).unwrap();
    let ended = async |way: usize| {
        let request = Request::Process(task(&"1".repeat(way)));
        let spec = CallSpec {
            request,
            ..spec(plugin.clone())
        };
        engine.call(spec).await
    };
    for _ in 0..3 {
        assert_eq!(output(&ended(1).await), "[0]");
        for beyond in 3..=7 {
            let report = ended(beyond).await;
            let Ended::Trap { message } = &report.ended else {
                panic!("{beyond}: {}", report.ended)
            };
            assert!(message.contains("out of bounds"), "{beyond}: {message}");
        }
        assert_eq!(output(&ended(1).await), "[0]");
        assert_eq!(output(&ended(2).await), "[0]");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn data_far_away() {
    let report = call_named("data_far_away").await;
    assert_eq!(
        report.ended,
        Ended::Memory {
            limit: LIMIT,
            asked: 14_401 << 16
        }
    );
    // With leave to have that much it runs, and the host does not pay for what lies between.
    let limits = Limits {
        memory_bytes: 1 << 30,
        ..Limits::default()
    };
    let allowed = call(CallSpec {
        limits,
        ..spec(plugin("data_far_away"))
    })
    .await;
    assert_eq!(output(&allowed), "{\"answer\":42}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn data_beyond_memory() {
    let report = call_named("data_beyond_memory").await;
    assert_eq!(report.ended.code(), "trap", "{}", report.ended);
    assert!(
        report.ended.to_string().contains("out of bounds memory"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn elements_beyond_table() {
    let report = call_named("elements_beyond_table").await;
    assert_eq!(report.ended.code(), "trap", "{}", report.ended);
    assert!(
        report.ended.to_string().contains("out of bounds table"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn table_bomb() {
    let report = call_named("table_bomb").await;
    assert_eq!(report.ended.code(), "tables", "{}", report.ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn tables_from_the_start() {
    let report = call_named("tables_from_the_start").await;
    assert_eq!(
        report.ended,
        Ended::Tables {
            limit: 100_000,
            asked: 120_000
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn deep_recursion() {
    let report = call_named("deep_recursion").await;
    assert_eq!(report.ended, Ended::Stack { limit: 1 << 20 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn huge_output() {
    let report = call_named("huge_output").await;
    assert_eq!(report.ended.code(), "trap", "{}", report.ended);
    assert!(
        report.ended.to_string().contains("out of bounds of memory"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn output_beyond_one_passing() {
    assert_eq!(
        call_named("output_beyond_one_passing").await.ended,
        Ended::HostCallBytes { limit: 16 << 20 }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn output_beyond_its_limit() {
    assert_eq!(
        broken_rule(&call_named("output_beyond_its_limit").await),
        "size"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn million_empty_texts() {
    assert_eq!(
        call_named("million_empty_texts").await.ended,
        Ended::HostCallBytes { limit: 16 << 20 }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn malformed_output() {
    assert_eq!(
        broken_rule(&call_named("malformed_output").await),
        "json-syntax"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn non_ijson_output() {
    assert_eq!(
        broken_rule(&call_named("non_ijson_output").await),
        "json-duplicate-name"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn bad_utf8() {
    assert_eq!(broken_rule(&call_named("bad_utf8").await), "utf-8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn bad_discriminant() {
    let report = call_named("bad_discriminant").await;
    assert!(
        report.ended.to_string().contains("discriminant"),
        "{}",
        report.ended
    );
    assert_eq!(report.ended.code(), "trap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn unaligned_answer() {
    let report = call_named("unaligned_answer").await;
    assert!(
        report.ended.to_string().contains("align"),
        "{}",
        report.ended
    );
    assert_eq!(report.ended.code(), "trap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn nan_confidence() {
    assert_eq!(
        broken_rule(&call_named("nan_confidence").await),
        "confidence"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn strategy_without_sense() {
    assert_eq!(
        broken_rule(&call_named("strategy_without_sense").await),
        "confidence"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn forged_digest() {
    assert_eq!(broken_rule(&call_named("forged_digest").await), "digest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn ten_megabyte_name() {
    assert_eq!(broken_rule(&call_named("ten_megabyte_name").await), "size");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn long_name() {
    assert_eq!(broken_rule(&call_named("long_name").await), "name-length");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn log_flood() {
    let report = call_named("log_flood").await;
    assert_eq!(output(&report), "{\"answer\":42}");
    assert_eq!((report.log.len(), report.log_lines_dropped), (256, 4_744));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn log_megabytes() {
    let report = call_named("log_megabytes").await;
    assert!(
        matches!(report.ended, Ended::Bytes { limit, passed } if limit == 64 << 20 && passed > limit),
        "{}",
        report.ended
    );
    assert_eq!((report.log.len(), report.log_lines_dropped), (0, 67));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn host_call_flood() {
    let report = call_named("host_call_flood").await;
    assert_eq!(report.ended, Ended::HostCalls { limit: 10_000 });
    assert_eq!(report.usage.host_calls, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn random_flood() {
    let limits = Limits {
        host_calls: 500,
        ..Limits::default()
    };
    let report = call(CallSpec {
        limits,
        ..spec(plugin("random_flood"))
    })
    .await;
    assert_eq!(report.ended, Ended::HostCalls { limit: 500 });
    stopped_by_the_clock("random_flood").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn random_misuse() {
    let report = call_named("random_misuse").await;
    assert_eq!(report.ended.code(), "trap");
    assert!(
        report.ended.to_string().contains("65537 random bytes"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn host_call_in_post_return() {
    let report = call_named("host_call_in_post_return").await;
    assert!(
        report.ended.to_string().contains("cannot leave component"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn host_call_in_realloc() {
    let report = call_named("host_call_in_realloc").await;
    assert!(
        report.ended.to_string().contains("cannot leave component"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn handle_flood() {
    assert_eq!(
        call_named("handle_flood").await.ended,
        Ended::Handles { limit: 10_000 }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn traps() {
    let report = call_named("traps").await;
    let Ended::Trap { message } = &report.ended else {
        panic!("{}", report.ended)
    };
    assert!(message.contains("red \\u{1b}[31m alert\\u{7}"), "{message}");
    assert!(
        message.chars().all(|character| !character.is_control()),
        "{message:?}"
    );
}
