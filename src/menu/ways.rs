//! Where each step leads, and by what: for those who show a menu rather than run it.

use super::compiled::{Kind, Menu, Rules, SlotId, Step, StepId, Target};
use crate::facts::Key;

/// A way out of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What takes a call along it.
    pub by: By,
    /// Where it leads.
    pub to: Target,
}

/// What takes a call along a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A key.
    Key(Key),
    /// What the script calls it: `then`, `gave-up`, `matched`, `unavailable`, …
    Event(&'static str),
}

impl Menu {
    /// Every way out of a step, in the order a reader of the script expects: what goes well first.
    pub fn ways(&self, step: &Step) -> Vec<Way> {
        ways_of(step)
    }

    /// Whether what was keyed into a slot can still be of use in a call that is in this step, or comes back to it.
    pub fn is_live(&self, step: StepId, slot: SlotId) -> bool {
        self.live.get(step.0).and_then(|slots| slots.get(slot.0)).copied().unwrap_or(true)
    }

    /// The same of the fact that somebody's password must be changed.
    pub fn password_change_is_live(&self, step: StepId) -> bool {
        self.is_live(step, SlotId(self.slots.len()))
    }
}

pub(super) fn ways_of(step: &Step) -> Vec<Way> {
    let event = |name, to| Way { by: By::Event(name), to };
    let step_of = |name, step: StepId| event(name, Target::Step(step));
    match &step.kind {
        Kind::Say { about, then, unavailable, .. } => {
            let looks_up = *about != super::About::Nothing;
            let unavailable = looks_up.then(|| step_of("unavailable", *unavailable));
            std::iter::once(event("then", *then)).chain(unavailable).collect()
        }
        Kind::Menu { choices, rules, .. } => {
            let choices: Vec<_> = choices.iter().map(|way| Way { by: By::Key(way.key), to: way.target }).collect();
            let rest = of_rules(rules, choices.iter().any(|way| way.by == By::Key(Key::Digit(0))));
            choices.into_iter().chain(rest).collect()
        }
        Kind::Ask { then, otherwise, rules, .. } => {
            let good = match otherwise {
                None => vec![event("then", *then)],
                Some(no) => {
                    [(1, *then), (2, *no)].map(|(digit, to)| Way { by: By::Key(Key::Digit(digit)), to }).to_vec()
                }
            };
            good.into_iter().chain(of_rules(rules, false)).collect()
        }
        Kind::Verify { matched, unmatched, locked, initial, unavailable, .. } => {
            let initial = initial.map(|initial| step_of("initial", initial));
            let others = [("unmatched", unmatched), ("locked", locked), ("unavailable", unavailable)];
            let others = others.map(|(name, step)| step_of(name, *step));
            std::iter::once(step_of("matched", *matched)).chain(initial).chain(others).collect()
        }
        Kind::SetPassword { changed, weak, unavailable, .. } => {
            vec![step_of("changed", *changed), step_of("weak", *weak), step_of("unavailable", *unavailable)]
        }
        Kind::Dispute { then, too_many, no_number, unavailable, .. } => {
            let no_number = no_number.map(|step| step_of("no-number", step));
            let others = [step_of("too-many", *too_many), step_of("unavailable", *unavailable)];
            std::iter::once(event("then", *then)).chain(no_number).chain(others).collect()
        }
        Kind::ReadBack { then, unavailable, person, .. } => vec![
            event("then", *then),
            step_of("unavailable", *unavailable),
            Way { by: By::Key(Key::Digit(0)), to: Target::Step(*person) },
        ],
        Kind::SetLanguage { then, .. } => vec![event("then", *then)],
        Kind::GoTo { then, when_verified } => {
            let verified = when_verified.map(|step| step_of("when-verified", step));
            std::iter::once(event("then", *then)).chain(verified).collect()
        }
        Kind::Transfer { busy, unanswered, refused, .. } => {
            vec![step_of("busy", *busy), step_of("unanswered", *unanswered), step_of("refused", *refused)]
        }
        Kind::HangUp { .. } => Vec::new(),
    }
}

/// The ways that every question has. `0` leads to the person where it is no choice of the question's own.
fn of_rules(rules: &Rules, zero_is_taken: bool) -> impl Iterator<Item = Way> {
    let person = rules.person.filter(|_| !zero_is_taken);
    let person = person.map(|step| Way { by: By::Key(Key::Digit(0)), to: Target::Step(step) });
    person.into_iter().chain([Way { by: By::Event("gave-up"), to: Target::Step(rules.gave_up) }])
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            By::Key(key) => write!(f, "{key}"),
            By::Event(name) => f.write_str(name),
        }
    }
}
