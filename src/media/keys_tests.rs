use super::*;
use crate::audio::{Encoder, Law, dtmf, samples_in};

const PACKET: usize = 160;

/// Sound with these keys, each 80 ms with 60 ms of silence after it.
fn sound(keys: &str) -> Vec<i16> {
    let mut sound = vec![0; 1000];
    for key in keys.chars().map(|symbol| Key::from_char(symbol).expect("a key")) {
        sound.extend(dtmf(key, -10.0, Duration::from_millis(80)));
        sound.resize(sound.len() + samples_in(Duration::from_millis(60)), 0);
    }
    sound.resize(sound.len() + 1000, 0);
    sound
}

/// The same in packets of A-law.
fn packets(keys: &str) -> Vec<(u32, Vec<u8>)> {
    let coded = Law::A.encode_all(&sound(keys));
    coded.chunks(PACKET).enumerate().map(|(place, packet)| ((place * PACKET) as u32, packet.to_vec())).collect()
}

fn heard(packets: impl IntoIterator<Item = (u32, u32, Vec<u8>)>) -> String {
    heard_in(Codec::Pcma, packets)
}

fn heard_in(codec: Codec, packets: impl IntoIterator<Item = (u32, u32, Vec<u8>)>) -> String {
    let mut keys = HeardKeys::default();
    keys.listen_for_tones(true);
    let mut heard = String::new();
    for (place, (ssrc, timestamp, payload)) in packets.into_iter().enumerate() {
        let now = Moment::from_micros(place as u64 * 20_000);
        let header = Header { payload_type: 8, marker: false, sequence: place as u16, timestamp, ssrc };
        heard.extend(keys.sound(now, &header, &payload, codec).into_iter().map(Key::symbol));
    }
    heard
}

fn of_one_stream(packets: &[(u32, Vec<u8>)]) -> Vec<(u32, u32, Vec<u8>)> {
    packets.iter().map(|(timestamp, payload)| (7, timestamp.wrapping_sub(2000), payload.clone())).collect()
}

#[test]
fn packets_that_are_swapped_doubled_or_lost_change_no_key() {
    let sent = of_one_stream(&packets("1123*#"));
    assert_eq!(heard(sent.clone()), "1123*#", "over the timestamp's wrap");
    let mut swapped = sent.clone();
    swapped.chunks_mut(2).for_each(<[_]>::reverse);
    assert_eq!(heard(swapped), "1123*#");
    let doubled = sent.iter().flat_map(|packet| [packet.clone(), packet.clone()]);
    assert_eq!(heard(doubled), "1123*#");
    for lost in 0..sent.len() {
        let mut rest = sent.clone();
        rest.remove(lost);
        assert_eq!(heard(rest), "1123*#", "packet {lost} is lost");
    }
}

/// N24 livekit/sip#701: a detector that was left running after the BYE kept a processor busy.
#[test]
fn what_is_not_listened_to_is_not_decoded() {
    let mut keys = HeardKeys::default();
    keys.listen_for_tones(true);
    let sent = of_one_stream(&packets("12"));
    let (before, after) = sent.split_at(sent.len() / 2);
    let hear = |keys: &mut HeardKeys, packets: &[(u32, u32, Vec<u8>)]| {
        let header = |timestamp, ssrc| Header { payload_type: 8, timestamp, ssrc, ..Header::default() };
        let heard = packets.iter().flat_map(|(ssrc, timestamp, payload)| {
            keys.sound(Moment::ZERO, &header(*timestamp, *ssrc), payload, Codec::Pcma)
        });
        heard.map(Key::symbol).collect::<String>()
    };
    assert_eq!(hear(&mut keys, before), "1");
    keys.listen_for_tones(false);
    assert!(keys.tones.is_none(), "nothing is kept of it");
    assert_eq!(hear(&mut keys, after), "");
}

#[test]
fn tones_are_heard_in_g722() {
    let mut encoder = Encoder::new(Codec::G722).unwrap();
    let encode = |(place, samples): (usize, &[i16])| {
        let mut payload = vec![0; samples.len()];
        assert_eq!(encoder.encode(samples, &mut payload), samples.len());
        (7, (place * PACKET) as u32, payload)
    };
    let sent: Vec<_> = sound("1123*#0D").chunks(PACKET).enumerate().map(encode).collect();
    assert_eq!(heard_in(Codec::G722, sent.clone()), "1123*#0D");
    let mut swapped = sent;
    swapped.chunks_mut(2).for_each(<[_]>::reverse);
    assert_eq!(heard_in(Codec::G722, swapped), "1123*#0D");
}

#[test]
fn a_sender_that_is_silent_in_pauses_sends_no_silence() {
    let sent = of_one_stream(&packets("5566"));
    let silence = Law::A.encode(0);
    assert_eq!(heard(sent.into_iter().filter(|(_, _, payload)| payload.iter().any(|byte| *byte != silence))), "5566");
}

#[test]
fn another_stream_begins_anew() {
    let (first, second) = (of_one_stream(&packets("12")), of_one_stream(&packets("3")));
    let second = second.into_iter().map(|(_, timestamp, payload)| (8, timestamp.wrapping_add(1 << 30), payload));
    assert_eq!(heard(first.into_iter().chain(second)), "123");
}

#[test]
fn nobody_listens_once_another_source_has_told_of_a_key() {
    let mut keys = HeardKeys::default();
    let header = Header { payload_type: 8, marker: false, sequence: 0, timestamp: 0, ssrc: 7 };
    let all = |keys: &mut HeardKeys| {
        let sent = packets("9");
        let found = sent.iter().flat_map(|(timestamp, payload)| {
            keys.sound(Moment::ZERO, &Header { timestamp: *timestamp, ..header }, payload, Codec::Pcma)
        });
        found.count()
    };
    assert_eq!(all(&mut keys), 0);
    keys.listen_for_tones(true);
    assert_eq!(all(&mut keys), 1);
    assert_eq!(keys.info(Moment::from_micros(9_000_000), Key::Star), Some(Key::Star));
    assert_eq!(all(&mut keys), 0);
    keys.listen_for_tones(true);
    let event = Event { code: 3, end: false, volume: 10, duration: 160 };
    let header = Header { payload_type: 101, ..header };
    assert_eq!(keys.event(Moment::from_micros(20_000_000), &header, 8000, &event.to_bytes()), [Key::Digit(3)]);
    assert_eq!(all(&mut keys), 0);
}

#[test]
fn an_event_and_a_tone_of_one_press_are_one_key_while_both_are_agreed_on_or_neither() {
    // N09 asterisk#826, N10 asterisk-i#11: events come or go with a re-INVITE, in the middle of a press.
    let mut keys = HeardKeys::default();
    let at = |milliseconds: u64| Moment::from_micros(milliseconds * 1000);
    let event = |keys: &mut HeardKeys, now, duration| {
        let header = Header { payload_type: 101, marker: false, sequence: 1, timestamp: 800, ssrc: 7 };
        let event = Event { code: 5, end: false, volume: 10, duration };
        keys.event(now, &header, 8000, &event.to_bytes())
    };
    assert_eq!(event(&mut keys, at(0), 160), [Key::Digit(5)]);
    assert!((1..20).all(|packet| event(&mut keys, at(20 * u64::from(packet)), 160 + packet * 160).is_empty()));
    keys.far_end_changes(true);
    let sent = packets("5");
    let found: Vec<Key> = sent
        .iter()
        .flat_map(|(timestamp, payload)| {
            let header = Header { payload_type: 8, marker: false, sequence: 1, timestamp: *timestamp, ssrc: 7 };
            keys.sound(at(420 + u64::from(*timestamp) / 8), &header, payload, Codec::Pcma)
        })
        .collect();
    assert!(found.is_empty());
    assert_eq!((keys.counts().of(KeySource::Rfc4733), keys.counts().all(), keys.counts().twice), (1, 1, 1));
}

#[test]
fn a_key_held_for_four_seconds_and_told_of_by_tones_then_by_an_event_is_one() {
    // N15 freeswitch#2560: the gateway sends its event when the key is let go.
    let mut keys = HeardKeys::default();
    keys.listen_for_tones(true);
    let sound = Law::A.encode_all(&dtmf(Key::Digit(5), -10.0, Duration::from_secs(4)));
    let at = |milliseconds: u64| Moment::from_micros(milliseconds * 1000);
    let mut found = Vec::new();
    for (place, payload) in sound.chunks(PACKET).enumerate() {
        let header = Header {
            payload_type: 8,
            marker: false,
            sequence: place as u16,
            timestamp: (place * PACKET) as u32,
            ssrc: 7,
        };
        found.extend(keys.sound(at(place as u64 * 20), &header, payload, Codec::Pcma));
    }
    let header = Header { payload_type: 101, marker: true, sequence: 200, timestamp: 0, ssrc: 7 };
    let event = Event { code: 5, end: true, volume: 10, duration: 32_000 };
    found.extend(keys.event(at(4050), &header, 8000, &event.to_bytes()));
    assert_eq!(found, [Key::Digit(5)]);
    assert_eq!((keys.counts().of(KeySource::InBand), keys.counts().twice), (1, 1));
}
