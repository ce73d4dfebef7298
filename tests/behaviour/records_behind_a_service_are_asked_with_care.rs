//! A service of records that is slow, wrong or down by turns: each look-up fails in its own way and in time, what may be asked
//! again is, and nothing is counted twice. Who asks shows a certificate, and believes only one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::records_support::{as_of, at, matched, right, wrong};
use crate::support::ports::free_port;
use crate::support::service::{Asked, Say, Service, answered_by};
use crate::support::tls::Authority;
use hotline::facts::{Insurance, PersonRef, Query, Reply};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{
    BreakerState, ClientTls, OpenError, Records, RecordsError, RemoteError, ServiceOptions, ServiceRecords, Source,
};
use hotline::sip::tls::IdentityFiles;
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

const PATIENCE: Duration = Duration::from_secs(60);

fn options(service: &Service) -> ServiceOptions {
    let options = ServiceOptions::of(service.url().parse().unwrap());
    ServiceOptions { deadline: Duration::from_secs(20), ..options }
}

fn open(service: &Service) -> ServiceRecords {
    ServiceRecords::open(&options(service)).unwrap()
}

fn balances() -> Query {
    Query::Balances(PersonRef(1))
}

fn payments() -> Query {
    Query::Payments { person: PersonRef(1), insurance: Insurance::Pension, from: as_of().plus(-11), to: as_of() }
}

fn failure(records: &ServiceRecords, query: &Query) -> RemoteError {
    match records.answer(query, at(0)) {
        Err(RecordsError::Remote(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// One that says the same whatever it is asked.
fn saying(say: impl Fn() -> Say + Send + Sync + 'static) -> Service {
    Service::start(move |_| say())
}

#[test]
fn what_is_no_answer_is_told_apart_and_quoted_nowhere() {
    let whole = json!({ "as-of": "2026-09", "pension": 1, "medical": 2 });
    let paid = |months: &[&str]| {
        let one = |month: &&str| json!({ "month": month, "base": 1, "personal": 1, "employer": 1 });
        json!({ "as-of": "2026-09", "first-ever": "2010-03", "paid": months.iter().map(one).collect::<Vec<Value>>() })
    };
    let with = |key: &str, value: Value| {
        let mut changed = whole.clone();
        changed[key] = value;
        changed
    };
    let garbled = |value: Value| (200, value, "cannot be understood");
    for (query, (status, value, words)) in [
        (balances(), garbled(json!("s3cr3t"))),
        (balances(), garbled(with("pension", json!("s3cr3t")))),
        (balances(), garbled(with("pension", json!(1.5)))),
        (balances(), garbled(with("pension", json!(1e30)))),
        (balances(), garbled(with("as-of", json!("s3cr3t")))),
        (balances(), garbled(json!({ "as-of": "2026-09" }))),
        (balances(), (500, whole.clone(), "HTTP 500")),
        (balances(), (302, whole.clone(), "HTTP 302")),
        (balances(), (401, whole.clone(), "HTTP 401")),
        (payments(), garbled(paid(&["2026-09", "2026-08"]))),
        (payments(), garbled(paid(&["2026-08", "2026-08"]))),
        (payments(), garbled(paid(&["2020-01"]))),
        (
            Query::Summary(PersonRef(1)),
            garbled(json!({ "as-of": "2026-09", "insurances": [
            { "insurance": "pension", "months-paid": 3, "first": "2026-09", "last": "2026-09" }] })),
        ),
        (
            Query::Summary(PersonRef(1)),
            garbled(json!({ "as-of": "2026-09", "insurances": [
            { "insurance": "s3cr3t", "months-paid": 0 }] })),
        ),
        (right("ordinary", None), garbled(json!({ "result": "s3cr3t" }))),
        (right("ordinary", None), garbled(json!({ "result": "locked", "minutes": 0 }))),
        (right("ordinary", None), garbled(json!({ "result": "matched" }))),
        (right("ordinary", None), (404, json!({}), "HTTP 404")),
    ] {
        let shown = value.to_string();
        let service = saying(move || Say::Json(status, value.clone()));
        let failure = failure(&open(&service), &query).to_string();
        assert!(failure.contains(words) && !failure.contains("s3cr3t"), "{shown}: {failure}");
        assert_eq!(service.asked().len(), 1, "an answer, if a wrong one, is not asked for again");
    }
}

#[test]
fn half_an_answer_none_and_one_without_end_are_no_answers() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"as-of\": ";
    let half = saying(move || Say::Octets(head.as_bytes().to_vec()));
    assert!(matches!(failure(&open(&half), &balances()), RemoteError::Lost(_)));
    assert_eq!(half.asked().len(), 2, "asked once more");
    let closed = saying(|| Say::Octets(Vec::new()));
    assert!(matches!(failure(&open(&closed), &balances()), RemoteError::Lost(_)));
    let huge = saying(|| Say::Octets([b"HTTP/1.1 200 OK\r\n\r\n\"".as_slice(), &vec![b'x'; 3 << 20]].concat()));
    assert_eq!(failure(&open(&huge), &balances()), RemoteError::Garbled("it is larger than 1 MiB".to_owned()));
    let other = saying(|| Say::Octets(b"SSH-2.0-OpenSSH\r\n".to_vec()));
    assert!(matches!(failure(&open(&other), &balances()), RemoteError::Lost(_)));
    let endless = saying(|| Say::Octets([b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x: y\r\n".repeat(200_000)].concat()));
    assert!(matches!(failure(&open(&endless), &balances()), RemoteError::Lost(_)));
}

#[test]
fn a_service_that_says_nothing_is_given_up_at_the_deadline() {
    let service = saying(|| Say::Nothing);
    let deadline = Duration::from_millis(200);
    let records = ServiceRecords::open(&ServiceOptions { deadline, ..options(&service) }).unwrap();
    for query in [balances(), wrong("ordinary", None), payments()] {
        assert_eq!(failure(&records, &query), RemoteError::TimedOut(deadline));
    }
    assert_eq!(failure(&records, &balances()), RemoteError::Resting);
    assert_eq!(service.asked().len(), 3, "what is late is not asked again");
}

#[test]
fn a_verification_whose_answer_was_lost_is_asked_again_by_the_same_key_and_counted_once() {
    let memory = demo::without_sql(DemoOptions::named_only(as_of()));
    // As docs/records.openapi.json wants it: by the key the first answer is given again.
    let told: Mutex<Vec<(String, Value)>> = Mutex::default();
    let service = Service::start(move |asked: &Asked| {
        let Some(key) = &asked.key else { return answered_by(&memory, at(0), asked) };
        let mut told = told.lock().unwrap();
        if let Some((_, value)) = told.iter().find(|(known, _)| known == key) {
            return Say::Json(200, value.clone());
        }
        if let Say::Json(200, value) = answered_by(&memory, at(0), asked) {
            told.push((key.clone(), value));
        }
        Say::Octets(Vec::new())
    });
    let records = open(&service);
    for expected in [Reply::Unmatched, Reply::Unmatched, Reply::Locked { minutes: 30 }] {
        assert_eq!(records.answer(&wrong("ordinary", Some("13900000001")), at(0)).unwrap(), expected);
    }
    assert_eq!(records.answer(&right("check-x", None), at(0)).unwrap(), matched(2));
    let asked = service.asked();
    let keys: Vec<&String> = asked.iter().filter_map(|asked| asked.key.as_ref()).collect();
    assert_eq!(keys.len(), 8);
    assert!(keys.chunks(2).all(|pair| pair[0] == pair[1]) && keys[0] != keys[2]);
    assert!(keys.iter().all(|key| key.len() == 32));
    let numbers = ["119999198503150010", "10000002", "99999999", "13900000001"];
    assert!(asked.iter().all(|asked| numbers.iter().all(|number| !asked.path.contains(number))));
}

#[test]
fn a_service_that_is_down_is_asked_no_longer_and_found_when_it_is_back() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let options = ServiceOptions::of(format!("http://{address}").parse().unwrap());
    let records = ServiceRecords::open(&ServiceOptions { deadline: Duration::from_secs(20), ..options }).unwrap();
    for _ in 0..3 {
        assert!(matches!(failure(&records, &balances()), RemoteError::Unreachable(_)));
    }
    assert_eq!(failure(&records, &balances()), RemoteError::Resting);
    assert_eq!(records.remote().unwrap().breaker, BreakerState::Open);
    let _back =
        Service::at(address, None, |_| Say::Json(200, json!({ "as-of": "2026-09", "pension": 1, "medical": 2 })));
    let begun = Instant::now();
    while let Err(error) = records.answer(&balances(), at(0)) {
        assert!(begun.elapsed() < PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(records.remote().unwrap().breaker, BreakerState::Closed);
}

#[test]
fn both_sides_show_certificates_and_neither_believes_another() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue(&["127.0.0.1"]);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let tls =
        ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(vec![certificate], key).unwrap();
    let service = Service::at("127.0.0.1:0".parse().unwrap(), Some(Arc::new(tls)), |asked| match asked.path.as_str() {
        "/v1/records" => Say::Json(200, json!({ "as-of": "2026-09" })),
        _ => Say::Json(200, json!({ "as-of": "2026-09", "pension": 1, "medical": 2 })),
    });
    let with = |authorities: std::path::PathBuf, identity: Option<IdentityFiles>| ServiceOptions {
        tls: ClientTls { authorities: Some(authorities), identity },
        deadline: Duration::from_secs(20),
        ..ServiceOptions::of(format!("https://{}", service.address).parse().unwrap())
    };
    let shown = authority.renew(&["node-1"]);
    let right = with(authority.file(), Some(shown.clone()));
    assert!(ServiceRecords::open(&right).unwrap().answer(&balances(), at(0)).is_ok());
    assert!(Source::Service(right).look().is_ok());
    let stranger = Authority::new();
    for wrong in [
        with(authority.file(), None),
        with(authority.file(), Some(stranger.renew(&["node-1"]))),
        with(stranger.file(), Some(shown.clone())),
    ] {
        let failure = failure(&ServiceRecords::open(&wrong).unwrap(), &balances());
        assert!(matches!(failure, RemoteError::Unreachable(_) | RemoteError::Lost(_)), "{failure}");
        assert!(matches!(Source::Service(wrong).look(), Err(OpenError::Unreachable { .. })));
    }
    let none = IdentityFiles { certificate: authority.folder.path().join("none.pem"), ..shown };
    let refused = ServiceRecords::open(&with(authority.file(), Some(none))).err().unwrap().to_string();
    assert!(refused.contains("none.pem cannot be read"), "{refused}");
}

#[test]
fn a_look_says_what_a_service_lacks() {
    for (say, words) in [
        ((404, json!({})), "does the URL begin right?"),
        ((403, json!({})), "HTTP 403"),
        ((200, json!({ "as-of": 9 })), "docs/records.openapi.json"),
    ] {
        let service = saying(move || Say::Json(say.0, say.1.clone()));
        match Source::Service(options(&service)).look() {
            Err(OpenError::Server { why, .. }) => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_document_follows_from_the_types() {
    let docs = crate::support::hotline::in_tree("docs/records.openapi.json");
    crate::expected::compare(&docs, &format!("{:#}\n", hotline::records::openapi()));
    let document = hotline::records::openapi();
    // Each reference leads somewhere.
    let text = document.to_string();
    for reference in regex::Regex::new("\"#(/components/schemas/[^\"]+)\"").unwrap().captures_iter(&text) {
        assert!(document.pointer(&reference[1]).is_some(), "{}", &reference[1]);
    }
}
