//! Owns a timeline as text: bars on a terminal, plain columns for whoever reads on.

use super::{Part, Stretch, Timeline, totals};
use crate::terminal::text::{duration_ms, instant, safe_line};

/// Columns of a bar.
const WIDTH: i64 = 60;

/// Prints it; with bars if somebody looks on.
pub(crate) fn print(timeline: &Timeline, bars: bool) {
    if bars {
        println!(
            "{} to {}",
            instant(timeline.from_ms),
            instant(timeline.to_ms)
        );
        print_row("run", "", timeline, &timeline.run);
        for life in &timeline.lives {
            print_row(&life.step, life.outcome, timeline, &life.stretches);
        }
        let legend: Vec<String> = Part::ALL
            .iter()
            .map(|part| format!("{} {}", sign(*part), part.word()))
            .collect();
        println!("{}", legend.join("  "));
        for mark in &timeline.marks {
            println!("{}  {}", instant(mark.at_ms), safe_line(&mark.what));
        }
        println!();
    }
    let words = Part::ALL.map(|part| format!("{:>10}", part.word().to_uppercase()));
    println!(
        "{:<20} {:<14} {:<10} {:>9} {}",
        "STEP",
        "AGENT",
        "OUTCOME",
        "MS",
        words.join(" ")
    );
    let columns = |step: &str, agent: &str, outcome: &str, stretches: &[Stretch]| {
        let parts = totals(stretches);
        let sum: i64 = parts.iter().map(|(_, ms)| ms).sum();
        let parts: Vec<String> = parts.iter().map(|(_, ms)| format!("{ms:>10}")).collect();
        println!(
            "{:<20} {:<14} {:<10} {sum:>9} {}",
            safe_line(step),
            safe_line(agent),
            outcome,
            parts.join(" ")
        );
    };
    columns("run", "", "", &timeline.run);
    for life in &timeline.lives {
        columns(&life.step, &life.agent, life.outcome, &life.stretches);
    }
}

fn print_row(name: &str, outcome: &str, timeline: &Timeline, stretches: &[Stretch]) {
    let took: i64 = totals(stretches).iter().map(|(_, ms)| ms).sum();
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let took = duration_ms(took as f64);
    let name: String = safe_line(name).chars().take(20).collect();
    println!(
        "{name:<20} |{}| {took:>9} {outcome}",
        bar(timeline, stretches)
    );
}

/// Each column shows what most of its time went into.
fn bar(timeline: &Timeline, stretches: &[Stretch]) -> String {
    let length = (timeline.to_ms - timeline.from_ms).max(1);
    // In sixtieths of a millisecond, so that columns have whole bounds.
    let column = |index: i64| {
        let (from, to) = (index * length, (index + 1) * length);
        let shared = |stretch: &Stretch| {
            let begin = ((stretch.from_ms - timeline.from_ms) * WIDTH).max(from);
            ((stretch.to_ms - timeline.from_ms) * WIDTH).min(to) - begin
        };
        let most = stretches.iter().filter(|stretch| shared(stretch) > 0);
        most.max_by_key(|stretch| shared(stretch))
            .map_or(' ', |stretch| sign(stretch.part))
    };
    (0..WIDTH).map(column).collect()
}

fn sign(part: Part) -> char {
    match part {
        Part::Service => '█',
        Part::Host => '-',
        Part::Slot => '░',
        Part::Retry => '~',
        Part::Gate => '?',
        Part::Pause => '‖',
        Part::Down => '×',
        Part::Lost => '!',
        Part::Dependency => '·',
    }
}
