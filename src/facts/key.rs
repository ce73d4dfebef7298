//! The sixteen keys of a telephone (ITU-T Q.23), by their RFC 4733 event codes 0–15.

use std::fmt;

/// A key of the telephone's keypad. `A`–`D` exist on the wire and on few telephones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A digit key; always 0–9 (see [`Key::digit`]).
    Digit(u8),
    /// `*`, event 10.
    Star,
    /// `#`, event 11.
    Hash,
    /// `A`–`D`, events 12–15; always `b'A'..=b'D'`.
    Letter(u8),
}

impl Key {
    /// The digit key 0–9, or nothing for another number.
    pub const fn digit(value: u8) -> Option<Key> {
        if value <= 9 { Some(Key::Digit(value)) } else { None }
    }

    /// The key of an RFC 4733 section 3.2 event code: 0–15, or nothing for an event that is no key.
    pub const fn from_event(event: u8) -> Option<Key> {
        match event {
            0..=9 => Some(Key::Digit(event)),
            10 => Some(Key::Star),
            11 => Some(Key::Hash),
            12..=15 => Some(Key::Letter(b'A' + event - 12)),
            _ => None,
        }
    }

    /// The RFC 4733 event code, 0–15.
    pub const fn event(self) -> u8 {
        match self {
            Key::Digit(digit) => digit,
            Key::Star => 10,
            Key::Hash => 11,
            Key::Letter(letter) => letter - b'A' + 12,
        }
    }

    /// The key written as `0`–`9`, `*`, `#`, `A`–`D` (small letters too), or nothing.
    pub fn from_char(symbol: char) -> Option<Key> {
        match symbol {
            '0'..='9' => Some(Key::Digit(symbol as u8 - b'0')),
            '*' => Some(Key::Star),
            '#' => Some(Key::Hash),
            'A'..='D' => Some(Key::Letter(symbol as u8)),
            'a'..='d' => Some(Key::Letter(symbol.to_ascii_uppercase() as u8)),
            _ => None,
        }
    }

    /// The symbol on the key.
    pub const fn symbol(self) -> char {
        match self {
            Key::Digit(digit) => (b'0' + digit) as char,
            Key::Star => '*',
            Key::Hash => '#',
            Key::Letter(letter) => letter as char,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.symbol())
    }
}

/// A single key may be part of a secret, so `Debug` does not show which one.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(·)")
    }
}
