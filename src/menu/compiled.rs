//! A menu as the dialogue runs it: every name resolved, every default filled in. Only the compiler makes one.

use std::sync::Arc;
use std::time::Duration;

use crate::facts::{Fact, Insurance, Key, Language};
use crate::speech::ValueKind;

/// A message's id in the Fluent catalogues.
pub type MessageId = Arc<str>;

/// A step's place in [`Menu::steps`]. The compiler makes only places that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub usize);

/// A place where a keyed answer is kept for the rest of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub usize);

/// A compiled menu. Shared by all calls that began with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// The hotline's name, as in `12333`.
    pub name: String,
    /// Where a call begins.
    pub start: StepId,
    /// The languages it speaks; a call begins in the first. Never empty.
    pub languages: Vec<Language>,
    /// All steps, in the script's order.
    pub steps: Vec<Step>,
    /// Names of the slots, by [`SlotId`].
    pub slots: Vec<String>,
    /// Where calls go when they have lasted this long: the caller hears `common.call-limit` and the call ends.
    pub call_limit: Duration,
    /// A look-up unanswered for this long is given up.
    pub look_up_deadline: Duration,
    /// A look-up unanswered for this long makes the caller hear `common.one-moment`.
    pub look_up_patience: Duration,
    /// What is to be proven of it.
    pub limits: Limits,
    /// By step, the slots whose answers can be of use there; see [`Menu::is_live`].
    pub(super) live: Vec<Vec<bool>>,
}

/// How long callers may be kept, and how long texts may be. A call does not know of these; `hotline check` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From anywhere to a person.
    pub person_within: Duration,
    /// From a caller's falling silent to the end of the call.
    pub silent_within: Duration,
    /// From the first of wrong keys alone to the end of the call.
    pub wrong_within: Duration,
    /// The message of a [`Kind::Menu`].
    pub menu_prompt: Duration,
    /// The message of a [`Kind::Ask`].
    pub ask_prompt: Duration,
    /// The message of another step.
    pub message: Duration,
    /// An attribute that says what was wrong.
    pub correction: Duration,
    /// The heading or an item of a [`Kind::ReadBack`], or an insurance of a summary.
    pub item: Duration,
}

/// One step of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The step's name in the script.
    pub name: Arc<str>,
    /// What it does.
    pub kind: Kind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Says a message, then goes on.
    Say {
        /// The message.
        message: MessageId,
        /// The records it speaks of: looked up first, if it is not `Nothing`.
        about: About,
        /// Whether a key cuts it short. A key pressed in one that cannot be cut short is kept.
        skippable: bool,
        /// The next step.
        then: Target,
        /// Where to go when `about` cannot be looked up (or nobody is verified).
        unavailable: StepId,
    },
    /// Says a message and waits for one of some keys.
    Menu {
        /// The message.
        message: MessageId,
        /// Languages that the message is said in after the call's own, for the question which language to speak.
        also_in: Vec<Language>,
        /// The keys that lead somewhere; none twice.
        choices: Vec<Choice>,
        /// Timers, tries, and where giving up leads.
        rules: Rules,
    },
    /// Asks for digits of a field type and keeps them.
    Ask {
        /// The message. Its attributes say what went wrong: `.too-short`, `.bad-date`, …
        message: MessageId,
        /// What is keyed.
        field: Field,
        /// Where it is kept.
        store: SlotId,
        /// The next step when the answer is good (for `yes-no`: 1).
        then: Target,
        /// For `yes-no`, where 2 leads; the others have none.
        otherwise: Option<Target>,
        /// Timers, tries, and where giving up leads.
        rules: Rules,
    },
    /// Asks the records whether all that was keyed is one person's.
    Verify {
        /// What is compared, and the slots it was keyed into; none twice.
        facts: Vec<(Fact, SlotId)>,
        /// It is one person's.
        matched: StepId,
        /// It is not.
        unmatched: StepId,
        /// Too many have been wrong.
        locked: StepId,
        /// It is, but the password is the one they were given. There is one where a password is compared.
        initial: Option<StepId>,
        /// The records do not answer.
        unavailable: StepId,
    },
    /// Changes the query password.
    SetPassword {
        /// Slot of the new one.
        password: SlotId,
        /// It is changed.
        changed: StepId,
        /// It is too easy to guess.
        weak: StepId,
        /// The records do not answer, or nobody is verified.
        unavailable: StepId,
    },
    /// Keeps a case, and says its number.
    Dispute {
        /// The message: `$case`, `$insurance`, `$month`.
        message: MessageId,
        /// Slot of the insurance.
        insurance: SlotId,
        /// Slot of the month.
        month: SlotId,
        /// Slot of whose error it is.
        blame: SlotId,
        /// Slot of the number to call back; the caller's own if there is none.
        callback: Option<SlotId>,
        /// The next step, when the number has been said.
        then: Target,
        /// The person has opened as many as one may.
        too_many: StepId,
        /// There is neither a slot nor a caller's number.
        no_number: Option<StepId>,
        /// The records do not answer, or nobody is verified.
        unavailable: StepId,
    },
    /// Reads the verified person's payments, a stretch of equal months at a time.
    ReadBack {
        /// The message: heading; attributes `.run`, `.month`, `.gap`, `.gap-month`, `.end`, `.none`.
        message: MessageId,
        /// Which insurance.
        insurance: Insurance,
        /// Which months.
        period: Period,
        /// What the keys do while it reads.
        keys: PagingKeys,
        /// Silence after an item before the next is read by itself.
        between: Duration,
        /// The next step, when all is read or the caller stops it.
        then: Target,
        /// Where to go when there is no answer.
        unavailable: StepId,
        /// Where `0` leads.
        person: StepId,
    },
    /// Changes the call's language.
    SetLanguage {
        /// The language from here on.
        language: Language,
        /// The next step.
        then: Target,
    },
    /// Goes to another step.
    GoTo {
        /// The next step.
        then: Target,
        /// The next step for a caller who has been verified in this call, if that is another.
        when_verified: Option<StepId>,
    },
    /// Hands the call over to another telephone, and goes on if that fails.
    Transfer {
        /// The message, said while the other end is dialled.
        message: MessageId,
        /// Whom: a `sip:`, `sips:` or `tel:` URI.
        to: Arc<str>,
        /// How long the other end may take to answer.
        within: Duration,
        /// Where the call goes on when the other end is busy.
        busy: StepId,
        /// Where it goes on when nobody has answered in time.
        unanswered: StepId,
        /// Where it goes on when it cannot be handed over otherwise.
        refused: StepId,
    },
    /// Says goodbye, if there is a message, and ends the call.
    HangUp {
        /// The last words.
        message: Option<MessageId>,
    },
}

/// A key and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The key.
    pub key: Key,
    /// Where to.
    pub target: Target,
}

/// Where a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a step.
    Step(StepId),
    /// `@repeat`: the question again, from its beginning, no try spent.
    Repeat,
    /// `@back`: to the question before this one; at the first, the same as `Repeat`.
    Back,
}

/// The rules of a question, after VoiceXML 2.0 Appendix D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `timeout`: from the end of the prompt to the first key.
    pub first_key: Duration,
    /// `interdigittimeout`: between keys.
    pub between_keys: Duration,
    /// `termtimeout`: after the last possible key, for a terminator.
    pub after_last: Duration,
    /// Silences in a row-or-not that give up.
    pub no_input_tries: u8,
    /// Wrong entries that give up.
    pub no_match_tries: u8,
    /// Both together that give up.
    pub tries: u8,
    /// Where giving up leads.
    pub gave_up: StepId,
    /// Where `0` leads where it is no choice of the menu's own; nothing on the person step itself.
    pub person: Option<StepId>,
    /// Whether a key cuts the prompt short.
    pub barge_in: bool,
    /// Whether keys pressed before the question are taken as its answer.
    pub type_ahead: bool,
}

/// What is keyed in an [`Kind::Ask`] step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 15 digits or 18 symbols with `*` for a final X.
    CitizenId,
    /// So many digits.
    Digits {
        /// At least, 1–32.
        min: u8,
        /// At most, `min`–32.
        max: u8,
    },
    /// Four digits of a year, from 1949 to this year.
    Year,
    /// Six digits of a month, from 1949-01 to this one.
    Month,
    /// 1 for yes, 2 for no.
    YesNo,
    /// 1 to 5, in [`Insurance::ALL`]'s order.
    Insurance,
    /// 1 the agency's, 2 the employer's.
    WhoseError,
    /// A query password.
    Password,
    /// The same password as in this slot.
    PasswordAgain(SlotId),
}

/// The records that a message speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// No records.
    Nothing,
    /// Balances of both accounts.
    Balances,
    /// Months paid by insurance: the message, then its attribute `.insurance` once for each insurance.
    Summary,
}

impl About {
    /// The values a message with these records may name.
    pub const fn values(self) -> &'static [(&'static str, ValueKind)] {
        match self {
            About::Nothing => &[],
            About::Balances => {
                &[("pension", ValueKind::Money), ("medical", ValueKind::Money), ("as-of", ValueKind::Month)]
            }
            About::Summary => &[("as-of", ValueKind::Month)],
        }
    }

    /// The values that the attribute `.insurance` of a summary may name.
    pub const INSURANCE_VALUES: &'static [(&'static str, ValueKind)] = &[
        ("insurance", ValueKind::Word),
        ("months", ValueKind::Count),
        ("first", ValueKind::Month),
        ("last", ValueKind::Month),
        ("as-of", ValueKind::Month),
    ];
}

/// The months a read-back covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// The last so many months the records know (1–60).
    LastMonths(u8),
    /// The year keyed into this slot.
    YearIn(SlotId),
}

/// The keys of a read-back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagingKeys {
    /// The next item now.
    pub next: Key,
    /// The item before.
    pub previous: Key,
    /// This item again.
    pub repeat: Key,
    /// This item again, and everything from now on, slowly.
    pub slower: Key,
    /// Stop reading.
    pub stop: Key,
}
