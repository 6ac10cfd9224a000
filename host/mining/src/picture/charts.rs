//! Charts over time: every event as a dot, and the pieces of work of one case as bars.

use super::layout::{Point, Size};
use super::svg::{COLOURS, MARGIN, SMALL, Svg, escaped, shortened, time, width_of};
use crate::log::{CaseRow, Log, Moment, Name, Occurrences, ms};
use crate::performance::{End, steps};
use crate::timestamp;

const PLOT: f64 = 900.0;
const TICKS: u32 = 6;
/// The most dots that a chart has; of more, every nth case is shown.
const MOST_DOTS: usize = 20_000;

/// From where a dotted chart counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The calendar.
    Ever,
    /// The first event of each case.
    Begin,
}

/// Draws a dotted chart: time from left to right, cases from top to bottom by their beginning, a colour for each of the
/// most frequent activities.
#[must_use]
pub fn dotted_chart(log: &Log, occurrences: Occurrences, since: Since) -> String {
    let mut cases: Vec<(Moment, &CaseRow)> = log
        .cases()
        .iter()
        .filter_map(|case| Some((log.events_of(case).iter().find_map(|event| event.at)?, case)))
        .collect();
    cases.sort_by_key(|(began, case)| (*began, case.id));
    let every = log.events().len().div_ceil(MOST_DOTS).max(1);
    let shown: Vec<_> = cases.iter().step_by(every).collect();
    let (colours, legend) = colours(log, occurrences);
    let (first, last) = match since {
        Since::Ever => log.span().unwrap_or((0, 0)),
        Since::Begin => {
            let lengths = shown.iter().flat_map(|(began, case)| {
                log.events_of(case)
                    .iter()
                    .filter_map(move |event| Some(event.at? - began))
            });
            (0, lengths.max().unwrap_or(0))
        }
    };
    #[allow(clippy::cast_precision_loss, reason = "pixels")]
    let height = (shown.len() as f64 * 6.0).clamp(160.0, 720.0);
    let top = MARGIN + 22.0;
    let legend_height = legend_height(&legend);
    let title = format!("Dotted chart of {} cases", cases.len());
    let mut svg = Svg::new(
        PLOT + 2.0 * MARGIN,
        top + height + 30.0 + legend_height + MARGIN,
        &title,
    );
    axis(
        &mut svg,
        first,
        last,
        (MARGIN, top, height),
        since == Since::Ever,
    );
    for (row, (began, case)) in shown.iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "pixels")]
        let y = top + height * (row as f64 + 0.5) / shown.len().max(1) as f64;
        for event in log
            .events_of(case)
            .iter()
            .filter(|event| occurrences.take(event))
        {
            if let Some(at) = event.at {
                let at = if since == Since::Begin {
                    at - began
                } else {
                    at
                };
                let colour = colours[event.activity.index()];
                svg.put(format_args!(
                    "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"2.2\" fill=\"{colour}\"/>\n",
                    MARGIN + PLOT * share(at, first, last)
                ));
            }
        }
    }
    draw_legend(&mut svg, &legend, top + height + 34.0);
    if every > 1 {
        let at = Point {
            x: MARGIN + PLOT / 2.0,
            y: top + height + 16.0,
        };
        svg.label(at, &format!("one case of {every} is shown"), "faint", SMALL);
    }
    svg.finish()
}

/// Draws the pieces of work of one case as bars over time.
#[must_use]
pub fn gantt(log: &Log, case: &CaseRow) -> String {
    let events = log.events_of(case);
    let steps = steps(events);
    let times = || events.iter().filter_map(|event| event.at);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let name = |name: Name| log.names().text(name);
    let widest = steps
        .iter()
        .map(|step| width_of(&shortened(name(step.activity)), SMALL))
        .fold(60.0, f64::max);
    let left = MARGIN + widest + 12.0;
    let (top, row_height) = (MARGIN + 40.0, 22.0);
    #[allow(clippy::cast_precision_loss, reason = "pixels")]
    let height = (steps.len() as f64 * row_height).max(row_height);
    let title = format!("Case {}: {} pieces of work", name(case.id), steps.len());
    let mut svg = Svg::new(
        left + PLOT + MARGIN + 60.0,
        top + height + MARGIN + 34.0,
        &title,
    );
    svg.label(
        Point {
            x: left + PLOT / 2.0,
            y: MARGIN,
        },
        &format!("{} — {}", shortened(name(case.id)), time(ms(last - first))),
        "ink",
        14.0,
    );
    axis(&mut svg, first, last, (left, top, height), false);
    let x = |at: Moment| left + PLOT * share(at, first, last);
    for (row, step) in steps.iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "pixels")]
        let y = top + row_height * (row as f64 + 0.5);
        let label = shortened(name(step.activity));
        svg.put(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"{SMALL}\" class=\"ink\">{}</text>\n",
            left - 8.0,
            y + SMALL * 0.35,
            escaped(&label)
        ));
        let mut bar = |from: Option<Moment>,
                       to: Option<Moment>,
                       colour: &str,
                       tall: f64,
                       what: &str| {
            if let (Some(from), Some(to)) = (from, to) {
                let width = (x(to) - x(from)).max(1.0);
                svg.put(format_args!(
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{tall}\" rx=\"2\" fill=\"{colour}\"><title>{}: {what} {}</title></rect>\n",
                    x(from),
                    y - tall / 2.0,
                    escaped(name(step.activity)),
                    time(ms(to - from))
                ));
            }
        };
        let begun = step.started.or(step.ended);
        bar(step.scheduled, begun, WAITS, 5.0, "waits");
        let colour = match step.end {
            End::Failed => FAILED,
            End::Cancelled | End::Skipped => COLOURS[7],
            End::Completed | End::Open => COLOURS[0],
        };
        bar(begun, step.ended.or(Some(last)), colour, 13.0, "works");
        for (from, to) in &step.suspensions {
            bar(Some(*from), Some(*to), WAITS, 6.0, "stands still");
        }
    }
    let legend = [
        ("works", COLOURS[0]),
        ("waits", WAITS),
        ("failed", FAILED),
        ("cancelled or skipped", COLOURS[7]),
    ]
    .map(|(name, colour)| (name.to_owned(), colour));
    draw_legend(&mut svg, &legend, top + height + 24.0);
    svg.finish()
}

const WAITS: &str = COLOURS[1];
const FAILED: &str = COLOURS[5];

/// The colour of each name that is an activity, and the legend: the most frequent have one of their own.
fn colours(log: &Log, occurrences: Occurrences) -> (Vec<&'static str>, Vec<Entry>) {
    let mut counts: Vec<(u64, usize)> = (0..log.names().len()).map(|index| (0, index)).collect();
    let mut names: Vec<Option<Name>> = vec![None; counts.len()];
    for event in log.events().iter().filter(|event| occurrences.take(event)) {
        counts[event.activity.index()].0 += 1;
        names[event.activity.index()] = Some(event.activity);
    }
    counts.sort_by_key(|(count, index)| (std::cmp::Reverse(*count), *index));
    let (others, own) = COLOURS
        .split_last()
        .map_or(("#7a7a7a", &[][..]), |(last, own)| (*last, own));
    let mut colours = vec![others; counts.len()];
    let mut legend = Vec::new();
    let used: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).collect();
    for ((_, index), colour) in used.iter().zip(own) {
        colours[*index] = colour;
        if let Some(name) = names[*index] {
            legend.push((shortened(log.names().text(name)), *colour));
        }
    }
    if used.len() > own.len() {
        legend.push((format!("{} others", used.len() - own.len()), others));
    }
    (colours, legend)
}

/// A name and its colour.
type Entry = (String, &'static str);

fn rows_of(legend: &[Entry]) -> Vec<Vec<(f64, &Entry)>> {
    let mut rows = vec![Vec::new()];
    let mut x = 0.0;
    for entry in legend {
        let width = width_of(&entry.0, SMALL) + 34.0;
        if x + width > PLOT && x > 0.0 {
            rows.push(Vec::new());
            x = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, entry));
        }
        x += width;
    }
    rows
}

fn legend_height(legend: &[Entry]) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "pixels")]
    let rows = rows_of(legend).len() as f64;
    rows * 20.0
}

fn draw_legend(svg: &mut Svg, legend: &[Entry], top: f64) {
    for (row, entries) in rows_of(legend).iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "pixels")]
        let y = top + row as f64 * 20.0;
        for (x, (name, colour)) in entries {
            let at = Point {
                x: MARGIN + x + 6.0,
                y,
            };
            svg.rect(
                at,
                Size {
                    width: 10.0,
                    height: 10.0,
                },
                "",
                2.0,
                &format!(" fill=\"{colour}\""),
            );
            svg.put(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{SMALL}\" class=\"ink\">{}</text>\n",
                at.x + 10.0,
                y + SMALL * 0.35,
                escaped(name)
            ));
        }
    }
}

fn axis(
    svg: &mut Svg,
    first: Moment,
    last: Moment,
    (left, top, height): (f64, f64, f64),
    dates: bool,
) {
    // Dates are long.
    let ticks = if dates { TICKS - 2 } else { TICKS };
    for tick in 0..=ticks {
        let part = f64::from(tick) / f64::from(ticks);
        let x = left + PLOT * part;
        svg.put(format_args!(
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\n",
            top + height
        ));
        #[allow(clippy::cast_possible_truncation, reason = "between two moments")]
        let offset = (ms(last - first) * part) as i64;
        let text = if dates {
            let at = timestamp::format(first.div_euclid(1000) + offset);
            at.map(|text| text[..19].replace('T', " "))
                .unwrap_or_default()
        } else {
            time(ms(last - first) * part)
        };
        let anchor = if !dates {
            "middle"
        } else if tick == 0 {
            "start"
        } else if tick == ticks {
            "end"
        } else {
            "middle"
        };
        svg.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"{SMALL}\" class=\"faint\">{text}</text>\n",
            top - 8.0
        ));
    }
}

#[allow(clippy::cast_precision_loss, reason = "pixels")]
fn share(at: Moment, first: Moment, last: Moment) -> f64 {
    if last <= first {
        0.0
    } else {
        (at - first) as f64 / (last - first) as f64
    }
}
