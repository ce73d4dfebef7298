//! What plays, as a packet's payload: copied where clips are kept in the call's codec, else transcoded.

use crate::audio::{Codec, Encoder, Playlist};

use super::call::LONGEST_PAYLOAD;

/// The sending side's codec.
pub(super) struct Voice {
    codec: Codec,
    encoder: Option<Encoder>,
}

impl Voice {
    pub(super) fn new(codec: Codec) -> Voice {
        Voice { codec, encoder: Encoder::new(codec) }
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes another codec, from the next packet on. Whether it is another.
    pub(super) fn change(&mut self, codec: Codec) -> bool {
        let changes = codec != self.codec;
        if changes {
            *self = Voice::new(codec);
        }
        changes
    }

    /// Writes the next packet's payload, so many milliseconds of the playlist, and returns its length. Zero when all has
    /// been played. Allocates nothing.
    #[inline]
    pub(super) fn fill(&mut self, playlist: &mut Playlist, milliseconds: u8, out: &mut [u8]) -> usize {
        let samples = usize::from(milliseconds) * 8;
        let law = self.codec.law();
        let Some(encoder) = &mut self.encoder else {
            let Some(out) = out.get_mut(..samples) else { return 0 };
            return if playlist.fill(law, out) > 0 { samples } else { 0 };
        };
        let mut kept = [0; LONGEST_PAYLOAD];
        let Some(kept) = kept.get_mut(..samples) else { return 0 };
        if playlist.fill(law, kept) == 0 {
            return 0;
        }
        encode(encoder, kept.iter().map(|byte| law.decode(*byte)), out)
    }

    /// Writes a payload of so many milliseconds of silence.
    pub(super) fn silence(&mut self, milliseconds: u8, out: &mut [u8]) -> usize {
        let samples = usize::from(milliseconds) * 8;
        match &mut self.encoder {
            None => out.get_mut(..samples).map_or(0, |out| {
                out.fill(self.codec.law().silence());
                samples
            }),
            Some(encoder) => encode(encoder, std::iter::repeat_n(0, samples), out),
        }
    }
}

fn encode(encoder: &mut Encoder, sound: impl Iterator<Item = i16>, out: &mut [u8]) -> usize {
    let mut samples = [0; LONGEST_PAYLOAD];
    let length = samples.iter_mut().zip(sound).map(|(to, from)| *to = from).count();
    samples.get(..length).map_or(0, |samples| encoder.encode(samples, out))
}
