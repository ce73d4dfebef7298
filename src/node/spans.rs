//! Calls as OpenTelemetry spans, sent over HTTP by OTLP. Off unless `telemetry.otlp` says where to.
//!
//! ```text
//!   call                         the trace id is the call's id, as in its record and in the audit log
//!   ├─ signalling                INVITE ──> answered
//!   └─ media                     answered ──> over: packets, jitter
//!      ├─ step welcome
//!      └─ step verify            a step of the menu, from its beginning to the next one's
//!         └─ look-up verify      asked ──> answered
//!
//!   a call's end ── full? dropped, counted ──> [ 1,024 calls ] ──> task: up to 512 spans or a second ──> POST /v1/traces
//! ```
//!
//! The spans are made when the call is over, from what is known of it then, so a call costs the same with and without them.
//! They hold names of the configuration and the program, times and counts: nothing of the caller.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::StartFaults;
use super::draft::Wrong;
use crate::telephony::{CallTrace, CallTraces, LookedUp};

/// Calls that wait for their spans to be sent.
const MOST_WAITING: usize = 1_024;
/// Spans sent at once, but for those that a call has beyond.
const BATCH: usize = 512;
/// Spans are waited for so long, so that they go together.
const GATHERED_FOR: Duration = Duration::from_secs(1);
/// How long a collector may take.
const SENT_WITHIN: Duration = Duration::from_secs(10);
/// The longest answer of a collector that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// `[telemetry]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Telemetry {
    /// The collector that spans are sent to by OTLP over HTTP, as in `"http://127.0.0.1:4318"`; without it nowhere.
    pub otlp: Option<String>,
    /// What this hotline is called there.
    pub service: String,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry { otlp: None, service: "hotline".into() }
    }
}

impl Telemetry {
    pub(super) fn wrongs(&self) -> Vec<Wrong> {
        let wrong = self.otlp.as_ref().is_some_and(|otlp| endpoint(otlp).is_none());
        let message = "telemetry.otlp is no http:// address of a collector";
        let at = || Wrong::at("telemetry", "otlp", message, "as in otlp = \"http://127.0.0.1:4318\"");
        wrong.then(at).into_iter().collect()
    }
}

/// Where spans are posted to: `/v1/traces`, unless a path is given.
fn endpoint(otlp: &str) -> Option<Uri> {
    let uri: Uri = otlp.parse().ok()?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
    let path = Some(uri.path()).filter(|path| *path != "/").unwrap_or("/v1/traces");
    format!("http://{authority}{path}").parse().ok()
}

/// What has become of spans since the start.
#[derive(Debug, Default)]
pub(super) struct SpanCounts {
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// The way to the task that sends spans.
pub(super) struct Spans {
    calls: mpsc::Sender<CallTrace>,
    counts: Arc<SpanCounts>,
}

/// The task. It ends once every [`Spans`] is gone, having sent what waits.
pub(super) struct Sending {
    task: JoinHandle<()>,
    pub(super) counts: Arc<SpanCounts>,
}

impl Sending {
    /// Waits for what still waits to be sent.
    pub(super) async fn end(mut self, within: Duration) {
        if tokio::time::timeout(within, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Starts the task, where spans are wanted.
pub(super) fn start(config: &Telemetry) -> Result<Option<(Spans, Sending)>, StartFaults> {
    let Some(to) = config.otlp.as_deref().and_then(endpoint) else { return Ok(None) };
    let mut exporter = Otlp::builder()
        .with_http()
        .with_http_client(Client)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(SENT_WITHIN)
        .with_endpoint(to.to_string())
        .build()
        .map_err(|error| StartFaults::one(std::path::Path::new("[telemetry]"), error))?;
    let resource = Resource::builder_empty()
        .with_service_name(config.service.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    exporter.set_resource(&resource.build());
    let (calls, waiting) = mpsc::channel(MOST_WAITING);
    let counts = Arc::<SpanCounts>::default();
    let task = tokio::spawn(send_all(exporter, waiting, Arc::clone(&counts)));
    Ok(Some((Spans { calls, counts: Arc::clone(&counts) }, Sending { task, counts })))
}

impl CallTraces for Spans {
    fn ended(&self, trace: CallTrace) {
        if let Err(error) = self.calls.try_send(trace) {
            let spans = spans(&error.into_inner()).len();
            drop_spans(&self.counts, spans, "too many calls wait");
        }
    }
}

/// Counts spans that are not sent, and warns: of the first, and whenever the count passes a power of two.
fn drop_spans(counts: &SpanCounts, spans: usize, why: &str) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    let before = counts.dropped.fetch_add(spans, Ordering::Relaxed);
    if before.checked_ilog2() != before.saturating_add(spans).checked_ilog2() {
        tracing::warn!(dropped = before.saturating_add(spans), why, "spans are not sent");
    }
}

async fn send_all(exporter: Otlp, mut waiting: mpsc::Receiver<CallTrace>, counts: Arc<SpanCounts>) {
    while let Some(first) = waiting.recv().await {
        let mut batch = spans(&first);
        let gather = async {
            while batch.len() < BATCH {
                let Some(next) = waiting.recv().await else { break };
                batch.extend(spans(&next));
            }
        };
        // A second over, or enough, or the last there are: all the same.
        let _ = tokio::time::timeout(GATHERED_FOR, gather).await;
        let many = batch.len();
        match tokio::time::timeout(SENT_WITHIN, exporter.export(batch)).await {
            Ok(Ok(())) => drop(counts.sent.fetch_add(u64::try_from(many).unwrap_or(u64::MAX), Ordering::Relaxed)),
            Ok(Err(error)) => drop_spans(&counts, many, &error.to_string()),
            Err(_) => drop_spans(&counts, many, "the collector does not answer"),
        }
    }
}

/// The spans of a call.
fn spans(call: &CallTrace) -> Vec<SpanData> {
    let mut tree = Tree { trace: TraceId::from_bytes(call.call.octets()), spans: Vec::new() };
    let mut of_call = Vec::new();
    let mut word = |key: &'static str, value: Option<String>| {
        of_call.extend(value.map(|value| KeyValue::new(key, value)));
    };
    word("hotline.menu", call.menu.clone());
    word("hotline.trunk", call.trunk.as_deref().map(str::to_owned));
    let story = call.story.as_ref();
    word("hotline.outcome", story.map(|story| story.outcome.name().to_owned()));
    word("hotline.ending", story.and_then(|story| story.ending).map(|ending| ending.name().to_owned()));
    word("hotline.language", story.map(|story| story.language.tag().to_owned()));
    of_call.extend(story.map(|story| KeyValue::new("hotline.keys", i64::from(story.keys))));
    let status = call.failure.map_or(Status::Unset, |failure| Status::error(failure.name()));
    let root = tree.add(SpanId::INVALID, "call", [call.started, call.ended], of_call);
    if let Some(last) = tree.spans.last_mut() {
        (last.span_kind, last.status) = (SpanKind::Server, status);
    }
    let signalled = call.answered.unwrap_or(call.ended);
    tree.add(root, "signalling", [call.started, signalled], Vec::new());
    if let Some(answered) = call.answered {
        let of_media = call.media.map_or_else(Vec::new, |media| {
            let number = |key, value: u64| KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX));
            vec![
                number("rtp.packets-sent", media.packets_sent),
                number("rtp.packets-received", media.packets_received),
                number("rtp.packets-lost", media.lost.max(0).unsigned_abs()),
                number("rtp.jitter-us", u64::try_from(media.jitter.as_micros()).unwrap_or(u64::MAX)),
            ]
        });
        let media = tree.add(root, "media", [answered, call.ended], of_media);
        tree.add_steps(media, call);
    }
    tree.spans
}

/// The spans of one trace, as they are made.
struct Tree {
    trace: TraceId,
    spans: Vec<SpanData>,
}

impl Tree {
    fn add(
        &mut self,
        parent: SpanId,
        name: impl Into<std::borrow::Cow<'static, str>>,
        [from, to]: [Timestamp; 2],
        attributes: Vec<KeyValue>,
    ) -> SpanId {
        let id = SpanId::from_bytes(rand::random());
        self.spans.push(SpanData {
            span_context: SpanContext::new(self.trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: system(from),
            end_time: system(to.max(from)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("hotline").build(),
        });
        id
    }

    /// Each step, and under it what the records were asked in it.
    fn add_steps(&mut self, media: SpanId, call: &CallTrace) {
        let steps = call.steps();
        for (place, (step, entered, left)) in steps.iter().enumerate() {
            let span = self.add(media, format!("step {step}"), [*entered, *left], Vec::new());
            for look_up in call.look_ups.iter().filter(|look_up| look_up.step == place) {
                let LookedUp { what, asked, answered, outcome, .. } = *look_up;
                let outcome = KeyValue::new("hotline.outcome", outcome);
                self.add(span, format!("look-up {what}"), [asked, answered], vec![outcome]);
            }
        }
    }
}

fn system(at: Timestamp) -> SystemTime {
    let nanoseconds = u64::try_from(at.as_nanosecond()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// One request, one connection, on the runtime that serves the signalling: the exporter's own would start threads.
#[derive(Debug)]
struct Client;

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut head, body) = request.into_parts();
        let authority = head.uri.authority().ok_or("no collector is named")?.clone();
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((host, authority.port_u16().unwrap_or(80))).await?.collect();
        let stream = TcpStream::connect(found.as_slice()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        head.headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
        head.uri = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
        connection.abort();
        Ok(Response::from_parts(head, body))
    }
}
