//! WASI as language runtimes import it: deterministic, empty, metered.

use menagerie_sandbox::types::Level;
use menagerie_sandbox::{CallReport, CallSpec, Ended, Invocation, LoadError};

use crate::refused::refusal;
use crate::support::{call, call_named, component, output, plugin, spec};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wants_environment() {
    let report = call_named("wants_environment").await;
    assert_eq!(output(&report), "{\"answer\":42}");
    assert_eq!(report.usage.host_calls, 1);
}

#[test]
pub fn wants_more_of_wasi() {
    let refused = refusal(&component("wants_more_of_wasi"));
    let import = "wasi:http/outgoing-handler@0.2.0".to_owned();
    assert!(
        refused.to_string().contains(&format!("`{import}`")),
        "{refused}"
    );
    assert_eq!(refused, LoadError::Wasi { import });
}

async fn everything(seed: u8, now_ms: i64) -> CallReport {
    drawn("wasi_uses_everything", seed, now_ms).await
}

async fn drawn(guest: &str, seed: u8, now_ms: i64) -> CallReport {
    let invocation = Invocation {
        seed: [seed; 32],
        now_ms,
        ..Invocation::default()
    };
    call(CallSpec {
        invocation,
        ..spec(plugin(guest))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wasi_uses_everything() {
    let report = everything(1, 951_782_400_123).await;
    let answer = output(&report).to_owned();
    let lines: Vec<(Level, &str)> = report
        .log
        .iter()
        .map(|line| (line.level, line.message.as_str()))
        .collect();
    let expected = [
        (Level::Info, "one"),
        (Level::Info, "two"),
        (Level::Warn, "bad \u{fffd}"),
        (Level::Info, "three"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(report.usage.host_calls, 13);

    let again = everything(1, 951_782_400_123).await;
    assert_eq!(output(&again), answer);
    assert_eq!(again.usage.fuel, report.usage.fuel);
    assert_ne!(output(&everything(2, 951_782_400_123).await), answer);
    assert!(matches!(everything(1, -5).await.ended, Ended::Value(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wasi_uses_the_rest() {
    let report = drawn("wasi_uses_the_rest", 1, 0).await;
    let answer = output(&report).to_owned();
    assert_eq!(report.usage.host_calls, 11);
    assert_ne!(answer[1..17], answer[17..33], "two draws");
    let again = drawn("wasi_uses_the_rest", 1, 0).await;
    assert_eq!(
        (output(&again), again.usage.fuel),
        (&*answer, report.usage.fuel)
    );
    let other = drawn("wasi_uses_the_rest", 2, 0).await;
    assert_ne!(output(&other), answer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wasi_exits() {
    let report = call_named("wasi_exits").await;
    assert_eq!(report.ended, Ended::Exit { code: 1 });
    assert_eq!(report.ended.code(), "exit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wasi_sleeps() {
    let report = call_named("wasi_sleeps").await;
    assert!(
        matches!(&report.ended, Ended::Denied { what } if what.contains("sleeping")),
        "{}",
        report.ended
    );
    assert_eq!(report.ended.code(), "wasi-denied");
    // It was stopped at once, and did not sleep first.
    assert!(report.usage.busy_us < 900_000, "{:?}", report.usage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wasi_makes_up_a_file() {
    let report = call_named("wasi_makes_up_a_file").await;
    assert!(
        matches!(&report.ended, Ended::Trap { message } if message.contains("handle")),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn wasi_prints_for_ever() {
    let report = call_named("wasi_prints_for_ever").await;
    assert_eq!(report.ended, Ended::HostCalls { limit: 10_000 });
    assert_eq!(report.log.len(), 256);
    // One host call was for the stream itself.
    assert_eq!(report.log_lines_dropped, 9_999 - 256);
}
