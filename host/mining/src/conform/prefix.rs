//! Conformance of cases that go on: what a beginning of a trace already deviates, with each event.

use rustc_hash::FxHashMap;

use super::levels::{Moves, Row};
use super::states::{NetError, States};
use crate::net::PetriNet;

/// The most beginnings that are remembered for all cases together.
const MOST_KNOWN: usize = 1 << 14;

/// The most markings of a net: an event that no other case had yet costs as much work as there are markings, and
/// this many are looked at in less than 100 µs.
const MOST_MARKINGS: usize = 1 << 13;

/// A case under way. Cheap to make and to keep.
#[derive(Debug, Clone)]
pub struct Prefix {
    place: Place,
    cost: u64,
}

#[derive(Debug, Clone)]
enum Place {
    /// A beginning that others may have, too.
    Known(u32),
    /// One of its own, since no more are remembered.
    Own(Row),
}

impl Prefix {
    /// Deviations so far: those that the cheapest way to go on leaves. A beginning from which the net can
    /// still end without any has none.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.cost
    }
}

/// Checks cases against a net, event by event.
#[derive(Debug)]
pub struct PrefixChecker {
    states: States,
    moves: Moves,
    known: Vec<Known>,
    names: FxHashMap<Box<str>, Option<u32>>,
}

#[derive(Debug)]
struct Known {
    row: Row,
    cost: u64,
    next: FxHashMap<Option<u32>, u32>,
}

impl PrefixChecker {
    /// Explores the net.
    ///
    /// # Errors
    /// As [`Aligner::new`](super::Aligner::new); a net is too large sooner, so that each event is answered at once.
    pub fn new(net: &PetriNet) -> Result<Self, NetError> {
        let states = States::of(net, MOST_MARKINGS)?;
        let mut moves = Moves::of(&states);
        let row = moves.first(&states);
        let cost = cheapest(&row);
        let first = Known {
            row,
            cost,
            next: FxHashMap::default(),
        };
        Ok(Self {
            states,
            moves,
            known: vec![first],
            names: FxHashMap::default(),
        })
    }

    /// A case that has no event yet.
    #[must_use]
    pub fn begin(&self) -> Prefix {
        Prefix {
            place: Place::Known(0),
            cost: self.known[0].cost,
        }
    }

    /// Takes in an event and says how many deviations it brings: none, if it may happen now.
    pub fn observe(&mut self, case: &mut Prefix, activity: &str) -> u64 {
        let label = match self.names.get(activity) {
            Some(label) => *label,
            None => {
                let label = self.states.labels.number(activity);
                // Names that the net does not have are as many as a guest likes to invent.
                if label.is_some() {
                    self.names.insert(activity.into(), label);
                }
                label
            }
        };
        let before = case.cost;
        if let Place::Known(place) = case.place
            && let Some(next) = self.known[place as usize].next.get(&label)
        {
            *case = Prefix {
                place: Place::Known(*next),
                cost: self.known[*next as usize].cost,
            };
            return case.cost - before;
        }
        let row = match &case.place {
            Place::Known(place) => &self.known[*place as usize].row,
            Place::Own(row) => row,
        };
        let row = self.moves.after(row, label);
        let cost = cheapest(&row);
        case.cost = cost;
        case.place = match case.place {
            Place::Known(place) if self.known.len() < self.most_known() => {
                let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
                self.known.push(Known {
                    row,
                    cost,
                    next: FxHashMap::default(),
                });
                self.known[place as usize].next.insert(label, number);
                Place::Known(number)
            }
            _ => Place::Own(row),
        };
        cost - before
    }

    /// Fewer for larger nets, so that the rows take 256 MiB at most.
    fn most_known(&self) -> usize {
        const MOST_CELLS: usize = 1 << 26;
        MOST_KNOWN.min(MOST_CELLS / self.states.len().max(1)).max(1)
    }
}

fn cheapest(row: &[u32]) -> u64 {
    row.iter().copied().min().unwrap_or(0).into()
}
