//! A person as the columns of a row, and back: the same in a file and on a server, and nowhere else is one sealed or opened.
//!
//! ```text
//!   Insured ──▶ Columns ──┬─ id_hash                    keyed hash of the ID number: who it is
//!                         ├─ identity, payments ──▶ sealed for the person's number (packed, seal)
//!                         ├─ names                      keyed hashes: card, card's end, personal number
//!                         └─ password                   sealed for the ID's hash, with a table of its own
//!
//!   identity ──▶ Balances, Held        payments ──▶ Summary, Payments
//! ```

use zeroize::Zeroizing;

use super::insured::summaries;
use super::keyed::{Keyed, Kind, Pepper};
use super::packed::{Identity, Unreadable, pack_payments, paid_into, unpack_payments};
use super::password::StoredPassword;
use super::seal::{Place, Seal, SealFault};
use super::verification::Held;
use super::{Insured, RecordsError, bounded};
use crate::facts::{Balances, Insurance, Month, Payment, Payments, PersonRef, Query, Reply, Secret, Summary};

/// Column of who a person is.
pub(super) const IDENTITY: &str = "identity";
/// Column of what was paid.
pub(super) const PAYMENTS: &str = "payments";

/// Where a person's value is sealed.
const fn place(column: &str, person: i64) -> Place<'_> {
    Place { table: "records", column, row: person }
}

/// Where the password of an ID's hash is sealed: by its first eight octets, which two people share by no chance that comes.
fn password_place(subject: &Keyed) -> Place<'static> {
    let row = subject.0.first_chunk().map_or(0, |first| i64::from_be_bytes(*first));
    Place { table: "passwords", column: "hash", row }
}

/// What is written of a person, not yet sealed: that takes their number.
pub(crate) struct Columns {
    /// The hash of the ID number.
    pub(super) id_hash: [u8; 32],
    pub(super) identity: Zeroizing<Vec<u8>>,
    pub(super) payments: Zeroizing<Vec<u8>>,
    /// By which other names the person is found: card, card's end, personal number.
    pub(super) names: [Option<[u8; 32]>; 3],
    /// A password that the person is given.
    pub(super) password: Option<StoredPassword>,
    /// How many payments there are.
    pub(super) paid: u64,
}

impl Columns {
    /// Of somebody, under a database's pepper.
    pub(crate) fn of(insured: &Insured, pepper: &Pepper) -> Columns {
        let identifiers = &insured.identifiers;
        let [card, end] = identifiers.card_hashes(pepper).map_or([None; 2], |card| card.map(Some));
        Columns {
            id_hash: pepper.hash(Kind::Id, insured.id.reveal().as_str().as_bytes()).0,
            identity: Identity::of(insured).pack(),
            payments: pack_payments(&insured.payments),
            names: [card, end, identifiers.personal_hash(pepper)].map(|hash| hash.map(|hash| hash.0)),
            password: identifiers.password.clone(),
            paid: insured.all_payments().count() as u64,
        }
    }

    /// Identity and payments, sealed for the person of that number.
    pub(crate) fn sealed(&self, seal: &Seal, person: i64) -> Result<[Vec<u8>; 2], SealFault> {
        Ok([seal.seal(place(IDENTITY, person), &self.identity)?, seal.seal(place(PAYMENTS, person), &self.payments)?])
    }

    /// Whether this is what the stored identity and payments of that person say.
    pub(crate) fn are(&self, seal: &Seal, person: i64, [identity, payments]: [&[u8]; 2]) -> Result<bool, SealFault> {
        Ok(seal.open(place(IDENTITY, person), identity)? == self.identity
            && seal.open(place(PAYMENTS, person), payments)? == self.payments)
    }
}

/// Who a person is.
pub(super) fn identity(seal: &Seal, person: i64, stored: &[u8]) -> Result<Identity, RecordsError> {
    Ok(Identity::unpack(&seal.open(place(IDENTITY, person), stored)?)?)
}

fn payments(seal: &Seal, person: i64, stored: &[u8]) -> Result<[Vec<Payment>; 5], RecordsError> {
    Ok(unpack_payments(&seal.open(place(PAYMENTS, person), stored)?)?)
}

/// A stored identity and stored payments, sealed by the first key.
pub(super) fn anew(seal: &Seal, person: i64, [identity, payments]: [&[u8]; 2]) -> Result<[Vec<u8>; 2], SealFault> {
    let anew = |column, stored: &[u8]| {
        let place = place(column, person);
        seal.seal(place, &seal.open(place, stored)?)
    };
    Ok([anew(IDENTITY, identity)?, anew(PAYMENTS, payments)?])
}

/// A password as it is stored.
pub(super) fn sealed_password(seal: &Seal, subject: &Keyed, hash: &Secret<String>) -> Result<Vec<u8>, SealFault> {
    seal.seal(password_place(subject), hash.reveal().as_bytes())
}

/// Back from what is stored.
pub(super) fn password(
    seal: &Seal,
    subject: &Keyed,
    stored: &[u8],
    initial: bool,
) -> Result<StoredPassword, RecordsError> {
    let text = seal.open(password_place(subject), stored)?;
    let text = std::str::from_utf8(&text).map_err(|_| Unreadable)?;
    Ok(StoredPassword { hash: Secret::new(text.to_owned()), initial })
}

/// A stored password, sealed by the first key.
pub(super) fn password_anew(seal: &Seal, subject: &Keyed, stored: &[u8]) -> Result<Vec<u8>, SealFault> {
    let place = password_place(subject);
    seal.seal(place, &seal.open(place, stored)?)
}

/// What a verification compares with.
pub(super) fn held(pepper: &Pepper, person: i64, identity: &Identity, password: Option<StoredPassword>) -> Held {
    let names = [identity.id.reveal().as_str(), identity.number.reveal()];
    Held::of(pepper, PersonRef(person), names, &identity.identifiers, password)
}

/// The hash that failures, passwords and cases of a person are kept under.
pub(super) fn subject(pepper: &Pepper, identity: &Identity) -> Keyed {
    pepper.hash(Kind::Id, identity.id.reveal().as_str().as_bytes())
}

/// Which column answers a question about a person, and about whom; nothing for what is no such question.
pub(super) const fn asked(query: &Query) -> Option<(&'static str, PersonRef)> {
    match query {
        Query::Balances(person) => Some((IDENTITY, *person)),
        Query::Summary(person) | Query::Payments { person, .. } => Some((PAYMENTS, *person)),
        Query::Verify { .. } | Query::SetPassword { .. } | Query::Dispute { .. } => None,
    }
}

/// The answer to a question about a person, by what is stored in the column that [`asked`] says.
pub(super) fn answer(seal: &Seal, query: &Query, stored: &[u8], as_of: Month) -> Result<Reply, RecordsError> {
    match query {
        Query::Balances(person) => {
            let Identity { pension, medical, .. } = identity(seal, person.0, stored)?;
            Ok(Reply::Balances(Balances { pension, medical, as_of }))
        }
        Query::Summary(person) => {
            let insurances = summaries(&payments(seal, person.0, stored)?);
            Ok(Reply::Summary(Summary { insurances, as_of }))
        }
        Query::Payments { person, insurance, from, to } => {
            Ok(Reply::Payments(paid(&payments(seal, person.0, stored)?, *insurance, [*from, *to], as_of)))
        }
        Query::Verify { .. } | Query::SetPassword { .. } | Query::Dispute { .. } => Err(RecordsError::NoSuchPerson),
    }
}

fn paid(payments: &[Vec<Payment>; 5], insurance: Insurance, [from, to]: [Month; 2], as_of: Month) -> Payments {
    let from = bounded(from, to);
    let of_it = paid_into(payments, insurance);
    let paid = of_it.iter().filter(|payment| (from..=to).contains(&payment.month)).copied().collect();
    Payments { insurance, from, to, paid, first_ever: of_it.first().map(|payment| payment.month), as_of }
}
