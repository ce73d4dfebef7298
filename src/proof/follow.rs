//! The call that went through these steps, found again in the menu that it was made to: what its caller, the records and other
//! telephones must have done. Of several ways through the same steps, that of the fewest deeds.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::Prover;
use super::calls::{FINE, deeds, test_call, to_grain};
use super::shell::Act;
use super::walk::Place;
use crate::dialogue::Taken;
use crate::menu::{Compiled, StepId};
use crate::simulate::{Deed, Scene, TestCall};

/// The most states times steps that are looked at for one call.
const MOST_LOOKED_AT: usize = 2_000_000;

/// So much longer than it was may a call be, and its caller still waits for its end.
const PATIENCE: Duration = Duration::from_secs(15);

/// A menu in which calls are found again.
pub struct Former<'a> {
    prover: Prover<'a>,
}

/// A state, and how many of the steps lie behind.
type At = (Place, usize);

impl<'a> Former<'a> {
    /// Walks a menu. `scene` is the same menu with its texts.
    pub fn of(compiled: &'a Compiled, scene: &'a Scene) -> Former<'a> {
        Former { prover: Prover::new(compiled, scene) }
    }

    /// A call through these steps, which ends by itself or is hung up at once behind the last of them. Nothing, where no call
    /// goes that way.
    pub fn call_along(&self, path: &[String], ends_by_itself: bool) -> Option<TestCall> {
        let steps = &self.prover.compiled.menu.steps;
        let named = |name: &String| steps.iter().position(|step| *step.name == **name).map(StepId);
        let path: Vec<StepId> = path.iter().map(named).collect::<Option<_>>()?;
        let at_once: Vec<StepId> = self
            .prover
            .walk
            .at_once
            .iter()
            .filter_map(|taken| match taken {
                Taken::Step(step) => Some(*step),
                _ => None,
            })
            .collect();
        let begun = path.starts_with(&at_once).then_some(at_once.len())?;
        let way = self.search(&path, begun, ends_by_itself)?;
        let mut deeds = deeds(&self.prover.walk, &way);
        let left = self.after_the_last_deed(&way);
        if ends_by_itself {
            // Who heard the goodbye hears one some seconds later too, and does not wait for more in a menu.
            deeds.push(Deed::Wait(to_grain(left + PATIENCE, FINE)));
        } else if !left.is_zero() {
            deeds.push(Deed::Wait(to_grain(left, FINE)));
        }
        deeds.push(Deed::HangUpAtOnce);
        Some(test_call("followed", "A call that went this way.", deeds))
    }

    /// The time that a way takes after the last deed on it.
    fn after_the_last_deed(&self, way: &[(Place, usize)]) -> Duration {
        let edges = way.iter().rev().filter_map(|at| self.prover.walk.edge(*at));
        edges.take_while(|edge| matches!(edge.act, Act::Nothing | Act::Records(None))).map(|edge| edge.takes).sum()
    }

    fn search(&self, path: &[StepId], begun: usize, ends_by_itself: bool) -> Option<Vec<(Place, usize)>> {
        let walk = &self.prover.walk;
        let mut from: HashMap<At, (At, usize)> = HashMap::new();
        let mut nearest: HashMap<At, u32> = HashMap::from([((0, begun), 0)]);
        let mut queue = BinaryHeap::from([Reverse((0_u32, (0, begun)))]);
        while let Some(Reverse((deeds, at))) = queue.pop() {
            let (place, behind) = at;
            let state = walk.states.get(place)?;
            if behind == path.len() && (state.goodbye || !ends_by_itself) {
                return Some(back(&from, at));
            }
            if nearest.get(&at).is_some_and(|known| *known < deeds) || nearest.len() > MOST_LOOKED_AT {
                continue;
            }
            for (number, edge) in state.edges.iter().enumerate() {
                let steps: Vec<StepId> = edge.steps().collect();
                if !path.get(behind..).is_some_and(|ahead| ahead.starts_with(&steps)) {
                    continue;
                }
                let next = (edge.to, behind + steps.len());
                let distance = deeds + edge.deeds();
                if nearest.get(&next).is_none_or(|known| distance < *known) {
                    nearest.insert(next, distance);
                    from.insert(next, (at, number));
                    queue.push(Reverse((distance, next)));
                }
            }
        }
        None
    }
}

fn back(from: &HashMap<At, (At, usize)>, end: At) -> Vec<(Place, usize)> {
    let mut way = Vec::new();
    let mut at = end;
    while let Some((before, edge)) = from.get(&at) {
        way.push((before.0, *edge));
        at = *before;
    }
    way.reverse();
    way
}
