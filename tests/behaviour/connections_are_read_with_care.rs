//! What may go wrong on a connection: how messages are cut, keep-alives, peers that are slow, silent, many or deaf.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::sip::AgentConfig;
use hotline::sip::sdp::{self, Local};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::sip_client::{House, OFFER, PATIENCE, Phone, event, field};

async fn house(change: impl FnOnce(&mut AgentConfig)) -> House {
    House::with(|config| {
        config.listen = vec!["tcp:127.0.0.1:0".parse().unwrap()];
        change(config);
    })
    .await
}

fn options(phone: &Phone, sequence: u32) -> String {
    phone.request("OPTIONS", sequence, "", "", "")
}

async fn is_alive(house: &House) -> bool {
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send(&options(&phone, 1)).await;
    phone.response().await.starts_with("SIP/2.0 200 ")
}

#[tokio::test]
async fn a_message_may_come_in_pieces_split_at_any_line_end() {
    // X10 emiago/sipgo#357
    let house = house(|_| {}).await;
    let mut phone = Phone::over_tcp(house.address).await;
    let text = options(&phone, 1);
    for (at, _) in text.match_indices("\r\n") {
        for piece in [&text[..at], &text[at..at + 2], &text[at + 2..]].into_iter().filter(|piece| !piece.is_empty()) {
            phone.send(piece).await;
            tokio::task::yield_now().await;
        }
        assert!(phone.response().await.starts_with("SIP/2.0 200 "), "split at {at}");
    }
}

#[tokio::test]
async fn a_message_without_content_length_is_refused_and_the_connection_closed() {
    // X11 emiago/sipgo#344
    let house = house(|_| {}).await;
    let mut phone = Phone::over_tcp(house.address).await;
    let bad = options(&phone, 1).replace("Content-Length: 0\r\n", "");
    phone.send(&format!("{bad}{}", options(&phone, 2))).await;
    let refusal = phone.message().await;
    assert!(refusal.starts_with("SIP/2.0 400 Missing Content-Length\r\n"), "{refusal}");
    assert_eq!(field(&refusal, "CSeq"), "1 OPTIONS");
    assert!(phone.is_closed().await, "what followed was taken for something");
    assert!(is_alive(&house).await);
}

#[tokio::test]
async fn keep_alives_are_answered_and_part_of_no_message() {
    // X13 pjproject#482, RestComm/jain-sip#195, kamailio#810
    let house = house(|_| {}).await;
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send("\r\n\r\n").await;
    assert_eq!(phone.octets().await, b"\r\n");
    phone.send(&format!("\r\n{}\r\n", options(&phone, 1))).await;
    assert!(phone.response().await.starts_with("SIP/2.0 200 "));
    phone.send(&options(&phone, 2)).await;
    assert_eq!(field(&phone.response().await, "CSeq"), "2 OPTIONS");
}

#[tokio::test]
async fn three_messages_in_a_segment_get_three_answers() {
    // X15 NormB/sipnab#95
    let house = house(|_| {}).await;
    let mut phone = Phone::over_tcp(house.address).await;
    let three: String = (1..=3).map(|sequence| options(&phone, sequence)).collect();
    phone.send(&three).await;
    for sequence in 1..=3 {
        assert_eq!(field(&phone.response().await, "CSeq"), format!("{sequence} OPTIONS"));
    }
}

#[tokio::test]
async fn the_gate_stands_before_connections_too() {
    let house = house(|config| config.numbers = Some(["12333".to_owned()].into())).await;
    let mut phone = Phone::over_tcp(house.address).await;
    for (message, status) in [
        (phone.request("REGISTER", 1, "", "", ""), 405),
        (phone.request("PING", 2, "", "", ""), 501),
        (phone.request("BYE", 3, "", "", ""), 481),
        (options(&phone, 4).replace("SIP/2.0\r\n", "SIP/7.0\r\n"), 505),
        (options(&phone, 5).replacen("sip:", "soap:", 1), 416),
        (options(&phone, 6).replace("6 OPTIONS", "6 INVITE"), 400),
        (phone.request("INVITE", 7, "", "Require: path\r\n", OFFER), 420),
        (phone.invite(OFFER).replacen("12333", "666", 1), 404),
    ] {
        phone.send(&message).await;
        let answer = phone.response().await;
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{message}\n{answer}");
        phone.remote_tag.clear();
    }
    assert_eq!(house.agent.standing().transactions, 0);
}

#[tokio::test]
async fn a_long_message_passes_and_one_that_is_too_long_ends_the_connection() {
    let mut house = house(|_| {}).await;
    let phone = Phone::over_tcp(house.address).await;
    let long = format!("{OFFER}a=x:{}\r\n", "x".repeat(50_000));
    phone.send(&phone.invite(&long)).await;
    assert_eq!(house.call().await.number, "12333");
    let mut phone = Phone::over_tcp(house.address).await;
    let _ = phone.send_octets(phone.invite(&"x".repeat(70_000)).as_bytes()).await;
    assert!(phone.response().await.starts_with("SIP/2.0 513 "));
    assert!(phone.is_closed().await);
}

#[tokio::test]
async fn what_does_not_speak_sip_is_not_spoken_to() {
    let house = house(|_| {}).await;
    for rubbish in ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\u{16}\u{3}\u{1}", "\0\0\0\0", "{\"jsonrpc\": 1}\n"] {
        let mut phone = Phone::over_tcp(house.address).await;
        phone.send(rubbish).await;
        assert!(phone.is_closed().await, "{rubbish:?}");
    }
    assert!(is_alive(&house).await);
}

#[tokio::test]
async fn too_many_connections_are_closed_as_they_come() {
    let house = house(|config| (config.streams.connections, config.streams.per_source) = (3, 2)).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut phone = Phone::over_tcp(house.address).await;
        phone.send(&options(&phone, 1)).await;
        phone.status(200).await;
        open.push(phone);
    }
    let mut third = Phone::over_tcp(house.address).await;
    let _ = third.send_octets(options(&third, 1).as_bytes()).await;
    assert!(third.is_closed().await, "a third of one address");
    let standing = house.agent.standing();
    assert_eq!((standing.connections, standing.connections_refused), (2, 1));
    // Those that are open are served, and a place that is given up is taken again.
    let first = open.first_mut().unwrap();
    first.remote_tag.clear();
    first.send(&options(first, 2)).await;
    first.status(200).await;
    open.pop();
    house.stands(|now| now.connections <= 1).await;
    assert!(is_alive(&house).await);
}

#[tokio::test]
async fn a_message_that_never_ends_and_a_peer_that_says_nothing_are_given_up() {
    let house = house(|config| {
        config.streams.first = Duration::from_millis(300);
        config.streams.message = Duration::from_millis(300);
    })
    .await;
    let mut silent = Phone::over_tcp(house.address).await;
    assert!(silent.is_closed().await);
    // An octet at a time, for ever.
    let mut slow = Phone::over_tcp(house.address).await;
    slow.send(&options(&slow, 1)).await;
    slow.status(200).await;
    let trickle = async {
        while slow.send_octets(b"O").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trickle).await.expect("a message may take for ever");
}

#[tokio::test]
async fn a_silent_connection_is_closed_unless_a_call_is_on_it() {
    let mut house = house(|config| config.streams.idle = Duration::from_millis(300)).await;
    let mut calling = Phone::over_tcp(house.address).await;
    calling.send(&calling.invite(OFFER)).await;
    let call = house.call().await;
    let answer = sdp::answer(call.offer.as_ref().unwrap(), &Local::new(call.local, 30_000, 1)).unwrap().0;
    let mut call = call.accept(answer);
    calling.status(200).await;
    calling.ack("").await;
    event(&mut call).await;
    for _ in 0..3 {
        let mut idle = Phone::over_tcp(house.address).await;
        idle.send(&options(&idle, 1)).await;
        idle.status(200).await;
        assert!(idle.is_closed().await);
    }
    call.hang_up();
    let bye = calling.request_of("BYE").await;
    calling.answer(&bye, "200 OK", "", "").await;
    event(&mut call).await;
    assert!(calling.is_closed().await, "the call is over, and it is silent");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up() {
    let house = house(|config| config.streams.message = Duration::from_millis(500)).await;
    let phone = Phone::over_tcp(house.address).await;
    let flood = options(&phone, 1).repeat(64);
    let flooding = async { while phone.send_octets(flood.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(2 * PATIENCE, flooding).await.expect("it is written to for ever");
    assert!(is_alive(&house).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_answers_after_two_thousand_connections_of_rubbish() {
    let house = house(|config| {
        config.streams.first = Duration::from_secs(1);
        config.streams.per_source = 1000;
    })
    .await;
    let mut chance = ChaCha8Rng::seed_from_u64(3261);
    let address: SocketAddr = house.address;
    for _ in 0..2000 {
        let phone = Phone::over_tcp(address).await;
        let mut octets = format!("{}{}", phone.invite(OFFER), phone.request("INFO", 2, "", "", "x")).into_bytes();
        for _ in 0..chance.random_range(1..6) {
            let at = chance.random_range(0..octets.len());
            match chance.random_range(0..4) {
                0 => octets[at] = chance.next_u32() as u8,
                1 => octets.truncate(at.max(1)),
                2 => octets.insert(at, b"\r\n \t:;,=<>\"@/%\0\xff"[chance.random_range(0..16)]),
                _ => drop(octets.drain(at..(at + 9).min(octets.len()))),
            }
            if octets.is_empty() {
                octets.push(b'x');
            }
        }
        let _ = phone.send_octets(&octets).await;
    }
    assert!(is_alive(&house).await);
}
