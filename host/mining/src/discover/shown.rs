//! Models as JSON and in the language of Graphviz.

use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

use super::graph::{Edge, Graph};
use super::heuristics::HeuristicsNet;
use crate::net::quoted;
use crate::shapes::{Counted, GraphEdge, GraphShape};

impl Graph {
    /// The graph as it is answered in JSON, with names for numbers.
    #[must_use]
    pub fn shape(&self) -> GraphShape {
        let named = |counts: &[u64]| -> Vec<Counted> {
            let pairs = self
                .activities
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0);
            pairs
                .map(|(name, count)| Counted {
                    name: name.to_string(),
                    count: *count,
                })
                .collect()
        };
        let edge = |edge: &Edge| GraphEdge {
            from: self.activities[edge.from as usize].to_string(),
            to: self.activities[edge.to as usize].to_string(),
            count: edge.count,
            mean_ms: edge.times.map(|times| times.mean()),
            median_ms: edge.times.map(|times| times.median),
            min_ms: edge.times.map(|times| times.min),
            max_ms: edge.times.map(|times| times.max),
            total_ms: edge.times.map(|times| times.total),
        };
        GraphShape {
            cases: self.cases,
            activities: named(&self.counts),
            edges: self.edges.iter().map(edge).collect(),
            start: named(&self.starts),
            end: named(&self.ends),
        }
    }
}

impl Serialize for Graph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.shape().serialize(serializer)
    }
}

/// As a graph, with `dependency` for each edge, and `splits` and `joins` by activity.
impl Serialize for HeuristicsNet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = |activity: &u32| &*self.activities[*activity as usize];
        let named = |counts: &[u64]| -> Vec<Value> {
            let pairs = self
                .activities
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0);
            pairs
                .map(|(name, count)| json!({"name": name, "count": count}))
                .collect()
        };
        let edges: Vec<Value> = self
            .edges
            .iter()
            .map(|edge| {
                json!({
                    "from": name(&edge.from),
                    "to": name(&edge.to),
                    "count": edge.count,
                    "dependency": edge.dependency,
                })
            })
            .collect();
        let groups = |of: &[Vec<Vec<u32>>]| -> Value {
            let of_one = |groups: &Vec<Vec<u32>>| -> Vec<Vec<&str>> {
                groups
                    .iter()
                    .map(|group| group.iter().map(name).collect())
                    .collect()
            };
            let pairs = self
                .activities
                .iter()
                .zip(of)
                .filter(|(_, groups)| !groups.is_empty());
            pairs
                .map(|(name, groups)| (name.to_string(), json!(of_one(groups))))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("activities", &named(&self.counts))?;
        map.serialize_entry("edges", &edges)?;
        map.serialize_entry("start", &named(&self.starts))?;
        map.serialize_entry("end", &named(&self.ends))?;
        map.serialize_entry("splits", &groups(&self.splits))?;
        map.serialize_entry("joins", &groups(&self.joins))?;
        map.end()
    }
}

impl Graph {
    /// The graph in the language of Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let edges = self
            .edges
            .iter()
            .map(|edge| (edge.from, edge.to, edge.count.to_string()));
        dot(
            &self.activities,
            &self.counts,
            (&self.starts, &self.ends),
            edges,
        )
    }
}

impl HeuristicsNet {
    /// The net as a graph, to be drawn like one: its edges and counts, without what comes together.
    #[must_use]
    pub fn graph(&self, cases: u64) -> Graph {
        let edge = |edge: &super::heuristics::Dependency| Edge {
            from: edge.from,
            to: edge.to,
            count: edge.count,
            times: None,
        };
        Graph {
            activities: self.activities.clone(),
            counts: self.counts.clone(),
            starts: self.starts.clone(),
            ends: self.ends.clone(),
            edges: self.edges.iter().map(edge).collect(),
            cases,
        }
    }

    /// The net in the language of Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let edges = self.edges.iter().map(|edge| {
            (
                edge.from,
                edge.to,
                format!("{} ({:.2})", edge.count, edge.dependency),
            )
        });
        dot(
            &self.activities,
            &self.counts,
            (&self.starts, &self.ends),
            edges,
        )
    }
}

fn dot(
    names: &[Box<str>],
    counts: &[u64],
    (starts, ends): (&[u64], &[u64]),
    edges: impl Iterator<Item = (u32, u32, String)>,
) -> String {
    let mut text = String::from(
        "digraph map {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  \
         begin [shape=circle, label=\"\", style=filled, fillcolor=black, width=0.2];\n  \
         end [shape=doublecircle, label=\"\", width=0.15];\n",
    );
    // Writing to a string cannot fail.
    for (index, name) in names.iter().enumerate() {
        let _ = writeln!(
            text,
            "  a{index} [label={}];",
            quoted(&format!("{name}\n{}", counts[index]))
        );
    }
    for (index, count) in starts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let _ = writeln!(
            text,
            "  begin -> a{index} [label=\"{count}\", style=dashed];"
        );
    }
    for (from, to, label) in edges {
        let _ = writeln!(text, "  a{from} -> a{to} [label={}];", quoted(&label));
    }
    for (index, count) in ends.iter().enumerate().filter(|(_, count)| **count > 0) {
        let _ = writeln!(text, "  a{index} -> end [label=\"{count}\", style=dashed];");
    }
    text.push_str("}\n");
    text
}
