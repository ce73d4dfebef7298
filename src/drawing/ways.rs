//! Which ways are drawn as lines, and which are written into their step's box.
//!
//! A menu leads back to where it was at nearly every step, and to the person from everywhere: lines for all of that would
//! hide the rest. So a way is drawn if it leads onwards, as a depth-first walk in the script's order finds it; what leads
//! back is written (`# ↑ topics`). To a step that [`MANY`] others lead on to, one line is drawn, from the step nearest to the
//! beginning; from the others it is written (`0 → person`).

use std::collections::BTreeMap;

use crate::menu::{Menu, StepId, Target, Way};

/// So many steps lead on to one whose ways are written.
pub(super) const MANY: usize = 4;
/// The same in a menu that is too large otherwise: a tree, which can be laid out in seconds.
pub(super) const MANY_IN_A_LARGE_ONE: usize = 2;
/// Steps of the largest menu of which every way onwards is drawn.
pub(super) const LARGE: usize = 150;

/// The ways of a menu, sorted.
pub(super) struct Ways {
    /// From, to, and what leads along.
    pub(super) drawn: Vec<(usize, usize, String)>,
    /// By step: what is written in its box.
    pub(super) written: Vec<Vec<String>>,
}

/// `many`: so many steps lead on to one whose ways are written.
pub(super) fn sort(menu: &Menu, many: usize) -> Ways {
    let all: Vec<Vec<Way>> = menu.steps.iter().map(|step| menu.ways(step)).collect();
    let to: Vec<BTreeMap<usize, String>> = all.iter().map(|ways| joined(ways)).collect();
    let order: Vec<Vec<usize>> = all.iter().map(|ways| ways.iter().filter_map(place).collect()).collect();
    let left = left_at(menu.start.0, &order);
    let near = nearness(menu.start.0, &order);
    let mut from: Vec<Vec<usize>> = vec![Vec::new(); to.len()];
    for (place, targets) in to.iter().enumerate() {
        for target in targets.keys() {
            from.get_mut(*target).into_iter().for_each(|from| from.push(place));
        }
    }
    let back = &|here: usize, there: usize| left.get(here) <= left.get(there);
    let onwards = |there: usize| from.get(there).into_iter().flatten().filter(move |here| !back(**here, there));
    let many = |there: usize| onwards(there).count() >= many;
    let nearest = |there: usize| onwards(there).min_by_key(|here| near.get(**here)).copied();
    let mut ways = Ways { drawn: Vec::new(), written: vec![Vec::new(); to.len()] };
    for (here, targets) in to.iter().enumerate() {
        for (there, by) in targets {
            let name = menu.steps.get(*there).map_or("", |step| &*step.name);
            let written = if back(here, *there) {
                format!("{by} ↑ {name}")
            } else if many(*there) && nearest(*there) != Some(here) {
                format!("{by} → {name}")
            } else {
                ways.drawn.push((here, *there, by.clone()));
                continue;
            };
            ways.written.get_mut(here).into_iter().for_each(|list| list.push(written.clone()));
        }
        let own = all.get(here).into_iter().flatten().filter_map(own_way);
        ways.written.get_mut(here).into_iter().for_each(|list| list.extend(own.clone()));
    }
    ways
}

/// What leads to each step, in one text: `1, gave-up`.
fn joined(ways: &[Way]) -> BTreeMap<usize, String> {
    let mut by: BTreeMap<usize, String> = BTreeMap::new();
    for way in ways {
        let Some(to) = place(way) else { continue };
        let text = by.entry(to).or_default();
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&way.by.to_string());
    }
    by
}

fn place(way: &Way) -> Option<usize> {
    match way.to {
        Target::Step(StepId(place)) => Some(place),
        Target::Repeat | Target::Back => None,
    }
}

fn own_way(way: &Way) -> Option<String> {
    match way.to {
        Target::Step(_) => None,
        Target::Repeat => Some(format!("{} again", way.by)),
        Target::Back => Some(format!("{} back", way.by)),
    }
}

/// When a depth-first walk leaves each step for good: of two steps, the one that leads on to the other is left later.
fn left_at(start: usize, order: &[Vec<usize>]) -> Vec<usize> {
    let mut left = vec![0; order.len()];
    let mut met = vec![false; order.len()];
    let mut count = 0;
    // Each step on the way to here, and how many of its ways have been tried.
    let mut stack = vec![(start, 0)];
    met.get_mut(start).into_iter().for_each(|met| *met = true);
    while let Some((here, tried)) = stack.last_mut() {
        let next = order.get(*here).and_then(|ways| ways.get(*tried)).copied();
        *tried += 1;
        match next {
            Some(there) => {
                if met.get_mut(there).is_some_and(|met| !std::mem::replace(met, true)) {
                    stack.push((there, 0));
                }
            }
            None => {
                count += 1;
                let here = *here;
                left.get_mut(here).into_iter().for_each(|left| *left = count);
                stack.pop();
            }
        }
    }
    left
}

/// How many ways lie between the beginning and each step.
fn nearness(start: usize, order: &[Vec<usize>]) -> Vec<usize> {
    let mut near = vec![usize::MAX; order.len()];
    near.get_mut(start).into_iter().for_each(|near| *near = 0);
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        let next = near.get(here).map_or(usize::MAX, |near| near.saturating_add(1));
        for there in order.get(here).into_iter().flatten() {
            if near.get(*there) == Some(&usize::MAX) {
                near.get_mut(*there).into_iter().for_each(|near| *near = next);
                queue.push_back(*there);
            }
        }
    }
    near
}
