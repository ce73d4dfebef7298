//! Files as speakers send them: WAV, FLAC or MP3, of any rate and any number of channels, become mono samples.
//!
//! What a file says of itself is not believed where it contradicts itself: a header that lies of the rate or of the length
//! is refused here, and no caller hears it too fast.

use std::io::{Cursor, ErrorKind};

use symphonia::core::audio::SampleBuffer;
use symphonia::core::codecs::DecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::probe::Hint;

use super::LONGEST;
use super::wav::{WavFault, check_header};

/// The largest file that is imported, in bytes: half an hour of 48 kHz, stereo, 24 bit.
pub const LARGEST_IMPORT: u64 = 30 * 60 * 48_000 * 6;

/// Sound as it was recorded.
#[derive(Debug)]
pub struct Sound {
    /// Mono; 1.0 is full scale, floating-point files may lie above it.
    pub samples: Vec<f32>,
    /// Samples a second.
    pub rate: u32,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeFault {
    /// A WAV file that is damaged, lies, or is compressed.
    #[error(transparent)]
    Wav(#[from] WavFault),
    /// Another kind of file.
    #[error("it is no WAV, FLAC or MP3 file; save it as one of these")]
    Kind,
    /// The file cannot be decoded to its end.
    #[error("it is damaged ({0}); save it again, or ask for it again")]
    Damaged(String),
    /// Fewer samples than the file promises.
    #[error("it promises {promised} samples where there are {found}: it was cut short; ask for it again")]
    CutShort {
        /// Samples a channel, by the file's head.
        promised: u64,
        /// Samples a channel there are.
        found: u64,
    },
    /// A rate nobody records at.
    #[error("its sampling rate is {0} Hz; record at 8000 to 192000 Hz")]
    Rate(u32),
    /// The rate changes in the middle.
    #[error("its sampling rate or its channels change in the middle; save it again")]
    Changes,
}

/// The sound of a file's contents, its channels mixed to one.
///
/// # Errors
/// Anything that is no whole WAV (PCM or floating-point), FLAC or MP3 file of at most 30 minutes.
pub fn decode(bytes: Vec<u8>) -> Result<Sound, DecodeFault> {
    let whole = match bytes.get(..4) {
        None if bytes.is_empty() => return Err(WavFault::Empty.into()),
        Some(b"RIFF") => {
            check_header(&bytes)?;
            true
        }
        Some(b"fLaC") => true,
        Some([b'I', b'D', b'3', _]) => false,
        Some([0xFF, second, ..]) if second & 0xE0 == 0xE0 => false,
        _ => return Err(DecodeFault::Kind),
    };
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let options = FormatOptions { enable_gapless: true, ..FormatOptions::default() };
    let probe = symphonia::default::get_probe();
    let mut format = probe.format(&Hint::new(), stream, &options, &MetadataOptions::default()).map_err(damaged)?.format;
    let promised = format.default_track().and_then(|track| track.codec_params.n_frames).filter(|_| whole);
    let sound = samples_of(format.as_mut())?;
    let found = sound.samples.len() as u64;
    match promised {
        Some(promised) if promised > found => Err(DecodeFault::CutShort { promised, found }),
        _ if found == 0 => Err(WavFault::Empty.into()),
        _ => Ok(sound),
    }
}

fn damaged(error: Error) -> DecodeFault {
    DecodeFault::Damaged(error.to_string())
}

fn samples_of(format: &mut dyn FormatReader) -> Result<Sound, DecodeFault> {
    let track = format.default_track().ok_or_else(|| DecodeFault::Damaged("there is no sound in it".into()))?;
    let id = track.id;
    let codecs = symphonia::default::get_codecs();
    let mut decoder = codecs.make(&track.codec_params, &DecoderOptions::default()).map_err(damaged)?;
    let mut samples = Vec::new();
    let mut kind = None;
    loop {
        let packet = match format.next_packet() {
            Ok(packet) if packet.track_id() == id => packet,
            Ok(_) => continue,
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(damaged(error)),
        };
        let decoded = decoder.decode(&packet).map_err(damaged)?;
        let spec = *decoded.spec();
        if !(8000..=192_000).contains(&spec.rate) {
            return Err(DecodeFault::Rate(spec.rate));
        }
        if *kind.get_or_insert(spec) != spec {
            return Err(DecodeFault::Changes);
        }
        let channels = spec.channels.count().max(1);
        let mut buffer = SampleBuffer::<f32>::new(decoded.capacity() as u64, spec);
        buffer.copy_interleaved_ref(decoded);
        let mixed = buffer.samples().chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
        samples.extend(mixed.map(|sample| if sample.is_finite() { sample } else { 0.0 }));
        if samples.len() as u64 > LONGEST.as_secs() * u64::from(spec.rate) {
            return Err(WavFault::TooLong.into());
        }
    }
    Ok(Sound { samples, rate: kind.map_or(0, |spec| spec.rate) })
}
