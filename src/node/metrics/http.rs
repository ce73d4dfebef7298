//! The page over HTTP, and nothing else: hyper alone, since its bounds on heads and time are what a framework would hide.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Metrics;

/// Connections served at once; others wait, as long as the kernel lets them.
const MOST_CONNECTIONS: usize = 16;
/// How long one may take, from its first moment to its last.
const WITHIN: Duration = Duration::from_secs(10);
/// How long its request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The longest head, in octets.
const LONGEST_HEAD: usize = 8192;
/// The most lines of a head.
const MOST_LINES: usize = 64;

/// A server of the page. Dropped, it serves no more.
#[derive(Debug)]
pub(in super::super) struct Server {
    /// Where it listens.
    pub(in super::super) address: SocketAddr,
    _stop: DropGuard,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub(in super::super) async fn start(listen: SocketAddr, metrics: Arc<Metrics>) -> io::Result<Server> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let token = CancellationToken::new();
        let stop = token.clone().drop_guard();
        tokio::spawn(async move { token.run_until_cancelled(accept(listener, metrics)).await });
        Ok(Server { address, _stop: stop })
    }
}

async fn accept(listener: TcpListener, metrics: Arc<Metrics>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let metrics = Arc::clone(&metrics);
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(WITHIN, serve(stream, &metrics)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics could not be taken");
                // No file is free, as it seems: it may be in a moment.
                #[allow(clippy::disallowed_methods, reason = "the kernel tells nobody when a file is free again")]
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, metrics: &Metrics) {
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request, metrics)));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).keep_alive(false);
    server.max_buf_size(LONGEST_HEAD).max_headers(MOST_LINES);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a request for metrics");
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => match metrics.page() {
            Ok(page) => (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", page),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, plain, String::new()),
        },
        (&Method::GET, "/health") => match metrics.is_draining() {
            false => (StatusCode::OK, plain, "new calls are taken\n".to_owned()),
            true => (StatusCode::SERVICE_UNAVAILABLE, plain, "draining\n".to_owned()),
        },
        (_, "/metrics" | "/health") => (StatusCode::METHOD_NOT_ALLOWED, plain, String::new()),
        _ => (StatusCode::NOT_FOUND, plain, "there are /metrics and /health\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
