//! The frame of every picture: one file that needs nothing else, light and dark, in colours that colour-blind people
//! can tell apart (Okabe and Ito).

use std::fmt::Write as _;

use super::layout::{Point, Size};

/// The size of text, in pixels.
pub(super) const FONT: f64 = 13.0;
/// The size of small text.
pub(super) const SMALL: f64 = 11.0;
/// Around a picture.
pub(super) const MARGIN: f64 = 24.0;

const STYLE: &str = "\
.ground{fill:#ffffff}.ink{fill:#1d2733}.faint{fill:#55616e}\
.box{fill:#eef4fa;stroke:#3a6ea5;stroke-width:1.2}.hot{fill:#fbe3d6;stroke:#c04f00}\
.line{fill:none;stroke:#5b6875}.tip{fill:#5b6875}.halo{fill:#ffffff;opacity:.85}\
.dot{fill:#1d2733}.ring{fill:none;stroke:#1d2733;stroke-width:1.5}.silent{fill:#1d2733}.grid{stroke:#e3e8ed}\
@media (prefers-color-scheme:dark){\
.ground{fill:#12171d}.ink{fill:#e8edf2}.faint{fill:#a5b1bd}\
.box{fill:#1d2a38;stroke:#7fb2e5}.hot{fill:#3d2415;stroke:#f0a060}\
.line{stroke:#93a1af}.tip{fill:#93a1af}.halo{fill:#12171d}\
.dot{fill:#e8edf2}.ring{stroke:#e8edf2}.silent{fill:#e8edf2}.grid{stroke:#2a333d}}";

/// Colours in the order in which they are given out; told apart by people with any colour vision.
pub(super) const COLOURS: [&str; 8] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#7a7a7a",
];

/// A picture under way.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// A picture of a size, with a title for those who cannot see it.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let (width, height) = (width.ceil(), height.ceil());
        let mut svg = Self {
            text: String::new(),
        };
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"{FONT}\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n",
            escaped(title)
        ));
        svg
    }

    pub(super) fn put(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = self.text.write_fmt(part);
    }

    /// A text at a point, its middle there.
    pub(super) fn label(&mut self, at: Point, text: &str, class: &str, size: f64) {
        let y = at.y + size * 0.35;
        self.put(format_args!(
            "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" font-size=\"{size}\" class=\"{class}\">{}</text>\n",
            at.x,
            escaped(text)
        ));
    }

    /// The same on a ground of its own, so that lines behind it do not disturb.
    pub(super) fn label_on_ground(&mut self, at: Point, text: &str, class: &str, size: f64) {
        let width = width_of(text, size) + 4.0;
        self.put(format_args!(
            "<rect class=\"halo\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>\n",
            at.x - width / 2.0,
            at.y - size * 0.65,
            size * 1.3
        ));
        self.label(at, text, class, size);
    }

    /// A box around a point.
    pub(super) fn rect(&mut self, at: Point, size: Size, class: &str, round: f64, more: &str) {
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"{more}/>\n",
            at.x - size.width / 2.0,
            at.y - size.height / 2.0,
            size.width,
            size.height
        ));
    }

    /// A line through points with a tip at its end, as wide as given.
    pub(super) fn arrow(&mut self, line: &[Point], width: f64, sideways: bool) {
        let [.., before, last] = line else {
            return;
        };
        let tip = 5.0 + width;
        // The tip stands straight before the box; the line ends behind it.
        let towards = if sideways {
            last.x >= before.x
        } else {
            last.y >= before.y
        };
        let back = if towards { -tip } else { tip };
        let end = if sideways {
            Point {
                x: last.x + back,
                ..*last
            }
        } else {
            Point {
                y: last.y + back,
                ..*last
            }
        };
        let mut path = format!("M{:.1} {:.1}", line[0].x, line[0].y);
        for (index, pair) in line.windows(2).enumerate() {
            let from = pair[0];
            let to = if index + 2 == line.len() {
                end
            } else {
                pair[1]
            };
            let (one, other) = if sideways {
                let middle = f64::midpoint(from.x, to.x);
                (
                    Point {
                        x: middle,
                        y: from.y,
                    },
                    Point { x: middle, y: to.y },
                )
            } else {
                let middle = f64::midpoint(from.y, to.y);
                (
                    Point {
                        x: from.x,
                        y: middle,
                    },
                    Point { x: to.x, y: middle },
                )
            };
            let _ = write!(
                path,
                " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                one.x, one.y, other.x, other.y, to.x, to.y
            );
        }
        self.put(format_args!(
            "<path class=\"line\" stroke-width=\"{width:.1}\" d=\"{path}\"/>\n"
        ));
        let half = 3.0 + width / 2.0;
        let (left, right) = if sideways {
            (
                Point {
                    x: end.x,
                    y: end.y - half,
                },
                Point {
                    x: end.x,
                    y: end.y + half,
                },
            )
        } else {
            (
                Point {
                    x: end.x - half,
                    y: end.y,
                },
                Point {
                    x: end.x + half,
                    y: end.y,
                },
            )
        };
        self.put(format_args!(
            "<path class=\"tip\" d=\"M{:.1} {:.1} L{:.1} {:.1} L{:.1} {:.1} Z\"/>\n",
            left.x, left.y, right.x, right.y, last.x, last.y
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// A text as XML takes it; what XML cannot hold, and what would turn text round, becomes a picture of itself.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            other if other.is_control() || crate::terminals::acts_on_terminals(other) => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// How wide a text will be, about; rather too wide than too narrow.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    let of_one = |character: char| match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'I' | 'f' | 't'
        | 'r' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' => 0.72,
        '\0'..='\u{2fff}' => 0.6,
        _ => 1.05,
    };
    text.chars().map(of_one).sum::<f64>() * size
}

/// A text, cut off where it is too long for a picture.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 32;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

/// A length of time in a few characters.
pub(super) fn time(ms: f64) -> String {
    let pick = |value: f64, unit: &str| {
        if value < 9.95 {
            format!("{value:.1} {unit}")
        } else {
            format!("{value:.0} {unit}")
        }
    };
    match ms {
        ms if ms < 1.0 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 1e3 => format!("{ms:.0} ms"),
        ms if ms < 60e3 => pick(ms / 1e3, "s"),
        ms if ms < 3_600e3 => pick(ms / 60e3, "min"),
        ms if ms < 172_800e3 => pick(ms / 3_600e3, "h"),
        ms => pick(ms / 86_400e3, "d"),
    }
}
