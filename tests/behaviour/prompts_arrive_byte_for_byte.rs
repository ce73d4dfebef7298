//! What a call plays arrives in order, byte for byte, as one RTP stream: timestamps, sequence, markers, and RTCP at its
//! end.

use std::sync::Arc;
use std::time::Duration;

use hotline::audio::{Clip, Codec, Item, Playlist};
use hotline::facts::Moment;
use hotline::media::{MediaEvent, MediaParams};
use hotline::rtp::{Event, KeyPlan, Reporter};

use crate::support::media::*;

#[test]
fn clips_and_pauses_arrive_in_order_without_a_gap() {
    let engine = engine(|_| ());
    let mut first = Playlist::new(vec![Item::Clip(clip(1000, 1)), Item::Silence(300), Item::Clip(clip(333, 2))]);
    first.push_pause(Duration::from_millis(30));
    // P06 freeswitch#3168: a very short list and an empty one between others.
    let short = Playlist::new(vec![Item::Clip(Arc::new(Clip::from_samples(&[9])))]);
    let lists = [first, short, Playlist::default(), list(960, 3)];
    for codec in [Codec::Pcma, Codec::Pcmu] {
        for (ptime, packet) in [(20, 160), (30, 240), (10, 80), (25, 200), (60, 480)] {
            let mut leg = engine.reserve().unwrap();
            let far_end = FarEnd::of(&leg);
            let mut player = Player::of(&lists);
            player.hang_up = true;
            let params = MediaParams { codec, payload_type: codec.payload_type(), ptime, ..far_end.params() };
            let events = begin(&mut leg, params, player);
            assert_eq!(events.recv_timeout(DEADLINE), Ok(MediaEvent::HangUp));
            let packets = far_end.rest();
            let heard: Vec<u8> = packets.iter().flat_map(|got| got.payload.clone()).collect();
            assert_eq!(heard, bytes(&lists, codec, packet), "{codec:?}, {ptime} ms");
            for (index, pair) in packets.windows(2).enumerate() {
                let [before, after] = [pair[0].header, pair[1].header];
                assert_eq!(after.sequence.wrapping_sub(before.sequence), 1);
                assert_eq!(after.timestamp.wrapping_sub(before.timestamp), packet as u32, "packet {index}");
                assert_eq!((after.ssrc, after.payload_type), (before.ssrc, codec.payload_type()));
                assert!(!after.marker);
            }
            assert!(packets[0].header.marker);
            leg.end();
            let stats = ended(&events);
            assert_eq!(stats.packets_sent as usize, packets.len());
            assert_eq!((stats.octets_sent as usize, stats.send_errors), (heard.len(), 0));
        }
    }
}

#[test]
fn sound_after_silence_is_marked_and_its_timestamp_has_gone_on() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(320, 1)]);
    let told = player.listen();
    let _events = begin(&mut leg, far_end.params(), player);
    await_told(&told, &Told::Played);
    let before = far_end.get_many(2);
    // A message wakes the call; there is no more to play, so it stays silent.
    leg.send(Box::new("next")).unwrap();
    await_told(&told, &Told::Message("next"));
    assert_eq!(far_end.rest(), []);
    leg.end();
    await_told(&told, &Told::HungUp);

    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[]);
    let told = player.listen();
    player.lists = [].into();
    let _events = begin(&mut leg, far_end.params(), player);
    await_told(&told, &Told::Started);
    assert!(before[0].header.marker && !before[1].header.marker);
}

#[test]
fn a_call_that_waits_is_kept_alive_with_silence() {
    let engine = engine(|config| config.keep_alive = Duration::from_millis(50));
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(160, 1)]);
    player.wake_after = Some(Duration::from_millis(300));
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    let packets = far_end.get_many(4);
    for pair in packets.windows(2) {
        assert!(pair[1].header.marker);
        assert_eq!(pair[1].payload, [Codec::Pcma.law().silence(); 160]);
        let passed = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        assert!(passed >= 50 * 8, "{passed}");
        assert_eq!(pair[1].header.sequence.wrapping_sub(pair[0].header.sequence), 1);
    }
    await_told(&told, &Told::Timeout);
    leg.end();
    // Far fewer than a playing call's.
    assert!(ended(&events).packets_sent < 15);
}

#[test]
fn a_held_call_waits_and_goes_on() {
    let engine = engine(|config| {
        config.time_out = Duration::from_millis(200);
        config.keep_alive = Duration::from_millis(20);
    });
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let lists = [list(4800, 1)];
    let mut player = Player::of(&lists);
    player.wake_after = Some(Duration::from_millis(700));
    let told = player.listen();
    let mut params = far_end.params();
    params.send = false;
    let events = begin(&mut leg, params.clone(), player);
    // Longer than the time-out, which does not count while the call is held; nothing is sent.
    await_told(&told, &Told::Timeout);
    assert_eq!(far_end.rest(), []);
    params.send = true;
    leg.update(params).unwrap();
    let mut heard = Vec::new();
    while heard.len() < 4800 {
        far_end.send_sound();
        heard.extend(far_end.get().payload);
    }
    assert_eq!(heard, bytes(&lists, Codec::Pcma, 160));
    leg.end();
    ended(&events);
}

#[test]
fn keys_are_sent_and_heard() {
    let engine = engine(|_| ());
    let (mut here, mut there) = (engine.reserve().unwrap(), engine.reserve().unwrap());
    let (nobody, mut hears) = (FarEnd::of(&here), Player::of(&[list(8000, 1)]));
    let keys = "11 0*#A9@60";
    let mut presses = Player { keys: Some(KeyPlan::parse(keys).unwrap()), ..Player::default() };
    let (heard, sent) = (hears.listen(), presses.listen());
    let towards = |leg: &hotline::media::Leg| MediaParams { remote: leg.address(), ..nobody.params() };
    let events = begin(&mut here, towards(&there), hears);
    let _pressing = begin(&mut there, towards(&here), presses);
    await_told(&sent, &Told::KeysSent);
    let mut got = String::new();
    while got.len() < 7 {
        if let Told::Key(key) = heard.recv_timeout(DEADLINE).unwrap() {
            got.push(key);
        }
    }
    assert_eq!(got, "110*#A9");
    there.end();
    here.end();
    let stats = ended(&events);
    assert_eq!((stats.keys.all(), stats.lost, stats.refused), (7, 0, 0));
}

/// D17 asterisk-chan-dongle#28, D11 pjproject#1582: a call that ends in the middle of a key closes it.
#[test]
fn a_call_that_ends_in_a_key_closes_it_and_says_goodbye() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let player = Player { keys: Some(KeyPlan::parse("5@8000").unwrap()), ..Player::default() };
    let events = begin(&mut leg, far_end.params(), player);
    let down = far_end.get_many(2);
    leg.end();
    ended(&events);
    let rest = far_end.rest();
    let ends: Vec<Event> = rest.iter().map(|got| Event::from_bytes(got.payload[..4].try_into().unwrap())).collect();
    assert_eq!(ends.iter().filter(|event| event.end).count(), 3);
    assert!(ends.iter().rev().take(3).all(|event| event.end && event.code == 5));
    assert!(rest.iter().chain(&down).all(|got| got.header.timestamp == down[0].header.timestamp));
    let mut datagram = [0; 500];
    let length = far_end.rtcp.recv(&mut datagram).unwrap();
    let heard = Reporter::new(1).receive(Moment::ZERO, &datagram[..length]).unwrap();
    assert!(heard.bye && heard.sender_report.is_some());
}
