//! Tarjan's strongly connected components, without recursion: a graph may be deeper than a stack.

/// Where the search stands at one node: the node, and the next of its edges to follow.
struct Visit {
    node: usize,
    next_edge: usize,
}

/// A node that the search has not seen.
const UNSEEN: usize = usize::MAX;

/// The groups of nodes that reach each other, each behind all groups that it leads to.
pub(crate) fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        seen_at: vec![UNSEEN; edges.len()],
        low: vec![0; edges.len()],
        on_stack: vec![false; edges.len()],
        stack: Vec::new(),
        seen: 0,
        groups: Vec::new(),
    };
    for start in 0..edges.len() {
        if search.seen_at[start] == UNSEEN {
            search.explore(edges, start);
        }
    }
    search.groups
}

struct Search {
    /// When each node was seen first.
    seen_at: Vec<usize>,
    /// The earliest node on the stack that each node leads to.
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    seen: usize,
    groups: Vec<Vec<usize>>,
}

impl Search {
    fn enter(&mut self, node: usize) -> Visit {
        self.seen_at[node] = self.seen;
        self.low[node] = self.seen;
        self.seen += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
        Visit { node, next_edge: 0 }
    }

    fn explore(&mut self, edges: &[Vec<usize>], start: usize) {
        let mut visits = vec![self.enter(start)];
        while let Some(visit) = visits.last_mut() {
            let node = visit.node;
            if let Some(target) = edges[node].get(visit.next_edge).copied() {
                visit.next_edge += 1;
                if self.seen_at[target] == UNSEEN {
                    let entered = self.enter(target);
                    visits.push(entered);
                } else if self.on_stack[target] {
                    self.low[node] = self.low[node].min(self.seen_at[target]);
                }
                continue;
            }
            visits.pop();
            if let Some(parent) = visits.last() {
                self.low[parent.node] = self.low[parent.node].min(self.low[node]);
            }
            if self.low[node] == self.seen_at[node] {
                self.close_group(node);
            }
        }
    }

    /// All of the stack down to `node` is one group.
    fn close_group(&mut self, node: usize) {
        let mut group = Vec::new();
        while let Some(member) = self.stack.pop() {
            self.on_stack[member] = false;
            group.push(member);
            if member == node {
                break;
            }
        }
        self.groups.push(group);
    }
}
