//! A whole call changed by its caller, by re-INVITE and by UPDATE: held in every way there is, resumed, moved to another
//! address and codec. What is being said waits, and goes on where it was.

use std::time::Duration;

use hotline::audio::Codec;
use hotline::facts::Language;
use hotline::rtp::Packet;
use hotline::speech::{Line, Pace};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::sip_client::{PATIENCE, Phone, body, field};
use crate::support::node::{Running, start};
use crate::support::sound::{bytes, position, prompts_of};

/// A line on which nothing comes for so long, where packets come every 20 ms, is silent.
const SILENCE: Duration = Duration::from_millis(400);

struct Caller {
    phone: Phone,
    rtp: [UdpSocket; 2],
    sequence: u32,
    _running: Running,
}

impl Caller {
    async fn dial(offer: impl FnOnce([u16; 2]) -> String) -> Self {
        let running = start(&[("12333", "bench/100")], |_| ()).await;
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let rtp = [bind().await.unwrap(), bind().await.unwrap()];
        let mut caller = Self { phone: Phone::new(running.address).await, rtp, sequence: 1, _running: running };
        let offer = offer(caller.ports());
        caller.phone.send(&caller.phone.invite(&offer)).await;
        caller.phone.status(200).await;
        caller.phone.ack("").await;
        caller
    }

    fn ports(&self) -> [u16; 2] {
        [0, 1].map(|at: usize| self.rtp[at].local_addr().unwrap().port())
    }

    /// Changes the call; the answer.
    async fn change(&mut self, method: &str, offer: &str) -> String {
        self.sequence += 1;
        let branch = format!("z9hG4bK-{}", self.sequence);
        self.phone.send(&self.phone.request(method, self.sequence, &branch, "", offer)).await;
        let answer = self.phone.response().await;
        assert_eq!(field(&answer, "CSeq"), format!("{} {method}", self.sequence));
        if method == "INVITE" {
            let branch = if answer.starts_with("SIP/2.0 200 ") { "" } else { &branch };
            self.phone.send(&self.phone.request("ACK", self.sequence, branch, "", "")).await;
        }
        answer
    }

    /// A packet's payload type and payload; nothing where the line is silent.
    async fn packet(&self, at: usize, within: Duration) -> Option<(u8, Vec<u8>)> {
        let mut datagram = [0; 2048];
        let length = timeout(within, self.rtp[at].recv(&mut datagram)).await.ok()?.unwrap();
        let packet = Packet::parse(&datagram[..length]).expect("RTP");
        Some((packet.header.payload_type, packet.payload.to_vec()))
    }

    /// The sound of so many packets.
    async fn hears(&self, at: usize, packets: usize, payload_type: u8) -> Vec<u8> {
        let mut heard = Vec::new();
        for _ in 0..packets {
            let (kind, payload) = self.packet(at, PATIENCE).await.expect("nothing is heard");
            assert_eq!(kind, payload_type);
            heard.extend(payload);
        }
        heard
    }

    /// What is still under way, until the line is silent.
    async fn rest(&self, at: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        while let Some((_, payload)) = self.packet(at, SILENCE).await {
            heard.extend(payload);
        }
        heard
    }
}

/// What the hotline asks first, as these codecs carry it.
fn question<const N: usize>(codecs: [Codec; N]) -> [Vec<u8>; N] {
    let prompts = prompts_of("bench/100");
    let said = prompts.say(&[(Language::En, Line::new("bench-id"))], Pace::Normal);
    codecs.map(|codec| bytes(&said.playlist, codec))
}

fn offer(version: u32, address: &str, port: u16, types: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {types}\r\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn held_and_resumed() {
    let [said] = question([Codec::Pcma]);
    let mut caller = Caller::dial(|ports| offer(1, "127.0.0.1", ports[0], "8", "")).await;
    let port = caller.ports()[0];
    let mut heard = caller.hears(0, 5, 8).await;
    let mut version = 1;
    for (method, address, hold, answered) in [
        ("INVITE", "127.0.0.1", "a=sendonly\r\n", "a=recvonly\r\n"),
        ("UPDATE", "127.0.0.1", "a=inactive\r\n", "a=inactive\r\n"),
        ("INVITE", "0.0.0.0", "", "a=recvonly\r\n"),
        ("UPDATE", "0.0.0.0", "a=inactive\r\n", "a=inactive\r\n"),
    ] {
        version += 1;
        let ok = caller.change(method, &offer(version, address, port, "8", hold)).await;
        assert!(body(&ok).contains(answered), "{ok}");
        heard.extend(caller.rest(0).await);
        version += 1;
        let ok = caller.change(method, &offer(version, "127.0.0.1", port, "8", "a=sendrecv\r\n")).await;
        assert!(body(&ok).contains("a=sendrecv\r\n"), "{ok}");
        heard.extend(caller.hears(0, 5, 8).await);
    }
    assert_eq!(position(&said, &heard), Some(0), "nothing is lost, and nothing said twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_to_another_address_and_codec() {
    // First: it may take longer than a hotline that hears nothing has patience.
    let [before, after] = question([Codec::Pcma, Codec::Pcmu]);
    let mut caller = Caller::dial(|ports| offer(1, "127.0.0.1", ports[0], "8", "")).await;
    let [from, to] = caller.ports();
    let mut heard = caller.hears(0, 5, 8).await;
    // What cannot be played changes nothing.
    let refused = caller.change("INVITE", &offer(2, "127.0.0.1", to, "18", "")).await;
    assert!(refused.starts_with("SIP/2.0 488 "), "{refused}");
    heard.extend(caller.hears(0, 2, 8).await);
    let ok = caller.change("UPDATE", &offer(2, "127.0.0.1", to, "0", "")).await;
    assert!(body(&ok).contains(" RTP/AVP 0\r\n"), "{ok}");
    let moved = caller.hears(1, 5, 0).await;
    heard.extend(caller.rest(0).await);
    assert_eq!(position(&before, &heard), Some(0));
    assert_eq!(position(&after, &moved), Some(heard.len()), "it goes on there where it was here");
    let ok = caller.change("INVITE", &offer(3, "127.0.0.1", from, "8", "")).await;
    assert!(body(&ok).contains(" RTP/AVP 8\r\n"), "{ok}");
    caller.hears(0, 3, 8).await;
}
