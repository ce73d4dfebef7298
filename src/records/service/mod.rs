//! Records behind a service of the agency's own, asked over HTTP in JSON: `docs/records.openapi.json`.
//!
//! ```text
//!   Verify       POST /v1/verifications          Idempotency-Key: 32 hex digits      the service counts and locks out
//!   SetPassword  POST /v1/people/7/password      the same
//!   Dispute      POST /v1/people/7/disputes      the same
//!   Balances   GET  /v1/people/7/balances
//!   Summary    GET  /v1/people/7/summary
//!   Payments   GET  /v1/people/7/payments?insurance=pension&from=2025-10&to=2026-09
//!
//!   connection lost, or none to be had ──▶ once more, within the same deadline; a POST with the same key, by which
//!                                          the service counts it once
//!   200 ──▶ at most 1 MiB, read, checked   404 of a person ──▶ nobody   any other ──▶ refused
//! ```
//!
//! TLS with the machine's authorities or a file's, and a certificate of this side where one is named. No redirect is
//! followed. In clear only to a service on this machine.

mod url;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::breaker::BreakerPolicy;
use super::remote::{Remote, RemoteCounts, RemoteError, run_once};
use super::{ClientTls, DatabaseStanding, OpenError, Records, RecordsError, bounded};
use crate::facts::{PersonRef, Query, Reply, Secret};
use wire::Senseless;

pub use url::{ServiceUrl, ServiceUrlFault};
pub use wire::openapi;

/// Octets of an answer at most: 600 payments take a tenth of it.
const MOST_OCTETS: usize = 1 << 20;
/// Where it is asked whether somebody is who they say.
const VERIFICATIONS: &str = "verifications";
/// A connection that nothing goes over for so long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// How to reach a service.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Where its paths begin.
    pub url: ServiceUrl,
    /// What TLS stands on.
    pub tls: ClientTls,
    /// How long a look-up may take in all.
    pub deadline: Duration,
    /// When it is asked no longer.
    pub breaker: BreakerPolicy,
}

impl ServiceOptions {
    /// With the machine's authorities, no certificate, and 3 seconds.
    pub fn of(url: ServiceUrl) -> ServiceOptions {
        let (tls, deadline, breaker) = (ClientTls::default(), Duration::from_secs(3), BreakerPolicy::default());
        ServiceOptions { url, tls, deadline, breaker }
    }
}

/// The insured behind a service.
pub struct ServiceRecords {
    asker: Arc<Asker>,
    remote: Remote,
}

impl ServiceRecords {
    /// Gets ready to ask; whether the service answers shows later.
    ///
    /// # Errors
    /// [`OpenError::Server`]: certificates that cannot be used, or no thread.
    pub fn open(options: &ServiceOptions) -> Result<ServiceRecords, OpenError> {
        let refused = |why: String| OpenError::Server { server: options.url.to_string(), why };
        let asker = Arc::new(Asker::new(options).map_err(refused)?);
        let remote = Remote::start(options.deadline, options.breaker).map_err(|error| refused(error.to_string()))?;
        Ok(ServiceRecords { asker, remote })
    }
}

impl Records for ServiceRecords {
    /// The service counts failures, by its own policy and clock.
    fn answer(&self, query: &Query, _: Timestamp) -> Result<Reply, RecordsError> {
        let (asker, query) = (Arc::clone(&self.asker), query.clone());
        self.remote.ask(async move { asker.answer(&query).await })
    }

    fn remote(&self) -> Option<RemoteCounts> {
        Some(self.remote.counts())
    }
}

/// Looks whether a service answers.
pub(super) fn look(options: &ServiceOptions) -> Result<DatabaseStanding, OpenError> {
    let server = options.url.to_string();
    let refused = |why: String| OpenError::Server { server: server.clone(), why };
    let asker = Asker::new(options).map_err(refused)?;
    let asked = run_once(|| async {
        let standing = asker.get::<wire::Standing>("records".to_owned());
        let late = |_| Err(RecordsError::Remote(RemoteError::TimedOut(options.deadline)));
        tokio::time::timeout(options.deadline, standing).await.unwrap_or_else(late)
    });
    match asked.map_err(|error| refused(error.to_string()))? {
        Ok(_) => Ok(DatabaseStanding { version: 1, known: 1 }),
        Err(RecordsError::Remote(error @ (RemoteError::Refused(_) | RemoteError::Garbled(_)))) => {
            Err(refused(format!("{error}: docs/records.openapi.json says what it must answer")))
        }
        Err(RecordsError::NoSuchPerson) => Err(refused("it has no /v1/records: does the URL begin right?".to_owned())),
        Err(error) => Err(OpenError::Unreachable { server, why: error.to_string() }),
    }
}

struct Asker {
    url: ServiceUrl,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What was answered: 200 or 404, and its body.
struct Answer {
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

impl Asker {
    fn new(options: &ServiceOptions) -> Result<Asker, String> {
        let tls = if options.url.is_encrypted() { options.tls.load() } else { super::place::speaking_no_tls() };
        let tls = tls.map_err(|fault| fault.to_string())?;
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
        Ok(Asker { url: options.url.clone(), client })
    }

    async fn answer(&self, query: &Query) -> Result<Reply, RecordsError> {
        let of = |person: &PersonRef, what: &str| format!("people/{}/{what}", person.0);
        match query {
            Query::Verify { identity, from } => {
                let text = |value: &Option<Secret<String>>| value.as_ref().map(|value| value.reveal().clone());
                let asked = wire::Verification {
                    id: identity.id.as_ref().map(|id| id.reveal().as_str().to_owned()),
                    card: text(&identity.card),
                    personal_number: text(&identity.personal_number),
                    number: text(&identity.number),
                    password: text(&identity.password),
                    caller: text(&from.caller).filter(|caller| !caller.is_empty()),
                    trunk: from.trunk.as_deref().map(str::to_owned),
                };
                let verified: wire::Verified = self.post(VERIFICATIONS, &asked).await?;
                verified.reply().map_err(garbled)
            }
            Query::SetPassword { person, password } => {
                let asked = wire::NewPassword { password: password.reveal().clone() };
                let answer: wire::PasswordAnswer = self.post(&of(person, "password"), &asked).await?;
                Ok(answer.reply())
            }
            Query::Dispute { person, dispute, call } => {
                let asked = wire::NewDispute {
                    insurance: dispute.insurance.name(),
                    month: dispute.month.to_string(),
                    blame: dispute.blame.name(),
                    callback: dispute.callback.reveal().chars().take(32).collect(),
                    call: call.to_string(),
                };
                let answer: wire::DisputeAnswer = self.post(&of(person, "disputes"), &asked).await?;
                answer.reply().map_err(garbled)
            }
            Query::Balances(person) => {
                let answer: wire::BalancesAnswer = self.get(of(person, "balances")).await?;
                Ok(Reply::Balances(answer.balances()))
            }
            Query::Summary(person) => {
                let answer: wire::SummaryAnswer = self.get(of(person, "summary")).await?;
                answer.summary().map(Reply::Summary).map_err(garbled)
            }
            Query::Payments { person, insurance, from, to } => {
                let from = bounded(*from, *to);
                if from > *to {
                    // Such months hold nothing, whatever the service would say; the rest is asked of one month.
                    let path = payments(&of(person, "payments"), insurance.name(), *to, *to);
                    let answer: wire::PaymentsAnswer = self.get(path).await?;
                    let mut answered = answer.payments(*insurance, *to, *to).map_err(garbled)?;
                    answered.paid.clear();
                    answered.from = from;
                    return Ok(Reply::Payments(answered));
                }
                let path = payments(&of(person, "payments"), insurance.name(), from, *to);
                let answer: wire::PaymentsAnswer = self.get(path).await?;
                answer.payments(*insurance, from, *to).map(Reply::Payments).map_err(garbled)
            }
        }
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        asked: &(impl serde::Serialize + Sync),
    ) -> Result<T, RecordsError> {
        let body = serde_json::to_vec(asked).map(Zeroizing::new);
        let body = body.map_err(|_| garbled(Senseless("the question cannot be written")))?;
        let key: String = rand::random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect();
        // Octets that are wiped once the request is gone.
        let body = Bytes::from_owner(body);
        let answer = self.twice(Method::POST, path, &body, Some(&key)).await?;
        match answer.status {
            StatusCode::NOT_FOUND if path == VERIFICATIONS => Err(refused(answer.status)),
            StatusCode::NOT_FOUND => Err(RecordsError::NoSuchPerson),
            _ => read(&answer.body),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, RecordsError> {
        let answer = self.twice(Method::GET, &path, &Bytes::new(), None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(RecordsError::NoSuchPerson);
        }
        read(&answer.body)
    }

    /// Once more where the connection failed: every request may come twice, a POST by its key.
    async fn twice(&self, method: Method, path: &str, body: &Bytes, key: Option<&str>) -> Result<Answer, RecordsError> {
        match self.once(method.clone(), path, body.clone(), key).await {
            Err(RemoteError::Lost(_) | RemoteError::Unreachable(_)) => {
                self.once(method, path, body.clone(), key).await.map_err(RecordsError::Remote)
            }
            answered => answered.map_err(RecordsError::Remote),
        }
    }

    async fn once(&self, method: Method, path: &str, body: Bytes, key: Option<&str>) -> Result<Answer, RemoteError> {
        let json = HeaderValue::from_static("application/json");
        let mut request = Request::builder().method(method).uri(self.url.at(path)).header(ACCEPT, json.clone());
        if let Some(key) = key {
            request = request.header("idempotency-key", key).header(CONTENT_TYPE, json);
        }
        let request = request.body(Full::new(body)).map_err(|error| RemoteError::Refused(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                RemoteError::Unreachable(causes(&error))
            } else {
                RemoteError::Lost(causes(&error))
            }
        })?;
        let status = answer.status();
        if status != StatusCode::OK && status != StatusCode::NOT_FOUND {
            return Err(RemoteError::Refused(said(status)));
        }
        let body = Limited::new(answer.into_body(), MOST_OCTETS).collect().await.map_err(|error| {
            match error.is::<http_body_util::LengthLimitError>() {
                true => RemoteError::Garbled("it is larger than 1 MiB".to_owned()),
                false => RemoteError::Lost("it broke off in the middle".to_owned()),
            }
        })?;
        Ok(Answer { status, body: Zeroizing::new(body.to_bytes().to_vec()) })
    }
}

fn payments(path: &str, insurance: &str, from: crate::facts::Month, to: crate::facts::Month) -> String {
    format!("{path}?insurance={insurance}&from={from}&to={to}")
}

/// The library's own words quote what was read: only the place is told.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, RecordsError> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "JSON of another form",
            _ => "no JSON",
        };
        let place = format!("{what}, line {} column {}", error.line(), error.column());
        RecordsError::Remote(RemoteError::Garbled(place))
    })
}

fn garbled(fault: Senseless) -> RecordsError {
    RecordsError::Remote(RemoteError::Garbled(fault.to_string()))
}

fn refused(status: StatusCode) -> RecordsError {
    RecordsError::Remote(RemoteError::Refused(said(status)))
}

fn said(status: StatusCode) -> String {
    format!("HTTP {}", status.as_u16())
}

/// What the operating system, TLS and HTTP say; nothing that a service said is among it.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
