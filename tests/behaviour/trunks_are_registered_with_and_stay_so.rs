//! This side registers with registrars made of a socket and hand-written answers, which check its digests by themselves.

use std::time::Duration;

use hotline::facts::Secret;
use hotline::sip::agent::{RegisterConfig, RegisterNews, Registering};
use hotline::sip::{Agent, CallEvent, Patience};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, event, field};
use crate::support::tls::Authority;

const USER: &str = "02112333";
const PASSWORD: &str = "open, sesame";

/// A registrar that has one user, and what it has seen of him.
struct Registrar {
    phone: Phone,
    transport: &'static str,
    call_id: String,
    last: u32,
}

impl Registrar {
    async fn new(house: &House) -> Self {
        Self::of(Phone::new(house.address).await, "")
    }

    fn of(phone: Phone, transport: &'static str) -> Self {
        Self { phone, transport, call_id: String::new(), last: 0 }
    }

    fn uri(&self) -> String {
        format!("sip:{}{}", self.phone.here, self.transport)
    }

    /// The next REGISTER that is none again: always of the same Call-ID, with a higher number.
    async fn register(&mut self) -> String {
        loop {
            let request = self.phone.request_of("REGISTER").await;
            let sequence: u32 = field(&request, "CSeq").strip_suffix(" REGISTER").unwrap().parse().unwrap();
            if sequence <= self.last {
                continue;
            }
            assert!(self.call_id.is_empty() || field(&request, "Call-ID") == self.call_id, "{request}");
            (self.call_id, self.last) = (field(&request, "Call-ID").to_owned(), sequence);
            return request;
        }
    }

    async fn challenge(&self, request: &str, nonce: &str, algorithm: &str) {
        let more = format!(
            "WWW-Authenticate: Digest realm=\"of \\\"ours\\\"\", nonce=\"{nonce}\", opaque=\"o\", qop=\"auth,auth-int\"{algorithm}\r\n"
        );
        self.phone.answer(request, "401 Unauthorized", &more, "").await;
    }

    async fn grant(&self, request: &str, seconds: u32) {
        let contact = field(request, "Contact");
        let others = "<sip:other@192.0.2.7>;expires=3, ";
        let more = format!("Contact: {others}{contact};expires={seconds}\r\nExpires: 9999\r\n");
        self.phone.answer(request, "200 OK", &more, "").await;
    }
}

/// Whether the credentials of a request are those of the user, for this nonce, answered for the so-manieth time.
fn is_authentic(request: &str, nonce: &str, count: u32, hash: fn(&str) -> String) -> bool {
    let credentials = field(request, "Authorization");
    let param = |name: &str| {
        let rest =
            credentials.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("no {name} in {credentials}")).1;
        let quoted =
            rest.strip_prefix('"').map(|rest| rest.split_once("\", ").unwrap_or((rest.trim_end_matches('"'), "")).0);
        quoted.unwrap_or_else(|| rest.split(',').next().unwrap()).to_owned()
    };
    let uri = request.split(' ').nth(1).unwrap();
    assert_eq!((param("uri").as_str(), param("opaque").as_str()), (uri, "o"), "{request}");
    let first = hash(&format!("{USER}:of \\\"ours\\\":{PASSWORD}"));
    let second = hash(&format!("REGISTER:{uri}"));
    let whole = format!("{first}:{nonce}:{count:08x}:{}:auth:{second}", param("cnonce"));
    param("nonce") == nonce && param("nc") == format!("{count:08x}") && param("response") == hash(&whole)
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What is to be registered, with waits that no test is tired of.
fn config(registrar: String) -> RegisterConfig {
    RegisterConfig {
        name: "carrier".into(),
        registrar,
        domain: None,
        user: USER.into(),
        auth_user: None,
        password: Some(Secret::new(PASSWORD.into())),
        number: USER.into(),
        expires: Duration::from_secs(3600),
        patience: Patience {
            failed: Duration::from_millis(50),
            refused: Duration::from_secs(3600),
            most: Duration::from_secs(3600),
        },
    }
}

/// Registers, and tells what happens.
fn begin(agent: &Agent, config: RegisterConfig) -> (Registering, mpsc::UnboundedReceiver<RegisterNews>) {
    let (tell, told) = mpsc::unbounded_channel();
    let on = move |news| {
        let _ = tell.send(news);
    };
    let registering = agent.register(config, on).unwrap();
    (registering, told)
}

async fn comes(told: &mut mpsc::UnboundedReceiver<RegisterNews>, wanted: RegisterNews) {
    let look = async { while told.recv().await.expect("it goes on") != wanted {} };
    timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{wanted:?} never comes"));
}

/// From the first REGISTER over refreshes and a call to the end.
async fn is_kept_up(
    mut house: House,
    registering: (Registering, mpsc::UnboundedReceiver<RegisterNews>),
    mut at: Registrar,
) {
    let (registering, mut told) = registering;
    let first = at.register().await;
    let (here, uri) = (at.phone.here, at.uri());
    assert!(first.starts_with(&format!("REGISTER {uri} SIP/2.0\r\n")), "{first}");
    assert_eq!(field(&first, "To"), "<sip:02112333@127.0.0.1>");
    assert!(field(&first, "From").starts_with("<sip:02112333@127.0.0.1>;tag="));
    assert_eq!((field(&first, "Expires"), field(&first, "Authorization")), ("3600", ""));
    let listening = house.listens.last().unwrap().address;
    assert_eq!(field(&first, "Contact"), format!("<sip:02112333@{listening}{}>", at.transport));
    // RFC 8760: both are offered, the stronger is taken.
    let both = "WWW-Authenticate: Digest realm=\"of \\\"ours\\\"\", nonce=\"m\", opaque=\"o\", qop=\"auth\", algorithm=MD5\r\n\
         WWW-Authenticate: Digest realm=\"of \\\"ours\\\"\", nonce=\"one\", opaque=\"o\", qop=\"auth\", algorithm=SHA-256\r\n";
    at.phone.answer(&first, "401 Unauthorized", both, "").await;
    let second = at.register().await;
    assert!(is_authentic(&second, "one", 1, sha256), "{second}");
    assert!(!registering.is_registered());
    // Of three times that are named, ours counts: the next comes within one second, not within hours.
    at.grant(&second, 1).await;
    comes(&mut told, RegisterNews::Registered(true)).await;
    let third = at.register().await;
    assert!(is_authentic(&third, "one", 2, sha256), "{third}");
    // G01 baresip#390, G02 baresip#786: a refresh is challenged anew, with another nonce and not a word of `stale`.
    at.challenge(&third, "two", "").await;
    let fourth = at.register().await;
    assert!(is_authentic(&fourth, "two", 1, md5), "{fourth}");
    at.grant(&fourth, 3600).await;
    comes(&mut told, RegisterNews::Answered(200)).await;
    // Somebody asks by this way whether this side is alive, and calls by it.
    let phone = &mut at.phone;
    let contact = field(&fourth, "Contact").trim_matches(['<', '>']).to_owned();
    let to = |request: String| request.replacen(&format!("sip:12333@{}", phone.peer), &contact, 1);
    let (options, invite) = (to(phone.request("OPTIONS", 7, "", "", "")), to(phone.invite(OFFER)));
    phone.send(&options).await;
    let capable = phone.status(200).await;
    assert!(field(&capable, "Allow").contains("INVITE") && field(&capable, "Accept").contains("application/sdp"));
    phone.send(&invite).await;
    let incoming = house.call().await;
    assert_eq!(incoming.number, USER);
    let mut call = incoming.accept(ANSWER.to_owned());
    phone.status(200).await;
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
    // The end: taken back, and challenged once more.
    let end = tokio::spawn(registering.end(PATIENCE));
    let fifth = at.register().await;
    assert!(is_authentic(&fifth, "two", 2, md5) && field(&fifth, "Expires") == "0", "{fifth}");
    assert_eq!(field(&fifth, "Contact"), field(&first, "Contact"));
    at.challenge(&fifth, "three", ", stale=true").await;
    let sixth = at.register().await;
    assert!(is_authentic(&sixth, "three", 1, md5) && field(&sixth, "Expires") == "0", "{sixth} at {here}");
    at.phone.answer(&sixth, "200 OK", "", "").await;
    assert!(end.await.unwrap());
    comes(&mut told, RegisterNews::Registered(false)).await;
}

#[tokio::test]
async fn a_registration_over_datagrams_is_kept_up_and_taken_back() {
    let house = House::open().await;
    let registrar = Registrar::new(&house).await;
    let registering = begin(&house.agent, config(registrar.uri()));
    is_kept_up(house, registering, registrar).await;
}

#[tokio::test]
async fn a_registration_over_a_connection_is_kept_up_and_taken_back() {
    let house = House::with(|config| config.listen.push("tcp:127.0.0.1:0".parse().unwrap())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let registering = begin(&house.agent, config(format!("sip:{here};transport=tcp")));
    let (stream, peer) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let phone = Phone::over(Box::new(stream), peer, here, "TCP", ";transport=tcp");
    is_kept_up(house, registering, Registrar::of(phone, ";transport=tcp")).await;
}

#[tokio::test]
async fn a_registration_over_tls_goes_to_whom_it_is_meant_for_alone() {
    let authority = Authority::new();
    let house = House::with(|config| authority.secure(config)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let (registering, mut told) = begin(&house.agent, config(format!("sip:{here};transport=tls")));
    // Somebody else stands there: nothing is said to him, and it is tried again.
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let other = authority.acceptor(&["other.example"]).accept(stream);
    assert!(timeout(PATIENCE, other).await.unwrap().is_err());
    comes(&mut told, RegisterNews::Answered(503)).await;
    let (stream, peer) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let stream = timeout(PATIENCE, authority.acceptor(&["127.0.0.1"]).accept(stream)).await.unwrap().unwrap();
    let phone = Phone::over(Box::new(stream), peer, here, "TLS", ";transport=tls");
    let mut registrar = Registrar::of(phone, ";transport=tls");
    let request = registrar.register().await;
    assert_eq!(field(&request, "Contact"), format!("<sip:02112333@{};transport=tls>", house.address));
    registrar.grant(&request, 3600).await;
    comes(&mut told, RegisterNews::Registered(true)).await;
    assert!(registering.is_registered());
}

#[tokio::test]
async fn a_lost_connection_is_replaced_and_registered_by_again() {
    let house = House::with(|config| config.listen.push("tcp:127.0.0.1:0".parse().unwrap())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let (registering, mut told) = begin(&house.agent, config(format!("sip:{here};transport=tcp")));
    for _ in 0..2 {
        let (stream, peer) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let mut registrar = Registrar::of(Phone::over(Box::new(stream), peer, here, "TCP", ""), ";transport=tcp");
        let request = registrar.register().await;
        registrar.grant(&request, 3600).await;
        comes(&mut told, RegisterNews::Answered(200)).await;
    }
    assert!(registering.is_registered());
}

#[tokio::test]
async fn a_wrong_password_is_answered_for_twice_and_no_more() {
    let house = House::open().await;
    let mut registrar = Registrar::new(&house).await;
    let (registering, mut told) = begin(&house.agent, config(registrar.uri()));
    for nonce in ["one", "two", "three"] {
        let request = registrar.register().await;
        registrar.challenge(&request, nonce, "").await;
        comes(&mut told, RegisterNews::Answered(401)).await;
    }
    // Nothing has come since but the end.
    let end = tokio::spawn(registering.end(PATIENCE));
    let last = registrar.register().await;
    assert_eq!((field(&last, "Expires"), field(&last, "CSeq")), ("0", "4 REGISTER"));
    registrar.phone.answer(&last, "403 Forbidden", "", "").await;
    assert!(end.await.unwrap());
    assert!(told.try_recv().is_ok_and(|news| news == RegisterNews::Answered(403)));
    assert!(told.recv().await.is_none(), "it was never registered");
}

#[tokio::test]
async fn a_registrar_that_is_silent_at_first_is_asked_on() {
    // G04 esphome-intercom#104
    let house = House::with(|config| config.t1 = Duration::from_millis(10)).await;
    let mut registrar = Registrar::new(&house).await;
    let (registering, mut told) = begin(&house.agent, config(registrar.uri()));
    for _ in 0..2 {
        registrar.register().await;
        comes(&mut told, RegisterNews::Answered(408)).await;
    }
    let third = registrar.register().await;
    registrar.grant(&third, 3600).await;
    comes(&mut told, RegisterNews::Registered(true)).await;
    assert!(registering.is_registered());
}

#[tokio::test]
async fn what_a_registrar_wants_otherwise_is_heeded_and_another_is_not_gone_to() {
    let house = House::open().await;
    let mut registrar = Registrar::new(&house).await;
    let (registering, mut told) = begin(
        &house.agent,
        RegisterConfig {
            domain: Some("ims.example".into()),
            number: "12333".into(),
            expires: Duration::from_secs(60),
            ..config(registrar.uri())
        },
    );
    let brief = registrar.register().await;
    assert!(brief.starts_with("REGISTER sip:ims.example SIP/2.0\r\n"), "{brief}");
    assert_eq!(field(&brief, "To"), "<sip:02112333@ims.example>");
    assert_eq!(field(&brief, "Contact"), format!("<sip:12333@{}>", house.address));
    registrar.phone.answer(&brief, "423 Interval Too Brief", "Min-Expires: 1800\r\n", "").await;
    let longer = registrar.register().await;
    assert_eq!(field(&longer, "Expires"), "1800");
    registrar.phone.answer(&longer, "503 Service Unavailable", "Retry-After: 0\r\n", "").await;
    let again = registrar.register().await;
    let other = Phone::new(house.address).await;
    let elsewhere = format!("Contact: <sip:{}>\r\n", other.here);
    registrar.phone.answer(&again, "302 Moved Temporarily", &elsewhere, "").await;
    comes(&mut told, RegisterNews::Answered(302)).await;
    let end = tokio::spawn(registering.end(PATIENCE));
    let last = registrar.register().await;
    assert_eq!(field(&last, "Expires"), "0", "asked for nothing more");
    registrar.grant(&last, 0).await;
    assert!(end.await.unwrap());
}

#[tokio::test]
async fn trunks_are_registered_with_one_beside_the_other() {
    let house = House::open().await;
    let (mut broken, mut whole) = (Registrar::new(&house).await, Registrar::new(&house).await);
    let (lost, mut lost_told) = begin(&house.agent, config(broken.uri()));
    let (held, mut held_told) = begin(&house.agent, config(whole.uri()));
    let request = broken.register().await;
    broken.phone.answer(&request, "503 Service Unavailable", "Retry-After: 3600\r\n", "").await;
    comes(&mut lost_told, RegisterNews::Answered(503)).await;
    let request = whole.register().await;
    whole.grant(&request, 3600).await;
    comes(&mut held_told, RegisterNews::Registered(true)).await;
    assert!(held.is_registered() && !lost.is_registered());
    // Nobody answers any more: the end does not wait for ever.
    assert!(!held.end(Duration::from_millis(1)).await);
}

#[tokio::test]
async fn what_is_no_address_is_not_registered() {
    let house = House::open().await;
    for (registrar, user) in [("carrier", USER), ("sip:", USER), ("sip:carrier.example", "a b"), ("tel:1", USER)] {
        let config = RegisterConfig { user: user.into(), ..config(registrar.into()) };
        assert!(house.agent.register(config, |_| ()).is_err(), "{registrar} {user}");
    }
}
