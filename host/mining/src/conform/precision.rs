//! ETC precision (Muñoz-Gama, Carmona 2010): how much the net allows, after each beginning of a trace, that
//! never happens there.
//!
//! What it allows is taken over every way in which it can have come so far, silent transitions included. Other tools
//! follow one way alone and find less allowed; [`precision_one_way`] is their number. Where no
//! transition is silent and no two have one label, there is one way, and both are the same.

use rustc_hash::FxHashSet;

use super::guided::Guided;
use super::lazy::Lazy;
use super::one_way::OneWay;
use super::sets::Sets;
use super::states::{Labels, NetError};
use crate::log::{Activity, Variants};
use crate::net::PetriNet;

/// What precision is made of.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Precision {
    /// From 0 to 1: 1 where the net allows nothing else than what happens.
    pub precision: f64,
    /// Activities allowed, over all beginnings, each as often as it occurs.
    pub allowed: u64,
    /// Those among them that never happen there.
    pub escaping: u64,
}

/// What an activity that the net does not know means for the beginning of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// Nothing: it is passed over, as token replay does.
    PassedOver,
    /// The net does not accept it, nor what comes after it; as alignments have it.
    NotAccepted,
}

/// The precision of a net for a log, over those beginnings of traces that the net accepts.
///
/// # Errors
/// When more markings would have to be looked at than is bearable; see [`NetError`].
pub fn precision(
    net: &PetriNet,
    variants: &Variants,
    unknown: Unknown,
) -> Result<Precision, NetError> {
    let (mut lazy, labels) = (Lazy::new(net), Labels::new(net));
    over_all_ways(&mut lazy, &labels, variants, unknown)
}

fn over_all_ways(
    lazy: &mut Lazy<'_>,
    labels: &Labels,
    variants: &Variants,
    unknown: Unknown,
) -> Result<Precision, NetError> {
    let counted = match count(&mut Sets::new(lazy, labels), labels, variants, unknown) {
        Err(NetError::TooLarge { .. }) => {
            // What was found on the way to nowhere has used up what may be remembered.
            *lazy = Lazy::new(lazy.net);
            count(
                &mut Guided::new(lazy.net, labels),
                labels,
                variants,
                unknown,
            )
        }
        counted => counted,
    };
    counted.map(of_counts)
}

/// The same over one way through silent transitions, as PM4Py follows it: see the head of this module.
///
/// # Errors
/// When more markings would have to be looked at than is bearable; see [`NetError`].
pub fn precision_one_way(
    net: &PetriNet,
    variants: &Variants,
    unknown: Unknown,
) -> Result<Precision, NetError> {
    let (mut lazy, labels) = (Lazy::new(net), Labels::new(net));
    over_one_way(&mut lazy, &labels, variants, unknown)
}

fn over_one_way(
    lazy: &mut Lazy<'_>,
    labels: &Labels,
    variants: &Variants,
    unknown: Unknown,
) -> Result<Precision, NetError> {
    count(&mut OneWay::new(lazy, labels), labels, variants, unknown).map(of_counts)
}

/// Both numbers of one net and log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precisions {
    /// [`precision`].
    pub all_ways: Precision,
    /// [`precision_one_way`]. In a net with many silent transitions side by side one way can be harder to find
    /// than what all allow: then there is none.
    pub one_way: Option<Precision>,
}

/// [`precision`] and [`precision_one_way`], for which the markings of the net are looked for once.
///
/// # Errors
/// Those of [`precision`].
pub fn precisions(
    net: &PetriNet,
    variants: &Variants,
    unknown: Unknown,
) -> Result<Precisions, NetError> {
    let (mut lazy, labels) = (Lazy::new(net), Labels::new(net));
    // Which way is followed goes by the order in which markings are found, so that one is first. All ways
    // go past the same markings, and past others.
    let one_way = over_one_way(&mut lazy, &labels, variants, unknown).ok();
    let all_ways = over_all_ways(&mut lazy, &labels, variants, unknown)?;
    Ok(Precisions { all_ways, one_way })
}

#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn of_counts((allowed, escaping): (u64, u64)) -> Precision {
    let precision = if allowed == 0 {
        1.0
    } else {
        1.0 - escaping as f64 / allowed as f64
    };
    Precision {
        precision,
        allowed,
        escaping,
    }
}

/// Knows what a net allows after labels, over every way in which they can have come.
pub(super) trait Follow {
    /// Where the net can be.
    type Place: Clone;

    fn first(&mut self) -> Result<Self::Place, NetError>;

    /// Where it can be after one more; nothing where that is not allowed.
    fn after(&mut self, place: &Self::Place, label: u32) -> Result<Option<Self::Place>, NetError>;

    /// The labels that are allowed, each once.
    fn enabled(&mut self, place: &Self::Place) -> Result<Vec<u32>, NetError>;
}

/// What is allowed, and what of it never happens.
fn count<F: Follow>(
    net: &mut F,
    labels: &Labels,
    variants: &Variants,
    unknown: Unknown,
) -> Result<(u64, u64), NetError> {
    let labels = labels.of_activities(variants);
    let mut tree = PrefixTree::new(variants);
    let (mut allowed, mut escaping) = (0, 0);
    let mut pending: Vec<(usize, F::Place)> = vec![(0, net.first()?)];
    while let Some((node, place)) = pending.pop() {
        let Node { count, next } = std::mem::take(&mut tree.nodes[node]);
        let seen: FxHashSet<u32> = next
            .iter()
            .filter_map(|(activity, _)| labels[*activity as usize])
            .collect();
        // The end of a trace is no activity: a beginning that nothing follows says nothing.
        if count > 0 {
            let enabled = net.enabled(&place)?;
            let unseen = enabled.iter().filter(|label| !seen.contains(label)).count();
            allowed += count * enabled.len() as u64;
            escaping += count * unseen as u64;
        }
        for (activity, child) in next {
            let after = match (labels[activity as usize], unknown) {
                (Some(label), _) => net.after(&place, label)?,
                (None, Unknown::PassedOver) => Some(place.clone()),
                (None, Unknown::NotAccepted) => None,
            };
            if let Some(after) = after {
                pending.push((child, after));
            }
        }
    }
    Ok((allowed, escaping))
}

/// Beginnings of traces.
struct PrefixTree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// How often the beginning goes on.
    count: u64,
    next: Vec<(Activity, usize)>,
}

impl PrefixTree {
    fn new(variants: &Variants) -> Self {
        let mut nodes = vec![Node::default()];
        for variant in &variants.list {
            let mut at = 0;
            for activity in &variant.path {
                nodes[at].count += variant.count;
                let known = nodes[at].next.iter().find(|(next, _)| next == activity);
                at = match known {
                    Some((_, child)) => *child,
                    None => {
                        let child = nodes.len();
                        nodes[at].next.push((*activity, child));
                        nodes.push(Node::default());
                        child
                    }
                };
            }
        }
        Self { nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::{Operator, Tree};

    /// A small generator of equally distributed numbers.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            u32::try_from((self.0 >> 32) % u64::from(bound)).expect("below 2^32")
        }

        fn tree(&mut self, depth: u32) -> Tree {
            let operators = [
                Operator::Sequence,
                Operator::Choice,
                Operator::Parallel,
                Operator::Loop,
            ];
            match (depth, self.below(6)) {
                (0, 0) => Tree::Silent,
                (0, _) | (_, 5) => Tree::Activity(self.below(6)),
                (_, _) => {
                    let parts = 2 + self.below(2);
                    let operator = operators[self.below(4) as usize];
                    let parts = (0..parts).map(|_| self.tree(depth - 1)).collect();
                    Tree::Node(operator, parts)
                }
            }
        }
    }

    /// One way never allows more than all do; where nothing is silent or twofold there is but one.
    #[test]
    fn one_way_allows_no_more_than_all_and_the_same_where_there_is_one() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let boxed: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
        let (mut less, mut plain) = (0, 0);
        for seed in 1..400_u64 {
            let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let net = PetriNet::of_tree(&chance.tree(3), &boxed);
            let mut labels: Vec<_> = net.transitions.iter().map(|one| &one.label).collect();
            labels.sort_unstable();
            let twofold = labels.windows(2).any(|pair| pair[0] == pair[1]);
            let several = twofold || net.transitions.iter().any(|one| one.label.is_none());
            let paths = (0..6).map(|_| {
                let length = chance.below(8);
                let path: Vec<&str> = (0..length)
                    .map(|_| names[chance.below(6) as usize])
                    .collect();
                (path, 1)
            });
            let variants = Variants::from_paths(paths.collect::<Vec<_>>());
            let all = precision(&net, &variants, Unknown::NotAccepted).expect("small");
            let one = precision_one_way(&net, &variants, Unknown::NotAccepted).expect("small");
            assert!(one.allowed <= all.allowed, "seed {seed}");
            let both = precisions(&net, &variants, Unknown::NotAccepted).expect("small");
            assert_eq!(
                (both.all_ways, both.one_way),
                (all, Some(one)),
                "seed {seed}"
            );
            // What one way has looked at, all ways need not look at again.
            let labels = Labels::new(&net);
            let explored = |one_way_first: bool| {
                let mut lazy = Lazy::new(&net);
                if one_way_first {
                    over_one_way(&mut lazy, &labels, &variants, Unknown::NotAccepted)
                        .expect("small");
                }
                over_all_ways(&mut lazy, &labels, &variants, Unknown::NotAccepted).expect("small");
                lazy.explored
            };
            assert_eq!(explored(true), explored(false), "seed {seed}");
            assert!(explored(false) > 0);
            if several {
                less += u32::from(one.allowed < all.allowed);
            } else {
                plain += 1;
                assert_eq!(one, all, "seed {seed}");
            }
        }
        assert!(less > 5 && plain > 5, "{less}, {plain}");
    }

    /// Both ways to know what is allowed are exact, so they agree.
    #[test]
    fn what_is_searched_is_allowed_where_it_is_listed() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let boxed: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
        let mut accepted = 0;
        for seed in 1..400_u64 {
            let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let net = PetriNet::of_tree(&chance.tree(3), &boxed);
            let labels = Labels::new(&net);
            let mut lazy = Lazy::new(&net);
            let mut lists = Sets::new(&mut lazy, &labels);
            let mut guided = Guided::new(&net, &labels);
            let mut listed = lists.first().expect("small");
            let mut searched = guided.first().expect("small");
            for _ in 0..8 {
                let enabled = lists.enabled(&listed).expect("small");
                let same = guided.enabled(&searched).expect("small");
                assert_eq!(enabled, same, "seed {seed}");
                let some = u32::try_from(enabled.len()).expect("six at most");
                if some == 0 {
                    break;
                }
                let label = enabled[chance.below(some) as usize];
                listed = lists
                    .after(&listed, label)
                    .expect("small")
                    .expect("enabled");
                searched = guided
                    .after(&searched, label)
                    .expect("small")
                    .expect("enabled");
                accepted += 1;
            }
        }
        assert!(accepted > 800, "{accepted}");
    }
}
