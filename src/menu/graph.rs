//! Where steps lead, as a whole: no step that no caller comes to, no call that cannot end, no speaking in circles.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::compiled::{SlotId, StepId};
use super::faults::Faults;

/// A step, as far as its ways go.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Its name in the script.
    pub(super) span: Range<usize>,
    /// The steps it leads to; those it was meant to lead to, where a name is wrong.
    pub(super) to: Vec<usize>,
    /// The person step, if `0` leads there.
    pub(super) person: Vec<usize>,
    /// Those of `to` that only a good answer leads to.
    pub(super) answered: Vec<usize>,
    /// The slot that a good answer is kept in.
    pub(super) stores: Option<SlotId>,
    /// The slots it reads, and where it says so.
    pub(super) reads: Vec<(SlotId, Range<usize>)>,
    /// The slots that it compares with a person's records.
    pub(super) compares: Vec<SlotId>,
    /// It says the notice, to its end.
    pub(super) notice: bool,
    /// It waits for the caller.
    pub(super) question: bool,
    /// It ends the call.
    pub(super) ends: bool,
    /// It may lead to any step: some of its ways could not be read.
    pub(super) open: bool,
    /// Where it says `@back`.
    pub(super) goes_back: Option<Range<usize>>,
    /// Where it says `@repeat`.
    pub(super) repeats: Option<Range<usize>>,
}

/// All steps.
pub(super) struct Graph {
    /// By [`StepId`].
    pub(super) nodes: Vec<Node>,
    /// Where calls begin, if that is known.
    pub(super) start: Option<StepId>,
    /// Whether callers have heard the notice before they come here.
    pub(super) noticed: bool,
}

impl Graph {
    pub(super) fn check(&self, faults: &mut Faults) {
        let circles = self.circles(faults);
        self.dead_ends(&circles, faults);
        if let Some(start) = self.start {
            self.unreachable(start.0, faults);
            self.back_before_a_question(start.0, faults);
            self.read_before_stored(start.0, faults);
            self.asked_before_the_notice(start.0, faults);
        }
    }

    /// Questions for what says who somebody is, which a call can come to without having heard the notice.
    fn asked_before_the_notice(&self, start: usize, faults: &mut Faults) {
        let compared: BTreeSet<SlotId> = self.nodes.iter().flat_map(|node| node.compares.iter().copied()).collect();
        if self.noticed || faults.is_broken() || self.nodes.get(start).is_none_or(|node| node.notice) {
            return;
        }
        let said = |place: usize| self.nodes.get(place).is_some_and(|node| node.notice);
        let reached = self.reached(start, |to| !said(to));
        let asks = |node: &Node| node.stores.is_some_and(|slot| compared.contains(&slot));
        for (node, _) in self.nodes.iter().zip(reached).filter(|(node, reached)| *reached && asks(node)) {
            let what = "a call can come to this question for personal data without having heard the notice (Personal \
                        Information Protection Law, articles 17 and 35)";
            let hint = "say the notice on every way to it: a `say` step with `notice = true` and `skippable = false`; or \
                        write `notice-said-before = true` in [hotline] if the exchange in front says it";
            faults.error(&node.span, what, hint);
        }
    }

    /// Steps that no call comes to.
    fn unreachable(&self, start: usize, faults: &mut Faults) {
        if faults.is_broken() || self.nodes.iter().any(|node| node.open) {
            return;
        }
        let reached = self.reached(start, |_| true);
        for (node, _) in self.nodes.iter().zip(reached).filter(|(_, reached)| !reached) {
            faults.error(&node.span, "no call ever comes to this step", "lead to it from another step, or take it out");
        }
    }

    /// Steps from which neither a hang-up nor a person can be reached.
    fn dead_ends(&self, circles: &[bool], faults: &mut Faults) {
        let mut from: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            for to in &node.to {
                from.get_mut(*to).into_iter().for_each(|list| list.push(place));
            }
        }
        let persons = self.nodes.iter().flat_map(|node| node.person.iter().copied());
        let ends = self.nodes.iter().enumerate().filter(|(_, node)| node.ends || node.open).map(|(place, _)| place);
        let mut good = vec![false; self.nodes.len()];
        let mut queue: VecDeque<usize> = persons.chain(ends).collect();
        while let Some(place) = queue.pop_front() {
            if good.get_mut(place).is_none_or(|good| std::mem::replace(good, true)) {
                continue;
            }
            queue.extend(from.get(place).into_iter().flatten());
            // `@back` and a `@repeat` that is no question's own lead to a question that leads here.
            if self.nodes.get(place).is_some_and(|node| node.question) {
                let after = self.reached(place, |_| true);
                let back = |node: &Node| node.goes_back.is_some() || (node.repeats.is_some() && !node.question);
                let later = self.nodes.iter().zip(after).enumerate().filter(|(_, (node, after))| *after && back(node));
                queue.extend(later.map(|(place, _)| place));
            }
        }
        for ((node, good), circle) in self.nodes.iter().zip(good).zip(circles) {
            if !good && !circle {
                let what = "from this step a caller can neither reach a person nor come to an end";
                faults.error(&node.span, what, "lead from it to a step that hangs up, or to the person");
            }
        }
    }

    /// Rounds of steps without a question: the hotline would speak, or be silent, without end. True for steps in one.
    fn circles(&self, faults: &mut Faults) -> Vec<bool> {
        // Steps that are no questions are taken away as long as one leads only to what is away; rounds are left, and what
        // leads into them, which is taken away the same way from the other side.
        let silent = |place: &usize| self.nodes.get(*place).is_some_and(|node| !node.question && !node.open);
        let mut left: Vec<bool> = self.nodes.iter().map(|node| !node.question && !node.open).collect();
        for forward in [true, false] {
            let mut ways: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
            let mut count = vec![0_usize; self.nodes.len()];
            for (place, node) in self.nodes.iter().enumerate().filter(|(place, _)| left.get(*place) == Some(&true)) {
                for to in node.to.iter().filter(|to| silent(to) && left.get(**to) == Some(&true)) {
                    let (here, there) = if forward { (place, *to) } else { (*to, place) };
                    ways.get_mut(there).into_iter().for_each(|list| list.push(here));
                    count.get_mut(here).into_iter().for_each(|count| *count += 1);
                }
            }
            let mut queue: VecDeque<usize> = (0..self.nodes.len())
                .filter(|place| left.get(*place) == Some(&true) && count.get(*place) == Some(&0))
                .collect();
            while let Some(place) = queue.pop_front() {
                left.get_mut(place).into_iter().for_each(|left| *left = false);
                for here in ways.get(place).into_iter().flatten() {
                    if let Some(count) = count.get_mut(*here) {
                        *count -= 1;
                        if *count == 0 {
                            queue.push_back(*here);
                        }
                    }
                }
            }
        }
        self.report_circles(&left, faults);
        left
    }

    /// One fault a round: at its first step in the script.
    fn report_circles(&self, circles: &[bool], faults: &mut Faults) {
        let mut told = vec![false; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            if circles.get(place) != Some(&true) || told.get(place) == Some(&true) {
                continue;
            }
            let what = "this step leads back to itself without ever asking the caller anything";
            faults.error(&node.span, what, "put a question into the round: a `menu` or an `ask` step");
            let same = self.reached(place, |to| circles.get(to) == Some(&true));
            for (told, same) in told.iter_mut().zip(same) {
                *told |= same;
            }
        }
    }

    /// Steps that say `@back` or `@repeat` before any question has been asked.
    fn back_before_a_question(&self, start: usize, faults: &mut Faults) {
        let asked = |place: usize| self.nodes.get(place).is_some_and(|node| node.question);
        let reached = self.reached(start, |to| !asked(to));
        for (node, _) in self.nodes.iter().zip(reached).filter(|(node, reached)| *reached && !node.question) {
            for span in node.goes_back.iter().chain(&node.repeats) {
                let what =
                    "a call can come here before it was asked anything, and then there is no question to go back to";
                faults.error(span, what, "lead to a step by its name");
            }
        }
    }

    /// Steps that read a slot which nothing has been stored in on some way to them.
    fn read_before_stored(&self, start: usize, faults: &mut Faults) {
        if faults.is_broken() || self.nodes.iter().any(|node| node.open) {
            return;
        }
        let reads = |node: &Node| node.reads.iter().map(|(slot, _)| *slot).collect::<Vec<_>>();
        let slots: BTreeSet<SlotId> = self.nodes.iter().flat_map(reads).collect();
        for slot in slots {
            let mut without = Graph { nodes: self.nodes.clone(), start: self.start, noticed: self.noticed };
            for node in without.nodes.iter_mut().filter(|node| node.stores == Some(slot)) {
                // Giving up may lead to the same step as an answer: each way is taken out once.
                for answered in std::mem::take(&mut node.answered) {
                    node.to.iter().position(|to| *to == answered).map(|place| node.to.swap_remove(place));
                }
            }
            let reached = without.reached(start, |_| true);
            for (node, _) in self.nodes.iter().zip(reached).filter(|(_, reached)| *reached) {
                for (_, span) in node.reads.iter().filter(|(read, _)| *read == slot) {
                    let what = "a call can come here before anything is stored in this slot";
                    faults.warning(
                        span,
                        what,
                        "lead to the question that stores it first; without it the caller is led to `unavailable`",
                    );
                }
            }
        }
    }

    /// The steps that can be come to from one, itself among them, over steps that `through` lets pass.
    fn reached(&self, start: usize, through: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        let mut queue = vec![start];
        while let Some(place) = queue.pop() {
            if reached.get_mut(place).is_none_or(|reached| std::mem::replace(reached, true)) {
                continue;
            }
            if let Some(node) = self.nodes.get(place) {
                queue.extend(node.to.iter().copied().filter(|to| through(*to)));
            }
        }
        reached
    }
}
