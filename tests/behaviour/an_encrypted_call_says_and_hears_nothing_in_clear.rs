//! SRTP on the media ports: every packet out is protected, and only what is genuine and new is heard.

use hotline::audio::Codec;
use hotline::facts::{Key, Moment, Secret};
use hotline::media::MediaParams;
use hotline::rtp::srtp::{MasterKey, SrtpKeys, SrtpReceiver, SrtpSender, Suite};
use hotline::rtp::{Event, Header, Packet, Reception, Report, Reporter};

use crate::support::media::*;

fn key(seed: u8) -> MasterKey {
    Secret::new(std::array::from_fn(|index| seed ^ index as u8))
}

fn keys(suite: Suite, ours: u8, theirs: u8) -> Option<SrtpKeys> {
    Some(SrtpKeys { suite, ours: key(ours), theirs: key(theirs), their_mki: 0 })
}

/// The next packet as it came, and what it says.
fn get(far_end: &FarEnd, receiver: &mut SrtpReceiver) -> (Vec<u8>, Got) {
    let mut datagram = [0; 2048];
    let (length, _) = far_end.rtp.recv_from(&mut datagram).expect("a packet in time");
    let raw = datagram[..length].to_vec();
    let length = receiver.unprotect(&mut datagram[..length]).expect("a protected packet");
    let packet = Packet::parse(&datagram[..length]).unwrap();
    (raw, Got { header: packet.header, payload: packet.payload.to_vec() })
}

/// A protected first packet of a press.
fn press(sender: &mut SrtpSender, key: char, sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 4000;
    let header = Header { payload_type: 101, marker: true, sequence, timestamp, ssrc: 77 };
    let code = Key::from_char(key).unwrap().event();
    let event = Event { code, end: false, volume: 10, duration: 160 };
    let mut packet = [&header.to_bytes()[..], &event.to_bytes(), &[0; 10]].concat();
    let length = sender.protect(&mut packet, 16).unwrap();
    packet.truncate(length);
    packet
}

#[test]
fn sound_arrives_byte_for_byte_and_a_key_counts_once() {
    for suite in Suite::ALL {
        let engine = engine(|_| ());
        let mut leg = engine.reserve().unwrap();
        let far_end = FarEnd::of(&leg);
        let lists = [list(8000, 1)];
        let mut player = Player::of(&lists);
        let told = player.listen();
        let events = begin(&mut leg, MediaParams { srtp: keys(suite, 1, 2), ..far_end.params() }, player);
        let mut receiver = SrtpReceiver::new(suite, &key(1), 0);
        let mut heard = Vec::new();
        while heard.len() < 8000 {
            let (raw, got) = get(&far_end, &mut receiver);
            assert_eq!(raw.len(), 12 + 160 + suite.tag_length());
            assert_ne!(raw[12..172], got.payload[..]);
            heard.extend(got.payload);
        }
        assert_eq!(heard, bytes(&lists, Codec::Pcma, 160));

        let mut sender = SrtpSender::new(suite, &key(2));
        let (first, second) = (press(&mut sender, '1', 10), press(&mut sender, '2', 11));
        // In clear, with another key, changed on the way, and the same again: none of them is heard.
        let mut plain = press(&mut SrtpSender::new(suite, &key(9)), '8', 12);
        far_end.rtp.send_to(&plain, far_end.to).unwrap();
        plain.truncate(16);
        far_end.rtp.send_to(&plain, far_end.to).unwrap();
        let mut touched = second.clone();
        touched[12] ^= 0x80;
        for packet in [&touched, &first, &first, &second, &first] {
            far_end.rtp.send_to(packet, far_end.to).unwrap();
        }
        await_told(&told, &Told::Key('2'));
        leg.end();
        let stats = ended(&events);
        assert_eq!((stats.keys.all(), stats.packets_received), (2, 2));
        assert_eq!((stats.refused, stats.forged), (5, 3), "the two others came again");
    }
}

#[test]
fn reports_are_protected_too() {
    let suite = Suite::AesCm128HmacSha1_32;
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(800, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, MediaParams { srtp: keys(suite, 1, 2), ..far_end.params() }, player);
    let mut receiver = SrtpReceiver::new(suite, &key(1), 0);
    get(&far_end, &mut receiver);
    let rtcp = std::net::SocketAddr::new(far_end.to.ip(), far_end.to.port() + 1);
    let report = Report { now: Moment::ZERO, ntp: 0, sent: None, cname: "far", bye: false };
    let mut datagram = [0; 200];
    let length = Reporter::new(77).write(&mut datagram, &mut Reception::default(), &report).unwrap();
    far_end.rtcp.send_to(&datagram[..length], rtcp).unwrap();
    let length = SrtpSender::new(suite, &key(2)).protect_rtcp(&mut datagram, length).unwrap();
    far_end.rtcp.send_to(&datagram[..length], rtcp).unwrap();
    await_told(&told, &Told::Played);
    leg.end();
    let stats = ended(&events);
    let (length, _) = far_end.rtcp.recv_from(&mut datagram).unwrap();
    let length = receiver.unprotect_rtcp(&mut datagram[..length]).expect("a protected report");
    assert!(Reporter::new(9).receive(Moment::ZERO, &datagram[..length]).unwrap().bye);
    assert_eq!((stats.refused, stats.forged), (1, 1), "the one in clear");
}

/// A re-INVITE with other keys: the stream goes on as a new one under the new key; the same keys again change nothing.
#[test]
fn new_keys_are_taken_in_the_middle_of_a_call() {
    let suite = Suite::AesCm128HmacSha1_80;
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(400_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, MediaParams { srtp: keys(suite, 1, 2), ..far_end.params() }, player);
    let mut receiver = SrtpReceiver::new(suite, &key(1), 0);
    let (_, first) = get(&far_end, &mut receiver);
    leg.update(MediaParams { srtp: keys(suite, 1, 2), ..far_end.params() }).unwrap();
    let (_, next) = get(&far_end, &mut receiver);
    assert_eq!((next.header.ssrc, next.header.sequence), (first.header.ssrc, first.header.sequence + 1));

    leg.update(MediaParams { srtp: keys(suite, 3, 4), ..far_end.params() }).unwrap();
    let mut receiver = SrtpReceiver::new(suite, &key(3), 0);
    let changed = (0..100).find_map(|_| {
        let mut datagram = [0; 2048];
        let (length, _) = far_end.rtp.recv_from(&mut datagram).unwrap();
        receiver
            .unprotect(&mut datagram[..length])
            .ok()
            .map(|length| Packet::parse(&datagram[..length]).unwrap().header)
    });
    assert_ne!(changed.expect("packets under the new key").ssrc, first.header.ssrc);
    // What was on its way under the old key is heard until the first packet under the new one.
    let (mut old, mut new) = (SrtpSender::new(suite, &key(2)), SrtpSender::new(suite, &key(4)));
    let on_the_way =
        [press(&mut old, '7', 20), press(&mut new, '3', 21), press(&mut old, '8', 22), press(&mut new, '4', 23)];
    for packet in on_the_way {
        far_end.rtp.send_to(&packet, far_end.to).unwrap();
    }
    await_told(&told, &Told::Key('4'));
    leg.end();
    let stats = ended(&events);
    assert_eq!((stats.keys.all(), stats.refused, stats.forged), (3, 1, 1));
}
