//! One kind of work alone, for whoever looks at it with a profiler, or compares two builds in turn.
//!
//! The arguments are `work KIND ROUNDS`. One line of JSON at the end has the steps and what each took:
//! of the processors, which a busy machine disturbs least, and of the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_executor::Nobody;
use menagerie_journal::MemoryJournal;

use crate::{Bench, RUNS, STEPS, host, overhead};

/// Does one round, and says how many steps that was.
type Round = Box<dyn Fn(&Bench) -> usize>;

fn together(durable: bool, deciding: bool) -> Round {
    Box::new(move |bench| {
        let flow = if deciding {
            &bench.deciding
        } else {
            &bench.ahead
        };
        let host = if durable {
            bench.store("work").0
        } else {
            host(Arc::new(MemoryJournal::new("bench")))
        };
        bench.together(&host, flow, RUNS);
        RUNS * STEPS
    })
}

fn alone(deciding: bool) -> Round {
    Box::new(move |bench| {
        let flow = if deciding {
            &bench.deciding
        } else {
            &bench.ahead
        };
        let (host, _) = bench.store("work");
        for _ in 0..RUNS {
            bench.run_alone(&host, flow, Arc::new(Nobody));
        }
        RUNS * STEPS
    })
}

fn round_of(kind: &str) -> Option<Round> {
    Some(match kind {
        "memory" => together(false, false),
        "memory_deciding" => together(false, true),
        "durable" => together(true, false),
        "durable_deciding" => together(true, true),
        "alone" => alone(false),
        "alone_deciding" => alone(true),
        "bare" => Box::new(|bench| {
            bench.bare_rate();
            RUNS * STEPS
        }),
        "overhead" => Box::new(|_| overhead::some_steps()),
        _ => return None,
    })
}

/// What this process has had of the processors.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    let main: u64 = text.split(' ').next().unwrap().parse().unwrap();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    let all: u64 = tasks.filter_map(of_task).sum();
    Duration::from_nanos(all.max(main))
}

/// Does what the arguments say.
pub(crate) fn work(kind: &str, rounds: usize) {
    let round = round_of(kind).unwrap_or_else(|| panic!("there is no work of the kind {kind:?}"));
    let bench = Bench::new();
    // What is new to a store or a pool is no part of it.
    round(&bench);
    let (cpu, begun) = (used(), Instant::now());
    let steps: usize = (0..rounds).map(|_| round(&bench)).sum();
    let (cpu, wall) = (used() - cpu, begun.elapsed());
    let each = |time: Duration| time.as_secs_f64() * 1e6 / steps as f64;
    println!(
        r#"{{"work": "{kind}", "steps": {steps}, "processor_us": {:.2}, "wall_us": {:.2}}}"#,
        each(cpu),
        each(wall)
    );
}
