//! Two hundred calls on one thread each hear their own prompt, whole and in order, and give their ports back.

use hotline::audio::Codec;
use hotline::media::{MediaError, MediaEvent};

use crate::support::media::*;

#[test]
fn each_call_hears_its_own_prompt_whole() {
    let engine = engine(|_| ());
    let mut calls = Vec::new();
    for seed in 0..200 {
        let mut leg = engine.reserve().unwrap();
        let far_end = FarEnd::of(&leg);
        let lists = [list(3200, seed), list(1600, seed + 1000)];
        let mut player = Player::of(&lists);
        player.hang_up = true;
        let events = begin(&mut leg, far_end.params(), player);
        calls.push((leg, far_end, lists, events));
    }
    assert_eq!(engine.legs(), 200);
    for (leg, far_end, lists, events) in calls {
        assert_eq!(events.recv_timeout(DEADLINE), Ok(MediaEvent::HangUp));
        let heard: Vec<u8> = far_end.rest().into_iter().flat_map(|got| got.payload).collect();
        assert_eq!(heard, bytes(&lists, Codec::Pcma, 160));
        leg.end();
        assert_eq!(ended(&events).packets_sent, 30);
    }
    assert_eq!(engine.legs(), 0);
}

#[test]
fn ports_run_out_with_an_error_and_come_back() {
    let engine = engine(|config| {
        // Above what the system gives away by itself and other tests take: nobody else holds one of these.
        config.ports = 61_100..=61_107;
        config.port_rest = std::time::Duration::ZERO;
    });
    let legs: Vec<_> = (0..4).map(|_| engine.reserve().unwrap()).collect();
    assert!(matches!(engine.reserve(), Err(MediaError::PortsExhausted { pairs: 4 })));
    for (index, mut leg) in legs.into_iter().enumerate() {
        // One that began, and one that never did.
        if index % 2 == 0 {
            let far_end = FarEnd::of(&leg);
            let events = begin(&mut leg, far_end.params(), Player::default());
            leg.end();
            ended(&events);
        } else {
            leg.end();
        }
    }
    assert!((0..4).map(|_| engine.reserve()).all(|leg| leg.is_ok()));
}
