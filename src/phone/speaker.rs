//! The loudspeaker of this machine, where there is one.

#[cfg(feature = "sound-card")]
use std::collections::VecDeque;
#[cfg(feature = "sound-card")]
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A loudspeaker that recordings are played back by: this machine's, or a test's.
pub trait Loudspeaker {
    /// Plays a whole recording of 8 kHz in place of what it plays.
    fn begin(&mut self, samples: &[i16]);
    /// Whether any of it has not sounded yet.
    fn is_playing(&self) -> bool;
    /// Plays nothing more.
    fn stop(&mut self);
}

/// Plays 8 kHz sound; silent where there is no sound card.
pub struct Speaker {
    #[cfg(feature = "sound-card")]
    playing: Option<(cpal::Stream, Arc<Waiting>)>,
}

/// The most sound of a call waiting to be played: two seconds. What comes beyond it is dropped.
#[cfg(feature = "sound-card")]
const MOST_WAITING: usize = 16_000;
/// Silence after a recording, in samples: so that the card has taken all of it before the stream goes.
const AFTER: usize = 2400;
/// A card that takes nothing for so long is broken.
const STUCK: Duration = Duration::from_secs(5);

/// Samples that wait to be played.
#[cfg(feature = "sound-card")]
#[derive(Default)]
struct Waiting {
    samples: Mutex<VecDeque<i16>>,
    /// The last one was taken.
    empty: Condvar,
}

#[cfg(feature = "sound-card")]
impl Waiting {
    fn samples(&self) -> MutexGuard<'_, VecDeque<i16>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speaker {
    /// A speaker that is off.
    pub fn off() -> Speaker {
        Speaker {
            #[cfg(feature = "sound-card")]
            playing: None,
        }
    }

    /// The machine's default output, or silence.
    #[cfg(feature = "sound-card")]
    pub fn open() -> Speaker {
        use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
        super::quiet();
        let waiting: Arc<Waiting> = Arc::default();
        let open = || {
            let device = cpal::default_host().default_output_device()?;
            let config: cpal::StreamConfig = device.default_output_config().ok()?.into();
            let channels = usize::from(config.channels.max(1));
            // Each sample is held for as many frames as the card's rate asks for.
            let rate = u64::from(config.sample_rate.max(1));
            let source = Arc::clone(&waiting);
            let (mut frame, mut held) = (0_u64, 0_i16);
            let play = move |out: &mut [f32], _: &cpal::OutputCallbackInfo| {
                let mut samples = source.samples();
                for sample in out.chunks_mut(channels) {
                    if frame * 8000 / rate != (frame + 1) * 8000 / rate {
                        held = samples.pop_front().unwrap_or(0);
                    }
                    frame = (frame + 1) % rate;
                    sample.fill(f32::from(held) / 32768.0);
                }
                if samples.is_empty() {
                    source.empty.notify_all();
                }
            };
            let stream = device.build_output_stream(config, play, |_| {}, None).ok()?;
            stream.play().ok()?;
            Some(stream)
        };
        Speaker { playing: open().map(|stream| (stream, waiting)) }
    }

    /// The machine's default output, or silence: this build has no sound card.
    #[cfg(not(feature = "sound-card"))]
    pub fn open() -> Speaker {
        Speaker::off()
    }

    /// Whether anything can be heard.
    pub fn is_on(&self) -> bool {
        #[cfg(feature = "sound-card")]
        return self.playing.is_some();
        #[cfg(not(feature = "sound-card"))]
        false
    }

    /// Plays samples after those that wait.
    pub fn play(&self, samples: impl Iterator<Item = i16>) {
        #[cfg(feature = "sound-card")]
        if let Some((_, waiting)) = &self.playing {
            let mut waiting = waiting.samples();
            let room = MOST_WAITING.saturating_sub(waiting.len());
            waiting.extend(samples.take(room));
        }
        #[cfg(not(feature = "sound-card"))]
        drop(samples);
    }

    /// Plays a whole recording, and returns when it has sounded.
    ///
    /// # Errors
    /// The card takes no sound.
    pub fn play_out(mut self, samples: &[i16]) -> std::io::Result<()> {
        self.begin(samples);
        #[cfg(feature = "sound-card")]
        if let Some((_, waiting)) = &self.playing {
            let mut left = waiting.samples();
            while !left.is_empty() {
                let before = left.len();
                left = waiting.empty.wait_timeout(left, STUCK).unwrap_or_else(PoisonError::into_inner).0;
                if left.len() == before {
                    return Err(std::io::Error::other("the sound card takes no sound: is another program using it?"));
                }
            }
        }
        Ok(())
    }
}

impl Loudspeaker for Speaker {
    fn begin(&mut self, samples: &[i16]) {
        #[cfg(feature = "sound-card")]
        if let Some((_, waiting)) = &self.playing {
            let mut waiting = waiting.samples();
            waiting.clear();
            waiting.extend(samples.iter().copied().chain(std::iter::repeat_n(0, AFTER)));
        }
        #[cfg(not(feature = "sound-card"))]
        let _ = samples;
    }

    fn is_playing(&self) -> bool {
        #[cfg(feature = "sound-card")]
        return self.playing.as_ref().is_some_and(|(_, waiting)| !waiting.samples().is_empty());
        #[cfg(not(feature = "sound-card"))]
        false
    }

    fn stop(&mut self) {
        #[cfg(feature = "sound-card")]
        if let Some((_, waiting)) = &self.playing {
            waiting.samples().clear();
        }
    }
}
