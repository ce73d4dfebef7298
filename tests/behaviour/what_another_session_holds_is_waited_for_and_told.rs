//! Commands that write records wait so long for what another session holds, and no longer: then they say whose it is, and the month
//! from before is read. Once the new month is read they have done what they were to do, whatever of the old one is held.

use std::time::Duration;

use hotline::records::demo::{self, DemoOptions};
use hotline::records::import::{ImportOptions, ImportReport, Outcome, import};
use hotline::records::{PostgresOptions, PostgresRecords, Seal, Source, SqliteRecords, rekey_on_server};
use rusqlite::Connection;

use crate::records_support::{answers_of, as_of};
use crate::support::postgres::{Held, PostgresServer};

/// A server with the named people, and a folder with the next month's tables.
fn served() -> (PostgresServer, tempfile::TempDir) {
    let (server, folder) = (PostgresServer::start(), tempfile::tempdir().unwrap());
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    demo::write_tables(folder.path(), DemoOptions::named_only(as_of().plus(1)), None, || ()).unwrap();
    (server, folder)
}

fn hurried(server: &PostgresServer) -> PostgresOptions {
    PostgresOptions { patience: Duration::from_secs(1), ..server.options() }
}

fn imported(options: PostgresOptions, folder: &tempfile::TempDir) -> Result<ImportReport, String> {
    let month = ImportOptions {
        people: folder.path().join("people.csv"),
        payments: folder.path().join("payments.csv"),
        as_of: as_of().plus(1),
        today: jiff::civil::date(2026, 11, 25),
        encoding: None,
        skip_faulty: false,
        check: false,
        force: false,
    };
    import(&Source::Postgres(options), &month, &mut |_| Ok(()), &mut |_, _, _| ()).map_err(|error| error.to_string())
}

/// Somebody reads the table of a side, and does not end; with the session's number.
fn reading(server: &PostgresServer, side: &str) -> (Held, String) {
    let table = if server.sql(&format!("SELECT {side} FROM meta")) == "0" { "records_a" } else { "records_b" };
    holding(server, &format!("SELECT count(*) FROM {table}"))
}

fn holding(server: &PostgresServer, statement: &str) -> (Held, String) {
    let sessions = || server.sql("SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'");
    // One that was let go of before.
    while !sessions().is_empty() {}
    let held = server.hold(statement);
    (held, sessions())
}

/// It says for how long it waited, for whom, and how to end that.
fn names(why: &str, session: &str) {
    for part in [&format!("within 1s: session {session} (psql, user hotline, since "), "pg_terminate_backend", "again"]
    {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn a_row_that_a_session_left_open_holds_makes_each_command_fail_and_the_old_month_is_read() {
    let (server, folder) = served();
    let records = PostgresRecords::open(&server.options()).unwrap();
    let before = answers_of(&records);
    let (held, session) = holding(&server, "SELECT side FROM meta FOR UPDATE");
    let options = hurried(&server);
    let failed = [
        imported(options.clone(), &folder).unwrap_err(),
        demo::write_to_server(&options, DemoOptions::as_of(as_of()), false, || ()).unwrap_err().to_string(),
        rekey_on_server(&PostgresOptions { seal: Seal::for_now(), ..options }, |_, _| ()).unwrap_err().to_string(),
    ];
    failed.iter().for_each(|why| names(why, &session));
    assert_eq!(answers_of(&records), before);
    drop(held);
    assert_eq!(imported(server.options(), &folder).unwrap().outcome, Outcome::Loaded);
    assert!(answers_of(&records).iter().all(|answer| !before.contains(answer)), "all is of the new month");
}

#[test]
fn a_row_of_somebody_who_is_gone_is_waited_for_as_long() {
    let (server, folder) = served();
    let records = PostgresRecords::open(&server.options()).unwrap();
    let before = answers_of(&records);
    server.sql("INSERT INTO people VALUES (999, sha256('gone'))");
    let (held, session) = holding(&server, "SELECT 1 FROM people WHERE person = 999 FOR UPDATE");
    names(&imported(hurried(&server), &folder).unwrap_err(), &session);
    assert_eq!(answers_of(&records), before);
    drop(held);
}

#[test]
fn where_the_table_to_be_written_is_read_for_long_the_old_month_is_read() {
    let (server, folder) = served();
    let records = PostgresRecords::open(&server.options()).unwrap();
    let before = answers_of(&records);
    let (held, session) = reading(&server, "1 - side");
    names(&imported(hurried(&server), &folder).unwrap_err(), &session);
    assert_eq!(answers_of(&records), before);
    drop(held);
    assert_eq!(imported(server.options(), &folder).unwrap().outcome, Outcome::Loaded);
}

#[test]
fn where_the_old_month_is_read_for_long_the_new_one_is_in_and_the_next_import_empties_the_old() {
    let (server, folder) = served();
    let records = PostgresRecords::open(&server.options()).unwrap();
    let before = answers_of(&records);
    let beside = || server.sql("SELECT count(*) FROM records WHERE side <> (SELECT side FROM meta)");
    let (held, session) = reading(&server, "side");
    let report = imported(hurried(&server), &folder).unwrap();
    assert_eq!(report.outcome, Outcome::Loaded);
    names(&report.left_over.unwrap(), &session);
    assert!(answers_of(&records).iter().all(|answer| !before.contains(answer)), "all is of the new month");
    assert_eq!(beside(), "10", "the old one is still there");
    drop(held);
    let report = imported(server.options(), &folder).unwrap();
    assert_eq!((report.outcome, report.left_over, beside()), (Outcome::Unchanged, None, "0".to_owned()));

    let (_held, session) = reading(&server, "side");
    let report = demo::write_to_server(&hurried(&server), DemoOptions::as_of(as_of()), true, || ()).unwrap();
    names(&report.left_over.unwrap(), &session);
    assert_eq!(answers_of(&records), before, "the demo's month");
}

#[test]
fn where_passwords_cannot_be_given_the_new_month_is_said_to_be_in_and_the_same_import_gives_them() {
    let (server, folder) = served();
    let records = PostgresRecords::open(&server.options()).unwrap();
    let before = answers_of(&records);
    let people = std::fs::read_to_string(folder.path().join("people.csv")).unwrap();
    let passwords = ["initial_password", "135797"].into_iter().chain(std::iter::repeat(""));
    let people = people.lines().zip(passwords).map(|(row, password)| format!("{row},{password}\n"));
    std::fs::write(folder.path().join("people.csv"), people.collect::<String>()).unwrap();
    let given = || server.sql("SELECT count(*) FROM passwords WHERE initial");
    server.sql("DELETE FROM passwords");
    let (held, session) = holding(&server, "LOCK TABLE passwords IN EXCLUSIVE MODE");
    let why = imported(hurried(&server), &folder).unwrap_err();
    names(&why, &session);
    assert!(why.contains("the month is in"), "{why}");
    assert!(answers_of(&records).iter().all(|answer| !before.contains(answer)), "all is of the new month");
    assert_eq!(given(), "0");
    drop(held);
    assert_eq!(imported(server.options(), &folder).unwrap().passwords, 1);
    assert_eq!(given(), "1");
}

#[test]
fn an_old_month_in_a_file_that_cannot_be_emptied_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hotline.db");
    demo::write(&file, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    demo::write_tables(folder.path(), DemoOptions::named_only(as_of().plus(1)), None, || ()).unwrap();
    let before = answers_of(&SqliteRecords::open(&file).unwrap());
    let database = Connection::open(&file).unwrap();
    let side: i64 = database.query_row("SELECT side FROM meta", [], |row| row.get(0)).unwrap();
    let table = if side == 0 { "records_a" } else { "records_b" };
    let stuck = "BEGIN SELECT RAISE(ABORT, 'it is stuck'); END";
    database.execute_batch(&format!("CREATE TRIGGER stuck BEFORE DELETE ON {table} {stuck}")).unwrap();
    let import = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
        let tables = ["--people", "people.csv", "--payments", "payments.csv", "--as-of", "2026-10"];
        let output = command.args(["records", "import"]).args(tables).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let left =
        || -> i64 { database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap() };
    let (code, told) = import();
    assert!(code == Some(0) && told.contains("true as of 2026-10"), "{told}");
    assert!(told.contains("warning") && told.contains("the next import does that") && told.contains("stuck"), "{told}");
    assert!(answers_of(&SqliteRecords::open(&file).unwrap()).iter().all(|answer| !before.contains(answer)));
    assert_eq!(left(), 10);
    database.execute_batch("DROP TRIGGER stuck").unwrap();
    let (code, told) = import();
    assert!(code == Some(0) && told.contains("nothing has changed") && !told.contains("warning"), "{told}");
    assert_eq!(left(), 0);
}
