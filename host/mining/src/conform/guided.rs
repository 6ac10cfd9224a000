//! What a net allows after some events, where it can be in too many markings to list them all: each question is
//! searched for.
//!
//! A part of the net that does not allow a label says no for the whole. A marking that the events so far lead to
//! says yes, if the label can follow from it. Only where neither does, all ways are searched.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::precision::Follow;
use super::search::Search;
use super::states::{Labels, NetError};
use crate::net::PetriNet;

/// A net of which it is asked what it allows.
pub(super) struct Guided<'net> {
    search: Search<'net>,
    labels: &'net Labels,
    /// What was found from a marking for a label: many beginnings of traces lead to the same markings.
    known: FxHashMap<(u32, u32), Option<u32>>,
}

/// Where a net can be after some labels.
pub(super) struct Place {
    /// The labels.
    path: Vec<u32>,
    /// One of the markings.
    marking: u32,
    /// Of each part: the states that it can be in.
    states: Vec<Box<[bool]>>,
}

impl<'net> Guided<'net> {
    pub(super) fn new(net: &'net PetriNet, labels: &'net Labels) -> Self {
        Self {
            search: Search::new(net, labels),
            labels,
            known: FxHashMap::default(),
        }
    }

    fn follow(&mut self, from: u32, label: u32) -> Result<Option<u32>, NetError> {
        if let Some(known) = self.known.get(&(from, label)) {
            return Ok(*known);
        }
        let found = self.search.follow(from, &[label])?;
        self.known.insert((from, label), found);
        Ok(found)
    }

    /// A marking after one more label.
    fn reached(&mut self, place: &Place, label: u32) -> Result<Option<u32>, NetError> {
        let parts = self.search.parts.iter().zip(&place.states);
        if parts
            .into_iter()
            .any(|(part, states)| !part.allows(states, label))
        {
            return Ok(None);
        }
        if let Some(marking) = self.follow(place.marking, label)? {
            return Ok(Some(marking));
        }
        let path: Vec<u32> = place.path.iter().copied().chain([label]).collect();
        self.search.follow(0, &path)
    }
}

impl Follow for Guided<'_> {
    type Place = Rc<Place>;

    fn first(&mut self) -> Result<Rc<Place>, NetError> {
        Ok(Rc::new(Place {
            path: Vec::new(),
            marking: 0,
            states: self.search.parts.iter().map(|part| part.first()).collect(),
        }))
    }

    fn after(&mut self, place: &Rc<Place>, label: u32) -> Result<Option<Rc<Place>>, NetError> {
        let Some(marking) = self.reached(place, label)? else {
            return Ok(None);
        };
        let parts = self.search.parts.iter().zip(&place.states);
        Ok(Some(Rc::new(Place {
            path: place.path.iter().copied().chain([label]).collect(),
            marking,
            states: parts
                .map(|(part, states)| part.after(states, label))
                .collect(),
        })))
    }

    fn enabled(&mut self, place: &Rc<Place>) -> Result<Vec<u32>, NetError> {
        let mut enabled = Vec::new();
        for label in (0..).take(self.labels.len()) {
            if self.reached(place, label)?.is_some() {
                enabled.push(label);
            }
        }
        Ok(enabled)
    }
}
