use super::*;
use proptest::prelude::*;

const RATE: u32 = 8000;
const TICKS: u32 = 160;

fn ms(milliseconds: u64) -> Moment {
    Moment::from_micros(1_000_000 + milliseconds * 1000)
}

/// The packet of this number in a stream of 20 ms packets, whose payload is its number.
fn header(number: u16) -> Header {
    let timestamp = u32::from(number).wrapping_mul(TICKS).wrapping_sub(2000);
    Header { sequence: number.wrapping_sub(9), timestamp, ssrc: 7, ..Header::default() }
}

fn push(buffer: &mut JitterBuffer, at: Moment, number: u16) {
    buffer.push(at, &header(number), TICKS, &number.to_be_bytes());
}

/// What is due, written down: a packet's number, `-20` for 20 ms lost, `~20` for a pause, `|` for another stream.
fn due(buffer: &mut JitterBuffer, at: Moment) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(due) = buffer.pop(at) {
        all.push(match due {
            Due::Packet(payload) => u16::from_be_bytes(payload.try_into().unwrap()).to_string(),
            Due::Lost { ticks } => format!("-{}", ticks / 8),
            Due::Pause { ticks } => format!("~{}", ticks / 8),
            Due::Restart => "|".into(),
        });
    }
    all
}

/// Packets that come at these milliseconds, and what is due at each.
fn played(arrivals: &[(u64, u16)]) -> String {
    let mut buffer = JitterBuffer::new(RATE);
    let all = arrivals.iter().flat_map(|(at, number)| {
        push(&mut buffer, ms(*at), *number);
        due(&mut buffer, ms(*at))
    });
    let mut all: Vec<_> = all.collect();
    all.extend(due(&mut buffer, ms(100_000)));
    all.join(" ")
}

#[test]
fn packets_go_out_in_their_order_and_each_once() {
    assert_eq!(played(&[(0, 1), (20, 2), (40, 3)]), "1 2 3");
    assert_eq!(played(&[(0, 1), (40, 3), (41, 2), (60, 4), (61, 4), (62, 1)]), "1 2 3 4");
    assert_eq!(played(&[(0, 1), (20, 2), (60, 4), (80, 5)]), "1 2 -20 4 5");
    // Over the wraps of the sequence number and of the timestamp.
    let arrivals: Vec<(u64, u16)> = (0..30).map(|at: u16| (u64::from(at) * 20, at ^ 1)).collect();
    let wanted: Vec<String> = (1..30).map(|number: u16| number.to_string()).collect();
    assert_eq!(played(&arrivals), wanted.join(" "), "0 came after 1 had begun the stream");
}

#[test]
fn a_missing_packet_is_waited_for_until_the_buffer_wakes() {
    let mut buffer = JitterBuffer::new(RATE);
    push(&mut buffer, ms(0), 1);
    assert_eq!(due(&mut buffer, ms(0)), ["1"]);
    assert_eq!(buffer.wake_at(), None);
    push(&mut buffer, ms(40), 3);
    push(&mut buffer, ms(60), 4);
    let wake = buffer.wake_at().unwrap();
    assert!((ms(60)..=ms(100)).contains(&wake), "{wake:?}");
    assert!(due(&mut buffer, Moment::from_micros(wake.as_micros() - 1)).is_empty());
    assert_eq!(buffer.len(), 2);
    assert_eq!(due(&mut buffer, wake), ["-20", "3", "4"]);
    // What comes after that is too late.
    push(&mut buffer, wake, 2);
    assert!(due(&mut buffer, wake).is_empty() && buffer.is_empty());
}

#[test]
fn a_steady_stream_waits_a_packets_time_and_a_shaken_one_up_to_60_ms() {
    let mut buffer = JitterBuffer::new(RATE);
    assert_eq!(buffer.given(), MOST);
    for number in 0..200 {
        push(&mut buffer, ms(u64::from(number) * 20), number);
        due(&mut buffer, ms(u64::from(number) * 20));
    }
    assert_eq!(buffer.given(), LEAST);
    for number in 200..300 {
        let at = ms(u64::from(number) * 20 + u64::from(number * 37 % 61));
        push(&mut buffer, at, number);
        due(&mut buffer, at);
    }
    assert!((Duration::from_millis(40)..=MOST).contains(&buffer.given()), "{:?}", buffer.given());
}

#[test]
fn silence_that_nobody_sent_is_a_pause_and_no_loss() {
    let mut buffer = JitterBuffer::new(RATE);
    push(&mut buffer, ms(0), 1);
    assert_eq!(due(&mut buffer, ms(0)), ["1"]);
    let after = Header { sequence: header(2).sequence, timestamp: header(52).timestamp, ..header(2) };
    buffer.push(ms(1020), &after, TICKS, &52_u16.to_be_bytes());
    assert_eq!(due(&mut buffer, ms(1020)), ["~1000", "52"]);
    // Other packets lay between, which are no sound: telephone-events, comfort noise.
    let after = Header { sequence: header(9).sequence, timestamp: header(53).timestamp, ..header(2) };
    buffer.push(ms(1040), &after, TICKS, &53_u16.to_be_bytes());
    assert_eq!(due(&mut buffer, ms(1040)), ["53"]);
}

#[test]
fn another_source_or_a_jump_is_another_stream() {
    for other in [
        Header { ssrc: 8, ..header(2) },
        Header { sequence: header(2).sequence.wrapping_add(5000), ..header(2) },
        Header { sequence: header(2).sequence.wrapping_sub(500), ..header(2) },
        Header { timestamp: header(2).timestamp.wrapping_add(RATE * 11), ..header(2) },
        Header { timestamp: header(2).timestamp.wrapping_sub(RATE * 11), ..header(2) },
    ] {
        let mut buffer = JitterBuffer::new(RATE);
        push(&mut buffer, ms(0), 1);
        assert_eq!(due(&mut buffer, ms(0)), ["1"], "the first is no change");
        push(&mut buffer, ms(20), 3);
        buffer.push(ms(40), &other, TICKS, &77_u16.to_be_bytes());
        assert_eq!(due(&mut buffer, ms(40)), ["|", "77"], "{other:?}");
    }
}

#[test]
fn more_packets_than_there_is_room_for_are_not_waited_with() {
    let mut buffer = JitterBuffer::new(RATE);
    push(&mut buffer, ms(0), 1);
    due(&mut buffer, ms(0));
    for number in 3..3 + MOST_WAITING as u16 {
        assert!(due(&mut buffer, ms(0)).is_empty());
        push(&mut buffer, ms(0), number);
    }
    push(&mut buffer, ms(0), 99);
    assert_eq!(buffer.len(), MOST_WAITING);
    let out = due(&mut buffer, ms(0));
    assert_eq!((out.len(), out[0].as_str(), out[16].as_str()), (MOST_WAITING + 1, "-20", "18"));
    buffer.push(ms(0), &header(19), TICKS, &[0; LONGEST_WAITING + 1]);
    assert!(buffer.is_empty());
}

fn memory(buffer: &JitterBuffer) -> usize {
    buffer.slots.iter().map(|slot| slot.payload.capacity()).sum()
}

/// A packet on its way: how late it is in milliseconds, and how often it comes. None of them: it is lost.
fn way() -> impl Strategy<Value = (u64, usize)> {
    (0_u64..200, prop_oneof![1 => Just(0), 6 => Just(1), 1 => Just(2)])
}

proptest! {
    #[test]
    fn whatever_the_way_order_is_kept_and_delay_and_memory_are_bounded(
        ways in prop::collection::vec(way(), 1..200),
        first in any::<u16>(),
        steady in any::<bool>(),
    ) {
        let mut arrivals = Vec::new();
        for (place, (late, times)) in ways.iter().enumerate() {
            for time in 0..*times {
                let late = if steady { late % 61 } else { *late };
                arrivals.push((place as u64 * 20 + late + time as u64 * 7, place as u16));
            }
        }
        arrivals.sort_unstable_by_key(|(at, _)| *at);
        let mut buffer = JitterBuffer::new(RATE);
        let mut came = std::collections::HashMap::new();
        let (mut last, mut ticks) = (None, 0_u32);
        // Where no packet wakes the buffer, its timer does.
        let mut arrivals = arrivals.into_iter().peekable();
        loop {
            let wake = buffer.wake_at().map(|wake| (wake.as_micros() - 1_000_000).div_ceil(1000));
            let at = match (wake, arrivals.peek()) {
                (None, None) => break,
                (Some(wake), next) if next.is_none_or(|(at, _)| *at > wake) => wake,
                _ => {
                    let (at, number) = arrivals.next().unwrap();
                    came.entry(number).or_insert(at);
                    let header = Header { sequence: first.wrapping_add(number), ..header(number) };
                    buffer.push(ms(at), &header, TICKS, &number.to_be_bytes());
                    at
                }
            };
            while let Some(due) = buffer.pop(ms(at)) {
                match due {
                    Due::Packet(payload) => {
                        let place = u16::from_be_bytes(payload.try_into().unwrap());
                        prop_assert!(last.is_none_or(|last| place > last), "{place} after {last:?}");
                        prop_assert!(at <= came[&place] + 61, "{place} waited for {} ms", at - came[&place]);
                        if last.is_none() {
                            ticks = u32::from(place) * TICKS;
                        }
                        prop_assert_eq!(ticks, u32::from(place) * TICKS, "what is missing is told");
                        ticks += TICKS;
                        last = Some(place);
                    }
                    Due::Lost { ticks: lost } => ticks += lost,
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert!(buffer.wake_at().is_none_or(|wake| wake > ms(at) && wake <= ms(at + 60)));
            prop_assert!(buffer.len() <= MOST_WAITING && memory(&buffer) <= MOST_WAITING * 2);
        }
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn no_packets_bring_it_down(
        packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u64>(), 0_u32..3, any::<u32>(), 0_usize..3000), 0..80),
        near in any::<bool>(),
    ) {
        let mut buffer = JitterBuffer::new(RATE);
        for (sequence, timestamp, at, ssrc, ticks, length) in packets {
            let (sequence, timestamp) = if near { (sequence % 40, timestamp % 9000) } else { (sequence, timestamp) };
            let (now, header) = (Moment::from_micros(at), Header { sequence, timestamp, ssrc, ..Header::default() });
            buffer.push(now, &header, ticks, &vec![0; length]);
            let mut popped = 0;
            while let Some(due) = buffer.pop(now) {
                if let Due::Lost { ticks } | Due::Pause { ticks } = due {
                    prop_assert!(ticks <= (2 * MOST_APART + 1) * RATE);
                }
                popped += 1;
                prop_assert!(popped <= 3 * MOST_WAITING);
            }
            prop_assert!(memory(&buffer) <= MOST_WAITING * LONGEST_WAITING);
        }
    }
}
