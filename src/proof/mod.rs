//! What holds of every call of a menu: proven, or refuted by the shortest call that shows otherwise.
//!
//! ```text
//!   menu.toml ─ menu ─▶ Menu ─┐                              ┌▶ every step is come to           ┐
//!   prompts ── speech ▶ texts ┼▶ walk: the real Dialogue, in ┼▶ a person or a goodbye from each │ Fault with its line,
//!   made-up people ───────────┘  virtual time, copied at     ├▶ no round without a key          ┼▶ its remedy and a test
//!                                each choice                 ├▶ calls end, people are near      │ call that shows it
//!                                                            └▶ (texts' lengths, by purpose)    ┘
//! ```
//!
//! **How.** `walk` goes breadth-first over states of the dialogue that calls run, told apart by a digest of all that
//! decides how a call goes on: step, counters, language, way back, answers, timers. At each it tries one act of each kind
//! that the dialogue tells apart (`acts`): every key with a meaning and one without, a good entry of each field and one
//! for each mistake, silence, each answer of the records, each end of a transfer. `times` finds the longest and shortest
//! ways; `calls` makes test calls of ways and plays them.
//!
//! **Bounds.** At most [`MOST_STATES`] states; beyond them the summary says which steps were not come to, and nothing is
//! said to be proven. Not walked are: keys pressed ahead (they lead where the same keys lead when they are asked for) and
//! keys while a question is said (the same as after it, only sooner), a half-keyed entry that is left to its timer, hanging
//! up (it ends any call), other people's records than those of the first made-up person, callers whose number is not withheld,
//! and the limit of the whole call,
//! which ends what a menu does not.

mod acts;
mod calls;
mod follow;
mod lengths;
mod shell;
mod times;
mod untaken;
mod walk;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::dialogue::Doing;
use crate::facts::Fault;
use crate::menu::{Compiled, Kind, Menu, StepId};
use crate::records::MemoryRecords;
use crate::records::demo::{DemoOptions, default_as_of, without_sql};
use crate::simulate::{Deed, Given, Scene, TestCall};
use calls::{deeds, played, shown_by, test_call};
pub use follow::Former;
use shell::{Act, Stage};
use times::{Longest, ToPerson, longest, to_person};
pub use untaken::{Filling, Sort, Takable, sort_of};
pub use walk::MOST_STATES;
use walk::{Edge, Place, State, Walk, walk as walk_of};

/// What a walk has found.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What does not hold, each with its place, and with a call where one shows it.
    pub faults: Vec<Fault>,
    /// What was walked and what holds, a line each.
    pub summary: Vec<String>,
}

/// Walks every call of a menu. `scene` is the same menu with its texts.
pub fn prove(compiled: &Compiled, scene: &Scene) -> Proof {
    prove_within(compiled, scene, MOST_STATES)
}

/// The same over so many states at most.
pub fn prove_within(compiled: &Compiled, scene: &Scene, most_states: usize) -> Proof {
    let prover = Prover::within(compiled, scene, &Given::default(), most_states);
    let mut proof = Proof { faults: Vec::new(), summary: Vec::new() };
    prover.steps(&mut proof);
    let stuck = prover.ends(&mut proof);
    let silent = prover.silent(&stuck, &mut proof);
    let wrong = prover.wrong(&silent, &mut proof);
    let person = prover.person(&mut proof);
    let (faults, text) = lengths::too_long(compiled, &scene.prompts);
    proof.faults.extend(faults);
    prover.tell(&mut proof, [silent.as_ref(), wrong.as_ref()], &person);
    if let Some(lengths::Longest { length, message, language }) = text {
        proof.summary.push(format!("the longest text is `{message}` in {language}, {}", seconds(length)));
    }
    proof
}

/// To each error at a step's name, where a menu has some, the shortest call that comes to that step.
pub fn show_by_calls(compiled: &Compiled, scene: &Scene, faults: &mut [Fault]) {
    let step_of = |fault: &Fault| compiled.places.iter().position(|place| fault.is_error() && place.name == fault.span);
    if !faults.iter().any(|fault| step_of(fault).is_some()) {
        return;
    }
    let prover = Prover::new(compiled, scene);
    for fault in faults {
        let Some(place) = step_of(fault).and_then(|step| prover.nearest(StepId(step))) else { continue };
        let mut deeds = deeds(&prover.walk, &prover.walk.way_to(place));
        deeds.extend([Deed::Wait(A_WHILE), Deed::HangUpAtOnce]);
        let call = prover.call(&format!("to-{}", prover.name(place)), &fault.message, deeds);
        *fault = shown_by(fault.clone(), &call);
    }
}

/// How long a call that shows where somebody is stuck goes on there.
const A_WHILE: Duration = Duration::from_secs(60);

/// As people say it: `92 s`, `12 min 3 s`.
fn seconds(length: Duration) -> String {
    let whole = length.as_millis().div_ceil(1000);
    if whole < 600 { format!("{whole} s") } else { format!("{} min {} s", whole / 60, whole % 60) }
}

/// How near a person is.
struct Nearness {
    /// Where it is farthest.
    worst: Option<(Place, Duration)>,
    /// Steps in which there are states with none ahead.
    without: BTreeSet<StepId>,
}

/// A walked menu.
struct Prover<'a> {
    compiled: &'a Compiled,
    scene: &'a Scene,
    people: MemoryRecords,
    walk: Walk,
    persons: Vec<StepId>,
}

impl<'a> Prover<'a> {
    fn new(compiled: &'a Compiled, scene: &'a Scene) -> Prover<'a> {
        Prover::within(compiled, scene, &Given::default(), MOST_STATES)
    }

    fn within(compiled: &'a Compiled, scene: &'a Scene, given: &Given, most_states: usize) -> Prover<'a> {
        let menu = &compiled.menu;
        let people = without_sql(DemoOptions::named_only(default_as_of(given.clock.date())));
        let mut stage = Stage::new(menu, &scene.prompts, &people, given);
        let walk = walk_of(menu, &mut stage, most_states);
        Prover { compiled, scene, people, walk, persons: persons(menu) }
    }

    fn call(&self, name: &str, why: &str, deeds: Vec<Deed>) -> TestCall {
        played(self.scene, &self.people.fresh(), test_call(name, why, deeds)).0
    }

    fn state(&self, place: Place) -> Option<&State> {
        self.walk.states.get(place)
    }

    /// The name of the step that a state is in.
    fn name(&self, place: Place) -> Arc<str> {
        let step = self.state(place).and_then(|state| self.compiled.menu.steps.get(state.step.0));
        step.map_or_else(|| Arc::from(""), |step| Arc::clone(&step.name))
    }

    fn names(&self, steps: impl Iterator<Item = StepId>) -> Vec<&str> {
        steps.filter_map(|step| self.compiled.menu.steps.get(step.0)).map(|step| &*step.name).collect()
    }

    /// The nearest state in a step.
    fn nearest(&self, step: StepId) -> Option<Place> {
        let inside = self.walk.states.iter().enumerate().filter(|(_, state)| state.step == step);
        inside.min_by_key(|(_, state)| state.distance).map(|(place, _)| place)
    }

    fn fault_at(&self, step: StepId, what: String) -> Fault {
        let span = self.compiled.places.get(step.0).map_or(0..0, |place| place.name.clone());
        Fault::error(&self.compiled.file, &self.compiled.source, span, what)
    }

    fn fault(&self, place: Place, what: String) -> Fault {
        self.fault_at(self.state(place).map_or(self.compiled.menu.start, |state| state.step), what)
    }

    /// Every step can be come to.
    fn steps(&self, proof: &mut Proof) {
        let steps = &self.compiled.menu.steps;
        let reached = self.walk.reached(steps.len());
        let missed: Vec<usize> = (0..steps.len()).filter(|step| reached.get(*step) != Some(&true)).collect();
        if !self.walk.whole {
            return;
        }
        for step in missed {
            let what = "no call comes to this step, whatever its caller presses and the records answer".to_owned();
            let hint =
                "the ways that lead here in the script are never taken: lead to it from another step, or take it out";
            proof.faults.push(self.fault_at(StepId(step), what).hint(hint));
        }
    }

    /// From everywhere a person or a goodbye can be come to. The steps from which not.
    fn ends(&self, proof: &mut Proof) -> BTreeSet<StepId> {
        let states = &self.walk.states;
        let mut before: Vec<Vec<Place>> = vec![Vec::new(); states.len()];
        let mut good = vec![false; states.len()];
        let mut queue: Vec<Place> = Vec::new();
        for ((place, _), edge) in self.walk.edges() {
            before.get_mut(edge.to).into_iter().for_each(|list| list.push(place));
            if edge.steps().any(|step| self.persons.contains(&step)) {
                queue.push(place);
            }
        }
        let ends = |state: &State| state.goodbye || !state.walked || self.persons.contains(&state.step);
        queue.extend(states.iter().enumerate().filter(|(_, state)| ends(state)).map(|(place, _)| place));
        while let Some(place) = queue.pop() {
            if good.get_mut(place).is_some_and(|good| !std::mem::replace(good, true)) {
                queue.extend(before.get(place).into_iter().flatten());
            }
        }
        let is_stuck = |place: &Place| good.get(*place) == Some(&false);
        let traps = self.traps(&is_stuck);
        for trap in &traps {
            let inside = (0..states.len())
                .filter(|place| is_stuck(place) && self.state(*place).is_some_and(|state| trap.contains(&state.step)));
            let Some(place) = inside.min_by_key(|place| self.state(*place).map(|state| state.distance)) else {
                continue;
            };
            let what = "a caller who has come here can neither reach a person nor come to an end".to_owned();
            let mut way = deeds(&self.walk, &self.walk.way_to(place));
            way.extend([Deed::Wait(A_WHILE), Deed::HangUpAtOnce]);
            let call = self.call(&format!("stuck-in-{}", self.name(place)), &what, way);
            let hint = "lead from it to a step that hangs up, or to the person";
            proof.faults.push(shown_by(self.fault(place, what).hint(hint), &call));
        }
        traps.into_iter().flatten().collect()
    }

    /// The steps among which those who are stuck go round, each round once. What leads there is no fault of its own.
    fn traps(&self, is_stuck: &impl Fn(&Place) -> bool) -> Vec<BTreeSet<StepId>> {
        let stuck: Vec<Place> = (0..self.walk.states.len()).filter(is_stuck).collect();
        let mut graph: DiGraph<(), ()> = DiGraph::new();
        let nodes: HashMap<Place, NodeIndex> = stuck.iter().map(|place| (*place, graph.add_node(()))).collect();
        // A text that is heard again is no round.
        let on = self.walk.edges().filter(|(_, edge)| !matches!(edge.act, Act::AtOnce(_)));
        for ((place, _), edge) in on {
            if let (Some(from), Some(to)) = (nodes.get(&place), nodes.get(&edge.to)) {
                graph.add_edge(*from, *to, ());
            }
        }
        let round = |component: &Vec<NodeIndex>| match component.as_slice() {
            [alone] => graph.contains_edge(*alone, *alone),
            _ => true,
        };
        let step =
            |node: &NodeIndex| stuck.get(node.index()).and_then(|place| self.state(*place)).map(|state| state.step);
        let mut traps: Vec<BTreeSet<StepId>> = Vec::new();
        for component in tarjan_scc(&graph).iter().filter(|component| round(component)) {
            let steps: BTreeSet<StepId> = component.iter().filter_map(step).collect();
            match traps.iter_mut().find(|trap| !trap.is_disjoint(&steps)) {
                Some(trap) => trap.extend(steps),
                None => traps.push(steps),
            }
        }
        traps
    }

    /// A caller who does nothing is at the end of the call in time.
    fn silent(&self, stuck: &BTreeSet<StepId>, proof: &mut Proof) -> Option<Longest> {
        let allowed = |_: &State, edge: &Edge| !matches!(edge.act, Act::Press(_) | Act::AtOnce(_));
        let found = longest(&self.walk, allowed);
        let what = "a caller who presses nothing is led round from here and hears the same without end";
        let hint = "let `gave-up` on the way lead to a step that hangs up, or ask something in the round";
        let round = self.rounds(&found, &allowed, ("silent-round-in", what, hint), stuck, proof);
        let most = self.compiled.menu.limits.silent_within;
        self.too_long(&found, most, "silent", "a caller who falls silent", "silent-within", proof);
        (!round).then_some(found)
    }

    /// So is one who presses wrong keys alone.
    fn wrong(&self, silent: &Option<Longest>, proof: &mut Proof) -> Option<Longest> {
        silent.as_ref()?;
        let allowed = |_: &State, edge: &Edge| {
            !matches!(edge.act, Act::AtOnce(_)) && (!matches!(edge.act, Act::Press(_)) || edge.is_wrong())
        };
        let found = longest(&self.walk, allowed);
        let what = "a caller who presses only wrong keys is led round from here without end";
        let hint = "let `gave-up` on the way lead to a step that hangs up, or to the person";
        let round = self.rounds(&found, &allowed, ("wrong-round-in", what, hint), &BTreeSet::new(), proof);
        let most = self.compiled.menu.limits.wrong_within;
        let known = |found: &Longest| found.nearest_over(&self.walk, most);
        let told = self.compiled.menu.limits.silent_within <= most;
        if told && silent.as_ref().and_then(known).is_some_and(|silent| known(&found) == Some(silent)) {
            // Silence alone takes as long, and has been spoken of if it may not.
            return (!round).then_some(found);
        }
        self.too_long(&found, most, "wrong-keys", "a caller who presses wrong keys alone", "wrong-within", proof);
        (!round).then_some(found)
    }

    /// One fault for circles of the same steps, but for steps that are known to be faulty. Whether there is a circle.
    fn rounds(
        &self,
        found: &Longest,
        allowed: &impl Fn(&State, &Edge) -> bool,
        (name, what, hint): (&str, &str, &str),
        known: &BTreeSet<StepId>,
        proof: &mut Proof,
    ) -> bool {
        let mut told: BTreeSet<StepId> = known.clone();
        for circle in &found.circles {
            let steps: BTreeSet<StepId> =
                circle.iter().filter_map(|place| self.state(*place)).map(|state| state.step).collect();
            let Some(place) = circle.first().copied().filter(|_| told.is_disjoint(&steps)) else { continue };
            told.extend(&steps);
            let mut way = self.walk.way_to(place);
            let round = self.round_from(place, circle, allowed);
            way.extend(round.iter().copied().chain(round.iter().copied()));
            let mut deeds = deeds(&self.walk, &way);
            if !round.iter().any(|at| self.walk.edge(*at).is_some_and(|edge| matches!(edge.act, Act::Press(_)))) {
                let takes: Duration = round.iter().filter_map(|at| self.walk.edge(*at)).map(|edge| edge.takes).sum();
                deeds.push(Deed::Wait(Duration::from_secs(2 * takes.as_secs() + 1)));
            }
            deeds.push(Deed::HangUpAtOnce);
            let call = self.call(&format!("{name}-{}", self.name(place)), what, deeds);
            proof.faults.push(shown_by(self.fault(place, what.to_owned()).hint(hint), &call));
        }
        !found.circles.is_empty()
    }

    /// Once round a circle, the shortest way.
    fn round_from(
        &self,
        start: Place,
        circle: &[Place],
        allowed: &impl Fn(&State, &Edge) -> bool,
    ) -> Vec<(Place, usize)> {
        let mut from: HashMap<Place, (Place, usize)> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        'search: while let Some(place) = queue.pop_front() {
            let Some(state) = self.state(place) else { continue };
            for (at, edge) in state.edges.iter().enumerate().filter(|(_, edge)| allowed(state, edge)) {
                if circle.contains(&edge.to) && !from.contains_key(&edge.to) {
                    from.insert(edge.to, (place, at));
                    if edge.to == start {
                        break 'search;
                    }
                    queue.push_back(edge.to);
                }
            }
        }
        let mut round = Vec::new();
        let mut at = start;
        while let Some(step) = from.get(&at).filter(|_| round.len() <= circle.len()) {
            round.push(*step);
            at = step.0;
            if at == start {
                break;
            }
        }
        round.reverse();
        round
    }

    fn too_long(&self, found: &Longest, most: Duration, name: &str, who: &str, key: &str, proof: &mut Proof) {
        let Some((place, rest)) = found.nearest_over(&self.walk, most) else { return };
        let what = format!(
            "{who} here is in the call for {} more; {} are allowed{}",
            seconds(rest),
            seconds(most),
            self.and_worse(found.worst(&self.walk), rest)
        );
        let hint =
            format!("shorten texts, timers or `tries` on the way, or allow more with `{key}` in [limits] and say why");
        let mut way = self.walk.way_to(place);
        way.extend(found.way_from(&self.walk, place));
        let call = self.call(&format!("{name}-in-{}", self.name(place)), &what, deeds(&self.walk, &way));
        proof.faults.push(shown_by(self.fault(place, what).hint(hint), &call));
    }

    /// A person is near, from everywhere.
    fn person(&self, proof: &mut Proof) -> Nearness {
        let found: ToPerson = to_person(&self.walk, &self.persons);
        let most = self.compiled.menu.limits.person_within;
        let worst = found.worst(&self.walk);
        if let Some((place, within)) = found.nearest_over(&self.walk, most) {
            let what = format!(
                "a caller who wants a person from here needs {}; {} are allowed{}",
                seconds(within),
                seconds(most),
                self.and_worse(worst, within)
            );
            let hint = "shorten the texts before a key is asked for, or allow more with `person-within` in [limits] and say why";
            let mut way = self.walk.way_to(place);
            way.extend(found.way_from(&self.walk, place));
            let mut deeds = deeds(&self.walk, &way);
            deeds.push(Deed::HangUp);
            let call = self.call(&format!("person-from-{}", self.name(place)), &what, deeds);
            proof.faults.push(shown_by(self.fault(place, what).hint(hint), &call));
        }
        let states = self.walk.states.iter().zip(&found.within);
        let goes_on = |state: &State| !matches!(state.doing, Doing::Leaving | Doing::Ended);
        let without = states.filter(|(state, within)| within.is_none() && goes_on(state)).map(|(state, _)| state.step);
        Nearness { worst, without: without.collect() }
    }

    /// Where it is worse still.
    fn and_worse(&self, worst: Option<(Place, Duration)>, than: Duration) -> String {
        let worse = worst.filter(|(_, time)| *time > than);
        worse.map_or_else(String::new, |(place, time)| format!(" (and {} from `{}`)", seconds(time), self.name(place)))
    }

    /// What was walked, and what holds.
    fn tell(&self, proof: &mut Proof, longest: [Option<&Longest>; 2], person: &Nearness) {
        let states = self.walk.states.len();
        let ways: usize = self.walk.states.iter().map(|state| state.edges.len()).sum();
        let steps = &self.compiled.menu.steps;
        let reached = self.walk.reached(steps.len());
        let missed: Vec<&str> =
            steps.iter().zip(&reached).filter(|(_, reached)| !**reached).map(|(s, _)| &*s.name).collect();
        let summary = &mut proof.summary;
        if self.walk.whole {
            summary.push(format!("walked {states} states of a call over {ways} ways between them: all there are"));
        } else {
            summary.push(format!(
                "walked the {states} states of a call that are nearest to its beginning, over {ways} ways; there are more, \
                 so what follows holds of these alone"
            ));
            let edge: BTreeSet<StepId> =
                self.walk.states.iter().filter(|state| !state.walked).map(|state| state.step).collect();
            summary.push(format!("not all was walked that can be done in {}", some_of(&self.names(edge.into_iter()))));
        }
        if proof.faults.iter().all(|fault| fault.example.is_none()) {
            summary.push("no round without a key, and a person or a goodbye ahead from everywhere".to_owned());
        }
        if missed.is_empty() {
            summary.push(format!("every one of its {} steps is come to", steps.len()));
        } else {
            summary.push(format!("{} of {} steps were not come to: {}", missed.len(), steps.len(), some_of(&missed)));
        }
        for (found, who) in longest.into_iter().zip(["falls silent", "presses wrong keys alone"]) {
            if let Some((place, rest)) = found.and_then(|found| found.worst(&self.walk)) {
                summary.push(format!(
                    "a caller who {who} is at the end within {}, the longest from `{}`",
                    seconds(rest),
                    self.name(place)
                ));
            }
        }
        if self.persons.is_empty() {
            summary.push("no step of it is a person".to_owned());
            return;
        }
        if let Some((place, within)) = person.worst {
            let where_one_is = if person.without.is_empty() { "everywhere" } else { "wherever there is one" };
            let farthest = self.name(place);
            summary.push(format!(
                "a person is within {} of {where_one_is}, the farthest from `{farthest}`",
                seconds(within)
            ));
        }
        if !person.without.is_empty() {
            let steps = self.names(person.without.iter().copied());
            summary.push(format!(
                "from these steps some callers can come to no person, or the records can keep them from one: {}",
                some_of(&steps)
            ));
        }
    }
}

/// The first of some names.
fn some_of(names: &[&str]) -> String {
    let some: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
    format!("{}{}", some.join(", "), if names.len() > 10 { ", …" } else { "" })
}

/// The steps that `0` leads to, and those that hand the call over.
fn persons(menu: &Menu) -> Vec<StepId> {
    let mut persons = BTreeSet::new();
    for (place, step) in menu.steps.iter().enumerate() {
        match &step.kind {
            Kind::Menu { rules, .. } | Kind::Ask { rules, .. } => persons.extend(rules.person),
            Kind::ReadBack { person, .. } => drop(persons.insert(*person)),
            Kind::Transfer { .. } => drop(persons.insert(StepId(place))),
            _ => {}
        }
    }
    persons.into_iter().collect()
}
