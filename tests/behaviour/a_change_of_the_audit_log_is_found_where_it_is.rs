//! The audit log is only added to; whatever was changed in it all the same is found, and the first line of it named.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotline::facts::{CallId, CitizenId, PersonRef, Secret};
use hotline::records::audit::{self, Act, AuditFault, Head, Subject, Wanted, Who};
use hotline::records::demo::{self, DemoOptions};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::records_support::{as_of, everything_in};

const ID: &str = "119999198503150010";

fn act(day: i8) -> Act {
    let at: Timestamp = format!("2026-03-{day:02}T08:00:00Z").parse().unwrap();
    let id = CitizenId::parse(ID, jiff::civil::date(2026, 3, 1)).unwrap();
    match day % 3 {
        0 => Act {
            at,
            who: Who::Call(CallId::new([7; 16])),
            what: "balances".into(),
            subject: Some(Subject::Person(PersonRef(1))),
            outcome: "found".into(),
        },
        1 => Act {
            at,
            who: Who::Operator("lin".into()),
            what: "records unlock".into(),
            subject: Some(Subject::Id(Secret::new(id))),
            outcome: "done".into(),
        },
        _ => Act { at, who: Who::Hotline, what: "start".into(), subject: None, outcome: String::new() },
    }
}

/// A database whose audit log has nine lines.
fn nine() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hotline.db");
    demo::write(&path, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    (1..=9).for_each(|day| audit::record(&path, &act(day)).unwrap());
    (folder, path)
}

fn fault(path: &Path) -> Option<AuditFault> {
    audit::verify(path, None).unwrap().err()
}

/// Changes the log as somebody would who has the file and knows of the triggers.
fn tamper(path: &Path, sql: &str) {
    let drop = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_goes_at_its_beginning; \
                DROP TRIGGER audit_goes_on; DROP TRIGGER audit_anchor_follows;";
    Connection::open(path).unwrap().execute_batch(&format!("{drop}{sql}")).unwrap();
}

fn head(path: &Path) -> Head {
    audit::verify(path, None).unwrap().unwrap().head
}

#[test]
fn a_log_that_nobody_changed_is_whole_and_holds_nobodys_number() {
    let (folder, path) = nine();
    let verified = audit::verify(&path, None).unwrap().unwrap();
    assert_eq!((verified.lines, verified.head.line, verified.compared), (9, 9, true));
    let mut lines = Vec::new();
    audit::list(&path, &Wanted { who: Some("operator:lin".into()), ..Wanted::default() }, |line| {
        lines.push(line);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 4, 7]);
    assert!(lines.iter().all(|line| line.subject.as_ref().is_some_and(|subject| subject.starts_with("id:"))));
    let bytes = everything_in(folder.path());
    let subject = lines[0].subject.clone().unwrap();
    assert!(bytes.windows(subject.len()).any(|window| window == subject.as_bytes()));
    // The demo's own people are in the file; only the audit log may not hold them.
    let log: String = Connection::open(&path)
        .unwrap()
        .query_row("SELECT group_concat(at || who || what || coalesce(subject, '') || outcome) FROM audit", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(!log.contains(ID) && !log.contains(&ID[6..14]), "{log}");
}

#[test]
fn the_database_itself_refuses_to_change_a_line() {
    let (_folder, path) = nine();
    let connection = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE audit SET outcome = 'nothing' WHERE line = 4",
        "DELETE FROM audit WHERE line = 4",
        "DELETE FROM audit WHERE line = 9",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT line, act, at, who, what, subject, 'nothing', hash FROM audit WHERE line = 4",
        "UPDATE audit_anchor SET first = 8",
        "UPDATE audit_anchor SET before = randomblob(32)",
        "DELETE FROM audit_anchor",
    ] {
        let error = connection.execute(sql, []).expect_err(sql).to_string();
        assert!(error.contains("audit log"), "{sql}: {error}");
    }
    assert_eq!(fault(&path), None);
}

#[test]
fn the_first_line_that_is_not_as_it_was_written_is_named() {
    let cases: [(&str, AuditFault); 6] = [
        ("UPDATE audit SET outcome = 'nothing' WHERE line = 4", AuditFault::Broken { line: 4 }),
        ("UPDATE audit SET subject = NULL WHERE line = 7", AuditFault::Broken { line: 7 }),
        ("DELETE FROM audit WHERE line IN (3, 4)", AuditFault::Missing { first: 3, last: 4 }),
        ("DELETE FROM audit WHERE line = 1", AuditFault::Missing { first: 1, last: 1 }),
        (
            "DELETE FROM audit WHERE line = 5; UPDATE audit SET line = line - 1 WHERE line > 5",
            AuditFault::Broken { line: 5 },
        ),
        (
            "UPDATE audit_anchor SET first = 4, before = (SELECT hash FROM audit WHERE line = 3); DELETE FROM audit WHERE line < 4",
            AuditFault::Beginning { first: 4 },
        ),
    ];
    for (sql, wanted) in cases {
        let (_folder, path) = nine();
        tamper(&path, sql);
        assert_eq!(fault(&path), Some(wanted), "{sql}");
    }
}

#[test]
fn an_end_that_was_cut_off_and_a_log_written_anew_are_told_by_a_head_kept_elsewhere() {
    let (_folder, path) = nine();
    let before = head(&path);
    tamper(&path, "DELETE FROM audit WHERE line > 6");
    assert_eq!(fault(&path), Some(AuditFault::CutOff { last: 6, head: before, from: "the head beside the database" }));
    // Whoever also changes the file beside it is found by the head that the log or this command told before.
    std::fs::remove_file(path.with_file_name("hotline.db.audit-head")).unwrap();
    assert_eq!(fault(&path), None);
    let given = audit::verify(&path, Some(before)).unwrap().unwrap_err();
    assert!(matches!(given, AuditFault::CutOff { last: 6, .. }), "{given}");
    (7..=9).for_each(|day| audit::record(&path, &act(day)).unwrap());
    assert!(matches!(audit::verify(&path, Some(before)).unwrap(), Err(AuditFault::Rewritten { .. })));
}

#[test]
fn what_has_been_kept_for_long_enough_goes_and_the_chain_goes_on() {
    let (_folder, path) = nine();
    let before = |day: i8| act(day).at;
    let now: Timestamp = "2026-11-26T08:00:00Z".parse().unwrap();
    let removed = audit::prune(&path, before(5), now).unwrap().unwrap();
    assert_eq!((removed.lines, removed.last.line), (4, 4));
    assert_eq!(audit::prune(&path, before(5), now).unwrap(), None);
    assert_eq!(head(&path).line, 10, "the removal has a line of its own");
    // The last line stays whatever its age, so that the chain has an end.
    audit::prune(&path, Timestamp::MAX, now).unwrap();
    audit::record(&path, &act(9)).unwrap();
    assert_eq!(fault(&path), None);
    tamper(&path, "UPDATE audit SET outcome = 'removed 1 to 2' WHERE what = 'retention'");
    assert!(fault(&path).is_some());
}

#[test]
fn the_command_says_it_and_its_exit_code_does() {
    let (_folder, path) = nine();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_hotline")).args(arguments).arg("--database").arg(&path).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, told) = run(&["audit", "verify"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("whole: 9 lines") && told.contains(&format!("head {}", head(&path))), "{told}");
    let (_, listed) = run(&["audit", "list", "--from", "2026-03-02", "--to", "2026-03-04", "--format", "csv"]);
    assert_eq!(listed.lines().next(), Some("line,at,who,what,subject,outcome,hash"), "{listed}");
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let (_, listed) = run(&["audit", "list", "--format", "json"]);
    assert!(
        listed.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].is_i64()),
        "{listed}"
    );
    tamper(&path, "UPDATE audit SET who = 'operator:wu' WHERE line = 4");
    let (code, told) = run(&["audit", "verify"]);
    assert!(code == Some(1) && told.contains("line 4 is broken"), "{told}");
    assert_eq!(run(&["audit", "verify", "--head", "4"]).0, Some(2));
}
