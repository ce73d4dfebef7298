//! Telephone-events of every clock rate that was offered are heard, on whichever of them they come.

use hotline::facts::{Key, KeySource};
use hotline::media::{EventType, MediaParams};
use hotline::rtp::Event;

use crate::support::media::*;

/// A press of two seconds, a packet each 20 ms, the end three times; segments where the duration's 16 bits are full (RFC
/// 4733 section 2.5.1.3).
fn hold(far_end: &mut FarEnd, event_type: EventType, key: char, begun: u32) {
    let step = event_type.clock_rate / 50;
    let (mut timestamp, mut duration) = (begun, 0);
    let code = Key::from_char(key).unwrap().event();
    for packet in 1..=100 {
        duration += step;
        if duration > 0xFFFF {
            timestamp += 0xFFFF;
            duration -= 0xFFFF;
        }
        let (end, times) = (packet == 100, if packet == 100 { 3 } else { 1 });
        let event = Event { code, end, volume: 10, duration: duration as u16 };
        (0..times).for_each(|_| far_end.send(event_type.payload_type, packet == 1, timestamp, &event.to_bytes()));
    }
}

#[test]
fn each_is_one_press_however_long_it_is_held() {
    // N03 pjproject#2679, N04 asterisk#1004: several clocks, and the far end takes any. N06 freeswitch#1724: a duration of
    // 48000 ticks is a second.
    let rates = [(101, 8000), (100, 16_000), (103, 48_000)];
    let events: Vec<_> =
        rates.iter().map(|&(payload_type, clock_rate)| EventType { payload_type, clock_rate }).collect();
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[]);
    let told = player.listen();
    let ended_events = begin(&mut leg, MediaParams { events: events.clone(), ..far_end.params() }, player);
    for (place, (event_type, key)) in events.into_iter().zip("5#7".chars()).enumerate() {
        hold(&mut far_end, event_type, key, 1_000_000 * (place as u32 + 1));
        await_told(&told, &Told::Key(key));
    }
    leg.end();
    let stats = ended(&ended_events);
    assert_eq!((stats.keys.of(KeySource::Rfc4733), stats.keys.all()), (3, 3));
}
