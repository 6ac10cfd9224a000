//! Process maps: what follows what, as boxes and arrows, by how often or by how long.

use super::layout::{Arrow, Layout, Point, Size, layout};
use super::svg::{FONT, MARGIN, SMALL, Svg, escaped, shortened, time, width_of};
use crate::discover::Graph;

/// What arrows say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// How often they were taken.
    Frequency,
    /// How long they took, in the mean.
    Time,
}

const BOX_HEIGHT: f64 = 42.0;
const DOT: f64 = 18.0;

/// Draws a directly-follows graph.
#[must_use]
pub fn process_map(graph: &Graph, show: Show) -> String {
    let count = graph.activities.len();
    let (begin, end) = (count, count + 1);
    let mut boxes: Vec<Size> = (0..count)
        .map(|activity| {
            let name = width_of(&shortened(&graph.activities[activity]), FONT);
            let figure = width_of(&graph.counts[activity].to_string(), SMALL);
            Size {
                width: name.max(figure) + 24.0,
                height: BOX_HEIGHT,
            }
        })
        .collect();
    boxes.extend(
        [Size {
            width: DOT,
            height: DOT,
        }; 2],
    );
    let label = |text: &str| Size {
        width: width_of(text, SMALL) + 6.0,
        height: SMALL + 4.0,
    };
    let mut arrows: Vec<Arrow> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    let mut values: Vec<f64> = Vec::new();
    #[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
    let as_float = |count: u64| count as f64;
    let mut add = |from: usize, to: usize, count: u64, text: String, value: f64| {
        let label = (!text.is_empty()).then(|| label(&text));
        arrows.push(Arrow {
            from,
            to,
            weight: as_float(count),
            label,
        });
        texts.push(text);
        values.push(value);
    };
    for (activity, count) in graph
        .starts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
    {
        add(begin, activity, *count, count.to_string(), as_float(*count));
    }
    for edge in &graph.edges {
        let (text, value) = match (show, edge.times) {
            (Show::Frequency, _) => (edge.count.to_string(), as_float(edge.count)),
            (Show::Time, Some(times)) => (time(times.mean()), times.mean()),
            (Show::Time, None) => (String::new(), 0.0),
        };
        add(
            edge.from as usize,
            edge.to as usize,
            edge.count,
            text,
            value,
        );
    }
    for (activity, count) in graph
        .ends
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
    {
        add(activity, end, *count, count.to_string(), as_float(*count));
    }
    // Arrows that meet at a box need room for their tips.
    for (place, size) in boxes.iter_mut().enumerate().take(count) {
        let into = arrows.iter().filter(|arrow| arrow.to == place).count();
        let out = arrows.iter().filter(|arrow| arrow.from == place).count();
        #[allow(clippy::cast_precision_loss, reason = "arrows of a picture are few")]
        let room = into.max(out) as f64 * 16.0;
        size.width = size.width.max(room);
    }
    let layout = layout(&boxes, &arrows, 20.0);
    let title = format!("Process map of {} cases, {} activities", graph.cases, count);
    draw(
        graph,
        show,
        &layout,
        (&boxes, &arrows),
        (&texts, &values),
        &title,
    )
}

fn draw(
    graph: &Graph,
    show: Show,
    layout: &Layout,
    (boxes, arrows): (&[Size], &[Arrow]),
    (texts, values): (&[String], &[f64]),
    title: &str,
) -> String {
    let loops = 46.0;
    let (width, height) = (
        layout.width + 2.0 * MARGIN + loops,
        layout.height + 2.0 * MARGIN,
    );
    let mut svg = Svg::new(width, height, title);
    let moved = |point: Point| Point {
        x: point.x + MARGIN,
        y: point.y + MARGIN,
    };
    let count = graph.activities.len();
    let is_inner = |arrow: &Arrow| arrow.from < count && arrow.to < count;
    let inner = |index: usize| is_inner(&arrows[index]);
    let looked_at = || (0..arrows.len()).filter(|index| show == Show::Frequency || inner(*index));
    let most = looked_at().map(|index| values[index]).fold(0.0, f64::max);
    let least = looked_at()
        .map(|index| values[index])
        .fold(f64::INFINITY, f64::min);
    // What is drawn widest is the most frequent, or the slowest. Where all take about as long, none stands out.
    let thickness = |index: usize| match show {
        Show::Frequency if most > 0.0 => 1.0 + 3.5 * (values[index] / most).sqrt(),
        Show::Time if most > 0.0 && inner(index) => 1.0 + 3.5 * (values[index] - least) / most,
        _ => 1.0,
    };
    for (index, line) in layout.arrows.iter().enumerate() {
        let line: Vec<Point> = line.iter().map(|point| moved(*point)).collect();
        svg.arrow(&line, thickness(index), false);
        if arrows[index].from == arrows[index].to {
            own_loop(
                &mut svg,
                moved(layout.boxes[arrows[index].from]),
                boxes[arrows[index].from],
                thickness(index),
            );
        }
    }
    let most_often = graph.counts.iter().copied().max().unwrap_or(0);
    for (activity, name) in graph.activities.iter().enumerate() {
        let at = moved(layout.boxes[activity]);
        #[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
        let share = graph.counts[activity] as f64 / most_often.max(1) as f64;
        svg.put(format_args!(
            "<g><title>{}: {}</title>\n",
            escaped(name),
            graph.counts[activity]
        ));
        svg.rect(
            at,
            boxes[activity],
            "box",
            7.0,
            &format!(" style=\"stroke-width:{:.1}\"", 1.0 + 2.0 * share),
        );
        svg.label(
            Point {
                y: at.y - 7.0,
                ..at
            },
            &shortened(name),
            "ink",
            FONT,
        );
        svg.label(
            Point {
                y: at.y + 11.0,
                ..at
            },
            &graph.counts[activity].to_string(),
            "faint",
            SMALL,
        );
        svg.put(format_args!("</g>\n"));
    }
    let (begin, end) = (moved(layout.boxes[count]), moved(layout.boxes[count + 1]));
    svg.put(format_args!(
        "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"8\"><title>begin</title></circle>\n",
        begin.x, begin.y
    ));
    svg.put(format_args!(
        "<circle class=\"ring\" cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"8.5\"/><circle class=\"dot\" cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"5\"><title>end</title></circle>\n",
        end.x, end.y
    ));
    for (index, label) in layout.labels.iter().enumerate() {
        if let Some(at) = label {
            svg.label_on_ground(moved(*at), &texts[index], "faint", SMALL);
        } else if arrows[index].from == arrows[index].to {
            let at = moved(layout.boxes[arrows[index].from]);
            let x = at.x + boxes[arrows[index].from].width / 2.0 + 25.0;
            svg.label_on_ground(
                Point {
                    x: x + width_of(&texts[index], SMALL) / 2.0 - 6.0,
                    y: at.y,
                },
                &texts[index],
                "faint",
                SMALL,
            );
        }
    }
    svg.finish()
}

/// An arrow from a box to itself, at its right.
fn own_loop(svg: &mut Svg, at: Point, size: Size, width: f64) {
    let right = at.x + size.width / 2.0;
    let (top, bottom) = (at.y - 10.0, at.y + 10.0);
    let tip = 5.0 + width;
    svg.put(format_args!(
        "<path class=\"line\" stroke-width=\"{width:.1}\" d=\"M{right:.1} {top:.1} C{0:.1} {1:.1} {0:.1} {2:.1} {3:.1} {bottom:.1}\"/>\n",
        right + 30.0,
        top - 8.0,
        bottom + 8.0,
        right + tip
    ));
    let half = 3.0 + width / 2.0;
    svg.put(format_args!(
        "<path class=\"tip\" d=\"M{0:.1} {1:.1} L{0:.1} {2:.1} L{right:.1} {bottom:.1} Z\"/>\n",
        right + tip,
        bottom - half,
        bottom + half
    ));
}
