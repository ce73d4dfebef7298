//! Barge-in on the wire: after the first packet of a key at most one more packet of sound leaves. Nobody waits for the
//! key to be let go.

use std::time::Duration;

use hotline::audio::{Codec, dtmf};
use hotline::facts::{Key, KeySource};
use hotline::media::{MediaEvent, MediaParams};

use crate::support::media::*;

#[test]
fn at_most_one_more_packet_leaves_after_a_key_goes_down() {
    let engine = engine(|_| ());
    for _ in 0..5 {
        let mut leg = engine.reserve().unwrap();
        let mut far_end = FarEnd::of(&leg);
        let mut player = Player::of(&[list(80_000, 1)]);
        let told = player.listen();
        let events = begin(&mut leg, far_end.params(), player);
        far_end.get_many(5);
        far_end.send_key_down('5');
        let on_the_way = far_end.rest().len();
        await_told(&told, &Told::Key('5'));
        // When the call has ended, all it sent has arrived.
        leg.end();
        let stats = ended(&events);
        let after = far_end.rest().len();
        assert!(on_the_way + after <= 1, "{on_the_way} + {after}");
        assert_eq!(stats.keys.all(), 1);
    }
}

#[test]
fn a_key_by_info_stops_it_as_soon() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(80_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    far_end.get_many(5);
    leg.press(Key::Hash).unwrap();
    let on_the_way = far_end.rest().len();
    await_told(&told, &Told::Key('#'));
    leg.end();
    let stats = ended(&events);
    // A packet or two, as the threads of this machine have their turn, of the five hundred that were to come.
    assert!(on_the_way + far_end.rest().len() < 5);
    assert_eq!(stats.keys.of(KeySource::Info), 1);
}

#[test]
fn a_key_in_the_sound_stops_it_as_soon_as_it_is_heard() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(80_000, 1)]);
    let told = player.listen();
    let params = MediaParams { events: Vec::new(), in_band_keys: true, ..far_end.params() };
    let events = begin(&mut leg, params, player);
    far_end.get_many(5);
    // Forty milliseconds of a key are enough; nobody waits for it to be let go.
    let tone = Codec::Pcma.law().encode_all(&dtmf(Key::Digit(6), -10.0, Duration::from_millis(40)));
    for (place, packet) in tone.chunks(160).enumerate() {
        far_end.send(8, false, place as u32 * 160, packet);
    }
    let on_the_way = far_end.rest().len();
    await_told(&told, &Told::Key('6'));
    leg.end();
    let stats = ended(&events);
    // A packet or two, as the threads of this machine have their turn, of the five hundred that were to come.
    assert!(on_the_way + far_end.rest().len() < 5);
    assert_eq!((stats.keys.of(KeySource::InBand), stats.keys.twice), (1, 0));
}

#[test]
fn a_conductor_that_panics_loses_its_own_call_alone() {
    let engine = engine(|_| ());
    let (mut bad, mut good) = (engine.reserve().unwrap(), engine.reserve().unwrap());
    let (mut bad_end, mut good_end) = (FarEnd::of(&bad), FarEnd::of(&good));
    let mut player = Player::of(&[list(80_000, 1)]);
    player.panics_at_key = true;
    let lost = begin(&mut bad, bad_end.params(), player);
    let mut player = Player::of(&[list(80_000, 2)]);
    let told = player.listen();
    let kept = begin(&mut good, good_end.params(), player);
    bad_end.get();
    bad_end.send_key_down('1');
    assert_eq!(lost.recv_timeout(DEADLINE), Ok(MediaEvent::HangUp));
    good_end.get_many(3);
    good_end.send_key_down('2');
    await_told(&told, &Told::Key('2'));
    assert!(kept.is_empty());
}
