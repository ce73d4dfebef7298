//! A caller who keys somebody else's ID, or an ID of nobody, learns nothing from the answer.

use crate::records_support::{UNKNOWN_ID, at, each, matched, person, right, verify, wrong};
use hotline::facts::Reply;
use hotline::records::LockPolicy;
use hotline::records::demo::NAMED;

#[test]
fn the_right_two_numbers_match() {
    for (name, records) in each(LockPolicy::default()) {
        for (row, who) in (1..).zip(NAMED) {
            assert_eq!(
                records.answer(&right(who.who, Some("10086")), at(0)).unwrap(),
                matched(row),
                "{name} {}",
                who.who
            );
        }
        let fifteen = person("old-number").old_id().unwrap();
        assert_eq!(records.answer(&verify(&fifteen, "10000008", None), at(0)).unwrap(), matched(8), "{name}");
    }
}

#[test]
fn an_unknown_id_is_answered_as_a_wrong_number_is_until_and_after_it_locks() {
    for (name, records) in each(LockPolicy::default()) {
        let unknown = verify(UNKNOWN_ID, "10000001", None);
        for (seconds, expected) in [
            (0, Reply::Unmatched),
            (60, Reply::Unmatched),
            (120, Reply::Locked { minutes: 30 }),
            (180, Reply::Locked { minutes: 29 }),
            (120 + 1800, Reply::Unmatched),
        ] {
            for query in [&unknown, &wrong("ordinary", None)] {
                assert_eq!(records.answer(query, at(seconds)).unwrap(), expected, "{name} at {seconds} s");
            }
        }
    }
}

#[test]
fn another_persons_number_a_part_and_none_do_not_match() {
    for (name, records) in each(LockPolicy { failures: 100, ..LockPolicy::default() }) {
        for number in ["10000002", "1000000", "100000010", "", "0"] {
            let query = verify(person("ordinary").id, number, Some("10086"));
            assert_eq!(records.answer(&query, at(0)).unwrap(), Reply::Unmatched, "{name} {number:?}");
        }
    }
}
