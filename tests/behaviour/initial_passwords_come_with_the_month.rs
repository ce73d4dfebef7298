//! A column of initial passwords: each is to be changed before it is of use; who has chosen one keeps it; one that is easily
//! guessed, or is none, is a faulty row. Where there are keys all that comes with a month lies sealed.

use std::path::Path;

use hotline::facts::{CitizenId, Identity, Origin, PersonRef, Query, Reply, Secret};
use hotline::records::import::{ImportOptions, ImportReport, Outcome, RowFault, import};
use hotline::records::{LockPolicy, PostgresOptions, Records, Seal, Source};

use crate::records_support::{Lasting, as_of, at};

const HEAD: &str = "id_number,number,kind,pension,medical,初始密码\n";
const ID: &str = "119999198503150010";
const OTHER: &str = "32999919780419007X";

/// The same database with a key that is nowhere but in this process.
fn with_a_key(database: &Lasting) -> Source {
    let seal = Seal::for_now();
    match database.source() {
        Source::Sqlite(file, _) => Source::Sqlite(file, seal),
        Source::Postgres(server) => Source::Postgres(PostgresOptions { seal, ..server }),
        Source::Service(_) => unreachable!(),
    }
}

/// Imports two people with these initial passwords.
fn imported(database: &Source, folder: &Path, passwords: [&str; 2]) -> (ImportReport, Vec<RowFault>) {
    let [one, other] = passwords;
    let rows = format!("{ID},10000001,employee,1.00,2.00,{one}\n{OTHER},10000002,employee,1.00,2.00,{other}\n");
    std::fs::write(folder.join("people.csv"), format!("{HEAD}{rows}")).unwrap();
    std::fs::write(folder.join("payments.csv"), "id_number,insurance,month,base,personal,employer\n").unwrap();
    let options = ImportOptions {
        people: folder.join("people.csv"),
        payments: folder.join("payments.csv"),
        as_of: as_of(),
        today: jiff::civil::date(2026, 11, 25),
        encoding: None,
        skip_faulty: false,
        check: false,
        force: false,
    };
    let mut faults = Vec::new();
    let mut tell = |fault: &RowFault| {
        faults.push(fault.clone());
        Ok(())
    };
    let report = import(database, &options, &mut tell, &mut |_, _, _| ()).unwrap();
    (report, faults)
}

fn keyed(records: &dyn Records, id: &str, password: &str) -> Reply {
    let identity = Identity {
        id: Some(Secret::new(CitizenId::parse(id, jiff::civil::date(2026, 11, 25)).unwrap())),
        password: Some(Secret::new(password.to_owned())),
        ..Identity::default()
    };
    records.answer(&Query::Verify { identity, from: Origin::default() }, at(0)).unwrap()
}

fn choose(records: &dyn Records, person: PersonRef, password: &str) {
    let set = Query::SetPassword { person, password: Secret::new(password.to_owned()) };
    assert_eq!(records.answer(&set, at(0)).unwrap(), Reply::PasswordSet);
}

#[test]
fn they_are_to_be_changed_and_who_has_chosen_one_keeps_it() {
    for database in Lasting::each_empty() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = with_a_key(&database);
        let import = |passwords| {
            let (report, faults) = imported(&sealed, folder.path(), passwords);
            assert_eq!(faults, []);
            (report.outcome, report.passwords)
        };
        assert_eq!(import(["135797", ""]), (Outcome::Loaded, 1));
        let records = sealed.open(LockPolicy::default()).unwrap();
        let ask = |id, password| keyed(records.as_ref(), id, password);
        let Reply::InitialPassword(person) = ask(ID, "135797") else { panic!("{:?}", ask(ID, "135797")) };
        assert_eq!((ask(ID, "135798"), ask(OTHER, "135797")), (Reply::Unmatched, Reply::Unmatched));
        assert_eq!(import(["135797", ""]), (Outcome::Unchanged, 0), "the same again");
        assert_eq!(import(["135797", "246802"]), (Outcome::Loaded, 1), "one more");
        choose(records.as_ref(), person, "864209");
        assert_eq!(import(["135790", "246804"]), (Outcome::Loaded, 1), "another for who has not chosen");
        assert_eq!((ask(ID, "864209"), ask(ID, "135790")), (Reply::Matched(person), Reply::Unmatched));
        assert!(matches!(ask(OTHER, "246804"), Reply::InitialPassword(_)));
        assert_eq!(ask(OTHER, "246802"), Reply::Unmatched);
    }
}

#[test]
fn a_bad_one_is_a_faulty_row_and_nobody_is_given_any() {
    for database in Lasting::each_empty() {
        let folder = tempfile::tempdir().unwrap();
        for (bad, why) in [
            ("13579", "six digits"),
            ("1357970", "six digits"),
            ("13579X", "six digits"),
            ("777777", "equal"),
            ("123456", "follow one another"),
            ("780419", "birthday"),
            ("329999", "stands in the ID number"),
        ] {
            let (report, faults) = imported(&database.source(), folder.path(), ["135797", bad]);
            assert_eq!((report.outcome, report.passwords, faults.len()), (Outcome::Refused, 0, 1), "{bad}");
            assert_eq!((faults[0].line, faults[0].column), (3, Some("initial_password")), "{bad}");
            assert!(faults[0].reason.contains(why) && !faults[0].reason.contains(bad), "{}", faults[0].reason);
        }
        let (report, _) = imported(&database.source(), folder.path(), ["", ""]);
        assert_eq!((report.outcome, report.passwords), (Outcome::Loaded, 0));
        let records = database.open(LockPolicy::default());
        assert_eq!(keyed(records.as_ref(), ID, "135797"), Reply::Unmatched);
    }
}

#[test]
fn what_is_kept_is_an_argon2id_hash_and_where_there_is_a_key_it_is_not_seen() {
    for key in [false, true] {
        for mut database in Lasting::each_empty() {
            let folder = tempfile::tempdir().unwrap();
            let source = if key { with_a_key(&database) } else { database.source() };
            assert_eq!(imported(&source, folder.path(), ["135797", ""]).0.passwords, 1);
            let bytes = database.bytes();
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert_eq!([holds("$argon2id$v=19$m=19456,t=2,p=1$"), holds(ID), holds(OTHER)], [!key; 3], "{source}");
            assert!(!holds("135797"), "{source}");
        }
    }
}

#[test]
fn an_import_with_a_key_seals_what_lay_open_and_knows_it_again() {
    for database in Lasting::each_empty() {
        let folder = tempfile::tempdir().unwrap();
        let import = |source: &Source| imported(source, folder.path(), ["135797", ""]).0;
        assert_eq!(import(&database.source()).outcome, Outcome::Loaded);
        let sealed = with_a_key(&database);
        assert!(sealed.lies_open().unwrap());
        let again = import(&sealed);
        assert_eq!((again.outcome, again.passwords), (Outcome::Unchanged, 0));
        assert!(!sealed.lies_open().unwrap());
        let records = sealed.open(LockPolicy::default()).unwrap();
        assert!(matches!(keyed(records.as_ref(), ID, "135797"), Reply::InitialPassword(_)));
    }
}
