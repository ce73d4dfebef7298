//! What the tests of the records share: both implementations, and people to ask about.

use hotline::facts::{CitizenId, Identity, Month, Origin, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoOptions, NamedPerson, named};
use hotline::records::{LockPolicy, Records};
use jiff::Timestamp;

pub(crate) fn as_of() -> Month {
    Month::new(2026, 9).unwrap()
}

/// Both implementations with the ten named people.
pub(crate) fn both(policy: LockPolicy) -> [(&'static str, Box<dyn Records>); 2] {
    let options = DemoOptions::named_only(as_of());
    [
        ("sqlite", Box::new(demo::in_memory(options).unwrap().with_locks(policy))),
        ("memory", Box::new(demo::without_sql(options).with_locks(policy))),
    ]
}

/// So many seconds after a fixed time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_577_000 + seconds).unwrap()
}

pub(crate) fn verify(id: &str, number: &str, caller: Option<&str>) -> Query {
    let today = jiff::civil::date(2026, 11, 25);
    let identity = Identity {
        id: Some(Secret::new(CitizenId::parse(id, today).unwrap())),
        number: Some(Secret::new(number.to_owned())),
        ..Identity::default()
    };
    Query::Verify { identity, from: from(caller, None) }
}

/// Who asks.
pub(crate) fn from(caller: Option<&str>, trunk: Option<&str>) -> Origin {
    Origin { caller: caller.map(|caller| Secret::new(caller.to_owned())), trunk: trunk.map(Into::into) }
}

pub(crate) fn person(who: &str) -> &'static NamedPerson {
    named(who).unwrap()
}

/// The named person keys the right number.
pub(crate) fn right(who: &str, caller: Option<&str>) -> Query {
    verify(person(who).id, person(who).number, caller)
}

/// Somebody keys the person's ID and a wrong number.
pub(crate) fn wrong(who: &str, caller: Option<&str>) -> Query {
    verify(person(who).id, "99999999", caller)
}

/// An ID of right form that is not in the records.
pub(crate) const UNKNOWN_ID: &str = "11010519491231002X";

pub(crate) fn matched(row: i64) -> Reply {
    Reply::Matched(PersonRef(row))
}

/// Every octet of every file below a folder.
pub(crate) fn everything_in(folder: &std::path::Path) -> Vec<u8> {
    let mut octets = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        octets.extend(if path.is_dir() { everything_in(&path) } else { std::fs::read(&path).unwrap_or_default() });
    }
    octets
}
