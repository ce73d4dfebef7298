//! The questions a dialogue asks of the records, and the answers. A shell carries them; the dialogue never waits.

use std::sync::Arc;

use super::{Balances, Blame, CallId, CaseNumber, CitizenId, Insurance, Month, Payments, Secret, Summary, Weakness};

/// The caller's telephone number as the network gave it: personal, so a secret. At most 32 characters.
pub type CallerNumber = Secret<String>;

/// A verified person's row in the records. Says nothing outside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonRef(pub i64);

/// A thing that a caller can key to say, or to prove, who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// The ID number.
    Id,
    /// The number of the social security card, its letters left out, or the last [`CARD_END`] of its digits.
    Card,
    /// The number under which the agency keeps the person.
    PersonalNumber,
    /// The social security number.
    Number,
    /// The query password.
    Password,
}

/// So many digits at a card number's end stand for the whole.
pub const CARD_END: usize = 8;

impl Fact {
    /// All of them, those first that say who a person is.
    pub const ALL: [Fact; 5] = [Fact::Id, Fact::Card, Fact::PersonalNumber, Fact::Number, Fact::Password];

    /// Whether it can say who a person is: no two people bear the same. The others only prove it.
    pub const fn names_a_person(self) -> bool {
        matches!(self, Fact::Id | Fact::Card | Fact::PersonalNumber)
    }

    /// The key in a menu script.
    pub const fn key(self) -> &'static str {
        match self {
            Fact::Id => "id",
            Fact::Card => "card",
            Fact::PersonalNumber => "personal-number",
            Fact::Number => "number",
            Fact::Password => "password",
        }
    }
}

/// What a caller has keyed about themselves, of right form. All of it must be one person's, and at least one of the ID
/// number, the card and the personal number must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The ID number.
    pub id: Option<Secret<CitizenId>>,
    /// Digits of the card's number: all of them, or the last [`CARD_END`].
    pub card: Option<Secret<String>>,
    /// Digits.
    pub personal_number: Option<Secret<String>>,
    /// The social security number, digits only.
    pub number: Option<Secret<String>>,
    /// The query password, digits only.
    pub password: Option<Secret<String>>,
}

/// Where a question comes from: what failures are counted against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who calls, where the network said so.
    pub caller: Option<CallerNumber>,
    /// The name of the trunk that brought the call, where one did.
    pub trunk: Option<Arc<str>>,
}

/// What a person says is wrong with their record (Social Insurance Law, article 83).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// In which insurance.
    pub insurance: Insurance,
    /// Of which month.
    pub month: Month,
    /// Whose error it is.
    pub blame: Blame,
    /// Where the person may be called: at most 32 characters.
    pub callback: Secret<String>,
}

/// A question to the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Is all of this one person's? Counts against lock-outs.
    Verify {
        /// What was keyed.
        identity: Identity,
        /// Who asks.
        from: Origin,
    },
    /// Make this the person's query password.
    SetPassword {
        /// Whose.
        person: PersonRef,
        /// Six digits.
        password: Secret<String>,
    },
    /// Keep a case: the person says that a record is wrong. Saying the same again in one call makes no second case.
    Dispute {
        /// Whose record.
        person: PersonRef,
        /// What is wrong.
        dispute: Dispute,
        /// In which call it is said.
        call: CallId,
    },
    /// Both accounts' balances.
    Balances(PersonRef),
    /// Months paid by insurance.
    Summary(PersonRef),
    /// Payments into one insurance, `from` and `to` included.
    Payments {
        /// Whose.
        person: PersonRef,
        /// Which insurance.
        insurance: Insurance,
        /// First month.
        from: Month,
        /// Last month.
        to: Month,
    },
}

/// What the records answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// All that was keyed is this person's.
    Matched(PersonRef),
    /// So it is, but the query password is still the one they were given: it must be changed before it is of use.
    InitialPassword(PersonRef),
    /// It is not, or there is no such person: not told apart.
    Unmatched,
    /// Too many failures; further tries are refused for so many minutes (at least 1).
    Locked {
        /// Minutes until the lock ends, rounded up.
        minutes: u32,
    },
    /// The query password is changed.
    PasswordSet,
    /// It is not: it is too easy to guess.
    PasswordWeak(Weakness),
    /// The case is kept, under this number.
    CaseOpened(CaseNumber),
    /// It is not: this person has opened as many today as one may.
    TooManyCases,
    /// Answer to [`Query::Balances`].
    Balances(Balances),
    /// Answer to [`Query::Summary`].
    Summary(Summary),
    /// Answer to [`Query::Payments`].
    Payments(Payments),
    /// The records could not answer: down, too slow, too busy.
    Unavailable,
}

impl Query {
    /// What is asked, in a word: for spans and the audit log.
    pub const fn name(&self) -> &'static str {
        match self {
            Query::Verify { .. } => "verify",
            Query::SetPassword { .. } => "set-password",
            Query::Dispute { .. } => "dispute",
            Query::Balances(_) => "balances",
            Query::Summary(_) => "summary",
            Query::Payments { .. } => "payments",
        }
    }

    /// Whose record is asked about, where that is known before it is answered.
    pub const fn person(&self) -> Option<PersonRef> {
        match self {
            Query::Verify { .. } => None,
            Query::Balances(person)
            | Query::Summary(person)
            | Query::SetPassword { person, .. }
            | Query::Dispute { person, .. }
            | Query::Payments { person, .. } => Some(*person),
        }
    }
}

impl Reply {
    /// What is answered, in a word, and nothing of what is in it.
    pub const fn name(&self) -> &'static str {
        match self {
            Reply::Matched(_) => "matched",
            Reply::InitialPassword(_) => "initial-password",
            Reply::Unmatched => "unmatched",
            Reply::Locked { .. } => "locked",
            Reply::PasswordSet => "password-set",
            Reply::PasswordWeak(_) => "password-weak",
            Reply::CaseOpened(_) => "case-opened",
            Reply::TooManyCases => "too-many-cases",
            Reply::Balances(_) | Reply::Summary(_) | Reply::Payments(_) => "found",
            Reply::Unavailable => "unavailable",
        }
    }
}
