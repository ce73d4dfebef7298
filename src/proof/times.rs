//! Times over the walked states: the longest that a call can go on without its caller, and the shortest that a caller needs
//! to a person while everybody else does their worst.
//!
//! ```text
//!   longest    states in circles (strongly connected) never end; of the others each has the longest of its ways
//!   a person   caller's turn: the nearest of the ways; the records', another telephone's: the farthest of them
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::shell::Act;
use super::walk::{Edge, Place, State, Walk};
use crate::dialogue::Doing;
use crate::menu::StepId;

/// How long calls go on over some edges.
pub(super) struct Longest {
    /// By state; nothing where a circle can be come to.
    pub(super) rest: Vec<Option<Duration>>,
    /// The edge that the longest way begins with.
    next: Vec<Option<usize>>,
    /// Circles, the states of each, its nearest first.
    pub(super) circles: Vec<Vec<Place>>,
}

/// The longest that calls can go on over the edges that are allowed.
pub(super) fn longest(walk: &Walk, allowed: impl Fn(&State, &Edge) -> bool) -> Longest {
    let ways = |place: Place| {
        let state = walk.states.get(place);
        let edges = state.into_iter().flat_map(|state| state.edges.iter().map(move |edge| (state, edge)));
        edges.enumerate().filter(|(_, (state, edge))| allowed(state, edge)).map(|(at, (_, edge))| (at, edge))
    };
    let mut graph: DiGraph<(), (), usize> = DiGraph::with_capacity(walk.states.len(), walk.states.len());
    for _ in &walk.states {
        graph.add_node(());
    }
    for place in 0..walk.states.len() {
        for (_, edge) in ways(place) {
            graph.add_edge(NodeIndex::new(place), NodeIndex::new(edge.to), ());
        }
    }
    let mut found =
        Longest { rest: vec![None; walk.states.len()], next: vec![None; walk.states.len()], circles: Vec::new() };
    // Of two components the one that the other leads to comes first.
    for component in tarjan_scc(&graph) {
        let mut places: Vec<Place> = component.iter().map(|node| node.index()).collect();
        places.sort_unstable_by_key(|place| walk.states.get(*place).map(|state| state.distance));
        let Some(place) = places.first().copied() else { continue };
        if places.len() > 1 || ways(place).any(|(_, edge)| edge.to == place) {
            found.circles.push(places);
            continue;
        }
        let mut rest = Some(Duration::ZERO);
        let mut next = None;
        for (at, edge) in ways(place) {
            let after = found.rest.get(edge.to).copied().flatten().map(|after| after + edge.takes);
            match (after, rest) {
                (None, _) => (rest, next) = (None, Some(at)),
                (Some(after), Some(longest)) if after > longest || next.is_none() => {
                    (rest, next) = (Some(after), Some(at))
                }
                _ => {}
            }
        }
        if let (Some(rest_of), Some(next_of)) = (found.rest.get_mut(place), found.next.get_mut(place)) {
            (*rest_of, *next_of) = (rest, next);
        }
    }
    found
        .circles
        .sort_unstable_by_key(|circle| circle.first().and_then(|place| walk.states.get(*place)).map(|s| s.distance));
    found
}

impl Longest {
    /// The state with the longest rest, the nearest of several.
    pub(super) fn worst(&self, walk: &Walk) -> Option<(Place, Duration)> {
        worst(walk, &self.rest)
    }

    /// The nearest state with a longer rest than this.
    pub(super) fn nearest_over(&self, walk: &Walk, most: Duration) -> Option<(Place, Duration)> {
        nearest_over(walk, &self.rest, most)
    }

    /// The longest way on from a state.
    pub(super) fn way_from(&self, walk: &Walk, place: Place) -> Vec<(Place, usize)> {
        follow(walk, place, &self.next)
    }
}

/// How far a person is.
pub(super) struct ToPerson {
    /// By state; nothing where none can be come to.
    pub(super) within: Vec<Option<Duration>>,
    next: Vec<Option<usize>>,
}

/// The time to the first of these steps for a caller who wants to come there, hears every text to its end, and presses the
/// right key then (in a read-back at once), while the records and other telephones do their worst.
pub(super) fn to_person(walk: &Walk, persons: &[StepId]) -> ToPerson {
    let count = walk.states.len();
    let mut found = ToPerson { within: vec![None; count], next: vec![None; count] };
    let mut before: Vec<Vec<(Place, usize)>> = vec![Vec::new(); count];
    let mut open: Vec<usize> = vec![0; count];
    let mut queue = BinaryHeap::new();
    for ((place, at), edge) in walk.edges() {
        let Some(state) = walk.states.get(place).filter(|state| goes_for_a_person(state, edge)) else { continue };
        open.get_mut(place).into_iter().for_each(|open| *open += 1);
        if edge.steps().any(|step| persons.contains(&step)) && !persons.contains(&state.step) {
            queue.push(Reverse((edge.takes, place, Some(at), true)));
        } else {
            before.get_mut(edge.to).into_iter().for_each(|list| list.push((place, at)));
        }
    }
    for (place, state) in walk.states.iter().enumerate() {
        // What was not walked to its end may lead to a person at once: nothing is held against it.
        let there = persons.contains(&state.step) && !matches!(state.doing, Doing::Leaving | Doing::Ended);
        if there || !state.walked {
            queue.push(Reverse((Duration::ZERO, place, None, false)));
        }
    }
    while let Some(Reverse((within, place, at, counts))) = queue.pop() {
        let (Some(state), Some(open)) = (walk.states.get(place), open.get_mut(place)) else { continue };
        if found.within.get(place).is_none_or(Option::is_some) {
            continue;
        }
        // Where others choose, what counts is the farthest of their ways: the last to be found.
        if state.others_turn && counts {
            *open = open.saturating_sub(1);
            if *open > 0 {
                continue;
            }
        }
        found.within.get_mut(place).into_iter().for_each(|known| *known = Some(within));
        found.next.get_mut(place).into_iter().for_each(|next| *next = at);
        for (earlier, at) in before.get(place).into_iter().flatten() {
            let takes = walk.edge((*earlier, *at)).map_or(Duration::ZERO, |edge| edge.takes);
            queue.push(Reverse((within + takes, *earlier, Some(*at), true)));
        }
    }
    found
}

/// Whether a caller who hears texts to their end and wants a person may go this way, or others may.
fn goes_for_a_person(state: &State, edge: &Edge) -> bool {
    match &edge.act {
        Act::Nothing => !state.others_turn,
        Act::Press(_) | Act::Records(_) | Act::Transfer(_) => true,
        Act::AtOnce(_) => state.doing == Doing::Reading,
    }
}

impl ToPerson {
    /// The state that is farthest from a person, the nearest to the call's beginning of several.
    pub(super) fn worst(&self, walk: &Walk) -> Option<(Place, Duration)> {
        worst(walk, &self.within)
    }

    /// The nearest state that is farther from one than this.
    pub(super) fn nearest_over(&self, walk: &Walk, most: Duration) -> Option<(Place, Duration)> {
        nearest_over(walk, &self.within, most)
    }

    /// The way from a state to the person.
    pub(super) fn way_from(&self, walk: &Walk, place: Place) -> Vec<(Place, usize)> {
        follow(walk, place, &self.next)
    }
}

fn worst(walk: &Walk, times: &[Option<Duration>]) -> Option<(Place, Duration)> {
    let known = times.iter().enumerate().filter_map(|(place, time)| Some((place, (*time)?)));
    known.max_by_key(|(place, time)| (*time, Reverse(walk.states.get(*place).map(|state| state.distance))))
}

fn nearest_over(walk: &Walk, times: &[Option<Duration>], most: Duration) -> Option<(Place, Duration)> {
    let known = times.iter().enumerate().filter_map(|(place, time)| Some((place, (*time)?)));
    let over = known.filter(|(_, time)| *time > most);
    over.min_by_key(|(place, _)| walk.states.get(*place).map(|state| state.distance))
}

fn follow(walk: &Walk, place: Place, next: &[Option<usize>]) -> Vec<(Place, usize)> {
    let mut way = Vec::new();
    let mut at = place;
    while let Some(edge) = next.get(at).copied().flatten() {
        let Some(found) = walk.edge((at, edge)).filter(|_| way.len() <= walk.states.len()) else { break };
        way.push((at, edge));
        at = found.to;
    }
    way
}
