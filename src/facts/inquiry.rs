//! The questions a dialogue asks of the records, and the answers. A shell carries them; the dialogue never waits.

use super::{Balances, CitizenId, Insurance, Month, Payments, Secret, Summary};

/// The caller's telephone number as the network gave it: personal, so a secret. At most 32 characters.
pub type CallerNumber = Secret<String>;

/// A verified person's row in the records. Says nothing outside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonRef(pub i64);

/// A question to the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Are this ID number and this social security number one person's? Counts against the lock-outs of the ID and of
    /// the caller's number.
    Verify {
        /// The keyed ID number, already of right form.
        id: Secret<CitizenId>,
        /// The keyed social security number, digits only.
        number: Secret<String>,
        /// Who calls, where the network said so.
        caller: Option<CallerNumber>,
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
    /// The two numbers are this person's.
    Matched(PersonRef),
    /// They are not, or there is no such person: not told apart.
    Unmatched,
    /// Too many failures of this ID or from this caller; further tries are refused for so many minutes (at least 1).
    Locked {
        /// Minutes until the lock ends, rounded up.
        minutes: u32,
    },
    /// Answer to [`Query::Balances`].
    Balances(Balances),
    /// Answer to [`Query::Summary`].
    Summary(Summary),
    /// Answer to [`Query::Payments`].
    Payments(Payments),
    /// The records could not answer: down, too slow, too busy.
    Unavailable,
}
