//! The compile jail: real children, real bombs. This binary is the child, too, which is why it has a
//! `main` of its own.
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

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use menagerie_sandbox::jail::{Attempts, JailConfig, Layer, probe, serve_if_child};
use menagerie_sandbox::{
    CallReport, CallSpec, Catalogue, Ended, Engine, EngineConfig, Grants, Limits, LoadError,
    Origin, Plugin,
};
use support::{ENGINE, component, component_with, neighbour_works, output, plugin, spec};
use tokio_util::sync::CancellationToken;

/// Every test of this file, for there is nobody else to find them.
const TESTS: [(&str, fn()); 11] = [
    (
        "a_jailed_process_opens_nothing_connects_nowhere_and_begins_no_thread",
        a_jailed_process_opens_nothing_connects_nowhere_and_begins_no_thread,
    ),
    (
        "what_the_jail_compiles_is_what_the_host_would_have",
        what_the_jail_compiles_is_what_the_host_would_have,
    ),
    ("a_kept_plugin_needs_no_jail", a_kept_plugin_needs_no_jail),
    (
        "deep_nesting_is_refused_by_processor_time",
        deep_nesting_is_refused_by_processor_time,
    ),
    (
        "a_million_blocks_are_refused_by_memory",
        a_million_blocks_are_refused_by_memory,
    ),
    (
        "a_huge_function_is_refused_by_memory",
        a_huge_function_is_refused_by_memory,
    ),
    (
        "the_clock_ends_what_the_processor_does_not",
        the_clock_ends_what_the_processor_does_not,
    ),
    (
        "the_host_goes_on_answering_while_a_bomb_is_refused",
        the_host_goes_on_answering_while_a_bomb_is_refused,
    ),
    (
        "neighbours_answer_in_time_beside_a_bomb_and_a_guest_that_spins",
        neighbours_answer_in_time_beside_a_bomb_and_a_guest_that_spins,
    ),
    (
        "invalid_code_is_told_as_without_a_jail",
        invalid_code_is_told_as_without_a_jail,
    ),
    (
        "a_program_that_is_no_jail_is_named",
        a_program_that_is_no_jail_is_named,
    ),
];

fn main() -> ExitCode {
    if let Some(code) = serve_if_child() {
        return code;
    }
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let chosen = |name: &str| filter.as_deref().is_none_or(|filter| name.contains(filter));
    let mut failed = 0;
    for (name, test) in TESTS.into_iter().filter(|(name, _)| chosen(name)) {
        let started = Instant::now();
        let ended = std::panic::catch_unwind(test);
        failed += u8::from(ended.is_err());
        let verdict = if ended.is_ok() { "ok" } else { "FAILED" };
        println!("test {name} ... {verdict} ({:.1?})", started.elapsed());
    }
    ExitCode::from(failed)
}

/// The usual limits, in this very binary.
fn usual() -> JailConfig {
    JailConfig::of(std::env::current_exe().unwrap())
}

fn jailed(config: JailConfig) -> Catalogue {
    Catalogue::new(ENGINE.clone(), None).jailed(config)
}

fn block_on<Output>(work: impl Future<Output = Output>) -> Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

fn what_the_jail_compiles_is_what_the_host_would_have() {
    let bytes = component("works");
    let inside = jailed(usual()).load(&bytes, &Grants::none()).unwrap();
    let here = Catalogue::new(ENGINE.clone(), None)
        .load(&bytes, &Grants::none())
        .unwrap();
    assert_eq!(inside.origin(), Origin::Compiled);
    let (inside, here) = block_on(async {
        (
            ENGINE.call(spec(inside)).await,
            ENGINE.call(spec(here)).await,
        )
    });
    assert_eq!(output(&inside), output(&here));
    assert_eq!(inside.usage.fuel, here.usage.fuel);
}

fn a_kept_plugin_needs_no_jail() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Catalogue::new(ENGINE.clone(), Some(folder.path().join("compiled")));
    let bytes = component("works");
    let first = kept()
        .jailed(usual())
        .load(&bytes, &Grants::none())
        .unwrap();
    assert_eq!(first.origin(), Origin::Compiled);
    let nowhere = JailConfig::of(folder.path().join("nothing"));
    let second = kept()
        .jailed(nowhere)
        .load(&bytes, &Grants::none())
        .unwrap();
    assert_eq!(second.origin(), Origin::Cached);
    let report = block_on(ENGINE.call(spec(second)));
    assert!(matches!(report.ended, Ended::Value(_)), "{}", report.ended);
}

/// One function of more than a million operators.
fn huge_function() -> Vec<u8> {
    let mut code = String::from("(func (param i64) (result i64) (local i64)\n");
    for _ in 0..300_000 {
        code.push_str("(local.set 1 (i64.rotl (i64.mul (local.get 0) (local.get 1)) (i64.xor (local.get 1) (local.get 0))))\n");
    }
    code.push_str("local.get 1)");
    component_with("well_behaved", &code)
}

/// A million blocks one after the other, each with a branch out of it.
fn million_blocks() -> Vec<u8> {
    let mut code = String::from("(func (param i32)\n");
    for _ in 0..1_000_000 {
        code.push_str("(block (br_if 0 (local.get 0)))\n");
    }
    code.push(')');
    component_with("well_behaved", &code)
}

/// Loops in loops, each of which a value passes through.
fn deep_nesting() -> Vec<u8> {
    const DEPTH: usize = 50_000;
    let mut code = String::from("(func (param i32) (local i32)\n");
    for level in 0..DEPTH {
        let _ = writeln!(code, "loop\n local.get 0\n br_if {}", level.min(900));
    }
    for _ in 0..DEPTH {
        code.push_str(" local.get 1\n local.get 0\n i32.add\n local.set 1\nend\n");
    }
    code.push(')');
    component_with("well_behaved", &code)
}

fn refusal(config: JailConfig, bytes: &[u8]) -> LoadError {
    jailed(config).load(bytes, &Grants::none()).unwrap_err()
}

fn deep_nesting_is_refused_by_processor_time() {
    let config = JailConfig {
        cpu: Duration::from_secs(1),
        ..usual()
    };
    let bytes = deep_nesting();
    let started = Instant::now();
    let refused = refusal(config, &bytes);
    let expected = LoadError::CompileTime {
        limit: Duration::from_secs(1),
        clock: "processor time",
    };
    assert_eq!(refused, expected);
    assert!(refused.to_string().contains("`compile-time`"), "{refused}");
    // Processor time is not the clock's where others work, too; a minute is no second anywhere.
    assert!(started.elapsed() < Duration::from_secs(60));
    block_on(neighbour_works());
}

fn a_million_blocks_are_refused_by_memory() {
    let limit = 256 << 20;
    let config = JailConfig {
        memory_bytes: limit,
        ..usual()
    };
    let refused = refusal(config, &million_blocks());
    assert_eq!(refused, LoadError::CompileMemory { limit });
    assert!(
        refused.to_string().contains("`compile-memory`"),
        "{refused}"
    );
    block_on(neighbour_works());
}

fn a_huge_function_is_refused_by_memory() {
    let limit = 128 << 20;
    let config = JailConfig {
        memory_bytes: limit,
        ..usual()
    };
    let refused = refusal(config, &huge_function());
    assert_eq!(refused, LoadError::CompileMemory { limit });
    block_on(neighbour_works());
}

fn the_clock_ends_what_the_processor_does_not() {
    let wall = Duration::from_millis(50);
    let refused = refusal(JailConfig { wall, ..usual() }, &huge_function());
    let expected = LoadError::CompileTime {
        limit: wall,
        clock: "time by the clock",
    };
    assert_eq!(refused, expected);
}

fn the_host_goes_on_answering_while_a_bomb_is_refused() {
    let config = JailConfig {
        cpu: Duration::from_secs(2),
        ..usual()
    };
    let bytes = deep_nesting();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let bomb = scope.spawn(|| {
            let loaded = jailed(config).load(&bytes, &Grants::none());
            over.store(true, Ordering::Release);
            loaded.unwrap_err()
        });
        let mut answers = 0_u32;
        block_on(async {
            while !over.load(Ordering::Acquire) {
                neighbour_works().await;
                answers += 1;
            }
        });
        let refused = bomb.join().unwrap();
        assert!(
            matches!(refused, LoadError::CompileTime { .. }),
            "{refused}"
        );
        // Two seconds of compiling are thousands of calls; a host that stood still had made one.
        assert!(answers > 100, "{answers} answers beside the bomb");
    });
}

/// Prints neighbours' times undisturbed and disturbed, in one run. What it asserts holds on a machine that has other things to do, too.
fn neighbours_answer_in_time_beside_a_bomb_and_a_guest_that_spins() {
    let bytes = deep_nesting();
    let (over, config) = (
        AtomicBool::new(false),
        JailConfig {
            cpu: Duration::from_secs(2),
            ..usual()
        },
    );
    let (spins, cancel) = (plugin("loop_in_process"), CancellationToken::new());
    block_on(async {
        let until = Instant::now() + Duration::from_millis(1_500);
        let quiet = neighbours_while(|| Instant::now() < until).await;
        let endless = tokio::spawn(spinning(spins, cancel.clone()));
        let beside = std::thread::scope(|scope| {
            let bomb = scope.spawn(|| {
                let refused = jailed(config).load(&bytes, &Grants::none()).unwrap_err();
                over.store(true, Ordering::Release);
                assert!(
                    matches!(refused, LoadError::CompileTime { .. }),
                    "{refused}"
                );
            });
            let beside = tokio::task::block_in_place(|| {
                let runtime = tokio::runtime::Handle::current();
                runtime.block_on(neighbours_while(|| !over.load(Ordering::Acquire)))
            });
            bomb.join().unwrap();
            beside
        });
        cancel.cancel();
        assert_eq!(endless.await.unwrap().ended, Ended::Cancelled);
        let [one, other] = [(50, "median"), (99, "p99")].map(|(percent, name)| {
            let (quiet, beside) = (at(&quiet, percent), at(&beside, percent));
            let ratio = beside.as_secs_f64() / quiet.as_secs_f64();
            println!("{name}: {quiet:.1?} undisturbed, {beside:.1?} beside both, {ratio:.1} times");
            beside
        });
        assert!(beside.len() > 100, "{} answers", beside.len());
        // A guest that held a thread, or a compiler within the host, would hold them up for seconds.
        assert!(
            one <= other && other < Duration::from_millis(250),
            "{other:?}"
        );
    });
}

/// How long each of many calls took, one after the other, made on the threads that guests run on.
async fn neighbours_while(goes_on: impl Fn() -> bool) -> Vec<Duration> {
    let mut took = Vec::new();
    let neighbour = plugin("well_behaved");
    while goes_on() {
        let (began, call) = (Instant::now(), spec(neighbour.clone()));
        let report = tokio::spawn(async { ENGINE.call(call).await })
            .await
            .unwrap();
        took.push(began.elapsed());
        assert_eq!(output(&report), "{\"question\":\"?\"}");
    }
    took.sort_unstable();
    took
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// A guest that never ends, with all the fuel that there is.
async fn spinning(plugin: Arc<Plugin>, cancel: CancellationToken) -> CallReport {
    let limits = Limits {
        fuel: u64::MAX / 2,
        ..Limits::default()
    };
    ENGINE
        .call(CallSpec {
            limits,
            cancel,
            ..spec(plugin)
        })
        .await
}

fn invalid_code_is_told_as_without_a_jail() {
    // A body that leaves nothing where its type promises a number; the text format does not look.
    let bytes = component("works");
    let at = bytes.windows(2).rposition(|pair| pair == [0x0f, 0x0b]);
    let at = at.unwrap_or(bytes.len() / 2);
    let mut broken = bytes.clone();
    for offset in 0..bytes.len() - at {
        broken.clone_from(&bytes);
        broken[at + offset] ^= 0x55;
        let here = Catalogue::new(ENGINE.clone(), None).load(&broken, &Grants::none());
        let Err(LoadError::Malformed { .. }) = here else {
            continue;
        };
        assert_eq!(refusal(usual(), &broken), here.unwrap_err());
        return;
    }
    panic!("no damage that validation alone finds");
}

fn a_program_that_is_no_jail_is_named() {
    let config = JailConfig::of("/bin/true".into());
    assert!(
        probe(&config)
            .unwrap_err()
            .to_string()
            .contains("/bin/true")
    );
    let missing = JailConfig::of("/nowhere/at/all".into());
    let refused = refusal(missing, &component("works"));
    assert!(matches!(refused, LoadError::Jail(_)), "{refused}");
    assert!(refused.to_string().contains("/nowhere/at/all"), "{refused}");
    let engine = Engine::new(&EngineConfig::default());
    assert!(engine.is_ok(), "the host itself is well");
}

/// What each layer denies by itself is seen by its error: those behind it would deny the same by another.
fn a_jailed_process_opens_nothing_connects_nowhere_and_begins_no_thread() {
    const NO_ACCESS: Option<i32> = Some(libc::EACCES);
    const NO_DESCRIPTOR: Option<i32> = Some(libc::EMFILE);
    const NOT_PERMITTED: Option<i32> = Some(libc::EPERM);
    let enforced = probe(&usual()).unwrap();
    let tried = |layer| enforced.tried[&layer].clone();

    // Landlock, where the kernel has it: no file by any right. It knows of no socket before its fourth version.
    let landlock = tried(Layer::Landlock);
    match kernel_has_landlock() {
        true => {
            assert!(!enforced.landlock.starts_with("not"), "{enforced:?}");
            assert_eq!(landlock.file, NO_ACCESS, "{enforced:?}");
        }
        false => assert_eq!(enforced.landlock, "not at all: the kernel has none"),
    }
    if enforced.landlock == "fully" {
        assert_eq!(landlock.listen, NO_ACCESS, "{enforced:?}");
    }
    // It leaves alone what it is not for, so that what follows is the others' doing.
    assert_eq!((landlock.datagram, landlock.thread), (None, None));

    // The limits, on every kernel.
    let limits = tried(Layer::Limits);
    assert_eq!(limits.datagram, NO_DESCRIPTOR, "{enforced:?}");
    if !kernel_has_landlock() {
        assert_eq!(limits.file, NO_DESCRIPTOR, "{enforced:?}");
    }

    // Seccomp, where the kernel has it, which hardly any has not.
    let filters = std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail").exists();
    assert_eq!(enforced.seccomp == "fully", filters, "{enforced:?}");
    if filters {
        let Attempts {
            file,
            listen,
            datagram,
            thread,
        } = tried(Layer::Seccomp);
        for one in [file, listen, datagram, thread] {
            assert_eq!(one, NOT_PERMITTED, "{enforced:?}");
        }
    }
}

/// By shutting one thread in.
fn kernel_has_landlock() -> bool {
    use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetStatus};
    let tried = std::thread::spawn(|| {
        Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V1))?
            .create()?
            .restrict_self()
    });
    tried.join().unwrap().unwrap().ruleset != RulesetStatus::NotEnforced
}
