//! `menagerie dev`: a plugin built and tried again whenever something of it changes.

use std::path::PathBuf;
use std::process::ExitCode;

use menagerie_sandbox::Catalogue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::RunArguments;
use crate::arguments::dev::DevArguments;
use crate::commands::build::built_in;
use crate::commands::{open, run, test};
use crate::failure::{FAILED, Failure};
use crate::interrupts::Interrupts;
use crate::settings::Settings;
use crate::watched::Watched;

pub(crate) async fn dev(settings: &Settings, arguments: DevArguments) -> Result<ExitCode, Failure> {
    let dev = Dev {
        settings,
        catalogue: open::catalogue(settings)?,
        arguments,
        interrupted: CancellationToken::new(),
    };
    if dev.arguments.once {
        return dev.round().await;
    }
    // What can never come to anything, such as a folder that holds no plugin, is said at once.
    if menagerie_builder::Language::of(&dev.arguments.dir).is_none() {
        return dev.round().await;
    }
    let interrupted = dev.interrupted.clone();
    let mut interrupts = Interrupts::listen()?;
    let listening = tokio::spawn(async move {
        interrupts.next().await;
        interrupted.cancel();
    });
    dev.watch().await;
    listening.abort();
    Ok(ExitCode::SUCCESS)
}

struct Dev<'dev> {
    settings: &'dev Settings,
    catalogue: Catalogue,
    arguments: DevArguments,
    interrupted: CancellationToken,
}

impl Dev<'_> {
    /// Round after round, until somebody interrupts.
    async fn watch(&self) {
        let mut watched = self.watched();
        loop {
            // What changes from here on is for the next round.
            watched.look();
            let mut round = std::pin::pin!(self.round());
            let outcome = tokio::select! {
                outcome = &mut round => outcome,
                () = self.interrupted.cancelled() => {
                    // A run is told of the interrupt, too, and parks itself; nothing else is worth waiting for.
                    if self.arguments.flow.is_some() {
                        let _ = round.await;
                    }
                    return;
                }
            };
            if let Err(failure) = outcome {
                self.tell_of_failure(&failure);
            }
            if self.interrupted.is_cancelled() {
                return;
            }
            let dir = self.arguments.dir.display().to_string();
            self.say(&json!({"event": "watching", "dir": dir}), || {
                format!("watching {dir}; Ctrl-C ends")
            });
            let changed = tokio::select! {
                changed = watched.changed() => changed,
                () = self.interrupted.cancelled() => return,
            };
            let names: Vec<String> = changed
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            self.say(&json!({"event": "changed", "files": names}), || {
                format!("changed: {}", names.join(", "))
            });
        }
    }

    fn watched(&self) -> Watched {
        let input = self.arguments.input.as_deref();
        let input = input.and_then(|input| input.strip_prefix('@'));
        let mut places = vec![self.arguments.dir.clone()];
        places.extend(self.arguments.flow.clone());
        places.extend(input.map(PathBuf::from));
        Watched::of(places, self.arguments.output.clone())
    }

    /// Builds once, and tests or runs.
    async fn round(&self) -> Result<ExitCode, Failure> {
        let DevArguments {
            dir,
            output,
            offline,
            ..
        } = &self.arguments;
        let Some(flow) = &self.arguments.flow else {
            let outcome =
                test::tested(&self.catalogue, dir, None, output.clone(), *offline).await?;
            if self.arguments.json {
                let mut line = outcome.as_json();
                line["event"] = "tested".into();
                println!("{line}");
            } else {
                outcome.print();
            }
            return Ok(ExitCode::from(if outcome.failed() == 0 {
                0
            } else {
                FAILED
            }));
        };
        let built = built_in(dir.clone(), output.clone(), *offline).await?;
        for one in &built {
            let line =
                json!({"event": "built", "name": one.name, "path": one.path, "digest": one.digest});
            self.say(&line, || format!("built {}", one.path.display()));
        }
        if self.interrupted.is_cancelled() {
            return Ok(ExitCode::SUCCESS);
        }
        let arguments = RunArguments {
            flow: flow.clone(),
            input: self.arguments.input.clone(),
            attach: Vec::new(),
            id: None,
            session: None,
            detach: false,
            json: self.arguments.json,
        };
        Box::pin(run::run(self.settings, arguments)).await
    }

    fn tell_of_failure(&self, failure: &Failure) {
        if self.arguments.json {
            println!(
                "{}",
                json!({"event": "failed", "message": failure.message()})
            );
        } else {
            // For a person, on standard error; what it would exit with is of no interest here.
            let _ = failure.report(false);
        }
    }

    fn say(&self, line: &Value, words: impl FnOnce() -> String) {
        if self.arguments.json {
            println!("{line}");
        } else {
            eprintln!("{}", words());
        }
    }
}
