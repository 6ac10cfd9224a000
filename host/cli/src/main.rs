//! The binary `menagerie`: arguments and settings in, runs driven, answers out.
//!
//! `0` done, `1` the run failed, `2` wrong use or a bad file, `3` the run waits, `130` interrupted.

// First, for its `println!` and `eprintln!` to be everybody's.
#[macro_use]
mod output;

mod admission;
mod arguments;
mod commands;
mod failure;
mod interrupts;
mod look;
mod mining_events;
mod plugins;
mod secrets;
mod settings;
mod terminal;
mod testing;
mod timeline;
mod trust;
mod watched;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::failure::{Failure, WRONG_USE};
use crate::settings::Settings;

/// A step of a run asks for little memory often, and gives back in one thread what another has asked for:
/// a profile of runs without a disk had about a fifth of its samples in the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: as a child that compiles, this program is nothing but that.
    if let Some(code) = menagerie_sandbox::jail::serve_if_child() {
        return code;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, everything else is wrong use; clap prints both.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { WRONG_USE } else { 0 });
        }
    };
    let json = arguments.command.answers_json();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::host("the host cannot start", error).report(json),
    };
    // On a worker rather than here: a run's loop and the guest that it calls then share a thread, and
    // neither has to be woken by the other's.
    let command = runtime.spawn(dispatch(arguments));
    let outcome = runtime
        .block_on(command)
        .unwrap_or_else(|error| Err(Failure::host("the command broke off", error)));
    // A blocking task, such as a build that is being interrupted, must not hold the exit up.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

async fn dispatch(arguments: Arguments) -> Result<ExitCode, Failure> {
    terminal::set_up_tracing(arguments.verbose);
    let settings = Settings::gather(&arguments.settings)?;
    match arguments.command {
        Command::Demo(demo) => commands::demo::demo(&settings, demo).await,
        // Boxed, since it is the largest by far, and every command would take its room on the stack.
        Command::Run(run) => Box::pin(commands::run::run(&settings, run)).await,
        Command::Resume(resume) => commands::resume::resume(&settings, resume).await,
        Command::Serve(serve) => commands::serve::serve(&settings, serve).await,
        Command::Pause(pause) => commands::steer::pause(&settings, pause).await,
        Command::Unpause(unpause) => commands::steer::unpause(&settings, unpause).await,
        Command::Checkpoint(checkpoint) => {
            commands::checkpoint::checkpoint(&settings, checkpoint).await
        }
        Command::Checkpoints(checkpoints) => {
            commands::checkpoint::checkpoints(&settings, checkpoints).await
        }
        Command::Fork(fork) => commands::fork::fork(&settings, fork).await,
        Command::Cancel(cancel) => commands::steer::cancel(&settings, cancel).await,
        Command::Answer(answer) => commands::steer::answer(&settings, answer).await,
        Command::Revoke(revoke) => commands::steer::revoke(&settings, revoke).await,
        Command::Grant(grant) => commands::steer::grant(&settings, grant).await,
        Command::Artifact(artifact) => commands::artifact::artifact(&settings, artifact).await,
        Command::Runs(runs) => commands::runs::runs(&settings, runs).await,
        Command::Show(show) => commands::show::show(&settings, show).await,
        Command::Events(events) => commands::events::events(&settings, events).await,
        Command::Replay(replay) => commands::replay::replay(&settings, replay).await,
        Command::Export(export) => commands::export::export(&settings, export).await,
        Command::Mine(mine) => commands::mine::mine(&settings, *mine).await,
        Command::Check(check) => commands::check::check(&settings, check).await,
        Command::Schema => commands::check::schema(),
        Command::Test(test) => commands::test::test(&settings, test).await,
        Command::Dev(dev) => commands::dev::dev(&settings, dev).await,
        Command::New(new) => commands::new::new(&new),
        Command::Build(build) => commands::build::build(build).await,
        Command::Inspect(inspect) => commands::inspect::inspect(&inspect),
        Command::Plugins(plugins) => commands::plugins::plugins(&settings, *plugins).await,
        Command::Backup(backup) => commands::backup::backup(&settings, &backup),
        Command::Restore(restore) => commands::backup::restore(&settings, &restore),
        Command::Vacuum(vacuum) => commands::vacuum::vacuum(&settings, &vacuum),
        Command::Config(config) => commands::config::config(&settings, &config),
        Command::Doctor(doctor) => commands::doctor::doctor(&settings, doctor).await,
    }
}
