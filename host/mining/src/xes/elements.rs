//! Single elements of a log: attributes of each type, one per line.

use std::io::Write;

use crate::event::AttributeValue;
use crate::timestamp;
use crate::xml::{XmlText, name};

/// Where a list ends its lines.
#[derive(Clone, Copy)]
enum Lines {
    /// After its head; the rest follows on a line.
    Two,
    /// Nowhere: it is within another list.
    One,
}

/// A date that readers cannot hold, before it is known whose it is.
pub(super) struct OutsideTime {
    pub(super) key: String,
    pub(super) at_ms: i64,
}

/// A text attribute on a line of its own.
pub(super) fn text_line<W: Write>(out: &mut XmlText<W>, depth: usize, key: &str, value: &str) {
    indent(out, depth);
    element(out, "string", key, value);
    out.markup("\n");
}

/// A number whose text is at hand, on a line of its own.
pub(super) fn number_line<W: Write>(
    out: &mut XmlText<W>,
    depth: usize,
    (tag, key): (&str, &str),
    number: &str,
) {
    indent(out, depth);
    element(out, tag, key, number);
    out.markup("\n");
}

/// A time on a line of its own.
pub(super) fn date_line<W: Write>(
    out: &mut XmlText<W>,
    depth: usize,
    key: &str,
    at_ms: i64,
) -> Result<(), OutsideTime> {
    attribute_line(out, depth, key, &AttributeValue::Date(at_ms))
}

/// An attribute of any type; a list takes two lines.
pub(super) fn attribute_line<W: Write>(
    out: &mut XmlText<W>,
    depth: usize,
    key: &str,
    value: &AttributeValue,
) -> Result<(), OutsideTime> {
    indent(out, depth);
    attribute(out, key, value, Lines::Two)?;
    out.markup("\n");
    Ok(())
}

fn attribute<W: Write>(
    out: &mut XmlText<W>,
    key: &str,
    value: &AttributeValue,
    lines: Lines,
) -> Result<(), OutsideTime> {
    match value {
        AttributeValue::String(text) => element(out, "string", key, text),
        AttributeValue::Id(text) => element(out, "id", key, text),
        AttributeValue::Bool(true) => element(out, "boolean", key, "true"),
        AttributeValue::Bool(false) => element(out, "boolean", key, "false"),
        AttributeValue::Int(number) => element(out, "int", key, &number.to_string()),
        AttributeValue::Float(number) => element(out, "float", key, &float_text(*number)),
        AttributeValue::Date(at_ms) => match timestamp::format(*at_ms) {
            Some(text) => element(out, "date", key, &text),
            None => {
                let (key, at_ms) = (key.to_owned(), *at_ms);
                return Err(OutsideTime { key, at_ms });
            }
        },
        AttributeValue::List(items) => {
            open(out, "list", key);
            // PM4Py's line reader takes any line with exactly two quoted texts for an attribute of
            // the event. The head of a list has one, what follows it has one, three or more.
            out.markup(match lines {
                Lines::Two => ">\n",
                Lines::One => ">",
            });
            for (item_key, item) in items {
                attribute(out, item_key, item, Lines::One)?;
            }
            out.markup("<values key=\"values\"/></list>");
        }
    }
    Ok(())
}

fn element<W: Write>(out: &mut XmlText<W>, tag: &str, key: &str, value: &str) {
    open(out, tag, key);
    out.markup(" value=\"");
    out.value(value);
    out.markup("\"/>");
}

fn open<W: Write>(out: &mut XmlText<W>, tag: &str, key: &str) {
    out.markup("<");
    out.markup(tag);
    out.markup(" key=\"");
    out.markup(&name(key));
    out.markup("\"");
}

fn indent<W: Write>(out: &mut XmlText<W>, depth: usize) {
    for _ in 0..depth {
        out.markup("\t");
    }
}

/// A number as XML Schema's `double`, which spells infinity `INF`; Python and Java read it too.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "INF" } else { "-INF" }.to_owned()
    } else {
        format!("{number:?}")
    }
}
