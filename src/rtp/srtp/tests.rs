use super::*;
use crate::rtp::{HEADER_LENGTH, Header, Packet};
use proptest::prelude::*;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn key(seed: u8) -> MasterKey {
    Secret::new(std::array::from_fn(|index| seed.wrapping_add(index as u8)))
}

/// The key of RFC 3711 appendix B.3.
fn known_key() -> MasterKey {
    Secret::new(hex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6").try_into().unwrap())
}

/// A packet of twenty bytes of payload, protected.
fn sent(sender: &mut SrtpSender, ssrc: u32, sequence: u16) -> Vec<u8> {
    let header = Header { payload_type: 8, sequence, timestamp: 160, ssrc, ..Header::default() };
    let mut packet = [&header.to_bytes()[..], &[sequence as u8; 20], &[0; MOST_ADDED]].concat();
    let length = sender.protect(&mut packet, HEADER_LENGTH + 20).unwrap();
    packet.truncate(length);
    packet
}

/// What a receiver makes of it.
fn heard(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, SrtpFault> {
    let mut packet = packet.to_vec();
    let length = receiver.unprotect(&mut packet)?;
    Ok(Packet::parse(&packet[..length]).unwrap().payload.to_vec())
}

/// The packets that libsrtp checks itself with.
#[test]
fn whole_packets_are_those_of_other_implementations() {
    let mut sender = SrtpSender::new(SUITE, &known_key());
    let mut packet = [hex("800f1234decafbadcafebabe"), vec![0xAB; 16], vec![0; 10]].concat();
    assert_eq!(sender.protect(&mut packet, 28), Some(38));
    let wanted = hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    assert_eq!(packet, wanted);
    let mut receiver = SrtpReceiver::new(SUITE, &known_key(), 0);
    assert_eq!(receiver.unprotect(&mut packet), Ok(28));
    assert_eq!(packet[12..28], [0xAB; 16]);

    let mut packet = [hex("81c8000bcafebabe"), vec![0xAB; 16], vec![0; 14]].concat();
    sender.rtcp_index_for_test(1);
    assert_eq!(sender.protect_rtcp(&mut packet, 24), Some(38));
    let wanted = hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
    assert_eq!(packet, wanted);
    assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(24));
    assert_eq!(packet[8..24], [0xAB; 16]);
}

/// Packets that libsrtp 2 has made, with the bytes 0 to 29 as key and salt: sound of sequence number 5, then a report.
#[test]
fn packets_of_libsrtp_are_read_and_written_in_both_suites() {
    let sound = "8008000500000320000000079ff287b3f508d6a54ad148ecba07e8fb8811f17c";
    let tags = ["837334f98d1e70cb187f", "837334f9"];
    let report = "80c9000100000007bf6df15ce31adf006efcb3c402dd32340531175d80000001 9a3a174d175bfdcaf2b7";
    for (suite, tag) in Suite::ALL.into_iter().zip(tags) {
        let theirs = hex(&format!("{sound}{tag}"));
        let (mut sender, mut receiver) = (SrtpSender::new(suite, &key(0)), SrtpReceiver::new(suite, &key(0), 0));
        let payload: Vec<u8> = (0..20).collect();
        assert_eq!(heard(&mut receiver, &theirs), Ok(payload.clone()));
        let header = Header { payload_type: 8, sequence: 5, timestamp: 800, ssrc: 7, ..Header::default() };
        let mut ours = [&header.to_bytes()[..], &payload, &[0; MOST_ADDED]].concat();
        let length = sender.protect(&mut ours, 32).unwrap();
        assert_eq!(ours[..length], theirs);

        let (plain, mut packet) = (hex("80c9000100000007 81ca000400000007 010861626364656667680000"), hex(report));
        assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(plain.len()));
        assert_eq!(packet[..plain.len()], plain);
        sender.rtcp_index_for_test(1);
        let mut ours = [&plain[..], &[0; MOST_ADDED]].concat();
        assert_eq!(sender.protect_rtcp(&mut ours, plain.len()), Some(hex(report).len()));
        assert_eq!(ours, hex(report));
    }
}

#[test]
fn packets_are_let_in_once_over_the_wrap_and_out_of_order() {
    let (mut sender, mut receiver) = (SrtpSender::new(SUITE, &key(1)), SrtpReceiver::new(SUITE, &key(1), 0));
    let packets: Vec<_> = (0..400_u16).map(|index| sent(&mut sender, 7, 65_400_u16.wrapping_add(index))).collect();
    for pair in packets.chunks(2) {
        assert!(heard(&mut receiver, &pair[1]).is_ok());
        assert!(heard(&mut receiver, &pair[0]).is_ok());
    }
    assert!(packets.iter().all(|packet| heard(&mut receiver, packet) == Err(SrtpFault::Replayed)));
}

#[test]
fn a_wrap_lost_at_the_very_beginning_is_found() {
    let (mut sender, mut receiver) = (SrtpSender::new(SUITE, &key(1)), SrtpReceiver::new(SUITE, &key(1), 0));
    let packets: Vec<_> = (0..6_u16).map(|index| sent(&mut sender, 7, 65_534_u16.wrapping_add(index))).collect();
    assert!(packets[3..].iter().all(|packet| heard(&mut receiver, packet).is_ok()));
}

#[test]
fn another_source_begins_anew_and_the_old_one_cannot_be_played_again() {
    let (mut first, mut second) = (SrtpSender::new(SUITE, &key(1)), SrtpSender::new(SUITE, &key(1)));
    let mut receiver = SrtpReceiver::new(SUITE, &key(1), 0);
    let old = sent(&mut first, 7, 9);
    assert!(heard(&mut receiver, &old).is_ok());
    assert_eq!(heard(&mut receiver, &sent(&mut second, 8, 4000)), Ok(vec![160; 20]));
    assert_eq!(heard(&mut receiver, &old), Err(SrtpFault::Replayed));
    assert!(heard(&mut receiver, &sent(&mut first, 7, 10)).is_ok());
    // A bound on sources, and those already heard are still heard.
    for ssrc in 100..130 {
        assert!(heard(&mut receiver, &sent(&mut SrtpSender::new(SUITE, &key(1)), ssrc, 1)).is_ok());
    }
    let more = sent(&mut SrtpSender::new(SUITE, &key(1)), 130, 1);
    assert_eq!(heard(&mut receiver, &more), Err(SrtpFault::TooManySources));
    assert!(heard(&mut receiver, &sent(&mut first, 7, 11)).is_ok());
}

#[test]
fn a_new_key_is_taken_whether_the_rollover_counter_goes_on_or_begins_again() {
    for begins_again in [false, true] {
        let agreed = |theirs| SrtpKeys { suite: SUITE, ours: key(50), theirs: key(theirs), their_mki: 0 };
        let (mut srtp, mut far_end) = (Srtp::new(agreed(1)), SrtpSender::new(SUITE, &key(1)));
        let last = (0..70_000_u32).map(|index| sent(&mut far_end, 7, index as u16)).last().unwrap();
        // Of all these the receiver has heard enough to follow the wrap.
        far_end = SrtpSender::new(SUITE, &key(1));
        for index in (0..70_000_u32).step_by(1000) {
            let mut packet =
                [&Header { sequence: index as u16, ssrc: 7, ..Header::default() }.to_bytes()[..], &[0; 14]].concat();
            let length = far_end.protect(&mut packet, HEADER_LENGTH).unwrap();
            assert!(srtp.receiver.unprotect(&mut packet[..length]).is_ok(), "{index}");
        }
        assert!(!srtp.rekey(agreed(2)));
        assert_eq!(heard(&mut srtp.receiver, &last), Err(SrtpFault::Forged));
        let mut next = SrtpSender::new(SUITE, &key(2));
        if !begins_again {
            sent(&mut next, 7, 60_000);
        }
        assert!(heard(&mut srtp.receiver, &sent(&mut next, 7, 4465)).is_ok());
        assert!(srtp.rekey(SrtpKeys { ours: key(51), ..agreed(2) }));
        assert!(heard(&mut srtp.receiver, &sent(&mut next, 7, 4466)).is_ok(), "their way goes on as it was");
    }
}

#[test]
fn what_was_on_its_way_at_a_change_of_keys_is_let_in_until_the_new_key_is_heard() {
    let agreed = |theirs| SrtpKeys { suite: SUITE, ours: key(50), theirs: key(theirs), their_mki: 0 };
    let let_in = |srtp: &mut Srtp, packet: &[u8]| srtp.unprotect(&mut packet.to_vec());
    let (mut srtp, mut old) = (Srtp::new(agreed(1)), SrtpSender::new(SUITE, &key(1)));
    let packets: Vec<_> = (0..4).map(|index| sent(&mut old, 7, index)).collect();
    assert_eq!(let_in(&mut srtp, &packets[0]), Ok(32));
    assert!(!srtp.rekey(agreed(2)));
    assert_eq!(let_in(&mut srtp, &packets[0]), Err(SrtpFault::Replayed));
    assert_eq!(let_in(&mut srtp, &packets[1]), Ok(32));
    let mut report = [&hex("81c9000700000007")[..], &[0; 24], &[0; MOST_ADDED]].concat();
    let length = old.protect_rtcp(&mut report, 32).unwrap();
    assert_eq!(srtp.unprotect_rtcp(&mut report[..length]), Ok(32));
    assert_eq!(let_in(&mut srtp, &sent(&mut SrtpSender::new(SUITE, &key(3)), 7, 2)), Err(SrtpFault::Forged));
    assert_eq!(let_in(&mut srtp, &packets[2]), Ok(32));
    assert_eq!(let_in(&mut srtp, &sent(&mut SrtpSender::new(SUITE, &key(2)), 7, 4)), Ok(32));
    assert_eq!(let_in(&mut srtp, &packets[3]), Err(SrtpFault::Forged));
}

#[test]
fn identifiers_sources_extensions_and_padding_are_read() {
    let mut sender = SrtpSender::new(SUITE, &key(1));
    let mut packet = sent(&mut sender, 7, 1);
    let tag = packet.split_off(HEADER_LENGTH + 20);
    let with_mki = [&packet[..], &[0, 0, 0, 9], &tag].concat();
    assert!(heard(&mut SrtpReceiver::new(SUITE, &key(1), 4), &with_mki).is_ok());
    assert_eq!(heard(&mut SrtpReceiver::new(SUITE, &key(1), 0), &with_mki), Err(SrtpFault::Forged));

    // By hand: two sources, an extension of one word, three bytes of sound, one of padding.
    let keys = super::keys::SessionKeys::derive(&key(1), super::keys::Use::Rtp);
    let mut packet = hex("b208000100000000 00000007 00000001 00000002 bede0001 01020304 0a0b0c01");
    keys.crypt(7, 1, &mut packet[28..]);
    let tag = keys.tag(&packet, &[0; 4]);
    packet.extend(&tag[..10]);
    assert_eq!(heard(&mut SrtpReceiver::new(SUITE, &key(1), 0), &packet), Ok(vec![10, 11, 12]));
}

#[test]
fn plain_packets_are_not_let_in() {
    let mut receiver = SrtpReceiver::new(Suite::AesCm128HmacSha1_32, &key(1), 0);
    let mut plain = [&Header::default().to_bytes()[..], &[0xD5; 160]].concat();
    assert_eq!(receiver.unprotect(&mut plain), Err(SrtpFault::Forged));
    assert_eq!(plain[12..], [0xD5; 160]);
    let mut report = hex("81c90007cafebabe 00000001 00000000 00000000 00000000 00000000 00000000");
    assert_eq!(receiver.unprotect_rtcp(&mut report), Err(SrtpFault::Forged));
}

#[test]
fn keys_are_shown_nowhere() {
    let srtp = Srtp::new(SrtpKeys { suite: SUITE, ours: key(65), theirs: key(65), their_mki: 0 });
    let shown = format!("{srtp:?}");
    assert!(!shown.contains("65") && !shown.contains("0x41") && !shown.contains("ABC"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_protected_is_let_in_and_what_was_touched_is_not(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        suite in prop::sample::select(&Suite::ALL),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let header = Header { sequence: 5, ssrc: 7, ..Header::default() };
        let mut packet = [&header.to_bytes()[..], &payload, &[0; MOST_ADDED]].concat();
        let length = SrtpSender::new(suite, &key(9)).protect(&mut packet, HEADER_LENGTH + payload.len()).unwrap();
        packet.truncate(length);
        prop_assert_eq!(length, HEADER_LENGTH + payload.len() + suite.tag_length());
        let mut touched = packet.clone();
        touched[at.index(length)] ^= 1_u8 << bit;
        let before = touched.clone();
        prop_assert!(SrtpReceiver::new(suite, &key(9), 0).unprotect(&mut touched).is_err());
        prop_assert_eq!(touched, before);
        prop_assert_eq!(heard(&mut SrtpReceiver::new(suite, &key(9), 0), &packet), Ok(payload));
    }

    #[test]
    fn no_datagram_brings_it_down(mut bytes in prop::collection::vec(any::<u8>(), 0..60), mki in any::<u8>()) {
        let mut receiver = SrtpReceiver::new(SUITE, &key(1), mki);
        let _ = receiver.unprotect(&mut bytes);
        let _ = receiver.unprotect_rtcp(&mut bytes);
        let length = bytes.len();
        let mut sender = SrtpSender::new(SUITE, &key(1));
        let _ = sender.protect(&mut bytes, length);
        let _ = sender.protect_rtcp(&mut bytes, length / 2);
        let _ = sender.protect_rtcp(&mut bytes, usize::MAX);
    }
}
