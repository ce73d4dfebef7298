//! What the tests of the records share: the back ends, and people to ask about.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hotline::facts::{CitizenId, Identity, Month, Origin, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoOptions, NAMED, NamedPerson, named};
use hotline::records::{
    LockPolicy, PostgresOptions, PostgresRecords, PostgresUrl, Records, RecordsError, Seal, ServiceOptions,
    ServiceRecords, Source, SqliteRecords,
};
use jiff::Timestamp;

use crate::support::postgres::PostgresServer;
use crate::support::service::{Service, answered_by};

pub(crate) fn as_of() -> Month {
    Month::new(2026, 9).unwrap()
}

/// Each back end with the ten named people; those that lie on a disk open and sealed.
pub(crate) fn each(policy: LockPolicy) -> Vec<(&'static str, Box<dyn Records>)> {
    let options = DemoOptions::named_only(as_of());
    let (server, folder) = (Arc::new(PostgresServer::start()), tempfile::tempdir().unwrap());
    server.sql("CREATE DATABASE sealed");
    let served = |database: &str, seal: Seal| {
        let url = PostgresUrl::of(&server.url().replace("/postgres", database)).unwrap();
        let place = PostgresOptions { url, seal, ..server.options() };
        demo::write_to_server(&place, options, false, || ()).unwrap();
        let records = PostgresRecords::open(&place).unwrap().with_locks(policy);
        Kept { records, _with: Arc::clone(&server) }
    };
    let (file, seal) = (folder.path().join("records.sqlite"), Seal::for_now());
    demo::write_with(&file, &seal, options, false, || ()).unwrap();
    let records = SqliteRecords::open_with(&file, &seal).unwrap().with_locks(policy);
    vec![
        ("sqlite", Box::new(demo::in_memory(options).unwrap().with_locks(policy))),
        ("sqlite, sealed", Box::new(Kept { records, _with: folder })),
        ("memory", Box::new(demo::without_sql(options).with_locks(policy))),
        ("postgres", Box::new(served("/postgres", Seal::open_values()))),
        ("postgres, sealed", Box::new(served("/sealed", Seal::for_now()))),
        ("service", Box::new(Asked::new(policy))),
    ]
}

/// Records together with what ends with them: a folder, a server.
struct Kept<R, W> {
    records: R,
    _with: W,
}

impl<R: Records, W: Send + Sync> Records for Kept<R, W> {
    fn answer(&self, query: &Query, at: Timestamp) -> Result<Reply, RecordsError> {
        self.records.answer(query, at)
    }
}

/// Records behind a service that goes by the test's clock.
struct Asked {
    records: ServiceRecords,
    clock: Arc<AtomicI64>,
    _service: Service,
}

impl Asked {
    fn new(policy: LockPolicy) -> Asked {
        let memory = demo::without_sql(DemoOptions::named_only(as_of())).with_locks(policy);
        let clock = Arc::new(AtomicI64::new(0));
        let now = Arc::clone(&clock);
        let service = Service::start(move |asked| {
            let at = Timestamp::from_millisecond(now.load(Ordering::SeqCst)).unwrap();
            answered_by(&memory, at, asked)
        });
        let options = ServiceOptions::of(service.url().parse().unwrap());
        // On a machine that is busy with other tests nothing else is to fail by it.
        let options = ServiceOptions { deadline: Duration::from_secs(20), ..options };
        Asked { records: ServiceRecords::open(&options).unwrap(), clock, _service: service }
    }
}

impl Records for Asked {
    fn answer(&self, query: &Query, at: Timestamp) -> Result<Reply, RecordsError> {
        self.clock.store(at.as_millisecond(), Ordering::SeqCst);
        self.records.answer(query, at)
    }
}

/// A database that outlives those who open it, with the ten named people: a file, a server's.
pub(crate) enum Lasting {
    File(tempfile::TempDir),
    Server(PostgresServer),
}

impl Lasting {
    pub(crate) fn each() -> [Lasting; 2] {
        let options = DemoOptions::named_only(as_of());
        let [file, server] = Lasting::each_empty();
        if let (Source::Sqlite(file, _), Source::Postgres(server)) = (file.source(), server.source()) {
            demo::write(&file, options, false, || ()).unwrap();
            demo::write_to_server(&server, options, false, || ()).unwrap();
        }
        [file, server]
    }

    /// Without anybody; the file is not there yet.
    pub(crate) fn each_empty() -> [Lasting; 2] {
        [Lasting::File(tempfile::tempdir().unwrap()), Lasting::Server(PostgresServer::start())]
    }

    /// As a command's `--database` names it.
    pub(crate) fn named(&self) -> String {
        self.source().to_string()
    }

    /// Opens it as one of its nodes does.
    pub(crate) fn open(&self, policy: LockPolicy) -> Arc<dyn Records> {
        self.source().open(policy).unwrap()
    }

    pub(crate) fn source(&self) -> Source {
        match self {
            Lasting::File(folder) => {
                let file = folder.path().join("records.sqlite");
                Source::Sqlite(file.clone(), Seal::beside(&file).unwrap())
            }
            Lasting::Server(server) => Source::Postgres(server.options()),
        }
    }

    /// Whatever was written is on the disk now, and nobody has it open.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let folder = match self {
            Lasting::File(folder) => folder.path().to_owned(),
            Lasting::Server(server) => {
                server.stop();
                server.folder()
            }
        };
        let mut all = Vec::new();
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => all.extend(std::fs::read(entry.path()).unwrap()),
                    _ => {}
                }
            }
        }
        all
    }
}

/// So many seconds after a fixed time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_577_000 + seconds).unwrap()
}

pub(crate) fn verify(id: &str, number: &str, caller: Option<&str>) -> Query {
    let today = jiff::civil::date(2026, 11, 25);
    let identity = Identity {
        id: Some(Secret::new(CitizenId::parse(id, today).unwrap())),
        number: Some(Secret::new(number.to_owned())),
        ..Identity::default()
    };
    Query::Verify { identity, from: from(caller, None) }
}

/// Who asks.
pub(crate) fn from(caller: Option<&str>, trunk: Option<&str>) -> Origin {
    Origin { caller: caller.map(|caller| Secret::new(caller.to_owned())), trunk: trunk.map(Into::into) }
}

pub(crate) fn person(who: &str) -> &'static NamedPerson {
    named(who).unwrap()
}

/// The named person keys the right number.
pub(crate) fn right(who: &str, caller: Option<&str>) -> Query {
    verify(person(who).id, person(who).number, caller)
}

/// Somebody keys the person's ID and a wrong number.
pub(crate) fn wrong(who: &str, caller: Option<&str>) -> Query {
    verify(person(who).id, "99999999", caller)
}

/// An ID of right form that is not in the records.
pub(crate) const UNKNOWN_ID: &str = "11010519491231002X";

pub(crate) fn matched(row: i64) -> Reply {
    Reply::Matched(PersonRef(row))
}

/// What each of the named people, who is verified first, is told of themselves.
pub(crate) fn answers_of(records: &dyn Records) -> Vec<Reply> {
    let mut answers = Vec::new();
    for named in &NAMED {
        let Reply::Matched(person) = records.answer(&right(named.who, None), at(0)).unwrap() else {
            panic!("{}", named.who)
        };
        for query in [Query::Balances(person), Query::Summary(person)] {
            answers.push(records.answer(&query, at(0)).unwrap());
        }
    }
    answers
}

/// Every octet of every file below a folder.
pub(crate) fn everything_in(folder: &std::path::Path) -> Vec<u8> {
    let mut octets = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        octets.extend(if path.is_dir() { everything_in(&path) } else { std::fs::read(&path).unwrap_or_default() });
    }
    octets
}
