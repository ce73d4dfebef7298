//! Where nobody listens to a call's sound the kernel drops most of it, and never a key; where someone does, all of it comes.
#![cfg(target_os = "linux")]

use std::time::Duration;

use hotline::audio::Law;
use hotline::facts::KeySource;
use hotline::media::MediaParams;

use crate::support::media::*;
use crate::support::tones::{Press, line};

const KEYS: &str = "1234567890*#ABCD";

/// Datagrams that the kernel has dropped of what came for a port of this host (proc(5), /proc/net/udp).
fn dropped(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").expect("the kernel's table");
    let row = table.lines().find(|row| row.split_whitespace().nth(1) == Some(&format!("0100007F:{port:04X}")));
    row.and_then(|row| row.split_whitespace().last()).expect("the call's socket").parse().expect("a number")
}

/// Sends sound until the kernel drops it.
fn send_until_dropped(far_end: &mut FarEnd) {
    let begun = std::time::Instant::now();
    while dropped(far_end.to.port()) == 0 {
        assert!(begun.elapsed() < DEADLINE, "nothing is dropped");
        far_end.send_sound();
        std::thread::yield_now();
    }
}

#[test]
fn a_thousand_keys_amid_sound_are_a_thousand_keys() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    send_until_dropped(&mut far_end);
    for key in KEYS.chars().cycle().take(1000) {
        (0..7).for_each(|_| far_end.send_sound());
        far_end.send_key_down(key);
        (0..7).for_each(|_| far_end.send_sound());
        await_told(&told, &Told::Key(key));
    }
    let dropped = dropped(far_end.to.port());
    leg.end();
    let stats = ended(&events);
    assert_eq!((stats.keys.of(KeySource::Rfc4733), stats.keys.all()), (1000, 1000));
    // 14,000 packets of sound, of which one in 64 comes by its number and one in 256 by lot.
    assert!((13_000..14_500).contains(&dropped), "{dropped}");
    assert_eq!((stats.lost, stats.refused), (0, 0), "what is dropped is not lost");
    assert!((14_900..=15_500).contains(&stats.packets_received), "{}", stats.packets_received);
}

#[test]
fn a_telephone_that_sends_little_while_its_caller_is_silent_is_not_taken_for_dead() {
    let engine = engine(|config| config.time_out = Duration::from_secs(3));
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let events = begin(&mut leg, far_end.params(), Player::of(&[]));
    send_until_dropped(&mut far_end);
    // None of the next 63 comes through by its number.
    while !far_end.sequence().is_multiple_of(64) {
        far_end.send_sound();
    }
    // Twice as long as a far end may say nothing.
    for _ in 0..24 {
        assert!(events.recv_timeout(Duration::from_millis(250)).is_err(), "the call is taken for dead");
        far_end.send_sound();
    }
    leg.end();
    let stats = ended(&events);
    assert_eq!((stats.lost, stats.refused), (0, 0));
}

#[test]
fn a_telephone_that_loses_its_events_is_listened_to_again() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    send_until_dropped(&mut far_end);
    leg.update(MediaParams { events: Vec::new(), in_band_keys: true, ..far_end.params() }).unwrap();
    leg.send(Box::new("agreed")).unwrap();
    await_told(&told, &Told::Message("agreed"));
    let dropped_before = dropped(far_end.to.port());
    let line = line(KEYS.chars().map(|key| Press::of(key, -10.0, 100.0)), 100.0);
    let line: Vec<u8> = line.iter().map(|sample| Law::A.encode(sample.round() as i16)).collect();
    for (packet, timestamp) in line.chunks(160).zip((10_000_000..).step_by(160)) {
        far_end.send(8, false, timestamp, packet);
    }
    KEYS.chars().for_each(|key| await_told(&told, &Told::Key(key)));
    assert_eq!(dropped(far_end.to.port()), dropped_before);
    leg.end();
    assert_eq!(ended(&events).keys.of(KeySource::InBand), 16);
}
