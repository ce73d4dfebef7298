//! Money: an integer number of fen (分). There are no floats of money anywhere.

use std::fmt;

/// An amount of renminbi in fen; 100 fen are one yuan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(pub i64);

impl Fen {
    /// Nothing.
    pub const ZERO: Fen = Fen(0);

    /// The sum, held at the ends of the range.
    pub const fn saturating_add(self, other: Fen) -> Fen {
        Fen(self.0.saturating_add(other.0))
    }

    /// Yuan, jiao (0–9) and fen (0–9) of the amount's size; the sign is `self.0`'s.
    pub const fn parts(self) -> (u64, u8, u8) {
        let size = self.0.unsigned_abs();
        (size / 100, (size / 10 % 10) as u8, (size % 10) as u8)
    }
}

/// `1234.05`: for people who read logs and tables, not for speech.
impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (yuan, jiao, fen) = self.parts();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{yuan}.{jiao}{fen}")
    }
}
