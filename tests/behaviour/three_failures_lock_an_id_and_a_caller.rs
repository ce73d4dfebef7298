//! Three failed verifications of one ID, or from one telephone, lock it for a while; a new call does not help, nor does
//! a restart.

use crate::records_support::{Lasting, as_of, at, each, matched, right, wrong};
use hotline::facts::Reply;
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{LockPolicy, Records};

const LOCKED: Reply = Reply::Locked { minutes: 30 };

#[test]
fn a_locked_id_is_refused_from_every_telephone_and_others_are_not() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        assert_eq!(ask(wrong("ordinary", Some("13900000001")), 0), Reply::Unmatched, "{name}");
        assert_eq!(ask(wrong("ordinary", Some("13900000002")), 1), Reply::Unmatched, "{name}");
        assert_eq!(ask(wrong("ordinary", Some("13900000003")), 2), LOCKED, "{name}");
        assert_eq!(ask(right("ordinary", Some("13900000004")), 3), LOCKED, "{name}: the right numbers too");
        assert_eq!(ask(right("ordinary", None), 3), LOCKED, "{name}");
        assert_eq!(ask(right("check-x", Some("13900000001")), 4), matched(2), "{name}: another person");
        assert_eq!(ask(right("ordinary", None), 2 + 1799), Reply::Locked { minutes: 1 }, "{name}");
        assert_eq!(ask(right("ordinary", None), 2 + 1800), matched(1), "{name}: the lock has ended");
    }
}

#[test]
fn a_telephone_that_fails_across_ids_is_locked_and_other_telephones_are_not() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let caller = Some("13900000001");
        assert_eq!(ask(wrong("ordinary", caller), 0), Reply::Unmatched, "{name}");
        assert_eq!(ask(wrong("check-x", caller), 1), Reply::Unmatched, "{name}");
        assert_eq!(ask(wrong("retiree", caller), 2), LOCKED, "{name}");
        assert_eq!(ask(right("forty-years", caller), 3), LOCKED, "{name}");
        assert_eq!(ask(right("forty-years", Some("13900000002")), 3), matched(9), "{name}");
        assert_eq!(ask(right("forty-years", None), 3), matched(9), "{name}: a withheld number is no telephone");
        assert_eq!(ask(right("forty-years", Some("")), 3), matched(9), "{name}");
    }
}

#[test]
fn a_success_forgets_both_counts_and_so_does_a_day() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        let caller = Some("13900000001");
        for round in 0..3 {
            assert_eq!(ask(wrong("ordinary", caller), round * 10), Reply::Unmatched, "{name}");
            assert_eq!(ask(wrong("ordinary", caller), round * 10 + 1), Reply::Unmatched, "{name}");
            assert_eq!(ask(right("ordinary", caller), round * 10 + 2), matched(1), "{name}");
        }
        for day in 1..4 {
            let seconds = day * 24 * 3600;
            assert_eq!(ask(wrong("ordinary", caller), seconds), Reply::Unmatched, "{name}");
            assert_eq!(ask(wrong("ordinary", caller), seconds + 1), Reply::Unmatched, "{name}");
        }
    }
}

#[test]
fn tries_while_locked_do_not_prolong_the_lock() {
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
    let policy = LockPolicy { failures: 1, lock: std::time::Duration::from_secs(61), ..LockPolicy::default() };
    for (name, records) in each(policy) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        assert_eq!(ask(wrong("ordinary", None), 0), Reply::Locked { minutes: 2 }, "{name}");
        assert_eq!(ask(right("ordinary", None), 61), matched(1), "{name}");
    }
}

#[test]
fn a_lock_and_a_count_survive_a_restart() {
    for database in Lasting::each() {
        let ask = |query, seconds| database.open(LockPolicy::default()).answer(&query, at(seconds)).unwrap();
        assert_eq!(ask(wrong("ordinary", None), 0), Reply::Unmatched);
        assert_eq!(ask(wrong("ordinary", None), 1), Reply::Unmatched);
        assert_eq!(ask(wrong("ordinary", None), 2), LOCKED);
        assert_eq!(ask(right("ordinary", None), 62), Reply::Locked { minutes: 29 });
        assert_eq!(ask(right("check-x", None), 62), matched(2));
        assert_eq!(ask(right("ordinary", None), 1802), matched(1));
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
        let unknown =
            crate::records_support::verify(crate::records_support::UNKNOWN_ID, "87654321", Some("13912345678"));
        records.answer(&unknown, at(0)).unwrap();
        drop(records);
        let bytes = database.bytes();
        let holds = |text: &str| regex::bytes::Regex::new(text).unwrap().is_match(&bytes);
        assert!(holds("failed_at") && holds(crate::records_support::person("ordinary").id));
        for secret in [crate::records_support::UNKNOWN_ID, "13912345678", "87654321"] {
            assert!(!holds(secret));
        }
    }
}

#[test]
fn failures_at_the_same_time_are_all_counted() {
    let policy = LockPolicy { failures: 16, ..LockPolicy::default() };
    for database in Lasting::each() {
        let nodes = [(); 2].map(|()| database.open(policy));
        let replies: Vec<Reply> = std::thread::scope(|threads| {
            let tries = (0..16).map(|turn: usize| {
                let node = &nodes[turn % 2];
                threads.spawn(move || node.answer(&wrong("ordinary", Some("13900000001")), at(0)).unwrap())
            });
            tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(replies.iter().filter(|reply| **reply == LOCKED).count(), 1, "the sixteenth, whichever it is");
    }
}
