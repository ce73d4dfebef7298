//! IPv4 and IPv6 at once: Via, Contact and the session description name the address that the call came in by, and the
//! sockets for sound are of its family.

use std::net::UdpSocket;

use hotline::phone::{self, CallEnd, parse_script};
use hotline::sip::sdp::{self, Local};
use hotline::sip::{CallEvent, EndCause};

use super::sip_client::{House, OFFER, Phone, body, event, field};
use crate::support::node::start;
use crate::support::ports::free_port;

fn has_ipv6() -> bool {
    let has = UdpSocket::bind("[::1]:0").is_ok();
    if !has {
        println!("skipped: this machine has no IPv6");
    }
    has
}

/// One port for both families and both transports, as an operator writes it.
fn everywhere() -> Vec<hotline::sip::Listen> {
    let port = free_port();
    ["0.0.0.0", "[::]", "tcp:0.0.0.0", "tcp:[::]"].map(|listen| format!("{listen}:{port}").parse().unwrap()).to_vec()
}

const OFFER_6: &str = "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

/// A02 asterisk#1847: whoever is bound to every address answers from another than was called.
#[tokio::test]
async fn each_call_is_told_the_address_it_came_in_by() {
    if !has_ipv6() {
        return;
    }
    let mut house = House::with(|config| config.listen = everywhere()).await;
    for (listen, ip) in house.listens.clone().into_iter().zip(["127.0.0.1", "::1", "127.0.0.1", "::1"]) {
        let there = (ip.parse::<std::net::IpAddr>().unwrap(), listen.address.port()).into();
        let stream = listen.transport == hotline::sip::Transport::Tcp;
        let mut phone = if stream { Phone::over_tcp(there).await } else { Phone::new(there).await };
        phone.send(&phone.invite(if there.is_ipv4() { OFFER } else { OFFER_6 })).await;
        let call = house.call().await;
        assert_eq!((call.local.to_string(), call.socket.to_string()), (ip.to_owned(), ip.to_owned()));
        let local = Local::new(call.local, 30_000, 1);
        let answer = sdp::answer(call.offer.as_ref().unwrap(), &local).unwrap().0;
        let mut call = call.accept(answer);
        let ok = phone.status(200).await;
        let parameter = if stream { ";transport=tcp" } else { "" };
        assert_eq!(field(&ok, "Contact"), format!("<sip:hotline@{there}{parameter}>"));
        let family = if there.is_ipv4() { "IP4" } else { "IP6" };
        assert!(body(&ok).contains(&format!("\r\nc=IN {family} {ip}\r\n")), "{ok}");
        assert!(body(&ok).contains(&format!(" IN {family} {ip}\r\ns=")), "{ok}");
        phone.ack("").await;
        assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
        call.hang_up();
        let bye = phone.request_of("BYE").await;
        let via = format!("SIP/2.0/{} {there};rport;branch=", if stream { "TCP" } else { "UDP" });
        assert!(field(&bye, "Via").starts_with(&via), "{bye}");
        phone.answer(&bye, "200 OK", "", "").await;
        assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
    }
}

#[tokio::test]
async fn where_a_request_came_from_stands_in_its_via_without_brackets() {
    if !has_ipv6() {
        return;
    }
    let mut house = House::with(|config| config.listen = everywhere()).await;
    for stream in [false, true] {
        let port = house.listens[if stream { 3 } else { 1 }].address.port();
        let there = ("::1".parse::<std::net::IpAddr>().unwrap(), port).into();
        let mut phone = if stream { Phone::over_tcp(there).await } else { Phone::new(there).await };
        // A telephone that does not know its own address, as behind NAT.
        let unknown = |text: String| text.replacen(&format!("{};rport", phone.here), "[2001:db8::9]:5999;rport", 1);
        let (invite, options) = (unknown(phone.invite(OFFER_6)), unknown(phone.request("OPTIONS", 1, "", "", "")));
        let traced = format!(";received=::1;rport={}", phone.here.port());
        phone.send(&options).await;
        assert!(field(&phone.response().await, "Via").contains(&traced), "without state");
        phone.remote_tag.clear();
        phone.send(&invite).await;
        house.call().await.reject(hotline::sip::Refusal::Busy);
        let refusal = phone.status(486).await;
        assert!(field(&refusal, "Via").contains(&traced), "{refusal}");
        phone.ack_refusal().await;
        // A late copy gets the last answer again, and it finds its way too.
        house.stands(|now| now.transactions == 0).await;
        phone.send(&invite).await;
        assert_eq!(phone.status(486).await, refusal);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hotline_speaks_to_telephones_of_both_families() {
    if !has_ipv6() {
        return;
    }
    let running = start(&[("100", "bench/100")], |config| config.sip.listen = everywhere()).await;
    let calls = running.node.addresses.iter().zip(["127.0.0.1", "[::1]", "127.0.0.1", "[::1]"]).map(|(listen, ip)| {
        let target = format!("sip:100@{ip}:{};transport={}", listen.address.port(), listen.transport);
        async move {
            let call = phone::Call {
                script: Some(parse_script("s 119999198503150010# s 10000001#").unwrap()),
                ..phone::Call::to(&target)
            };
            let (end, heard) = phone::dial(call, &mut Vec::new()).await.expect("a call");
            assert_eq!(end, CallEnd::FarEnd, "{target}");
            assert!(heard.iter().any(|sample| sample.unsigned_abs() > 1000), "{target}: nothing was heard");
        }
    });
    let [one, two, three, four] = calls.collect::<Vec<_>>().try_into().map_err(|_| "four").unwrap();
    tokio::join!(one, two, three, four);
}

/// X25 rustpbx#280: a public server that tells a private address hears nothing, and is cut off after 32 s.
#[tokio::test]
async fn an_advertised_address_stands_for_its_own_family_alone() {
    if !has_ipv6() {
        return;
    }
    let mut house = House::with(|config| {
        config.listen = everywhere();
        config.advertised = Some("198.51.100.7".parse().unwrap());
    })
    .await;
    for (listen, ip, told) in [(0, "127.0.0.1", "198.51.100.7"), (1, "::1", "::1"), (2, "127.0.0.1", "198.51.100.7")] {
        let port = house.listens[listen].address.port();
        let there = (ip.parse::<std::net::IpAddr>().unwrap(), port).into();
        let mut phone = if listen == 2 { Phone::over_tcp(there).await } else { Phone::new(there).await };
        phone.send(&phone.invite(OFFER)).await;
        let call = house.call().await;
        assert_eq!((call.local.to_string().as_str(), call.socket.to_string().as_str()), (told, ip));
        let _call = call.accept(OFFER.to_owned());
        let told: std::net::SocketAddr = (told.parse::<std::net::IpAddr>().unwrap(), port).into();
        let ok = phone.status(200).await;
        assert!(field(&ok, "Contact").starts_with(&format!("<sip:hotline@{told}")), "{ok}");
    }
}
