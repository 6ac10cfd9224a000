//! Writes a document as XES that everybody reads; see [`xes`](crate::xes) for what that takes.

use std::io::Write;

use super::{Attribute, Document, Head, Value};
use crate::log::Names;
use crate::timestamp;
use crate::xes::{Written, XesError, float_text};
use crate::xml::{XmlText, name};

/// Writes a whole document. Lists have their items within `values`, as the schema has it where items
/// can be told from attributes; times have three digits and are of UTC.
///
/// # Errors
/// When the sink fails, or when a time is not within the years 1 to 9999.
pub fn write_xes_document<W: Write>(sink: W, document: &Document) -> Result<Written, XesError> {
    let mut writer = Writer {
        out: XmlText::new(sink),
        keys: &document.keys,
    };
    let mut written = Written::default();
    writer.head(&document.head)?;
    for (index, trace) in document.traces.iter().enumerate() {
        writer.out.markup("\t<trace>\n");
        let owner = || format!("trace {}", index + 1);
        writer.attributes(2, &trace.attributes, &owner)?;
        for event in &trace.events {
            writer.event(2, event, &owner)?;
            written.events += 1;
        }
        writer.out.markup("\t</trace>\n");
        written.cases += 1;
    }
    for event in &document.loose {
        writer.event(1, event, &|| "an event outside of any trace".to_owned())?;
        written.events += 1;
    }
    writer.out.markup("</log>\n");
    let bytes = writer.out.position();
    let finished = writer.out.finish();
    finished.map_err(|source| XesError::Sink { bytes, source })?;
    Ok(Written {
        bytes,
        replaced_characters: writer.out.replaced(),
        ..written
    })
}

struct Writer<'document, W> {
    out: XmlText<W>,
    keys: &'document Names,
}

impl<W: Write> Writer<'_, W> {
    fn head(&mut self, head: &Head) -> Result<(), XesError> {
        self.out.markup(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<log xes.version=\"1849.2016\" xes.features=\"nested-attributes\">\n",
        ));
        for extension in &head.extensions {
            self.declared(
                "extension",
                &[
                    ("name", Some(&extension.name)),
                    ("prefix", Some(&extension.prefix)),
                    ("uri", Some(&extension.uri)),
                ],
            );
        }
        for global in &head.globals {
            self.out.markup("\t<global scope=\"");
            self.out.value(&global.scope);
            self.out.markup("\">\n");
            self.attributes(2, &global.attributes, &|| "a global".to_owned())?;
            self.out.markup("\t</global>\n");
        }
        for classifier in &head.classifiers {
            self.declared(
                "classifier",
                &[
                    ("name", Some(&classifier.name)),
                    ("scope", classifier.scope.as_ref()),
                    ("keys", Some(&classifier.keys)),
                ],
            );
        }
        self.attributes(1, &head.attributes, &|| "the log".to_owned())
    }

    fn declared(&mut self, tag: &'static str, fields: &[(&'static str, Option<&String>)]) {
        self.out.markup("\t<");
        self.out.markup(tag);
        for (field, value) in fields {
            if let Some(value) = value {
                self.out.markup(" ");
                self.out.markup(field);
                self.out.markup("=\"");
                self.out.value(value);
                self.out.markup("\"");
            }
        }
        self.out.markup("/>\n");
    }

    fn event(
        &mut self,
        depth: usize,
        attributes: &[Attribute],
        owner: &dyn Fn() -> String,
    ) -> Result<(), XesError> {
        self.indent(depth);
        self.out.markup("<event>\n");
        self.attributes(depth + 1, attributes, owner)?;
        self.indent(depth);
        self.out.markup("</event>\n");
        let bytes = self.out.position();
        let flushed = self.out.flush_if_full();
        flushed.map_err(|source| XesError::Sink { bytes, source })
    }

    fn attributes(
        &mut self,
        depth: usize,
        attributes: &[Attribute],
        owner: &dyn Fn() -> String,
    ) -> Result<(), XesError> {
        for attribute in attributes {
            self.indent(depth);
            self.attribute(attribute, owner)?;
            self.out.markup("\n");
        }
        Ok(())
    }

    /// An attribute and what lies within it, on one line: PM4Py's line reader takes any other line
    /// for an attribute of the event.
    fn attribute(
        &mut self,
        attribute: &Attribute,
        owner: &dyn Fn() -> String,
    ) -> Result<(), XesError> {
        let key = self.keys.text(attribute.key);
        match &attribute.value {
            Value::String(text) => self.open("string", key, text),
            Value::Id(text) => self.open("id", key, text),
            Value::Bool(true) => self.open("boolean", key, "true"),
            Value::Bool(false) => self.open("boolean", key, "false"),
            Value::Int(number) => self.open("int", key, &number.to_string()),
            Value::Float(number) => self.open("float", key, &float_text(*number)),
            Value::Date(at) => {
                let at_ms = at.div_euclid(1000);
                let text = timestamp::format(at_ms).ok_or_else(|| XesError::Time {
                    owner: owner(),
                    key: key.to_owned(),
                    at_ms,
                })?;
                self.open("date", key, &text);
            }
            Value::List(items) => return self.list(key, items, owner),
        }
        if attribute.children.is_empty() {
            self.out.markup("/>");
            return Ok(());
        }
        self.out.markup(">");
        for child in &attribute.children {
            self.attribute(child, owner)?;
        }
        self.out.markup("</");
        self.out.markup(tag_of(&attribute.value));
        self.out.markup(">");
        Ok(())
    }

    fn list(
        &mut self,
        key: &str,
        items: &[Attribute],
        owner: &dyn Fn() -> String,
    ) -> Result<(), XesError> {
        self.out.markup("<list key=\"");
        self.out.markup(&name(key));
        self.out.markup("\">");
        for item in items {
            self.attribute(item, owner)?;
        }
        self.out.markup("<values key=\"values\"/></list>");
        Ok(())
    }

    fn open(&mut self, tag: &'static str, key: &str, value: &str) {
        self.out.markup("<");
        self.out.markup(tag);
        self.out.markup(" key=\"");
        self.out.markup(&name(key));
        self.out.markup("\" value=\"");
        self.out.value(value);
        self.out.markup("\"");
    }

    fn indent(&mut self, depth: usize) {
        self.out.markup(&"\t\t\t\t"[..depth.min(4)]);
    }
}

fn tag_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Date(_) => "date",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Bool(_) => "boolean",
        Value::Id(_) => "id",
        Value::List(_) => "list",
    }
}
