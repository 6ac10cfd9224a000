//! Process trees and heuristics nets as BPMN 2.0, with a diagram, so that modelling tools show them.

use std::io::{self, Write};

use super::pnml::write::clean;
use crate::discover::{HeuristicsNet, Operator, Tree};
use crate::log::Activity;
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
pub fn write_bpmn<W: Write>(sink: W, tree: &Tree, names: &[Box<str>]) -> io::Result<()> {
    let mut process = Process::default();
    let start = process.node(Kind::Start, "begin");
    let last = process.part(tree, names, start);
    let end = process.node(Kind::End, "end");
    process.flows.push((last, end));
    process.write(sink)
}

/// Writes a heuristics net as BPMN 2.0, with the meaning that [`PetriNet::of_heuristics`](super::PetriNet::of_heuristics)
/// gives to it: an exclusive gateway where one of several splits or joins is taken, a parallel one for all of its edges.
///
/// # Errors
/// When the sink fails.
pub fn write_bpmn_of_heuristics<W: Write>(sink: W, net: &HeuristicsNet) -> io::Result<()> {
    Process::of_heuristics(net)
        .without_idle_gateways()
        .write(sink)
}

impl Process {
    fn of_heuristics(net: &HeuristicsNet) -> Self {
        let kept = net.on_a_way();
        let mut process = Self::default();
        let start = process.node(Kind::Start, "begin");
        let first = process.node(Kind::Exclusive, "");
        process.flows.push((start, first));
        let last = process.node(Kind::Exclusive, "");
        // Where the edges of an activity come in and go out, by the activity at their other end.
        let mut ins: Vec<Vec<(Activity, usize)>> = vec![Vec::new(); kept.len()];
        let mut outs = ins.clone();
        for (number, name) in net
            .activities
            .iter()
            .enumerate()
            .filter(|(at, _)| kept[*at])
        {
            let before = process.node(Kind::Exclusive, "");
            let task = process.node(Kind::Task, name);
            let after = process.node(Kind::Exclusive, "");
            process.flows.extend([(before, task), (task, after)]);
            if net.starts[number] > 0 {
                process.flows.push((first, before));
            }
            if net.ends[number] > 0 {
                process.flows.push((after, last));
            }
            if net.repeats(number) {
                process.flows.push((after, before));
            }
            for join in HeuristicsNet::bindings(&net.joins[number], &kept) {
                let at = process.binding(&join, before, |at, gateway| (at, gateway));
                ins[number].extend(join.iter().map(|other| (*other, at)));
            }
            for split in HeuristicsNet::bindings(&net.splits[number], &kept) {
                let at = process.binding(&split, after, |at, gateway| (gateway, at));
                outs[number].extend(split.iter().map(|other| (*other, at)));
            }
        }
        for edge in net.edges.iter().filter(|edge| edge.from != edge.to) {
            let find = |list: &[(Activity, usize)], other: Activity| {
                let found = list.iter().find(|(one, _)| *one == other);
                found.map(|(_, at)| *at)
            };
            let from = find(&outs[edge.from as usize], edge.to);
            let to = find(&ins[edge.to as usize], edge.from);
            if let (Some(from), Some(to)) = (from, to) {
                process.flows.push((from, to));
            }
        }
        if !kept.contains(&true) {
            process.flows.push((first, last));
        }
        let end = process.node(Kind::End, "end");
        process.flows.push((last, end));
        process
    }

    /// The gateway of a binding: one of its own where there are several edges.
    fn binding(
        &mut self,
        binding: &[Activity],
        gateway: usize,
        flow: impl Fn(usize, usize) -> (usize, usize),
    ) -> usize {
        if binding.len() < 2 {
            return gateway;
        }
        let at = self.node(Kind::Parallel, "");
        self.flows.push(flow(at, gateway));
        at
    }

    /// Takes out gateways with one way in and one way out.
    fn without_idle_gateways(mut self) -> Self {
        for index in 0..self.nodes.len() {
            let into: Vec<usize> = self.places_of(|flow| flow.1 == index);
            let out: Vec<usize> = self.places_of(|flow| flow.0 == index);
            let is_gateway = matches!(self.nodes[index].kind, Kind::Exclusive | Kind::Parallel);
            if is_gateway && into.len() == 1 && out.len() == 1 && into != out {
                self.flows[into[0]].1 = self.flows[out[0]].1;
                self.flows.remove(out[0]);
            }
        }
        let used: Vec<bool> = (0..self.nodes.len())
            .map(|index| {
                self.flows
                    .iter()
                    .any(|(from, to)| *from == index || *to == index)
            })
            .collect();
        let mut numbers = Vec::with_capacity(used.len());
        let mut next = 0;
        for used in &used {
            numbers.push(next);
            next += usize::from(*used);
        }
        let mut keep = used.iter();
        self.nodes.retain(|_| keep.next().copied().unwrap_or(true));
        for (from, to) in &mut self.flows {
            (*from, *to) = (numbers[*from], numbers[*to]);
        }
        self
    }

    fn places_of(&self, fits: impl Fn(&(usize, usize)) -> bool) -> Vec<usize> {
        let flows = self.flows.iter().enumerate();
        flows
            .filter(|(_, flow)| fits(flow))
            .map(|(at, _)| at)
            .collect()
    }
}

impl Process {
    fn write<W: Write>(self, mut sink: W) -> io::Result<()> {
        let Process { nodes, flows } = self;
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
}
