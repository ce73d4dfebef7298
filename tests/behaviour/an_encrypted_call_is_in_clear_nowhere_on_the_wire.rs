//! Whole calls over SIP with SRTP: what a capture of the wire shows of them, and what becomes of new keys in the middle.

use std::collections::HashSet;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotline::audio::Codec;
use hotline::facts::{Moment, Secret};
use hotline::phone::{self, CallEnd, parse_script};
use hotline::rtp::srtp::{MasterKey, SrtpReceiver, Suite};
use hotline::rtp::{Header, Packet, Reporter, is_rtcp};
use hotline::telephony::SrtpPolicy;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::sip_client::{PATIENCE, Phone, body};
use crate::support::capture::{Capture, datagrams};
use crate::support::node::start;
use crate::support::sound::{position, said_by_bench_100};

/// Bytes in a row that no encrypted packet has by chance.
const RUN: usize = 8;

/// The hotline's ports for media: above what the system gives away by itself and other tests take.
const MEDIA_PORTS: (u16, u16) = (61_300, 61_309);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_of_a_whole_call_shows_neither_sound_nor_keys_nor_reports() {
    let running = start(&[("100", "bench/100")], |config| {
        config.media.ports = MEDIA_PORTS;
        config.media.srtp = SrtpPolicy::Required;
    })
    .await;
    let file = running.folder.path().join("call.pcap");
    let filter = format!("udp and portrange {}-{}", MEDIA_PORTS.0, MEDIA_PORTS.1);
    let Some(capture) = Capture::of(&filter, &file) else { return };
    let target = format!("sip:100@{}", running.address);
    let call = phone::Call {
        script: Some(parse_script("s 119999198503150010# s 10000001# s").unwrap()),
        codec: Some(Codec::Pcma),
        srtp: true,
        ..phone::Call::to(&target)
    };
    let (end, heard) = phone::dial(call, &mut io::sink()).await.expect("a call");
    assert_eq!(end, CallEnd::FarEnd);
    drop(capture);
    let said = said_by_bench_100(Codec::Pcma);
    let balance: Vec<i16> = said[2].iter().map(|byte| Codec::Pcma.law().decode(*byte)).collect();
    assert!(position(&heard, &balance).is_some(), "the keys arrived, and the balance was heard");

    let packets = datagrams(&std::fs::read(&file).unwrap());
    let known: HashSet<&[u8]> = said.iter().flat_map(|clips| clips.windows(RUN)).collect();
    let (mut sound, mut keys, mut reports, mut volumes) = (0, 0, 0, HashSet::new());
    for packet in &packets {
        let payload = &packet.payload;
        let found = payload.windows(RUN).position(|run| known.contains(run) || run.iter().all(|byte| *byte == run[0]));
        assert_eq!(found, None, "sound or silence in clear");
        if is_rtcp(payload) {
            // The header stays in clear; the whole is no report to who has no key.
            let read = Reporter::new(0).receive(Moment::ZERO, payload);
            let name: String = payload[4..8].iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(read.is_err() && position(payload, name.as_bytes()).is_none(), "a report in clear");
            reports += 1;
            continue;
        }
        let tag = Suite::AesCm128HmacSha1_80.tag_length();
        let rtp = Packet::parse(payload).expect("nothing but RTP and RTCP");
        match rtp.header.payload_type {
            8 => {
                assert_eq!(rtp.payload.len(), 160 + tag);
                sound += 1;
            }
            _ => {
                assert_eq!(rtp.payload.len(), 4 + tag);
                // In clear it is the same in every packet of a press.
                volumes.insert(rtp.payload[1]);
                keys += 1;
            }
        }
    }
    assert!(sound > 100 && keys > 28 * 3 && reports >= 2, "{sound} of sound, {keys} of keys, {reports} reports");
    assert!(volumes.len() > 16, "{} different bytes where an event has its volume", volumes.len());
}

/// A hand-made caller of one encrypted stream.
struct Caller {
    phone: Phone,
    rtp: UdpSocket,
}

impl Caller {
    fn offer(&self, version: u32, profile: &str, key: Option<&[u8; 30]>) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        let line = key.map(|key| format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", STANDARD.encode(key)));
        format!(
            "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} {profile} 8\r\n{}",
            line.unwrap_or_default()
        )
    }

    /// The next packet that this receiver lets in; how many it did not before.
    async fn next(&self, receiver: &mut SrtpReceiver) -> (Header, usize) {
        let (mut datagram, mut refused) = ([0; 2048], 0);
        loop {
            let (length, _) = timeout(PATIENCE, self.rtp.recv_from(&mut datagram)).await.expect("no packet").unwrap();
            match receiver.unprotect(&mut datagram[..length]) {
                Ok(length) => return (Packet::parse(&datagram[..length]).unwrap().header, refused),
                Err(_) => refused += 1,
            }
        }
    }
}

/// The key of an answer.
fn answered_key(response: &str) -> MasterKey {
    let body = body(response);
    assert!(body.contains(" RTP/SAVP 8\r\n"), "{body}");
    let line = body.lines().find_map(|line| line.strip_prefix("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
    Secret::new(STANDARD.decode(line.expect("a key")).unwrap().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reinvite_with_a_new_key_gets_a_new_one_and_one_without_is_refused() {
    let running = start(&[("*", "bench/100")], |config| config.media.srtp = SrtpPolicy::Required).await;
    let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut caller = Caller { phone: Phone::new(running.address).await, rtp };
    let offer = caller.offer(1, "RTP/SAVP", Some(&[1; 30]));
    caller.phone.send(&caller.phone.invite(&offer)).await;
    let first_key = answered_key(&caller.phone.status(200).await);
    caller.phone.ack("").await;
    let suite = Suite::AesCm128HmacSha1_80;
    let mut receiver = SrtpReceiver::new(suite, &first_key, 0);
    let (first, refused) = caller.next(&mut receiver).await;
    assert_eq!(refused, 0);

    let again = caller.offer(1, "RTP/SAVP", Some(&[1; 30]));
    let changed = caller.offer(2, "RTP/SAVP", Some(&[2; 30]));
    let mut keys = Vec::new();
    for (sequence, offer) in [(2, again), (3, changed)] {
        caller.phone.send(&caller.phone.request("INVITE", sequence, "", "", &offer)).await;
        keys.push(answered_key(&caller.phone.status(200).await));
        caller.phone.send(&caller.phone.request("ACK", sequence, "", "", "")).await;
    }
    assert!(keys[0] == first_key && keys[1] != first_key);
    let mut receiver = SrtpReceiver::new(suite, &keys[1], 0);
    let (next, _) = caller.next(&mut receiver).await;
    assert_ne!(next.ssrc, first.ssrc, "another stream under another key");

    // A call that is encrypted cannot be talked out of it where that is required; it goes on as it was.
    let plain = caller.offer(3, "RTP/AVP", None);
    caller.phone.send(&caller.phone.request("INVITE", 4, "z9hG4bKplain", "", &plain)).await;
    assert!(caller.phone.status(488).await.contains("4 INVITE"));
    caller.phone.send(&caller.phone.request("ACK", 4, "z9hG4bKplain", "", "")).await;
    for _ in 0..5 {
        let (header, refused) = caller.next(&mut receiver).await;
        assert_eq!((header.ssrc, refused), (next.ssrc, 0));
    }
    caller.phone.send(&caller.phone.request("BYE", 5, "", "", "")).await;
    caller.phone.status(200).await;
}
