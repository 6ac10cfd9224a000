//! The Petri net of a heuristics net, by way of causal nets.
//!
//! A heuristics net's splits and joins are the bindings of a causal net (van der Aalst, Adriansyah, van Dongen 2011;
//! Weijters and Ribeiro 2011): after an activity one of its splits is taken, and all edges in it; before one, all edges
//! of one of its joins were taken. The net is that article's: a place for each edge; an activity's transition between a
//! place before and one after it; for each join a silent transition from its edges to the place before, for each split
//! one from the place after to its edges. Every edge is in one split of where it begins and one join of where it ends,
//! and a silent transition fires exactly where its binding is taken: what the net can do from its beginning to its end
//! with nothing left over is what the causal net calls a valid sequence, and nothing else.
//!
//! Miners of heuristics nets promise no more: two splits may give edges of which no join takes both, and such a net can
//! get stuck or leave tokens over. [`soundness`](crate::conform::soundness) tells so; alignments take of such a net what
//! can end. What lies on no way from a beginning to an end is left out, so that the net is a workflow net.

use super::{PetriNet, PlaceId};
use crate::discover::HeuristicsNet;
use crate::log::Activity;

impl HeuristicsNet {
    /// Whether each activity lies on a way from the beginning of a case to the end of one.
    #[must_use]
    pub fn on_a_way(&self) -> Vec<bool> {
        let forward = self.reached(&self.starts, |edge| (edge.0, edge.1));
        let backward = self.reached(&self.ends, |edge| (edge.1, edge.0));
        forward
            .into_iter()
            .zip(backward)
            .map(|(from_start, to_end)| from_start && to_end)
            .collect()
    }

    fn reached(
        &self,
        from: &[u64],
        along: impl Fn((Activity, Activity)) -> (Activity, Activity),
    ) -> Vec<bool> {
        let mut seen: Vec<bool> = from.iter().map(|count| *count > 0).collect();
        let mut next: Vec<usize> = (0..seen.len()).filter(|one| seen[*one]).collect();
        while let Some(one) = next.pop() {
            for edge in &self.edges {
                let (here, there) = along((edge.from, edge.to));
                if here as usize == one && !seen[there as usize] {
                    seen[there as usize] = true;
                    next.push(there as usize);
                }
            }
        }
        seen
    }

    /// Groups without activities that are left out.
    pub(super) fn bindings(groups: &[Vec<Activity>], kept: &[bool]) -> Vec<Vec<Activity>> {
        let of_one = |group: &Vec<Activity>| -> Vec<Activity> {
            let left = group.iter().copied().filter(|one| kept[*one as usize]);
            left.collect()
        };
        groups
            .iter()
            .map(of_one)
            .filter(|group| !group.is_empty())
            .collect()
    }

    /// Whether an activity follows itself at once.
    pub(super) fn repeats(&self, activity: usize) -> bool {
        self.edges
            .iter()
            .any(|edge| edge.from == edge.to && edge.from as usize == activity)
    }
}

impl PetriNet {
    /// The net of a heuristics net; see above for what is promised of it. Empty cases are not in it, unless there is
    /// nothing else.
    #[must_use]
    pub fn of_heuristics(found: &HeuristicsNet) -> Self {
        let kept = found.on_a_way();
        let mut net = Self::default();
        let source = net.place("source");
        let sink = net.place("sink");
        let mut before: Vec<PlaceId> = vec![source; kept.len()];
        let mut after = before.clone();
        for (activity, name) in found.activities.iter().enumerate() {
            if kept[activity] {
                before[activity] = net.place(format!("→ {name}"));
                after[activity] = net.place(format!("{name} →"));
                let (inputs, outputs) = ([before[activity]], [after[activity]]);
                net.transition(&**name, Some(name), &inputs, &outputs);
            }
        }
        let mut between: Vec<((Activity, Activity), PlaceId)> = Vec::new();
        for edge in &found.edges {
            let (from, to) = (edge.from as usize, edge.to as usize);
            if from != to && kept[from] && kept[to] {
                let (from, to) = (&found.activities[from], &found.activities[to]);
                let place = net.place(format!("{from} → {to}"));
                between.push(((edge.from, edge.to), place));
            }
        }
        let place_of = |from: Activity, to: Activity| -> Option<PlaceId> {
            let found = between.binary_search_by_key(&(from, to), |(edge, _)| *edge);
            found.ok().map(|at| between[at].1)
        };
        for (activity, number) in (0..).zip(0..kept.len()).filter(|(_, one)| kept[*one]) {
            let activity: Activity = activity;
            let name = &found.activities[number];
            let (before, after) = (before[number], after[number]);
            if found.starts[number] > 0 {
                net.transition(format!("begin with {name}"), None, &[source], &[before]);
            }
            if found.ends[number] > 0 {
                net.transition(format!("end with {name}"), None, &[after], &[sink]);
            }
            if found.repeats(number) {
                net.transition(format!("{name} again"), None, &[after], &[before]);
            }
            let joins = HeuristicsNet::bindings(&found.joins[number], &kept);
            for (place, join) in joins.iter().enumerate() {
                let edges: Vec<PlaceId> = join
                    .iter()
                    .filter_map(|from| place_of(*from, activity))
                    .collect();
                net.transition(format!("join {place} of {name}"), None, &edges, &[before]);
            }
            let splits = HeuristicsNet::bindings(&found.splits[number], &kept);
            for (place, split) in splits.iter().enumerate() {
                let edges: Vec<PlaceId> = split
                    .iter()
                    .filter_map(|to| place_of(activity, *to))
                    .collect();
                net.transition(format!("split {place} of {name}"), None, &[after], &edges);
            }
        }
        if !kept.contains(&true) {
            net.transition("nothing", None, &[source], &[sink]);
        }
        net.initial = vec![(source, 1)];
        net.finals = vec![vec![(sink, 1)]];
        net.reduced()
    }
}
