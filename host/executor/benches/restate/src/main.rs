//! Empty durable steps under Restate, in rounds: the workflow, its endpoint, and what calls it.
//!
//! Takes the address of a Restate server's ingress. The first line of output is the URL under which
//! the endpoint wants to be registered. Each line of input, `RUNS STEPS`, is a round: so many
//! workflows at once of so many steps each. The answer is the seconds from the first call to the last
//! result. Ends with its input.

#![expect(missing_docs, reason = "the SDK's macro writes methods without")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use restate_sdk::prelude::*;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;

mod endpoint;
mod ingress;

use ingress::Ingress;

/// A workflow of steps that do nothing.
struct EmptySteps {
    /// Closures that ran, in all workflows.
    ran: Arc<AtomicU64>,
}

#[workflow]
impl EmptySteps {
    #[handler]
    async fn run(&self, context: WorkflowContext<'_>, steps: u32) -> Result<u32, HandlerError> {
        for _ in 0..steps {
            let ran = self.ran.clone();
            context
                .run(|| async move {
                    ran.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
                .await?;
        }
        Ok(steps)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let ingress = std::env::args().nth(1);
    let ingress = ingress.context("expected the address of Restate's ingress")?;
    let ran = Arc::new(AtomicU64::new(0));
    let workflow = EmptySteps { ran: ran.clone() };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::spawn(endpoint::serve(
        listener,
        Endpoint::builder().bind(workflow).build(),
    ));

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut rounds = 0;
    while let Some(line) = lines.next_line().await? {
        let (runs, steps) = line.split_once(' ').context("expected RUNS STEPS")?;
        let (runs, steps) = (runs.parse()?, steps.parse()?);
        let before = ran.load(Ordering::Relaxed);
        let taken = round(&ingress, rounds, runs, steps).await?;
        // A step that was repeated would have cost time that is not a step's.
        let ran = ran.load(Ordering::Relaxed) - before;
        ensure!(
            ran == u64::from(runs) * u64::from(steps),
            "{ran} steps ran in {runs} workflows of {steps} steps"
        );
        println!("{}", taken.as_secs_f64());
        rounds += 1;
    }
    Ok(())
}

/// The connections are there before the clock starts.
async fn round(address: &str, round: u32, runs: u32, steps: u32) -> anyhow::Result<Duration> {
    let connections = try_join_all((0..runs).map(|_| Ingress::connect(address))).await?;
    let begun = Instant::now();
    let calls = connections.into_iter().enumerate();
    let calls = calls.map(|(run, ingress)| async move {
        let key = format!("{round}-{run}");
        let result = ingress.call(&key, steps).await?;
        ensure!(
            result == steps.to_string(),
            "workflow {key} of {steps} steps answered {result}"
        );
        Ok(())
    });
    try_join_all(calls).await?;
    Ok(begun.elapsed())
}
