//! Operators see who is locked out, release, and list and close cases, of records in a file and on a server alike; what they do
//! to those on a server is in the audit log of the hotline's own file.

use std::process::Command;

use crate::records_support::{Lasting, as_of, at, matched, right, wrong};
use crate::support::postgres::PostgresServer;
use hotline::facts::{Blame, CallId, Dispute, Insurance, Month, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{Desk, LockPolicy, Release, ServiceOptions, Source};

const TELEPHONE: Option<&str> = Some("02087654321");

fn says(month: i8) -> Query {
    let dispute = Dispute {
        insurance: Insurance::Pension,
        month: Month::new(2026, month).unwrap(),
        blame: Blame::Agency,
        callback: Secret::new("13912345678".into()),
    };
    Query::Dispute { person: PersonRef(1), dispute, call: CallId::new([7; 16]) }
}

#[test]
fn a_locked_telephone_is_seen_and_released() {
    for lasting in Lasting::each() {
        let (records, source) = (lasting.open(LockPolicy::default()), lasting.source());
        for second in 0..3 {
            records.answer(&wrong("ordinary", TELEPHONE), at(second)).unwrap();
        }
        let desk = Desk::open(&source).unwrap();
        let locks = desk.locks(at(3), false).unwrap();
        let told: Vec<_> = locks.iter().map(|lock| (lock.what.as_str(), lock.label.as_str())).collect();
        assert_eq!(told.len(), 2, "{source}: {told:?}");
        assert!(told.iter().all(|(what, _)| ["caller", "id-from-caller"].contains(what)), "{source}: {told:?}");
        assert!(told.iter().all(|(_, label)| label.ends_with("21") && label.starts_with('*')), "{source}: {told:?}");
        assert!(locks.iter().all(|lock| lock.until > Some(at(3))), "{source}");
        assert_eq!(desk.locks(at(3), true).unwrap().len(), 3, "{source}: the ID, of which failures are counted");

        assert_eq!(desk.unlock(&Release::Caller(Secret::new("02011112222".into()))).unwrap(), 0, "{source}");
        assert!(matches!(records.answer(&right("ordinary", TELEPHONE), at(4)).unwrap(), Reply::Locked { .. }));
        assert_eq!(desk.unlock(&Release::Caller(Secret::new("02087654321".into()))).unwrap(), 2, "{source}");
        assert_eq!(desk.locks(at(5), false).unwrap(), [], "{source}");
        assert_eq!(records.answer(&right("ordinary", TELEPHONE), at(5)).unwrap(), matched(1), "{source}");
    }
}

#[test]
fn cases_are_listed_and_closed_once() {
    for lasting in Lasting::each() {
        let (records, source) = (lasting.open(LockPolicy::default()), lasting.source());
        records.answer(&says(3), at(0)).unwrap();
        records.answer(&says(4), at(1)).unwrap();
        let desk = Desk::open(&source).unwrap();
        let cases = desk.cases(false).unwrap();
        let told: Vec<_> = cases.iter().map(|case| (case.month.to_string(), case.opened, case.call)).collect();
        let call = CallId::new([7; 16]);
        assert_eq!(told, [("2026-04".to_owned(), at(1), call), ("2026-03".to_owned(), at(0), call)], "{source}");
        assert_eq!((cases[1].insurance, cases[1].blame), (Insurance::Pension, Blame::Agency), "{source}");
        assert_eq!(cases[1].id.reveal(), crate::records_support::person("ordinary").id, "{source}");
        assert_eq!(cases[1].callback.reveal(), "13912345678", "{source}");
        assert!(desk.close(cases[1].number, "lin", at(9)).unwrap(), "{source}");
        assert!(!desk.close(cases[1].number, "wu", at(10)).unwrap(), "{source}: closed already");
        assert_eq!(desk.cases(false).unwrap().len(), 1, "{source}");
        let all = desk.cases(true).unwrap();
        assert_eq!(all[1].closed, Some((at(9), "lin".to_owned())), "{source}");
    }
}

#[test]
fn a_service_keeps_its_own() {
    let source = Source::Service(ServiceOptions::of("https://records.example".parse().unwrap()));
    let told = Desk::open(&source).err().unwrap().to_string();
    assert!(told.contains("records.example") && told.contains("by itself"), "{told}");
}

#[test]
fn an_act_upon_a_server_is_in_the_audit_log_of_the_hotlines_own_file() {
    let (server, folder) = (PostgresServer::start(), tempfile::tempdir().unwrap());
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let (own, config) = (folder.path().join("own.db"), folder.path().join("hotline.toml"));
    demo::write(&own, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let url = server.url();
    std::fs::write(&config, format!("[records]\ndatabase = \"{url}\"\nlocal = \"own.db\"\n")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        let output = command.current_dir(folder.path()).args(arguments).output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), told)
    };
    let named = config.display().to_string();
    let (code, told) = run(&["records", "unlock", "--trunk", "city", "--by", "lin", "--config", &named]);
    assert!(code == Some(0) && told.contains("trunk:city: nothing was held against it"), "{told}");
    let (code, told) = run(&["cases", "list", "--reveal", "--by", "lin", "--config", &named]);
    assert!(code == Some(0) && told.contains("there are no cases"), "{told}");
    let (code, told) = run(&["cases", "close", "00000018", "--by", "lin", "--config", &named]);
    assert!(code == Some(1) && told.contains("there is no open case"), "{told}");
    let (code, told) = run(&["audit", "list", "--database", &own.display().to_string()]);
    assert!(code == Some(0) && told.contains("records unlock") && told.contains("cases list"), "{told}");
    assert!(told.contains("no open case") && !told.contains("closed"), "what was not done is not said to be: {told}");

    let (code, told) = run(&["records", "locks", "--database", &url]);
    assert!(code == Some(0) && told.contains("nobody is locked out"), "{told}");
    let (code, told) = run(&["records", "unlock", "--trunk", "city", "--database", &url]);
    assert!(code == Some(2) && told.contains("--config"), "{told}");
}
