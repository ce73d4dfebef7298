//! What a monitoring system reads: calls, keys, refusals, trunks, as they were made here; and nothing else is served.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use hotline::telephony::SrtpPolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::sip_client::{OFFER, PATIENCE, Phone, field};
use crate::support::binary::{Server, hotline as hotline_program};
use crate::support::keying::{By, Caller};
use crate::support::node::{Running, start};

/// A hotline with a trunk that it registers with and asks, and where its metrics are.
async fn hotline() -> (Running, SocketAddr, Phone) {
    hotline_with(SrtpPolicy::Offered).await
}

async fn hotline_with(srtp: SrtpPolicy) -> (Running, SocketAddr, Phone) {
    // Whom it answers is known only once the hotline listens.
    let mut trunk = Phone::new("127.0.0.1:9".parse().unwrap()).await;
    let uri = format!("sip:{}", trunk.here);
    let running = start(&[("12333", "bench/100"), ("300", "bench/300")], |config| {
        config.media.srtp = srtp;
        config.metrics.listen = Some("127.0.0.1:0".parse().unwrap());
        let trunks = format!(
            "[carrier.register]\nregistrar = \"{uri}\"\nuser = \"300\"\n[carrier.ping]\n[other.ping]\nto = \"sip:127.0.0.1:9\"\n"
        );
        config.trunks = toml::from_str(&trunks).unwrap();
    })
    .await;
    let address = running.node.metrics_address.expect("it listens");
    trunk.peer = running.address;
    (running, address, trunk)
}

/// What a server answers to these octets, until it closes.
async fn says(address: SocketAddr, octets: &str) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(octets.as_bytes()).await;
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said).await;
        said
    };
    timeout(PATIENCE, talk).await.expect("it never closes")
}

async fn get(address: SocketAddr, path: &str) -> String {
    says(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await
}

/// The number of a series, without the call that it may name.
fn number(page: &str, series: &str) -> Option<u64> {
    let of_it = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(of_it.split(' ').next()?.parse().unwrap())
}

/// The page, once a series has this number.
async fn page_with(address: SocketAddr, series: &str, wanted: u64) -> String {
    let look = async {
        loop {
            let page = get(address, "/metrics").await;
            if number(&page, series) == Some(wanted) {
                return page;
            }
        }
    };
    let Ok(page) = timeout(PATIENCE, look).await else {
        panic!("{series} is never {wanted}\n{}", get(address, "/metrics").await)
    };
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_counted_from_its_beginning_to_its_end_and_a_key_that_comes_twice_shows() {
    let (running, metrics, _trunk) = hotline().await;
    let mut caller = Caller::dial(running.address, true).await;
    let running_calls = "hotline_calls{trunk=\"carrier\",state=\"running\"}";
    page_with(metrics, running_calls, 1).await;
    // A trunk that sends each key both ways. Its calls are known by where it is registered with.
    caller.press("11", &[By::Events, By::Info]).await;
    caller.hang_up().await;
    let page = page_with(metrics, running_calls, 0).await;
    let page_after = page_with(metrics, "hotline_calls_ended_total{trunk=\"carrier\",outcome=\"nothing\"}", 1).await;
    for (series, times) in [
        ("hotline_keys_doubled_total{trunk=\"carrier\"}", 2),
        ("hotline_keys_doubled_total{trunk=\"\"}", 0),
        ("hotline_call_failures_total{trunk=\"carrier\",failure=\"media-timed-out\"}", 0),
        ("hotline_calls{trunk=\"carrier\",state=\"ringing\"}", 0),
        ("hotline_sip_connections", 0),
        ("hotline_draining", 0),
    ] {
        assert_eq!(number(&page_after, series), Some(times), "{series}\n{page_after}");
    }
    let keys = ["rfc4733", "info", "in-band"].map(|source| {
        number(&page_after, &format!("hotline_keys_total{{trunk=\"carrier\",source=\"{source}\"}}")).unwrap()
    });
    assert_eq!(keys.iter().sum::<u64>(), 2, "{page}");
    assert!(number(&page_after, "hotline_media_packets_received_total").unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_trunks_are_told_of() {
    let (running, metrics, mut trunk) = hotline().await;
    let mut phone = Phone::new(running.address).await;
    let wrong = phone.invite(OFFER).replacen("sip:12333@", "sip:999@", 1);
    phone.send(&wrong).await;
    phone.status(404).await;
    let page = page_with(metrics, "hotline_sip_refused_total{status=\"404\",reason=\"no_such_number\"}", 1).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.trim_end().ends_with("# EOF"), "{page}");
    assert!(page.to_ascii_lowercase().contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert_eq!(number(&page, "hotline_trunk_registered{trunk=\"carrier\"}"), Some(0));
    assert_eq!(number(&page, "hotline_trunk_registered{trunk=\"other\"}"), None, "it is not registered with");
    let register = trunk.request_of("REGISTER").await;
    trunk.answer(&register, "200 OK", &format!("Contact: {}\r\n", field(&register, "Contact")), "").await;
    let page = page_with(metrics, "hotline_trunk_registered{trunk=\"carrier\"}", 1).await;
    assert_eq!(number(&page, "hotline_trunk_register_answers_total{trunk=\"carrier\",status=\"200\"}"), Some(1));
    assert_eq!(number(&page, "hotline_trunk_alive{trunk=\"other\"}"), None, "nothing is known yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_taken_is_told_of_with_its_reason() {
    let (running, metrics, _trunk) = hotline_with(SrtpPolicy::Required).await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    phone.status(488).await;
    phone.ack_refusal().await;
    page_with(metrics, "hotline_call_failures_total{trunk=\"carrier\",failure=\"no-common-srtp\"}", 1).await;
    let page = page_with(metrics, "hotline_sip_refused_total{status=\"488\",reason=\"not_acceptable\"}", 1).await;
    assert_eq!(number(&page, "hotline_calls{trunk=\"carrier\",state=\"ringing\"}"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_what_the_documentation_says() {
    let (running, metrics, mut trunk) = hotline().await;
    let register = trunk.request_of("REGISTER").await;
    trunk.answer(&register, "403 Forbidden", "", "").await;
    let options = trunk.request_of("OPTIONS").await;
    trunk.answer(&options, "200 OK", "", "").await;
    page_with(metrics, "hotline_trunk_register_answers_total{trunk=\"carrier\",status=\"403\"}", 1).await;
    page_with(metrics, "hotline_trunk_alive{trunk=\"carrier\"}", 1).await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.request("BYE", 1, "", "", "")).await;
    phone.status(481).await;
    let page = get(metrics, "/metrics").await;
    let described: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let reference = hotline::node::metrics_reference();
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `hotline_")?.split_once('`'));
    let documented: BTreeSet<String> =
        rows.map(|(name, _)| format!("hotline_{}", name.strip_suffix("_total").unwrap_or(name))).collect();
    assert_eq!(described, documented.iter().map(String::as_str).collect());
    // Each series has the labels that its row names.
    for line in page.lines().filter(|line| line.starts_with("hotline_")) {
        let (name, labels) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap(), "} "));
        let labels = labels.split_once("} ").unwrap().0.split("\",").filter_map(|label| label.split_once('='));
        let labels: Vec<String> = labels.map(|(name, _)| format!("`{name}`")).collect();
        let row = format!("| `{name}` | ");
        let row = reference.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {name}"));
        assert_eq!(row.split(" | ").nth(2), Some(labels.join(", ").as_str()), "{line}");
    }
    crate::expected::compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md"), &reference);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_served_and_whoever_is_slow_holds_nobody_up() {
    let (_running, metrics, _trunk) = hotline().await;
    // As many as there may be at once, who say nothing.
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(metrics).await.unwrap());
    }
    assert!(get(metrics, "/health").await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(silent);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "404"),
        ("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n".to_owned(), "405"),
        (format!("GET /metrics HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(20_000)), "431"),
        (format!("GET /metrics HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(100)), "431"),
        ("REGISTER sip:h SIP/2.0\r\n\r\n".to_owned(), "400"),
    ] {
        let said = says(metrics, &request).await;
        assert!(said.is_empty() || said.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_counts_keeps_nothing_alive() {
    let (running, metrics, _trunk) = hotline().await;
    drop(running.node);
    let free = async {
        while std::net::UdpSocket::bind(running.address).is_err() || TcpStream::connect(metrics).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("its ports are free once it is gone");
}

#[tokio::test]
async fn a_balancer_is_told_of_a_drain() {
    let sip = "listen = [\"127.0.0.1:0\"]\n[metrics]\nlisten = \"127.0.0.1:0\"";
    let mut server = Server::launch(hotline_program(), sip, &[("300", "bench/300")], "info").await;
    let metrics = server.printed_after("metrics on http://").await;
    let address: SocketAddr = metrics.strip_suffix("/metrics").unwrap().parse().unwrap();
    assert!(get(address, "/health").await.starts_with("HTTP/1.1 200 "));
    // A call holds the drain up.
    let mut phone = Phone::new(server.address).await;
    phone.send(&phone.invite(OFFER).replacen("sip:12333@", "sip:300@", 1)).await;
    let answer = phone.status(200).await;
    server.terminate();
    server.prints("draining").await;
    let health = get(address, "/health").await;
    assert!(health.starts_with("HTTP/1.1 503 "), "{health}");
    assert_eq!(number(&get(address, "/metrics").await, "hotline_draining"), Some(1));
    assert!(!field(&answer, "To").is_empty());
    phone.ack("").await;
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
}
