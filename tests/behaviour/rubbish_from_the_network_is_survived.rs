//! Mutated and hand-made bad messages: nothing panics, nothing hangs, and the agent answers afterwards (X02 kamailio#2503, a
//! fuzzed INVITE; L02 asterisk#1216, faulty REGISTERs).

use std::net::SocketAddr;

use hotline::sip::Refusal;
use hotline::sip::gate::{FrontDesk, Gate, MAX_MESSAGE, pass};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rsipstack::sip::{HeadersExt as _, SipMessage};
use rsipstack::transport::SipConnection;

use super::sip_client::{House, OFFER, Phone};

struct Everyone;

impl FrontDesk for Everyone {
    fn knows(&self, _: &str) -> bool {
        true
    }

    fn admits(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn mutate(seed: &[u8], chance: &mut ChaCha8Rng) -> Vec<u8> {
    let mut octets = seed.to_vec();
    for _ in 0..chance.random_range(1..8) {
        let at = chance.random_range(0..octets.len());
        let end = (at + chance.random_range(1..40)).min(octets.len());
        match chance.random_range(0..7) {
            0 => octets[at] = chance.next_u32() as u8,
            1 => drop(octets.drain(at..end)),
            2 => octets.insert(at, b"\r\n \t:;,=<>\"@/%\0\xff"[chance.random_range(0..16)]),
            3 => {
                let copy = octets[at..end].to_vec();
                octets.splice(at..at, copy);
            }
            4 => octets.truncate(end),
            5 => octets[at] ^= 1 << chance.random_range(0..8),
            _ => {
                let other = chance.random_range(0..octets.len());
                octets.swap(at, other);
            }
        }
        if octets.is_empty() {
            octets.push(b'x');
        }
    }
    octets
}

/// The same in every run, so that what fails once fails again.
async fn seeds(peer: SocketAddr) -> Vec<Vec<u8>> {
    let mut phone = Phone::new(peer).await;
    (phone.here, phone.call_id, phone.branch) =
        ("127.0.0.1:5070".parse().unwrap(), "id@phone".into(), "z9hG4bKb".into());
    let more = "Record-Route: <sip:p1;lr>, \"x\" <sip:p2;lr>\r\nRequire: x\r\nl: 5\r\n";
    let mut seeds = vec![phone.invite(OFFER), phone.request("INVITE", 1, "z9hG4bKc", more, OFFER)];
    phone.remote_tag = "t".to_owned();
    let session = "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\nMin-SE: 90\r\nRAck: 1 1 INVITE\r\n";
    for method in ["BYE", "CANCEL", "ACK", "INFO", "UPDATE", "PRACK", "REGISTER", "OPTIONS"] {
        seeds.push(phone.request(method, 2, "z9hG4bKd", session, ""));
    }
    seeds.push(phone.request("BYE", 3, "z9hG4bKe", "", "").replacen(
        &format!("BYE sip:12333@{peer} SIP/2.0"),
        "SIP/2.0 180 Ringing",
        1,
    ));
    seeds.into_iter().map(String::into_bytes).collect()
}

#[tokio::test]
async fn two_hundred_thousand_mutated_messages_neither_panic_the_gate_nor_the_parser() {
    let seeds = seeds("127.0.0.1:5060".parse().unwrap()).await;
    let mut chance = ChaCha8Rng::seed_from_u64(4475);
    let source: SocketAddr = "203.0.113.5:7777".parse().unwrap();
    let (mut passed, mut lost) = (0, 0);
    for turn in 0..200_000 {
        let octets = mutate(&seeds[turn % seeds.len()], &mut chance);
        match pass(&octets, source, &Everyone) {
            Gate::Pass(message) => {
                passed += 1;
                assert!(message.len() <= MAX_MESSAGE);
                let parsed = SipMessage::try_from(&*message).map_err(|_| ()).and_then(|message| {
                    SipConnection::update_msg_received(message, source, rsipstack::sip::Transport::Udp).map_err(|_| ())
                });
                match parsed {
                    Ok(SipMessage::Request(request)) => {
                        use rsipstack::transaction::key::{TransactionKey, TransactionRole};
                        if let Err(fault) = TransactionKey::from_request(&request, TransactionRole::Server) {
                            println!("lost: {fault}: {}", String::from_utf8_lossy(&message));
                            lost += 1;
                        }
                        let _ = (request.contact_header().map(|contact| contact.value().len()), request.destination());
                    }
                    Ok(SipMessage::Response(_)) => {}
                    Err(()) => {
                        println!("LOST {}", String::from_utf8_lossy(&message));
                        lost += 1
                    }
                }
            }
            Gate::Answer(answer) => assert!(answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"\r\n\r\n")),
            Gate::Drop(_) => {}
        }
    }
    assert!(passed > 20_000, "only {passed} passed: the mutations are too rough to test anything");
    assert_eq!(lost, 0, "of {passed} that passed the stack lost some in silence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_answers_after_twenty_thousand_mutated_datagrams() {
    let mut house = House::open().await;
    let seeds = seeds(house.address).await;
    let mut phone = Phone::new(house.address).await;
    // One call is running, for what finds its way into it.
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let call = call.accept(super::sip_client::ANSWER.to_owned());
    phone.status(200).await;
    phone.ack("").await;
    let inside: Vec<_> = ["INFO", "UPDATE", "INVITE", "OPTIONS", "ACK"]
        .map(|m| phone.request(m, 5, "", "x: 90\r\nk: timer\r\n", OFFER))
        .into();
    let mut chance = ChaCha8Rng::seed_from_u64(2543);
    for turn in 0..20_000 {
        let seed = if turn % 4 == 0 { inside[turn / 4 % inside.len()].as_bytes() } else { &seeds[turn % seeds.len()] };
        let octets = mutate(seed, &mut chance);
        let _ = phone.send_octets(&octets).await;
        while house.calls.try_recv().is_ok() {}
        if turn % 500 == 0 {
            assert!(house.is_alive().await, "after {turn}");
        }
    }
    assert!(house.is_alive().await);
    drop(call);
    let phone = Phone::new(house.address).await;
    phone.send(&phone.invite(OFFER)).await;
    while house.call().await.call_id != phone.call_id {}
}
