//! Keys in the sound itself: two tones at once (ITU-T Q.23), recognized as Q.24 asks of a receiver.
//!
//! ```text
//!   samples ──> slices of 5 ms ──> bank: Goertzel's filter for each of the eight tones, and the energy
//!                                   │
//!   no key down:  are a row and a column strong in the last 40 ms? ──> fit: are two sines all there is? ──> Down
//!   a key down:   are its tones missing from four slices in succession? ──────────────────────────────────> Up
//! ```
//!
//! | | Q.24 | here |
//! |---|---|---|
//! | frequency | within 1.5 % taken, beyond 3.5 % refused | taken within 1.5 % and 2 Hz, refused beyond 3.5 % |
//! | length | 40 ms taken, under 23 ms (AT&T) refused | taken from 29 ms, refused under 28 |
//! | pause | 40 ms (AT&T), 30 ms (NTT, Australia) parts two keys | so do 30 ms |
//! | interruption | 10 ms does not part a key | the same, be it silence or a click; from 19 ms it does |
//! | level of each tone | 0 to -25 dBm (AT&T), -3 to -24 (NTT) taken | +1 to -35 dBm0 taken, under -45 refused |
//! | column over row | +4 to -8 dB (AT&T), ±5 (NTT) taken | +5 to -8 taken, +12 and -14 refused |
//! | noise | | white, 10 dB below each tone, loses none of a thousand keys |
//! | dial tone | | 10 dB below the keys loses none |
//!
//! Time is counted in samples. A detector is of a fixed size and allocates nothing; silence costs it next to nothing.

mod bank;
mod fit;

use crate::facts::Key;

use bank::{Bank, COLUMNS, ROWS, SLICE, Slice};
use fit::{Pair, SLICES, WINDOW};

/// The least share of a slice's energy that a held key's tones have.
const HELD_SHARE: f32 = 0.5;
/// The least part of its energy at the beginning that a held key has in a slice: -9 dB.
const HELD_LEVEL: f32 = 0.125;
/// Slices without a held key's tones after which it is let go.
const LET_GO: u8 = 4;
/// Lost sound up to this many samples does not end a held key: 60 ms.
const BRIDGED: u64 = 480;

/// What a detector hears. `at` counts samples since the detector's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A key went down; told about 30 ms later.
    Down {
        /// Which.
        key: Key,
        /// When.
        at: u64,
    },
    /// The key was let go; told about 20 ms later.
    Up {
        /// Which.
        key: Key,
        /// When.
        at: u64,
    },
}

/// Hears keys in 8 kHz sound.
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    bank: Bank,
    /// The window, oldest first: as samples, and by tones.
    sound: [f32; WINDOW],
    slices: [Slice; SLICES],
    /// Samples of the slice under way.
    begun: [f32; SLICE],
    filled: usize,
    /// Samples heard in whole slices, and lost.
    heard: u64,
    held: Option<Held>,
}

/// A key that is down.
#[derive(Clone, Copy, Debug)]
struct Held {
    pair: Pair,
    /// Slices since its tones were last there.
    missed: u8,
    /// When they were.
    last: u64,
}

impl Default for DtmfDetector {
    fn default() -> DtmfDetector {
        DtmfDetector {
            bank: Bank::new(),
            sound: [0.0; WINDOW],
            slices: [Slice::SILENT; SLICES],
            begun: [0.0; SLICE],
            filled: 0,
            heard: 0,
            held: None,
        }
    }
}

impl DtmfDetector {
    /// A detector that has heard nothing.
    pub fn new() -> DtmfDetector {
        DtmfDetector::default()
    }

    /// Hears samples, in any portions, and tells what they hold.
    pub fn hear(&mut self, samples: impl IntoIterator<Item = i16>, mut tell: impl FnMut(Tone)) {
        for sample in samples {
            if let Some(place) = self.begun.get_mut(self.filled) {
                *place = f32::from(sample);
            }
            self.filled += 1;
            if self.filled >= SLICE {
                self.filled = 0;
                self.take_slice(&mut tell);
            }
        }
    }

    /// So many samples never came. A key that is down stays so over 60 ms.
    pub fn lose(&mut self, samples: u64, mut tell: impl FnMut(Tone)) {
        self.heard = self.heard.saturating_add(samples).saturating_add(self.filled as u64);
        self.filled = 0;
        self.forget();
        if samples > BRIDGED {
            self.let_go(&mut tell);
        }
    }

    /// Empties the window: what was in it is part of no other key.
    fn forget(&mut self) {
        self.sound = [0.0; WINDOW];
        self.slices = [Slice::SILENT; SLICES];
    }

    fn take_slice(&mut self, tell: &mut impl FnMut(Tone)) {
        self.heard = self.heard.saturating_add(SLICE as u64);
        self.sound.copy_within(SLICE.., 0);
        let places = self.sound.iter_mut().skip(WINDOW - SLICE);
        places.zip(self.begun).for_each(|(place, sample)| *place = sample);
        self.slices.rotate_left(1);
        let newest = self.bank.analyse(&self.begun);
        if let Some(place) = self.slices.last_mut() {
            *place = newest;
        }
        if let Some(held) = &mut self.held {
            if held.pair.is_in(&newest) {
                (held.missed, held.last) = (0, self.heard);
                return;
            }
            held.missed += 1;
            if held.missed >= LET_GO {
                self.let_go(tell);
                self.forget();
            }
        }
        let Some(pair) = fit::pressed(&self.sound, &self.slices) else { return };
        if self.held.is_some_and(|held| pair.is_same(&held.pair)) {
            return;
        }
        self.let_go(tell);
        self.held = Some(Held { pair, missed: 0, last: self.heard });
        let at = self.heard.saturating_sub((WINDOW - pair.first) as u64);
        tell(Tone::Down { key: key(&pair), at });
    }

    fn let_go(&mut self, tell: &mut impl FnMut(Tone)) {
        if let Some(held) = self.held.take() {
            tell(Tone::Up { key: key(&held.pair), at: held.last });
        }
    }
}

impl Pair {
    fn is_same(&self, other: &Pair) -> bool {
        (self.row, self.column) == (other.row, other.column)
    }

    fn is_in(&self, slice: &Slice) -> bool {
        let tones = (slice.power(self.row) + slice.power(ROWS + self.column)) * 2.0 / SLICE as f32;
        tones >= HELD_SHARE * slice.energy && tones >= HELD_LEVEL * self.energy
    }
}

fn key(pair: &Pair) -> Key {
    const KEYS: [[Key; COLUMNS]; ROWS] = [
        [Key::Digit(1), Key::Digit(2), Key::Digit(3), Key::Letter(b'A')],
        [Key::Digit(4), Key::Digit(5), Key::Digit(6), Key::Letter(b'B')],
        [Key::Digit(7), Key::Digit(8), Key::Digit(9), Key::Letter(b'C')],
        [Key::Star, Key::Digit(0), Key::Hash, Key::Letter(b'D')],
    ];
    KEYS.get(pair.row).and_then(|keys| keys.get(pair.column)).copied().unwrap_or(Key::Hash)
}
