//! Symmetric RTP: a call follows its far end once, and nobody else is heard (Z01, A01, A04 of the field cases; the
//! addresses beyond this host are tested in the latch itself).

use hotline::media::{Latching, MediaParams};

use crate::support::media::*;

/// Z01 rtpengine#397 and its kin: a stranger's packets and keys change nothing, before or after the far end's first.
#[test]
fn z01_a_strangers_keys_are_not_heard() {
    let engine = engine(|config| config.latching = Latching::SameAddress);
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut stranger = FarEnd::at(&leg, "127.0.0.2");
    let mut player = Player::of(&[list(80_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    await_told(&told, &Told::Started);
    stranger.send_key_down('9');
    far_end.send_sound();
    far_end.get_many(3);
    for _ in 0..20 {
        stranger.send_sound();
        stranger.send_key_down('9');
    }
    far_end.send_key_down('1');
    await_told(&told, &Told::Key('1'));
    assert_eq!(stranger.rest(), []);
    leg.end();
    let stats = ended(&events);
    assert_eq!(stats.keys.all(), 1);
    assert!(stats.refused >= 1);
}

/// A01 livekit/sip#611: the SDP's private address is not where the packets come from.
#[test]
fn a01_a_caller_behind_nat_is_followed() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let signalled = FarEnd::of(&leg);
    let mut real = FarEnd::at(&leg, "127.0.0.2");
    let mut player = Player::of(&[list(80_000, 1)]);
    let told = player.listen();
    let _events = begin(&mut leg, signalled.params(), player);
    for _ in 0..3 {
        real.send_sound();
    }
    real.get_many(5);
    real.send_key_down('3');
    await_told(&told, &Told::Key('3'));
}

/// A04 baresip#3720: another port of the same address. Then a re-INVITE names a new address, and the call moves there.
#[test]
fn a04_another_port_is_followed_once_and_a_new_agreement_opens_the_call_again() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let (signalled, mut real) = (FarEnd::of(&leg), FarEnd::of(&leg));
    let mut player = Player::of(&[list(400_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, signalled.params(), player);
    real.send_sound();
    real.get_many(3);
    // The same agreement again, as a session refresh brings it, changes nothing.
    leg.update(signalled.params()).unwrap();
    signalled.rest();
    real.get_many(3);
    assert!(signalled.rest().len() <= 1);

    let mut moved = FarEnd::of(&leg);
    leg.update(MediaParams { ptime: 40, ..moved.params() }).unwrap();
    assert_eq!(moved.get_many(2)[1].payload.len(), 320);
    moved.send_sound();
    moved.get_many(2);
    for _ in 0..3 {
        real.send_key_down('8');
    }
    moved.send_key_down('4');
    await_told(&told, &Told::Key('4'));
    leg.end();
    assert_eq!(ended(&events).keys.all(), 1);
}

/// Z01 again: a call that is held by the address of nobody (RFC 3264 section 8.4) does not open itself to anybody.
#[test]
fn z01_a_held_call_is_not_open_to_strangers() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let (mut far_end, mut stranger) = (FarEnd::of(&leg), FarEnd::at(&leg, "127.0.0.2"));
    let mut player = Player::of(&[list(400_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    far_end.send_sound();
    far_end.get_many(3);
    let nobody = std::net::SocketAddr::from(([0, 0, 0, 0], far_end.params().remote.port()));
    leg.update(MediaParams { remote: nobody, send: false, ..far_end.params() }).unwrap();
    for _ in 0..9 {
        stranger.send_sound();
        stranger.send_key_down('9');
    }
    leg.update(far_end.params()).unwrap();
    far_end.rest();
    far_end.get_many(2);
    far_end.send_key_down('1');
    await_told(&told, &Told::Key('1'));
    assert_eq!(stranger.rest(), []);
    leg.end();
    assert_eq!(ended(&events).keys.all(), 1);
}
