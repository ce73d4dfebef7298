//! WAV files: 8 kHz, mono, 16-bit, nothing else. Every other kind is refused when it is read, before any call, with the
//! command that mends it: a file that plays six times too fast is found here and not by a caller.
//!
//! ```text
//!   RIFF size WAVE | fmt  16 | format channels rate … bits | (other chunks) | data size | samples, little-endian
//! ```

use std::fs::File;
use std::io::{BufWriter, Cursor, Read};
use std::path::Path;
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::{SAMPLE_RATE, samples_in};

/// The longest recording there may be.
pub const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The longest file that is read at all: [`LONGEST`], with room for other chunks.
pub(super) const LARGEST_FILE: u64 = 30 * 60 * 16_000 + 1_000_000;

/// Who writes to a pipe promises so many bytes of samples, or more: 2 GB, which no recording has.
const UNKNOWN: u64 = 0x7FFF_0000;

/// Why a file is no recording that can be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavFault {
    /// The file cannot be opened or read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// No WAV file at all, or a damaged one.
    #[error("it is no WAV file ({0}); save it again as WAV, 8000 Hz, mono, 16-bit")]
    NotWav(String),
    /// Another sampling rate.
    #[error("its sampling rate is {0} Hz, not 8000; convert it: sox IN.wav -r 8000 OUT.wav")]
    Rate(u32),
    /// More channels than one.
    #[error("it has {0} channels, not one; convert it: sox IN.wav -c 1 OUT.wav")]
    Channels(u16),
    /// Another size or kind of sample.
    #[error("its samples are {0}, not 16-bit integers; convert it: sox IN.wav -e signed-integer -b 16 OUT.wav")]
    Samples(String),
    /// The header's length is not the file's.
    #[error(
        "its header promises {promised} bytes where there are {found}: cut short, or its writer did not finish; save it again"
    )]
    Length {
        /// Bytes the header says.
        promised: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Samples that are compressed: their writer's rate and length are guesses.
    #[error("its samples are {0}, which loses sound; save it as 16-bit WAV, FLAC or MP3 from the first recording")]
    Compressed(String),
    /// The header says two rates.
    #[error(
        "its header says {rate} Hz of {frame} bytes, and {bytes_a_second} bytes a second: one is wrong; save it again"
    )]
    Contradiction {
        /// Samples a second.
        rate: u32,
        /// Bytes of a sample of all channels.
        frame: u16,
        /// Bytes a second.
        bytes_a_second: u32,
    },
    /// No sample.
    #[error("it is empty; record it again")]
    Empty,
    /// Longer than [`LONGEST`].
    #[error("it is longer than 30 minutes; cut it into shorter recordings")]
    TooLong,
}

/// The samples of a file.
///
/// # Errors
/// Anything but 8 kHz, mono, 16-bit, whole, not empty and at most 30 minutes.
pub fn read_wav(path: &Path) -> Result<Vec<i16>, WavFault> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(WavFault::TooLong);
    }
    read_wav_bytes(&bytes)
}

/// The samples of a file's contents.
///
/// # Errors
/// As [`read_wav`].
pub fn read_wav_bytes(bytes: &[u8]) -> Result<Vec<i16>, WavFault> {
    let layout = Layout::of(bytes)?;
    if layout.format != PCM && layout.format != EXTENSIBLE {
        return Err(WavFault::Samples(format_name(layout.format)));
    }
    let reader = WavReader::new(Cursor::new(bytes)).map_err(|error| match layout.check_length() {
        Err(fault) => fault,
        Ok(()) => WavFault::NotWav(error.to_string()),
    })?;
    let spec = reader.spec();
    if spec.sample_rate != SAMPLE_RATE {
        return Err(WavFault::Rate(spec.sample_rate));
    }
    if spec.channels != 1 {
        return Err(WavFault::Channels(spec.channels));
    }
    if spec.bits_per_sample != 16 || spec.sample_format != SampleFormat::Int {
        return Err(WavFault::Samples(format!("{}-bit {:?}", spec.bits_per_sample, spec.sample_format).to_lowercase()));
    }
    layout.check_length()?;
    if reader.len() == 0 {
        return Err(WavFault::Empty);
    }
    if reader.len() as usize > samples_in(LONGEST) {
        return Err(WavFault::TooLong);
    }
    reader.into_samples().collect::<Result<Vec<i16>, _>>().map_err(|error| WavFault::NotWav(error.to_string()))
}

/// Completes the header of a file that was written to a pipe: its writer did not know the length beforehand, and said none, or
/// the longest there is.
pub(super) fn complete_header(bytes: &mut [u8]) {
    let Ok(layout) = Layout::of(bytes) else { return };
    if layout.promised != 0 && layout.promised < UNKNOWN {
        return;
    }
    let whole = bytes.len() as u64;
    for (at, length) in [(4, whole.saturating_sub(8)), (layout.data.saturating_add(4), layout.found)] {
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        bytes.get_mut(at..at.saturating_add(4)).into_iter().for_each(|four| four.copy_from_slice(&length));
    }
}

/// Whether the header of a WAV file of any rate and size of sample agrees with itself and with the file, and its samples
/// are not compressed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), WavFault> {
    let layout = Layout::of(bytes)?;
    if ![PCM, FLOAT, EXTENSIBLE].contains(&layout.format) {
        return Err(WavFault::Compressed(format_name(layout.format)));
    }
    layout.check_length()?;
    let (rate, bytes_a_second, frame) = layout.rates;
    if u64::from(rate) * u64::from(frame) != u64::from(bytes_a_second) {
        return Err(WavFault::Contradiction { rate, frame, bytes_a_second });
    }
    Ok(())
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// What a WAV format tag (RFC 2361) means.
fn format_name(tag: u16) -> String {
    match tag {
        2 | 0x11 => "ADPCM".into(),
        3 => "floating-point".into(),
        6 => "A-law".into(),
        7 => "µ-law".into(),
        0x31 => "GSM 06.10".into(),
        0x55 => "MP3".into(),
        other => format!("of format {other:#06x}"),
    }
}

/// Where the parts of a RIFF file lie: what hound does not tell of a file that it refuses.
struct Layout {
    format: u16,
    /// Where the chunk of samples begins.
    data: usize,
    /// Samples a second, bytes a second, bytes of a sample of all channels.
    rates: (u32, u32, u16),
    /// Bytes of samples that the header promises.
    promised: u64,
    /// Bytes of samples there can be.
    found: u64,
    /// Bytes after the last chunk that the file's header counts.
    beyond: u64,
}

impl Layout {
    fn of(bytes: &[u8]) -> Result<Layout, WavFault> {
        if bytes.is_empty() {
            return Err(WavFault::Empty);
        }
        if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(WavFault::NotWav("it does not begin with RIFF … WAVE".into()));
        }
        let whole = bytes.len() as u64;
        // One byte of padding is no lie.
        let beyond = whole.saturating_sub(u64::from(number(bytes, 4)) + 9);
        let (mut format, mut rates, mut at) = (None, (0, 0, 0), 12_usize);
        while let Some(id) = bytes.get(at..at + 4) {
            let size = number(bytes, at + 4);
            if id == b"fmt " {
                format = bytes.get(at + 8..at + 10).map(|tag| u16::from_le_bytes(tag.try_into().unwrap_or_default()));
                let frame = u16::try_from(number(bytes, at + 20) & 0xFFFF).unwrap_or(0);
                rates = (number(bytes, at + 12), number(bytes, at + 16), frame);
            }
            if id == b"data" {
                let format = format.ok_or_else(|| WavFault::NotWav("its fmt chunk is missing".into()))?;
                let found = whole.saturating_sub(at as u64 + 8);
                return Ok(Layout { format, data: at, rates, promised: size.into(), found, beyond });
            }
            at = at.saturating_add(8).saturating_add(size as usize).saturating_add(size as usize % 2);
        }
        Err(WavFault::NotWav("its data chunk is missing".into()))
    }

    /// Whether there are as many bytes as promised, and no more.
    fn check_length(&self) -> Result<(), WavFault> {
        if self.promised == 0 && self.found == 0 {
            return Err(WavFault::Empty);
        }
        let nothing_promised = self.promised == 0 && self.found > 0;
        if self.promised > self.found || nothing_promised || self.beyond > 0 {
            return Err(WavFault::Length { promised: self.promised, found: self.found });
        }
        Ok(())
    }
}

/// The little-endian number at a place; 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at.saturating_add(4)).map_or(0, |four| u32::from_le_bytes(four.try_into().unwrap_or_default()))
}

/// A WAV file being written: 8 kHz, mono, 16-bit. Its header is completed by [`WavFile::finish`], or when it is dropped.
pub struct WavFile(WavWriter<BufWriter<File>>);

impl WavFile {
    /// Makes or overwrites a file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<WavFile> {
        let spec =
            WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
        WavWriter::create(path, spec).map(WavFile).map_err(to_io)
    }

    /// Adds samples.
    ///
    /// # Errors
    /// The disk is full, or gone.
    pub fn write(&mut self, samples: &[i16]) -> std::io::Result<()> {
        samples.iter().try_for_each(|sample| self.0.write_sample(*sample)).map_err(to_io)
    }

    /// Completes the header.
    ///
    /// # Errors
    /// The disk is full, or gone.
    pub fn finish(self) -> std::io::Result<()> {
        self.0.finalize().map_err(to_io)
    }
}

fn to_io(error: hound::Error) -> std::io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A WAV file by hand: (format, channels, rate, bits), bytes of samples, promised length if it lies.
    fn file(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8], promised: Option<u32>) -> Vec<u8> {
        let size = promised.unwrap_or(data.len() as u32);
        let align = channels * bits / 8;
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + size).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend(format.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(align)).to_le_bytes());
        bytes.extend(align.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(size.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn fault(bytes: &[u8]) -> String {
        read_wav_bytes(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_gives_its_samples() {
        assert_eq!(read_wav_bytes(&file(1, 1, 8000, 16, &[1, 0, 0xFF, 0xFF], None)).unwrap(), [1, -1]);
        assert_eq!(read_wav_bytes(&file(1, 1, 8000, 16, &[1, 0], None)).unwrap(), [1]);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut writer = WavFile::create(&path).unwrap();
        writer.write(&[1, -2, 3]).unwrap();
        writer.finish().unwrap();
        assert_eq!(read_wav(&path).unwrap(), [1, -2, 3]);
        assert!(read_wav(&folder.path().join("b.wav")).unwrap_err().to_string().contains("cannot be read"));
    }

    /// P01 freeswitch#2279, P03 instedd/verboice#497: 48 kHz under the name of 8 kHz, and anything above 8 kHz.
    #[test]
    fn another_rate_is_refused_with_the_rate() {
        for rate in [11_025, 16_000, 44_100, 48_000] {
            let why = fault(&file(1, 1, rate, 16, &[0; 32], None));
            assert!(why.contains(&rate.to_string()) && why.contains("sox"), "{why}");
        }
    }

    /// P05 baresip#2918: µ-law WAV that plays far too fast.
    #[test]
    fn a_compressed_file_is_refused_by_its_name() {
        assert!(fault(&file(7, 1, 8000, 8, &[0; 32], None)).contains("µ-law"));
        assert!(fault(&file(6, 1, 8000, 8, &[0; 32], None)).contains("A-law"));
        assert!(fault(&file(3, 1, 8000, 32, &[0; 32], None)).contains("floating-point"));
        assert!(fault(&file(1, 1, 8000, 8, &[0; 32], None)).contains("8-bit"));
        assert!(fault(&file(1, 1, 8000, 24, &[0; 33], None)).contains("24-bit"));
    }

    #[test]
    fn stereo_is_refused() {
        assert!(fault(&file(1, 2, 8000, 16, &[0; 32], None)).contains("2 channels"));
    }

    /// P02 freeswitch#1863: a header that is not the file's.
    #[test]
    fn a_header_that_lies_of_the_length_is_refused() {
        let why = fault(&file(1, 1, 8000, 16, &[0; 32], Some(64)));
        assert!(why.contains("64") && why.contains("32"), "{why}");
        assert!(fault(&file(1, 1, 8000, 16, &[0; 64], Some(32))).contains("promises 32"));
        assert!(fault(&file(1, 1, 8000, 16, &[0; 64], Some(0))).contains("promises 0"));
        let whole = file(1, 1, 8000, 16, &[0; 64], None);
        assert!(fault(&whole[..whole.len() - 1]).contains("promises 64"));
    }

    /// P06 freeswitch#3168: nothing to play.
    #[test]
    fn an_empty_file_is_refused() {
        assert!(fault(&file(1, 1, 8000, 16, &[], None)).contains("empty"));
        assert!(fault(&[]).contains("empty"));
        assert!(fault(b"RIFF").contains("no WAV"));
        assert!(fault(b"OggS, and more of it").contains("no WAV"));
    }

    #[test]
    fn longer_than_thirty_minutes_is_refused() {
        let data = vec![0; 30 * 60 * 16_000 + 2];
        assert!(matches!(read_wav_bytes(&file(1, 1, 8000, 16, &data, None)), Err(WavFault::TooLong)));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..60, with in any::<u8>()) {
            let _ = read_wav_bytes(&bytes);
            complete_header(&mut bytes.clone());
            let mut mutated = file(1, 1, 8000, 16, &bytes, None);
            if let Some(byte) = mutated.get_mut(at) {
                *byte = with;
            }
            let _ = read_wav_bytes(&mutated);
            complete_header(&mut mutated);
            let _ = read_wav_bytes(&mutated);
        }
    }
}
