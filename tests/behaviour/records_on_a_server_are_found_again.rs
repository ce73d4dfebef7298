//! A PostgreSQL server that is stopped, frozen or started anew: look-ups fail in time, then at once, and go on by themselves
//! when it is there again.

use std::time::{Duration, Instant};

use crate::records_support::{as_of, at, matched, right, wrong};
use crate::support::postgres::PostgresServer;
use hotline::facts::{PersonRef, Query, Reply};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{
    BreakerPolicy, BreakerState, LockPolicy, PostgresOptions, PostgresRecords, Records, RecordsError, RemoteError,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn filled() -> PostgresServer {
    let server = PostgresServer::start();
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    server
}

fn balances(records: &PostgresRecords) -> Result<Reply, RecordsError> {
    records.answer(&Query::Balances(PersonRef(1)), at(0))
}

fn failure(result: Result<Reply, RecordsError>) -> RemoteError {
    match result {
        Err(RecordsError::Remote(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn state(records: &PostgresRecords) -> BreakerState {
    records.remote().unwrap().breaker
}

/// Asks until it is answered: the breaker lets one through now and then.
fn asked_until_answered(records: &PostgresRecords) -> Reply {
    let begun = Instant::now();
    loop {
        match balances(records) {
            Ok(reply) => return reply,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_stopped_server_is_asked_no_longer_and_found_when_it_is_back() {
    let mut server = filled();
    let records = PostgresRecords::open(&server.options()).unwrap();
    let expected = balances(&records).unwrap();
    server.stop();
    for _ in 0..3 {
        assert!(matches!(failure(balances(&records)), RemoteError::Unreachable(_)));
    }
    assert_eq!(state(&records), BreakerState::Open);
    assert_eq!(failure(balances(&records)), RemoteError::Resting);
    assert_eq!(failure(records.answer(&right("ordinary", None), at(0))), RemoteError::Resting);
    let counts = records.remote().unwrap();
    assert_eq!((counts.answered, counts.failed), (1, [2, 0, 3, 0, 0, 0]));
    server.go_on();
    assert_eq!(asked_until_answered(&records), expected);
    assert_eq!(state(&records), BreakerState::Closed);
    assert_eq!(records.answer(&right("ordinary", None), at(0)).unwrap(), matched(1));
}

#[test]
fn a_restart_between_two_look_ups_fails_neither_and_forgets_no_failure() {
    let mut server = filled();
    let records = PostgresRecords::open(&server.options()).unwrap();
    assert_eq!(records.answer(&wrong("ordinary", None), at(0)).unwrap(), Reply::Unmatched);
    assert_eq!(records.answer(&wrong("ordinary", None), at(1)).unwrap(), Reply::Unmatched);
    for seconds in 2..5 {
        server.stop();
        server.go_on();
        assert_eq!(records.answer(&wrong("ordinary", None), at(seconds)).unwrap(), Reply::Locked { minutes: 30 });
        assert!(balances(&records).is_ok());
    }
    assert_eq!(state(&records), BreakerState::Closed);
}

#[test]
fn a_server_that_takes_questions_and_answers_none_is_given_up_at_the_deadline() {
    let server = filled();
    let deadline = Duration::from_millis(300);
    let breaker = BreakerPolicy { failures: 2, ..BreakerPolicy::default() };
    // Until it is frozen there is time enough.
    let patient = PostgresRecords::open(&server.options()).unwrap();
    let expected = balances(&patient).unwrap();
    let records = PostgresRecords::open(&PostgresOptions { deadline, breaker, ..server.options() }).unwrap();
    server.freeze(true);
    for _ in 0..2 {
        assert_eq!(failure(balances(&records)), RemoteError::TimedOut(deadline));
    }
    assert_eq!(failure(balances(&records)), RemoteError::Resting);
    server.freeze(false);
    assert_eq!(asked_until_answered(&records), expected);
}

#[test]
fn a_hotline_that_starts_before_its_server_finds_it_later() {
    let mut server = filled();
    server.stop();
    let records = PostgresRecords::open(&server.options()).unwrap();
    assert!(matches!(failure(balances(&records)), RemoteError::Unreachable(_)));
    server.go_on();
    asked_until_answered(&records);
    assert_eq!(records.answer(&right("ordinary", None), at(0)).unwrap(), matched(1));
}

#[test]
fn lock_outs_are_bounded_and_expire() {
    let server = filled();
    let policy = LockPolicy { failures: 100, id_failures: 1_000, ..LockPolicy::default() };
    let records = PostgresRecords::open(&server.options()).unwrap().with_locks(policy);
    let now = at(0).as_millisecond();
    let insert = |from: u32, to: u32, expires: i64| {
        server.sql(&format!(
            "INSERT INTO lock_outs SELECT sha256(n::text::bytea), '[]', 0, {expires} + n, 'id', '', NULL, NULL, 0 FROM generate_series({from}, {to}) n"
        ));
    };
    insert(1, 500, now - 1_000);
    insert(501, 1_000_700, now + 1_000);
    for caller in 0..86 {
        // Each counts for the caller, for the ID, and for both together.
        let who = ["ordinary", "check-x"][caller % 2];
        records.answer(&wrong(who, Some(&format!("139{caller:08}"))), at(0)).unwrap();
    }
    let begun = Instant::now();
    let count = || server.sql("SELECT count(*), count(*) FILTER (WHERE expires <= 1795577000000) FROM lock_outs");
    while count() != "1000000|0" {
        assert!(begun.elapsed() < PATIENCE, "{}", count());
        std::thread::sleep(Duration::from_millis(50));
    }
    let youngest = server.sql("SELECT count(*) FROM lock_outs WHERE expires > 1795577000000 + 3600000");
    assert!(youngest == "174", "those just counted are not what is forgotten: {youngest}");
}
