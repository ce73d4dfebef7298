//! What an agency writes: the tables of its records, the answers of its service; and what an operator writes: where records are.

use std::cell::OnceCell;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use hotline::facts::{
    Blame, CallId, CitizenId, Dispute, Identity, Insurance, Month, Origin, PersonRef, Query, Reply, Secret,
};
use hotline::records::import::{ImportError, ImportOptions, Outcome, RowFault, import};
use hotline::records::{
    BreakerPolicy, Database, PostgresUrl, Records as _, RecordsError, Seal, ServiceOptions, ServiceRecords, ServiceUrl,
    Source,
};

/// Two tables, parted by a zero octet: every faulty row is told, once for what is wrong with it, within the files.
pub fn records_import(octets: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let (people, payments) = (folder.path().join("people.csv"), folder.path().join("payments.csv"));
    let mut tables = octets.splitn(2, |octet| *octet == 0);
    let tables = [tables.next().unwrap_or_default(), tables.next().unwrap_or_default()];
    for (file, table) in [&people, &payments].into_iter().zip(tables) {
        if std::fs::write(file, table).is_err() {
            return;
        }
    }
    let lines = tables.map(|table| table.iter().filter(|octet| **octet == b'\n').count() as u64 + 1);
    let options = ImportOptions {
        people: people.clone(),
        payments,
        as_of: Month::new(2026, 9).unwrap_or_else(|| unreachable!("a month")),
        today: jiff::civil::date(2026, 11, 25),
        encoding: None,
        skip_faulty: false,
        check: true,
        force: false,
    };
    let mut told = 0;
    let mut tell = |fault: &RowFault| {
        told += 1;
        let of_it = lines[usize::from(fault.file != people.display().to_string())];
        assert!((2..=of_it).contains(&fault.line), "{fault:?} of {of_it} lines");
        Ok(())
    };
    let database = Source::Sqlite(folder.path().join("hotline.db"), Seal::open_values());
    match import(&database, &options, &mut tell, &mut |_, _, _| ()) {
        Ok(report) => {
            assert_eq!(report.faulty, told);
            assert!(report.faulty <= report.people_rows + report.payment_rows);
            assert_eq!(report.outcome == Outcome::Checked, told == 0);
        }
        Err(ImportError::Table(error)) => assert!(error.to_string().contains(".csv:1: "), "{error}"),
        Err(error) => panic!("{error}"),
    }
}

/// A service that answers each connection with what it is told to, and closes it; and the records behind it.
struct Service {
    records: ServiceRecords,
    answers: mpsc::Sender<Vec<u8>>,
}

impl Service {
    fn start() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let (answers, told) = mpsc::channel::<Vec<u8>>();
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut question = [0; 4096];
                let _ = stream.read(&mut question);
                // Not before: a connection may be made ahead of its question. One that is asked once more, on another, gets the
                // same answer.
                while let Ok(next) = told.try_recv() {
                    answer = next;
                }
                let _ = stream.write_all(&answer);
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        let url: ServiceUrl = format!("http://{address}").parse().unwrap_or_else(|error| panic!("{error}"));
        let breaker = BreakerPolicy { failures: u32::MAX, ..BreakerPolicy::default() };
        let options = ServiceOptions { breaker, deadline: Duration::from_secs(5), ..ServiceOptions::of(url) };
        let records = ServiceRecords::open(&options).unwrap_or_else(|error| panic!("{error}"));
        Service { records, answers }
    }
}

fn question(kind: u8) -> Query {
    let person = PersonRef(1);
    let [from, to] = [1, 9].map(|month| Month::new(2026, month).unwrap_or_else(|| unreachable!("a month")));
    match kind % 6 {
        0 => {
            let id = CitizenId::parse("11010519491231002X", jiff::civil::date(2026, 11, 25)).ok().map(Secret::new);
            Query::Verify { identity: Identity { id, ..Identity::default() }, from: Origin::default() }
        }
        1 => Query::Balances(person),
        2 => Query::Summary(person),
        3 => Query::Payments { person, insurance: Insurance::Medical, from, to },
        4 => Query::SetPassword { person, password: Secret::new("135797".into()) },
        _ => {
            let callback = Secret::new("02012345678".into());
            let dispute = Dispute { insurance: Insurance::Pension, month: from, blame: Blame::Agency, callback };
            Query::Dispute { person, dispute, call: CallId::new([0; 16]) }
        }
    }
}

/// Which question is asked, then all that the service answers, its head too: it is of the question's kind, and within what was
/// asked for, or it is an error.
pub fn service_answer(octets: &[u8]) {
    thread_local! { static SERVICE: OnceCell<Service> = const { OnceCell::new() } }
    let Some((kind, answer)) = octets.split_first() else { return };
    let query = question(*kind);
    let replied = SERVICE.with(|service| {
        let service = service.get_or_init(Service::start);
        service.answers.send(answer.to_vec()).unwrap_or_else(|_| unreachable!("it listens"));
        service.records.answer(&query, jiff::Timestamp::UNIX_EPOCH)
    });
    match (&query, replied) {
        (Query::Payments { insurance, from, to, .. }, Ok(Reply::Payments(found))) => {
            assert_eq!(found.insurance, *insurance);
            assert!(found.paid.iter().all(|payment| (*from..=*to).contains(&payment.month)));
            assert!(found.paid.is_sorted_by(|one, next| one.month < next.month));
        }
        (Query::Verify { .. }, Ok(Reply::Locked { minutes })) => assert!((1..=525_600).contains(&minutes)),
        (Query::Verify { .. }, Ok(Reply::Matched(_) | Reply::InitialPassword(_) | Reply::Unmatched))
        | (Query::Balances(_), Ok(Reply::Balances(_)))
        | (Query::Summary(_), Ok(Reply::Summary(_)))
        | (Query::SetPassword { .. }, Ok(Reply::PasswordSet | Reply::PasswordWeak(_)))
        | (Query::Dispute { .. }, Ok(Reply::CaseOpened(_) | Reply::TooManyCases))
        | (_, Err(RecordsError::Remote(_) | RecordsError::NoSuchPerson | RecordsError::Empty)) => {}
        (_, other) => panic!("{}: {other:?}", query.name()),
    }
}

/// The name of a database or a service: it is read or refused, and no password in it is shown.
pub fn records_url(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let Ok(database) = text.parse::<Database>();
    match &database {
        Database::File(file) => assert_eq!(file.to_string_lossy(), text),
        Database::Postgres(url) => {
            if password(&text).is_some() {
                assert!(url.fault().is_some(), "a URL with a password is refused");
            }
            let shown = url.to_string();
            assert!(shown == "postgres://…" || (shown == text && password(&text).is_none()), "{shown}");
        }
    }
    assert_eq!(PostgresUrl::of(&text).is_some(), database.file().is_none());
    if let Ok(url) = text.parse::<ServiceUrl>() {
        assert!(!url.to_string().contains(['@', '?', '#']), "{url}");
        assert_eq!(url.to_string().parse(), Ok(url), "as it is shown it is the same");
    }
}

/// What stands where a URL has its password.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}
