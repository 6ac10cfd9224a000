//! Agents and joins as a graph: what waits for what, what is on the critical path, what goes in a circle; pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use menagerie::AgentState;

use crate::plan::JoinConfig;

/// An agent or a join.
#[derive(Debug, Clone)]
pub(crate) struct Node<'view> {
    pub(crate) name: &'view str,
    /// Positions of the nodes that it waits for, ascending.
    pub(crate) after: Vec<usize>,
    pub(crate) priority: i32,
    /// Its own estimate and the longest chain of estimates behind it, in milliseconds.
    pub(crate) critical_ms: u64,
    /// Present for a join: its position in the configuration.
    pub(crate) join: Option<usize>,
}

/// All agents in the order of the flow file, then the joins in that of the configuration.
pub(crate) struct Graph<'view> {
    pub(crate) nodes: Vec<Node<'view>>,
    /// Of each agent that is a member of a join, the join's position among the nodes.
    pub(crate) joined_by: BTreeMap<&'view str, usize>,
}

impl<'view> Graph<'view> {
    /// Lays the joins over the agents' `after`: what comes after a member of a join comes after the join.
    ///
    /// # Errors
    /// One sentence: a join that names what is not there, or steps that wait for each other.
    pub(crate) fn new(
        agents: &'view [AgentState],
        joins: &'view [JoinConfig],
    ) -> Result<Self, String> {
        let position_of: BTreeMap<&str, usize> = agents
            .iter()
            .enumerate()
            .map(|(position, agent)| (agent.name.as_str(), position))
            .collect();
        let joined_by = members(agents, joins, &position_of)?;
        let mut nodes: Vec<Node<'view>> = Vec::with_capacity(agents.len() + joins.len());
        for agent in agents {
            let mut after = BTreeSet::new();
            for name in &agent.after {
                let position = joined_by
                    .get(name.as_str())
                    .or_else(|| position_of.get(name.as_str()));
                let position = position.ok_or_else(|| {
                    format!(
                        "`{}` comes after `{name}`, which the flow does not have",
                        agent.name
                    )
                })?;
                after.insert(*position);
            }
            nodes.push(Node {
                name: &agent.name,
                after: after.into_iter().collect(),
                priority: agent.priority,
                critical_ms: u64::from(agent.estimated_ms.unwrap_or(1)),
                join: None,
            });
        }
        for (index, join) in joins.iter().enumerate() {
            let after: BTreeSet<usize> = join
                .members
                .iter()
                .filter_map(|name| position_of.get(name.as_str()).copied())
                .collect();
            nodes.push(Node {
                name: &join.id,
                after: after.into_iter().collect(),
                priority: 0,
                critical_ms: 1,
                join: Some(index),
            });
        }
        let mut graph = Self { nodes, joined_by };
        let order = graph.topological_order()?;
        graph.add_chains(&order);
        Ok(graph)
    }

    /// Every node behind those that it waits for.
    fn topological_order(&self) -> Result<Vec<usize>, String> {
        let mut missing: Vec<usize> = self.nodes.iter().map(|node| node.after.len()).collect();
        let dependents = self.dependents();
        let mut order: Vec<usize> = (0..self.nodes.len())
            .filter(|node| missing[*node] == 0)
            .collect();
        let mut done = 0;
        while let Some(node) = order.get(done).copied() {
            done += 1;
            for dependent in &dependents[node] {
                missing[*dependent] -= 1;
                if missing[*dependent] == 0 {
                    order.push(*dependent);
                }
            }
        }
        if order.len() == self.nodes.len() {
            return Ok(order);
        }
        Err(self.describe_circle(&missing))
    }

    /// Follows what is missing backwards until a node comes up again.
    fn describe_circle(&self, missing: &[usize]) -> String {
        let mut walked: Vec<usize> = Vec::new();
        let mut at = missing.iter().position(|count| *count > 0);
        while let Some(node) = at {
            if let Some(start) = walked.iter().position(|earlier| *earlier == node) {
                let mut circle: Vec<&str> = walked[start..]
                    .iter()
                    .map(|node| self.nodes[*node].name)
                    .collect();
                circle.push(self.nodes[node].name);
                return format!("steps wait for each other: {}", circle.join(" after "));
            }
            walked.push(node);
            at = self.nodes[node]
                .after
                .iter()
                .copied()
                .find(|before| missing[*before] > 0);
        }
        "steps wait for each other".to_owned()
    }

    fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.nodes.len()];
        for (position, node) in self.nodes.iter().enumerate() {
            for before in &node.after {
                dependents[*before].push(position);
            }
        }
        dependents
    }

    /// Adds to each estimate the longest chain behind it, from the last nodes back.
    fn add_chains(&mut self, order: &[usize]) {
        let dependents = self.dependents();
        for node in order.iter().rev() {
            let behind = dependents[*node]
                .iter()
                .map(|dependent| self.nodes[*dependent].critical_ms)
                .max();
            self.nodes[*node].critical_ms += behind.unwrap_or(0);
        }
    }

    /// Positions in the order in which steps are asked for: the longest chain first, then the higher
    /// priority, then the name.
    pub(crate) fn by_urgency(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|position| {
            let node = &self.nodes[*position];
            (Reverse(node.critical_ms), Reverse(node.priority), node.name)
        });
        order
    }
}

/// Checks the joins and finds of each member the node of its join.
fn members<'view>(
    agents: &[AgentState],
    joins: &'view [JoinConfig],
    position_of: &BTreeMap<&str, usize>,
) -> Result<BTreeMap<&'view str, usize>, String> {
    let mut joined_by = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (index, join) in joins.iter().enumerate() {
        if join.members.is_empty() {
            return Err(format!("the join `{}` has no members", join.id));
        }
        if position_of.contains_key(join.id.as_str()) || !ids.insert(join.id.as_str()) {
            return Err(format!(
                "the join `{}` has the name of an agent or of another join",
                join.id
            ));
        }
        for member in &join.members {
            if !position_of.contains_key(member.as_str()) {
                let known = agents.iter().map(|agent| agent.name.as_str());
                let nearest = planning::suggestion(member, known);
                return Err(format!(
                    "the join `{}` names the agent `{member}`, which the flow does not have{nearest}",
                    join.id
                ));
            }
            if joined_by
                .insert(member.as_str(), agents.len() + index)
                .is_some()
            {
                return Err(format!("the agent `{member}` is a member of a join twice"));
            }
        }
    }
    Ok(joined_by)
}
