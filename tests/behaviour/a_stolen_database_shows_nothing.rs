//! Personal values lie sealed in the database, its write-ahead log and whatever else is beside it; keys are changed, and records
//! that lay open are sealed, while calls run; and whoever has no key is told which one is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use hotline::facts::{Insurance, PersonRef, Query, Reply};
use hotline::records::demo::{self, DemoOptions, NAMED};
use hotline::records::{
    CallLog, OpenError, Records, RecordsError, Seal, SealSource, SqliteRecords, WriteError, new_key_file,
    put_new_key_first, rekey, sealed_by,
};

use crate::records_support::{as_of, at, right};

const OPTIONS: DemoOptions =
    DemoOptions { people: 120, seed: 12333, as_of: hotline::facts::Month::new(2026, 9).unwrap() };

/// Everything personal of the demo's people in every form that a file could hold it in.
fn secrets() -> BTreeSet<Vec<u8>> {
    let mut secrets = BTreeSet::new();
    for insured in demo::people(OPTIONS) {
        let id = insured.id.reveal().as_str();
        // The whole number, its birth date with the sequence, and its end with the date.
        secrets.extend([id, &id[..17], &id[6..17], &id[8..]].map(|text| text.as_bytes().to_vec()));
        secrets.insert(insured.number.reveal().as_bytes().to_vec());
        let paid = Insurance::ALL.into_iter().flat_map(|insurance| insured.paid_into(insurance));
        let amounts = paid.flat_map(|payment| [payment.base, payment.personal, payment.employer]);
        for amount in amounts.chain([insured.pension, insured.medical]) {
            secrets.extend([amount.0.to_string(), amount.to_string()].map(String::into_bytes));
            secrets.extend([amount.0.to_be_bytes(), amount.0.to_le_bytes()].map(|bytes| bytes.to_vec()));
        }
    }
    // Fewer symbols than that come about by chance.
    secrets.retain(|secret| secret.len() >= 7 && secret.iter().filter(|byte| **byte != 0).count() >= 3);
    secrets
}

/// How many of the secrets are in the files of a folder.
fn found(folder: &Path) -> usize {
    let secrets = secrets();
    let lengths: BTreeSet<usize> = secrets.iter().map(Vec::len).collect();
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for length in &lengths {
            found.extend(bytes.windows(*length).filter(|part| secrets.contains(*part)).map(<[u8]>::to_vec));
        }
    }
    found.len()
}

struct Safe {
    folder: tempfile::TempDir,
    keys: tempfile::TempDir,
}

impl Safe {
    fn new() -> Safe {
        Safe { folder: tempfile::tempdir().unwrap(), keys: tempfile::tempdir().unwrap() }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("hotline.db")
    }

    /// The keys, in another folder than the database.
    fn key_file(&self) -> PathBuf {
        self.keys.path().join("records.key")
    }

    fn seal(&self) -> Seal {
        Seal::of(SealSource::File(self.key_file())).unwrap()
    }
}

fn all_answers(records: &SqliteRecords) -> Vec<Reply> {
    let ask = |query: &Query| records.answer(query, at(0)).unwrap();
    let mut answers = Vec::new();
    for named in &NAMED {
        let verified = ask(&right(named.who, None));
        let Reply::Matched(person) = verified else { panic!("{}: {verified:?}", named.who) };
        answers.extend([verified, ask(&Query::Balances(person)), ask(&Query::Summary(person))]);
    }
    answers
}

#[test]
fn a_sealed_database_shows_nobody_and_nothing() {
    let safe = Safe::new();
    new_key_file(&safe.key_file()).unwrap();
    demo::write_with(&safe.database(), &safe.seal(), OPTIONS, false, || ()).unwrap();
    // Open, so that the write-ahead log is there too.
    let records = SqliteRecords::open_with(&safe.database(), &safe.seal()).unwrap();
    all_answers(&records);
    assert!(safe.folder.path().join("hotline.db-wal").exists());
    assert_eq!(found(safe.folder.path()), 0);
    drop(records);
    assert_eq!(found(safe.folder.path()), 0);
    // The same search finds them where nothing is sealed.
    let open = tempfile::tempdir().unwrap();
    demo::write(&open.path().join("hotline.db"), OPTIONS, false, || ()).unwrap();
    assert!(found(open.path()) > 3 * 120, "{}", found(open.path()));
}

#[test]
fn without_its_key_it_is_not_opened_and_the_key_is_named() {
    let safe = Safe::new();
    new_key_file(&safe.key_file()).unwrap();
    demo::write_with(&safe.database(), &safe.seal(), OPTIONS, false, || ()).unwrap();
    let key = safe.seal().current().unwrap().to_string();
    let told = [
        SqliteRecords::open(&safe.database()).err().unwrap(),
        CallLog::open(&safe.database()).err().unwrap(),
        sealed_by(&safe.database(), &Seal::for_now()).err().unwrap(),
    ];
    for told in told {
        assert!(matches!(told, OpenError::Sealed { .. }));
        assert!(told.to_string().contains(&format!("sealed by the key {key}")), "{told}");
    }
    assert_eq!(sealed_by(&safe.database(), &safe.seal()).unwrap(), safe.seal().current());
    let nothing_to_seal_by = rekey(&safe.database(), &Seal::open_values(), |_, _| ());
    assert!(matches!(nothing_to_seal_by, Err(WriteError::NoKeys)), "{nothing_to_seal_by:?}");
}

#[test]
fn records_that_lay_open_are_sealed_while_calls_run_and_leave_no_trace() {
    let safe = Safe::new();
    demo::write(&safe.database(), OPTIONS, false, || ()).unwrap();
    new_key_file(&safe.key_file()).unwrap();
    let seal = safe.seal();
    let records = SqliteRecords::open_with(&safe.database(), &seal).unwrap();
    let before = all_answers(&records);
    let (running, mut progress) = (AtomicBool::new(true), Vec::new());
    let done = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut rounds = 0;
            while running.load(Ordering::Acquire) || rounds == 0 {
                assert_eq!(all_answers(&records), before);
                rounds += 1;
            }
        });
        let done = rekey(&safe.database(), &seal, |done, all| progress.push((done, all)));
        running.store(false, Ordering::Release);
        asking.join().unwrap();
        done.unwrap()
    });
    assert_eq!((done.people, Some(done.key), done.log_emptied), (120, seal.current(), true));
    assert_eq!(progress.last(), Some(&(120, 120)));
    assert_eq!(all_answers(&records), before);
    assert_eq!(found(safe.folder.path()), 0);
    assert_eq!(rekey(&safe.database(), &seal, |_, _| ()).unwrap().people, 0, "there is nothing left to do");
}

#[test]
fn a_key_that_is_made_beside_the_database_is_found_by_who_runs_already() {
    let safe = Safe::new();
    demo::write(&safe.database(), OPTIONS, false, || ()).unwrap();
    let running = SqliteRecords::open(&safe.database()).unwrap();
    let before = all_answers(&running);
    new_key_file(&Seal::file_beside(&safe.database())).unwrap();
    demo::write(&safe.database(), OPTIONS, false, || ()).unwrap();
    assert!(sealed_by(&safe.database(), &Seal::beside(&safe.database()).unwrap()).unwrap().is_some());
    assert_eq!(all_answers(&running), before);
}

#[test]
fn a_key_is_changed_while_calls_run_and_the_old_one_is_not_needed_any_more() {
    let safe = Safe::new();
    new_key_file(&safe.key_file()).unwrap();
    demo::write_with(&safe.database(), &safe.seal(), OPTIONS, false, || ()).unwrap();
    let running = SqliteRecords::open_with(&safe.database(), &safe.seal()).unwrap();
    let before = all_answers(&running);
    let old = safe.seal().current();
    put_new_key_first(&safe.key_file()).unwrap();
    let seal = safe.seal();
    assert_ne!(seal.current(), old);
    assert_eq!(rekey(&safe.database(), &seal, |_, _| ()).unwrap().people, 120);
    assert_eq!(all_answers(&running), before, "a running hotline finds the new key by itself");
    // Only the new key's line.
    let text = std::fs::read_to_string(safe.key_file()).unwrap();
    let keys: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(keys.len(), 2);
    std::fs::write(safe.key_file(), keys[0]).unwrap();
    let anew = SqliteRecords::open_with(&safe.database(), &safe.seal()).unwrap();
    assert_eq!(all_answers(&anew), before);
    std::fs::write(safe.key_file(), keys[1]).unwrap();
    assert!(matches!(SqliteRecords::open_with(&safe.database(), &safe.seal()), Err(OpenError::Sealed { .. })));
}

#[test]
fn a_value_put_into_another_persons_row_does_not_open() {
    let safe = Safe::new();
    new_key_file(&safe.key_file()).unwrap();
    demo::write_with(&safe.database(), &safe.seal(), OPTIONS, false, || ()).unwrap();
    let records = SqliteRecords::open_with(&safe.database(), &safe.seal()).unwrap();
    let thief = rusqlite::Connection::open(safe.database()).unwrap();
    let side: i64 = thief.query_row("SELECT side FROM meta", [], |row| row.get(0)).unwrap();
    let table = ["records_a", "records_b"][side as usize];
    let moved =
        format!("UPDATE {table} SET payments = (SELECT payments FROM {table} WHERE person = 9) WHERE person = 3");
    thief.execute(&moved, []).unwrap();
    let asked = records.answer(&Query::Summary(PersonRef(3)), at(0));
    assert!(matches!(asked, Err(RecordsError::Seal(_))), "{asked:?}");
    assert!(records.answer(&Query::Summary(PersonRef(9)), at(0)).is_ok());
    assert_eq!(as_of(), OPTIONS.as_of);
}
