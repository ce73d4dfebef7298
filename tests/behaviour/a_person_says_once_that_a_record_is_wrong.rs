//! A person who says that a record is wrong is given the number of a case; saying it again in the same call, as after a lost
//! answer, makes no second one. Operators list cases masked, reveal them with a line in the trail, and close them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::records_support::{as_of, at, each, matched, right, wrong};
use hotline::facts::{Blame, CallId, CaseNumber, Dispute, Insurance, Month, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{
    Desk, LockPolicy, MOST_A_DAY, Records, RecordsError, Seal, Source, SqliteRecords, new_key_file, rekey,
};

fn says(person: i64, call: u8, month: i8, callback: &str) -> Query {
    let dispute = Dispute {
        insurance: Insurance::Medical,
        month: Month::new(2026, month).unwrap(),
        blame: Blame::Employer,
        callback: Secret::new(callback.into()),
    };
    Query::Dispute { person: PersonRef(person), dispute, call: CallId::new([call; 16]) }
}

fn case(number: u64) -> Reply {
    Reply::CaseOpened(CaseNumber::new(number))
}

#[test]
fn the_same_in_one_call_is_one_case_and_in_another_another() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        assert_eq!(ask(says(1, 1, 3, "13900000001"), 0), case(1), "{name}");
        assert_eq!(ask(says(1, 1, 3, "13900000002"), 9), case(1), "{name}: said again");
        assert_eq!(ask(says(1, 1, 4, "13900000001"), 9), case(2), "{name}: another month");
        assert_eq!(ask(says(2, 1, 3, "13900000001"), 9), case(3), "{name}: another person");
        assert_eq!(ask(says(1, 2, 3, "13900000001"), 9), case(4), "{name}: another call");
        assert!(matches!(records.answer(&says(99, 1, 3, "1"), at(9)), Err(RecordsError::NoSuchPerson)), "{name}");
    }
}

#[test]
fn one_person_opens_three_a_day() {
    assert_eq!(MOST_A_DAY, 3);
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query, seconds| records.answer(&query, at(seconds)).unwrap();
        for month in 1..=3 {
            assert_eq!(ask(says(1, 1, month, "13900000001"), i64::from(month)), case(month as u64), "{name}");
        }
        assert_eq!(ask(says(1, 1, 4, "13900000001"), 4), Reply::TooManyCases, "{name}");
        assert_eq!(ask(says(1, 2, 4, "13900000001"), 5), Reply::TooManyCases, "{name}: from another call too");
        assert_eq!(ask(says(1, 1, 2, "13900000001"), 5), case(2), "{name}: what is kept is said again");
        assert_eq!(ask(says(2, 2, 4, "13900000001"), 5), case(4), "{name}: another person");
        assert_eq!(ask(says(1, 3, 4, "13900000001"), 24 * 3600 + 1), case(5), "{name}: a day later");
    }
}

#[test]
fn what_is_personal_lies_sealed_and_is_sealed_anew_by_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = (folder.path().join("hotline.db"), folder.path().join("hotline.db.key"));
    new_key_file(&key).unwrap();
    let seal = Seal::beside(&path).unwrap();
    demo::write_with(&path, &seal, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let records = SqliteRecords::open_with(&path, &seal).unwrap();
    assert_eq!(records.answer(&says(1, 1, 3, "02087654321"), at(0)).unwrap(), case(1));
    let files = ["hotline.db", "hotline.db-wal"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
    for secret in ["02087654321", "119999198503150010"] {
        let held = files.iter().any(|file| file.windows(secret.len()).any(|window| window == secret.as_bytes()));
        assert!(!held, "{secret}");
    }
    hotline::records::put_new_key_first(&key).unwrap();
    let seal = Seal::beside(&path).unwrap();
    rekey(&path, &seal, |_, _| ()).unwrap();
    let keys = std::fs::read_to_string(&key).unwrap();
    let newest = keys.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap().to_owned();
    std::fs::write(&key, newest + "\n").unwrap();
    let source = Source::Sqlite(path.clone(), Seal::beside(&path).unwrap());
    let cases = Desk::open(&source).unwrap().cases(false).unwrap();
    assert_eq!(cases[0].callback.reveal(), "02087654321", "without the old key");
    assert_eq!(cases[0].id.reveal(), "119999198503150010");
}

fn hotline(database: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    let command = command.args(arguments).arg("--database").arg(database).env("USER", "li").env_remove("SUDO_USER");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Operators' acts, as the audit log lists them.
fn acts(database: &Path) -> String {
    said(&hotline(database, &["audit", "list"], "")).0
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn operators_see_cases_masked_reveal_them_with_a_line_and_close_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hotline.db");
    demo::write(&path, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let records = SqliteRecords::open(&path).unwrap();
    records.answer(&says(1, 1, 3, "02087654321"), at(0)).unwrap();
    records.answer(&says(2, 1, 4, "13912345678"), at(1)).unwrap();

    let (list, _) = said(&hotline(&path, &["cases", "list"], ""));
    assert!(list.contains("00000018") && list.contains("medical") && list.contains("2026-03"), "{list}");
    assert!(list.contains("*********21") && list.contains("employer") && !list.contains("02087654321"), "{list}");
    assert!(!list.contains("119999198503150010") && !acts(&path).contains("cases"), "{list}");

    let (csv, _) = said(&hotline(&path, &["cases", "export", "--format", "csv", "--reveal"], ""));
    assert!(
        csv.starts_with("number,opened,id,insurance,month,whose_error,callback,closed,closed_by,call\r\n"),
        "{csv}"
    );
    assert!(
        csv.contains("119999198503150010,medical,2026-03,employer,02087654321,,,01010101010101010101010101010101\r\n"),
        "{csv}"
    );
    let trail = acts(&path);
    assert!(trail.contains("cases export") && trail.contains("2 revealed") && trail.contains("operator:li"), "{trail}");

    let closed = hotline(&path, &["cases", "close", "00000018"], "");
    assert!(closed.status.success() && acts(&path).contains("case:00000018"), "{closed:?}");
    assert_eq!(hotline(&path, &["cases", "close", "00000018"], "").status.code(), Some(1), "it is closed already");
    assert_eq!(hotline(&path, &["cases", "close", "00000019"], "").status.code(), Some(2), "no case's number");
    let (json, _) = said(&hotline(&path, &["cases", "export", "--all"], ""));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[1]["closed_by"], "li");
    assert_eq!(json[0]["callback"], "*********78");
    let (list, _) = said(&hotline(&path, &["cases", "list"], ""));
    assert!(!list.contains("00000018") && list.contains("00000026"), "{list}");
}

#[test]
fn operators_see_who_is_locked_and_release_them_with_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hotline.db");
    demo::write(&path, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let records = SqliteRecords::open(&path).unwrap();
    let (caller, now) = (Some("13912345678"), jiff::Timestamp::now());
    for _ in 0..3 {
        records.answer(&wrong("ordinary", caller), now).unwrap();
    }
    assert!(matches!(records.answer(&right("ordinary", caller), now).unwrap(), Reply::Locked { .. }));

    let (locks, _) = said(&hotline(&path, &["records", "locks"], ""));
    assert!(locks.contains("id-from-caller") && locks.contains("*********78"), "{locks}");
    let (all, _) = said(&hotline(&path, &["records", "locks", "--all", "--format", "json"], ""));
    assert!(all.contains("\"what\": \"id\"") && all.contains("\"failures\": 3"), "{all}");
    assert!(!all.contains("13912345678") && !all.contains("119999198503150010"), "{all}");

    let released = hotline(&path, &["records", "unlock", "--caller-from", "-"], "13912345678\n");
    let ((told, _), trail) = (said(&released), acts(&path));
    assert!(told.starts_with("caller:") && told.contains("2 locks and counts"), "{told}");
    assert!(
        trail.contains("records unlock") && trail.contains("operator:li") && !trail.contains("13912345678"),
        "{trail}"
    );
    assert_eq!(records.answer(&right("ordinary", caller), now).unwrap(), matched(1));

    let id = folder.path().join("id.txt");
    std::fs::write(&id, "119999198503150010\n").unwrap();
    for _ in 0..3 {
        records.answer(&wrong("ordinary", None), now).unwrap();
    }
    let (told, _) = said(&hotline(&path, &["records", "unlock", "--id-from", id.to_str().unwrap()], ""));
    assert!(told.starts_with("id:"), "{told}");
    assert_eq!(records.answer(&right("ordinary", None), now).unwrap(), matched(1));
    assert!(said(&hotline(&path, &["records", "unlock", "--trunk", "east"], "")).0.contains("nothing was held"));
    let wrong_id = hotline(&path, &["records", "unlock", "--id-from", "-"], "12345");
    assert_eq!(wrong_id.status.code(), Some(2));
    assert!(!said(&wrong_id).1.contains("12345"));
    assert_eq!(hotline(&path, &["records", "unlock"], "").status.code(), Some(2));
}
