//! Files as speakers send them: WAV, FLAC or MP3, of any rate and any number of channels, become mono samples.
//!
//! What a file says of itself is not believed where it contradicts itself: a header that lies of the rate or of the length
//! is refused here, and no caller hears it too fast.

use std::io::{Cursor, ErrorKind};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::LONGEST;
use super::wav::{WavFault, check_header, complete_header};

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
    let probe = symphonia::default::get_probe();
    let probed = probe.probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default());
    let mut format = probed.map_err(damaged)?;
    let promised = format.default_track(TrackType::Audio).and_then(|track| track.num_frames).filter(|_| whole);
    let sound = samples_of(format.as_mut())?;
    let found = sound.samples.len() as u64;
    match promised {
        Some(promised) if promised > found => Err(DecodeFault::CutShort { promised, found }),
        _ if found == 0 => Err(WavFault::Empty.into()),
        _ => Ok(sound),
    }
}

/// The same of what a program wrote to a pipe, whose header may not know its length.
///
/// # Errors
/// As [`decode`].
pub(super) fn decode_piped(mut bytes: Vec<u8>) -> Result<Sound, DecodeFault> {
    complete_header(&mut bytes);
    decode(bytes)
}

fn damaged(error: Error) -> DecodeFault {
    DecodeFault::Damaged(error.to_string())
}

fn samples_of(format: &mut dyn FormatReader) -> Result<Sound, DecodeFault> {
    let nothing = || DecodeFault::Damaged("there is no sound in it".into());
    let track = format.default_track(TrackType::Audio).ok_or_else(nothing)?;
    let id = track.id;
    let codec = track.codec_params.as_ref().and_then(|codec| codec.audio()).ok_or_else(nothing)?;
    // A FLAC file holds a digest of its samples.
    let options = AudioDecoderOptions::default().verify(true);
    let mut decoder = symphonia::default::get_codecs().make_audio_decoder(codec, &options).map_err(damaged)?;
    let (mut samples, mut interleaved) = (Vec::new(), Vec::<f32>::new());
    let mut kind = None;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == id => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(damaged(error)),
        };
        let decoded = decoder.decode(&packet).map_err(damaged)?;
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count().max(1));
        if !(8000..=192_000).contains(&rate) {
            return Err(DecodeFault::Rate(rate));
        }
        if *kind.get_or_insert((rate, channels)) != (rate, channels) {
            return Err(DecodeFault::Changes);
        }
        decoded.copy_to_vec_interleaved(&mut interleaved);
        let mixed = interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
        samples.extend(mixed.map(|sample| if sample.is_finite() { sample } else { 0.0 }));
        if samples.len() as u64 > LONGEST.as_secs() * u64::from(rate) {
            return Err(WavFault::TooLong.into());
        }
    }
    if decoder.finalize().verify_ok == Some(false) {
        return Err(DecodeFault::Damaged("its samples are not those that were written".into()));
    }
    Ok(Sound { samples, rate: kind.map_or(0, |(rate, _)| rate) })
}
