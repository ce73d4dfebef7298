use std::path::Path;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::audio::{Encoder, Law, dtmf, read_wav, samples_in, sine};
use crate::rtp::JitterBuffer;

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

/// A packet of sound as it was sent.
type Sent = (Header, Vec<u8>);

/// The same in packets of A-law, from shortly before the timestamp's wrap.
fn packets(keys: &str) -> Vec<Sent> {
    let coded = Law::A.encode_all(&sound(keys));
    coded.chunks(PACKET).enumerate().map(|(place, packet)| (header(place), packet.to_vec())).collect()
}

fn header(place: usize) -> Header {
    let timestamp = ((place * PACKET) as u32).wrapping_sub(2000);
    Header { payload_type: 8, marker: false, sequence: place as u16, timestamp, ssrc: 7 }
}

/// Keys, with sound put in order before them, as in a call.
struct Listener {
    keys: HeardKeys,
    buffer: JitterBuffer,
    codec: Codec,
}

impl Listener {
    fn new(codec: Codec) -> Listener {
        let mut keys = HeardKeys::default();
        keys.listen_for_tones(true);
        Listener { keys, buffer: JitterBuffer::new(codec.clock_rate()), codec }
    }

    fn hear(&mut self, now: Moment, header: &Header, payload: &[u8]) -> Vec<Key> {
        let mut found = Vec::new();
        // What is overdue by then.
        while let Some(wake) = self.buffer.wake_at().filter(|wake| *wake < now) {
            found.extend(self.due(wake));
        }
        self.buffer.push(now, header, self.codec.ticks(payload), payload);
        found.extend(self.due(now));
        found
    }

    fn due(&mut self, now: Moment) -> Vec<Key> {
        let mut found = Vec::new();
        while let Some(due) = self.buffer.pop(now) {
            found.extend(self.keys.sound(now, &due, self.codec));
        }
        found
    }
}

fn heard(packets: impl IntoIterator<Item = Sent>) -> String {
    heard_in(Codec::Pcma, packets)
}

/// What is heard of packets that come 20 ms apart.
fn heard_in(codec: Codec, packets: impl IntoIterator<Item = Sent>) -> String {
    heard_at(codec, packets.into_iter().enumerate().map(|(place, sent)| (place as u64 * 20, sent)))
}

/// What is heard of packets that come at these milliseconds.
fn heard_at(codec: Codec, arrivals: impl IntoIterator<Item = (u64, Sent)>) -> String {
    let mut listener = Listener::new(codec);
    let mut keys: Vec<Key> = Vec::new();
    for (at, (header, payload)) in arrivals {
        keys.extend(listener.hear(Moment::from_micros(at * 1000), &header, &payload));
    }
    keys.extend(listener.due(Moment::from_micros(u64::MAX)));
    keys.into_iter().map(Key::symbol).collect()
}

#[test]
fn packets_that_are_swapped_doubled_or_lost_change_no_key() {
    let sent = packets("1123*#");
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
    let mut listener = Listener::new(Codec::Pcma);
    let sent = packets("12");
    let (before, after) = sent.split_at(sent.len() / 2);
    let hear = |listener: &mut Listener, packets: &[Sent]| {
        let heard = packets.iter().flat_map(|(header, payload)| listener.hear(Moment::ZERO, header, payload));
        heard.map(Key::symbol).collect::<String>()
    };
    assert_eq!(hear(&mut listener, before), "1");
    listener.keys.listen_for_tones(false);
    assert!(listener.keys.tones.is_none(), "nothing is kept of it");
    assert_eq!(hear(&mut listener, after), "");
}

/// Packets late by up to 60 ms each, in the order they then come in, some of them lost.
fn on_a_bad_line(sent: &[Sent], lost: f64, chance: &mut ChaCha8Rng) -> Vec<(u64, Sent)> {
    let arrive = |(place, packet): (usize, &Sent)| {
        let late = chance.random_range(0..=60);
        (!chance.random_bool(lost)).then(|| (place as u64 * 20 + late, packet.clone()))
    };
    let mut arrivals: Vec<_> = sent.iter().enumerate().filter_map(arrive).collect();
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals
}

#[test]
fn a_key_whose_packets_come_in_any_order_within_60_ms_with_some_lost_is_one() {
    let mut chance = ChaCha8Rng::seed_from_u64(3);
    let mut tone = dtmf(Key::Digit(5), -10.0, Duration::from_millis(160));
    let mut sent = sine(440.0, -30.0, Duration::from_millis(400));
    sent.append(&mut tone);
    sent.extend(sine(440.0, -30.0, Duration::from_millis(200)));
    for codec in Codec::ALL {
        let sent = encoded(codec, &sent);
        for time in 0..40 {
            let arrivals = on_a_bad_line(&sent, 0.02, &mut chance);
            assert_eq!(heard_at(codec, arrivals), "5", "{codec:?}, call {time}");
        }
    }
}

#[test]
fn speech_whose_packets_come_in_any_order_is_no_key() {
    let mut chance = ChaCha8Rng::seed_from_u64(4);
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/en");
    let files = ["topic-updates", "enter-id-no-input", "common-bad-check", "way-window", "payments-3", "records-down"];
    let speech: Vec<i16> =
        files.iter().flat_map(|name| read_wav(&recordings.join(name).with_extension("wav")).unwrap()).collect();
    let sent = encoded(Codec::Pcma, &speech);
    for lost in [0.02, 0.1, 0.3] {
        assert_eq!(heard_at(Codec::Pcma, on_a_bad_line(&sent, lost, &mut chance)), "");
    }
}

fn encoded(codec: Codec, sound: &[i16]) -> Vec<Sent> {
    let mut encoder = Encoder::new(codec);
    let encode = |(place, samples): (usize, &[i16])| {
        let timestamp = place as u32 * codec.clock_rate() / 50;
        let header = Header { timestamp: timestamp.wrapping_sub(2000), ..header(place) };
        let Some(encoder) = &mut encoder else { return (header, codec.law().encode_all(samples).to_vec()) };
        let mut payload = vec![0; PACKET];
        let length = encoder.encode(samples, &mut payload);
        payload.truncate(length);
        (header, payload)
    };
    sound.chunks_exact(PACKET).enumerate().map(encode).collect()
}

#[test]
fn tones_are_heard_in_g722() {
    let sent = encoded(Codec::G722, &sound("1123*#0D"));
    assert_eq!(heard_in(Codec::G722, sent.clone()), "1123*#0D");
    let mut swapped = sent;
    swapped.chunks_mut(2).for_each(<[_]>::reverse);
    assert_eq!(heard_in(Codec::G722, swapped), "1123*#0D");
}

#[test]
fn a_sender_that_is_silent_in_pauses_sends_no_silence() {
    let silence = Law::A.encode(0);
    let mut sent = packets("5566");
    sent.retain(|(_, payload)| payload.iter().any(|byte| *byte != silence));
    (0..).zip(&mut sent).for_each(|(place, (header, _))| header.sequence = place);
    assert_eq!(heard(sent), "5566");
}

#[test]
fn another_stream_begins_anew() {
    let mut second = packets("3");
    for (header, _) in &mut second {
        (header.ssrc, header.timestamp) = (8, header.timestamp.wrapping_add(1 << 30));
    }
    assert_eq!(heard(packets("12").into_iter().chain(second)), "123");
}

#[test]
fn nobody_listens_once_another_source_has_told_of_a_key() {
    let mut listener = Listener::new(Codec::Pcma);
    let all = |listener: &mut Listener| {
        listener.buffer = JitterBuffer::new(8000);
        packets("9").iter().map(|(header, payload)| listener.hear(Moment::ZERO, header, payload).len()).sum::<usize>()
    };
    listener.keys.listen_for_tones(false);
    assert_eq!(all(&mut listener), 0);
    listener.keys.listen_for_tones(true);
    assert_eq!(all(&mut listener), 1);
    assert_eq!(listener.keys.info(Moment::from_micros(9_000_000), Key::Star), Some(Key::Star));
    assert_eq!(all(&mut listener), 0);
    listener.keys.listen_for_tones(true);
    let event = Event { code: 3, end: false, volume: 10, duration: 160 };
    let header = Header { payload_type: 101, ..header(0) };
    let now = Moment::from_micros(20_000_000);
    assert_eq!(listener.keys.event(now, &header, 8000, &event.to_bytes()), [Key::Digit(3)]);
    assert_eq!(all(&mut listener), 0);
}

#[test]
fn an_event_and_a_tone_of_one_press_are_one_key_while_both_are_agreed_on_or_neither() {
    // N09 asterisk#826, N10 asterisk-i#11: events come or go with a re-INVITE, in the middle of a press.
    let mut listener = Listener::new(Codec::Pcma);
    let at = |milliseconds: u64| Moment::from_micros(milliseconds * 1000);
    let event = |keys: &mut HeardKeys, now, duration| {
        let header = Header { payload_type: 101, marker: false, sequence: 1, timestamp: 800, ssrc: 7 };
        let event = Event { code: 5, end: false, volume: 10, duration };
        keys.event(now, &header, 8000, &event.to_bytes())
    };
    assert_eq!(event(&mut listener.keys, at(0), 160), [Key::Digit(5)]);
    let goes_on = |packet: u16| event(&mut listener.keys, at(20 * u64::from(packet)), 160 + packet * 160).is_empty();
    assert!((1..20).all(goes_on));
    listener.keys.far_end_changes(true);
    for (place, (header, payload)) in (0..).zip(packets("5")) {
        assert!(listener.hear(at(420 + place * 20), &header, &payload).is_empty());
    }
    let keys = listener.keys;
    assert_eq!((keys.counts().of(KeySource::Rfc4733), keys.counts().all(), keys.counts().twice), (1, 1, 1));
}

#[test]
fn a_key_held_for_four_seconds_and_told_of_by_tones_then_by_an_event_is_one() {
    // N15 freeswitch#2560: the gateway sends its event when the key is let go.
    let mut listener = Listener::new(Codec::Pcma);
    let sound = Law::A.encode_all(&dtmf(Key::Digit(5), -10.0, Duration::from_secs(4)));
    let at = |milliseconds: u64| Moment::from_micros(milliseconds * 1000);
    let mut found = Vec::new();
    for (place, payload) in sound.chunks(PACKET).enumerate() {
        found.extend(listener.hear(at(place as u64 * 20), &header(place), payload));
    }
    let mut keys = listener.keys;
    let header = Header { payload_type: 101, marker: true, sequence: 200, timestamp: 0, ssrc: 7 };
    let event = Event { code: 5, end: true, volume: 10, duration: 32_000 };
    found.extend(keys.event(at(4050), &header, 8000, &event.to_bytes()));
    assert_eq!(found, [Key::Digit(5)]);
    assert_eq!((keys.counts().of(KeySource::InBand), keys.counts().twice), (1, 1));
}
