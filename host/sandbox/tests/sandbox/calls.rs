//! One call: what a guest is told, what it may keep, what is reported, and when no call is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use menagerie_sandbox::types::HistoryEntry;
use menagerie_sandbox::{
    CallSpec, Ended, HistoryPager, Invocation, Limits, LogLine, Observer, Progress, Reply, Request,
};
use tokio::sync::Notify;

use crate::support::{EMPTY_WAKE, ENGINE, call, call_named, output, plugin, spec, task};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn well_behaved() {
    let report = call_named("well_behaved").await;
    assert_eq!(output(&report), "{\"question\":\"?\"}");
    let usage = &report.usage;
    assert!(usage.fuel > 0 && usage.fuel < 1_000, "{usage:?}");
    assert_eq!(usage.peak_memory_bytes, 16 << 16);
    assert_eq!(
        (usage.output_bytes, usage.bytes_to_host, usage.host_calls),
        (16, 16, 0)
    );
    assert!(usage.wall_us >= usage.busy_us, "{usage:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn faults() {
    let report = call_named("faults").await;
    let Ended::Fault(fault) = &report.ended else {
        panic!("{}", report.ended)
    };
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        ("invalid-input", "invalid")
    );
    assert_eq!(
        report.ended.to_string(),
        "the guest reported the fault `invalid-input`: invalid"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_of_i_json_holds_for_an_answer() {
    let deep = "[".repeat(65) + &"]".repeat(65);
    let wide = format!("[{}0]", "0,".repeat(100_000));
    for (answer, rule) in [
        (deep.as_str(), "json-depth"),
        (wide.as_str(), "json-nodes"),
        ("9007199254740993", "json-number"),
        ("1e400", "json-number"),
        (r#""\ud800""#, "json-characters"),
        ("", "json-syntax"),
    ] {
        let request = Request::Process(task(answer));
        let report = call(CallSpec {
            request,
            ..spec(plugin("well_behaved"))
        })
        .await;
        assert_eq!(crate::support::broken_rule(&report), rule);
    }
}

#[derive(Default)]
struct Witness {
    seen: Mutex<Vec<String>>,
}

impl Observer for Witness {
    fn log(&self, line: &LogLine) {
        self.seen.lock().unwrap().push(line.message.clone());
    }

    fn progress(&self, progress: Progress) {
        self.seen.lock().unwrap().push(format!("{progress:?}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn draws_and_tells() {
    let told = |seed: u8, now_ms: i64| async move {
        let witness = Arc::new(Witness::default());
        let invocation = Invocation {
            seed: [seed; 32],
            now_ms,
            ..Invocation::default()
        };
        let spec = CallSpec {
            invocation,
            observer: witness.clone(),
            ..spec(plugin("draws_and_tells"))
        };
        let report = call(spec).await;
        let seen = witness.seen.lock().unwrap().clone();
        assert_eq!(
            report
                .log
                .iter()
                .map(|line| line.message.clone())
                .collect::<Vec<_>>(),
            seen
        );
        (output(&report).to_owned(), seen, report.usage.fuel)
    };
    let first = told(1, 951_782_400_000).await;
    assert_eq!(first.1, ["2000-02-29T00:00:00.000Z"]);
    assert_eq!(first, told(1, 951_782_400_000).await);
    assert_ne!(first.0, told(2, 951_782_400_000).await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn context_keeper() {
    let report = call_named("context_keeper").await;
    assert_eq!(output(&report), "{\"answer\":42}");
    let sizes: Vec<(&str, usize)> = report
        .context_writes
        .iter()
        .map(|(key, value)| (key.as_str(), value.len()))
        .collect();
    assert_eq!(sizes, [("an", 600_000)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_earlier_steps_kept_counts_against_the_context() {
    let own_context = BTreeMap::from([("old".to_owned(), format!("\"{}\"", "x".repeat(500_000)))]);
    let invocation = Invocation {
        own_context,
        ..Invocation::default()
    };
    let report = call(CallSpec {
        invocation,
        ..spec(plugin("context_keeper"))
    })
    .await;
    // The guest traps when its first value is refused, which it is not meant to be.
    assert_eq!(report.ended.code(), "trap");
    assert!(report.context_writes.is_empty());
}

/// A pager that tells when it was asked, and answers when it is let.
#[derive(Default)]
struct SlowPager {
    asked: Notify,
    answer: Notify,
    counts: Mutex<Vec<u32>>,
}

#[async_trait]
impl HistoryPager for SlowPager {
    async fn before(&self, _id: u32, count: u32) -> Result<Vec<HistoryEntry>, String> {
        self.counts.lock().unwrap().push(count);
        self.asked.notify_one();
        self.answer.notified().await;
        Ok(Vec::new())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn waits_for_history() {
    let pager = Arc::new(SlowPager::default());
    let running = tokio::spawn(ENGINE.call(CallSpec {
        history: pager.clone(),
        ..spec(plugin("waits_for_history"))
    }));
    pager.asked.notified().await;
    pager.answer.notify_one();
    let report = running.await.unwrap();
    let Ended::Value(Reply::Decision(decision)) = &report.ended else {
        panic!("{}", report.ended)
    };
    assert_eq!(
        (
            decision.confidence,
            &decision.wake,
            decision.metadata.as_str()
        ),
        (1.0, &EMPTY_WAKE, "{}")
    );
    assert_eq!(
        *pager.counts.lock().unwrap(),
        [256],
        "a page has at most 256 entries"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waits_for_the_host_is_stopped_by_the_clock_and_uses_no_busy_time() {
    let timeout = Duration::from_millis(100);
    let history = Arc::new(SlowPager::default());
    let waiting = CallSpec {
        timeout,
        history,
        ..spec(plugin("waits_for_history"))
    };
    let report = call(waiting).await;
    assert_eq!(report.ended, Ended::Deadline { limit: timeout });
    // Nobody answers: a call that had to wait for that would not have ended at all.
    let wall = Duration::from_micros(report.usage.wall_us);
    assert!(wall >= timeout && wall < Duration::from_secs(3), "{wall:?}");
    assert!(
        report.usage.busy_us < report.usage.wall_us / 2,
        "{:?}",
        report.usage
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waits_for_the_host_is_cancelled_at_once() {
    let pager = Arc::new(SlowPager::default());
    let waiting = CallSpec {
        history: pager.clone(),
        ..spec(plugin("waits_for_history"))
    };
    let cancel = waiting.cancel.clone();
    let running = tokio::spawn(ENGINE.call(waiting));
    pager.asked.notified().await;
    cancel.cancel();
    assert_eq!(running.await.unwrap().ended, Ended::Cancelled);
}

struct BrokenPager;

#[async_trait]
impl HistoryPager for BrokenPager {
    async fn before(&self, id: u32, _count: u32) -> Result<Vec<HistoryEntry>, String> {
        if id == 100 {
            return Err("the store is full of sand".to_owned());
        }
        panic!("nobody asks for {id}");
    }
}

struct PanickingPager;

#[async_trait]
impl HistoryPager for PanickingPager {
    async fn before(&self, _id: u32, _count: u32) -> Result<Vec<HistoryEntry>, String> {
        panic!("sand everywhere")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hosts_own_failures_are_the_hosts() {
    let report = call(CallSpec {
        history: Arc::new(BrokenPager),
        ..spec(plugin("waits_for_history"))
    })
    .await;
    assert_eq!(
        report.ended,
        Ended::Host("the store is full of sand".to_owned())
    );
    let report = call(CallSpec {
        history: Arc::new(PanickingPager),
        ..spec(plugin("waits_for_history"))
    })
    .await;
    assert_eq!(report.ended.code(), "host");
    assert!(
        report.ended.to_string().contains("sand everywhere"),
        "{}",
        report.ended
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_does_not_suit_the_plugin_is_refused() {
    let plugin = plugin("well_behaved");
    let aggregate = Request::Aggregate {
        results: Vec::new(),
        config: "{}".to_owned(),
    };
    let check = Request::CheckConfig {
        config: "{}".to_owned(),
        agents: Vec::new(),
    };
    for request in [aggregate, check] {
        let function = request.function();
        let report = call(CallSpec {
            request,
            ..spec(plugin.clone())
        })
        .await;
        let reason = format!("the agent `well_behaved` has no `{function}`");
        assert_eq!(report.ended, Ended::Refused(reason));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_above_a_ceiling_is_refused_and_the_ceiling_named() {
    let limits = Limits {
        memory_bytes: 1 << 40,
        ..Limits::default()
    };
    let error = limits.check(ENGINE.config()).unwrap_err();
    assert_eq!(
        (error.limit, error.ceiling, error.asked, error.most),
        ("memory", "max_memory_mib", 1 << 40, 1 << 30)
    );
    let report = call(CallSpec {
        limits,
        ..spec(plugin("well_behaved"))
    })
    .await;
    assert_eq!(report.ended, Ended::Refused(error.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_parts_than_a_call_may_have_end_it_before_it_begins() {
    let limits = Limits {
        memories: 3,
        ..Limits::default()
    };
    let report = call(CallSpec {
        limits,
        ..spec(plugin("memory_bomb_in_many_memories"))
    })
    .await;
    assert_eq!(
        report.ended,
        Ended::Parts {
            what: "memories",
            limit: 3
        }
    );
    let limits = Limits {
        instances: 0,
        ..Limits::default()
    };
    let report = call(CallSpec {
        limits,
        ..spec(plugin("well_behaved"))
    })
    .await;
    assert_eq!(
        report.ended,
        Ended::Parts {
            what: "instances",
            limit: 0
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cancelled_before_it_begins_never_begins() {
    let spec = spec(plugin("loop_in_process"));
    spec.cancel.cancel();
    let report = call(spec).await;
    assert_eq!((report.ended, report.usage.fuel), (Ended::Cancelled, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_call_is_left_for_the_next() {
    // The guest grows its memory; a fresh instance begins with what it declares.
    for _ in 0..3 {
        let report = call_named("context_keeper").await;
        assert_eq!(report.usage.peak_memory_bytes, 16 << 16);
        assert_eq!(output(&report), "{\"answer\":42}");
    }
}
