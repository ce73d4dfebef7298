//! Sound: samples, G.711, WAV files, tones, and the clips that are played.
//!
//! Everything here is 8 kHz mono. A clip is encoded once, in both laws, when it is loaded; a call that plays it copies
//! bytes.
//!
//! ```text
//!   prompts/zh-CN/recordings.toml ── *.wav ──┐
//!                                            ├─> ClipStore ──find(language, text, form)──> Arc<Clip>
//!   a text nobody has recorded ─ Synthesizer ┘                                               │
//!                                 ahead of calls                 Playlist: clip | pause | clip │
//!                                                                └─ fill: 160 bytes a packet ◄─┘
//! ```

mod clip;
mod codec;
mod decode;
mod doubler;
mod dtmf;
mod g711;
mod intake;
#[cfg(feature = "opus")]
mod opus;
mod playlist;
mod recordings;
mod shape;
mod store;
mod synthesis;
mod tone;
mod wav;

pub use clip::Clip;
pub use codec::{Codec, Decoder, Encoder, MOST_DECODED};
pub use decode::{DecodeFault, LARGEST_IMPORT, Sound, decode};
pub use dtmf::{DtmfDetector, Tone};
pub use g711::Law;
pub use intake::{Doubt, Fitted, IntakeFault, fit};
pub use playlist::{Item, Playlist};
pub use recordings::{Recording, read_list, write_list};
pub use shape::{SPEECH_LEVEL, active_level, fade, level, resample, trim};
pub use store::{ClipStore, StoreFault};
pub use synthesis::{
    Engine, Program, SpeechFault, SpeechServer, SynthesisFailure, SynthesisFault, Synthesizer, Voice, espeak_voice,
    synthesize_each, synthesize_missing,
};
pub use tone::{RING_BACK_PERIOD, dtmf, ring_back, sine};
pub use wav::{LONGEST, WavFault, WavFile, read_wav, read_wav_bytes};

/// Samples a second, of everything in this room and on the wire.
pub const SAMPLE_RATE: u32 = 8000;

/// How long so many samples sound.
pub const fn duration_of(samples: usize) -> std::time::Duration {
    std::time::Duration::from_micros((samples as u64).saturating_mul(1_000_000 / SAMPLE_RATE as u64))
}

/// How many samples sound that long, rounded down.
pub fn samples_in(duration: std::time::Duration) -> usize {
    usize::try_from(duration.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000).unwrap_or(usize::MAX)
}
