//! Process trees as BPMN 2.0, with a diagram, so that modelling tools show them.

use std::io::{self, Write};

use super::pnml::write::clean;
use crate::discover::{Operator, Tree};
use crate::picture::Placed;

/// What a BPMN node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    End,
    Task,
    /// One of several ways.
    Exclusive,
    /// All ways at once.
    Parallel,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    name: String,
}

#[derive(Debug, Default)]
struct Process {
    nodes: Vec<Node>,
    flows: Vec<(usize, usize)>,
}

impl Process {
    fn node(&mut self, kind: Kind, name: &str) -> usize {
        self.nodes.push(Node {
            kind,
            name: name.to_owned(),
        });
        self.nodes.len() - 1
    }

    /// Draws a part after a node, and gives the node at its end.
    fn part(&mut self, tree: &Tree, names: &[Box<str>], from: usize) -> usize {
        match tree {
            Tree::Silent => from,
            Tree::Activity(activity) => {
                let task = self.node(Kind::Task, &names[*activity as usize]);
                self.flows.push((from, task));
                task
            }
            Tree::Node(Operator::Sequence, children) => children
                .iter()
                .fold(from, |before, child| self.part(child, names, before)),
            Tree::Node(operator @ (Operator::Choice | Operator::Parallel), children) => {
                let kind = if *operator == Operator::Choice {
                    Kind::Exclusive
                } else {
                    Kind::Parallel
                };
                let split = self.node(kind, "");
                self.flows.push((from, split));
                let ends: Vec<usize> = children
                    .iter()
                    .map(|child| self.part(child, names, split))
                    .collect();
                let join = self.node(kind, "");
                self.flows.extend(ends.into_iter().map(|end| (end, join)));
                join
            }
            Tree::Node(Operator::Loop, children) => {
                let begin = self.node(Kind::Exclusive, "");
                self.flows.push((from, begin));
                let mut children = children.iter();
                let body = children
                    .next()
                    .map_or(begin, |body| self.part(body, names, begin));
                let end = self.node(Kind::Exclusive, "");
                self.flows.push((body, end));
                for redo in children {
                    let back = self.part(redo, names, end);
                    self.flows.push((back, begin));
                }
                end
            }
        }
    }
}

/// Writes a process tree as BPMN 2.0: tasks, exclusive and parallel gateways, and where they stand.
///
/// # Errors
/// When the sink fails.
pub fn write_bpmn<W: Write>(mut sink: W, tree: &Tree, names: &[Box<str>]) -> io::Result<()> {
    let mut process = Process::default();
    let start = process.node(Kind::Start, "begin");
    let last = process.part(tree, names, start);
    let end = process.node(Kind::End, "end");
    process.flows.push((last, end));
    let Process { nodes, flows } = process;
    let sizes: Vec<(f64, f64)> = nodes
        .iter()
        .map(|node| match node.kind {
            Kind::Start | Kind::End => (36.0, 36.0),
            Kind::Task => (100.0, 60.0),
            Kind::Exclusive | Kind::Parallel => (50.0, 50.0),
        })
        .collect();
    let placed = Placed::sideways(&sizes, &flows);
    let escape = |text: &str| quick_xml::escape::escape(clean(text)).into_owned();
    writeln!(sink, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        sink,
        "<bpmn:definitions xmlns:bpmn=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
         xmlns:bpmndi=\"http://www.omg.org/spec/BPMN/20100524/DI\" xmlns:dc=\"http://www.omg.org/spec/DD/20100524/DC\" \
         xmlns:di=\"http://www.omg.org/spec/DD/20100524/DI\" id=\"definitions\" targetNamespace=\"http://bpmn.io/schema/bpmn\">"
    )?;
    writeln!(
        sink,
        "  <bpmn:process id=\"process\" isExecutable=\"false\">"
    )?;
    for (index, node) in nodes.iter().enumerate() {
        let tag = match node.kind {
            Kind::Start => "startEvent",
            Kind::End => "endEvent",
            Kind::Task => "task",
            Kind::Exclusive => "exclusiveGateway",
            Kind::Parallel => "parallelGateway",
        };
        writeln!(
            sink,
            "    <bpmn:{tag} id=\"n{index}\" name=\"{}\">",
            escape(&node.name)
        )?;
        for (flow, _) in flows.iter().enumerate().filter(|(_, (_, to))| *to == index) {
            writeln!(sink, "      <bpmn:incoming>f{flow}</bpmn:incoming>")?;
        }
        for (flow, _) in flows
            .iter()
            .enumerate()
            .filter(|(_, (from, _))| *from == index)
        {
            writeln!(sink, "      <bpmn:outgoing>f{flow}</bpmn:outgoing>")?;
        }
        writeln!(sink, "    </bpmn:{tag}>")?;
    }
    for (flow, (from, to)) in flows.iter().enumerate() {
        writeln!(
            sink,
            "    <bpmn:sequenceFlow id=\"f{flow}\" sourceRef=\"n{from}\" targetRef=\"n{to}\"/>"
        )?;
    }
    writeln!(sink, "  </bpmn:process>")?;
    writeln!(sink, "  <bpmndi:BPMNDiagram id=\"diagram\">")?;
    writeln!(
        sink,
        "    <bpmndi:BPMNPlane id=\"plane\" bpmnElement=\"process\">"
    )?;
    for (index, (x, y)) in placed.boxes.iter().enumerate() {
        let (width, height) = sizes[index];
        writeln!(
            sink,
            "      <bpmndi:BPMNShape id=\"s{index}\" bpmnElement=\"n{index}\"><dc:Bounds x=\"{:.0}\" y=\"{:.0}\" width=\"{width}\" height=\"{height}\"/></bpmndi:BPMNShape>",
            x - width / 2.0,
            y - height / 2.0
        )?;
    }
    for (flow, line) in placed.lines.iter().enumerate() {
        write!(
            sink,
            "      <bpmndi:BPMNEdge id=\"e{flow}\" bpmnElement=\"f{flow}\">"
        )?;
        for (x, y) in line {
            write!(sink, "<di:waypoint x=\"{x:.0}\" y=\"{y:.0}\"/>")?;
        }
        writeln!(sink, "</bpmndi:BPMNEdge>")?;
    }
    writeln!(sink, "    </bpmndi:BPMNPlane>")?;
    writeln!(sink, "  </bpmndi:BPMNDiagram>")?;
    writeln!(sink, "</bpmn:definitions>")?;
    sink.flush()
}
