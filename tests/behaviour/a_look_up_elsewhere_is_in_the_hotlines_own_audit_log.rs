//! Wherever the records are, what a caller is told of a person is in the audit log of the hotline's own file, under the call's id and
//! in the chain of hashes.

use std::time::Duration;

use hotline::node::Config;
use hotline::records::audit::{self, AuditLine, Wanted};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{CallEntry, CallPlace};
use jiff::Timestamp;
use serde_json::json;

use crate::records_support::as_of;
use crate::support::keying::{By, Caller};
use crate::support::node::start;
use crate::support::postgres::PostgresServer;
use crate::support::service::{Say, Service, answered_by};

/// A caller hears a balance; the call's record, and the lines of the audit log.
async fn heard(change: impl FnOnce(&mut Config)) -> (CallEntry, Vec<AuditLine>) {
    let running = start(&[("12333", "bench/100")], change).await;
    let mut caller = Caller::dial(running.address, true).await;
    caller.press("119999198503150010#10000001#", &[By::Events]).await;
    caller.is_hung_up_on().await;
    // The end of the hotline writes what waits.
    assert_eq!(running.node.drain().await, 0);
    let own = running.folder.path().join("hotline.db");
    let (mut calls, mut lines) = (Vec::new(), Vec::new());
    CallPlace::Sqlite(own.clone()).read(None, None, &mut |call| calls.push(call)).unwrap();
    let whole = audit::verify(&own, None).unwrap();
    audit::list(&own, &Wanted::default(), |line| {
        lines.push(line);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(usize::try_from(whole.unwrap().lines).unwrap(), lines.len());
    assert_eq!(calls.len(), 1);
    (calls.remove(0), lines)
}

/// Who was verified and heard what, by that call's id and that person's hash.
fn is_audited((call, lines): &(CallEntry, Vec<AuditLine>)) {
    assert_eq!(call.outcome, "served");
    let (who, subject) = (format!("call:{}", call.call_id), format!("person:{}", call.person_hash.as_ref().unwrap()));
    let told: Vec<_> = lines.iter().filter(|line| line.who == who).collect();
    let acts: Vec<_> = told.iter().map(|line| (line.what.as_str(), line.outcome.as_str())).collect();
    assert_eq!(acts, [("verify", "matched"), ("balances", "found")]);
    assert!(told.iter().all(|line| line.subject.as_ref() == Some(&subject)), "{subject}: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_person_on_a_server() {
    let server = PostgresServer::start();
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let heard = heard(|config| {
        config.records.local = config.records.file().to_owned();
        config.records.database = server.url().parse().unwrap();
        config.records.deadline = Duration::from_secs(20);
    });
    is_audited(&heard.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_person_whom_a_service_knows() {
    let memory = demo::without_sql(DemoOptions::named_only(as_of()));
    let service = Service::start(move |asked| match asked.path.as_str() {
        "/v1/records" => Say::Json(200, json!({ "as-of": "2026-09" })),
        _ => answered_by(&memory, Timestamp::now(), asked),
    });
    let heard = heard(|config| {
        config.records.url = Some(service.url().parse().unwrap());
        config.records.deadline = Duration::from_secs(20);
    });
    is_audited(&heard.await);
    assert!(!service.asked().is_empty());
}
