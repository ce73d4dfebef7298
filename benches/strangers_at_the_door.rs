//! What a datagram costs that is turned away: of a source that is no trunk's, by each policy, beside the same INVITE of a
//! trunk. 100 trunks, 1000 calls; the strangers are one flooding source, or ten thousand.
#![allow(clippy::expect_used, missing_docs)]

use std::collections::HashSet;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hotline::facts::Secret;
use hotline::sip::Refusal;
use hotline::sip::door::admission::Allowance;
use hotline::sip::door::challenge::Login;
use hotline::sip::door::{Arrival, Asked, Door, DoorRules, Greeting, Invitation, StrangerPolicy, TrunkRule};
use hotline::sip::gate::{FrontDesk, pass};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

struct House {
    door: Door,
    calls: HashSet<String>,
}

impl FrontDesk for House {
    fn knows(&self, call_id: &str) -> bool {
        self.calls.contains(call_id)
    }

    fn admits(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn greets(&self, arrival: &Arrival<'_>) -> Greeting {
        self.door.greet(arrival, |call_id| self.knows(call_id))
    }

    fn asks(&self, arrival: &Arrival<'_>, invitation: &Invitation<'_>) -> Asked {
        self.door.ask(arrival, invitation)
    }

    fn lets_in(&self, arrival: &Arrival<'_>, invitation: &Invitation<'_>) -> Result<(), Refusal> {
        self.door.admit(arrival, invitation, || self.admits())
    }
}

fn house(strangers: StrangerPolicy, by_password: bool) -> House {
    let trunk = |number: u8| TrunkRule {
        name: Arc::from(format!("trunk-{number}")),
        from: [format!("198.51.{number}.0/24"), format!("192.0.2.{number}")]
            .map(|whence| whence.parse().expect("a source"))
            .into(),
        login: None,
        allowance: Allowance::default(),
    };
    let mut trunks: Vec<TrunkRule> = (0..100).map(trunk).collect();
    if by_password {
        let login = Login { user: "roaming".to_owned(), password: Secret::new("word".to_owned()) };
        let from = Vec::new();
        trunks.push(TrunkRule { name: "roaming".into(), from, login: Some(login), allowance: Allowance::default() });
    }
    let rules = DoorRules { trunks, strangers, ..DoorRules::default() };
    let calls = (0..1000).map(|call| format!("{call}-running@198.51.7.1")).collect();
    House { door: Door::new(rules, 10, Duration::from_secs(32)), calls }
}

fn request(method: &str, body: &str) -> String {
    format!(
        "{method} sip:00442071234567@192.0.2.200 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bK-524287-1;rport\r\n\
         Max-Forwards: 70\r\nContact: <sip:100@203.0.113.9:5071>\r\nTo: <sip:00442071234567@192.0.2.200>\r\n\
         From: <sip:100@192.0.2.200>;tag=8f8b2b4a\r\nCall-ID: ZGFhNTMwM2ViMzQ5YmE1\r\nCSeq: 1 {method}\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n\
         User-Agent: friendly-scanner\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn turned_away(criterion: &mut Criterion) {
    let (invite, options) = (request("INVITE", SDP), request("OPTIONS", ""));
    let one = |_: u32| SocketAddr::from((Ipv4Addr::new(203, 0, 113, 9), 5071));
    let many = |at: u32| SocketAddr::from((Ipv4Addr::from_bits(0xCB00_0000 + at % 10_000), 5071));
    let mut group = criterion.benchmark_group("a datagram");
    group.throughput(Throughput::Elements(1));
    let mut time = |name: &str, house: House, message: &str, source: &dyn Fn(u32) -> SocketAddr| {
        let mut at = 0;
        group.bench_function(name, |bench| {
            bench.iter(|| {
                at += 1;
                black_box(pass(message.as_bytes(), source(at), &house))
            });
        });
    };
    time("silence, INVITE of one source", house(StrangerPolicy::Silence, false), &invite, &one);
    time("silence, INVITE of 10000 sources", house(StrangerPolicy::Silence, false), &invite, &many);
    time("silence, OPTIONS of one source", house(StrangerPolicy::Silence, false), &options, &one);
    time("refuse, INVITE of 10000 sources", house(StrangerPolicy::Refuse, false), &invite, &many);
    time("decoy, INVITE of 10000 sources", house(StrangerPolicy::Decoy, false), &invite, &many);
    time("asked for a password, 10000 sources", house(StrangerPolicy::Silence, true), &invite, &many);
    let of_trunk = |_: u32| SocketAddr::from((Ipv4Addr::new(198, 51, 7, 1), 5060));
    time("a trunk's INVITE", house(StrangerPolicy::Silence, false), &invite, &of_trunk);
    group.finish();
}

criterion_group!(benches, turned_away);
criterion_main!(benches);
