use super::super::{KeyPlan, KeySender, KeyStep};
use super::*;
use crate::rtp::Packet;
use proptest::prelude::*;

/// A packet as the field cases tell of it.
#[derive(Clone, Copy)]
struct Sent {
    at: u64,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    event: Event,
}

const fn event(code: u8, end: bool, duration: u16) -> Event {
    Event { code, end, volume: 10, duration }
}

/// So many packets 20 ms apart, from `at` ms, with these (timestamp, end, duration); the first one marked.
fn press(at: u64, sequence: u16, code: u8, packets: &[(u32, bool, u16)]) -> Vec<Sent> {
    (0..)
        .zip(packets)
        .map(|(index, (timestamp, end, duration))| Sent {
            at: at + u64::from(index) * 20,
            marker: index == 0,
            sequence: sequence.wrapping_add(index),
            timestamp: *timestamp,
            event: event(code, *end, *duration),
        })
        .collect()
}

/// As the RFC has it: 100 ms.
fn proper(at: u64, sequence: u16, code: u8, timestamp: u32) -> Vec<Sent> {
    let rows = [(false, 160), (false, 320), (false, 480), (false, 640), (true, 800), (true, 800), (true, 800)];
    press(at, sequence, code, &rows.map(|(end, duration)| (timestamp, end, duration)))
}

fn keys(packets: &[Sent]) -> String {
    let mut receiver = KeyReceiver::new();
    let mut keys = String::new();
    for sent in packets {
        let Sent { marker, sequence, timestamp, .. } = *sent;
        let header = Header { payload_type: 101, marker, sequence, timestamp, ssrc: 1 };
        let now = Moment::from_micros(10_000_000 + sent.at * 1000);
        keys.extend(receiver.receive(now, &header, 8000, &sent.event.to_bytes()).map(Key::symbol));
    }
    keys
}

fn all<const N: usize>(presses: [Vec<Sent>; N]) -> Vec<Sent> {
    presses.concat()
}

#[test]
fn a_key_is_known_at_its_first_packet() {
    assert_eq!(keys(&proper(0, 1, 5, 100)[..1]), "5");
    assert_eq!(keys(&all([proper(0, 1, 5, 100), proper(300, 20, 5, 2500), proper(600, 40, 11, 5000)])), "55#");
}

/// D01 rtpengine#1812: twelve packets of one press, the last two with new timestamps of their own.
#[test]
fn d01_ends_with_new_timestamps_are_repeats() {
    let mut rows: Vec<(u32, bool, u16)> = (1..=9).map(|index| (1000, false, index * 160)).collect();
    rows.extend([(1000, true, 1600), (2760, true, 1600), (2920, true, 1600)]);
    let one = press(0, 100, 1, &rows);
    assert_eq!(keys(&one), "1");
    let rows: Vec<(u32, bool, u16)> = rows.into_iter().map(|(timestamp, end, d)| (timestamp + 4000, end, d)).collect();
    assert_eq!(keys(&all([one, press(500, 130, 1, &rows)])), "11");
}

/// D02 rtpengine#1929: two ends of one press with different timestamps.
#[test]
fn d02_two_ends_of_different_timestamps_are_one_press() {
    let rows = [(1000, false, 160), (1000, false, 320), (1480, true, 480), (1640, true, 480)];
    assert_eq!(keys(&press(0, 1, 3, &rows)), "3");
    assert_eq!(keys(&press(0, 1, 3, &rows[2..])), "3");
}

/// D03 livekit/sip#585: a provider that never marks.
#[test]
fn d03_no_marker_is_needed() {
    let mut packets = all([proper(0, 1, 7, 100), proper(200, 20, 7, 1700), proper(400, 40, 8, 3300)]);
    packets.iter_mut().for_each(|sent| sent.marker = false);
    assert_eq!(keys(&packets), "778");
}

/// D04 livekit/sip#742: the first packet is lost, and its marker with it.
#[test]
fn d04_a_lost_first_packet_loses_nothing() {
    assert_eq!(keys(&all([proper(0, 1, 4, 100)[1..].to_vec(), proper(200, 20, 4, 1700)[1..].to_vec()])), "44");
    // Nor does any other.
    for index in 0..7 {
        assert_eq!(keys(&[proper(0, 1, 4, 100)[index], proper(300, 20, 4, 2500)[index]]), "44");
    }
}

/// D05 baresip#2802: few packets, no sound between them, the end straight after the beginning.
#[test]
fn d05_few_packets_are_a_press() {
    let short = |at, sequence, timestamp| press(at, sequence, 6, &[(timestamp, false, 160), (timestamp, true, 320)]);
    assert_eq!(keys(&all([short(0, 1, 100), short(100, 3, 900), short(200, 5, 1700)])), "666");
}

/// D07 RestComm/media-core#62: the timestamp rises with every packet and the end never comes.
#[test]
fn d07_a_moving_timestamp_without_an_end_is_one_press() {
    let rows: Vec<(u32, bool, u16)> = (1..=8).map(|index| (index * 160, false, index as u16 * 160)).collect();
    assert_eq!(keys(&press(0, 1, 9, &rows)), "9");
    let again: Vec<(u32, bool, u16)> = (1..=8).map(|index| (8000 + index * 160, false, index as u16 * 160)).collect();
    assert_eq!(keys(&all([press(0, 1, 9, &rows), press(1000, 9, 9, &again)])), "99");
    // Its end bit is beyond all doubt no part of the volume.
    assert_eq!(Event::from_bytes([9, 0x3F, 0, 1]), Event { code: 9, end: false, volume: 63, duration: 1 });
    assert_eq!(Event::from_bytes([9, 0xC1, 0, 1]), Event { code: 9, end: true, volume: 1, duration: 1 });
}

/// D08 ymartineau/peers#7: six packets, timestamp and duration both rise; "2" was read as "222222".
#[test]
fn d08_timestamp_and_duration_rising_together_are_one_press() {
    let rows: Vec<(u32, bool, u16)> = (1..=6).map(|index| (index * 160, index > 3, index as u16 * 160)).collect();
    assert_eq!(keys(&press(0, 1, 2, &rows[..4])), "2");
    let rows: Vec<(u32, bool, u16)> = (1..=6).map(|index| (index * 160, index == 6, index as u16 * 160)).collect();
    assert_eq!(keys(&press(0, 1, 2, &rows)), "2");
}

/// D10 pjproject#363: no marker on the first, and the timestamp moves.
#[test]
fn d10_a_moving_timestamp_without_a_marker_is_one_press() {
    let rows = [(0, false, 160), (160, false, 320), (320, false, 480), (480, true, 640), (640, true, 640)];
    let mut packets = press(0, 1, 1, &rows);
    packets[0].marker = false;
    assert_eq!(keys(&packets), "1");
}

/// D11 pjproject#1582: the end never comes; the press ends by silence, and the same key counts again.
#[test]
fn d11_a_press_without_an_end_ends_by_silence() {
    let cut = |at, sequence, timestamp| proper(at, sequence, 1, timestamp)[..3].to_vec();
    assert_eq!(keys(&all([cut(0, 1, 100), cut(1000, 60, 8100)])), "11");
    assert_eq!(keys(&all([cut(0, 1, 100), cut(1000, 60, 100)])), "11");
}

/// D13 doubango#374: every event has timestamp 0x3200, whatever the stream's.
#[test]
fn d13_a_timestamp_that_stands_still_does_not_join_presses() {
    let packets = all([
        proper(0, 1, 1, 0x3200),
        proper(200, 8, 2, 0x3200),
        proper(400, 15, 1, 0x3200),
        proper(600, 22, 1, 0x3200),
        proper(760, 29, 1, 0x3200),
    ]);
    assert_eq!(keys(&packets), "12111");
}

/// D14 noxxi/p5-net-sip#64: events count their packets apart from the sound.
#[test]
fn d14_events_may_have_their_own_sequence() {
    let rows = [(46_400, false, 1120), (46_400, true, 1280)];
    assert_eq!(keys(&all([press(0, 192, 11, &rows), press(300, 194, 11, &[(49_000, true, 1280)])])), "##");
}

/// D16 SIPp's captures: the first duration is 0, the three ends have one sequence number. Played twice, all is the same
/// again.
#[test]
fn d16_ends_of_one_sequence_number_and_a_capture_played_twice() {
    let mut once = proper(0, 7984, 1, 500);
    for (sent, duration) in once.iter_mut().zip([0, 160, 320, 480]) {
        sent.event.duration = duration;
    }
    for sent in &mut once[4..] {
        (sent.sequence, sent.at) = (7991, 140);
    }
    assert_eq!(keys(&once), "1");
    for pause in [70, 150, 1000, 5000] {
        let again = once.iter().map(|sent| Sent { at: sent.at + 140 + pause, ..*sent }).collect();
        assert_eq!(keys(&all([once.clone(), again])), "11", "{pause} ms between");
    }
}

/// D17 asterisk-chan-dongle#28: a tone so short that only its beginning is sent, or only its end.
#[test]
fn d17_half_a_press_is_a_press() {
    assert_eq!(keys(&all([proper(0, 1, 1, 100)[..1].to_vec(), proper(200, 20, 2, 2500)[6..].to_vec()])), "12");
}

/// D18 asterisk#531: a press that is lengthened on the way is one.
#[test]
fn d18_an_end_whose_duration_grows_is_one_press() {
    let rows = [(9, false, 400), (9, true, 792), (9, true, 1200), (9, true, 1200)];
    assert_eq!(keys(&press(0, 1, 5, &rows)), "5");
}

/// D19 team-telnyx/freeswitch#650: digits 20 ms apart.
#[test]
fn d19_digits_twenty_milliseconds_apart_are_told_apart() {
    let rows =
        |timestamp| [(timestamp, false, 160), (timestamp, false, 320), (timestamp, true, 640), (timestamp, true, 640)];
    let packets = all([press(0, 1, 4, &rows(0)), press(100, 5, 4, &rows(800)), press(200, 9, 4, &rows(1600))]);
    assert_eq!(keys(&packets), "444");
}

/// How a sender says that a key is down for longer than a duration's 16 bits can.
#[derive(Clone, Copy, Debug)]
enum Long {
    /// In segments (RFC 4733 section 2.5.1.3), cut off at 0xFFFF.
    Segments,
    /// Cut off at a whole packet.
    WholePackets,
    /// Each segment's first packet is marked.
    Marked,
    /// Each segment is ended, thrice, the next one marked.
    Ended,
    /// The duration stays at 0xFFFF.
    Full,
    /// The duration begins at zero again, the timestamp does not.
    Wrapped,
}

const LONG: [Long; 6] = [Long::Segments, Long::WholePackets, Long::Marked, Long::Ended, Long::Full, Long::Wrapped];

/// A key down for so many packets of 20 ms from `from` on: when each is sent, and what it is. The end comes thrice.
fn held(long: Long, clock_rate: u32, from: u64, packets: u32) -> Vec<(u64, Header, [u8; 4])> {
    let frame = clock_rate / 50;
    let segment = if matches!(long, Long::WholePackets) { 0xFFFF / frame * frame } else { 0xFFFF };
    let start = (from as u32).wrapping_mul(frame);
    let mut sent = Vec::new();
    let mut sequence = from as u16;
    for index in 0..packets + 2 {
        let down = (index + 1).min(packets) * frame;
        let number = (down - 1) / segment;
        let (timestamp, duration) = match long {
            Long::Full => (start, down.min(0xFFFF)),
            Long::Wrapped => (start, down & 0xFFFF),
            _ => (start.wrapping_add(number * segment), down - number * segment),
        };
        let next = (down + frame - 1) / segment > number && index + 1 < packets;
        let ends = index + 1 >= packets;
        let cut = next && matches!(long, Long::Ended);
        let begun = index == 0 || down - number * segment <= frame && index < packets;
        let marker = if matches!(long, Long::Marked | Long::Ended) { begun } else { index == 0 };
        // An intermediate segment's last packet tells its whole length.
        let whole = next && !matches!(long, Long::Full | Long::Wrapped | Long::WholePackets);
        let duration = if whole { segment } else { duration };
        let at = (from + u64::from(index)) * 20_000;
        for _ in 0..if cut { 3 } else { 1 } {
            let header = Header { payload_type: 101, marker, sequence, timestamp, ssrc: 1 };
            sent.push((at, header, event(7, ends || cut, duration as u16).to_bytes()));
            sequence = sequence.wrapping_add(1);
        }
    }
    sent
}

fn keys_of(packets: &[(u64, Header, [u8; 4])], clock_rate: u32) -> String {
    let mut receiver = KeyReceiver::new();
    let heard = packets.iter().flat_map(|(at, header, payload)| {
        receiver.receive(Moment::from_micros(10_000_000 + at), header, clock_rate, payload)
    });
    heard.map(Key::symbol).collect()
}

/// RFC 4733 section 2.5.1.3: a duration has 16 bits, which are 8.19 s at 8000 Hz and 1.37 s at 48,000 Hz.
#[test]
fn a_press_longer_than_a_duration_is_one() {
    for (clock_rate, long) in [8000, 16_000, 48_000].into_iter().flat_map(|rate| LONG.map(|long| (rate, long))) {
        for packets in [400, 409, 410, 411, 820, 1500] {
            let press = held(long, clock_rate, 0, packets);
            assert_eq!(keys_of(&press, clock_rate), "7", "{long:?} at {clock_rate} Hz for {packets} packets");
            let again = held(Long::Segments, clock_rate, 1600, 5);
            assert_eq!(keys_of(&[press, again].concat(), clock_rate), "77", "{long:?}, {packets}, and again");
        }
    }
}

/// The packets about a segment's end are lost, or come late over it.
#[test]
fn a_long_press_is_one_over_losses_and_late_packets() {
    let press = held(Long::Segments, 8000, 0, 1000);
    for lost in [400..412, 409..410, 405..440, 380..409, 815..830] {
        let rest = press.iter().enumerate().filter(|(index, _)| !lost.contains(index));
        assert_eq!(keys_of(&rest.map(|(_, sent)| *sent).collect::<Vec<_>>(), 8000), "7", "{lost:?} lost");
    }
    for (place, late_by) in [(408, 3), (405, 9), (409, 2), (410, 1), (800, 60), (818, 4)] {
        let mut swapped = press.clone();
        let sent = swapped.remove(place);
        swapped.insert(place + late_by, (press[place + late_by].0, sent.1, sent.2));
        assert_eq!(keys_of(&swapped, 8000), "7", "packet {place} late by {late_by}");
    }
}

/// A key is down when the call is put on hold, and still down, or let go, when it is resumed.
#[test]
fn a_key_held_over_hold_and_resume_is_one_press() {
    let press = held(Long::Segments, 8000, 0, 300);
    let without = |gap: std::ops::Range<usize>| [&press[..gap.start], &press[gap.end..]].concat();
    // The same stream goes on: a second later, five seconds later, or with no more than its ends.
    for gap in [50..100, 20..270, 10..300, 1..301] {
        assert_eq!(keys_of(&without(gap.clone()), 8000), "7", "{gap:?}");
    }
    // Only what was said already is said again: the end of a press whose end was not heard.
    let (down, mut ends) = (press[..5].to_vec(), vec![press[4]; 3]);
    for (index, end) in (0..).zip(&mut ends) {
        *end = (
            3_000_000 + index * 20_000,
            Header { sequence: 5 + index as u16, ..end.1 },
            event(7, true, 800).to_bytes(),
        );
    }
    assert_eq!(keys_of(&[down.clone(), ends].concat(), 8000), "7");
    // A new stream, with a timestamp as before or of its own, that says how long the key has been down.
    for shift in [0, 1_234_567] {
        let mut other = press[150..].to_vec();
        for (_, header, _) in &mut other {
            *header = Header {
                ssrc: 2,
                sequence: header.sequence.wrapping_add(30_000),
                timestamp: header.timestamp.wrapping_add(shift),
                ..*header
            };
        }
        assert_eq!(keys_of(&[press[..50].to_vec(), other.clone()].concat(), 8000), "7", "{shift}");
        // One that was let go before is pressed again when another says so.
        let again: Vec<_> = held(Long::Segments, 8000, 400, 5)
            .into_iter()
            .map(|(at, header, payload)| (at, Header { ssrc: 2, ..header }, payload))
            .collect();
        assert_eq!(keys_of(&[press.clone(), again.clone()].concat(), 8000), "77");
        assert_eq!(keys_of(&[press[..50].to_vec(), again[1..].to_vec()].concat(), 8000), "77");
    }
}

#[test]
fn events_that_are_no_keys_are_ignored() {
    let mut receiver = KeyReceiver::new();
    let header = Header { payload_type: 101, timestamp: 5, ..Header::default() };
    for code in 16..=255 {
        assert_eq!(receiver.receive(Moment::ZERO, &header, 8000, &event(code, false, 160).to_bytes()).count(), 0);
    }
    for short in [&[][..], &[1], &[1, 2, 3]] {
        assert_eq!(receiver.receive(Moment::ZERO, &header, 8000, short).count(), 0);
    }
}

#[test]
fn several_events_in_one_packet_are_several_keys() {
    let mut receiver = KeyReceiver::new();
    let header = Header { payload_type: 101, timestamp: 800, ..Header::default() };
    let payload = [event(1, true, 400), event(1, true, 400), event(2, false, 80)].map(Event::to_bytes).concat();
    let keys: String = receiver.receive(Moment::ZERO, &header, 8000, &payload).map(Key::symbol).collect();
    assert_eq!(keys, "112");
    assert_eq!(receiver.receive(Moment::ZERO, &header, 8000, &payload).count(), 0);
}

/// A press: its event code, how many ticks the key is down, how many it is up; and for each packet whether it is lost
/// (below the loss), how many milliseconds it is late, and whether it comes twice.
type Fated = (u8, u32, u32, Vec<(u8, u64, bool)>);

fn schedules() -> impl Strategy<Value = Vec<Fated>> {
    let fate = (0_u8..100, 0_u64..20, any::<bool>());
    prop::collection::vec((0_u8..16, 3_u32..20, 3_u32..30, prop::collection::vec(fate, 40)), 0..12)
}

proptest! {
    #[test]
    fn each_press_counts_once_whatever_the_network_does(schedule in schedules(), loss in 0_u8..=30, start: u16) {
        let (mut wanted, mut arriving) = (String::new(), Vec::new());
        let (mut sequence, mut tick) = (start, 0_u32);
        for (code, down, gap, fates) in schedule {
            let key = Key::from_event(code).unwrap();
            let length = Duration::from_millis(u64::from(down) * 20);
            let mut plan = KeyPlan::new();
            plan.push(crate::rtp::PlanStep::Press { key, length }).unwrap();
            let mut sender = KeySender::new(plan, 8000, 160);
            let mut arrived = false;
            for (fate, late, twice) in fates {
                let at = u64::from(tick) * 20_000;
                sequence = sequence.wrapping_add(1);
                tick += 1;
                let KeyStep::Packet { marker, timestamp, payload } = sender.tick(tick * 160) else { break };
                if fate < loss {
                    continue;
                }
                arrived = true;
                let header = Header { payload_type: 101, marker, sequence, timestamp, ssrc: 1 };
                arriving.push((at + late * 1000, header, payload));
                if twice {
                    arriving.push((at + late * 2000, header, payload));
                }
            }
            if arrived {
                wanted.push(key.symbol());
            }
            tick += gap;
            sequence = sequence.wrapping_add(gap as u16);
        }
        arriving.sort_by_key(|(at, ..)| *at);
        let (mut receiver, mut heard) = (KeyReceiver::new(), String::new());
        for (at, header, payload) in arriving {
            heard.extend(receiver.receive(Moment::from_micros(at), &header, 8000, &payload).map(Key::symbol));
        }
        prop_assert_eq!(heard, wanted);
    }

    /// However wild the sender is: numbers that jump, timestamps that stand, move or go back, sources that change.
    #[test]
    fn a_doubled_packet_never_tells_of_another_key(
        packets in prop::collection::vec(
            (
                prop::sample::select(vec![0_u64, 2, 20, 45, 210, 900, 2100]),
                prop::sample::select(vec![0_u16, 1, 2, 3, 5, 60, 200, 0x7FFF, 0x8001, 65_284, 65_535]),
                prop::sample::select(vec![0_u32, 160, 1000, 3916, 65_000, 65_535, 164_072, 0xFF00_0000]),
                (5_u8..7, any::<bool>(), prop::sample::select(vec![0_u16, 160, 320, 640, 5248, 33_408, 60_800, 65_535])),
                (0_u32..5, any::<bool>(), any::<bool>()),
            ),
            1..40,
        ),
    ) {
        let (mut receiver, mut at, mut newest) = (KeyReceiver::new(), 10_000_000, 0_u16);
        for (wait, sequence, timestamp, (code, end, duration), (ssrc, marker, follows)) in packets {
            at += wait * 1000;
            newest = if follows { newest.wrapping_add(sequence & 3) } else { sequence };
            let header = Header { payload_type: 101, marker, sequence: newest, timestamp, ssrc: ssrc / 4 };
            let payload = event(code, end, duration).to_bytes();
            let _ = receiver.receive(Moment::from_micros(at), &header, 8000, &payload).count();
            let before = receiver.clone();
            let again = receiver.receive(Moment::from_micros(at), &header, 8000, &payload).count();
            prop_assert_eq!(again, 0, "{:?} {:?} after {:?}", header, event(code, end, duration), before);
        }
    }

    #[test]
    fn a_long_press_counts_once_whatever_the_network_does(
        long in prop::sample::select(LONG.to_vec()),
        clock_rate in prop::sample::select(vec![8000, 16_000, 48_000]),
        packets in 20_u32..1100,
        fates in prop::collection::vec((0_u8..100, 0_u64..20, any::<bool>()), 1400),
        loss in 0_u8..=20,
    ) {
        // A marked or ended segment whose neighbours are lost cannot be told from another press.
        let loss = if matches!(long, Long::Marked | Long::Ended) { 0 } else { loss };
        let again = held(Long::Segments, clock_rate, u64::from(packets) + 30, 10);
        let sent = held(long, clock_rate, 0, packets).into_iter().chain(again);
        let mut arriving = Vec::new();
        for ((at, header, payload), (fate, late, twice)) in sent.zip(fates) {
            // Of the second press one packet arrives at least, as of the first.
            if fate < loss && !header.marker {
                continue;
            }
            arriving.push((at + late * 1000, header, payload));
            if twice {
                arriving.push((at + late * 2000, header, payload));
            }
        }
        arriving.sort_by_key(|(at, ..)| *at);
        prop_assert_eq!(keys_of(&arriving, clock_rate), "77");
    }

    #[test]
    fn no_packets_bring_it_down(packets in prop::collection::vec((any::<[u8; 24]>(), 0_usize..24, any::<u32>()), 0..60)) {
        let mut receiver = KeyReceiver::new();
        for (bytes, length, at) in packets {
            let header = Packet::parse(&bytes).map(|packet| packet.header).unwrap_or_default();
            let _ = receiver.receive(Moment::from_micros(at.into()), &header, at, &bytes[..length]).count();
        }
    }
}

#[test]
fn a_capture_played_again_is_another_press() {
    // SIPp plays the same packets for the same key: 7 packets in 120 ms, then again 40 ms after the last.
    assert_eq!(keys(&all([proper(0, 1, 5, 100), proper(160, 1, 5, 100), proper(320, 1, 5, 100)])), "555");
    // The network may double a packet, or bring the first one last: that is no press.
    let mut doubled = proper(0, 1, 5, 100);
    doubled.insert(1, Sent { at: 10, ..doubled[0] });
    assert_eq!(keys(&doubled), "5");
    let mut late = proper(0, 1, 5, 100);
    let first = late.remove(0);
    late.push(Sent { at: 180, ..first });
    assert_eq!(keys(&late), "5");
}
