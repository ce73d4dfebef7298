//! The steps by which a caller is known and changes what is kept of them: verifications, query passwords, disputes.

use super::super::compiled::{Kind, SlotId};
use super::super::graph::Node;
use super::super::read::ScriptStep;
use super::super::script::{Dispute, SetPassword, Verify};
use super::super::slots::Content;
use super::{Compiler, id};
use crate::facts::{CARD_END, Fact};

impl Compiler<'_, '_> {
    pub(super) fn verify(&mut self, verify: &Verify, step: &ScriptStep, node: &mut Node) -> Option<Kind> {
        let facts = self.facts(verify, step, node);
        let matched = self.to(&verify.matched, node);
        let unmatched = self.to(&verify.unmatched, node);
        let locked = self.to(&verify.locked, node);
        let initial = verify.initial.as_ref().map(|initial| self.to(initial, node));
        match (&verify.verify.password, &verify.initial) {
            (Some(password), None) => {
                let what = "nothing says where it leads when the password is still the one that the person was given";
                let hint = "write `initial = \"…\"`: the step that asks for a new password";
                self.faults.error(&password.span, what, hint);
                node.open = true;
            }
            (None, Some(initial)) => {
                let what = "`initial` is for passwords, and none is compared here";
                self.faults.error(&initial.span, what, "leave it out, or compare a `password`");
            }
            _ => {}
        }
        let unavailable = self.unavailable(verify.unavailable.as_ref(), step, node);
        Some(Kind::Verify {
            facts: facts?,
            matched: matched?,
            unmatched: unmatched?,
            locked: locked?,
            initial: initial.map_or(Some(None), |initial| initial.map(Some))?,
            unavailable: unavailable?,
        })
    }

    /// Which facts are believed: each from a slot of its own field, one of them saying who it is, and another that proves it.
    fn facts(&mut self, verify: &Verify, step: &ScriptStep, node: &mut Node) -> Option<Vec<(Fact, SlotId)>> {
        let named = &verify.verify;
        let slots = Fact::ALL.map(|fact| match fact {
            Fact::Id => (fact, &named.id, Content::CitizenId),
            Fact::Card => (fact, &named.card, Content::Digits(CARD_END as u8)),
            Fact::PersonalNumber => (fact, &named.personal_number, Content::Digits(1)),
            Fact::Number => (fact, &named.number, Content::Digits(1)),
            Fact::Password => (fact, &named.password, Content::Password),
        });
        let written: Vec<_> =
            slots.into_iter().filter_map(|(fact, slot, wanted)| Some((fact, slot.as_ref()?, wanted))).collect();
        let names =
            || Fact::ALL.into_iter().filter(|fact| fact.names_a_person()).map(|fact| format!("`{}`", fact.key()));
        if !written.iter().any(|(fact, ..)| fact.names_a_person()) {
            let what = "nothing that is compared here says who the caller is";
            let hint = format!("compare one of {} as well", names().collect::<Vec<_>>().join(", "));
            self.faults.error(&step.span, what, hint);
            return None;
        }
        if written.len() < 2 {
            let what = "one number alone proves nothing: whoever has read it somewhere would be believed";
            self.faults.error(
                &step.span,
                what,
                "compare another one as well, as in { id = \"id\", number = \"number\" }",
            );
        }
        let mut facts: Vec<(Fact, SlotId)> = Vec::new();
        let most = written.len();
        for (fact, slot, wanted) in written {
            let Some(id) = self.slot(slot, wanted, node) else { continue };
            if let Some((other, _)) = facts.iter().find(|(_, other)| *other == id) {
                let what = format!("`{}` and `{}` are compared with the same slot", other.key(), fact.key());
                self.faults.error(&slot.span, what, "ask for each of them, and keep each in a slot of its own");
            }
            if let (Fact::Card, Some(Content::Digits(least @ 0..8))) = (fact, self.slots.contents.get(id.0)) {
                let what = format!("a card is known by its last {CARD_END} digits, and here {least} are enough");
                self.faults.error(&slot.span, what, format!("let `min` of the field be {CARD_END} or more"));
            }
            facts.push((fact, id));
            node.compares.push(id);
        }
        (facts.len() == most).then_some(facts)
    }

    pub(super) fn set_password(&mut self, set: &SetPassword, step: &ScriptStep, node: &mut Node) -> Option<Kind> {
        let password = self.slot(&set.set_password, Content::Password, node);
        let changed = self.to(&set.changed, node);
        let weak = self.to(&set.weak, node);
        let unavailable = self.unavailable(set.unavailable.as_ref(), step, node);
        Some(Kind::SetPassword { password: password?, changed: changed?, weak: weak?, unavailable: unavailable? })
    }

    pub(super) fn dispute(&mut self, dispute: &Dispute, step: &ScriptStep, node: &mut Node) -> Option<Kind> {
        let about = &dispute.about;
        let insurance = self.slot(&about.insurance, Content::Insurance, node);
        let month = self.slot(&about.month, Content::Month, node);
        let blame = self.slot(&about.whose_error, Content::WhoseError, node);
        let callback = about.callback.as_ref().map(|slot| self.slot(slot, Content::Digits(1), node));
        let then = self.goal(&dispute.then, node);
        let too_many = self.to(&dispute.too_many, node);
        let no_number = dispute.no_number.as_ref().map(|step| self.to(step, node));
        match (&about.callback, &dispute.no_number) {
            (None, None) => {
                let what = "nothing says where it leads when the caller's number is withheld";
                let hint = "write `no-number = \"…\"`: the step that asks for a number to call back";
                self.faults.error(&step.span, what, hint);
                node.open = true;
            }
            (Some(_), Some(no_number)) => {
                let what = "`no-number` is for disputes without a `callback`, and this one has one";
                self.faults.error(&no_number.span, what, "leave it out");
            }
            _ => {}
        }
        let unavailable = self.unavailable(dispute.unavailable.as_ref(), step, node);
        Some(Kind::Dispute {
            message: id(&dispute.dispute),
            insurance: insurance?,
            month: month?,
            blame: blame?,
            callback: callback.map_or(Some(None), |slot| slot.map(Some))?,
            then: then?,
            too_many: too_many?,
            no_number: no_number.map_or(Some(None), |step| step.map(Some))?,
            unavailable: unavailable?,
        })
    }
}
