use proptest::prelude::*;

use super::*;
use KeySource::{InBand, Info, Rfc4733};

/// The keys counted of what sources told, each at a time in milliseconds; and the counts.
fn counted(told: &[(u64, KeySource, char)]) -> (String, KeyCounts) {
    let mut stream = KeyStream::new();
    let keys = told.iter().filter(|(at, source, symbol)| {
        let key = Key::from_char(*symbol).expect("a key");
        stream.press(Moment::from_micros(at * 1000), *source, key)
    });
    (keys.map(|(_, _, symbol)| *symbol).collect(), stream.counts())
}

#[test]
fn a_press_that_two_sources_tell_of_is_one() {
    // N15 freeswitch#2560
    for (first, again) in [(InBand, Rfc4733), (Rfc4733, InBand), (Rfc4733, Info), (Info, Rfc4733), (Info, InBand)] {
        let (keys, counts) = counted(&[(0, first, '5'), (120, again, '5'), (900, first, '5'), (1000, again, '5')]);
        assert_eq!((keys.as_str(), counts.of(first), counts.of(again), counts.twice), ("55", 2, 0, 2));
    }
    let (keys, counts) = counted(&[(0, Rfc4733, '5'), (40, InBand, '5'), (200, Info, '5')]);
    assert_eq!((keys.as_str(), counts.all(), counts.twice), ("5", 1, 1));
}

#[test]
fn two_presses_in_quick_succession_are_two_however_late_the_other_source_is() {
    let told = [(0, Rfc4733, '7'), (100, Rfc4733, '7'), (150, Info, '7'), (220, Info, '7'), (300, Rfc4733, '7')];
    assert_eq!(counted(&told).0, "777");
    let one = [(0, Info, '7'), (40, Info, '7'), (80, Info, '7')];
    assert_eq!(counted(&one).0, "777");
    // An INFO was lost and is sent again, after the next two keys.
    let late = [(0, Rfc4733, '1'), (200, Rfc4733, '2'), (400, Rfc4733, '1'), (1500, Info, '1'), (1501, Info, '2')];
    assert_eq!(counted(&late).0, "121");
}

#[test]
fn what_comes_too_late_is_another_press() {
    assert_eq!(counted(&[(0, Rfc4733, '3'), (600, InBand, '3')]).0, "33");
    assert_eq!(counted(&[(0, Rfc4733, '3'), (1900, Info, '3')]).0, "3");
    assert_eq!(counted(&[(0, Rfc4733, '3'), (2100, Info, '3')]).0, "33");
    assert_eq!(counted(&[(0, Rfc4733, '3'), (50, Info, '4')]).0, "34");
}

#[test]
fn a_press_lasts_as_long_as_it_is_heard_of() {
    // An INFO when the key is let go, after four seconds.
    let mut stream = KeyStream::new();
    let at = |milliseconds: u64| Moment::from_micros(milliseconds * 1000);
    assert!(stream.press(at(0), Rfc4733, Key::Digit(5)));
    (1..200).for_each(|packet| stream.goes_on(at(packet * 20), Rfc4733, Key::Digit(5)));
    assert!(!stream.press(at(4100), Info, Key::Digit(5)));
    assert!(stream.press(at(4200), Info, Key::Digit(5)));
}

#[test]
fn a_source_keeps_its_order() {
    // In-band missed the first 5 and heard the 6: its next 5 cannot be the first.
    let told = [(0, Info, '5'), (100, Info, '6'), (140, InBand, '6'), (300, InBand, '5'), (320, Info, '5')];
    assert_eq!(counted(&told).0, "565");
}

#[test]
fn a_source_that_begins_in_the_middle_of_a_call_tells_of_nothing_from_before() {
    let at = |milliseconds: u64| Moment::from_micros(milliseconds * 1000);
    let mut stream = KeyStream::new();
    assert!([0, 100].into_iter().all(|time| stream.press(at(time), InBand, Key::Digit(1))));
    assert!(stream.press(at(200), InBand, Key::Hash));
    stream.rtp_changes();
    assert!(stream.press(at(300), Rfc4733, Key::Digit(1)));
    // What was held over the change is still the same press.
    stream.rtp_changes();
    assert!(!stream.press(at(340), InBand, Key::Digit(1)));
    assert_eq!((stream.counts().all(), stream.counts().twice), (4, 1));
}

proptest! {
    /// Three sources that each tell of every press, each as late as it may be: each press is counted once, in order.
    #[test]
    fn complete_sources_count_each_press_once(
        presses in prop::collection::vec((0_u8..16, 60_u64..400, [0_u64..400, 0_u64..400, 0_u64..1500]), 0..60),
        sources in 1_usize..8,
    ) {
        let (mut told, mut at, mut last) = (Vec::new(), 0, [0_u64; 3]);
        for (code, pause, late) in &presses {
            at += pause;
            let key = Key::from_event(*code).unwrap();
            for (place, source) in [Rfc4733, InBand, Info].into_iter().enumerate() {
                if sources & (1 << place) != 0 {
                    // A source is late, and never overtakes itself.
                    last[place] = last[place].max(at + late[place]);
                    told.push((last[place], source, key));
                }
            }
        }
        told.sort_by_key(|(at, ..)| *at);
        let mut stream = KeyStream::new();
        let counted: Vec<char> = told
            .iter()
            .filter(|(at, source, key)| stream.press(Moment::from_micros(at * 1000), *source, *key))
            .map(|(_, _, key)| key.symbol())
            .collect();
        let pressed: Vec<char> = presses.iter().map(|(code, ..)| Key::from_event(*code).unwrap().symbol()).collect();
        prop_assert_eq!(counted, pressed);
        let twice = if sources.count_ones() > 1 { presses.len() } else { 0 };
        prop_assert_eq!((stream.counts().all() as usize, stream.counts().twice as usize), (presses.len(), twice));
    }

    #[test]
    fn any_tellings_at_all_count_no_more_than_were_told(
        told in prop::collection::vec((0_u64..10_000_000, 0_usize..3, 0_u8..16), 0..200),
    ) {
        let mut stream = KeyStream::new();
        let mut counted = 0;
        for (at, source, code) in &told {
            let (at, key) = (Moment::from_micros(*at), Key::from_event(*code).unwrap());
            counted += u32::from(stream.press(at, KeySource::ALL[*source], key));
            stream.goes_on(at, KeySource::ALL[*source], key);
        }
        prop_assert!(stream.counts().all() == counted && counted as usize + stream.counts().twice as usize <= told.len());
    }
}
