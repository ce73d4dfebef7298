//! A PostgreSQL database that is foreign, too new, or not to be entered is refused with what to do; what lies between is
//! encrypted, and believed only with a certificate.

use crate::records_support::{UNKNOWN_ID, as_of, at, from, matched, person, right, verify};
use crate::support::postgres::{PostgresServer, own};
use crate::support::tls::Authority;
use hotline::facts::{Fen, Identity, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoError, DemoOptions};
use hotline::records::{
    ClientTls, LockPolicy, OpenError, PostgresOptions, PostgresRecords, PostgresUrl, Records, RecordsError, Source,
};

fn refusal(options: &PostgresOptions) -> String {
    match PostgresRecords::open(options) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    }
}

fn named(server: &PostgresServer, database: &str) -> PostgresOptions {
    let url = server.url().replace("/postgres", database);
    PostgresOptions { url: PostgresUrl::of(&url).unwrap(), ..server.options() }
}

#[test]
fn others_tables_later_ones_and_closed_doors_are_told_apart() {
    let server = PostgresServer::start();
    server.sql("CREATE DATABASE foreign_one");
    server.sql("CREATE DATABASE later");
    let (foreign, later) = (named(&server, "/foreign_one"), named(&server, "/later"));
    let sql = |options: &PostgresOptions, statements: &str| {
        let done =
            std::process::Command::new("psql").args(["-X", "-q", "-c", statements, &options.url.to_string()]).status();
        assert!(done.unwrap().success());
    };
    sql(&foreign, "CREATE TABLE mine (x int)");
    assert!(refusal(&foreign).contains("its tables are not Hotline's"), "{}", refusal(&foreign));
    assert!(matches!(Source::Postgres(foreign.clone()).look(), Err(OpenError::Server { .. })));
    let written = demo::write_to_server(&foreign, DemoOptions::named_only(as_of()), true, || ());
    assert!(matches!(written, Err(DemoError::Open(_))));
    let beside = format!("{}?options=-c%20search_path%3Dhotline", foreign.url);
    let beside = PostgresOptions { url: PostgresUrl::of(&beside).unwrap(), ..foreign.clone() };
    sql(&foreign, "CREATE SCHEMA hotline");
    assert!(PostgresRecords::open(&beside).is_ok(), "another schema of the same database");

    assert_eq!(Source::Postgres(later.clone()).look().unwrap().version, 0, "empty");
    drop(PostgresRecords::open(&later).unwrap());
    let standing = Source::Postgres(later.clone()).look().unwrap();
    assert_eq!(standing.version, standing.known);
    sql(&later, "UPDATE schema_version SET version = 99");
    assert!(refusal(&later).contains("written by a later Hotline (tables of version 99"), "{}", refusal(&later));

    assert!(refusal(&named(&server, "/nowhere")).contains("database \"nowhere\" does not exist"));
}

#[test]
fn tables_are_made_once_by_however_many_open_at_once() {
    let server = PostgresServer::start();
    let opened: Vec<bool> = std::thread::scope(|threads| {
        let open = || PostgresRecords::open(&server.options()).is_ok();
        let opening: Vec<_> = (0..6).map(|_| threads.spawn(open)).collect();
        opening.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(opened, [true; 6]);
    assert_eq!(server.sql("SELECT count(*) FROM schema_version"), "1");
    let records = PostgresRecords::open(&server.options()).unwrap();
    assert!(matches!(records.answer(&Query::Balances(PersonRef(1)), at(0)), Err(RecordsError::Empty)));
}

#[test]
fn rows_of_the_first_version_are_carried_over() {
    let server = PostgresServer::start();
    server.sql(include_str!("../../src/records/postgres/migrations/0001_start.sql"));
    server.sql(
        "CREATE TABLE schema_version (version bigint NOT NULL); INSERT INTO schema_version VALUES (1); \
         INSERT INTO meta VALUES (1, sha256('pepper'), 24320, NULL); \
         INSERT INTO insured VALUES (7, '11010519491231002X', '42', '002X', 'retired'); \
         INSERT INTO accounts VALUES (7, 1234, 56); \
         INSERT INTO payments VALUES (7, 1, 24300, 700, 14, 56), (7, 0, 24299, 800, 64, 128), (7, 1, 24299, 700, 14, 56)",
    );
    let records = PostgresRecords::open(&server.options()).unwrap();
    let ask = |query: &Query| records.answer(query, at(0)).unwrap();
    assert_eq!(ask(&verify(UNKNOWN_ID, "42", None)), matched(7));
    let Reply::Balances(balances) = ask(&Query::Balances(PersonRef(7))) else { panic!() };
    assert_eq!((balances.pension, balances.medical), (Fen(1234), Fen(56)));
    let Reply::Summary(summary) = ask(&Query::Summary(PersonRef(7))) else { panic!() };
    let paid: Vec<u32> = summary.insurances.iter().map(|insurance| insurance.months_paid).collect();
    assert_eq!(paid, [1, 2, 0, 0, 0]);
    assert_eq!(server.sql("SELECT to_regclass('insured') IS NULL"), "t", "those before are gone");
    let report = demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), true, || ()).unwrap();
    assert!(report.replaced && ask(&right("ordinary", None)) != matched(7), "its number is nobody else's");
}

#[test]
fn who_was_carried_over_keeps_their_number_and_is_known_by_card_once_a_month_is_written() {
    let server = PostgresServer::start();
    server.sql(include_str!("../../src/records/postgres/migrations/0001_start.sql"));
    let ordinary = person("ordinary");
    server.sql(&format!(
        "CREATE TABLE schema_version (version bigint NOT NULL); INSERT INTO schema_version VALUES (1); \
         INSERT INTO meta VALUES (1, sha256('pepper'), 24320, 1); \
         INSERT INTO insured VALUES (7, '{}', '{}', '0010', 'employee'); INSERT INTO accounts VALUES (7, 1234, 56); \
         INSERT INTO identifiers VALUES (7, sha256('card'), sha256('end'), sha256('personal'))",
        ordinary.id, ordinary.number
    ));
    let records = PostgresRecords::open(&server.options()).unwrap();
    let identity = Identity {
        card: Some(Secret::new(ordinary.card.trim_start_matches(char::is_alphabetic).to_owned())),
        number: Some(Secret::new(ordinary.number.to_owned())),
        ..Identity::default()
    };
    let by_card = Query::Verify { identity, from: from(None, None) };
    assert_eq!(records.answer(&right("ordinary", None), at(0)).unwrap(), matched(7));
    assert_eq!(records.answer(&by_card, at(1)).unwrap(), Reply::Unmatched);
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    assert_eq!(records.answer(&by_card, at(2)).unwrap(), matched(7));
}

#[test]
fn a_user_who_may_only_read_and_count_can_serve() {
    let server = PostgresServer::start();
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    server.sql(
        "CREATE ROLE server LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO server; \
         GRANT INSERT, UPDATE, DELETE ON lock_outs, known_callers TO server",
    );
    let url = server.url().replace("hotline@", "server@");
    let options = PostgresOptions { url: PostgresUrl::of(&url).unwrap(), ..server.options() };
    let records = Source::Postgres(options).open(LockPolicy::default()).unwrap();
    assert_eq!(records.answer(&right("ordinary", None), at(0)).unwrap(), matched(1));
}

#[test]
fn real_records_are_replaced_only_by_force_and_demo_records_freely() {
    let server = PostgresServer::start();
    let write = |people, force| {
        let options = DemoOptions { people, ..DemoOptions::named_only(as_of()) };
        demo::write_to_server(&server.options(), options, force, || ())
    };
    assert!(!write(10, false).unwrap().replaced);
    let running = PostgresRecords::open(&server.options()).unwrap();
    let report = write(12, false).unwrap();
    assert!(report.replaced && report.people == 12);
    assert_eq!(server.sql("SELECT count(*) FROM records"), "12", "those before are gone");
    assert!(running.answer(&Query::Balances(PersonRef(12)), at(0)).is_ok(), "a running hotline reads the new ones");
    server.sql("UPDATE meta SET seed = NULL");
    assert!(write(10, false).unwrap_err().to_string().contains("--force"));
    assert!(running.answer(&Query::Balances(PersonRef(12)), at(0)).is_ok(), "nothing was replaced");
    assert!(write(10, true).unwrap().replaced);
    assert!(matches!(running.answer(&Query::Balances(PersonRef(12)), at(0)), Err(RecordsError::NoSuchPerson)));
}

#[test]
fn a_password_opens_and_a_wrong_one_does_not() {
    let server = PostgresServer::start_with(&[], |data| {
        let hba = "host all hotline all trust\nhost all keeper all scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
    });
    server.sql("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'open, sesame'");
    let url = server.url().replace("hotline@", "keeper@");
    let with = |password: Option<&str>| PostgresOptions {
        url: PostgresUrl::of(&url).unwrap(),
        password: password.map(|password| Secret::new(password.to_owned())),
        ..server.options()
    };
    assert!(PostgresRecords::open(&with(Some("open, sesame"))).is_ok());
    let wrong = refusal(&with(Some("0pen")));
    assert!(wrong.contains("password authentication failed for user \"keeper\"") && !wrong.contains("0pen"), "{wrong}");
    let none = refusal(&with(None));
    assert!(none.contains("password"), "{none}");
}

#[test]
fn tls_is_spoken_with_a_server_whose_certificate_is_believed_and_shows_ones_own() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue(&["localhost"]);
    let server = PostgresServer::start_with(&["ssl=on"], |data| {
        for (name, text) in [("server.crt", &certificate), ("server.key", &key)] {
            std::fs::write(data.join(name), text).unwrap();
        }
        std::fs::copy(authority.file(), data.join("root.crt")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(data.join("server.key"), mode).unwrap();
        let hba = "local all all trust\nhostnossl all hotline all trust\n\
                   hostssl all hotline all trust\nhostssl all node-1 all cert\n";
        std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
        std::fs::write(data.join("postgresql.auto.conf"), "ssl_ca_file = 'root.crt'\n").unwrap();
        own(data);
    });
    server.sql("CREATE ROLE \"node-1\" LOGIN SUPERUSER");
    let url = |user: &str, host: &str| {
        let url = server.url().replace("hotline@127.0.0.1", &format!("{user}@{host}")) + "?sslmode=require";
        PostgresUrl::of(&url).unwrap()
    };
    let tls = ClientTls { authorities: Some(authority.file()), identity: None };
    let over_tls = PostgresOptions { url: url("hotline", "localhost"), tls: tls.clone(), ..server.options() };
    let records = PostgresRecords::open(&over_tls).unwrap();
    assert!(matches!(records.answer(&Query::Balances(PersonRef(1)), at(0)), Err(RecordsError::Empty)));
    let encrypted = "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE ssl AND application_name = 'hotline'";
    assert_eq!(server.sql(encrypted), "t");

    let by_address = PostgresOptions { url: url("hotline", "127.0.0.1"), ..over_tls.clone() };
    assert!(unreachable(&by_address).contains("certificate"), "another name: {}", unreachable(&by_address));
    let stranger = Authority::new();
    let other = ClientTls { authorities: Some(stranger.file()), identity: None };
    let unbelieved = PostgresOptions { tls: other, ..over_tls.clone() };
    assert!(unreachable(&unbelieved).contains("certificate"), "{}", unreachable(&unbelieved));

    let (certificate, key) = authority.issue(&["node-1"]);
    let folder = tempfile::tempdir().unwrap();
    let identity = hotline::sip::tls::IdentityFiles {
        certificate: folder.path().join("node.crt"),
        key: folder.path().join("node.key"),
    };
    std::fs::write(&identity.certificate, certificate).unwrap();
    std::fs::write(&identity.key, key).unwrap();
    let shown = ClientTls { identity: Some(identity), ..tls };
    let by_certificate = PostgresOptions { url: url("node-1", "localhost"), tls: shown, ..server.options() };
    let opened = PostgresRecords::open(&by_certificate);
    assert!(opened.is_ok(), "{}", opened.err().map(|error| error.to_string()).unwrap_or_default());
    let nameless = PostgresOptions { tls: over_tls.tls.clone(), ..by_certificate };
    assert!(refusal(&nameless).contains("certificate"), "{}", refusal(&nameless));
}

fn unreachable(options: &PostgresOptions) -> String {
    match Source::Postgres(options.clone()).look() {
        Err(OpenError::Unreachable { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}
