//! A build, as it goes: a bar on a terminal, a line for each stage elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use menagerie_builder::{Event, Progress};

/// Shows a build.
pub(crate) struct BuildView {
    bar: Option<ProgressBar>,
    stage: String,
}

impl BuildView {
    pub(crate) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            bar,
            stage: String::new(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn stage(&mut self, stage: String, done: u32, total: u32) {
        if let Some(bar) = &self.bar {
            if total > 0 {
                bar.set_style(style("{spinner} {bar:30} {pos}/{len} {msg} {elapsed}"));
                bar.set_length(u64::from(total));
                bar.set_position(u64::from(done));
            } else {
                bar.set_style(style("{spinner} {msg} {elapsed}"));
            }
            bar.set_message(stage);
        } else if self.stage != stage {
            eprintln!("{stage}");
            self.stage = stage;
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates stand above and are good; a spinner is better than a failed build all the same.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Progress for BuildView {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Waiting { .. } => self.stage("waiting for another build".to_owned(), 0, 0),
            Event::TryingStandardLibrary { way, doing } => {
                self.stage(
                    format!("wasm standard library: {}: {doing}", way.token()),
                    0,
                    0,
                );
            }
            Event::StandardLibrary { way } => {
                self.stage(format!("wasm standard library: {}", way.token()), 0, 0);
            }
            Event::Installing { doing } => self.stage(doing.to_owned(), 0, 0),
            Event::Compiling {
                done,
                total,
                crates,
            } => {
                // Which crate it is changes too often for lines in a log.
                let stage = match &self.bar {
                    Some(_) => format!("compiling plugins: {crates}"),
                    None => "compiling plugins".to_owned(),
                };
                self.stage(stage, done, total);
            }
            Event::Warning { text } => match &self.bar {
                Some(bar) => bar.println(text),
                None => eprintln!("{text}"),
            },
            Event::Encoding { done, total, .. } => {
                self.stage("making components".to_owned(), done, total);
            }
            _ => {}
        }
    }
}
