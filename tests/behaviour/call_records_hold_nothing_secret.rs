//! Each call leaves one row: who, when, which way, how it ended; and no number that tells the caller or the person.

use hotline::dialogue::{Ending, Outcome, Story};
use hotline::facts::{CallId, KeyCounts, KeySource, Language, PersonRef, Secret};
use hotline::records::{CallLog, CallPlace, CallRecord};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::records_support::everything_in;

const CALLER: &str = "13912345678";
const SIP_CALL: &str = "a84b4c76e66710@pc33.example.com";

/// Thirty keys by telephone-event and one by INFO; of all of them two came by both.
fn keys() -> KeyCounts {
    let mut keys = KeyCounts::default();
    keys.twice = 2;
    (0..30).for_each(|_| keys.add(KeySource::Rfc4733));
    keys.add(KeySource::Info);
    keys
}

fn record(started: &str) -> CallRecord {
    let started: Timestamp = started.parse().unwrap();
    let story = Story {
        path: ["welcome", "main", "enter-id", "verify", "balance"].map(Into::into).to_vec(),
        entered: [0, 5200, 9100, 31_000, 32_500].map(std::time::Duration::from_millis).to_vec(),
        path_cut: 0,
        outcome: Outcome::Served,
        language: Language::ZhCn,
        ending: Some(Ending::CallerHungUp),
        keys: 31,
        wrong_entries: 0,
        person_asked: None,
        person_answered: None,
    };
    CallRecord {
        call: CallId::new(rand::random()),
        started,
        answered: Some(started + jiff::SignedDuration::from_millis(250)),
        ended: started + jiff::SignedDuration::from_millis(90_250),
        called: "12333".into(),
        caller: Some(Secret::new(CALLER.into())),
        menu: "12333".into(),
        story,
        person: Some(PersonRef(7)),
        trunk: Some("carrier".into()),
        version: Some("0123456789ab".into()),
        sip_call_id: Some(SIP_CALL.into()),
        keys: keys(),
        rtp_lost: Some(3),
        rtp_jitter_us: None,
    }
}

#[test]
fn a_call_leaves_a_row_with_nothing_secret_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.sqlite");
    let log = CallLog::open(&path).unwrap();
    assert!(log.write(record("2026-11-25T04:22:00.1234Z")));
    let silent =
        CallRecord { answered: None, caller: None, person: None, trunk: None, ..record("2026-11-25T05:00:00Z") };
    assert!(log.write(silent));
    assert_eq!(log.counts().lost, 0);
    drop(log);

    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT started || ' ' || ended || ' ' || duration_ms || ' ' || called || ' ' || coalesce(caller_masked, '-') \
               || ' ' || coalesce(length(caller_hash), 0) || ' ' || menu || ' ' || path || ' ' || outcome || ' ' || ending \
               || ' ' || language || ' ' || coalesce(length(person_hash), 0) || ' ' || keys || ' ' || length(sip_call_hash) \
               || ' ' || rtp_lost || ' ' || coalesce(rtp_jitter_us, '-') || ' ' || coalesce(keys_rfc4733, '-') \
               || ' ' || coalesce(keys_info, '-') || ' ' || coalesce(keys_in_band, '-') || ' ' || coalesce(keys_twice, '-') \
               || ' ' || coalesce(trunk, '-') \
               FROM calls ORDER BY started";
    let mut statement = connection.prepare(sql).unwrap();
    let rows: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let way = "welcome > main > enter-id > verify > balance";
    assert_eq!(
        rows,
        [
            format!(
                "2026-11-25T04:22:00.123Z 2026-11-25T04:23:30.373Z 90000 12333 *********78 32 12333 {way} served \
                 caller-hung-up zh-CN 32 31 32 3 - 30 1 0 2 carrier"
            ),
            format!(
                "2026-11-25T05:00:00.000Z 2026-11-25T05:01:30.250Z 0 12333 - 0 12333 {way} served \
                 caller-hung-up zh-CN 0 31 32 3 - - - - - -"
            ),
        ]
    );
    drop(statement);
    drop(connection);
    let bytes = everything_in(folder.path());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("*********78"));
    for secret in [CALLER, &CALLER[1..], &CALLER[..9], SIP_CALL] {
        assert!(!holds(secret), "the file holds {secret}");
    }
    assert!(!format!("{:?}", record("2026-11-25T05:00:00Z")).contains(CALLER));
}

#[test]
fn records_that_were_kept_for_long_enough_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.sqlite");
    let log = CallLog::open(&path).unwrap();
    for started in ["2025-11-23T00:00:00Z", "2025-11-25T00:00:00Z", "2026-11-25T00:00:00Z"] {
        assert!(log.write(record(started)));
    }
    drop(log);
    let before: Timestamp = "2025-11-24T00:00:00Z".parse().unwrap();
    assert_eq!(CallPlace::Sqlite(path.clone()).prune(before).unwrap(), 1);
    let connection = Connection::open(&path).unwrap();
    let oldest: String = connection.query_row("SELECT min(started) FROM calls", [], |row| row.get(0)).unwrap();
    assert_eq!(oldest, "2025-11-25T00:00:00.000Z");
}
