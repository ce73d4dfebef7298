//! The walk: every state that a call of a menu can be in, nearest first, and what leads from one to another.
//!
//! ```text
//!   answered ─ welcome ─▶ language? ─ 1 ─▶ notice ─▶ main? ─ 2 ─▶ …          an edge: an act, how long it takes, what it takes
//!                          │  ▲             ▲
//!                          │  └ * ┘         └───────── silence, silence ┐     two ways to one state are one state
//!                          └────────────────────────────────────────────┘
//! ```
//!
//! Nearest is: by the fewest deeds of the caller, the records and other telephones, a question left unanswered among them,
//! then by the shortest time. So the way
//! to a state, read backwards, is the shortest call that comes to it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::acts::Acts;
use super::shell::{Act, Shell, Stage};
use crate::dialogue::{Doing, Ending, Taken};
use crate::menu::{Kind, Menu, StepId};

/// The most states that are walked. Each takes some hundreds of bytes and ten microseconds or so.
pub const MOST_STATES: usize = 100_000;
/// The most things taken that are kept: steps that lead to one another without a question are many on one edge.
const MOST_TAKEN: usize = 4_000_000;

/// How far a state is from the beginning of the call: deeds, then time.
pub(super) type Distance = (u32, Duration);

/// A state's place in [`Walk::states`].
pub(super) type Place = usize;

/// All that was found.
pub(super) struct Walk {
    pub(super) states: Vec<State>,
    /// What was taken in the moment the call was answered.
    pub(super) at_once: Vec<Taken>,
    /// Whether nothing is left to be walked.
    pub(super) whole: bool,
}

/// One state of a call.
pub(super) struct State {
    pub(super) step: StepId,
    pub(super) doing: Doing,
    pub(super) speaks: bool,
    /// How it has ended: at a goodbye or handed over.
    pub(super) goodbye: bool,
    /// Whether what comes next is not the caller's choice.
    pub(super) others_turn: bool,
    /// By the nearest way to here.
    pub(super) distance: Distance,
    /// The edge that the nearest way comes by.
    pub(super) from: Option<(Place, usize)>,
    /// Empty as long as it is not walked, and where a call has ended.
    pub(super) edges: Vec<Edge>,
    pub(super) walked: bool,
}

/// What leads from one state to another.
pub(super) struct Edge {
    pub(super) act: Act,
    pub(super) takes: Duration,
    pub(super) to: Place,
    pub(super) taken: Vec<Taken>,
}

impl Edge {
    /// Deeds of the caller (silence too), the records or another telephone: one, or none.
    pub(super) fn deeds(&self) -> u32 {
        let silence = self.taken.iter().any(|taken| matches!(taken, Taken::Silence(_)));
        u32::from(silence || self.act != Act::Nothing)
    }

    /// Whether it is a wrong key or entry.
    pub(super) fn is_wrong(&self) -> bool {
        self.taken.iter().any(|taken| matches!(taken, Taken::Wrong(..)))
    }

    /// The steps it comes to, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = StepId> {
        self.taken.iter().filter_map(|taken| match taken {
            Taken::Step(step) => Some(*step),
            _ => None,
        })
    }
}

/// Walks a menu.
pub(super) fn walk(menu: &Menu, stage: &mut Stage<'_>, most_states: usize) -> Walk {
    let acts = Acts::of(menu);
    let (first, at_once) = Shell::answered(stage);
    let mut walker = Walker {
        menu,
        most_states,
        taken: 0,
        walk: Walk { states: Vec::new(), at_once, whole: true },
        known: HashMap::new(),
        shells: Vec::new(),
        waiting: BinaryHeap::new(),
    };
    walker.come_to(first, (0, Duration::ZERO), None);
    while let Some(Reverse((distance, place))) = walker.waiting.pop() {
        walker.expand(place, distance, &acts, stage);
    }
    walker.walk
}

struct Walker<'a> {
    menu: &'a Menu,
    most_states: usize,
    /// Things taken, over all edges.
    taken: usize,
    walk: Walk,
    known: HashMap<u64, Place>,
    /// The calls themselves, until they are walked on.
    shells: Vec<Option<Box<Shell>>>,
    waiting: BinaryHeap<Reverse<(Distance, Place)>>,
}

impl Walker<'_> {
    fn expand(&mut self, place: Place, distance: Distance, acts: &Acts, stage: &mut Stage<'_>) {
        let Some(shell) = self.shells.get_mut(place).and_then(Option::take) else { return };
        let mut edges = Vec::new();
        let mut whole = true;
        for act in acts.now(&shell, stage) {
            if self.taken >= MOST_TAKEN {
                whole = false;
                break;
            }
            let Some((next, takes, taken)) = shell.after(stage, &act) else { continue };
            let silence = taken.iter().any(|taken| matches!(taken, Taken::Silence(_)));
            let deeds = distance.0.saturating_add(u32::from(silence || act != Act::Nothing));
            let from = Some((place, edges.len()));
            self.taken += taken.len();
            match self.come_to(next, (deeds, distance.1 + takes), from) {
                Some(to) => edges.push(Edge { act, takes, to, taken }),
                None => whole = false,
            }
        }
        if let Some(state) = self.walk.states.get_mut(place) {
            (state.edges, state.walked) = (edges, whole);
        }
        self.walk.whole &= whole;
    }

    /// The state that a call is in, known or new; nothing if there are too many.
    fn come_to(&mut self, shell: Shell, distance: Distance, from: Option<(Place, usize)>) -> Option<Place> {
        let digest = shell.digest();
        if let Some(place) = self.known.get(&digest).copied() {
            let waits = self.shells.get(place).is_some_and(Option::is_some);
            let state = self.walk.states.get_mut(place)?;
            if waits && distance < state.distance {
                (state.distance, state.from) = (distance, from);
                self.waiting.push(Reverse((distance, place)));
            }
            return Some(place);
        }
        let place = self.walk.states.len();
        if place >= self.most_states {
            return None;
        }
        let step = shell.call().step();
        let goodbye = match shell.ending() {
            Some(Ending::Transferred) => true,
            Some(Ending::HotlineHungUp) => {
                self.menu.steps.get(step.0).is_some_and(|step| matches!(step.kind, Kind::HangUp { .. }))
            }
            _ => false,
        };
        let doing = shell.call().doing();
        self.walk.states.push(State {
            step,
            doing,
            speaks: shell.speaks(),
            goodbye,
            others_turn: shell.asked().is_some() || shell.dials(),
            distance,
            from,
            edges: Vec::new(),
            walked: doing == Doing::Ended,
        });
        self.known.insert(digest, place);
        self.shells.push(Some(Box::new(shell)));
        self.waiting.push(Reverse((distance, place)));
        Some(place)
    }
}

impl Walk {
    /// The edges of the nearest way to a state, in order.
    pub(super) fn way_to(&self, place: Place) -> Vec<(Place, usize)> {
        let mut way = Vec::new();
        let mut at = place;
        while let Some((from, edge)) = self.states.get(at).and_then(|state| state.from) {
            way.push((from, edge));
            at = from;
        }
        way.reverse();
        way
    }

    /// The edge at a place.
    pub(super) fn edge(&self, (place, edge): (Place, usize)) -> Option<&Edge> {
        self.states.get(place)?.edges.get(edge)
    }

    /// All edges with their places, those of nearer states first.
    pub(super) fn edges(&self) -> impl Iterator<Item = ((Place, usize), &Edge)> {
        self.states
            .iter()
            .enumerate()
            .flat_map(|(place, state)| state.edges.iter().enumerate().map(move |(edge, found)| ((place, edge), found)))
    }

    /// Every step that a call comes to, by its place in the menu.
    pub(super) fn reached(&self, steps: usize) -> Vec<bool> {
        let mut reached = vec![false; steps];
        let at_once = self.at_once.iter().filter_map(|taken| match taken {
            Taken::Step(step) => Some(*step),
            _ => None,
        });
        for step in at_once.chain(self.edges().flat_map(|(_, edge)| edge.steps())) {
            reached.get_mut(step.0).into_iter().for_each(|reached| *reached = true);
        }
        reached
    }
}
