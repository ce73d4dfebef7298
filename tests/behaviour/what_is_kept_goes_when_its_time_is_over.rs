//! What is kept of calls and accesses is kept for as long as the configuration says, and goes then; and only its owner reads it.

use std::ops::ControlFlow;

use hotline::node::Config;
use hotline::records::CallPlace;
use hotline::records::audit::{self, Act, Wanted, Who};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::support::binary::{Server, hotline, run};

/// An old row, and an old line, in the database of a server that is not there yet.
fn make_old(database: &std::path::Path) {
    let old = Timestamp::now() - SignedDuration::from_hours(24 * 400);
    let row = "INSERT INTO calls (started, ended, duration_ms, called, menu, path, path_cut, outcome, language, keys) \
               VALUES (?1, ?1, 0, '100', '100', '', 0, 'nothing', 'en', 0)";
    let connection = Connection::open(database).unwrap();
    for at in [old, Timestamp::now()] {
        connection.execute(row, [at.to_string()]).unwrap();
        let act = Act { at, who: Who::Hotline, what: "test".into(), subject: None, outcome: String::new() };
        audit::record(database, &act).unwrap();
    }
    let case = "INSERT INTO cases (opened, subject, insurance, month, blame, person, call, closed) \
                VALUES (0, zeroblob(32), 0, 24300, 'agency', zeroblob(1), ?1, ?2)";
    connection.execute(case, rusqlite::params![[1_u8; 16], 1]).unwrap();
    connection.execute(case, rusqlite::params![[2_u8; 16], None::<i64>]).unwrap();
    let locked = "INSERT INTO lock_outs (subject, failed_at, locked_until, expires) VALUES (?1, '[1]', 0, ?2)";
    connection.execute(locked, rusqlite::params![[1_u8; 32], old.as_millisecond()]).unwrap();
    connection.execute(locked, rusqlite::params![[2_u8; 32], i64::MAX]).unwrap();
}

fn left(database: &std::path::Path) -> [i64; 3] {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        Connection::open(database).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    [count("calls"), count("cases"), count("lock_outs")]
}

fn lines(database: &std::path::Path) -> Vec<String> {
    let mut lines = Vec::new();
    audit::list(database, &Wanted::default(), |line| {
        lines.push(format!("{} {}", line.what, line.outcome));
        ControlFlow::Continue(())
    })
    .unwrap();
    lines
}

const SIP: &str = "listen = [\"127.0.0.1:0\"]\n[retention]\ncall-records = 366\naudit = 366";

#[tokio::test]
async fn a_running_hotline_removes_what_is_too_old_and_says_so() {
    // A first start makes the folder and the database; the second finds them aged.
    let mut server = Server::launch(hotline(), SIP, &[("300", "bench/300")], "info").await;
    server.terminate();
    server.ended().await;
    make_old(&server.database());
    let config = server.folder.path().join("hotline.toml");
    let again =
        hotline().args(["serve", "--config"]).arg(&config).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let log = says(again, "lock-outs were removed").await;
    assert!(log.contains("retention: call records were removed") && log.contains("count=1 days=366"), "{log}");
    assert!(log.contains("retention: audit lines were removed"), "{log}");
    assert_eq!(left(&server.database()), [1, 1, 1]);
    let lines = lines(&server.database());
    assert!(lines.len() == 2 && lines[0] == "test " && lines[1].starts_with("retention removed 1 to 1:"), "{lines:?}");
    assert!(audit::verify(&server.database(), None).unwrap().is_ok());
}

/// What a program logs, up to a word.
async fn says(mut child: tokio::process::Child, word: &str) -> String {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let (mut log, mut lines) = (String::new(), BufReader::new(child.stderr.take().unwrap()).lines());
    while !log.contains(word) {
        let line = tokio::time::timeout(crate::support::media::DEADLINE, lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{word} is never said: {log}")).unwrap();
        log.push_str(&line.unwrap_or_else(|| panic!("{word} is never said: {log}")));
        log.push('\n');
    }
    log
}

#[tokio::test]
async fn a_command_removes_it_at_once_and_leaves_a_line() {
    let mut server = Server::launch(hotline(), SIP, &[("300", "bench/300")], "info").await;
    server.terminate();
    server.ended().await;
    make_old(&server.database());
    let config = server.folder.path().join("hotline.toml").display().to_string();
    let (code, printed) = run(&["records", "prune", "--config", &config]).await;
    assert_eq!(code, Some(0), "{printed}");
    for told in
        ["1 call records older than 366 days were removed", "1 audit lines older", "1 lock-outs whose time was over"]
    {
        assert!(printed.contains(told), "{printed}");
    }
    assert_eq!(left(&server.database()), [1, 1, 1]);
    let lines = lines(&server.database());
    assert_eq!(lines.last().unwrap(), "records prune 1 call records, 1 audit lines, 1 cases, 1 lock-outs", "{lines:?}");
}

#[test]
fn a_retention_that_the_law_does_not_allow_is_refused() {
    for (bad, words) in [
        ("[retention]\naudit = 182\n", "183 days, six months"),
        ("[retention]\ncall-records = 0\n", "from 1 day"),
        ("[call-records]\nspool-mib = 0\n", "from 1 to 65536"),
        ("[call-records]\nto = \"paper\"\n", "json-lines"),
        ("[call-records]\nto = \"postgres\"\n", "call-records.server is missing"),
        ("[call-records]\nserver = \"db.example\"\n", "no URL of a PostgreSQL database"),
        ("[call-records]\nserver = \"postgres://h:pw@db/c\"\n", "the password stands in the URL"),
        ("[telemetry]\notlp = \"https://collector\"\n", "no http:// address"),
    ] {
        let fault = Config::parse("hotline.toml", bad).unwrap_err();
        assert!(fault.message.contains(words), "{bad}: {}", fault.message);
    }
    let config = Config::parse("hotline.toml", "").unwrap();
    assert!(config.retention.audit >= 183 && matches!(config.call_place(), Ok(CallPlace::Sqlite(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_kept_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let sip = format!("{SIP}\n[call-records]\nto = \"json-lines\"");
    let server = Server::launch(hotline(), &sip, &[("300", "bench/300")], "info").await;
    let mode = |name: &str| server.folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("hotline.db"), 0o600);
    for folder in ["hotline.db.calls", "hotline.db.spool", "hotline.db.spool/calls", "hotline.db.spool/audit"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
}
