//! What a caller, the records and another telephone can do at a moment of a call: one of each kind that the dialogue tells
//! apart. Of keys without a meaning one stands for all, and of the ways to key a field wrongly one for each mistake.

use std::sync::Arc;

use super::shell::{Act, Shell, Stage};
use crate::dialogue::{Doing, Transferred};
use crate::facts::{Key, Query, Reply, Weakness};
use crate::menu::{Choice, Field, Kind, Menu, PagingKeys, Rules};
use crate::records::demo::NAMED;
use crate::simulate::RecordsSay;

/// The acts that callers have in each step, by its place.
pub(super) struct Acts {
    /// While a key is awaited.
    awaited: Vec<Vec<Act>>,
    /// While payments are read.
    reading: Vec<Vec<Act>>,
    /// An answer that comes after the caller has been asked for patience.
    late: Option<RecordsSay>,
}

impl Acts {
    pub(super) fn of(menu: &Menu) -> Acts {
        let awaited = |kind: &Kind| match kind {
            Kind::Menu { choices, rules, .. } => menu_keys(choices, rules),
            Kind::Ask { field, .. } => entries(*field),
            _ => Vec::new(),
        };
        let reading = |kind: &Kind| match kind {
            Kind::ReadBack { keys, .. } => paging(keys),
            _ => Vec::new(),
        };
        let slow = menu.look_up_patience + (menu.look_up_deadline.saturating_sub(menu.look_up_patience)) / 2;
        let patience_is_asked = menu.look_up_patience < menu.look_up_deadline;
        Acts {
            awaited: menu.steps.iter().map(|step| awaited(&step.kind)).collect(),
            reading: menu.steps.iter().map(|step| reading(&step.kind)).collect(),
            late: patience_is_asked.then_some(RecordsSay::After(slow)),
        }
    }

    /// What may happen now. Where the records or the other telephone are asked, theirs alone.
    pub(super) fn now(&self, shell: &Shell, stage: &mut Stage<'_>) -> Vec<Act> {
        let step = shell.call().step().0;
        let at_once = |keys: &[Key]| keys.iter().map(|key| Act::AtOnce(*key)).collect::<Vec<_>>();
        let mut acts = vec![Act::Nothing];
        match shell.call().doing() {
            Doing::Ended => acts.clear(),
            Doing::Telling { skippable: true } => acts.extend(at_once(&[Key::Hash, Key::Star])),
            Doing::Asking { keyed: false } if !shell.speaks() => {
                acts.extend(self.awaited.get(step).into_iter().flatten().cloned());
            }
            Doing::Reading if shell.speaks() => acts.extend(self.reading.get(step).into_iter().flatten().cloned()),
            Doing::LookingUp if shell.asked().is_some() => acts = self.answers(shell, stage),
            Doing::HandingOver if shell.dials() => {
                use Transferred::{Answered, Busy, Refused, Unanswered};
                acts.extend([Answered, Busy, Unanswered, Refused].map(Act::Transfer));
            }
            _ => {}
        }
        acts
    }

    fn answers(&self, shell: &Shell, stage: &mut Stage<'_>) -> Vec<Act> {
        let verify = matches!(shell.asked(), Some(Query::Verify { .. }));
        // A field of another length than the made-up people's numbers can be matched with none of them.
        let matched = !verify || matches!(shell.usual_answer(stage), Some(Reply::Matched(_)));
        let good = if matched { None } else { Some(RecordsSay::Matched) };
        let mut says = vec![good, Some(RecordsSay::Unavailable), Some(RecordsSay::Nothing)];
        match shell.asked() {
            Some(Query::Verify { identity, .. }) => {
                says.extend([Some(RecordsSay::Unmatched), Some(RecordsSay::Locked)]);
                says.extend(identity.password.as_ref().map(|_| Some(RecordsSay::Initial)));
            }
            Some(Query::SetPassword { .. }) => {
                says.extend(Weakness::ALL.map(RecordsSay::Weak).map(Some));
            }
            Some(Query::Dispute { .. }) => says.push(Some(RecordsSay::TooMany)),
            _ => {}
        }
        says.extend(self.late.filter(|_| matched).map(Some));
        says.into_iter().map(Act::Records).collect()
    }
}

/// The first made-up person's password, and `#`.
const PASSWORD: &str = "274951#";

fn keys(text: &str) -> Act {
    Act::Press(text.chars().filter_map(Key::from_char).collect::<Vec<_>>().into())
}

fn menu_keys(choices: &[Choice], rules: &Rules) -> Vec<Act> {
    let chosen: Vec<Key> = choices.iter().map(|choice| choice.key).collect();
    let person = rules.person.map(|_| Key::Digit(0)).filter(|zero| !chosen.contains(zero));
    let others = "1234567890*#ABCD".chars().filter_map(Key::from_char);
    let wrong = others.into_iter().find(|key| !chosen.contains(key) && Some(*key) != person);
    chosen.iter().copied().chain(person).chain(wrong).map(|key| Act::Press(Arc::from([key]))).collect()
}

fn entries(field: Field) -> Vec<Act> {
    let (id, number) = NAMED.first().map_or(("", ""), |person| (person.id, person.number));
    let mut texts: Vec<String> = vec!["0".into(), "*".into(), "#".into()];
    match field {
        Field::CitizenId => {
            texts.push(format!("{}#", id.replace('X', "*")));
            texts.push("11#".into());
            texts.push("1101051949123100211#".into());
            texts.push("19010519491231002*#".into());
            texts.push("11010519490231002*#".into());
            texts.push("110105194912310021#".into());
        }
        Field::Digits { min, max } => {
            let (min, max) = (usize::from(min), usize::from(max));
            let fits = (min..=max).contains(&number.len());
            texts.push(format!("{}#", if fits { number.to_owned() } else { "1".repeat(min) }));
            texts.push(format!("{}#", "1".repeat(max + 1)));
            if min > 1 {
                texts.push("1#".into());
            }
        }
        // A year with payments of the made-up people, and one without.
        Field::Year => texts.extend(["2025#", "1950#", "25#", "20255#", "1900#"].map(str::to_owned)),
        Field::Month => texts.extend(["202603#", "2603#", "2026033#", "190003#"].map(str::to_owned)),
        Field::YesNo => texts.extend(["1", "2", "3"].map(str::to_owned)),
        // One stands for all: none leads anywhere else.
        Field::WhoseError => texts.extend(["2", "3"].map(str::to_owned)),
        Field::Insurance => texts.extend(["2", "6"].map(str::to_owned)),
        Field::Password => texts.extend([PASSWORD, "274#", "2749511#"].map(str::to_owned)),
        Field::PasswordAgain(_) => texts.extend([PASSWORD, "274952#", "274#", "2749511#"].map(str::to_owned)),
    }
    texts.iter().map(|text| keys(text)).collect()
}

fn paging(paging: &PagingKeys) -> Vec<Act> {
    let PagingKeys { next, previous, repeat, slower, stop } = *paging;
    let mut own = vec![next, previous, repeat, slower, stop, Key::Digit(0), Key::Star];
    own.sort_unstable();
    own.dedup();
    own.into_iter().map(Act::AtOnce).collect()
}
