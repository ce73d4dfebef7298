//! Names of steps and slots become their places; one that there is not is told, with the one that was probably meant.

use std::ops::Range;

use super::super::compiled::{SlotId, StepId, Target};
use super::super::graph::Node;
use super::super::read::ScriptStep;
use super::super::scalar::{At, Goal, PersonRoute, SlotName, StepName, shorten};
use super::super::slots::Content;
use super::Compiler;
use crate::facts::did_you_mean;

impl Compiler<'_, '_> {
    /// Nothing says where `0` leads: that is said of one step for all.
    pub(super) fn no_person<T>(&mut self, step: &ScriptStep) -> Option<T> {
        if !std::mem::replace(&mut self.person_missing, true) {
            let what = "nothing says where `0` leads from here";
            let hint =
                "write `person = \"…\"` in [defaults]: the step where callers reach a person, or hear when they can";
            self.faults.error(&step.span, what, hint);
        }
        None
    }

    /// The step for records that do not answer: the table's own, `[defaults]`' (it is in the table by now), the person.
    pub(super) fn unavailable(
        &mut self,
        own: Option<&At<StepName>>,
        step: &ScriptStep,
        node: &mut Node,
    ) -> Option<StepId> {
        match (own, self.person) {
            (Some(own), _) => self.to(own, node),
            (None, Some(At { value: PersonRoute::Step(name), span })) => {
                let person = self.named(name, span, node)?;
                node.to.push(person.0);
                Some(person)
            }
            (None, _) => {
                let what = "nothing says where it leads when the records do not answer";
                self.faults.error(&step.span, what, "write `unavailable = \"…\"`, here or in [defaults]");
                node.open = true;
                None
            }
        }
    }

    pub(super) fn goal(&mut self, goal: &At<Goal>, node: &mut Node) -> Option<Target> {
        match &goal.value {
            Goal::Step(name) => {
                let step = self.named(name, &goal.span, node)?;
                node.to.push(step.0);
                Some(Target::Step(step))
            }
            Goal::Repeat => {
                node.repeats.get_or_insert(goal.span.clone());
                Some(Target::Repeat)
            }
            Goal::Back => {
                node.goes_back.get_or_insert(goal.span.clone());
                Some(Target::Back)
            }
        }
    }

    pub(super) fn to(&mut self, name: &At<StepName>, node: &mut Node) -> Option<StepId> {
        let step = self.named(&name.value.0, &name.span, node)?;
        node.to.push(step.0);
        Some(step)
    }

    pub(super) fn named(&mut self, name: &str, span: &Range<usize>, node: &mut Node) -> Option<StepId> {
        if let Some(step) = self.steps.get(name) {
            return Some(*step);
        }
        if self.lost.contains(name) {
            node.open = true;
            return None;
        }
        let meant = if self.faults.has_room() { did_you_mean(name, self.steps.keys().copied()) } else { None };
        let hint = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write a step of that name, or lead to one that there is".to_owned(),
        };
        // The step that was meant is not without a way to it.
        match meant.and_then(|meant| self.steps.get(meant)) {
            Some(meant) => node.to.push(meant.0),
            None => node.open = true,
        }
        self.faults.error(span, format!("there is no step `{}`", shorten(name)), hint);
        None
    }

    pub(super) fn slot(&mut self, slot: &At<SlotName>, wanted: Content, node: &mut Node) -> Option<SlotId> {
        let name = &*slot.value.0;
        let Some(id) = self.slots.by_name.get(name).copied() else {
            if !self.slots.open {
                let hint = match did_you_mean(name, self.slots.names.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("ask for it before, in {} with store = \"{}\"", wanted.name(), shorten(name)),
                };
                self.faults.error(&slot.span, format!("nothing is ever stored in the slot `{}`", shorten(name)), hint);
            }
            return None;
        };
        let content = self.slots.contents.get(id.0).copied().unwrap_or(Content::Unknown);
        if !content.is_like(wanted) && content != Content::Unknown {
            let what = format!("the slot `{}` holds what {} stores", shorten(name), content.name());
            self.faults.error(&slot.span, what, format!("here it must be {}", wanted.name()));
            return None;
        }
        node.reads.push((id, slot.span.clone()));
        Some(id)
    }
}
