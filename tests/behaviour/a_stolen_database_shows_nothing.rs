//! Personal values lie sealed in the database, a file's or a server's, its write-ahead log and whatever else is beside it; keys are
//! changed, and records that lay open are sealed, while calls run; whoever has no key is told which one is missing, and can put
//! nothing into a database of which all is sealed.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hotline::facts::{Blame, CallId, Dispute, Insurance, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoOptions, NAMED};
use hotline::records::{
    CallLog, LockPolicy, OpenError, PostgresOptions, Records, RecordsError, Rekeyed, Seal, SealFault, SealSource,
    Source, SqliteRecords, WriteError, new_key_file, put_new_key_first, rekey, rekey_on_server, sealed_by,
};

use crate::records_support::{as_of, at, right};
use crate::support::postgres::PostgresServer;

const OPTIONS: DemoOptions =
    DemoOptions { people: 120, seed: 12333, as_of: hotline::facts::Month::new(2026, 9).unwrap() };

/// Everything personal of the demo's people in every form that a file could hold it in, and how the hash of a password begins.
/// Of a server, whose own tables are full of numbers, those forms that come about by no chance.
fn secrets(of_a_server: bool) -> BTreeSet<Vec<u8>> {
    let mut secrets = BTreeSet::from([b"$argon2id".to_vec(), CALLBACK.as_bytes().to_vec()]);
    for insured in demo::people(OPTIONS) {
        let id = insured.id.reveal().as_str();
        // The whole number, its birth date with the sequence, and its end with the date.
        secrets.extend([id, &id[..17], &id[6..17], &id[8..]].map(|text| text.as_bytes().to_vec()));
        secrets.insert(insured.number.reveal().as_bytes().to_vec());
        let others = [&insured.identifiers.card, &insured.identifiers.personal_number];
        secrets.extend(others.into_iter().flatten().map(|number| number.reveal().as_bytes().to_vec()));
        let paid = Insurance::ALL.into_iter().flat_map(|insurance| insured.paid_into(insurance));
        let amounts = paid.flat_map(|payment| [payment.base, payment.personal, payment.employer]);
        for amount in amounts.chain([insured.pension, insured.medical]) {
            secrets.insert(amount.to_string().into_bytes());
            if of_a_server {
                continue;
            }
            secrets.insert(amount.0.to_string().into_bytes());
            secrets.extend([amount.0.to_be_bytes(), amount.0.to_le_bytes()].map(|bytes| bytes.to_vec()));
        }
    }
    // Fewer symbols than that come about by chance.
    secrets.retain(|secret| secret.len() >= SHORTEST && secret.iter().filter(|byte| **byte != 0).count() >= 3);
    secrets
}

const SHORTEST: usize = 7;
const CALLBACK: &str = "13911223344";

/// Those of the secrets that are among so many bytes.
fn among(bytes: &[u8], secrets: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let (mut begins, mut found) = (vec![false; 1 << 16], BTreeSet::new());
    let mut by_beginning: HashMap<&[u8], Vec<&Vec<u8>>> = HashMap::new();
    for secret in secrets {
        begins[usize::from(secret[0]) << 8 | usize::from(secret[1])] = true;
        by_beginning.entry(&secret[..SHORTEST]).or_default().push(secret);
    }
    for (place, part) in bytes.windows(SHORTEST).enumerate() {
        if begins[usize::from(part[0]) << 8 | usize::from(part[1])]
            && let Some(likely) = by_beginning.get(part)
        {
            found.extend(
                likely.iter().filter(|secret| bytes[place..].starts_with(secret)).map(|secret| secret.to_vec()),
            );
        }
    }
    found
}

/// Those of the secrets that are in the files of a folder and below it.
fn within(folder: &Path, but: Option<&str>, secrets: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && but.is_none_or(|but| !path.ends_with(but)) {
                folders.push(path);
            } else if path.is_file() {
                // A server's files come and go.
                found.extend(among(&std::fs::read(path).unwrap_or_default(), secrets));
            }
        }
    }
    found
}

/// Where a database is.
enum Where {
    File(tempfile::TempDir),
    Server(PostgresServer),
}

struct Safe {
    place: Where,
    keys: tempfile::TempDir,
    /// What is looked for.
    secrets: BTreeSet<Vec<u8>>,
}

impl Safe {
    /// In a file.
    fn new() -> Safe {
        let (folder, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Safe { place: Where::File(folder), keys, secrets: secrets(false) }
    }

    /// In a file, and on a server.
    fn each() -> [Safe; 2] {
        let (server, keys) = (PostgresServer::start(), tempfile::tempdir().unwrap());
        [Safe::new(), Safe { place: Where::Server(server), keys, secrets: secrets(true) }]
    }

    /// What a thief of the disk finds; of a server when all is on it, and but for what is on each that nobody has used yet.
    fn found(&self, but: Option<&str>) -> Vec<String> {
        if matches!(self.place, Where::Server(_)) {
            self.sql("CHECKPOINT");
        }
        let mut found = within(&self.folder(), but, &self.secrets);
        if matches!(self.place, Where::Server(_)) && !found.is_empty() {
            let by_chance = within(&PostgresServer::start().folder(), but, &found);
            found.retain(|secret| !by_chance.contains(secret));
        }
        found.iter().map(|secret| String::from_utf8_lossy(secret).into_owned()).collect()
    }

    /// With a key of its own.
    fn sealed(self, people: u32) -> Safe {
        new_key_file(&self.key_file()).unwrap();
        self.write(&self.seal(), people);
        self
    }

    fn folder(&self) -> PathBuf {
        match &self.place {
            Where::File(folder) => folder.path().to_owned(),
            Where::Server(server) => server.folder(),
        }
    }

    /// The file, where it is one.
    fn database(&self) -> PathBuf {
        self.folder().join("hotline.db")
    }

    /// The keys, in another folder than the database.
    fn key_file(&self) -> PathBuf {
        self.keys.path().join("records.key")
    }

    fn seal(&self) -> Seal {
        Seal::of(SealSource::File(self.key_file())).unwrap()
    }

    fn source(&self, seal: &Seal) -> Source {
        match &self.place {
            Where::File(_) => Source::Sqlite(self.database(), seal.clone()),
            Where::Server(server) => Source::Postgres(PostgresOptions { seal: seal.clone(), ..server.options() }),
        }
    }

    fn open(&self, seal: &Seal) -> Result<Arc<dyn Records>, OpenError> {
        self.source(seal).open(LockPolicy::default())
    }

    fn write(&self, seal: &Seal, people: u32) {
        let options = DemoOptions { people, ..OPTIONS };
        match self.source(seal) {
            Source::Sqlite(file, seal) => demo::write_with(&file, &seal, options, false, || ()),
            Source::Postgres(server) => demo::write_to_server(&server, options, false, || ()),
            Source::Service(_) => unreachable!(),
        }
        .unwrap();
    }

    fn rekey(&self, seal: &Seal, progress: impl FnMut(u64, u64) + Send) -> Result<Rekeyed, WriteError> {
        match self.source(seal) {
            Source::Sqlite(file, seal) => rekey(&file, &seal, progress),
            Source::Postgres(server) => rekey_on_server(&server, progress),
            Source::Service(_) => unreachable!(),
        }
    }

    /// What somebody does who can write to the database.
    fn sql(&self, statement: &str) -> String {
        match &self.place {
            Where::Server(server) => server.sql(statement),
            Where::File(_) => {
                let thief = rusqlite::Connection::open(self.database()).unwrap();
                let mut statement = thief.prepare(statement).unwrap();
                if statement.column_count() == 0 {
                    return statement.execute([]).unwrap().to_string();
                }
                let value: rusqlite::types::Value = statement.query_row([], |row| row.get(0)).unwrap();
                match value {
                    rusqlite::types::Value::Text(text) => text,
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// The table that is read.
    fn table(&self) -> &'static str {
        if self.sql("SELECT side FROM meta") == "0" { "records_a" } else { "records_b" }
    }

    /// Writes bytes, in hexadecimal digits, in the place of a value.
    fn plant(&self, table: &str, column: &str, hex: &str, row: &str) {
        let value = match &self.place {
            Where::File(_) => format!("x'{hex}'"),
            Where::Server(_) => format!("'\\x{hex}'"),
        };
        self.sql(&format!("UPDATE {table} SET {column} = {value} WHERE {row}"));
    }
}

fn all_answers(records: &dyn Records) -> Vec<Reply> {
    let ask = |query: &Query| records.answer(query, at(0)).unwrap();
    let mut answers = Vec::new();
    for named in &NAMED {
        let verified = ask(&right(named.who, None));
        let Reply::Matched(person) = verified else { panic!("{}: {verified:?}", named.who) };
        answers.extend([verified, ask(&Query::Balances(person)), ask(&Query::Summary(person))]);
    }
    answers
}

/// Who has a password, and is right with it.
fn by_password() -> Query {
    let who = NAMED.iter().find(|named| named.password.is_some_and(|password| !password.initial)).unwrap();
    let Query::Verify { mut identity, from } = right(who.who, None) else { unreachable!() };
    identity.password = Some(Secret::new(who.password.unwrap().digits.to_owned()));
    Query::Verify { identity, from }
}

/// The first person says that a record is wrong, and takes another password.
fn change(records: &dyn Records) {
    let callback = Secret::new(CALLBACK.to_owned());
    let dispute = Dispute { insurance: Insurance::Pension, month: as_of(), blame: Blame::Agency, callback };
    let dispute = Query::Dispute { person: PersonRef(3), dispute, call: CallId::new([7; 16]) };
    assert!(matches!(records.answer(&dispute, at(0)).unwrap(), Reply::CaseOpened(_)));
    let set = Query::SetPassword { person: PersonRef(3), password: Secret::new("135797".to_owned()) };
    assert_eq!(records.answer(&set, at(0)).unwrap(), Reply::PasswordSet);
}

#[test]
fn a_sealed_database_shows_nobody_and_nothing() {
    for safe in Safe::each().map(|safe| safe.sealed(OPTIONS.people)) {
        // Open, so that the write-ahead log is there too.
        let records = safe.open(&safe.seal()).unwrap();
        all_answers(&*records);
        change(&*records);
        if let Where::File(folder) = &safe.place {
            assert!(folder.path().join("hotline.db-wal").exists());
        }
        assert_eq!(safe.found(None), [""; 0]);
        drop(records);
        assert_eq!(safe.found(None), [""; 0]);
    }
    // The same search finds them where nothing is sealed.
    for safe in Safe::each() {
        safe.write(&Seal::open_values(), OPTIONS.people);
        change(&*safe.open(&Seal::open_values()).unwrap());
        let found = safe.found(None);
        assert!(found.len() > 4 * 120, "{}", found.len());
    }
}

#[test]
fn a_dump_of_a_sealed_server_shows_nobody_and_nothing() {
    let [_, safe] = Safe::each();
    let dumped = |safe: &Safe| {
        let Where::Server(server) = &safe.place else { unreachable!() };
        let dump = Command::new("pg_dump").arg(server.url()).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let text = String::from_utf8(dump.stdout).unwrap();
        // Bytes are dumped as hexadecimal digits.
        let digits: Vec<u8> =
            text.bytes().filter_map(|digit| char::from(digit).to_digit(16)).map(|digit| digit as u8).collect();
        let bytes = |from: usize| digits[from..].chunks_exact(2).map(|two| two[0] << 4 | two[1]).collect::<Vec<u8>>();
        // Among so many of those, eight that are some number's stand by chance.
        let beside = text.split("\\x").map(|part| part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()));
        let beside = beside.collect::<Vec<_>>().join(" ");
        let found = [beside.as_bytes(), &bytes(0), &bytes(1)].map(|bytes| among(bytes, &safe.secrets));
        found.iter().flatten().map(|secret| String::from_utf8_lossy(secret).into_owned()).collect::<Vec<_>>()
    };
    safe.write(&Seal::open_values(), OPTIONS.people);
    change(&*safe.open(&Seal::open_values()).unwrap());
    let open = dumped(&safe).len();
    assert!(open > 4 * 120, "{open}");
    new_key_file(&safe.key_file()).unwrap();
    safe.rekey(&safe.seal(), |_, _| ()).unwrap();
    assert_eq!(dumped(&safe), [""; 0]);
}

#[test]
fn without_its_key_it_is_not_opened_and_the_key_is_named() {
    let safe = Safe::new().sealed(10);
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
    let [_, server] = Safe::each();
    let server = server.sealed(10);
    let key = server.seal().current().unwrap().to_string();
    for seal in [Seal::open_values(), Seal::for_now()] {
        for told in [server.open(&seal).err().unwrap(), server.source(&seal).lies_open().unwrap_err()] {
            assert!(told.to_string().contains(&format!("sealed by the key {key}")), "{told}");
        }
    }
    assert!(!server.source(&server.seal()).lies_open().unwrap());
    for safe in [safe, server] {
        let nothing_to_seal_by = safe.rekey(&Seal::open_values(), |_, _| ());
        assert!(matches!(nothing_to_seal_by, Err(WriteError::NoKeys)), "{nothing_to_seal_by:?}");
    }
}

#[test]
fn records_that_lay_open_are_sealed_while_calls_run_and_leave_no_trace() {
    for safe in Safe::each() {
        safe.write(&Seal::open_values(), OPTIONS.people);
        new_key_file(&safe.key_file()).unwrap();
        let seal = safe.seal();
        assert!(safe.source(&seal).lies_open().unwrap());
        let records = safe.open(&seal).unwrap();
        let before = all_answers(&*records);
        let (running, mut progress) = (AtomicBool::new(true), Vec::new());
        let done = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut rounds = 0;
                while running.load(Ordering::Acquire) || rounds == 0 {
                    assert_eq!(all_answers(&*records), before);
                    rounds += 1;
                }
            });
            let done = safe.rekey(&seal, |done, all| progress.push((done, all)));
            running.store(false, Ordering::Release);
            asking.join().unwrap();
            done.unwrap()
        });
        assert_eq!((done.people, Some(done.key), done.log_emptied), (120, seal.current(), true));
        assert_eq!(progress.last(), Some(&(120, 120)));
        assert_eq!(all_answers(&*records), before);
        assert!(matches!(records.answer(&by_password(), at(0)).unwrap(), Reply::Matched(_)));
        // A server's write-ahead log is its own: what lay open stays in it until it is written over.
        assert_eq!(safe.found(Some("pg_wal")), [""; 0]);
        assert_eq!(safe.rekey(&seal, |_, _| ()).unwrap().people, 0, "there is nothing left to do");
    }
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
    for safe in Safe::each().map(|safe| safe.sealed(OPTIONS.people)) {
        let running = safe.open(&safe.seal()).unwrap();
        change(&*running);
        let before = all_answers(&*running);
        let old = safe.seal().current();
        put_new_key_first(&safe.key_file()).unwrap();
        let seal = safe.seal();
        assert_ne!(seal.current(), old);
        assert_eq!(safe.rekey(&seal, |_, _| ()).unwrap().people, 120);
        assert_eq!(all_answers(&*running), before, "a running hotline finds the new key by itself");
        // Only the new key's line.
        let text = std::fs::read_to_string(safe.key_file()).unwrap();
        let keys: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(keys.len(), 2);
        std::fs::write(safe.key_file(), keys[0]).unwrap();
        let anew = safe.open(&safe.seal()).unwrap();
        assert_eq!(all_answers(&*anew), before);
        assert!(
            matches!(anew.answer(&by_password(), at(0)).unwrap(), Reply::Matched(_)),
            "passwords are sealed anew too"
        );
        std::fs::write(safe.key_file(), keys[1]).unwrap();
        let refused = safe.open(&safe.seal()).err().unwrap().to_string();
        assert!(refused.contains(&seal.current().unwrap().to_string()), "{refused}");
    }
}

#[test]
fn a_value_put_into_another_persons_row_does_not_open() {
    for safe in Safe::each().map(|safe| safe.sealed(10)) {
        let records = safe.open(&safe.seal()).unwrap();
        let table = safe.table();
        safe.sql(&format!(
            "UPDATE {table} SET payments = (SELECT payments FROM {table} WHERE person = 9) WHERE person = 3"
        ));
        let asked = records.answer(&Query::Summary(PersonRef(3)), at(0));
        assert!(matches!(asked, Err(RecordsError::Seal(SealFault::Broken))), "{asked:?}");
        assert!(records.answer(&Query::Summary(PersonRef(9)), at(0)).is_ok());
        assert_eq!(as_of(), OPTIONS.as_of);
    }
}

/// Payments of nobody, as they lie where there are no keys.
const NOTHING_PAID: &str = "00";

#[test]
fn a_value_put_open_where_all_is_sealed_is_a_fault_and_told_to_nobody() {
    for safe in Safe::each().map(|safe| safe.sealed(10)) {
        let records = safe.open(&safe.seal()).unwrap();
        let seal = safe.seal();
        assert_eq!(safe.rekey(&seal, |_, _| ()).unwrap().people, 0);
        let refused = |query: &Query| {
            let asked = records.answer(query, at(0));
            assert!(matches!(asked, Err(RecordsError::Seal(SealFault::Open))), "{asked:?}");
            assert!(asked.unwrap_err().to_string().contains("somebody put it there without the key"));
        };
        safe.plant(safe.table(), "payments", NOTHING_PAID, "person = 3");
        refused(&Query::Summary(PersonRef(3)));
        let Query::Verify { identity, .. } = by_password() else { unreachable!() };
        assert!(identity.password.is_some());
        safe.plant("passwords", "hash", "0024617267", "initial = (1 = 0)");
        refused(&by_password());
        assert!(records.answer(&Query::Balances(PersonRef(3)), at(0)).is_ok(), "one value, and no other");
        // Sealing anew does not make it a good one.
        let rekeyed = safe.rekey(&seal, |_, _| ()).unwrap_err().to_string();
        assert!(rekeyed.contains("lies open in a database of which all was sealed"), "{rekeyed}");
    }
}

#[test]
fn what_lies_open_is_believed_until_all_is_sealed_and_not_from_then_on() {
    for safe in Safe::each() {
        safe.write(&Seal::open_values(), 10);
        new_key_file(&safe.key_file()).unwrap();
        let records = safe.open(&safe.seal()).unwrap();
        let summary = Query::Summary(PersonRef(3));
        safe.plant(safe.table(), "payments", NOTHING_PAID, "person = 3");
        assert!(records.answer(&summary, at(0)).is_ok());
        safe.rekey(&safe.seal(), |_, _| ()).unwrap();
        assert!(records.answer(&summary, at(0)).is_ok());
        safe.plant(safe.table(), "payments", NOTHING_PAID, "person = 3");
        let asked = records.answer(&summary, at(0));
        assert!(
            matches!(asked, Err(RecordsError::Seal(SealFault::Open))),
            "one that ran before knows it too: {asked:?}"
        );
    }
}

#[test]
fn sealing_a_server_anew_that_is_killed_goes_on_where_it_was() {
    let [_, safe] = Safe::each();
    let safe = safe.sealed(1_200);
    let before = all_answers(&*safe.open(&safe.seal()).unwrap());
    put_new_key_first(&safe.key_file()).unwrap();
    let Where::Server(server) = &safe.place else { unreachable!() };
    // In its second batch it comes to somebody for whom the server takes longer than anybody waits.
    server.sql(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END'; \
         CREATE TRIGGER stalls BEFORE INSERT ON records_a FOR EACH ROW WHEN (NEW.person = 700) EXECUTE FUNCTION stall()",
    );
    assert_eq!(safe.table(), "records_b");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["records", "rekey", "--database", &server.url(), "--key-file"])
        .arg(safe.key_file())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    let stalled = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while server.sql(stalled) != "1" {
        let ended = child.try_wait().unwrap();
        if ended.is_some() {
            let mut why = String::new();
            said.read_to_string(&mut why).unwrap();
            panic!("{ended:?}: {why}");
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ends = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE wait_event = 'PgSleep'; \
                DROP TRIGGER stalls ON records_a";
    server.sql(ends);
    assert_eq!(safe.table(), "records_b", "the side before is read");
    assert_eq!(server.sql("SELECT count(*) FROM records_a"), "500");
    assert_eq!(all_answers(&*safe.open(&safe.seal()).unwrap()), before);
    let mut progress = Vec::new();
    let done = safe.rekey(&safe.seal(), |done, all| progress.push((done, all))).unwrap();
    assert_eq!((progress.first(), done.people), (Some(&(1_000, 1_200)), 1_200));
    assert_eq!(all_answers(&*safe.open(&safe.seal()).unwrap()), before);
    assert_eq!(server.sql("SELECT count(*) FROM records"), "1200", "the side before is empty");
}
