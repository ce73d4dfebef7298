//! Calls over TLS: by the project's own telephone through a wire that is listened to, and by hand-made ones; who is not
//! who was dialled is told nothing; what never becomes an encrypted connection is given up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotline::phone::{self, CallEnd, parse_script};
use hotline::sip::sdp::{self, Local};
use hotline::sip::{CallEvent, DialingEvent, EndCause, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, event, field};
use crate::support::node::start;
use crate::support::tls::Authority;

async fn house(authority: &Authority) -> House {
    House::with(|config| authority.secure(config)).await
}

/// A telephone that has connected, and the URI parameter or scheme of its Contact.
async fn phone(authority: &Authority, house: &House, contact: &'static str) -> Phone {
    let (stream, _) = authority.connect(house.address).await;
    let here = stream.get_ref().0.local_addr().unwrap();
    Phone::over(Box::new(stream), house.address, here, "TLS", contact)
}

async fn is_alive(authority: &Authority, house: &House) -> bool {
    let mut phone = phone(authority, house, ";transport=tls").await;
    phone.send(&phone.request("OPTIONS", 1, "", "", "")).await;
    phone.response().await.starts_with("SIP/2.0 200 ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_is_heard_and_no_message_of_it_is_seen_on_the_wire() {
    let authority = Authority::new();
    let running = start(&[("100", "bench/100")], |config| {
        let files = authority.renew(&["127.0.0.1", "hotline.example"]);
        config.sip.listen = vec!["tls:127.0.0.1:0".parse().unwrap()];
        (config.sip.tls.certificate, config.sip.tls.key) = (Some(files.certificate), Some(files.key));
    })
    .await;
    assert_eq!(running.node.addresses[0].to_string(), format!("tls {}", running.address));
    let wire = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = wire.local_addr().unwrap();
    let seen = Arc::<Mutex<Vec<u8>>>::default();
    let (keep, far) = (Arc::clone(&seen), running.address);
    tokio::spawn(async move {
        while let Ok((near, _)) = wire.accept().await {
            let ((near_in, near_out), (far_in, far_out)) =
                (near.into_split(), TcpStream::connect(far).await.unwrap().into_split());
            for (mut from, mut to) in [(near_in, far_out), (far_in, near_out)] {
                let keep = Arc::clone(&keep);
                tokio::spawn(async move {
                    let mut octets = vec![0; 16_384];
                    while let Ok(length @ 1..) = from.read(&mut octets).await {
                        keep.lock().unwrap().extend(&octets[..length]);
                        to.write_all(&octets[..length]).await.unwrap();
                    }
                });
            }
        }
    });
    let authorities = authority.file();
    let whole = async |target: String| {
        let call = phone::Call {
            script: Some(parse_script("s 119999198503150010# s 10000001#").unwrap()),
            srtp: true,
            tls_ca: Some(&authorities),
            ..phone::Call::to(&target)
        };
        let (end, heard) = phone::dial(call, &mut Vec::new()).await.expect("a call");
        assert_eq!(end, CallEnd::FarEnd, "{target}");
        assert!(heard.iter().any(|sample| sample.unsigned_abs() > 1000), "{target}: nothing was heard");
    };
    tokio::join!(whole(format!("sip:100@{there};transport=tls")), whole(format!("sips:100@{there}")));
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 4000, "the calls went another way");
    for clear in ["SIP/2.0", "INVITE", "inline:", "13900000001"] {
        assert!(!seen.windows(clear.len()).any(|octets| octets == clear.as_bytes()), "{clear} is seen");
    }
}

#[tokio::test]
async fn a_call_in_is_answered_and_hung_up_on_its_connection() {
    let authority = Authority::new();
    let mut house = house(&authority).await;
    for secure in [false, true] {
        let mut phone = phone(&authority, &house, ";transport=tls").await;
        let plain = phone.invite(OFFER);
        let invite =
            if secure { plain.replace("INVITE sip:", "INVITE sips:").replace("<sip:", "<sips:") } else { plain };
        phone.send(&invite).await;
        let call = house.call().await;
        assert_eq!((call.source, call.transport, call.number.as_str()), (phone.here, Transport::Tls, "12333"));
        let answer = sdp::answer(call.offer.as_ref().unwrap(), &Local::new(call.local, 30_000, 1)).unwrap().0;
        let mut call = call.accept(answer);
        let ok = phone.status(200).await;
        let contact = match secure {
            true => format!("<sips:hotline@{}>", house.address),
            false => format!("<sip:hotline@{};transport=tls>", house.address),
        };
        assert_eq!(field(&ok, "Contact"), contact);
        phone.ack("").await;
        assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
        call.hang_up();
        let bye = phone.request_of("BYE").await;
        assert!(field(&bye, "Via").starts_with(&format!("SIP/2.0/TLS {};", house.address)), "{bye}");
        phone.answer(&bye, "200 OK", "", "").await;
        assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
    }
}

#[tokio::test]
async fn a_call_out_is_hung_up_on_a_new_connection_to_whoever_has_the_name_that_was_dialled() {
    let authority = Authority::new();
    let house = house(&authority).await;
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = far.local_addr().unwrap();
    let acceptor = authority.acceptor(&["localhost"]);
    let accept = async || {
        let (stream, _) = timeout(PATIENCE, far.accept()).await.expect("no connection came").unwrap();
        let stream = acceptor.accept(stream).await.expect("a handshake");
        Phone::over(Box::new(stream), house.address, there, "TLS", "")
    };
    let target = format!("sips:12333@localhost:{}", there.port());
    let (dialing, mut phone) =
        tokio::join!(house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()), accept());
    let mut dialing = dialing.unwrap();
    let invite = phone.request_of("INVITE").await;
    assert!(invite.starts_with(&format!("INVITE {target} SIP/2.0\r\n")), "{invite}");
    assert_eq!(field(&invite, "Contact"), format!("<sips:hotline@{}>", house.address));
    let more = format!("Content-Type: application/sdp\r\nContact: <sips:a@{there}>\r\n");
    phone.answer(&invite, "200 OK", &more, ANSWER).await;
    phone.request_of("ACK").await;
    let Some(DialingEvent::Answered { mut call, .. }) = timeout(PATIENCE, dialing.next_event()).await.unwrap() else {
        panic!("not answered")
    };
    drop(phone.line);
    house.stands(|now| now.connections == 0).await;
    call.hang_up();
    // Its certificate has the name, and not the address that stands in its Contact.
    let mut again = accept().await;
    let bye = again.request_of("BYE").await;
    again.answer(&bye, "200 OK", "", "").await;
    assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::HungUp)));
}

#[tokio::test]
async fn whoever_is_not_who_was_dialled_is_told_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let house = house(&authority).await;
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = far.local_addr().unwrap();
    for (acceptor, words) in [
        (stranger.acceptor(&["127.0.0.1"]), "not accepted: invalid peer certificate"),
        (authority.acceptor(&["hotline.example"]), "not valid for name"),
    ] {
        let accept = async {
            let stream = far.accept().await.unwrap().0;
            acceptor.accept(stream).await.map(|_| ()).expect_err("a handshake")
        };
        let target = format!("sip:12333@{there};transport=tls");
        let dial = house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned());
        let (dialled, _) = tokio::join!(timeout(PATIENCE, dial), accept);
        let fault = dialled.expect("it takes for ever").unwrap_err().to_string();
        assert!(fault.contains(words) && fault.contains("--tls-ca"), "{fault}");
    }
    // One that does not speak TLS at all.
    let plain = async {
        let mut stream = far.accept().await.unwrap().0;
        let mut octets = vec![0; 4096];
        let length = stream.read(&mut octets).await.unwrap();
        stream.write_all(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        octets[..length].to_vec()
    };
    let target = format!("sips:12333@{there}");
    let (dialled, octets) = tokio::join!(house.agent.dial(&target, "sip:test@127.0.0.1", OFFER.to_owned()), plain);
    assert!(dialled.is_err());
    assert!(!String::from_utf8_lossy(&octets).contains("SIP"), "it was told something in clear");
    house.stands(|now| now.connections == 0 && now.calls == 0).await;
}

#[tokio::test]
async fn plain_text_is_not_answered_in_clear() {
    let authority = Authority::new();
    let house = house(&authority).await;
    for text in ["", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{5}hello", "\u{16}\u{3}\u{1}"] {
        let mut phone = Phone::over_tcp(house.address).await;
        let text = if text.is_empty() { phone.request("OPTIONS", 1, "", "", "") } else { text.to_owned() };
        let _ = phone.send_octets(text.as_bytes()).await;
        let complete = text.len() != 3 && text != "\r\n\r\n";
        if complete {
            let said = phone.octets().await;
            assert!(!String::from_utf8_lossy(&said).contains("SIP"), "{text:?}");
        }
        drop(phone);
        house.stands(|now| now.connections == 0).await;
    }
    assert!(is_alive(&authority, &house).await);
}

#[tokio::test]
async fn a_handshake_that_never_ends_has_a_place_and_loses_it() {
    let authority = Authority::new();
    let house = House::with(|config| {
        authority.secure(config);
        config.streams.per_source = 2;
        config.streams.handshake = Duration::from_secs(2);
    })
    .await;
    let mut waiting = [Phone::over_tcp(house.address).await, Phone::over_tcp(house.address).await];
    // The beginning of a ClientHello, and nothing further.
    waiting[0].send_octets(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    house.stands(|now| now.connections == 2).await;
    assert!(Phone::over_tcp(house.address).await.is_closed().await, "a third of one address");
    assert_eq!(house.agent.standing().connections_refused, 1);
    for phone in &mut waiting {
        assert!(phone.is_closed().await);
    }
    house.stands(|now| now.connections == 0).await;
    assert!(is_alive(&authority, &house).await);
}

#[tokio::test]
async fn a_stopped_agent_ends_handshakes_and_connections_whose_peers_do_not_read() {
    let authority = Authority::new();
    let house = house(&authority).await;
    let mut waiting = Phone::over_tcp(house.address).await;
    let mut deaf = phone(&authority, &house, ";transport=tls").await;
    let flood = deaf.request("OPTIONS", 1, "", "", "").repeat(64);
    // Until nothing more is taken from it.
    while timeout(Duration::from_millis(500), deaf.send_octets(flood.as_bytes())).await.is_ok_and(|sent| sent.is_ok()) {
    }
    house.agent.stop();
    assert!(waiting.is_closed().await);
    house.stands(|now| now.connections == 0).await;
    while !deaf.octets().await.is_empty() {}
}

#[tokio::test]
async fn tls_without_a_certificate_does_not_start_and_says_what_is_missing() {
    let (sender, _calls) = tokio::sync::mpsc::channel(1);
    let config = hotline::sip::AgentConfig::new(vec!["tls:127.0.0.1:0".parse().unwrap()]);
    let fault = hotline::sip::Agent::start(config, sender).await.err().expect("TLS without a certificate").to_string();
    assert!(fault.contains("tls 127.0.0.1:0") && fault.contains("sip.tls.certificate"), "{fault}");
}
