//! What of a menu test calls have taken: the words of `hotline test`, the marks of `hotline graph --coverage`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::Wrong;
use super::test::DemoRecords;
use crate::dialogue::Taken;
use crate::drawing::{Mark, Marks};
use crate::menu::Compiled;
use crate::proof::{Sort, Takable, sort_of};
use crate::simulate::{Scene, play};

/// What can be taken, and what of it has not been.
pub(super) struct Coverage<'a> {
    pub(super) takable: Takable<'a>,
    pub(super) untaken: BTreeSet<Taken>,
}

impl<'a> Coverage<'a> {
    /// Of what calls have taken. `scene` is the same menu with its texts.
    pub(super) fn of(compiled: &'a Compiled, scene: &'a Scene, taken: &BTreeSet<Taken>) -> Coverage<'a> {
        let takable = Takable::of(compiled, scene);
        let untaken = takable.things().filter(|thing| !taken.contains(thing)).collect();
        Coverage { takable, untaken }
    }

    /// Of the calls of a folder, however they go.
    ///
    /// # Errors
    /// The folder, or a call in it, cannot be read.
    pub(super) fn by_calls(compiled: &'a Compiled, scene: &'a Scene, folder: &Path) -> Result<Coverage<'a>, Wrong> {
        let suite = super::test::suite(folder)?;
        if !suite.faults.is_empty() {
            return Err(Wrong::Faults(suite.faults));
        }
        let mut records = DemoRecords::default();
        let taken = suite.calls.iter().flat_map(|(_, call)| play(scene, call, &records.on(call)).taken);
        Ok(Coverage::of(compiled, scene, &taken.collect()))
    }

    /// How many things of each sort were taken, and how many there are.
    pub(super) fn counts(&self) -> Vec<(Sort, usize, usize)> {
        let count = |sort| {
            let of_sort: Vec<Taken> = self.takable.things().filter(|thing| sort_of(*thing) == sort).collect();
            let taken = of_sort.iter().filter(|thing| !self.untaken.contains(thing)).count();
            (sort, taken, of_sort.len())
        };
        Sort::ALL.into_iter().map(count).collect()
    }

    /// `41 of 41 steps, 166 of 167 keys, 38 of 39 outcomes`.
    pub(super) fn in_words(&self) -> String {
        let counts = self.counts().into_iter();
        let counts: Vec<String> =
            counts.map(|(sort, taken, all)| format!("{taken} of {all} {}", sort.plural())).collect();
        counts.join(", ")
    }

    /// What was not taken, by step.
    pub(super) fn by_step(&self) -> BTreeMap<Arc<str>, Vec<String>> {
        let mut by_step: BTreeMap<Arc<str>, Vec<String>> = BTreeMap::new();
        for thing in &self.untaken {
            let (step, what) = self.takable.name(*thing);
            by_step.entry(step).or_default().push(what);
        }
        by_step
    }

    /// The same on a picture: a bar as long as the part of each step that was taken, what was not in red. A step that no call
    /// comes to is pale.
    pub(super) fn marks(&self) -> Marks {
        let mut all: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        let mut come_to = HashSet::new();
        for thing in self.takable.things() {
            let (step, _) = self.takable.name(thing);
            if matches!(thing, Taken::Step(_)) && !self.untaken.contains(&thing) {
                come_to.insert(Arc::clone(&step));
            }
            *all.entry(step).or_default() += 1;
        }
        let untaken = self.by_step();
        let steps = all.into_iter().filter(|(step, _)| come_to.contains(step)).map(|(step, all)| {
            let missed = untaken.get(&step);
            let taken = all.saturating_sub(missed.map_or(0, Vec::len));
            let share = u8::try_from(taken * 100 / all.max(1)).unwrap_or(100);
            let text = if missed.is_none() { "all taken".to_owned() } else { format!("{taken} of {all} taken") };
            (step, Mark { share, text, alarm: missed.map(|missed| format!("not: {}", shortened(missed))) })
        });
        Marks { caption: format!("test calls take {}", self.in_words()), steps: steps.collect() }
    }
}

/// `key 1, key 2, silence` as `keys 1 2, silence`: a box is narrow.
fn shortened(things: &[String]) -> String {
    let keys: Vec<&str> = things.iter().filter_map(|thing| thing.strip_prefix("key ")).collect();
    let others = things.iter().filter(|thing| !thing.starts_with("key ")).map(String::as_str);
    let named = match keys.as_slice() {
        [] => None,
        [key] => Some(format!("key {key}")),
        keys => Some(format!("keys {}", keys.join(" "))),
    };
    named.as_deref().into_iter().chain(others).collect::<Vec<&str>>().join(", ")
}

/// What `hotline test` says of it.
pub(super) fn tell(coverage: &Coverage<'_>, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    writeln!(out, "\ntaken: {}", coverage.in_words())?;
    if !coverage.takable.is_whole() {
        writeln!(out, "  the menu is too large to be walked whole: there may be more to take")?;
    }
    let by_step = coverage.by_step();
    by_step.iter().try_for_each(|(step, things)| writeln!(out, "  not in `{step}`: {}", things.join(", ")))
}
