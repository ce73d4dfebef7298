//! What a menu may say: the dialogue says these messages and no others, with these values and no others, and
//! `hotline check` compares them with the prompts.
//!
//! ```text
//!   menu, ask    enter-id                       the question
//!                enter-id.no-input, .no-input-2 after the first silence, after later ones    } where an attribute is not
//!                enter-id.no-match, …-2         after a wrong entry without a help of its own } written, the same one of
//!                enter-id.too-short …           after a wrong entry, by field                } `common` is said
//!   read-back    payments                       first, with the months it covers
//!                payments.run, .month …         for each stretch
//!   any step     common.one-moment …            what every call may hear
//! ```

use super::compiled::{About, Field, Kind, Menu, MessageId, StepId};
use crate::speech::ValueKind;

/// One message that a menu may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The step that says it; nothing for the attributes of `common`, which every step may say.
    pub step: Option<StepId>,
    /// The message, with its attribute if it is one: `enter-id.too-short`.
    pub message: MessageId,
    /// The values it may name.
    pub given: Vec<(&'static str, ValueKind)>,
    /// Whether it must exist in every language. One that need not is replaced by the same attribute of `common`.
    pub required: bool,
}

/// A name and a kind of value.
type Given = (&'static str, ValueKind);

/// The message whose attributes every call may hear.
pub(super) const COMMON: &str = "common";

/// Attributes of a question's message, for silence and for wrong entries; `-2` after the second and later ones. A
/// question without the `-2` says its own first one again before it says that of `common`.
pub(super) const QUESTION: &[&str] = &["no-input", "no-input-2", "no-match", "no-match-2", "gave-up"];

/// Attributes of `common`, with when they are said.
pub(super) const COMMON_ATTRIBUTES: &[(&str, &str)] = &[
    ("no-input", "after the first silence"),
    ("no-input-2", "after a later silence"),
    ("no-match", "after the first wrong entry"),
    ("no-match-2", "after a later wrong entry"),
    ("too-short", "fewer digits than the field has"),
    ("too-long", "more digits than the field has"),
    ("bad-area", "an ID number whose first digits are no area"),
    ("bad-date", "an ID number whose birth date does not exist"),
    ("bad-check", "an ID number whose last symbol does not follow from the others"),
    ("help", "after a second wrong entry of any such kind, where `0` leads to a person"),
    ("out-of-range", "a year or month before 1949 or after this one"),
    ("unlike", "a password keyed again that is not the one keyed before"),
    ("one-moment", "the records have not answered for `look-up-patience`"),
    ("call-limit", "the call has lasted for `call-limit`; it ends"),
    ("gave-up", "before the caller is led to `gave-up`"),
];

/// Attributes of an `ask` step's message that say what was wrong with an entry.
pub(super) const fn field_attributes(field: Field) -> &'static [&'static str] {
    match field {
        Field::CitizenId => &["too-short", "too-long", "bad-area", "bad-date", "bad-check", "help"],
        Field::Digits { .. } => &["too-short", "too-long", "help"],
        Field::Year => &["too-short", "too-long", "out-of-range", "help"],
        Field::Month => &["too-short", "too-long", "out-of-range", "help"],
        Field::Password => &["too-short", "too-long", "help"],
        Field::PasswordAgain(_) => &["too-short", "too-long", "unlike", "help"],
        Field::YesNo | Field::Insurance | Field::WhoseError => &[],
    }
}

/// The values of a `read-back` step's own message.
pub(super) const READ_BACK: &[Given] = &[
    ("insurance", ValueKind::Word),
    ("from", ValueKind::Month),
    ("to", ValueKind::Month),
    ("as-of", ValueKind::Month),
];

/// Attributes of a `read-back` step's message, when they are said, and their values.
pub(super) const READ_BACK_ATTRIBUTES: &[(&str, &str, &[Given])] = &[
    (
        "run",
        "a stretch of equal months",
        &[
            ("insurance", ValueKind::Word),
            ("from", ValueKind::Month),
            ("to", ValueKind::Month),
            ("months", ValueKind::Count),
            ("base", ValueKind::Money),
            ("personal", ValueKind::Money),
            ("employer", ValueKind::Money),
            ("as-of", ValueKind::Month),
        ],
    ),
    (
        "month",
        "a month unlike its neighbours",
        &[
            ("insurance", ValueKind::Word),
            ("from", ValueKind::Month),
            ("base", ValueKind::Money),
            ("personal", ValueKind::Money),
            ("employer", ValueKind::Money),
            ("as-of", ValueKind::Month),
        ],
    ),
    (
        "gap",
        "months in a row without a payment",
        &[
            ("from", ValueKind::Month),
            ("to", ValueKind::Month),
            ("months", ValueKind::Count),
            ("as-of", ValueKind::Month),
        ],
    ),
    ("gap-month", "one month without a payment", &[("from", ValueKind::Month), ("as-of", ValueKind::Month)]),
    ("end", "all has been read", &[("as-of", ValueKind::Month)]),
    (
        "none",
        "there are no payments at all",
        &[("from", ValueKind::Month), ("to", ValueKind::Month), ("as-of", ValueKind::Month)],
    ),
];

/// The attribute of a summary's message that is said once for each insurance.
pub(super) const EACH_INSURANCE: &str = "insurance";

/// The value that a `say` step's message about no records is given where a `verify` step's `locked` leads to it.
pub(super) const LOCKED: Given = ("minutes", ValueKind::Count);

/// The value that a `say` step's message about no records is given where a `set-password` step's `weak` leads to it.
pub(super) const WEAK: Given = ("reason", ValueKind::Word);

/// The values of a `dispute` step's message.
pub(super) const DISPUTE: &[Given] =
    &[("case", ValueKind::Digits), ("insurance", ValueKind::Word), ("month", ValueKind::Month)];

/// Every message that the menu may say, step by step, and those of `common` at the end.
pub fn needs(menu: &Menu) -> Vec<Need> {
    let locked: Vec<StepId> = menu
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            Kind::Verify { locked, .. } => Some(*locked),
            _ => None,
        })
        .collect();
    let weak =
        |id: StepId| menu.steps.iter().any(|step| matches!(&step.kind, Kind::SetPassword { weak, .. } if *weak == id));
    let mut needs = Vec::new();
    for (place, step) in menu.steps.iter().enumerate() {
        let id = StepId(place);
        let mut need = |message: &str, given: &[Given], required| {
            needs.push(Need { step: Some(id), message: message.into(), given: given.to_vec(), required });
        };
        match &step.kind {
            Kind::Say { message, about, .. } => {
                let minutes = (*about == About::Nothing && locked.contains(&id)).then_some(LOCKED);
                let reason = (*about == About::Nothing && weak(id)).then_some(WEAK);
                let given: Vec<Given> = about.values().iter().copied().chain(minutes).chain(reason).collect();
                need(message, &given, true);
                if *about == About::Summary {
                    need(&format!("{message}.{EACH_INSURANCE}"), About::INSURANCE_VALUES, true);
                }
            }
            Kind::Menu { message, .. } => {
                need(message, About::Nothing.values(), true);
                QUESTION.iter().for_each(|attribute| need(&format!("{message}.{attribute}"), &[], false));
            }
            Kind::Ask { message, field, .. } => {
                need(message, &[], true);
                let attributes = QUESTION.iter().chain(field_attributes(*field));
                attributes.for_each(|attribute| need(&format!("{message}.{attribute}"), &[], false));
            }
            Kind::ReadBack { message, .. } => {
                need(message, READ_BACK, true);
                for (attribute, _, given) in READ_BACK_ATTRIBUTES {
                    need(&format!("{message}.{attribute}"), given, true);
                }
            }
            Kind::Dispute { message, .. } => need(message, DISPUTE, true),
            Kind::Transfer { message, .. } | Kind::HangUp { message: Some(message) } => need(message, &[], true),
            Kind::HangUp { message: None }
            | Kind::Verify { .. }
            | Kind::SetPassword { .. }
            | Kind::SetLanguage { .. }
            | Kind::GoTo { .. } => {}
        }
    }
    needs.extend(COMMON_ATTRIBUTES.iter().map(|(attribute, _)| Need {
        step: None,
        message: format!("{COMMON}.{attribute}").into(),
        given: Vec::new(),
        required: true,
    }));
    needs
}
