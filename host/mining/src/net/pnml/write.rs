//! PNML out.

use std::io::{self, Write};

use super::INVISIBLE;
use crate::net::PetriNet;

/// Writes a net as PM4Py and ProM read it.
///
/// # Errors
/// When the sink fails.
pub fn write_pnml<W: Write>(mut sink: W, net: &PetriNet) -> io::Result<()> {
    let escape = |text: &str| quick_xml::escape::escape(clean(text)).into_owned();
    let name = if net.name.is_empty() {
        "net"
    } else {
        &net.name
    };
    writeln!(sink, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(sink, "<pnml>")?;
    writeln!(
        sink,
        "  <net id=\"net1\" type=\"http://www.pnml.org/version-2009/grammar/pnmlcoremodel\">"
    )?;
    writeln!(sink, "    <name><text>{}</text></name>", escape(name))?;
    writeln!(sink, "    <page id=\"n0\">")?;
    for (id, place) in net.places.iter().enumerate() {
        write!(
            sink,
            "      <place id=\"p{id}\"><name><text>{}</text></name>",
            escape(&place.name)
        )?;
        let tokens = net
            .initial
            .iter()
            .find(|(initial, _)| *initial as usize == id);
        if let Some((_, tokens)) = tokens {
            write!(
                sink,
                "<initialMarking><text>{tokens}</text></initialMarking>"
            )?;
        }
        writeln!(sink, "</place>")?;
    }
    for (id, transition) in net.transitions.iter().enumerate() {
        let shown = transition.label.as_ref().unwrap_or(&transition.name);
        write!(
            sink,
            "      <transition id=\"t{id}\"><name><text>{}</text></name>",
            escape(shown)
        )?;
        if transition.label.is_none() {
            write!(
                sink,
                "<toolspecific tool=\"ProM\" version=\"6.4\" activity=\"{INVISIBLE}\" localNodeID=\"t{id}\"/>"
            )?;
        }
        writeln!(sink, "</transition>")?;
    }
    let mut number = 0;
    for (id, transition) in net.transitions.iter().enumerate() {
        let inputs = transition
            .inputs
            .iter()
            .map(|(place, weight)| (format!("p{place}"), format!("t{id}"), weight));
        let outputs = transition
            .outputs
            .iter()
            .map(|(place, weight)| (format!("t{id}"), format!("p{place}"), weight));
        for (source, target, weight) in inputs.chain(outputs) {
            writeln!(
                sink,
                "      <arc id=\"a{number}\" source=\"{source}\" target=\"{target}\"><inscription><text>{weight}</text></inscription></arc>"
            )?;
            number += 1;
        }
    }
    writeln!(sink, "    </page>")?;
    writeln!(sink, "    <finalmarkings>")?;
    for marking in &net.finals {
        write!(sink, "      <marking>")?;
        for (place, tokens) in marking {
            write!(
                sink,
                "<place idref=\"p{place}\"><text>{tokens}</text></place>"
            )?;
        }
        writeln!(sink, "</marking>")?;
    }
    writeln!(sink, "    </finalmarkings>")?;
    writeln!(sink, "  </net>")?;
    writeln!(sink, "</pnml>")?;
    sink.flush()
}

/// Without the characters that XML cannot hold.
pub(in crate::net) fn clean(text: &str) -> String {
    let held = |character: char| {
        if matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
        {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        }
    };
    text.chars().map(held).collect()
}
