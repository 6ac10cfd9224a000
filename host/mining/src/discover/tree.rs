//! Process trees: models that are sound by the way they are built.

use std::fmt;

use serde::Serialize;

use crate::log::Activity;

/// How the parts of a node follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// One after the other.
    Sequence,
    /// Exactly one of them.
    Choice,
    /// All of them, interleaved in any way.
    Parallel,
    /// The first; then, as often as it pleases, one of the others and the first again.
    Loop,
}

impl Operator {
    /// The sign that the literature has for it.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Sequence => "->",
            Self::Choice => "X",
            Self::Parallel => "+",
            Self::Loop => "*",
        }
    }
}

/// A process tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tree {
    /// Nothing visible.
    Silent,
    /// One activity, by its number in [`Variants`](crate::log::Variants).
    Activity(Activity),
    /// Parts under an operator; a loop has at least two.
    Node(Operator, Vec<Tree>),
}

impl Tree {
    /// The same language with fewer nodes: nested nodes of one operator are one, what is silent is left
    /// out where it says nothing, and a node of one part is that part.
    #[must_use]
    pub fn simplified(self) -> Self {
        let Self::Node(operator, children) = self else {
            return self;
        };
        let children = children.into_iter().map(Self::simplified);
        match operator {
            Operator::Loop => simple_loop(children.collect()),
            Operator::Choice => {
                let mut parts = Vec::new();
                let mut skippable = false;
                for child in children {
                    match child {
                        Self::Silent => skippable = true,
                        Self::Node(Operator::Choice, inner) => {
                            skippable |= inner.contains(&Self::Silent);
                            parts.extend(inner.into_iter().filter(|part| *part != Self::Silent));
                        }
                        other => parts.push(other),
                    }
                }
                if skippable && !parts.is_empty() {
                    parts.push(Self::Silent);
                }
                of_parts(operator, parts)
            }
            Operator::Sequence | Operator::Parallel => {
                let mut parts = Vec::new();
                for child in children {
                    match child {
                        Self::Silent => {}
                        Self::Node(inner, grandchildren) if inner == operator => {
                            parts.extend(grandchildren);
                        }
                        other => parts.push(other),
                    }
                }
                of_parts(operator, parts)
            }
        }
    }

    /// The same tree with the parts that have no order sorted, to compare trees up to order.
    #[must_use]
    pub fn sorted(self) -> Self {
        let Self::Node(operator, children) = self else {
            return self;
        };
        let mut children: Vec<Self> = children.into_iter().map(Self::sorted).collect();
        match operator {
            Operator::Choice | Operator::Parallel => children.sort(),
            Operator::Loop => {
                if let Some(redo) = children.get_mut(1..) {
                    redo.sort();
                }
            }
            Operator::Sequence => {}
        }
        Self::Node(operator, children)
    }

    /// The tree with names for numbers, to be shown.
    #[must_use]
    pub fn named<'a>(&'a self, names: &'a [Box<str>]) -> Named<'a> {
        Named { tree: self, names }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Silent | Self::Activity(_) => 1,
            Self::Node(_, children) => 1 + children.iter().map(Self::size).sum::<usize>(),
        }
    }
}

fn of_parts(operator: Operator, mut parts: Vec<Tree>) -> Tree {
    match parts.len() {
        0 => Tree::Silent,
        1 => parts.remove(0),
        _ => Tree::Node(operator, parts),
    }
}

fn simple_loop(children: Vec<Tree>) -> Tree {
    if children.iter().all(|child| *child == Tree::Silent) {
        return Tree::Silent;
    }
    let mut children = children.into_iter();
    let body = children.next().unwrap_or(Tree::Silent);
    // A choice of what sends back is the same as several parts that do.
    let redo = Tree::Node(Operator::Choice, children.collect()).simplified();
    match body {
        // What may be repeated already is not made more so by another loop around it.
        Tree::Node(Operator::Loop, inner)
            if redo == Tree::Silent && inner[1..] == [Tree::Silent] =>
        {
            Tree::Node(Operator::Loop, inner)
        }
        body => Tree::Node(Operator::Loop, vec![body, redo]),
    }
}

/// A tree with its names, shown as the literature does: `->( 'a', X( 'b', tau ) )`.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    tree: &'a Tree,
    names: &'a [Box<str>],
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tree {
            Tree::Silent => formatter.write_str("tau"),
            Tree::Activity(activity) => write!(formatter, "'{}'", self.names[*activity as usize]),
            Tree::Node(operator, children) => {
                write!(formatter, "{}( ", operator.sign())?;
                for (index, child) in children.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(formatter, "{comma}{}", child.named(self.names))?;
                }
                formatter.write_str(" )")
            }
        }
    }
}

/// A tree as JSON: `{"activity": …}`, `{"operator": …, "children": […]}` or `{"silent": true}`.
impl Serialize for Named<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        match self.tree {
            Tree::Silent => map.serialize_entry("silent", &true)?,
            Tree::Activity(activity) => {
                map.serialize_entry("activity", &self.names[*activity as usize])?;
            }
            Tree::Node(operator, children) => {
                let children: Vec<Named<'_>> = children
                    .iter()
                    .map(|child| child.named(self.names))
                    .collect();
                map.serialize_entry("operator", operator)?;
                map.serialize_entry("children", &children)?;
            }
        }
        map.end()
    }
}
