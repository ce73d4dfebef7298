//! A service of records for tests: right, slow, wrong or half an answer, as a test wants each question answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotline::facts::{Blame, CitizenId, Dispute, Identity, Insurance, Month, Origin, PersonRef, Query, Reply, Secret};
use hotline::records::Records;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub key: Option<String>,
    pub body: String,
}

/// What is said to it.
pub enum Say {
    /// A whole answer.
    Json(u16, Value),
    /// These octets, and then the connection is closed.
    Octets(Vec<u8>),
    /// Nothing, until the other side gives up.
    Nothing,
}

type Handler = dyn Fn(&Asked) -> Say + Send + Sync;

/// The service; it ends with the value.
pub struct Service {
    pub address: SocketAddr,
    ended: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    /// In clear, on a port of its own.
    pub fn start(handler: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Service {
        Service::at("127.0.0.1:0".parse().unwrap(), None, handler)
    }

    /// At an address, over TLS where that is set up.
    pub fn at(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Asked) -> Say + Send + Sync + 'static,
    ) -> Service {
        let listener = TcpListener::bind(address).unwrap();
        let service = Service { address: listener.local_addr().unwrap(), ended: Arc::default(), asked: Arc::default() };
        let (ended, asked, handler) = (Arc::clone(&service.ended), Arc::clone(&service.asked), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (tls, asked, handler) = (tls.clone(), Arc::clone(&asked), Arc::clone(&handler));
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
                    match tls {
                        None => serve(stream, &*handler, &asked),
                        Some(tls) => {
                            serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream), &*handler, &asked);
                        }
                    }
                });
            }
        });
        service
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: impl Read + Write, handler: &Handler, all: &Mutex<Vec<Asked>>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream) {
        all.lock().unwrap().push(asked.clone());
        let said = match handler(&asked) {
            Say::Json(status, value) => {
                let body = value.to_string();
                let head = "content-type: application/json\r\ncontent-length:";
                let whole = format!("HTTP/1.1 {status} Said\r\n{head} {}\r\n\r\n{body}", body.len());
                stream.get_mut().write_all(whole.as_bytes()).and_then(|()| stream.get_mut().flush())
            }
            Say::Octets(octets) => {
                let _ = stream.get_mut().write_all(&octets).and_then(|()| stream.get_mut().flush());
                return;
            }
            Say::Nothing => {
                let _ = stream.read(&mut [0]);
                return;
            }
        };
        if said.is_err() {
            return;
        }
    }
}

fn read(stream: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    if stream.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let (mut key, mut length) = (None, 0);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => key = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { method, path, key, body: String::from_utf8(body).ok()? })
}

/// What a service says that has these records, at this time.
pub fn answered_by(records: &dyn Records, at: Timestamp, asked: &Asked) -> Say {
    let Some(query) = query(asked) else { return Say::Json(404, json!({ "title": "no such path" })) };
    match records.answer(&query, at) {
        Ok(reply) => Say::Json(200, told(&reply)),
        Err(_) => Say::Json(404, json!({ "title": "nobody" })),
    }
}

fn query(asked: &Asked) -> Option<Query> {
    let (path, rest) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let value = |name: &str| rest.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let month = |name: &str| value(name)?.parse::<Month>().ok();
    if asked.method == "POST" && path == "/v1/verifications" {
        let body: Value = serde_json::from_str(&asked.body).ok()?;
        let text = |name: &str| body[name].as_str().map(|text| Secret::new(text.to_owned()));
        let id = body["id"].as_str().map(|id| CitizenId::parse(id, jiff::civil::date(2026, 11, 25)).unwrap());
        let identity = Identity {
            id: id.map(Secret::new),
            card: text("card"),
            personal_number: text("personal-number"),
            number: text("number"),
            password: text("password"),
        };
        let from = Origin { caller: text("caller"), trunk: body["trunk"].as_str().map(Into::into) };
        return Some(Query::Verify { identity, from });
    }
    let (person, what) = path.strip_prefix("/v1/people/")?.split_once('/')?;
    let person = PersonRef(person.parse().ok()?);
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let said = |name: &str| body[name].as_str().map(str::to_owned);
    match what {
        "password" => Some(Query::SetPassword { person, password: Secret::new(said("password")?) }),
        "disputes" => {
            let insurance = Insurance::ALL.into_iter().find(|one| Some(one.name()) == body["insurance"].as_str())?;
            let blame = Blame::ALL.into_iter().find(|one| Some(one.name()) == body["blame"].as_str())?;
            let (month, callback) = (said("month")?.parse().ok()?, Secret::new(said("callback")?));
            let dispute = Dispute { insurance, month, blame, callback };
            Some(Query::Dispute { person, dispute, call: said("call")?.parse().ok()? })
        }
        "balances" => Some(Query::Balances(person)),
        "summary" => Some(Query::Summary(person)),
        "payments" => {
            let insurance = Insurance::ALL.into_iter().find(|one| Some(one.name()) == value("insurance"))?;
            Some(Query::Payments { person, insurance, from: month("from")?, to: month("to")? })
        }
        _ => None,
    }
}

fn told(reply: &Reply) -> Value {
    let month = |month: &Option<Month>| month.map(|month| month.to_string());
    match reply {
        Reply::Matched(person) => json!({ "result": "matched", "person": person.0 }),
        Reply::InitialPassword(person) => json!({ "result": "initial-password", "person": person.0 }),
        Reply::PasswordSet => json!({ "result": "set" }),
        Reply::PasswordWeak(weakness) => json!({ "result": "weak", "why": weakness.name() }),
        Reply::CaseOpened(number) => json!({ "result": "opened", "number": number.to_string() }),
        Reply::TooManyCases => json!({ "result": "too-many" }),
        Reply::Unmatched => json!({ "result": "unmatched" }),
        Reply::Locked { minutes } => json!({ "result": "locked", "minutes": minutes }),
        Reply::Balances(balances) => json!({
            "as-of": balances.as_of.to_string(), "pension": balances.pension.0, "medical": balances.medical.0
        }),
        Reply::Summary(summary) => {
            let one = |paid: &hotline::facts::InsuranceSummary| {
                json!({ "insurance": paid.insurance.name(), "months-paid": paid.months_paid,
                    "first": month(&paid.first), "last": month(&paid.last) })
            };
            let insurances: Vec<Value> = summary.insurances.iter().map(one).collect();
            json!({ "as-of": summary.as_of.to_string(), "insurances": insurances })
        }
        Reply::Payments(payments) => {
            let one = |paid: &hotline::facts::Payment| {
                json!({ "month": paid.month.to_string(), "base": paid.base.0, "personal": paid.personal.0,
                    "employer": paid.employer.0 })
            };
            let paid: Vec<Value> = payments.paid.iter().map(one).collect();
            json!({ "as-of": payments.as_of.to_string(), "first-ever": month(&payments.first_ever), "paid": paid })
        }
        Reply::Unavailable => panic!("records never answer so"),
    }
}
