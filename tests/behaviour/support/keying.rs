//! A telephone that dials a hotline and keys by events, by INFO, by tones, or by all at once.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::audio::{Codec, dtmf, samples_in};
use hotline::facts::Key;
use hotline::rtp::{Event, Header};
use tokio::net::UdpSocket;
use tokio::time::{Interval, interval};

use super::node::Running;
use crate::sip_client::{Phone, body};

/// How a telephone keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    Events,
    Info,
    Tones,
}

/// A telephone in a call.
pub struct Caller {
    pub phone: Phone,
    rtp: UdpSocket,
    /// The hotline's RTP.
    to: SocketAddr,
    /// The last answer to an offer.
    pub answer: String,
    cseq: u32,
    /// An INFO to be sent again.
    again: Option<String>,
    sequence: u16,
    timestamp: u32,
    pace: Interval,
}

impl Caller {
    /// Dials 12333, with telephone-events in the offer or without, and is answered.
    pub async fn dial(address: SocketAddr, events: bool) -> Caller {
        let caller = Caller::ring(address, events).await;
        caller.phone.ack("").await;
        caller
    }

    /// The same, without acknowledging the answer.
    pub async fn ring(address: SocketAddr, events: bool) -> Caller {
        let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut phone = Phone::new(address).await;
        phone.send(&phone.invite(&offer(&rtp, events))).await;
        let answer = phone.status(200).await;
        let to = rtp_address(&answer);
        // Faster than a telephone, slow enough for the network's queues.
        let pace = interval(Duration::from_millis(4));
        Caller { phone, rtp, to, answer, cseq: 1, again: None, sequence: 0, timestamp: 0, pace }
    }

    /// Changes by a re-INVITE whether there are telephone-events.
    pub async fn reinvite(&mut self, events: bool) {
        self.cseq += 1;
        self.phone.send(&self.phone.request("INVITE", self.cseq, "", "", &offer(&self.rtp, events))).await;
        self.answer = self.phone.status(200).await;
        self.phone.send(&self.phone.request("ACK", self.cseq, "", "", "")).await;
    }

    /// Presses keys, each by all of these at once.
    pub async fn press(&mut self, keys: &str, by: &[By]) {
        for symbol in keys.chars() {
            let key = Key::from_char(symbol).expect("a key");
            let tone = if by.contains(&By::Tones) { dtmf(key, -10.0, Duration::from_millis(80)) } else { Vec::new() };
            let mut sound = tone;
            sound.resize(samples_in(Duration::from_millis(140)), 0);
            let begun = self.timestamp;
            for (place, packet) in Codec::Pcma.law().encode_all(&sound).chunks(160).enumerate() {
                self.send(8, false, self.timestamp, packet).await;
                self.timestamp += 160;
                if by.contains(&By::Events) && place < 4 {
                    self.send_event(key, begun, place).await;
                }
            }
            if by.contains(&By::Info) {
                self.send_info(symbol).await;
            }
        }
    }

    async fn send_event(&mut self, key: Key, begun: u32, place: usize) {
        let (end, times) = (place == 3, if place == 3 { 3 } else { 1 });
        let event = Event { code: key.event(), end, volume: 10, duration: 160 * (place as u16 + 1) };
        for _ in 0..times {
            self.send(101, place == 0, begun, &event.to_bytes()).await;
        }
    }

    /// An INFO, in one of the two kinds by turns. Every fifth comes once more after the next, as if its answer had been lost.
    async fn send_info(&mut self, symbol: char) {
        self.cseq += 1;
        let (kind, text) = match self.cseq % 2 {
            0 => ("application/dtmf-relay", format!("Signal={symbol}\r\nDuration=160")),
            _ => ("application/dtmf", symbol.to_string()),
        };
        let branch = format!("z9hG4bK-info-{}", self.cseq);
        let info = self.phone.request("INFO", self.cseq, &branch, "", &text).replace("application/sdp", kind);
        let again = self.again.take();
        self.again = self.cseq.is_multiple_of(5).then(|| info.clone());
        for info in [Some(info), again].iter().flatten() {
            self.phone.send(info).await;
            let response = self.phone.response().await;
            assert!(response.starts_with("SIP/2.0 200 "), "N22 siphon-sip#347: {response}");
        }
    }

    async fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        self.pace.tick().await;
        self.sequence += 1;
        let header = Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: 77 };
        self.rtp.send_to(&[&header.to_bytes(), payload].concat(), self.to).await.unwrap();
    }

    /// Hangs up.
    pub async fn hang_up(&mut self) {
        self.phone.send(&self.phone.request("BYE", self.cseq + 1, "", "", "")).await;
        self.phone.status(200).await;
    }

    /// Waits until the hotline hangs up.
    pub async fn is_hung_up_on(&mut self) {
        let bye = self.phone.request_of("BYE").await;
        self.phone.answer(&bye, "200 OK", "", "").await;
    }
}

/// One call's record.
#[derive(Debug, PartialEq, Eq)]
pub struct Recorded {
    pub path: String,
    pub keys: i64,
    /// By telephone-events, by INFO, by tones.
    pub sources: [i64; 3],
    pub twice: i64,
}

impl Recorded {
    /// The only record of a hotline, which is drained for it.
    pub async fn of(running: Running) -> Recorded {
        let database = running.folder.path().join("hotline.db");
        running.node.drain().await;
        let sql = "SELECT path, keys, keys_rfc4733, keys_info, keys_in_band, keys_twice FROM calls";
        let recorded = rusqlite::Connection::open(database).unwrap().query_row(sql, [], |row| {
            Ok(Recorded {
                path: row.get(0)?,
                keys: row.get(1)?,
                sources: [row.get(2)?, row.get(3)?, row.get(4)?],
                twice: row.get(5)?,
            })
        });
        recorded.expect("one call record")
    }
}

fn offer(rtp: &UdpSocket, events: bool) -> String {
    let port = rtp.local_addr().unwrap().port();
    let (types, lines) =
        if events { (" 101", "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n") } else { ("", "") };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 13{types}\r\n{lines}"
    )
}

fn rtp_address(answer: &str) -> SocketAddr {
    let line = body(answer).lines().find_map(|line| line.strip_prefix("m=audio ")).expect("a stream");
    let port = line.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
    SocketAddr::from(([127, 0, 0, 1], port))
}
