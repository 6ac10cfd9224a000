//! Nets of the models that the miners find.

use super::{PetriNet, PlaceId};
use crate::discover::{AlphaNet, Operator, Tree};
use crate::log::Activity;

impl PetriNet {
    /// The workflow net of a process tree: sound, with the tree's language.
    #[must_use]
    pub fn of_tree(tree: &Tree, names: &[Box<str>]) -> Self {
        let mut builder = OfTree {
            net: Self::default(),
            names,
        };
        let source = builder.net.place("source");
        let sink = builder.net.place("sink");
        builder.part(tree, source, sink);
        let mut net = builder.net;
        net.initial = vec![(source, 1)];
        net.finals = vec![vec![(sink, 1)]];
        net.reduced()
    }

    /// The net of alpha. A place of an activity that neither begins nor ends anything is left out, as alpha has
    /// it: such an activity can then happen at any time.
    #[must_use]
    pub fn of_alpha(alpha: &AlphaNet, names: &[Box<str>]) -> Self {
        let mut net = Self::default();
        let source = net.place("start");
        let sink = net.place("end");
        let count = Activity::try_from(alpha.activities).unwrap_or(Activity::MAX);
        let mut inputs: Vec<Vec<PlaceId>> = vec![Vec::new(); alpha.activities];
        let mut outputs = inputs.clone();
        let mut connect = |place: PlaceId, from: &[Activity], to: &[Activity]| {
            from.iter()
                .for_each(|one| outputs[*one as usize].push(place));
            to.iter().for_each(|one| inputs[*one as usize].push(place));
        };
        connect(source, &[], &alpha.starts);
        connect(sink, &alpha.ends, &[]);
        for (from, to) in &alpha.places {
            let list = |set: &[Activity]| {
                let names: Vec<&str> = set.iter().map(|one| &*names[*one as usize]).collect();
                names.join(", ")
            };
            let place = net.place(format!("({{{}}}, {{{}}})", list(from), list(to)));
            connect(place, from, to);
        }
        for activity in 0..count {
            let name = &names[activity as usize];
            let place = activity as usize;
            net.transition(&**name, Some(name), &inputs[place], &outputs[place]);
        }
        net.initial = vec![(source, 1)];
        net.finals = vec![vec![(sink, 1)]];
        net
    }
}

struct OfTree<'a> {
    net: PetriNet,
    names: &'a [Box<str>],
}

impl OfTree<'_> {
    fn silent(&mut self, inputs: &[PlaceId], outputs: &[PlaceId]) {
        let name = format!("tau{}", self.net.transitions.len());
        self.net.transition(name, None, inputs, outputs);
    }

    fn between(&mut self) -> PlaceId {
        let name = format!("p{}", self.net.places.len());
        self.net.place(name)
    }

    fn part(&mut self, tree: &Tree, from: PlaceId, to: PlaceId) {
        match tree {
            Tree::Silent => self.silent(&[from], &[to]),
            Tree::Activity(activity) => {
                let label = &self.names[*activity as usize];
                let name = format!("t{}", self.net.transitions.len());
                self.net.transition(name, Some(label), &[from], &[to]);
            }
            Tree::Node(Operator::Sequence, children) => self.sequence(children, from, to),
            Tree::Node(Operator::Choice, children) => {
                for child in children {
                    self.part(child, from, to);
                }
            }
            Tree::Node(Operator::Parallel, children) => {
                let mut begins = Vec::new();
                let mut ends = Vec::new();
                for child in children {
                    let (begin, end) = (self.between(), self.between());
                    begins.push(begin);
                    ends.push(end);
                    self.part(child, begin, end);
                }
                self.silent(&[from], &begins);
                self.silent(&ends, &[to]);
            }
            Tree::Node(Operator::Loop, children) => self.repeated(children, from, to),
        }
    }

    fn sequence(&mut self, children: &[Tree], from: PlaceId, to: PlaceId) {
        let mut begin = from;
        for (index, child) in children.iter().enumerate() {
            let last = index + 1 == children.len();
            let end = if last { to } else { self.between() };
            self.part(child, begin, end);
            begin = end;
        }
    }

    fn repeated(&mut self, children: &[Tree], from: PlaceId, to: PlaceId) {
        // The loop turns between two places of its own, entered and left by silent transitions: what comes back
        // must not leave by another way than the loop's.
        let (begin, end) = (self.between(), self.between());
        self.silent(&[from], &[begin]);
        self.silent(&[end], &[to]);
        let mut children = children.iter();
        if let Some(body) = children.next() {
            self.part(body, begin, end);
        }
        for redo in children {
            self.part(redo, end, begin);
        }
    }
}

/// A task of a declared order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// The activity.
    pub name: String,
    /// Tasks that end before it, by their places in the list.
    pub after: Vec<usize>,
    /// Whether it may be left out.
    pub skippable: bool,
    /// Activities that may stand in its place.
    pub instead: Vec<String>,
}

impl PetriNet {
    /// The net of tasks that follow one another as declared, otherwise in any order. What `after` names must come
    /// without cycles.
    #[must_use]
    pub fn of_order(tasks: &[Task]) -> Self {
        let mut net = Self::default();
        let source = net.place("source");
        let sink = net.place("sink");
        let mut inputs: Vec<Vec<PlaceId>> = vec![Vec::new(); tasks.len()];
        let mut outputs = inputs.clone();
        let (mut begins, mut ends) = (Vec::new(), Vec::new());
        for (place, task) in tasks.iter().enumerate() {
            for before in &task.after {
                let between = net.place(format!("{} → {}", tasks[*before].name, task.name));
                outputs[*before].push(between);
                inputs[place].push(between);
            }
            if task.after.is_empty() {
                let begin = net.place(format!("→ {}", task.name));
                inputs[place].push(begin);
                begins.push(begin);
            }
        }
        for (place, task) in tasks.iter().enumerate() {
            if outputs[place].is_empty() {
                let end = net.place(format!("{} →", task.name));
                outputs[place].push(end);
                ends.push(end);
            }
        }
        net.transition("begin", None, &[source], &begins);
        for (place, task) in tasks.iter().enumerate() {
            let (inputs, outputs) = (&inputs[place], &outputs[place]);
            net.transition(&task.name, Some(&task.name), inputs, outputs);
            for other in &task.instead {
                net.transition(
                    format!("{other} for {}", task.name),
                    Some(other),
                    inputs,
                    outputs,
                );
            }
            if task.skippable {
                net.transition(format!("without {}", task.name), None, inputs, outputs);
            }
        }
        net.transition("end", None, &ends, &[sink]);
        net.initial = vec![(source, 1)];
        net.finals = vec![vec![(sink, 1)]];
        net
    }
}
