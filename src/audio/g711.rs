//! G.711: one byte a sample, in A-law (Europe, China) or µ-law (North America, Japan). Bit-exact with ITU-T G.191.
//!
//! Encoding is a look-up in a table of 64 KB a law, made once.

use std::sync::LazyLock;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

/// One of G.711's two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law.
    A,
    /// µ-law.
    Mu,
}

/// What each 16-bit sample is encoded to, by the sample as an unsigned number.
type Table = LazyLock<Box<[u8]>>;

static ALAW: Table = LazyLock::new(|| (0..=u16::MAX).map(|sample| encode_alaw(sample.cast_signed())).collect());
static ULAW: Table = LazyLock::new(|| (0..=u16::MAX).map(|sample| encode_ulaw(sample.cast_signed())).collect());

impl Law {
    /// The byte of a zero sample.
    pub const fn silence(self) -> u8 {
        match self {
            Law::A => 0xD5,
            Law::Mu => 0xFF,
        }
    }

    /// One sample's byte.
    pub fn encode(self, sample: i16) -> u8 {
        let table = match self {
            Law::A => &ALAW,
            Law::Mu => &ULAW,
        };
        table.get(usize::from(sample.cast_unsigned())).copied().unwrap_or(self.silence())
    }

    /// One byte's sample.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Law::A => decode_alaw(byte),
            Law::Mu => decode_ulaw(byte),
        }
    }

    /// Every sample's byte.
    pub fn encode_all(self, samples: &[i16]) -> Box<[u8]> {
        samples.iter().map(|sample| self.encode(*sample)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_the_library_says() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(Law::A.encode(sample), encode_alaw(sample));
            assert_eq!(Law::Mu.encode(sample), encode_ulaw(sample));
        }
    }

    #[test]
    fn silence_is_a_zero_sample() {
        for law in [Law::A, Law::Mu] {
            assert_eq!(law.encode(0), law.silence());
            assert!(law.decode(law.silence()).abs() <= 8);
        }
    }

    #[test]
    fn a_decoded_byte_encodes_to_itself() {
        for byte in 0..=u8::MAX {
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte);
            // µ-law has two zeros.
            assert!(Law::Mu.encode(Law::Mu.decode(byte)) == byte || byte == 0x7F);
        }
    }
}
