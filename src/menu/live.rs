//! Which keyed answers can still be of use: at each step those that some way on reads before it stores them anew. The others
//! are forgotten, so that nothing personal is held for longer than it is needed.
//!
//! ```text
//!   enter-id ──▶ enter-number ──▶ verify         at enter-number: the ID
//!      ▲                            │            at main: neither, since every way to verify asks for both
//!     main ◀────────────────────────┘
//! ```
//!
//! `@back` is no way here: it leads to a question that was asked before, and what is of use there is of use to the call.

use super::compiled::{Field, Kind, Period, SlotId, Step, Target};
use super::ways::{By, Way, ways_of};

/// By step and slot, whether the slot's answer can be of use there. One more at each step's end: whether it matters that
/// somebody's password must be changed.
pub(super) fn live(steps: &[Step], slots: usize) -> Vec<Vec<bool>> {
    let mut live = vec![vec![false; slots + 1]; steps.len()];
    // By step, the ways that come to it: from which step, and what is stored anew or forgotten on them.
    let mut before: Vec<Vec<(usize, Vec<usize>)>> = vec![Vec::new(); steps.len()];
    for (place, step) in steps.iter().enumerate() {
        for way in ways_of(step) {
            if let Target::Step(to) = way.to {
                let overwritten = overwritten(&step.kind, &way, slots);
                before.get_mut(to.0).into_iter().for_each(|ways| ways.push((place, overwritten.clone())));
            }
        }
    }
    for slot in 0..=slots {
        let reads = |step: &Step| reads(&step.kind, slots).contains(&slot);
        let mut queue: Vec<usize> =
            steps.iter().enumerate().filter(|(_, step)| reads(step)).map(|(place, _)| place).collect();
        while let Some(place) = queue.pop() {
            let known = live.get_mut(place).and_then(|step| step.get_mut(slot));
            if known.is_none_or(|known| std::mem::replace(known, true)) {
                continue;
            }
            let ways = before.get(place).into_iter().flatten();
            queue.extend(ways.filter(|(_, overwritten)| !overwritten.contains(&slot)).map(|(from, _)| *from));
        }
    }
    live
}

fn reads(kind: &Kind, must_change: usize) -> Vec<usize> {
    match kind {
        Kind::Ask { field: Field::PasswordAgain(slot), .. } | Kind::ReadBack { period: Period::YearIn(slot), .. } => {
            vec![slot.0]
        }
        Kind::Verify { facts, .. } => facts.iter().map(|(_, slot)| slot.0).collect(),
        Kind::SetPassword { password, .. } => vec![password.0, must_change],
        Kind::Dispute { insurance, month, blame, callback, .. } => {
            [*insurance, *month, *blame].into_iter().chain(*callback).map(|slot| slot.0).collect()
        }
        _ => Vec::new(),
    }
}

fn overwritten(kind: &Kind, way: &Way, must_change: usize) -> Vec<usize> {
    match (kind, way.by) {
        (Kind::Ask { store, .. }, By::Event("then") | By::Key(crate::facts::Key::Digit(1 | 2))) => vec![store.0],
        (Kind::Verify { .. }, By::Event("initial")) => vec![must_change],
        (Kind::Verify { facts, .. }, By::Event(name @ ("matched" | "unmatched" | "locked"))) => {
            let slots = facts.iter().map(|(_, SlotId(slot))| *slot);
            slots.chain((name == "matched").then_some(must_change)).collect()
        }
        (Kind::SetPassword { password, .. }, By::Event("weak")) => vec![password.0],
        (Kind::SetPassword { password, .. }, By::Event("changed")) => vec![password.0, must_change],
        _ => Vec::new(),
    }
}
