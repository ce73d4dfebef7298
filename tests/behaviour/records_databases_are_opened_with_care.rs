//! A records database that is missing, foreign, too new or real is refused with what to do; a right one is in WAL mode.

use crate::records_support::{as_of, at, matched, right};
use hotline::facts::{PersonRef, Query};
use hotline::records::demo::{self, DemoError, DemoOptions};
use hotline::records::{CallLog, OpenError, Records, RecordsError, SqliteRecords};
use rusqlite::Connection;

fn refusal(path: &std::path::Path) -> String {
    match SqliteRecords::open(path) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_missing_file_is_not_made_but_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    assert!(refusal(&path).contains("make one with `hotline records demo --database"));
    assert!(!path.exists());
    let (within_a_file, new_folder) = (folder.path().join("file/records"), folder.path().join("new/folder/records"));
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(matches!(CallLog::open(&within_a_file), Err(OpenError::Io { .. })));
    demo::write(&new_folder, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    assert!(SqliteRecords::open(&new_folder).is_ok());
}

#[test]
fn files_of_others_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let [text, foreign] = ["text", "foreign"].map(|name| folder.path().join(name));
    std::fs::write(&text, "not a database, but long enough to be mistaken for one".repeat(40)).unwrap();
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    for (path, what) in [(&text, "file is not a database"), (&foreign, "not one of Hotline's")] {
        let before = std::fs::read(path).unwrap();
        assert!(refusal(path).contains(what), "{}", refusal(path));
        let demo = demo::write(path, DemoOptions::named_only(as_of()), true, || ());
        assert!(matches!(demo, Err(DemoError::Open(_))));
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
}

#[test]
fn a_database_of_a_later_hotline_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    demo::write(&path, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    Connection::open(&path).unwrap().execute("UPDATE schema_version SET version = 99", []).unwrap();
    assert!(refusal(&path).contains("written by a later Hotline (tables of version 99; this one knows 12)"));
}

#[test]
fn tables_are_made_once_and_the_journal_is_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    drop(CallLog::open(&path).unwrap());
    let version = |path| -> i64 {
        let connection = Connection::open(path).unwrap();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        connection.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(version(&path), 12);
    let records = SqliteRecords::open(&path).unwrap();
    assert_eq!(version(&path), 12);
    let answer = records.answer(&Query::Balances(PersonRef(1)), at(0));
    assert!(matches!(answer, Err(RecordsError::Empty)));
}

#[test]
fn real_records_are_replaced_only_by_force_and_demo_records_freely() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    let write = |people, force| {
        let options = DemoOptions { people, ..DemoOptions::named_only(as_of()) };
        demo::write(&path, options, force, || ())
    };
    assert!(!write(10, false).unwrap().replaced);
    let running = SqliteRecords::open(&path).unwrap();
    let report = write(12, false).unwrap();
    assert!(report.replaced && report.people == 12);
    assert_eq!(running.answer(&right("ordinary", None), at(0)).unwrap(), matched(1), "a running hotline goes on");
    assert!(running.answer(&Query::Balances(PersonRef(12)), at(0)).is_ok());
    Connection::open(&path).unwrap().execute("UPDATE meta SET seed = NULL", []).unwrap();
    assert!(write(10, false).unwrap_err().to_string().contains("--force"));
    assert!(running.answer(&Query::Balances(PersonRef(12)), at(0)).is_ok(), "nothing was replaced");
    assert!(write(10, true).unwrap().replaced);
    assert!(matches!(running.answer(&Query::Balances(PersonRef(12)), at(0)), Err(RecordsError::NoSuchPerson)));
}
