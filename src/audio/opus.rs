//! Opus (RFC 6716) by libopus, as a telephone needs it: one channel, and 8 kHz samples on either side.
//!
//! ```text
//!   8 kHz samples ── 20 ms: 160 ──> libopus (VOIP, 24 kbit/s, FEC) ── about 60 bytes ──> RTP, clock 48,000 (RFC 7587)
//!   RTP ──> libopus, whatever was sent ──> 8 kHz samples
//! ```
//!
//! libopus takes and gives 8 kHz itself: Opus's RTP clock is 48 kHz whatever is inside. Nothing is resampled here.

use opusic_c::{Application, Bitrate, Channels, InbandFec, SampleRate, Signal};

use super::MOST_DECODED;

/// Bits a second. Above 20,000 narrow-band speech hardly gets better; the rest is for what FEC repeats.
const BITRATE: u32 = 24_000;
/// Of 0 to 10. Below 2 libopus's encoder leaves FEC out; above, narrow-band speech comes no closer to what it was, and costs up to
/// three times as much.
const COMPLEXITY: u8 = 2;
/// Percent of packets that are taken to be lost: without any, FEC repeats nothing.
const LOSS: u8 = 5;
/// The longest packet: what 60 ms at twice the bit rate are.
const LONGEST: usize = 360;

/// Ticks a second of Opus's RTP timestamps (RFC 7587 section 4.1).
pub(super) const CLOCK_RATE: u32 = 48_000;
/// What is told of this side as a receiver and a sender (RFC 7587 section 6.1).
pub(super) const FORMAT: &str = "maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1";

/// The longest of libopus's frames that takes no longer than this, in milliseconds.
pub(super) const fn packet_time(asked: u8) -> u8 {
    match asked {
        60.. => 60,
        40.. => 40,
        20.. => 20,
        _ => 10,
    }
}

/// Ticks of the RTP clock that a packet sounds for; zero where it is none.
pub(super) fn ticks(packet: &[u8]) -> u32 {
    if packet.is_empty() {
        return 0;
    }
    let samples = opusic_c::utils::get_nb_samples(packet, SampleRate::Hz48000);
    samples.ok().and_then(|samples| u32::try_from(samples).ok()).unwrap_or(0)
}

/// The sending side.
pub(super) struct OpusEncoder(opusic_c::Encoder);

impl OpusEncoder {
    /// `None` where there is no memory for it.
    pub(super) fn new() -> Option<OpusEncoder> {
        let mut encoder = opusic_c::Encoder::new(Channels::Mono, SampleRate::Hz8000, Application::Voip).ok()?;
        encoder.set_bitrate(Bitrate::Value(BITRATE)).ok()?;
        encoder.set_complexity(COMPLEXITY).ok()?;
        encoder.set_signal(Signal::Voice).ok()?;
        encoder.set_inband_fec(InbandFec::Mode1).ok()?;
        encoder.set_packet_loss(LOSS).ok()?;
        Some(OpusEncoder(encoder))
    }

    /// A packet of 10, 20, 40 or 60 ms. Zero bytes for any other length.
    pub(super) fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let mut bits = [0; MOST_DECODED];
        let length = bits.iter_mut().zip(samples).map(|(to, from)| *to = from.cast_unsigned()).count();
        let room = out.len().min(LONGEST);
        let (Some(bits), Some(out)) = (bits.get(..length), out.get_mut(..room)) else { return 0 };
        self.0.encode_to_slice(bits, out).unwrap_or(0)
    }
}

/// The receiving side.
pub(super) struct OpusDecoder(Option<opusic_c::Decoder>);

impl OpusDecoder {
    pub(super) fn new() -> OpusDecoder {
        OpusDecoder(opusic_c::Decoder::new(Channels::Mono, SampleRate::Hz8000).ok())
    }

    /// A packet's samples, as far as there is room. None of what is no packet.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> usize {
        let Some(decoder) = self.0.as_mut().filter(|_| !packet.is_empty()) else { return 0 };
        // Longer than any packet may be: libopus refuses what does not fit.
        let mut bits = [0; MOST_DECODED];
        let length = decoder.decode_to_slice(packet, &mut bits, false).unwrap_or(0);
        out.iter_mut().zip(bits.iter().take(length)).map(|(to, from)| *to = from.cast_signed()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Codec, Decoder, Encoder};

    #[test]
    fn every_packet_time_that_is_asked_for_can_be_sent() {
        for asked in 0..=255 {
            let samples = vec![0; usize::from(packet_time(asked)) * 8];
            let (mut encoder, mut packet) = (Encoder::new(Codec::Opus).unwrap(), [0; 960]);
            let length = encoder.encode(&samples, &mut packet);
            assert!(length > 0, "{asked}");
            let mut heard = [0; MOST_DECODED];
            assert_eq!(Decoder::new(Codec::Opus).decode(&packet[..length], &mut heard), samples.len());
            assert_eq!(ticks(&packet[..length]), u32::from(packet_time(asked)) * 48);
        }
    }

    #[test]
    fn what_is_no_packet_is_no_sound() {
        let mut decoder = OpusDecoder::new();
        for packet in [&[][..], &[0xFF; 1], &[0xFF, 0xFF, 0xFF], &[3, 63]] {
            assert_eq!(decoder.decode(packet, &mut [0; MOST_DECODED]), 0, "{packet:?}");
        }
        assert_eq!(ticks(&[]), 0);
    }
}
