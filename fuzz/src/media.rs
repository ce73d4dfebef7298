//! What the network sends as sound and beside it.

use std::time::Duration;

use hotline::audio::{Codec, Decoder, DtmfDetector, MOST_DECODED, Tone};
use hotline::facts::{Moment, Secret};
use hotline::rtp::srtp::{MOST_ADDED, SrtpFault, SrtpReceiver, SrtpSender, Suite};
use hotline::rtp::{
    Due, HEADER_LENGTH, Header, JitterBuffer, KeyReceiver, MOST_WAITING, Packet, Reception, Report, Reporter,
};
use hotline::rtp::{SentSoFar, is_rtcp};

use super::Taking;

/// Datagrams one after another: milliseconds since the last one, a length, so many octets.
fn datagrams<'a>(taking: &mut Taking<'a>, now: &mut Moment) -> Option<&'a [u8]> {
    let [wait, length] = [taking.octet()?, taking.octet()?];
    *now = *now + Duration::from_millis(wait.into());
    Some(taking.octets(length.into()))
}

/// Datagrams on an RTP port: a payload lies within its datagram, is counted, goes out of the jitter buffer at most once, and is
/// decoded to no more than there is room for.
pub fn rtp(octets: &[u8]) {
    let (mut taking, mut now) = (Taking(octets), Moment::from_micros(1_000_000));
    let mut reception = Reception::default();
    let mut decoders = Codec::ALL.map(Decoder::new);
    let mut buffer = JitterBuffer::new(8000);
    let (mut taken, mut given) = (0, 0);
    let mut sound = [0; MOST_DECODED];
    while let Some(datagram) = datagrams(&mut taking, &mut now) {
        let _ = is_rtcp(datagram);
        let Ok(packet) = Packet::parse(datagram) else { continue };
        assert!(packet.payload.len() + HEADER_LENGTH <= datagram.len());
        assert!(packet.header.payload_type < 128);
        reception.receive(now, &packet.header, (packet.header.payload_type != 101).then_some(8000));
        let report = reception.report().expect("a packet has come");
        assert!(report.lost <= 0x7F_FFFF);
        buffer.push(now, &packet.header, Codec::Pcma.ticks(packet.payload), packet.payload);
        taken += 1;
        while let Some(due) = buffer.pop(now) {
            let Due::Packet(payload) = due else { continue };
            given += 1;
            for decoder in &mut decoders {
                assert!(decoder.decode(payload, &mut sound) <= MOST_DECODED);
            }
        }
        assert!(given + buffer.len() <= taken && buffer.len() < MOST_WAITING);
        assert!(buffer.wake_at().is_none_or(|wake| wake > now));
    }
}

/// Datagrams on an RTCP port. Whatever they were, what is reported after them is read again.
pub fn rtcp(octets: &[u8]) {
    let (mut taking, mut now) = (Taking(octets), Moment::from_micros(1_000_000));
    let (mut reporter, mut reception) = (Reporter::new(1), Reception::default());
    while let Some(datagram) = datagrams(&mut taking, &mut now) {
        let _ = reporter.receive(now, datagram);
        if let Ok(packet) = Packet::parse(datagram) {
            reception.receive(now, &packet.header, Some(8000));
        }
        let sent = (datagram.len() % 2 == 0).then_some(SentSoFar { packets: 3, octets: 480, timestamp: 480 });
        let report = Report { now, ntp: now.as_micros() << 12, sent, cname: "hotline", bye: datagram.len() % 3 == 0 };
        let mut out = [0; 256];
        let length = reporter.write(&mut out, &mut reception, &report).expect("room enough");
        let heard = Reporter::new(2).receive(now, &out[..length]).expect("a compound packet");
        assert_eq!(heard.bye, report.bye);
    }
}

/// Datagrams of telephone-events: one that comes twice at once tells of no further key, and none of more than four.
pub fn telephone_event(octets: &[u8]) {
    let (mut taking, mut now) = (Taking(octets), Moment::from_micros(1_000_000));
    let mut receiver = KeyReceiver::new();
    while let Some(datagram) = datagrams(&mut taking, &mut now) {
        let Ok(packet) = Packet::parse(datagram) else { continue };
        let clock_rate = [8000, 16_000, 32_000, 48_000][usize::from(packet.header.payload_type % 4)];
        let keys = receiver.receive(now, &packet.header, clock_rate, packet.payload).count();
        assert!(keys <= packet.payload.len() / 4 && keys <= 4);
        if packet.payload.len() < 8 {
            let again = receiver.receive(now, &packet.header, clock_rate, packet.payload).count();
            assert_eq!(again, 0, "a doubled packet, after {keys} keys: {:?} {:?}", packet.header, packet.payload);
        }
    }
}

/// A stream of protected packets, some of them changed, repeated or made up. What was changed is refused, what is let in
/// is let in once and is what was sent.
pub fn srtp(octets: &[u8]) {
    let mut taking = Taking(octets);
    let suite = Suite::ALL[usize::from(taking.octet().unwrap_or_default() & 1)];
    let key = Secret::new([7; 30]);
    let (mut sender, mut receiver) = (SrtpSender::new(suite, &key), SrtpReceiver::new(suite, &key, 0));
    let mut foreign = SrtpReceiver::new(suite, &Secret::new([8; 30]), taking.octet().unwrap_or_default());
    let (mut sequence, mut last): (u16, Option<Vec<u8>>) = (0, None);
    while let Some(what) = taking.octet() {
        match what % 4 {
            0 | 1 => {
                // A gap of half the numbers or more would be another wrap to any receiver.
                let (lost, gap) = (what & 1 == 1, u16::from(taking.octet().unwrap_or_default()) * 64 + 1);
                sequence = sequence.wrapping_add(if lost || what & 4 == 0 { 1 } else { gap });
                let payload = taking.octets(usize::from(what >> 3));
                let header = Header { payload_type: 8, sequence, ssrc: 77, ..Header::default() };
                let clear = [&header.to_bytes(), payload].concat();
                let mut packet = clear.clone();
                packet.resize(clear.len() + MOST_ADDED, 0);
                let length = sender.protect(&mut packet, clear.len()).expect("room enough");
                packet.truncate(length);
                let genuine = packet.clone();
                if !lost {
                    let length = receiver.unprotect(&mut packet).expect("a genuine packet");
                    assert_eq!(packet[..length], clear);
                }
                last = Some(genuine);
            }
            2 => {
                let Some(genuine) = &last else { continue };
                let mut packet = genuine.clone();
                let at = usize::from(taking.octet().unwrap_or_default()) % packet.len();
                packet[at] ^= taking.octet().unwrap_or(1).max(1);
                let changed = packet.clone();
                receiver.unprotect(&mut packet).expect_err("a changed packet");
                assert_eq!(packet, changed, "what is refused stays as it came");
                let mut again = genuine.clone();
                if receiver.unprotect(&mut again).is_ok() {
                    receiver.unprotect(&mut genuine.clone()).expect_err("a packet comes once");
                }
            }
            _ => {
                let made_up = taking.octets(usize::from(what >> 2));
                for receiver in [&mut receiver, &mut foreign] {
                    assert!(receiver.unprotect(&mut made_up.to_vec()).is_err());
                    assert!(receiver.unprotect_rtcp(&mut made_up.to_vec()).is_err());
                }
                let mut packet = [made_up, &[0; MOST_ADDED]].concat();
                if let Some(length) = sender.protect_rtcp(&mut packet, made_up.len()) {
                    match receiver.unprotect_rtcp(&mut packet[..length]) {
                        Ok(length) => assert_eq!(packet[..length], *made_up),
                        // As many as one key may have, and no more are remembered.
                        Err(fault) => assert_eq!(fault, SrtpFault::TooManySources, "a genuine report"),
                    }
                }
            }
        }
    }
}

/// Sound: the first octet is the size of its portions, the others samples of 16 bits. Keys go down and up by turns, and
/// are the same however the sound is portioned.
pub fn in_band(octets: &[u8]) {
    let mut taking = Taking(octets);
    let portion = usize::from(taking.octet().unwrap_or_default()) + 1;
    let samples: Vec<i16> = taking.0.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
    let heard_in = |portion: usize| {
        let (mut detector, mut tones) = (DtmfDetector::new(), Vec::new());
        samples.chunks(portion).for_each(|some| detector.hear(some.iter().copied(), |tone| tones.push(tone)));
        detector.lose(8000, |tone| tones.push(tone));
        tones
    };
    let tones = heard_in(portion);
    assert_eq!(heard_in(samples.len().max(1)), tones);
    let mut down = None;
    for tone in tones {
        match (tone, down) {
            (Tone::Down { key, at }, None) if at <= samples.len() as u64 => down = Some(key),
            (Tone::Up { key, .. }, Some(held)) if key == held => down = None,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(down, None, "silence lets go");
}
