//! kill -9 at any moment of an import, or of sealing anew: what was read is read on, whole, and the next try goes through.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hotline::facts::Reply;
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{PostgresRecords, SqliteRecords};

use crate::records_support::{answers_of, as_of};
use crate::support::postgres::{Held, PostgresServer};

fn hotline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.arg("records").args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

const IMPORT: [&str; 7] = ["import", "--people", "people.csv", "--payments", "payments.csv", "--as-of", "2026-10"];

fn answers(folder: &Path) -> Vec<Reply> {
    answers_of(&SqliteRecords::open(&folder.join("hotline.db")).unwrap())
}

/// People on the side that is not read.
fn written(folder: &Path) -> i64 {
    let database = rusqlite::Connection::open(folder.join("hotline.db")).unwrap();
    let sql = "SELECT CASE side WHEN 0 THEN (SELECT count(*) FROM records_b) ELSE (SELECT count(*) FROM records_a) END FROM meta";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Kills it once so many people are on the side that is not read; false if it had ended before.
fn kill_at(child: Child, folder: &Path, people: i64) -> bool {
    kill_when(child, || written(folder) >= people)
}

fn kill_when(mut child: Child, come: impl Fn() -> bool) -> bool {
    // The first line says that it has begun.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    while !come() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn the_old_month_is_whole_and_the_next_import_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let options = DemoOptions { people: 2_500, ..DemoOptions::as_of(as_of()) };
    demo::write(&folder.join("hotline.db"), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    demo::write_tables(folder, DemoOptions { as_of: as_of().plus(1), ..options }, Some(3), || ()).unwrap();
    let before = answers(folder);
    for people in [0, 1, 600, 1_500] {
        assert!(kill_at(hotline(folder, &IMPORT).spawn().unwrap(), folder, people), "at {people}");
        assert_eq!(answers(folder), before, "killed at {people} people");
    }
    let ended = hotline(folder, &IMPORT).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let after = answers(folder);
    assert!(after.iter().all(|answer| !before.contains(answer)), "all is of the new month");
    assert_eq!(written(folder), 0, "nothing is left of the old one");
}

#[test]
fn sealing_anew_goes_on_where_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let options = DemoOptions { people: 2_500, ..DemoOptions::as_of(as_of()) };
    demo::write(&folder.join("hotline.db"), options, false, || ()).unwrap();
    let before = answers(folder);
    hotline::records::new_key_file(&folder.join("hotline.db.key")).unwrap();
    let mut most = 0;
    for people in [1, 1_000, 2_000] {
        if !kill_at(hotline(folder, &["rekey"]).spawn().unwrap(), folder, people) {
            break;
        }
        assert_eq!(answers(folder), before, "killed at {people} people");
        let left = written(folder);
        assert!(left >= most, "{left} after {most}: it did not go on");
        most = left;
    }
    let ended = hotline(folder, &["rekey"]).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!((answers(folder), written(folder)), (before, 0));
}

#[test]
fn two_that_write_do_not_get_into_each_others_way() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    demo::write(&folder.join("hotline.db"), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    demo::write_tables(folder, DemoOptions::named_only(as_of().plus(1)), None, || ()).unwrap();
    let lock = std::fs::File::options().write(true).open(folder.join("hotline.db.lock")).unwrap();
    lock.lock().unwrap();
    let refused = hotline(folder, &IMPORT).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("being written by another command: wait for it"));
    drop(lock);
    assert!(hotline(folder, &IMPORT).status().unwrap().success());
}

/// People on the side that nobody reads.
fn beside(server: &PostgresServer) -> i64 {
    server.sql("SELECT count(*) FROM records WHERE side <> (SELECT side FROM meta)").parse().unwrap()
}

/// As long as it lasts, an import writes everything and does not come past the swap: somebody else is at the row that tells which
/// side is read.
fn swap_held_up(server: &PostgresServer) -> Held {
    server.hold("SELECT side FROM meta FOR UPDATE")
}

/// A server with the named people, and a folder with the next month's tables.
fn served(people: u32) -> (PostgresServer, tempfile::TempDir) {
    let (server, folder) = (PostgresServer::start(), tempfile::tempdir().unwrap());
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let options = DemoOptions { people, ..DemoOptions::as_of(as_of().plus(1)) };
    demo::write_tables(folder.path(), options, Some(3), || ()).unwrap();
    (server, folder)
}

fn import_into(server: &PostgresServer, folder: &tempfile::TempDir) -> Command {
    let mut command = hotline(folder.path(), &IMPORT);
    command.args(["--database", &server.url()]);
    command
}

#[test]
fn the_old_month_on_a_server_is_whole_and_the_next_import_goes_through() {
    let (server, folder) = served(2_500);
    let records = PostgresRecords::open(&server.options()).unwrap();
    let before = answers_of(&records);
    let held_up = swap_held_up(&server);
    for people in [0, 1, 600, 2_500] {
        let mut import = import_into(&server, &folder).spawn().unwrap();
        let mut said = BufReader::new(import.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line == "putting them together"), "at {people}");
        while beside(&server) < people {
            assert!(import.try_wait().unwrap().is_none(), "at {people}: it has ended");
        }
        import.kill().unwrap();
        import.wait().unwrap();
        assert_eq!(answers_of(&records), before, "killed at {people} people");
        // The server sees that within a second, and lets go of the lock.
        while server.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != "0" {}
    }
    drop(held_up);
    let ended = import_into(&server, &folder).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let after = answers_of(&records);
    assert!(after.iter().all(|answer| !before.contains(answer)), "all is of the new month");
    assert_eq!(beside(&server), 0, "nothing is left of the old one");
}

#[test]
fn a_server_that_is_killed_has_the_old_month() {
    let (mut server, folder) = served(2_500);
    let before = answers_of(&PostgresRecords::open(&server.options()).unwrap());
    let held_up = swap_held_up(&server);
    let import = import_into(&server, &folder).spawn().unwrap();
    while beside(&server) < 600 {}
    server.kill();
    drop(held_up);
    let ended = import.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    server.go_on();
    assert_eq!(answers_of(&PostgresRecords::open(&server.options()).unwrap()), before);
    assert!(import_into(&server, &folder).status().unwrap().success());
}

#[test]
fn two_that_import_into_a_server_do_not_get_into_each_others_way() {
    let (server, folder) = served(10);
    let held_up = swap_held_up(&server);
    let mut first = import_into(&server, &folder).spawn().unwrap();
    while beside(&server) < 10 {}
    let refused = import_into(&server, &folder).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("being written by another command: wait for it"), "{said}");
    drop(held_up);
    assert!(first.wait().unwrap().success());
}
