//! A real call over SIP and RTP: from ring to balance. What the telephone hears is, byte for byte, the recordings that
//! the dialogue asked for, in order, the balance read back included; and the call leaves its record.

use hotline::audio::Codec;
use hotline::phone::{self, CallEnd, parse_script};

use crate::support::node::start;
use crate::support::sound::{position, said_by_bench_100};

async fn hears(codec: Codec, listen: &str, transport: &str, srtp: bool) {
    let listen = listen.parse().unwrap();
    let running = start(&[("100", "bench/100")], |config| config.sip.listen = vec![listen]).await;
    let target = format!("sip:100@{}{transport}", running.address);
    let call = phone::Call {
        script: Some(parse_script("s 119999198503150010# s 10000001#").unwrap()),
        codec: Some(codec),
        srtp,
        ..phone::Call::to(&target)
    };
    let mut transcript = Vec::new();
    let (end, heard) = phone::dial(call, &mut transcript).await.expect("a call");
    assert_eq!(end, CallEnd::FarEnd);

    let mut from = 0;
    for (place, wanted) in said_by_bench_100(codec).iter().enumerate() {
        let wanted: Vec<i16> = wanted.iter().map(|byte| codec.law().decode(*byte)).collect();
        let at = position(&heard[from..], &wanted).unwrap_or_else(|| panic!("clip list {place} was not heard whole"));
        from += at + wanted.len();
    }

    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let rows = rusqlite::Connection::open(database).unwrap();
    let (path, outcome, keys): (String, String, i64) = rows
        .query_row("SELECT path, outcome, keys FROM calls", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("one call record");
    assert_eq!(path, "id > number > verify > balance > end");
    assert_eq!(outcome, "served");
    assert_eq!(keys, 28);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_law() {
    hears(Codec::Pcma, "127.0.0.1:0", "", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mu_law() {
    hears(Codec::Pcmu, "127.0.0.1:0", "", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted() {
    hears(Codec::Pcma, "127.0.0.1:0", "", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp() {
    hears(Codec::Pcma, "tcp:127.0.0.1:0", ";transport=tcp", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    hears(Codec::Pcma, "[::1]:0", "", false).await;
}
