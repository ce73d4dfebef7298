//! Failed verifications lock the telephone they come from, an ID that many strangers try, and a trunk that brings too many;
//! each cell of the table of `src/records/locks.rs`. A new call does not help, nor does a restart.

use std::time::Duration;

use crate::records_support::{Lasting, UNKNOWN_ID, as_of, at, each, from, matched, person, right, verify, wrong};
use hotline::facts::{Query, Reply};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{LockPolicy, Records};

const LOCKED: Reply = Reply::Locked { minutes: 30 };
const HOUR: i64 = 3600;

/// From telephones that have never called before.
fn stranger(number: i64) -> String {
    format!("138{number:08}")
}

/// The same question over a trunk.
fn over(query: Query, caller: Option<&str>, trunk: &str) -> Query {
    match query {
        Query::Verify { identity, .. } => Query::Verify { identity, from: from(caller, Some(trunk)) },
        other => other,
    }
}

#[test]
fn a_telephone_is_locked_whomever_it_asks_for_and_other_telephones_are_not() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let caller = Some("13900000001");
        assert_eq!(ask(wrong("ordinary", caller), 0), Reply::Unmatched, "{name}");
        assert_eq!(ask(wrong("check-x", caller), 1), Reply::Unmatched, "{name}");
        assert_eq!(ask(wrong("retiree", caller), 2), LOCKED, "{name}");
        assert_eq!(ask(right("forty-years", caller), 3), LOCKED, "{name}: the right numbers too");
        assert_eq!(ask(right("forty-years", Some("13900000002")), 3), matched(9), "{name}");
        assert_eq!(ask(right("forty-years", None), 3), matched(9), "{name}: a withheld number is no telephone");
        assert_eq!(ask(right("forty-years", Some("")), 3), matched(9), "{name}");
        assert_eq!(ask(right("ordinary", Some("13900000002")), 4), matched(1), "{name}: nor is the ID locked");
        assert_eq!(ask(right("forty-years", caller), 2 + 1799), Reply::Locked { minutes: 1 }, "{name}");
        assert_eq!(ask(right("forty-years", caller), 2 + 1800), matched(9), "{name}: the lock has ended");
    }
}

#[test]
fn a_telephone_that_goes_on_is_locked_for_longer_and_at_most_for_a_day() {
    for (name, records) in each(LockPolicy { id_failures: 1_000, ..LockPolicy::default() }) {
        let mut now = 0;
        for minutes in [30, 60, 120, 240, 480, 960, 1440, 1440] {
            let caller = Some("13900000001");
            let replies = [0, 1, 2].map(|more| records.answer(&wrong("ordinary", caller), at(now + more)).unwrap());
            assert_eq!(replies[2], Reply::Locked { minutes }, "{name}");
            now += 2 + i64::from(minutes) * 60;
        }
    }
}

#[test]
fn a_withheld_number_is_locked_for_that_id_and_that_trunk_alone_and_does_not_grow() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        for start in [0, 1802] {
            for second in 0..3 {
                let expected = if second == 2 { LOCKED } else { Reply::Unmatched };
                assert_eq!(ask(over(wrong("ordinary", None), None, "east"), start + second), expected, "{name}");
            }
        }
        assert_eq!(ask(over(right("ordinary", None), None, "east"), 1805), LOCKED, "{name}");
        assert_eq!(ask(over(right("check-x", None), None, "east"), 1805), matched(2), "{name}: another person");
        assert_eq!(ask(over(right("ordinary", None), None, "west"), 1805), matched(1), "{name}: another trunk");
        assert_eq!(ask(right("ordinary", Some("13900000001")), 1805), matched(1), "{name}: a telephone");
    }
}

#[test]
fn an_id_that_many_strangers_try_is_locked_for_strangers_and_not_for_its_own_telephone() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let own = Some("13911111111");
        assert_eq!(ask(right("ordinary", own), 0), matched(1), "{name}: known good from here on");
        for number in 1..10 {
            let caller = stranger(number);
            assert_eq!(ask(wrong("ordinary", Some(&caller)), number), Reply::Unmatched, "{name}");
        }
        assert_eq!(ask(wrong("ordinary", Some(&stranger(10))), 10), LOCKED, "{name}: the tenth");
        assert_eq!(ask(right("ordinary", Some(&stranger(11))), 11), LOCKED, "{name}: right, but a stranger");
        assert_eq!(ask(right("ordinary", None), 11), LOCKED, "{name}");
        assert_eq!(ask(right("ordinary", own), 12), matched(1), "{name}: the person's own telephone");
        assert_eq!(ask(right("check-x", Some(&stranger(11))), 12), matched(2), "{name}: another ID");
        // The person's own mistakes lock nobody else out, and their right answers wash no stranger's guesses away.
        for number in 20..29 {
            ask(wrong("ordinary", Some(&stranger(number))), 1811 + number);
        }
        assert_eq!(ask(right("ordinary", own), 1840), matched(1), "{name}");
        assert_eq!(ask(wrong("ordinary", own), 1841), Reply::Unmatched, "{name}: not counted for the ID");
        assert_eq!(ask(wrong("ordinary", Some(&stranger(30))), 1842), LOCKED, "{name}: the tenth stranger");
        assert_eq!(ask(right("ordinary", Some(&stranger(31))), 1842 + 1800), matched(1), "{name}: half an hour again");
    }
}

#[test]
fn a_telephone_is_known_good_for_half_a_year_and_by_a_changed_password_alone() {
    let policy = LockPolicy { id_failures: 1, ..LockPolicy::default() };
    for (name, records) in each(policy) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let own = Some("13911111111");
        assert_eq!(ask(right("ordinary", own), 0), matched(1), "{name}");
        let later = 179 * 24 * HOUR;
        assert_eq!(ask(wrong("ordinary", Some(&stranger(1))), later), LOCKED, "{name}");
        assert_eq!(ask(right("ordinary", own), later), matched(1), "{name}");
        let much_later = later + 181 * 24 * HOUR;
        assert_eq!(ask(wrong("ordinary", Some(&stranger(1))), much_later), LOCKED, "{name}");
        assert_eq!(ask(right("ordinary", own), much_later), LOCKED, "{name}: forgotten");
    }
}

#[test]
fn a_trunk_that_brings_too_many_failures_is_locked_but_for_telephones_known_good() {
    let policy = LockPolicy { trunk_failures: 20, id_failures: 1_000, ..LockPolicy::default() };
    for (name, records) in each(policy) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let own = Some("13911111111");
        assert_eq!(ask(over(right("check-x", None), own, "east"), 0), matched(2), "{name}");
        for number in 1..20 {
            let caller = stranger(number);
            let query = over(wrong("ordinary", None), Some(&caller), "east");
            assert_eq!(ask(query, number), Reply::Unmatched, "{name}");
        }
        let caller = stranger(20);
        assert_eq!(ask(over(wrong("ordinary", None), Some(&caller), "east"), 20), LOCKED, "{name}");
        let other = stranger(21);
        assert_eq!(ask(over(right("retiree", None), Some(&other), "east"), 21), LOCKED, "{name}");
        assert_eq!(ask(over(right("retiree", None), Some(&other), "west"), 21), matched(4), "{name}: another trunk");
        assert_eq!(ask(over(right("check-x", None), own, "east"), 22), matched(2), "{name}: known good");
        assert_eq!(ask(over(right("retiree", None), Some(&other), "east"), 20 + 1800), matched(4), "{name}: it ends");
        let hour_later = 20 + 1800 + 2 * HOUR;
        let query = over(wrong("retiree", None), Some(&stranger(22)), "east");
        assert_eq!(ask(query, hour_later), Reply::Unmatched, "{name}: an hour later it begins anew");
    }
}

#[test]
fn a_right_answer_forgets_the_telephones_counts_and_so_does_a_day() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let caller = Some("13900000001");
        for round in 0..3 {
            assert_eq!(ask(wrong("ordinary", caller), round * 10), Reply::Unmatched, "{name}");
            assert_eq!(ask(wrong("ordinary", caller), round * 10 + 1), Reply::Unmatched, "{name}");
            assert_eq!(ask(right("ordinary", caller), round * 10 + 2), matched(1), "{name}");
        }
        for day in 1..4 {
            let seconds = day * 24 * HOUR;
            assert_eq!(ask(wrong("ordinary", caller), seconds), Reply::Unmatched, "{name}");
            assert_eq!(ask(wrong("ordinary", caller), seconds + 1), Reply::Unmatched, "{name}");
        }
    }
}

#[test]
fn one_who_mixes_in_their_own_number_gains_no_tries_against_others() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let caller = Some("13900000001");
        for second in 0..2 {
            assert_eq!(ask(wrong("ordinary", caller), second), Reply::Unmatched, "{name}");
            assert_eq!(ask(right("check-x", caller), second), matched(2), "{name}");
        }
        assert_eq!(ask(wrong("ordinary", caller), 2), LOCKED, "{name}");
        assert_eq!(ask(right("check-x", caller), 3), matched(2), "{name}: locked for the other person alone");
    }
}

#[test]
fn tries_while_locked_are_not_counted_and_do_not_prolong_the_lock() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        for seconds in 0..1800 + 2 {
            ask(wrong("ordinary", None), seconds);
        }
        assert_eq!(ask(right("ordinary", None), 1802), matched(1), "{name}");
    }
}

#[test]
fn the_policy_is_configurable() {
    let policy = LockPolicy { failures: 1, lock: Duration::from_secs(61), ..LockPolicy::default() };
    for (name, records) in each(policy) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        assert_eq!(ask(wrong("ordinary", None), 0), Reply::Locked { minutes: 2 }, "{name}");
        assert_eq!(ask(right("ordinary", None), 61), matched(1), "{name}");
    }
}

#[test]
fn a_lock_a_count_and_a_telephone_known_good_survive_a_restart() {
    for database in Lasting::each() {
        let policy = LockPolicy { id_failures: 5, ..LockPolicy::default() };
        let ask = |query, seconds| database.open(policy).answer(&query, at(seconds)).unwrap();
        let own = Some("13911111111");
        assert_eq!(ask(right("ordinary", own), 0), matched(1));
        assert_eq!(ask(wrong("ordinary", None), 0), Reply::Unmatched);
        assert_eq!(ask(wrong("ordinary", None), 1), Reply::Unmatched);
        assert_eq!(ask(wrong("ordinary", None), 2), LOCKED);
        assert_eq!(ask(right("ordinary", None), 62), Reply::Locked { minutes: 29 });
        assert_eq!(ask(wrong("ordinary", Some(&stranger(1))), 63), Reply::Unmatched);
        assert_eq!(ask(wrong("ordinary", Some(&stranger(2))), 63), LOCKED, "the fifth for this ID");
        assert_eq!(ask(right("ordinary", own), 64), matched(1));
        assert_eq!(ask(right("check-x", None), 64), matched(2));
        assert_eq!(ask(right("ordinary", None), 63 + 1800), matched(1));
    }
}

#[test]
fn fresh_simulated_records_share_the_people_and_not_the_locks() {
    let records = demo::without_sql(DemoOptions::named_only(as_of()));
    for seconds in 0..3 {
        records.answer(&wrong("ordinary", None), at(seconds)).unwrap();
    }
    assert_eq!(records.answer(&right("ordinary", None), at(3)).unwrap(), LOCKED);
    assert_eq!(records.fresh().answer(&right("ordinary", None), at(3)).unwrap(), matched(1));
}

#[test]
fn callers_and_ids_are_locked_by_hashes_only() {
    for mut database in Lasting::each() {
        let records = database.open(LockPolicy::default());
        let unknown = verify(UNKNOWN_ID, "87654321", Some("13912345678"));
        records.answer(&unknown, at(0)).unwrap();
        drop(records);
        let bytes = database.bytes();
        let holds = |text: &str| regex::bytes::Regex::new(text).unwrap().is_match(&bytes);
        assert!(holds("failed_at") && holds(person("ordinary").id));
        for secret in [UNKNOWN_ID, "13912345678", "87654321"] {
            assert!(!holds(secret));
        }
    }
}

#[test]
fn failures_at_the_same_time_on_two_nodes_are_all_counted() {
    let policy = LockPolicy { failures: 16, id_failures: 100, ..LockPolicy::default() };
    for database in Lasting::each() {
        let nodes = [(); 2].map(|()| database.open(policy));
        let replies: Vec<Reply> = std::thread::scope(|threads| {
            let tries = (0..16).map(|turn: usize| {
                let node = &nodes[turn % 2];
                threads.spawn(move || node.answer(&wrong("ordinary", None), at(0)).unwrap())
            });
            tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(replies.iter().filter(|reply| **reply == LOCKED).count(), 1, "the sixteenth, whichever it is");
    }
}
