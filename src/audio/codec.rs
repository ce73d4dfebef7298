//! The codecs a call's sound can travel in. Inside it is 8 kHz samples, whatever the codec.
//!
//! ```text
//!   PCMA, PCMU    clips are kept in them: what plays is copied            8000 Hz, RTP clock 8000
//!   G722          from and to 8 kHz samples: the lower of its two bands   16 kHz,  RTP clock 8000 all the same
//!   opus          from and to 8 kHz samples, by libopus                   any,     RTP clock 48,000
//! ```
//!
//! opus is there only with the feature of that name.
//!
//! G.722's RTP clock is half of its sample rate by an old mistake that was kept (RFC 3551 section 4.5.2). Telephone sound
//! has nothing in its upper band (4–8 kHz), and the decoder does not listen to it.

use audio_codec::g722::{Bitrate, G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};

use super::Law;
use super::doubler::Doubler;
#[cfg(feature = "opus")]
use super::opus::{self, OpusDecoder, OpusEncoder};

/// The most samples that one packet is decoded to: 120 ms. What is longer is cut.
pub const MOST_DECODED: usize = 960;

/// How a call's sound travels, by its encoding name in SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711, A-law.
    Pcma,
    /// G.711, µ-law.
    Pcmu,
    /// G.722, 64 kbit/s.
    G722,
    /// Opus, one channel (RFC 7587).
    #[cfg(feature = "opus")]
    Opus,
}

impl Codec {
    /// All, the cheapest first: what is offered stands in this order.
    #[cfg(not(feature = "opus"))]
    pub const ALL: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::G722];

    /// All, the cheapest first: what is offered stands in this order.
    #[cfg(feature = "opus")]
    pub const ALL: [Codec; 4] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];

    /// The RTP payload type it is offered under: the static one (RFC 3551 table 4), 8, 0 or 9; 111 for opus, which has none.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            Codec::G722 => 9,
            #[cfg(feature = "opus")]
            Codec::Opus => 111,
        }
    }

    /// The encoding's name in SDP: `PCMA`, `PCMU`, `G722` or `opus`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
            #[cfg(feature = "opus")]
            Codec::Opus => "opus",
        }
    }

    /// Ticks of the RTP timestamp a second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 8000,
            #[cfg(feature = "opus")]
            Codec::Opus => opus::CLOCK_RATE,
        }
    }

    /// The channels in its `a=rtpmap`: 2 for opus, however many there are (RFC 7587 section 7), else 1, which is left out.
    pub const fn channels(self) -> u8 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 1,
            #[cfg(feature = "opus")]
            Codec::Opus => 2,
        }
    }

    /// What its `a=fmtp` says of this side.
    pub const fn format(self) -> Option<&'static str> {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => None,
            #[cfg(feature = "opus")]
            Codec::Opus => Some(opus::FORMAT),
        }
    }

    /// Milliseconds of sound in a packet that is sent, where so many are asked for: those, held within 10 and 120; for opus
    /// the most of 10, 20, 40 and 60 that are not more.
    pub fn packet_time(self, asked: u8) -> u8 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => asked.clamp(10, 120),
            #[cfg(feature = "opus")]
            Codec::Opus => opus::packet_time(asked),
        }
    }

    /// Bytes of a payload that can be decoded by themselves: a longer one of opus is one packet all the same.
    pub const fn most_at_once(self) -> usize {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => MOST_DECODED,
            #[cfg(feature = "opus")]
            Codec::Opus => usize::MAX,
        }
    }

    /// Ticks of the RTP timestamp that a payload sounds for.
    pub fn ticks(self, payload: &[u8]) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => u32::try_from(payload.len()).unwrap_or(u32::MAX),
            #[cfg(feature = "opus")]
            Codec::Opus => opus::ticks(payload),
        }
    }

    /// The law whose bytes a call plays: the codec itself, or the one that is transcoded from.
    pub const fn law(self) -> Law {
        match self {
            Codec::Pcma | Codec::G722 => Law::A,
            Codec::Pcmu => Law::Mu,
            #[cfg(feature = "opus")]
            Codec::Opus => Law::A,
        }
    }

    /// Whether clips are not kept in this codec, so that what plays is encoded as it is sent. For G.722 that is two or three
    /// microseconds a millisecond of sound, and less than a kilobyte a call, however many clips there are; opus costs more of
    /// both.
    ///
    /// Kept clips would cost half as much memory again for a codec that hardly any caller needs. They would not sound
    /// right either: what a byte means in these codecs depends on all that were sent before it, so clips encoded one by one
    /// cannot be joined.
    pub const fn is_transcoded(self) -> bool {
        match self {
            Codec::Pcma | Codec::Pcmu => false,
            Codec::G722 => true,
            #[cfg(feature = "opus")]
            Codec::Opus => true,
        }
    }
}

/// The sending side of a call whose codec is transcoded to. Allocates only when it is made.
pub struct Encoder(Coding);

enum Coding {
    G722(Box<Wide>),
    #[cfg(feature = "opus")]
    Opus(OpusEncoder),
}

struct Wide {
    doubler: Doubler,
    encoder: G722Encoder,
}

impl Encoder {
    /// Nothing for a codec that clips are kept in.
    pub fn new(codec: Codec) -> Option<Encoder> {
        match codec {
            Codec::Pcma | Codec::Pcmu => None,
            Codec::G722 => {
                let wide = Wide { doubler: Doubler::new(), encoder: G722Encoder::new() };
                Some(Encoder(Coding::G722(Box::new(wide))))
            }
            #[cfg(feature = "opus")]
            Codec::Opus => OpusEncoder::new().map(|encoder| Encoder(Coding::Opus(encoder))),
        }
    }

    /// Encodes a packet's samples, 8 kHz, at most [`MOST_DECODED`] and of a length that [`Codec::packet_time`] allows, and
    /// returns how many bytes they are. Zero if `out` is too short: a byte a sample is enough.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        match &mut self.0 {
            Coding::G722(coding) => {
                let mut wide = [0; MOST_DECODED * 2];
                let length = coding.doubler.double(samples, &mut wide);
                wide.get(..length).map_or(0, |wide| coding.encoder.encode_into(wide, out).unwrap_or(0))
            }
            #[cfg(feature = "opus")]
            Coding::Opus(encoder) => encoder.encode(samples, out),
        }
    }
}

/// The receiving side of a call: payloads to 8 kHz samples. Packets must come in their order.
pub struct Decoder(Kind);

enum Kind {
    Law(Law),
    G722(Box<G722Decoder>),
    #[cfg(feature = "opus")]
    Opus(OpusDecoder),
}

impl Decoder {
    /// A stream that has not begun.
    pub fn new(codec: Codec) -> Decoder {
        Decoder(match codec {
            Codec::Pcma => Kind::Law(Law::A),
            Codec::Pcmu => Kind::Law(Law::Mu),
            Codec::G722 => Kind::G722(Box::new(G722Decoder::with_options(Bitrate::Mode1_64000, false, true))),
            #[cfg(feature = "opus")]
            Codec::Opus => Kind::Opus(OpusDecoder::new()),
        })
    }

    /// Decodes a payload of any length and returns how many samples of `out` it is: at most [`MOST_DECODED`], or as many
    /// as there is room for.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        #[cfg(feature = "opus")]
        if let Kind::Opus(decoder) = &mut self.0 {
            return decoder.decode(payload, out);
        }
        let length = payload.len().min(out.len()).min(MOST_DECODED);
        let (Some(payload), Some(out)) = (payload.get(..length), out.get_mut(..length)) else { return 0 };
        match &mut self.0 {
            Kind::Law(law) => {
                payload.iter().zip(out).for_each(|(byte, sample)| *sample = law.decode(*byte));
                length
            }
            Kind::G722(decoder) => decoder.decode_into(payload, out).unwrap_or(0),
            #[cfg(feature = "opus")]
            Kind::Opus(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::sine;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn sound_comes_through_g722() {
        for hertz in [350.0, 1000.0, 2500.0, 3300.0] {
            let sent = sine(hertz, -12.0, Duration::from_secs(1));
            let (mut encoder, mut decoder) = (Encoder::new(Codec::G722).unwrap(), Decoder::new(Codec::G722));
            let mut heard = Vec::new();
            for packet in sent.chunks(160) {
                let (mut bytes, mut samples) = ([0; 160], [0; MOST_DECODED]);
                assert_eq!(encoder.encode(packet, &mut bytes), packet.len());
                let length = decoder.decode(&bytes, &mut samples);
                assert_eq!(length, packet.len());
                heard.extend_from_slice(&samples[..length]);
            }
            let (was, is) = (level_of(&sent[400..], hertz), level_of(&heard[400..], hertz));
            assert!((was.0 - is.0).abs() < 0.5, "{hertz} Hz: {:.2} dB louder", is.0 - was.0);
            assert!(is.1 > 20.0, "{hertz} Hz: {:.1} dB above the noise", is.1);
        }
    }

    /// A tone's level, and how far it is above all else, in dB.
    fn level_of(samples: &[i16], hertz: f64) -> (f64, f64) {
        let (mut real, mut imaginary, mut all) = (0.0, 0.0, 0.0);
        for (at, sample) in samples.iter().enumerate() {
            let (phase, sample) = (std::f64::consts::TAU * hertz * at as f64 / 8000.0, f64::from(*sample));
            real += sample * phase.cos();
            imaginary += sample * phase.sin();
            all += sample * sample;
        }
        let tone = 2.0 * (real * real + imaginary * imaginary) / samples.len() as f64;
        (10.0 * tone.log10(), 10.0 * (tone / (all - tone).max(1.0)).log10())
    }

    #[test]
    fn a_call_that_is_transcoded_costs_less_than_a_kilobyte() {
        assert!(size_of::<Wide>() < 1024);
    }

    #[test]
    fn a_codec_that_clips_are_kept_in_needs_no_encoder() {
        assert!(Codec::ALL.iter().all(|codec| Encoder::new(*codec).is_some() == codec.is_transcoded()));
        let mut samples = [0; 4];
        assert_eq!(Decoder::new(Codec::Pcmu).decode(&[0xFF, 0x80, 0, 0, 0, 0], &mut samples), 4);
        assert_eq!(samples, [0, 32_124, -32_124, -32_124]);
    }

    proptest! {
        #[test]
        fn no_payload_brings_it_down(payload in prop::collection::vec(any::<u8>(), 0..1500), room in 0_usize..1000) {
            for codec in Codec::ALL {
                let mut decoder = Decoder::new(codec);
                let mut out = vec![0; room];
                for _ in 0..3 {
                    prop_assert!(decoder.decode(&payload, &mut out) <= room.min(MOST_DECODED));
                }
            }
        }

        #[test]
        fn no_samples_bring_it_down(samples in prop::collection::vec(any::<i16>(), 0..500), room in 0_usize..500) {
            for mut encoder in Codec::ALL.into_iter().filter_map(Encoder::new) {
                let mut out = vec![0; room];
                for _ in 0..3 {
                    prop_assert!(encoder.encode(&samples, &mut out) <= room);
                }
            }
        }
    }
}
