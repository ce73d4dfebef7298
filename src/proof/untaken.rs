//! What calls of a menu can take, and a call for each of it: what test calls have not taken yet.
//!
//! Steps, keys (a key with a meaning, a good entry, each mistake, silence) and outcomes (giving up, what the records answer,
//! what a transfer comes to) are those that the walk has met, so each has a call that takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Prover;
use super::calls::{deeds_and_waits, played, test_call};
use super::walk::{Distance, Place};
use crate::dialogue::{Mistake, Taken, Transferred};
use crate::facts::Key;
use crate::menu::{Compiled, StepId};
use crate::simulate::{Deed, Scene, TestCall};

/// Everything that a call of a menu can take.
pub struct Takable<'a> {
    prover: Prover<'a>,
    /// With the nearest edge that takes it; nothing, where it is taken in the moment of the answer.
    things: BTreeMap<Taken, Option<(Place, usize)>>,
}

/// Of what sort a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sort {
    /// A step.
    Step,
    /// What a caller does in one.
    Key,
    /// What becomes of it.
    Outcome,
}

impl Sort {
    /// All, in the order they are told.
    pub const ALL: [Sort; 3] = [Sort::Step, Sort::Key, Sort::Outcome];

    /// Several of them.
    pub const fn plural(self) -> &'static str {
        match self {
            Sort::Step => "steps",
            Sort::Key => "keys",
            Sort::Outcome => "outcomes",
        }
    }
}

/// A call that takes what no other has.
#[derive(Clone, Debug)]
pub struct Filling {
    /// The call; its text is what happens in it.
    pub call: TestCall,
    /// All that it takes.
    pub taken: BTreeSet<Taken>,
}

impl<'a> Takable<'a> {
    /// Walks a menu. `scene` is the same menu with its texts.
    pub fn of(compiled: &'a Compiled, scene: &'a Scene) -> Takable<'a> {
        let prover = Prover::new(compiled, scene);
        let mut nearest: BTreeMap<Taken, (Distance, Option<(Place, usize)>)> = BTreeMap::new();
        for taken in &prover.walk.at_once {
            nearest.insert(*taken, ((0, Duration::ZERO), None));
        }
        for (at, edge) in prover.walk.edges() {
            let Some(from) = prover.walk.states.get(at.0).map(|state| state.distance) else { continue };
            let distance = (from.0 + edge.deeds(), from.1 + edge.takes);
            for taken in &edge.taken {
                let known = nearest.entry(*taken).or_insert((distance, Some(at)));
                if distance < known.0 {
                    *known = (distance, Some(at));
                }
            }
        }
        let things = nearest.into_iter().map(|(taken, (_, at))| (taken, at)).collect();
        Takable { prover, things }
    }

    /// All of it.
    pub fn things(&self) -> impl Iterator<Item = Taken> {
        self.things.keys().copied()
    }

    /// Whether the menu was walked to its end: there is nothing else to take.
    pub fn is_whole(&self) -> bool {
        self.prover.walk.whole
    }

    /// A thing's step and what it is in that step.
    pub fn name(&self, thing: Taken) -> (Arc<str>, String) {
        let step = self.prover.compiled.menu.steps.get(step_of(thing).0);
        (step.map_or_else(|| Arc::from(""), |step| Arc::clone(&step.name)), Said(thing).to_string())
    }

    /// Calls that together take all of these things, those that take most first; the things that none takes are left out.
    pub fn calls_for(&self, things: &BTreeSet<Taken>) -> Vec<Filling> {
        // The farthest first: on the way to it lies what is near.
        let mut order: Vec<(Distance, Taken)> =
            things.iter().filter_map(|thing| Some((self.distance(*thing)?, *thing))).collect();
        order.sort_unstable_by(|one, other| other.cmp(one));
        let mut open = things.clone();
        let mut fillings = Vec::new();
        for (_, thing) in order {
            if !open.contains(&thing) {
                continue;
            }
            let filling = self.call_for(thing);
            open.retain(|other| !filling.taken.contains(other));
            open.remove(&thing);
            fillings.push(filling);
        }
        fillings
    }

    fn distance(&self, thing: Taken) -> Option<Distance> {
        let at = (*self.things.get(&thing)?)?;
        Some(self.prover.walk.states.get(at.0)?.distance)
    }

    /// The shortest call that takes a thing; then its caller hangs up, once a key is awaited.
    fn call_for(&self, thing: Taken) -> Filling {
        let mut way = Vec::new();
        if let Some(at) = self.things.get(&thing).copied().flatten() {
            way = self.prover.walk.way_to(at.0);
            way.push(at);
        }
        let mut deeds = deeds_and_waits(&self.prover.walk, &way);
        deeds.push(Deed::HangUp);
        let (step, what) = self.name(thing);
        let name = format!("fill-{step}{}", File(thing));
        let why = format!("Written by `hotline test --fill`, to be read and kept. Taken in `{step}`: {what}.");
        let (call, played) = played(self.prover.scene, &self.prover.people.fresh(), test_call(&name, &why, deeds));
        Filling { call, taken: played.taken.into_iter().collect() }
    }
}

/// A thing's sort.
pub const fn sort_of(thing: Taken) -> Sort {
    match thing {
        Taken::Step(_) => Sort::Step,
        Taken::Key(..) | Taken::Entry(_) | Taken::Wrong(..) | Taken::Silence(_) => Sort::Key,
        Taken::GaveUp(_) | Taken::Answer(..) | Taken::Transfer(..) => Sort::Outcome,
    }
}

const fn step_of(thing: Taken) -> StepId {
    match thing {
        Taken::Step(step)
        | Taken::Key(step, _)
        | Taken::Entry(step)
        | Taken::Wrong(step, _)
        | Taken::Silence(step)
        | Taken::GaveUp(step)
        | Taken::Answer(step, _)
        | Taken::Transfer(step, _) => step,
    }
}

const fn transfer_name(outcome: Transferred) -> &'static str {
    match outcome {
        Transferred::Answered => "answered",
        Transferred::Busy => "busy",
        Transferred::Unanswered => "unanswered",
        Transferred::Refused => "refused",
    }
}

/// What a thing is, for people.
struct Said(Taken);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Taken::Step(_) => write!(f, "the step"),
            Taken::Key(_, key) => write!(f, "key {key}"),
            Taken::Entry(_) => write!(f, "a good entry"),
            Taken::Wrong(_, Mistake::NoMatch) => write!(f, "a wrong key"),
            Taken::Wrong(_, mistake) => write!(f, "{}", mistake.attribute()),
            Taken::Silence(_) => write!(f, "silence"),
            Taken::GaveUp(_) => write!(f, "gave up"),
            Taken::Answer(_, answered) => write!(f, "records {}", answered.name()),
            Taken::Transfer(_, outcome) => write!(f, "transfer {}", transfer_name(outcome)),
        }
    }
}

/// What a thing is, in a file's name.
struct File(Taken);

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Taken::Step(_) => Ok(()),
            Taken::Key(_, Key::Star) => write!(f, "-star"),
            Taken::Key(_, Key::Hash) => write!(f, "-pound"),
            thing => write!(f, "-{}", Said(thing).to_string().replace(' ', "-")),
        }
    }
}
