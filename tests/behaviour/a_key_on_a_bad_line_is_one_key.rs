//! Keys in the sound of a line that loses, swaps and doubles packets.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::audio::{Law, dtmf};
use hotline::facts::{Key, KeySource};
use hotline::media::MediaParams;
use hotline::rtp::Header;

use crate::support::media::*;

/// Tones in packets of 20 ms of A-law, with their numbers.
fn packets(keys: &str) -> Vec<(u16, Vec<u8>)> {
    let mut sound = vec![0; 960];
    for key in keys.chars() {
        sound.extend(dtmf(Key::from_char(key).unwrap(), -10.0, Duration::from_millis(120)));
        sound.resize(sound.len() + 960, 0);
    }
    (0..).zip(Law::A.encode_all(&sound).chunks(160).map(<[u8]>::to_vec)).collect()
}

fn send(far_end: &FarEnd, to: SocketAddr, (number, payload): &(u16, Vec<u8>)) {
    let timestamp = u32::from(*number) * 160;
    let header = Header { payload_type: 8, marker: false, sequence: *number, timestamp, ssrc: 77 };
    far_end.rtp.send_to(&[&header.to_bytes(), &payload[..]].concat(), to).unwrap();
}

/// Sends these to a call that listens, and awaits the keys of it.
fn heard(sent: &[(u16, Vec<u8>)], keys: &str) {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[]);
    let told = player.listen();
    let events = begin(&mut leg, MediaParams { in_band_keys: true, ..far_end.params() }, player);
    sent.iter().for_each(|packet| send(&far_end, leg.address(), packet));
    keys.chars().for_each(|key| await_told(&told, &Told::Key(key)));
    leg.end();
    let counts = ended(&events).keys;
    assert_eq!((counts.of(KeySource::InBand) as usize, counts.all() as usize), (keys.len(), keys.len()));
}

#[test]
fn packets_that_are_swapped_doubled_and_lost() {
    let mut sent = packets("1580");
    sent.retain(|(number, _)| number % 20 != 9);
    sent.chunks_mut(4).skip(1).for_each(<[_]>::reverse);
    heard(&sent.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect::<Vec<_>>(), "1580");
}

#[test]
fn the_last_packets_before_a_silence_that_is_not_sent() {
    // What waits for the lost one is heard even though nothing comes after it.
    let mut sent = packets("7");
    sent.truncate(12);
    sent.remove(6);
    heard(&sent, "7");
}
