//! The slots of a script: where keyed answers are kept, and what each of them holds.

use std::collections::HashMap;

use super::compiled::SlotId;
use super::script;

/// A slot's content, by the field that stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    CitizenId,
    /// At least so many.
    Digits(u8),
    Year,
    Month,
    YesNo,
    Insurance,
    WhoseError,
    Password,
    /// Of a step that could not be read.
    Unknown,
}

impl Content {
    /// Who stores it, for the operator.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Content::CitizenId => "a `citizen-id` field",
            Content::Digits(_) => "a `digits` field",
            Content::Year => "a `year` field",
            Content::Month => "a `month` field",
            Content::Insurance => "an `insurance` field",
            Content::WhoseError => "a `whose-error` field",
            Content::Password => "a `password` field",
            Content::YesNo => "a `yes-no` field",
            Content::Unknown => "a field",
        }
    }

    /// What a field stores.
    pub(super) fn of(field: &script::Field) -> Content {
        match field {
            script::Field::CitizenId => Content::CitizenId,
            script::Field::Year => Content::Year,
            script::Field::Month => Content::Month,
            script::Field::YesNo => Content::YesNo,
            script::Field::Insurance => Content::Insurance,
            script::Field::WhoseError => Content::WhoseError,
            script::Field::Password | script::Field::PasswordAgain(_) => Content::Password,
            script::Field::Digits(count) => Content::Digits(count.min.0),
        }
    }

    /// Whether both are stored by the same field, whatever its bounds.
    pub(super) fn is_like(self, other: Content) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// All slots, in the order of the steps that store them.
#[derive(Default)]
pub(super) struct Slots {
    pub(super) names: Vec<String>,
    pub(super) contents: Vec<Content>,
    pub(super) by_name: HashMap<String, SlotId>,
    /// Whether a step that could not be read may store into any slot.
    pub(super) open: bool,
}

impl Slots {
    /// Another step stores into a slot: what it holds is what every such step gives.
    pub(super) fn meet(&mut self, name: &str, content: Content) {
        let held = self.by_name.get(name).and_then(|slot| self.contents.get_mut(slot.0));
        if let (Some(Content::Digits(least)), Content::Digits(other)) = (held, content) {
            *least = (*least).min(other);
        }
    }

    /// One more slot; its name is new.
    pub(super) fn add(&mut self, name: &str, content: Content) -> SlotId {
        let id = SlotId(self.names.len());
        self.names.push(name.into());
        self.contents.push(content);
        self.by_name.insert(name.into(), id);
        id
    }
}
