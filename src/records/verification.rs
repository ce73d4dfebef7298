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
use super::password::{self, Cost, StoredPassword};
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
        let digits = self.card_digits()?;
        let end = digits.reveal().get(digits.reveal().len().checked_sub(CARD_END)?..)?;
        Some([digits.reveal(), end].map(|digits| pepper.hash(Kind::Card, digits.as_bytes())))
    }

    /// The card's number without its letters, if there are digits enough.
    fn card_digits(&self) -> Option<Secret<String>> {
        let digits: String = self.card.as_ref()?.reveal().chars().filter(char::is_ascii_digit).collect();
        Some(Secret::new(digits)).filter(|digits| digits.reveal().len() >= CARD_END)
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

impl Held {
    /// Of what the records hold. As many hashes are made whatever a person can be known by: how long it takes tells nothing.
    pub(super) fn of(
        pepper: &Pepper,
        person: PersonRef,
        [id, number]: [&str; 2],
        identifiers: &Identifiers,
        password: Option<StoredPassword>,
    ) -> Held {
        let zeros = || Some(Secret::new("0".repeat(CARD_END)));
        let Identifiers { card, personal_number, .. } = identifiers.clone();
        let has = (identifiers.card_digits().is_some(), personal_number.is_some());
        let made = Identifiers {
            card: if has.0 { card } else { zeros() },
            personal_number: personal_number.or_else(zeros),
            password: None,
        };
        let (card, personal) = (made.card_hashes(pepper), made.personal_hash(pepper));
        Held {
            person,
            subject: pepper.hash(Kind::Id, id.as_bytes()),
            number: pepper.hash(Kind::Number, number.as_bytes()),
            card: card.filter(|_| has.0),
            personal_number: personal.filter(|_| has.1),
            password,
        }
    }
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

/// A number, positive, that is as good as chance, and the same whenever the same name is asked for.
pub(super) fn chance(hash: &Keyed) -> i64 {
    hash.0.iter().take(7).fold(0, |number, octet| number << 8 | i64::from(*octet))
}

/// The number of anybody at all, from the first to the last: who is read where nobody bears the name.
pub(super) fn anybody(chance: i64, first: i64, last: i64) -> i64 {
    let many = last.saturating_sub(first).saturating_add(1).max(1);
    first.saturating_add(chance.rem_euclid(many))
}

/// Compares all that was keyed with the person of that name, as a database holds them.
pub(super) fn check(
    pepper: &Pepper,
    identity: &Identity,
    name: Name<'_>,
    held: Option<&Held>,
) -> Result<Checked, RecordsError> {
    check_at(Cost::Database, pepper, identity, name, held)
}

/// The same, where passwords are hashed at a cost.
pub(super) fn check_at(
    cost: Cost,
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
        Some(keyed) => password::is_right(cost, stored, keyed.reveal())?,
        None => true,
    };
    let initial = identity.password.is_some() && stored.is_some_and(|stored| stored.initial);
    let right = held.filter(|_| password && !agree.contains(&false)).map(|held| (held.person, initial));
    Ok(Checked { subject, right })
}
