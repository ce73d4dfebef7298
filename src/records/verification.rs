//! Whether all that was keyed is one person's: the same work whoever is meant, whatever is wrong, and where nobody is.
//!
//! ```text
//!   id, else card, else personal number ──▶ the one person it names, or nobody (two who share a card's end are nobody)
//!   each fact that was keyed ─────────────▶ compared with that person's, as keyed hashes; none is left out for another
//!   the query password, where one was keyed ─▶ one Argon2id hash, on a hash of nobody's where there is none to compare with
//! ```
//!
//! | keyed | normalized as |
//! |---|---|
//! | ID number | 18 symbols; 15 digits become 18 before they come here |
//! | card | digits alone; the records leave out the letters of a card's number, and know it by its last eight digits too |
//! | the others | digits, as they stand |

use super::RecordsError;
use super::keyed::{Keyed, Kind, Pepper};
use super::password::{self, StoredPassword};
use crate::facts::{CARD_END, CitizenId, Identity, PersonRef, Secret};

/// What a person can be known by besides the ID number and the social security number, and the query password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// The card's number as it is printed; letters are left out when it is compared.
    pub card: Option<Secret<String>>,
    /// The number under which the agency keeps the person.
    pub personal_number: Option<Secret<String>>,
    /// The query password, if there is one.
    pub password: Option<StoredPassword>,
}

impl Identifiers {
    /// The hashes by which a card is known: of all its digits, and of the last eight; the same if there are no more.
    pub(super) fn card_hashes(&self, pepper: &Pepper) -> Option<[Keyed; 2]> {
        let digits: String = self.card.as_ref()?.reveal().chars().filter(char::is_ascii_digit).collect();
        let end = digits.get(digits.len().checked_sub(CARD_END)?..)?;
        Some([&*digits, end].map(|digits| pepper.hash(Kind::Card, digits.as_bytes())))
    }

    pub(super) fn personal_hash(&self, pepper: &Pepper) -> Option<Keyed> {
        let number = self.personal_number.as_ref()?.reveal();
        Some(pepper.hash(Kind::PersonalNumber, number.as_bytes()))
    }
}

/// The name that somebody was called by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Id(&'a CitizenId),
    Card(Keyed),
    PersonalNumber(Keyed),
}

/// A person as far as a verification goes.
pub(super) struct Held {
    pub(super) person: PersonRef,
    /// The hash of their ID number.
    pub(super) subject: Keyed,
    /// The hash of their social security number.
    pub(super) number: Keyed,
    pub(super) card: Option<[Keyed; 2]>,
    pub(super) personal_number: Option<Keyed>,
    pub(super) password: Option<StoredPassword>,
}

/// What came of comparing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    /// Whom failures are counted against: the person by whatever name, or the name if nobody bears it.
    pub(super) subject: Keyed,
    /// Whose all of it is, and whether the password is still the one they were given.
    pub(super) right: Option<(PersonRef, bool)>,
}

/// The name that a person is looked for by; nothing, where only what proves was keyed.
pub(super) fn name<'a>(pepper: &Pepper, identity: &'a Identity) -> Option<Name<'a>> {
    let Identity { id, card, personal_number, .. } = identity;
    let hash = |kind, value: &Secret<String>| pepper.hash(kind, value.reveal().as_bytes());
    id.as_ref()
        .map(|id| Name::Id(id.reveal()))
        .or_else(|| card.as_ref().map(|card| Name::Card(hash(Kind::Card, card))))
        .or_else(|| personal_number.as_ref().map(|number| Name::PersonalNumber(hash(Kind::PersonalNumber, number))))
}

/// Compares all that was keyed with the person of that name.
pub(super) fn check(
    pepper: &Pepper,
    identity: &Identity,
    name: Name<'_>,
    held: Option<&Held>,
) -> Result<Checked, RecordsError> {
    let nobodys = Keyed([0; 32]);
    let keyed =
        |kind, value: &Option<Secret<String>>| value.as_ref().map(|value| pepper.hash(kind, value.reveal().as_bytes()));
    let called = match name {
        Name::Id(id) => pepper.hash(Kind::Id, id.as_str().as_bytes()),
        Name::Card(hash) | Name::PersonalNumber(hash) => hash,
    };
    let id = identity.id.as_ref().map(|id| pepper.hash(Kind::Id, id.reveal().as_str().as_bytes()));
    let (subject, number) = held.map_or((called, nobodys), |held| (held.subject, held.number));
    let card = held.and_then(|held| held.card).unwrap_or([nobodys; 2]);
    let personal = held.and_then(|held| held.personal_number).unwrap_or(nobodys);
    // Each is compared, whatever the others came to.
    let agree = [
        held.is_some(),
        id.is_none_or(|keyed| keyed.is(&subject)),
        keyed(Kind::Number, &identity.number).is_none_or(|keyed| keyed.is(&number)),
        keyed(Kind::Card, &identity.card).is_none_or(|keyed| card.map(|one| keyed.is(&one)).contains(&true)),
        keyed(Kind::PersonalNumber, &identity.personal_number).is_none_or(|keyed| keyed.is(&personal)),
    ];
    let stored = held.and_then(|held| held.password.as_ref());
    let password = match &identity.password {
        Some(keyed) => password::is_right(stored, keyed.reveal())?,
        None => true,
    };
    let initial = identity.password.is_some() && stored.is_some_and(|stored| stored.initial);
    let right = held.filter(|_| password && !agree.contains(&false)).map(|held| (held.person, initial));
    Ok(Checked { subject, right })
}
