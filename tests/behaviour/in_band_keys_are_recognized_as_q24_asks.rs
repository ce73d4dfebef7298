//! The detector of in-band keys against ITU-T Q.24 and the tests of the Mitel CM7291 tape: frequency, twist, range, length,
//! pause, interruption, noise, dial tone. All sound passes through G.711.

use hotline::audio::{Codec, DtmfDetector, Tone};
use proptest::prelude::*;

use crate::support::tones::*;

/// Presses that do not begin where the detector's slices do: each pause is a little longer than the one before.
fn spread(presses: impl IntoIterator<Item = Press>, pause: f64) -> Vec<f64> {
    let mut sound = silence(pause);
    for (place, press) in presses.into_iter().enumerate() {
        sound.extend(press.samples());
        sound.extend(silence(pause + (place * 7 % 40) as f64 / 8.0));
    }
    sound
}

fn times(press: Press, count: usize) -> Vec<Press> {
    vec![press; count]
}

#[test]
fn every_key_is_read_in_both_laws() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        for (level, milliseconds) in [(-4.0, 50.0), (-10.0, 50.0), (-20.0, 40.0), (-10.0, 1000.0)] {
            let presses = KEYS.chars().flat_map(|key| times(Press::of(key, level, milliseconds), 10));
            let expected: String = KEYS.chars().flat_map(|key| [key; 10]).collect();
            assert_eq!(keys(&through(codec, &spread(presses, 50.0))), expected, "{level} dBm0, {milliseconds} ms");
        }
    }
}

#[test]
fn a_tone_within_one_and_a_half_percent_is_taken_and_beyond_three_and_a_half_refused() {
    for key in KEYS.chars() {
        let plain = Press::of(key, -17.0, 50.0);
        let both = |off: f64| [Press { row_off: off, ..plain }, Press { column_off: off, ..plain }];
        let within = (-15..=15).flat_map(|step| both(f64::from(step) / 1000.0));
        assert_eq!(heard(&spread(within, 50.0)), key.to_string().repeat(62), "within 1.5 %");
        // At 1.5 % and 2 Hz, row and column against one another, at the shortest length.
        let apart = [1.0, -1.0].map(|sign| Press {
            row_off: sign * 0.015 + sign * 2.0 / 941.0,
            column_off: -sign * 0.015 - sign * 2.0 / 1633.0,
            milliseconds: 40.0,
            ..plain
        });
        assert_eq!(heard(&spread(apart, 50.0)), key.to_string().repeat(2), "1.5 % and 2 Hz");
        let beyond = (35..=60).flat_map(|step| [-1.0, 1.0].map(|sign| sign * f64::from(step) / 1000.0)).flat_map(both);
        assert_eq!(heard(&spread(beyond, 50.0)), "", "beyond 3.5 %");
    }
}

#[test]
fn twist_is_taken_as_telephone_companies_ask_and_beyond_refused() {
    for key in KEYS.chars() {
        let press = |row, column| Press { row, column, ..Press::of(key, 0.0, 50.0) };
        // The column up to 4 dB stronger than the row, or 8 dB weaker (AT&T); 5 dB either way (NTT).
        let normal = (0..=80).map(|tenths| press(-3.0, -3.0 - f64::from(tenths) / 10.0));
        assert_eq!(heard(&spread(normal, 50.0)), key.to_string().repeat(81));
        let reverse = (0..=50).map(|tenths| press(-3.0 - f64::from(tenths) / 10.0, -3.0));
        assert_eq!(heard(&spread(reverse, 50.0)), key.to_string().repeat(51));
        // N16 multimon-ng#129: pairs whose powers differ five-hundredfold.
        let (far, far_reverse) = (press(-3.0, -30.0), press(-30.0, -3.0));
        assert_eq!(heard(&spread([far, press(-3.0, -17.0), far_reverse, press(-15.0, -3.0)], 50.0)), "");
    }
}

#[test]
fn keys_are_read_over_more_than_35_db() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        for key in KEYS.chars() {
            let levels = (-35..=1).map(|level| Press::of(key, f64::from(level), 50.0));
            assert_eq!(keys(&through(codec, &spread(levels, 50.0))), key.to_string().repeat(37));
            // What is as soft as crosstalk is no key.
            let soft = (-60..=-45).map(|level| Press::of(key, f64::from(level), 50.0));
            assert_eq!(keys(&through(codec, &spread(soft, 50.0))), "");
        }
    }
}

#[test]
fn forty_milliseconds_are_a_key_and_twenty_three_are_none() {
    for key in KEYS.chars() {
        let long = (400..=490).map(|tenths| Press::of(key, -10.0, f64::from(tenths) / 10.0));
        assert_eq!(heard(&spread(long, 40.0)), key.to_string().repeat(91));
        let short = (50..=230).map(|tenths| Press::of(key, -10.0, f64::from(tenths) / 10.0));
        assert_eq!(heard(&spread(short, 40.0)), "");
    }
}

#[test]
fn a_pause_parts_two_keys_and_an_interruption_does_not() {
    for key in KEYS.chars() {
        for pause in [30.0, 35.0, 40.0, 70.0] {
            let presses = times(Press::of(key, -10.0, 40.0), 40);
            assert_eq!(heard(&spread(presses, pause)), key.to_string().repeat(40), "{pause} ms");
        }
        // Up to ten milliseconds of nothing, or of noise, wherever they fall, and the tone begins anew.
        for milliseconds in [1, 4, 7, 10] {
            let mut noise = Noise::new(-5.0, milliseconds);
            for first in 0..=30 {
                let hole = milliseconds as f64;
                let (one, other) = (f64::from(first) + 5.0, 60.0 - f64::from(first));
                let parts = |filling: Vec<f64>| {
                    let press = |milliseconds| Press::of(key, -10.0, milliseconds).samples();
                    [silence(50.0 + f64::from(first) / 8.0), press(one), filling, press(other), silence(50.0)].concat()
                };
                assert_eq!(heard(&parts(silence(hole))), key.to_string(), "{one} ms, {hole} ms of silence");
                let noisy = noise.over(&silence(hole));
                assert_eq!(heard(&parts(noisy)), key.to_string(), "{one} ms, {hole} ms of noise");
            }
        }
    }
}

#[test]
fn noise_ten_decibels_below_loses_no_key_of_a_thousand() {
    for (place, key) in "15D".chars().enumerate() {
        let sound = spread(times(Press::of(key, -4.0, 50.0), 1000), 50.0);
        let noisy = Noise::new(-14.0, place as u64).over(&sound);
        assert_eq!(heard(&noisy), key.to_string().repeat(1000));
    }
}

#[test]
fn a_dial_tone_ten_decibels_below_loses_no_key() {
    let sound = spread(KEYS.chars().cycle().take(160).map(|key| Press::of(key, -15.0, 50.0)), 50.0);
    for dial_tone in [vec![350.0, 440.0], vec![425.0], vec![450.0], vec![400.0, 450.0]] {
        let level = -25.0;
        let tones: Vec<_> = dial_tone.iter().map(|hertz| sine(*hertz, level, sound.len() as f64 / 8.0)).collect();
        let both: Vec<f64> = sound
            .iter()
            .enumerate()
            .map(|(at, sample)| sample + tones.iter().map(|tone| tone[at]).sum::<f64>())
            .collect();
        assert_eq!(heard(&both), KEYS.repeat(10), "{dial_tone:?}");
    }
}

#[test]
fn a_held_key_is_one_key_and_a_cadence_of_keys_is_as_many() {
    // N15 freeswitch#2560: held for four seconds.
    assert_eq!(heard(&line([Press::of('5', -10.0, 4000.0)], 100.0)), "5");
    // N17 asterisk#1570: with the cadence of a busy tone.
    assert_eq!(heard(&line(times(Press::of('8', -10.0, 350.0), 8), 350.0)), "88888888");
    // Two keys with no pause at all between.
    let slide =
        [Press::of('1', -10.0, 100.0).samples(), Press::of('6', -10.0, 100.0).samples(), silence(50.0)].concat();
    assert_eq!(heard(&slide), "16");
}

#[test]
fn it_is_told_when_a_key_goes_down_and_up() {
    let sound = through(Codec::Pcma, &line([Press::of('7', -10.0, 80.0), Press::of('#', -10.0, 120.0)], 100.0));
    let [down, up, next, last] = told(&sound)[..] else { panic!("four tellings") };
    for (tone, symbol, is_down, at) in
        [(down, '7', true, 800_i64), (up, '7', false, 1440), (next, '#', true, 2240), (last, '#', false, 3200)]
    {
        let (found, was_down, when) = match tone {
            Tone::Down { key, at } => (key, true, at),
            Tone::Up { key, at } => (key, false, at),
        };
        assert_eq!((found, was_down), (key(symbol), is_down));
        assert!((when as i64 - at).abs() <= 60, "{symbol}: {when}, not {at}");
    }
}

#[test]
fn lost_packets_do_not_part_a_key() {
    let sound = through(Codec::Pcma, &line([Press::of('4', -10.0, 200.0), Press::of('4', -10.0, 200.0)], 100.0));
    for lost in 0..sound.len() / 160 {
        let (mut detector, mut found) = (DtmfDetector::new(), Vec::new());
        for (place, packet) in sound.chunks(160).enumerate() {
            let tell = |tone| found.push(tone);
            if place == lost { detector.lose(160, tell) } else { detector.hear(packet.iter().copied(), tell) }
        }
        assert_eq!(found.iter().filter(|tone| matches!(tone, Tone::Down { .. })).count(), 2, "packet {lost}");
    }
    // Lost for longer, a held key is let go.
    let (mut detector, mut found) = (DtmfDetector::new(), Vec::new());
    detector.hear(sound[..1600].iter().copied(), |tone| found.push(tone));
    detector.lose(8000, |tone| found.push(tone));
    assert!(matches!(found[..], [Tone::Down { .. }, Tone::Up { .. }]));
}

#[test]
fn sirens_noise_and_chords_are_no_keys() {
    // N16 multimon-ng#129: a siren with its harmonics, sweeping over both groups of tones.
    let mut phase = 0.0_f64;
    let siren: Vec<f64> = (0..8000 * 60)
        .map(|at| {
            let turn = f64::from(at) / 8000.0;
            let hertz = 1000.0 + 600.0 * (turn * 0.9 * std::f64::consts::TAU).sin();
            phase += std::f64::consts::TAU * hertz / 8000.0;
            peak(-10.0) * (phase.sin() + 0.6 * (2.0 * phase).sin() + 0.4 * (phase / 2.0).sin())
        })
        .collect();
    assert_eq!(heard(&siren), "");
    assert_eq!(heard(&Noise::new(-10.0, 1).over(&silence(60_000.0))), "");
    // Every two neighbours of an equal-tempered scale that is near the tones, and each tone alone.
    for first in ROWS {
        for other in COLUMNS {
            let chord = |one: f64, two: f64| {
                sine(one, -10.0, 300.0).iter().zip(sine(two, -10.0, 300.0)).map(|(a, b)| a + b).collect::<Vec<_>>()
            };
            assert_eq!(heard(&chord(first * 1.045, other)), "");
            assert_eq!(heard(&chord(first, other * 0.955)), "");
            assert_eq!(heard(&chord(first * 2.0, other * 2.0)), "");
        }
        assert_eq!(heard(&sine(first, -6.0, 300.0)), "");
    }
    for other in COLUMNS {
        assert_eq!(heard(&sine(other, -6.0, 300.0)), "");
    }
}

proptest! {
    #[test]
    fn any_sound_in_any_portions_is_the_same_sound(
        presses in prop::collection::vec((0_usize..16, 30.0_f64..120.0, 20.0_f64..90.0, -30.0_f64..0.0), 0..12),
        cuts in prop::collection::vec(1_usize..500, 1..40),
        rubbish in prop::collection::vec(any::<i16>(), 0..2000),
    ) {
        let mut sound = rubbish;
        for (key, length, pause, level) in presses {
            let key = KEYS.chars().nth(key).unwrap();
            sound.extend(through(Codec::Pcma, &[Press::of(key, level, length).samples(), silence(pause)].concat()));
        }
        let whole = told(&sound);
        let (mut detector, mut found, mut rest) = (DtmfDetector::new(), Vec::new(), &sound[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (portion, left) = rest.split_at((*cut).min(rest.len()));
            detector.hear(portion.iter().copied(), |tone| found.push(tone));
            rest = left;
        }
        prop_assert_eq!(&found, &whole);
        // Down and up take turns, down first.
        for (place, tone) in whole.iter().enumerate() {
            let is_down = matches!(tone, Tone::Down { .. });
            prop_assert_eq!(is_down, place % 2 == 0);
        }
    }
}
