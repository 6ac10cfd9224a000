//! OCEL 2.0 as XML, written.

use std::io::{self, Write};

use serde_json::Value;

use super::{ObjectLog, Relationship, TypeOf, Valued};
use crate::xml::XmlText;

impl ObjectLog {
    /// Writes OCEL 2.0 in XML. The answer is how many characters XML cannot hold: each is shown by
    /// another one.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn write_xml<W: Write>(&self, sink: W) -> io::Result<u64> {
        let mut out = XmlText::new(sink);
        out.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>\n");
        types(&mut out, "object-type", &self.object_types)?;
        types(&mut out, "event-type", &self.event_types)?;
        out.markup("  <objects>\n");
        for object in &self.objects {
            let fields = [("id", &object.id), ("type", &object.kind)];
            open(&mut out, "    <object", &fields);
            out.markup(">\n");
            parts(&mut out, &object.attributes, &object.relationships);
            out.markup("    </object>\n");
            out.flush_if_full()?;
        }
        out.markup("  </objects>\n  <events>\n");
        for event in &self.events {
            let fields = [
                ("id", &event.id),
                ("type", &event.kind),
                ("time", &event.time),
            ];
            open(&mut out, "    <event", &fields);
            out.markup(">\n");
            parts(&mut out, &event.attributes, &event.relationships);
            out.markup("    </event>\n");
            out.flush_if_full()?;
        }
        out.markup("  </events>\n</log>\n");
        out.finish()?;
        Ok(out.replaced())
    }
}

/// A tag with fields, without its end.
fn open<W: Write>(out: &mut XmlText<W>, tag: &str, fields: &[(&str, &String)]) {
    out.markup(tag);
    for (name, value) in fields {
        out.markup(" ");
        out.markup(name);
        out.markup("=\"");
        out.value(value);
        out.markup("\"");
    }
}

fn types<W: Write>(out: &mut XmlText<W>, one: &str, types: &[TypeOf]) -> io::Result<()> {
    out.markup(&format!("  <{one}s>\n"));
    for kind in types {
        open(out, &format!("    <{one}"), &[("name", &kind.name)]);
        out.markup("><attributes>\n");
        for attribute in &kind.attributes {
            let fields = [("name", &attribute.name), ("type", &attribute.kind)];
            open(out, "      <attribute", &fields);
            out.markup("/>\n");
        }
        out.markup(&format!("    </attributes></{one}>\n"));
        out.flush_if_full()?;
    }
    out.markup(&format!("  </{one}s>\n"));
    Ok(())
}

fn parts<W: Write>(out: &mut XmlText<W>, attributes: &[Valued], relationships: &[Relationship]) {
    out.markup("      <attributes>");
    for attribute in attributes {
        open(out, "<attribute", &[("name", &attribute.name)]);
        if let Some(time) = &attribute.time {
            open(out, "", &[("time", time)]);
        }
        out.markup(">");
        match &attribute.value {
            Value::String(text) => out.value(text),
            other => out.value(&other.to_string()),
        }
        out.markup("</attribute>");
    }
    out.markup("</attributes>\n      <objects>");
    for about in relationships {
        let fields = [
            ("object-id", &about.object_id),
            ("qualifier", &about.qualifier),
        ];
        open(out, "<relationship", &fields);
        out.markup("/>");
    }
    out.markup("</objects>\n");
}
