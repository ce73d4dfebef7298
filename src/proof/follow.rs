//! The call that went through these steps, found again in the menu that it was made to: what its caller, the records and other
//! telephones must have done. Of several ways through the same steps, that of the fewest deeds.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::calls::{FINE, deeds, test_call, to_grain};
use super::shell::Act;
use super::walk::{Place, Walk};
use super::{MOST_STATES, Prover};
use crate::dialogue::Taken;
use crate::menu::{Compiled, StepId};
use crate::simulate::{Deed, Given, Scene, TestCall};

/// The most states times steps that are looked at for one call.
const MOST_LOOKED_AT: usize = 2_000_000;

/// So much longer than it was may a call be, and its caller still waits for its end.
const PATIENCE: Duration = Duration::from_secs(15);

/// The number that a call comes from where its way shows that it was not withheld: nobody's.
const SOMEBODY: &str = "13900000001";

/// A menu in which calls are found again.
pub struct Former<'a> {
    compiled: &'a Compiled,
    scene: &'a Scene,
    withheld: Prover<'a>,
    /// Walked where a call is not found among those whose number is withheld.
    numbered: OnceCell<Prover<'a>>,
}

/// A state, and how many of the steps lie behind.
type At = (Place, usize);

impl<'a> Former<'a> {
    /// Walks a menu. `scene` is the same menu with its texts.
    pub fn of(compiled: &'a Compiled, scene: &'a Scene) -> Former<'a> {
        Former { compiled, scene, withheld: Prover::new(compiled, scene), numbered: OnceCell::new() }
    }

    /// A call through these steps, which ends by itself or is hung up at once behind the last of them. Nothing, where no call
    /// goes that way, its number withheld or not.
    pub fn call_along(&self, path: &[String], ends_by_itself: bool) -> Option<TestCall> {
        if let Some(call) = along(&self.withheld, path, ends_by_itself) {
            return Some(call);
        }
        let given = Given { caller: Some(SOMEBODY.into()), ..Given::default() };
        let walked = || Prover::within(self.compiled, self.scene, &given, MOST_STATES);
        let call = along(self.numbered.get_or_init(walked), path, ends_by_itself)?;
        Some(TestCall { given, ..call })
    }
}

fn along(prover: &Prover<'_>, path: &[String], ends_by_itself: bool) -> Option<TestCall> {
    let steps = &prover.compiled.menu.steps;
    let named = |name: &String| steps.iter().position(|step| *step.name == **name).map(StepId);
    let path: Vec<StepId> = path.iter().map(named).collect::<Option<_>>()?;
    let step = |taken: &Taken| match taken {
        Taken::Step(step) => Some(*step),
        _ => None,
    };
    let at_once: Vec<StepId> = prover.walk.at_once.iter().filter_map(step).collect();
    let begun = path.starts_with(&at_once).then_some(at_once.len())?;
    let way = search(&prover.walk, &path, begun, ends_by_itself)?;
    let mut deeds = deeds(&prover.walk, &way);
    let left = after_the_last_deed(&prover.walk, &way);
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
fn after_the_last_deed(walk: &Walk, way: &[(Place, usize)]) -> Duration {
    let edges = way.iter().rev().filter_map(|at| walk.edge(*at));
    edges.take_while(|edge| matches!(edge.act, Act::Nothing | Act::Records(None))).map(|edge| edge.takes).sum()
}

fn search(walk: &Walk, path: &[StepId], begun: usize, ends_by_itself: bool) -> Option<Vec<(Place, usize)>> {
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
