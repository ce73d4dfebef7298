//! Whatever arrives on a call's RTP and RTCP ports, the call plays on and hears its keys.

use std::net::SocketAddr;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::media::*;

#[test]
fn rubbish_is_counted_and_nothing_else() {
    let engine = engine(|_| ());
    let mut leg = engine.reserve().unwrap();
    let mut far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(400_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    let rtcp = SocketAddr::new(far_end.to.ip(), far_end.to.port() + 1);
    let mut runner = TestRunner::deterministic();
    let rubbish = (prop::collection::vec(any::<u8>(), 0..300), any::<bool>(), 0_u8..128);
    for _ in 0..3000 {
        let (mut datagram, proper, payload_type) = rubbish.new_tree(&mut runner).unwrap().current();
        if let ([first, second, ..], true) = (&mut datagram[..], proper) {
            (*first, *second) = (*first & 0x3F | 0x80, payload_type);
        }
        // What is a key by chance is a key; keys are counted below, so there shall be none.
        if let [_, second, ..] = &mut datagram[..]
            && *second & 0x7F == 101
        {
            *second = 8;
        }
        far_end.rtp.send_to(&datagram, far_end.to).unwrap();
        if let [_, second, ..] = &mut datagram[..] {
            *second = 200 + *second % 8;
        }
        far_end.rtcp.send_to(&datagram, rtcp).unwrap();
    }
    far_end.send_key_down('7');
    await_told(&told, &Told::Key('7'));
    leg.end();
    let stats = ended(&events);
    assert!(stats.refused > 0);
    assert_eq!(stats.keys.all(), 1);
}
