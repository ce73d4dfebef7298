//! The slots of a script: where keyed answers are kept, and what each of them holds.

use std::collections::HashMap;

use super::compiled::SlotId;
use super::script;

/// A slot's content, by the field that stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    CitizenId,
    Digits,
    Year,
    YesNo,
    /// Of a step that could not be read.
    Unknown,
}

impl Content {
    /// Who stores it, for the operator.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Content::CitizenId => "a `citizen-id` field",
            Content::Digits => "a `digits` field",
            Content::Year => "a `year` field",
            Content::YesNo => "a `yes-no` field",
            Content::Unknown => "a field",
        }
    }

    /// What a field stores.
    pub(super) fn of(field: script::Field) -> Content {
        match field {
            script::Field::CitizenId => Content::CitizenId,
            script::Field::Year => Content::Year,
            script::Field::YesNo => Content::YesNo,
            script::Field::Digits(_) => Content::Digits,
        }
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
    /// One more slot; its name is new.
    pub(super) fn add(&mut self, name: &str, content: Content) -> SlotId {
        let id = SlotId(self.names.len());
        self.names.push(name.into());
        self.contents.push(content);
        self.by_name.insert(name.into(), id);
        id
    }
}
