//! Owns a timeline as a picture: one file that needs nothing else.

use std::fmt::Write as _;

use super::{Part, Stretch, Timeline, totals};
use crate::terminal::text::{duration_ms, instant, safe_line};

/// Pixels.
const LEFT: f64 = 210.0;
const PLOT: f64 = 860.0;
const RIGHT: f64 = 110.0;
const ROW: f64 = 26.0;
const TOP: f64 = 92.0;
/// Marks on the axis.
const TICKS: u32 = 6;

/// The picture.
pub(crate) fn svg(timeline: &Timeline, run: &str, flow: &str) -> String {
    let rows = timeline.lives.len() + 1;
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    let height = TOP + ROW * rows as f64 + 64.0;
    let width = LEFT + PLOT + RIGHT;
    let mut picture = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="28" font-size="17" font-weight="600" fill="#1d2733">{}</text>
<text x="16" y="48" fill="#5b6875">{} · {} · {}</text>
"##,
        escaped(flow),
        escaped(run),
        instant(timeline.from_ms),
        milliseconds(timeline.to_ms - timeline.from_ms),
    );
    axis(&mut picture, timeline, height);
    row(&mut picture, timeline, 0, "the run", "", &timeline.run);
    for (index, life) in timeline.lives.iter().enumerate() {
        row(
            &mut picture,
            timeline,
            index + 1,
            &life.step,
            life.outcome,
            &life.stretches,
        );
    }
    marks(&mut picture, timeline, height);
    legend(&mut picture, timeline, height);
    picture.push_str("</svg>\n");
    picture
}

/// Writing to a text cannot fail.
macro_rules! put {
    ($to:expr, $($part:tt)*) => {{ let _ = writeln!($to, $($part)*); }};
}

fn axis(picture: &mut String, timeline: &Timeline, height: f64) {
    let length = timeline.to_ms - timeline.from_ms;
    let bottom = height - 56.0;
    for tick in 0..=TICKS {
        let x = LEFT + PLOT * f64::from(tick) / f64::from(TICKS);
        let at = length * i64::from(tick) / i64::from(TICKS);
        put!(
            picture,
            r##"<line x1="{x:.1}" y1="{:.1}" x2="{x:.1}" y2="{bottom:.1}" stroke="#e3e8ed"/>"##,
            TOP - 8.0
        );
        put!(
            picture,
            r##"<text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#5b6875" font-size="11">{}</text>"##,
            TOP - 14.0,
            milliseconds(at)
        );
    }
}

fn row(
    picture: &mut String,
    timeline: &Timeline,
    index: usize,
    name: &str,
    outcome: &str,
    stretches: &[Stretch],
) {
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    let y = TOP + ROW * index as f64;
    let weight = if index == 0 { "600" } else { "400" };
    let shown: String = name.chars().take(28).collect();
    put!(
        picture,
        r##"<text x="{:.1}" y="{:.1}" text-anchor="end" font-weight="{weight}" fill="#1d2733">{}<title>{}</title></text>"##,
        LEFT - 10.0,
        y + 15.0,
        escaped(&shown),
        escaped(name)
    );
    for stretch in stretches {
        let x = place(timeline, stretch.from_ms);
        // What is there is seen, however short it is.
        let width = (place(timeline, stretch.to_ms) - x).max(0.6);
        let thin = matches!(stretch.part, Part::Dependency | Part::Host);
        let (top, tall) = if thin {
            (y + 9.0, 4.0)
        } else {
            (y + 3.0, 16.0)
        };
        put!(
            picture,
            r##"<rect x="{x:.2}" y="{top:.1}" width="{width:.2}" height="{tall}" rx="2" fill="{}"><title>{}: {} {}</title></rect>"##,
            colour(stretch.part),
            escaped(name),
            stretch.part.word(),
            milliseconds(stretch.to_ms - stretch.from_ms),
        );
    }
    let took = totals(stretches).iter().map(|(_, ms)| ms).sum();
    let colour = match outcome {
        "failed" | "aborted" | "cancelled" => "#b3261e",
        _ => "#5b6875",
    };
    put!(
        picture,
        r##"<text x="{:.1}" y="{:.1}" fill="{colour}" font-size="11">{} {outcome}</text>"##,
        LEFT + PLOT + 8.0,
        y + 15.0,
        milliseconds(took)
    );
}

fn marks(picture: &mut String, timeline: &Timeline, height: f64) {
    for mark in &timeline.marks {
        let x = place(timeline, mark.at_ms);
        let bottom = height - 56.0;
        put!(
            picture,
            r##"<g><line x1="{x:.1}" y1="{:.1}" x2="{x:.1}" y2="{bottom:.1}" stroke="#6b4fbb" stroke-dasharray="3 3"/><circle cx="{x:.1}" cy="{:.1}" r="3.5" fill="#6b4fbb"/><title>{}</title></g>"##,
            TOP - 8.0,
            TOP - 8.0,
            escaped(&mark.what),
        );
    }
}

/// Only what there is, with how much of the run it is.
fn legend(picture: &mut String, timeline: &Timeline, height: f64) {
    let mut x = 16.0;
    let y = height - 30.0;
    let used = |part: Part| {
        let lives = timeline.lives.iter().flat_map(|life| &life.stretches);
        lives
            .chain(&timeline.run)
            .any(|stretch| stretch.part == part)
    };
    for (part, of_run) in totals(&timeline.run) {
        if !used(part) {
            continue;
        }
        let text = format!("{} {}", part.word(), milliseconds(of_run));
        put!(
            picture,
            r##"<rect x="{x:.1}" y="{:.1}" width="11" height="11" rx="2" fill="{}"/>"##,
            y - 10.0,
            colour(part)
        );
        put!(
            picture,
            r##"<text x="{:.1}" y="{y:.1}" fill="#1d2733">{text}</text>"##,
            x + 16.0
        );
        #[expect(clippy::cast_precision_loss, reason = "pixels")]
        let length = text.chars().count() as f64;
        x += 34.0 + length * 6.6;
    }
}

fn place(timeline: &Timeline, at_ms: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    let part =
        (at_ms - timeline.from_ms) as f64 / (timeline.to_ms - timeline.from_ms).max(1) as f64;
    LEFT + PLOT * part
}

fn milliseconds(ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let ms = ms as f64;
    if ms == 0.0 {
        "0".to_owned()
    } else {
        duration_ms(ms)
    }
}

fn colour(part: Part) -> &'static str {
    match part {
        Part::Service => "#2f7d5b",
        Part::Host => "#9fb0bf",
        Part::Slot => "#e0a43a",
        Part::Retry => "#d9733a",
        Part::Gate => "#6b4fbb",
        Part::Pause => "#4c87c7",
        Part::Down => "#3c4650",
        Part::Lost => "#b3261e",
        Part::Dependency => "#d5dde4",
    }
}

/// Text from outside, as text of a picture: no tag, no attribute, no control.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in safe_line(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No XML may hold them.
            '\u{fffe}' | '\u{ffff}' => {}
            _ => safe.push(character),
        }
    }
    safe
}
