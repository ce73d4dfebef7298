//! A small collector of OpenTelemetry spans: OTLP over HTTP, as bytes and as spans.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// It listens until it is dropped.
pub struct Collector {
    pub address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Collector {
    /// One that answers each request with this status; without one it takes connections and says nothing.
    pub async fn start(status: Option<u16>) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&bodies);
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                match status {
                    Some(status) => drop(tokio::spawn(serve(stream, status, Arc::clone(&kept)))),
                    None => held.push(stream),
                }
            }
        });
        Collector { address, bodies, task }
    }

    /// Everything it was sent, as it came.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().unwrap().clone()
    }

    /// Every span it was sent.
    pub fn spans(&self) -> Vec<Span> {
        let requests =
            self.bodies().into_iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, status: u16, bodies: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut stream = BufReader::new(stream);
    let (mut length, mut line, mut first) = (0, String::new(), String::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        let (name, value) = line.split_once(':').unwrap_or(("", ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        if first.is_empty() {
            first = line.clone();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    assert_eq!(first.trim(), "POST /v1/traces HTTP/1.1");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    if status == 200 {
        bodies.lock().unwrap().push(body);
    }
    let answer = format!("HTTP/1.1 {status} x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n");
    let _ = stream.get_mut().write_all(answer.as_bytes()).await;
}

/// An attribute of a span that is a word.
pub fn word(span: &Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    match value {
        Value::StringValue(word) => Some(word),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}
