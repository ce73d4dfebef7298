//! A caller's silence may come as comfort noise (RFC 3389), agreed on or not; and packets may be of any length.

use std::time::Duration;

use crossbeam_channel::unbounded;
use hotline::audio::Codec;

use crate::support::media::*;

#[test]
fn a_caller_who_sends_nothing_else_is_there_and_silent() {
    let engine = engine(|config| config.time_out = Duration::from_millis(1500));
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let lists = [list(32_000, 1)];
    let mut player = Player::of(&lists);
    let (sound, payloads) = unbounded();
    player.sound = Some(sound);
    let events = begin(&mut leg, far_end.params(), player);
    let mut heard = Vec::new();
    // Four seconds of it: more than two time-outs. It may be a level alone, or a spectrum too, and its first packet is marked.
    for index in 0_u32.. {
        if heard.len() == 32_000 {
            break;
        }
        far_end.send(13, index == 0, index * 160, &[40, 1, 2, 3][..1 + index as usize % 4]);
        let got = far_end.get();
        assert_eq!(got.header.payload_type, 8, "we go on as was agreed");
        heard.extend(got.payload);
    }
    assert_eq!(heard, bytes(&lists, Codec::Pcma, 160));
    assert!(events.is_empty() && payloads.is_empty());
    far_end.send(8, true, 32_160, &[0x55; 160]);
    assert_eq!(payloads.recv_timeout(DEADLINE).unwrap(), [0x55; 160], "then the caller speaks");
    leg.end();
    let stats = ended(&events);
    assert_eq!((stats.packets_received, stats.refused, stats.lost), (201, 0, 0));
}

#[test]
fn packets_of_any_length_are_heard() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let (mut player, (sound, payloads)) = (Player::default(), unbounded());
    player.sound = Some(sound);
    // What is agreed on holds for what we send.
    let events = begin(&mut leg, far_end.params(), player);
    let mut timestamp = 0;
    for length in [80, 160, 240, 320, 400, 480, 7, 960, 1600] {
        far_end.send(8, false, timestamp, &vec![0x55; length]);
        timestamp += length as u32;
        assert_eq!(payloads.recv_timeout(DEADLINE).unwrap().len(), length);
    }
    leg.end();
    assert_eq!(ended(&events).refused, 0);
}
