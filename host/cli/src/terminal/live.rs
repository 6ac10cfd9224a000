//! A run, as it goes: one line a step with a spinner on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use menagerie_executor::{GuestProgress, Watcher};
use menagerie_orchestration::command::{Call, PluginRole};
use menagerie_orchestration::event::{CallId, CallOf, Event, Recorded, StepResult};
use menagerie_orchestration::run::Run;
use menagerie_orchestration::run::step::StepStatus;

use crate::commands::events::line;
use crate::terminal::text::{fuel, microseconds, safe_line, shortened};

/// What a line has room for. One that is longer than the terminal is wide would be torn, and drawn
/// again below itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    columns: usize,
    /// How wide the column of names is.
    names: usize,
    /// Whether there is room for a bar.
    bar: bool,
}

impl Layout {
    /// How wide a bar is, and the space behind it.
    const BAR: usize = 21;
    /// Everything on a running line but the name, the bar and the message.
    const FRAME: usize = 16;

    fn of(columns: usize) -> Self {
        let names = (columns / 4).clamp(8, 40);
        Self {
            columns,
            names,
            bar: Self::FRAME + names + Self::BAR + 10 <= columns,
        }
    }

    /// What fits behind the name of a step that has ended.
    fn ending(self, mark: &str, told: &str) -> String {
        let room = self.columns.saturating_sub(self.names + 5);
        shortened(&format!("{mark} {told}"), room)
    }
}

/// Shows a run while it is driven.
pub(crate) struct LiveView {
    watcher: Arc<Screen>,
}

impl LiveView {
    /// Begins to show; quiet where a program reads the answer.
    pub(crate) fn start(quiet: bool, run: &str) -> Self {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        let columns = console::Term::stderr().size().1;
        let layout = Layout::of(columns.into());
        let bars = terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        if !quiet {
            eprintln!("run {run}");
        }
        Self {
            watcher: Arc::new(Screen {
                quiet,
                layout,
                bars,
                steps: Mutex::default(),
            }),
        }
    }

    pub(crate) fn watcher(&self) -> Arc<dyn Watcher> {
        self.watcher.clone()
    }

    /// A way to tell something beside the steps, for as long as they are shown.
    pub(crate) fn teller(&self) -> impl Fn(&str) + Send + 'static {
        let screen = self.watcher.clone();
        move |text| match &screen.bars {
            // Written past the bars, it would be drawn over.
            Some(bars) => bars.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Leaves what is finished on the screen and takes the rest away.
    pub(crate) fn stop(&self) {
        let steps = std::mem::take(&mut *self.watcher.steps());
        let all_ended = !steps.is_empty() && steps.values().all(ProgressBar::is_finished);
        for bar in steps.into_values().filter(|bar| !bar.is_finished()) {
            bar.finish_and_clear();
        }
        // The cursor stands behind the last line, unless that was taken away.
        if self.watcher.bars.is_some() && all_ended {
            eprintln!();
        }
    }
}

struct Screen {
    quiet: bool,
    layout: Layout,
    bars: Option<MultiProgress>,
    steps: Mutex<BTreeMap<CallOf, ProgressBar>>,
}

impl Screen {
    fn steps(&self) -> std::sync::MutexGuard<'_, BTreeMap<CallOf, ProgressBar>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, bars: &MultiProgress, of: CallOf, name: &str) -> ProgressBar {
        let mut steps = self.steps();
        let bar = steps.entry(of).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(running());
            let names = self.layout.names;
            bar.set_prefix(format!("{:<names$}", shortened(name, names)));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.clone()
    }

    fn ended(&self, bars: &MultiProgress, of: CallOf, name: &str, mark: &str, told: &str) {
        let bar = self.bar(bars, of, name);
        bar.set_style(finished());
        bar.finish_with_message(self.layout.ending(mark, told));
    }

    fn draw(&self, bars: &MultiProgress, run: &Run, recorded: &Recorded) {
        match &recorded.event {
            Event::StepEnded {
                step,
                id,
                result,
                call,
                next,
                ..
            } => {
                let of = CallOf::Step(*step);
                let took = microseconds(call.wall_us);
                match result {
                    StepResult::Completed { .. } => {
                        let told = format!("{took:>9}  {:>8} fuel", fuel(call.fuel));
                        self.ended(bars, of, id, "✓", &told);
                    }
                    StepResult::Failed(failure) => {
                        let told = safe_line(&format!("{}: {}", failure.code, failure.message));
                        match next {
                            Some(menagerie_orchestration::event::AfterFailure::Retry {
                                ..
                            }) => {
                                let bar = self.bar(bars, of, id);
                                bar.set_style(running());
                                bar.set_message(format!("will be tried again: {told}"));
                            }
                            _ => self.ended(bars, of, id, "✗", &told),
                        }
                    }
                }
            }
            Event::StepSkipped {
                step, id, reason, ..
            } => {
                self.ended(bars, CallOf::Step(*step), id, "–", &safe_line(reason));
            }
            Event::Escalated {
                step, id, reason, ..
            } => {
                let told = format!("waits for an answer: {}", safe_line(reason));
                self.ended(bars, CallOf::Step(*step), id, "?", &told);
            }
            Event::Decided { .. } => {
                // All of the plan, in its order, before the first of it begins.
                for step in run.steps() {
                    let of = CallOf::Step(step.no);
                    let told = match step.status {
                        StepStatus::Pending => "waits for others",
                        StepStatus::Ready => "waits for its turn",
                        _ => continue,
                    };
                    let shown = self.steps().contains_key(&of);
                    if !shown {
                        self.bar(bars, of, &step.id).set_message(told);
                    }
                }
            }
            Event::DecisionFailed { .. } => {
                let _ = bars.println(line(recorded));
            }
            _ => {}
        }
    }
}

fn template(text: &str) -> ProgressStyle {
    // The templates stand below and are good; a plain spinner is better than no run all the same.
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn running() -> ProgressStyle {
    template("  {spinner} {prefix} {elapsed:>9}  {wide_msg}")
}

fn with_fraction() -> ProgressStyle {
    template("  {spinner} {prefix} {elapsed:>9}  {bar:20} {wide_msg}")
}

fn finished() -> ProgressStyle {
    template("    {prefix} {wide_msg}")
}

impl Watcher for Screen {
    fn committed(&self, run: &Run, events: &[Recorded]) {
        if self.quiet {
            return;
        }
        for recorded in events {
            match &self.bars {
                Some(bars) => self.draw(bars, run, recorded),
                None if matches!(recorded.event, Event::DecisionRequested { .. }) => {}
                None => eprintln!("  {}", line(recorded)),
            }
        }
    }

    fn entered(&self, call: &Call) {
        if let (Some(bars), PluginRole::Agent(_) | PluginRole::Aggregator(_)) =
            (&self.bars, &call.role)
        {
            let bar = self.bar(bars, call.id.of, &call.step);
            bar.set_message("");
            bar.reset_elapsed();
        }
    }

    fn progress(&self, call: CallId, step: &str, progress: &GuestProgress) {
        let Some(bars) = &self.bars else { return };
        if matches!(call.of, CallOf::Decision(_)) {
            return;
        }
        let bar = self.bar(bars, call.of, step);
        match progress {
            GuestProgress::Fraction(_) if !self.layout.bar => {}
            GuestProgress::Fraction(done) => {
                bar.set_style(with_fraction());
                bar.set_length(1_000);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to 0–1000"
                )]
                bar.set_position((done.clamp(0.0, 1.0) * 1_000.0) as u64);
            }
            GuestProgress::Note(note) => bar.set_message(safe_line(note)),
            GuestProgress::Chunk(_) | GuestProgress::Log { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_any_terminal() {
        for columns in 30..400 {
            let layout = Layout::of(columns);
            let bar = if layout.bar { Layout::BAR } else { 0 };
            assert!(Layout::FRAME + layout.names + bar <= columns, "{layout:?}");
            let ending = layout.ending("✗", &"long ".repeat(100));
            assert!(4 + layout.names + 1 + ending.chars().count() <= columns);
            assert!(ending.ends_with('…'));
        }
        assert!(Layout::of(80).bar && !Layout::of(40).bar);
    }
}
