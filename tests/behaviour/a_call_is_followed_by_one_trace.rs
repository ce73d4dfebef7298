//! A call becomes spans of one trace over signalling, media, steps and look-ups; its record bears the same id. A collector
//! that is slow, broken or away holds no call up.

use hotline::facts::hex;
use hotline::telephony::SrtpPolicy;
use opentelemetry_proto::tonic::trace::v1::Span;
use rusqlite::Connection;
use tokio::time::timeout;

use crate::sip_client::{OFFER, PATIENCE, Phone};
use crate::support::collector::{Collector, word};
use crate::support::keying::{By, Caller};
use crate::support::node::{Running, start};

const KEYS: &str = "119999198503150010#10000001#";

async fn hotline(otlp: &str) -> Running {
    start(&[("12333", "bench/100")], |config| {
        config.telemetry.otlp = Some(otlp.to_owned());
        config.metrics.listen = Some("127.0.0.1:0".parse().unwrap());
    })
    .await
}

/// A call that hears its balance.
async fn call(running: &Running) {
    let mut caller = Caller::dial(running.address, true).await;
    caller.press(KEYS, &[By::Events]).await;
    caller.is_hung_up_on().await;
}

/// A call whose caller hangs up at once.
async fn short_call(running: &Running) {
    let mut caller = Caller::dial(running.address, true).await;
    caller.press("1", &[By::Events]).await;
    caller.hang_up().await;
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}: {:?}", names(spans)))
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_signalling_media_steps_and_look_ups() {
    let collector = Collector::start(Some(200)).await;
    let running = hotline(&format!("http://{}", collector.address)).await;
    call(&running).await;
    let database = running.folder.path().join("hotline.db");
    let (metrics, ended) =
        (running.node.metrics_address.unwrap(), "hotline_calls_ended_total{trunk=\"\",outcome=\"served\"} 1 # ");
    let counted = async {
        loop {
            if let Some(exemplar) = page(metrics).await.lines().find_map(|line| line.strip_prefix(ended)) {
                return exemplar.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let exemplar = timeout(PATIENCE, counted).await.expect("the call is counted");
    // The end of the hotline sends what waits.
    assert_eq!(running.node.drain().await, 0);
    let spans = collector.spans();
    let root = named(&spans, "call");
    assert!(root.parent_span_id.is_empty() && spans.iter().all(|span| span.trace_id == root.trace_id), "{spans:?}");
    assert_eq!(word(root, "hotline.outcome").as_deref(), Some("served"));
    assert_eq!(word(root, "hotline.ending").as_deref(), Some("hotline-hung-up"));
    let (signalling, media) = (named(&spans, "signalling"), named(&spans, "media"));
    assert!(signalling.parent_span_id == root.span_id && media.parent_span_id == root.span_id);
    assert!(word(media, "rtp.packets-sent").is_some_and(|packets| packets != "0"));
    assert_eq!(signalling.end_time_unix_nano, media.start_time_unix_nano);
    let steps: Vec<&Span> = spans.iter().filter(|span| span.name.starts_with("step ")).collect();
    assert!(steps.len() > 3 && steps.iter().all(|step| step.parent_span_id == media.span_id), "{:?}", names(&spans));
    let in_order = |pair: &[&Span]| pair[0].end_time_unix_nano == pair[1].start_time_unix_nano;
    assert!(steps.windows(2).all(in_order), "a step ends where the next begins");
    let verify = named(&spans, "look-up verify");
    assert!(
        steps.iter().any(|step| step.span_id == verify.parent_span_id && step.name == "step verify"),
        "{:?}",
        names(&spans)
    );
    assert_eq!(word(verify, "hotline.outcome").as_deref(), Some("matched"));
    for span in &spans {
        assert!(root.start_time_unix_nano <= span.start_time_unix_nano, "{span:?}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    }
    // The record and the audit log bear the same id.
    let connection = Connection::open(database).unwrap();
    let recorded: String = connection.query_row("SELECT lower(hex(call_id)) FROM calls", [], |row| row.get(0)).unwrap();
    assert_eq!(recorded, hex(&root.trace_id));
    let audited = "SELECT group_concat(what, ' ') FROM audit WHERE who = 'call:' || ?1";
    let audited: String = connection.query_row(audited, [recorded], |row| row.get(0)).unwrap();
    assert_eq!(audited, "verify balances");
    // The counter names it too.
    assert_eq!(exemplar, format!("{{trace_id=\"{}\"}} 1.0", hex(&root.trace_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_is_a_trace_too() {
    let collector = Collector::start(Some(200)).await;
    let otlp = format!("http://{}", collector.address);
    let running = start(&[("12333", "bench/100")], |config| {
        config.telemetry.otlp = Some(otlp);
        config.media.srtp = SrtpPolicy::Required;
    })
    .await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    phone.status(488).await;
    phone.ack_refusal().await;
    running.node.drain().await;
    let spans = collector.spans();
    assert_eq!(names(&spans), ["call", "signalling"]);
    assert!(spans[0].status.as_ref().is_some_and(|status| status.message == "no-common-srtp"), "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_take_them_holds_nothing_up_and_dropped_spans_are_counted() {
    let (silent, broken) = (Collector::start(None).await, Collector::start(Some(500)).await);
    for (otlp, at_once) in
        [(silent.address.to_string(), false), (broken.address.to_string(), true), ("127.0.0.1:9".into(), true)]
    {
        let running = hotline(&format!("http://{otlp}")).await;
        let metrics = running.node.metrics_address.unwrap();
        short_call(&running).await;
        // How long a silent one is waited for is its own time: it is enough that calls go on meanwhile.
        let dropped = async {
            while at_once
                && !page(metrics)
                    .await
                    .lines()
                    .any(|line| line.starts_with("hotline_spans_dropped_total ") && !line.ends_with(" 0"))
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, dropped).await.unwrap_or_else(|_| panic!("{otlp}: no span is counted as dropped"));
        short_call(&running).await;
        assert_eq!(running.node.drain().await, 0, "{otlp}");
    }
}

async fn page(address: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    let _ = stream.read_to_string(&mut page).await;
    page
}
