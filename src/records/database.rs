//! A Hotline database file: opening it, and bringing its tables up to date.
//!
//! SQLite in WAL mode, `synchronous = NORMAL`: a commit outlives the process's end, whatever ends it; a power failure may
//! cost the last moments' lock-outs and call records, never the file's soundness. Tables are `STRICT`, foreign keys are
//! enforced. On Unix a new file may be read and written by its owner only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use super::RecordsError;
use super::carried::carry_over;
use super::keyed::Pepper;
use super::seal::{KeyId, Seal, SealFault, key_of};

/// The steps that lead from an empty file to today's tables; a database's version is how many it has taken.
const MIGRATIONS: [&str; 12] = [
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_key_sources.sql"),
    include_str!("migrations/0003_trunks.sql"),
    include_str!("migrations/0004_step_times.sql"),
    include_str!("migrations/0005_versions.sql"),
    include_str!("migrations/0006_sealed.sql"),
    include_str!("migrations/0007_identity.sql"),
    include_str!("migrations/0008_cases.sql"),
    include_str!("migrations/0009_audit.sql"),
    include_str!("migrations/0010_call_ids.sql"),
    include_str!("migrations/0011_names.sql"),
    include_str!("migrations/0012_sealed_passwords.sql"),
];

/// The step after which rows are written as bytes: what was there is carried over.
const SEALED: i64 = 6;

/// How long a statement waits for another connection's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a database cannot be opened, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("there is no records database {}: make one with `hotline records demo --database {}`", .0.display(), .0.display())]
    Missing(PathBuf),
    /// The file cannot be made or read.
    #[error("cannot open the records database {}: {source}. Check that its folder may be written to", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder of what waits to be written cannot be made, read or written.
    #[error("cannot use the spool {}: {source}. Each hotline needs one of its own, in a folder that may be written to", .path.display())]
    Spool {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no database of Hotline's.
    #[error("{} is an SQLite database, but not one of Hotline's: name another file", .0.display())]
    Foreign(PathBuf),
    /// The file was written by a later Hotline.
    #[error("{} was written by a later Hotline (tables of version {found}; this one knows {known}): use that one, or another file", .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// A server of records cannot be used: refused, foreign, of a later Hotline, or what it is named by cannot be.
    #[error("cannot use the records of {server}: {why}")]
    Server {
        /// Which, without a password.
        server: String,
        /// Why, and how to mend it.
        why: String,
    },
    /// A server of records does not answer now; it may later.
    #[error("the records of {server} do not answer: {why}")]
    Unreachable {
        /// Which, without a password.
        server: String,
        /// Why.
        why: String,
    },
    /// Its values cannot be opened with these keys.
    #[error("cannot open the records database {}: {source}", .path.display())]
    Sealed {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SealFault,
    },
    /// SQLite refuses it: not a database, damaged, or busy.
    #[error("cannot open the records database {}: {source}", .path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// What to do where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// Make one with empty tables, and its folder.
    Create,
    /// [`OpenError::Missing`].
    Refuse,
}

/// The keys beside a database.
pub(super) fn beside(path: &Path) -> Result<Seal, OpenError> {
    Seal::beside(path).map_err(|source| OpenError::Sealed { path: path.to_owned(), source })
}

/// Opens a file for reading and writing, its tables up to date, and tells its pepper. Where that says that all is sealed, the seal
/// believes nothing that lies open from then on.
pub(super) fn open(path: &Path, if_missing: IfMissing, seal: &Seal) -> Result<(Connection, Pepper), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    match (path.try_exists().map_err(io)?, if_missing) {
        (true, _) => {}
        (false, IfMissing::Refuse) => return Err(OpenError::Missing(path.to_owned())),
        (false, IfMissing::Create) => create_private(path).map_err(io)?,
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|source| database(path, source))?;
    prepare(connection, path, seal)
}

/// Opens an up-to-date file for reading and writing of what is not sealed.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| database(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    set_up(&connection).map_err(failed)?;
    Ok(connection)
}

/// Opens an up-to-date file for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|source| database(path, source))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|source| database(path, source))?;
    Ok(connection)
}

/// A database that lasts as long as its connection.
pub(super) fn open_in_memory() -> Result<(Connection, Pepper), OpenError> {
    let path = Path::new(":memory:");
    prepare(Connection::open_in_memory().map_err(|source| database(path, source))?, path, &Seal::open_values())
}

/// How a database file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseStanding {
    /// The version of its tables.
    pub version: i64,
    /// The version that they are brought to when it is opened.
    pub known: i64,
}

/// Opens an up-to-date file for reading only, and changes nothing beside it.
pub(super) fn open_as_it_is(path: &Path) -> Result<Connection, OpenError> {
    // Where the files of the log are there, a hotline runs, or one has broken off: what they hold counts. Without them nobody
    // writes, and SQLite would make them.
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        Path::new(&name).exists()
    };
    if beside("-wal") && beside("-shm") { open_reader(path) } else { open_still(path) }
}

/// Looks whether a file is a database that a hotline could open, and changes nothing: neither it nor the files that SQLite
/// keeps beside it.
///
/// # Errors
/// [`OpenError`], as opening it would.
pub fn look(path: &Path) -> Result<DatabaseStanding, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let failed = |source| database(path, source);
    if !path.try_exists().map_err(io)? {
        return Err(OpenError::Missing(path.to_owned()));
    }
    std::fs::File::open(path).map_err(io)?;
    let connection = open_as_it_is(path)?;
    let tables = count_tables(&connection).map_err(failed)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match version(&connection).map_err(failed)? {
        None if tables > 0 => Err(OpenError::Foreign(path.to_owned())),
        Some(found) if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        found => Ok(DatabaseStanding { version: found.unwrap_or(0), known }),
    }
}

/// The key that a database is sealed by, and nothing where it lies open or has no values yet. Changes nothing, as [`look`].
///
/// # Errors
/// [`OpenError`], as opening it with these keys would.
pub fn sealed_by(path: &Path, seal: &Seal) -> Result<Option<KeyId>, OpenError> {
    let failed = |source| database(path, source);
    if look(path)?.version < SEALED {
        return Ok(None);
    }
    let connection = open_as_it_is(path)?;
    let pepper = connection.query_row("SELECT pepper FROM meta", [], |row| row.get::<_, Vec<u8>>(0));
    let Some(pepper) = pepper.optional().map_err(failed)? else { return Ok(None) };
    Pepper::open(seal, &pepper).map_err(|source| OpenError::Sealed { path: path.to_owned(), source })?;
    Ok(key_of(&pepper))
}

/// Opens a file that nobody else has open, without a lock and without a file beside it.
fn open_still(path: &Path) -> Result<Connection, OpenError> {
    let absolute = std::path::absolute(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    // As SQLite's URIs want it: what has a meaning in one is written by its number.
    let name = absolute.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{name}?immutable=1");
    Connection::open_with_flags(uri, flags).map_err(|source| database(path, source))
}

fn prepare(mut connection: Connection, path: &Path, seal: &Seal) -> Result<(Connection, Pepper), OpenError> {
    let failed = |source| database(path, source);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let tables = count_tables(&connection).map_err(failed)?;
    let version = version(&connection).map_err(failed)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match version {
        None if tables > 0 => return Err(OpenError::Foreign(path.to_owned())),
        Some(found) if found > known => return Err(OpenError::Newer { path: path.to_owned(), found, known }),
        _ => {}
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    set_up(&connection).map_err(failed)?;
    let sealed = migrate(&mut connection, seal).map_err(failed)?;
    let pepper = Pepper::open(seal, &sealed).map_err(|source| OpenError::Sealed { path: path.to_owned(), source })?;
    Ok((connection, pepper))
}

/// How a connection that writes is set up.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is gone from the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Takes the steps that are still to be taken, in one transaction: another process that opens the file waits for it. Tells the
/// sealed pepper.
fn migrate(connection: &mut Connection, seal: &Seal) -> rusqlite::Result<Vec<u8>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")?;
    let taken = version(&transaction)?.unwrap_or(0);
    for (done, step) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > taken) {
        transaction.execute_batch(step)?;
        if done == SEALED {
            carry_over(&transaction)?;
        }
        transaction.execute("DELETE FROM schema_version", [])?;
        transaction.execute("INSERT INTO schema_version VALUES (?1)", [done])?;
    }
    if !transaction.prepare("SELECT 1 FROM meta")?.exists([])? {
        let pepper = Pepper::fresh(seal).map_err(not_sealed)?;
        transaction.execute("INSERT INTO meta (one, pepper, side) VALUES (1, ?1, 0)", [pepper])?;
    }
    let sealed = transaction.query_row("SELECT pepper FROM meta", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(sealed)
}

/// Looks whether all has been sealed since the database was opened, before a value is believed that lies open.
pub(super) fn heed(connection: &Connection, seal: &Seal, stored: &[u8]) -> Result<(), RecordsError> {
    if seal.would_believe(stored) {
        let pepper: Vec<u8> = connection.query_row("SELECT pepper FROM meta", [], |row| row.get(0))?;
        Pepper::open(seal, &pepper)?;
    }
    Ok(())
}

fn count_tables(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

/// The steps a database has taken; nothing where it has no such table.
fn version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !connection.table_exists(None, "schema_version")? {
        return Ok(None);
    }
    connection.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).optional()
}

/// An empty file that only its owner may read, for it will hold personal data; its folder too if that is missing.
fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// What cannot be sealed, as SQLite would say it: only values of 64 GB and more, which it would refuse too.
pub(super) fn not_sealed(fault: SealFault) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(fault))
}

fn database(path: &Path, source: rusqlite::Error) -> OpenError {
    OpenError::Database { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::CitizenId;

    #[test]
    fn a_new_file_is_strict_wal_and_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        let (connection, _) = open(&path, IfMissing::Create, &Seal::open_values()).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal");
        let strict = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict \
                      AND name NOT LIKE 'sqlite_%'";
        assert_eq!(connection.query_row(strict, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_of_the_first_version_is_brought_up_to_date_and_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT; INSERT INTO schema_version VALUES (1);
             INSERT INTO calls (started, ended, duration_ms, called, menu, path, path_cut, outcome, language, keys)
             VALUES ('2026-11-25T00:00:00.000Z', '2026-11-25T00:00:09.000Z', 0, '100', '100', '', 0, 'nothing', 'en', 3)",
        )
        .unwrap();
        drop(old);
        let (connection, _) = open(&path, IfMissing::Refuse, &Seal::open_values()).unwrap();
        let row = "SELECT keys, keys_rfc4733, keys_twice FROM calls";
        let row: (i64, Option<i64>, Option<i64>) =
            connection.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(row, (3, None, None));
    }

    #[test]
    fn rows_of_the_first_versions_are_carried_over() {
        use crate::facts::{Fen, Identity, Insurance, Month, Origin, PersonRef, Query, Reply, Secret};
        use crate::records::{Records as _, SqliteRecords};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        let old = Connection::open(&path).unwrap();
        MIGRATIONS.iter().take(5).for_each(|step| old.execute_batch(step).unwrap());
        old.execute_batch(
            "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT; INSERT INTO schema_version VALUES (5);
             INSERT INTO meta VALUES (1, randomblob(32), 24320, NULL);
             INSERT INTO insured VALUES (7, '11010519491231002X', '42', '002X', 'retired');
             INSERT INTO accounts VALUES (7, 1234, 56);
             INSERT INTO payments VALUES (7, 1, 24300, 700, 14, 56), (7, 0, 24299, 800, 64, 128), (7, 1, 24299, 700, 14, 56)",
        )
        .unwrap();
        drop(old);
        let records = SqliteRecords::open(&path).unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let id = CitizenId::parse("11010519491231002X", jiff::civil::date(2026, 11, 25)).unwrap();
        let identity =
            Identity { id: Some(Secret::new(id)), number: Some(Secret::new("42".into())), ..Identity::default() };
        let verify = Query::Verify { identity, from: Origin::default() };
        assert_eq!(records.answer(&verify, at).unwrap(), Reply::Matched(PersonRef(7)));
        let Reply::Balances(balances) = records.answer(&Query::Balances(PersonRef(7)), at).unwrap() else { panic!() };
        assert_eq!(
            (balances.pension, balances.medical, balances.as_of),
            (Fen(1234), Fen(56), Month::new(2026, 9).unwrap())
        );
        let [from, to] = [24_290, 24_320].map(|ordinal| Month::of_ordinal(ordinal).unwrap());
        let ask = Query::Payments { person: PersonRef(7), insurance: Insurance::Medical, from, to };
        let Reply::Payments(payments) = records.answer(&ask, at).unwrap() else { panic!() };
        let paid: Vec<_> = payments.paid.iter().map(|paid| (paid.month.ordinal(), paid.base, paid.employer)).collect();
        assert_eq!(paid, [(24_299, Fen(700), Fen(56)), (24_300, Fen(700), Fen(56))]);
    }

    #[test]
    fn a_look_changes_nothing_and_says_what_opening_would() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records?100%#1.sqlite");
        assert!(matches!(look(&path), Err(OpenError::Missing(_))));
        let known = i64::try_from(MIGRATIONS.len()).unwrap();
        let state = || {
            let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
            let mut files: Vec<_> = files.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect();
            files.sort();
            files
        };
        let running = open(&path, IfMissing::Create, &Seal::open_values()).unwrap();
        assert_eq!(look(&path).unwrap(), DatabaseStanding { version: known, known });
        drop(running);
        let before = state();
        assert_eq!(look(&path).unwrap(), DatabaseStanding { version: known, known });
        assert_eq!(state(), before);
        let old = Connection::open(&path).unwrap();
        old.execute("UPDATE schema_version SET version = 1", []).unwrap();
        drop(old);
        assert_eq!(look(&path).unwrap(), DatabaseStanding { version: 1, known });
        let newer = Connection::open(&path).unwrap();
        newer.execute("UPDATE schema_version SET version = 99", []).unwrap();
        drop(newer);
        assert!(matches!(look(&path), Err(OpenError::Newer { found: 99, .. })));
        std::fs::write(&path, "no database".repeat(200)).unwrap();
        assert!(matches!(look(&path), Err(OpenError::Database { .. })));
    }

    #[test]
    fn the_pepper_stays_and_is_nobody_elses() {
        use crate::records::keyed::Kind;
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let hash = |path: &Path| open(path, IfMissing::Create, &Seal::open_values()).unwrap().1.hash(Kind::Id, b"x");
        assert_eq!(hash(&one), hash(&one));
        assert_ne!(hash(&one), hash(&other));
    }
}
